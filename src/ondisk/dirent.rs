// SPDX-License-Identifier: GPL-2.0

//! Directories: blocks of sorted entries (`struct erofs_dirent`).
//!
//! The content of a directory is cut into blocks. Each begins with its entries, which have a fixed
//! size; behind them are the names, one after the other. Where a name begins is in its entry, where
//! it ends is where the next one begins. The last name ends with the block, or before a zero byte.
//! Names are sorted by their bytes, inside each block and from block to block.

use super::units::{
    BlockBits,
    FilePos,
    Nid, //
};
use super::view::View;
use super::ErrorKind;
use core::cmp::Ordering;
use core::fmt;
use core::ops::Range;
use zerocopy::little_endian::{
    U16,
    U32,
    U64, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    KnownLayout, //
};

/// The longest name of a file, in bytes.
pub const NAME_MAX: usize = 255;
/// The size of an entry without its name, in bytes.
pub const DIRENT_SIZE: usize = 12;
/// Where in an entry the position of its name is (`nameoff`).
const NAMEOFF: usize = 8;

/// `struct erofs_dirent`.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawDirent {
    nid: U64,
    /// `nameoff`, `file_type` and a reserved byte: taken apart in a register.
    rest: U32,
}

impl RawDirent {
    fn nameoff(&self) -> usize {
        (self.rest.get() & 0xffff) as usize
    }

    fn file_type(&self) -> u8 {
        let [_, _, file_type, _] = self.rest.get().to_le_bytes();
        file_type
    }
}

const _: () = assert!(core::mem::size_of::<RawDirent>() == DIRENT_SIZE);

/// An entry and the next one, whose name begins where that of the first ends: in words as large as
/// they can be loaded.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawPair {
    nid: u64,
    /// As in [`RawDirent`], and half of the next one's nid.
    rest: u64,
    /// The other half, and the same again.
    next: u64,
}

const _: () = assert!(core::mem::size_of::<RawPair>() == 2 * DIRENT_SIZE);

/// Of an entry and the next one, from where the position of the first name is.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawNames {
    /// `nameoff`, and other things.
    this: u64,
    /// Half of the next one's nid, and the rest of that.
    next: u64,
}

const _: () = assert!(NAMEOFF + core::mem::size_of::<RawNames>() == 2 * DIRENT_SIZE);

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirent {
    /// The inode.
    pub nid: Nid,
    /// What it is, as the directory says (`EROFS_FT_*`). Nothing compares it with the inode.
    pub file_type: u8,
    /// Where its name is, in bytes from the start of the block.
    pub name: Range<usize>,
}

impl Dirent {
    /// What the inode is, as programs are told (`DT_*`); 0 if the directory does not say.
    #[inline]
    pub fn d_type(&self) -> u8 {
        static TYPES: [u8; 8] = [0, 8, 4, 2, 6, 1, 12, 10];
        let kind = <[u8]>::get(&TYPES, usize::from(self.file_type));
        kind.map_or(0, |kind| *kind)
    }
}

/// A block of a directory.
///
/// # Invariants
///
/// `count` is not 0, and that many entries fit into the first `len` bytes of `view`, before the
/// first name.
pub struct DirBlock<V> {
    view: V,
    len: usize,
    count: usize,
}

impl<V: View> DirBlock<V> {
    /// The block whose content is the first `len` bytes of `view`.
    ///
    /// `len` is the size of a block, or what is left of the directory.
    ///
    /// # Errors
    ///
    /// [`DirError::FirstName`] if the entries cannot be told from the names. A view that is shorter
    /// than `len` counts as a block that is.
    pub fn new(view: V, len: usize) -> Result<Self, DirError> {
        let len = len.min(view.len());
        let Some(first) = nameoff(&view, 0) else {
            return Err(DirError::FirstName { nameoff: None });
        };
        // A name has a byte at least, so the first one begins inside the block.
        if first == 0 || first >= len || first % DIRENT_SIZE != 0 {
            return Err(DirError::FirstName {
                nameoff: Some(first),
            });
        }
        // INVARIANT: `first` is the size of all entries, not 0, and less than `len`.
        Ok(Self {
            view,
            len,
            count: first / DIRENT_SIZE,
        })
    }

    /// The number of entries; not 0.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The bytes of the block.
    pub fn view(&self) -> &V {
        &self.view
    }

    /// The entry with this index; `None` if there are not that many.
    ///
    /// # Errors
    ///
    /// [`DirError::Entry`] if its name is empty, too long or not inside the block.
    #[inline]
    pub fn entry(&self, index: usize) -> Result<Option<Dirent>, DirError> {
        let bogus = DirError::Entry { index };
        let (nid, rest, end) = if index.wrapping_add(1) < self.count {
            let raw: RawPair = self.view.get(entry_at(index)).ok_or(bogus)?;
            let [_, _, _, _, low, high, ..] = u64::from_le(raw.next).to_le_bytes();
            let end = u16::from_le_bytes([low, high]);
            (u64::from_le(raw.nid), u64::from_le(raw.rest), end.into())
        } else if index < self.count {
            let raw: RawDirent = self.view.get(entry_at(index)).ok_or(bogus)?;
            (
                raw.nid.get(),
                raw.rest.get().into(),
                self.end_of_last(raw.nameoff()),
            )
        } else {
            return Ok(None);
        };
        let start = (rest & 0xffff) as usize;
        let [_, _, file_type, ..] = rest.to_le_bytes();
        // A name has a byte at least.
        if end > self.len || end.wrapping_sub(start).wrapping_sub(1) >= NAME_MAX {
            return Err(bogus);
        }
        Ok(Some(Dirent {
            nid: Nid::new(nid),
            file_type,
            name: start..end,
        }))
    }

    /// Where the last name ends, which begins at `start`; there, too, if that is outside of the block.
    #[inline(never)]
    fn end_of_last(&self, start: usize) -> usize {
        // One more than is allowed is enough to see that it is too long.
        let room = self.len.saturating_sub(start).min(NAME_MAX + 1);
        start.wrapping_add(self.view.text_len(start, room))
    }

    /// Where the name of the entry with this index begins and ends, or the block does if it is the
    /// last one.
    #[inline]
    fn name(&self, index: usize) -> Option<(usize, usize)> {
        if index.wrapping_add(1) >= self.count {
            return Some((nameoff(&self.view, index)?, self.len));
        }
        let raw: RawNames = self.view.get(entry_at(index).wrapping_add(NAMEOFF))?;
        let start = u64::from_le(raw.this) & 0xffff;
        let end = u64::from_le(raw.next).wrapping_shr(32) & 0xffff;
        Some((start as usize, (end as usize).min(self.len)))
    }

    /// Compares `name` with that of the entry with this index.
    ///
    /// A name that is not inside the block counts as empty, which is less than any other.
    #[inline]
    fn compare(&self, name: &[u8], index: usize) -> Ordering {
        let Some((start, end)) = self.name(index) else {
            return Ordering::Greater;
        };
        let room = end.saturating_sub(start);
        let common = match name.get(..room) {
            Some(common) => common,
            None => name,
        };
        if let Some((at, there)) = self.view.mismatch(start, common) {
            // A zero byte is the end of the name there. (`mismatch` found this very byte to
            // differ: it is not read again, so a name is never taken for another.)
            return match common.get(at) {
                Some(here) if there != 0 && *here < there => Ordering::Less,
                _ => Ordering::Greater,
            };
        }
        if common.len() < name.len() {
            return Ordering::Greater;
        }
        if common.len() == room {
            return Ordering::Equal;
        }
        match self.view.byte(start.wrapping_add(common.len())) {
            None | Some(0) => Ordering::Equal,
            Some(_) => Ordering::Less,
        }
    }

    /// Compares `name` with the first name of the block.
    pub fn compare_first(&self, name: &[u8]) -> Ordering {
        self.compare(name, 0)
    }

    /// The entry with this name, if there is one.
    ///
    /// Names that are not sorted are found or not; another entry is never taken for this one.
    pub fn find(&self, name: &[u8]) -> Option<Dirent> {
        self.find_from(0, name)
    }

    /// As [`find`](Self::find), among the entries from `low` on.
    fn find_from(&self, mut low: usize, name: &[u8]) -> Option<Dirent> {
        let mut high = self.count;
        while low < high {
            // The middle of `low..=high - 1`, rounded down.
            let middle = low.wrapping_add(high.wrapping_sub(low).wrapping_sub(1) / 2);
            match self.compare(name, middle) {
                Ordering::Equal => return self.found(middle, name),
                Ordering::Greater => low = middle.wrapping_add(1),
                Ordering::Less => high = middle,
            }
        }
        None
    }

    /// The entry with this index, whose name is `name`.
    fn found(&self, index: usize, name: &[u8]) -> Option<Dirent> {
        let raw: RawDirent = self.view.get(entry_at(index))?;
        let start = raw.nameoff();
        Some(Dirent {
            nid: Nid::new(raw.nid.get()),
            file_type: raw.file_type(),
            name: start..start.wrapping_add(name.len()),
        })
    }
}

/// Where the entry with this index begins in its block.
fn entry_at(index: usize) -> usize {
    index.wrapping_mul(DIRENT_SIZE)
}

/// Where the name of the entry with this index begins in its block.
fn nameoff(view: &impl View, index: usize) -> Option<usize> {
    let nameoff: U16 = view.get(entry_at(index).wrapping_add(NAMEOFF))?;
    Some(usize::from(nameoff.get()))
}

/// Finds the entry called `name` in a directory of `size` bytes.
///
/// `fetch` gives the block that begins at a position of the directory: a view of the number of
/// bytes that it is asked for. It is asked for each block once at most, and for no more than two
/// of them does it have to keep the bytes at a time.
///
/// The names are taken to be sorted: if they are not, one that is there may not be found, but none
/// is taken for another.
///
/// # Errors
///
/// Those of `fetch`, and [`DirError::FirstName`] for a block that cannot be searched.
pub fn lookup<V: View, E: From<DirError>>(
    size: u64,
    bits: BlockBits,
    name: &[u8],
    mut fetch: impl FnMut(FilePos, usize) -> Result<V, E>,
) -> Result<Option<Dirent>, E> {
    // The last block that does not begin after `name` is the one to search.
    let mut candidate = None;
    let mut low = 0;
    let mut high = bits.blocks_in(size);
    while low < high {
        let middle = low.wrapping_add(high.wrapping_sub(low).wrapping_sub(1) / 2);
        // Less than the size.
        let start = middle.wrapping_shl(u32::from(bits.bits()));
        let len = size.wrapping_sub(start).min(u64::from(bits.size())) as usize;
        let block = DirBlock::new(fetch(FilePos::new(start), len)?, len)?;
        match block.compare_first(name) {
            Ordering::Equal => return Ok(block.found(0, name)),
            Ordering::Greater => {
                candidate = Some(block);
                low = middle.wrapping_add(1);
            }
            Ordering::Less => high = middle,
        }
    }
    // Its first entry has been looked at already.
    Ok(candidate.and_then(|block| block.find_from(1, name)))
}

/// What is wrong with a block of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirError {
    /// The position of the first name is none that the first name could have.
    FirstName {
        /// That position, if the block is long enough to have one.
        nameoff: Option<usize>,
    },
    /// The name of an entry is empty, too long or not inside the block.
    Entry {
        /// The index of the entry in its block.
        index: usize,
    },
}

impl DirError {
    /// What sort of refusal this is.
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Corrupted
    }
}

/// The cause alone; whoever logs it adds the directory.
impl fmt::Display for DirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::FirstName {
                nameoff: Some(nameoff),
            } => write!(f, "invalid de[0].nameoff {nameoff}"),
            Self::FirstName { nameoff: None } => f.write_str("no room for a dirent"),
            Self::Entry { .. } => f.write_str("bogus dirent"),
        }
    }
}
