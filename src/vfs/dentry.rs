// SPDX-License-Identifier: GPL-2.0

//! The dentry that `->lookup` is asked about.
//!
//! C header: [`include/linux/dcache.h`](srctree/include/linux/dcache.h)

use super::{
    inode::INode,
    super_block::FileSystem, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    error::from_err_ptr,
    ffi::c_uint,
    prelude::*,
    sync::aref::ARef, //
};

/// A dentry whose name and parent are stable, because it is not yet connected to an inode and its
/// parent is locked.
///
/// That ends with [`splice`](Self::splice), which consumes it: on a corrupt image with two links
/// to one directory, the VFS moves subtrees there.
pub(crate) struct LookupDentry<'a, T: FileSystem> {
    raw: *mut bindings::dentry,
    flags: c_uint,
    _life: PhantomData<&'a T>,
}

/// The answer to a lookup.
pub(crate) struct Looked(pub(super) *mut bindings::dentry);

impl<'a, T: FileSystem> LookupDentry<'a, T> {
    /// # Safety
    ///
    /// `raw` must be the dentry that the VFS passed to a `->lookup` of a directory of `T`, which
    /// is still running.
    pub(super) unsafe fn from_raw(raw: *mut bindings::dentry, flags: c_uint) -> Self {
        Self {
            raw,
            flags,
            _life: PhantomData,
        }
    }

    pub(super) fn as_raw(&self) -> *mut bindings::dentry {
        self.raw
    }

    /// What the lookup is for (`LOOKUP_*`).
    pub(super) fn flags(&self) -> c_uint {
        self.flags
    }

    /// The name looked up: not empty, without NUL or slash.
    pub(crate) fn name(&self) -> &[u8] {
        // SAFETY: By the type's meaning the name is stable; the VFS keeps its length beside it.
        unsafe {
            let name = &(*self.raw).__bindgen_anon_1.d_name;
            let len = name.__bindgen_anon_1.__bindgen_anon_1.len;
            core::slice::from_raw_parts(name.name, len as usize)
        }
    }

    /// Connects the dentry to `inode`, or makes it negative.
    pub(crate) fn splice(self, inode: Option<ARef<INode<T>>>) -> Result<Looked> {
        let inode = match inode {
            Some(inode) => ARef::into_raw(inode).as_ptr().cast(),
            None => core::ptr::null_mut(),
        };

        // SAFETY: The dentry is unhashed and its parent locked, as `->lookup` has it. The
        // reference of the inode is passed on, also in case of an error.
        Ok(Looked(from_err_ptr(unsafe {
            bindings::d_splice_alias(inode, self.raw)
        })?))
    }
}
