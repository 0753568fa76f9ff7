/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What src/vfs needs in C to decode compressed data: see src/vfs/decode.c.
 */
#ifndef _EROFS_DECODE_H
#define _EROFS_DECODE_H

#include <linux/completion.h>
#include <linux/lz4.h>
#include <linux/pagemap.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <linux/xz.h>
#include <linux/zlib.h>
#include <linux/zstd.h>

struct workqueue_struct *erofs_helper_alloc_workqueue(const char *name);
void erofs_helper_init_work(struct work_struct *work, work_func_t func);
void erofs_helper_init_completion(struct completion *done);
bool erofs_helper_queue_work(struct workqueue_struct *queue, struct work_struct *work);
unsigned int erofs_helper_memalloc_noio_save(void);
void erofs_helper_memalloc_noio_restore(unsigned int flags);
unsigned int erofs_helper_num_online_cpus(void);
struct folio *erofs_helper_alloc_private(gfp_t gfp, unsigned int order);
void erofs_helper_put_private(struct folio *folio);
struct folio *erofs_helper_grab_folio(struct address_space *mapping, pgoff_t index,
				      unsigned int nr);
void *erofs_helper_vmalloc(unsigned long size, gfp_t gfp);

#endif
