// SPDX-License-Identifier: GPL-2.0

//! Inodes that are made.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h)
//!
//! An inode that the cache does not have is a [`NewInode`]: locked (`I_NEW`), invisible to
//! everybody else, and this task's to fill. With what all kinds of files have it is a
//! [`FilledInode`], and becomes a live [`INode`] by exactly one of the builders of that, each of
//! which installs the operations of one kind of file and takes what that kind needs. Dropped
//! instead, it is a failed one, and whoever waits for it learns that.

use super::{
    dir::{
        DirectoryOperations,
        DirectoryTables, //
    },
    extra,
    inode::{
        INode,
        InodeSlot, //
    },
    mapping::{
        MappingOperations,
        MappingTables, //
    },
    pass_through::{
        PassThrough,
        PassThroughTables, //
    },
    shared::SharedInode,
    super_block::FileSystem,
    xattr, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    ffi::c_int,
    prelude::*,
    sync::aref::ARef, //
};

/// What `stat` shows of an inode, whatever its kind.
pub(crate) struct Attributes {
    /// Permissions. The type is that of the builder.
    pub(crate) mode: u16,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Hard links.
    pub(crate) nlink: u32,
    /// Bytes; at most `i64::MAX`.
    pub(crate) size: u64,
    /// Space on disk in units of 512 bytes.
    pub(crate) blocks: u64,
    /// Modification time, seconds since 1970. Stands for the access and change times too.
    pub(crate) mtime: i64,
    /// Nanoseconds of it.
    pub(crate) mtime_nsec: u32,
    /// If not, there are no ACLs for certain, which the VFS need not find out then.
    pub(crate) may_have_acl: bool,
}

/// The bits of a mode that are not its type.
const PERMISSIONS: u16 = 0o7777;

/// A kind of file that the VFS handles by itself. Devices are in the encoding of
/// `new_encode_dev()`.
pub(crate) enum Special {
    /// A character device.
    CharDevice(u32),
    /// A block device.
    BlockDevice(u32),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// The target of a symlink, as the VFS keeps it: without NUL inside, with one at the end.
pub(crate) struct SymlinkTarget(KVec<u8>);

impl SymlinkTarget {
    /// Room for a target of `len` bytes, filled by `fill`. Targets that are empty or contain NUL
    /// are refused with `EINVAL`.
    pub(crate) fn new(len: usize, fill: impl FnOnce(&mut [u8]) -> Result) -> Result<Self> {
        let size = len.checked_add(1).ok_or(EINVAL)?;
        let mut bytes = xattr::zeroed(size)?;
        let target = bytes.get_mut(..len).ok_or(EINVAL)?;
        fill(target)?;
        if target.is_empty() || target.iter().any(|byte| *byte == 0) {
            return Err(EINVAL);
        }
        Ok(Self(bytes))
    }
}

/// An inode that this task has to fill.
///
/// # Invariants
///
/// The inode is `I_NEW`, this task's, and the slot has no data.
pub(crate) struct NewInode<T: FileSystem> {
    raw: NonNull<bindings::inode>,
    _fs: PhantomData<T>,
}

impl<T: FileSystem> NewInode<T> {
    /// # Safety
    ///
    /// `raw` must be an `I_NEW` inode of a superblock of `T`, of which the caller gives up the
    /// reference and the right to fill it.
    pub(super) unsafe fn from_raw(raw: NonNull<bindings::inode>) -> Self {
        // INVARIANT: By contract.
        Self {
            raw,
            _fs: PhantomData,
        }
    }

    /// Reads its contents from persistent memory, where they are (`S_DAX`).
    pub(crate) fn set_dax(&mut self) {
        // SAFETY: By the type invariant the inode is ours.
        unsafe { (*self.raw.as_ptr()).i_flags |= extra::CONST_S_DAX };
    }

    /// Fills in what all kinds of files have. Everything is written to where it stays, so there
    /// is one caller, and this is part of it.
    #[inline(always)]
    pub(crate) fn fill(self, attributes: &Attributes, data: T::InodeData) -> FilledInode<T> {
        // SAFETY: By the type invariant the inode is ours. INVARIANT: The data is initialised.
        unsafe {
            let inode = self.raw.as_ptr();
            let slot = inode.cast::<InodeSlot<T>>();
            (*slot).data.write(data);
            (*slot).initialised = true;

            (*inode).i_mode = attributes.mode & PERMISSIONS;
            extra::erofs_helper_inode_set_owner(inode, attributes.uid, attributes.gid);
            bindings::set_nlink(inode, attributes.nlink);
            (*inode).i_size = i64::try_from(attributes.size).unwrap_or(i64::MAX);
            (*inode).i_blocks = attributes.blocks;
            (*inode).i_atime_sec = attributes.mtime;
            (*inode).i_mtime_sec = attributes.mtime;
            (*inode).i_ctime_sec = attributes.mtime;
            (*inode).i_atime_nsec = attributes.mtime_nsec;
            (*inode).i_mtime_nsec = attributes.mtime_nsec;
            (*inode).i_ctime_nsec = attributes.mtime_nsec;

            #[cfg(CONFIG_FS_POSIX_ACL)]
            if !attributes.may_have_acl {
                (*inode).i_acl = core::ptr::null_mut();
                (*inode).i_default_acl = core::ptr::null_mut();
            }
        }
        FilledInode(self)
    }
}

impl<T: FileSystem> Drop for NewInode<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the inode is ours; this marks it bad, wakes whoever waits
        // for it, and gives up the reference.
        unsafe { bindings::iget_failed(self.raw.as_ptr()) };
    }
}

/// An inode that has everything but its kind.
///
/// # Invariants
///
/// As those of [`NewInode`], but the slot has its data.
pub(crate) struct FilledInode<T: FileSystem>(NewInode<T>);

impl<T: FileSystem> FilledInode<T> {
    #[inline]
    fn as_raw(&self) -> *mut bindings::inode {
        self.0.raw.as_ptr()
    }

    /// The filesystem's data.
    #[inline]
    pub(crate) fn data(&self) -> &T::InodeData {
        // SAFETY: By the type invariant.
        unsafe {
            (*self.as_raw().cast::<InodeSlot<T>>())
                .data
                .assume_init_ref()
        }
    }

    /// The size in bytes.
    pub(crate) fn size(&self) -> u64 {
        // SAFETY: By the type invariant the inode is ours.
        unsafe { (*self.as_raw()).i_size }.unsigned_abs()
    }

    /// A directory.
    pub(crate) fn directory<D: DirectoryOperations<Fs = T>>(
        self,
        tables: &'static DirectoryTables<D>,
    ) -> ARef<INode<T>> {
        // SAFETY: By the type invariant the inode is ours.
        unsafe {
            let inode = self.as_raw();
            (*inode).i_op = &tables.inode_operations;
            (*inode).__bindgen_anon_3.i_fop = &tables.file_operations;
        }
        self.finish(bindings::S_IFDIR)
    }

    /// A regular file whose pages `tables` reads.
    pub(crate) fn regular<M: MappingOperations<Fs = T>>(
        self,
        tables: &'static MappingTables<M>,
    ) -> ARef<INode<T>> {
        let files = T::inode_tables();

        // SAFETY: By the type invariant the inode is ours.
        unsafe {
            let inode = self.as_raw();
            (*inode).i_op = &files.regular;
            (*inode).__bindgen_anon_3.i_fop = if (*(*inode).i_sb).s_bdev.is_null() {
                &files.regular_file
            } else {
                &files.regular_on_device
            };
            extra::erofs_helper_mapping_set_large_folios((*inode).i_mapping);
            (*(*inode).i_mapping).a_ops = &tables.operations;
        }
        self.finish(bindings::S_IFREG)
    }

    /// A regular file whose pages `tables` reads, and whose reads pass through where they can.
    pub(crate) fn regular_passing<M, P>(
        self,
        tables: &'static MappingTables<M>,
        files: &'static PassThroughTables<P>,
    ) -> ARef<INode<T>>
    where
        M: MappingOperations<Fs = T>,
        P: PassThrough<Fs = T>,
    {
        // SAFETY: By the type invariant the inode is ours.
        unsafe {
            let inode = self.as_raw();
            (*inode).i_op = &T::inode_tables().regular;
            (*inode).__bindgen_anon_3.i_fop = &files.operations;
            extra::erofs_helper_mapping_set_large_folios((*inode).i_mapping);
            (*(*inode).i_mapping).a_ops = &tables.operations;
        }
        self.finish(bindings::S_IFREG)
    }

    /// A directory whose pages `mapping` reads.
    pub(crate) fn paged_directory<D, M>(
        self,
        tables: &'static DirectoryTables<D>,
        mapping: &'static MappingTables<M>,
    ) -> ARef<INode<T>>
    where
        D: DirectoryOperations<Fs = T>,
        M: MappingOperations<Fs = T>,
    {
        // SAFETY: By the type invariant the inode is ours.
        unsafe {
            let inode = self.as_raw();
            bindings::inode_nohighmem(inode);
            (*(*inode).i_mapping).a_ops = &mapping.operations;
        }
        self.directory(tables)
    }

    /// A regular file that shares the page cache of `shared`; `tables` are those it was found by.
    pub(crate) fn sharing<M: MappingOperations<Fs = T>>(
        self,
        tables: &'static MappingTables<M>,
        shared: SharedInode<T>,
    ) -> ARef<INode<T>> {
        let files = T::inode_tables();

        // SAFETY: By the type invariant the inode is ours. Its own mapping stays empty.
        unsafe {
            let inode = self.as_raw();
            (*inode).i_op = &files.regular;
            (*inode).__bindgen_anon_3.i_fop = &files.shared_file;
            (*(*inode).i_mapping).a_ops = &tables.operations;
            (*inode).i_private = shared.into_private();
        }
        self.finish(bindings::S_IFREG)
    }

    /// A symlink whose target is kept in memory.
    pub(crate) fn fast_symlink(self, target: SymlinkTarget) -> ARef<INode<T>> {
        let mut target = ManuallyDrop::new(target.0);
        let len = c_int::try_from(target.len().wrapping_sub(1)).unwrap_or(c_int::MAX);

        // SAFETY: By the type invariant the inode is ours. The link is NUL-terminated, `len` long,
        // and lives until `InodeSlot::free`, a grace period after its last user.
        unsafe {
            let inode = self.as_raw();
            (*inode).i_op = &T::inode_tables().fast_symlink;
            extra::erofs_helper_inode_set_cached_link(inode, target.as_mut_ptr().cast(), len);
        }
        self.finish(bindings::S_IFLNK)
    }

    /// A symlink whose target is the first page of the file that `tables` reads.
    pub(crate) fn paged_symlink<M: MappingOperations<Fs = T>>(
        self,
        tables: &'static MappingTables<M>,
    ) -> ARef<INode<T>> {
        // SAFETY: By the type invariant the inode is ours.
        unsafe {
            let inode = self.as_raw();
            (*inode).i_op = &T::inode_tables().paged_symlink;
            bindings::inode_nohighmem(inode);
            (*(*inode).i_mapping).a_ops = &tables.operations;
        }
        self.finish(bindings::S_IFLNK)
    }

    /// A device, fifo or socket.
    pub(crate) fn special(self, kind: Special) -> ARef<INode<T>> {
        let (kind, device) = match kind {
            Special::CharDevice(device) => (bindings::S_IFCHR, device),
            Special::BlockDevice(device) => (bindings::S_IFBLK, device),
            Special::Fifo => (bindings::S_IFIFO, 0),
            Special::Socket => (bindings::S_IFSOCK, 0),
        };

        // SAFETY: By the type invariant the inode is ours.
        unsafe {
            let inode = self.as_raw();
            (*inode).i_op = &T::inode_tables().special;
            bindings::init_special_inode(
                inode,
                (*inode).i_mode | kind as u16,
                extra::erofs_helper_new_decode_dev(device),
            );
        }
        self.finish(kind)
    }

    /// What all kinds have in common: makes the inode live.
    fn finish(self, kind: u32) -> ARef<INode<T>> {
        let raw = ManuallyDrop::new(self).0.raw;

        // SAFETY: By the type invariant the inode is ours until `unlock_new_inode`, and has its
        // data; its reference passes to the `ARef`.
        unsafe {
            let inode = raw.as_ptr();
            (*inode).i_mode |= kind as u16;
            if cfg!(CONFIG_LOCKDEP) && (*(*inode).i_sb).s_bdev.is_null() {
                let dir = kind == bindings::S_IFDIR;
                extra::erofs_helper_inode_set_stacked_classes(inode, dir);
            }
            bindings::unlock_new_inode(inode);
            ARef::from_raw(raw.cast())
        }
    }
}
