// SPDX-License-Identifier: GPL-2.0

//! Records of extents (`struct z_erofs_extent`), which images have since Linux 6.15.
//!
//! A record has 4, 8, 16 or 32 bytes, which are the first of those that the largest one has. The
//! larger ones say where in the file their extent begins, and are sorted by that. Of the smaller
//! ones there is one for each lcluster. If they do not say either where in the image their pcluster
//! is, the pclusters are one after the other, from the position on that is in front of the records.

use super::super::metadata::{
    Cursor,
    Metadata, //
};
use super::super::units::{
    MetaPos,
    Position, //
};
use super::super::view::View;
use super::error::ZipError;
use super::header::{
    align,
    Advise,
    ZipInode,
    HEADER_SIZE, //
};
use super::PCLUSTER_MAX_SIZE;
use zerocopy::little_endian::{
    U32,
    U64, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    KnownLayout, //
};

/// `Z_EROFS_EXTENT_PLEN_PARTIAL`.
const PARTIAL: u32 = 1 << 27;
/// `Z_EROFS_EXTENT_PLEN_FMT_BIT`.
const FORMAT_BIT: u32 = 28;
/// `Z_EROFS_EXTENT_PLEN_MASK`.
const LEN_MASK: u32 = (PCLUSTER_MAX_SIZE << 1) - 1;

/// How many records are added up before [`Metadata::keep_on`] is asked.
const KEEP_ON_MASK: u64 = 0xfff;

/// The first eight bytes of `struct z_erofs_extent`.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawShort {
    plen: U32,
    pstart_lo: U32,
}

/// The first sixteen bytes of it.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawLong {
    plen: U32,
    pstart_lo: U32,
    pstart_hi: U32,
    lstart_lo: U32,
}

/// What a record says of its pcluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    plen: u32,
    pstart: u64,
}

impl Record {
    /// The size of the pcluster in bytes: less than 2^21, and 0 if there is none.
    pub(super) const fn len(&self) -> u32 {
        self.plen & LEN_MASK
    }

    /// Where the pcluster begins.
    pub(super) const fn pos(&self) -> u64 {
        self.pstart
    }

    /// The pcluster decodes to more than the extent.
    pub(super) const fn is_partial(&self) -> bool {
        self.plen & PARTIAL != 0
    }

    /// The number of the algorithm; `None` if the extent is plain.
    pub(super) const fn algorithm(&self) -> Option<u8> {
        // Four bits.
        (self.plen.wrapping_shr(FORMAT_BIT) as u8).checked_sub(1)
    }
}

/// A record, and where its extent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// `None` if no record has the byte.
    pub(super) record: Option<Record>,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where the packed inode has the extent, if it is to be found there.
    pub(super) fragment: Option<u64>,
}

/// The records of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Records {
    /// Where they begin, or the position in front of them.
    start: MetaPos,
    size: u64,
    /// Where the primary device ends.
    device_end: u64,
    lcluster_bits: u8,
    advise: Advise,
    count: u64,
}

impl Records {
    pub(super) fn new(
        inode: &ZipInode,
        advise: Advise,
        lcluster_bits: u8,
        count: u64,
    ) -> Result<Self, ZipError> {
        Ok(Self {
            start: inode
                .header
                .and_then(|pos| pos.checked_add(HEADER_SIZE))
                .and_then(|pos| align(pos, 1u64.wrapping_shl(u32::from(advise.record_bits()))))
                .ok_or(ZipError::Overflow)?,
            size: inode.size,
            device_end: inode.device_end,
            lcluster_bits,
            advise,
            count,
        })
    }

    /// Whether plain pclusters are interlaced where they can be.
    pub(super) const fn is_interlaced(&self) -> bool {
        self.advise.has(Advise::INTERLACED_PCLUSTER)
    }

    /// The record of the byte at `pos`, which is before the end of the file.
    pub(super) fn find<M>(&self, pos: u64, meta: &M) -> Result<Found, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        if self.advise.record_bits() > 3 {
            return self.search(pos, meta);
        }
        let nr = pos.wrapping_shr(u32::from(self.lcluster_bits));
        let record = if self.advise.record_bits() == 3 {
            self.short(nr, meta)?
        } else {
            self.add_up(nr, meta)?
        };
        let start = nr.wrapping_shl(u32::from(self.lcluster_bits));
        // Less than 2^63 and at most 2^31.
        let end = start.wrapping_add(1u64.wrapping_shl(u32::from(self.lcluster_bits)));
        // Without a position in the image there is none for the high bits of a fragment's either.
        let high = if self.advise.record_bits() == 3 {
            record.pstart.wrapping_shl(32)
        } else {
            0
        };
        Ok(Found {
            record: Some(record),
            start,
            end: end.min(self.size),
            fragment: self.fragment(end >= self.size, u64::from(record.plen) | high),
        })
    }

    /// Where the packed inode has the last extent, if that is where it is.
    fn fragment(&self, last: bool, pos: u64) -> Option<u64> {
        (last && self.advise.has(Advise::FRAGMENT_PCLUSTER)).then_some(pos)
    }

    /// Where record `nr` is, the records being at `start`.
    fn record_pos(&self, start: Option<MetaPos>, nr: u64) -> Result<MetaPos, ZipError> {
        nr.checked_mul(1u64.wrapping_shl(u32::from(self.advise.record_bits())))
            .and_then(|offset| start?.checked_add(offset))
            .ok_or(ZipError::Overflow)
    }

    /// Record `nr`, of eight bytes.
    fn short<M>(&self, nr: u64, meta: &M) -> Result<Record, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        let view = meta.view(self.record_pos(Some(self.start), nr)?)?;
        let raw: RawShort = view.get(0).ok_or(ZipError::Truncated)?;
        Ok(Record {
            plen: raw.plen.get(),
            pstart: u64::from(raw.pstart_lo.get()),
        })
    }

    /// Record `nr`, of four bytes: the pclusters before it are to be added up.
    fn add_up<M>(&self, nr: u64, meta: &M) -> Result<Record, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        // First of all, where it has to be: what a file of any size may tell takes no time then.
        let pos = self.record_pos(self.start.checked_add(8), nr)?;
        if matches!(pos, MetaPos::Image(_)) && pos.byte() >= self.device_end {
            return Err(ZipError::Overflow.into());
        }
        let mut cursor = Cursor::new(meta, Some(self.start));
        let base: U64 = cursor.get()?.ok_or(ZipError::Truncated)?;
        let mut pstart = base.get();
        for nr in 0..nr {
            if nr & KEEP_ON_MASK == KEEP_ON_MASK {
                meta.keep_on()?;
            }
            let plen: U32 = cursor.get()?.ok_or(ZipError::Truncated)?;
            pstart = pstart
                .checked_add(u64::from(plen.get() & LEN_MASK))
                .ok_or(ZipError::Overflow)?;
        }
        let plen: U32 = cursor.get()?.ok_or(ZipError::Truncated)?;
        Ok(Record {
            plen: plen.get(),
            pstart,
        })
    }

    /// Record `nr`, of sixteen bytes or thirty-two, and where its extent begins.
    fn long<M>(&self, nr: u64, meta: &M) -> Result<(u64, Record), M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        // None lies in two blocks.
        let view = meta.view(self.record_pos(Some(self.start), nr)?)?;
        let raw: RawLong = view.get(0).ok_or(ZipError::Truncated)?;
        let lstart_hi = if self.advise.record_bits() == 5 {
            let high: U32 = view.get(16).ok_or(ZipError::Truncated)?;
            high.get()
        } else {
            0
        };
        let number = |low: U32, high: u32| u64::from(low.get()) | u64::from(high).wrapping_shl(32);
        Ok((
            number(raw.lstart_lo, lstart_hi),
            Record {
                plen: raw.plen.get(),
                pstart: number(raw.pstart_lo, raw.pstart_hi.get()),
            },
        ))
    }

    /// The last record that begins at `pos` or before.
    fn search<M>(&self, pos: u64, meta: &M) -> Result<Found, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        let mut end = self.size;
        let mut found = None;
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.wrapping_add(high.wrapping_sub(low).wrapping_shr(1));
            let (start, record) = self.long(middle, meta)?;
            if start <= pos {
                found = Some((start, record));
                low = middle.wrapping_add(1);
                continue;
            }
            if start > end {
                return Err(ZipError::RecordOrder { start }.into());
            }
            end = start;
            high = middle;
        }
        let Some((start, record)) = found else {
            return Ok(Found {
                record: None,
                start: 0,
                end,
                fragment: None,
            });
        };
        let high = record.pstart.wrapping_shl(32);
        Ok(Found {
            record: Some(record),
            start,
            end,
            fragment: self.fragment(low >= self.count, u64::from(record.plen) | high),
        })
    }
}
