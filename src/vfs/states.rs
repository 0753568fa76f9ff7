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
    hint,
    ptr::NonNull,
    sync::atomic::{
        AtomicU32,
        AtomicU64,
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

/// How many states there are, and how many of them somebody is about to free: the former bounds
/// memory, so it goes down only when that is free; by the latter two who free at the same time
/// agree which is the last one.
struct Count(AtomicU64);

impl Count {
    /// One more in the low half: a state that exists.
    const ONE: u64 = 1;
    /// One more in the high half: a state that leaves.
    const LEAVES: u64 = 1 << 32;

    fn existing(both: u64) -> u64 {
        both & (Self::LEAVES - 1)
    }

    fn staying(both: u64) -> u64 {
        Self::existing(both).saturating_sub(both >> 32)
    }

    /// How many there are that nobody is about to free.
    fn stay(&self) -> u64 {
        Self::staying(self.0.load(Ordering::Relaxed))
    }

    /// Counts one more, that is still to be made, if there may be: how many others stay.
    fn reserve(&self, most: u64) -> Option<u64> {
        let more = |both| (Self::existing(both) < most).then(|| both.wrapping_add(Self::ONE));
        // What is freed is freed before.
        self.0
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, more)
            .ok()
            .map(Self::staying)
    }

    /// It could not be made: how many others stay.
    fn give_up(&self) -> u64 {
        let before = self.0.fetch_sub(Self::ONE, Ordering::Relaxed);
        Self::staying(before.wrapping_sub(Self::ONE))
    }

    /// Whether one that the caller has may be freed: whether more than `least` stay. If so, that is
    /// to be done, and followed by [`left`](Self::left).
    fn leave(&self, least: u64) -> bool {
        let fewer = |both| (Self::staying(both) > least).then(|| both.wrapping_add(Self::LEAVES));
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
            .is_ok()
    }

    /// One that leaves is freed.
    fn left(&self) {
        self.0
            .fetch_sub(Self::ONE | Self::LEAVES, Ordering::Release);
    }
}

/// The states of a kind.
pub(super) struct States {
    kept: Places<KEPT>,
    /// How many there are, kept or in use.
    count: Count,
    /// How many there may be.
    most: AtomicU32,
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
            count: Count(AtomicU64::new(0)),
            most: AtomicU32::new(0),
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
        self.most.store(most, Ordering::Relaxed);
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
                let most = self.most.load(Ordering::Relaxed);
                if let Some(others) = self.count.reserve(most.into()) {
                    state.raw = NonNull::new(workers::without_io(|| (self.make)(others == 0)));
                    if state.raw.is_none() && self.count.give_up() == 0 {
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

    /// Frees one, if more than `least` stay: gives it back if not.
    ///
    /// # Safety
    ///
    /// `state` must be one that was kept, or from `make`, and nobody else use it.
    unsafe fn release(&self, state: NonNull<c_void>, least: u64) -> Option<NonNull<c_void>> {
        if !self.count.leave(least) {
            return Some(state);
        }
        // SAFETY: By contract.
        unsafe { (self.free)(state) };
        self.count.left();
        None
    }

    /// Keeps one, or frees it; not the last one that stays, whoever else does the same.
    ///
    /// # Safety
    ///
    /// As for [`release`](Self::release).
    unsafe fn put(&self, mut state: NonNull<c_void>) {
        // There is no place if enough are kept, or somebody takes or puts back another one just
        // now. The last one that stays finds its place then: whatever is kept stays, too.
        while let Some(back) = self.kept.put(state) {
            // SAFETY: By contract.
            let Some(back) = (unsafe { self.release(back, 1) }) else {
                return;
            };
            state = back;
            hint::spin_loop();
        }
    }

    /// Frees those that are kept, as long as there are more than `least`. About how many pages.
    pub(super) fn trim(&self, least: usize) -> usize {
        let mut pages = 0usize;
        while let Some(state) = self.kept.take() {
            // SAFETY: What was kept is of the kind, and this function's now.
            if let Some(back) = unsafe { self.release(state, least as u64) } {
                // SAFETY: As above.
                unsafe { self.put(back) };
                break;
            }
            pages = pages.wrapping_add(self.pages);
        }
        pages
    }

    /// About how many pages [`trim`](Self::trim) would free.
    pub(super) fn kept(&self, least: usize) -> usize {
        let others = (self.count.stay() as usize).saturating_sub(least);
        self.kept.count().min(others).wrapping_mul(self.pages)
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
