// SPDX-License-Identifier: GPL-2.0

//! Further block devices of a superblock, beside the one it is on.
//!
//! C headers: [`include/linux/blkdev.h`](srctree/include/linux/blkdev.h),
//! [`include/linux/fs/super.h`](srctree/include/linux/fs/super.h)
//!
//! They are claimed for the filesystem type: no other filesystem can take them, but any number of
//! superblocks of this type can use them at the same time.

use super::{
    bio::BlockDevice,
    dax::DaxDevice, //
};
use core::{
    ffi::CStr,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*, //
};

/// A block device that is open for a superblock.
///
/// # Invariants
///
/// `file` is `device`, open, and claimed for `sb`, which is alive.
pub(crate) struct OpenBlockDevice {
    file: NonNull<bindings::file>,
    device: NonNull<bindings::block_device>,
    sb: NonNull<bindings::super_block>,
    dax: Option<DaxDevice>,
}

// SAFETY: An open file may be used and closed by any task.
unsafe impl Send for OpenBlockDevice {}
// SAFETY: As above.
unsafe impl Sync for OpenBlockDevice {}

impl OpenBlockDevice {
    /// Opens the device at `path` for reading. `ENOTBLK` if that is something else.
    ///
    /// # Safety
    ///
    /// `sb` must be alive as long as the result, whose filesystem type must not have been
    /// unregistered.
    pub(super) unsafe fn open(path: &CStr, sb: NonNull<bindings::super_block>) -> Result<Self> {
        // SAFETY: By contract. The holder is a token of which only the address counts.
        let file = unsafe {
            from_err_ptr(bindings::fs_bdev_file_open_by_path(
                path.as_char_ptr(),
                super::extra::CONST_BLK_OPEN_READ,
                (*sb.as_ptr()).s_type.cast(),
                sb.as_ptr(),
            ))?
        };
        // INVARIANT: Opened just now, for `sb`.
        // SAFETY: An open block device is neither at the null address, nor is its file.
        Ok(unsafe {
            let device = bindings::file_bdev(file);
            Self {
                file: NonNull::new_unchecked(file),
                device: NonNull::new_unchecked(device),
                sb,
                dax: DaxDevice::of(device),
            }
        })
    }

    /// The device.
    #[inline]
    pub(crate) fn device(&self) -> &BlockDevice {
        // SAFETY: By the type invariant the device is open as long as the file is.
        unsafe { BlockDevice::from_open(self.device) }
    }

    /// Its persistent memory, if it has any.
    pub(crate) fn dax(&self) -> Option<&DaxDevice> {
        self.dax.as_ref()
    }
}

impl Drop for OpenBlockDevice {
    fn drop(&mut self) {
        // Before its device.
        self.dax = None;
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_bdev_file_release(self.file.as_ptr(), self.sb.as_ptr()) };
    }
}
