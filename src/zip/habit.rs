// SPDX-License-Identifier: GPL-2.0

//! Whether the rest of an extent is worth having.
//!
//! A page out of the middle of an extent costs decoding all that is before it, half of the extent
//! on average. Decoding all of it into the page cache costs twice as much and a page each: that
//! is well spent on those who come back, and wasted on those who do not. So the first time an
//! extent is touched only what is asked for is decoded, and the second time all of it. What tells
//! is the page cache itself: there is a page of the extent already. Where that happens often in a
//! file it is not waited for any more: all extents are decoded whole at once.
//!
//! For the counters, what was decoded is remembered in a small table that all mounts share: a lossy
//! one, without locks.

use super::Mount;
use crate::vfs::folio::Mapping;
use core::sync::atomic::{
    AtomicU32,
    Ordering, //
};

/// What is known of how a file is read at single places. The numbers need not be exact.
pub(super) struct Habit {
    /// How often an extent was touched of which there was no page.
    first: AtomicU32,
    /// How often there was one.
    again: AtomicU32,
}

/// After so many touches older ones count half.
const MEMORY: u32 = 1024;

/// So many times may an extent be touched once for each that is touched again.
const OFTEN: u32 = 8;

/// Before so many are touched again nothing is known.
const ENOUGH: u32 = 4;

impl Habit {
    /// Nothing is known.
    pub(super) const fn new() -> Self {
        Self {
            first: AtomicU32::new(0),
            again: AtomicU32::new(0),
        }
    }

    /// Whether to read all pages from `own.0` to `own.1`, which an extent fills, where those from
    /// `from` to `to` are asked for.
    pub(super) fn is_worth(
        &self,
        mapping: Mapping<'_>,
        own: (u64, u64),
        from: u64,
        to: u64,
    ) -> bool {
        let first = self.first.load(Ordering::Relaxed);
        let again = self.again.load(Ordering::Relaxed);
        let known = mapping.has_pages(own.0, from) || mapping.has_pages(to, own.1);
        let (counter, number) = if known {
            (&self.again, again)
        } else {
            (&self.first, first)
        };

        counter.store(number.wrapping_add(1), Ordering::Relaxed);
        if first.saturating_add(again) > MEMORY {
            self.first.store(first >> 1, Ordering::Relaxed);
            self.again.store(again >> 1, Ordering::Relaxed);
        }
        known || (again >= ENOUGH && again.saturating_mul(OFTEN) >= first)
    }
}

/// How many pclusters are remembered, a power of two.
const REMEMBERED: usize = 4096;

static DECODED: [AtomicU32; REMEMBERED] = [const { AtomicU32::new(0) }; REMEMBERED];

/// Whether the pcluster of `mount` at `pos` was decoded not long ago. It is from now on.
pub(super) fn decoded(mount: &Mount, pos: u64) -> bool {
    let hash = (mount.encoded.owner().rotate_left(40) ^ pos)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(20)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The upper half tells pclusters of one slot from each other; zero is none.
    let tag = ((hash >> 32) as u32) | 1;
    match DECODED.get(hash as usize & (REMEMBERED - 1)) {
        Some(slot) if slot.load(Ordering::Relaxed) == tag => true,
        Some(slot) => {
            slot.store(tag, Ordering::Relaxed);
            false
        }
        None => false,
    }
}
