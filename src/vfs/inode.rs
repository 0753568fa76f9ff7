// SPDX-License-Identifier: GPL-2.0

//! Inodes.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h)
//!
//! What is here is for live inodes; how they get so is in [`new_inode`](super::new_inode).

use super::{
    dax,
    extra,
    ioctl,
    iomap,
    new_inode::NewInode,
    shared,
    stat::Stat,
    super_block::{
        FileSystem,
        SuperBlock, //
    },
    xattr, //
};
use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    ffi::c_int,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};

/// An object of the inode cache: the VFS's inode and the filesystem's own data.
///
/// # Invariants
///
/// `data` is initialised if and only if `initialised` is set.
#[repr(C)]
pub(super) struct InodeSlot<T: FileSystem> {
    // First, so that a pointer to it is a pointer to the slot.
    inode: Opaque<bindings::inode>,
    pub(super) initialised: bool,
    pub(super) data: MaybeUninit<T::InodeData>,
}

impl<T: FileSystem> InodeSlot<T> {
    /// The constructor of the slab cache.
    ///
    /// # Safety
    ///
    /// Called by the slab allocator only, with memory for one slot.
    pub(super) unsafe extern "C" fn construct(slot: *mut kernel::ffi::c_void) {
        // SAFETY: By contract; the inode is the slot's first field.
        unsafe { bindings::inode_init_once(slot.cast()) };
    }

    /// Prepares a slot just allocated.
    ///
    /// # Safety
    ///
    /// `slot` must be a constructed slot that nobody else uses.
    pub(super) unsafe fn begin(slot: NonNull<Self>) -> *mut bindings::inode {
        // INVARIANT: No data yet.
        // SAFETY: By contract.
        unsafe { (*slot.as_ptr()).initialised = false };
        slot.as_ptr().cast()
    }

    /// Frees the slot of `inode`.
    ///
    /// # Safety
    ///
    /// `inode` must be part of a slot of the inode cache of `T` that nobody uses any more.
    pub(super) unsafe fn free(inode: *mut bindings::inode) {
        let slot = inode.cast::<Self>();

        // SAFETY: By contract and the type invariant. The link was allocated by `KVec` for the
        // one builder that installs this table of operations.
        unsafe {
            if core::ptr::eq((*inode).i_op, &T::inode_tables().fast_symlink) {
                bindings::kfree((*inode).__bindgen_anon_5.i_link.cast());
            }
            if (*slot).initialised {
                (*slot).data.assume_init_drop();
            }
            T::file_system_type().free_slot(slot.cast());
        }
    }
}

/// A live inode of `T`.
///
/// # Invariants
///
/// It is the `inode` field of an [`InodeSlot<T>`] with data, of a superblock of `T` that is alive.
#[repr(transparent)]
pub(crate) struct INode<T: FileSystem> {
    inner: Opaque<bindings::inode>,
    _fs: PhantomData<T>,
}

// SAFETY: Inodes are used and dropped from any task, and what can be reached is `Sync`.
unsafe impl<T: FileSystem> Send for INode<T> {}
// SAFETY: As above.
unsafe impl<T: FileSystem> Sync for INode<T> {}

// SAFETY: The VFS counts the references of an inode.
unsafe impl<T: FileSystem> AlwaysRefCounted for INode<T> {
    fn inc_ref(&self) {
        // SAFETY: The reference proves that the count is not zero.
        unsafe { bindings::ihold(self.as_raw()) };
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller gives up a reference.
        unsafe { bindings::iput(obj.as_ptr().cast()) };
    }
}

impl<T: FileSystem> INode<T> {
    /// # Safety
    ///
    /// `raw` must be a live inode of a superblock of `T`, finished by a builder of
    /// [`FilledInode`](super::new_inode::FilledInode),
    /// and stay so for `'a`.
    pub(super) unsafe fn from_raw<'a>(raw: *mut bindings::inode) -> &'a Self {
        // SAFETY: `repr(transparent)`; the rest is this function's contract.
        unsafe { &*raw.cast() }
    }

    pub(super) fn as_raw(&self) -> *mut bindings::inode {
        self.inner.get()
    }

    /// The filesystem's data.
    pub(crate) fn data(&self) -> &T::InodeData {
        // SAFETY: By the type invariant; a finished inode's data never changes.
        unsafe {
            (*self.as_raw().cast::<InodeSlot<T>>())
                .data
                .assume_init_ref()
        }
    }

    /// The superblock.
    pub(crate) fn super_block(&self) -> &SuperBlock<T> {
        // SAFETY: A live inode's superblock has its data and outlives it.
        unsafe { SuperBlock::from_raw((*self.as_raw()).i_sb) }
    }

    /// The inode number.
    pub(crate) fn ino(&self) -> u64 {
        // SAFETY: Constant since the inode was found.
        unsafe { (*self.as_raw()).i_ino }
    }

    /// The size in bytes. Never negative, and constant, as nothing writes.
    pub(crate) fn size(&self) -> u64 {
        // SAFETY: Constant since the inode was finished.
        unsafe { (*self.as_raw()).i_size }.unsigned_abs()
    }

    /// Type and permissions.
    pub(crate) fn mode(&self) -> u16 {
        // SAFETY: Constant since the inode was finished.
        unsafe { (*self.as_raw()).i_mode }
    }

    /// Whether it is a regular file.
    pub(crate) fn is_regular(&self) -> bool {
        u32::from(self.mode()) & bindings::S_IFMT == bindings::S_IFREG
    }

    /// Whether its mapping can be read: it is a regular file, or a builder has given it pages.
    #[inline]
    pub(super) fn has_pages(&self) -> bool {
        // SAFETY: Constant since the inode was finished. A new inode has an empty table.
        unsafe { (*(*(*self.as_raw()).i_mapping).a_ops).read_folio.is_some() }
    }

    /// Whether it is a directory.
    pub(crate) fn is_dir(&self) -> bool {
        u32::from(self.mode()) & bindings::S_IFMT == bindings::S_IFDIR
    }
}

/// What [`SuperBlock::iget`] found.
pub(crate) enum Iget<T: FileSystem> {
    /// The cache has it.
    Cached(ARef<INode<T>>),
    /// It is to be filled.
    New(NewInode<T>),
}

/// Operations of the inodes of `T` that are not directories; made once, as a `static`.
pub(crate) struct InodeTables<T: FileSystem> {
    pub(super) regular: bindings::inode_operations,
    pub(super) regular_file: bindings::file_operations,
    pub(super) regular_on_device: bindings::file_operations,
    /// Of regular files that share a page cache, and of the files behind these.
    pub(super) shared_file: bindings::file_operations,
    pub(super) backing_file: bindings::file_operations,
    pub(super) fast_symlink: bindings::inode_operations,
    pub(super) paged_symlink: bindings::inode_operations,
    pub(super) special: bindings::inode_operations,
    _fs: PhantomData<T>,
}

// SAFETY: Constant tables of functions.
unsafe impl<T: FileSystem> Sync for InodeTables<T> {}

impl<T: FileSystem> InodeTables<T> {
    /// The tables.
    pub(crate) const fn new() -> Self {
        let common = bindings::inode_operations {
            getattr: Some(getattr::<T>),
            listxattr: Some(xattr::list::<T>),
            #[cfg(CONFIG_FS_POSIX_ACL)]
            get_inode_acl: Some(xattr::get_inode_acl::<T>),
            ..pin_init::zeroed()
        };
        let regular_file = regular_file::<T>();
        Self {
            regular: bindings::inode_operations {
                fiemap: Some(iomap::fiemap::<T::Iomap>),
                ..common
            },
            shared_file: shared::file_operations::<T>(&regular_file),
            backing_file: shared::backing_file_operations(),
            regular_file,
            regular_on_device: bindings::file_operations {
                read_iter: Some(iomap::read_iter::<T::Iomap>),
                mmap_prepare: Some(dax::mmap_prepare::<T::Iomap>),
                ..regular_file
            },
            fast_symlink: bindings::inode_operations {
                get_link: Some(bindings::simple_get_link),
                ..common
            },
            paged_symlink: bindings::inode_operations {
                get_link: Some(bindings::page_get_link),
                ..common
            },
            special: common,
            _fs: PhantomData,
        }
    }
}

/// File operations of regular files: reads and faults need nothing but the mapping.
pub(super) const fn regular_file<T: FileSystem>() -> bindings::file_operations {
    bindings::file_operations {
        llseek: Some(iomap::llseek::<T::Iomap>),
        read_iter: Some(bindings::generic_file_read_iter),
        mmap_prepare: Some(bindings::generic_file_readonly_mmap_prepare),
        get_unmapped_area: Some(bindings::thp_get_unmapped_area),
        splice_read: Some(bindings::filemap_splice_read),
        unlocked_ioctl: Some(ioctl::ioctl::<T>),
        compat_ioctl: bindings::compat_ptr_ioctl,
        setlease: Some(extra::generic_setlease),
        ..pin_init::zeroed()
    }
}

/// # Safety
///
/// Called by the VFS only, through the tables of this folder, which only builders of
/// [`FilledInode`](super::new_inode::FilledInode) install.
pub(super) unsafe extern "C" fn getattr<T: FileSystem>(
    idmap: *mut bindings::mnt_idmap,
    path: *const bindings::path,
    stat: *mut bindings::kstat,
    request_mask: u32,
    _query_flags: kernel::ffi::c_uint,
) -> c_int {
    // SAFETY: By contract the dentry has an inode of `T`; the VFS lends `stat` for this call.
    unsafe {
        let inode = (*(*path).dentry).d_inode;
        T::getattr(
            INode::from_raw(inode),
            &mut Stat::from_raw(&mut *stat, request_mask),
        );
        bindings::generic_fillattr(idmap, request_mask, inode, stat);
    }
    0
}
