// SPDX-License-Identifier: GPL-2.0

//! Whether the rest of an extent is worth having.
//!
//! A page out of the middle of an extent costs decoding all that is before it, half of the extent
//! on average. Decoding all of it into the page cache costs twice as much and a page each: that
//! is well spent on those who come back, and wasted on those who do not. So the first time an
//! extent is touched only what is asked for is decoded, and the second time all of it. What tells
//! is the page cache itself: there is a page of the extent already.
//!
//! For the counters, what was decoded is remembered in a small table that all mounts share: a lossy
//! one, without locks.

use super::Mount;
use crate::vfs::folio::Mapping;
use core::sync::atomic::{
    AtomicU32,
    Ordering, //
};

/// Whether there are pages of an extent that fills those from `own.0` to `own.1`, other than the
/// ones from `from` to `to`, which are being read.
pub(super) fn is_known(mapping: Mapping<'_>, own: (u64, u64), from: u64, to: u64) -> bool {
    mapping.has_pages(own.0, from) || mapping.has_pages(to, own.1)
}

/// How many pclusters are remembered, a power of two.
const REMEMBERED: usize = 4096;

static DECODED: [AtomicU32; REMEMBERED] = [const { AtomicU32::new(0) }; REMEMBERED];

/// Whether the pcluster of `mount` at `pos` was decoded not long ago. It is from now on.
pub(super) fn decoded(mount: &Mount, pos: u64) -> bool {
    let key = core::ptr::from_ref(mount).addr() as u64;
    let hash = (key ^ pos)
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
