/* SPDX-License-Identifier: GPL-2.0 */
/* Constants that bindgen cannot read from their macros; for bindgen only. */
#ifndef _EROFS_CONSTS_H
#define _EROFS_CONSTS_H

#include <linux/blk_types.h>
#include <linux/blkdev.h>
#include <linux/errno.h>
#include <linux/fadvise.h>
#include <linux/fs.h>
#include <linux/gfp_types.h>
#include <linux/iomap.h>
#include <linux/namei.h>
#include <linux/slab.h>

const unsigned long CONST_SB_RDONLY = SB_RDONLY;
const unsigned long CONST_SB_NOATIME = SB_NOATIME;
const unsigned long CONST_SB_POSIXACL = SB_POSIXACL;
const loff_t CONST_MAX_LFS_FILESIZE = MAX_LFS_FILESIZE;

const gfp_t CONST_GFP_KERNEL = GFP_KERNEL;
const gfp_t CONST_GFP_NOFS = GFP_NOFS;
const gfp_t CONST_GFP_AHEAD = GFP_NOWAIT | __GFP_NOWARN;
const gfp_t CONST_GFP_TRY = __GFP_NORETRY | __GFP_NOWARN;
/* What is free anyway: nobody is asked for it. */
const gfp_t CONST_GFP_SPARE = __GFP_NORETRY | __GFP_NOMEMALLOC | __GFP_NOWARN;
const gfp_t CONST_GFP_NOFAIL = GFP_KERNEL | __GFP_NOFAIL;

const slab_flags_t CONST_SLAB_INODES = SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT;

const blk_mode_t CONST_BLK_OPEN_READ = BLK_OPEN_READ;
const blk_opf_t CONST_REQ_OP_READ = REQ_OP_READ;
const blk_opf_t CONST_REQ_RAHEAD = REQ_RAHEAD;

const fmode_t CONST_FMODE_CAN_ODIRECT = FMODE_CAN_ODIRECT;
const fmode_t CONST_FMODE_READABLE = FMODE_READ | FMODE_CAN_READ;
const int CONST_IOCB_DIRECT = IOCB_DIRECT;
const unsigned int CONST_S_DAX = S_DAX;
const unsigned int CONST_IOMAP_DAX = IOMAP_DAX;

const unsigned int CONST_LOOKUP_FOLLOW = LOOKUP_FOLLOW;
const int CONST_POSIX_FADV_WILLNEED = POSIX_FADV_WILLNEED;

#endif
