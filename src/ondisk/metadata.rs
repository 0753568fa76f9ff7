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
/// that costs nothing. Where it is it counts from where it began, in plain bytes: that is one
/// comparison for each value, whatever sort of position there is.
///
/// What a method answers with `None` is not there: the metadata ends before.
pub struct Cursor<'a, M: Metadata + ?Sized> {
    meta: &'a M,
    /// Where it began; `None` past the end of all positions.
    base: Option<M::Pos>,
    /// The next byte, counted from there.
    at: u64,
    /// What was asked for last.
    held: Option<M::View>,
    /// Where that begins, counted likewise; before the base this wraps around.
    held_at: u64,
    /// How many bytes that has; 0 if there is nothing.
    held_len: u64,
    /// The bits of a position that count inside of the units with whose starts views begin.
    mask: u64,
}

impl<'a, M: Metadata + ?Sized> Cursor<'a, M> {
    /// Begins at `pos`.
    pub const fn new(meta: &'a M, pos: Option<M::Pos>) -> Self {
        Self {
            meta,
            base: pos,
            at: 0,
            held: None,
            held_at: 0,
            held_len: 0,
            mask: 0,
        }
    }

    /// Begins at `pos`. Views begin with blocks, so that going back inside of one costs nothing.
    pub fn in_blocks(meta: &'a M, pos: Option<M::Pos>, bits: BlockBits) -> Self {
        Self {
            mask: u64::from(bits.size()).wrapping_sub(1),
            ..Self::new(meta, pos)
        }
    }

    /// Where the next byte is; `None` past the end of all positions.
    pub fn pos(&self) -> Option<M::Pos> {
        self.base.and_then(|base| base.advance(self.at))
    }

    /// Goes to `pos`, and counts from there.
    pub fn seek(&mut self, pos: Option<M::Pos>) {
        // What is held begins as far away as before.
        let further = pos.zip(self.base).and_then(|(pos, base)| {
            let back = || base.distance(pos).map(u64::wrapping_neg);
            pos.distance(base).or_else(back)
        });
        match further {
            Some(further) => self.held_at = self.held_at.wrapping_sub(further),
            None => self.held_len = 0,
        }
        self.base = pos;
        self.at = 0;
    }

    /// Where the next byte is, counted from where it began.
    #[inline]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Goes to the byte `at`, counted likewise.
    #[inline]
    pub fn go_to(&mut self, at: u64) {
        self.at = at;
    }

    /// Leaves out `bytes` bytes.
    #[inline]
    pub fn skip(&mut self, bytes: u64) {
        // What is further on is not there anyway.
        self.at = self.at.saturating_add(bytes);
    }

    /// Where in the held view the next byte is, if that has it.
    #[inline]
    fn offset(&self) -> Option<usize> {
        let offset = self.at.wrapping_sub(self.held_at);
        // Less than the length of a view.
        (offset < self.held_len).then_some(offset as usize)
    }

    /// A view, and where in it the next byte is.
    #[inline]
    fn here(&mut self) -> Result<Option<(&M::View, usize)>, M::Error> {
        let offset = match self.offset() {
            Some(offset) => Some(offset),
            None => self.fetch()?,
        };
        Ok(self.held.as_ref().zip(offset))
    }

    /// Holds the view that the next byte is in: where it is.
    #[inline(never)]
    fn fetch(&mut self) -> Result<Option<usize>, M::Error> {
        // First of all: a view may be costly to hold.
        self.held = None;
        self.held_len = 0;
        let Some(pos) = self.pos() else {
            return Ok(None);
        };
        let into = pos.byte() & self.mask;
        self.hold(pos.back(into), self.at.wrapping_sub(into))?;
        if self.offset().is_none() {
            // The block's first bytes come alone.
            self.held = None;
            self.held_len = 0;
            self.hold(pos, self.at)?;
        }
        Ok(self.offset())
    }

    /// Holds the view from `pos` on, which is `at`.
    #[inline]
    fn hold(&mut self, pos: M::Pos, at: u64) -> Result<(), M::Error> {
        let view = self.meta.view(pos)?;
        self.held_at = at;
        self.held_len = view.len() as u64;
        self.held = Some(view);
        Ok(())
    }

    /// Reads a value.
    #[inline(always)]
    pub fn get<T: FromBytes + IntoBytes>(&mut self) -> Result<Option<T>, M::Error> {
        let held = self.held.as_ref().zip(self.offset());
        if let Some(value) = held.and_then(|(view, offset)| view.get(offset)) {
            self.skip(size_of::<T>() as u64);
            return Ok(Some(value));
        }
        self.get_piecewise()
    }

    /// Reads a value that the held view does not have as a whole.
    #[inline(never)]
    fn get_piecewise<T: FromBytes + IntoBytes>(&mut self) -> Result<Option<T>, M::Error> {
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
