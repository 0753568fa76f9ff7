// SPDX-License-Identifier: GPL-2.0
/*
 * The hot steps of reads that pass through to another file; see pass_through.rs.
 */
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include "erofs_vfs.h"

/* Whether the page cache has a page at @pos, up to date or not. */
bool erofs_helper_has_page(struct address_space *mapping, loff_t pos)
{
	void *entry;

	if (!READ_ONCE(mapping->nrpages))
		return false;
	entry = xa_load(&mapping->i_pages, pos >> PAGE_SHIFT);
	return entry && !xa_is_value(entry);
}

/* The folio in [@index, @end) where readahead is to go on, or NULL. */
static struct folio *find_mark(struct address_space *mapping, pgoff_t index, pgoff_t end)
{
	XA_STATE(xas, &mapping->i_pages, index);
	struct folio *folio, *found = NULL;

	rcu_read_lock();
	xas_for_each(&xas, folio, end - 1) {
		if (xas_retry(&xas, folio) || xa_is_value(folio) ||
		    !folio_test_readahead(folio))
			continue;
		if (!folio_try_get(folio))
			break;
		if (folio == xas_reload(&xas))
			found = folio;
		else
			folio_put(folio);
		break;
	}
	rcu_read_unlock();
	return found;
}

/*
 * Reads ahead in @file as if @reader, who is about to read @len bytes at @pos of
 * it, had it open alone: the state is @reader's. If @ask, it first looks whether
 * the first page is there; if so, nothing else is done. Returns that.
 */
bool erofs_helper_read_ahead_for(struct file *reader, struct file *file, loff_t pos,
				 size_t len, bool ask)
{
	struct address_space *mapping = file->f_mapping;
	pgoff_t index = pos >> PAGE_SHIFT;
	pgoff_t end = DIV_ROUND_UP(pos + len, PAGE_SIZE);
	bool ahead = mapping->a_ops->readahead && !(reader->f_mode & FMODE_RANDOM);
	struct file_ra_state *ra = &reader->f_ra;
	struct folio *folio;
	int windows = 4;

	folio = xa_load(&mapping->i_pages, index);
	if (folio && !xa_is_value(folio)) {
		if (ask)
			return true;
	} else if (ahead) {
		DEFINE_READAHEAD(ractl, file, ra, mapping, index);

		page_cache_sync_ra(&ractl, end - index);
	}
	/* The marks of other readers' windows are none of ours. */
	if (!ahead || ra->start >= end || ra->start + ra->size <= index)
		return false;
	/*
	 * Where a window begins that is read now, or has just been, the next one
	 * is asked for: by us, or the read would do it with its own state.
	 */
	while (windows-- && (folio = find_mark(mapping, index, end))) {
		DEFINE_READAHEAD(ractl, file, ra, mapping, folio->index);

		page_cache_async_ra(&ractl, folio, end - folio->index);
		folio_put(folio);
	}
	return false;
}

/*
 * Reads at most @len bytes for @request to @iter. What would need a page fault
 * is not read: the file's filesystem may hold locks meanwhile that the fault
 * takes as well.
 */
ssize_t erofs_helper_read_nofault(struct kiocb *request, struct iov_iter *iter, size_t len)
{
	size_t rest = iov_iter_count(iter) - len;
	ssize_t ret;

	iov_iter_truncate(iter, len);
	pagefault_disable();
	ret = vfs_iocb_iter_read(request->ki_filp, request, iter);
	pagefault_enable();
	iov_iter_reexpand(iter, iov_iter_count(iter) + rest);
	return ret;
}

/* Brings the pages in that the next @len bytes of @iter go to. Whether it could. */
bool erofs_helper_fault_in(struct iov_iter *iter, size_t len)
{
	return user_backed_iter(iter) && fault_in_iov_iter_writeable(iter, len) < len;
}

size_t erofs_helper_iov_iter_count(struct iov_iter *iter)
{
	return iov_iter_count(iter);
}
