// SPDX-License-Identifier: GPL-2.0

//! Read-once access to bytes that nobody vouches for.

use core::mem::size_of;
use zerocopy::FromBytes;

/// A run of bytes of an image, to be read by position.
///
/// The bytes may change at any time: someone may write to the block device or to the backing file
/// of a mounted image. So there is no way to borrow them. Every method reads each byte at most
/// once and hands out a copy; a caller checks that copy and uses no other.
///
/// Positions and lengths are in bytes from the start of the view. Nothing outside the view is ever
/// read: a request that reaches past its end is answered with `None`.
///
/// An implementation has to provide [`len`](View::len) and [`get`](View::get); the rest is built
/// on them and may be overridden with something faster.
pub trait View {
    /// The number of bytes that can be read, from position 0 on.
    fn len(&self) -> usize;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies out the value whose first byte is at `at`, of any alignment.
    fn get<T: FromBytes>(&self, at: usize) -> Option<T>;

    /// Copies out the byte at `at`.
    fn byte(&self, at: usize) -> Option<u8> {
        self.get(at)
    }

    /// Copies `out.len()` bytes from `at` on. `out` is left as it was if there are fewer.
    fn copy_to(&self, at: usize, out: &mut [u8]) -> Option<()> {
        if at.checked_add(out.len())? > self.len() {
            return None;
        }
        let mut from = at;
        for byte in out {
            *byte = self.byte(from)?;
            from = from.wrapping_add(1);
        }
        Some(())
    }

    /// What `crc32c` makes of `len` bytes from `at` on, going on from `seed`; `None` if there are
    /// fewer. A view that lets the CRC-32C be computed where the bytes are need not ask.
    fn crc32c(
        &self,
        at: usize,
        len: usize,
        seed: u32,
        crc32c: &impl Fn(u32, &[u8]) -> u32,
    ) -> Option<u32> {
        let mut piece = [0u8; 256];
        let mut crc = seed;
        let mut done = 0usize;
        while done < len {
            let next = piece.len().min(len.wrapping_sub(done));
            let bytes = piece.get_mut(..next)?;
            self.copy_to(at.checked_add(done)?, bytes)?;
            crc = crc32c(crc, bytes);
            done = done.wrapping_add(next);
        }
        Some(crc)
    }

    /// Compares `other` with the bytes from `at` on.
    ///
    /// Returns `None` if they are equal, else the index in `other` of the first difference and
    /// the view's byte there (0 where the view has ended). The byte comes from the same read that
    /// found the difference, so it does differ from `other`'s, or lies past the view's end.
    #[inline]
    fn mismatch(&self, at: usize, other: &[u8]) -> Option<(usize, u8)> {
        let mut done = 0usize;
        let mut rest = other;
        while let Some((want, after)) = rest.split_first_chunk::<8>() {
            // Names are short and share prefixes: one load for eight of their bytes.
            let Some(here) = self.get::<[u8; 8]>(at.wrapping_add(done)) else {
                break;
            };
            if let Some((at, byte)) =
                difference(u64::from_le_bytes(here), u64::from_le_bytes(*want))
            {
                return Some((done.wrapping_add(at), byte));
            }
            done = done.wrapping_add(8);
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        if let Some(here) = self.get::<[u8; 8]>(at.wrapping_add(done)) {
            // As many bytes of it as there are others, which are 1 to 7.
            let bits = (rest.len() as u32).wrapping_mul(8);
            let here = u64::from_le_bytes(here) & !u64::MAX.wrapping_shl(bits);
            let (at, byte) = difference(here, short_word(rest))?;
            return Some((done.wrapping_add(at), byte));
        }
        for want in rest {
            match at.checked_add(done).and_then(|at| self.byte(at)) {
                Some(here) if here == *want => done = done.wrapping_add(1),
                Some(here) => return Some((done, here)),
                None => return Some((done, 0)),
            }
        }
        None
    }

    /// The length of the text at `at` that ends before the first zero byte, or at the view's end,
    /// or after `max` bytes.
    fn text_len(&self, at: usize, max: usize) -> usize {
        let mut len = 0usize;
        while len < max {
            match at.checked_add(len).and_then(|at| self.byte(at)) {
                None | Some(0) => break,
                Some(_) => len = len.wrapping_add(1),
            }
        }
        len
    }
}

/// The first byte in which two words differ, the least significant one being the first: its index,
/// and what it is in `here`.
#[inline]
fn difference(here: u64, want: u64) -> Option<(usize, u8)> {
    let diff = here ^ want;
    if diff == 0 {
        return None;
    }
    let bit = diff.trailing_zeros() & !7;
    let [byte, ..] = here.wrapping_shr(bit).to_le_bytes();
    Some((bit.wrapping_shr(3) as usize, byte))
}

/// The word of at most seven bytes, the first one being the least significant.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    let len = bytes.len() as u32;
    // Halves that overlap.
    if let (Some(low), Some(high)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let high = u64::from(u32::from_le_bytes(*high));
        let above = len.wrapping_sub(4).wrapping_mul(8);
        return u64::from(u32::from_le_bytes(*low)) | high.wrapping_shl(above);
    }
    if let (Some(low), Some(high)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let high = u64::from(u16::from_le_bytes(*high));
        let above = len.wrapping_sub(2).wrapping_mul(8);
        return u64::from(u16::from_le_bytes(*low)) | high.wrapping_shl(above);
    }
    bytes.first().map_or(0, |byte| u64::from(*byte))
}

/// A private copy, or bytes that cannot change.
impl View for [u8] {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn get<T: FromBytes>(&self, at: usize) -> Option<T> {
        let end = at.checked_add(size_of::<T>())?;
        T::read_from_bytes(<[u8]>::get(self, at..end)?).ok()
    }
}

/// A private copy.
impl<const N: usize> View for [u8; N] {
    fn len(&self) -> usize {
        N
    }

    fn get<T: FromBytes>(&self, at: usize) -> Option<T> {
        View::get(self.as_slice(), at)
    }
}

impl<V: View + ?Sized> View for &V {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn get<T: FromBytes>(&self, at: usize) -> Option<T> {
        (**self).get(at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        (**self).byte(at)
    }

    fn copy_to(&self, at: usize, out: &mut [u8]) -> Option<()> {
        (**self).copy_to(at, out)
    }

    fn crc32c(
        &self,
        at: usize,
        len: usize,
        seed: u32,
        crc32c: &impl Fn(u32, &[u8]) -> u32,
    ) -> Option<u32> {
        (**self).crc32c(at, len, seed, crc32c)
    }

    fn mismatch(&self, at: usize, other: &[u8]) -> Option<(usize, u8)> {
        (**self).mismatch(at, other)
    }

    fn text_len(&self, at: usize, max: usize) -> usize {
        (**self).text_len(at, max)
    }
}
