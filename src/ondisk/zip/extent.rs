// SPDX-License-Identifier: GPL-2.0

//! What a mapping of a compressed file answers.

use super::super::units::{
    FilePos,
    ImagePos,
    MetaPos, //
};

/// How the bytes of a pcluster become those of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// They are the same, one after the other; there may be more of them than are needed.
    Shifted,
    /// They are the same, but turned, so that most are where in a block the file has them: the
    /// first `n` bytes of the extent are the last `n` of the pcluster, where `n` is the size of a
    /// block less what is in front of the extent in its block of the file, or all of a block if
    /// nothing is; the others follow from the start of the pcluster on. The pcluster begins and
    /// ends with a block.
    Interlaced,
    /// LZ4.
    Lz4,
    /// MicroLZMA.
    Lzma,
    /// DEFLATE, raw.
    Deflate,
    /// Zstandard.
    Zstd,
}

/// Where a piece of a compressed file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZipPlacement {
    /// Nowhere: it is zeros.
    Hole,
    /// In a pcluster on the primary device, or where that has the place of another one: see
    /// [`Addressing::resolve`](super::super::device::Addressing::resolve). It begins at any byte
    /// in files with records, else with a block.
    Device {
        /// The first byte of the pcluster.
        pos: ImagePos,
        /// Its size in bytes; from 1 to [`PCLUSTER_MAX_SIZE`](super::PCLUSTER_MAX_SIZE).
        len: u32,
        /// How it is encoded.
        encoding: Encoding,
    },
    /// In a pcluster in the metadata, behind the file's index and inside one block.
    Inline {
        /// The first byte of the pcluster.
        pos: MetaPos,
        /// Its size in bytes; from 1 to that of a block.
        len: u32,
        /// How it is encoded; never [`Encoding::Interlaced`].
        encoding: Encoding,
    },
    /// In the content of the packed inode.
    Fragment {
        /// The first byte.
        pos: FilePos,
    },
}

/// A run of a file's bytes that are encoded together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZipExtent {
    /// The first of them: where decoding the pcluster begins, at or before the byte asked for.
    pub start: FilePos,
    /// The number that is known; never 0, and never beyond the end of the file. The byte asked
    /// for is among them.
    pub len: u64,
    /// There are no more than these: the next extent begins behind them, or the file ends.
    ///
    /// If not, asking for the byte behind them tells: it is in this extent if what is found has
    /// the same `start`.
    pub whole: bool,
    /// The pcluster decodes to more than this file's bytes: another file shares it, and decoding
    /// has to stop after `len` bytes of it.
    pub partial: bool,
    /// Where they are.
    pub at: ZipPlacement,
}

/// What is to be known of an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// What reading a byte takes: where its extent begins, and a length that reaches to the end
    /// of its lcluster or of the extent.
    Asked,
    /// The whole extent. Takes some more reading, and finds fault with more: what goes wrong here
    /// may be right for [`Want::Asked`].
    Whole,
    /// The whole extent, for programs to look at and not to be read (`FIEMAP`, `SEEK_DATA`):
    /// whether the packed inode has a fragment does not matter.
    Report,
}
