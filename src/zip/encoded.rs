// SPDX-License-Identifier: GPL-2.0

//! The encoded bytes of pclusters that were decoded in part (`cache_strategy`).
//!
//! Whoever reads on where that part ended, or before it began, needs the same bytes. The option
//! says whether they are kept for the one, for both or for neither ([`Kept`]). They are in the store
//! of `vfs`, which all mounts share and which has a bound; who wants them takes them out, and puts
//! them back if again not all of the pcluster was asked for.
//!
//! Where the image is in a regular file that is read through its own page cache, that has them, and
//! manages them better than we could: a second copy would be paid twice, and save a copy in memory at
//! most. So none are kept then, whatever the option says.

use super::pcluster::Key;
use crate::{
    options::CacheStrategy,
    vfs::{
        private::Buffer,
        store::{
            self,
            Name, //
        }, //
    }, //
};
use core::sync::atomic::{
    AtomicBool,
    AtomicU64,
    Ordering, //
};

/// For whom encoded bytes are kept.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    /// For who reads what follows.
    pub(super) after: bool,
    /// For who reads what is before.
    pub(super) before: bool,
}

impl Kept {
    /// As the option says.
    pub(super) fn by(strategy: CacheStrategy) -> Self {
        Self {
            after: strategy != CacheStrategy::Disabled,
            before: strategy == CacheStrategy::Readaround,
        }
    }
}

/// What a mount has in the store. Dropped, that is freed.
pub(super) struct Encoded {
    owner: u64,
    /// There has been something.
    used: AtomicBool,
}

/// How many mounts there have been.
static OWNERS: AtomicU64 = AtomicU64::new(0);

impl Encoded {
    /// Nothing.
    pub(super) fn new() -> Self {
        Self {
            owner: OWNERS.fetch_add(1, Ordering::Relaxed),
            used: AtomicBool::new(false),
        }
    }

    /// What tells the mount from all others.
    pub(super) fn owner(&self) -> u64 {
        self.owner
    }

    fn name(&self, key: &Key) -> Name {
        let kind = u64::from(key.len) << 16 | (key.level as u64) << 8 | key.encoding as u64;
        Name {
            owner: self.owner,
            pos: key.pos.get(),
            kind,
        }
    }

    /// Takes out what was read of a pcluster.
    pub(super) fn take(&self, key: &Key) -> Option<Buffer> {
        if !self.used.load(Ordering::Relaxed) {
            return None;
        }
        store::take(&self.name(key))
    }

    /// Keeps it.
    pub(super) fn put(&self, key: &Key, bytes: Buffer) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        store::put(self.name(key), bytes);
    }

    /// Frees all of it.
    pub(super) fn clear(&self) {
        if self.used.load(Ordering::Relaxed) {
            store::forget(self.owner);
        }
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        self.clear();
    }
}
