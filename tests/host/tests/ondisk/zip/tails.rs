// SPDX-License-Identifier: GPL-2.0

//! Ends of files behind the index, and in the packed inode.

use super::*;

#[test]
fn tails_behind_the_index() {
    let full = |size, len: u16, entries: &[_]| {
        File::full(12, size, INLINE, entries).with(|file| file.image.put16(HEADER + 2, len))
    };
    let entries = [
        (HEAD1, 0, 10),
        (HEAD2 | PARTIAL, 100, 0),
        (REST, 0, rest(1, 0)),
    ];
    let file = full(9000, 300, &entries);
    let behind = FULL + 3 * 8;
    let tail = partial(inline(4196, 4804, behind, 300, Encoding::Zstd));
    assert_eq!(
        file.extents(),
        [on_device(0, 4196, 10 << 12, 4096, Encoding::Lz4), tail]
    );
    // Known without another look.
    let map = file.load().unwrap();
    assert_eq!(
        map.map(FilePos::new(8999), Want::Asked, &Unreadable),
        Ok(Some(tail))
    );
    // In one block.
    let most = 4096 - behind as u16;
    assert!(full(9000, most, &entries).load().is_ok());
    let across = full(9000, most + 1, &entries).load();
    assert_eq!(across, Err(Failure::Zip(ZipError::InlineAcrossBlocks)));
    // More bytes than it decodes to, which is all there is.
    assert_eq!(full(4100 + 100, 300, &entries).extents()[1].len, 4);
    // Plain ones are as they are, whatever else is interlaced; and not fewer.
    let plain = |len| {
        full(100, len, &[(PLAIN, 0, 10)])
            .with(|file| file.image.put16(HEADER + 4, INLINE | INTERLACED))
    };
    assert_eq!(
        plain(101).extents(),
        [inline(0, 100, FULL + 8, 101, Encoding::Shifted)]
    );
    assert_eq!(
        plain(99).error(0, Want::Asked),
        ZipError::NotEnoughPlain { start: 0 }
    );
    // No bytes, no tail.
    assert_eq!(
        plain(0).extents(),
        [on_device(0, 100, 10 << 12, 4096, Encoding::Interlaced)]
    );

    // Behind the pack.
    let packs = [([(HEAD1, 0), (HEAD1, 7)], 10), ([(REST, 1), (REST, 0)], 10)];
    let file = File::packs(12, 9000, INLINE, &packs).with(|file| file.image.put16(HEADER + 2, 5));
    let tail = inline(4103, 4897, COMPACT + 16, 5, Encoding::Lz4);
    assert_eq!(file.extents()[1], tail);
}

#[test]
fn fragments() {
    let whole = |pos: u64, size| {
        let file = File::new(12, false, size, 0);
        file.with(|file| file.image.put64(HEADER, pos | (1 << 63)))
    };
    assert_eq!(whole(1234, 50_000).extents(), [fragment(0, 50_000, 1234)]);
    // Of any size.
    assert_eq!(whole(0, 1 << 40).extents(), [fragment(0, 1 << 40, 0)]);
    let beyond = whole(1, 1 << 40);
    assert_eq!(
        beyond.error(0, Want::Asked),
        ZipError::FragmentRange { pos: 1 }
    );
    assert_eq!(beyond.error(0, Want::Whole).kind(), ErrorKind::Corrupted);
    assert_eq!(
        beyond.map(0, Want::Report),
        Ok(Some(fragment(0, 1 << 40, 1)))
    );
    let most = (1 << 63) - 1;
    assert_eq!(
        whole(most, 5).error(0, Want::Asked),
        ZipError::FragmentRange { pos: most }
    );

    // Nothing to be a fragment of.
    let none = |change: &dyn Fn(&mut File)| {
        let file = whole(0, 100).with(change);
        assert_eq!(file.error(0, Want::Asked), ZipError::NoPackedInode);
        assert_eq!(file.map(0, Want::Report), Ok(Some(fragment(0, 100, 0))));
    };
    none(&|file| file.packed_size = None);
    none(&|file| file.sb.packed_nid = None);
    // The packed inode has no fragments, nor has what it is in.
    none(&|file| file.sb.packed_nid = Some(file.nid));
    none(&|file| {
        file.sb.packed_nid = Some(Nid::new(7 | (1 << 63)));
        file.sb.metabox_nid = Some(file.nid);
    });

    // The end of a file.
    let entries = [
        (HEAD1, 0, 10),
        (HEAD1, 5, 3),
        (REST, 0, rest(1, 1)),
        (REST, 0, rest(2, 1)),
    ];
    let file = File::full(12, 16000, FRAGMENT | INLINE, &entries)
        .with(|file| file.image.put32(HEADER, 17));
    let tail = fragment(4101, 11899, 17 | (3 << 32));
    assert_eq!(
        file.extents(),
        [on_device(0, 4101, 10 << 12, 4096, Encoding::Lz4), tail]
    );
    let map = file.load().unwrap();
    assert_eq!(
        map.map(FilePos::new(4101), Want::Asked, &Unreadable),
        Ok(Some(tail))
    );
    let packs = [([(HEAD1, 0), (HEAD1, 5)], 10)];
    let file = File::packs(12, 8000, FRAGMENT, &packs).with(|file| file.image.put32(HEADER, 17));
    assert_eq!(file.extents()[1], fragment(4101, 3899, 17));
    // One that begins in the first lcluster is all of the file.
    let file = File::full(12, 4096, FRAGMENT, &[(HEAD1, 5, 0)]);
    assert_eq!(file.extents(), [fragment(0, 4096, 0)]);
}
