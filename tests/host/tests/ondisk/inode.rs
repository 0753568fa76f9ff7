// SPDX-License-Identifier: GPL-2.0

use super::build::*;
use ondisk_tests::ondisk::inode::*;
use ondisk_tests::ondisk::*;
use proptest::prelude::*;

const NID: Nid = Nid::new(1234);

fn parse(bytes: &[u8]) -> Result<Inode, InodeError> {
    Inode::parse(bytes, &superblock(12), NID)
}

/// A superblock of an image with compressed files.
fn compressed() -> Superblock {
    let mut image = image();
    image[1024..].put32(80, 1);
    Superblock::parse(&image[..], 12, crc32c).unwrap()
}

#[track_caller]
fn refuses(bytes: &[u8], kind: ErrorKind, message: &str) {
    let error = parse(bytes).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.to_string(), message);
}

#[test]
fn extended_inode() {
    let inode = parse(&extended()).unwrap();
    assert_eq!(
        inode,
        Inode {
            size: 10_000,
            mtime: 1_600_000_000,
            mtime_nsec: 5,
            uid: 1000,
            gid: 1001,
            nlink: 3,
            xattr_size: 0,
            layout: Layout::FlatPlain {
                start: Some(BlockNr::new(77))
            },
            kind: FileKind::Regular,
            mode: 0o100_644,
            inode_size: 64,
            dot_omitted: false,
        }
    );
    assert_eq!(inode.sectors(superblock(12).block_bits), 24);
    assert_eq!(inode.sectors(superblock(9).block_bits), 20);

    let mut raw = extended();
    raw.put32(24, 100_000);
    raw.put32(28, u32::MAX);
    raw.put32(44, 0);
    raw.put64(32, -7i64 as u64);
    raw.put16(6, 0x1234);
    let inode = parse(&raw).unwrap();
    assert_eq!((inode.uid, inode.gid), (100_000, u32::MAX));
    assert_eq!(inode.nlink, 0);
    assert_eq!(inode.mtime, -7);
    assert_eq!(
        inode.layout,
        Layout::FlatPlain {
            start: Some(BlockNr::new(0x1234_0000_004d))
        }
    );
}

#[test]
fn compact_inode() {
    let inode = parse(&compact()).unwrap();
    assert_eq!(
        inode,
        Inode {
            size: 10_000,
            mtime: 1_700_000_060,
            mtime_nsec: 123_456_789,
            uid: 1000,
            gid: 1001,
            nlink: 2,
            xattr_size: 0,
            layout: Layout::FlatPlain {
                start: Some(BlockNr::new(77))
            },
            kind: FileKind::Regular,
            mode: 0o100_644,
            inode_size: 32,
            dot_omitted: false,
        }
    );
}

/// The bit for one link makes room for the high bits of the block number.
#[test]
fn compact_inode_with_one_link() {
    let mut raw = compact();
    raw.put16(0, 0x10);
    let inode = parse(&raw).unwrap();
    assert_eq!(inode.nlink, 1);
    assert!(!inode.dot_omitted);
    assert_eq!(
        inode.layout,
        Layout::FlatPlain {
            start: Some(BlockNr::new((2 << 32) | 77))
        }
    );
    // Of a directory the bit means something else, and so does the field.
    raw.put16(4, 0o040_755);
    let inode = parse(&raw).unwrap();
    assert_eq!(inode.nlink, 2);
    assert!(inode.dot_omitted);
    assert_eq!(
        inode.layout,
        Layout::FlatPlain {
            start: Some(BlockNr::new(77))
        }
    );
    let mut raw = extended();
    raw.put16(0, 0x11);
    assert!(!parse(&raw).unwrap().dot_omitted);
    raw.put16(4, 0o040_755);
    assert!(parse(&raw).unwrap().dot_omitted);
}

/// What is a hole depends on how many bits a block number has.
#[test]
fn null_blocks() {
    let start = |raw: &[u8]| match parse(raw).unwrap().layout {
        Layout::FlatPlain { start } => start,
        other => panic!("{other:?}"),
    };
    let mut raw = compact();
    raw.put32(16, !0);
    assert_eq!(start(&raw), None);
    raw.put16(0, 0x10);
    assert_eq!(start(&raw), Some(BlockNr::new(0x2_ffff_ffff)));
    raw.put16(6, !0);
    assert_eq!(start(&raw), None);
    let mut raw = extended();
    raw.put32(16, !0);
    assert_eq!(start(&raw), Some(BlockNr::new(0xffff_ffff)));
    raw.put16(6, !0);
    assert_eq!(start(&raw), None);
    // Only where there is nothing but blocks.
    raw.put16(0, 1 | (2 << 1));
    assert_eq!(
        parse(&raw).unwrap().layout,
        Layout::FlatInline {
            start: BlockNr::new(0xffff_ffff_ffff)
        }
    );
}

#[test]
fn kinds() {
    let mut raw = compact();
    raw.put32(16, 0x0801);
    for (mode, kind) in [
        (0o010_600, FileKind::Fifo),
        (0o020_600, FileKind::CharDevice(0x0801)),
        (0o040_600, FileKind::Directory),
        (0o060_600, FileKind::BlockDevice(0x0801)),
        (0o100_600, FileKind::Regular),
        (0o120_777, FileKind::Symlink),
        (0o146_777, FileKind::Socket),
    ] {
        raw.put16(4, mode);
        let inode = parse(&raw).unwrap();
        assert_eq!(inode.kind, kind);
        assert_eq!(inode.mode, mode);
    }
    for format in [0, 3, 5, 7, 9, 11, 13, 14, 15] {
        raw.put16(4, (format << 12) | 0o644);
        refuses(
            &raw,
            ErrorKind::Corrupted,
            &format!("bogus i_mode ({:o}) @ nid 1234", (format << 12) | 0o644),
        );
    }
    refuses(
        &[0; 64],
        ErrorKind::Corrupted,
        "bogus i_mode (0) @ nid 1234",
    );
}

#[test]
fn formats() {
    for format in 0..=u16::MAX {
        let mut raw = extended();
        raw.put16(0, format);
        let parsed = Inode::parse(&raw[..], &compressed(), NID);
        if format >= 0x20 {
            assert_eq!(parsed, Err(InodeError::Format { nid: NID, format }));
        } else if (format >> 1) & 7 > 4 {
            let layout = (format >> 1) & 7;
            assert_eq!(parsed, Err(InodeError::DataLayout { nid: NID, layout }));
        } else {
            assert_eq!(parsed.unwrap().inode_size == 64, format & 1 != 0);
        }
    }
    let mut raw = extended();
    raw.put16(0, 0x21);
    refuses(
        &raw,
        ErrorKind::Unsupported,
        "unsupported i_format 33 of nid 1234",
    );
    raw.put16(0, 0x0d);
    refuses(
        &raw,
        ErrorKind::Unsupported,
        "unsupported datalayout 6 of nid 1234",
    );
}

#[test]
fn sizes() {
    let mut raw = extended();
    raw.put64(8, i64::MAX as u64);
    assert_eq!(parse(&raw).unwrap().size, i64::MAX as u64);
    assert_eq!(
        parse(&raw).unwrap().sectors(superblock(12).block_bits),
        1 << 54
    );
    for size in [1 << 63, u64::MAX] {
        raw.put64(8, size);
        refuses(&raw, ErrorKind::Corrupted, "negative i_size @ nid 1234");
    }
    let mut raw = compact();
    raw.put32(8, !0);
    assert_eq!(parse(&raw).unwrap().size, 0xffff_ffff);
}

#[test]
fn xattr_sizes() {
    let mut raw = compact();
    for (icount, size) in [(0, 0), (1, 12), (2, 16), (u16::MAX, 12 + 65534 * 4)] {
        raw.put16(2, icount);
        let inode = parse(&raw).unwrap();
        assert_eq!(inode.xattr_size, size);
        assert_eq!(
            inode.tail_pos(MetaPos::Image(ImagePos::new(4096))),
            Some(MetaPos::Image(ImagePos::new(4096 + 32 + u64::from(size))))
        );
    }
    assert_eq!(
        parse(&raw)
            .unwrap()
            .tail_pos(MetaPos::Image(ImagePos::new(u64::MAX - 100))),
        None
    );
}

#[test]
fn compressed_inodes() {
    for (data_layout, layout) in [
        (
            1,
            Layout::CompressedFull {
                blocks: (3 << 32) | 77,
            },
        ),
        (
            3,
            Layout::CompressedCompact {
                blocks: (3 << 32) | 77,
            },
        ),
    ] {
        let mut raw = extended();
        raw.put16(0, 1 | (data_layout << 1));
        raw.put16(6, 3);
        let inode = Inode::parse(&raw[..], &compressed(), NID).unwrap();
        assert_eq!(inode.layout, layout);
        assert_eq!(
            inode.sectors(superblock(12).block_bits),
            ((3 << 32) | 77) * 8
        );
        refuses(
            &raw,
            ErrorKind::Corrupted,
            "compressed inode (nid 1234) is invalid in a plain filesystem",
        );
    }
}

#[test]
fn chunks() {
    let mut raw = extended();
    raw.put16(0, 1 | (4 << 1));
    raw.put32(16, 0xffff_0065);
    let Layout::Chunk { format } = parse(&raw).unwrap().layout else {
        panic!();
    };
    assert_eq!(format.block_bits(), 5);
    assert!(format.has_indexes());
    assert!(format.is_48bit());
    raw.put32(16, 0x1f);
    let Layout::Chunk { format } = parse(&raw).unwrap().layout else {
        panic!();
    };
    assert_eq!(format.block_bits(), 31);
    assert!(!format.has_indexes());
    assert!(!format.is_48bit());
    raw.put32(16, 0x80);
    refuses(
        &raw,
        ErrorKind::Unsupported,
        "unsupported chunk format 80 of nid 1234",
    );
}

#[test]
fn nanoseconds_have_a_limit() {
    let mut raw = extended();
    raw.put32(40, u32::MAX);
    assert_eq!(parse(&raw).unwrap().mtime_nsec, 999_999_999);
}

#[test]
fn times_wrap_around() {
    let mut image = image();
    image[1024..].put64(24, i64::MAX as u64);
    let sb = Superblock::parse(&image[..], 12, crc32c).unwrap();
    let inode = Inode::parse(&compact()[..], &sb, NID).unwrap();
    assert_eq!(inode.mtime, i64::MIN + 59);
}

#[test]
fn truncated() {
    for len in 0..32 {
        refuses(
            &compact()[..len],
            ErrorKind::Io,
            "failed to read inode (nid: 1234): the image ends there",
        );
    }
    for len in 0..64 {
        assert_eq!(
            parse(&extended()[..len]),
            Err(InodeError::Truncated { nid: NID })
        );
    }
}

#[test]
fn positions() {
    let position = |meta_blkaddr, nid| {
        let mut sb = superblock(12);
        sb.meta_blkaddr = BlockNr::new(meta_blkaddr);
        Inode::position(&sb, Nid::new(nid))
    };
    let image = |pos| Some(MetaPos::Image(ImagePos::new(pos)));
    assert_eq!(position(0, 36), image(1152));
    assert_eq!(position(3, 36), image(3 * 4096 + 1152));
    // The metabox has no superblock and no gap before its inodes.
    assert_eq!(
        position(3, (1 << 63) | 36),
        Some(MetaPos::Metabox(FilePos::new(1152)))
    );
    assert_eq!(position(0, (1 << 59) - 1), image(u64::MAX - 31));
    assert_eq!(position(1, (1 << 59) - 1), None);
    assert_eq!(position(0, 1 << 59), None);
    assert_eq!(position(0, u64::MAX), None);
}

/// Inode and target in one block: found. The target of others is read as content is.
#[test]
fn fast_symlinks() {
    let bits = superblock(9).block_bits;
    let fast = |raw: &[u8], pos: u64| {
        let pos = MetaPos::Image(ImagePos::new(pos));
        parse(raw)
            .unwrap()
            .fast_symlink(pos, bits)
            .map(|pos| match pos {
                MetaPos::Image(pos) => pos.get(),
                MetaPos::Metabox(_) => panic!(),
            })
    };
    let mut raw = compact();
    raw.put16(0, 2 << 1);
    raw.put16(4, 0o120_777);
    raw.put32(8, 100);
    assert_eq!(fast(&raw, 512), Some(544));
    assert_eq!(fast(&raw, 512 + 380), Some(512 + 412));
    assert_eq!(fast(&raw, 512 + 384), None);
    // Extended attributes in between.
    raw.put16(2, 2);
    assert_eq!(fast(&raw, 512), Some(512 + 32 + 16));
    assert_eq!(fast(&raw, 512 + 384 - 32), Some(512 + 384 + 16));
    assert_eq!(fast(&raw, 512 + 384), None);
    raw.put16(2, 100);
    assert_eq!(fast(&raw, 512), None);
    raw.put16(2, 0);
    // The inode ends with the block.
    assert_eq!(fast(&raw, 512 + 480), None);
    raw.put32(8, 0);
    assert_eq!(fast(&raw, 512 + 480), Some(1024));
    raw.put32(8, 512);
    assert_eq!(fast(&raw, 512), None);
    // Only if the layout says so, and of symbolic links.
    raw.put32(8, 10);
    raw.put16(0, 0);
    assert_eq!(fast(&raw, 512), None);
    raw.put16(0, 2 << 1);
    raw.put16(4, 0o100_777);
    assert_eq!(fast(&raw, 512), None);

    // An extended inode that does not end in the block it begins in.
    let mut raw = extended();
    raw.put16(0, 1 | (2 << 1));
    raw.put16(4, 0o120_777);
    raw.put64(8, 100);
    assert_eq!(fast(&raw, 512 + 480), Some(1056));
    raw.put64(8, 480);
    assert_eq!(fast(&raw, 512 + 480), Some(1056));
    raw.put64(8, 481);
    assert_eq!(fast(&raw, 512 + 480), None);
    raw.put64(8, i64::MAX as u64);
    assert_eq!(fast(&raw, 512 + 480), None);
}

#[test]
fn targets() {
    assert_eq!(check_target(NID, b"a"), Ok(()));
    for (target, size) in [(&b""[..], 0), (b"\0", 1), (b"abc\0d", 5), (b"abc\0", 4)] {
        let error = check_target(NID, target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted);
        assert_eq!(
            error.to_string(),
            format!("invalid fast symlink size {size} @ nid 1234")
        );
    }
}

/// Everything is wrong at first; what is complained about is put right, and so on.
#[test]
fn order_of_checks() {
    let mut raw = extended();
    raw.put16(0, 0x2b);
    raw.put64(8, u64::MAX);
    raw.put16(4, 0o644);
    let mut seen = Vec::new();
    while let Err(error) = parse(&raw) {
        seen.push(match error {
            InodeError::Format { .. } => {
                raw.put16(0, 0x0b);
                "format"
            }
            InodeError::DataLayout { .. } => {
                raw.put16(0, 0x03);
                "layout"
            }
            InodeError::NegativeSize { .. } => {
                raw.put64(8, 1);
                "size"
            }
            InodeError::Mode { .. } => {
                raw.put16(4, 0o100_644);
                "mode"
            }
            InodeError::CompressedInPlain { .. } => {
                raw.put16(0, 0x09);
                raw.put32(16, 0xffff);
                "compressed"
            }
            InodeError::ChunkFormat { .. } => {
                raw.put32(16, 0);
                "chunk format"
            }
            other => panic!("{other}"),
        });
    }
    assert_eq!(
        seen,
        [
            "format",
            "layout",
            "size",
            "mode",
            "compressed",
            "chunk format"
        ]
    );
}

#[test]
fn inodes_are_small() {
    assert!(size_of::<Inode>() <= 88);
}

proptest! {
    #[test]
    fn any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        nid: u64,
        bits in 9u8..=16,
        pos: u64,
    ) {
        let mut bytes = bytes;
        if let Some(byte) = bytes.get_mut(1) {
            *byte = 0;
        }
        let mut sb = superblock(bits);
        sb.compression = Compression::Lz4 { max_distance: 0 };
        sb.meta_blkaddr = BlockNr::new(u64::from(pos as u32));
        let nid = Nid::new(nid);
        if let Ok(inode) = Inode::parse(&bytes[..], &sb, nid) {
            prop_assert!(inode.size <= i64::MAX as u64);
            prop_assert!(inode.mtime_nsec < 1_000_000_000);
            inode.sectors(sb.block_bits);
            let at = Inode::position(&sb, nid);
            for pos in at.into_iter().chain([MetaPos::Image(ImagePos::new(pos))]) {
                inode.fast_symlink(pos, sb.block_bits);
                inode.tail_pos(pos);
            }
            FlatMap::new(&inode, &sb, nid);
        }
    }

    #[test]
    fn bytes_that_change(seed: u64) {
        let sb = superblock(12);
        let view = Restless::new(extended().to_vec(), seed);
        if let Ok(inode) = Inode::parse(&view, &sb, NID) {
            prop_assert!(inode.size <= i64::MAX as u64);
            prop_assert!(inode.mtime_nsec < 1_000_000_000);
        }
    }
}
