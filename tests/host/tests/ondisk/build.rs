// SPDX-License-Identifier: GPL-2.0

//! Makes pieces of images, byte by byte: nothing here knows of the structures under test.

use ondisk_tests::ondisk::units::Position;
use ondisk_tests::ondisk::*;
use std::cell::Cell;
use zerocopy::FromBytes;

/// Writes little-endian numbers into bytes.
pub(crate) trait Put {
    fn put8(&mut self, at: usize, value: u8);
    fn put16(&mut self, at: usize, value: u16);
    fn put32(&mut self, at: usize, value: u32);
    fn put64(&mut self, at: usize, value: u64);
}

impl Put for [u8] {
    fn put8(&mut self, at: usize, value: u8) {
        self[at] = value;
    }

    fn put16(&mut self, at: usize, value: u16) {
        self[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    fn put32(&mut self, at: usize, value: u32) {
        self[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn put64(&mut self, at: usize, value: u64) {
        self[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
}

/// CRC-32C, bit by bit, without inversion.
pub(crate) fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(seed, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 != 0 { 0x82f6_3b78 } else { 0 }
        })
    })
}

/// The first page of an image with blocks of 4096 bytes and no features.
pub(crate) fn image() -> Vec<u8> {
    let mut image = vec![0u8; 4096];
    let sb = &mut image[1024..];
    sb.put32(0, 0xe0f5_e1e2);
    sb.put8(12, 12);
    sb.put16(14, 36);
    sb.put64(16, 11);
    sb.put64(24, 1_700_000_000);
    sb.put32(32, 123_456_789);
    sb.put32(36, 1000);
    sb.put32(40, 0);
    image
}

/// What such an image says, but for the size of its blocks.
pub(crate) fn superblock(bits: u8) -> Superblock {
    let mut image = image();
    image[1024..].put8(12, bits);
    Superblock::parse(&image[..], 16, crc32c).unwrap()
}

/// An extended inode: a plain regular file.
pub(crate) fn extended() -> [u8; 64] {
    let mut inode = [0u8; 64];
    inode.put16(0, 1);
    inode.put16(4, 0o100_644);
    inode.put64(8, 10_000);
    inode.put32(16, 77);
    inode.put32(24, 1000);
    inode.put32(28, 1001);
    inode.put64(32, 1_600_000_000);
    inode.put32(40, 5);
    inode.put32(44, 3);
    inode
}

/// A compact inode: a plain regular file.
pub(crate) fn compact() -> [u8; 32] {
    let mut inode = [0u8; 32];
    inode.put16(4, 0o100_644);
    inode.put16(6, 2);
    inode.put32(8, 10_000);
    inode.put32(12, 60);
    inode.put32(16, 77);
    inode.put16(24, 1000);
    inode.put16(26, 1001);
    inode
}

/// The content of a directory with these entries, which have to be sorted: full blocks of a size,
/// but for the last one.
pub(crate) fn directory(block_size: usize, entries: &[(Vec<u8>, u64, u8)]) -> Vec<u8> {
    let mut content = Vec::new();
    let mut rest = entries;
    while !rest.is_empty() {
        let mut size = 0;
        let count = rest
            .iter()
            .take_while(|(name, ..)| {
                size += 12 + name.len();
                size <= block_size
            })
            .count();
        let (these, others) = rest.split_at(count);
        content.resize(content.len().next_multiple_of(block_size), 0);
        content.extend(block(these));
        rest = others;
    }
    content
}

/// A block of a directory, as long as it has to be.
pub(crate) fn block(entries: &[(Vec<u8>, u64, u8)]) -> Vec<u8> {
    let mut block = vec![0; entries.len() * 12];
    for (index, (name, nid, file_type)) in entries.iter().enumerate() {
        let nameoff = block.len() as u16;
        let raw = &mut block[index * 12..];
        raw.put64(0, *nid);
        raw.put16(8, nameoff);
        raw.put8(10, *file_type);
        block.extend(name);
    }
    block
}

/// A view whose bytes are other ones each time they are read.
pub(crate) struct Restless {
    bytes: Vec<u8>,
    state: Cell<u64>,
}

impl Restless {
    pub(crate) fn new(bytes: Vec<u8>, seed: u64) -> Self {
        Self {
            bytes,
            state: Cell::new(seed | 1),
        }
    }

    fn random(&self) -> u64 {
        let mut x = self.state.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.state.set(x);
        x
    }
}

impl View for Restless {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn get<T: FromBytes>(&self, at: usize) -> Option<T> {
        let size = size_of::<T>();
        let mut copy = self.bytes.get(at..at.checked_add(size)?)?.to_vec();
        if size > 0 && self.random() % 4 == 0 {
            copy[self.random() as usize % size] = self.random() as u8;
        }
        T::read_from_bytes(&copy).ok()
    }
}

/// Metadata whose views end with each page.
#[derive(Clone, Copy)]
pub(crate) struct Pages<'a> {
    pub(crate) image: &'a [u8],
    pub(crate) metabox: &'a [u8],
    pub(crate) page: usize,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(image: &'a [u8], page: usize) -> Self {
        Self {
            image,
            metabox: &[],
            page,
        }
    }

    /// The bytes at `pos` up to the end of their page; none where there are no more.
    pub(crate) fn bytes(&self, pos: MetaPos) -> &'a [u8] {
        let (bytes, pos) = match pos {
            MetaPos::Image(pos) => (self.image, pos.get()),
            MetaPos::Metabox(pos) => (self.metabox, pos.get()),
        };
        let start = usize::try_from(pos).unwrap().min(bytes.len());
        let end = (start + 1).next_multiple_of(self.page).min(bytes.len());
        &bytes[start..end]
    }
}

impl<'a> Metadata for Pages<'a> {
    type Pos = MetaPos;
    type View = &'a [u8];
    type Error = Failure;

    fn view(&self, pos: MetaPos) -> Result<Self::View, Failure> {
        Ok(self.bytes(pos))
    }
}

/// As [`Pages`], with bytes that are other ones each time they are read.
pub(crate) struct RestlessPages<'a> {
    pub(crate) pages: Pages<'a>,
    pub(crate) seed: u64,
}

impl Metadata for RestlessPages<'_> {
    type Pos = MetaPos;
    type View = Restless;
    type Error = Failure;

    fn view(&self, pos: MetaPos) -> Result<Restless, Failure> {
        let seed = self.seed ^ pos.byte().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Ok(Restless::new(self.pages.bytes(pos).to_vec(), seed))
    }
}

/// Metadata that cannot be read.
pub(crate) struct Unreadable;

impl Metadata for Unreadable {
    type Pos = MetaPos;
    type View = [u8; 0];
    type Error = Failure;

    fn view(&self, _: MetaPos) -> Result<[u8; 0], Failure> {
        Err(Failure::Read)
    }
}

/// What can go wrong when metadata is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Read,
    Map(MapError),
    Xattr(XattrError),
    Zip(ZipError),
    ZipConfig(ZipConfigError),
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
