// SPDX-License-Identifier: GPL-2.0

//! How often the pages of a file were read.
//!
//! Any number of tasks count at the same time without a lock. No other data hangs on the counts:
//! their order does not matter, and it does no harm if one gets lost.

use super::{
    once::OnceBox,
    page_bits::zeros, //
};
use core::{
    ops::Range,
    sync::atomic::{
        AtomicU64,
        Ordering, //
    }, //
};
use kernel::prelude::*;

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
