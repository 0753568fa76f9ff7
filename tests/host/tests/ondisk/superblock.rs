// SPDX-License-Identifier: GPL-2.0

use super::build::*;
use ondisk_tests::ondisk::superblock::*;
use ondisk_tests::ondisk::*;
use proptest::prelude::*;

fn parse(image: &[u8]) -> Result<Superblock, SuperblockError> {
    Superblock::parse(image, 12, crc32c)
}

/// The image after a change to its superblock.
fn with(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut image = image();
    change(&mut image[1024..]);
    image
}

/// Sets a feature and the checksum, as mkfs does: over the superblock's block from its magic
/// number on, with the checksum's own field taken for zeros.
fn seal(image: &mut [u8], block: usize) {
    let flags = u32::from_le_bytes(image[1032..1036].try_into().unwrap());
    image[1024..].put32(8, flags | 1);
    image[1024..].put32(4, 0);
    let end = if block > 1024 { block } else { 1024 + block };
    let crc = crc32c(!0, &image[1024..end]);
    image[1024..].put32(4, crc);
}

#[track_caller]
fn refuses(image: &[u8], kind: ErrorKind, message: &str) {
    let error = parse(image).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.to_string(), message);
}

#[test]
fn says_what_is_there() {
    let sb = parse(&with(|sb| {
        sb.put32(44, 17);
        sb[48..64].copy_from_slice(b"0123456789abcdef");
        sb[64..70].copy_from_slice(b"volume");
        sb.put16(86, 9);
        sb.put16(88, 40);
        sb.put8(91, 3);
        sb.put32(92, 8);
        sb.put8(104, 1);
        sb.put32(108, 12);
        sb.put32(40, 2);
    }))
    .unwrap();
    assert_eq!(sb.block_bits.size(), 4096);
    assert_eq!(sb.compat.bits(), 0);
    assert_eq!(sb.incompat.bits(), 0);
    assert_eq!(sb.size, 128);
    assert_eq!(sb.root_nid, Nid::new(36));
    assert_eq!(sb.packed_nid, None);
    assert_eq!(sb.metabox_nid, None);
    assert_eq!(sb.meta_blkaddr, BlockNr::new(2));
    assert_eq!(sb.blocks, 1000);
    assert_eq!(sb.inos, 11);
    assert_eq!(sb.epoch, 1_700_000_000);
    assert_eq!(sb.fixed_nsec, 123_456_789);
    assert_eq!(sb.build_time, 12);
    assert_eq!(&sb.uuid, b"0123456789abcdef");
    assert_eq!(&sb.volume_name, b"volume\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(sb.compression, Compression::None);
    assert!(!sb.is_compressed());
    assert_eq!(sb.extra_devices, 0, "there is no device table");
    assert_eq!(sb.device_table, ImagePos::new(40 * 128));
    assert_eq!(sb.xattr_blkaddr, BlockNr::new(17));
    assert_eq!(sb.xattr_prefix_start, 8);
    assert_eq!(sb.xattr_prefix_count, 3);
    assert_eq!(sb.xattr_filter_reserved, 1);
    assert_eq!(sb.ishare_xattr_prefix, None);

    let sb = parse(&with(|sb| {
        sb.put32(80, 8);
        sb.put16(86, 9);
    }))
    .unwrap();
    assert_eq!(sb.extra_devices, 9);
}

#[test]
fn no_superblock() {
    refuses(
        &[0; 4096],
        ErrorKind::Invalid,
        "cannot find valid erofs superblock",
    );
}

#[test]
fn too_short() {
    refuses(
        &image()[..1151],
        ErrorKind::Io,
        "cannot read erofs superblock: the image ends after 1151 bytes",
    );
    refuses(
        &[],
        ErrorKind::Io,
        "cannot read erofs superblock: the image ends after 0 bytes",
    );
    assert!(parse(&image()[..1152]).is_ok());
    // What the checksum covers has to be there.
    let mut image = image();
    seal(&mut image, 4096);
    assert!(parse(&image).is_ok());
    for len in [1152, 1168, 4095] {
        assert_eq!(parse(&image[..len]), Err(SuperblockError::TooShort { len }));
    }
}

#[test]
fn block_sizes() {
    for bits in 0..=u8::MAX {
        let image = with(|sb| sb.put8(12, bits));
        for page_shift in [12, 14, 16] {
            let parsed = Superblock::parse(&image[..], page_shift, crc32c);
            if (9..=page_shift).contains(&bits) {
                assert_eq!(parsed.unwrap().block_bits.bits(), bits);
            } else {
                assert_eq!(parsed, Err(SuperblockError::BlockBits { bits, page_shift }));
            }
        }
    }
    refuses(
        &with(|sb| sb.put8(12, 8)),
        ErrorKind::Invalid,
        "blkszbits 8 isn't supported",
    );
    refuses(
        &with(|sb| sb.put8(12, 14)),
        ErrorKind::Invalid,
        "blkszbits 14 isn't supported: blocks of 16384 bytes are larger than this kernel's pages \
         of 4096 bytes; make the image with smaller blocks (mkfs.erofs -b 4096)",
    );
    refuses(
        &with(|sb| sb.put8(12, 200)),
        ErrorKind::Invalid,
        "blkszbits 200 isn't supported",
    );
    refuses(
        &with(|sb| sb.put8(90, 1)),
        ErrorKind::Invalid,
        "dirblkbits 1 isn't supported",
    );
}

#[test]
fn checksums() {
    for bits in 9..=12 {
        let mut image = with(|sb| sb.put8(12, bits));
        // The end is covered, and so is every byte before it.
        let end = (1usize << bits).max(1024 + (1 << bits).min(1024));
        seal(&mut image, 1 << bits);
        let sb = parse(&image).unwrap();
        assert!(sb.compat.contains(CompatFeatures::SB_CHKSUM));
        assert_eq!(parse(&image[..end]), Ok(sb));
        for at in (1028..end).step_by(7).chain([end - 1]) {
            // These are looked at before.
            if at == 1036 || at == 1114 || (1032..1036).contains(&at) {
                continue;
            }
            image[at] ^= 0x40;
            let error = parse(&image).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadChecksum, "byte {at}: {error}");
            image[at] ^= 0x40;
        }
        if end < 4096 {
            image[end] ^= 1;
            assert!(parse(&image).is_ok());
        }
    }

    let mut image = image();
    seal(&mut image, 4096);
    image[1024..].put32(4, 0x12);
    let computed = match parse(&image) {
        Err(SuperblockError::Checksum { computed, stored }) => {
            assert_eq!(stored, 0x12);
            computed
        }
        other => panic!("{other:?}"),
    };
    refuses(
        &image,
        ErrorKind::BadChecksum,
        &format!("invalid checksum 0x{computed:08x}, 0x00000012 expected"),
    );
}

#[test]
fn features() {
    for bit in 0..32 {
        let bits = 1u32 << bit;
        let image = with(|sb| {
            sb.put32(80, bits);
            sb.put8(13, 1);
        });
        if bit < 9 {
            assert_eq!(parse(&image).unwrap().incompat.bits(), bits);
        } else {
            refuses(
                &image,
                ErrorKind::Invalid,
                &format!("unidentified incompatible feature {bits:x}, please upgrade kernel"),
            );
        }
    }
    // Known bits are not among the unknown ones.
    refuses(
        &with(|sb| sb.put32(80, 0x1600)),
        ErrorKind::Invalid,
        "unidentified incompatible feature 1600, please upgrade kernel",
    );
    // Compatible ones may be anything.
    let image = with(|sb| sb.put32(8, !0x21));
    assert_eq!(parse(&image).unwrap().compat.bits(), !0x21);
}

#[test]
fn extension_slots() {
    for slots in 0..=u8::MAX {
        let image = with(|sb| sb.put8(13, slots));
        let size = 128 + u32::from(slots) * 16;
        for (page_shift, room) in [(12, 3072), (14, 15360), (16, 64512)] {
            let parsed = Superblock::parse(&image[..], page_shift, crc32c);
            if size <= room {
                assert_eq!(parsed.unwrap().size, size);
            } else {
                assert_eq!(parsed, Err(SuperblockError::ExtensionSlots(size)));
            }
        }
    }
    refuses(
        &with(|sb| sb.put8(13, 255)),
        ErrorKind::Invalid,
        "invalid sb_extslots 4208 (more than a fs block)",
    );
}

#[test]
fn shared_inodes() {
    let ishare = |id, count| {
        with(|sb| {
            sb.put32(8, 0x20);
            sb.put8(91, count);
            sb.put8(105, id);
        })
    };
    assert_eq!(parse(&ishare(2, 3)).unwrap().ishare_xattr_prefix, Some(2));
    refuses(
        &ishare(3, 3),
        ErrorKind::Corrupted,
        "invalid ishare xattr prefix id 3",
    );
    refuses(
        &ishare(0, 0),
        ErrorKind::Corrupted,
        "invalid ishare xattr prefix id 0",
    );
    // Without the feature it means nothing.
    let image = with(|sb| sb.put8(105, 9));
    assert_eq!(parse(&image).unwrap().ishare_xattr_prefix, None);
}

#[test]
fn root_of_48_bits() {
    let image = |features, long_root| {
        with(|sb| {
            sb.put32(80, features);
            sb.put16(14, 5);
            sb.put64(112, long_root);
        })
    };
    let sb = parse(&image(0x80, 1 << 40)).unwrap();
    assert_eq!(sb.root_nid, Nid::new(1 << 40));
    assert_eq!(sb.blocks, (5 << 32) | 1000);
    let sb = parse(&image(0x80, 0)).unwrap();
    assert_eq!(sb.root_nid, Nid::new(5));
    assert_eq!(sb.blocks, 1000);
    let sb = parse(&image(0, 1 << 40)).unwrap();
    assert_eq!(sb.root_nid, Nid::new(5));
    assert_eq!(sb.blocks, 1000);
}

#[test]
fn packed_inode() {
    let packed = |features, nid| {
        parse(&with(|sb| {
            sb.put32(80, features);
            sb.put64(96, nid);
        }))
        .unwrap()
        .packed_nid
    };
    assert_eq!(packed(0x20, 99), Some(Nid::new(99)));
    assert_eq!(packed(0x20, 0), None);
    assert_eq!(packed(0, 99), None);
}

#[test]
fn metabox() {
    let metabox = |slots, nid| {
        with(|sb| {
            sb.put32(80, 0x100);
            sb.put8(13, slots);
            sb.put64(128, nid);
        })
    };
    let sb = parse(&metabox(1, 7)).unwrap();
    assert_eq!(sb.metabox_nid, Some(Nid::new(7)));
    refuses(
        &metabox(0, 7),
        ErrorKind::Corrupted,
        "no metabox nid in a superblock of 128 bytes, though there is a metabox",
    );
    refuses(
        &metabox(1, 1 << 63),
        ErrorKind::Corrupted,
        "metabox nid 9223372036854775808 is in the metabox itself",
    );
    assert_eq!(
        parse(&metabox(1, 7)[..1160]),
        Err(SuperblockError::TooShort { len: 1160 })
    );
    // Without the feature the slot means nothing.
    let image = with(|sb| sb.put64(128, 1 << 63));
    assert_eq!(parse(&image).unwrap().metabox_nid, None);

    // Bits from 31 on move up by one, and the metabox's bit takes their place.
    let ino = |nid| sb.ino(Nid::new(nid));
    assert_eq!(ino(0x1234), 0x1234);
    assert_eq!(ino(0x7fff_ffff), 0x7fff_ffff);
    assert_eq!(ino(0x8000_0000), 0x1_0000_0000);
    assert_eq!(ino((1 << 63) | 5), 0x8000_0005);
    assert_eq!(ino(u64::MAX), u64::MAX);
    assert_eq!(ino(u64::MAX >> 1), !0x8000_0000);
}

#[test]
fn compression() {
    let compression = |features, field| {
        parse(&with(|sb| {
            sb.put32(80, features);
            sb.put16(84, field);
        }))
        .map(|sb| (sb.compression, sb.is_compressed()))
    };
    assert_eq!(compression(0, 0), Ok((Compression::None, false)));
    assert_eq!(
        compression(1, 0),
        Ok((Compression::Lz4 { max_distance: 0 }, true))
    );
    assert_eq!(
        compression(0, 500),
        Ok((Compression::Lz4 { max_distance: 500 }, true))
    );
    let Ok((Compression::Configured(algorithms), true)) = compression(2, 0xa) else {
        panic!();
    };
    assert!(algorithms.contains(Algorithms::LZMA));
    assert!(algorithms.contains(Algorithms::ZSTD));
    assert!(!algorithms.contains(Algorithms::LZ4));
    // Configurations of nothing: as good as none.
    assert_eq!(
        compression(3, 0),
        Ok((Compression::Configured(Algorithms::NONE), false))
    );
    refuses(
        &with(|sb| {
            sb.put32(80, 2);
            sb.put16(84, 0x31);
        }),
        ErrorKind::Unsupported,
        "unidentified algorithms 30, please upgrade kernel",
    );
}

#[test]
fn nanoseconds_have_a_limit() {
    for (stored, read) in [
        (999_999_999, 999_999_999),
        (1_000_000_000, 999_999_999),
        (u32::MAX, 999_999_999),
    ] {
        let image = with(|sb| sb.put32(32, stored));
        assert_eq!(parse(&image).unwrap().fixed_nsec, read);
    }
}

#[test]
fn times_before_1970() {
    let image = with(|sb| sb.put64(24, -5i64 as u64));
    assert_eq!(parse(&image).unwrap().epoch, -5);
}

/// Everything is wrong at first; what is complained about is put right, and so on.
#[test]
fn order_of_checks() {
    let mut image = vec![0u8; 4096];
    let mut seen = Vec::new();
    image[1024..].put8(12, 13);
    image[1024..].put8(90, 2);
    image[1024..].put8(13, 255);
    image[1024..].put32(8, 0x21);
    image[1024..].put32(80, 0x302);
    image[1024..].put16(84, 0x10);
    image[1024..].put64(128, 1 << 63);
    loop {
        let error = match parse(&image) {
            Ok(_) => break,
            Err(error) => error,
        };
        let sb = &mut image[1024..];
        let name = match error {
            SuperblockError::Magic => {
                sb.put32(0, MAGIC);
                "magic"
            }
            SuperblockError::BlockBits { .. } => {
                sb.put8(12, 12);
                "blkszbits"
            }
            SuperblockError::DirBlockBits(_) => {
                sb.put8(90, 0);
                "dirblkbits"
            }
            SuperblockError::Checksum { computed, .. } => {
                sb.put32(4, computed);
                continue;
            }
            SuperblockError::Incompat(bits) => {
                sb.put32(80, 0x302 & !bits);
                "incompat"
            }
            SuperblockError::ExtensionSlots(_) => {
                sb.put8(13, 0);
                "sb_extslots"
            }
            SuperblockError::IsharePrefix(_) => {
                sb.put8(91, 1);
                "ishare"
            }
            SuperblockError::MetaboxMissing(_) => {
                sb.put8(13, 1);
                "metabox"
            }
            SuperblockError::MetaboxLoop(_) => {
                sb.put64(128, 1);
                "metabox loop"
            }
            SuperblockError::Algorithms(_) => {
                sb.put16(84, 1);
                "algorithms"
            }
            SuperblockError::TooShort { .. } => panic!(),
        };
        seen.push(name);
    }
    assert_eq!(
        seen,
        [
            "magic",
            "blkszbits",
            "dirblkbits",
            "incompat",
            "sb_extslots",
            "ishare",
            "metabox",
            "metabox loop",
            "algorithms",
        ]
    );
}

proptest! {
    #[test]
    fn any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..4096),
        known in any::<bool>(),
        page_shift in 12u8..=16,
    ) {
        let mut bytes = bytes;
        if known && bytes.len() >= 1152 {
            let sb = &mut bytes[1024..];
            sb.put32(0, MAGIC);
            let bits = 9 + sb[12] % 4;
            sb.put8(12, bits);
            sb.put8(90, 0);
            sb[81] &= 1;
            sb.put16(82, 0);
        }
        if let Ok(sb) = Superblock::parse(&bytes[..], page_shift, crc32c) {
            prop_assert!(sb.fixed_nsec < 1_000_000_000);
            prop_assert!(sb.block_bits.bits() <= page_shift);
            prop_assert!(sb.metabox_nid.is_none_or(|nid| !nid.in_metabox()));
        }
    }

    #[test]
    fn bytes_that_change(seed: u64) {
        let mut image = with(|sb| {
            sb.put32(80, 0x1ff);
            sb.put8(13, 1);
            sb.put32(8, 0x20);
            sb.put8(91, 7);
        });
        seal(&mut image, 4096);
        let view = Restless::new(image, seed);
        if let Ok(sb) = Superblock::parse(&view, 12, crc32c) {
            prop_assert!(sb.metabox_nid.is_none_or(|nid| !nid.in_metabox()));
            prop_assert!(sb.ishare_xattr_prefix.is_none_or(|id| id < sb.xattr_prefix_count));
        }
    }
}
