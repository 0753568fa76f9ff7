// SPDX-License-Identifier: GPL-2.0

//! The configurations of algorithms.

use super::*;

/// The first page of an image with these records of configurations behind the superblock.
fn configurations(records: &[(u16, &[u8])]) -> Vec<u8> {
    let mut image = vec![0; 1024 + 128];
    for (len, record) in records {
        image.resize(image.len().next_multiple_of(4), 0);
        image.extend(len.to_le_bytes());
        image.extend(*record);
    }
    image
}

#[test]
fn configurations_of_algorithms() {
    let lz4 = [0xff, 0x7f, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let lzma = [0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let deflate = [15, 0, 0, 0, 0, 0];
    let zstd = [0, 10, 0, 0, 0, 0];
    let mut sb = superblock(12);
    let read = |sb: &Superblock, available, records: &[(u16, &[u8])]| {
        let image = configurations(records);
        ZipConfigs::read(sb, available, &Pages::new(&image, 512))
    };
    let all = [(14, &lz4[..]), (14, &lzma), (6, &deflate), (6, &zstd)];
    let expected = ZipConfigs {
        lz4: Some(Lz4Config {
            max_distance: 0x7fff,
            max_pclusterblks: 16,
        }),
        lzma: Some(LzmaConfig { dict_size: 8 << 20 }),
        deflate: Some(DeflateConfig { window_bits: 15 }),
        zstd: Some(ZstdConfig { window_log: 20 }),
    };
    assert_eq!(read(&sb, Algorithms::ALL, &all), Ok(expected));
    let error = |error| Err(Failure::ZipConfig(error));
    let not_built = ZipConfigError::NotBuilt(Algorithm::Deflate);
    assert_eq!(read(&sb, Algorithms::new(0xb), &all), error(not_built));
    assert_eq!(not_built.kind(), ErrorKind::Unsupported);
    assert_eq!(
        read(&sb, Algorithms::ALL, &all[..3]),
        error(ZipConfigError::Truncated)
    );
    // A record may be longer, and then all of it has to be there.
    let long = [&lz4[..], &[1; 100]].concat();
    let longer = [(114, &long[..]), all[1], all[2], all[3]];
    assert_eq!(read(&sb, Algorithms::ALL, &longer), Ok(expected));
    assert_eq!(
        read(&sb, Algorithms::ALL, &[(0, &long)]),
        error(ZipConfigError::Truncated)
    );

    let mut one = |algorithm, len, record: &[u8]| {
        sb.compression = Compression::Configured(algorithm);
        read(&sb, Algorithms::ALL, &[(len, record)])
    };
    let size = |algorithm, len| error(ZipConfigError::Size { algorithm, len });
    assert_eq!(one(Algorithms::LZ4, 13, &lz4), size(Algorithm::Lz4, 13));
    assert_eq!(one(Algorithms::LZMA, 13, &lzma), size(Algorithm::Lzma, 13));
    assert_eq!(
        one(Algorithms::DEFLATE, 5, &deflate),
        size(Algorithm::Deflate, 5)
    );
    assert_eq!(one(Algorithms::ZSTD, 1, &zstd), size(Algorithm::Zstd, 1));
    let one_block = one(Algorithms::LZ4, 14, &[0; 14]).unwrap();
    assert_eq!(
        one_block.lz4,
        Some(Lz4Config {
            max_distance: 0,
            max_pclusterblks: 1
        })
    );
    assert_eq!(
        (one_block.lzma, one_block.deflate, one_block.zstd),
        (None, None, None)
    );
    assert_eq!(
        one(Algorithms::LZ4, 14, &[1; 14]),
        error(ZipConfigError::Lz4Pcluster(0x101))
    );
    let lzma = |dict: u32, format| {
        let mut record = [0; 14];
        record.put32(0, dict);
        record.put16(4, format);
        record
    };
    assert_eq!(
        one(Algorithms::LZMA, 14, &lzma(4096, 1)),
        error(ZipConfigError::LzmaFormat(1))
    );
    assert!(one(Algorithms::LZMA, 14, &lzma(4096, 0)).is_ok());
    for size in [4095, (8 << 20) + 1] {
        assert_eq!(
            one(Algorithms::LZMA, 14, &lzma(size, 0)),
            error(ZipConfigError::LzmaDict(size))
        );
    }
    let window = ZipConfigError::DeflateWindow(16);
    assert_eq!(one(Algorithms::DEFLATE, 6, &[16; 6]), error(window));
    assert_eq!(window.kind(), ErrorKind::Unsupported);
    assert_eq!(
        one(Algorithms::ZSTD, 6, &[1; 6]),
        error(ZipConfigError::ZstdFormat(1))
    );
    let window = ZipConfigError::ZstdWindow(11);
    assert_eq!(
        one(Algorithms::ZSTD, 6, &[0, 11, 0, 0, 0, 0]),
        error(window)
    );
    assert_eq!(window.kind(), ErrorKind::Invalid);

    // Without configurations.
    sb.compression = Compression::Lz4 { max_distance: 77 };
    let old = ZipConfigs::read(&sb, Algorithms::ALL, &Unreadable).unwrap();
    assert_eq!(
        old.lz4,
        Some(Lz4Config {
            max_distance: 77,
            max_pclusterblks: 1
        })
    );
    let none = ZipConfigs::read(&sb, Algorithms::ZSTD, &Unreadable);
    assert_eq!(none, error(ZipConfigError::NotBuilt(Algorithm::Lz4)));
    sb.compression = Compression::None;
    assert!(ZipConfigs::read(&sb, Algorithms::NONE, &Unreadable).is_ok());
}
