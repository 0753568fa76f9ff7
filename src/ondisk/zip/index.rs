// SPDX-License-Identifier: GPL-2.0

//! An index with an entry for each lcluster.
//!
//! An entry is a *head* if an extent begins in its lcluster, and says where in it. What is before
//! that, and all of an lcluster without a head, belongs to the extent of a head before. Entries
//! without a head say how far away the heads around them are.
//!
//! An extent has one pcluster, and its head the first block of that. The number of blocks is one,
//! or what the entry after the head says instead of the distance, which is known: 1.

use super::super::metadata::Metadata;
use super::super::units::{
    BlockBits,
    MetaPos,
    Position, //
};
use super::error::ZipError;
use super::header::{
    Advise,
    ZipInode,
    HEADER_SIZE, //
};

/// `Z_EROFS_LI_D0_CBLKCNT`: the rest of a distance is a number of blocks.
pub(super) const BLOCK_COUNT: u16 = 1 << 11;
/// How many entries are followed, one from the other, before that is held for a fault.
///
/// A distance is at most 2047 lclusters, so this is enough for 64 GiB in lclusters of 512 bytes.
/// And it is only fragments that make use of it: a pcluster decodes to 12 MiB at most.
pub(super) const HOPS_MAX: u32 = 1 << 16;
/// After how many of them [`Metadata::keep_on`] is asked.
const HOPS_MASK: u32 = 63;

/// What a head says of its pcluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadKind {
    /// It is not compressed.
    Plain,
    /// The first algorithm of the file.
    Head1,
    /// The second algorithm.
    Head2,
}

/// The entry of an lcluster in which an extent begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) lcn: u64,
    pub(super) kind: HeadKind,
    /// Where in the lcluster the extent begins.
    pub(super) offset: u16,
    /// The first block of the pcluster.
    pub(super) block: u32,
    /// The pcluster decodes to more than the extent.
    pub(super) partial: bool,
    /// There is no pcluster.
    pub(super) hole: bool,
}

/// The entry of an lcluster that goes on with an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) lcn: u64,
    /// How many lclusters before there is the head, or an entry that tells.
    pub(super) back: u16,
    /// How many lclusters after there is the next head, or an entry that tells.
    pub(super) forward: u16,
    /// The size of the pcluster in blocks.
    pub(super) blocks: Option<u16>,
}

/// An entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lcluster {
    Head(Head),
    Rest(Rest),
}

/// The type of an entry as a number (`di_advise`, or the high bits of a compact entry).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryType {
    Head(HeadKind),
    Rest,
}

impl EntryType {
    /// The lowest two bits tell.
    pub(super) const fn new(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::Head(HeadKind::Plain),
            1 => Self::Head(HeadKind::Head1),
            2 => Self::Rest,
            _ => Self::Head(HeadKind::Head2),
        }
    }
}

/// The index of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// What follows the header.
    pub(super) start: MetaPos,
    /// The size of the file in bytes.
    pub(super) size: u64,
    pub(super) bits: BlockBits,
    /// The size of an lcluster as a power of two: at most 31.
    pub(super) lcluster_bits: u8,
    pub(super) compact: bool,
    pub(super) advise: Advise,
}

impl Index {
    pub(super) fn new(
        inode: &ZipInode,
        advise: Advise,
        lcluster_bits: u8,
    ) -> Result<Self, ZipError> {
        Ok(Self {
            start: inode
                .header
                .and_then(|pos| pos.checked_add(HEADER_SIZE))
                .ok_or(ZipError::Overflow)?,
            size: inode.size,
            bits: inode.bits,
            lcluster_bits,
            compact: inode.compact,
            advise,
        })
    }

    /// The lcluster that the byte at `pos` is in.
    pub(super) const fn lcn_of(&self, pos: u64) -> u64 {
        pos.wrapping_shr(self.lcluster_bits as u32)
    }

    /// Where lcluster `lcn` begins. It is not far past the end of the file, which has less than
    /// 2^63 bytes.
    pub(super) const fn start_of(&self, lcn: u64) -> u64 {
        lcn.wrapping_shl(self.lcluster_bits as u32)
    }

    /// Where the extent of a head begins.
    pub(super) const fn head_pos(&self, head: &Head) -> u64 {
        self.start_of(head.lcn) | head.offset as u64
    }

    /// Whether pclusters of this kind may have more than one block.
    fn is_big(&self, kind: HeadKind) -> bool {
        self.advise.has(match kind {
            HeadKind::Head1 => Advise::BIG_PCLUSTER_1,
            HeadKind::Plain | HeadKind::Head2 => Advise::BIG_PCLUSTER_2,
        })
    }

    /// Whether any pclusters may.
    pub(super) fn has_big(&self) -> bool {
        self.is_big(HeadKind::Head1) || self.is_big(HeadKind::Head2)
    }

    /// The entry of lcluster `lcn`.
    pub(super) fn entry<M>(&self, lcn: u64, meta: &M) -> Result<Lcluster, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        let entry = if self.compact {
            self.compact_entry(lcn, meta)?
        } else {
            self.full_entry(lcn, meta)?
        };
        if let Lcluster::Head(head) = entry {
            if u64::from(head.offset) >= self.start_of(1) {
                return Err(ZipError::ClusterOffset {
                    lcn,
                    offset: head.offset,
                }
                .into());
            }
        }
        Ok(entry)
    }

    /// Where what is packed behind the entry of lcluster `lcn` begins, if that is the last one.
    pub(super) fn end(&self, lcn: u64) -> Result<MetaPos, ZipError> {
        if self.compact {
            self.compact_end(lcn)
        } else {
            self.full_end(lcn)
        }
    }

    /// The head of the extent that the end of lcluster `lcn` is in, which is `distance` lclusters
    /// before that, or there is an entry that tells.
    pub(super) fn head_before<M>(
        &self,
        mut lcn: u64,
        mut distance: u16,
        meta: &M,
    ) -> Result<Head, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        for hop in 0..HOPS_MAX {
            if hop & HOPS_MASK == HOPS_MASK {
                meta.keep_on()?;
            }
            let before = match lcn.checked_sub(u64::from(distance)) {
                Some(before) if distance != 0 => before,
                _ => break,
            };
            lcn = before;
            match self.entry(lcn, meta)? {
                Lcluster::Head(head) => return Ok(head),
                Lcluster::Rest(rest) => distance = rest.back,
            }
        }
        Err(ZipError::Lookback { lcn, distance }.into())
    }

    /// The number of blocks of the head's pcluster; 0 if it has none.
    ///
    /// `known` is an entry that has been read already.
    pub(super) fn blocks<M>(&self, head: &Head, known: &Lcluster, meta: &M) -> Result<u16, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        if head.hole {
            return Ok(0);
        }
        let lcn = head.lcn.wrapping_add(1);
        if !self.is_big(head.kind) || self.start_of(lcn) >= self.size {
            return Ok(1);
        }
        let entry = match known {
            Lcluster::Rest(rest) if rest.lcn == lcn => *known,
            _ => self.entry(lcn, meta)?,
        };
        match entry {
            // The next extent begins: there was no entry that could tell.
            Lcluster::Head(_) => Ok(1),
            Lcluster::Rest(rest) => Ok(rest.blocks.ok_or(ZipError::BogusBlockCount { lcn })?),
        }
    }

    /// Where the extent ends that the end of the lcluster of `entry` is in, and whether that is
    /// known: it is not if it goes on after `limit`, or too many entries do not tell.
    pub(super) fn extent_end<M>(
        &self,
        entry: &Lcluster,
        limit: u64,
        meta: &M,
    ) -> Result<(u64, bool), M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        // The first may be a head: of this extent, and not of the next.
        let (mut lcn, mut step) = match entry {
            Lcluster::Head(head) => (head.lcn, 1),
            Lcluster::Rest(rest) => (rest.lcn, rest.forward),
        };
        for hop in 0..HOPS_MAX {
            if hop & HOPS_MASK == HOPS_MASK {
                meta.keep_on()?;
            }
            // The first mkfs.erofs wrote zeros, which stand for 1.
            lcn = lcn.wrapping_add(u64::from(step.max(1)));
            let start = self.start_of(lcn);
            if start >= self.size {
                return Ok((self.size, true));
            }
            if start > limit {
                return Ok((start, false));
            }
            match self.entry(lcn, meta)? {
                Lcluster::Head(head) => return Ok((self.head_pos(&head).min(self.size), true)),
                Lcluster::Rest(rest) => step = rest.forward,
            }
        }
        Ok((self.start_of(lcn), false))
    }

    /// `lcn` times the size of an entry, from `start` on.
    pub(super) fn entry_pos(start: MetaPos, lcn: u64, size: u64) -> Result<MetaPos, ZipError> {
        lcn.checked_mul(size)
            .and_then(|offset| start.advance(offset))
            .ok_or(ZipError::Overflow)
    }
}
