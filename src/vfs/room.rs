// SPDX-License-Identifier: GPL-2.0

//! How much memory all reads together take for what is in no page cache.
//!
//! What is read to be decoded, and what is decoded beside what was asked for, is megabytes of a
//! large extent. Where that is much of the memory there is, a few readers at a time would leave
//! nothing for the page cache, and the OOM killer comes. So there is a bound, one of 32 pages that
//! the machine has, and who would exceed it [waits](Room::wait) for others to end, or gives up
//! reading ahead.
//!
//! It is no more than a courtesy: what takes little does not count, whoever is the only one has
//! room, and a wait ends after a second at the latest. So nobody depends on another's end.

use super::{
    fatal_signal_pending,
    workers,
    PAGE_SHIFT, //
};
use core::sync::atomic::{
    AtomicUsize,
    Ordering, //
};
use kernel::bindings;

/// How many pages are taken.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// What takes no more bytes than that does not count.
const LITTLE: usize = 16 << PAGE_SHIFT;

/// How long a wait is at most, in nanoseconds.
const LONGEST: u64 = 1_000_000_000;

/// How many pages the machine has.
pub(super) fn total_pages() -> usize {
    // SAFETY: A number, which may change at any time.
    let pages = unsafe { (&raw const bindings::_totalram_pages.counter).read_volatile() };
    usize::try_from(pages).unwrap_or(0)
}

/// Room for so many pages. Dropped, it is another's.
pub(crate) struct Room(usize);

impl Room {
    /// Room for what takes little.
    pub(crate) const NONE: Self = Self(0);

    /// Whether `bytes` are so few that they do not count.
    #[inline]
    pub(crate) fn is_little(bytes: usize) -> bool {
        bytes <= LITTLE
    }

    /// Room for `bytes`, if there is any left.
    pub(crate) fn find(bytes: usize) -> Option<Self> {
        let pages = bytes >> PAGE_SHIFT;
        let most = total_pages() >> 5;
        let fits = |taken: usize| {
            let sum = taken.saturating_add(pages);
            (taken == 0 || sum <= most).then_some(sum)
        };
        let found = TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        found.is_ok().then(|| Self(pages))
    }

    /// Room for `bytes`, whoever else has any.
    pub(crate) fn take(bytes: usize) -> Self {
        let pages = bytes >> PAGE_SHIFT;
        TAKEN.fetch_add(pages, Ordering::Relaxed);
        Self(pages)
    }

    /// Room for `bytes`, if need be after a while. Sleeps.
    pub(crate) fn wait(bytes: usize) -> Self {
        let mut began = None;
        loop {
            if let Some(room) = Self::find(bytes) {
                return room;
            }
            let now = workers::now();
            if now.saturating_sub(*began.get_or_insert(now)) > LONGEST || fatal_signal_pending() {
                return Self::take(bytes);
            }
            // SAFETY: Who reads may sleep; no lock is held but those of folios.
            unsafe { bindings::schedule_timeout_killable(1) };
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.0 > 0 {
            TAKEN.fetch_sub(self.0, Ordering::Relaxed);
        }
    }
}
