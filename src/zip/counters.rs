// SPDX-License-Identifier: GPL-2.0

//! What reading compressed files has cost a mount.

use core::sync::atomic::{
    AtomicU64,
    Ordering, //
};

/// One number. It only grows.
pub(crate) struct Counter(AtomicU64);

impl Counter {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds to it.
    #[inline]
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of a mount.
pub(crate) struct Counters {
    /// Bytes of pclusters that were read.
    pub(crate) read: Counter,
    /// Bytes that came of decoding them.
    pub(crate) decoded: Counter,
    /// Pclusters that were decoded not long after they had been before.
    pub(crate) again: Counter,
    /// Shares that another's work filled: that of one in flight, or what was kept.
    pub(crate) hits: Counter,
    /// Nanoseconds in decoders.
    pub(crate) nanoseconds: Counter,
    /// Pclusters that need not be read: their encoded bytes had been kept.
    pub(crate) encoded: Counter,
}

impl Counters {
    pub(super) const fn new() -> Self {
        Self {
            read: Counter::new(),
            decoded: Counter::new(),
            again: Counter::new(),
            hits: Counter::new(),
            nanoseconds: Counter::new(),
            encoded: Counter::new(),
        }
    }
}
