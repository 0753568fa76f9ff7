// SPDX-License-Identifier: GPL-2.0

//! Memory that data is decoded into, contiguous for the decoder.
//!
//! Decoded bytes belong into folios of a page cache, as [`Placed`] parts of them. Where these
//! happen to follow each other in the kernel's address space, that is the target; else their pages
//! are mapped one after the other, with pages of our own in the gaps, and nothing is copied
//! either. Where the parts are but a little of what has to be decoded to reach them, all of it
//! goes into private memory, and the parts are copied.
//!
//! Two targets may have a page in common, in which one ends and the other begins. A decoder never
//! writes outside of its target, nor reads outside of it.

use super::{
    extra,
    folio::Part,
    private::{
        map_pages,
        Buffer,
        Filler,
        Need, //
    },
    reused::RVec,
    PAGE_SHIFT,
    PAGE_SIZE, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    prelude::*, //
};

/// A part of a folio, and where among the decoded bytes it belongs.
pub(crate) struct Placed {
    /// The index of its first byte.
    pub(crate) at: usize,
    /// The part.
    pub(crate) part: Part,
}

impl Placed {
    /// The index behind its last byte.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.at.saturating_add(self.part.len())
    }
}

/// Memory to decode into.
///
/// # Invariants
///
/// - `start` is writable for `len` bytes, and nobody else accesses them: they are private memory,
///   or bytes of parts that the target was made of. These are not finished before the target is
///   dropped, other than by the target itself.
/// - `memory` is what keeps them there.
pub(crate) struct Target {
    start: NonNull<u8>,
    len: usize,
    memory: Memory,
}

enum Memory {
    /// The parts' own addresses.
    Direct,
    /// A mapping of their pages and of others.
    Mapped {
        base: NonNull<u8>,
        pages: u32,
        _fillers: RVec<Filler>,
    },
    /// Private memory.
    Apart { _buffer: Buffer },
}

/// Whether so much of `len` bytes is asked for that they are decoded to where they are wanted.
fn is_worth_mapping(covered: usize, len: usize) -> bool {
    covered >= len / 2
}

/// How many bytes `parts` have.
fn covered(parts: &[Placed]) -> usize {
    parts
        .iter()
        .fold(0usize, |sum, placed| sum.saturating_add(placed.part.len()))
}

/// About how many bytes of memory a target of `len` bytes takes beside `parts`.
pub(crate) fn extra_bytes(parts: &[Placed], len: usize) -> usize {
    let covered = covered(parts);
    if is_worth_mapping(covered, len) {
        len.saturating_sub(covered)
    } else {
        len
    }
}

impl Target {
    /// A target of `len` bytes that has the bytes of `parts` in it. These are in order and end
    /// within `len`.
    pub(crate) fn new(parts: &[Placed], len: usize, need: Need) -> Result<Self> {
        if let Some(start) = Self::direct(parts, len) {
            // INVARIANT: The parts are all of it.
            return Ok(Self {
                start,
                len,
                memory: Memory::Direct,
            });
        }
        if is_worth_mapping(covered(parts), len) {
            if let Some(target) = Self::mapped(parts, len, need)? {
                return Ok(target);
            }
        }
        let buffer = Buffer::new(len, need)?;
        // INVARIANT: Private memory of at least that size.
        Ok(Self {
            start: buffer.start(),
            len,
            memory: Memory::Apart { _buffer: buffer },
        })
    }

    /// Where the parts are if they are all of `len` bytes, one after the other.
    fn direct(parts: &[Placed], len: usize) -> Option<NonNull<u8>> {
        let start = parts.first()?.part.address();
        let mut end = 0usize;

        for placed in parts {
            let address = start.as_ptr().wrapping_add(end);
            if placed.at != end || !core::ptr::eq(placed.part.address().as_ptr(), address) {
                return None;
            }
            end = placed.end();
        }
        (end == len).then_some(start)
    }

    /// A mapping of the parts' pages. `None` if they cannot be mapped so.
    fn mapped(parts: &[Placed], len: usize, need: Need) -> Result<Option<Self>> {
        let Some(first) = parts.first() else {
            return Ok(None);
        };
        let mask = PAGE_SIZE - 1;
        // Where in its page the first decoded byte is.
        let offset = first.part.offset().wrapping_sub(first.at) & mask;
        let count = offset.saturating_add(len).div_ceil(PAGE_SIZE);
        let pages = u32::try_from(count).map_err(|_| ENOMEM)?;
        let mut list = RVec::<*mut bindings::page>::with_capacity(count, need.flags())?;
        let mut fillers = RVec::<Filler>::new();
        let mut gaps = count;

        for placed in parts {
            let at = placed.at.saturating_add(offset);
            if placed.part.offset() & mask != at & mask {
                return Ok(None);
            }
            let index = at >> PAGE_SHIFT;
            let last = placed.end().saturating_add(offset).saturating_sub(1) >> PAGE_SHIFT;
            if index < list.len() {
                // Parts are of whole pages but for the first and the last.
                return Ok(None);
            }
            Self::fill(&mut list, &mut fillers, index, count, need)?;
            for n in 0..=last.saturating_sub(index) {
                list.push_within_capacity(placed.part.page(n))
                    .map_err(|_| ENOMEM)?;
                gaps = gaps.saturating_sub(1);
            }
        }
        Self::fill(&mut list, &mut fillers, count, count, need)?;

        // SAFETY: `list` has `count` pages, which are alive as long as the parts and the fillers.
        let base = unsafe { map_pages(list.as_mut_ptr(), pages) };
        let base = NonNull::new(base.cast::<u8>()).ok_or(ENOMEM)?;
        // INVARIANT: The pages' bytes from `offset` on are those of parts, or of fillers.
        Ok(Some(Self {
            // SAFETY: Within the first page.
            start: unsafe { base.add(offset) },
            len,
            memory: Memory::Mapped {
                base,
                pages,
                _fillers: fillers,
            },
        }))
    }

    /// Appends fillers up to page `end` of `count`.
    fn fill(
        list: &mut RVec<*mut bindings::page>,
        fillers: &mut RVec<Filler>,
        end: usize,
        count: usize,
        need: Need,
    ) -> Result {
        if list.len() < end && fillers.capacity() == 0 {
            *fillers = RVec::with_capacity(count, need.flags())?;
        }
        while list.len() < end {
            let filler = Filler::new(need)?;
            list.push_within_capacity(filler.page())
                .map_err(|_| ENOMEM)?;
            fillers.push_within_capacity(filler).map_err(|_| ENOMEM)?;
        }
        Ok(())
    }

    /// How many bytes are to be decoded.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Copies bytes out, as many as there are.
    pub(crate) fn read(&self, at: usize, to: &mut [u8]) -> usize {
        let len = self.len.saturating_sub(at).min(to.len());
        if len > 0 {
            // SAFETY: By the type invariant, and within the length; they have been decoded.
            unsafe {
                bindings::memcpy(
                    to.as_mut_ptr().cast(),
                    self.start.as_ptr().add(at).cast(),
                    len,
                );
            }
        }
        len
    }

    /// Copies a part's bytes to it, unless it is one that the target was made of and has them
    /// already.
    ///
    /// `None` if it does not end within the target.
    pub(crate) fn copy_to(&self, placed: &Placed, own: bool) -> Option<()> {
        if placed.end() > self.len {
            return None;
        }
        if own && !matches!(self.memory, Memory::Apart { .. }) {
            return Some(());
        }
        // SAFETY: By the type invariant, and within the length. The part's bytes are its own:
        // nobody looks at them, and they are not the target's.
        unsafe {
            bindings::memcpy(
                placed.part.address().as_ptr().cast(),
                self.start.as_ptr().add(placed.at).cast(),
                placed.part.len(),
            );
        }
        Some(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Memory::Mapped { base, pages, .. } = &self.memory {
            // SAFETY: By the type invariant; it is not used any more.
            unsafe { extra::vm_unmap_ram(base.as_ptr().cast(), *pages) };
        }
    }
}

/// Ends the reads of parts whose bytes are there. The target is gone.
pub(crate) fn complete(parts: RVec<Placed>) {
    for placed in parts {
        placed.part.complete();
    }
}
