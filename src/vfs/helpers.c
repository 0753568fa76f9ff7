// SPDX-License-Identifier: GPL-2.0
/*
 * Wrappers of inline functions and macros for src/vfs; see erofs_vfs.h.
 */
#include <linux/backing-dev.h>
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <linux/kdev_t.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include "erofs_vfs.h"

struct folio *erofs_helper_readahead_folio(struct readahead_control *rac)
{
	return readahead_folio(rac);
}

size_t erofs_helper_folio_size(struct folio *folio)
{
	return folio_size(folio);
}

void *erofs_helper_folio_address(struct folio *folio)
{
	return folio_address(folio);
}

void erofs_helper_mapping_set_large_folios(struct address_space *mapping)
{
	mapping_set_large_folios(mapping);
}

void erofs_helper_vma_desc_set_hugepage(struct vm_area_desc *desc)
{
	vma_desc_set_flags(desc, VMA_HUGEPAGE_BIT);
}

void erofs_helper_bio_first_folio(struct folio_iter *fi, struct bio *bio)
{
	bio_first_folio(fi, bio, 0);
}

void erofs_helper_bio_next_folio(struct folio_iter *fi, struct bio *bio)
{
	bio_next_folio(fi, bio);
}

unsigned int erofs_helper_bdev_logical_block_size(struct block_device *bdev)
{
	return bdev_logical_block_size(bdev);
}

unsigned int erofs_helper_bdev_dma_alignment(struct block_device *bdev)
{
	return bdev_dma_alignment(bdev);
}

bool erofs_helper_inode_is_new(struct inode *inode)
{
	return inode_state_read_once(inode) & I_NEW;
}

void erofs_helper_inode_set_owner(struct inode *inode, uid_t uid, gid_t gid)
{
	i_uid_write(inode, uid);
	i_gid_write(inode, gid);
}

void erofs_helper_inode_set_cached_link(struct inode *inode, char *link, int len)
{
	inode_set_cached_link(inode, link, len);
}

void erofs_helper_super_set_uuid(struct super_block *sb, const u8 *uuid, unsigned int len)
{
	super_set_uuid(sb, uuid, len);
}

bool erofs_helper_mapping_is_shmem(struct address_space *mapping)
{
	return shmem_mapping(mapping);
}

bool erofs_helper_file_has_pre_content(struct file *file)
{
	return FMODE_FSNOTIFY_HSM(file->f_mode);
}

bool erofs_helper_file_is_watched(struct file *file)
{
	return FMODE_FSNOTIFY_HSM(file->f_mode) ||
	       FMODE_FSNOTIFY_ACCESS_PERM(file->f_mode);
}

/*
 * A file-backed mount takes locks of the backing filesystem's inodes while it
 * holds its own. Where both are of one filesystem type, lockdep would call
 * that a recursion: these inodes have classes of their own.
 */
void erofs_helper_inode_set_stacked_classes(struct inode *inode, bool dir)
{
	static struct lock_class_key rwsem_key, dir_rwsem_key, invalidate_key;

	lockdep_set_class(&inode->i_rwsem, dir ? &dir_rwsem_key : &rwsem_key);
	lockdep_set_class(&inode->i_data.invalidate_lock, &invalidate_key);
}

/* Locks of internal inodes are taken below those of other inodes. */
void erofs_helper_inode_set_internal_class(struct inode *inode)
{
	static struct lock_class_key invalidate_key;

	lockdep_set_class(&inode->i_data.invalidate_lock, &invalidate_key);
}

dev_t erofs_helper_new_decode_dev(u32 dev)
{
	return new_decode_dev(dev);
}

u64 erofs_helper_huge_encode_dev(dev_t dev)
{
	return huge_encode_dev(dev);
}

const struct cred *erofs_helper_override_creds(const struct cred *cred)
{
	return override_creds(cred);
}

const struct cred *erofs_helper_revert_creds(const struct cred *cred)
{
	return revert_creds(cred);
}

int erofs_helper_get_current_ioprio(void)
{
	return get_current_ioprio();
}

bool erofs_helper_fatal_signal_pending(void)
{
	return fatal_signal_pending(current);
}

void erofs_helper_cond_resched(void)
{
	cond_resched();
}

struct backing_dev_info *erofs_helper_bdi_get(struct backing_dev_info *bdi)
{
	return bdi_get(bdi);
}

/* Inline only where no security module is built in. */
int erofs_helper_security_mmap_backing_file(struct vm_area_struct *vma,
					    struct file *backing_file,
					    struct file *user_file)
{
	return security_mmap_backing_file(vma, backing_file, user_file);
}

/* A key that the module! macro of the kernel crate does not know. */
MODULE_VERSION(EROFS_VERSION);
