// SPDX-License-Identifier: GPL-2.0

use super::build::*;
use super::xattr_image::error;
use ondisk_tests::ondisk::prefix::*;
use ondisk_tests::ondisk::xattr::XattrError;
use ondisk_tests::ondisk::*;
use proptest::prelude::*;

/// Long prefixes as a driver keeps them.
fn read_prefixes(meta: &Pages<'_>, start: u64, count: u8) -> Result<Vec<(u8, Vec<u8>)>, Failure> {
    let mut sb = superblock(9);
    sb.xattr_prefix_count = count;
    let start = MetaPos::Image(ImagePos::new(start));
    let mut table = PrefixTable::new(meta, start, &sb);
    let mut prefixes = Vec::new();
    let mut buffer = [0; LONG_PREFIX_MAX];
    while let Some(prefix) = table.next_prefix(&mut buffer)? {
        prefixes.push((prefix.base, prefix.infix.to_vec()));
    }
    assert_eq!(table.next_prefix(&mut buffer), Ok(None));
    Ok(prefixes)
}

fn prefix_table(start: usize, prefixes: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0xee; start];
    for (base, infix) in prefixes {
        bytes.resize(bytes.len().next_multiple_of(4), 0xee);
        bytes.extend((infix.len() as u16 + 1).to_le_bytes());
        bytes.push(*base);
        bytes.extend(infix);
    }
    bytes
}

#[test]
fn prefix_tables() {
    let all: Vec<(u8, Vec<u8>)> = (0..=254)
        .map(|n| (n, vec![n; 255 - usize::from(n)]))
        .collect();
    let bytes = prefix_table(300, &all);
    let read = |count| read_prefixes(&Pages::new(&bytes, 512), 300, count);
    assert_eq!(read(0), Ok(vec![]));
    assert_eq!(read(3).unwrap(), all[..3]);
    assert_eq!(read(255).unwrap(), all);
    let cut = Pages::new(&bytes[..bytes.len() - 1], 512);
    assert_eq!(read_prefixes(&cut, 300, 255), error(XattrError::Truncated));

    for (size, bad) in [(0, 65536), (257, 257), (1000, 1000), (65535, 65535)] {
        let mut bytes = bytes.clone();
        bytes.put16(300, size);
        let bad = XattrError::PrefixSize(bad);
        let found = read_prefixes(&Pages::new(&bytes, 512), 300, 5);
        assert_eq!(found, error(bad));
        assert_eq!(bad.kind(), ErrorKind::Corrupted);
        assert!(bad.to_string().starts_with("invalid xattr prefix of "));
    }
    let short = [1, 0, 6, 0xee, 1, 0, 1];
    assert_eq!(
        read_prefixes(&Pages::new(&short, 512), 0, 2),
        Ok(vec![(6, vec![]), (1, vec![])])
    );
}

#[test]
fn places_of_prefix_tables() {
    let mut sb = superblock(9);
    let image = PrefixPlace::Metadata(MetaPos::Image(ImagePos::new(0x3_ffff_fffc)));
    let metabox = PrefixPlace::Metadata(MetaPos::Metabox(FilePos::new(0x3_ffff_fffc)));
    let packed = PrefixPlace::Packed(FilePos::new(0x3_ffff_fffc));
    sb.xattr_prefix_start = u32::MAX;
    assert_eq!(PrefixPlace::new(&sb), None);
    sb.xattr_prefix_count = 1;
    assert_eq!(PrefixPlace::new(&sb), Some(image));
    sb.packed_nid = Some(Nid::new(5));
    assert_eq!(PrefixPlace::new(&sb), Some(packed));
    sb.metabox_nid = Some(Nid::new(6));
    assert_eq!(PrefixPlace::new(&sb), Some(metabox));
    sb.compat = CompatFeatures::PLAIN_XATTR_PFX;
    assert_eq!(PrefixPlace::new(&sb), Some(image));
}

/// In the content of a file.
#[test]
fn packed_prefixes() {
    struct Packed([u8; 16]);
    impl Metadata for Packed {
        type Pos = FilePos;
        type View = [u8; 1];
        type Error = Failure;
        fn view(&self, pos: FilePos) -> Result<[u8; 1], Failure> {
            let byte = self.0.as_slice().get(pos.get() as usize);
            byte.map(|byte| [*byte]).ok_or(Failure::Read)
        }
    }
    let mut sb = superblock(9);
    sb.xattr_prefix_count = 2;
    let packed = Packed([9, 9, 9, 9, 3, 0, 1, b'a', b'b', 9, 9, 9, 2, 0, 4, b'c']);
    let mut table = PrefixTable::new(&packed, FilePos::new(4), &sb);
    let mut buffer = [0; LONG_PREFIX_MAX];
    let prefix = table.next_prefix(&mut buffer).unwrap().unwrap();
    assert_eq!((prefix.base, prefix.infix), (1, &b"ab"[..]));
    let prefix = table.next_prefix(&mut buffer).unwrap().unwrap();
    assert_eq!((prefix.base, prefix.infix), (4, &b"c"[..]));
    assert_eq!(table.next_prefix(&mut buffer), Ok(None));
}

proptest! {
    #[test]
    fn any_prefix_tables(
        prefixes in prop::collection::vec(
            (any::<u8>(), prop::collection::vec(any::<u8>(), 0..=255)),
            0..20,
        ),
        start in 0usize..600,
        page in 1usize..600,
        bytes in prop::collection::vec(any::<u8>(), 0..1000),
        count: u8,
    ) {
        let start = start / 4 * 4;
        let table = prefix_table(start, &prefixes);
        let read = read_prefixes(&Pages::new(&table, page), start as u64, prefixes.len() as u8);
        prop_assert_eq!(read, Ok(prefixes));
        let _ = read_prefixes(&Pages::new(&bytes, page), start as u64, count);
    }
}
