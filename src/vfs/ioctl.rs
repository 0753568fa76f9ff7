// SPDX-License-Identifier: GPL-2.0

//! The `ioctl(2)`s that the VFS leaves to filesystems.
//!
//! C header: [`include/uapi/linux/fs.h`](srctree/include/uapi/linux/fs.h)

use super::{
    inode::INode,
    super_block::FileSystem, //
};
use kernel::{
    bindings,
    error::from_result,
    ffi::{
        c_long,
        c_uint,
        c_ulong, //
    },
    ioctl::_IOR,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// The size of the buffer that a program has for a label (`FSLABEL_MAX`).
const LABEL_MAX: usize = 256;

/// `FS_IOC_GETFSLABEL`
const GET_LABEL: c_uint = _IOR::<[u8; LABEL_MAX]>(0x94, 49);

/// # Safety
///
/// Called by the VFS only, on an open file of a superblock of `T`.
pub(super) unsafe extern "C" fn ioctl<T: FileSystem>(
    file: *mut bindings::file,
    command: c_uint,
    argument: c_ulong,
) -> c_long {
    // SAFETY: By contract.
    let inode = unsafe { INode::<T>::from_raw((*file).f_inode) };
    from_result(|| {
        match command {
            GET_LABEL => {
                let label = T::label(inode.super_block());
                let label = label.get(..LABEL_MAX - 1).unwrap_or(label);
                let mut to = UserSlice::new(UserPtr::from_addr(argument), LABEL_MAX).writer();
                to.write_slice(label)?;
                to.write_slice(&[0])?;
            }
            _ => return Err(ENOTTY),
        }
        Ok(0)
    })
}
