// SPDX-License-Identifier: GPL-2.0

//! Small memory that is kept for the next use.
//!
//! A compressed read needs half a dozen small objects, which are gone when it ends. The slab
//! clears each one, and every byte of it, when it is had (`init_on_alloc`), which takes longer
//! than what is done with it afterwards. So they come from here: boxes and lists whose memory is
//! kept when it is given back, a bounded number of each size for all mounts together. Nothing of
//! it is seen before it is written, as with any other allocator. [`trim`] frees what is kept.

use super::{
    places::Places,
    PAGE_SHIFT,
    PAGE_SIZE, //
};
use core::{
    alloc::Layout,
    ptr::NonNull, //
};
use kernel::alloc::{
    allocator::Kmalloc,
    AllocError,
    Allocator,
    Box,
    Flags,
    NumaNode,
    Vec, //
};

/// The allocator of memory that is reused.
pub(crate) struct Reused;

/// A box of such memory.
pub(crate) type RBox<T> = Box<T, Reused>;

/// A list in such memory.
pub(crate) type RVec<T> = Vec<T, Reused>;

/// The smallest size that is kept, as a power of two.
const MIN_BITS: u32 = 6;

/// How many sizes there are, each twice the one before: up to 512 bytes.
const SIZES: usize = 4;

/// How many of each are kept: about as many as one large window needs at a time.
const PLACES: usize = 64;

static KEPT: [Places<PLACES>; SIZES] = [const { Places::new() }; SIZES];

/// Of which kept size memory for `layout` is, and what is kept of it; `None` if that is too large.
#[inline]
fn size_of(layout: Layout) -> Option<(Layout, &'static Places<PLACES>)> {
    let size = layout.size().max(layout.align()).max(1 << MIN_BITS);
    let bits = usize::BITS.wrapping_sub(size.wrapping_sub(1).leading_zeros());
    let nr = bits.wrapping_sub(MIN_BITS) as usize;
    Some((layout_of(nr), KEPT.get(nr)?))
}

/// The layout of the size with this number.
#[inline]
fn layout_of(nr: usize) -> Layout {
    const LARGEST: usize = 1 << (MIN_BITS as usize + SIZES - 1);
    let size = LARGEST.min(1usize.wrapping_shl(MIN_BITS.wrapping_add(nr as u32)));

    // SAFETY: A small power of two, by any `nr`: shifts are modulo the bits of a word.
    unsafe { Layout::from_size_align_unchecked(size, size) }
}

// SAFETY: Memory is what `Kmalloc` has returned for a layout that is at least as large, and at
// least as aligned, and it belongs to whoever got it until he gives it back: a place that is taken
// is emptied by the only one who could clear its bit. What is allocated with a layout is freed as
// the same size, which follows from the layout alone.
unsafe impl Allocator for Reused {
    const MIN_ALIGN: usize = 1 << MIN_BITS;

    #[inline]
    fn alloc(
        layout: Layout,
        flags: Flags,
        nid: NumaNode,
    ) -> core::result::Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            let nothing = core::ptr::without_provenance_mut(layout.align());
            let nothing = NonNull::new(nothing).ok_or(AllocError)?;
            return Ok(NonNull::slice_from_raw_parts(nothing, 0));
        }
        let Some((size, kept)) = size_of(layout) else {
            return Kmalloc::alloc(layout, flags, nid);
        };
        match kept.take() {
            Some(memory) => Ok(NonNull::slice_from_raw_parts(memory.cast(), layout.size())),
            None => Kmalloc::alloc(size, flags, nid),
        }
    }

    unsafe fn realloc(
        ptr: Option<NonNull<u8>>,
        layout: Layout,
        old_layout: Layout,
        flags: Flags,
        nid: NumaNode,
    ) -> core::result::Result<NonNull<[u8]>, AllocError> {
        let new = Self::alloc(layout, flags, nid)?;
        if let Some(ptr) = ptr.filter(|_| old_layout.size() > 0) {
            // SAFETY: By contract the old memory has its old size, and is given up; the new one
            // is another.
            unsafe {
                let len = layout.size().min(old_layout.size());
                new.cast::<u8>().copy_from_nonoverlapping(ptr, len);
                Self::free(ptr, old_layout);
            }
        }
        Ok(new)
    }

    #[inline]
    unsafe fn free(ptr: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        let (size, left) = match size_of(layout) {
            Some((size, kept)) => (size, kept.put(ptr.cast()).map(NonNull::cast)),
            None => (layout, Some(ptr)),
        };
        if let Some(ptr) = left {
            // SAFETY: By contract it was allocated, with this size as shown above.
            unsafe { Kmalloc::free(ptr, size) };
        }
    }
}

/// Frees what is kept: about how many pages.
pub(super) fn trim() -> usize {
    let mut bytes = 0usize;
    for (nr, kept) in KEPT.iter().enumerate() {
        let layout = layout_of(nr);
        while let Some(memory) = kept.take() {
            bytes = bytes.wrapping_add(layout.size());
            // SAFETY: What is kept was allocated with the layout of its size, and is ours now.
            unsafe { Kmalloc::free(memory.cast(), layout) };
        }
    }
    bytes.div_ceil(PAGE_SIZE)
}

/// About how many pages are kept.
pub(super) fn kept() -> usize {
    let mut bytes = 0usize;
    for (nr, kept) in KEPT.iter().enumerate() {
        let size = layout_of(nr).size();
        bytes = bytes.wrapping_add(kept.count().wrapping_mul(size));
    }
    bytes >> PAGE_SHIFT
}
