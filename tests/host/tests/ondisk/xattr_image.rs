// SPDX-License-Identifier: GPL-2.0

//! Images of one inode with extended attributes, written byte by byte, and what is read of them.

use super::build::*;
use ondisk_tests::ondisk::xattr::*;
use ondisk_tests::ondisk::xxhash::xxh32;
use ondisk_tests::ondisk::*;

pub(super) const USER: u8 = 1;
pub(super) const ACL_ACCESS: u8 = 2;
pub(super) const ACL_DEFAULT: u8 = 3;
pub(super) const TRUSTED: u8 = 4;
pub(super) const LUSTRE: u8 = 5;
pub(super) const SECURITY: u8 = 6;

/// An attribute: index, name and value.
pub(super) type Attribute = (u8, Vec<u8>, Vec<u8>);

pub(super) fn attribute(index: u8, name: &str, value: &str) -> Attribute {
    (index, name.into(), value.into())
}

fn entry(bytes: &mut Vec<u8>, (index, name, value): &Attribute) {
    bytes.push(name.len() as u8);
    bytes.push(*index);
    bytes.extend((value.len() as u16).to_le_bytes());
    bytes.extend(name);
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// An image with an extended inode at `nid`, and attributes behind it.
pub(super) struct Image {
    pub(super) bytes: Vec<u8>,
    pub(super) metabox: Vec<u8>,
    pub(super) sb: Superblock,
    pub(super) nid: Nid,
    pub(super) place: XattrPlace,
    pub(super) page: usize,
}

impl Image {
    pub(super) fn new(nid: u64, filter: u32, shared: &[u32], own: &[Attribute]) -> Self {
        let mut body = vec![0; 12 + shared.len() * 4];
        body.put32(0, filter);
        body.put8(4, shared.len() as u8);
        for (index, id) in shared.iter().enumerate() {
            body.put32(12 + index * 4, *id);
        }
        own.iter().for_each(|own| entry(&mut body, own));
        let start = nid as usize * 32 + 64;
        let mut bytes = vec![0; start];
        bytes.extend(&body);
        Self {
            bytes,
            metabox: Vec::new(),
            sb: superblock(9),
            nid: Nid::new(nid),
            place: place(((body.len() - 12) / 4 + 1) as u16),
            page: 512,
        }
    }

    pub(super) fn own(own: &[Attribute]) -> Self {
        Self::new(14, 0, &[], own)
    }

    /// Adds shared attributes from `block` on; their numbers.
    pub(super) fn share(&mut self, block: u32, attributes: &[Attribute]) -> Vec<u32> {
        self.sb.xattr_blkaddr = BlockNr::new(block.into());
        let start = block as usize * 512;
        self.bytes.resize(self.bytes.len().max(start), 0);
        attributes
            .iter()
            .map(|attribute| {
                let id = (self.bytes.len() - start) / 4;
                entry(&mut self.bytes, attribute);
                id as u32
            })
            .collect()
    }

    pub(super) fn pages(&self) -> Pages<'_> {
        Pages {
            image: &self.bytes,
            metabox: &self.metabox,
            page: self.page,
        }
    }

    pub(super) fn body(&self) -> Result<XattrBody, Failure> {
        self.place.read(&self.pages(), &self.sb, self.nid)
    }

    pub(super) fn get(&self, prefixes: &[LongPrefix<'_>], index: u8, name: &[u8]) -> Got {
        get(&self.pages(), self, prefixes, index, name)
    }

    pub(super) fn value(&self, index: u8, name: &str) -> Got {
        self.get(&[], index, name.as_bytes())
    }

    pub(super) fn list(&self, prefixes: &[LongPrefix<'_>]) -> Result<Vec<String>, Failure> {
        let names = list(&self.pages(), self, prefixes, |_| true)?;
        let names = names.strip_suffix(b"\0").unwrap_or(&names);
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let names = names.split(|byte| *byte == 0);
        Ok(names
            .map(|name| String::from_utf8(name.to_vec()).unwrap())
            .collect())
    }
}

/// The place of as many units of attributes.
pub(super) fn place(icount: u16) -> XattrPlace {
    let mut raw = extended();
    raw.put16(2, icount);
    let inode = Inode::parse(&raw[..], &superblock(9), Nid::new(0)).unwrap();
    XattrPlace::new(&inode).unwrap()
}

pub(super) type Got = Result<Option<Vec<u8>>, Failure>;

pub(super) fn get<M: Metadata<Pos = MetaPos, Error = Failure>>(
    meta: &M,
    image: &Image,
    prefixes: &[LongPrefix<'_>],
    index: u8,
    name: &[u8],
) -> Got {
    let body = image.place.read(meta, &image.sb, image.nid)?;
    if !body.may_have(&image.sb, index, name) {
        return Ok(None);
    }
    let mut entries = body.entries(meta, &image.sb, image.nid, None);
    let Some(entry) = entries.find(prefixes, index, name)? else {
        return Ok(None);
    };
    let mut value = vec![0; entry.value_size.into()];
    entries.copy_value(&entry, &mut value)?;
    // And again, and part of it.
    let mut start = vec![0; value.len() / 2];
    entries.copy_value(&entry, &mut start)?;
    Ok(Some(value))
}

pub(super) fn list<M: Metadata<Pos = MetaPos, Error = Failure>>(
    meta: &M,
    image: &Image,
    prefixes: &[LongPrefix<'_>],
    visible: impl Fn(Namespace) -> bool,
) -> Result<Vec<u8>, Failure> {
    let body = image.place.read(meta, &image.sb, image.nid)?;
    let entries = || body.entries(meta, &image.sb, image.nid, None);
    let size = entries().list(prefixes, &visible, None)?.unwrap();
    let mut names = vec![0xee; size + 3];
    let used = entries().list(prefixes, &visible, Some(&mut names))?;
    let Some(used) = used else {
        // More than there was before.
        return Ok(Vec::new());
    };
    assert!(names[used..].iter().all(|byte| *byte == 0xee));
    names.truncate(used);
    Ok(names)
}

pub(super) fn found(value: &str) -> Got {
    Ok(Some(value.into()))
}

pub(super) fn error<T>(error: XattrError) -> Result<T, Failure> {
    Err(Failure::Xattr(error))
}

/// The filter of a few names.
pub(super) fn filter(attributes: &[Attribute]) -> u32 {
    attributes
        .iter()
        .fold(u32::MAX, |filter, (index, name, _)| {
            let hash = xxh32(name, 0x25bb_e08f + u32::from(*index));
            filter & !(1 << (hash % 32))
        })
}
