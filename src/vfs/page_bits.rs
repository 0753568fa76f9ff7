// SPDX-License-Identifier: GPL-2.0

//! Bits for the pages of a file: what has happened to them.
//!
//! Any number of tasks use them at the same time without a lock. No other data hangs on them: their
//! order does not matter, and it does no harm if one gets lost.

use super::once::OnceBox;
use core::{
    ops::Range,
    sync::atomic::{
        AtomicU64,
        Ordering, //
    }, //
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
unsafe fn zeros<T>(count: usize) -> Result<KVVec<T>> {
    let mut vec = KVVec::<T>::with_capacity(count, GFP_KERNEL)?;

    // SAFETY: There is room for as many values, which are initialised before they count.
    unsafe {
        vec.as_mut_ptr().write_bytes(0, count);
        vec.inc_len(count);
    }
    Ok(vec)
}

/// How often the pages of a file were read: up to three times. Of a large file this takes memory,
/// from when it is first read until the inode goes.
pub(crate) struct ReadCounts {
    /// Of the first 64 pages.
    first: Counts,
    /// Of all pages, if there are more, or as many as are told apart.
    all: OnceBox<KVVec<Counts>>,
}

/// Of 64 pages, the lower and the upper bits of their counts.
struct Counts {
    low: AtomicU64,
    high: AtomicU64,
}

/// How many times 64 pages of one file are told apart, a power of two: a GiB, which takes 64 KiB.
/// A page counts for the page so much further on, too.
const MOST: u64 = 1 << 12;

impl ReadCounts {
    /// None was read.
    pub(crate) const fn new() -> Self {
        Self {
            first: Counts {
                low: AtomicU64::new(0),
                high: AtomicU64::new(0),
            },
            all: OnceBox::new(),
        }
    }

    /// Those of `page` and its neighbours.
    #[inline]
    fn find(&self, page: u64) -> Option<&Counts> {
        if page < 64 {
            return Some(&self.first);
        }
        let all = self.all.get()?;
        all.get(((page >> 6) & (MOST - 1)) as usize)
    }

    /// Whether `page` was read three times.
    #[inline]
    pub(super) fn is_often(&self, page: u64) -> bool {
        self.find(page).is_some_and(|counts| {
            let bits = counts.low.load(Ordering::Relaxed) & counts.high.load(Ordering::Relaxed);
            bits & (1 << (page & 63)) != 0
        })
    }

    /// Counts a read of `pages`, in a file of `size` pages.
    #[inline]
    pub(super) fn add(&self, pages: Range<u64>, size: u64) {
        if pages.end > 64 && self.all.get().is_none() {
            self.make(size);
        }
        let mut page = pages.start;
        while page < pages.end {
            // Those in the same words: at least this one.
            let from = page & 63;
            let count = 64u64.wrapping_sub(from).min(pages.end.wrapping_sub(page));
            let bits = u64::MAX.wrapping_shr(64u32.wrapping_sub(count as u32)) << from;
            if let Some(counts) = self.find(page) {
                let low = counts.low.load(Ordering::Relaxed);
                let high = counts.high.load(Ordering::Relaxed);
                // One more, but for those with both bits.
                let next = (low & !bits) | (bits & (!low | high));
                counts.low.store(next, Ordering::Relaxed);
                counts.high.store(high | (low & bits), Ordering::Relaxed);
            }
            page = page.wrapping_add(count);
        }
    }

    /// Makes room for more than the first pages. Without memory for it, they do not count.
    #[inline(never)]
    fn make(&self, size: u64) {
        let count = size.div_ceil(64).min(MOST) as usize;
        // SAFETY: Words of zeros are counts.
        let made = unsafe { zeros(count) }.map(|all| KBox::new(all, GFP_KERNEL));

        if let Ok(Ok(all)) = made {
            self.all.set(all);
        }
    }
}
