// SPDX-License-Identifier: GPL-2.0

//! Records of extents, of all sizes.

use super::*;

/// `plen` of a record.
fn plen(len: u32, algorithm: Option<u32>) -> u32 {
    len | algorithm.map_or(0, |number| (number + 1) << 28)
}

#[test]
fn records_of_extents_of_any_length() {
    for width in [16, 32] {
        let records = [
            &[plen(5000, Some(0)), 70_001, 0, 100, 0][..],
            &[plen(4096, None), 8192, 0, 20_000, 0],
            &[plen(4097, None), 8192, 0, 20_100, 0],
            &[plen(4096, None), 8193, 0, 24_000, 0],
            &[0x0200_0000, 5, 0, 25_000, 0],
            &[plen(100, Some(3)) | (1 << 27), 1, 9, 26_000, 0],
            &[plen(1 << 20, Some(2)), 0, 0, 30_000, 0],
        ];
        let records = records.map(|record| &record[..width.min(20) / 4]);
        let file = File::records(12, 40_000, INTERLACED, width, &records);
        assert_eq!(
            file.extents(),
            [
                hole(0, 100),
                on_device(100, 19_900, 70_001, 5000, Encoding::Lz4),
                on_device(20_000, 100, 8192, 4096, Encoding::Interlaced),
                on_device(20_100, 3900, 8192, 4097, Encoding::Shifted),
                on_device(24_000, 1000, 8193, 4096, Encoding::Shifted),
                hole(25_000, 1000),
                partial(on_device(26_000, 4000, 1 | (9 << 32), 100, Encoding::Zstd)),
                on_device(30_000, 10_000, 0, 1 << 20, Encoding::Deflate),
            ]
        );
        // What is not last has more compressed bytes than plain ones for no good reason.
        let file = File::records(
            12,
            60_000,
            0,
            width,
            &[records[6], &[0, 0, 0, 50_000, 0][..width.min(20) / 4]],
        );
        assert_eq!(
            file.error(30_000, Want::Asked),
            ZipError::TooMuchCompressed { start: 30_000 }
        );

        let file = File::records(12, 40_000, FRAGMENT, width, &records);
        assert_eq!(
            file.extents()[6],
            partial(on_device(26_000, 4000, 1 | (9 << 32), 100, Encoding::Zstd))
        );
        assert_eq!(
            file.extents()[7],
            fragment(30_000, 10_000, u64::from(records[6][0]))
        );
        // None at all.
        let file = File::records(12, 40_000, FRAGMENT, width, &[]);
        assert_eq!(file.extents(), [hole(0, 40_000)]);
    }
    // Past 4 GiB.
    let records = [
        &[plen(7, Some(0)), 0, 0, 0, 0][..],
        &[plen(9, Some(0)), 0, 0, 5, 1],
    ];
    let file = File::records(12, (1 << 32) + 100, 0, 32, &records);
    let last = file.map((1 << 32) | 50, Want::Asked).unwrap().unwrap();
    assert_eq!(last, on_device((1 << 32) | 5, 95, 0, 9, Encoding::Lz4));
    assert_eq!(file.error(0, Want::Asked), ZipError::TooLarge { start: 0 });
}

#[test]
fn broken_records() {
    let one = |record: [u32; 4]| File::records(12, 20_000, 0, 16, &[&record]).error(0, Want::Asked);
    assert_eq!(
        one([plen(100, Some(4)), 0, 0, 0]),
        ZipError::UnknownAlgorithm(4)
    );
    assert_eq!(
        one([plen(100, Some(14)), 0, 0, 0]).kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(
        one([plen(19_999, None), 0, 0, 0]),
        ZipError::NotEnoughPlain { start: 0 }
    );
    assert_eq!(
        one([plen((1 << 20) + 1, None), 0, 0, 0]),
        ZipError::TooLarge { start: 0 }
    );
    let wrap = ZipError::PclusterOverflow { start: 0 };
    assert_eq!(
        one([plen(0xb4000, Some(0)), 0xffdc_ffed, 0xffff_ffff, 0]),
        wrap
    );
    assert_eq!(one([plen(1, Some(0)), u32::MAX, u32::MAX, 0]), wrap);
    assert_eq!(one([plen(1, Some(0)), u32::MAX, 0x0fff_ffff, 0]), wrap);
    assert_eq!(wrap.kind(), ErrorKind::Corrupted);
    assert_eq!(
        one([plen(1, Some(0)), 0, 0, 20_001]),
        ZipError::RecordOrder { start: 20_001 }
    );
    // Not sorted.
    let records = [0, 9, 5, 7].map(|start| [plen(1, Some(0)), 0, 0, start]);
    let records = records.each_ref().map(|record| &record[..]);
    let file = File::records(12, 20_000, 0, 16, &records);
    assert_eq!(
        file.error(0, Want::Asked),
        ZipError::RecordOrder { start: 9 }
    );
    // More than there can be.
    let file = File::records(12, 20_000, 0, 16, &[]).with(|file| {
        file.image.put32(HEADER, u32::MAX);
        file.image.put16(HEADER + 6, 0x7fff);
    });
    assert_eq!(file.error(0, Want::Asked), ZipError::Truncated);
}

#[test]
fn records_of_lclusters() {
    // Lclusters of two blocks.
    let bits = |file: &mut File| file.image.put8(HEADER + 7, 1);
    let records: [&[u32]; 4] = [
        &[plen(1000, Some(0)), 70_001],
        &[0, 5],
        &[plen(8192, None), 4096],
        &[plen(77, Some(0)), 5],
    ];
    let file = File::records(12, 30_000, INTERLACED, 8, &records).with(bits);
    let expected = [
        on_device(0, 8192, 70_001, 1000, Encoding::Lz4),
        hole(8192, 8192),
        on_device(16_384, 8192, 4096, 8192, Encoding::Interlaced),
        on_device(24_576, 5424, 5, 77, Encoding::Lz4),
    ];
    assert_eq!(file.extents(), expected);
    let file = File::records(12, 30_000, FRAGMENT, 8, &records).with(bits);
    let pos = u64::from(plen(77, Some(0))) | (5 << 32);
    assert_eq!(file.extents()[3], fragment(24_576, 5424, pos));
    // All of it is an lcluster, and the last one.
    let file = File { size: 8192, ..file };
    let pos = u64::from(plen(1000, Some(0))) | (70_001 << 32);
    let file = File {
        packed_size: Some(u64::MAX),
        ..file
    };
    assert_eq!(file.extents(), [fragment(0, 8192, pos)]);
}

#[test]
fn records_of_pclusters_in_a_row() {
    let records: [&[u32]; 5] = [
        &[plen(1000, Some(0))],
        &[0],
        &[plen(4096, None) | (1 << 27)],
        &[plen(77, Some(3))],
        &[plen(5, Some(1))],
    ];
    let base = COMPACT;
    let file = File::records(12, 20_000, 0, 4, &records)
        .with(|file| file.image.put64(base, 0x1_0000_0003));
    let start = 0x1_0000_0003;
    let expected = [
        on_device(0, 4096, start, 1000, Encoding::Lz4),
        hole(4096, 4096),
        partial(on_device(8192, 4096, start + 1000, 4096, Encoding::Shifted)),
        on_device(12_288, 4096, start + 5096, 77, Encoding::Zstd),
        on_device(16_384, 3616, start + 5173, 5, Encoding::Lzma),
    ];
    assert_eq!(file.extents(), expected);
    let file = file.with(|file| file.image.put16(HEADER + 4, EXTENTS | FRAGMENT));
    assert_eq!(
        file.extents()[4],
        fragment(16_384, 3616, u64::from(plen(5, Some(1))))
    );
    let file = file.with(|file| file.image.put64(base, u64::MAX - 1000));
    assert_eq!(
        file.error(0, Want::Asked),
        ZipError::PclusterOverflow { start: 0 }
    );
    assert_eq!(file.error(8192, Want::Asked).kind(), ErrorKind::Corrupted);
    assert_eq!(file.error(12_288, Want::Asked), ZipError::Overflow);
}
