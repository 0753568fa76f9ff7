// SPDX-License-Identifier: GPL-2.0

//! The generic functions of `ondisk`, compiled for views: see the script `no-panic`.
//!
//! Nothing here is to be inlined elsewhere, or it would not be compiled here.

use crate::ondisk::device::{
    device_id_mask,
    slots,
    total_blocks, //
};
use crate::ondisk::inode::check_target;
use crate::ondisk::xattr::{
    LongPrefix,
    LongPrefixes,
    PrefixPlace,
    PrefixTable,
    SharedIds,
    LONG_PREFIX_MAX, //
};
use crate::ondisk::xxhash::xxh32;
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

/// Metadata that anyone provides.
pub struct Source<'a, P, V>(&'a dyn Fn(P) -> Result<V, Failure>);

impl<P: units::Position, V: View> Metadata for Source<'_, P, V> {
    type Pos = P;
    type View = V;
    type Error = Failure;

    fn view(&self, pos: P) -> Result<V, Failure> {
        (self.0)(pos)
    }
}

/// What can go wrong in metadata.
#[derive(Debug)]
pub enum Failure {
    /// It cannot be read.
    Read,
    /// The mapping.
    Map(MapError),
    /// The attributes.
    Xattr(XattrError),
    /// The compression.
    Zip(ZipError),
    /// The configurations of compression.
    ZipConfig(ZipConfigError),
}

impl From<ZipError> for Failure {
    fn from(error: ZipError) -> Self {
        Self::Zip(error)
    }
}

impl From<ZipConfigError> for Failure {
    fn from(error: ZipConfigError) -> Self {
        Self::ZipConfig(error)
    }
}

impl From<MapError> for Failure {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}

impl From<XattrError> for Failure {
    fn from(error: XattrError) -> Self {
        Self::Xattr(error)
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

            /// [`ChunkMap::map`].
            #[inline(never)]
            pub fn chunk(
                map: &ChunkMap,
                pos: FilePos,
                want: u64,
                meta: &Source<'_, MetaPos, &'static $view>,
            ) -> Result<Option<Extent>, Failure> {
                map.map(pos, want, meta)
            }

            /// [`DeviceInfo::parse`].
            #[inline(never)]
            pub fn device(view: &$view, sb: &Superblock) -> Result<DeviceInfo, DeviceError> {
                DeviceInfo::parse(view, sb)
            }

            /// [`XattrPlace`].
            #[inline(never)]
            pub fn xattr_body(
                place: XattrPlace,
                view: &$view,
                sb: &Superblock,
                nid: Nid,
                meta: &Source<'_, MetaPos, &'static $view>,
            ) -> Result<Option<XattrBody>, Failure> {
                if place.has_no_acl(sb, view) || place.position(sb, nid).is_none() {
                    return Ok(None);
                }
                place.read(meta, sb, nid).map(Some)
            }

            /// [`XattrPlace::read_ids`].
            #[inline(never)]
            pub fn xattr_ids(
                place: XattrPlace,
                sb: &Superblock,
                nid: Nid,
                meta: &Source<'_, MetaPos, &'static $view>,
            ) -> Result<(XattrBody, Option<SharedIds>), Failure> {
                place.read_ids(meta, sb, nid)
            }

            /// [`XattrEntries`], but for listing.
            #[inline(never)]
            pub fn xattr<'a>(
                body: &XattrBody,
                sb: &'a Superblock,
                nid: Nid,
                meta: &'a Source<'_, MetaPos, &'static $view>,
                prefixes: &dyn LongPrefixes,
                name: &[u8],
                out: &mut [u8],
            ) -> Result<Option<XattrEntry>, Failure> {
                let mut entries = body.entries(meta, sb, nid, None);
                let found = entries.find(prefixes, 1, name)?;
                if let Some(entry) = &found {
                    entries.copy_value(entry, out)?;
                    entries.copy_name(entry, out)?;
                }
                Ok(found)
            }

            /// [`XattrBody::entries`] with numbers that were kept.
            #[inline(never)]
            pub fn xattr_kept<'a>(
                body: &XattrBody,
                sb: &'a Superblock,
                nid: Nid,
                meta: &'a Source<'_, MetaPos, &'static $view>,
                ids: Option<&'a SharedIds>,
            ) -> Result<Option<XattrEntry>, Failure> {
                body.entries(meta, sb, nid, ids).next_entry()
            }

            /// [`XattrEntries::list`].
            #[inline(never)]
            pub fn xattrs<'a>(
                entries: &mut XattrEntries<'a, Source<'a, MetaPos, &'static $view>>,
                prefixes: &[LongPrefix<'_>],
                visible: &mut dyn FnMut(Namespace) -> bool,
                out: Option<&mut [u8]>,
            ) -> Result<Option<usize>, Failure> {
                entries.list(prefixes, visible, out)
            }

            /// [`ZipConfigs::read`].
            #[inline(never)]
            pub fn zip_configs(
                sb: &Superblock,
                available: Algorithms,
                meta: &Source<'_, MetaPos, &'static $view>,
            ) -> Result<ZipConfigs, Failure> {
                ZipConfigs::read(sb, available, meta)
            }

            /// [`ZipInode::load`].
            #[inline(never)]
            pub fn zip_load(
                inode: &ZipInode,
                meta: &Source<'_, MetaPos, &'static $view>,
            ) -> Result<ZipMap, Failure> {
                inode.load(meta)
            }

            /// [`ZipMap::map`].
            #[inline(never)]
            pub fn zip_map(
                map: &ZipMap,
                pos: FilePos,
                want: Want,
                meta: &Source<'_, MetaPos, &'static $view>,
            ) -> Result<Option<ZipExtent>, Failure> {
                map.map(pos, want, meta)
            }

            /// [`PrefixTable`].
            #[inline(never)]
            pub fn prefixes<'a>(
                meta: &Source<'_, FilePos, &'static $view>,
                sb: &Superblock,
                start: FilePos,
                buffer: &'a mut [u8; LONG_PREFIX_MAX],
            ) -> Result<Option<LongPrefix<'a>>, Failure> {
                let mut table = PrefixTable::new(meta, start, sb);
                table.next_prefix(buffer)?;
                table.next_prefix(buffer)
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

/// [`ZipInode::new`].
#[inline(never)]
pub fn new_zip_inode(
    inode: &Inode,
    sb: &Superblock,
    nid: Nid,
    packed_size: Option<u64>,
) -> Option<ZipInode> {
    ZipInode::new(inode, sb, nid, packed_size)
}

/// [`ChunkMap::new`], [`XattrPlace::new`], [`PrefixPlace::new`].
#[inline(never)]
pub fn new_chunk_map(
    inode: &Inode,
    sb: &Superblock,
    nid: Nid,
) -> (Option<ChunkMap>, Option<XattrPlace>, Option<PrefixPlace>) {
    (
        ChunkMap::new(inode, sb, nid),
        XattrPlace::new(inode),
        PrefixPlace::new(sb),
    )
}

/// [`Addressing::resolve`].
#[inline(never)]
pub fn resolve(
    addressing: &Addressing<'_>,
    id: DeviceId,
    pos: ImagePos,
) -> Result<(DeviceId, ImagePos), DeviceError> {
    addressing.resolve(id, pos)
}

/// The device table.
#[inline(never)]
pub fn table(
    sb: &Superblock,
    devices: &[DeviceRange],
    info: &DeviceInfo,
    each: &mut dyn FnMut(DeviceId, ImagePos),
) -> (u64, u16, usize) {
    slots(sb).for_each(|(id, pos)| each(id, pos));
    (
        total_blocks(sb, devices),
        device_id_mask(sb),
        info.tag().len(),
    )
}

/// [`XattrBody::may_have`].
#[inline(never)]
pub fn may_have(body: &XattrBody, sb: &Superblock, index: u8, name: &[u8]) -> bool {
    body.may_have(sb, index, name)
}

/// [`xxh32`].
#[inline(never)]
pub fn hash(bytes: &[u8], seed: u32) -> u32 {
    xxh32(bytes, seed)
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
    more: (DeviceError, XattrError),
    zip: (ZipError, ZipConfigError),
) -> fmt::Result {
    fmt::Display::fmt(&errors.0, f)?;
    fmt::Display::fmt(&errors.1, f)?;
    fmt::Display::fmt(&errors.2, f)?;
    fmt::Display::fmt(&errors.3, f)?;
    fmt::Display::fmt(&more.0, f)?;
    fmt::Display::fmt(&more.1, f)?;
    fmt::Display::fmt(&zip.0, f)?;
    fmt::Display::fmt(&zip.1, f)
}

/// What no-panic has to find.
#[cfg(feature = "canary")]
#[inline(never)]
pub fn canary(bytes: &[u8], at: usize) -> u8 {
    bytes[at]
}
