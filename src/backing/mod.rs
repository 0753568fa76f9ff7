// SPDX-License-Identifier: GPL-2.0

//! Where the bytes of an image come from.
//!
//! A backing is one file here that implements [`Backing`]: [`block`] for block devices, [`file`]
//! for regular files. Metadata is read in place, through the page cache that the backing has
//! anyway ([`Backing::bytes`]). File contents go through [`read::Reader`], the one engine: it
//! gathers contiguous parts of folios into batches and starts them. Dispatch is static: each
//! backing has its own table of mapping operations. All devices of an image are of one kind; which
//! of them an address means, [`devices::Volume`] tells.

#![forbid(unsafe_code)]

pub(crate) mod block;
pub(crate) mod devices;
pub(crate) mod file;
pub(crate) mod read;

use crate::{
    ondisk::{
        ImagePos,
        View, //
    },
    vfs::{
        bio::{
            BlockDevice,
            ReadBio, //
        },
        metadata::{
            Ahead,
            PageBytes, //
        }, //
    }, //
};
use kernel::prelude::*;
use zerocopy::FromBytes;

/// A device that holds an image: something small that refers to it.
pub(crate) trait Backing: Copy {
    /// What tells the batches of this backing from others.
    type Kind;

    /// Batches that are built but not started.
    type Waiting: Default;

    /// The other devices of an image on such ones.
    type Others: Copy;

    /// The `index`-th of them.
    fn other(others: Self::Others, index: usize) -> Option<Self>;

    /// Bytes in place: those at `pos` and what follows them closely, to the end of the page at
    /// least unless the image ends before. `ahead` says what to read together with them if they
    /// have to be read.
    ///
    /// # Errors
    ///
    /// `EIO` where the backing cannot be read or has no such bytes.
    fn bytes_ahead(self, pos: ImagePos, ahead: Ahead) -> Result<PageBytes>;

    /// How many bytes to read from `pos` on in order to get `len` of them: as many, or more where
    /// the backing can only be read in units of its own. Not beyond the end of the block.
    fn read_len(self, pos: ImagePos, len: u64) -> u64;

    /// Whether what is read stays in memory anyway.
    fn is_cached(self) -> bool;

    /// An empty batch at `pos`, for about `parts` parts. `ahead` says that nobody waits for it.
    /// The one before it has been started.
    ///
    /// # Errors
    ///
    /// `EIO` if no backing is that large.
    fn batch(self, pos: ImagePos, parts: usize, ahead: bool) -> Result<ReadBio<Self::Kind>>;

    /// Where a batch must go on to take a part at `pos`.
    fn position(self, pos: ImagePos) -> Option<u64>;

    /// Starts `batch`, now or when [`flush`](Self::flush) is called.
    fn start(self, waiting: &mut Self::Waiting, batch: ReadBio<Self::Kind>);

    /// Starts whatever waits, on any device.
    fn flush(waiting: &mut Self::Waiting);
}

/// What a mount keeps of its backing.
pub(crate) enum Medium {
    /// For a block device, which the superblock has.
    Block(block::Place),
    /// A regular file.
    File(file::ImageFile),
}

impl Medium {
    /// The image, on the superblock's block device if it has one.
    #[inline]
    pub(crate) fn image<'a>(&'a self, device: Option<&'a BlockDevice>) -> Result<Image<'a>> {
        Ok(match self {
            Self::Block(place) => Image::Block(block::Block::new(device.ok_or(EIO)?, place)),
            Self::File(file) => Image::File(file),
        })
    }
}

/// The backing of a mount, for use.
#[derive(Clone, Copy)]
pub(crate) enum Image<'a> {
    /// A block device.
    Block(block::Block<'a>),
    /// A regular file.
    File(&'a file::ImageFile),
}

impl Image<'_> {
    /// See [`Backing::bytes`].
    #[inline]
    pub(crate) fn bytes(self, pos: ImagePos) -> Result<PageBytes> {
        self.bytes_ahead(pos, Ahead::Sequence)
    }

    /// See [`Backing::bytes_ahead`].
    #[inline]
    pub(crate) fn bytes_ahead(self, pos: ImagePos, ahead: Ahead) -> Result<PageBytes> {
        match self {
            Self::Block(block) => block.bytes_ahead(pos, ahead),
            Self::File(file) => file.bytes_ahead(pos, ahead),
        }
    }

    /// Copies bytes from `pos` on, from as many pages as it takes. Returns how many there are
    /// until the image ends.
    pub(crate) fn copy_to(self, pos: ImagePos, out: &mut [u8]) -> Result<usize> {
        copy_to(out, |at| self.bytes(pos.checked_add(at).ok_or(EIO)?))
    }
}

/// Copies bytes, of which `bytes` gives those from a number on that is counted from the first one.
/// Returns how many there are until it gives no more.
pub(crate) fn copy_to(
    out: &mut [u8],
    mut bytes: impl FnMut(u64) -> Result<PageBytes>,
) -> Result<usize> {
    let mut done = 0usize;
    while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let bytes = match bytes(done as u64) {
            Ok(bytes) => bytes,
            Err(_) if done > 0 => break,
            Err(e) => return Err(e),
        };
        let len = bytes.len().min(rest.len());
        let Some(rest) = rest.get_mut(..len).filter(|rest| !rest.is_empty()) else {
            break;
        };
        bytes.copy_to(0, rest).ok_or(EIO)?;
        done = done.saturating_add(len);
    }
    Ok(done)
}

impl View for PageBytes {
    fn len(&self) -> usize {
        PageBytes::len(self)
    }

    #[inline]
    fn get<T: FromBytes>(&self, at: usize) -> Option<T> {
        PageBytes::get(self, at)
    }

    fn copy_to(&self, at: usize, out: &mut [u8]) -> Option<()> {
        PageBytes::copy_to(self, at, out)
    }

    fn crc32c(
        &self,
        at: usize,
        len: usize,
        seed: u32,
        _crc32c: &impl Fn(u32, &[u8]) -> u32,
    ) -> Option<u32> {
        PageBytes::crc32c(self, at, len, seed)
    }
}
