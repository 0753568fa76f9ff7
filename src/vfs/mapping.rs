// SPDX-License-Identifier: GPL-2.0

//! The page cache of a file, and how it is filled.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/pagemap.h`](srctree/include/linux/pagemap.h)

use super::{
    extra,
    folio::LockedFolio,
    inode::INode,
    iomap::{
        self,
        IomapOperations, //
    },
    super_block::FileSystem, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    error::from_result,
    ffi::c_int,
    prelude::*, //
};

/// How the pages of a kind of file are read.
pub(crate) trait MappingOperations: 'static {
    /// The filesystem.
    type Fs: FileSystem;

    /// Starts to read `folio`, for somebody who waits for it. An error is the waiter's if the
    /// folio is unlocked by then.
    fn read_folio(inode: &INode<Self::Fs>, folio: LockedFolio<'_>) -> Result;

    /// Starts to read the folios of `window`, for which nobody waits yet. What is left of it is
    /// not read.
    fn readahead(inode: &INode<Self::Fs>, window: &mut Readahead<'_>);
}

/// Folios that are read ahead: consecutive ones of a file, locked.
pub(crate) struct Readahead<'a> {
    raw: &'a mut bindings::readahead_control,
}

impl<'a> Readahead<'a> {
    pub(super) fn from_raw(raw: &'a mut bindings::readahead_control) -> Self {
        Self { raw }
    }

    /// The next folio.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<LockedFolio<'a>> {
        // SAFETY: The control is the page cache's, lent for this call of `->readahead`. The folio
        // is locked, and stays in the page cache as long as it is.
        unsafe {
            let folio = extra::erofs_helper_readahead_folio(self.raw);
            if folio.is_null() {
                None
            } else {
                Some(LockedFolio::from_raw(folio))
            }
        }
    }

    /// The index of the next page, and how many are left.
    #[inline]
    pub(super) fn range(&self) -> (usize, u32) {
        (self.raw._index, self.raw._nr_pages)
    }

    /// How many pages are left.
    #[inline]
    pub(crate) fn pages(&self) -> usize {
        self.raw._nr_pages as usize
    }
}

/// The operations of a kind of mapping, in which `folio->mapping->host` is the inode itself, and
/// of the shared ones of that kind ([`shared`](super::shared)), in which it is not; made once, as a `static`.
pub(crate) struct MappingTables<M: MappingOperations> {
    pub(super) operations: bindings::address_space_operations,
    /// For a page cache that files share.
    pub(super) shared: bindings::address_space_operations,
    _mapping: PhantomData<M>,
}

// SAFETY: A constant table of functions.
unsafe impl<M: MappingOperations> Sync for MappingTables<M> {}

impl<M: MappingOperations> MappingTables<M> {
    /// The table.
    pub(crate) const fn new() -> Self {
        Self {
            operations: bindings::address_space_operations {
                read_folio: Some(Self::read_folio),
                readahead: Some(Self::readahead),
                ..pin_init::zeroed()
            },
            shared: bindings::address_space_operations {
                read_folio: Some(Self::shared_read_folio),
                readahead: Some(Self::shared_readahead),
                ..pin_init::zeroed()
            },
            _mapping: PhantomData,
        }
    }

    /// The table for contents that are on a block device as they are, where `I` says: they can be
    /// read around the page cache, and programs learn their block numbers.
    pub(crate) const fn on_device<I: IomapOperations<Fs = M::Fs>>() -> Self {
        let mut tables = Self::new();
        tables.operations.bmap = Some(iomap::bmap::<I>);
        tables.operations.direct_IO = Some(bindings::noop_direct_IO);
        tables
    }

    /// # Safety
    ///
    /// Called by the page cache only, through a table that only builders of `NewInode` install,
    /// with a locked folio of that inode's mapping.
    unsafe extern "C" fn read_folio(
        _file: *mut bindings::file,
        folio: *mut bindings::folio,
    ) -> c_int {
        from_result(|| {
            // SAFETY: By contract; a locked folio's mapping does not change.
            let (inode, folio) = unsafe {
                let mapping = (*folio).__bindgen_anon_1.__bindgen_anon_1.mapping;
                (
                    INode::from_raw((*mapping).host),
                    LockedFolio::from_raw(folio),
                )
            };

            M::read_folio(inode, folio)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// As for `read_folio`; the page cache lends `rac` for this call.
    unsafe extern "C" fn readahead(rac: *mut bindings::readahead_control) {
        // SAFETY: By contract.
        let (inode, raw) = unsafe { (INode::from_raw((*(*rac).mapping).host), &mut *rac) };

        M::readahead(inode, &mut Readahead::from_raw(raw));
    }
}
