// SPDX-License-Identifier: GPL-2.0

use super::build::*;
use super::xattr_image::*;
use ondisk_tests::ondisk::xattr::*;
use ondisk_tests::ondisk::xxhash::xxh32;
use ondisk_tests::ondisk::*;

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
