// SPDX-License-Identifier: GPL-2.0

//! Superblocks and their operations.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h)
//!
//! A superblock is set up in two steps, which differ in what they may touch:
//! [`FileSystem::fill_super`] gets a [`NewSuperBlock`], on which no inode can be made yet, and
//! returns the filesystem's data; [`FileSystem::root`] then gets the [`SuperBlock`], whose data is
//! in place for good. Everybody else sees only the latter.
//!
//! # Lifetime of `s_fs_info`
//!
//! `fc->s_fs_info` is an [`Info`] made by `init_fs_context`. `sget_fc()` moves it to the
//! superblock, and `kill_sb` frees it last, when no inode is left. An fs_context that made no
//! superblock frees it itself (`->free`).

use super::{
    bio::BlockDevice,
    block_device::OpenBlockDevice,
    context::{
        MountContext,
        MountLog,
        Parameter,
        Parameters, //
    },
    dax::{
        self,
        DaxDevice, //
    },
    export::Exports,
    extra,
    inode::{
        INode,
        Iget,
        InodeSlot,
        InodeTables,
        NewInode, //
    },
    internal::InternalInode,
    iomap::IomapOperations,
    once::OnceBox,
    registration::FileSystemType,
    shared::{
        self,
        SharedPages, //
    },
    stat::{
        Stat,
        StatFs, //
    },
    sysfs::{
        Attribute,
        Directory, //
    },
    xattr::{
        Handlers,
        XattrOperations, //
    }, //
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
        from_result,
        to_result, //
    },
    fmt,
    prelude::*,
    seq_file::SeqFile,
    sync::aref::ARef,
    types::Opaque, //
};

/// A read-only filesystem.
pub(crate) trait FileSystem: Sized + Send + Sync + 'static {
    /// Name of the filesystem type.
    const NAME: &'static CStr;

    /// Name of the inode cache in `/proc/slabinfo`.
    const INODE_CACHE_NAME: &'static CStr;

    /// `s_magic`.
    const MAGIC: usize;

    /// What the mount options of one mount say.
    type Options: Send + Sync;

    /// What the filesystem keeps per superblock.
    type Data: Send + Sync;

    /// What the filesystem keeps per inode. It is dropped after a grace period, in a context that
    /// cannot sleep: it may own memory, nothing else.
    type InodeData: Send + Sync;

    /// How contents of files are found for the iomap library.
    type Iomap: IomapOperations<Fs = Self>;
    /// The extended attributes of its inodes.
    type Xattrs: XattrOperations<Fs = Self>;

    /// The one registration of this filesystem.
    fn file_system_type() -> &'static FileSystemType<Self>;

    /// The one pseudo filesystem of its shared inodes.
    fn shared_pages() -> &'static SharedPages<Self>;

    /// The one table of superblock operations.
    fn super_tables() -> &'static SuperTables<Self>;

    /// The one table of operations of inodes that are not directories.
    fn inode_tables() -> &'static InodeTables<Self>;

    /// The one table of operations on file handles.
    fn exports() -> Exports<Self>;

    /// What the directory `features` of the filesystem's directory in sysfs has.
    fn features() -> &'static [Attribute<FileSystemType<Self>>];

    /// What the directory of a mount in sysfs has. Each is a cost to every mount.
    fn attributes(sb: &SuperBlock<Self>) -> &'static [Attribute<SuperBlock<Self>>];

    /// The options there are.
    fn parameters() -> Parameters;

    /// Options before any is given.
    fn default_options() -> Result<Self::Options>;

    /// Takes one option. What is invalid is told to the person by `parameter.invalid()`.
    fn parse(options: &mut Self::Options, parameter: Parameter<'_>) -> Result;

    /// Finds or makes the superblock: calls one of the `get_tree_*` methods of `context`.
    fn get_tree(context: &mut MountContext<'_, Self>) -> Result;

    /// First step: reads what is needed to describe the filesystem. Boxed on its way, for the sake
    /// of the stack.
    fn fill_super(sb: &mut NewSuperBlock<'_, Self>) -> Result<KBox<Self::Data>>;

    /// Second step: the root directory.
    fn root(sb: &SuperBlock<Self>, log: &MountLog<'_>) -> Result<ARef<INode<Self>>>;

    /// Takes the options of a remount.
    fn reconfigure(
        sb: &SuperBlock<Self>,
        options: &Self::Options,
        flags: &mut RemountFlags,
    ) -> Result;

    /// The end of a mount: all inodes are gone but the internal ones.
    fn put_super(_sb: &SuperBlock<Self>) {}

    /// The internal inodes that `data` holds.
    fn internal_inodes(_data: &Self::Data) -> &[InternalInode<Self>] {
        &[]
    }

    /// Answers `statfs(2)`.
    fn statfs(sb: &SuperBlock<Self>, stat: &mut StatFs<'_>);

    /// The label of the volume, without a NUL; empty if it has none.
    fn label(sb: &SuperBlock<Self>) -> &[u8];

    /// Shows the options, each with a leading comma.
    fn show_options(sb: &SuperBlock<Self>, seq: &SeqFile);

    /// Adds what the filesystem knows beyond the inode's own fields to a `statx(2)` answer.
    fn getattr(inode: &INode<Self>, stat: &mut Stat<'_>);
}

/// What `s_fs_info` points to.
///
/// # Invariants
///
/// `data` is populated from the end of `fill_super` until the superblock is freed, and inodes of
/// the superblock exist only in that time.
pub(super) struct Info<T: FileSystem> {
    pub(super) options: T::Options,
    /// The mount's directory in sysfs, from the end of `fill_super` to `put_super`; else null.
    sysfs: AtomicPtr<bindings::kobject>,
    data: OnceBox<T::Data>,
    /// Complete before there is data, as is what follows.
    devices: KVec<OpenBlockDevice>,
    /// The persistent memory of the block device that the superblock is on, if it has any.
    dax: Option<DaxDevice>,
}

impl<T: FileSystem> Info<T> {
    pub(super) fn new(options: T::Options) -> Result<KBox<Self>> {
        Ok(KBox::new(
            Self {
                options,
                data: OnceBox::new(),
                sysfs: AtomicPtr::new(core::ptr::null_mut()),
                devices: KVec::new(),
                dax: None,
            },
            GFP_KERNEL,
        )?)
    }
}

/// A superblock whose filesystem is `T`, with its data in place.
///
/// # Invariants
///
/// `s_fs_info` points to a live `Info<T>` with data, for as long as the reference to this type
/// lives.
#[repr(transparent)]
pub(crate) struct SuperBlock<T: FileSystem> {
    inner: Opaque<bindings::super_block>,
    _fs: PhantomData<T>,
}

// SAFETY: A superblock is used from any task; what this type lets one reach is `Sync` or constant.
unsafe impl<T: FileSystem> Send for SuperBlock<T> {}
// SAFETY: As above.
unsafe impl<T: FileSystem> Sync for SuperBlock<T> {}

impl<T: FileSystem> SuperBlock<T> {
    /// # Safety
    ///
    /// `raw` must be a superblock of `T::file_system_type()` on which `fill_super` has stored the
    /// data, and must stay alive for `'a`.
    pub(super) unsafe fn from_raw<'a>(raw: *mut bindings::super_block) -> &'a Self {
        // SAFETY: `repr(transparent)` over the C type; the rest is this function's contract.
        unsafe { &*raw.cast() }
    }

    pub(super) fn as_raw(&self) -> *mut bindings::super_block {
        self.inner.get()
    }

    fn info(&self) -> &Info<T> {
        // SAFETY: By the type invariant.
        unsafe { &*(*self.as_raw()).s_fs_info.cast() }
    }

    /// The filesystem's data.
    pub(crate) fn data(&self) -> &T::Data {
        // SAFETY: By the type invariant the data is populated, and it never changes.
        unsafe { self.info().data.get().unwrap_unchecked() }
    }

    /// The options this superblock was made with.
    pub(crate) fn options(&self) -> &T::Options {
        &self.info().options
    }

    /// Makes the directory of this mount in sysfs. Its name is that of the block device, or of the
    /// anonymous device, each of which has one superblock at a time.
    fn add_to_sysfs(&self) -> Result {
        let sb = self.as_raw();

        // SAFETY: Nobody reads the name before the superblock is born; the buffer is the longer
        // one. The filesystem's directory is there while superblocks are, and this superblock until
        // `put_super` drops what is made here.
        let directory = unsafe {
            let name = (&raw mut (*sb).s_sysfs_name).cast();
            core::ptr::copy_nonoverlapping(&raw const (*sb).s_id, name, 1);
            let parent = T::file_system_type().sysfs();
            Directory::make(parent, name.cast(), self, T::attributes(self))?
        };
        self.info()
            .sysfs
            .store(directory.into_raw(), Ordering::Relaxed);
        Ok(())
    }

    /// Removes it, after whoever uses one of its files.
    fn remove_from_sysfs(&self) {
        let none = core::ptr::null_mut();
        if let Some(directory) = NonNull::new(self.info().sysfs.swap(none, Ordering::Relaxed)) {
            // SAFETY: Stored by `add_to_sysfs`, and taken once.
            drop(unsafe { Directory::<Self>::from_raw(directory) });
        }
    }

    /// Looks the inode `ino` up in the cache, or begins a new one.
    pub(crate) fn iget(&self, ino: u64) -> Result<Iget<T>> {
        // SAFETY: A live superblock whose `alloc_inode` is ours.
        let raw = unsafe { bindings::iget_locked(self.as_raw(), ino) };
        let raw = NonNull::new(raw).ok_or(ENOMEM)?;

        // SAFETY: `iget_locked` returned a reference to an inode of this superblock. If it is new,
        // it is locked, and it is this task's to fill.
        unsafe {
            if extra::erofs_helper_inode_is_new(raw.as_ptr()) {
                Ok(Iget::New(NewInode::from_raw(raw)))
            } else {
                Ok(Iget::Cached(ARef::from_raw(raw.cast())))
            }
        }
    }

    /// Bytes in a block, as `stat` and the block layer see it.
    pub(crate) fn block_size_bits(&self) -> u8 {
        // SAFETY: Constant once the superblock is set up.
        unsafe { (*self.as_raw()).s_blocksize_bits }
    }

    /// The block device that the superblock is on, if any.
    #[inline]
    pub(crate) fn block_device(&self) -> Option<&BlockDevice> {
        // SAFETY: `s_bdev` is constant while the superblock is live, and open.
        unsafe { BlockDevice::from_raw((*self.as_raw()).s_bdev) }
    }

    /// The further block devices, in the order in which they were opened.
    #[inline]
    pub(crate) fn further_devices(&self) -> &[OpenBlockDevice] {
        &self.info().devices
    }

    /// The persistent memory of the block device that the superblock is on, if it has any.
    pub(crate) fn dax(&self) -> Option<&DaxDevice> {
        self.info().dax.as_ref()
    }

    /// The block device the superblock is on, encoded for `statfs`; zero if there is none.
    pub(crate) fn encoded_bdev(&self) -> u64 {
        // SAFETY: `s_bdev` is constant while the superblock is live, and pins the device.
        unsafe {
            let bdev = (*self.as_raw()).s_bdev;
            if bdev.is_null() {
                0
            } else {
                extra::erofs_helper_huge_encode_dev((*bdev).bd_dev)
            }
        }
    }
}

/// The flags of a superblock that is remounted.
pub(crate) struct RemountFlags(pub(super) u32);

impl RemountFlags {
    /// Enables or disables POSIX ACLs (`SB_POSIXACL`).
    pub(crate) fn set_posix_acl(&mut self, on: bool) {
        let flag = extra::CONST_SB_POSIXACL as u32;
        self.0 = if on { self.0 | flag } else { self.0 & !flag };
    }
}

/// A superblock that `fill_super` sets up.
///
/// # Invariants
///
/// `raw` is locked (`s_umount`) and not born (`SB_BORN`): others may find it, but wait.
pub(crate) struct NewSuperBlock<'a, T: FileSystem> {
    raw: *mut bindings::super_block,
    log: MountLog<'a>,
    _life: PhantomData<(&'a mut T, *mut ())>,
}

impl<T: FileSystem> NewSuperBlock<'_, T> {
    fn info(&mut self) -> &mut Info<T> {
        // SAFETY: By the type invariant nobody else uses the superblock's `Info`, which `sget_fc`
        // has moved to it from the context.
        unsafe { &mut *(*self.raw).s_fs_info.cast() }
    }

    /// The first step. Not inlined, for the sake of the stack.
    #[inline(never)]
    fn fill(&mut self) -> Result {
        let data = T::fill_super(self)?;
        self.info().data.set(data);
        Ok(())
    }

    /// The mount options.
    pub(crate) fn options(&mut self) -> &mut T::Options {
        &mut self.info().options
    }

    /// The block device that the superblock is on, if any.
    pub(crate) fn block_device(&self) -> Option<&BlockDevice> {
        // SAFETY: By the type invariant; the device is open as long as the superblock is.
        unsafe { BlockDevice::from_raw((*self.raw).s_bdev) }
    }

    /// Looks for persistent memory of the block device that the superblock is on. Tells whether
    /// that and all the further ones have any.
    pub(crate) fn find_dax(&mut self) -> bool {
        // SAFETY: By the type invariant the device is open, or null.
        let dax = unsafe {
            let device = (*self.raw).s_bdev;
            if device.is_null() {
                None
            } else {
                DaxDevice::of(device)
            }
        };
        let info = self.info();
        info.dax = dax;
        info.dax.is_some() && info.devices.iter().all(|device| device.dax().is_some())
    }

    /// Makes room for `count` further block devices.
    pub(crate) fn reserve_devices(&mut self, count: usize) -> Result {
        self.info().devices = KVec::with_capacity(count, GFP_KERNEL)?;
        Ok(())
    }

    /// Opens one, for which there is room. `ENOTBLK` if `path` is none.
    pub(crate) fn open_device(&mut self, path: &CStr) -> Result<&BlockDevice> {
        // SAFETY: The `Info`, which will hold it, is dropped by `kill_sb`, before the superblock is
        // freed.
        let device = unsafe { OpenBlockDevice::open(path, NonNull::new_unchecked(self.raw))? };
        let devices = &mut self.info().devices;

        devices.push_within_capacity(device).map_err(|_| ENOMEM)?;
        Ok(devices.last().ok_or(ENOMEM)?.device())
    }

    /// Sets the block size. On a block device this drops its page cache if the size changes, so
    /// no folio of it may be held.
    pub(crate) fn set_block_size(&mut self, bits: u8) -> Result {
        let size = 1i32.checked_shl(bits.into()).ok_or(EINVAL)?;

        // SAFETY: By the type invariant.
        unsafe {
            if (*self.raw).s_bdev.is_null() {
                (*self.raw).s_blocksize = size as usize;
                (*self.raw).s_blocksize_bits = bits;
            } else if bindings::sb_set_blocksize(self.raw, size) == 0 {
                return Err(EINVAL);
            }
        }
        Ok(())
    }

    /// Sets `s_uuid`.
    pub(crate) fn set_uuid(&mut self, uuid: &[u8; 16]) {
        // SAFETY: By the type invariant; 16 is the length of both.
        unsafe { extra::erofs_helper_super_set_uuid(self.raw, uuid.as_ptr(), 16) };
    }

    /// Enables or disables POSIX ACLs (`SB_POSIXACL`).
    pub(crate) fn set_posix_acl(&mut self, on: bool) {
        let flag = extra::CONST_SB_POSIXACL;
        // SAFETY: By the type invariant.
        unsafe {
            if on {
                (*self.raw).s_flags |= flag;
            } else {
                (*self.raw).s_flags &= !flag;
            }
        }
    }

    /// Tells the person who mounts why it fails, in the fs_context log and the kernel log.
    pub(crate) fn error(&self, args: fmt::Arguments<'_>) {
        self.log.error::<T>(args);
    }
}

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
        // is held; `generic_shutdown_super()` puts what is taken here. The buffer has the length
        // that is given.
        unsafe {
            (*sb).s_bdi = T::file_system_type().get_bdi();
            bindings::snprintf(
                (&raw mut (*sb).s_id).cast(),
                core::mem::size_of_val(&(*sb).s_id),
                c"%u:%u".as_char_ptr(),
                (*sb).s_dev >> bindings::MINORBITS,
                (*sb).s_dev & ((1 << bindings::MINORBITS) - 1),
            );
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
            // INVARIANT: By this function's contract.
            let mut new = NewSuperBlock::<T> {
                raw: sb,
                // SAFETY: By contract.
                log: unsafe { MountLog::from_raw(fc.cast(), sb) },
                _life: PhantomData,
            };
            new.fill()?;
            let log = new.log;
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
    /// Called by `deactivate_locked_super()` only, through [`FileSystemType`].
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

/// Checks the result of a kernel function for an error.
pub(super) fn check(ret: kernel::ffi::c_int) -> Result {
    to_result(ret)
}
