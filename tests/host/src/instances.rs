// SPDX-License-Identifier: GPL-2.0

//! The generic functions of `ondisk`, compiled for views: see the script `no-panic`.
//!
//! Nothing here is to be inlined elsewhere, or it would not be compiled here.

use crate::ondisk::inode::check_target;
use crate::ondisk::*;
use core::fmt;
use core::mem::size_of;
use core::sync::atomic::{
    AtomicU8,
    Ordering, //
};
use zerocopy::FromBytes;

/// A view that overrides nothing and whose bytes do change while they are read.
#[derive(Debug)]
pub struct Shared<'a>(&'a [AtomicU8]);

impl View for Shared<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get<T: FromBytes>(&self, at: usize) -> Option<T> {
        let bytes = self.0.get(at..at.checked_add(size_of::<T>())?)?;
        let mut copy = [0u8; 128];
        let copy = copy.get_mut(..bytes.len())?;
        for (to, from) in copy.iter_mut().zip(bytes) {
            *to = from.load(Ordering::Relaxed);
        }
        T::read_from_bytes(copy).ok()
    }
}

macro_rules! instances {
    ($module:ident, $view:ty) => {
        /// All for one sort of view.
        pub mod $module {
            use super::*;

            /// [`View::len`], [`View::is_empty`].
            #[inline(never)]
            pub fn len(view: &$view) -> (usize, bool) {
                (view.len(), View::is_empty(view))
            }

            /// [`View::byte`].
            #[inline(never)]
            pub fn byte(view: &$view, at: usize) -> Option<u8> {
                view.byte(at)
            }

            /// [`View::get`].
            #[inline(never)]
            pub fn get(view: &$view, at: usize) -> Option<[u8; 8]> {
                View::get(view, at)
            }

            /// [`View::copy_to`].
            #[inline(never)]
            pub fn copy_to(view: &$view, at: usize, out: &mut [u8]) -> Option<()> {
                view.copy_to(at, out)
            }

            /// [`View::mismatch`].
            #[inline(never)]
            pub fn mismatch(view: &$view, at: usize, other: &[u8]) -> Option<(usize, u8)> {
                view.mismatch(at, other)
            }

            /// [`View::text_len`].
            #[inline(never)]
            pub fn text_len(view: &$view, at: usize, max: usize) -> usize {
                view.text_len(at, max)
            }

            /// [`Superblock::parse`].
            #[inline(never)]
            pub fn superblock(
                view: &$view,
                page_shift: u8,
                crc32c: fn(u32, &[u8]) -> u32,
            ) -> Result<Superblock, SuperblockError> {
                Superblock::parse(view, page_shift, crc32c)
            }

            /// [`Inode::parse`].
            #[inline(never)]
            pub fn inode(view: &$view, sb: &Superblock, nid: Nid) -> Result<Inode, InodeError> {
                Inode::parse(view, sb, nid)
            }

            /// [`DirBlock`], but for searching.
            #[inline(never)]
            pub fn entry(
                view: &$view,
                len: usize,
                index: usize,
            ) -> Result<Option<Dirent>, DirError> {
                let block = DirBlock::new(view, len)?;
                if index == block.count() {
                    return Ok(None);
                }
                block.view().byte(0);
                block.entry(index)
            }

            /// [`DirBlock::find`], [`DirBlock::compare_first`].
            #[inline(never)]
            pub fn find(view: &$view, len: usize, name: &[u8]) -> Result<Option<Dirent>, DirError> {
                let block = DirBlock::new(view, len)?;
                if block.compare_first(name).is_lt() {
                    return Ok(None);
                }
                Ok(block.find(name))
            }

            /// [`lookup`].
            #[inline(never)]
            pub fn search<'a>(
                size: u64,
                bits: BlockBits,
                name: &[u8],
                fetch: &mut dyn FnMut(FilePos, usize) -> Result<&'a $view, DirError>,
            ) -> Result<Option<Dirent>, DirError> {
                lookup(size, bits, name, fetch)
            }
        }
    };
}

instances!(shared, Shared<'static>);
instances!(slice, [u8]);
instances!(array, [u8; 2048]);

/// The functions of an inode.
#[inline(never)]
pub fn inode(
    inode: &Inode,
    pos: MetaPos,
    bits: BlockBits,
) -> (u64, Option<MetaPos>, Option<MetaPos>) {
    (
        inode.sectors(bits),
        inode.tail_pos(pos),
        inode.fast_symlink(pos, bits),
    )
}

/// [`Inode::position`], [`Superblock::ino`].
#[inline(never)]
pub fn position(sb: &Superblock, nid: Nid) -> (Option<MetaPos>, u64, bool) {
    (Inode::position(sb, nid), sb.ino(nid), sb.is_compressed())
}

/// [`check_target`].
#[inline(never)]
pub fn target(nid: Nid, target: &[u8]) -> Result<(), InodeError> {
    check_target(nid, target)
}

/// [`FlatMap::new`].
#[inline(never)]
pub fn new_map(inode: &Inode, sb: &Superblock, nid: Nid) -> Option<FlatMap> {
    FlatMap::new(inode, sb, nid)
}

/// [`FlatMap::map`], [`Extent::from`].
#[inline(never)]
pub fn map(map: &FlatMap, pos: FilePos) -> Result<Option<Extent>, MapError> {
    Ok(map.map(pos)?.and_then(|extent| extent.from(pos)))
}

/// [`BlockBits`].
#[inline(never)]
pub fn units(bits: BlockBits, nr: BlockNr, pos: MetaPos) -> (Option<ImagePos>, u32, u64) {
    let len = bits.round_up(nr.get()).unwrap_or(0);
    (bits.pos_of(nr), bits.offset_in(pos), bits.blocks_in(len))
}

/// What errors say.
#[inline(never)]
pub fn errors(
    f: &mut fmt::Formatter<'_>,
    errors: (SuperblockError, InodeError, MapError, DirError),
) -> fmt::Result {
    fmt::Display::fmt(&errors.0, f)?;
    fmt::Display::fmt(&errors.1, f)?;
    fmt::Display::fmt(&errors.2, f)?;
    fmt::Display::fmt(&errors.3, f)
}

/// What no-panic has to find.
#[cfg(feature = "canary")]
#[inline(never)]
pub fn canary(bytes: &[u8], at: usize) -> u8 {
    bytes[at]
}
