// SPDX-License-Identifier: GPL-2.0

//! Folios: references to them, and locked ones that are to be read.
//!
//! C headers: [`include/linux/mm_types.h`](srctree/include/linux/mm_types.h),
//! [`include/linux/pagemap.h`](srctree/include/linux/pagemap.h)
//!
//! # Who ends a read
//!
//! A folio that the page cache asks for is locked, and whoever completes its last byte unlocks it.
//! The bytes may come from several places: some are zeros, some are copied, some arrive with one
//! or more bios, in any order and in any context. So a [`FolioRead`] starts with all bytes of the
//! folio pending; [`FolioRead::part`] moves bytes out as a [`Part`], a token that a bio takes
//! over; and whoever finishes bytes subtracts them. The one who leaves nothing pending calls
//! `folio_end_read()`. A token that is dropped unread counts as failed.
//!
//! The count lives in `folio->private`, which is ours while the folio is locked and not up to
//! date. Counting bytes, not parts, is what lets a bio merge parts that are contiguous.
//!
//! A folio that is in no page cache is private memory: its parts count for whatever its `private`
//! points to ([`incoming`]).

use super::{
    extra,
    incoming,
    metadata::PageBytes,
    PAGE_SHIFT, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull,
    sync::atomic::{
        AtomicI32,
        AtomicUsize,
        Ordering, //
    }, //
};
use kernel::bindings;

/// A reference to a folio.
pub(super) struct FolioRef(NonNull<bindings::folio>);

// SAFETY: A reference may be used and dropped by any task.
unsafe impl Send for FolioRef {}
// SAFETY: The methods do not change the folio.
unsafe impl Sync for FolioRef {}

impl FolioRef {
    /// # Safety
    ///
    /// `raw` must be a folio of which the caller gives up a reference.
    #[inline]
    pub(super) unsafe fn from_raw(raw: *mut bindings::folio) -> Self {
        // SAFETY: A folio is not at the null address.
        Self(unsafe { NonNull::new_unchecked(raw) })
    }

    /// # Safety
    ///
    /// `raw` must be null, or as for [`from_raw`](Self::from_raw).
    #[inline]
    pub(super) unsafe fn from_raw_or_null(raw: *mut bindings::folio) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }

    /// The folio; the reference is the caller's to give up.
    #[inline]
    pub(super) fn into_raw(self) -> *mut bindings::folio {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// Byte position in its mapping.
    #[inline]
    pub(super) fn pos(&self) -> u64 {
        // SAFETY: By the type's meaning; the index of a referenced folio does not change.
        unsafe { position(self.0.as_ptr()) }
    }

    /// Size in bytes.
    #[inline]
    pub(super) fn size(&self) -> usize {
        // SAFETY: By the type's meaning; a referenced folio is not split.
        unsafe { extra::erofs_helper_folio_size(self.0.as_ptr()) }
    }

    /// Where its first byte is.
    #[inline]
    pub(super) fn address(&self) -> *mut u8 {
        // SAFETY: By the type's meaning, on a kernel without highmem.
        unsafe { extra::erofs_helper_folio_address(self.0.as_ptr()).cast() }
    }
}

impl Drop for FolioRef {
    #[inline]
    fn drop(&mut self) {
        // `folio_put()`, which is inline in C.
        // SAFETY: By the type's meaning there is a reference to give up; the count is an `int`
        // that all its users access atomically.
        unsafe {
            let count = &raw mut (*self.0.as_ptr())
                .__bindgen_anon_1
                .__bindgen_anon_1
                ._refcount;
            if AtomicI32::from_ptr(count.cast()).fetch_sub(1, Ordering::AcqRel) == 1 {
                bindings::__folio_put(self.0.as_ptr());
            }
        }
    }
}

/// # Safety
///
/// `folio` must be locked or referenced.
#[inline]
unsafe fn position(folio: *mut bindings::folio) -> u64 {
    // SAFETY: By contract.
    let index = unsafe {
        (*folio)
            .__bindgen_anon_1
            .__bindgen_anon_1
            .__bindgen_anon_2
            .index
    };
    (index as u64) << PAGE_SHIFT
}

/// Set in `folio->private` when a part could not be read. Folios are smaller.
const FAILED: usize = 1 << (usize::BITS - 1);

/// Finishes `bytes` of a folio.
///
/// # Safety
///
/// The folio must be read by a [`FolioRead`], or be private memory that is read into, and as many
/// bytes be pending and the caller's.
#[inline]
unsafe fn finish(folio: NonNull<bindings::folio>, bytes: usize, failed: bool) {
    // SAFETY: By contract the folio is locked until no byte is pending, so `private` is ours, and
    // everybody accesses it atomically. A locked folio does not leave its mapping; private memory
    // has none, and its owner is there as long as bytes are pending.
    unsafe {
        let fields = &raw mut (*folio.as_ptr()).__bindgen_anon_1.__bindgen_anon_1;
        let private = &raw mut (*fields).__bindgen_anon_3.private;

        if (*fields).mapping.is_null() {
            return incoming::arrived(private.read(), bytes, failed);
        }
        let pending = AtomicUsize::from_ptr(private.cast());

        if failed {
            pending.fetch_or(FAILED, Ordering::Relaxed);
        }
        // If nothing but these bytes is pending, nobody else is left to look at the count.
        let mut last = pending.load(Ordering::Acquire);
        if last & !FAILED != bytes {
            last = pending.fetch_sub(bytes, Ordering::AcqRel);
            if last & !FAILED != bytes {
                return;
            }
        }
        pending.store(0, Ordering::Relaxed);
        bindings::folio_end_read(folio.as_ptr(), last & FAILED == 0);
    }
}

/// A locked folio that is to be read. Dropped, it is unlocked unread.
///
/// # Invariants
///
/// The folio is locked and not up to date, and the lock is the owner's.
pub(crate) struct LockedFolio<'a> {
    folio: NonNull<bindings::folio>,
    _mapping: PhantomData<&'a ()>,
}

impl<'a> LockedFolio<'a> {
    /// # Safety
    ///
    /// `raw` must be a locked folio that the page cache asks the caller to read and unlock.
    #[inline]
    pub(super) unsafe fn from_raw(raw: *mut bindings::folio) -> Self {
        // INVARIANT: By contract.
        Self {
            // SAFETY: A folio is not at the null address.
            folio: unsafe { NonNull::new_unchecked(raw) },
            _mapping: PhantomData,
        }
    }

    #[inline]
    pub(super) fn as_raw(&self) -> *mut bindings::folio {
        self.folio.as_ptr()
    }

    /// Byte position in the file.
    #[inline]
    pub(crate) fn pos(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { position(self.folio.as_ptr()) }
    }

    /// Size in bytes.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { extra::erofs_helper_folio_size(self.folio.as_ptr()) }
    }

    /// The page cache that it is in. It is that of the inode that is being read, or another one
    /// with the same contents.
    #[inline]
    pub(crate) fn mapping(&self) -> Mapping<'a> {
        // SAFETY: By the type invariant; a locked folio's mapping does not change.
        let mapping = unsafe {
            (*self.folio.as_ptr())
                .__bindgen_anon_1
                .__bindgen_anon_1
                .mapping
        };
        Mapping {
            mapping,
            _life: PhantomData,
        }
    }

    /// Begins to read it.
    #[inline]
    pub(crate) fn read(self) -> FolioRead<'a> {
        let folio = ManuallyDrop::new(self).folio;

        // SAFETY: By the type invariant.
        let size = unsafe { extra::erofs_helper_folio_size(folio.as_ptr()) };

        // SAFETY: By the type invariant `private` is ours. INVARIANT: all bytes are pending.
        unsafe {
            (*folio.as_ptr())
                .__bindgen_anon_1
                .__bindgen_anon_1
                .__bindgen_anon_3
                .private = core::ptr::without_provenance_mut(size);
        }
        FolioRead {
            folio,
            size,
            next: 0,
            given: 0,
            failed: false,
            _mapping: PhantomData,
        }
    }
}

impl Drop for LockedFolio<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::folio_end_read(self.folio.as_ptr(), false) };
    }
}

/// How many pages a folio has at most that is read beyond what was asked for.
const GRABBED: u32 = 16;

/// A page cache, for the time of a call from it.
///
/// # Invariants
///
/// The mapping is alive for `'a`, and its `invalidate_lock` is held.
#[derive(Clone, Copy)]
pub(crate) struct Mapping<'a> {
    mapping: *mut bindings::address_space,
    _life: PhantomData<&'a ()>,
}

impl<'a> Mapping<'a> {
    /// # Safety
    ///
    /// As the invariants say.
    pub(super) unsafe fn from_raw(mapping: *mut bindings::address_space) -> Self {
        // INVARIANT: By contract.
        Self {
            mapping,
            _life: PhantomData,
        }
    }

    /// Whether there is any page of the bytes from `from` to `to`.
    pub(crate) fn has_pages(self, from: u64, to: u64) -> bool {
        let (Ok(first), Ok(end)) = (i64::try_from(from), i64::try_from(to)) else {
            return false;
        };
        if first >= end {
            return false;
        }
        // SAFETY: By the type invariant.
        unsafe { bindings::filemap_range_has_page(self.mapping, first, end.wrapping_sub(1)) }
    }

    /// A folio that begins at `pos` and ends at `end` or before, to be read as well, if it can be had
    /// without waiting: neither for a lock, as others are held, nor for memory. It is as large as
    /// the pages that are there already leave room for; `empty` says that there were none up to
    /// `end`.
    pub(crate) fn grab(self, pos: u64, end: u64, empty: bool) -> Option<LockedFolio<'a>> {
        let index = (pos >> PAGE_SHIFT) as kernel::ffi::c_ulong;
        // Folios begin at multiples of their size.
        let mut pages = GRABBED;
        let page = pos >> PAGE_SHIFT;
        let left = end.saturating_sub(pos) >> PAGE_SHIFT;
        while pages > 1
            && (u64::from(pages) > left
                || page & u64::from(pages).wrapping_sub(1) != 0
                || (!empty
                    && self.has_pages(pos, pos.saturating_add(u64::from(pages) << PAGE_SHIFT))))
        {
            pages >>= 1;
        }
        // SAFETY: By the type invariant. What is returned is locked and not up to date, and the
        // lock is the caller's.
        unsafe {
            let folio = extra::erofs_helper_grab_folio(self.mapping, index, pages);
            (!folio.is_null()).then(|| LockedFolio::from_raw(folio))
        }
    }
}

/// A folio that is being read, from its first byte to its last: each call takes the bytes that
/// follow. Dropped before the end, it is failed; the parts that others took go on.
///
/// # Invariants
///
/// - `next` is at most `size`, the size of the folio.
/// - The bytes before `next` are filled, or given away as parts, `given` of them.
/// - Of the pending bytes, all but those given away are this value's.
pub(crate) struct FolioRead<'a> {
    folio: NonNull<bindings::folio>,
    size: usize,
    next: usize,
    given: usize,
    failed: bool,
    _mapping: PhantomData<&'a ()>,
}

impl FolioRead<'_> {
    /// How many bytes are left.
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.size.wrapping_sub(self.next)
    }

    /// Steps over at most `len` bytes: where they begin, and how many they are.
    #[inline]
    fn step(&mut self, len: usize) -> (usize, usize) {
        let at = self.next;
        let len = len.min(self.left());
        // INVARIANT: At most `size`; the caller fills these bytes or gives them away.
        self.next = at.wrapping_add(len);
        (at, len)
    }

    /// Takes the next `len` bytes, to be read by somebody else; fewer if the folio ends before.
    /// `None` if it has ended.
    #[inline]
    pub(crate) fn part(&mut self, len: usize) -> Option<Part> {
        let (at, len) = self.step(len);
        if len == 0 {
            return None;
        }
        // INVARIANT: These pending bytes are the part's now.
        self.given = self.given.wrapping_add(len);
        Some(Part {
            folio: self.folio,
            at,
            len,
        })
    }

    /// Where byte `at` of the folio is.
    #[inline]
    fn address(&self, at: usize) -> *mut u8 {
        // SAFETY: `at` is at most the size, as only called with what `step` returned.
        unsafe {
            extra::erofs_helper_folio_address(self.folio.as_ptr())
                .cast::<u8>()
                .add(at)
        }
    }

    /// Copies the next `len` bytes from the start of `bytes`. If these are fewer, the folio fails.
    pub(crate) fn copy(&mut self, len: usize, bytes: &PageBytes) {
        let (at, len) = self.step(len);
        if len == 0 {
            // The folio may be gone, if its bytes were all given away.
            return;
        }
        match bytes.pointer(0, len) {
            // SAFETY: Both are valid for the length: the folio is locked and not up to date, so
            // that nobody looks at it, and these bytes belong to no part.
            Some(from) => unsafe {
                bindings::memcpy(self.address(at).cast(), from.cast(), len);
            },
            None => self.failed = true,
        }
    }

    /// Fills the next `len` bytes with zeros.
    #[inline]
    pub(crate) fn zero(&mut self, len: usize) {
        let (at, len) = self.step(len);
        if len == 0 {
            return;
        }
        // SAFETY: As in `copy`.
        unsafe { self.address(at).write_bytes(0, len) };
    }
}

impl Drop for FolioRead<'_> {
    #[inline]
    fn drop(&mut self) {
        let kept = self.size.wrapping_sub(self.given);

        if kept > 0 {
            // SAFETY: By the type invariant these pending bytes are this value's.
            unsafe { finish(self.folio, kept, self.failed || self.next != self.size) };
        }
    }
}

/// Bytes of a folio that is being read. Dropped, they count as failed.
///
/// # Invariants
///
/// Of the folio's pending bytes, `len` are this value's: those from `at` on.
pub(crate) struct Part {
    folio: NonNull<bindings::folio>,
    at: usize,
    len: usize,
}

// SAFETY: A part may be finished by any task.
unsafe impl Send for Part {}
// SAFETY: Nothing can be changed by a reference.
unsafe impl Sync for Part {}

impl Part {
    /// # Safety
    ///
    /// `folio` must be private memory with an owner, and `len` of the bytes that this expects be
    /// given to the part.
    pub(super) unsafe fn from_raw(folio: NonNull<bindings::folio>, at: usize, len: usize) -> Self {
        Self { folio, at, len }
    }

    /// How many bytes it has.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where in its folio it begins.
    #[inline]
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Where its first byte is.
    #[inline]
    pub(super) fn address(&self) -> NonNull<u8> {
        // SAFETY: By the type invariant the folio is alive, and `at` is in it.
        unsafe {
            NonNull::new_unchecked(
                extra::erofs_helper_folio_address(self.folio.as_ptr())
                    .cast::<u8>()
                    .add(self.at),
            )
        }
    }

    /// The `n`-th page of those that the part has bytes of.
    #[inline]
    pub(super) fn page(&self, n: usize) -> *mut bindings::page {
        let first = self.at >> PAGE_SHIFT;
        // The pages of a folio follow each other in the (virtual) memory map.
        self.folio
            .as_ptr()
            .cast::<bindings::page>()
            .wrapping_add(first.wrapping_add(n))
    }

    /// Cuts it after `len` bytes, which must not be none: what follows is `None` if that is nothing.
    pub(crate) fn split(self, len: usize) -> (Self, Option<Self>) {
        if len == 0 || len >= self.len {
            return (self, None);
        }
        let part = ManuallyDrop::new(self);
        // INVARIANT: Each byte is one's alone.
        (
            Self {
                folio: part.folio,
                at: part.at,
                len,
            },
            Some(Self {
                folio: part.folio,
                at: part.at.wrapping_add(len),
                len: part.len.wrapping_sub(len),
            }),
        )
    }

    /// Fills it with zeros, and ends its read.
    pub(crate) fn zero(self) {
        // SAFETY: By the type invariant the bytes are this value's: nobody else looks at them.
        unsafe { self.address().as_ptr().write_bytes(0, self.len) };
        self.complete();
    }

    /// Fills it with the start of `bytes`, and ends its read. Fewer bytes fail it.
    pub(crate) fn copy(self, bytes: &PageBytes) {
        if let Some(from) = bytes.pointer(0, self.len) {
            // SAFETY: As above, and `from` is readable for as many bytes.
            unsafe { bindings::memcpy(self.address().as_ptr().cast(), from.cast(), self.len) };
            self.complete();
        }
    }

    /// Fills it with `first` and then the start of `then`, and ends its read. Fewer bytes fail it.
    pub(crate) fn fill(self, first: &[u8], then: &[u8]) {
        let head = first.len().min(self.len);
        let tail = self.len.wrapping_sub(head);
        if then.len() < tail {
            return;
        }
        // SAFETY: By the type invariant the bytes are this value's: nobody else looks at them.
        unsafe {
            let to = self.address().as_ptr();
            bindings::memcpy(to.cast(), first.as_ptr().cast(), head);
            bindings::memcpy(to.add(head).cast(), then.as_ptr().cast(), tail);
        }
        self.complete();
    }

    /// Ends its read: the bytes are there.
    #[inline]
    pub(super) fn complete(self) {
        let part = ManuallyDrop::new(self);
        // SAFETY: By the type invariant.
        unsafe { finish(part.folio, part.len, false) };
    }

    /// The folio, where in it the part begins, and how long it is. Whoever takes the part's bytes
    /// over forgets the part and calls [`end_part`] for them.
    #[inline]
    pub(super) fn as_raw(&self) -> (*mut bindings::folio, usize, usize) {
        (self.folio.as_ptr(), self.at, self.len)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { finish(self.folio, self.len, true) };
    }
}

/// Ends the read of `len` bytes of `folio`.
///
/// # Safety
///
/// The bytes must have been a [`Part`]'s that the caller took over.
#[inline]
pub(super) unsafe fn end_part(folio: *mut bindings::folio, len: usize, failed: bool) {
    // SAFETY: By contract.
    unsafe { finish(NonNull::new_unchecked(folio), len, failed) };
}
