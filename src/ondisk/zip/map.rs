// SPDX-License-Identifier: GPL-2.0

//! From positions in a compressed file to what encodes them there.

use super::super::metadata::Metadata;
use super::super::units::{
    FilePos,
    ImagePos,
    MetaPos,
    Position, //
};
use super::super::view::View;
use super::error::ZipError;
use super::extent::{
    Encoding,
    Want,
    ZipExtent,
    ZipPlacement, //
};
use super::header::{
    Advise,
    Algorithm,
    Header,
    Packed,
    PackedTail,
    ZipInode, //
};
use super::index::{
    Head,
    HeadKind,
    Index,
    Lcluster, //
};
use super::records::Records;
use super::{
    PCLUSTER_MAX_DSIZE,
    PCLUSTER_MAX_SIZE, //
};
use zerocopy::little_endian::U64;

/// The mapping of a compressed file.
///
/// It is small and does not change: to be kept with the inode once it was made. The index is read
/// whenever it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZipMap {
    inode: ZipInode,
    shape: Shape,
}

/// How the extents are described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// There is one, a fragment that begins here.
    Fragment(u64),
    Records(Records),
    Index {
        index: Index,
        heads: [Algorithm; 2],
        tail: Tail,
    },
}

/// What the index does not tell of the last extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// Nothing.
    None,
    /// It is encoded behind the index.
    Inline {
        start: u64,
        pos: MetaPos,
        len: u16,
        encoding: Encoding,
        partial: bool,
    },
    /// It is a fragment, which begins here.
    Fragment { start: u64, pos: u64 },
}

impl ZipInode {
    /// Reads the header, and where the last extent is if it has no pcluster of its own.
    ///
    /// # Errors
    ///
    /// Those of reading, and [`ZipError`] if no content of the file can be had.
    pub fn load<M>(&self, meta: &M) -> Result<ZipMap, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        let view = meta.view(self.header.ok_or(ZipError::Overflow)?)?;
        let raw: U64 = view.get(0).ok_or(ZipError::Truncated)?;
        let shape = match Header::parse(raw.get(), self)? {
            Header::Fragment { pos } => Shape::Fragment(pos),
            Header::Records {
                advise,
                lcluster_bits,
                count,
            } => Shape::Records(Records::new(self, advise, lcluster_bits, count)?),
            Header::Index {
                advise,
                lcluster_bits,
                heads,
                tail,
            } => {
                let index = Index::new(self, advise, lcluster_bits)?;
                Shape::Index {
                    index,
                    heads,
                    tail: Tail::find(&index, heads, tail, meta)?,
                }
            }
        };
        Ok(ZipMap {
            inode: *self,
            shape,
        })
    }
}

impl Tail {
    /// Where the last extent is.
    fn find<M>(
        index: &Index,
        heads: [Algorithm; 2],
        tail: PackedTail,
        meta: &M,
    ) -> Result<Self, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        let last = match index.size.checked_sub(1) {
            Some(last) if tail != PackedTail::None => last,
            _ => return Ok(Self::None),
        };
        let lcn = index.lcn_of(last);
        let (head, _) = head_of(index, &index.entry(lcn, meta)?, last, meta)?;
        let start = index.head_pos(&head);
        match tail {
            PackedTail::None => Ok(Self::None),
            PackedTail::Inline(len) => {
                let pos = index.end(lcn)?;
                let end = index.bits.offset_in(pos).wrapping_add(u32::from(len));
                if end > index.bits.size() {
                    return Err(ZipError::InlineAcrossBlocks.into());
                }
                Ok(Self::Inline {
                    start,
                    pos,
                    len,
                    encoding: encoding(head.kind, heads, false),
                    partial: head.partial,
                })
            }
            PackedTail::Fragment(low) => {
                // Entries of eight bytes have room for the high bits.
                let high = if index.compact { 0 } else { head.block };
                Ok(Self::Fragment {
                    // The first extent has all from the start of the file on.
                    start: if head.lcn == 0 { 0 } else { start },
                    pos: u64::from(low) | u64::from(high).wrapping_shl(32),
                })
            }
        }
    }
}

/// The head of the extent of the byte at `pos`, in the lcluster of `entry`; and where that extent
/// ends, if this entry tells.
fn head_of<M>(
    index: &Index,
    entry: &Lcluster,
    pos: u64,
    meta: &M,
) -> Result<(Head, Option<u64>), M::Error>
where
    M: Metadata<Pos = MetaPos> + ?Sized,
    M::Error: From<ZipError>,
{
    match entry {
        Lcluster::Head(head) => {
            let start = index.head_pos(head);
            if pos >= start {
                return Ok((*head, None));
            }
            Ok((index.head_before(head.lcn, 1, meta)?, Some(start)))
        }
        Lcluster::Rest(rest) => Ok((index.head_before(rest.lcn, rest.back, meta)?, None)),
    }
}

/// How a pcluster is encoded.
fn encoding(kind: HeadKind, heads: [Algorithm; 2], interlaced: bool) -> Encoding {
    let [first, second] = heads;
    match kind {
        HeadKind::Plain if interlaced => Encoding::Interlaced,
        HeadKind::Plain => Encoding::Shifted,
        HeadKind::Head1 => first.encoding(),
        HeadKind::Head2 => second.encoding(),
    }
}

impl Algorithm {
    const fn encoding(self) -> Encoding {
        match self {
            Self::Lz4 => Encoding::Lz4,
            Self::Lzma => Encoding::Lzma,
            Self::Deflate => Encoding::Deflate,
            Self::Zstd => Encoding::Zstd,
        }
    }
}

impl Encoding {
    /// The algorithm, if it is one.
    pub const fn algorithm(self) -> Option<Algorithm> {
        Some(match self {
            Self::Shifted | Self::Interlaced => return None,
            Self::Lz4 => Algorithm::Lz4,
            Self::Lzma => Algorithm::Lzma,
            Self::Deflate => Algorithm::Deflate,
            Self::Zstd => Algorithm::Zstd,
        })
    }
}

/// A piece of a file, before it is checked.
#[derive(Clone, Copy)]
struct Piece {
    start: u64,
    end: u64,
    whole: bool,
    partial: bool,
}

impl Piece {
    const fn at(self, at: ZipPlacement) -> ZipExtent {
        ZipExtent {
            start: FilePos::new(self.start),
            // It begins before it ends.
            len: self.end.wrapping_sub(self.start),
            whole: self.whole,
            partial: self.partial,
            at,
        }
    }
}

impl ZipMap {
    /// The size of the file in bytes.
    pub const fn size(&self) -> u64 {
        self.inode.size
    }

    /// The extent that the byte at `pos` is in, as much of it as is wanted; `None` at the end of
    /// the file and after it.
    ///
    /// # Errors
    ///
    /// Those of reading the index, and [`ZipError`].
    pub fn map<M>(&self, pos: FilePos, want: Want, meta: &M) -> Result<Option<ZipExtent>, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        let pos = pos.get();
        if pos >= self.inode.size {
            return Ok(None);
        }
        match &self.shape {
            Shape::Fragment(at) => Ok(self.fragment(0, *at, want)?),
            Shape::Records(records) => self.map_records(records, pos, want, meta),
            Shape::Index { index, heads, tail } => match *tail {
                Tail::Fragment { start, pos: at } if pos >= start => {
                    Ok(self.fragment(start, at, want)?)
                }
                Tail::Inline {
                    start,
                    pos: at,
                    len,
                    encoding,
                    partial,
                } if pos >= start => {
                    let piece = Piece {
                        start,
                        end: self.inode.size,
                        whole: true,
                        partial,
                    };
                    let len = u32::from(len);
                    self.check(&piece, at.byte(), len, encoding)?;
                    Ok(Some(piece.at(ZipPlacement::Inline {
                        pos: at,
                        len,
                        encoding,
                    })))
                }
                _ => self.map_index(index, *heads, pos, want, meta),
            },
        }
    }

    /// [`map`](Self::map) by entries of lclusters, for what is not in the packed tail.
    fn map_index<M>(
        &self,
        index: &Index,
        heads: [Algorithm; 2],
        pos: u64,
        want: Want,
        meta: &M,
    ) -> Result<Option<ZipExtent>, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        let lcn = index.lcn_of(pos);
        let entry = index.entry(lcn, meta)?;
        let (head, end) = head_of(index, &entry, pos, meta)?;
        let blocks = index.blocks(&head, &entry, meta)?;
        let start = index.head_pos(&head);
        let (mut end, mut whole) = match end {
            Some(end) => (end, true),
            None => (index.start_of(lcn.wrapping_add(1)), false),
        };
        if !whole && want != Want::Asked && end < index.size {
            // A hole may have any size, but nothing else.
            let limit = match blocks {
                0 => u64::MAX,
                _ => start.saturating_add(PCLUSTER_MAX_DSIZE),
            };
            (end, whole) = index.extent_end(&entry, limit, meta)?;
        }
        let piece = Piece {
            start,
            end: end.min(index.size),
            whole: whole || end >= index.size,
            partial: head.partial,
        };
        if blocks == 0 {
            return Ok(Some(piece.at(ZipPlacement::Hole)));
        }
        let encoding = encoding(
            head.kind,
            heads,
            index.advise.has(Advise::INTERLACED_PCLUSTER),
        );
        // A block number of 32 bits, and blocks of 2^16 bytes at most.
        let bits = u32::from(index.bits.bits());
        let at = u64::from(head.block).wrapping_shl(bits);
        let len = u64::from(blocks).wrapping_shl(bits);
        Ok(Some(self.device(&piece, at, len, encoding)?))
    }

    /// [`map`](Self::map) by records.
    fn map_records<M>(
        &self,
        records: &Records,
        pos: u64,
        want: Want,
        meta: &M,
    ) -> Result<Option<ZipExtent>, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        let found = records.find(pos, meta)?;
        if let Some(at) = found.fragment {
            return Ok(self.fragment(found.start, at, want)?);
        }
        let piece = Piece {
            start: found.start,
            end: found.end,
            whole: true,
            partial: found.record.is_some_and(|record| record.is_partial()),
        };
        let record = match found.record {
            Some(record) if record.len() != 0 => record,
            _ => return Ok(Some(piece.at(ZipPlacement::Hole))),
        };
        let in_blocks = |number| self.inode.bits.round_down(number) == number;
        let encoding = match record.algorithm() {
            Some(number) => Algorithm::new(number)
                .ok_or(ZipError::UnknownAlgorithm(number))?
                .encoding(),
            None if records.is_interlaced()
                && in_blocks(record.pos())
                && in_blocks(u64::from(record.len())) =>
            {
                Encoding::Interlaced
            }
            None => Encoding::Shifted,
        };
        let len = u64::from(record.len());
        Ok(Some(self.device(&piece, record.pos(), len, encoding)?))
    }

    /// The extent that reaches from `start` to the end of the file, and is a fragment at `at`.
    fn fragment(&self, start: u64, at: u64, want: Want) -> Result<Option<ZipExtent>, ZipError> {
        let piece = Piece {
            start,
            end: self.inode.size,
            whole: true,
            partial: false,
        };
        if want != Want::Report {
            let Packed::Size(size) = self.inode.packed else {
                return Err(ZipError::NoPackedInode);
            };
            let len = piece.end.wrapping_sub(start);
            if at.checked_add(len).is_none_or(|end| end > size) {
                return Err(ZipError::FragmentRange { pos: at });
            }
        }
        Ok(Some(piece.at(ZipPlacement::Fragment {
            pos: FilePos::new(at),
        })))
    }

    /// The extent in the pcluster of `len` bytes at `at`.
    fn device(
        &self,
        piece: &Piece,
        at: u64,
        len: u64,
        encoding: Encoding,
    ) -> Result<ZipExtent, ZipError> {
        // What does not fit is too large, but may also have other faults.
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.check(piece, at, len, encoding)?;
        Ok(piece.at(ZipPlacement::Device {
            pos: ImagePos::new(at),
            len,
            encoding,
        }))
    }

    /// Whether a pcluster of `len` bytes at `at` can be what an extent is encoded in.
    fn check(&self, piece: &Piece, at: u64, len: u32, encoding: Encoding) -> Result<(), ZipError> {
        let start = piece.start;
        let decoded = piece.end.wrapping_sub(start);
        match encoding.algorithm() {
            Some(algorithm) => {
                if !self.inode.algorithms.contains(algorithm.bit()) {
                    return Err(ZipError::InconsistentAlgorithm(algorithm as u8));
                }
                if piece.whole
                    && !piece.partial
                    && decoded < u64::from(len)
                    && piece.end < self.inode.size
                {
                    return Err(ZipError::TooMuchCompressed { start });
                }
            }
            None if decoded > u64::from(len) => return Err(ZipError::NotEnoughPlain { start }),
            None => {}
        }
        if len > PCLUSTER_MAX_SIZE || decoded > PCLUSTER_MAX_DSIZE {
            return Err(ZipError::TooLarge { start });
        }
        // Block numbers have 48 bits.
        let bits = u32::from(self.inode.bits.bits());
        match at.checked_add(u64::from(len)) {
            Some(end) if end.wrapping_shr(bits) < 1 << 48 => Ok(()),
            _ => Err(ZipError::PclusterOverflow { start }),
        }
    }
}
