/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The C side of src/vfs: wrappers of the inline functions and macros that Rust
 * cannot call. Each does nothing but call what its name says.
 */
#ifndef _EROFS_VFS_H
#define _EROFS_VFS_H

#include <linux/fs.h>

struct backing_dev_info;
struct bio;
struct block_device;
struct folio_iter;
struct file_ra_state;
struct inode;
struct iov_iter;
struct readahead_control;
struct vm_area_desc;

/* linux/pagemap.h, linux/mm.h */
struct folio *erofs_helper_readahead_folio(struct readahead_control *rac);
size_t erofs_helper_folio_size(struct folio *folio);
void *erofs_helper_folio_address(struct folio *folio);
void erofs_helper_mapping_set_large_folios(struct address_space *mapping);
void erofs_helper_vma_desc_set_hugepage(struct vm_area_desc *desc);

/* metadata.c */
struct folio *erofs_helper_find_metadata(struct address_space *mapping, loff_t pos,
					 void **start, size_t *len);
struct folio *erofs_helper_read_metadata(struct address_space *mapping,
					 struct file_ra_state *ra,
					 struct file *file, pgoff_t index,
					 unsigned long ahead);
void erofs_helper_read_large(struct file *file, pgoff_t index, pgoff_t end, unsigned int order);
void erofs_helper_read_alone(struct file *file, pgoff_t index, unsigned long nr);

/* pass_through.c */
bool erofs_helper_has_page(struct address_space *mapping, loff_t pos);
bool erofs_helper_read_ahead_for(struct file *reader, struct file *file, loff_t pos,
				 size_t len, bool ask);
ssize_t erofs_helper_read_nofault(struct kiocb *request, struct iov_iter *iter, size_t len);
bool erofs_helper_fault_in(struct iov_iter *iter, size_t len);
size_t erofs_helper_iov_iter_count(struct iov_iter *iter);

/* linux/bio.h */
void erofs_helper_bio_first_folio(struct folio_iter *fi, struct bio *bio);
void erofs_helper_bio_next_folio(struct folio_iter *fi, struct bio *bio);

/* linux/blkdev.h */
unsigned int erofs_helper_bdev_logical_block_size(struct block_device *bdev);
unsigned int erofs_helper_bdev_dma_alignment(struct block_device *bdev);

/* linux/fs.h */
bool erofs_helper_inode_is_new(struct inode *inode);
void erofs_helper_inode_set_owner(struct inode *inode, uid_t uid, gid_t gid);
void erofs_helper_inode_set_cached_link(struct inode *inode, char *link, int len);
void erofs_helper_super_set_uuid(struct super_block *sb, const u8 *uuid, unsigned int len);
bool erofs_helper_mapping_is_shmem(struct address_space *mapping);
bool erofs_helper_file_has_pre_content(struct file *file);
bool erofs_helper_file_is_watched(struct file *file);
void erofs_helper_inode_set_stacked_classes(struct inode *inode, bool dir);
void erofs_helper_inode_set_internal_class(struct inode *inode);

/* linux/kdev_t.h */
dev_t erofs_helper_new_decode_dev(u32 dev);
u64 erofs_helper_huge_encode_dev(dev_t dev);

/* linux/cred.h, linux/ioprio.h, linux/sched.h */
const struct cred *erofs_helper_override_creds(const struct cred *cred);
const struct cred *erofs_helper_revert_creds(const struct cred *cred);
int erofs_helper_get_current_ioprio(void);
bool erofs_helper_fatal_signal_pending(void);
void erofs_helper_cond_resched(void);

/* linux/moduleparam.h */
extern unsigned int erofs_lzma_streams, erofs_deflate_streams, erofs_zstd_streams;
void erofs_helper_settle_params(void);

/* linux/backing-dev.h */
struct backing_dev_info *erofs_helper_bdi_get(struct backing_dev_info *bdi);
int erofs_helper_security_mmap_backing_file(struct vm_area_struct *vma,
					    struct file *backing_file,
					    struct file *user_file);

#endif
