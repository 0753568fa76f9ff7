// SPDX-License-Identifier: GPL-2.0

//! What an image says it makes use of.

/// The features that a driver may ignore (`feature_compat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompatFeatures(u32);

impl CompatFeatures {
    /// The superblock has a checksum.
    pub const SB_CHKSUM: Self = Self(0x01);
    /// Inodes tell the time of modification, not of change.
    pub const MTIME: Self = Self(0x02);
    /// Inodes have a filter of the names of their extended attributes.
    pub const XATTR_FILTER: Self = Self(0x04);
    /// Shared extended attributes are in the metabox.
    pub const SHARED_EA_IN_METABOX: Self = Self(0x08);
    /// The prefixes of extended attributes' names are in the image itself.
    pub const PLAIN_XATTR_PFX: Self = Self(0x10);
    /// An extended attribute of each file identifies its content.
    pub const ISHARE_XATTRS: Self = Self(0x20);

    /// The features that the bits of a superblock stand for.
    pub const fn new(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits as in the superblock.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` is among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The features that a driver has to know (`feature_incompat`). Some bits have two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncompatFeatures(u32);

impl IncompatFeatures {
    /// Compressed data is padded with zeros at its start, not at its end.
    pub const LZ4_0PADDING: Self = Self(0x01);
    /// The algorithms have configurations behind the superblock.
    pub const COMPR_CFGS: Self = Self(0x02);
    /// Compressed clusters may be larger than a block.
    pub const BIG_PCLUSTER: Self = Self(0x02);
    /// There are chunk-based files.
    pub const CHUNKED_FILE: Self = Self(0x04);
    /// There is a device table.
    pub const DEVICE_TABLE: Self = Self(0x08);
    /// Compressed files may use a second algorithm.
    pub const COMPR_HEAD2: Self = Self(0x08);
    /// The compressed end of a file may be packed behind its inode.
    pub const ZTAILPACKING: Self = Self(0x10);
    /// Parts of files may be kept in the packed inode.
    pub const FRAGMENTS: Self = Self(0x20);
    /// Compressed data may be shared between files.
    pub const DEDUPE: Self = Self(0x20);
    /// Names of extended attributes may have long prefixes.
    pub const XATTR_PREFIXES: Self = Self(0x40);
    /// Block numbers have 48 bits.
    pub const ADDRESS_48BIT: Self = Self(0x80);
    /// Inodes may be kept in the metabox.
    pub const METABOX: Self = Self(0x100);
    /// Every feature that the format has so far.
    pub const ALL: Self = Self(0x1ff);

    /// The features that the bits of a superblock stand for.
    pub const fn new(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits as in the superblock.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` is among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A set of compression algorithms (`available_compr_algs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithms(u16);

impl Algorithms {
    /// None.
    pub const NONE: Self = Self(0);
    /// LZ4.
    pub const LZ4: Self = Self(0x1);
    /// MicroLZMA.
    pub const LZMA: Self = Self(0x2);
    /// DEFLATE.
    pub const DEFLATE: Self = Self(0x4);
    /// Zstandard.
    pub const ZSTD: Self = Self(0x8);
    /// Every algorithm that the format has so far.
    pub const ALL: Self = Self(0xf);

    /// The algorithms that the bits of a superblock stand for.
    pub const fn new(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits as in the superblock.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` is among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// How an image says which compression it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// No file is compressed.
    None,
    /// LZ4, as before there were configurations.
    Lz4 {
        /// How far back a match may reach, in bytes; 0 stands for 64 KiB.
        max_distance: u16,
    },
    /// Each algorithm of the set has a configuration behind the superblock.
    Configured(Algorithms),
}

impl Compression {
    /// The algorithms that compressed files may use.
    pub const fn algorithms(self) -> Algorithms {
        match self {
            Self::None => Algorithms::NONE,
            Self::Lz4 { .. } => Algorithms::LZ4,
            Self::Configured(algorithms) => algorithms,
        }
    }
}
