// SPDX-License-Identifier: GPL-2.0
/*
 * Module parameters, which the module! macro of the kernel crate keeps out of
 * sysfs. Their names are those of the C driver, for the sake of configurations
 * that set them and of scripts that read them.
 */
#include <linux/cpumask.h>
#include <linux/moduleparam.h>
#include "erofs_vfs.h"

static unsigned int global_buffers, reserved_pages;
unsigned int erofs_lzma_streams, erofs_deflate_streams, erofs_zstd_streams;

module_param(global_buffers, uint, 0444);
MODULE_PARM_DESC(global_buffers, "for compatibility: without effect, as there are no such buffers");
module_param(reserved_pages, uint, 0444);
MODULE_PARM_DESC(reserved_pages, "for compatibility: without effect, as there is no such reserve");
module_param_named(lzma_streams, erofs_lzma_streams, uint, 0444);
MODULE_PARM_DESC(lzma_streams, "most MicroLZMA decoders at a time (one for each processor, 16 at most)");
module_param_named(deflate_streams, erofs_deflate_streams, uint, 0444);
MODULE_PARM_DESC(deflate_streams, "most DEFLATE decoders at a time (one for each processor)");
module_param_named(zstd_streams, erofs_zstd_streams, uint, 0444);
MODULE_PARM_DESC(zstd_streams, "most Zstandard decoders at a time (one for each processor)");

/* Parameters that are not given become what they stand for. Called once. */
void erofs_helper_settle_params(void)
{
	unsigned int cpus = num_possible_cpus();

	global_buffers = global_buffers ? min(global_buffers, cpus) : cpus;
	erofs_lzma_streams = erofs_lzma_streams ?: min(cpus, 16U);
	erofs_deflate_streams = erofs_deflate_streams ?: cpus;
	erofs_zstd_streams = erofs_zstd_streams ?: cpus;
}
