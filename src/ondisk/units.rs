// SPDX-License-Identifier: GPL-2.0

//! Units: what a number from an image counts, as a type.
//!
//! Arithmetic on them is checked, or cannot overflow by construction. Lengths are plain `u64`s of
//! bytes unless their name says otherwise.

use core::fmt;

macro_rules! unit {
    ($(#[$meta:meta])* $name:ident($int:ty)) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name($int);

        impl $name {
            /// Gives the number its unit.
            pub const fn new(value: $int) -> Self {
                Self(value)
            }

            /// The bare number.
            pub const fn get(self) -> $int {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

macro_rules! position {
    ($name:ident) => {
        impl $name {
            /// The start.
            pub const ZERO: Self = Self(0);

            /// The position `bytes` further on.
            pub const fn checked_add(self, bytes: u64) -> Option<Self> {
                match self.0.checked_add(bytes) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// The number of bytes from `start` to here; `None` if `start` is further on.
            pub const fn since(self, start: Self) -> Option<u64> {
                self.0.checked_sub(start.0)
            }
        }

        impl Position for $name {
            fn byte(self) -> u64 {
                self.0
            }

            fn advance(self, bytes: u64) -> Option<Self> {
                self.checked_add(bytes)
            }

            fn back(self, bytes: u64) -> Self {
                Self(self.0.saturating_sub(bytes))
            }

            fn distance(self, start: Self) -> Option<u64> {
                self.since(start)
            }
        }
    };
}

unit! {
    /// A byte position in an image or in one of its extra devices.
    ImagePos(u64)
}

unit! {
    /// A byte position in the content of a file or directory.
    FilePos(u64)
}

unit! {
    /// The number of a block of the file system, counted from the start of its device.
    BlockNr(u64)
}

unit! {
    /// The number of a device of the image: 0 is the one that holds the superblock, `n` the
    /// `n`-th of the device table.
    DeviceId(u16)
}

unit! {
    /// A node number: where an inode is, counted in 32-byte slots (`nid`).
    Nid(u64)
}

position!(ImagePos);
position!(FilePos);

/// A byte position of any sort: what has an offset inside a block, and others before and after it.
pub trait Position: Copy {
    /// The bare byte position.
    fn byte(self) -> u64;

    /// The position `bytes` further on.
    fn advance(self, bytes: u64) -> Option<Self>;

    /// The position `bytes` before it, or the start.
    fn back(self, bytes: u64) -> Self;

    /// The number of bytes from `start` to here; `None` if `start` is further on or elsewhere.
    fn distance(self, start: Self) -> Option<u64>;
}

impl DeviceId {
    /// The device that holds the superblock.
    pub const PRIMARY: Self = Self(0);
}

impl Nid {
    /// Set in the nid of an inode that is kept in the metabox (`EROFS_DIRENT_NID_METABOX_BIT`).
    const METABOX: u64 = 1 << 63;

    /// Whether the inode lies in the metabox and not in the image itself.
    pub const fn in_metabox(self) -> bool {
        self.0 & Self::METABOX != 0
    }

    /// The number of the inode's slot in the place that [`in_metabox`](Self::in_metabox) tells.
    pub const fn slot(self) -> u64 {
        self.0 & !Self::METABOX
    }

    /// The inode number of an image with a metabox: the nid with its metabox bit moved down to
    /// bit 31, so that such inodes do not all get numbers beyond 32 bits.
    pub(super) const fn metabox_ino(self) -> u64 {
        let above = self.0.wrapping_shl(1) & !0xffff_ffff;
        let below = self.0 & 0x7fff_ffff;
        above | below | self.0.wrapping_shr(63).wrapping_shl(31)
    }
}

/// A byte position in metadata: where inodes are, and what directly follows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaPos {
    /// In the image, on its primary device.
    Image(ImagePos),
    /// In the content of the metabox inode.
    Metabox(FilePos),
}

impl MetaPos {
    /// The position `bytes` further on.
    pub const fn checked_add(self, bytes: u64) -> Option<Self> {
        match self {
            Self::Image(pos) => match pos.checked_add(bytes) {
                Some(pos) => Some(Self::Image(pos)),
                None => None,
            },
            Self::Metabox(pos) => match pos.checked_add(bytes) {
                Some(pos) => Some(Self::Metabox(pos)),
                None => None,
            },
        }
    }
}

impl Position for MetaPos {
    fn byte(self) -> u64 {
        match self {
            Self::Image(pos) => pos.get(),
            Self::Metabox(pos) => pos.get(),
        }
    }

    fn advance(self, bytes: u64) -> Option<Self> {
        self.checked_add(bytes)
    }

    fn back(self, bytes: u64) -> Self {
        match self {
            Self::Image(pos) => Self::Image(pos.back(bytes)),
            Self::Metabox(pos) => Self::Metabox(pos.back(bytes)),
        }
    }

    fn distance(self, start: Self) -> Option<u64> {
        match (start, self) {
            (Self::Image(start), Self::Image(pos)) => pos.since(start),
            (Self::Metabox(start), Self::Metabox(pos)) => pos.since(start),
            _ => None,
        }
    }
}

/// The size of a file system block, as a power of two (`blkszbits`).
///
/// # Invariants
///
/// The number is between [`BlockBits::MIN`] and [`BlockBits::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct BlockBits(u8);

impl BlockBits {
    /// 512 bytes, the smallest block of the format.
    pub const MIN: u8 = 9;
    /// 64 KiB, the largest page of any kernel this runs on.
    pub const MAX: u8 = 16;

    /// Blocks of `1 << bits` bytes, on a kernel with pages of `1 << page_shift` bytes.
    ///
    /// `None` if they are too small for the format or larger than a page.
    pub const fn new(bits: u8, page_shift: u8) -> Option<Self> {
        if bits < Self::MIN || bits > Self::MAX || bits > page_shift {
            return None;
        }
        // INVARIANT: just checked.
        Some(Self(bits))
    }

    /// The power of two.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The size of a block in bytes.
    pub const fn size(self) -> u32 {
        1u32.wrapping_shl(self.0 as u32)
    }

    /// `size() - 1`: the bits of a byte position that count inside a block.
    const fn mask(self) -> u64 {
        !u64::MAX.wrapping_shl(self.0 as u32)
    }

    /// Where block `nr` begins; `None` if that is past 2^64.
    pub const fn pos_of(self, nr: BlockNr) -> Option<ImagePos> {
        if nr.0 > u64::MAX.wrapping_shr(self.0 as u32) {
            return None;
        }
        Some(ImagePos(nr.0.wrapping_shl(self.0 as u32)))
    }

    /// The block that `pos` is in.
    pub const fn block_of(self, pos: ImagePos) -> BlockNr {
        BlockNr(pos.0.wrapping_shr(self.0 as u32))
    }

    /// How many bytes into its block `pos` is.
    pub fn offset_in<P: Position>(self, pos: P) -> u32 {
        // Less than the size of a block.
        (pos.byte() & self.mask()) as u32
    }

    /// `bytes` rounded down to whole blocks.
    pub const fn round_down(self, bytes: u64) -> u64 {
        bytes & !self.mask()
    }

    /// `bytes` rounded up to whole blocks; `None` if that is 2^64.
    pub const fn round_up(self, bytes: u64) -> Option<u64> {
        match bytes.checked_add(self.mask()) {
            Some(sum) => Some(sum & !self.mask()),
            None => None,
        }
    }

    /// The number of blocks that `bytes` bytes take up; the last one may be partly used.
    pub const fn blocks_in(self, bytes: u64) -> u64 {
        let whole = bytes.wrapping_shr(self.0 as u32);
        if bytes & self.mask() == 0 {
            whole
        } else {
            // No overflow: shifted down by nine bits at least.
            whole.wrapping_add(1)
        }
    }
}
