// SPDX-License-Identifier: GPL-2.0

//! Where the bytes of an image come from.
//!
//! A backing is one file here that implements [`Backing`]: [`block`] for block devices, [`file`]
//! for regular files. Metadata is read in place, through the page cache that the backing has
//! anyway ([`Backing::bytes`]). File contents go through [`read::Reader`], the one engine: it
//! gathers contiguous parts of folios into batches and starts them. Dispatch is static: each
//! backing has its own table of mapping operations.

#![forbid(unsafe_code)]

pub(crate) mod block;
pub(crate) mod file;
pub(crate) mod read;

use crate::{
    ondisk::{
        ImagePos,
        View, //
    },
    vfs::{
        bio::ReadBio,
        metadata::PageBytes, //
    }, //
};
use kernel::prelude::*;
use zerocopy::FromBytes;

/// A device that holds an image.
pub(crate) trait Backing: Sized + 'static {
    /// What tells the batches of this backing from others.
    type Kind;

    /// Batches that are built but not started.
    type Waiting: Default;

    /// Bytes in place: those at `pos` and what follows them closely.
    ///
    /// # Errors
    ///
    /// `EIO` where the backing cannot be read or has no such bytes.
    fn bytes(&self, pos: ImagePos) -> Result<PageBytes>;

    /// The unit of reads: their positions are multiples of it, and their lengths must be. A power
    /// of two, at most the block size.
    fn granule(&self) -> u64;

    /// An empty batch at `pos`, for about `parts` parts. `ahead` says that nobody waits for it.
    ///
    /// # Errors
    ///
    /// `EIO` if no backing is that large.
    fn batch(&self, pos: ImagePos, parts: usize, ahead: bool) -> Result<ReadBio<Self::Kind>>;

    /// Where a batch must go on to take a part at `pos`.
    fn position(&self, pos: ImagePos) -> Option<u64>;

    /// Starts `batch`, now or when [`flush`](Self::flush) is called.
    fn start(&self, waiting: &mut Self::Waiting, batch: ReadBio<Self::Kind>);

    /// Starts whatever waits.
    fn flush(&self, waiting: &mut Self::Waiting);
}

/// The backing of a mount.
pub(crate) enum Image {
    /// A block device.
    Block(block::Block),
    /// A regular file.
    File(file::ImageFile),
}

impl Image {
    /// See [`Backing::bytes`].
    pub(crate) fn bytes(&self, pos: ImagePos) -> Result<PageBytes> {
        match self {
            Self::Block(block) => block.bytes(pos),
            Self::File(file) => file.bytes(pos),
        }
    }

    /// Copies bytes from `pos` on, from as many pages as it takes. Returns how many there are
    /// until the image ends.
    pub(crate) fn copy_to(&self, pos: ImagePos, out: &mut [u8]) -> Result<usize> {
        let mut done = 0usize;
        while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let pos = pos.checked_add(done as u64).ok_or(EIO)?;
            let bytes = match self.bytes(pos) {
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
}
