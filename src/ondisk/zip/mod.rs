// SPDX-License-Identifier: GPL-2.0

//! Compressed files: where the pieces are that they consist of, and how each is encoded.
//!
//! The content of such a file is cut into *extents* of any length. What encodes one of them is a
//! *pcluster*: whole blocks, or in images of the latest format any bytes, somewhere in the image;
//! or the end of the file, encoded right behind its index; or a *fragment*, bytes in the
//! content of the packed inode, which many files share. A *header* ([`header`]) behind the inode
//! says how the extents are described:
//!
//! - by an entry for each *lcluster*, which is a piece of the file of one size : where
//!   the extent begins that an lcluster is in, or the one that begins inside of it. There are
//!   entries of eight bytes and ones that share packs of eight or thirty-two bytes;
//! - or by a record for each extent.
//!
//! The floors above keep a [`ZipInode`] with every compressed inode, which costs no reading, turn
//! it into a [`ZipMap`] when content is first asked for, and ask that for a [`ZipExtent`] each
//! time they need one. Whether an image can be had at all is told by [`ZipConfigs`] at mount.
//!
//! What could take long asks [`Metadata::keep_on`](super::metadata::Metadata::keep_on).

mod compact;
pub mod config;
pub mod error;
pub mod extent;
mod full;
pub mod header;
mod index;
pub mod map;
mod records;

pub use self::config::{
    DeflateConfig,
    Lz4Config,
    LzmaConfig,
    ZipConfigError,
    ZipConfigs,
    ZstdConfig, //
};
pub use self::error::ZipError;
pub use self::extent::{
    Encoding,
    Want,
    ZipExtent,
    ZipPlacement, //
};
pub use self::header::{
    Algorithm,
    ZipInode, //
};
pub use self::map::ZipMap;

/// The largest size of a pcluster in bytes (`Z_EROFS_PCLUSTER_MAX_SIZE`).
pub const PCLUSTER_MAX_SIZE: u32 = 1 << 20;
/// The largest size of what a pcluster decodes to, in bytes (`Z_EROFS_PCLUSTER_MAX_DSIZE`).
pub const PCLUSTER_MAX_DSIZE: u64 = 12 << 20;
