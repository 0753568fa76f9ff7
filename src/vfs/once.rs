// SPDX-License-Identifier: GPL-2.0

//! A value that is made once, when it is first needed, and then only read.
//!
//! As `kernel::sync::SetOnce`, but looking costs one load, where that one calls a function of C:
//! this is for what is looked at all the time.

use core::{
    marker::PhantomData,
    sync::atomic::{
        AtomicPtr,
        Ordering, //
    }, //
};
use kernel::prelude::*;

/// A place for such a value.
///
/// # Invariants
///
/// The pointer is null, or from a `KBox` that is this place's. It is set once.
pub(crate) struct OnceBox<T> {
    value: AtomicPtr<T>,
    _value: PhantomData<KBox<T>>,
}

// SAFETY: The value is shared by whoever shares the place, and dropped by whoever drops it.
unsafe impl<T: Send + Sync> Send for OnceBox<T> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync> Sync for OnceBox<T> {}

impl<T> OnceBox<T> {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self {
            value: AtomicPtr::new(core::ptr::null_mut()),
            _value: PhantomData,
        }
    }

    /// The value, if it was made.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: By the type invariant; this is ordered behind whatever made the value.
        unsafe { self.value.load(Ordering::Acquire).as_ref() }
    }

    /// Puts `value` here. If another one is here already, that stays, and this one is dropped.
    pub(crate) fn set(&self, value: KBox<T>) {
        let raw = KBox::into_raw(value);
        let null = core::ptr::null_mut();

        // INVARIANT: The pointer is this place's from here on.
        let set = self
            .value
            .compare_exchange(null, raw, Ordering::Release, Ordering::Relaxed);
        if set.is_err() {
            // SAFETY: It is from `into_raw`, and nobody else has it.
            drop(unsafe { KBox::from_raw(raw) });
        }
    }
}

impl<T> Drop for OnceBox<T> {
    fn drop(&mut self) {
        let raw = *self.value.get_mut();
        if !raw.is_null() {
            // SAFETY: By the type invariant; nobody looks at it any more.
            drop(unsafe { KBox::from_raw(raw) });
        }
    }
}
