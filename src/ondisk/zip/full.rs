// SPDX-License-Identifier: GPL-2.0

//! Entries of eight bytes (`struct z_erofs_lcluster_index`).

use super::super::metadata::Metadata;
use super::super::units::MetaPos;
use super::super::view::View;
use super::error::ZipError;
use super::index::{
    EntryType,
    Head,
    Index,
    Lcluster,
    Rest,
    BLOCK_COUNT, //
};
use zerocopy::little_endian::{
    U16,
    U32, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    KnownLayout, //
};

/// `Z_EROFS_LI_PARTIAL_REF`.
const PARTIAL_REF: u16 = 1 << 15;
/// `Z_EROFS_LI_HOLE`.
const HOLE: u16 = 1 << 14;

/// The size of an entry in bytes.
const ENTRY_SIZE: u64 = 8;
/// Between the header and the first entry there are so many bytes that mean nothing.
const GAP: u64 = 8;

/// `struct z_erofs_lcluster_index`.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawEntry {
    di_advise: U16,
    di_clusterofs: U16,
    /// Of a head the first block, else the distances to the head before and to the next one.
    di_u: U32,
}

const _: () = assert!(core::mem::size_of::<RawEntry>() == ENTRY_SIZE as usize);

impl Index {
    fn full_pos(&self, lcn: u64) -> Result<MetaPos, ZipError> {
        let start = self.start.checked_add(GAP).ok_or(ZipError::Overflow)?;
        Self::entry_pos(start, lcn, ENTRY_SIZE)
    }

    /// The entry of lcluster `lcn`.
    pub(super) fn full_entry<M>(&self, lcn: u64, meta: &M) -> Result<Lcluster, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        let view = meta.view(self.full_pos(lcn)?)?;
        let raw: RawEntry = view.get(0).ok_or(ZipError::Truncated)?;
        let advise = raw.di_advise.get();
        if let EntryType::Head(kind) = EntryType::new(u32::from(advise)) {
            return Ok(Lcluster::Head(Head {
                lcn,
                kind,
                offset: raw.di_clusterofs.get(),
                block: raw.di_u.get(),
                partial: advise & PARTIAL_REF != 0,
                hole: advise & HOLE != 0,
            }));
        }
        let [b0, b1, f0, f1] = raw.di_u.get().to_le_bytes();
        let back = u16::from_le_bytes([b0, b1]);
        let counts = back & BLOCK_COUNT != 0;
        if counts && !self.has_big() {
            return Err(ZipError::BogusBlockCount { lcn }.into());
        }
        Ok(Lcluster::Rest(Rest {
            lcn,
            back: if counts { 1 } else { back },
            forward: u16::from_le_bytes([f0, f1]),
            blocks: counts.then_some(back & !BLOCK_COUNT),
        }))
    }

    /// Where the entry of lcluster `lcn` ends.
    pub(super) fn full_end(&self, lcn: u64) -> Result<MetaPos, ZipError> {
        self.full_pos(lcn)?
            .checked_add(ENTRY_SIZE)
            .ok_or(ZipError::Overflow)
    }
}
