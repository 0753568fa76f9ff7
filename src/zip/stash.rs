// SPDX-License-Identifier: GPL-2.0

//! The ends of extents that have been decoded before the page that they are in was asked for.
//!
//! Extents do not end with pages: the last page of one is the first page of the next. A window
//! that ends with the last page that an extent fills alone leaves that one to the next window,
//! which would decode the extent again for a part of a page. So that part is kept for it.
//!
//! There are few places, each is used once, and the oldest is given up. The lock is a spinlock of
//! process context; nothing else is taken under it.

use super::pcluster::Key;
use crate::vfs::{
    folio::Part,
    private::Buffer, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::SpinLock, //
};

/// How many ends are kept: about as many as there are readers of one mount.
const PLACES: usize = 8;

/// The end of an extent.
pub(super) struct End {
    pub(super) key: Key,
    /// Where it begins, in decoded bytes.
    pub(super) at: usize,
    pub(super) len: usize,
    /// Its bytes are the first ones in here.
    pub(super) bytes: Buffer,
}

struct Places {
    ends: [Option<End>; PLACES],
    next: usize,
}

/// The ends that a mount keeps.
#[pin_data]
pub(super) struct Stash {
    #[pin]
    places: SpinLock<Places>,
}

impl Stash {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            places <- new_spinlock!(Places {
                ends: [const { None }; PLACES],
                next: 0,
            }),
        })
    }

    /// Keeps one.
    pub(super) fn put(&self, end: End) {
        let mut end = Some(end);
        let mut places = self.places.lock();
        let next = places.next;
        places.next = next.wrapping_add(1) & (PLACES - 1);
        if let Some(place) = places.ends.get_mut(next) {
            core::mem::swap(place, &mut end);
        }
        drop(places);
        // What was there is freed without the lock.
        drop(end);
    }

    /// Fills `part` with the bytes from `at` on, if they are here up to the end of the extent. Gives
    /// it back if not.
    pub(super) fn take(&self, key: &Key, at: usize, part: Part) -> Option<Part> {
        let mut found = None;
        let mut places = self.places.lock();
        for place in &mut places.ends {
            let fits = place.as_ref().is_some_and(|end| {
                end.key == *key
                    && end.at <= at
                    && at.saturating_add(part.len()) == end.at.saturating_add(end.len)
            });
            if fits {
                found = place.take();
                break;
            }
        }
        drop(places);
        let Some(end) = found else {
            return Some(part);
        };
        let from = at.saturating_sub(end.at);
        match end.bytes.bytes().get(from..end.len) {
            Some(bytes) => {
                part.fill(bytes, &[]);
                None
            }
            None => Some(part),
        }
    }

    /// Frees them.
    pub(super) fn clear(&self) {
        for index in 0..PLACES {
            let mut places = self.places.lock();
            let end = places.ends.get_mut(index).and_then(Option::take);
            drop(places);
            drop(end);
        }
    }
}
