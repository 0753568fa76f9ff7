/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads for src/vfs: the kernel headers whose types the kernel
 * crate's bindings lack, and the helpers of src/vfs/helpers.c.
 */
#include <linux/fs.h>
#include <linux/backing-dev.h>
#include <linux/backing-file.h>
#include <linux/crc32.h>
#include <linux/dax.h>
#include <linux/exportfs.h>
#include <linux/filelock.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/iomap.h>
#include <linux/namei.h>
#include <linux/posix_acl_xattr.h>
#include <linux/pseudo_fs.h>
#include <linux/splice.h>
#include <linux/statfs.h>
#include "erofs_consts.h"
#include "erofs_vfs.h"
#include "erofs_decode.h"
#include "../src/vfs/trace_erofs.h"
