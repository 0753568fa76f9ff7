// SPDX-License-Identifier: GPL-2.0

//! Where the content of a file is: from positions in the file to positions in the image.

use super::inode::{
    Inode,
    Layout, //
};
use super::superblock::Superblock;
use super::units::{
    BlockBits,
    DeviceId,
    FilePos,
    ImagePos,
    MetaPos,
    Nid, //
};
use super::ErrorKind;
use core::fmt;

/// Where bytes of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Nowhere: they are zeros.
    Hole,
    /// On a device, as they are.
    Device {
        /// The device.
        id: DeviceId,
        /// The first byte.
        pos: ImagePos,
    },
    /// In the metadata, behind the inode, as they are and inside one block.
    Inline {
        /// The first byte.
        pos: MetaPos,
    },
}

/// A run of a file's bytes that are in one place, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first of them.
    pub pos: FilePos,
    /// Their number; never 0. The last extent of a file on a device reaches to the end of a block,
    /// beyond the end of the file; others end with the file at the latest.
    pub len: u64,
    /// Where they are.
    pub at: Placement,
}

impl Extent {
    /// What is left of the extent from `pos` on; `None` if `pos` is not in it.
    #[inline]
    pub fn from(self, pos: FilePos) -> Option<Self> {
        let skip = pos.since(self.pos)?;
        let len = self.len.checked_sub(skip)?;
        if len == 0 {
            return None;
        }
        let at = match self.at {
            Placement::Hole => Placement::Hole,
            Placement::Device { id, pos } => Placement::Device {
                id,
                pos: pos.checked_add(skip)?,
            },
            Placement::Inline { pos } => Placement::Inline {
                pos: pos.checked_add(skip)?,
            },
        };
        Some(Self { pos, len, at })
    }
}

/// The mapping of a file in a flat layout: at most one run of blocks and one inline tail.
///
/// It is small, to be kept with every inode, and answers without reading anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlatMap {
    /// The size of the file in bytes.
    size: u64,
    /// Where the blocks begin.
    start: ImagePos,
    /// Where the inline tail begins, in the image or in the metabox.
    tail: u64,
    bits: BlockBits,
    shape: Shape,
    /// What is wrong with the blocks; told to those who ask for them.
    blocks_overflow: bool,
    /// What is wrong with the tail; told to those who ask for it.
    tail_error: Option<MapError>,
}

/// What the content consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Hole,
    Blocks,
    BlocksAndTail,
    BlocksAndTailInMetabox,
}

impl FlatMap {
    /// The mapping of the inode `nid`; `None` if its layout is not a flat one.
    ///
    /// What is wrong with it is told by [`map`](Self::map), so that an inode whose content cannot
    /// be read still has its attributes.
    pub fn new(inode: &Inode, sb: &Superblock, nid: Nid) -> Option<Self> {
        let bits = sb.block_bits;
        let mut map = Self {
            size: inode.size,
            start: ImagePos::ZERO,
            tail: 0,
            bits,
            shape: Shape::Hole,
            blocks_overflow: false,
            tail_error: None,
        };
        let start = match inode.layout {
            Layout::FlatPlain { start: None } => return Some(map),
            Layout::FlatPlain { start: Some(start) } => {
                map.shape = Shape::Blocks;
                start
            }
            Layout::FlatInline { start } => {
                match Inode::position(sb, nid).and_then(|pos| inode.tail_pos(pos)) {
                    Some(MetaPos::Image(pos)) => {
                        map.shape = Shape::BlocksAndTail;
                        map.tail = pos.get();
                    }
                    Some(MetaPos::Metabox(pos)) => {
                        map.shape = Shape::BlocksAndTailInMetabox;
                        map.tail = pos.get();
                    }
                    None => {
                        map.shape = Shape::BlocksAndTail;
                        map.tail_error = Some(MapError::Overflow);
                    }
                }
                let in_block = u64::from(bits.offset_in(ImagePos::new(map.tail)));
                // Less than a block and at most a block.
                let tail_end = in_block.wrapping_add(inode.size.wrapping_sub(map.blocks_end()));
                if tail_end > u64::from(bits.size()) && map.tail_error.is_none() {
                    map.tail_error = Some(MapError::InlineAcrossBlocks);
                }
                start
            }
            _ => return None,
        };
        match bits.pos_of(start) {
            Some(pos) if pos.checked_add(map.blocks_end()).is_some() => map.start = pos,
            _ => map.blocks_overflow = true,
        }
        Some(map)
    }

    /// The size of the file in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Where in the file the part that is in blocks ends: a whole number of blocks.
    const fn blocks_end(&self) -> u64 {
        match self.shape {
            // Not more than 2^63, as the size is less.
            Shape::Hole | Shape::Blocks => match self.bits.round_up(self.size) {
                Some(end) => end,
                None => u64::MAX,
            },
            // The tail is what is in the last block, were it a whole one.
            Shape::BlocksAndTail | Shape::BlocksAndTailInMetabox => {
                self.bits.round_down(self.size.saturating_sub(1))
            }
        }
    }

    /// The extent that the byte at `pos` is in, whole; `None` at the end of the file and after it.
    ///
    /// # Errors
    ///
    /// [`MapError`], if that byte is where no byte of a file can be.
    #[inline]
    pub const fn map(&self, pos: FilePos) -> Result<Option<Extent>, MapError> {
        if pos.get() >= self.size {
            return Ok(None);
        }
        if matches!(self.shape, Shape::Hole) {
            return Ok(Some(Extent {
                pos: FilePos::ZERO,
                len: self.size,
                at: Placement::Hole,
            }));
        }
        let end = self.blocks_end();
        if pos.get() < end {
            if self.blocks_overflow {
                return Err(MapError::Overflow);
            }
            return Ok(Some(Extent {
                pos: FilePos::ZERO,
                len: end,
                at: Placement::Device {
                    id: DeviceId::PRIMARY,
                    pos: self.start,
                },
            }));
        }
        if let Some(error) = self.tail_error {
            return Err(error);
        }
        Ok(Some(Extent {
            pos: FilePos::new(end),
            // Not 0: the position is at `end` or after it, and less than the size.
            len: self.size.wrapping_sub(end),
            at: Placement::Inline {
                pos: if matches!(self.shape, Shape::BlocksAndTailInMetabox) {
                    MetaPos::Metabox(FilePos::new(self.tail))
                } else {
                    MetaPos::Image(ImagePos::new(self.tail))
                },
            },
        }))
    }
}

/// Why content of a file cannot be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// The inline tail does not end in the block in which it begins.
    InlineAcrossBlocks,
    /// The content would be past the end of the largest possible image.
    Overflow,
    /// The image ends before what describes the content.
    Truncated,
}

impl MapError {
    /// What sort of refusal this is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::InlineAcrossBlocks | Self::Overflow => ErrorKind::Corrupted,
            Self::Truncated => ErrorKind::Io,
        }
    }
}

/// The cause alone; whoever logs it adds the inode.
impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InlineAcrossBlocks => "inline data across blocks",
            Self::Overflow => "data past the end of any image",
            Self::Truncated => "the image ends inside the chunk table",
        })
    }
}
