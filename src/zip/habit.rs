// SPDX-License-Identifier: GPL-2.0

//! Whether the rest of an extent is worth having.
//!
//! A page out of the middle of an extent costs decoding all that is before it, half of the extent
//! on average. Decoding all of it into the page cache costs twice as much and a page each: that
//! is well spent on those who come back, and wasted on those who do not. So the first time an
//! extent is touched only what is asked for is decoded, and the second time all of it.
//!
//! What was touched is remembered in a small table that all mounts share: a lossy one, without
//! locks. Being wrong costs time, nothing else.

use super::Mount;
use core::sync::atomic::{
    AtomicU32,
    Ordering, //
};

/// How many extents are remembered, a power of two.
const REMEMBERED: usize = 4096;

type Table = [AtomicU32; REMEMBERED];

static TOUCHED: Table = [const { AtomicU32::new(0) }; REMEMBERED];
static DECODED: Table = [const { AtomicU32::new(0) }; REMEMBERED];

/// Whether the extent of `mount` whose pcluster begins at `pos` was touched not long ago. It is
/// from now on.
pub(super) fn touch(mount: &Mount, pos: u64) -> bool {
    mark(&TOUCHED, mount, pos)
}

/// The same of decoding the pcluster.
pub(super) fn decoded(mount: &Mount, pos: u64) -> bool {
    mark(&DECODED, mount, pos)
}

fn mark(table: &Table, mount: &Mount, pos: u64) -> bool {
    let key = core::ptr::from_ref(mount).addr() as u64;
    let hash = (key ^ pos)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(20)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The upper half tells extents of one slot from each other; zero is none.
    let tag = ((hash >> 32) as u32) | 1;
    match table.get(hash as usize & (REMEMBERED - 1)) {
        Some(slot) if slot.load(Ordering::Relaxed) == tag => true,
        Some(slot) => {
            slot.store(tag, Ordering::Relaxed);
            false
        }
        None => false,
    }
}
