// SPDX-License-Identifier: GPL-2.0

//! Private memory that data is read into: folios that are in no page cache.
//!
//! C header: [`include/linux/gfp.h`](srctree/include/linux/gfp.h)
//!
//! What has arrived there cannot change any more, as nobody else can reach it: it may be lent as
//! a slice, also to decoders that look at a byte twice.
//!
//! Buffers of a few pages come and go with every read. Some are kept for the next ones: they need
//! not be cleared again, and a read goes on where there is no memory. [`trim`] frees them.

use super::{
    extra,
    folio::Part,
    places::Places,
    PAGE_SHIFT,
    PAGE_SIZE, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    prelude::*, //
};

/// How an allocation may behave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Somebody waits for what it is for.
    Wanted,
    /// It is for reading ahead: rather not at all than by taking memory from others.
    Ahead,
}

impl Need {
    pub(super) fn gfp(self) -> bindings::gfp_t {
        match self {
            Self::Wanted => extra::CONST_GFP_NOFS,
            Self::Ahead => extra::CONST_GFP_AHEAD,
        }
    }

    /// The same for the collections of the kernel crate.
    pub(crate) fn flags(self) -> kernel::alloc::Flags {
        match self {
            Self::Wanted => GFP_KERNEL,
            Self::Ahead => GFP_NOWAIT | __GFP_NOWARN,
        }
    }
}

/// The largest order that a buffer is made of as one piece.
const MAX_ORDER: u32 = 6;

/// How many folios of each order are kept at most: single pages come by the dozen, large folios one
/// or two at a time.
const KEPT: usize = 32;

/// The folios that are kept, by order.
static POOL: [Places<KEPT>; MAX_ORDER as usize + 1] =
    [const { Places::new() }; MAX_ORDER as usize + 1];

/// How many folios of `order` are kept: half as many as of the one below.
fn most(order: u32) -> usize {
    KEPT.wrapping_shr(order).max(4)
}

/// A private folio of `1 << order` pages.
fn take_folio(order: u32, gfp: bindings::gfp_t) -> Option<NonNull<bindings::folio>> {
    if let Some(kept) = POOL.get(order as usize).and_then(Places::take) {
        return Some(kept.cast());
    }
    // SAFETY: Plain allocation.
    NonNull::new(unsafe { extra::erofs_helper_alloc_private(gfp, order) })
}

/// Gives a folio back that `take_folio` returned.
fn put_folio(order: u32, folio: NonNull<bindings::folio>) {
    let pool = POOL.get(order as usize);
    let pool = pool.filter(|pool| pool.count() < most(order));
    if pool.is_none_or(|pool| pool.put(folio.cast()).is_some()) {
        // SAFETY: Nobody else has a reference.
        unsafe { extra::erofs_helper_put_private(folio.as_ptr()) };
    }
}

/// Frees what is kept. Returns how many pages that were.
pub(super) fn trim() -> usize {
    let mut pages = 0usize;
    for (order, pool) in POOL.iter().enumerate() {
        while let Some(folio) = pool.take() {
            // SAFETY: Nobody else has a reference.
            unsafe { extra::erofs_helper_put_private(folio.as_ptr().cast()) };
            pages = pages.wrapping_add(1 << order);
        }
    }
    pages
}

/// How many pages are kept.
pub(super) fn kept() -> usize {
    let mut pages = 0usize;
    for (order, pool) in POOL.iter().enumerate() {
        pages = pages.wrapping_add(pool.count().wrapping_shl(order as u32));
    }
    pages
}

/// Maps pages one after the other, for `vm_unmap_ram`. Null if there is no address space.
///
/// # Safety
///
/// `pages` must be an array of `count` pages, which stay alive as long as they are mapped.
pub(super) unsafe fn map_pages(
    pages: *mut *mut bindings::page,
    count: u32,
) -> *mut kernel::ffi::c_void {
    for _ in 0..2 {
        // SAFETY: By contract.
        let start = unsafe { extra::vm_map_ram(pages, count, bindings::NUMA_NO_NODE) };
        if !start.is_null() {
            return start;
        }
        // Address space that is free but not flushed yet is had the next time.
        // SAFETY: Sleeps.
        unsafe { extra::vm_unmap_aliases() };
    }
    // SAFETY: By contract.
    unsafe { extra::vm_map_ram(pages, count, bindings::NUMA_NO_NODE) }
}

/// Contiguous private memory.
///
/// # Invariants
///
/// `start` is the address of `pages` pages, which are those of `folios`, one after the other: the
/// only folio's own address, or that of a mapping of them.
pub(crate) struct Buffer {
    start: NonNull<u8>,
    pages: u32,
    folios: Folios,
}

enum Folios {
    One(NonNull<bindings::folio>),
    /// Of a page each.
    Many(KVec<NonNull<bindings::folio>>),
}

// SAFETY: The memory is the buffer's alone.
unsafe impl Send for Buffer {}
// SAFETY: Shared, it can only be read.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// A buffer of at least `len` bytes, whatever they are. Sleeps, if only for address space.
    pub(crate) fn new(len: usize, need: Need) -> Result<Self> {
        let pages = len.max(1).div_ceil(PAGE_SIZE);
        let order = usize::BITS.wrapping_sub(pages.wrapping_sub(1).leading_zeros());

        if order <= MAX_ORDER {
            // Single pages will do: several in a row are not worth moving others out of the way.
            let gfp = match order {
                0 => need.gfp(),
                _ => extra::CONST_GFP_SPARE,
            };
            if let Some(folio) = take_folio(order, gfp) {
                // SAFETY: A folio of a kernel without highmem has an address.
                let start = unsafe { extra::erofs_helper_folio_address(folio.as_ptr()) };
                // INVARIANT: It has `1 << order` pages.
                return Ok(Self {
                    start: NonNull::new(start.cast()).ok_or(ENOMEM)?,
                    pages: 1 << order,
                    folios: Folios::One(folio),
                });
            }
            if order == 0 {
                return Err(ENOMEM);
            }
        }
        let mut list = Many(KVec::with_capacity(pages, need.flags())?);
        while list.0.len() < pages {
            // SAFETY: As above.
            let folio = unsafe { extra::erofs_helper_alloc_private(need.gfp(), 0) };
            let folio = NonNull::new(folio).ok_or(ENOMEM)?;
            list.0.push_within_capacity(folio).map_err(|_| ENOMEM)?;
        }
        let count = u32::try_from(pages).map_err(|_| ENOMEM)?;
        // SAFETY: A folio of one page begins with it, so this is an array of pages.
        let start = unsafe { map_pages(list.0.as_mut_ptr().cast(), count) };
        // INVARIANT: A mapping of all of them.
        Ok(Self {
            start: NonNull::new(start.cast()).ok_or(ENOMEM)?,
            pages: count,
            folios: Folios::Many(core::mem::take(&mut list.0)),
        })
    }

    /// How many bytes it has room for.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        (self.pages as usize) << PAGE_SHIFT
    }

    /// What is in it.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: By the type invariant. The memory is not written while the buffer is shared: to
        // read data into it, `Incoming` owns it. Its pages are initialised as far as the machine
        // is concerned.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len()) }
    }

    /// What is in it, to be changed.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: As above, and it is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len()) }
    }

    #[inline]
    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Calls `f` for each folio with its size.
    #[inline]
    fn for_each(&self, mut f: impl FnMut(NonNull<bindings::folio>, usize)) {
        match &self.folios {
            Folios::One(folio) => f(*folio, self.len()),
            Folios::Many(folios) => {
                for folio in folios {
                    f(*folio, PAGE_SIZE);
                }
            }
        }
    }

    /// Lets whatever is read into the buffer count for `owner`.
    pub(super) fn set_owner(&self, owner: *mut kernel::ffi::c_void) {
        self.for_each(|folio, _| {
            // SAFETY: The folio is the buffer's alone, and so is its private field.
            unsafe {
                (*folio.as_ptr())
                    .__bindgen_anon_1
                    .__bindgen_anon_1
                    .__bindgen_anon_3
                    .private = owner;
            }
        });
    }

    /// Hands its first `len` bytes out as parts, each with its place.
    ///
    /// # Safety
    ///
    /// The owner must expect `len` bytes, and keep the buffer until all of them have arrived.
    pub(super) unsafe fn parts(&self, len: usize, mut f: impl FnMut(usize, Part)) {
        let mut at = 0usize;
        self.for_each(|folio, size| {
            let part = len.saturating_sub(at).min(size);
            if part > 0 {
                // SAFETY: By contract.
                f(at, unsafe { Part::from_raw(folio, 0, part) });
            }
            at = at.wrapping_add(size);
        });
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        match &mut self.folios {
            Folios::One(folio) => put_folio(self.pages.trailing_zeros(), *folio),
            Folios::Many(folios) => {
                // SAFETY: By the type invariant; the mapping is not used any more.
                unsafe { extra::vm_unmap_ram(self.start.as_ptr().cast(), self.pages) };
                drop(Many(core::mem::take(folios)));
            }
        }
    }
}

/// Folios that are freed with the list.
struct Many(KVec<NonNull<bindings::folio>>);

impl Drop for Many {
    fn drop(&mut self) {
        for folio in &self.0 {
            // SAFETY: The list's alone.
            unsafe { extra::erofs_helper_put_private(folio.as_ptr()) };
        }
    }
}

/// A page to fill a gap with.
pub(super) struct Filler(NonNull<bindings::folio>);

impl Filler {
    pub(super) fn new(need: Need) -> Result<Self> {
        take_folio(0, need.gfp()).map(Self).ok_or(ENOMEM)
    }

    pub(super) fn page(&self) -> *mut bindings::page {
        self.0.as_ptr().cast()
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        put_folio(0, self.0);
    }
}
