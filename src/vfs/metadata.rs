// SPDX-License-Identifier: GPL-2.0

//! Reading bytes through somebody else's page cache: that of a block device or of a backing file.
//!
//! C header: [`include/linux/pagemap.h`](srctree/include/linux/pagemap.h)
//!
//! Metadata is read in place: the page cache that is there anyway is the only copy. Others may
//! write to it at any time (root writes to the device or to the backing file), so its bytes are
//! never lent as a slice: [`PageBytes`] copies values out, reading each byte once.
//!
//! `folio_address()` makes a whole folio addressable, so this needs a kernel without highmem, as
//! every 64-bit kernel is.

use super::{
    backing_file::BackingFile,
    bio::BlockDevice,
    cred,
    extra,
    folio::FolioRef,
    PAGE_SHIFT,
    PAGE_SIZE, //
};
use core::{
    mem::MaybeUninit,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*,
    types::Opaque, //
};
use zerocopy::FromBytes;

/// Some bytes of a page cache, up to the end of their folio.
///
/// # Invariants
///
/// `start` is readable for `len` bytes while `folio` is held.
pub(crate) struct PageBytes {
    start: NonNull<u8>,
    len: usize,
    _folio: FolioRef,
}

impl PageBytes {
    /// How many bytes there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Leaves out all bytes from `len` on.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        // INVARIANT: Not more than before.
        self.len = self.len.min(len);
    }

    /// Where `len` bytes from `at` on are, if they are all there.
    #[inline]
    pub(super) fn pointer(&self, at: usize, len: usize) -> Option<*const u8> {
        if at > self.len || len > self.len.wrapping_sub(at) {
            return None;
        }
        // SAFETY: `at` is at most the length.
        Some(unsafe { self.start.as_ptr().add(at) })
    }

    /// Copies a value out. `None` if it is not all there.
    #[inline]
    pub(crate) fn get<T: FromBytes>(&self, at: usize) -> Option<T> {
        let from = self.pointer(at, size_of::<T>())?;
        let mut value = MaybeUninit::<T>::uninit();
        let to = value.as_mut_ptr().cast::<u8>();

        // SAFETY: `from` is readable and `to` writable for the size of `T`, all of which is
        // written, and any bytes make a `T`.
        unsafe {
            read_once(from, to, size_of::<T>());
            Some(value.assume_init())
        }
    }

    /// Copies bytes out. `None` if they are not all there.
    #[inline]
    pub(crate) fn copy_to(&self, at: usize, out: &mut [u8]) -> Option<()> {
        let from = self.pointer(at, out.len())?;

        // SAFETY: `from` is readable and `out` writable for the length. The function is C's.
        unsafe { bindings::memcpy(out.as_mut_ptr().cast(), from.cast(), out.len()) };
        Some(())
    }
}

/// Copies `len` bytes with volatile accesses as large as possible. With a constant `len` only the
/// accesses remain.
///
/// # Safety
///
/// `from` must be readable and `to` writable for `len` bytes.
#[inline(always)]
unsafe fn read_once(from: *const u8, to: *mut u8, len: usize) {
    #[repr(C, packed)]
    #[derive(Clone, Copy)]
    struct Unaligned<T: Copy>(T);

    macro_rules! step {
        ($t:ty, $done:ident) => {
            while len.wrapping_sub($done) >= size_of::<$t>() {
                // SAFETY: These bytes are within both ranges.
                unsafe {
                    let value = from.add($done).cast::<Unaligned<$t>>().read_volatile();
                    to.add($done).cast::<Unaligned<$t>>().write(value);
                }
                $done = $done.wrapping_add(size_of::<$t>());
            }
        };
    }
    let mut done = 0usize;
    step!(u64, done);
    step!(u32, done);
    step!(u16, done);
    step!(u8, done);
}

/// What is known of a sequence of reads, to foresee the next one. Made for one mapping; of use for
/// no other, but harmless.
pub(crate) struct ReadaheadState(Opaque<bindings::file_ra_state>);

// SAFETY: Plain numbers and flags, which any number of readers use and change at the same time
// without a lock, as those of a shared open file: at worst, too much or too little is read ahead.
unsafe impl Send for ReadaheadState {}
// SAFETY: As above.
unsafe impl Sync for ReadaheadState {}

impl ReadaheadState {
    /// For the metadata of `device`.
    pub(crate) fn of_block_device(device: &BlockDevice) -> Self {
        // SAFETY: A block device's mapping lives as long as the device.
        unsafe { Self::new(device.mapping()) }
    }

    /// For the metadata in `file`.
    pub(crate) fn of_file(file: &BackingFile) -> Self {
        // SAFETY: An open file's mapping is alive.
        unsafe { Self::new(file.mapping()) }
    }

    /// # Safety
    ///
    /// `mapping` must be alive.
    unsafe fn new(mapping: *mut bindings::address_space) -> Self {
        let state = Opaque::zeroed();
        // SAFETY: By contract.
        unsafe { bindings::file_ra_state_init(state.get(), mapping) };
        Self(state)
    }
}

/// Bytes of `device` from byte `pos` on, read if need be. Past the end of the device there are
/// zeros.
pub(crate) fn of_block_device(
    device: &BlockDevice,
    ra: &ReadaheadState,
    pos: u64,
) -> Result<PageBytes> {
    let index = page_index(pos)?;

    // SAFETY: A block device's mapping lives as long as the device; its own filler reads it.
    let folio = unsafe {
        from_err_ptr(extra::erofs_helper_read_metadata(
            device.mapping(),
            ra.0.get(),
            core::ptr::null_mut(),
            index,
            true,
        ))?
    };
    // SAFETY: A reference is returned.
    bytes_of(unsafe { FolioRef::from_raw(folio) }, pos, usize::MAX)
}

/// Bytes of `file` from byte `pos` on, up to the end of their page at most, read if need be, with
/// the credentials of its opener and after asking whoever has a say (LSMs, fanotify). Past the end
/// of the file there is nothing: `EIO`.
pub(crate) fn of_file(file: &BackingFile, ra: &ReadaheadState, pos: u64) -> Result<PageBytes> {
    let index = page_index(pos)?;
    let left = file
        .size()
        .checked_sub(pos)
        .filter(|left| *left > 0)
        .ok_or(EIO)?;

    let folio = cred::with_opener(file.file(), || {
        file.verify_read(pos, 1)?;
        // SAFETY: The file and so its mapping are alive, and it has a filler (`BackingFile`).
        unsafe {
            from_err_ptr(extra::erofs_helper_read_metadata(
                file.mapping(),
                ra.0.get(),
                file.file().as_ptr(),
                index,
                !file.has_pre_content(),
            ))
        }
    })?;
    // Only what was asked for: who provides contents on access is told of whole pages.
    let in_page = PAGE_SIZE.wrapping_sub(pos as usize & (PAGE_SIZE - 1));
    let limit = usize::try_from(left).unwrap_or(usize::MAX).min(in_page);
    // SAFETY: A reference is returned.
    bytes_of(unsafe { FolioRef::from_raw(folio) }, pos, limit)
}

fn page_index(pos: u64) -> Result<kernel::ffi::c_ulong> {
    if i64::try_from(pos).is_err() {
        return Err(EIO);
    }
    Ok((pos >> PAGE_SHIFT) as kernel::ffi::c_ulong)
}

/// At most `limit` bytes of `folio` from position `pos` of its mapping on.
fn bytes_of(folio: FolioRef, pos: u64, limit: usize) -> Result<PageBytes> {
    // A folio that lost its mapping meanwhile still has its place, and contents from then.
    let offset = usize::try_from(pos.wrapping_sub(folio.pos())).map_err(|_| EIO)?;
    let len = folio.size().checked_sub(offset).ok_or(EIO)?.min(limit);

    // SAFETY: `offset` is within the folio.
    let start = unsafe { NonNull::new(folio.address().add(offset)) }.ok_or(EIO)?;

    // INVARIANT: The folio has as many bytes from there on.
    Ok(PageBytes {
        start,
        len,
        _folio: folio,
    })
}
