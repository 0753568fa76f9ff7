// SPDX-License-Identifier: GPL-2.0

//! What is kept for the next read, and how it is given back.
//!
//! C header: [`include/linux/shrinker.h`](srctree/include/linux/shrinker.h)
//!
//! Private buffers and the states of decoders are kept when they are not used ([`private`],
//! [`decoders`]), and what has been read into such a buffer may be ([`store`]), a bounded number of
//! them for all mounts together. The shrinker frees them when there is little memory, the first two
//! at once, and with them whoever drops caches. A state of each kind stays as long as anything is
//! mounted, lest there be none when there is no memory.

use super::{
    decoders,
    private,
    store, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    ffi::c_ulong,
    prelude::*, //
};

/// The registration of the shrinker. Dropped, everything is freed: after whoever reads is gone.
pub(crate) struct Pools(NonNull<bindings::shrinker>);

// SAFETY: A shrinker is freed by any task.
unsafe impl Send for Pools {}
// SAFETY: There is nothing to be done with a reference.
unsafe impl Sync for Pools {}

impl Pools {
    /// Registers the shrinker; once, with the module's parameters settled.
    pub(crate) fn new(name: &'static core::ffi::CStr) -> Result<Self> {
        // SAFETY: Nothing is decoded yet. A constant string without conversions. What is returned is
        // ours until it is registered.
        unsafe {
            decoders::init();
            let raw = bindings::shrinker_alloc(0, name.as_char_ptr());
            let shrinker = NonNull::new(raw).ok_or(ENOMEM)?;
            (*raw).count_objects = Some(count);
            (*raw).scan_objects = Some(scan);
            bindings::shrinker_register(raw);
            Ok(Self(shrinker))
        }
    }
}

impl Drop for Pools {
    fn drop(&mut self) {
        // SAFETY: Registered by `new`.
        unsafe { bindings::shrinker_free(self.0.as_ptr()) };
        free_all();
        store::free(usize::MAX);
    }
}

/// Frees the buffers and states that are kept. Returns about how many pages that were.
pub(crate) fn free() -> usize {
    private::trim().saturating_add(decoders::trim(1))
}

/// Frees all of them: there is nothing mounted that could be decoded.
pub(crate) fn free_all() {
    private::trim();
    decoders::trim(0);
}

/// # Safety
///
/// Called by reclaim only.
unsafe extern "C" fn count(
    _shrinker: *mut bindings::shrinker,
    _control: *mut bindings::shrink_control,
) -> c_ulong {
    private::kept()
        .saturating_add(decoders::kept(1))
        .saturating_add(store::pages())
}

/// # Safety
///
/// Called by reclaim only.
unsafe extern "C" fn scan(
    _shrinker: *mut bindings::shrinker,
    control: *mut bindings::shrink_control,
) -> c_ulong {
    // SAFETY: By contract; it is reclaim's.
    let most = unsafe { (*control).nr_to_scan };
    let freed = free();
    freed.saturating_add(store::free(most.saturating_sub(freed)))
}
