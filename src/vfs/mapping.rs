// SPDX-License-Identifier: GPL-2.0

//! The page cache of a file, and how it is filled.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/pagemap.h`](srctree/include/linux/pagemap.h)

use super::{
    extra,
    folio::{
        LockedFolio,
        Mapping, //
    },
    inode::INode,
    iomap::{
        self,
        IomapOperations, //
    },
    private::{
        Buffer,
        Need, //
    },
    super_block::FileSystem,
    PAGE_SHIFT, //
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

/// Contents that can be read into memory other than the page cache's.
pub(crate) trait PrivateReads: MappingOperations {
    /// Reads `len` bytes of the file from `pos` on into the start of `buffer`.
    fn read_private(
        inode: &INode<Self::Fs>,
        pos: u64,
        len: usize,
        buffer: Buffer,
    ) -> Result<Buffer>;
}

/// How much is read at a time around the page cache.
const PIECE: usize = 256 << 10;

/// Reads around the page cache, by way of private memory: a program could write to its own while
/// data is decoded there. So any alignment will do.
///
/// # Safety
///
/// Called by `generic_file_read_iter()` only, on a file of a mapping whose table
/// `with_private_reads` has made; it lends both for this call.
unsafe extern "C" fn direct_io<M: PrivateReads>(
    iocb: *mut bindings::kiocb,
    to: *mut bindings::iov_iter,
) -> isize {
    // SAFETY: By contract; the inode is one of the filesystem of `M`.
    let (inode, start, count) = unsafe {
        (
            INode::<M::Fs>::from_raw((*(*(*iocb).ki_filp).f_mapping).host),
            (*iocb).ki_pos.unsigned_abs(),
            (*to).__bindgen_anon_1.__bindgen_anon_1.as_ref().count,
        )
    };
    let left = inode.size().saturating_sub(start);
    let count = usize::try_from(left).unwrap_or(usize::MAX).min(count);
    let mut done = 0usize;
    let mut error = None;

    while done < count {
        let len = count.wrapping_sub(done).min(PIECE);
        let read = Buffer::new(len, Need::Wanted).and_then(|buffer| {
            M::read_private(inode, start.saturating_add(done as u64), len, buffer)
        });
        let copied = match &read {
            Ok(buffer) => match buffer.bytes().get(..len) {
                // SAFETY: The bytes are readable, and the iterator is lent.
                Some(bytes) => unsafe { bindings::_copy_to_iter(bytes.as_ptr().cast(), len, to) },
                None => 0,
            },
            Err(e) => {
                error = Some(*e);
                0
            }
        };
        done = done.saturating_add(copied);
        if copied < len {
            break;
        }
    }
    match (done, error) {
        (0, Some(e)) => e.to_errno() as isize,
        (0, None) if count > 0 => EFAULT.to_errno() as isize,
        _ => isize::try_from(done).unwrap_or(isize::MAX),
    }
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

    /// Where the next folio begins, in bytes.
    #[inline]
    pub(crate) fn pos(&self) -> u64 {
        (self.raw._index as u64) << PAGE_SHIFT
    }

    /// Whether somebody waits for the start of the window: it goes on where the last read ended.
    pub(crate) fn is_awaited(&self) -> bool {
        // SAFETY: The state is that of an open file, or another that outlives this call. Others
        // may change it: it is a hint.
        let previous = unsafe {
            match self.raw.ra.as_ref() {
                Some(ra) => (&raw const ra.prev_pos).read_volatile(),
                None => return true,
            }
        };
        let next = (previous >> PAGE_SHIFT).wrapping_add(1);
        u64::try_from(next).is_ok_and(|next| self.raw._index as u64 <= next)
    }

    /// The page cache.
    #[inline]
    pub(crate) fn mapping(&self) -> Mapping<'a> {
        // SAFETY: The control is the page cache's, lent for this call, which holds the lock.
        unsafe { Mapping::from_raw(self.raw.mapping) }
    }

    /// Lets the window reach from `start` to `end`, as far as there are no folios yet and memory is
    /// there. To be called before the first folio is taken.
    pub(crate) fn expand(&mut self, start: u64, end: u64) {
        let (Ok(pos), Some(len)) = (i64::try_from(start), end.checked_sub(start)) else {
            return;
        };
        // SAFETY: The control is the page cache's, lent for this call.
        unsafe { bindings::readahead_expand(self.raw, pos, len as usize) };
    }

    /// How many bytes are left.
    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.raw._nr_pages) << PAGE_SHIFT
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

    /// The table for contents that can be read into memory other than the page cache's.
    pub(crate) const fn with_private_reads() -> Self
    where
        M: PrivateReads,
    {
        let mut tables = Self::new();
        tables.operations.direct_IO = Some(direct_io::<M>);
        tables
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
    /// Called by the page cache only, through a table that only builders of `FilledInode` install,
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
