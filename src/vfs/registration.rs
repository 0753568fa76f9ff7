// SPDX-License-Identifier: GPL-2.0

//! Registration of a filesystem type.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h)
//!
//! The `file_system_type` is static data of the module, as lockdep's keys in it must be.

use super::{
    bdi::SharedBdi,
    context,
    extra,
    inode::InodeSlot,
    super_block::FileSystem,
    super_tables::SuperTables,
    sysfs::Directory, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull,
    sync::atomic::{
        AtomicPtr,
        Ordering, //
    }, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// A filesystem type; made once, as a `static`.
///
/// # Invariants
///
/// While the type is registered and until no superblock or inode is left, `inode_cache` is the
/// cache of [`InodeSlot<T>`], `bdi` is registered and `sysfs` is in sysfs; otherwise the first is
/// null.
pub(crate) struct FileSystemType<T: FileSystem> {
    raw: Opaque<bindings::file_system_type>,
    inode_cache: AtomicPtr<bindings::kmem_cache>,
    bdi: AtomicPtr<bindings::backing_dev_info>,
    sysfs: AtomicPtr<bindings::kobject>,
    _fs: PhantomData<T>,
}

// SAFETY: The VFS locks its part, the rest is atomic.
unsafe impl<T: FileSystem> Sync for FileSystemType<T> {}

impl<T: FileSystem> FileSystemType<T> {
    /// A type that is not registered yet.
    pub(crate) const fn new() -> Self {
        Self {
            raw: Opaque::zeroed(),
            inode_cache: AtomicPtr::new(core::ptr::null_mut()),
            bdi: AtomicPtr::new(core::ptr::null_mut()),
            sysfs: AtomicPtr::new(core::ptr::null_mut()),
            _fs: PhantomData,
        }
    }

    /// Registers the type, of `module`: from here on, it can be mounted. `EBUSY` if one of the same name is
    /// registered.
    pub(crate) fn register(&'static self, module: &'static ThisModule) -> Result<Registration<T>> {
        if !core::ptr::eq(self, T::file_system_type()) {
            return Err(EINVAL);
        }
        let bdi = SharedBdi::register(T::NAME)?;
        let sysfs = Directory::in_fs(T::NAME, self, &[])?;
        let features = Directory::in_directory(&sysfs, c"features", self, T::features())?;
        let mut args = bindings::kmem_cache_args {
            ctor: Some(InodeSlot::<T>::construct),
            ..pin_init::zeroed()
        };

        // SAFETY: Constant strings and a constructor of objects of this size.
        let cache = unsafe {
            bindings::__kmem_cache_create_args(
                T::INODE_CACHE_NAME.as_char_ptr(),
                size_of::<InodeSlot<T>>() as u32,
                &raw mut args,
                extra::CONST_SLAB_INODES,
            )
        };
        let cache = NonNull::new(cache).ok_or(ENOMEM)?;

        if self
            .inode_cache
            .compare_exchange(
                core::ptr::null_mut(),
                cache.as_ptr(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .is_err()
        {
            // SAFETY: Made above, and empty.
            unsafe { bindings::kmem_cache_destroy(cache.as_ptr()) };
            return Err(EBUSY);
        }

        // INVARIANT: The cache is in place.
        self.bdi.store(bdi.as_raw(), Ordering::Relaxed);
        self.sysfs.store(sysfs.as_raw(), Ordering::Relaxed);
        let mut registration = Registration {
            fs_type: self,
            registered: false,
            _features: features,
            _sysfs: sysfs,
            _bdi: bdi,
        };

        // SAFETY: The type is not registered, as it had no cache, so it is ours to fill.
        let ret = unsafe {
            let raw = self.raw.get();
            (*raw).name = T::NAME.as_char_ptr();
            (*raw).owner = module.as_ptr();
            (*raw).init_fs_context = Some(context::init::<T>);
            (*raw).kill_sb = Some(SuperTables::<T>::kill_sb);
            (*raw).fs_flags = (bindings::FS_REQUIRES_DEV | bindings::FS_ALLOW_IDMAP) as i32;
            bindings::register_filesystem(raw)
        };
        to_result(ret)?;
        registration.registered = true;
        Ok(registration)
    }

    /// A reference to the backing device information that the mounts without a block device share,
    /// for a superblock that is being set up.
    pub(super) fn get_bdi(&self) -> *mut bindings::backing_dev_info {
        // SAFETY: By the type invariant, as a superblock exists.
        unsafe { extra::erofs_helper_bdi_get(self.bdi.load(Ordering::Relaxed)) }
    }

    /// The filesystem's directory in sysfs, for a superblock.
    pub(super) fn sysfs(&self) -> *mut bindings::kobject {
        self.sysfs.load(Ordering::Relaxed)
    }

    /// Memory for an inode of `sb`.
    pub(super) fn alloc_inode(&self, sb: *mut bindings::super_block) -> *mut bindings::inode {
        // SAFETY: By the type invariant; the LRU is the superblock's own, for memory accounting.
        let slot = unsafe {
            bindings::kmem_cache_alloc_lru_noprof(
                self.inode_cache.load(Ordering::Relaxed),
                &raw mut (*sb).s_inode_lru,
                extra::CONST_GFP_KERNEL,
            )
        };
        match NonNull::new(slot.cast::<InodeSlot<T>>()) {
            // SAFETY: Fresh from the cache, which constructed it.
            Some(slot) => unsafe { InodeSlot::begin(slot) },
            None => core::ptr::null_mut(),
        }
    }

    /// Gives the memory of an inode back.
    ///
    /// # Safety
    ///
    /// `slot` must be from `alloc_inode`, and unused.
    pub(super) unsafe fn free_slot(&self, slot: *mut kernel::ffi::c_void) {
        // SAFETY: By contract and the type invariant.
        unsafe { bindings::kmem_cache_free(self.inode_cache.load(Ordering::Relaxed), slot) };
    }
}

/// A registered filesystem type. Dropped, it is unregistered; the module's reference count sees to
/// it that nothing is mounted then.
pub(crate) struct Registration<T: FileSystem> {
    fs_type: &'static FileSystemType<T>,
    registered: bool,
    // After everything else, in this order: superblocks use them until they are gone.
    _features: Directory<FileSystemType<T>>,
    _sysfs: Directory<FileSystemType<T>>,
    _bdi: SharedBdi,
}

impl<T: FileSystem> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: Registered by `register`. Inodes are freed after a grace period, which the
        // barrier waits for, so the cache is empty.
        unsafe {
            if self.registered {
                bindings::unregister_filesystem(self.fs_type.raw.get());
            }
            bindings::rcu_barrier();
            let cache = self
                .fs_type
                .inode_cache
                .swap(core::ptr::null_mut(), Ordering::AcqRel);
            bindings::kmem_cache_destroy(cache);
        }
    }
}
