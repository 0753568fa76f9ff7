// SPDX-License-Identifier: GPL-2.0

//! Files in chunks of one size, each of which may be anywhere: on any device, or nowhere
//! (`struct erofs_inode_chunk_index`).
//!
//! Behind the inode and its extended attributes is a table with an entry for each chunk. Either an
//! entry is a block number of 4 bytes, on the primary device; or it is an index of 8 bytes, which
//! names a device as well. A block number of all ones is a hole.

use super::device::device_id_mask;
use super::inode::{
    Inode,
    Layout, //
};
use super::map::{
    Extent,
    MapError,
    Placement, //
};
use super::metadata::Metadata;
use super::superblock::Superblock;
use super::units::{
    BlockBits,
    BlockNr,
    DeviceId,
    FilePos,
    MetaPos,
    Nid,
    Position, //
};
use super::view::View;
use zerocopy::little_endian::{
    U16,
    U32, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    KnownLayout, //
};

/// The size of a block number in a table, in bytes.
const BLOCK_NUMBER_SIZE: u64 = 4;
/// The size of an index in a table, in bytes.
const INDEX_SIZE: u64 = 8;

/// `struct erofs_inode_chunk_index`.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawIndex {
    startblk_hi: U16,
    device_id: U16,
    startblk_lo: U32,
}

const _: () = assert!(core::mem::size_of::<RawIndex>() == INDEX_SIZE as usize);

/// Where a chunk begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chunk {
    Hole,
    Block { id: DeviceId, nr: BlockNr },
}

impl Chunk {
    /// What continues a chunk of `blocks` blocks.
    fn next(self, blocks: u64) -> Self {
        match self {
            Self::Hole => Self::Hole,
            // 48 bits, and at most 2^31 for each entry of a block.
            Self::Block { id, nr } => Self::Block {
                id,
                nr: BlockNr::new(nr.get().wrapping_add(blocks)),
            },
        }
    }
}

/// The mapping of a file in chunks.
///
/// It is small, to be kept with every inode. The table is read whenever it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkMap {
    /// The size of the file in bytes.
    size: u64,
    /// Where the table begins; `None` if no image could be that large.
    table: Option<MetaPos>,
    bits: BlockBits,
    /// The size of a chunk as a power of two, in blocks: at most 31.
    chunk_block_bits: u8,
    has_indexes: bool,
    is_48bit: bool,
    device_id_mask: u16,
}

impl ChunkMap {
    /// The mapping of the inode `nid`; `None` if it is not in chunks.
    ///
    /// What is wrong with it is told by [`map`](Self::map), so that an inode whose content cannot
    /// be read still has its attributes.
    pub fn new(inode: &Inode, sb: &Superblock, nid: Nid) -> Option<Self> {
        let Layout::Chunk { format } = inode.layout else {
            return None;
        };
        let mut map = Self {
            size: inode.size,
            table: None,
            bits: sb.block_bits,
            chunk_block_bits: format.block_bits(),
            has_indexes: format.has_indexes(),
            is_48bit: format.is_48bit(),
            device_id_mask: device_id_mask(sb),
        };
        map.table = Inode::position(sb, nid)
            .and_then(|pos| inode.tail_pos(pos))
            .and_then(|pos| {
                // Both sizes are powers of two.
                let beyond = pos.byte() & map.entry_size().wrapping_sub(1);
                match beyond {
                    0 => Some(pos),
                    _ => pos.checked_add(map.entry_size().wrapping_sub(beyond)),
                }
            });
        Some(map)
    }

    /// The size of the file in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The size of a chunk as a power of two, in bytes: at most 47.
    const fn chunk_bits(&self) -> u32 {
        (self.bits.bits() as u32).wrapping_add(self.chunk_block_bits as u32)
    }

    /// The size of an entry of the table in bytes.
    const fn entry_size(&self) -> u64 {
        if self.has_indexes {
            INDEX_SIZE
        } else {
            BLOCK_NUMBER_SIZE
        }
    }

    /// Reads the entry at `at`; `None` if it is not there.
    fn entry(&self, view: &impl View, at: usize) -> Option<Chunk> {
        if !self.has_indexes {
            let number: U32 = view.get(at)?;
            return Some(match number.get() {
                u32::MAX => Chunk::Hole,
                number => Chunk::Block {
                    id: DeviceId::PRIMARY,
                    nr: BlockNr::new(u64::from(number)),
                },
            });
        }
        let raw: RawIndex = view.get(at)?;
        let low = u64::from(raw.startblk_lo.get());
        let (number, null) = if self.is_48bit {
            let high = u64::from(raw.startblk_hi.get());
            (low | high.wrapping_shl(32), 0xffff_ffff_ffff)
        } else {
            (low, 0xffff_ffff)
        };
        if number == null {
            return Some(Chunk::Hole);
        }
        Some(Chunk::Block {
            // Higher bits than the largest id has do not count.
            id: DeviceId::new(raw.device_id.get() & self.device_id_mask),
            nr: BlockNr::new(number),
        })
    }

    /// The extent that the byte at `pos` is in; `None` at the end of the file and after it.
    ///
    /// It begins with the chunk of that byte. Chunks that continue it are added until it has
    /// `want` bytes from `pos` on, as long as their entries are in the same view and in the same
    /// block: it may have fewer than `want` bytes and yet be continued by the next extent.
    ///
    /// # Errors
    ///
    /// Those of reading the table, and [`MapError`], if that byte is where no byte of a file can
    /// be.
    pub fn map<M>(&self, pos: FilePos, want: u64, meta: &M) -> Result<Option<Extent>, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<MapError>,
    {
        if pos.get() >= self.size {
            return Ok(None);
        }
        let chunk_bits = self.chunk_bits();
        let chunk_size = 1u64.wrapping_shl(chunk_bits);
        let nr = pos.get().wrapping_shr(chunk_bits);
        let start = FilePos::new(nr.wrapping_shl(chunk_bits));
        // Sizes are less than 2^63, chunks have 2^9 bytes at least: less than 2^54.
        let offset = nr.wrapping_mul(self.entry_size());
        let entry_pos = self
            .table
            .and_then(|table| table.checked_add(offset))
            .ok_or(MapError::Overflow)?;

        let view = meta.view(entry_pos)?;
        let first = self.entry(&view, 0).ok_or(MapError::Truncated)?;

        // What is left of the file, not 0; and up to the end of its last block.
        let left = self.size.wrapping_sub(start.get());
        let (limit, device_pos) = match first {
            Chunk::Hole => (left, None),
            Chunk::Block { id, nr } => (
                self.bits.round_up(left).ok_or(MapError::Overflow)?,
                Some((id, self.bits.pos_of(nr).ok_or(MapError::Overflow)?)),
            ),
        };
        let fits = |len| match device_pos {
            Some((_, pos)) => pos.checked_add(len).is_some(),
            None => true,
        };
        let mut len = chunk_size.min(limit);
        if !fits(len) {
            return Err(MapError::Overflow.into());
        }

        let wanted = pos.get().wrapping_sub(start.get()).saturating_add(want);
        let room = self
            .bits
            .size()
            .wrapping_sub(self.bits.offset_in(entry_pos)) as usize;
        let entry_size = self.entry_size() as usize;
        let mut at = entry_size;
        let mut next = first;
        while len < wanted.min(limit) && at < room {
            next = next.next(1u64.wrapping_shl(u32::from(self.chunk_block_bits)));
            let longer = len.saturating_add(chunk_size).min(limit);
            if self.entry(&view, at) != Some(next) || !fits(longer) {
                break;
            }
            len = longer;
            at = at.wrapping_add(entry_size);
        }
        Ok(Some(Extent {
            pos: start,
            len,
            at: match device_pos {
                Some((id, pos)) => Placement::Device { id, pos },
                None => Placement::Hole,
            },
        }))
    }
}
