// SPDX-License-Identifier: GPL-2.0

//! Why content of a compressed file cannot be found.

use super::super::ErrorKind;
use core::fmt;

/// What is wrong with the description of a compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZipError {
    /// The image ends before what describes the content.
    Truncated,
    /// The description would be past the end of the largest possible image.
    Overflow,
    /// One of the two algorithms of the file is not known.
    HeadFormat {
        /// Which: 1 or 2.
        head: u8,
        /// Its number.
        format: u8,
    },
    /// Pclusters of more than a block in an image without them.
    BigPcluster,
    /// Only one of two sorts of pclusters may be larger than a block, with compact indexes.
    BigPclusterMismatch,
    /// More lclusters than compact indexes are for, or larger ones.
    CompactIndex {
        /// The lcluster asked for.
        lcn: u64,
        /// The size of an lcluster as a power of two.
        lcluster_bits: u8,
    },
    /// Lclusters that are too large for packs of thirty-two bytes: the size as a power of two.
    CompactLcluster(u8),
    /// An extent begins past the end of its lcluster.
    ClusterOffset {
        /// The lcluster.
        lcn: u64,
        /// The offset.
        offset: u16,
    },
    /// The number of blocks of a pcluster where there should be none.
    BogusBlockCount {
        /// The lcluster.
        lcn: u64,
    },
    /// The way back to where an extent begins leads nowhere.
    Lookback {
        /// The lcluster.
        lcn: u64,
        /// How far back, in lclusters.
        distance: u16,
    },
    /// The tail that is packed behind the index does not end in the block in which it begins.
    InlineAcrossBlocks,
    /// A record begins past the end of the file or of the extent that follows it.
    RecordOrder {
        /// Where it begins.
        start: u64,
    },
    /// An extent is encoded in a way that is not known: its number.
    UnknownAlgorithm(u8),
    /// An extent is encoded in a way that the image is said not to use: its number.
    InconsistentAlgorithm(u8),
    /// An extent has more compressed bytes than plain ones.
    TooMuchCompressed {
        /// Where the extent begins.
        start: u64,
    },
    /// A plain extent has fewer bytes in the image than in the file.
    NotEnoughPlain {
        /// Where the extent begins.
        start: u64,
    },
    /// A pcluster is too large, or what it decodes to.
    TooLarge {
        /// Where the extent begins.
        start: u64,
    },
    /// A pcluster ends past the end of the largest possible image.
    PclusterOverflow {
        /// Where the extent begins.
        start: u64,
    },
    /// There is no packed inode to have a fragment, or the fragment is one of the packed inode.
    NoPackedInode,
    /// A fragment ends past the end of the packed inode.
    FragmentRange {
        /// Where in it the fragment begins.
        pos: u64,
    },
}

impl ZipError {
    /// What sort of refusal this is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Truncated => ErrorKind::Io,
            Self::CompactIndex { .. } => ErrorKind::Invalid,
            Self::HeadFormat { .. }
            | Self::CompactLcluster(_)
            | Self::UnknownAlgorithm(_)
            | Self::TooLarge { .. } => ErrorKind::Unsupported,
            Self::Overflow
            | Self::BigPcluster
            | Self::BigPclusterMismatch
            | Self::ClusterOffset { .. }
            | Self::BogusBlockCount { .. }
            | Self::Lookback { .. }
            | Self::InlineAcrossBlocks
            | Self::RecordOrder { .. }
            | Self::InconsistentAlgorithm(_)
            | Self::TooMuchCompressed { .. }
            | Self::NotEnoughPlain { .. }
            | Self::PclusterOverflow { .. }
            | Self::NoPackedInode
            | Self::FragmentRange { .. } => ErrorKind::Corrupted,
        }
    }
}

/// The cause alone; whoever logs it adds the inode and the position.
impl fmt::Display for ZipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated => f.write_str("the image ends inside the compression index"),
            Self::Overflow => f.write_str("compression index past the end of any image"),
            Self::HeadFormat { head, format } => write!(
                f,
                "unknown HEAD{head} format {format}, please upgrade kernel"
            ),
            Self::BigPcluster => f.write_str("per-inode big pcluster without sb feature"),
            Self::BigPclusterMismatch => {
                f.write_str("big pcluster head1/2 of compact indexes should be consistent")
            }
            Self::CompactIndex { lcn, lcluster_bits } => write!(
                f,
                "no compact index for lcn {lcn} with lclusters of 2^{lcluster_bits} bytes"
            ),
            Self::CompactLcluster(bits) => {
                write!(f, "lclusters of 2^{bits} bytes in packs of 2-byte indexes")
            }
            Self::ClusterOffset { lcn, offset } => {
                write!(f, "bogus clusterofs {offset} @ lcn {lcn}")
            }
            Self::BogusBlockCount { lcn } => write!(f, "bogus CBLKCNT @ lcn {lcn}"),
            Self::Lookback { lcn, distance } => {
                write!(f, "bogus lookback distance {distance} @ lcn {lcn}")
            }
            Self::InlineAcrossBlocks => f.write_str("ztailpacking inline data across blocks"),
            Self::RecordOrder { start } => write!(f, "bogus extent record @ la {start}"),
            Self::UnknownAlgorithm(number) => {
                write!(f, "unknown algorithm {number}, please upgrade kernel")
            }
            Self::InconsistentAlgorithm(number) => {
                write!(f, "inconsistent algorithmtype {number}")
            }
            Self::TooMuchCompressed { start } => {
                write!(f, "too much compressed data @ la {start}")
            }
            Self::NotEnoughPlain { start } => {
                write!(f, "not enough plain data on disk @ la {start}")
            }
            Self::TooLarge { start } => write!(f, "too large pcluster @ la {start}"),
            Self::PclusterOverflow { start } => {
                write!(f, "pcluster past the end of any image @ la {start}")
            }
            Self::NoPackedInode => f.write_str("a fragment without a packed inode"),
            Self::FragmentRange { pos } => {
                write!(f, "fragment @ {pos} past the end of the packed inode")
            }
        }
    }
}
