// SPDX-License-Identifier: GPL-2.0

//! Bits for the pages of a file: what has happened to them.
//!
//! Any number of tasks use them at the same time without a lock. No other data hangs on them: their
//! order does not matter, and it does no harm if one gets lost.

use core::sync::atomic::{
    AtomicU64,
    Ordering, //
};
use kernel::prelude::*;

/// A bit for each page, if there are any.
pub(super) struct PageBits(KVVec<AtomicU64>);

impl PageBits {
    /// No bits.
    pub(super) const fn none() -> Self {
        Self(KVVec::new())
    }

    /// At least one for each of `pages` pages, which are less than 2^32; none is set.
    pub(super) fn new(pages: u64) -> Result<Self> {
        // SAFETY: A word of zeros is one.
        Ok(Self(unsafe { zeros((pages >> 6) as usize + 1)? }))
    }

    #[inline]
    fn find(&self, page: u64) -> Option<(&AtomicU64, u64)> {
        Some((self.0.get((page >> 6) as usize)?, 1 << (page & 63)))
    }

    /// Whether that of `page` is set. That of a page that has none is not.
    #[inline]
    pub(super) fn is_set(&self, page: u64) -> bool {
        self.find(page)
            .is_some_and(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    /// Sets that of `page`, if it has one.
    pub(super) fn set(&self, page: u64) {
        if let Some((word, bit)) = self.find(page) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }
}

/// `count` values of zeros.
///
/// # Safety
///
/// Zeros must be a valid `T`.
pub(super) unsafe fn zeros<T>(count: usize) -> Result<KVVec<T>> {
    let mut vec = KVVec::<T>::with_capacity(count, GFP_KERNEL)?;

    // SAFETY: There is room for as many values, which are initialised before they count.
    unsafe {
        vec.as_mut_ptr().write_bytes(0, count);
        vec.inc_len(count);
    }
    Ok(vec)
}
