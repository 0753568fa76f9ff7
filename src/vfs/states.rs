// SPDX-License-Identifier: GPL-2.0

//! What decoders need beside input and output: in bounded number, for all mounts together.
//!
//! There are at most so many states of a kind as its module parameter says, of which a few are
//! kept for the next ones ([`States::get`]). Who finds all of them in use waits. That ends: whoever
//! has a state decodes from memory into memory, allocates nothing and waits for nothing until it
//! is back.
//!
//! A state that has to be made is allocated without I/O, as others may wait for it, and I/O for
//! what they decode. If there is no memory for one, those that there are have to do: a last state of
//! each kind that was ever used is kept as long as anything is mounted. So what has been decoded
//! once can be decoded whatever memory there is.

use super::{
    extra,
    places::Places,
    workers, //
};
use core::{
    ffi::c_void,
    ptr::NonNull,
    sync::atomic::{
        AtomicUsize,
        Ordering, //
    }, //
};
use kernel::{
    bindings,
    types::Opaque, //
};

/// How many states of a kind are kept when they are not used.
const KEPT: usize = 8;

/// More than so many at a time are of no use, whatever the parameter says.
const MOST: u32 = 1024;

/// The states of a kind.
pub(super) struct States {
    kept: Places<KEPT>,
    /// How many there are, kept or in use.
    count: AtomicUsize,
    /// How many there may be.
    most: AtomicUsize,
    /// A semaphore: it has been completed once for each that may be in use and is not.
    idle: Opaque<bindings::completion>,
    /// Allocates one, or returns null; it is told whether there is no other.
    make: fn(bool) -> *mut c_void,
    /// Frees what that allocated.
    free: unsafe fn(NonNull<c_void>),
    /// About how many pages one has.
    pages: usize,
}

// SAFETY: All fields are for use by several tasks at a time.
unsafe impl Sync for States {}

impl States {
    /// None yet.
    pub(super) const fn new(
        make: fn(bool) -> *mut c_void,
        free: unsafe fn(NonNull<c_void>),
        pages: usize,
    ) -> Self {
        Self {
            kept: Places::new(),
            count: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            idle: Opaque::zeroed(),
            make,
            free,
            pages,
        }
    }

    /// Lets there be `most` at a time.
    ///
    /// # Safety
    ///
    /// To be called once, before anything else.
    pub(super) unsafe fn allow(&self, most: u32) {
        let most = most.min(MOST);
        // SAFETY: Nobody uses it yet.
        unsafe { extra::erofs_helper_init_completion(self.idle.get()) };
        for _ in 0..most {
            // SAFETY: It is initialised.
            unsafe { bindings::complete(self.idle.get()) };
        }
        self.most.store(most as usize, Ordering::Relaxed);
    }

    /// A state for the caller alone. `None` if there is none, and no memory for one.
    pub(super) fn get(&'static self) -> Option<State> {
        // SAFETY: Initialised by `allow`; the caller may sleep, as whoever decodes.
        unsafe { bindings::wait_for_completion(self.idle.get()) };
        // Ends the use, also if nothing comes of it.
        let mut state = State {
            states: self,
            raw: None,
        };
        let mut tries = 0u32;
        loop {
            state.raw = self.kept.take();
            if state.raw.is_none() {
                if let Ok(others) = self.reserve() {
                    state.raw = NonNull::new(workers::without_io(|| (self.make)(others == 0)));
                    if state.raw.is_none() && self.count.fetch_sub(1, Ordering::Relaxed) == 1 {
                        return None;
                    }
                }
            }
            if state.raw.is_some() {
                return Some(state);
            }
            // Another one comes back, or has since the first look.
            if tries > 0 {
                // SAFETY: The caller may sleep.
                unsafe { bindings::schedule_timeout_uninterruptible(1) };
            }
            tries = tries.wrapping_add(1);
        }
    }

    /// Counts one more, if there may be: how many others there are.
    fn reserve(&self) -> core::result::Result<usize, usize> {
        let most = self.most.load(Ordering::Relaxed);
        let more = |count: usize| (count < most).then(|| count.wrapping_add(1));
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
    }

    /// Keeps one, or frees it.
    ///
    /// # Safety
    ///
    /// `state` must be one that was kept, or from `make`, and nobody else use it.
    unsafe fn put(&self, state: NonNull<c_void>) {
        if let Some(state) = self.kept.put(state) {
            // There are enough, or another one is put back just now: that one stays.
            // SAFETY: By contract.
            unsafe { (self.free)(state) };
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Frees those that are kept, as long as there are more than `least`. About how many pages.
    pub(super) fn trim(&self, least: usize) -> usize {
        let fewer = |count: usize| (count > least).then(|| count.wrapping_sub(1));
        let mut pages = 0usize;
        while self
            .count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
            .is_ok()
        {
            let Some(state) = self.kept.take() else {
                self.count.fetch_add(1, Ordering::Relaxed);
                break;
            };
            // SAFETY: What is kept is of the kind, and this function's now.
            unsafe { (self.free)(state) };
            pages = pages.wrapping_add(self.pages);
        }
        pages
    }

    /// About how many pages [`trim`](Self::trim) would free.
    pub(super) fn kept(&self, least: usize) -> usize {
        let states = self.kept.count();
        let others = self.count.load(Ordering::Relaxed).saturating_sub(least);
        states.min(others).wrapping_mul(self.pages)
    }
}

/// A state in use. Dropped, it is another's.
pub(super) struct State {
    states: &'static States,
    /// `None` only within [`States::get`].
    raw: Option<NonNull<c_void>>,
}

impl State {
    pub(super) fn as_ptr(&self) -> *mut c_void {
        self.raw.map_or(core::ptr::null_mut(), NonNull::as_ptr)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: The state is from `get`. Its use ends, which is completed once.
        unsafe {
            if let Some(state) = self.raw {
                self.states.put(state);
            }
            bindings::complete(self.states.idle.get());
        }
    }
}
