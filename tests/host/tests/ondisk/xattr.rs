// SPDX-License-Identifier: GPL-2.0

use super::build::*;
use ondisk_tests::ondisk::xattr::*;
use ondisk_tests::ondisk::xxhash::xxh32;
use ondisk_tests::ondisk::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const USER: u8 = 1;
const ACL_ACCESS: u8 = 2;
const ACL_DEFAULT: u8 = 3;
const TRUSTED: u8 = 4;
const LUSTRE: u8 = 5;
const SECURITY: u8 = 6;

/// An attribute: index, name and value.
type Attribute = (u8, Vec<u8>, Vec<u8>);

fn attribute(index: u8, name: &str, value: &str) -> Attribute {
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
struct Image {
    bytes: Vec<u8>,
    metabox: Vec<u8>,
    sb: Superblock,
    nid: Nid,
    place: XattrPlace,
    page: usize,
}

impl Image {
    fn new(nid: u64, filter: u32, shared: &[u32], own: &[Attribute]) -> Self {
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

    fn own(own: &[Attribute]) -> Self {
        Self::new(14, 0, &[], own)
    }

    /// Adds shared attributes from `block` on; their numbers.
    fn share(&mut self, block: u32, attributes: &[Attribute]) -> Vec<u32> {
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

    fn pages(&self) -> Pages<'_> {
        Pages {
            image: &self.bytes,
            metabox: &self.metabox,
            page: self.page,
        }
    }

    fn body(&self) -> Result<XattrBody, Failure> {
        self.place.read(&self.pages(), &self.sb, self.nid)
    }

    fn get(&self, prefixes: &[LongPrefix<'_>], index: u8, name: &[u8]) -> Got {
        get(&self.pages(), self, prefixes, index, name)
    }

    fn value(&self, index: u8, name: &str) -> Got {
        self.get(&[], index, name.as_bytes())
    }

    fn list(&self, prefixes: &[LongPrefix<'_>]) -> Result<Vec<String>, Failure> {
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
fn place(icount: u16) -> XattrPlace {
    let mut raw = extended();
    raw.put16(2, icount);
    let inode = Inode::parse(&raw[..], &superblock(9), Nid::new(0)).unwrap();
    XattrPlace::new(&inode).unwrap()
}

type Got = Result<Option<Vec<u8>>, Failure>;

fn get<M: Metadata<Pos = MetaPos, Error = Failure>>(
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

fn list<M: Metadata<Pos = MetaPos, Error = Failure>>(
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

fn found(value: &str) -> Got {
    Ok(Some(value.into()))
}

fn error<T>(error: XattrError) -> Result<T, Failure> {
    Err(Failure::Xattr(error))
}

#[test]
fn are_small() {
    assert!(size_of::<XattrPlace>() <= 8);
    assert!(size_of::<XattrBody>() <= 24);
}

#[test]
fn names_of_prefixes() {
    for index in 0..=u8::MAX {
        match Namespace::from_index(index) {
            Some(namespace) => {
                assert_eq!(namespace.index(), index);
                assert!(Namespace::ALL.contains(&namespace));
            }
            None => assert!(!(1..=6).contains(&index) || index == LUSTRE),
        }
    }
    assert_eq!(
        Namespace::ALL.map(Namespace::prefix),
        [
            "user.",
            "system.posix_acl_access",
            "system.posix_acl_default",
            "trusted.",
            "security.",
        ]
    );
}

#[test]
fn no_attributes() {
    let sb = superblock(9);
    let inode = Inode::parse(&extended()[..], &sb, Nid::new(0)).unwrap();
    assert_eq!(XattrPlace::new(&inode), None);
}

#[test]
fn own_attributes() {
    let image = Image::own(&[
        attribute(USER, "a", "one"),
        attribute(SECURITY, "a", "two"),
        attribute(USER, "long name", ""),
        attribute(LUSTRE, "lov", "hidden"),
        attribute(0, "none", "hidden"),
        attribute(7, "seven", "hidden"),
        attribute(TRUSTED, "overlay.opaque", "y"),
        attribute(ACL_ACCESS, "", "acl"),
        attribute(USER, "a", "never"),
        attribute(ACL_DEFAULT, "", "default"),
    ]);
    assert_eq!(image.value(USER, "a"), found("one"));
    assert_eq!(image.value(SECURITY, "a"), found("two"));
    assert_eq!(image.value(USER, "long name"), found(""));
    assert_eq!(image.value(TRUSTED, "overlay.opaque"), found("y"));
    assert_eq!(image.value(ACL_ACCESS, ""), found("acl"));
    assert_eq!(image.value(ACL_DEFAULT, ""), found("default"));
    for (index, name) in [
        (TRUSTED, "a"),
        (USER, ""),
        (USER, "b"),
        (USER, "aa"),
        (USER, "long nam"),
        (USER, "long names"),
        (SECURITY, "overlay.opaque"),
        (0x81, "a"),
    ] {
        assert_eq!(image.value(index, name), Ok(None), "{index} {name}");
    }
    assert_eq!(
        image.list(&[]).unwrap(),
        [
            "user.a",
            "security.a",
            "user.long name",
            "trusted.overlay.opaque",
            "system.posix_acl_access",
            "user.a",
            "system.posix_acl_default",
        ]
    );
    let visible = |namespace| namespace == Namespace::User;
    let names = list(&image.pages(), &image, &[], visible).unwrap();
    assert_eq!(names, b"user.a\0user.long name\0user.a\0");
    let names = list(&image.pages(), &image, &[], |_| false).unwrap();
    assert_eq!(names, b"");
}

#[test]
fn lists_have_to_fit() {
    let image = Image::own(&[attribute(USER, "ab", "1"), attribute(TRUSTED, "c", "2")]);
    let body = image.body().unwrap();
    let pages = image.pages();
    let list = |len| {
        let mut out = vec![0xee; len];
        let mut entries = body.entries(&pages, &image.sb, image.nid, None);
        let used = entries.list::<[LongPrefix<'_>]>(&[], |_| true, Some(&mut out));
        (used.unwrap(), out)
    };
    assert_eq!(list(18), (Some(18), b"user.ab\0trusted.c\0".to_vec()));
    assert_eq!(list(19).0, Some(18));
    for len in 8..18 {
        let (used, out) = list(len);
        assert_eq!(used, None);
        assert_eq!(out[..8], *b"user.ab\0");
        assert!(out[8..].iter().all(|byte| *byte == 0xee));
    }
    assert_eq!(list(7), (None, vec![0xee; 7]));
    assert_eq!(list(0), (None, vec![]));

    // What is wrong behind a name that does not fit is not looked at.
    let mut broken = image;
    let last = broken.bytes.len() - 8;
    broken.bytes[last] = 200;
    let pages = broken.pages();
    let body = broken.body().unwrap();
    let mut entries = body.entries(&pages, &broken.sb, broken.nid, None);
    let mut out = [0; 7];
    let used = entries.list::<[LongPrefix<'_>]>(&[], |_| true, Some(&mut out));
    assert_eq!(used, Ok(None));
}

#[test]
fn shared_attributes() {
    let attributes = [
        attribute(USER, "first", "1"),
        attribute(USER, "second", "2"),
        attribute(USER, "own", "hidden"),
    ];
    let ids = Image::own(&[]).share(3, &attributes);
    assert_eq!(ids, [0, 3, 6]);
    let mut image = Image::new(14, 0, &[ids[2], ids[1]], &[attribute(USER, "own", "shown")]);
    image.share(3, &attributes);
    assert_eq!(image.value(USER, "second"), found("2"));
    assert_eq!(image.value(USER, "own"), found("shown"));
    // Of others.
    assert_eq!(image.value(USER, "first"), Ok(None));
    assert_eq!(
        image.list(&[]).unwrap(),
        ["user.own", "user.own", "user.second"]
    );

    // None but shared ones.
    let mut image = Image::new(14, 0, &ids, &[]);
    image.share(3, &attributes);
    assert_eq!(image.value(USER, "first"), found("1"));
    assert_eq!(
        image.list(&[]).unwrap(),
        ["user.first", "user.second", "user.own"]
    );

    let body = image.body().unwrap();
    let pages = image.pages();
    let mut entries = body.entries(&pages, &image.sb, image.nid, None);
    let entry = entries.next_entry().unwrap().unwrap();
    assert!(entry.is_shared);
    assert_eq!(entry.prefix, Prefix::Short(USER));
    let mut name = [0; 5];
    entries.copy_name(&entry, &mut name).unwrap();
    assert_eq!(name, *b"first");
    entries.next_entry().unwrap().unwrap();
    entries.next_entry().unwrap().unwrap();
    assert_eq!(entries.next_entry(), Ok(None));
    assert_eq!(entries.next_entry(), Ok(None));
    // The first one can still be had.
    let mut value = [0; 1];
    entries.copy_value(&entry, &mut value).unwrap();
    assert_eq!(value, *b"1");

    // Where there is nothing.
    let image = Image::new(14, 0, &[u32::MAX], &[]);
    assert_eq!(image.value(USER, "first"), error(XattrError::Truncated));
    assert_eq!(image.list(&[]), error(XattrError::Truncated));
}

#[test]
fn kept_ids() {
    let shared: Vec<_> = (0..=SharedIds::MAX)
        .map(|n| attribute(USER, &format!("n{n}"), &format!("v{n}")))
        .collect();
    for count in 0..=shared.len() {
        let ids = Image::own(&[]).share(3, &shared[..count]);
        let own = [attribute(USER, "own", "")];
        let mut image = Image::new(14, 0, &ids, &own);
        image.share(3, &shared[..count]);
        let read = image
            .place
            .read_ids(&image.pages(), &image.sb, image.nid)
            .unwrap();
        let (body, kept) = read;
        assert_eq!(body, image.body().unwrap());
        // None are not worth keeping, nor are many.
        assert_eq!(
            kept.is_some(),
            (1..=SharedIds::MAX).contains(&count),
            "{count}"
        );

        let names = |image: &Image, kept: Option<&SharedIds>| {
            let pages = image.pages();
            let mut entries = body.entries(&pages, &image.sb, image.nid, kept);
            let mut names = vec![0; 256];
            let used = entries
                .list(&[] as &[LongPrefix<'_>], |_| true, Some(&mut names))
                .unwrap();
            names.truncate(used.unwrap());
            names
        };
        let expected = names(&image, None);
        assert_eq!(names(&image, kept.as_ref()), expected);
        if count == 0 {
            continue;
        }
        // Those of another inode do not count.
        let other = SharedIds::MAX - count % SharedIds::MAX;
        if other != count {
            let many = Image::new(14, 0, &vec![0; other], &own);
            let (_, others) = many
                .place
                .read_ids(&many.pages(), &many.sb, many.nid)
                .unwrap();
            assert_eq!(names(&image, others.as_ref()), expected);
        }
        // What is kept is not read again.
        let start = 14 * 32 + 64 + 12;
        image.bytes[start..start + count * 4].fill(0xff);
        if kept.is_some() {
            assert_eq!(names(&image, kept.as_ref()), expected);
        }
    }
    // The image ends inside them: nobody asked for them yet.
    let mut image = Image::new(14, 0, &[0; 7], &[]);
    image.bytes.truncate(14 * 32 + 64 + 12 + 8);
    let (_, kept) = image
        .place
        .read_ids(&image.pages(), &image.sb, image.nid)
        .unwrap();
    assert!(kept.is_none());
}

#[test]
fn shared_attributes_in_the_metabox() {
    let attributes = [attribute(USER, "first", "1"), attribute(USER, "other", "2")];
    let mut image = Image::new(14, 0, &[3], &[attribute(USER, "own", "0")]);
    image.share(3, &attributes);
    image.metabox = image.bytes.clone();
    image.bytes[3 * 512..].fill(0);
    image.metabox[..3 * 512].fill(0);
    assert_eq!(image.value(USER, "other"), Ok(None));
    image.sb.compat = CompatFeatures::SHARED_EA_IN_METABOX;
    // There is no metabox, be it needed or not.
    assert_eq!(image.value(USER, "own"), found("0"));
    assert_eq!(image.value(USER, "other"), error(XattrError::NoMetabox));
    assert_eq!(image.list(&[]), error(XattrError::NoMetabox));
    let mut alone = Image::own(&[attribute(USER, "own", "0")]);
    alone.sb.compat = CompatFeatures::SHARED_EA_IN_METABOX;
    assert_eq!(alone.list(&[]), error(XattrError::NoMetabox));
    image.sb.metabox_nid = Some(Nid::new(1));
    assert_eq!(image.value(USER, "other"), found("2"));
    assert_eq!(image.list(&[]).unwrap(), ["user.own", "user.other"]);

    // An inode in the metabox with attributes in the image.
    let mut image = Image::new(14, 0, &[3], &[attribute(USER, "own", "0")]);
    image.metabox = image.bytes.clone();
    image.share(3, &attributes);
    image.bytes[..3 * 512].fill(0);
    image.nid = Nid::new((1 << 63) | 14);
    assert_eq!(image.list(&[]).unwrap(), ["user.own", "user.other"]);
    assert_eq!(image.value(USER, "other"), found("2"));
}

#[test]
fn long_prefixes() {
    let prefixes = [
        LongPrefix {
            base: TRUSTED,
            infix: b"overlay.",
        },
        LongPrefix {
            base: USER,
            infix: b"",
        },
        LongPrefix {
            base: LUSTRE,
            infix: b"x",
        },
    ];
    let image = Image::own(&[
        attribute(0x80, "opaque", "y"),
        attribute(0x80, "", "empty"),
        attribute(0x81, "plain", "p"),
        attribute(0x82, "hidden", "h"),
        attribute(0x83, "missing", "m"),
        attribute(0xff, "missing", "m"),
        attribute(TRUSTED, "overlay.opaque", "never"),
        attribute(TRUSTED, "overlay.short", "s"),
    ]);
    let get = |index, name: &str| image.get(&prefixes, index, name.as_bytes());
    assert_eq!(get(TRUSTED, "overlay.opaque"), found("y"));
    assert_eq!(get(TRUSTED, "overlay.short"), found("s"));
    assert_eq!(get(TRUSTED, "overlay."), found("empty"));
    assert_eq!(get(USER, "plain"), found("p"));
    assert_eq!(get(LUSTRE, "xhidden"), found("h"));
    for (index, name) in [
        (TRUSTED, "opaque"),
        (TRUSTED, "overlay"),
        (TRUSTED, "overlaY.opaque"),
        (TRUSTED, "overlay.opaqu"),
        (USER, "overlay.opaque"),
        (USER, "missing"),
        (0x83, "missing"),
        (0x80, "opaque"),
    ] {
        assert_eq!(get(index, name), Ok(None), "{index} {name}");
    }
    assert_eq!(
        image.list(&prefixes).unwrap(),
        [
            "trusted.overlay.opaque",
            "trusted.overlay.",
            "user.plain",
            "trusted.overlay.opaque",
            "trusted.overlay.short",
        ]
    );
    // As if there were none.
    assert_eq!(
        image.list(&[]).unwrap(),
        ["trusted.overlay.opaque", "trusted.overlay.short"]
    );
    assert_eq!(image.get(&[], TRUSTED, b"overlay.opaque"), found("never"));
}

#[test]
fn across_blocks() {
    // The inode is at 448, its attributes are from 512 on.
    let long = "n".repeat(255);
    let large = "v".repeat(65535);
    for shift in 0..16 {
        let attributes = [
            attribute(USER, &"f".repeat(200), &"x".repeat(shift * 24)),
            attribute(USER, &long, &large),
            attribute(TRUSTED, &long, "last"),
        ];
        let image = Image::own(&attributes);
        assert!(image.value(USER, &long) == found(&large));
        assert_eq!(image.value(TRUSTED, &long), found("last"));
        assert_eq!(image.value(TRUSTED, &long[1..]), Ok(None));
        assert_eq!(image.list(&[]).unwrap().len(), 3);

        let mut image = Image::new(14, 0, &[0], &[]);
        image.share(3 + shift as u32, &attributes[1..]);
        assert!(image.value(USER, &long) == found(&large));
    }
}

/// The filter of a few names.
fn filter(attributes: &[Attribute]) -> u32 {
    attributes
        .iter()
        .fold(u32::MAX, |filter, (index, name, _)| {
            let hash = xxh32(name, 0x25bb_e08f + u32::from(*index));
            filter & !(1 << (hash % 32))
        })
}

#[test]
fn filters() {
    let attributes = [
        attribute(USER, "a", "1"),
        attribute(SECURITY, "selinux", "2"),
    ];
    let filter = filter(&attributes);
    let mut image = Image::new(14, filter, &[], &attributes);
    assert_eq!(image.value(USER, "a"), found("1"));
    image.sb.compat = CompatFeatures::XATTR_FILTER;
    assert_eq!(image.value(USER, "a"), found("1"));
    assert_eq!(image.value(SECURITY, "selinux"), found("2"));
    assert_eq!(image.value(USER, "selinux"), Ok(None));
    let body = image.body().unwrap();
    assert!(body.may_have(&image.sb, USER, b"a"));
    let names: Vec<String> = (0..100).map(|name| name.to_string()).collect();
    let refused = names
        .iter()
        .filter(|name| !body.may_have(&image.sb, USER, name.as_bytes()));
    assert!(refused.count() > 80);
    // Nothing is read before a name is looked for.
    let mut entries = body.entries(&Unreadable, &image.sb, image.nid, None);
    assert_eq!(
        entries.find::<[LongPrefix<'_>]>(&[], USER, b"a"),
        Err(Failure::Read)
    );

    // What a filter denies is not there, though it is.
    image.bytes.put32(512, u32::MAX);
    assert_eq!(image.value(USER, "a"), Ok(None));
    assert_eq!(image.list(&[]).unwrap(), ["user.a", "security.selinux"]);
    // Unless filters are made in some other way, or there are none.
    image.sb.xattr_filter_reserved = 1;
    assert_eq!(image.value(USER, "a"), found("1"));
    image.sb.xattr_filter_reserved = 0;
    image.sb.compat = CompatFeatures::new(0);
    assert_eq!(image.value(USER, "a"), found("1"));
}

#[test]
fn no_acl() {
    // The two bits are those of the two names.
    assert_eq!(xxh32(b"", 0x25bb_e08f + 2) % 32, 30);
    assert_eq!(xxh32(b"", 0x25bb_e08f + 3) % 32, 21);
    let place = place(2);
    let mut sb = superblock(9);
    // Behind an inode of 64 bytes.
    let mut inode = [0; 76];
    for (filter, no_acl) in [
        (0, false),
        (1 << 30, false),
        (1 << 21, false),
        ((1 << 30) | (1 << 21), true),
        (u32::MAX, true),
    ] {
        inode.put32(64, filter);
        sb.compat = CompatFeatures::XATTR_FILTER;
        sb.xattr_filter_reserved = 0;
        assert_eq!(place.has_no_acl(&sb, &inode), no_acl);
        assert!(!place.has_no_acl(&sb, &inode[..75]));
        sb.xattr_filter_reserved = 1;
        assert!(!place.has_no_acl(&sb, &inode));
        sb.xattr_filter_reserved = 0;
        sb.compat = CompatFeatures::new(0x3b);
        assert!(!place.has_no_acl(&sb, &inode));
    }
}

#[test]
fn headers() {
    // A header and nothing else.
    let mut image = Image::own(&[]);
    let alone = XattrError::HeaderAlone(12);
    assert_eq!(image.body(), error(alone));
    assert_eq!(alone.kind(), ErrorKind::Unsupported);
    assert_eq!(alone.to_string(), "xattr_isize 12 is not supported yet");
    assert_eq!(
        image.place.read(&Unreadable, &image.sb, image.nid),
        error(alone)
    );

    // Numbers of shared attributes have to fit.
    image.place = place(4);
    image.bytes.extend([0; 12]);
    for count in 0..=u8::MAX {
        image.bytes[512 + 4] = count;
        if count <= 3 {
            let body = image.body().unwrap();
            assert_eq!(image.place.body_from_bits(body.bits()), Some(body));
            assert_eq!(place(1).body_from_bits(body.bits()).is_some(), count == 0);
        } else {
            assert_eq!(image.body(), error(XattrError::SharedCount(count)));
        }
    }
    assert_eq!(image.place.body_from_bits(0), None);
    assert_eq!(image.place.body_from_bits((1 << 63) - 1), None);
    let bad = XattrError::SharedCount(7);
    assert_eq!(bad.kind(), ErrorKind::Corrupted);
    assert_eq!(bad.to_string(), "invalid h_shared_count 7");

    // All of it has to be there.
    let error_of = XattrError::Truncated;
    assert_eq!(error_of.kind(), ErrorKind::Io);
    assert_eq!(
        error_of.to_string(),
        "the image ends inside extended attributes"
    );
    for len in [0, 512, 523] {
        let image = Image {
            bytes: image.bytes[..len].to_vec(),
            ..Image::own(&[])
        };
        let image = Image {
            place: place(4),
            ..image
        };
        assert_eq!(image.body(), error(error_of));
    }
    assert_eq!(
        image.place.read(&Unreadable, &image.sb, image.nid),
        Err(Failure::Read)
    );
    image.nid = Nid::new(u64::MAX >> 1);
    assert_eq!(image.place.position(&image.sb, image.nid), None);
    assert_eq!(image.body(), error(error_of));
    // The last place of all.
    image.nid = Nid::new((1 << 59) - 3);
    assert!(image.place.position(&image.sb, image.nid).is_some());
    image.nid = Nid::new((1 << 59) - 2);
    assert_eq!(image.place.position(&image.sb, image.nid), None);
}

/// The largest number of units is no reason to read all of them.
#[test]
fn all_units() {
    let mut image = Image::own(&[attribute(USER, "a", "1")]);
    image.place = place(u16::MAX);
    assert_eq!(image.value(USER, "a"), found("1"));
    image.bytes.resize(1 << 19, 0);
    // Zeros are empty attributes without a namespace.
    assert_eq!(image.list(&[]).unwrap(), ["user.a"]);
}

#[test]
fn entries_have_to_fit() {
    let attributes = [attribute(USER, "a", "1"), attribute(USER, "bcd", "2345")];
    let good = Image::own(&attributes);
    let second = good.bytes.len() - 12;
    for (name_len, value_size, size) in [(3, 6, 16), (4, 5, 16), (255, 0, 260), (3, 65535, 65544)] {
        let mut image = Image::own(&attributes);
        image.bytes[second] = name_len;
        image.bytes.put16(second + 2, value_size);
        image.bytes.resize(1 << 17, 0);
        // What is before it is found.
        assert_eq!(image.value(USER, "a"), found("1"));
        let bad = XattrError::Entry { size, left: 12 };
        assert_eq!(bad.kind(), ErrorKind::Corrupted);
        assert_eq!(
            bad.to_string(),
            format!("xattr entry of {size} bytes where 12 are left")
        );
        assert_eq!(image.value(USER, "bcd"), error(bad));
        assert_eq!(image.value(USER, "z"), error(bad));
        assert_eq!(image.list(&[]), error(bad));
    }
    // Up to the last byte.
    let mut image = good;
    image.bytes.put16(second + 2, 5);
    assert_eq!(image.value(USER, "bcd"), found("2345\0"));
    // A shared one may be as long as it is.
    let mut image = Image::new(14, 0, &[0], &[]);
    image.share(2, &[attribute(USER, "a", &"x".repeat(60000))]);
    assert_eq!(image.value(USER, "a").unwrap().unwrap().len(), 60000);
    image.bytes.truncate(50000);
    assert_eq!(image.value(USER, "a"), error(XattrError::Truncated));
    assert_eq!(image.value(USER, "b"), Ok(None));
    assert_eq!(image.list(&[]).unwrap(), ["user.a"]);
    assert_eq!(XattrError::NoMetabox.kind(), ErrorKind::Corrupted);
    assert_eq!(
        XattrError::NoMetabox.to_string(),
        "shared xattrs in a metabox that is missing"
    );
}

/// Long prefixes as a driver keeps them.
fn read_prefixes(meta: &Pages<'_>, start: u64, count: u8) -> Result<Vec<(u8, Vec<u8>)>, Failure> {
    let mut sb = superblock(9);
    sb.xattr_prefix_count = count;
    let start = MetaPos::Image(ImagePos::new(start));
    let mut table = PrefixTable::new(meta, start, &sb);
    let mut prefixes = Vec::new();
    let mut buffer = [0; LONG_PREFIX_MAX];
    while let Some(prefix) = table.next_prefix(&mut buffer)? {
        prefixes.push((prefix.base, prefix.infix.to_vec()));
    }
    assert_eq!(table.next_prefix(&mut buffer), Ok(None));
    Ok(prefixes)
}

fn prefix_table(start: usize, prefixes: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0xee; start];
    for (base, infix) in prefixes {
        bytes.resize(bytes.len().next_multiple_of(4), 0xee);
        bytes.extend((infix.len() as u16 + 1).to_le_bytes());
        bytes.push(*base);
        bytes.extend(infix);
    }
    bytes
}

#[test]
fn prefix_tables() {
    let all: Vec<(u8, Vec<u8>)> = (0..=254)
        .map(|n| (n, vec![n; 255 - usize::from(n)]))
        .collect();
    let bytes = prefix_table(300, &all);
    let read = |count| read_prefixes(&Pages::new(&bytes, 512), 300, count);
    assert_eq!(read(0), Ok(vec![]));
    assert_eq!(read(3).unwrap(), all[..3]);
    assert_eq!(read(255).unwrap(), all);
    let cut = Pages::new(&bytes[..bytes.len() - 1], 512);
    assert_eq!(read_prefixes(&cut, 300, 255), error(XattrError::Truncated));

    for (size, bad) in [(0, 65536), (257, 257), (1000, 1000), (65535, 65535)] {
        let mut bytes = bytes.clone();
        bytes.put16(300, size);
        let bad = XattrError::PrefixSize(bad);
        let found = read_prefixes(&Pages::new(&bytes, 512), 300, 5);
        assert_eq!(found, error(bad));
        assert_eq!(bad.kind(), ErrorKind::Corrupted);
        assert!(bad.to_string().starts_with("invalid xattr prefix of "));
    }
    let short = [1, 0, 6, 0xee, 1, 0, 1];
    assert_eq!(
        read_prefixes(&Pages::new(&short, 512), 0, 2),
        Ok(vec![(6, vec![]), (1, vec![])])
    );
}

#[test]
fn places_of_prefix_tables() {
    let mut sb = superblock(9);
    let image = PrefixPlace::Metadata(MetaPos::Image(ImagePos::new(0x3_ffff_fffc)));
    let metabox = PrefixPlace::Metadata(MetaPos::Metabox(FilePos::new(0x3_ffff_fffc)));
    let packed = PrefixPlace::Packed(FilePos::new(0x3_ffff_fffc));
    sb.xattr_prefix_start = u32::MAX;
    assert_eq!(PrefixPlace::new(&sb), None);
    sb.xattr_prefix_count = 1;
    assert_eq!(PrefixPlace::new(&sb), Some(image));
    sb.packed_nid = Some(Nid::new(5));
    assert_eq!(PrefixPlace::new(&sb), Some(packed));
    sb.metabox_nid = Some(Nid::new(6));
    assert_eq!(PrefixPlace::new(&sb), Some(metabox));
    sb.compat = CompatFeatures::PLAIN_XATTR_PFX;
    assert_eq!(PrefixPlace::new(&sb), Some(image));
}

/// In the content of a file.
#[test]
fn packed_prefixes() {
    struct Packed([u8; 16]);
    impl Metadata for Packed {
        type Pos = FilePos;
        type View = [u8; 1];
        type Error = Failure;
        fn view(&self, pos: FilePos) -> Result<[u8; 1], Failure> {
            let byte = self.0.as_slice().get(pos.get() as usize);
            byte.map(|byte| [*byte]).ok_or(Failure::Read)
        }
    }
    let mut sb = superblock(9);
    sb.xattr_prefix_count = 2;
    let packed = Packed([9, 9, 9, 9, 3, 0, 1, b'a', b'b', 9, 9, 9, 2, 0, 4, b'c']);
    let mut table = PrefixTable::new(&packed, FilePos::new(4), &sb);
    let mut buffer = [0; LONG_PREFIX_MAX];
    let prefix = table.next_prefix(&mut buffer).unwrap().unwrap();
    assert_eq!((prefix.base, prefix.infix), (1, &b"ab"[..]));
    let prefix = table.next_prefix(&mut buffer).unwrap().unwrap();
    assert_eq!((prefix.base, prefix.infix), (4, &b"c"[..]));
    assert_eq!(table.next_prefix(&mut buffer), Ok(None));
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    let index = prop_oneof![0u8..8, 0x80u8..0x84];
    let name = prop_oneof![
        "[a-c]{0,3}".prop_map(String::into_bytes),
        prop::collection::vec(1u8..=255, 0..=255),
    ];
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(any::<u8>(), 0..2000),
    ];
    prop::collection::vec((index, name, value), 0..12)
}

const PREFIXES: [LongPrefix<'static>; 3] = [
    LongPrefix {
        base: USER,
        infix: b"a",
    },
    LongPrefix {
        base: TRUSTED,
        infix: b"overlay.",
    },
    LongPrefix {
        base: LUSTRE,
        infix: b"",
    },
];

/// The index and the name that a program would use, and whether it could be listed.
fn whole(attribute: &Attribute) -> Option<(u8, Vec<u8>, Option<&'static str>)> {
    let (index, name, _) = attribute;
    let (base, name) = match index {
        0x80.. => {
            let prefix = PREFIXES.get(usize::from(index & 0x7f))?;
            (prefix.base, [prefix.infix, name].concat())
        }
        _ => (*index, name.clone()),
    };
    let prefix = match base {
        USER => Some("user."),
        ACL_ACCESS => Some("system.posix_acl_access"),
        ACL_DEFAULT => Some("system.posix_acl_default"),
        TRUSTED => Some("trusted."),
        SECURITY => Some("security."),
        _ => None,
    };
    Some((base, name, prefix))
}

proptest! {
    /// Everything is found, by its first occurrence, and listed, wherever blocks end.
    #[test]
    fn all_is_found(
        own in attributes(),
        shared in attributes(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        nid in 0u64..40,
        block in 64u32..70,
        has_filter: bool,
        page in prop_oneof![Just(512usize), Just(4096), 1usize..64],
    ) {
        // Which shared attributes the inode has.
        let picks: Vec<usize> = match shared.len() {
            0 => Vec::new(),
            len => picks.iter().map(|pick| pick.index(len)).collect(),
        };
        let ids = Image::own(&[]).share(block, &shared);
        let ids: Vec<u32> = picks.iter().map(|pick| ids[*pick]).collect();
        let all: Vec<Attribute> = own
            .iter()
            .cloned()
            .chain(picks.iter().map(|pick| shared[*pick].clone()))
            .collect();
        if all.is_empty() {
            return Ok(());
        }
        let wholes: Vec<Attribute> = all
            .iter()
            .filter_map(whole)
            .map(|(index, name, _)| (index, name, Vec::new()))
            .collect();
        let mut image = Image::new(nid, filter(&wholes), &ids, &own);
        image.share(block, &shared);
        image.page = page;
        if has_filter {
            image.sb.compat = CompatFeatures::XATTR_FILTER;
        }

        let mut seen = BTreeSet::new();
        let mut names = Vec::new();
        for attribute in &all {
            let Some((index, name, prefix)) = whole(attribute) else { continue };
            if seen.insert((index, name.clone())) {
                prop_assert_eq!(
                    image.get(&PREFIXES, index, &name),
                    Ok(Some(attribute.2.clone()))
                );
            }
            if let Some(prefix) = prefix {
                names.extend(prefix.as_bytes());
                names.extend(&name);
                names.push(0);
            }
        }
        prop_assert_eq!(list(&image.pages(), &image, &PREFIXES, |_| true), Ok(names));
        for index in 0..8 {
            for name in ["", "a", "ab", "b", "overlay.", "overlay.a"] {
                let there = seen.contains(&(index, name.into()));
                let got = image.get(&PREFIXES, index, name.as_bytes()).unwrap();
                prop_assert_eq!(got.is_some(), there);
            }
        }
    }

    /// Damage, and bytes that change: an error, or whatever there is, and always an end.
    #[test]
    fn damage(
        own in attributes(),
        shared in attributes(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
        seed: u64,
    ) {
        let ids = Image::own(&[]).share(64, &shared);
        let mut image = Image::new(3, 0, &ids, &own);
        image.share(64, &shared);
        for (at, byte) in damage {
            // Mostly where the attributes are.
            let len = image.bytes.len();
            let at = if byte & 1 == 0 { at.index(len) } else { 160 + at.index(64) };
            if let Some(to) = image.bytes.get_mut(at) {
                *to = byte;
            }
        }
        if let Some(cut) = cut {
            let len = cut.index(image.bytes.len() + 1);
            image.bytes.truncate(len);
        }
        let restless = RestlessPages { pages: image.pages(), seed };
        for name in ["", "a", "ab", "overlay.a"] {
            let _ = get(&restless, &image, &PREFIXES, USER, name.as_bytes());
            let _ = image.get(&PREFIXES, TRUSTED, name.as_bytes());
        }
        let _ = list(&restless, &image, &PREFIXES, |_| true);
        let _ = list(&image.pages(), &image, &PREFIXES, |_| true);
        let mut entries = match image.body() {
            Ok(body) => body.entries(&restless, &image.sb, image.nid, None),
            Err(_) => return Ok(()),
        };
        let mut count = 0;
        while let Ok(Some(entry)) = entries.next_entry() {
            count += 1;
            prop_assert!(count <= 65534 + 255);
            let mut value = vec![0; entry.value_size.into()];
            let _ = entries.copy_value(&entry, &mut value);
        }
    }

    #[test]
    fn any_prefix_tables(
        prefixes in prop::collection::vec(
            (any::<u8>(), prop::collection::vec(any::<u8>(), 0..=255)),
            0..20,
        ),
        start in 0usize..600,
        page in 1usize..600,
        bytes in prop::collection::vec(any::<u8>(), 0..1000),
        count: u8,
    ) {
        let start = start / 4 * 4;
        let table = prefix_table(start, &prefixes);
        let read = read_prefixes(&Pages::new(&table, page), start as u64, prefixes.len() as u8);
        prop_assert_eq!(read, Ok(prefixes));
        let _ = read_prefixes(&Pages::new(&bytes, page), start as u64, count);
    }
}
