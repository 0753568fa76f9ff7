// SPDX-License-Identifier: GPL-2.0

//! Entries that share packs.
//!
//! A pack has entries of some bits each, and behind them a block number of four bytes. There are
//! packs of two entries, in eight bytes, and of sixteen, in thirty-two: four bytes or two for an
//! entry. If the header says so, entries of two bytes are used as far as there are sixteen more
//! of them, and from where such a pack is aligned.
//!
//! An entry is a type of two bits above its number: where in the lcluster an extent begins, or the
//! distance to the head before. The last entry of a pack has the distance to the next head
//! instead. Where a pcluster begins follows from the pack's block number and from the pclusters
//! that come before in the pack.

use super::super::metadata::Metadata;
use super::super::units::{
    MetaPos,
    Position, //
};
use super::super::view::View;
use super::error::ZipError;
use super::header::Advise;
use super::index::{
    EntryType,
    Head,
    Index,
    Lcluster,
    Rest,
    BLOCK_COUNT, //
};
use zerocopy::little_endian::U32;

/// The largest lclusters that entries of four bytes can be for, as a power of two.
const LCLUSTER_BITS_MAX: u8 = 14;
/// The same for entries of two bytes.
const LCLUSTER_BITS_MAX_2B: u8 = 12;
/// The least number of bits of an entry's number.
const NUMBER_BITS_MIN: u8 = 12;

/// Of which sort a pack is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PackKind {
    /// Two entries in eight bytes.
    Two,
    /// Sixteen entries in thirty-two bytes.
    Sixteen,
}

impl PackKind {
    /// The size of an entry in bytes, with its part of what they share.
    const fn share(self) -> u64 {
        match self {
            Self::Two => 4,
            Self::Sixteen => 2,
        }
    }

    /// The number of entries.
    const fn count(self) -> u32 {
        match self {
            Self::Two => 2,
            Self::Sixteen => 16,
        }
    }

    /// The size of a pack in bytes.
    const fn size(self) -> u64 {
        match self {
            Self::Two => 8,
            Self::Sixteen => 32,
        }
    }

    /// The size of an entry in bits, without what they share.
    const fn entry_bits(self) -> u32 {
        match self {
            Self::Two => 16,
            Self::Sixteen => 14,
        }
    }
}

/// Where an entry is.
struct Place {
    kind: PackKind,
    /// Where the pack begins.
    pack: MetaPos,
    /// Which of the pack's entries it is.
    nr: u32,
}

/// A copy of a pack.
struct Pack {
    kind: PackKind,
    /// As many as the kind says, then zeros.
    bytes: [u8; 32],
    number_bits: u32,
}

impl Pack {
    /// The word at `at`, of any alignment.
    fn word(&self, at: usize) -> u32 {
        // A pack ends with a word, and none begins after that one.
        View::get::<U32>(&self.bytes, at).map_or(0, U32::get)
    }

    /// The type and the number of entry `nr`.
    fn entry(&self, nr: u32) -> (EntryType, u16) {
        // At most 15 * 14.
        let bit = nr.wrapping_mul(self.kind.entry_bits());
        let word = self.word(bit.wrapping_shr(3) as usize);
        let entry = word.wrapping_shr(bit & 7);
        // At most 14 bits.
        let number = entry & !u32::MAX.wrapping_shl(self.number_bits);
        (
            EntryType::new(entry.wrapping_shr(self.number_bits)),
            number as u16,
        )
    }

    /// The block number that the entries share.
    fn block(&self) -> u32 {
        self.word(self.kind.size().wrapping_sub(4) as usize)
    }

    /// The number of blocks between the pack's block number and the pcluster of head `nr`, or
    /// `None` if entries contradict each other.
    fn blocks_before(&self, nr: u32, has_big: bool) -> Option<u32> {
        // Backwards from head to head; below 0 there is another pack.
        let mut at = i32::try_from(nr).ok()?;
        let mut blocks: u32 = if has_big { 0 } else { 1 };
        while at > 0 {
            at = at.wrapping_sub(1);
            let (entry, number) = self.entry(u32::try_from(at).ok()?);
            if matches!(entry, EntryType::Head(_)) {
                blocks = blocks.wrapping_add(1);
                continue;
            }
            let distance = i32::from(number);
            if !has_big {
                at = at.wrapping_sub(distance);
                if at >= 0 {
                    blocks = blocks.wrapping_add(1);
                }
            } else if number & BLOCK_COUNT != 0 {
                at = at.wrapping_sub(1);
                blocks = blocks.wrapping_add(u32::from(number & !BLOCK_COUNT));
            } else if distance <= 1 {
                // The entry behind a head has the number of blocks.
                return None;
            } else {
                // To that entry.
                at = at.wrapping_sub(distance.wrapping_sub(2));
            }
        }
        Some(blocks)
    }

    /// How far it is from entry `nr` to the next head, or to an entry that tells.
    fn forward(&self, nr: u32) -> u16 {
        let mut distance = 0u16;
        let mut last = 0;
        for nr in nr..self.kind.count() {
            let (entry, number) = self.entry(nr);
            if matches!(entry, EntryType::Head(_)) {
                return distance;
            }
            distance = distance.wrapping_add(1);
            last = number;
        }
        if last & BLOCK_COUNT != 0 {
            return distance;
        }
        // At most 16, and 14 bits.
        distance.wrapping_add(last).saturating_sub(1)
    }
}

impl Index {
    /// Where the entry of lcluster `lcn` is.
    fn place(&self, lcn: u64) -> Result<Place, ZipError> {
        // Counted in blocks; an lcluster never has been anything else here.
        let total = self.bits.blocks_in(self.size);
        if lcn >= total || u32::try_from(total).is_err() || self.lcluster_bits > LCLUSTER_BITS_MAX {
            return Err(ZipError::CompactIndex {
                lcn,
                lcluster_bits: self.lcluster_bits,
            });
        }
        // As far as the first place for a pack of thirty-two bytes.
        let beyond = self.start.byte() & 31;
        let head = 32u64.wrapping_sub(beyond).wrapping_shr(2) & 7;
        let small = if self.advise.has(Advise::COMPACTED_2B) {
            total.saturating_sub(head) & !15
        } else {
            0
        };

        // All are less than 2^32, and so is their sum times four less than 2^64.
        let four = |entries: u64| entries.wrapping_mul(PackKind::Two.share());
        let two = |entries: u64| entries.wrapping_mul(PackKind::Sixteen.share());
        let (kind, offset) = match lcn.checked_sub(head) {
            None => (PackKind::Two, four(lcn)),
            Some(after) if after < small => {
                (PackKind::Sixteen, four(head).wrapping_add(two(after)))
            }
            Some(after) => (
                PackKind::Two,
                four(head)
                    .wrapping_add(two(small))
                    .wrapping_add(four(after.wrapping_sub(small))),
            ),
        };
        if kind == PackKind::Sixteen && self.lcluster_bits > LCLUSTER_BITS_MAX_2B {
            return Err(ZipError::CompactLcluster(self.lcluster_bits));
        }
        let overflow = ZipError::Overflow;
        let pos = self.start.checked_add(offset).ok_or(overflow)?;
        let within = pos.byte() & kind.size().wrapping_sub(1);
        let pack = offset
            .checked_sub(within)
            .and_then(|offset| self.start.checked_add(offset))
            .ok_or(overflow)?;
        // Less than 32.
        let nr = (within as u32).wrapping_shr(kind.share().trailing_zeros());
        Ok(Place { kind, pack, nr })
    }

    /// Reads the pack at `pos`.
    fn pack<M>(&self, kind: PackKind, pos: MetaPos, meta: &M) -> Result<Option<Pack>, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
    {
        let mut bytes = [0; 32];
        // None lies in two blocks.
        let view = meta.view(pos)?;
        let found = match kind {
            PackKind::Two => match bytes.first_chunk_mut::<8>() {
                Some(bytes) => view.copy_to(0, bytes),
                None => None,
            },
            PackKind::Sixteen => view.copy_to(0, &mut bytes),
        };
        Ok(found.map(|()| Pack {
            kind,
            bytes,
            number_bits: u32::from(self.lcluster_bits.max(NUMBER_BITS_MIN)),
        }))
    }

    /// The entry of lcluster `lcn`.
    pub(super) fn compact_entry<M>(&self, lcn: u64, meta: &M) -> Result<Lcluster, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        let place = self.place(lcn)?;
        let pack = self.pack(place.kind, place.pack, meta)?;
        let pack = pack.ok_or(ZipError::Truncated)?;
        Ok(self.decode(&pack, place.nr, lcn)?)
    }

    /// Entry `nr` of a pack, which is that of lcluster `lcn`.
    fn decode(&self, pack: &Pack, nr: u32, lcn: u64) -> Result<Lcluster, ZipError> {
        let bogus = ZipError::BogusBlockCount { lcn };
        let has_big = self.has_big();
        let (entry, number) = pack.entry(nr);
        if let EntryType::Head(kind) = entry {
            let before = pack.blocks_before(nr, has_big).ok_or(bogus)?;
            return Ok(Lcluster::Head(Head {
                lcn,
                kind,
                offset: number,
                // What a pack counts from may be before block 0.
                block: pack.block().wrapping_add(before),
                partial: false,
                hole: false,
            }));
        }
        let counts = number & BLOCK_COUNT != 0;
        if counts && !has_big {
            return Err(bogus);
        }
        let is_last = nr.wrapping_add(1) == pack.kind.count();
        let back = if counts {
            1
        } else if is_last {
            // One more than that of the entry before.
            match pack.entry(nr.wrapping_sub(1)) {
                (EntryType::Head(_), _) => 1,
                (EntryType::Rest, number) if number & BLOCK_COUNT != 0 => 2,
                (EntryType::Rest, number) => number.wrapping_add(1),
            }
        } else {
            number
        };
        Ok(Lcluster::Rest(Rest {
            lcn,
            back,
            forward: pack.forward(nr),
            blocks: counts.then_some(number & !BLOCK_COUNT),
        }))
    }

    /// Where the pack ends that has the entry of lcluster `lcn`.
    pub(super) fn compact_end(&self, lcn: u64) -> Result<MetaPos, ZipError> {
        let place = self.place(lcn)?;
        place
            .pack
            .checked_add(place.kind.size())
            .ok_or(ZipError::Overflow)
    }
}
