// SPDX-License-Identifier: GPL-2.0

//! Entries for lclusters: all that they can say, and what is wrong.

use super::*;

#[test]
fn all_that_full_entries_can_say() {
    let entries = [
        (HEAD1, 0, 10),
        (REST, 0, rest(1, 1)),
        (HEAD2, 100, 11),
        (HEAD1 | PARTIAL, 150, 20),
        (REST, 0, count(3, 2)),
        (REST, 0, rest(2, 1)),
        (PLAIN, 4000, 30),
        (HEAD2 | HOLE, 3900, 77),
        (REST, 0, rest(1, 1)),
        (HEAD1, 0, 40),
        (REST, 0, count(0, 1)),
        (HEAD1, 10, 41),
    ];
    let file = File::full(12, 12 * 4096 - 6, BIG, &entries);
    let at = |lcn: u64, offset: u64| lcn * 4096 + offset;
    let expected = [
        on_device(0, at(2, 100), 10 << 12, 4096, Encoding::Lz4),
        on_device(at(2, 100), 4146, 11 << 12, 4096, Encoding::Zstd),
        partial(on_device(
            at(3, 150),
            at(3, 3850),
            20 << 12,
            3 * 4096,
            Encoding::Lz4,
        )),
        on_device(at(6, 4000), 3996, 30 << 12, 4096, Encoding::Shifted),
        hole(at(7, 3900), at(1, 196)),
        hole(at(9, 0), at(2, 10)),
        on_device(at(11, 10), 4080, 41 << 12, 4096, Encoding::Lz4),
    ];
    // No count behind the first head of more than an lcluster.
    let wrong = File::full(12, 12 * 4096 - 6, BIG, &entries);
    assert_eq!(
        wrong.error(0, Want::Asked),
        ZipError::BogusBlockCount { lcn: 1 }
    );
    let file = file.with(|file| file.image.put32(FULL + 12, count(1, 1)));
    assert_eq!(file.extents(), expected);
    let short = File {
        size: at(11, 10),
        ..file
    };
    assert_eq!(short.extents(), expected[..6]);
}

#[test]
fn what_is_known_without_looking_further() {
    let entries = [
        (HEAD1, 0, 10),
        (REST, 0, rest(1, 2)),
        (REST, 0, rest(2, 1)),
        (HEAD1, 100, 11),
    ];
    let file = File::full(9, 1900, 0, &entries);
    let known = |pos| {
        let extent = file.map(pos, Want::Asked).unwrap().unwrap();
        (extent.start.get(), extent.len, extent.whole)
    };
    assert_eq!(known(0), (0, 512, false));
    assert_eq!(known(511), (0, 512, false));
    assert_eq!(known(512), (0, 1024, false));
    assert_eq!(known(1535), (0, 1536, false));
    assert_eq!(known(1536), (0, 1636, true));
    assert_eq!(known(1635), (0, 1636, true));
    assert_eq!(known(1636), (1636, 264, true));
    assert_eq!(known(1899), (1636, 264, true));
    for pos in [1900, 2000, u64::MAX] {
        assert_eq!(file.map(pos, Want::Asked), Ok(None));
    }
}

/// Linux 7.3 takes the extents before and behind for holes.
#[test]
fn a_hole_leaves_its_neighbours_alone() {
    let entries = [
        (HEAD1, 0, 10),
        (PLAIN | HOLE, 100, 0),
        (HEAD1, 200, 11),
        (HEAD1 | PARTIAL, 300, 12),
    ];
    let file = File::full(12, 16384, BIG, &entries);
    assert_eq!(
        file.extents(),
        [
            on_device(0, 4196, 10 << 12, 4096, Encoding::Lz4),
            hole(4196, 4196),
            on_device(8392, 4196, 11 << 12, 4096, Encoding::Lz4),
            partial(on_device(12588, 3796, 12 << 12, 4096, Encoding::Lz4)),
        ]
    );
    for pos in [4195, 4196, 8391, 8392, 12587, 12588] {
        let whole = file.map(pos, Want::Whole).unwrap().unwrap();
        let asked = file.map(pos, Want::Asked).unwrap().unwrap();
        assert_eq!((asked.start, asked.at), (whole.start, whole.at));
    }
}

#[test]
fn plain_extents_are_interlaced_if_the_header_says_so() {
    let entries = [(PLAIN, 0, 10), (PLAIN, 100, 20)];
    for (advise, encoding) in [(0, Encoding::Shifted), (INTERLACED, Encoding::Interlaced)] {
        let file = File::full(12, 8192, advise, &entries[..1]);
        let file = File { size: 4000, ..file };
        assert_eq!(
            file.extents(),
            [on_device(0, 4000, 10 << 12, 4096, encoding)]
        );
    }
}

#[test]
fn compact_entries() {
    // Three packs of two, one of sixteen, four of two.
    let size = 30 * 512;
    let mut file = File::new(9, true, size, COMPACTED_2B);
    for nr in 0..3 {
        let pack = &mut file.image[COMPACT + nr * 8..];
        pack.put16(0, HEAD1 << 12);
        pack.put16(2, (PLAIN << 12) | nr as u16);
        pack.put32(4, 100 + nr as u32 * 2 - 1);
    }
    // Sixteen heads of fourteen bits each.
    let small = COMPACT + 24;
    assert_eq!(small % 32, 0);
    let mut bits = 0u128;
    let mut high = 0u128;
    for nr in 0..16u32 {
        let entry = u128::from((u32::from(HEAD1) << 12) | nr);
        bits |= entry.checked_shl(nr * 14).unwrap_or(0);
        if nr * 14 + 14 > 128 {
            high |= if nr * 14 >= 128 {
                entry << (nr * 14 - 128)
            } else {
                entry >> (128 - nr * 14)
            };
        }
    }
    file.image[small..small + 16].copy_from_slice(&bits.to_le_bytes());
    file.image[small + 16..small + 28].copy_from_slice(&high.to_le_bytes()[..12]);
    // The first head is at block 0.
    file.image.put32(small + 28, u32::MAX);
    for nr in 0..4 {
        let pack = &mut file.image[small + 32 + nr * 8..];
        pack.put16(0, (HEAD2 << 12) | 7);
        pack.put16(2, (REST << 12) | 1);
        pack.put32(4, 500);
    }
    let block = |pos| match file.map(pos, Want::Asked).unwrap().unwrap().at {
        ZipPlacement::Device { pos, .. } => pos.get() / 512,
        other => panic!("{other:?}"),
    };
    for nr in 0..3 {
        assert_eq!(block(nr * 1024 + 511), 100 + nr * 2);
        assert_eq!(block(nr * 1024 + 1023), 101 + nr * 2);
    }
    for nr in 0..16 {
        assert_eq!(block((6 + nr) * 512 + 511), nr);
    }
    for nr in 0..4 {
        assert_eq!(block((22 + nr * 2) * 512 + 7), 501);
        assert_eq!(block((22 + nr * 2) * 512 + 512), 501);
    }
    let last = file.map(29 * 512, Want::Whole).unwrap().unwrap();
    let expected = on_device(28 * 512 + 7, 2 * 512 - 7, 501 * 512, 512, Encoding::Zstd);
    assert_eq!(last, expected);
}

#[test]
fn compact_entries_with_large_pclusters() {
    let packs = [
        ([(HEAD1, 0), (REST, 0x800 | 3)], 10),
        ([(REST, 2), (HEAD1, 5)], 13),
        ([(REST, 0x800 | 2), (HEAD1, 9)], 13),
        ([(PLAIN, 20), (PLAIN, 30)], 16),
    ];
    let file = File::packs(12, 8 * 4096, BIG, &packs);
    let expected = [
        on_device(0, 3 * 4096 + 5, 10 << 12, 3 << 12, Encoding::Lz4),
        on_device(3 * 4096 + 5, 8196, 13 << 12, 2 << 12, Encoding::Lz4),
        on_device(5 * 4096 + 9, 4107, 15 << 12, 1 << 12, Encoding::Lz4),
    ];
    for extent in expected {
        for pos in [0, 1, 4095, 4096, extent.len - 1] {
            let pos = extent.start.get() + pos.min(extent.len - 1);
            assert_eq!(file.map(pos, Want::Whole), Ok(Some(extent)), "{pos}");
        }
    }
    // More bytes than there are.
    let error = ZipError::NotEnoughPlain { start: 24596 };
    assert_eq!(file.error(24596 + 4105, Want::Asked), error);
    assert_eq!(file.error(24596, Want::Whole), error);
    assert!(file.map(24596, Want::Asked).is_ok());
}

#[test]
fn what_compact_entries_cannot_say() {
    // Fourteen bits of number.
    let packs = [([(HEAD1 << 2, 0), (REST << 2, 1)], 10); 4];
    let invalid = |bits| ZipError::CompactIndex {
        lcn: 0,
        lcluster_bits: bits,
    };
    let file =
        |bits: u8| File::packs(12, 16384, 0, &packs).with(|file| file.image.put8(HEADER + 7, bits));
    assert!(file(2).map(0, Want::Asked).is_ok());
    assert_eq!(file(3).error(0, Want::Asked), invalid(15));
    assert_eq!(invalid(15).kind(), ErrorKind::Invalid);
    let packed = File::packs(12, 16384 * 30, COMPACTED_2B, &packs)
        .with(|file| file.image.put8(HEADER + 7, 2));
    assert!(packed.map(0, Want::Asked).is_ok());
    let error = packed.error(6 * 16384, Want::Asked);
    assert_eq!(
        (error, error.kind()),
        (ZipError::CompactLcluster(14), ErrorKind::Unsupported)
    );
    // More lclusters than anything can count.
    let large = File {
        size: 0x80_0000_0000_0fff,
        ..File::packs(12, 0, 0, &packs)
    };
    assert_eq!(large.error(0, Want::Asked), invalid(12));
}

#[test]
fn broken_compact_entries() {
    let bogus = |lcn| ZipError::BogusBlockCount { lcn };
    let one = |bits, advise, pack| File::packs(bits, 2 << bits, advise, &[(pack, 10)]);
    // An extent that begins at byte 515 of 512.
    let file = one(9, 0, [(HEAD1, 0), (HEAD1, 515)]);
    let error = ZipError::ClusterOffset {
        lcn: 1,
        offset: 515,
    };
    assert_eq!(file.error(512, Want::Asked), error);
    assert_eq!(file.error(0, Want::Whole), error);
    let file = one(12, 0, [(HEAD1, 0), (REST, 0x801)]);
    assert_eq!(file.error(4096, Want::Asked), bogus(1));
    // A number of blocks has to be behind a head.
    let file = File::packs(
        12,
        16384,
        BIG,
        &[
            ([(HEAD1, 0), (REST, 0x801)], 1),
            ([(REST, 1), (HEAD1, 0)], 1),
        ],
    );
    assert_eq!(file.error(3 * 4096, Want::Asked), bogus(3));
    // Entries that lead nowhere.
    let file = one(12, 0, [(REST, 0), (REST, 1)]);
    assert_eq!(
        file.error(0, Want::Asked),
        ZipError::Lookback {
            lcn: 0,
            distance: 0
        }
    );
    let file = one(12, 0, [(REST, 5), (REST, 1)]);
    assert_eq!(
        file.error(0, Want::Asked),
        ZipError::Lookback {
            lcn: 0,
            distance: 5
        }
    );
    assert_eq!(file.error(4096, Want::Asked).kind(), ErrorKind::Corrupted);
    let file = one(12, 0, [(HEAD1, 5), (REST, 1)]);
    assert_eq!(
        file.error(4, Want::Asked),
        ZipError::Lookback {
            lcn: 0,
            distance: 1
        }
    );
}

#[test]
fn broken_full_entries() {
    let file = |entries: &[_]| File::full(12, entries.len() as u64 * 4096, BIG, entries);
    for offset in [4096, 33024, 65535] {
        let error = ZipError::ClusterOffset { lcn: 0, offset };
        assert_eq!(file(&[(HEAD1, offset, 10)]).error(0, Want::Asked), error);
        assert_eq!(error.kind(), ErrorKind::Corrupted);
    }
    assert_eq!(
        file(&[(REST, 0, rest(0, 0))]).error(0, Want::Asked),
        ZipError::Lookback {
            lcn: 0,
            distance: 0
        }
    );
    assert_eq!(
        file(&[(HEAD1, 0, 0), (REST, 0, rest(2, 0))]).error(4096, Want::Asked),
        ZipError::Lookback {
            lcn: 1,
            distance: 2
        }
    );
    assert_eq!(
        file(&[(HEAD1, 0, 10), (REST, 0, rest(2, 0))]).error(0, Want::Asked),
        ZipError::BogusBlockCount { lcn: 1 }
    );
    let small = File::full(12, 8192, 0, &[(HEAD1, 0, 10), (REST, 0, count(1, 0))]);
    assert_eq!(
        small.error(4096, Want::Asked),
        ZipError::BogusBlockCount { lcn: 1 }
    );
    // More than an extent can have, before it is decoded and after.
    let large = file(&[
        (HEAD1, 0, 10),
        (REST, 0, count(257, 0)),
        (REST, 0, rest(2, 0)),
    ]);
    let error = ZipError::TooLarge { start: 0 };
    assert_eq!(large.error(0, Want::Asked), error);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let large = file(&[
        (HEAD1, 0, 10),
        (REST, 0, count(256, 0)),
        (REST, 0, rest(2, 0)),
    ]);
    assert!(large.map(0, Want::Asked).is_ok());
    assert!(large.map(0, Want::Whole).is_ok());
    // Fewer bytes than they are compressed to, if more follow.
    let few = file(&[(HEAD1, 0, 10), (REST, 0, count(2, 0)), (HEAD1, 0, 10)]);
    assert_eq!(few.map(0, Want::Whole).unwrap().unwrap().len, 8192);
    let few = file(&[(HEAD1, 1, 10), (REST, 0, count(2, 0)), (HEAD1, 0, 10)]);
    assert_eq!(
        few.error(1, Want::Whole),
        ZipError::TooMuchCompressed { start: 1 }
    );
    assert!(few.map(1, Want::Asked).is_ok());
    let few = file(&[
        (HEAD1 | PARTIAL, 1, 10),
        (REST, 0, count(2, 0)),
        (HEAD1, 0, 10),
    ]);
    assert!(few.map(1, Want::Whole).unwrap().unwrap().partial);
    let few = file(&[(HEAD1, 1, 10), (REST, 0, count(2, 0))]);
    assert!(few.map(1, Want::Whole).is_ok());
    // The image does not use the algorithm.
    let unused = file(&[(HEAD2, 0, 10)]).with(|file| {
        file.sb.compression = Compression::Configured(Algorithms::LZ4);
    });
    let error = unused.error(0, Want::Asked);
    assert_eq!(
        (error, error.kind()),
        (ZipError::InconsistentAlgorithm(3), ErrorKind::Corrupted)
    );
    // The image ends.
    let short = file(&[(HEAD1, 0, 10)]).with(|file| file.image.truncate(FULL + 7));
    assert_eq!((short.error(0, Want::Asked).kind()), ErrorKind::Io);
    let short = file(&[]).with(|file| file.image.truncate(HEADER + 7));
    assert_eq!(short.load(), Err(Failure::Zip(ZipError::Truncated)));
    let far = file(&[(HEAD1, 0, 10)]).with(|file| file.nid = Nid::new(u64::MAX >> 1));
    assert_eq!(far.load(), Err(Failure::Zip(ZipError::Overflow)));
}

/// As the first mkfs.erofs wrote them.
#[test]
fn a_distance_of_zero_to_the_next_head_is_one() {
    let entries = [
        (HEAD1, 0, 10),
        (REST, 0, rest(1, 0)),
        (REST, 0, rest(2, 0)),
        (HEAD1, 9, 11),
    ];
    let file = File::full(12, 16384, 0, &entries);
    assert_eq!(
        file.extents()[0],
        on_device(0, 12297, 10 << 12, 4096, Encoding::Lz4)
    );
}
