// SPDX-License-Identifier: GPL-2.0

//! Private memory whose contents somebody may want again, found by name.
//!
//! There is one store, for all owners together, and it has a bound: so many pages
//! ([`limit`]), and as many buffers as there are [`PLACES`]; the oldest ones go. Whoever wants a
//! buffer takes it out. It is theirs alone then, to be put back or not. The shrinker
//! ([`pools`](super::pools)) frees what is in here.
//!
//! There are no locks, and so no order of them: a place is a pointer that is exchanged atomically,
//! and even who only looks at what is in it takes it out for that time. Two who look at the same
//! place may so miss what is there; then something is read again, and that is all. A name has two
//! places, by its hash. To be used in process context, as buffers are freed here.

use super::{
    private::Buffer,
    room::total_pages,
    PAGE_SHIFT, //
};
use core::{
    ptr::null_mut,
    sync::atomic::{
        AtomicPtr,
        AtomicUsize,
        Ordering, //
    }, //
};
use kernel::prelude::*;

/// What contents are found by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    /// Whose they are.
    pub(crate) owner: u64,
    /// Where they come from,
    pub(crate) pos: u64,
    /// and whatever else they differ by.
    pub(crate) kind: u64,
}

/// A buffer in the store.
struct Kept {
    name: Name,
    buffer: Buffer,
}

impl Kept {
    fn pages(&self) -> usize {
        self.buffer.len() >> PAGE_SHIFT
    }
}

/// How many buffers there may be: a power of two.
const PLACES: usize = 1024;

/// What is in the store. A pointer that is not null is that of a `KBox`.
static STORE: [AtomicPtr<Kept>; PLACES] = [const { AtomicPtr::new(null_mut()) }; PLACES];

/// How many pages there are, also in those that somebody looks at just now.
static PAGES: AtomicUsize = AtomicUsize::new(0);

/// Which place is given up next.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// How many pages there may be: one of 128 that the machine has.
fn limit() -> usize {
    total_pages() >> 7
}

/// The places that a name has.
fn places(name: &Name) -> impl Iterator<Item = &'static AtomicPtr<Kept>> {
    let hash = (name.pos ^ name.owner.rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let first = (hash >> 40) as usize & (PLACES - 1);
    [first, first ^ 1]
        .into_iter()
        .filter_map(|index| STORE.get(index))
}

/// Takes out what is in a place.
fn lift(place: &AtomicPtr<Kept>) -> Option<KBox<Kept>> {
    if place.load(Ordering::Relaxed).is_null() {
        return None;
    }
    let kept = place.swap(null_mut(), Ordering::Acquire);
    // SAFETY: Only `lay` puts pointers in, those of boxes, and the exchange made this one ours.
    (!kept.is_null()).then(|| unsafe { KBox::from_raw(kept) })
}

/// Puts something in a place, if that is empty. Gives it back if not.
fn lay(place: &AtomicPtr<Kept>, kept: KBox<Kept>) -> Option<KBox<Kept>> {
    let kept = KBox::into_raw(kept);
    let laid = place.compare_exchange(null_mut(), kept, Ordering::Release, Ordering::Relaxed);
    // SAFETY: The box that was just given up, and nobody has seen it.
    laid.err().map(|_| unsafe { KBox::from_raw(kept) })
}

/// Something leaves the store.
fn remove(kept: KBox<Kept>) -> Buffer {
    PAGES.fetch_sub(kept.pages(), Ordering::Relaxed);
    KBox::into_inner(kept).buffer
}

/// Takes the buffer of this name out.
pub(crate) fn take(name: &Name) -> Option<Buffer> {
    for place in places(name) {
        let Some(kept) = lift(place) else {
            continue;
        };
        if kept.name == *name {
            return Some(remove(kept));
        }
        // Somebody else's may be there by now.
        if let Some(back) = lay(place, kept) {
            drop(remove(back));
        }
    }
    None
}

/// Keeps a buffer, unless there is no memory for that.
pub(crate) fn put(name: Name, buffer: Buffer) {
    let most = limit();
    let kept = Kept { name, buffer };
    let pages = kept.pages();
    if pages > most {
        return;
    }
    let Ok(kept) = KBox::new(kept, GFP_NOWAIT | __GFP_NOWARN) else {
        return;
    };
    let all = PAGES.fetch_add(pages, Ordering::Relaxed);
    free(all.saturating_add(pages).saturating_sub(most));

    let mut kept = kept;
    for place in places(&name) {
        match lay(place, kept) {
            None => return,
            Some(back) => kept = back,
        }
    }
    // Each of them is as old as the other.
    let turn = NEXT.load(Ordering::Relaxed) & 1;
    for place in places(&name).skip(turn).take(1) {
        if let Some(old) = lift(place) {
            drop(remove(old));
        }
        match lay(place, kept) {
            None => return,
            Some(back) => kept = back,
        }
    }
    drop(remove(kept));
}

/// Frees about as many pages, if there are as many. Returns how many it were.
pub(super) fn free(most: usize) -> usize {
    let mut pages = 0usize;
    let mut places = 0usize;
    while pages < most && places < PLACES {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) & (PLACES - 1);
        places = places.wrapping_add(1);
        if let Some(kept) = STORE.get(next).and_then(lift) {
            pages = pages.wrapping_add(kept.pages());
            drop(remove(kept));
        }
    }
    pages
}

/// Frees all that is an owner's.
pub(crate) fn forget(owner: u64) {
    for place in &STORE {
        let Some(kept) = lift(place) else {
            continue;
        };
        let back = if kept.name.owner == owner {
            Some(kept)
        } else {
            lay(place, kept)
        };
        if let Some(kept) = back {
            drop(remove(kept));
        }
    }
}

/// How many pages there are.
pub(crate) fn pages() -> usize {
    PAGES.load(Ordering::Relaxed)
}
