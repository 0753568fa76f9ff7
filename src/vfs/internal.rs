// SPDX-License-Identifier: GPL-2.0

//! Inodes that a mount keeps for itself, to read metadata and data of others out of them.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/pagemap.h`](srctree/include/linux/pagemap.h)
//!
//! They are found once and then needed at any time, so the mount holds a reference: in
//! [`FileSystem::Data`], which names them by [`FileSystem::internal_inodes`]. It is given up here,
//! when nobody uses the superblock any more but before its inodes must be gone.
//!
//! Lock order: the folio locks and `invalidate_lock` of an internal inode are taken below those of
//! an inode that is read out of it. Lockdep knows the latter by a class of its own.

use super::{
    extra,
    inode::INode,
    super_block::{
        FileSystem,
        SuperBlock, //
    }, //
};
use core::{
    marker::PhantomData,
    sync::atomic::{
        AtomicPtr,
        Ordering, //
    }, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::aref::ARef, //
};

/// A place for one internal inode.
///
/// # Invariants
///
/// The pointer is null, or to a finished inode of the superblock whose data this is part of, with
/// a reference that is this value's. It is set once; it is reset only by
/// [`clear`](Self::clear), when nobody has a reference to the superblock.
pub(crate) struct InternalInode<T: FileSystem> {
    inode: AtomicPtr<bindings::inode>,
    _fs: PhantomData<ARef<INode<T>>>,
}

impl<T: FileSystem> InternalInode<T> {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self {
            inode: AtomicPtr::new(core::ptr::null_mut()),
            _fs: PhantomData,
        }
    }

    /// Keeps `inode`, a regular file of `sb`, for as long as `sb` is mounted. Anything else, and a
    /// second one, is `EINVAL`.
    pub(crate) fn set(&self, sb: &SuperBlock<T>, inode: ARef<INode<T>>) -> Result {
        if !core::ptr::eq(inode.super_block(), sb) || !inode.is_regular() {
            return Err(EINVAL);
        }
        let raw = inode.as_raw();
        self.inode
            .compare_exchange(
                core::ptr::null_mut(),
                raw,
                Ordering::Release,
                Ordering::Relaxed,
            )
            .map_err(|_| EINVAL)?;
        // INVARIANT: The reference is this value's now.
        let _ = ARef::into_raw(inode);
        if cfg!(CONFIG_LOCKDEP) {
            // SAFETY: A live inode, which no program can have opened: its superblock is being
            // mounted.
            unsafe { extra::erofs_helper_inode_set_internal_class(raw) };
        }
        Ok(())
    }

    /// The inode, if there is one. `sb` is that of the data that this is part of.
    #[inline]
    pub(crate) fn get<'a>(&'a self, sb: &'a SuperBlock<T>) -> Option<&'a INode<T>> {
        let _ = sb;
        let inode = self.inode.load(Ordering::Acquire);
        // SAFETY: By the type invariant, as there is a reference to the superblock for `'a`.
        (!inode.is_null()).then(|| unsafe { INode::from_raw(inode) })
    }

    /// Gives the reference up.
    ///
    /// # Safety
    ///
    /// Called at the end of a superblock, or of an attempt to make it, by whoever alone still uses
    /// it. What [`get`](Self::get) has returned is not used any more.
    pub(super) unsafe fn clear(&self) {
        let inode = self.inode.swap(core::ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: By the type invariant; null is left alone.
        unsafe { bindings::iput(inode) };
    }
}
