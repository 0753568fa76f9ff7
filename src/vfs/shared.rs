// SPDX-License-Identifier: GPL-2.0

//! Page caches that files of several mounts share.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/pseudo_fs.h`](srctree/include/linux/pseudo_fs.h),
//! [`include/linux/backing-file.h`](srctree/include/linux/backing-file.h)
//!
//! Files whose contents are the same, as their fingerprints tell, have one inode for these: the
//! *shared inode*, of a pseudo filesystem that nobody can mount. A *real inode* refers to it until
//! it is evicted, by a dentry, since a file can only be opened on a path. With the last real inode
//! the shared one goes, and its pages.
//!
//! Whoever opens the file of a real inode opens the shared inode's too, the *backing file*. Reads
//! and memory maps are of that one: a map keeps it after the file itself is closed. It holds a
//! reference to the real inode, out of which its pages are read.
//!
//! # Whose inode reads a shared page
//!
//! The host of a shared page's mapping is the shared inode, which has no content of its own and is
//! none of the filesystem's. So [`MappingTables`] have a second table for shared mappings. It takes
//! the inode from the file that the page cache is asked through, which is always a backing file:
//! shared inodes are on no path that a program could open, and nothing in the kernel reads a
//! mapping that it has not opened.
//!
//! # End of a mount
//!
//! The pages outlive a real inode that they were read out of, if there is another one. The reads
//! themselves must not need that inode, or its superblock, once they are started.

use super::{
    extra,
    folio::LockedFolio,
    inode::INode,
    mapping::{
        MappingOperations,
        MappingTables,
        Readahead, //
    },
    super_block::FileSystem, //
};
use core::{
    ffi::CStr,
    marker::PhantomData,
    ptr::NonNull,
    sync::atomic::{
        AtomicPtr,
        Ordering, //
    }, //
};
use kernel::{
    bindings,
    error::{
        from_err_ptr,
        from_result,
        to_result, //
    },
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*,
    types::Opaque, //
};

/// The pseudo filesystem of the shared inodes of `T`; made once, as a `static`.
///
/// # Invariants
///
/// `mount` is null or a mount of `raw`. It is not null while `T` can be mounted and until no real
/// inode of `T` is left.
pub(crate) struct SharedPages<T: FileSystem> {
    raw: Opaque<bindings::file_system_type>,
    name: &'static CStr,
    mount: AtomicPtr<bindings::vfsmount>,
    _fs: PhantomData<T>,
}

// SAFETY: The VFS locks its part, the rest is constant or atomic.
unsafe impl<T: FileSystem> Sync for SharedPages<T> {}

/// While it lives, there can be shared inodes of `T`. It is to be dropped after the
/// [`Registration`](super::registration::Registration).
pub(crate) struct SharedMount<T: FileSystem>(&'static SharedPages<T>);

impl<T: FileSystem> SharedPages<T> {
    /// A pseudo filesystem of this name.
    pub(crate) const fn new(name: &'static CStr) -> Self {
        Self {
            raw: Opaque::zeroed(),
            name,
            mount: AtomicPtr::new(core::ptr::null_mut()),
            _fs: PhantomData,
        }
    }

    /// Mounts it, before `T` is registered.
    pub(crate) fn mount(&'static self) -> Result<SharedMount<T>> {
        if !core::ptr::eq(self, T::shared_pages()) || !self.mount.load(Ordering::Acquire).is_null()
        {
            return Err(EINVAL);
        }
        // SAFETY: The type is nobody else's yet. It has no owner: its mount would keep the module
        // from being unloaded, which unmounts it.
        let mount = unsafe {
            let raw = self.raw.get();
            (*raw).name = self.name.as_char_ptr();
            (*raw).init_fs_context = Some(init::<T>);
            (*raw).kill_sb = Some(bindings::kill_anon_super);
            from_err_ptr(bindings::kern_mount(raw))?
        };
        // SAFETY: A live mount. `noop_backing_dev_info`, which it has now, would mean that nothing
        // is ever read ahead.
        let ret = unsafe { bindings::super_setup_bdi((*mount).mnt_sb) };
        if let Err(e) = to_result(ret) {
            // SAFETY: Mounted above.
            unsafe { bindings::kern_unmount(mount) };
            return Err(e);
        }
        self.mount.store(mount, Ordering::Release);
        Ok(SharedMount(self))
    }

    /// The shared inode of all files with this fingerprint, whose `hash` is given, for one of
    /// `size` bytes whose pages `tables` reads. `None` if there is one of another size, or whose
    /// pages are read in another way.
    pub(crate) fn inode<M: MappingOperations<Fs = T>>(
        &self,
        fingerprint: KVec<u8>,
        hash: u32,
        size: u64,
        tables: &'static MappingTables<M>,
    ) -> Result<Option<SharedInode<T>>> {
        let fingerprint = KBox::into_raw(KBox::new(fingerprint, GFP_KERNEL)?);

        // SAFETY: By the type invariant, as an inode of `T` is being made, there is a mount. Of
        // shared inodes, only this function makes any. It fills a new one before it is unlocked.
        unsafe {
            let sb = (*self.mount.load(Ordering::Acquire)).mnt_sb;
            let inode = bindings::iget5_locked(
                sb,
                u64::from(hash),
                Some(is_of),
                Some(begin),
                fingerprint.cast(),
            );
            if inode.is_null() || (*inode).i_private != fingerprint.cast() {
                // It has one of its own.
                drop(KBox::from_raw(fingerprint));
            }
            if inode.is_null() {
                return Err(ENOMEM);
            }
            let mapping = (*inode).i_mapping;
            if extra::erofs_helper_inode_is_new(inode) {
                (*inode).__bindgen_anon_3.i_fop = &T::inode_tables().backing_file;
                (*inode).i_mode = bindings::S_IFREG as u16 | 0o444;
                (*inode).i_size = i64::try_from(size).unwrap_or(i64::MAX);
                (*mapping).a_ops = &tables.shared;
                extra::erofs_helper_mapping_set_large_folios(mapping);
                bindings::unlock_new_inode(inode);
            } else if !core::ptr::eq((*mapping).a_ops, &tables.shared)
                || (*inode).i_size.unsigned_abs() != size
            {
                bindings::iput(inode);
                return Ok(None);
            }
            // It takes the reference, also when it fails.
            let dentry = from_err_ptr(bindings::d_obtain_alias(inode))?;
            // INVARIANT: A reference to a dentry of a shared inode.
            Ok(Some(SharedInode {
                dentry: NonNull::new_unchecked(dentry),
                _fs: PhantomData,
            }))
        }
    }
}

impl<T: FileSystem> Drop for SharedMount<T> {
    fn drop(&mut self) {
        let mount = self.0.mount.swap(core::ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: Mounted by `mount`. No inode of `T` is left, so no shared inode is. Their memory
        // is given back by functions of this module, which the barrier waits for.
        unsafe {
            bindings::kern_unmount(mount);
            bindings::rcu_barrier();
        }
    }
}

/// A reference to a shared inode.
///
/// # Invariants
///
/// `dentry` is a dentry of a shared inode of `T`, and a reference to it is this value's.
pub(crate) struct SharedInode<T: FileSystem> {
    dentry: NonNull<bindings::dentry>,
    _fs: PhantomData<T>,
}

impl<T: FileSystem> SharedInode<T> {
    /// What `i_private` of a real inode is to be, until [`forget`] is called for it.
    pub(super) fn into_private(self) -> *mut c_void {
        core::mem::ManuallyDrop::new(self).dentry.as_ptr().cast()
    }
}

impl<T: FileSystem> Drop for SharedInode<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::dput(self.dentry.as_ptr()) };
    }
}

/// Gives up what a real inode holds, if `inode` is one.
///
/// # Safety
///
/// `inode` must be of a superblock of `T`, and be evicted.
pub(super) unsafe fn forget<T: FileSystem>(inode: *mut bindings::inode) {
    // SAFETY: By contract. The one builder that installs this table has stored a dentry.
    unsafe {
        if core::ptr::eq(
            (*inode).__bindgen_anon_3.i_fop,
            &T::inode_tables().shared_file,
        ) {
            bindings::dput((*inode).i_private.cast());
        }
    }
}

/// # Safety
///
/// Called by `alloc_fs_context()` only, for the filesystem type in [`SharedPages`].
unsafe extern "C" fn init<T: FileSystem>(fc: *mut bindings::fs_context) -> c_int {
    // SAFETY: By contract.
    unsafe {
        let pseudo = extra::init_pseudo(fc.cast(), T::MAGIC);
        if pseudo.is_null() {
            return ENOMEM.to_errno();
        }
        (*pseudo).ops = &raw const SuperOperations::TABLE.0;
    }
    0
}

struct SuperOperations(bindings::super_operations);

// SAFETY: A constant table of functions.
unsafe impl Sync for SuperOperations {}

impl SuperOperations {
    const TABLE: &'static Self = &Self(bindings::super_operations {
        // Without users, there is no use for it.
        drop_inode: Some(bindings::inode_just_drop),
        free_inode: Some(free_inode),
        ..pin_init::zeroed()
    });
}

/// Whether the fingerprint of `inode` is the one at `fingerprint`.
///
/// # Safety
///
/// Called by `iget5_locked()` only, for an inode that [`begin`] was called for and a fingerprint.
unsafe extern "C" fn is_of(inode: *mut bindings::inode, fingerprint: *mut c_void) -> c_int {
    // SAFETY: By contract. The inode's own is freed after a grace period, as the inode is.
    let same = unsafe {
        let own = (*inode).i_private.cast::<KVec<u8>>();
        (*own).as_slice() == (*fingerprint.cast::<KVec<u8>>()).as_slice()
    };
    c_int::from(same)
}

/// Gives `inode` the fingerprint.
///
/// # Safety
///
/// Called by `iget5_locked()` only, for a new inode and a `KBox` of a fingerprint.
unsafe extern "C" fn begin(inode: *mut bindings::inode, fingerprint: *mut c_void) -> c_int {
    // SAFETY: By contract.
    unsafe { (*inode).i_private = fingerprint };
    0
}

/// # Safety
///
/// Called by RCU only, for an inode of the pseudo filesystem that nobody can find any more.
unsafe extern "C" fn free_inode(inode: *mut bindings::inode) {
    // SAFETY: By contract. The root has no fingerprint.
    unsafe {
        let fingerprint = (*inode).i_private.cast::<KVec<u8>>();
        if !fingerprint.is_null() {
            drop(KBox::from_raw(fingerprint));
        }
        bindings::free_inode_nonrcu(inode);
    }
}

/// The operations of the files of real inodes; the rest is as of any other file.
pub(super) const fn file_operations<T: FileSystem>(
    file: &bindings::file_operations,
) -> bindings::file_operations {
    bindings::file_operations {
        open: Some(open::<T>),
        release: Some(release),
        llseek: file.llseek,
        read_iter: Some(read_iter),
        mmap: Some(mmap),
        get_unmapped_area: file.get_unmapped_area,
        splice_read: Some(splice_read),
        fadvise: Some(fadvise),
        ..pin_init::zeroed()
    }
}

/// The operations of backing files.
pub(super) const fn backing_file_operations() -> bindings::file_operations {
    bindings::file_operations {
        release: Some(release_backing_file),
        ..pin_init::zeroed()
    }
}

/// # Safety
///
/// Called by the VFS only, through [`file_operations`], on a real inode.
unsafe extern "C" fn open<T: FileSystem>(
    inode: *mut bindings::inode,
    file: *mut bindings::file,
) -> c_int {
    from_result(|| {
        // SAFETY: By contract. The credentials of a file are those of whoever opens it. The
        // reference to the real inode is the backing file's, that to the backing file is the
        // file's.
        unsafe {
            let flags = (*file).f_flags;
            if flags & bindings::O_DIRECT != 0 {
                return Err(EINVAL);
            }
            let path = bindings::path {
                mnt: T::shared_pages().mount.load(Ordering::Acquire),
                dentry: (*inode).i_private.cast(),
            };
            let backing = from_err_ptr(extra::backing_file_open(
                file,
                (flags | bindings::O_NOATIME) as c_int,
                &path,
                (*file).f_cred,
            ))?;
            bindings::ihold(inode);
            (*backing).private_data = inode.cast();
            (*file).private_data = backing.cast();
        }
        Ok(0)
    })
}

/// # Safety
///
/// Called by the VFS only, through [`file_operations`], at the end of a file.
unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    // SAFETY: By contract; `open` has stored the reference.
    unsafe { bindings::fput(backing_file(file)) };
    0
}

/// # Safety
///
/// Called by the VFS only, through [`backing_file_operations`], at the end of a file.
unsafe extern "C" fn release_backing_file(
    _inode: *mut bindings::inode,
    file: *mut bindings::file,
) -> c_int {
    // SAFETY: By contract; `open` has stored the reference, unless it failed.
    unsafe { bindings::iput((*file).private_data.cast()) };
    0
}

/// The backing file of `file`.
///
/// # Safety
///
/// `file` must be an open one with [`file_operations`].
unsafe fn backing_file(file: *mut bindings::file) -> *mut bindings::file {
    // SAFETY: By contract.
    unsafe { (*file).private_data.cast() }
}

/// # Safety
///
/// Called by the VFS only, through [`file_operations`].
unsafe extern "C" fn read_iter(iocb: *mut bindings::kiocb, to: *mut bindings::iov_iter) -> isize {
    // SAFETY: By contract. The copy is synchronous, as it has no completion.
    unsafe {
        let mut copy = bindings::kiocb {
            ki_filp: backing_file((*iocb).ki_filp),
            ki_pos: (*iocb).ki_pos,
            ki_flags: (*iocb).ki_flags,
            ki_ioprio: (*iocb).ki_ioprio,
            ..pin_init::zeroed()
        };
        let read = bindings::filemap_read(&raw mut copy, to, 0);
        (*iocb).ki_pos = copy.ki_pos;
        read
    }
}

/// # Safety
///
/// As for [`read_iter`].
unsafe extern "C" fn splice_read(
    file: *mut bindings::file,
    pos: *mut bindings::loff_t,
    pipe: *mut bindings::pipe_inode_info,
    len: usize,
    flags: kernel::ffi::c_uint,
) -> isize {
    // SAFETY: By contract.
    unsafe { bindings::filemap_splice_read(backing_file(file), pos, pipe, len, flags) }
}

/// # Safety
///
/// As for [`read_iter`].
unsafe extern "C" fn fadvise(
    file: *mut bindings::file,
    pos: bindings::loff_t,
    len: bindings::loff_t,
    advice: c_int,
) -> c_int {
    // SAFETY: By contract.
    unsafe { bindings::vfs_fadvise(backing_file(file), pos, len, advice) }
}

/// # Safety
///
/// As for [`read_iter`], with an area that is being mapped.
unsafe extern "C" fn mmap(file: *mut bindings::file, area: *mut bindings::vm_area_struct) -> c_int {
    from_result(|| {
        // SAFETY: By contract. The area takes a reference to the backing file, and gives up that
        // to the file.
        unsafe {
            let backing = backing_file(file);
            bindings::vma_set_file(area, backing);
            to_result(extra::erofs_helper_security_mmap_backing_file(
                area, backing, file,
            ))?;
            to_result(bindings::generic_file_readonly_mmap(file, area))?;
        }
        Ok(0)
    })
}

/// The real inode that pages are to be read out of for `file`.
///
/// # Safety
///
/// `file` must be null or an open one, and stay so for `'a`.
unsafe fn real_inode<'a, T: FileSystem>(file: *mut bindings::file) -> Option<&'a INode<T>> {
    // SAFETY: By contract. A backing file holds a reference to a live inode of `T`, until it ends.
    unsafe {
        let is_backing = !file.is_null()
            && core::ptr::eq((*file).f_op, &T::inode_tables().backing_file)
            && !(*file).private_data.is_null();
        is_backing.then(|| INode::from_raw((*file).private_data.cast()))
    }
}

impl<M: MappingOperations> MappingTables<M> {
    /// # Safety
    ///
    /// Called by the page cache only, through the table of a shared inode's mapping, with a locked
    /// folio of that.
    pub(super) unsafe extern "C" fn shared_read_folio(
        file: *mut bindings::file,
        folio: *mut bindings::folio,
    ) -> c_int {
        from_result(|| {
            // SAFETY: By contract.
            let (inode, folio) = unsafe { (real_inode(file), LockedFolio::from_raw(folio)) };

            M::read_folio(inode.ok_or(EIO)?, folio)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// As for `shared_read_folio`; the page cache lends `rac` for this call.
    pub(super) unsafe extern "C" fn shared_readahead(rac: *mut bindings::readahead_control) {
        // SAFETY: By contract.
        unsafe {
            if let Some(inode) = real_inode((*rac).file) {
                M::readahead(inode, &mut Readahead::from_raw(&mut *rac));
            }
        }
    }
}
