// SPDX-License-Identifier: GPL-2.0

//! Tracepoints of EROFS, in `trace_erofs.h`.
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)
//!
//! While nobody listens, each is one instruction that does nothing: a static key says so.

use super::{
    dentry::LookupDentry,
    extra,
    folio::LockedFolio,
    inode::INode,
    mapping::Readahead,
    super_block::{
        FileSystem,
        SuperBlock, //
    }, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// Whether somebody listens to a tracepoint.
macro_rules! is_on {
    ($tracepoint:ident) => {{
        #[cfg(CONFIG_TRACEPOINTS)]
        // SAFETY: The key is one that C defined, in `trace.c`.
        let on = unsafe {
            kernel::jump_label::static_branch_unlikely!(
                extra::$tracepoint,
                bindings::tracepoint,
                key
            )
        };
        #[cfg(not(CONFIG_TRACEPOINTS))]
        let on = false;
        on
    }};
}

/// `erofs_lookup`: the name of `dentry` is searched in `dir`.
#[inline(always)]
pub(crate) fn lookup<T: FileSystem>(dir: &INode<T>, nid: u64, dentry: &LookupDentry<'_, T>) {
    if is_on!(__tracepoint_erofs_lookup) {
        // SAFETY: Both are alive, and the dentry's name is stable.
        unsafe {
            extra::rust_do_trace_erofs_lookup(dir.as_raw(), nid, dentry.as_raw(), dentry.flags());
        }
    }
}

/// `erofs_fill_inode`: the inode `nid` is read, `offset` bytes into the block `block`.
#[inline(always)]
pub(crate) fn fill_inode<T: FileSystem>(sb: &SuperBlock<T>, nid: u64, block: u64, offset: u32) {
    if is_on!(__tracepoint_erofs_fill_inode) {
        // SAFETY: The superblock is alive.
        unsafe { extra::rust_do_trace_erofs_fill_inode(sb.as_raw(), nid, block, offset) };
    }
}

/// `erofs_read_folio`: `folio` is read; `raw` says that its contents are not compressed.
#[inline(always)]
pub(crate) fn read_folio<T: FileSystem>(
    inode: &INode<T>,
    nid: u64,
    folio: &LockedFolio<'_>,
    raw: bool,
) {
    if is_on!(__tracepoint_erofs_read_folio) {
        // SAFETY: Both are alive, and the folio is locked, so its place does not change.
        unsafe {
            extra::rust_do_trace_erofs_read_folio(inode.as_raw(), nid, folio.as_raw(), raw);
        }
    }
}

/// `erofs_readahead`: the folios of `window` are read ahead.
#[inline(always)]
pub(crate) fn readahead<T: FileSystem>(
    inode: &INode<T>,
    nid: u64,
    window: &Readahead<'_>,
    raw: bool,
) {
    if is_on!(__tracepoint_erofs_readahead) {
        let (start, pages) = window.range();
        // SAFETY: The inode is alive.
        unsafe { extra::rust_do_trace_erofs_readahead(inode.as_raw(), nid, start, pages, raw) };
    }
}

/// What a mapping event shows.
#[derive(Clone, Copy, Default)]
pub(crate) struct Map {
    /// The inode.
    pub(crate) nid: u64,
    /// Where in the file, in bytes.
    pub(crate) la: u64,
    /// Where on the device.
    pub(crate) pa: u64,
    /// How many bytes of the file.
    pub(crate) llen: u64,
    /// How many bytes on the device.
    pub(crate) plen: u64,
    /// What is asked for: [`FIEMAP`] and so on.
    pub(crate) flags: u32,
    /// What was found: [`MAPPED`] and so on.
    pub(crate) mflags: u32,
}

macro_rules! flags {
    ($($(#[$meta:meta])* $name:ident = $value:ident;)*) => {$(
        $(#[$meta])*
        #[allow(dead_code, reason = "complete, whatever the filesystem has of it")]
        pub(crate) const $name: u32 = extra::$value;
    )*};
}

flags! {
    /// Of [`Map::flags`]: asked by `FIEMAP`.
    FIEMAP = EROFS_TRACE_FIEMAP;
    /// Of [`Map::flags`]: the extent as a whole is wanted.
    READMORE = EROFS_TRACE_READMORE;
    /// Of [`Map::flags`]: the last extent is wanted.
    FINDTAIL = EROFS_TRACE_FINDTAIL;
    /// Of [`Map::mflags`]: not a hole.
    MAPPED = EROFS_TRACE_MAPPED;
    /// Of [`Map::mflags`]: beside metadata.
    META = EROFS_TRACE_META;
    /// Of [`Map::mflags`]: of a compressed extent only the beginning is mapped.
    PARTIAL = EROFS_TRACE_PARTIAL;
    /// Of [`Map::mflags`]: a part of a compressed extent that other files use, too.
    PARTIAL_REF = EROFS_TRACE_PARTIAL_REF;
    /// Of [`Map::mflags`]: in the packed inode.
    FRAGMENT = EROFS_TRACE_FRAGMENT;
}

impl Map {
    fn raw(self) -> extra::erofs_trace_map {
        extra::erofs_trace_map {
            nid: self.nid,
            la: self.la,
            pa: self.pa,
            llen: self.llen,
            plen: self.plen,
            flags: self.flags,
            mflags: self.mflags,
        }
    }
}

/// `erofs_map_blocks_enter`: a mapping is looked up. `map` is called if somebody wants to know.
#[inline(always)]
pub(crate) fn map_blocks_enter<T: FileSystem>(sb: &SuperBlock<T>, map: impl FnOnce() -> Map) {
    if is_on!(__tracepoint_erofs_map_blocks_enter) {
        // SAFETY: The superblock is alive; the other is lent for the call.
        unsafe { extra::rust_do_trace_erofs_map_blocks_enter(sb.as_raw(), &map().raw()) };
    }
}

/// `erofs_map_blocks_exit`: a mapping was found. `map` is called if somebody wants to know.
#[inline(always)]
pub(crate) fn map_blocks_exit<T: FileSystem>(
    sb: &SuperBlock<T>,
    map: impl FnOnce() -> (Map, Result),
) {
    if is_on!(__tracepoint_erofs_map_blocks_exit) {
        let (map, result) = map();
        let ret = result.map_or_else(Error::to_errno, |()| 0);
        // SAFETY: As above.
        unsafe { extra::rust_do_trace_erofs_map_blocks_exit(sb.as_raw(), &map.raw(), ret) };
    }
}
