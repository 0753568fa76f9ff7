// SPDX-License-Identifier: GPL-2.0

//! Data that is read into private memory, and what is done when all of it is there.
//!
//! C headers: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h),
//! [`include/linux/completion.h`](srctree/include/linux/completion.h)
//!
//! A [`Buffer`] and the [`Job`] that works on its contents are one object while the contents are
//! being read. Its folios are in no page cache and point to that object, which is how the end of
//! a bio finds it: each part of a folio that ends subtracts its bytes. The one who subtracts the
//! last ones, in whatever context, sees to it that the job runs:
//!
//! - in the task that started it, if that [keeps](Started::Kept) it: it comes back for it, and may
//!   wait;
//! - else as an item of the workqueue, at once.
//!
//! The two decide by one atomic exchange, so that exactly one of them does it: whoever comes
//! second finds the other's mark.

use super::{
    extra,
    folio::Part,
    private::{
        Buffer,
        Need, //
    },
    reused::RBox,
    workers, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull,
    sync::atomic::{
        AtomicBool,
        AtomicU32,
        AtomicUsize,
        Ordering, //
    }, //
};
use kernel::{
    bindings,
    prelude::*,
    types::Opaque, //
};

/// What is done with data that has arrived.
pub(crate) trait Job: Send + Sized + 'static {
    /// What comes of it, for the task that kept it.
    type Output;

    /// Does it, in a context that may sleep. `None` if the data could not be read.
    fn run(self, data: Option<Buffer>) -> Self::Output;
}

/// Nobody has come yet.
const BOTH: u32 = 0;
/// The data is there; the job is the starter's.
const ARRIVED: u32 = 1;
/// The starter has left; the job is the arrival's.
const LEFT: u32 = 2;

/// What an arrival needs to know: the same for all jobs.
struct Head {
    /// Bytes that are not there yet, and one more until all have been asked for.
    pending: AtomicUsize,
    failed: AtomicBool,
    party: AtomicU32,
    work: Opaque<bindings::work_struct>,
    done: Opaque<bindings::completion>,
}

/// # Invariants
///
/// While bytes are pending, nobody touches `buffer` and `job`.
#[repr(C)]
struct Incoming<J: Job> {
    // First, so that a pointer to it is a pointer to the whole.
    head: Head,
    buffer: Buffer,
    job: J,
}

/// Counts bytes of a private folio as arrived.
///
/// # Safety
///
/// `owner` must be what [`Buffer::set_owner`] was given, and as many bytes be pending and the
/// caller's. Any context.
pub(super) unsafe fn arrived(owner: *mut kernel::ffi::c_void, bytes: usize, failed: bool) {
    let head = owner.cast::<Head>();

    // SAFETY: By contract the object is there as long as bytes are pending. Once none is, it is
    // this function's until `party` says to whom it belongs; a task that waits for the completion
    // gets the object only after `complete` is through with it.
    unsafe {
        if failed {
            (*head).failed.store(true, Ordering::Relaxed);
        }
        if (*head).pending.fetch_sub(bytes, Ordering::AcqRel) != bytes {
            return;
        }
        if (*head).party.swap(ARRIVED, Ordering::AcqRel) == LEFT {
            workers::queue((*head).work.get());
        } else {
            bindings::complete((*head).done.get());
        }
    }
}

/// A job that was started.
pub(crate) enum Started<J: Job> {
    /// It runs by itself.
    Left,
    /// The task that started it has to come back for it.
    Kept(Ticket<J>),
}

/// Starts to read the first `len` bytes of `buffer`, by calling `read` for parts of them with
/// their places; then `job` runs. With `keep`, the caller comes back for it.
///
/// # Errors
///
/// `ENOMEM`; `job` is given back.
pub(crate) fn start<J: Job>(
    buffer: Buffer,
    len: usize,
    job: J,
    keep: bool,
    need: Need,
    read: impl FnMut(usize, Part),
) -> core::result::Result<Started<J>, (Error, J)> {
    let Ok(incoming) = RBox::<Incoming<J>>::new_uninit(need.flags()) else {
        return Err((ENOMEM, job));
    };
    let incoming = RBox::into_raw(RBox::write(
        incoming,
        Incoming {
            head: Head {
                pending: AtomicUsize::new(len.saturating_add(1)),
                failed: AtomicBool::new(false),
                party: AtomicU32::new(if keep { BOTH } else { LEFT }),
                work: Opaque::uninit(),
                done: Opaque::uninit(),
            },
            buffer,
            job,
        },
    ));

    // SAFETY: The object stays in place until it is taken over by whoever runs the job, which is
    // after the last `arrived`: that is the one here at the earliest. Until then the buffer is
    // only looked at.
    unsafe {
        let head = incoming.cast::<Head>();
        extra::erofs_helper_init_work((*head).work.get(), Some(run::<J>));
        extra::erofs_helper_init_completion((*head).done.get());
        let buffer = &(*incoming).buffer;
        buffer.set_owner(head.cast());
        buffer.parts(len.min(buffer.len()), read);
        let missing = len.saturating_sub(buffer.len());
        arrived(head.cast(), missing.saturating_add(1), missing > 0);
    }
    Ok(if keep {
        Started::Kept(Ticket {
            // SAFETY: Not null.
            incoming: unsafe { NonNull::new_unchecked(incoming) },
        })
    } else {
        Started::Left
    })
}

/// The work item.
///
/// # Safety
///
/// Called by the workqueue only, once, for the work of an `Incoming<J>` that arrived when its
/// starter had left.
unsafe extern "C" fn run<J: Job>(work: *mut bindings::work_struct) {
    // SAFETY: The work is the head's, which is the object's first field. By contract it is ours.
    let arrived = unsafe {
        let head = work
            .byte_sub(core::mem::offset_of!(Head, work))
            .cast::<Incoming<J>>();
        Arrived(RBox::from_raw(head))
    };
    workers::without_io(|| arrived.run());
}

/// A job whose data is there.
pub(crate) struct Arrived<J: Job>(RBox<Incoming<J>>);

impl<J: Job> Arrived<J> {
    /// Does it.
    pub(crate) fn run(self) -> J::Output {
        let (job, buffer) = self.take();
        job.run(buffer)
    }

    /// The job and its data. Not inlined, for the sake of the stack.
    #[inline(never)]
    fn take(self) -> (J, Option<Buffer>) {
        let incoming = RBox::into_inner(self.0);
        let failed = incoming.head.failed.load(Ordering::Relaxed);
        (incoming.job, (!failed).then_some(incoming.buffer))
    }
}

/// The right to a job whose data may not be there yet. Dropped, it runs by itself.
pub(crate) struct Ticket<J: Job> {
    incoming: NonNull<Incoming<J>>,
}

impl<J: Job> Ticket<J> {
    fn done(&self) -> *mut bindings::completion {
        // SAFETY: The object is there: its job is not done without this ticket.
        unsafe { (*self.incoming.as_ptr()).head.done.get() }
    }

    /// The job if its data is there; else it runs by itself.
    pub(crate) fn leave(self) -> Option<Arrived<J>> {
        let this = ManuallyDrop::new(self);

        // SAFETY: The object is there, and this task's if the data has arrived. The completion
        // then follows at once, and the arrival does not touch the object after it.
        unsafe {
            let head = this.incoming.as_ptr().cast::<Head>();
            if (*head).party.swap(LEFT, Ordering::AcqRel) != ARRIVED {
                return None;
            }
            bindings::wait_for_completion(this.done());
            Some(Arrived(RBox::from_raw(this.incoming.as_ptr())))
        }
    }

    /// Waits until the data is there or the task is killed, then as [`leave`](Self::leave).
    pub(crate) fn wait(self) -> Option<Arrived<J>> {
        // SAFETY: An initialised completion.
        let killed = unsafe { bindings::wait_for_completion_killable(self.done()) } != 0;
        if killed {
            return self.leave();
        }
        let this = ManuallyDrop::new(self);
        // SAFETY: The completion has ended, so the object is this task's.
        Some(Arrived(unsafe { RBox::from_raw(this.incoming.as_ptr()) }))
    }
}

impl<J: Job> Drop for Ticket<J> {
    fn drop(&mut self) {
        // SAFETY: The object is there. If its data has arrived it is this task's, and is queued.
        unsafe {
            let head = self.incoming.as_ptr().cast::<Head>();
            if (*head).party.swap(LEFT, Ordering::AcqRel) == ARRIVED {
                bindings::wait_for_completion(self.done());
                workers::queue((*head).work.get());
            }
        }
    }
}
