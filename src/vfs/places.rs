// SPDX-License-Identifier: GPL-2.0

//! Places in which things are kept until somebody needs one, without a lock.
//!
//! There are two words of a bit for each place. Whoever sets a bit in the first may fill the place,
//! and then sets the bit in the second; whoever clears that may empty it, and then clears the
//! first.

use core::{
    ffi::c_void,
    ptr::NonNull,
    sync::atomic::{
        AtomicPtr,
        AtomicU64,
        Ordering, //
    }, //
};

/// `N` places, at most 64, for pointers to things of one kind.
pub(super) struct Places<const N: usize> {
    /// The places that are being filled, are full, or are being emptied.
    claimed: AtomicU64,
    /// The places that are full.
    full: AtomicU64,
    places: [AtomicPtr<c_void>; N],
}

impl<const N: usize> Places<N> {
    /// Nothing is kept.
    pub(super) const fn new() -> Self {
        Self {
            claimed: AtomicU64::new(0),
            full: AtomicU64::new(0),
            places: [const { AtomicPtr::new(core::ptr::null_mut()) }; N],
        }
    }

    /// One of the things that are kept: the caller's now.
    #[inline]
    pub(super) fn take(&self) -> Option<NonNull<c_void>> {
        let index = self.full.load(Ordering::Relaxed).trailing_zeros();
        let place = self.places.get(index as usize)?;
        let bit = 1u64.wrapping_shl(index);

        if self.full.fetch_and(!bit, Ordering::Acquire) & bit == 0 {
            // Somebody else was faster.
            return None;
        }
        let thing = place.load(Ordering::Relaxed);
        self.claimed.fetch_and(!bit, Ordering::Release);
        NonNull::new(thing)
    }

    /// Keeps `thing`. Gives it back if there is no place.
    #[inline]
    pub(super) fn put(&self, thing: NonNull<c_void>) -> Option<NonNull<c_void>> {
        let index = self.claimed.load(Ordering::Relaxed).trailing_ones();
        let Some(place) = self.places.get(index as usize) else {
            return Some(thing);
        };
        let bit = 1u64.wrapping_shl(index);

        if self.claimed.fetch_or(bit, Ordering::Acquire) & bit != 0 {
            // Somebody else was faster.
            return Some(thing);
        }
        place.store(thing.as_ptr(), Ordering::Relaxed);
        self.full.fetch_or(bit, Ordering::Release);
        None
    }

    /// How many things are kept.
    pub(super) fn count(&self) -> usize {
        self.full.load(Ordering::Relaxed).count_ones() as usize
    }
}
