// SPDX-License-Identifier: GPL-2.0

//! Indexes made by hand: what no mkfs.erofs makes, and what is broken.

mod bounds;
mod configs;
mod index;
mod records;
mod tails;

use super::build::*;
use ondisk_tests::ondisk::features::Compression;
use ondisk_tests::ondisk::zip::*;
use ondisk_tests::ondisk::*;

const PLAIN: u16 = 0;
const HEAD1: u16 = 1;
const REST: u16 = 2;
const HEAD2: u16 = 3;
const HOLE: u16 = 1 << 14;
const PARTIAL: u16 = 1 << 15;

const COMPACTED_2B: u16 = 0x01;
const EXTENTS: u16 = 0x01;
const BIG: u16 = 0x06;
const INLINE: u16 = 0x08;
const INTERLACED: u16 = 0x10;
const FRAGMENT: u16 = 0x20;

/// Where the header is: behind an extended inode with nid 16.
const HEADER: usize = 576;
/// Where compact entries begin.
const COMPACT: usize = HEADER + 8;
/// Where full entries begin.
const FULL: usize = HEADER + 16;

/// What an image says that makes use of everything.
fn superblock(bits: u8) -> Superblock {
    Superblock {
        compression: Compression::Configured(Algorithms::ALL),
        incompat: IncompatFeatures::ALL,
        packed_nid: Some(Nid::new(99)),
        blocks: 1000,
        ..super::build::superblock(bits)
    }
}

/// A file of an image, its index in the image, and how it is compressed.
struct File {
    sb: Superblock,
    nid: Nid,
    size: u64,
    compact: bool,
    packed_size: Option<u64>,
    image: Vec<u8>,
}

impl File {
    /// With a header of these fields, and blocks of `1 << bits` bytes.
    fn new(bits: u8, compact: bool, size: u64, advise: u16) -> Self {
        let mut image = vec![0; 8192];
        image.put16(HEADER + 4, advise);
        // HEAD1 is LZ4, HEAD2 Zstandard.
        image.put8(HEADER + 6, 0x30);
        Self {
            sb: superblock(bits),
            nid: Nid::new(16),
            size,
            compact,
            packed_size: Some(1 << 40),
            image,
        }
    }

    /// With full entries: type and flags, where an extent begins, and the block or the distances.
    fn full(bits: u8, size: u64, advise: u16, entries: &[(u16, u16, u32)]) -> Self {
        let mut file = Self::new(bits, false, size, advise);
        for (lcn, (flags, offset, rest)) in entries.iter().enumerate() {
            let entry = &mut file.image[FULL + lcn * 8..];
            entry.put16(0, *flags);
            entry.put16(2, *offset);
            entry.put32(4, *rest);
        }
        file
    }

    /// With packs of two entries each: types and numbers, and the block.
    fn packs(bits: u8, size: u64, advise: u16, packs: &[([(u16, u16); 2], u32)]) -> Self {
        let mut file = Self::new(bits, true, size, advise);
        let number_bits = bits.max(12);
        for (nr, ([first, second], block)) in packs.iter().enumerate() {
            let pack = &mut file.image[COMPACT + nr * 8..];
            pack.put16(0, (first.0 << number_bits) | first.1);
            pack.put16(2, (second.0 << number_bits) | second.1);
            pack.put32(4, *block);
        }
        file
    }

    /// With records of a size, each of so many fields.
    fn records(bits: u8, size: u64, advise: u16, width: usize, records: &[&[u32]]) -> Self {
        let extra = (width.trailing_zeros() as u16 - 2) << 1;
        let mut file = Self::new(bits, false, size, advise | EXTENTS | extra);
        file.image.put16(HEADER + 6, 0);
        file.image.put32(HEADER, records.len() as u32);
        let start = COMPACT.next_multiple_of(width) + if width == 4 { 8 } else { 0 };
        for (nr, fields) in records.iter().enumerate() {
            for (index, field) in fields.iter().enumerate() {
                file.image.put32(start + nr * width + index * 4, *field);
            }
        }
        file
    }

    /// The same, changed.
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn inode(&self) -> ZipInode {
        let mut raw = extended();
        raw.put16(0, 1 | if self.compact { 3 << 1 } else { 1 << 1 });
        raw.put64(8, self.size);
        let inode = Inode::parse(&raw[..], &self.sb, self.nid).unwrap();
        assert_eq!(FlatMap::new(&inode, &self.sb, self.nid), None);
        ZipInode::new(&inode, &self.sb, self.nid, self.packed_size).unwrap()
    }

    fn meta(&self) -> Pages<'_> {
        Pages::new(&self.image, 4096)
    }

    fn load(&self) -> Result<ZipMap, Failure> {
        self.inode().load(&self.meta())
    }

    fn map(&self, pos: u64, want: Want) -> Result<Option<ZipExtent>, Failure> {
        self.load()?.map(FilePos::new(pos), want, &self.meta())
    }

    /// What is wrong with the byte at `pos`.
    fn error(&self, pos: u64, want: Want) -> ZipError {
        match self.map(pos, want) {
            Err(Failure::Zip(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    /// All extents, each as a whole.
    fn extents(&self) -> Vec<ZipExtent> {
        let mut extents = Vec::new();
        let mut pos = 0;
        while let Some(extent) = self.map(pos, Want::Whole).unwrap() {
            assert_eq!(extent.start.get(), pos);
            assert!(extent.whole);
            pos += extent.len;
            extents.push(extent);
        }
        assert_eq!(pos, self.size);
        extents
    }
}

fn extent(start: u64, len: u64, at: ZipPlacement) -> ZipExtent {
    ZipExtent {
        start: FilePos::new(start),
        len,
        whole: true,
        partial: false,
        at,
    }
}

fn on_device(start: u64, len: u64, pos: u64, size: u32, encoding: Encoding) -> ZipExtent {
    let at = ZipPlacement::Device {
        pos: ImagePos::new(pos),
        len: size,
        encoding,
    };
    extent(start, len, at)
}

fn hole(start: u64, len: u64) -> ZipExtent {
    extent(start, len, ZipPlacement::Hole)
}

fn fragment(start: u64, len: u64, pos: u64) -> ZipExtent {
    let pos = FilePos::new(pos);
    extent(start, len, ZipPlacement::Fragment { pos })
}

fn inline(start: u64, len: u64, pos: usize, size: u32, encoding: Encoding) -> ZipExtent {
    let at = ZipPlacement::Inline {
        pos: MetaPos::Image(ImagePos::new(pos as u64)),
        len: size,
        encoding,
    };
    extent(start, len, at)
}

fn partial(extent: ZipExtent) -> ZipExtent {
    ZipExtent {
        partial: true,
        ..extent
    }
}

/// The distances of an entry without a head.
fn rest(back: u16, forward: u16) -> u32 {
    u32::from(back) | (u32::from(forward) << 16)
}

/// The same of the first behind a head, with the number of blocks.
fn count(blocks: u16, forward: u16) -> u32 {
    rest(blocks | (1 << 11), forward)
}

#[test]
fn is_small() {
    assert!(size_of::<ZipInode>() <= 64);
    assert!(size_of::<ZipMap>() <= 176);
}

#[test]
fn other_layouts_are_not_compressed() {
    let sb = superblock(12);
    let nid = Nid::new(1);
    let inode = Inode::parse(&extended()[..], &sb, nid).unwrap();
    assert_eq!(ZipInode::new(&inode, &sb, nid, None), None);
}

#[test]
fn headers() {
    let header = |compact, advise, algorithms, bits: u8| {
        let file = File::new(12, compact, 4096, advise).with(|file| {
            file.image.put8(HEADER + 6, algorithms);
            file.image.put8(HEADER + 7, bits);
        });
        file.load().map(|_| ())
    };
    let error = |error| Err(Failure::Zip(error));
    assert_eq!(header(false, 0, 0x33, 0), Ok(()));
    // Bits that mean nothing.
    assert_eq!(header(false, 0xffc0, 0, 0x7f), Ok(()));
    let head = |head, format| error(ZipError::HeadFormat { head, format });
    assert_eq!(header(false, 0, 0x34, 0), head(1, 4));
    assert_eq!(header(true, 0, 0xf0, 0), head(2, 15));
    assert_eq!(
        ZipError::HeadFormat { head: 1, format: 4 }.kind(),
        ErrorKind::Unsupported
    );
    for advise in [2, 4] {
        assert_eq!(header(false, advise, 0, 0), Ok(()));
        assert_eq!(
            header(true, advise, 0, 0),
            error(ZipError::BigPclusterMismatch)
        );
    }
    let file =
        File::new(12, true, 4096, BIG).with(|file| file.sb.incompat = IncompatFeatures::new(0));
    assert_eq!(file.load().map(|_| ()), error(ZipError::BigPcluster));
    // An empty file has none that anyone would read.
    let empty = File {
        size: 0,
        ..File::new(12, true, 0, INLINE)
    };
    assert_eq!(empty.map(0, Want::Asked), Ok(None));
    assert_eq!(empty.inode().load(&Unreadable), Err(Failure::Read));
}
