// SPDX-License-Identifier: GPL-2.0

//! File handles: `name_to_handle_at(2)`, `open_by_handle_at(2)`, NFS.
//!
//! C header: [`include/linux/exportfs.h`](srctree/include/linux/exportfs.h)
//!
//! A handle is the 64-bit number by which the filesystem knows an inode, and a generation, which
//! never changes where nothing is written; twice that if it names the parent, too. Handles come
//! back from user space and from the network: any number may be in one.

use super::{
    extra,
    inode::INode,
    super_block::{
        FileSystem,
        SuperBlock, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    error::from_err_ptr,
    ffi::c_int,
    prelude::*,
    sync::aref::ARef, //
};

/// What handles need of a filesystem.
pub(crate) trait Export: FileSystem {
    /// The number of an inode.
    fn node(inode: &INode<Self>) -> u64;

    /// The inode with that number, which may be any.
    fn inode(sb: &SuperBlock<Self>, node: u64) -> Result<ARef<INode<Self>>>;

    /// The directory that `dir` is in. `dir` is locked.
    fn parent(dir: &INode<Self>) -> Result<ARef<INode<Self>>>;
}

/// Words of a handle that names one inode.
const WORDS: usize = 3;

/// A handle for one inode: the number, high word first, and the generation.
fn words(node: u64, generation: u32) -> [u32; WORDS] {
    [(node >> 32) as u32, node as u32, generation]
}

/// The operations on handles of `T`; made once, as a `static`.
pub(crate) struct ExportTables<T: Export> {
    operations: extra::export_operations,
    _fs: PhantomData<T>,
}

// SAFETY: A constant table of functions.
unsafe impl<T: Export> Sync for ExportTables<T> {}

/// A table of operations on handles, of superblocks of `T`.
pub(crate) struct Exports<T: FileSystem> {
    pub(super) raw: &'static extra::export_operations,
    _fs: PhantomData<T>,
}

impl<T: Export> ExportTables<T> {
    /// The table.
    pub(crate) const fn new() -> Self {
        Self {
            operations: extra::export_operations {
                encode_fh: Some(Self::encode_fh),
                fh_to_dentry: Some(Self::fh_to_dentry),
                fh_to_parent: Some(Self::fh_to_parent),
                get_parent: Some(Self::get_parent),
                ..pin_init::zeroed()
            },
            _fs: PhantomData,
        }
    }

    /// The table, for a superblock.
    pub(crate) const fn all(&'static self) -> Exports<T> {
        Exports {
            raw: &self.operations,
            _fs: PhantomData,
        }
    }

    /// # Safety
    ///
    /// Called by exportfs only, through the table that only `fill_super` installs: with live
    /// inodes of a superblock of `T`, and room for `max_len` words.
    unsafe extern "C" fn encode_fh(
        inode: *mut bindings::inode,
        handle: *mut u32,
        max_len: *mut c_int,
        parent: *mut bindings::inode,
    ) -> c_int {
        let words_of = |inode: *mut bindings::inode| {
            // SAFETY: By contract; the generation is constant.
            unsafe { words(T::node(INode::from_raw(inode)), (*inode).i_generation) }
        };
        let (len, kind) = if parent.is_null() {
            (WORDS, extra::fid_type_FILEID_INO64_GEN)
        } else {
            (2 * WORDS, extra::fid_type_FILEID_INO64_GEN_PARENT)
        };

        // SAFETY: By contract; the words are written only where there is room for them.
        unsafe {
            let room = *max_len;
            *max_len = len as c_int;
            if room < len as c_int {
                return extra::fid_type_FILEID_INVALID as c_int;
            }
            let handle = handle.cast::<[u32; WORDS]>();
            handle.write(words_of(inode));
            if !parent.is_null() {
                handle.add(1).write(words_of(parent));
            }
        }
        kind as c_int
    }

    /// The dentry for the inode that the words name.
    ///
    /// # Safety
    ///
    /// `sb` must be a live superblock of `T`, and `handle` have as many words.
    unsafe fn obtain(
        sb: *mut bindings::super_block,
        handle: *const [u32; WORDS],
    ) -> *mut bindings::dentry {
        // SAFETY: By contract.
        let (sb, [high, low, _]) = unsafe { (SuperBlock::from_raw(sb), *handle) };
        Self::alias(T::inode(sb, u64::from(high) << 32 | u64::from(low)))
    }

    /// A dentry for `inode`.
    fn alias(inode: Result<ARef<INode<T>>>) -> *mut bindings::dentry {
        let alias = inode.and_then(|inode| {
            let inode = ARef::into_raw(inode).as_ptr().cast();
            // SAFETY: A live inode, whose reference is passed on.
            from_err_ptr(unsafe { bindings::d_obtain_alias(inode) })
        });
        match alias {
            Ok(dentry) => dentry,
            Err(e) => e.to_ptr(),
        }
    }

    /// # Safety
    ///
    /// As for `encode_fh`, with a live superblock of `T` and a handle of `len` words.
    unsafe extern "C" fn fh_to_dentry(
        sb: *mut bindings::super_block,
        fid: *mut extra::fid,
        len: c_int,
        kind: c_int,
    ) -> *mut bindings::dentry {
        let known = [
            extra::fid_type_FILEID_INO64_GEN,
            extra::fid_type_FILEID_INO64_GEN_PARENT,
        ];
        if !known.iter().any(|known| *known as c_int == kind) || len < WORDS as c_int {
            return core::ptr::null_mut();
        }
        // SAFETY: By contract, and there are enough words.
        unsafe { Self::obtain(sb, fid.cast()) }
    }

    /// # Safety
    ///
    /// As for `fh_to_dentry`.
    unsafe extern "C" fn fh_to_parent(
        sb: *mut bindings::super_block,
        fid: *mut extra::fid,
        len: c_int,
        kind: c_int,
    ) -> *mut bindings::dentry {
        if kind != extra::fid_type_FILEID_INO64_GEN_PARENT as c_int || len < 2 * WORDS as c_int {
            return core::ptr::null_mut();
        }
        // SAFETY: By contract, and there are enough words.
        unsafe { Self::obtain(sb, fid.cast::<[u32; WORDS]>().add(1)) }
    }

    /// # Safety
    ///
    /// Called by exportfs only, for a directory of a superblock of `T`.
    unsafe extern "C" fn get_parent(child: *mut bindings::dentry) -> *mut bindings::dentry {
        // SAFETY: By contract the dentry is positive.
        Self::alias(T::parent(unsafe { INode::from_raw((*child).d_inode) }))
    }
}
