// SPDX-License-Identifier: GPL-2.0

//! Reading metadata that may go on in the next block or page.

use super::units::{
    BlockBits,
    Position, //
};
use super::view::View;
use core::mem::size_of;
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// Metadata that can be read by position: what the floors above provide.
pub trait Metadata {
    /// How positions in it are told.
    type Pos: Position;
    /// Bytes of it.
    type View: View;
    /// Why it cannot be read.
    type Error;

    /// The bytes from `pos` on, as many as can be had at once.
    ///
    /// They reach to the end of a block at least, but for where all of it ends; there are none
    /// only if it ends at or before `pos`.
    ///
    /// # Errors
    ///
    /// Those of reading.
    fn view(&self, pos: Self::Pos) -> Result<Self::View, Self::Error>;

    /// Asked now and then in what takes as long as an image wants it to: whether to keep on.
    ///
    /// # Errors
    ///
    /// One that says why not: whoever waits for it is to be killed.
    fn keep_on(&self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// A place in metadata from which values are read one after the other, wherever views end.
///
/// It asks for nothing before something is read, and holds one view at a time: seeking inside of
/// that costs nothing.
///
/// What a method answers with `None` is not there: the metadata ends before.
pub struct Cursor<'a, M: Metadata + ?Sized> {
    meta: &'a M,
    /// The next byte; `None` past the end of all positions.
    pos: Option<M::Pos>,
    /// What was asked for last, and where it begins.
    held: Option<(M::Pos, M::View)>,
    /// The bits of a position that count inside of the units with whose starts views begin.
    mask: u64,
}

impl<'a, M: Metadata + ?Sized> Cursor<'a, M> {
    /// Begins at `pos`.
    pub const fn new(meta: &'a M, pos: Option<M::Pos>) -> Self {
        Self {
            meta,
            pos,
            held: None,
            mask: 0,
        }
    }

    /// Begins at `pos`. Views begin with blocks, so that going back inside of one costs nothing.
    pub const fn in_blocks(meta: &'a M, pos: Option<M::Pos>, bits: BlockBits) -> Self {
        Self {
            meta,
            pos,
            held: None,
            mask: (bits.size() as u64).wrapping_sub(1),
        }
    }

    /// Where the next byte is; `None` past the end of all positions.
    pub fn pos(&self) -> Option<M::Pos> {
        self.pos
    }

    /// Goes to `pos`.
    pub fn seek(&mut self, pos: Option<M::Pos>) {
        self.pos = pos;
    }

    /// Leaves out `bytes` bytes.
    pub fn skip(&mut self, bytes: u64) {
        self.pos = self.pos.and_then(|pos| pos.advance(bytes));
    }

    /// Where in the held view the next byte is.
    #[inline]
    fn offset(&self) -> Option<usize> {
        let (start, view) = self.held.as_ref()?;
        let offset = usize::try_from(self.pos?.distance(*start)?).ok()?;
        (offset < view.len()).then_some(offset)
    }

    /// A view, and where in it the next byte is.
    #[inline]
    fn here(&mut self) -> Result<Option<(&M::View, usize)>, M::Error> {
        let offset = match self.offset() {
            Some(offset) => Some(offset),
            None => self.fetch()?,
        };
        let view = self.held.as_ref().map(|(_, view)| view);
        Ok(view.zip(offset))
    }

    /// Holds the view that the next byte is in: where it is.
    #[inline(never)]
    fn fetch(&mut self) -> Result<Option<usize>, M::Error> {
        // First of all: a view may be costly to hold.
        self.held = None;
        let Some(pos) = self.pos else {
            return Ok(None);
        };
        let start = pos.back(pos.byte() & self.mask);
        self.held = Some((start, self.meta.view(start)?));
        if self.offset().is_none() {
            // The block's first bytes come alone.
            self.held = Some((pos, self.meta.view(pos)?));
        }
        Ok(self.offset())
    }

    /// Reads a value.
    #[inline]
    pub fn get<T: FromBytes + IntoBytes>(&mut self) -> Result<Option<T>, M::Error> {
        let Some((view, offset)) = self.here()? else {
            return Ok(None);
        };
        if let Some(value) = view.get(offset) {
            self.skip(size_of::<T>() as u64);
            return Ok(Some(value));
        }
        let mut value = T::new_zeroed();
        Ok(self.copy_to(value.as_mut_bytes())?.map(|()| value))
    }

    /// Reads `out.len()` bytes.
    pub fn copy_to(&mut self, mut out: &mut [u8]) -> Result<Option<()>, M::Error> {
        while !out.is_empty() {
            let Some((view, offset)) = self.here()? else {
                return Ok(None);
            };
            let len = view.len().saturating_sub(offset).min(out.len());
            let Some((piece, rest)) = out.split_at_mut_checked(len) else {
                return Ok(None);
            };
            if view.copy_to(offset, piece).is_none() {
                return Ok(None);
            }
            self.skip(len as u64);
            out = rest;
        }
        Ok(Some(()))
    }

    /// Whether the next bytes are `other`. Reads as many of them as it takes to tell.
    pub fn matches(&mut self, mut other: &[u8]) -> Result<Option<bool>, M::Error> {
        while !other.is_empty() {
            let Some((view, offset)) = self.here()? else {
                return Ok(None);
            };
            let len = view.len().saturating_sub(offset).min(other.len());
            let Some((piece, rest)) = other.split_at_checked(len) else {
                return Ok(None);
            };
            if view.mismatch(offset, piece).is_some() {
                return Ok(Some(false));
            }
            self.skip(len as u64);
            other = rest;
        }
        Ok(Some(true))
    }
}
