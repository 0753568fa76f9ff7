// SPDX-License-Identifier: GPL-2.0

//! Acting with the credentials of whoever opened a file.
//!
//! C header: [`include/linux/cred.h`](srctree/include/linux/cred.h)

use super::extra;
use core::marker::PhantomData;
use kernel::{
    bindings,
    fs::File, //
};

/// While it lives, the current task acts with a file's credentials. Guards nest: they are dropped
/// in the reverse order of their making, as they are made and dropped by [`with_opener`] only.
struct Override<'a> {
    previous: *const bindings::cred,
    // Not `Send`: the credentials are the current task's.
    _file: PhantomData<(&'a File, *mut ())>,
}

impl Drop for Override<'_> {
    fn drop(&mut self) {
        // SAFETY: These were the task's credentials when the guard was made.
        unsafe { extra::erofs_helper_revert_creds(self.previous) };
    }
}

/// Calls `act` with the credentials of the opener of `file`.
#[inline]
pub(super) fn with_opener<R>(file: &File, act: impl FnOnce() -> R) -> R {
    // SAFETY: The file holds a reference to its credentials and outlives the guard.
    let _guard = unsafe {
        Override {
            previous: extra::erofs_helper_override_creds((*file.as_ptr()).f_cred),
            _file: PhantomData,
        }
    };
    act()
}
