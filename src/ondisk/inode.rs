// SPDX-License-Identifier: GPL-2.0

//! Inodes (`struct erofs_inode_compact`, `struct erofs_inode_extended`).

use super::superblock::{
    Superblock,
    NSEC_MAX, //
};
use super::units::{
    BlockBits,
    BlockNr,
    FilePos,
    MetaPos,
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
use zerocopy_derive::{
    FromBytes,
    Immutable,
    KnownLayout, //
};

/// The size of a compact inode, and of a slot for inodes, in bytes.
pub const COMPACT_SIZE: u8 = 32;
/// The size of an extended inode in bytes.
pub const EXTENDED_SIZE: u8 = 64;

/// `i_format`: extended, not compact.
const FORMAT_EXTENDED: u16 = 0x01;
/// `i_format`: of a directory, it has no entry for itself; of a compact inode of another kind, it
/// has one link, and the field for their number holds the high bits of a block number.
const FORMAT_BIT4: u16 = 0x10;
/// `i_format`: every bit that means something.
const FORMAT_ALL: u16 = 0x1f;

/// `struct erofs_inode_compact`.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawCompact {
    i_format: U16,
    i_xattr_icount: U16,
    i_mode: U16,
    i_nb: U16,
    i_size: U32,
    i_mtime: U32,
    i_u: U32,
    i_ino: U32,
    i_uid: U16,
    i_gid: U16,
    i_reserved: U32,
}

/// `struct erofs_inode_extended`.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawExtended {
    i_format: U16,
    i_xattr_icount: U16,
    i_mode: U16,
    i_nb: U16,
    i_size: U64,
    i_u: U32,
    i_ino: U32,
    i_uid: U32,
    i_gid: U32,
    i_mtime: I64,
    i_mtime_nsec: U32,
    i_nlink: U32,
    i_reserved2: [u8; 16],
}

const _: () = {
    assert!(core::mem::size_of::<RawCompact>() == COMPACT_SIZE as usize);
    assert!(core::mem::size_of::<RawExtended>() == EXTENDED_SIZE as usize);
};

/// What an inode is, by its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A regular file.
    Regular,
    /// A symbolic link.
    Symlink,
    /// A character device, with its number as Linux encodes it (`new_encode_dev`).
    CharDevice(u32),
    /// A block device, with its number as Linux encodes it (`new_encode_dev`).
    BlockDevice(u32),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// How the chunks of a file are described (`struct erofs_inode_chunk_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkFormat(u16);

impl ChunkFormat {
    const BLOCK_BITS: u16 = 0x1f;
    const INDEXES: u16 = 0x20;
    const ADDRESS_48BIT: u16 = 0x40;
    const ALL: u16 = 0x7f;

    /// The size of a chunk as a power of two, in blocks: at most 31.
    pub const fn block_bits(self) -> u8 {
        (self.0 & Self::BLOCK_BITS) as u8
    }

    /// Whether a chunk is described by an index of 8 bytes, else by a block number of 4.
    pub const fn has_indexes(self) -> bool {
        self.0 & Self::INDEXES != 0
    }

    /// Whether the block numbers of indexes have 48 bits.
    pub const fn is_48bit(self) -> bool {
        self.0 & Self::ADDRESS_48BIT != 0
    }
}

/// How the content of an inode is stored (the data layout of `i_format`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// In successive blocks.
    FlatPlain {
        /// The first of them; `None` if the content is one hole.
        start: Option<BlockNr>,
    },
    /// In successive blocks but for the last, partial one, which follows the inode.
    FlatInline {
        /// The first of them; means nothing if there are none.
        start: BlockNr,
    },
    /// In chunks that are described behind the inode.
    Chunk {
        /// How.
        format: ChunkFormat,
    },
    /// Compressed, with an index of 8 bytes for each cluster.
    CompressedFull {
        /// The number of blocks that the compressed data takes up.
        blocks: u64,
    },
    /// Compressed, with packed indexes.
    CompressedCompact {
        /// The number of blocks that the compressed data takes up.
        blocks: u64,
    },
}

/// An inode, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inode {
    /// The size of its content in bytes; at most `i64::MAX`.
    pub size: u64,
    /// When it was modified, in seconds since 1970.
    pub mtime: i64,
    /// The nanoseconds of that; less than 10^9. An extended inode may hold any 32-bit number
    /// there, of which see [`Superblock::fixed_nsec`].
    pub mtime_nsec: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The number of links; any number at all.
    pub nlink: u32,
    /// The size of its extended attributes in bytes. They follow the inode.
    pub xattr_size: u32,
    /// How its content is stored.
    pub layout: Layout,
    /// What it is.
    pub kind: FileKind,
    /// Kind and permissions, as in `st_mode`.
    pub mode: u16,
    /// The size of the inode itself in bytes: [`COMPACT_SIZE`] or [`EXTENDED_SIZE`].
    pub inode_size: u8,
    /// For a directory: it has no entry for itself.
    pub dot_omitted: bool,
}

/// The parts that compact and extended inodes have in common, and where they differ made equal.
struct Parts {
    inode_size: u8,
    xattr_icount: u16,
    mode: u16,
    size: u64,
    mtime: i64,
    mtime_nsec: u32,
    uid: u32,
    gid: u32,
    nlink: u32,
    i_u: u32,
    high: u16,
    null_block: u64,
}

impl Inode {
    /// Where the inode `nid` begins; `None` if no image could be that large.
    pub const fn position(sb: &Superblock, nid: Nid) -> Option<MetaPos> {
        let Some(offset) = nid.slot().checked_mul(COMPACT_SIZE as u64) else {
            return None;
        };
        if nid.in_metabox() {
            return Some(MetaPos::Metabox(FilePos::new(offset)));
        }
        let Some(base) = sb.block_bits.pos_of(sb.meta_blkaddr) else {
            return None;
        };
        match base.checked_add(offset) {
            Some(pos) => Some(MetaPos::Image(pos)),
            None => None,
        }
    }

    /// Reads and checks the inode `nid`.
    ///
    /// `view` begins at the inode and should have [`EXTENDED_SIZE`] bytes; it may have fewer
    /// where the image ends.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, in the order in which Linux has always looked.
    pub fn parse(
        view: &(impl View + ?Sized),
        sb: &Superblock,
        nid: Nid,
    ) -> Result<Self, InodeError> {
        let truncated = InodeError::Truncated { nid };
        let format: U16 = view.get(0).ok_or(truncated)?;
        let format = format.get();
        if format & !FORMAT_ALL != 0 {
            return Err(InodeError::Format { nid, format });
        }
        // Three bits from bit 1 on.
        let data_layout = format.wrapping_shr(1) & 7;
        if data_layout > 4 {
            return Err(InodeError::DataLayout {
                nid,
                layout: data_layout,
            });
        }
        let parts = if format & FORMAT_EXTENDED != 0 {
            Parts::extended(&view.get(0).ok_or(truncated)?)
        } else {
            Parts::compact(&view.get(0).ok_or(truncated)?, format, sb)
        };
        if parts.size > i64::MAX as u64 {
            return Err(InodeError::NegativeSize { nid });
        }
        let kind = match parts.mode & 0o170_000 {
            0o040_000 => FileKind::Directory,
            0o100_000 => FileKind::Regular,
            0o120_000 => FileKind::Symlink,
            0o020_000 => FileKind::CharDevice(parts.i_u),
            0o060_000 => FileKind::BlockDevice(parts.i_u),
            0o010_000 => FileKind::Fifo,
            0o140_000 => FileKind::Socket,
            _ => {
                return Err(InodeError::Mode {
                    nid,
                    mode: parts.mode,
                })
            }
        };
        Ok(Self {
            size: parts.size,
            mtime: parts.mtime,
            mtime_nsec: parts.mtime_nsec,
            uid: parts.uid,
            gid: parts.gid,
            nlink: parts.nlink,
            xattr_size: xattr_size(parts.xattr_icount),
            layout: parts.layout(data_layout, sb, nid)?,
            kind,
            mode: parts.mode,
            inode_size: parts.inode_size,
            dot_omitted: matches!(kind, FileKind::Directory) && format & FORMAT_BIT4 != 0,
        })
    }

    /// The space that the content takes up, in units of 512 bytes (`st_blocks`).
    ///
    /// For content that is not compressed this is its size, holes or not.
    pub fn sectors(&self, block_bits: BlockBits) -> u64 {
        let blocks = match self.layout {
            Layout::CompressedFull { blocks } | Layout::CompressedCompact { blocks } => blocks,
            _ => block_bits.blocks_in(self.size),
        };
        // 48 bits, or no more than fit into 2^63 bytes: neither overflows 64 bits.
        blocks.wrapping_shl(u32::from(block_bits.bits().wrapping_sub(9)))
    }

    /// Where what follows the inode and its extended attributes begins, if the inode is at `pos`:
    /// the inline tail of its content, or descriptions of chunks, or the compression's header.
    pub const fn tail_pos(&self, pos: MetaPos) -> Option<MetaPos> {
        // At most 64 + 12 + 4 * 65534.
        pos.checked_add((self.inode_size as u64).wrapping_add(self.xattr_size as u64))
    }

    /// Where the target of a symbolic link is that is read at once with the inode, if the inode
    /// is at `pos`: its first byte, from where it has [`size`](Self::size) bytes.
    ///
    /// `None` if this is no such link: then its target is read like the content of a file. What
    /// is there has still to stand up to [`check_target`].
    pub fn fast_symlink(&self, pos: MetaPos, block_bits: BlockBits) -> Option<MetaPos> {
        if !matches!(
            (self.kind, self.layout),
            (FileKind::Symlink, Layout::FlatInline { .. })
        ) {
            return None;
        }
        // What counts is the block that the inode ends in, which may not be where it begins.
        let block = u64::from(block_bits.size());
        let mut end = u64::from(block_bits.offset_in(pos)).wrapping_add(u64::from(self.inode_size));
        if end > block {
            end = end.wrapping_sub(block);
        }
        // No overflow: less than 2^32 and at most 2^63.
        let end = end
            .wrapping_add(u64::from(self.xattr_size))
            .wrapping_add(self.size);
        if end > block {
            return None;
        }
        self.tail_pos(pos)
    }
}

/// Checks the target of a symbolic link that was found by [`Inode::fast_symlink`].
///
/// # Errors
///
/// It is empty or has a zero byte in it: programs would see another target than the size tells.
pub fn check_target(nid: Nid, target: &[u8]) -> Result<(), InodeError> {
    if target.is_empty() || target.iter().any(|byte| *byte == 0) {
        return Err(InodeError::Target {
            nid,
            size: target.len(),
        });
    }
    Ok(())
}

/// The size of the extended attributes behind an inode, in bytes (`i_xattr_icount`).
const fn xattr_size(icount: u16) -> u32 {
    match (icount as u32).checked_sub(1) {
        // A header, then units of four bytes.
        Some(units) => units.wrapping_mul(4).wrapping_add(12),
        None => 0,
    }
}

impl Parts {
    fn compact(raw: &RawCompact, format: u16, sb: &Superblock) -> Self {
        let mode = raw.i_mode.get();
        let is_dir = mode & 0o170_000 == 0o040_000;
        let one_link = !is_dir && format & FORMAT_BIT4 != 0;
        let (nlink, high, null_block) = if one_link {
            (1, raw.i_nb.get(), 0xffff_ffff_ffff)
        } else {
            (u32::from(raw.i_nb.get()), 0, 0xffff_ffff)
        };
        Self {
            inode_size: COMPACT_SIZE,
            xattr_icount: raw.i_xattr_icount.get(),
            mode,
            size: u64::from(raw.i_size.get()),
            mtime: sb.epoch.wrapping_add(i64::from(raw.i_mtime.get())),
            mtime_nsec: sb.fixed_nsec,
            uid: u32::from(raw.i_uid.get()),
            gid: u32::from(raw.i_gid.get()),
            nlink,
            i_u: raw.i_u.get(),
            high,
            null_block,
        }
    }

    fn extended(raw: &RawExtended) -> Self {
        Self {
            inode_size: EXTENDED_SIZE,
            xattr_icount: raw.i_xattr_icount.get(),
            mode: raw.i_mode.get(),
            size: raw.i_size.get(),
            mtime: raw.i_mtime.get(),
            mtime_nsec: raw.i_mtime_nsec.get().min(NSEC_MAX),
            uid: raw.i_uid.get(),
            gid: raw.i_gid.get(),
            nlink: raw.i_nlink.get(),
            i_u: raw.i_u.get(),
            high: raw.i_nb.get(),
            null_block: 0xffff_ffff_ffff,
        }
    }

    fn layout(&self, data_layout: u16, sb: &Superblock, nid: Nid) -> Result<Layout, InodeError> {
        let number = u64::from(self.i_u) | u64::from(self.high).wrapping_shl(32);
        match data_layout {
            0 => Ok(Layout::FlatPlain {
                start: (number != self.null_block).then_some(BlockNr::new(number)),
            }),
            2 => Ok(Layout::FlatInline {
                start: BlockNr::new(number),
            }),
            4 => {
                // The other half of the field is reserved.
                let format = (self.i_u & 0xffff) as u16;
                if format & !ChunkFormat::ALL != 0 {
                    return Err(InodeError::ChunkFormat { nid, format });
                }
                Ok(Layout::Chunk {
                    format: ChunkFormat(format),
                })
            }
            _ if !sb.is_compressed() => Err(InodeError::CompressedInPlain { nid }),
            1 => Ok(Layout::CompressedFull { blocks: number }),
            3 => Ok(Layout::CompressedCompact { blocks: number }),
            layout => Err(InodeError::DataLayout { nid, layout }),
        }
    }
}

/// Why an inode cannot be used. All carry its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InodeError {
    /// The image ends inside the inode.
    Truncated {
        /// The inode.
        nid: Nid,
    },
    /// Bits of `i_format` that are not known.
    Format {
        /// The inode.
        nid: Nid,
        /// The field.
        format: u16,
    },
    /// A data layout that is not known.
    DataLayout {
        /// The inode.
        nid: Nid,
        /// The layout.
        layout: u16,
    },
    /// The size is more than any file can have.
    NegativeSize {
        /// The inode.
        nid: Nid,
    },
    /// A mode of no kind of file.
    Mode {
        /// The inode.
        nid: Nid,
        /// The mode.
        mode: u16,
    },
    /// A compressed inode in an image that does not say how.
    CompressedInPlain {
        /// The inode.
        nid: Nid,
    },
    /// Bits of the chunk format that are not known.
    ChunkFormat {
        /// The inode.
        nid: Nid,
        /// The field.
        format: u16,
    },
    /// The target of a symbolic link is empty or has a zero byte in it.
    Target {
        /// The inode.
        nid: Nid,
        /// The size of the target in bytes.
        size: usize,
    },
}

impl InodeError {
    /// What sort of refusal this is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Format { .. } | Self::DataLayout { .. } | Self::ChunkFormat { .. } => {
                ErrorKind::Unsupported
            }
            Self::Truncated { .. } => ErrorKind::Io,
            Self::NegativeSize { .. }
            | Self::Mode { .. }
            | Self::CompressedInPlain { .. }
            | Self::Target { .. } => ErrorKind::Corrupted,
        }
    }
}

impl fmt::Display for InodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { nid } => {
                write!(f, "failed to read inode (nid: {nid}): the image ends there")
            }
            Self::Format { nid, format } => {
                write!(f, "unsupported i_format {format} of nid {nid}")
            }
            Self::DataLayout { nid, layout } => {
                write!(f, "unsupported datalayout {layout} of nid {nid}")
            }
            Self::NegativeSize { nid } => write!(f, "negative i_size @ nid {nid}"),
            Self::Mode { nid, mode } => write!(f, "bogus i_mode ({mode:o}) @ nid {nid}"),
            Self::CompressedInPlain { nid } => write!(
                f,
                "compressed inode (nid {nid}) is invalid in a plain filesystem"
            ),
            Self::ChunkFormat { nid, format } => {
                write!(f, "unsupported chunk format {format:x} of nid {nid}")
            }
            Self::Target { nid, size } => {
                write!(f, "invalid fast symlink size {size} @ nid {nid}")
            }
        }
    }
}
