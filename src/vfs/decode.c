// SPDX-License-Identifier: GPL-2.0
/*
 * Wrappers of inline functions and macros for decoding; see erofs_decode.h.
 */
#include <linux/gfp.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>
#include <linux/vmalloc.h>
#include "erofs_decode.h"

struct workqueue_struct *erofs_helper_alloc_workqueue(const char *name)
{
	return alloc_workqueue("%s", WQ_UNBOUND | WQ_MEM_RECLAIM,
			       num_possible_cpus(), name);
}

void erofs_helper_init_work(struct work_struct *work, work_func_t func)
{
	INIT_WORK(work, func);
}

void erofs_helper_init_completion(struct completion *done)
{
	init_completion(done);
}

bool erofs_helper_queue_work(struct workqueue_struct *queue, struct work_struct *work)
{
	return queue_work(queue, work);
}

unsigned int erofs_helper_memalloc_noio_save(void)
{
	return memalloc_noio_save();
}

void erofs_helper_memalloc_noio_restore(unsigned int flags)
{
	memalloc_noio_restore(flags);
}

unsigned int erofs_helper_num_online_cpus(void)
{
	return num_online_cpus();
}

struct folio *erofs_helper_alloc_private(gfp_t gfp, unsigned int order)
{
	return folio_alloc(gfp, order);
}

/* Nobody else has ever had a reference. */
void erofs_helper_put_private(struct folio *folio)
{
	folio->private = NULL;
	folio_put(folio);
}

/*
 * A folio that begins at a page and has at most so many, locked and to be read,
 * if it can be had without waiting for anything. The lock keeps it in the page
 * cache.
 */
struct folio *erofs_helper_grab_folio(struct address_space *mapping, pgoff_t index,
				      unsigned int nr)
{
	struct folio *folio;

	folio = __filemap_get_folio(mapping, index,
				    FGP_LOCK | FGP_CREAT | FGP_NOFS | FGP_NOWAIT |
				    fgf_set_order(nr << PAGE_SHIFT),
				    readahead_gfp_mask(mapping));
	if (IS_ERR(folio))
		return NULL;
	if (folio_test_uptodate(folio) || folio->index != index ||
	    folio_nr_pages(folio) > nr) {
		folio_unlock(folio);
		folio_put(folio);
		return NULL;
	}
	folio_put(folio);
	return folio;
}

void *erofs_helper_map_pages(struct page **pages, unsigned int count)
{
	int tries = 0;
	void *address;

	/* Address space that is free but not flushed yet is had the second time. */
	while (!(address = vm_map_ram(pages, count, NUMA_NO_NODE)) && ++tries < 3)
		vm_unmap_aliases();
	return address;
}

void erofs_helper_unmap_pages(void *address, unsigned int count)
{
	vm_unmap_ram(address, count);
}

void *erofs_helper_vmalloc(unsigned long size, gfp_t gfp)
{
	return __vmalloc(size, gfp);
}

void erofs_helper_vfree(void *address)
{
	vfree(address);
}

/* The folio of a page of a file that this driver reads itself, up to date. */
struct folio *erofs_helper_find_data(struct address_space *mapping, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(mapping, index);

	if (!IS_ERR(folio)) {
		if (folio_test_uptodate(folio)) {
			folio_mark_accessed(folio);
			return folio;
		}
		folio_put(folio);
	}
	return read_cache_folio(mapping, index, NULL, NULL);
}
