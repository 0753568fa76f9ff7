// SPDX-License-Identifier: GPL-2.0
/*
 * The hot steps of reading metadata through a page cache; see metadata.rs.
 */
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include "erofs_vfs.h"

/*
 * How much is read for one page: inodes are spread over the tails of files, and
 * whoever needs one of them needs its neighbours, in whatever order.
 */
#define AROUND_ORDER	2

/*
 * The folio of a page of metadata, if it is there and up to date, else NULL;
 * @start and @len are what it has from byte @pos on. Nearly always it is there:
 * this is filemap_get_entry() and what its users do then, in one step.
 */
struct folio *erofs_helper_find_metadata(struct address_space *mapping, loff_t pos,
					 void **start, size_t *len)
{
	XA_STATE(xas, &mapping->i_pages, pos >> PAGE_SHIFT);
	struct folio *folio;
	size_t offset;

	rcu_read_lock();
	do {
		xas_reset(&xas);
		folio = xas_load(&xas);
		if (xas_retry(&xas, folio))
			continue;
		if (!folio || xa_is_value(folio)) {
			rcu_read_unlock();
			return NULL;
		}
		if (!folio_try_get(folio))
			continue;
		if (likely(folio == xas_reload(&xas)))
			break;
		folio_put(folio);
	} while (true);
	rcu_read_unlock();

	if (unlikely(!folio_test_uptodate(folio))) {
		folio_put(folio);
		return NULL;
	}
	/* How often it is used in a row says nothing. */
	if (!folio_test_referenced(folio))
		folio_mark_accessed(folio);
	offset = offset_in_folio(folio, pos);
	*start = folio_address(folio) + offset;
	*len = folio_size(folio) - offset;
	return folio;
}

/* Whether the page cache has any of the @nr pages from @index on. */
static bool has_any(struct address_space *mapping, pgoff_t index, pgoff_t nr)
{
	XA_STATE(xas, &mapping->i_pages, index);
	void *entry;

	rcu_read_lock();
	xas_for_each(&xas, entry, index + nr - 1)
		if (!xas_retry(&xas, entry) && !xa_is_value(entry))
			break;
	rcu_read_unlock();
	return entry;
}

/* Adds a folio to what is to be read. Returns it with a reference, or NULL. */
static struct folio *add_folio(struct readahead_control *ractl, unsigned int order)
{
	gfp_t gfp = readahead_gfp_mask(ractl->mapping);
	struct folio *folio = filemap_alloc_folio(gfp, order, NULL);

	if (!folio)
		return NULL;
	if (filemap_add_folio(ractl->mapping, folio, ractl->_index + ractl->_nr_pages, gfp)) {
		folio_put(folio);
		return NULL;
	}
	ractl->_nr_pages += folio_nr_pages(folio);
	return folio;
}

static void read_pages(struct readahead_control *ractl)
{
	struct folio *left;
	struct blk_plug plug;

	blk_start_plug(&plug);
	ractl->mapping->a_ops->readahead(ractl);
	blk_finish_plug(&plug);
	/* What nobody has taken stays, unread. */
	while ((left = readahead_folio(ractl)))
		folio_unlock(left);
}

/*
 * Reads the page and those around it as one folio, 2^@order of them at most, as
 * far as there is none of them yet. Returns a reference to it, whatever came of
 * the read, or NULL.
 */
static struct folio *read_around(struct address_space *mapping, struct file_ra_state *ra,
				 struct file *file, pgoff_t index, unsigned int order)
{
	DEFINE_READAHEAD(ractl, file, ra, mapping, index);
	pgoff_t pages = DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE);
	struct folio *folio;
	unsigned int nofs;

	if (!mapping->a_ops->readahead)
		return NULL;
	order = min(order, mapping_max_folio_order(mapping));
	while (order && (round_up(index + 1, 1UL << order) > pages ||
			 has_any(mapping, round_down(index, 1UL << order), 1UL << order)))
		order--;
	if (!order || order < mapping_min_folio_order(mapping))
		return NULL;

	/* As page_cache_ra_order() does it. */
	nofs = memalloc_nofs_save();
	filemap_invalidate_lock_shared(mapping);
	ractl._index = round_down(index, 1UL << order);
	folio = add_folio(&ractl, order);
	if (folio) {
		folio_get(folio);
		read_pages(&ractl);
	}
	filemap_invalidate_unlock_shared(mapping);
	memalloc_nofs_restore(nofs);
	return folio;
}

/*
 * Reads the pages of @file in [@index, @end) that its page cache does not have,
 * and those around them, in folios of 2^@order pages where it has none of them.
 */
void erofs_helper_read_large(struct file *file, pgoff_t index, pgoff_t end, unsigned int order)
{
	while (index < end) {
		struct folio *folio = read_around(file->f_mapping, &file->f_ra, file, index, order);

		index = folio ? folio_next_index(folio) : index + 1;
		if (folio)
			folio_put(folio);
	}
}

/*
 * Starts to read @nr pages of a file that do not follow others and of which there
 * is none, as the page cache would, which however does it page by page.
 */
void erofs_helper_read_alone(struct file *file, pgoff_t index, unsigned long nr)
{
	struct address_space *mapping = file->f_mapping;
	DEFINE_READAHEAD(ractl, file, &file->f_ra, mapping, index);
	unsigned int nofs, max = mapping_max_folio_order(mapping);
	pgoff_t end = index + nr;

	if (!max || mapping_min_folio_order(mapping) || !mapping->a_ops->readahead ||
	    !index || index - (file->f_ra.prev_pos >> PAGE_SHIFT) <= 1 || nr > file->f_ra.ra_pages ||
	    end > DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE) ||
	    has_any(mapping, index - 1, nr + 1))
		return;
	nofs = memalloc_nofs_save();
	filemap_invalidate_lock_shared(mapping);
	while (index < end && add_folio(&ractl, min(max, __ffs(index | rounddown_pow_of_two(end - index)))))
		index = ractl._index + ractl._nr_pages;
	if (ractl._nr_pages)
		read_pages(&ractl);
	filemap_invalidate_unlock_shared(mapping);
	memalloc_nofs_restore(nofs);
}

/*
 * The folio of a page of metadata, read if need be, and with it others: those
 * around it, or if that is less as many as @ahead says; only the one if none.
 */
struct folio *erofs_helper_read_metadata(struct address_space *mapping,
					 struct file_ra_state *ra,
					 struct file *file, pgoff_t index,
					 unsigned long ahead)
{
	struct folio *folio;

	/* Which may be in swap: only tmpfs itself knows. */
	if (shmem_mapping(mapping)) {
		struct page *page = shmem_read_mapping_page(mapping, index);

		return IS_ERR(page) ? ERR_CAST(page) : page_folio(page);
	}
	if (ahead) {
		folio = ahead > 1UL << AROUND_ORDER ? NULL :
			read_around(mapping, ra, file, index, AROUND_ORDER);
		if (folio) {
			folio_wait_locked(folio);
			if (folio_test_uptodate(folio)) {
				folio_mark_accessed(folio);
				return folio;
			}
			folio_put(folio);
		} else {
			page_cache_sync_readahead(mapping, ra, file, index, ahead);
			ra->prev_pos = (loff_t)index << PAGE_SHIFT;
		}
	}

	/* Nobody may take blocks from under the page while it is made. */
	filemap_invalidate_lock_shared(mapping);
	folio = read_cache_folio(mapping, index, NULL, file);
	filemap_invalidate_unlock_shared(mapping);
	return folio;
}
