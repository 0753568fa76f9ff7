// SPDX-License-Identifier: GPL-2.0

//! The EROFS on-disk format: floor 0 of the driver.
//!
//! Everything that knows how bytes of an image are laid out lives here, and nothing else does: no
//! kernel types, no allocation, no I/O. Bytes come in through a [`View`], which reads every value
//! exactly once and copies it out, so what was checked is what is used even if the image changes
//! under the reader. What comes out are plain values with the units of [`units`].
//!
//! Nothing here can panic: not by an index, not by arithmetic, not by a conversion. A value that
//! makes no sense is an error value that carries it, says what is wrong ([`Display`]) and of
//! which [`ErrorKind`] it is.
//!
//! The same files are compiled into the kernel module and, by `tests/host`, into ordinary tests.
//!
//! [`Display`]: core::fmt::Display

// The format is described whole, and offered to the host tests whole: not all of it is used or
// reachable in the module.
#![allow(dead_code, unreachable_pub, unused_imports)]

pub mod chunk;
pub mod device;
pub mod dirent;
pub mod features;
pub mod inode;
pub mod map;
pub mod metadata;
pub mod prefix;
pub mod superblock;
pub mod units;
pub mod view;
pub mod xattr;
pub mod xattr_entries;
pub mod xxhash;
pub mod zip;

pub use self::chunk::ChunkMap;
pub use self::device::{
    Addressing,
    DeviceError,
    DeviceInfo,
    DeviceRange,
    Located, //
};
pub use self::dirent::{
    lookup,
    DirBlock,
    DirError,
    Dirent, //
};
pub use self::features::{
    Algorithms,
    CompatFeatures,
    Compression,
    IncompatFeatures, //
};
pub use self::inode::{
    FileKind,
    Inode,
    InodeError,
    Layout, //
};
pub use self::map::{
    Extent,
    FlatMap,
    MapError,
    Placement, //
};
pub use self::metadata::{
    Cursor,
    Metadata, //
};
pub use self::superblock::{
    Superblock,
    SuperblockError, //
};
pub use self::units::{
    BlockBits,
    BlockNr,
    DeviceId,
    FilePos,
    ImagePos,
    MetaPos,
    Nid, //
};
pub use self::view::View;
pub use self::xattr::{
    Namespace,
    XattrBody,
    XattrEntries,
    XattrEntry,
    XattrError,
    XattrPlace, //
};
pub use self::zip::{
    Algorithm,
    Encoding,
    Want,
    ZipConfigError,
    ZipConfigs,
    ZipError,
    ZipExtent,
    ZipInode,
    ZipMap,
    ZipPlacement, //
};

/// What sort of refusal an error of this floor is. Each stands for one error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The bytes are not there: what holds the image ends before (`EIO`).
    Io,
    /// These bytes are no file system that this driver takes (`EINVAL`).
    Invalid,
    /// The image contradicts itself or the format (`EFSCORRUPTED`).
    Corrupted,
    /// A checksum does not match what it covers (`EBADMSG`).
    BadChecksum,
    /// A part of the format that is not known or not built in (`EOPNOTSUPP`).
    Unsupported,
    /// It is on a device that the image does not have (`ENODEV`).
    NoDevice,
}
