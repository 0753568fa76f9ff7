// SPDX-License-Identifier: GPL-2.0

//! The superblock (`struct erofs_super_block`).

use super::device::DEVICE_SLOT_SIZE;
pub use super::features::{
    Algorithms,
    CompatFeatures,
    Compression,
    IncompatFeatures, //
};
use super::units::{
    BlockBits,
    BlockNr,
    ImagePos,
    Nid, //
};
use super::view::View;
use super::ErrorKind;
use core::fmt;
use zerocopy::little_endian::{
    I64,
    U16,
    U32,
    U64, //
};
use zerocopy::IntoBytes;
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// Where the superblock begins, in bytes: what is before it belongs to boot loaders.
pub const SUPERBLOCK_POS: usize = 1024;
/// The number that every superblock begins with.
pub const MAGIC: u32 = 0xe0f5_e1e2;
/// The largest value of a nanoseconds field.
pub(super) const NSEC_MAX: u32 = 999_999_999;

/// What the checksum starts with: the CRC of the magic number and of four zero bytes, which are
/// the fields before those that it covers.
const CHECKSUM_SEED: u32 = 0x5045_b54a;
/// The size of [`RawSuperblock`] in bytes.
const BASE_SIZE: usize = 128;
/// The size of an extension slot in bytes.
const EXTENSION_SIZE: usize = 16;

/// `struct erofs_super_block` up to its extension slots.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawSuperblock {
    magic: U32,
    checksum: U32,
    feature_compat: U32,
    blkszbits: u8,
    sb_extslots: u8,
    /// With 48-bit addresses the high bits of the block count, else the root directory's nid.
    rootnid_2b_or_blocks_hi: U16,
    inos: U64,
    epoch: I64,
    fixed_nsec: U32,
    blocks_lo: U32,
    meta_blkaddr: U32,
    xattr_blkaddr: U32,
    uuid: [u8; 16],
    volume_name: [u8; 16],
    feature_incompat: U32,
    /// With compression configurations the set of algorithms, else a distance in bytes.
    available_compr_algs_or_lz4_max_distance: U16,
    extra_devices: U16,
    devt_slotoff: U16,
    dirblkbits: u8,
    xattr_prefix_count: u8,
    xattr_prefix_start: U32,
    packed_nid: U64,
    xattr_filter_reserved: u8,
    ishare_xattr_prefix_id: u8,
    reserved: [u8; 2],
    build_time: U32,
    rootnid_8b: U64,
    reserved2: U64,
}

/// The first extension slot of `struct erofs_super_block`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawExtension {
    metabox_nid: U64,
    reserved3: U64,
}

const _: () = {
    assert!(core::mem::size_of::<RawSuperblock>() == BASE_SIZE);
    assert!(core::mem::size_of::<RawExtension>() == EXTENSION_SIZE);
};

/// What the superblock of an image says, checked (`struct erofs_super_block`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// The size of a block.
    pub block_bits: BlockBits,
    /// The features that need not be known.
    pub compat: CompatFeatures,
    /// The features that have to be known; all are.
    pub incompat: IncompatFeatures,
    /// The superblock's own size in bytes, with its extension slots.
    pub size: u32,
    /// The root directory.
    pub root_nid: Nid,
    /// The inode that holds fragments of files, if fragments are used and there is one.
    pub packed_nid: Option<Nid>,
    /// The inode whose content is the metabox, if there is one. It is not itself in the metabox.
    pub metabox_nid: Option<Nid>,
    /// Where the slots of inodes begin.
    pub meta_blkaddr: BlockNr,
    /// The size of the primary device, in blocks.
    pub blocks: u64,
    /// The number of inodes.
    pub inos: u64,
    /// What the times of compact inodes count from, in seconds since 1970.
    pub epoch: i64,
    /// The nanoseconds of the times of compact inodes; less than 10^9.
    ///
    /// A superblock may hold any 32-bit number there. One that is no number of nanoseconds is
    /// taken for the largest that is: no program could make sense of it, and the files are
    /// otherwise sound.
    pub fixed_nsec: u32,
    /// When the image was made, in seconds after [`epoch`](Self::epoch).
    pub build_time: u32,
    /// The identity of the volume; all zeros if it has none.
    pub uuid: [u8; 16],
    /// The name of the volume: ends before the first zero byte, or is 16 bytes long.
    pub volume_name: [u8; 16],
    /// How files are compressed, if they are.
    pub compression: Compression,
    /// The number of devices beside the primary one.
    pub extra_devices: u16,
    /// Where the device table begins, if there is one.
    pub device_table: ImagePos,
    /// Where shared extended attributes are counted from.
    pub xattr_blkaddr: BlockNr,
    /// Where the table of name prefixes begins, in units of four bytes.
    pub xattr_prefix_start: u32,
    /// The number of name prefixes.
    pub xattr_prefix_count: u8,
    /// Not zero if the name filters of this image are made in a way that is not known.
    pub xattr_filter_reserved: u8,
    /// The name prefix of the attribute that identifies a file's content, if files have one.
    pub ishare_xattr_prefix: Option<u8>,
}

impl Superblock {
    /// Reads and checks the superblock.
    ///
    /// `view` is of the image from its very start and should reach to the end of the first page;
    /// it may be shorter where the image is. Pages have `1 << page_shift` bytes. `crc32c` extends
    /// a raw CRC-32C, without inversion before or after, by the bytes given to it.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, in the order in which Linux has always looked.
    pub fn parse(
        view: &(impl View + ?Sized),
        page_shift: u8,
        crc32c: impl Fn(u32, &[u8]) -> u32,
    ) -> Result<Self, SuperblockError> {
        let too_short = SuperblockError::TooShort { len: view.len() };
        let raw: RawSuperblock = view.get(SUPERBLOCK_POS).ok_or(too_short)?;
        if raw.magic.get() != MAGIC {
            return Err(SuperblockError::Magic);
        }
        let block_bits =
            BlockBits::new(raw.blkszbits, page_shift).ok_or(SuperblockError::BlockBits {
                bits: raw.blkszbits,
                page_shift,
            })?;
        if raw.dirblkbits != 0 {
            return Err(SuperblockError::DirBlockBits(raw.dirblkbits));
        }
        // Read once, for the checksum and for what it holds.
        let extension: Option<RawExtension> = view.get(SUPERBLOCK_POS + BASE_SIZE);

        let compat = CompatFeatures::new(raw.feature_compat.get());
        if compat.contains(CompatFeatures::SB_CHKSUM) {
            let extension = extension.as_ref().ok_or(too_short)?;
            let computed = checksum(view, block_bits, &raw, extension, crc32c).ok_or(too_short)?;
            if computed != raw.checksum.get() {
                return Err(SuperblockError::Checksum {
                    computed,
                    stored: raw.checksum.get(),
                });
            }
        }

        let incompat = IncompatFeatures::new(raw.feature_incompat.get());
        let unknown = incompat.bits() & !IncompatFeatures::ALL.bits();
        if unknown != 0 {
            return Err(SuperblockError::Incompat(unknown));
        }
        // At most 128 + 255 * 16.
        let size = u32::from(raw.sb_extslots)
            .wrapping_mul(EXTENSION_SIZE as u32)
            .wrapping_add(BASE_SIZE as u32);
        let page = 1u32.wrapping_shl(u32::from(page_shift));
        if size > page.wrapping_sub(SUPERBLOCK_POS as u32) {
            return Err(SuperblockError::ExtensionSlots(size));
        }

        let ishare_xattr_prefix = if !compat.contains(CompatFeatures::ISHARE_XATTRS) {
            None
        } else if raw.ishare_xattr_prefix_id < raw.xattr_prefix_count {
            Some(raw.ishare_xattr_prefix_id)
        } else {
            return Err(SuperblockError::IsharePrefix(raw.ishare_xattr_prefix_id));
        };

        // An image of few blocks keeps the short form even if it has 48-bit features.
        let long_root = raw.rootnid_8b.get();
        let (root_nid, blocks_hi) =
            if incompat.contains(IncompatFeatures::ADDRESS_48BIT) && long_root != 0 {
                (long_root, raw.rootnid_2b_or_blocks_hi.get())
            } else {
                (u64::from(raw.rootnid_2b_or_blocks_hi.get()), 0)
            };
        let packed_nid = raw.packed_nid.get();
        let has_packed = incompat.contains(IncompatFeatures::FRAGMENTS) && packed_nid != 0;

        let metabox_nid = if incompat.contains(IncompatFeatures::METABOX) {
            if size <= BASE_SIZE as u32 {
                return Err(SuperblockError::MetaboxMissing(size));
            }
            let nid = Nid::new(extension.ok_or(too_short)?.metabox_nid.get());
            if nid.in_metabox() {
                return Err(SuperblockError::MetaboxLoop(nid));
            }
            Some(nid)
        } else {
            None
        };

        let compression = compression(incompat, &raw)?;
        let has_devices = incompat.contains(IncompatFeatures::DEVICE_TABLE);

        Ok(Self {
            block_bits,
            compat,
            incompat,
            size,
            root_nid: Nid::new(root_nid),
            packed_nid: has_packed.then_some(Nid::new(packed_nid)),
            metabox_nid,
            meta_blkaddr: BlockNr::new(u64::from(raw.meta_blkaddr.get())),
            blocks: u64::from(raw.blocks_lo.get()) | u64::from(blocks_hi).wrapping_shl(32),
            inos: raw.inos.get(),
            epoch: raw.epoch.get(),
            fixed_nsec: raw.fixed_nsec.get().min(NSEC_MAX),
            build_time: raw.build_time.get(),
            uuid: raw.uuid,
            volume_name: raw.volume_name,
            compression,
            extra_devices: if has_devices {
                raw.extra_devices.get()
            } else {
                0
            },
            // At most 2^23.
            device_table: ImagePos::new(
                u64::from(raw.devt_slotoff.get()).wrapping_mul(DEVICE_SLOT_SIZE as u64),
            ),
            xattr_blkaddr: BlockNr::new(u64::from(raw.xattr_blkaddr.get())),
            xattr_prefix_start: raw.xattr_prefix_start.get(),
            xattr_prefix_count: raw.xattr_prefix_count,
            xattr_filter_reserved: raw.xattr_filter_reserved,
            ishare_xattr_prefix,
        })
    }

    /// Whether there may be compressed files.
    pub const fn is_compressed(&self) -> bool {
        !self.compression.algorithms().is_empty()
    }

    /// The number by which programs know the inode `nid`.
    pub const fn ino(&self, nid: Nid) -> u64 {
        if self.incompat.contains(IncompatFeatures::METABOX) {
            nid.metabox_ino()
        } else {
            nid.get()
        }
    }
}

/// The checksum that the superblock should have; `None` if the view ends before what it covers.
fn checksum(
    view: &(impl View + ?Sized),
    block_bits: BlockBits,
    raw: &RawSuperblock,
    extension: &RawExtension,
    crc32c: impl Fn(u32, &[u8]) -> u32,
) -> Option<u32> {
    // To the end of the first block or, where the superblock is in a later one, of that.
    let block = block_bits.size() as usize;
    let end = if block > SUPERBLOCK_POS {
        block
    } else {
        SUPERBLOCK_POS.wrapping_add(block)
    };

    // The first two fields are what the seed stands for.
    let mut crc = crc32c(CHECKSUM_SEED, raw.as_bytes().get(8..)?);
    crc = crc32c(crc, extension.as_bytes());

    // What the rest is nobody looks at.
    let at = SUPERBLOCK_POS + BASE_SIZE + EXTENSION_SIZE;
    view.crc32c(at, end.saturating_sub(at), crc, &crc32c)
}

/// How the image is compressed.
fn compression(
    incompat: IncompatFeatures,
    raw: &RawSuperblock,
) -> Result<Compression, SuperblockError> {
    let field = raw.available_compr_algs_or_lz4_max_distance.get();
    if incompat.contains(IncompatFeatures::COMPR_CFGS) {
        let unknown = field & !Algorithms::ALL.bits();
        if unknown != 0 {
            return Err(SuperblockError::Algorithms(unknown));
        }
        return Ok(Compression::Configured(Algorithms::new(field)));
    }
    if field == 0 && !incompat.contains(IncompatFeatures::LZ4_0PADDING) {
        return Ok(Compression::None);
    }
    Ok(Compression::Lz4 {
        max_distance: field,
    })
}

/// Why an image cannot be mounted, as far as its superblock tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuperblockError {
    /// The image ends before the end of what has to be read.
    TooShort {
        /// Its length in bytes.
        len: usize,
    },
    /// There is no superblock.
    Magic,
    /// The size of a block is none that this kernel takes.
    BlockBits {
        /// The size as a power of two.
        bits: u8,
        /// The size of a page as a power of two.
        page_shift: u8,
    },
    /// The size of a directory block differs from that of other blocks.
    DirBlockBits(u8),
    /// The checksum is wrong.
    Checksum {
        /// What the bytes say.
        computed: u32,
        /// What the superblock says.
        stored: u32,
    },
    /// The image uses these features, which are not known.
    Incompat(u32),
    /// The superblock is larger than a page allows: its size in bytes.
    ExtensionSlots(u32),
    /// The prefix of the attribute that identifies files' content does not exist.
    IsharePrefix(u8),
    /// There is a metabox, but the superblock is too small to say where: its size in bytes.
    MetaboxMissing(u32),
    /// The metabox lies in itself.
    MetaboxLoop(Nid),
    /// The image uses these compression algorithms, which are not known.
    Algorithms(u16),
}

impl SuperblockError {
    /// What sort of refusal this is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::TooShort { .. } => ErrorKind::Io,
            Self::Magic
            | Self::BlockBits { .. }
            | Self::DirBlockBits(_)
            | Self::Incompat(_)
            | Self::ExtensionSlots(_) => ErrorKind::Invalid,
            Self::Checksum { .. } => ErrorKind::BadChecksum,
            Self::IsharePrefix(_) | Self::MetaboxMissing(_) | Self::MetaboxLoop(_) => {
                ErrorKind::Corrupted
            }
            Self::Algorithms(_) => ErrorKind::Unsupported,
        }
    }
}

impl fmt::Display for SuperblockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooShort { len } => write!(
                f,
                "cannot read erofs superblock: the image ends after {len} bytes"
            ),
            Self::Magic => f.write_str("cannot find valid erofs superblock"),
            Self::BlockBits { bits, page_shift } => {
                write!(f, "blkszbits {bits} isn't supported")?;
                if bits > page_shift && bits <= BlockBits::MAX {
                    write!(
                        f,
                        ": blocks of {} bytes are larger than this kernel's pages of {} bytes; \
                         make the image with smaller blocks (mkfs.erofs -b {1})",
                        1u32.wrapping_shl(u32::from(bits)),
                        1u32.wrapping_shl(u32::from(page_shift)),
                    )?;
                }
                Ok(())
            }
            Self::DirBlockBits(bits) => write!(f, "dirblkbits {bits} isn't supported"),
            Self::Checksum { computed, stored } => write!(
                f,
                "invalid checksum {computed:#010x}, {stored:#010x} expected"
            ),
            Self::Incompat(bits) => write!(
                f,
                "unidentified incompatible feature {bits:x}, please upgrade kernel"
            ),
            Self::ExtensionSlots(size) => {
                write!(f, "invalid sb_extslots {size} (more than a fs block)")
            }
            Self::IsharePrefix(id) => write!(f, "invalid ishare xattr prefix id {id}"),
            Self::MetaboxMissing(size) => write!(
                f,
                "no metabox nid in a superblock of {size} bytes, though there is a metabox"
            ),
            Self::MetaboxLoop(nid) => write!(f, "metabox nid {nid} is in the metabox itself"),
            Self::Algorithms(bits) => {
                write!(f, "unidentified algorithms {bits:x}, please upgrade kernel")
            }
        }
    }
}
