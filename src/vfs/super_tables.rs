// SPDX-License-Identifier: GPL-2.0

//! The operations of superblocks, and how one begins and ends.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h)
//!
//! # Lifetime of `s_fs_info`
//!
//! `fc->s_fs_info` is an [`Info`] made by `init_fs_context`. `sget_fc()` moves it to the
//! superblock, and `kill_sb` frees it last, when no inode is left. An fs_context that made no
//! superblock frees it itself (`->free`).

use super::{
    context::MountLog,
    dax,
    extra,
    inode::InodeSlot,
    new_super_block::NewSuperBlock,
    shared,
    stat::StatFs,
    super_block::{
        FileSystem,
        Info,
        SuperBlock, //
    },
    xattr::Handlers, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::from_result,
    prelude::*,
    seq_file::SeqFile,
    sync::aref::ARef, //
};

/// The superblock operations of `T`; made once, as a `static`.
pub(crate) struct SuperTables<T: FileSystem> {
    super_operations: bindings::super_operations,
    _fs: PhantomData<T>,
}

// SAFETY: Constant tables of functions.
unsafe impl<T: FileSystem> Sync for SuperTables<T> {}

impl<T: FileSystem> SuperTables<T> {
    /// The tables.
    pub(crate) const fn new() -> Self {
        Self {
            super_operations: bindings::super_operations {
                alloc_inode: Some(Self::alloc_inode),
                free_inode: Some(Self::free_inode),
                evict_inode: Some(Self::evict_inode),
                put_super: Some(Self::put_super),
                statfs: Some(Self::statfs),
                show_options: Some(Self::show_options),
                ..pin_init::zeroed()
            },
            _fs: PhantomData,
        }
    }

    /// Whether `raw` has these operations: whether it is a superblock of this filesystem.
    ///
    /// # Safety
    ///
    /// `raw` must be a live superblock.
    pub(super) unsafe fn is_ours(&self, raw: *mut bindings::super_block) -> bool {
        // SAFETY: By contract.
        unsafe { core::ptr::eq((*raw).s_op, &self.super_operations) }
    }

    /// # Safety
    ///
    /// Called by `alloc_inode()` only, through the table that `fill_super` below installs.
    unsafe extern "C" fn alloc_inode(sb: *mut bindings::super_block) -> *mut bindings::inode {
        T::file_system_type().alloc_inode(sb)
    }

    /// # Safety
    ///
    /// Called by RCU only, for an inode from `alloc_inode` above that nobody can find any more.
    unsafe extern "C" fn free_inode(inode: *mut bindings::inode) {
        // SAFETY: By contract, and every inode of these superblocks is part of an `InodeSlot<T>`.
        unsafe { InodeSlot::<T>::free(inode) };
    }

    /// # Safety
    ///
    /// Called by `evict()` only, for an inode of a superblock with these operations.
    unsafe extern "C" fn evict_inode(inode: *mut bindings::inode) {
        // SAFETY: By contract.
        unsafe {
            dax::evict(inode);
            bindings::truncate_inode_pages_final(&raw mut (*inode).i_data);
            bindings::clear_inode(inode);
            shared::forget::<T>(inode);
        }
    }

    /// # Safety
    ///
    /// Called by `generic_shutdown_super()` only, for a superblock with a root.
    unsafe extern "C" fn put_super(sb: *mut bindings::super_block) {
        // SAFETY: A superblock that has a root has its data. Nobody else uses it any more.
        unsafe {
            let sb = SuperBlock::<T>::from_raw(sb);
            sb.remove_from_sysfs();
            T::put_super(sb);
            clear_internal_inodes::<T>(sb);
        }
    }

    /// # Safety
    ///
    /// Called by the VFS only, on a dentry of a live superblock with these operations.
    unsafe extern "C" fn statfs(
        dentry: *mut bindings::dentry,
        buf: *mut bindings::kstatfs,
    ) -> kernel::ffi::c_int {
        // SAFETY: By contract; the VFS owns `buf` and lends it for this call.
        unsafe {
            let sb = SuperBlock::<T>::from_raw((*dentry).d_sb);
            let mut stat = StatFs::from_raw(&mut *buf.cast::<extra::kstatfs>());
            stat.set_type(T::MAGIC);
            stat.set_block_size(sb.block_size_bits());
            T::statfs(sb, &mut stat);
        }
        0
    }

    /// # Safety
    ///
    /// Called by the VFS only, on the root dentry of a live superblock with these operations.
    unsafe extern "C" fn show_options(
        seq: *mut bindings::seq_file,
        root: *mut bindings::dentry,
    ) -> kernel::ffi::c_int {
        // SAFETY: By contract; the VFS owns `seq` and lends it for this call.
        unsafe {
            T::show_options(SuperBlock::from_raw((*root).d_sb), SeqFile::from_raw(seq));
        }
        0
    }

    /// What a superblock without a block device has to have instead of it: the backing device
    /// information that all of them share, and a name, `MAJOR:MINOR` of its anonymous device.
    ///
    /// # Safety
    ///
    /// As for `fill_super`, once.
    unsafe fn set_up_anonymous(sb: *mut bindings::super_block) {
        // SAFETY: By contract. A new superblock has `noop_backing_dev_info`, of which no reference
        // is held; `generic_shutdown_super()` puts what is taken here. Nobody reads its name yet.
        unsafe {
            (*sb).s_bdi = T::file_system_type().get_bdi();
            write_name(&mut (*sb).s_id, (*sb).s_dev);
        }
    }

    /// Both steps of setting a superblock up.
    ///
    /// # Safety
    ///
    /// Called by `get_tree_bdev_flags()` or `get_tree_nodev()` only, with the superblock they made
    /// for `fc`, which is a context of this filesystem.
    pub(super) unsafe extern "C" fn fill_super(
        sb: *mut bindings::super_block,
        fc: *mut bindings::fs_context,
    ) -> kernel::ffi::c_int {
        from_result(|| {
            // SAFETY: By contract the superblock is this function's alone.
            unsafe {
                (*sb).s_magic = T::MAGIC;
                (*sb).s_flags |= extra::CONST_SB_RDONLY | extra::CONST_SB_NOATIME;
                (*sb).s_maxbytes = extra::CONST_MAX_LFS_FILESIZE;
                (*sb).s_time_gran = 1;
                (*sb).s_op = &T::super_tables().super_operations;
                (*sb).s_export_op = core::ptr::from_ref(T::exports().raw).cast();
                (*sb).s_xattr = Handlers::<T::Xattrs>::list();
            }
            // SAFETY: As above.
            unsafe {
                if is_anonymous(sb) {
                    Self::set_up_anonymous(sb);
                }
            }
            // SAFETY: By contract.
            let new =
                unsafe { NewSuperBlock::<T>::from_raw(sb, MountLog::from_raw(fc.cast(), sb)) };
            let log = new.fill()?;
            // INVARIANT: The data was stored just now, for good.
            // SAFETY: By the above.
            let sb = unsafe { SuperBlock::<T>::from_raw(sb) };
            let made = T::root(sb, &log).and_then(|root| {
                // SAFETY: `d_make_root` takes the reference, also when it fails.
                unsafe {
                    let root = ARef::into_raw(root).as_ptr().cast::<bindings::inode>();
                    let root = bindings::d_make_root(root);
                    (*sb.as_raw()).s_root = root;
                    NonNull::new(root).ok_or(ENOMEM)
                }
            });
            if made.is_err() {
                // SAFETY: Without a root there is no `put_super`, and nobody else has seen it.
                unsafe { clear_internal_inodes::<T>(sb) };
            }
            made?;
            // From here on, `put_super` is called if this fails.
            sb.add_to_sysfs()?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called by `deactivate_locked_super()` only, through
    /// [`FileSystemType`](super::registration::FileSystemType).
    pub(super) unsafe extern "C" fn kill_sb(sb: *mut bindings::super_block) {
        // SAFETY: By contract this is the end of the superblock. Which of the two applies is
        // decided by how `sget_fc` was told to find its device, so by that: a superblock for a
        // block device has no `s_bdev` yet if that could not be opened. After them no inode is
        // left, so nothing refers to the data, which `Info::new` allocated.
        unsafe {
            let info = (*sb).s_fs_info.cast::<Info<T>>();

            if is_anonymous(sb) {
                bindings::kill_anon_super(sb);
            } else {
                bindings::kill_block_super(sb);
            }
            (*sb).s_fs_info = core::ptr::null_mut();
            if !info.is_null() {
                drop(KBox::from_raw(info));
            }
        }
    }
}

/// The name of the anonymous device `device`, whose major number is 0, with a NUL behind it. As
/// `snprintf()` would, which takes ten times as long.
fn write_name(name: &mut [kernel::ffi::c_char], device: u32) {
    let digits = device.checked_ilog10().unwrap_or(0) as usize + 1;
    let Some((start, end)) = name.split_at_mut_checked(b"0:".len() + digits) else {
        return;
    };
    let mut rest = device;

    for digit in start.iter_mut().rev().take(digits) {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    for (to, from) in start.iter_mut().zip(b"0:") {
        *to = *from;
    }
    end.fill(0);
}

/// # Safety
///
/// As for [`InternalInode::clear`].
unsafe fn clear_internal_inodes<T: FileSystem>(sb: &SuperBlock<T>) {
    for inode in T::internal_inodes(sb.data()) {
        // SAFETY: By contract.
        unsafe { inode.clear() };
    }
}

/// Whether `sb` was made without a block device: it has a device number of its own then. Tells so
/// also where the block device could not be opened.
///
/// # Safety
///
/// `sb` must be alive.
unsafe fn is_anonymous(sb: *mut bindings::super_block) -> bool {
    // SAFETY: By contract; the number is constant. Block devices have another major number than 0.
    unsafe { (*sb).s_dev >> bindings::MINORBITS == 0 }
}
