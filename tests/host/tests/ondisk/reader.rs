// SPDX-License-Identifier: GPL-2.0

//! A reader of images: what the driver does, without a page cache.

use super::build::crc32c;
use ondisk_tests::ondisk::device::slots;
use ondisk_tests::ondisk::inode::check_target;
use ondisk_tests::ondisk::*;

/// An image with its devices.
pub(crate) struct Reader {
    image: Vec<u8>,
    pub(crate) sb: Superblock,
    /// The devices from 1 on; none if all are in the image.
    pub(crate) devices: Vec<Vec<u8>>,
    pub(crate) ranges: Vec<DeviceRange>,
}

pub(crate) type Result<T> = std::result::Result<T, String>;

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// An error of any sort, as text.
#[derive(Debug)]
pub(crate) struct Text(String);

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<DirError> for Text {
    fn from(error: DirError) -> Self {
        Self(text(error))
    }
}

impl From<MapError> for Text {
    fn from(error: MapError) -> Self {
        Self(text(error))
    }
}

impl From<XattrError> for Text {
    fn from(error: XattrError) -> Self {
        Self(text(error))
    }
}

impl From<ZipError> for Text {
    fn from(error: ZipError) -> Self {
        Self(text(error))
    }
}

impl From<ZipConfigError> for Text {
    fn from(error: ZipConfigError) -> Self {
        Self(text(error))
    }
}

/// Views end with their blocks.
impl<'a> Metadata for &'a Reader {
    type Pos = MetaPos;
    type View = &'a [u8];
    type Error = Text;

    fn view(&self, pos: MetaPos) -> std::result::Result<&'a [u8], Text> {
        let MetaPos::Image(pos) = pos else {
            return Err(Text(format!("metadata at {pos:?}")));
        };
        let start = usize::try_from(pos.get()).map_err(|error| Text(text(error)))?;
        let start = start.min(self.image.len());
        let left = self.sb.block_bits.size() - self.sb.block_bits.offset_in(pos);
        let end = (start + left as usize).min(self.image.len());
        Ok(&self.image[start..end])
    }
}

/// Where the content of a file is.
pub(crate) enum Map {
    Flat(FlatMap),
    Chunk(ChunkMap),
}

impl Map {
    fn size(&self) -> u64 {
        match self {
            Self::Flat(map) => map.size(),
            Self::Chunk(map) => map.size(),
        }
    }

    pub(crate) fn map(&self, reader: &Reader, pos: FilePos, want: u64) -> Result<Option<Extent>> {
        match self {
            Self::Flat(map) => map.map(pos).map_err(text),
            Self::Chunk(map) => map.map(pos, want, &reader).map_err(text),
        }
    }
}

impl Reader {
    pub(crate) fn new(image: Vec<u8>) -> Result<Self> {
        Self::with_devices(image, Vec::new())
    }

    pub(crate) fn with_devices(image: Vec<u8>, devices: Vec<Vec<u8>>) -> Result<Self> {
        let page = &image[..image.len().min(4096)];
        let sb = Superblock::parse(page, 12, crc32c).map_err(text)?;
        let mut reader = Self {
            image,
            sb,
            devices,
            ranges: Vec::new(),
        };
        for (id, pos) in slots(&reader.sb) {
            let slot = reader.bytes(DeviceId::PRIMARY, pos, 128)?;
            let info = DeviceInfo::parse(slot, &reader.sb).map_err(text)?;
            reader.ranges.push(info.range);
            assert_eq!(reader.ranges.len(), usize::from(id.get()));
        }
        Ok(reader)
    }

    /// The image followed by its devices, each in its place.
    pub(crate) fn flat(&self) -> Vec<u8> {
        let mut flat = self.image.clone();
        for (range, device) in self.ranges.iter().zip(&self.devices) {
            let start = (range.uniaddr.unwrap().get() as usize) << self.sb.block_bits.bits();
            assert!(flat.len() <= start);
            flat.resize(start, 0);
            // Tarballs end with zeros that do not count.
            let len = (range.blocks as usize) << self.sb.block_bits.bits();
            flat.extend(&device[..len.min(device.len())]);
        }
        flat
    }

    /// `len` bytes of a device as it is.
    pub(crate) fn bytes(&self, id: DeviceId, pos: ImagePos, len: u64) -> Result<&[u8]> {
        let device = match usize::from(id.get()).checked_sub(1) {
            None => &self.image,
            Some(index) => self.devices.get(index).ok_or("no such device")?,
        };
        let start = usize::try_from(pos.get()).map_err(text)?;
        let end = usize::try_from(len)
            .ok()
            .and_then(|len| start.checked_add(len));
        end.and_then(|end| device.get(start..end))
            .ok_or(format!("{len} bytes at {pos}: past the image's end"))
    }

    /// `len` bytes of what the image calls a device.
    fn resolved(&self, id: DeviceId, pos: ImagePos, len: u64) -> Result<&[u8]> {
        let addressing = Addressing {
            bits: self.sb.block_bits,
            devices: &self.ranges,
            flat: self.devices.is_empty(),
        };
        let (id, pos) = addressing.resolve(id, pos).map_err(text)?;
        self.bytes(id, pos, len)
    }

    pub(crate) fn position(&self, nid: Nid) -> Result<ImagePos> {
        match Inode::position(&self.sb, nid) {
            Some(MetaPos::Image(pos)) => Ok(pos),
            other => Err(format!("nid {nid} is at {other:?}")),
        }
    }

    pub(crate) fn inode(&self, nid: Nid) -> Result<Inode> {
        let start = self.position(nid)?.get().min(self.image.len() as u64) as usize;
        let rest = &self.image[start..];
        Inode::parse(&rest[..rest.len().min(64)], &self.sb, nid).map_err(text)
    }

    /// `len` bytes of a file, or what there is of them.
    pub(crate) fn read(&self, map: &Map, mut pos: u64, len: u64) -> Result<Vec<u8>> {
        let end = map.size().min(pos.saturating_add(len));
        if end - pos > 1 << 26 {
            return Err("too large".into());
        }
        let mut content = Vec::new();
        while pos < end {
            let at = FilePos::new(pos);
            let extent = map.map(self, at, end - pos)?.ok_or("a gap")?;
            let extent = extent.from(at).ok_or("another extent")?;
            let len = extent.len.min(end - pos);
            match extent.at {
                Placement::Hole => content.resize(content.len() + len as usize, 0),
                Placement::Device { id, pos } => content.extend(self.resolved(id, pos, len)?),
                Placement::Inline {
                    pos: MetaPos::Image(pos),
                } => content.extend(self.bytes(DeviceId::PRIMARY, pos, len)?),
                Placement::Inline { pos } => return Err(format!("data at {pos:?}")),
            }
            pos += len;
        }
        Ok(content)
    }

    pub(crate) fn map(&self, inode: &Inode, nid: Nid) -> Result<Map> {
        FlatMap::new(inode, &self.sb, nid)
            .map(Map::Flat)
            .or_else(|| ChunkMap::new(inode, &self.sb, nid).map(Map::Chunk))
            .ok_or("neither flat nor in chunks".into())
    }

    pub(crate) fn target(&self, inode: &Inode, nid: Nid) -> Result<Vec<u8>> {
        let pos = MetaPos::Image(self.position(nid)?);
        match inode.fast_symlink(pos, self.sb.block_bits) {
            Some(MetaPos::Image(pos)) => {
                let target = self.bytes(DeviceId::PRIMARY, pos, inode.size)?.to_vec();
                check_target(nid, &target).map_err(text)?;
                Ok(target)
            }
            _ => self.read(&self.map(inode, nid)?, 0, inode.size),
        }
    }

    /// The entries of a directory in their order.
    pub(crate) fn list(&self, inode: &Inode, nid: Nid) -> Result<Vec<(Vec<u8>, Nid, u8)>> {
        let map = self.map(inode, nid)?;
        let block_size = u64::from(self.sb.block_bits.size());
        let mut entries = Vec::new();
        let mut start = 0;
        while start < map.size() {
            let bytes = self.read(&map, start, block_size)?;
            let block = DirBlock::new(&bytes[..], bytes.len()).map_err(text)?;
            for index in 0..block.count() {
                let entry = block.entry(index).map_err(text)?.ok_or("no entry")?;
                let d_type = entry.d_type();
                entries.push((bytes[entry.name].to_vec(), entry.nid, d_type));
            }
            start += block_size;
        }
        Ok(entries)
    }

    pub(crate) fn look_up(&self, inode: &Inode, nid: Nid, name: &[u8]) -> Result<Option<Nid>> {
        let map = self.map(inode, nid)?;
        struct Bytes(Vec<u8>);
        impl View for Bytes {
            fn len(&self) -> usize {
                self.0.len()
            }
            fn get<T: zerocopy::FromBytes>(&self, at: usize) -> Option<T> {
                View::get(&self.0[..], at)
            }
        }
        let found = lookup(map.size(), self.sb.block_bits, name, |pos, len| {
            self.read(&map, pos.get(), len as u64)
                .map(Bytes)
                .map_err(Text)
        });
        match found {
            Ok(found) => Ok(found.map(|found| found.nid)),
            Err(Text(error)) => Err(error),
        }
    }
}
