/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints of EROFS. Names and fields are what tools know from the C
 * driver; what a field is made of is handed over, as there are no C structures
 * of this driver's to look into.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM erofs

#if !defined(_TRACE_EROFS_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_EROFS_H

#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/tracepoint.h>

#ifndef _TRACE_EROFS_ONCE
#define _TRACE_EROFS_ONCE

/* The names of types are part of what tools read in the format of an event. */
typedef u64 erofs_nid_t;
typedef u64 erofs_off_t;
typedef u64 erofs_blk_t;

/* What a mapping is, in units of bytes. */
struct erofs_trace_map {
	erofs_nid_t nid;
	erofs_off_t la;
	erofs_off_t pa;
	u64 llen;
	u64 plen;
	unsigned int flags;	/* what was asked for */
	unsigned int mflags;	/* what was found */
};

/* Of .flags and .mflags; src/vfs/trace.rs has the same. */
#define EROFS_TRACE_FIEMAP	0x0001
#define EROFS_TRACE_READMORE	0x0002
#define EROFS_TRACE_FINDTAIL	0x0004

#define EROFS_TRACE_MAPPED	0x0001
#define EROFS_TRACE_META	0x0002
#define EROFS_TRACE_PARTIAL	0x0004
#define EROFS_TRACE_PARTIAL_REF	0x0008
#define EROFS_TRACE_FRAGMENT	0x0010

#endif

#define show_flags(flags) __print_flags(flags, "|",	\
	{ EROFS_TRACE_FIEMAP,		"FIEMAP" },	\
	{ EROFS_TRACE_READMORE,		"READMORE" },	\
	{ EROFS_TRACE_FINDTAIL,		"FINDTAIL" })

#define show_mflags(flags) __print_flags(flags, "",	\
	{ EROFS_TRACE_MAPPED,		"M" },		\
	{ EROFS_TRACE_META,		"I" },		\
	{ EROFS_TRACE_PARTIAL,		"T" },		\
	{ EROFS_TRACE_PARTIAL_REF,	"P" },		\
	{ EROFS_TRACE_FRAGMENT,		"R" })

TRACE_EVENT(erofs_lookup,
	TP_PROTO(struct inode *dir, erofs_nid_t nid, struct dentry *dentry, unsigned int flags),
	TP_ARGS(dir, nid, dentry, flags),
	TP_STRUCT__entry(
		__field(dev_t,		dev)
		__field(erofs_nid_t,	nid)
		__string(name,		dentry->d_name.name)
		__field(unsigned int,	flags)
	),
	TP_fast_assign(
		__entry->dev	= dir->i_sb->s_dev;
		__entry->nid	= nid;
		__assign_str(name);
		__entry->flags	= flags;
	),
	TP_printk("dev = (%d,%d), pnid = %llu, name:%s, flags:%x",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->nid,
		  __get_str(name), __entry->flags)
);

TRACE_EVENT(erofs_fill_inode,
	TP_PROTO(struct super_block *sb, erofs_nid_t nid, erofs_blk_t blkaddr, unsigned int ofs),
	TP_ARGS(sb, nid, blkaddr, ofs),
	TP_STRUCT__entry(
		__field(dev_t,		dev)
		__field(erofs_nid_t,	nid)
		__field(erofs_blk_t,	blkaddr)
		__field(unsigned int,	ofs)
	),
	TP_fast_assign(
		__entry->dev		= sb->s_dev;
		__entry->nid		= nid;
		__entry->blkaddr	= blkaddr;
		__entry->ofs		= ofs;
	),
	TP_printk("dev = (%d,%d), nid = %llu, blkaddr %llu ofs %u",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->nid,
		  __entry->blkaddr, __entry->ofs)
);

TRACE_EVENT(erofs_read_folio,
	TP_PROTO(struct inode *inode, erofs_nid_t nid, struct folio *folio, bool raw),
	TP_ARGS(inode, nid, folio, raw),
	TP_STRUCT__entry(
		__field(dev_t,		dev)
		__field(erofs_nid_t,	nid)
		__field(int,		dir)
		__field(pgoff_t,	index)
		__field(unsigned int,	order)
		__field(bool,		raw)
	),
	TP_fast_assign(
		__entry->dev	= inode->i_sb->s_dev;
		__entry->nid	= nid;
		__entry->dir	= S_ISDIR(inode->i_mode);
		__entry->index	= folio->index;
		__entry->order	= folio_order(folio);
		__entry->raw	= raw;
	),
	TP_printk("dev = (%d,%d), nid = %llu, %s, index = %lu, order = %u, raw = %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->nid,
		  __print_symbolic(__entry->dir, { 0, "FILE" }, { 1, "DIR" }),
		  (unsigned long)__entry->index, __entry->order, __entry->raw)
);

TRACE_EVENT(erofs_readahead,
	TP_PROTO(struct inode *inode, erofs_nid_t nid, pgoff_t start, unsigned int nrpage, bool raw),
	TP_ARGS(inode, nid, start, nrpage, raw),
	TP_STRUCT__entry(
		__field(dev_t,		dev)
		__field(erofs_nid_t,	nid)
		__field(pgoff_t,	start)
		__field(unsigned int,	nrpage)
		__field(bool,		raw)
	),
	TP_fast_assign(
		__entry->dev	= inode->i_sb->s_dev;
		__entry->nid	= nid;
		__entry->start	= start;
		__entry->nrpage	= nrpage;
		__entry->raw	= raw;
	),
	TP_printk("dev = (%d,%d), nid = %llu, start = %lu nrpage = %u raw = %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->nid,
		  (unsigned long)__entry->start, __entry->nrpage, __entry->raw)
);

TRACE_EVENT(erofs_map_blocks_enter,
	TP_PROTO(struct super_block *sb, const struct erofs_trace_map *map),
	TP_ARGS(sb, map),
	TP_STRUCT__entry(
		__field(dev_t,		dev)
		__field(erofs_nid_t,	nid)
		__field(erofs_off_t,	la)
		__field(u64,		llen)
		__field(unsigned int,	flags)
	),
	TP_fast_assign(
		__entry->dev	= sb->s_dev;
		__entry->nid	= map->nid;
		__entry->la	= map->la;
		__entry->llen	= map->llen;
		__entry->flags	= map->flags;
	),
	TP_printk("dev = (%d,%d), nid = %llu, la %llu llen %llu flags %s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->nid,
		  __entry->la, __entry->llen,
		  __entry->flags ? show_flags(__entry->flags) : "NULL")
);

TRACE_EVENT(erofs_map_blocks_exit,
	TP_PROTO(struct super_block *sb, const struct erofs_trace_map *map, int ret),
	TP_ARGS(sb, map, ret),
	TP_STRUCT__entry(
		__field(dev_t,		dev)
		__field(erofs_nid_t,	nid)
		__field(unsigned int,	flags)
		__field(erofs_off_t,	la)
		__field(erofs_off_t,	pa)
		__field(u64,		llen)
		__field(u64,		plen)
		__field(unsigned int,	mflags)
		__field(int,		ret)
	),
	TP_fast_assign(
		__entry->dev	= sb->s_dev;
		__entry->nid	= map->nid;
		__entry->flags	= map->flags;
		__entry->la	= map->la;
		__entry->pa	= map->pa;
		__entry->llen	= map->llen;
		__entry->plen	= map->plen;
		__entry->mflags	= map->mflags;
		__entry->ret	= ret;
	),
	TP_printk("dev = (%d,%d), nid = %llu, flags %s la %llu pa %llu llen %llu plen %llu mflags %s ret %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->nid,
		  __entry->flags ? show_flags(__entry->flags) : "NULL",
		  __entry->la, __entry->pa, __entry->llen, __entry->plen,
		  show_mflags(__entry->mflags), __entry->ret)
);

#endif

/* Outside of the protection: it reads this file again and again. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace_erofs
#include <trace/define_trace.h>
