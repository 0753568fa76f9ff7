// SPDX-License-Identifier: GPL-2.0

//! The filesystem: its type, and what is kept per mount. The steps of a mount are in
//! [`mount`](crate::mount).

#![forbid(unsafe_code)]

use crate::{
    backing::{
        devices::{
            Devices,
            Opened, //
        },
        Image,
        Medium, //
    },
    fs_err,
    fs_info,
    inode::{
        self,
        InodeInfo, //
    },
    iomap::Iomap,
    mount::PAGE_BITS,
    ondisk::{
        self,
        device,
        BlockBits,
        ErrorKind,
        Nid, //
    },
    options::{
        self,
        Options, //
    },
    refusals::Refusals,
    share::SHARED_PAGES,
    sysfs::{
        self,
        Tunables, //
    },
    vfs::{
        backing_file::BackingFile,
        context::{
            MountContext,
            MountLog,
            OwnedString,
            Parameter,
            Parameters, //
        },
        export::{
            ExportTables,
            Exports, //
        },
        inode::{
            INode,
            InodeTables, //
        },
        internal::InternalInode,
        new_super_block::NewSuperBlock,
        once::OnceBox,
        registration::FileSystemType,
        shared::SharedPages,
        stat::{
            Stat,
            StatFs, //
        },
        super_block::{
            FileSystem,
            RemountFlags,
            SuperBlock, //
        },
        super_tables::SuperTables,
        sysfs::Attribute, //
    },
    volume,
    xattr::{
        Prefixes,
        Xattrs, //
    },
    zip, //
};
use core::ffi::CStr;
use kernel::{
    bindings,
    prelude::*,
    seq_file::SeqFile,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// The filesystem type.
pub(crate) static FILE_SYSTEM_TYPE: FileSystemType<Erofs> = FileSystemType::new();
static SUPER_TABLES: SuperTables<Erofs> = SuperTables::new();
static EXPORT_TABLES: ExportTables<Erofs> = ExportTables::new();
static INODE_TABLES: InodeTables<Erofs> = InodeTables::new();

/// The filesystem.
pub(crate) struct Erofs;

/// What is kept per mount.
pub(crate) struct SuperInfo {
    /// The superblock on disk.
    pub(crate) disk: ondisk::Superblock,
    /// Where the image is.
    pub(crate) medium: Medium,
    /// What can be changed in sysfs.
    pub(crate) tunables: Tunables,
    /// Where the rest of it is.
    pub(crate) devices: Devices,
    /// Whether it can be used where it is in persistent memory.
    can_dax: bool,
    /// What reading compressed files takes, if there may be some.
    pub(crate) zip: Option<Arc<zip::Mount>>,
    /// The packed inode and the metabox inode.
    internal: [InternalInode<Erofs>; 2],
    /// The long prefixes of names of extended attributes.
    prefixes: OnceBox<Prefixes>,
    /// What was said of inodes that are wrong.
    pub(crate) refusals: Refusals,
    /// Who vouches for the fingerprints of files (`domain_id`).
    pub(crate) domain: Option<OwnedString>,
}

impl SuperInfo {
    /// With the superblock of the image on `medium`, and nothing else of it yet. Not inlined, for
    /// the sake of the stack.
    #[inline(never)]
    fn read(sb: &NewSuperBlock<'_, Erofs>, medium: Medium) -> Result<KBox<Self>> {
        let disk = Erofs::read_superblock(sb, &medium)?;
        let bits = disk.block_bits;
        KBox::init(
            init!(Self {
                disk,
                medium,
                devices: Devices::new(bits, KVVec::new(), Opened::None),
                can_dax: false,
                zip: None,
                tunables: Tunables::new(),
                internal: [const { InternalInode::new() }; 2],
                prefixes: OnceBox::new(),
                refusals: Refusals::new(),
                domain: None,
            }),
            GFP_KERNEL,
        )
    }

    /// The inode that holds fragments of files.
    pub(crate) fn packed(&self) -> &InternalInode<Erofs> {
        let [packed, _] = &self.internal;
        packed
    }

    /// The inode that holds metadata.
    #[inline]
    pub(crate) fn metabox(&self) -> &InternalInode<Erofs> {
        let [_, metabox] = &self.internal;
        metabox
    }

    /// The long prefixes of names of extended attributes.
    pub(crate) fn prefixes(&self) -> &Prefixes {
        static NONE: Prefixes = Prefixes::none();
        self.prefixes.get().unwrap_or(&NONE)
    }
}

/// Whether files are read around their page cache (`directio`).
fn set_direct(medium: &Medium, devices: &Devices, bits: BlockBits, on: bool) {
    let block_size = on.then_some(bits.size());
    if let Medium::File(file) = medium {
        file.set_direct(block_size);
    }
    if let Opened::File(files) = devices.opened() {
        for file in files {
            file.set_direct(block_size);
        }
    }
}

/// The image of a mount.
#[inline]
pub(crate) fn image(sb: &SuperBlock<Erofs>) -> Result<Image<'_>> {
    sb.data().medium.image(sb.block_device())
}

/// The errno for what the format's parsers refuse.
pub(crate) fn errno(kind: ErrorKind) -> Error {
    match kind {
        ErrorKind::Io => EIO,
        ErrorKind::Invalid => EINVAL,
        ErrorKind::Corrupted => EFSCORRUPTED,
        ErrorKind::BadChecksum => EBADMSG,
        ErrorKind::Unsupported => EOPNOTSUPP,
        ErrorKind::NoDevice => ENODEV,
    }
}

impl FileSystem for Erofs {
    const NAME: &'static CStr = c"erofs";
    const INODE_CACHE_NAME: &'static CStr = c"erofs_inode";
    const MAGIC: usize = bindings::EROFS_SUPER_MAGIC_V1 as usize;

    type Options = Options;
    type Data = SuperInfo;
    type InodeData = InodeInfo;
    type Iomap = Iomap;
    type Xattrs = Xattrs;

    fn file_system_type() -> &'static FileSystemType<Self> {
        &FILE_SYSTEM_TYPE
    }

    fn shared_pages() -> &'static SharedPages<Self> {
        &SHARED_PAGES
    }

    fn super_tables() -> &'static SuperTables<Self> {
        &SUPER_TABLES
    }

    fn inode_tables() -> &'static InodeTables<Self> {
        &INODE_TABLES
    }

    fn exports() -> Exports<Self> {
        EXPORT_TABLES.all()
    }

    fn features() -> &'static [Attribute<FileSystemType<Self>>] {
        &sysfs::FEATURES
    }

    fn attributes(sb: &SuperBlock<Self>) -> &'static [Attribute<SuperBlock<Self>>] {
        match sb.data().zip {
            Some(_) => &sysfs::OF_COMPRESSED_MOUNT,
            None => &sysfs::OF_MOUNT,
        }
    }

    fn parameters() -> Parameters {
        options::TABLE.all()
    }

    fn default_options() -> Result<Options> {
        Ok(Options::new())
    }

    fn parse(options: &mut Options, parameter: Parameter<'_>) -> Result {
        options.parse(parameter)
    }

    fn get_tree(context: &mut MountContext<'_, Self>) -> Result {
        if let Some(file) = context.options()?.source.take() {
            if !cfg!(EROFS_BACKED_BY_FILE) {
                context.error(format_args!("source fd option not supported"));
                return Err(EINVAL);
            }
            return match BackingFile::new(file) {
                Some(file) => {
                    context.options()?.source = Some(file.into_file());
                    context.get_tree_nodev()
                }
                None => {
                    context.error(format_args!(
                        "source is unsupported: neither a regular file with a page cache nor a \
                         path to a block device"
                    ));
                    Err(EINVAL)
                }
            };
        }

        let path = match context.source_path()? {
            Some(path) if cfg!(EROFS_BACKED_BY_FILE) && !path.is_block_device() => path,
            // Follows it again, or says what is wrong.
            _ => return context.get_tree_block(),
        };
        // Clients take this very error as "use a loop device instead". What cannot hold an image is
        // not opened: that may have to wait for somebody else, or do something.
        if !path.is_regular() {
            return Err(ENOTBLK);
        }
        let file = BackingFile::new(path.open()?).ok_or(ENOTBLK)?;
        context.options()?.source = Some(file.into_file());
        context.get_tree_nodev()
    }

    // Not inlined, for the sake of the stack.
    #[inline(never)]
    fn fill_super(sb: &mut NewSuperBlock<'_, Self>) -> Result<KBox<SuperInfo>> {
        Self::check_options(sb)?;
        let medium = Self::open_image(sb)?;
        let mut info = SuperInfo::read(sb, medium)?;
        let bits = info.disk.block_bits;
        info.devices = volume::open(sb, &info.disk, &info.medium)?;
        Self::use_blocks(sb, bits)?;
        Self::check_supported(sb, &info.disk)?;
        info.zip = Self::open_compression(sb, &info.disk, &info.medium)?;

        let acl = sb.options().acl();
        sb.set_posix_acl(acl);
        sb.set_uuid(&info.disk.uuid);
        set_direct(&info.medium, &info.devices, bits, sb.options().directio());
        info.can_dax = sb.find_dax() && bits.bits() == PAGE_BITS;
        info.domain = sb.options().domain_id.take();
        Ok(info)
    }

    fn root(sb: &SuperBlock<Self>, log: &MountLog<'_>) -> Result<ARef<INode<Self>>> {
        let nid: Nid = sb.data().disk.root_nid;

        if sb.options().dax_always() && !sb.data().can_dax {
            fs_info!(
                sb,
                "DAX unsupported by the devices or the block size. Turning off DAX."
            );
            sb.options().turn_dax_off();
        }
        if sb.options().inode_share() && sb.data().disk.ishare_xattr_prefix.is_none() {
            fs_info!(sb, "no fingerprints in the image. Turning off inode_share.");
            sb.options().turn_inode_share_off();
        }
        Self::load_internal(sb, log)?;
        let root = inode::iget(sb, nid).inspect_err(|e| {
            log.error::<Self>(format_args!(
                "cannot read the root directory (nid {nid}): {}",
                e.to_errno()
            ));
        })?;

        if !root.is_dir() {
            let mode = root.mode();
            log.error::<Self>(format_args!(
                "rootino(nid {nid}) is not a directory(i_mode {mode:o})"
            ));
            return Err(EINVAL);
        }
        let prefixes = Prefixes::read(sb).inspect_err(|e| {
            log.error::<Self>(format_args!(
                "cannot read the prefixes of xattrs: {}",
                e.to_errno()
            ));
        })?;
        if !prefixes.is_empty() {
            sb.data().prefixes.set(KBox::new(prefixes, GFP_KERNEL)?);
        }
        fs_info!(sb, "mounted with root inode @ nid {nid}.");
        Ok(root)
    }

    fn internal_inodes(data: &SuperInfo) -> &[InternalInode<Self>] {
        &data.internal
    }

    fn reconfigure(sb: &SuperBlock<Self>, options: &Options, flags: &mut RemountFlags) -> Result {
        let info = sb.data();
        let can_share = info.disk.ishare_xattr_prefix.is_some();

        // The domain is the one that it was mounted with: one that is named now does not count.
        if options.inode_share() && can_share && (info.domain.is_none() || options.dax_always()) {
            fs_err!(
                sb,
                "inode_share needs the domain_id of the mount, and no FSDAX"
            );
            return Err(EINVAL);
        }
        // An option that is not given is back at its default.
        sb.options().take_over(options);
        if !can_share {
            sb.options().turn_inode_share_off();
        }
        if !info.can_dax && options.dax_always() {
            sb.options().turn_dax_off();
        }
        flags.set_posix_acl(options.acl());
        set_direct(
            &info.medium,
            &info.devices,
            info.disk.block_bits,
            options.directio(),
        );
        Ok(())
    }

    fn statfs(sb: &SuperBlock<Self>, stat: &mut StatFs<'_>) {
        let disk = &sb.data().disk;

        stat.set_blocks(device::total_blocks(disk, sb.data().devices.ranges()));
        stat.set_files(u64::MAX, u64::MAX.wrapping_sub(disk.inos));
        stat.set_name_max(255);
        let half = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        stat.set_fsid(if disk.uuid == [0; 16] {
            sb.encoded_bdev()
        } else {
            half(disk.uuid.first_chunk()) ^ half(disk.uuid.last_chunk())
        });
    }

    fn label(sb: &SuperBlock<Self>) -> &[u8] {
        let name = &sb.data().disk.volume_name;
        name.split(|byte| *byte == 0).next().unwrap_or(name)
    }

    fn show_options(sb: &SuperBlock<Self>, seq: &SeqFile) {
        let info = sb.data();
        let file_backed = matches!(info.medium, Medium::File(_));
        let compressed = !info.disk.compression.algorithms().is_empty();
        sb.options().show(seq, file_backed, compressed);
    }

    fn getattr(inode: &INode<Self>, stat: &mut Stat<'_>) {
        let immutable = u64::from(bindings::STATX_ATTR_IMMUTABLE);
        let compressed = u64::from(bindings::STATX_ATTR_COMPRESSED);
        let set = match inode.data().zip() {
            Some(_) => immutable | compressed,
            None => immutable,
        };
        stat.attributes(set, immutable | compressed);
        if inode.is_regular() && stat.wants_dio_alignment() {
            match inode.super_block().block_device() {
                Some(device) if inode.data().is_uncompressed() => {
                    stat.dio_alignment(device.dma_alignment(), device.logical_block_size());
                }
                // By way of the kernel's memory.
                Some(_) if inode.data().zip().is_some() => stat.dio_alignment(1, 1),
                // None would do.
                _ => stat.dio_alignment(0, 0),
            }
        }
    }
}
