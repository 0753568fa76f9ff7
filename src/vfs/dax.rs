// SPDX-License-Identifier: GPL-2.0

//! Files in persistent memory, read and mapped where they are (`S_DAX`).
//!
//! C header: [`include/linux/dax.h`](srctree/include/linux/dax.h)

use super::{
    extra,
    iomap::{
        IomapOperations,
        Table, //
    }, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    ffi::{
        c_int,
        c_uint, //
    },
};

/// The persistent memory of a block device.
///
/// # Invariants
///
/// A reference to the device that `raw` points to.
pub(crate) struct DaxDevice {
    raw: NonNull<extra::dax_device>,
    /// Where in the memory the block device begins.
    offset: u64,
}

// SAFETY: The device locks its part.
unsafe impl Send for DaxDevice {}
// SAFETY: As above.
unsafe impl Sync for DaxDevice {}

impl DaxDevice {
    /// That of `device`, if it has any.
    ///
    /// # Safety
    ///
    /// `device` must be open.
    #[cfg(CONFIG_FS_DAX)]
    pub(super) unsafe fn of(device: *mut bindings::block_device) -> Option<Self> {
        let mut offset = 0;
        // SAFETY: By contract. Without a holder nobody is told of memory failures.
        let raw = unsafe {
            extra::fs_dax_get_by_bdev(
                device,
                &raw mut offset,
                core::ptr::null_mut(),
                core::ptr::null(),
            )
        };
        // INVARIANT: What is returned is a reference.
        NonNull::new(raw).map(|raw| Self { raw, offset })
    }

    /// None: this kernel has none.
    ///
    /// # Safety
    ///
    /// `device` must be open.
    #[cfg(not(CONFIG_FS_DAX))]
    pub(super) unsafe fn of(_device: *mut bindings::block_device) -> Option<Self> {
        None
    }

    pub(super) fn as_raw(&self) -> *mut extra::dax_device {
        self.raw.as_ptr()
    }

    /// Where in the memory the block device begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }
}

impl Drop for DaxDevice {
    fn drop(&mut self) {
        #[cfg(CONFIG_FS_DAX)]
        // SAFETY: By the type invariant; there is no holder.
        unsafe {
            extra::fs_put_dax(self.raw.as_ptr(), core::ptr::null_mut());
        }
    }
}

/// Whether a file is read from persistent memory.
///
/// # Safety
///
/// `inode` must be alive.
#[inline]
pub(super) unsafe fn is_dax(inode: *mut bindings::inode) -> bool {
    // SAFETY: By contract; the flag does not change.
    cfg!(CONFIG_FS_DAX) && unsafe { (*inode).i_flags } & extra::CONST_S_DAX != 0
}

/// # Safety
///
/// As for [`iomap::read_iter`](super::iomap::read_iter), of a file with [`is_dax`].
pub(super) unsafe fn read_iter<I: IomapOperations>(
    iocb: *mut bindings::kiocb,
    to: *mut bindings::iov_iter,
) -> isize {
    #[cfg(CONFIG_FS_DAX)]
    // SAFETY: By contract.
    return unsafe { extra::dax_iomap_rw(iocb, to, Table::<I>::OPERATIONS) };
    #[cfg(not(CONFIG_FS_DAX))]
    {
        let _ = (iocb, to, Table::<I>::OPERATIONS);
        0
    }
}

/// # Safety
///
/// Called by the VFS only, through a table of this folder, for a file of the filesystem of `I`; it
/// lends `desc` for this call.
pub(super) unsafe extern "C" fn mmap_prepare<I: IomapOperations>(
    desc: *mut bindings::vm_area_desc,
) -> c_int {
    // SAFETY: By contract.
    unsafe {
        let ret = bindings::generic_file_readonly_mmap_prepare(desc);
        if ret != 0 || !is_dax((*(*(*desc).file).f_mapping).host) {
            return ret;
        }
        (*desc).vm_ops = VmTable::<I>::OPERATIONS;
        extra::erofs_helper_vma_desc_set_hugepage(desc);
    }
    0
}

/// How pages of such files are mapped.
struct VmTable<I>(PhantomData<I>);

impl<I: IomapOperations> VmTable<I> {
    const OPERATIONS: &'static bindings::vm_operations_struct = &bindings::vm_operations_struct {
        fault: Some(Self::fault),
        huge_fault: Some(Self::huge_fault),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// Called by the page fault handler only, on a mapping that `mmap_prepare` has set up.
    unsafe extern "C" fn huge_fault(
        fault: *mut bindings::vm_fault,
        order: c_uint,
    ) -> bindings::vm_fault_t {
        #[cfg(CONFIG_FS_DAX)]
        // SAFETY: By contract; nobody asks for the page frame or an error.
        return unsafe {
            extra::dax_iomap_fault(
                fault,
                order,
                core::ptr::null_mut(),
                core::ptr::null_mut(),
                Table::<I>::OPERATIONS,
            )
        };
        #[cfg(not(CONFIG_FS_DAX))]
        {
            let _ = (fault, order);
            bindings::vm_fault_reason_VM_FAULT_SIGBUS
        }
    }

    /// # Safety
    ///
    /// As for `huge_fault`.
    unsafe extern "C" fn fault(fault: *mut bindings::vm_fault) -> bindings::vm_fault_t {
        // SAFETY: By contract.
        unsafe { Self::huge_fault(fault, 0) }
    }
}

/// Takes the pages of an inode that is evicted out of use.
///
/// # Safety
///
/// `inode` must be one that nobody can find any more.
pub(super) unsafe fn evict(inode: *mut bindings::inode) {
    // SAFETY: By contract.
    unsafe {
        if is_dax(inode) {
            #[cfg(CONFIG_FS_DAX)]
            extra::dax_break_layout_final(inode);
        }
    }
}
