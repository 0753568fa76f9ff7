// SPDX-License-Identifier: GPL-2.0

//! Which inodes a mount has complained of, so that each is complained of once.
//!
//! An inode that is there remembers that itself. One that is refused is not there, and is looked up
//! again and again; and extended attributes are read by whoever asks for them. Called where the log
//! is written only.

#![forbid(unsafe_code)]

use crate::{
    ondisk::Nid,
    super_block::Erofs,
    vfs::{
        log,
        super_block::SuperBlock, //
    }, //
};
use core::sync::atomic::{
    AtomicU64,
    Ordering, //
};
use kernel::fmt;

/// How many are remembered, as a power of two. Of an image that has more, some are told twice.
const BITS: u32 = 3;

/// The inodes that a mount has complained of lately.
pub(crate) struct Refusals([AtomicU64; 1 << BITS]);

impl Refusals {
    /// None.
    pub(crate) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; 1 << BITS])
    }

    /// Whether this is the first time. It is not from now on.
    fn is_news(&self, nid: Nid) -> bool {
        let hash = nid.get().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // Zero is none.
        let tag = hash | 1;
        let place = self.0.get((hash >> (u64::BITS - BITS)) as usize);
        place.is_none_or(|place| place.swap(tag, Ordering::Relaxed) != tag)
    }
}

/// Logs what is wrong with an inode, unless something has been said of it before.
#[cold]
#[inline(never)]
pub(crate) fn complain(sb: &SuperBlock<Erofs>, nid: Nid, what: fmt::Arguments<'_>) {
    if sb.data().refusals.is_news(nid) {
        log::print(sb, log::Level::Error, what);
    }
}
