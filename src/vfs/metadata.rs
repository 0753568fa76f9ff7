// SPDX-License-Identifier: GPL-2.0

//! Reading bytes through a page cache: that of a block device or of a backing file, which are
//! somebody else's, or of an inode.
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
    inode::INode,
    page_bits::PageBits,
    super_block::FileSystem,
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
    folio: FolioRef,
}

impl PageBytes {
    /// How many bytes there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where they are, and what keeps them there.
    pub(super) fn into_raw(self) -> (*mut u8, FolioRef) {
        (self.start.as_ptr(), self.folio)
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

    /// CRC-32C of `len` bytes from `at` on, continuing from `seed`, without final inversion. `None`
    /// if they are not all there.
    pub(crate) fn crc32c(&self, at: usize, len: usize, seed: u32) -> Option<u32> {
        let from = self.pointer(at, len)?;

        // SAFETY: `from` is readable for the length. The function is C's.
        Some(unsafe { extra::crc32c(seed, from.cast(), len) })
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

/// What is read together with a page of metadata that has to be read.
#[derive(Clone, Copy)]
pub(crate) enum Ahead {
    /// Nothing.
    Nothing,
    /// Pages that follow, if this one follows a sequence of others.
    Sequence,
    /// This many bytes in all, which the caller will ask for, and pages that follow a sequence.
    Bytes(u64),
}

impl Ahead {
    /// How many pages the page cache is asked for.
    fn pages(self) -> kernel::ffi::c_ulong {
        match self {
            Self::Nothing => 0,
            Self::Sequence => 1,
            Self::Bytes(bytes) => bytes.div_ceil(PAGE_SIZE as u64).max(1) as kernel::ffi::c_ulong,
        }
    }
}

/// What is remembered of reading the metadata of one mapping.
pub(crate) struct MetadataState {
    /// To foresee what is read next. Plain numbers and flags, which any number of readers use and
    /// change at the same time without a lock, as those of a shared open file: at worst, too much
    /// or too little is read ahead.
    ra: Opaque<bindings::file_ra_state>,
    /// Of a watched file, the pages that were asked for, a bit each: whoever watches is told once
    /// of each page, and again when it has left the page cache. Pages that have no bit are asked
    /// for each time.
    asked: PageBits,
}

// SAFETY: See the fields.
unsafe impl Send for MetadataState {}
// SAFETY: As above.
unsafe impl Sync for MetadataState {}

/// Watched files that are larger are remembered up to here: the bits take 2 MB.
const REMEMBERED: u64 = 64 << 30;

impl MetadataState {
    /// For the metadata of `device`.
    pub(crate) fn of_block_device(device: &BlockDevice) -> Self {
        // SAFETY: A block device's mapping lives as long as the device.
        unsafe { Self::new(device.mapping(), PageBits::none()) }
    }

    /// For the metadata in `file`.
    pub(crate) fn of_file(file: &BackingFile) -> Result<Self> {
        let asked = if file.is_watched() {
            PageBits::new(file.size().min(REMEMBERED) >> PAGE_SHIFT)?
        } else {
            PageBits::none()
        };

        // SAFETY: An open file's mapping is alive.
        Ok(unsafe { Self::new(file.mapping(), asked) })
    }

    /// # Safety
    ///
    /// `mapping` must be alive.
    unsafe fn new(mapping: *mut bindings::address_space, asked: PageBits) -> Self {
        let ra = Opaque::zeroed();
        // SAFETY: By contract.
        unsafe { bindings::file_ra_state_init(ra.get(), mapping) };
        Self { ra, asked }
    }
}

/// Bytes of `device` from byte `pos` on, read if need be. Past the end of the device there are
/// zeros.
pub(crate) fn of_block_device(
    device: &BlockDevice,
    state: &MetadataState,
    pos: u64,
    ahead: Ahead,
) -> Result<PageBytes> {
    // SAFETY: A block device's mapping lives as long as the device.
    if let Some(bytes) = unsafe { find(device.mapping(), pos, usize::MAX) } {
        return Ok(bytes);
    }
    let index = page_index(pos)?;
    // SAFETY: As above; its own filler reads it. What is returned is a reference.
    let folio = unsafe {
        FolioRef::from_raw(from_err_ptr(extra::erofs_helper_read_metadata(
            device.mapping(),
            state.ra.get(),
            core::ptr::null_mut(),
            index,
            ahead.pages(),
        ))?)
    };
    bytes_of(folio, pos, usize::MAX)
}

/// At most `limit` bytes from position `pos` of `mapping` on, if they are there.
///
/// # Safety
///
/// `mapping` must be alive.
#[inline]
unsafe fn find(mapping: *mut bindings::address_space, pos: u64, limit: usize) -> Option<PageBytes> {
    let mut start = core::ptr::null_mut();
    let mut len = 0;

    // SAFETY: By contract. What is returned is a reference, or null.
    let folio = unsafe {
        FolioRef::from_raw_or_null(extra::erofs_helper_find_metadata(
            mapping,
            i64::try_from(pos).ok()?,
            &raw mut start,
            &raw mut len,
        ))
    };
    let folio = folio?;
    // INVARIANT: The folio has as many bytes from there on.
    Some(PageBytes {
        start: NonNull::new(start.cast())?,
        len: len.min(limit),
        folio,
    })
}

/// Bytes of `file` from byte `pos` on, up to the end of their page at most, read if need be, with
/// the credentials of its opener. Whoever has a say (LSMs, fanotify) is asked before a page is
/// read, and of a watched file before a page that somebody else has read is used. Past the end of
/// the file there is nothing: `EIO`.
pub(crate) fn of_file(
    file: &BackingFile,
    state: &MetadataState,
    pos: u64,
    ahead: Ahead,
) -> Result<PageBytes> {
    let left = file
        .size()
        .checked_sub(pos)
        .filter(|left| *left > 0)
        .ok_or(EIO)?;
    // Only what was asked for: who provides contents on access is told of whole pages.
    let in_page = PAGE_SIZE.wrapping_sub(pos as usize & (PAGE_SIZE - 1));
    let limit = usize::try_from(left).unwrap_or(usize::MAX).min(in_page);

    // SAFETY: The file and so its mapping are alive.
    match unsafe { find(file.mapping(), pos, limit) } {
        Some(bytes) if !file.is_watched() || state.asked.is_set(pos >> PAGE_SHIFT) => Ok(bytes),
        _ => read_of_file(file, state, pos, limit, ahead),
    }
}

/// At most `limit` bytes of `file` from `pos` on, after whoever has a say was asked.
#[inline(never)]
fn read_of_file(
    file: &BackingFile,
    state: &MetadataState,
    pos: u64,
    limit: usize,
    ahead: Ahead,
) -> Result<PageBytes> {
    let index = page_index(pos)?;
    let ahead = if file.has_pre_content() {
        Ahead::Nothing
    } else {
        ahead
    };
    let folio = cred::with_opener(file.file(), || {
        file.verify_read(pos, 1)?;
        // SAFETY: The file and so its mapping are alive, and the mapping has a filler or is one of
        // tmpfs (`BackingFile`).
        unsafe {
            from_err_ptr(extra::erofs_helper_read_metadata(
                file.mapping(),
                state.ra.get(),
                file.file().as_ptr(),
                index,
                ahead.pages(),
            ))
        }
    })?;
    state.asked.set(pos >> PAGE_SHIFT);
    // SAFETY: What is returned is a reference.
    bytes_of(unsafe { FolioRef::from_raw(folio) }, pos, limit)
}

impl<T: FileSystem> INode<T> {
    /// Bytes of a file with pages from byte `pos` on, read if need be. `None` at its end and after
    /// it.
    pub(crate) fn bytes(&self, pos: u64) -> Result<Option<PageBytes>> {
        let Some(left) = self.size().checked_sub(pos).filter(|left| *left > 0) else {
            return Ok(None);
        };
        if !self.has_pages() {
            return Err(EINVAL);
        }
        let limit = usize::try_from(left).unwrap_or(usize::MAX);

        // SAFETY: A live inode's mapping is alive. This one has a filler, as was checked:
        // a builder has installed it. What is returned is a reference.
        let folio = unsafe {
            let mapping = (*self.as_raw()).i_mapping;
            if let Some(bytes) = find(mapping, pos, limit) {
                return Ok(Some(bytes));
            }
            FolioRef::from_raw(from_err_ptr(read_of_inode(mapping, page_index(pos)?))?)
        };
        bytes_of(folio, pos, limit).map(Some)
    }
}

/// # Safety
///
/// `mapping` must be alive and have a filler.
#[inline(never)]
unsafe fn read_of_inode(
    mapping: *mut bindings::address_space,
    index: kernel::ffi::c_ulong,
) -> *mut bindings::folio {
    // Nothing is remembered from one read to the next: the page cache itself tells a sequence.
    let ra = Opaque::<bindings::file_ra_state>::zeroed();

    // SAFETY: By contract.
    unsafe {
        bindings::file_ra_state_init(ra.get(), mapping);
        extra::erofs_helper_read_metadata(mapping, ra.get(), core::ptr::null_mut(), index, 1)
    }
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
    Ok(PageBytes { start, len, folio })
}
