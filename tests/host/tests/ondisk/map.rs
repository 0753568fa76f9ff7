// SPDX-License-Identifier: GPL-2.0

use super::build::*;
use ondisk_tests::ondisk::*;
use proptest::prelude::*;

/// The mapping of an extended inode in blocks of 512 bytes.
fn map(nid: u64, size: u64, layout: u16, start: u64, xattr_icount: u16) -> FlatMap {
    map_of(&superblock(9), nid, size, layout, start, xattr_icount)
}

fn map_of(
    sb: &Superblock,
    nid: u64,
    size: u64,
    layout: u16,
    start: u64,
    xattr_icount: u16,
) -> FlatMap {
    let nid = Nid::new(nid);
    let mut raw = extended();
    raw.put16(0, 1 | (layout << 1));
    raw.put16(2, xattr_icount);
    raw.put16(6, (start >> 32) as u16);
    raw.put32(16, start as u32);
    raw.put64(8, size);
    let inode = Inode::parse(&raw[..], sb, nid).unwrap();
    FlatMap::new(&inode, sb, nid).unwrap()
}

const PLAIN: u16 = 0;
const INLINE: u16 = 2;
const NULL: u64 = 0xffff_ffff_ffff;

fn on_device(pos: u64, len: u64, at: u64) -> Result<Option<Extent>, MapError> {
    Ok(Some(Extent {
        pos: FilePos::new(pos),
        len,
        at: Placement::Device {
            id: DeviceId::PRIMARY,
            pos: ImagePos::new(at),
        },
    }))
}

fn inline(pos: u64, len: u64, at: u64) -> Result<Option<Extent>, MapError> {
    Ok(Some(Extent {
        pos: FilePos::new(pos),
        len,
        at: Placement::Inline {
            pos: MetaPos::Image(ImagePos::new(at)),
        },
    }))
}

#[test]
fn is_small() {
    assert!(size_of::<FlatMap>() <= 32);
}

#[test]
fn plain() {
    let map = map(16, 1300, PLAIN, 10, 0);
    assert_eq!(map.size(), 1300);
    for pos in [0, 1, 511, 512, 1299] {
        assert_eq!(map.map(FilePos::new(pos)), on_device(0, 1536, 5120));
    }
    for pos in [1300, 1535, 1536, u64::MAX] {
        assert_eq!(map.map(FilePos::new(pos)), Ok(None));
    }
}

#[test]
fn plain_hole() {
    let map = map(16, 1300, PLAIN, NULL, 0);
    for pos in [0, 1299] {
        assert_eq!(
            map.map(FilePos::new(pos)),
            Ok(Some(Extent {
                pos: FilePos::ZERO,
                len: 1300,
                at: Placement::Hole,
            }))
        );
    }
    assert_eq!(map.map(FilePos::new(1300)), Ok(None));
}

#[test]
fn tail() {
    // At 512, so its tail is at 576 and has 448 bytes at most.
    let with_blocks = map(16, 1300, INLINE, 10, 0);
    assert_eq!(with_blocks.map(FilePos::new(0)), on_device(0, 1024, 5120));
    assert_eq!(
        with_blocks.map(FilePos::new(1023)),
        on_device(0, 1024, 5120)
    );
    for pos in [1024, 1299] {
        assert_eq!(with_blocks.map(FilePos::new(pos)), inline(1024, 276, 576));
    }
    assert_eq!(with_blocks.map(FilePos::new(1300)), Ok(None));

    // Nothing but a tail: where the blocks would be is of no interest.
    assert_eq!(
        map(16, 100, INLINE, NULL, 2).map(FilePos::new(5)),
        inline(0, 100, 592)
    );
    // Nothing at all.
    assert_eq!(map(16, 0, INLINE, NULL, 0).map(FilePos::ZERO), Ok(None));
    assert_eq!(map(16, 0, PLAIN, 10, 0).map(FilePos::ZERO), Ok(None));
}

#[test]
fn tails_stay_in_their_block() {
    let error = MapError::InlineAcrossBlocks;
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    assert_eq!(error.to_string(), "inline data across blocks");
    assert_eq!(
        map(16, 448, INLINE, 0, 0).map(FilePos::ZERO),
        inline(0, 448, 576)
    );
    let long = map(16, 512 + 449, INLINE, 10, 0);
    assert_eq!(long.map(FilePos::new(512)), Err(error));
    // Wherever in the tail one begins to look.
    assert_eq!(long.map(FilePos::new(512 + 448)), Err(error));
    // What is before it can be had.
    assert_eq!(long.map(FilePos::new(511)), on_device(0, 512, 5120));
    assert_eq!(
        map(16, 449, INLINE, 0, 0).map(FilePos::new(448)),
        Err(error)
    );
}

/// A last block that is full is a tail all the same, and fits only where a block begins.
#[test]
fn full_blocks_as_tails() {
    let at_end_of_block = map(30, 1024, INLINE, 10, 0);
    assert_eq!(
        at_end_of_block.map(FilePos::new(512)),
        inline(512, 512, 1024)
    );
    assert_eq!(
        at_end_of_block.map(FilePos::new(511)),
        on_device(0, 512, 5120)
    );
    assert_eq!(
        map(16, 1024, INLINE, 10, 0).map(FilePos::new(512)),
        Err(MapError::InlineAcrossBlocks)
    );
    assert_eq!(
        map(30, 512, INLINE, 10, 0).map(FilePos::ZERO),
        inline(0, 512, 1024)
    );
}

#[test]
fn metabox() {
    let nid = (1 << 63) | 16;
    let map = map(nid, 600, INLINE, 10, 0);
    assert_eq!(map.map(FilePos::ZERO), on_device(0, 512, 5120));
    assert_eq!(
        map.map(FilePos::new(599)),
        Ok(Some(Extent {
            pos: FilePos::new(512),
            len: 88,
            at: Placement::Inline {
                pos: MetaPos::Metabox(FilePos::new(576))
            },
        }))
    );
}

#[test]
fn overflows() {
    let error = MapError::Overflow;
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    assert_eq!(error.to_string(), "data past the end of any image");
    let mut sb = superblock(16);
    // 2^48 blocks of 2^16 bytes: all there is.
    let last = NULL - 1;
    assert_eq!(
        map_of(&sb, 16, 60_000, PLAIN, last, 0).map(FilePos::ZERO),
        on_device(0, 65536, last << 16)
    );
    assert_eq!(
        map_of(&sb, 16, 3 << 16, PLAIN, last, 0).map(FilePos::ZERO),
        Err(error)
    );
    // A tail does not depend on the blocks.
    let map = map_of(&sb, 2048, (3 << 16) + 9, INLINE, last, 0);
    assert_eq!(map.map(FilePos::ZERO), Err(error));
    assert_eq!(map.map(FilePos::new(3 << 16)), inline(3 << 16, 9, 65600));
    // Nor do the blocks on it.
    sb.meta_blkaddr = BlockNr::new(u64::MAX >> 16);
    let map = map_of(&sb, 2047, (3 << 16) + 9, INLINE, 1, 0);
    assert_eq!(map.map(FilePos::ZERO), on_device(0, 3 << 16, 65536));
    assert_eq!(map.map(FilePos::new(3 << 16)), Err(error));
}

#[test]
fn other_layouts_have_another_map() {
    let sb = superblock(12);
    let mut raw = extended();
    raw.put16(0, 1 | (4 << 1));
    let nid = Nid::new(1);
    let inode = Inode::parse(&raw[..], &sb, nid).unwrap();
    assert_eq!(FlatMap::new(&inode, &sb, nid), None);
}

#[test]
fn parts_of_extents() {
    let extent = on_device(100, 50, 1000).unwrap().unwrap();
    assert_eq!(extent.from(FilePos::new(100)), Some(extent));
    assert_eq!(
        extent.from(FilePos::new(149)),
        on_device(149, 1, 1049).unwrap()
    );
    assert_eq!(extent.from(FilePos::new(150)), None);
    assert_eq!(extent.from(FilePos::new(99)), None);
    assert_eq!(
        inline(100, 50, 1000)
            .unwrap()
            .unwrap()
            .from(FilePos::new(101)),
        inline(101, 49, 1001).unwrap()
    );
    let hole = Extent {
        at: Placement::Hole,
        ..extent
    };
    assert_eq!(hole.from(FilePos::new(140)).unwrap().len, 10);
    let far = on_device(0, u64::MAX, u64::MAX - 5).unwrap().unwrap();
    assert_eq!(far.from(FilePos::new(6)), None);
}

proptest! {
    /// Extents follow each other from the first byte to the last, and what is in one is the same
    /// wherever in it one looks.
    #[test]
    fn files_are_covered(
        bits in 9u8..=16,
        size in prop_oneof![0u64..1 << 20, 0u64..=i64::MAX as u64],
        whole_blocks: bool,
        layout in prop_oneof![Just(PLAIN), Just(INLINE)],
        start in prop_oneof![0u64..1000, 0u64..1 << 48, Just(NULL)],
        nid in prop_oneof![0u64..1 << 16, any::<u64>()],
        xattr_icount: u16,
        meta_blkaddr: u32,
        inside: u64,
    ) {
        let mut sb = superblock(bits);
        sb.meta_blkaddr = BlockNr::new(meta_blkaddr.into());
        let block = 1u64 << bits;
        let size = if whole_blocks { size / block * block } else { size };
        let map = map_of(&sb, nid, size, layout, start, xattr_icount);
        let mut pos = 0;
        let mut extents = 0;
        while pos < size {
            let extent = match map.map(FilePos::new(pos)) {
                Ok(extent) => extent.unwrap(),
                Err(error) => {
                    // Rightly?
                    let position = Inode::position(&sb, Nid::new(nid));
                    let tail = position.and_then(|at| {
                        at.checked_add(64 + match xattr_icount {
                            0 => 0,
                            n => 12 + 4 * (u64::from(n) - 1),
                        })
                    });
                    let last = (size - 1) / block * block;
                    let fits = tail.is_some_and(|tail| {
                        u64::from(sb.block_bits.offset_in(tail)) + (size - last) <= block
                    });
                    let end = u128::from(start) * u128::from(block) + u128::from(size);
                    prop_assert!(
                        end > u128::from(u64::MAX) - u128::from(block)
                            || layout == INLINE && pos == last && !fits,
                        "{}", error
                    );
                    return Ok(());
                }
            };
            extents += 1;
            prop_assert_eq!(extent.pos.get(), pos);
            prop_assert!(extent.len > 0);
            let end = pos + extent.len;
            let middle = pos + inside % (extent.len.min(size - pos));
            prop_assert_eq!(map.map(FilePos::new(middle)), Ok(Some(extent)));
            prop_assert_eq!(map.map(FilePos::new(end.min(size) - 1)), Ok(Some(extent)));
            let rest = extent.from(FilePos::new(middle)).unwrap();
            prop_assert_eq!(rest.len, end - middle);
            match extent.at {
                Placement::Hole => prop_assert!(start == NULL && layout == PLAIN && end == size),
                Placement::Device { id, pos: at } => {
                    prop_assert_eq!(id, DeviceId::PRIMARY);
                    prop_assert_eq!(at.get(), start * block + pos);
                    prop_assert_eq!(end % block, 0);
                    prop_assert!(end < size + block);
                }
                Placement::Inline { pos: at } => {
                    prop_assert_eq!(layout, INLINE);
                    prop_assert_eq!(end, size);
                    prop_assert_eq!(pos % block, 0);
                    prop_assert!(u64::from(sb.block_bits.offset_in(at)) + extent.len <= block);
                    prop_assert_eq!(
                        matches!(at, MetaPos::Metabox(_)),
                        Nid::new(nid).in_metabox()
                    );
                }
            }
            pos = end;
        }
        prop_assert!(extents <= 2);
        prop_assert_eq!(map.map(FilePos::new(size)), Ok(None));
    }
}
