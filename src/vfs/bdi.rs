// SPDX-License-Identifier: GPL-2.0

//! Backing device information shared by the mounts that have no block device.
//!
//! C header: [`include/linux/backing-dev.h`](srctree/include/linux/backing-dev.h)
//!
//! A registered `backing_dev_info` costs a device with sysfs files, writeback state and per-cpu
//! counters. A read-only mount needs of it only the readahead size, so all of them share one. It
//! must be registered before the filesystem type and outlive it, as mounts take references.

use super::extra;
use core::{
    ffi::CStr,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// A registered `backing_dev_info`.
pub(super) struct SharedBdi(NonNull<bindings::backing_dev_info>);

// SAFETY: The object is counted and locked by itself.
unsafe impl Send for SharedBdi {}
// SAFETY: As above.
unsafe impl Sync for SharedBdi {}

impl SharedBdi {
    /// Registers one under `name` in `/sys/class/bdi`.
    pub(super) fn register(name: &'static CStr) -> Result<Self> {
        // SAFETY: Allocates; any node will do.
        let bdi = unsafe { extra::bdi_alloc(bindings::NUMA_NO_NODE) };
        let bdi = NonNull::new(bdi).ok_or(ENOMEM)?;

        // SAFETY: A new object, which is put if it is not registered. The format takes one string.
        unsafe {
            let ret = extra::bdi_register(bdi.as_ptr(), c"%s".as_char_ptr(), name.as_char_ptr());
            if ret < 0 {
                extra::bdi_put(bdi.as_ptr());
                return Err(Error::from_errno(ret));
            }
        }
        Ok(Self(bdi))
    }

    pub(super) fn as_raw(&self) -> *mut bindings::backing_dev_info {
        self.0.as_ptr()
    }
}

impl Drop for SharedBdi {
    fn drop(&mut self) {
        // SAFETY: Registered by `register`; no superblock is left that uses it.
        unsafe {
            extra::bdi_unregister(self.0.as_ptr());
            extra::bdi_put(self.0.as_ptr());
        }
    }
}
