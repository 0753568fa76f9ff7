// SPDX-License-Identifier: GPL-2.0

//! Following paths that a person gives, and opening what they lead to.
//!
//! C headers: [`include/linux/namei.h`](srctree/include/linux/namei.h),
//! [`include/linux/fs.h`](srctree/include/linux/fs.h)
//!
//! For a mount and its devices, in the task that mounts and with its credentials.

use super::extra;
use core::{
    ffi::CStr,
    mem::MaybeUninit,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::{
        from_err_ptr,
        to_result, //
    },
    ffi::{
        c_char,
        c_int, //
    },
    fs::File,
    prelude::*,
    sync::aref::ARef, //
};

/// What a path leads to.
///
/// # Invariants
///
/// The path is of an inode, and holds references that are this value's.
pub(crate) struct FoundPath(bindings::path);

impl FoundPath {
    /// Follows `path`, symlinks at its end as well.
    ///
    /// # Safety
    ///
    /// `path` must be a NUL-terminated string.
    pub(super) unsafe fn follow(path: *const c_char) -> Result<Self> {
        let mut found = MaybeUninit::<bindings::path>::uninit();

        // SAFETY: By contract. INVARIANT: It is filled in if something is found.
        unsafe {
            let follow = extra::CONST_LOOKUP_FOLLOW;
            to_result(extra::kern_path(path, follow, found.as_mut_ptr()))?;
            Ok(Self(found.assume_init()))
        }
    }

    fn is(&self, kind: u32) -> bool {
        // SAFETY: By the type invariant; the type of an inode is constant.
        let mode = unsafe { (*(*self.0.dentry).d_inode).i_mode };
        u32::from(mode) & bindings::S_IFMT == kind
    }

    /// Whether it is a block device.
    pub(crate) fn is_block_device(&self) -> bool {
        self.is(bindings::S_IFBLK)
    }

    /// Whether it is a regular file.
    pub(crate) fn is_regular(&self) -> bool {
        self.is(bindings::S_IFREG)
    }

    /// Opens it for reading: with all that opening by its path would ask, but not by that.
    pub(crate) fn open(&self) -> Result<ARef<File>> {
        // SAFETY: By the type invariant; an empty path from there is the place itself.
        unsafe {
            opened(bindings::file_open_root(
                &self.0,
                c"".as_char_ptr(),
                READ,
                0,
            ))
        }
    }
}

impl Drop for FoundPath {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::path_put(&self.0) };
    }
}

const READ: c_int = (bindings::O_RDONLY | bindings::O_LARGEFILE) as c_int;

/// Opens the file at `path` for reading.
pub(crate) fn open_file(path: &CStr) -> Result<ARef<File>> {
    // SAFETY: A string.
    unsafe { opened(bindings::filp_open(path.as_char_ptr(), READ, 0)) }
}

/// # Safety
///
/// `file` must be what opening has returned just now: nobody else has it, so there is no
/// `fdget_pos`. Its reference becomes the `ARef`'s.
unsafe fn opened(file: *mut bindings::file) -> Result<ARef<File>> {
    // SAFETY: By contract.
    unsafe {
        Ok(ARef::from_raw(NonNull::new_unchecked(
            from_err_ptr(file)?.cast(),
        )))
    }
}
