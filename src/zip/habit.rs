// SPDX-License-Identifier: GPL-2.0

//! Whether the rest of an extent is worth having.
//!
//! A page out of the middle of an extent costs decoding all that is before it, half of the extent
//! on average. Decoding all of it into the page cache costs twice as much and a page each: that
//! is well spent on those who come back, and wasted on those who do not. So the second time an
//! extent is touched all of it is decoded. What tells is the page cache itself: there is a page of
//! the extent already.
//!
//! The first time, all of it is decoded if what is saved thereby is worth more than what it costs:
//! the whole extent, if somebody comes back, against what is behind the page. How likely that is
//! follows from how often it happened in the file; as long as nothing is known, it is taken for
//! likely, if the extent has more than a few pages. Extents are touched again the more often the
//! longer somebody goes on to read at random, and the more pages they have: so what was seen until
//! now counts as often as there are pages, if these are not many.
//!
//! For the counters, what was decoded is remembered in a small table that all mounts share: a lossy
//! one, without locks.

use super::Mount;
use crate::vfs::{
    folio::Mapping,
    PAGE_SHIFT, //
};
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

/// If one touch in so many is the second one of a large extent, it is certain to happen.
const OFTEN: u64 = 12;

/// Somebody who reads the first bytes of an extent, of which more than so many times as many follow,
/// does not wait for the others. They are asked for next, if he reads on.
const LITTLE: u64 = 4;

/// What is known at the beginning counts as so many touches,
const PRIOR: u64 = 16;
/// so many of them second ones for each page of the extent, but not more
const PRIOR_AGAIN_A_PAGE: u64 = 2;
/// than so many.
const PRIOR_AGAIN: u64 = 14;

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
        let all = u64::from(first.saturating_add(again)).saturating_add(PRIOR);
        let costs = own.1.saturating_sub(to);
        let saves = own.1.saturating_sub(own.0);
        let pages = saves >> PAGE_SHIFT;
        let likely = u64::from(again)
            .saturating_mul(OFTEN.min(pages))
            .saturating_add(PRIOR_AGAIN.min(pages.saturating_mul(PRIOR_AGAIN_A_PAGE)));
        // At its beginning nothing is decoded that is not asked for, and little again later.
        let begins = from <= own.0 && costs > to.saturating_sub(from).saturating_mul(LITTLE);
        known || (!begins && costs.saturating_mul(all) <= saves.saturating_mul(likely))
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
