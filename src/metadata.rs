// SPDX-License-Identifier: GPL-2.0

//! Metadata of a mount, wherever it is: in the image itself, or in the metabox.
//!
//! Inodes and what directly follows them are read here. The metabox is the content of an inode, so
//! its bytes come through the page cache of that, whatever its layout. Neither that inode nor what
//! follows it is in a metabox: nothing here waits for itself.

#![forbid(unsafe_code)]

use crate::{
    backing,
    ondisk::{
        self,
        MetaPos, //
    },
    super_block::{
        image,
        Erofs, //
    },
    vfs::{
        self,
        metadata::PageBytes,
        super_block::SuperBlock, //
    }, //
};
use core::marker::PhantomData;
use kernel::prelude::*;

/// The bytes from `pos` on, to the end of a block at least.
///
/// # Errors
///
/// Those of reading, and `EFSCORRUPTED` outside of the metabox.
#[inline]
pub(crate) fn bytes(sb: &SuperBlock<Erofs>, pos: MetaPos) -> Result<PageBytes> {
    match pos {
        MetaPos::Image(pos) => image(sb)?.bytes(pos),
        MetaPos::Metabox(pos) => {
            let metabox = sb.data().metabox().get(sb).ok_or(EFSCORRUPTED)?;
            metabox.bytes(pos.get())?.ok_or(EFSCORRUPTED)
        }
    }
}

/// Copies bytes from `pos` on, from as many pages as it takes. Returns how many there are until
/// the metadata ends.
pub(crate) fn copy_to(sb: &SuperBlock<Erofs>, pos: MetaPos, out: &mut [u8]) -> Result<usize> {
    backing::copy_to(out, |at| bytes(sb, pos.checked_add(at).ok_or(EIO)?))
}

/// Why something cannot be read out of metadata: read errors as they are, and what is wrong with
/// it.
pub(crate) enum Failure<E> {
    /// It could not be read.
    Read(Error),
    /// It makes no sense.
    Corrupt(E),
}

impl<E> From<E> for Failure<E> {
    fn from(e: E) -> Self {
        Self::Corrupt(e)
    }
}

/// All metadata of a mount, for parsers whose errors are `E`.
pub(crate) struct Metadata<'a, E> {
    sb: &'a SuperBlock<Erofs>,
    _error: PhantomData<fn() -> E>,
}

impl<'a, E> Metadata<'a, E> {
    /// That of `sb`.
    pub(crate) fn new(sb: &'a SuperBlock<Erofs>) -> Self {
        Self {
            sb,
            _error: PhantomData,
        }
    }
}

impl<E> ondisk::Metadata for Metadata<'_, E> {
    type Pos = MetaPos;
    type View = PageBytes;
    type Error = Failure<E>;

    #[inline]
    fn view(&self, pos: MetaPos) -> core::result::Result<PageBytes, Failure<E>> {
        bytes(self.sb, pos).map_err(Failure::Read)
    }

    fn keep_on(&self) -> core::result::Result<(), Failure<E>> {
        if vfs::fatal_signal_pending() {
            return Err(Failure::Read(EINTR));
        }
        vfs::cond_resched();
        Ok(())
    }
}
