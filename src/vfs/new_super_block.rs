// SPDX-License-Identifier: GPL-2.0

//! A superblock that is being set up.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h)
//!
//! Made by `fill_super` of [`SuperTables`](super::super_tables::SuperTables), for
//! [`FileSystem::fill_super`].

use super::{
    bio::BlockDevice,
    block_device::OpenBlockDevice,
    context::MountLog,
    dax::DaxDevice,
    extra,
    super_block::{
        FileSystem,
        Info, //
    }, //
};
use core::{
    ffi::CStr,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    fmt,
    prelude::*, //
};

/// A superblock that `fill_super` sets up.
///
/// # Invariants
///
/// `raw` is locked (`s_umount`) and not born (`SB_BORN`): others may find it, but wait.
pub(crate) struct NewSuperBlock<'a, T: FileSystem> {
    raw: *mut bindings::super_block,
    log: MountLog<'a>,
    _life: PhantomData<(&'a mut T, *mut ())>,
}

impl<'a, T: FileSystem> NewSuperBlock<'a, T> {
    /// # Safety
    ///
    /// `raw` must be a superblock of `T` that is locked and not born for `'a`.
    pub(super) unsafe fn from_raw(raw: *mut bindings::super_block, log: MountLog<'a>) -> Self {
        // INVARIANT: By contract.
        Self {
            raw,
            log,
            _life: PhantomData,
        }
    }

    fn info(&mut self) -> &mut Info<T> {
        // SAFETY: By the type invariant nobody else uses the superblock's `Info`, which `sget_fc`
        // has moved to it from the context.
        unsafe { &mut *(*self.raw).s_fs_info.cast() }
    }

    /// The first step. Not inlined, for the sake of the stack.
    #[inline(never)]
    pub(super) fn fill(mut self) -> Result<MountLog<'a>> {
        let data = T::fill_super(&mut self)?;
        self.info().data.set(data);
        Ok(self.log)
    }

    /// The mount options.
    pub(crate) fn options(&mut self) -> &mut T::Options {
        &mut self.info().options
    }

    /// The block device that the superblock is on, if any.
    pub(crate) fn block_device(&self) -> Option<&BlockDevice> {
        // SAFETY: By the type invariant; the device is open as long as the superblock is.
        unsafe { BlockDevice::from_raw((*self.raw).s_bdev) }
    }

    /// Looks for persistent memory of the block device that the superblock is on. Tells whether
    /// that and all the further ones have any.
    pub(crate) fn find_dax(&mut self) -> bool {
        // SAFETY: By the type invariant the device is open, or null.
        let dax = unsafe {
            let device = (*self.raw).s_bdev;
            if device.is_null() {
                None
            } else {
                DaxDevice::of(device)
            }
        };
        let info = self.info();
        info.dax = dax;
        info.dax.is_some() && info.devices.iter().all(|device| device.dax().is_some())
    }

    /// Makes room for `count` further block devices.
    pub(crate) fn reserve_devices(&mut self, count: usize) -> Result {
        self.info().devices = KVec::with_capacity(count, GFP_KERNEL)?;
        Ok(())
    }

    /// Opens one, for which there is room. `ENOTBLK` if `path` is none.
    pub(crate) fn open_device(&mut self, path: &CStr) -> Result<&BlockDevice> {
        // SAFETY: The `Info`, which will hold it, is dropped by `kill_sb`, before the superblock is
        // freed.
        let device = unsafe { OpenBlockDevice::open(path, NonNull::new_unchecked(self.raw))? };
        let devices = &mut self.info().devices;

        devices.push_within_capacity(device).map_err(|_| ENOMEM)?;
        Ok(devices.last().ok_or(ENOMEM)?.device())
    }

    /// Sets the block size. On a block device this drops its page cache if the size changes, so
    /// no folio of it may be held.
    pub(crate) fn set_block_size(&mut self, bits: u8) -> Result {
        let size = 1i32.checked_shl(bits.into()).ok_or(EINVAL)?;

        // SAFETY: By the type invariant.
        unsafe {
            if (*self.raw).s_bdev.is_null() {
                (*self.raw).s_blocksize = size as usize;
                (*self.raw).s_blocksize_bits = bits;
            } else if bindings::sb_set_blocksize(self.raw, size) == 0 {
                return Err(EINVAL);
            }
        }
        Ok(())
    }

    /// Sets `s_uuid`.
    pub(crate) fn set_uuid(&mut self, uuid: &[u8; 16]) {
        // SAFETY: By the type invariant; 16 is the length of both.
        unsafe { extra::erofs_helper_super_set_uuid(self.raw, uuid.as_ptr(), 16) };
    }

    /// Enables or disables POSIX ACLs (`SB_POSIXACL`).
    pub(crate) fn set_posix_acl(&mut self, on: bool) {
        let flag = extra::CONST_SB_POSIXACL;
        // SAFETY: By the type invariant.
        unsafe {
            if on {
                (*self.raw).s_flags |= flag;
            } else {
                (*self.raw).s_flags &= !flag;
            }
        }
    }

    /// Tells the person who mounts why it fails, in the fs_context log and the kernel log.
    pub(crate) fn error(&self, args: fmt::Arguments<'_>) {
        self.log.error::<T>(args);
    }
}
