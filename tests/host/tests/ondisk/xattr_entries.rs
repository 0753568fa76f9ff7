// SPDX-License-Identifier: GPL-2.0

use super::build::*;
use super::xattr_image::*;
use ondisk_tests::ondisk::xattr::*;
use ondisk_tests::ondisk::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

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
}
