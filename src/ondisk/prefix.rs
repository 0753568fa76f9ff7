// SPDX-License-Identifier: GPL-2.0

//! Long prefixes of the names of extended attributes (`struct erofs_xattr_long_prefix`).
//!
//! A long prefix is what one of the short ones, of a [`Namespace`], and some more bytes are
//! together. An image has a table of them, which is read once.
//!
//! [`Namespace`]: super::xattr::Namespace

use super::metadata::{
    Cursor,
    Metadata, //
};
use super::superblock::{
    CompatFeatures,
    Superblock, //
};
use super::units::{
    FilePos,
    ImagePos,
    MetaPos,
    Position, //
};
use super::xattr::{
    XattrError,
    NAME_MAX, //
};
use zerocopy::little_endian::U16;

/// The largest size of a prefix in the table, in bytes: the index of its namespace and as much as
/// a name can have.
pub const LONG_PREFIX_MAX: usize = 1 + NAME_MAX;

/// A long prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongPrefix<'a> {
    /// The index of the namespace, if there is one with that.
    pub base: u8,
    /// What follows its prefix.
    pub infix: &'a [u8],
}

/// The long prefixes of an image, as the floors above keep them.
pub trait LongPrefixes {
    /// The prefix with this number, which is its place in the table; `None` if there is none.
    fn get(&self, index: u8) -> Option<LongPrefix<'_>>;
}

impl LongPrefixes for [LongPrefix<'_>] {
    fn get(&self, index: u8) -> Option<LongPrefix<'_>> {
        <[_]>::get(self, usize::from(index)).copied()
    }
}

/// Where the table of long prefixes begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixPlace {
    /// In the metadata.
    Metadata(MetaPos),
    /// In the content of the packed inode.
    Packed(FilePos),
}

impl PrefixPlace {
    /// Where it is; `None` if there are no long prefixes.
    ///
    /// Their number alone tells, and not the feature that they are.
    pub const fn new(sb: &Superblock) -> Option<Self> {
        if sb.xattr_prefix_count == 0 {
            return None;
        }
        let pos = (sb.xattr_prefix_start as u64).wrapping_mul(4);
        let in_image = Self::Metadata(MetaPos::Image(ImagePos::new(pos)));
        Some(if sb.compat.contains(CompatFeatures::PLAIN_XATTR_PFX) {
            in_image
        } else if sb.metabox_nid.is_some() {
            Self::Metadata(MetaPos::Metabox(FilePos::new(pos)))
        } else if sb.packed_nid.is_some() {
            Self::Packed(FilePos::new(pos))
        } else {
            in_image
        })
    }
}

/// A reader of the table of long prefixes.
pub struct PrefixTable<'a, M: Metadata + ?Sized> {
    cursor: Cursor<'a, M>,
    left: u8,
}

impl<'a, M> PrefixTable<'a, M>
where
    M: Metadata + ?Sized,
    M::Error: From<XattrError>,
{
    /// Begins at `start` of `meta`, which is where the [`PrefixPlace`] tells.
    pub fn new(meta: &'a M, start: M::Pos, sb: &Superblock) -> Self {
        Self {
            cursor: Cursor::new(meta, Some(start)),
            left: sb.xattr_prefix_count,
        }
    }

    /// Reads the next prefix into `buffer`; `None` after the last one.
    ///
    /// # Errors
    ///
    /// Those of reading, and [`XattrError::PrefixSize`]. No further prefix can be read then.
    pub fn next_prefix<'b>(
        &mut self,
        buffer: &'b mut [u8; LONG_PREFIX_MAX],
    ) -> Result<Option<LongPrefix<'b>>, M::Error> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;

        // Each begins at a multiple of four bytes.
        let beyond = self.cursor.pos().map_or(0, |pos| pos.byte() & 3);
        self.cursor.skip(4u64.wrapping_sub(beyond) & 3);
        let size: U16 = self.cursor.get()?.ok_or(XattrError::Truncated)?;
        let size = match size.get() {
            0 => 0x1_0000,
            size => usize::from(size),
        };
        let bytes = buffer.get_mut(..size).ok_or(XattrError::PrefixSize(size))?;
        self.cursor.copy_to(bytes)?.ok_or(XattrError::Truncated)?;
        match bytes.split_first() {
            Some((base, infix)) => Ok(Some(LongPrefix { base: *base, infix })),
            None => Err(XattrError::PrefixSize(size).into()),
        }
    }
}
