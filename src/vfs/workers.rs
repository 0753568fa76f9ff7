// SPDX-License-Identifier: GPL-2.0

//! The workqueue in which data is decoded, and how decoding allocates.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)
//!
//! One queue serves all mounts. It is unbound, so that as many items run at a time as there are
//! processors, wherever their data has arrived, and no more, as none waits for another but for
//! its decoder ([`states`](super::states)); and it has a thread of its own for when there is no
//! memory to make one, since reclaim may wait for a page that an item decodes.

use super::extra;
use core::{
    marker::PhantomData,
    sync::atomic::{
        AtomicPtr,
        Ordering, //
    }, //
};
use kernel::{
    bindings,
    prelude::*, //
};

static QUEUE: AtomicPtr<bindings::workqueue_struct> = AtomicPtr::new(core::ptr::null_mut());

/// The queue. Dropped, what is queued has run, and nothing more may be queued: the module drops it
/// after the filesystem is unregistered.
pub(crate) struct Workers(PhantomData<*mut ()>);

// SAFETY: A queue may be destroyed by any task.
unsafe impl Send for Workers {}
// SAFETY: There is nothing to be done with a reference.
unsafe impl Sync for Workers {}

impl Workers {
    /// Makes the queue; once.
    pub(crate) fn new(name: &'static core::ffi::CStr) -> Result<Self> {
        // SAFETY: A constant string.
        let queue = unsafe { extra::erofs_helper_alloc_workqueue(name.as_char_ptr()) };
        if queue.is_null() {
            return Err(ENOMEM);
        }
        QUEUE.store(queue, Ordering::Release);
        Ok(Self(PhantomData))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let queue = QUEUE.swap(core::ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: Made by `new`, and no mount is left that could queue something.
        unsafe { bindings::destroy_workqueue(queue) };
    }
}

/// Queues `work`, from any context.
///
/// # Safety
///
/// `work` must be initialised, not queued, and stay in place until it has run. A filesystem of
/// this module must be mounted, or its [`Workers`] be there for another reason.
pub(super) unsafe fn queue(work: *mut bindings::work_struct) {
    // SAFETY: By contract.
    unsafe { extra::erofs_helper_queue_work(QUEUE.load(Ordering::Acquire), work) };
}

/// How many processors can decode at a time.
#[inline]
pub(crate) fn processors() -> u32 {
    // SAFETY: Reads a number.
    unsafe { extra::erofs_helper_num_online_cpus() }
}

/// The time since boot in nanoseconds.
#[inline]
pub(crate) fn now() -> u64 {
    // SAFETY: Reads a clock.
    unsafe { bindings::ktime_get() }.unsigned_abs()
}

/// Runs `f` so that what it allocates never waits for I/O, which might wait for `f`.
pub(crate) fn without_io<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: The flags are the current task's, and what is restored is what was there.
    unsafe {
        let flags = extra::erofs_helper_memalloc_noio_save();
        let result = f();
        extra::erofs_helper_memalloc_noio_restore(flags);
        result
    }
}
