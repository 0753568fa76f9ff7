// SPDX-License-Identifier: GPL-2.0

//! Superblocks and their operations.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h)
//!
//! A superblock is set up in two steps, which differ in what they may touch:
//! [`FileSystem::fill_super`] gets a [`NewSuperBlock`], on which no inode can be made yet, and
//! returns the filesystem's data; [`FileSystem::root`] then gets the [`SuperBlock`], whose data is
//! in place for good. Everybody else sees only the latter.

use super::{
    bio::BlockDevice,
    block_device::OpenBlockDevice,
    context::{
        MountContext,
        MountLog,
        Parameter,
        Parameters, //
    },
    dax::DaxDevice,
    export::Exports,
    extra,
    inode::{
        INode,
        Iget,
        InodeTables, //
    },
    internal::InternalInode,
    iomap::IomapOperations,
    new_inode::NewInode,
    new_super_block::NewSuperBlock,
    once::OnceBox,
    registration::FileSystemType,
    shared::SharedPages,
    stat::{
        Stat,
        StatFs, //
    },
    super_tables::SuperTables,
    sysfs::{
        Attribute,
        Directory, //
    },
    xattr::XattrOperations, //
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
    pub(super) data: OnceBox<T::Data>,
    /// Complete before there is data, as is what follows.
    pub(super) devices: KVec<OpenBlockDevice>,
    /// The persistent memory of the block device that the superblock is on, if it has any.
    pub(super) dax: Option<DaxDevice>,
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
    pub(super) fn add_to_sysfs(&self) -> Result {
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
    pub(super) fn remove_from_sysfs(&self) {
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
