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
use super::super::superblock::Superblock;
use super::super::units::{
    BlockBits,
    BlockNr,
    MetaPos,
    Nid,
    Position, //
};
use super::error::ZipError;
use core::fmt;

/// The size of the header in bytes; it begins at a multiple of that.
pub(super) const HEADER_SIZE: u64 = 8;

/// `Z_EROFS_FRAGMENT_INODE_BIT` of the header as one number.
const FRAGMENT_INODE: u64 = 1 << 63;

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
    /// Where the primary device ends, as the superblock has it.
    pub(super) device_end: u64,
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
            device_end: match sb.block_bits.pos_of(BlockNr::new(sb.blocks)) {
                Some(end) => end.get(),
                None => u64::MAX,
            },
            compact,
            big_pclusters: sb.incompat.contains(IncompatFeatures::BIG_PCLUSTER),
        })
    }

    /// The size of the file in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }
}

/// `h_advise`: how the index is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advise(u16);

impl Advise {
    /// Of a compact index: it has packs of two-byte entries.
    pub(super) const COMPACTED_2B: u16 = 0x0001;
    /// Of an index that is not compact: it consists of records.
    pub(super) const EXTENTS: u16 = 0x0001;
    /// Pclusters of the first algorithm may have more than a block.
    pub(super) const BIG_PCLUSTER_1: u16 = 0x0002;
    /// Plain pclusters, and those of the second algorithm, may have more than a block.
    pub(super) const BIG_PCLUSTER_2: u16 = 0x0004;
    /// The end of the file is packed behind the index.
    pub(super) const INLINE_PCLUSTER: u16 = 0x0008;
    /// Plain pclusters are interlaced.
    pub(super) const INTERLACED_PCLUSTER: u16 = 0x0010;
    /// The end of the file is a fragment.
    pub(super) const FRAGMENT_PCLUSTER: u16 = 0x0020;

    /// Whether all of `bits` is set.
    pub(super) const fn has(self, bits: u16) -> bool {
        self.0 & bits == bits
    }

    /// The size of a record as a power of two: 2 to 5.
    pub(super) const fn record_bits(self) -> u8 {
        (self.0.wrapping_shr(1) & 3).wrapping_add(2) as u8
    }
}

/// A header, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The whole file is a fragment, which begins here.
    Fragment { pos: u64 },
    /// Records follow.
    Records {
        advise: Advise,
        lcluster_bits: u8,
        /// Their number, with records that tell where in the file they begin.
        count: u64,
    },
    /// An index follows.
    Index {
        advise: Advise,
        lcluster_bits: u8,
        heads: [Algorithm; 2],
        tail: PackedTail,
    },
}

/// What of the end of a file is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PackedTail {
    /// Nothing.
    None,
    /// It is encoded behind the index, in so many bytes.
    Inline(u16),
    /// It is a fragment, of whose position these are the low bits.
    Fragment(u32),
}

impl Header {
    /// Checks the eight bytes of a header (`struct z_erofs_map_header`), as a number.
    pub(super) fn parse(raw: u64, inode: &ZipInode) -> Result<Self, ZipError> {
        // The highest bit is in the last field, h_clusterbits.
        if raw & FRAGMENT_INODE != 0 {
            return Ok(Self::Fragment {
                pos: raw ^ FRAGMENT_INODE,
            });
        }
        let [o0, o1, o2, o3, a0, a1, algorithms, clusterbits] = raw.to_le_bytes();
        let offset = u32::from_le_bytes([o0, o1, o2, o3]);
        let advise = Advise(u16::from_le_bytes([a0, a1]));
        // At most 16 + 15.
        let lcluster_bits = inode.bits.bits().wrapping_add(clusterbits & 15);
        if !inode.compact && advise.has(Advise::EXTENTS) {
            return Ok(Self::Records {
                advise,
                lcluster_bits,
                // In place of the last two fields are more bits of it.
                count: u64::from(offset)
                    | u64::from(u16::from_le_bytes([algorithms, clusterbits])).wrapping_shl(32),
            });
        }

        let tail = if advise.has(Advise::FRAGMENT_PCLUSTER) {
            PackedTail::Fragment(offset)
        } else if advise.has(Advise::INLINE_PCLUSTER) && (o2, o3) != (0, 0) {
            PackedTail::Inline(u16::from_le_bytes([o2, o3]))
        } else {
            PackedTail::None
        };
        let head =
            |head, format| Algorithm::new(format).ok_or(ZipError::HeadFormat { head, format });
        let heads = [
            head(1, algorithms & 15)?,
            head(2, algorithms.wrapping_shr(4))?,
        ];
        let big = [
            advise.has(Advise::BIG_PCLUSTER_1),
            advise.has(Advise::BIG_PCLUSTER_2),
        ];
        if big != [false; 2] && !inode.big_pclusters {
            return Err(ZipError::BigPcluster);
        }
        if inode.compact && (big == [true, false] || big == [false, true]) {
            return Err(ZipError::BigPclusterMismatch);
        }
        Ok(Self::Index {
            advise,
            lcluster_bits,
            heads,
            tail,
        })
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
