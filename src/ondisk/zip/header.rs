// SPDX-License-Identifier: GPL-2.0

//! The header of a compressed file's index (`struct z_erofs_map_header`).

use super::super::features::{
    Algorithms,
    IncompatFeatures, //
};
use super::super::inode::{
    Inode,
    Layout, //
};
use super::super::metadata::Metadata;
use super::super::superblock::Superblock;
use super::super::units::{
    BlockBits,
    MetaPos,
    Nid,
    Position, //
};
use super::super::view::View;
use super::error::ZipError;
use core::fmt;
use zerocopy::little_endian::{
    U16,
    U64, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// The size of the header in bytes; it begins at a multiple of that.
const HEADER_SIZE: u64 = 8;

/// A compression algorithm; the discriminant is its number in images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Algorithm {
    /// LZ4.
    Lz4,
    /// MicroLZMA.
    Lzma,
    /// DEFLATE.
    Deflate,
    /// Zstandard.
    Zstd,
}

impl Algorithm {
    /// In the order of their numbers.
    pub const EACH: [Self; 4] = [Self::Lz4, Self::Lzma, Self::Deflate, Self::Zstd];

    /// The algorithm with this number.
    pub const fn new(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Lz4,
            1 => Self::Lzma,
            2 => Self::Deflate,
            3 => Self::Zstd,
            _ => return None,
        })
    }

    /// The set of it alone.
    pub const fn bit(self) -> Algorithms {
        match self {
            Self::Lz4 => Algorithms::LZ4,
            Self::Lzma => Algorithms::LZMA,
            Self::Deflate => Algorithms::DEFLATE,
            Self::Zstd => Algorithms::ZSTD,
        }
    }
}

/// As the kernel's log calls it.
impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lz4 => "lz4",
            Self::Lzma => "lzma",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        })
    }
}

/// What the packed inode is to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packed {
    /// There is none that it may have fragments in; or it is the packed inode.
    None,
    /// Another inode, of this size in bytes.
    Size(u64),
}

/// What is to be known of a compressed inode before anything behind it is read.
///
/// It is small, to be kept with every such inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZipInode {
    /// The size of the file in bytes.
    pub(super) size: u64,
    /// Where the header begins; `None` if no image could be that large.
    pub(super) header: Option<MetaPos>,
    pub(super) packed: Packed,
    pub(super) algorithms: Algorithms,
    pub(super) bits: BlockBits,
    /// Compact indexes, else full ones or records.
    pub(super) compact: bool,
    /// The image has pclusters of more than a block.
    pub(super) big_pclusters: bool,
}

impl ZipInode {
    /// What there is of the inode `nid`; `None` if it is not compressed.
    ///
    /// `packed_size` is the size of the packed inode, if there is one and it could be read. Its
    /// own fragments, and those of an inode that has to be read first to read it, are refused.
    ///
    /// What is wrong with the inode is told when it is asked for content, so that it still has
    /// its attributes.
    pub fn new(inode: &Inode, sb: &Superblock, nid: Nid, packed_size: Option<u64>) -> Option<Self> {
        let compact = match inode.layout {
            Layout::CompressedFull { .. } => false,
            Layout::CompressedCompact { .. } => true,
            _ => return None,
        };
        let header = Inode::position(sb, nid)
            .and_then(|pos| inode.tail_pos(pos))
            .and_then(|pos| align(pos, HEADER_SIZE));
        let is_below_packed = match sb.packed_nid {
            Some(packed) => packed == nid || (packed.in_metabox() && sb.metabox_nid == Some(nid)),
            None => true,
        };
        Some(Self {
            size: inode.size,
            header,
            packed: match packed_size {
                Some(size) if !is_below_packed => Packed::Size(size),
                _ => Packed::None,
            },
            algorithms: sb.compression.algorithms(),
            bits: sb.block_bits,
            compact,
            big_pclusters: sb.incompat.contains(IncompatFeatures::BIG_PCLUSTER),
        })
    }

    /// The size of the file in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }
}

/// The first multiple of `alignment` from `pos` on. That is a power of two.
pub(super) fn align(pos: MetaPos, alignment: u64) -> Option<MetaPos> {
    let mask = alignment.wrapping_sub(1);
    match pos.byte() & mask {
        0 => Some(pos),
        beyond => pos.checked_add(alignment.wrapping_sub(beyond)),
    }
}
