// SPDX-License-Identifier: GPL-2.0

use super::build::*;
use ondisk_tests::ondisk::*;
use proptest::prelude::*;

const INDEXES: u16 = 0x20;
const ADDRESS_48BIT: u16 = 0x40;

/// The mapping of an extended inode in chunks.
fn map(sb: &Superblock, nid: u64, size: u64, format: u16, xattr_icount: u16) -> ChunkMap {
    let mut raw = extended();
    raw.put16(0, 1 | (4 << 1));
    raw.put16(2, xattr_icount);
    raw.put32(16, u32::from(format));
    raw.put64(8, size);
    let nid = Nid::new(nid);
    let inode = Inode::parse(&raw[..], sb, nid).unwrap();
    assert_eq!(FlatMap::new(&inode, sb, nid), None);
    ChunkMap::new(&inode, sb, nid).unwrap()
}

fn devices(sb: &Superblock, extra_devices: u16) -> Superblock {
    Superblock {
        extra_devices,
        ..sb.clone()
    }
}

type Found = Result<Option<Extent>, Failure>;

fn on_device(id: u16, pos: u64, len: u64, at: u64) -> Found {
    Ok(Some(Extent {
        pos: FilePos::new(pos),
        len,
        at: Placement::Device {
            id: DeviceId::new(id),
            pos: ImagePos::new(at),
        },
    }))
}

fn hole(pos: u64, len: u64) -> Found {
    Ok(Some(Extent {
        pos: FilePos::new(pos),
        len,
        at: Placement::Hole,
    }))
}

/// An image with block numbers at 576, behind an extended inode with nid 16.
fn block_numbers(numbers: &[u32]) -> Vec<u8> {
    let mut image = vec![0; 576 + numbers.len() * 4];
    for (index, number) in numbers.iter().enumerate() {
        image.put32(576 + index * 4, *number);
    }
    image
}

/// As above with indexes.
fn indexes(indexes: &[(u16, u64)]) -> Vec<u8> {
    let mut image = vec![0; 576 + indexes.len() * 8];
    for (index, (id, number)) in indexes.iter().enumerate() {
        image.put16(576 + index * 8, (number >> 32) as u16);
        image.put16(578 + index * 8, *id);
        image.put32(580 + index * 8, *number as u32);
    }
    image
}

/// What is found in such an image if all there is is wanted.
fn find(map: &ChunkMap, image: &[u8], pos: u64) -> Found {
    map.map(FilePos::new(pos), u64::MAX, &Pages::new(image, 65536))
}

#[test]
fn is_small() {
    assert!(size_of::<ChunkMap>() <= 32);
}

#[test]
fn other_layouts_have_another_map() {
    let sb = superblock(12);
    let nid = Nid::new(1);
    let inode = Inode::parse(&extended()[..], &sb, nid).unwrap();
    assert_eq!(ChunkMap::new(&inode, &sb, nid), None);
}

#[test]
fn numbers_of_blocks() {
    let sb = devices(&superblock(9), 3);
    // Chunks of two blocks.
    let map = map(&sb, 16, 5 * 1024 + 100, 1, 0);
    assert_eq!(map.size(), 5220);
    let image = block_numbers(&[10, 12, u32::MAX, u32::MAX, 14, 16]);
    for pos in [0, 1, 1023] {
        assert_eq!(find(&map, &image, pos), on_device(0, 0, 2048, 5120));
    }
    assert_eq!(find(&map, &image, 1024), on_device(0, 1024, 1024, 6144));
    assert_eq!(find(&map, &image, 2048), hole(2048, 2048));
    assert_eq!(find(&map, &image, 4095), hole(3072, 1024));
    // Not more than is left of the file, up to the end of a block.
    assert_eq!(find(&map, &image, 4096), on_device(0, 4096, 1536, 7168));
    assert_eq!(find(&map, &image, 5219), on_device(0, 5120, 512, 8192));
    for pos in [5220, 6000, u64::MAX] {
        assert_eq!(find(&map, &image, pos), Ok(None));
        assert_eq!(map.map(FilePos::new(pos), 1, &Unreadable), Ok(None));
    }
    assert_eq!(map.map(FilePos::ZERO, 1, &Unreadable), Err(Failure::Read));
}

#[test]
fn holes_end_with_the_file() {
    let sb = superblock(9);
    let map = map(&sb, 16, 1500, 0, 0);
    let image = block_numbers(&[5, u32::MAX, u32::MAX]);
    assert_eq!(find(&map, &image, 512), hole(512, 988));
    assert_eq!(find(&map, &image, 1499), hole(1024, 476));
}

#[test]
fn no_more_than_is_wanted() {
    let sb = superblock(9);
    let map = map(&sb, 16, 4096, 0, 0);
    let image = block_numbers(&[10, 11, 12, 13, 14, 15, 16, 17]);
    let find = |pos, want| {
        let found = map.map(FilePos::new(pos), want, &Pages::new(&image, 4096));
        found.unwrap().unwrap().len
    };
    assert_eq!(find(0, 0), 512);
    assert_eq!(find(0, 512), 512);
    assert_eq!(find(0, 513), 1024);
    assert_eq!(find(511, 1), 512);
    assert_eq!(find(511, 2), 1024);
    assert_eq!(find(1000, 2000), 2560);
    assert_eq!(find(0, 1 << 40), 4096);
    assert_eq!(find(511, u64::MAX), 4096);
}

#[test]
fn tables_are_aligned() {
    let sb = devices(&superblock(9), 1);
    // Behind the inode are 16 or 20 bytes.
    for (icount, numbers, indexes) in [(0, 576, 576), (2, 592, 592), (3, 596, 600)] {
        let mut image = vec![0; 700];
        image.put32(numbers, 33);
        let map_of_numbers = map(&sb, 16, 100, 0, icount);
        assert_eq!(
            find(&map_of_numbers, &image, 0),
            on_device(0, 0, 512, 33 << 9)
        );

        let mut image = vec![0; 700];
        image.put16(indexes + 2, 1);
        image.put32(indexes + 4, 34);
        let map_of_indexes = map(&sb, 16, 100, INDEXES, icount);
        assert_eq!(
            find(&map_of_indexes, &image, 0),
            on_device(1, 0, 512, 34 << 9)
        );
    }
}

#[test]
fn devices_and_their_mask() {
    let image = indexes(&[(1, 10), (2, 11), (2, 12), (0x8002, 13), (0xfffe, 20)]);
    let find = |extra_devices, pos| {
        let sb = devices(&superblock(9), extra_devices);
        let map = map(&sb, 16, 5 * 512, INDEXES, 0);
        find(&map, &image, pos)
    };
    // Contiguous, but elsewhere.
    assert_eq!(find(2, 0), on_device(1, 0, 512, 5120));
    assert_eq!(find(2, 512), on_device(2, 512, 1536, 11 << 9));
    assert_eq!(find(2, 2048), on_device(2, 2048, 512, 20 << 9));
    // Three bits count, then two, one, none.
    assert_eq!(find(4, 2048), on_device(6, 2048, 512, 20 << 9));
    assert_eq!(find(7, 2048), on_device(6, 2048, 512, 20 << 9));
    assert_eq!(find(3, 2048), on_device(2, 2048, 512, 20 << 9));
    assert_eq!(find(1, 2048), on_device(0, 2048, 512, 20 << 9));
    assert_eq!(find(1, 0), on_device(1, 0, 512, 5120));
    assert_eq!(find(1, 512), on_device(0, 512, 1536, 11 << 9));
    assert_eq!(find(0, 0), on_device(0, 0, 2048, 5120));
    // All count.
    assert_eq!(find(u16::MAX, 1536), on_device(0x8002, 1536, 512, 13 << 9));
    assert_eq!(find(0x8000, 2048), on_device(0xfffe, 2048, 512, 20 << 9));
}

#[test]
fn long_numbers() {
    let sb = devices(&superblock(9), 1);
    let all = 0xffff_ffff_ffff;
    let image = indexes(&[
        (1, 0x0001_0000_0005),
        (0, 0xffff_ffff),
        (0, all - 0xffff_ffff),
        (1, all),
        (0, 0x0001_ffff_ffff),
        (0, 0x0002_0000_0000),
        (0, all - 1),
        (0, all),
    ]);
    let long = map(&sb, 16, 8 * 512, INDEXES | ADDRESS_48BIT, 0);
    let at = |pos: u64| find(&long, &image, pos * 512);
    assert_eq!(at(0), on_device(1, 0, 512, 0x0001_0000_0005 << 9));
    assert_eq!(at(1), on_device(0, 512, 512, 0xffff_ffff << 9));
    assert_eq!(at(2), on_device(0, 1024, 512, 0xffff_0000_0000 << 9));
    assert_eq!(at(3), hole(1536, 512));
    assert_eq!(at(4), on_device(0, 2048, 1024, 0x0001_ffff_ffff << 9));
    // A hole does not continue the block before it.
    assert_eq!(at(6), on_device(0, 3072, 512, (all - 1) << 9));
    assert_eq!(at(7), hole(3584, 512));

    // Without that the high bits mean nothing.
    let short = map(&sb, 16, 8 * 512, INDEXES, 0);
    let at = |pos: u64| find(&short, &image, pos * 512);
    assert_eq!(at(0), on_device(1, 0, 512, 5 << 9));
    assert_eq!(at(1), hole(512, 512));
    assert_eq!(at(2), on_device(0, 1024, 512, 0));
    assert_eq!(at(3), hole(1536, 1024));
    assert_eq!(at(5), on_device(0, 2560, 512, 0));
    assert_eq!(at(6), on_device(0, 3072, 512, 0xffff_fffe << 9));
    assert_eq!(at(7), hole(3584, 512));

    // A table of block numbers has none.
    let numbers = map(&sb, 16, 1024, ADDRESS_48BIT, 0);
    let image = block_numbers(&[u32::MAX, 3]);
    assert_eq!(find(&numbers, &image, 0), hole(0, 512));
    assert_eq!(find(&numbers, &image, 512), on_device(0, 512, 512, 3 << 9));
}

/// An extent ends where its entries' block does, and where their view does.
#[test]
fn one_block_of_the_table() {
    let sb = superblock(9);
    let numbers: Vec<u32> = (100..400).collect();
    let image = block_numbers(&numbers);
    let map = map(&sb, 16, 300 * 512, 0, 0);
    // 448 bytes of the first block are left.
    assert_eq!(find(&map, &image, 0), on_device(0, 0, 112 * 512, 100 << 9));
    let second = 112 * 512;
    assert_eq!(
        find(&map, &image, second),
        on_device(0, second, 128 * 512, 212 << 9)
    );
    let small = |page| map.map(FilePos::new(second), u64::MAX, &Pages::new(&image, page));
    assert_eq!(small(64), on_device(0, second, 16 * 512, 212 << 9));
    assert_eq!(small(1), Err(Failure::Map(MapError::Truncated)));
}

#[test]
fn truncated_tables() {
    let error = MapError::Truncated;
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.to_string(), "the image ends inside the chunk table");
    let sb = superblock(9);
    let image = block_numbers(&[1, 2, 3]);
    let map = map(&sb, 16, 5 * 512, 0, 0);
    assert_eq!(find(&map, &image, 0), on_device(0, 0, 1536, 512));
    assert_eq!(find(&map, &image[..587], 0), on_device(0, 0, 1024, 512));
    for len in [0, 100, 587] {
        assert_eq!(find(&map, &image[..len], 1024), Err(error.into()));
    }
    assert_eq!(find(&map, &image, 1536), Err(error.into()));
}

/// One entry, or many that say nothing, are enough for a file of any size.
#[test]
fn files_of_any_size() {
    let sb = superblock(12);
    let largest = i64::MAX as u64;
    // 2^43 bytes, in two chunks; the second one ends with the file.
    let large = map(&sb, 16, (1 << 43) + 5, 31, 0);
    let image = block_numbers(&[u32::MAX, u32::MAX]);
    let mut at_512 = vec![0; 512 + 64];
    at_512.extend(&image[576..]);
    assert_eq!(find(&large, &at_512, 0), hole(0, (1 << 43) + 5));
    assert_eq!(find(&large, &at_512, 1 << 43), hole(1 << 43, 5));
    let one = block_numbers(&[7]);
    let map_of_one = map(&sb, 16, 1 << 43, 31, 0);
    assert_eq!(
        find(&map_of_one, &one, (1 << 43) - 1),
        on_device(0, 0, 1 << 43, 7 << 12)
    );
    // The largest of all, on the largest blocks: 2^16 chunks of 2^47 bytes.
    let sb = superblock(16);
    let mut image = vec![0xff; 576 + (4 << 16)];
    let huge = map(&sb, 16, largest, 31, 0);
    assert_eq!(
        find(&huge, &image, 0),
        hole(0, (1 << 47) * (65536 - 576) / 4)
    );
    assert_eq!(
        find(&huge, &image, largest - 1),
        hole(largest - (1 << 47) + 1, (1 << 47) - 1)
    );
    // Of the smallest chunks: far behind the inode.
    let sb = superblock(9);
    let far = map(&sb, 16, largest, 0, 0);
    image.truncate(1000);
    assert_eq!(find(&far, &image, 0), hole(0, 112 * 512 - 6 * 512));
    assert_eq!(
        find(&far, &image, largest - 1),
        Err(MapError::Truncated.into())
    );
}

#[test]
fn overflows() {
    let error = Err(MapError::Overflow.into());
    let sb = superblock(16);
    let last = 0xffff_ffff_fffe;
    let mut image = indexes(&[(0, last), (0, last - 1), (0, last)]);
    image.extend([0xff; 100]);
    let long = INDEXES | ADDRESS_48BIT;
    // The last block of all is no place for two.
    let one = map(&sb, 16, 65536, long, 0);
    assert_eq!(find(&one, &image, 0), on_device(0, 0, 65536, last << 16));
    let two = map(&sb, 16, 65537, long | 1, 0);
    assert_eq!(find(&two, &image, 0), error);
    // As the file ends before, nobody asks for the second one.
    let short = map(&sb, 16, 65536, long | 5, 0);
    assert_eq!(find(&short, &image, 0), on_device(0, 0, 65536, last << 16));
    // What does not fit is not added to what does.
    let three = map(&sb, 16, 3 << 16, long, 0);
    assert_eq!(
        find(&three, &image, 65536),
        on_device(0, 65536, 65536 * 2, (last - 1) << 16)
    );
    image.put32(576 + 8 + 4, (last as u32) - 2);
    image.put32(576 + 16 + 4, last as u32);
    let four = map(&sb, 16, 6 << 16, long | 1, 0);
    let first = find(&four, &image, 2 << 16);
    assert_eq!(first, on_device(0, 2 << 16, 2 << 16, (last - 2) << 16));
    assert_eq!(find(&four, &image, 4 << 16), error);

    // There is no such table.
    let mut sb = superblock(16);
    sb.meta_blkaddr = BlockNr::new(u64::MAX >> 16);
    let beyond = map(&sb, 2047, 1000, 0, 0);
    assert_eq!(find(&beyond, &image, 0), error);
    let nowhere = map(&sb, u64::MAX >> 1, 1000, 0, 0);
    assert_eq!(find(&nowhere, &image, 0), error);
    // It begins, but does not end.
    let begins = map(&sb, 2045, 1 << 40, 0, 0);
    assert_eq!(
        begins.map(FilePos::ZERO, 1, &Unreadable),
        Err(Failure::Read)
    );
    assert_eq!(begins.map(FilePos::new(32 << 16), 1, &Unreadable), error);
}

#[test]
fn metabox() {
    let sb = superblock(9);
    let map = map(&sb, (1 << 63) | 16, 1000, 0, 0);
    let metabox = block_numbers(&[8, 9]);
    let meta = Pages {
        image: &[],
        metabox: &metabox,
        page: 512,
    };
    assert_eq!(
        map.map(FilePos::ZERO, 1000, &meta),
        on_device(0, 0, 1024, 4096)
    );
}

/// A table that is likely to have chunks that continue others.
fn table() -> impl Strategy<Value = Vec<(u16, u64)>> {
    let step = prop_oneof![
        3 => Just(None),
        1 => (0u16..4, prop_oneof![
            0u64..1000,
            Just(0xffff_ffffu64),
            Just(0xffff_fffe),
            Just(0xffff_ffff_ffff),
            0u64..1 << 48,
        ]).prop_map(Some),
    ];
    prop::collection::vec(step, 1..600).prop_map(|steps| {
        let mut last = (0, 5);
        steps
            .into_iter()
            .map(|step| {
                last = match step {
                    Some(next) => next,
                    None if last.1 & 0xffff_ffff == 0xffff_ffff => last,
                    None => (last.0, last.1 + 1),
                };
                last
            })
            .collect()
    })
}

proptest! {
    /// Every block of a file is where its chunk's entry tells, and extents are as long as allowed.
    #[test]
    fn files_are_covered(
        bits in 9u8..=12,
        block_bits in 0u16..4,
        form in prop_oneof![Just(0), Just(INDEXES), Just(INDEXES | ADDRESS_48BIT)],
        table in table(),
        missing in 0u64..512,
        page in prop_oneof![Just(4096usize), Just(64)],
        want in prop_oneof![Just(u64::MAX), 1u64..100_000],
        xattr_icount in 0u16..20,
        nid in 0u64..100,
        in_metabox: bool,
    ) {
        let sb = devices(&superblock(bits), 3);
        let block = 1u64 << bits;
        let blocks = 1u64 << block_bits;
        // Numbers that continue one another.
        let table: Vec<_> = table
            .iter()
            .scan((0, 0, 0), |(id, number, last), (next_id, next)| {
                let continues = *next == *last + 1 && *id == *next_id;
                *number = if continues { *number + blocks } else { *next } & 0xffff_ffff_ffff;
                (*id, *last) = (*next_id, *next);
                Some((*id, *number))
            })
            .collect();
        let size = table.len() as u64 * blocks * block - missing;
        let bit = if in_metabox { 1 << 63 } else { 0 };
        let map = map(&sb, nid | bit, size, form | block_bits, xattr_icount);

        let entry_size = if form == 0 { 4 } else { 8 };
        let tail = nid as usize * 32 + 64 + match xattr_icount {
            0 => 0,
            n => 12 + (usize::from(n) - 1) * 4,
        };
        let start = tail.next_multiple_of(entry_size);
        let mut image = vec![0; start + table.len() * entry_size];
        for (index, (id, number)) in table.iter().enumerate() {
            let at = &mut image[start + index * entry_size..];
            if form == 0 {
                at.put32(0, *number as u32);
            } else {
                at.put16(0, (number >> 32) as u16);
                at.put16(2, *id);
                at.put32(4, *number as u32);
            }
        }
        let meta = if in_metabox {
            Pages { image: &[], metabox: &image, page }
        } else {
            Pages::new(&image, page)
        };
        // Where the chunk with this index is.
        let place = |index: usize| {
            let (id, number) = table[index];
            let (id, number, null) = match form {
                0 => (0, number & 0xffff_ffff, 0xffff_ffff),
                INDEXES => (id, number & 0xffff_ffff, 0xffff_ffff),
                _ => (id, number, 0xffff_ffff_ffff),
            };
            (number != null).then_some((id, number))
        };

        let mut pos = 0;
        while pos < size {
            let extent = map.map(FilePos::new(pos), want, &meta).unwrap().unwrap();
            prop_assert_eq!(extent.pos.get(), pos);
            prop_assert!(extent.len > 0);
            let end = pos + extent.len;
            let first = (pos / block / blocks) as usize;
            let last = ((end - 1) / block / blocks) as usize;
            for index in first..=last {
                let offset = (index - first) as u64 * blocks;
                let expected = match place(index) {
                    None => Placement::Hole,
                    Some((id, number)) => Placement::Device {
                        id: DeviceId::new(id),
                        pos: ImagePos::new((number.wrapping_sub(offset)) << bits),
                    },
                };
                prop_assert_eq!(extent.at, expected);
            }
            // Of one block of the table.
            let entry = |index: usize| start + index * entry_size;
            prop_assert_eq!(entry(first) >> bits, entry(last) >> bits);
            if end < size {
                prop_assert_eq!(end % (block * blocks), 0);
                let next = last + 1;
                let continued = match (place(last), place(next)) {
                    (None, None) => true,
                    (Some((id, number)), Some(next)) => (id, number + blocks) == next,
                    _ => false,
                };
                prop_assert!(
                    !continued
                        || extent.len >= want
                        || entry(next) % (block as usize) == 0
                        || entry(next) % page == 0
                );
            } else if extent.at == Placement::Hole {
                prop_assert_eq!(end, size);
            } else {
                prop_assert_eq!(end, size.next_multiple_of(block));
            }
            // No longer than it takes.
            prop_assert!(first == last || (extent.len - block * blocks) < want
                || end >= size);
            let middle = pos + (end.min(size) - pos) / 2;
            let again = map.map(FilePos::new(middle), want, &meta).unwrap().unwrap();
            prop_assert!(again.pos.get() <= middle && middle < again.pos.get() + again.len);
            pos = end;
        }
        prop_assert_eq!(map.map(FilePos::new(size), 1, &meta), Ok(None));
    }

    /// Whatever there is in a table, an extent is around what was asked for.
    #[test]
    fn any_bytes(
        bits in 9u8..=16,
        format in 0u16..0x80,
        size in prop_oneof![0u64..1 << 30, 0u64..=i64::MAX as u64],
        pos in any::<u64>(),
        want: u64,
        bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(0xff), any::<u8>()], 0..4000),
        seed: u64,
    ) {
        let sb = devices(&superblock(bits), 5);
        let map = map(&sb, 1, size, format, 0);
        let pos = pos % (size + 1);
        let pages = Pages::new(&bytes, 4096);
        for found in [
            map.map(FilePos::new(pos), want, &RestlessPages { pages, seed }),
            map.map(FilePos::new(pos), want, &pages),
            map.map(FilePos::new(pos % 1000), want, &pages),
        ] {
            let Ok(Some(extent)) = found else { continue };
            prop_assert!(extent.from(FilePos::new(pos.min(size - 1))).is_some()
                || extent.from(FilePos::new(pos % 1000)).is_some());
            if let Placement::Device { id, pos } = extent.at {
                prop_assert!(id.get() <= 7);
                prop_assert!(pos.checked_add(extent.len).is_some());
            }
        }
    }
}
