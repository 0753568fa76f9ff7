// SPDX-License-Identifier: GPL-2.0

use super::build::*;
use ondisk_tests::ondisk::dirent::*;
use ondisk_tests::ondisk::*;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeSet;

type Entries = Vec<(Vec<u8>, u64, u8)>;

fn entries(names: &[&str]) -> Entries {
    names
        .iter()
        .enumerate()
        .map(|(index, name)| (name.as_bytes().to_vec(), 100 + index as u64, 1))
        .collect()
}

/// All entries of a block, with their names.
fn list(bytes: &[u8], len: usize) -> Result<Entries, DirError> {
    let block = DirBlock::new(bytes, len)?;
    let mut list = Vec::new();
    for index in 0..block.count() {
        let entry = block.entry(index)?.unwrap();
        list.push((bytes[entry.name].to_vec(), entry.nid.get(), entry.file_type));
    }
    assert_eq!(block.entry(block.count()), Ok(None));
    Ok(list)
}

#[test]
fn reads_a_block() {
    let entries = entries(&[".", "..", "a", "long name", "\u{e9}"]);
    let mut bytes = block(&entries);
    let len = bytes.len();
    assert_eq!(list(&bytes, len), Ok(entries.clone()));
    // What is behind the directory's end is not part of the last name.
    bytes.extend(b"xyz");
    assert_eq!(list(&bytes, len), Ok(entries.clone()));
    // In the middle of a directory the last name ends before a zero byte, or with the block.
    bytes.truncate(len);
    bytes.resize(512, 0);
    assert_eq!(list(&bytes, 512), Ok(entries.clone()));
    let block = DirBlock::new(&bytes[..], 512).unwrap();
    assert_eq!(block.count(), 5);
    assert_eq!(block.view().len(), 512);
    for (name, nid, _) in &entries {
        let found = block.find(name).unwrap();
        assert_eq!(found.nid.get(), *nid);
        assert_eq!(&bytes[found.name], &name[..]);
    }
    for name in ["", "...", "b", "long nam", "long name2", "\u{ea}", "A"] {
        assert_eq!(block.find(name.as_bytes()), None);
    }
}

#[test]
fn first_names() {
    for nameoff in 0..=u16::MAX {
        let mut bytes = vec![b'x'; 512];
        bytes.put16(8, nameoff);
        let made = DirBlock::new(&bytes[..], 512).map(|block| block.count());
        let nameoff = usize::from(nameoff);
        if nameoff != 0 && nameoff < 512 && nameoff % 12 == 0 {
            assert_eq!(made, Ok(nameoff / 12));
        } else {
            let error = made.unwrap_err();
            assert_eq!(
                error,
                DirError::FirstName {
                    nameoff: Some(nameoff)
                }
            );
            assert_eq!(error.kind(), ErrorKind::Corrupted);
            assert_eq!(
                error.to_string(),
                format!("invalid de[0].nameoff {nameoff}")
            );
        }
    }
    // No name either.
    let bytes = block(&entries(&["a"]));
    assert!(DirBlock::new(&bytes[..], 13).is_ok());
    assert!(DirBlock::new(&bytes[..], 12).is_err());
    // No entry.
    for len in 0..10 {
        let error = DirBlock::new(&bytes[..len], 512).err().unwrap();
        assert_eq!(error, DirError::FirstName { nameoff: None });
        assert_eq!(error.to_string(), "no room for a dirent");
    }
}

#[test]
fn bogus_names() {
    let good = block(&entries(&["aa", "bb", "cc"]));
    let bogus = |nameoffs: [u16; 3], index| {
        let mut bytes = good.clone();
        for (at, nameoff) in nameoffs.into_iter().enumerate() {
            bytes.put16(at * 12 + 8, nameoff);
        }
        let error = list(&bytes, bytes.len()).unwrap_err();
        assert_eq!(error, DirError::Entry { index });
        assert_eq!(error.kind(), ErrorKind::Corrupted);
        assert_eq!(error.to_string(), "bogus dirent");
        // None of that makes a lookup read elsewhere or find something else.
        let block = DirBlock::new(&bytes[..], bytes.len()).unwrap();
        for name in ["aa", "bb", "cc", "a", "c", "\0", "d"] {
            if let Some(found) = block.find(name.as_bytes()) {
                assert_eq!(&bytes[found.name], name.as_bytes());
            }
        }
    };
    // Empty.
    bogus([36, 36, 40], 0);
    bogus([36, 38, 38], 1);
    // Backwards.
    bogus([36, 40, 38], 1);
    bogus([36, 0, 38], 0);
    // Outside.
    bogus([36, 42, 43], 1);
    bogus([36, 43, 44], 0);
    bogus([36, 38, 42], 2);
    bogus([36, 38, 60000], 1);
    bogus([36, 60000, 60001], 0);

    // Too long.
    let mut bytes = block(&[(vec![b'a'; 255], 1, 1), (vec![b'b'; 255], 2, 1)]);
    assert!(list(&bytes, bytes.len()).is_ok());
    bytes.push(b'b');
    assert_eq!(list(&bytes, bytes.len()), Err(DirError::Entry { index: 1 }));
    bytes.put16(12 + 8, 24 + 256);
    assert_eq!(list(&bytes, bytes.len()), Err(DirError::Entry { index: 0 }));
    // Empty because it begins with the end.
    let mut bytes = block(&entries(&["a", "b"]));
    bytes[25] = 0;
    assert_eq!(list(&bytes, bytes.len()), Err(DirError::Entry { index: 1 }));
}

#[test]
fn types() {
    let d_types: Vec<u8> = (0..=u8::MAX)
        .map(|file_type| {
            Dirent {
                nid: Nid::new(0),
                file_type,
                name: 0..1,
            }
            .d_type()
        })
        .collect();
    // DT_REG, DT_DIR, DT_CHR, DT_BLK, DT_FIFO, DT_SOCK, DT_LNK.
    assert_eq!(d_types[..8], [0, 8, 4, 2, 6, 1, 12, 10]);
    assert!(d_types[8..].iter().all(|d_type| *d_type == 0));
}

/// A view that is counted as long as it is alive.
struct Fetched<'a> {
    bytes: &'a [u8],
    alive: &'a Cell<usize>,
}

impl Drop for Fetched<'_> {
    fn drop(&mut self) {
        self.alive.set(self.alive.get() - 1);
    }
}

impl View for Fetched<'_> {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn get<T: zerocopy::FromBytes>(&self, at: usize) -> Option<T> {
        View::get(self.bytes, at)
    }
}

/// Looks up a name; checks how the blocks are fetched.
fn look_up(content: &[u8], bits: BlockBits, name: &[u8]) -> Result<Option<u64>, DirError> {
    let size = bits.size() as usize;
    let alive = Cell::new(0);
    let mut fetched = BTreeSet::new();
    let mut found_in = None;
    let found = lookup(
        content.len() as u64,
        bits,
        name,
        |pos, len| -> Result<_, DirError> {
            let start = pos.get() as usize;
            assert_eq!(start % size, 0);
            assert_eq!(len, size.min(content.len() - start));
            assert!(fetched.insert(start), "fetched twice");
            found_in = Some(start);
            alive.set(alive.get() + 1);
            assert!(alive.get() <= 2);
            Ok(Fetched {
                bytes: &content[start..start + len],
                alive: &alive,
            })
        },
    )?;
    assert_eq!(alive.get(), 0);
    let blocks = content.len().div_ceil(size);
    assert!(fetched.len() <= blocks.checked_ilog2().map_or(0, |log| log as usize + 1));
    if let Some(found) = &found {
        // It is in one of the blocks.
        assert!(fetched
            .iter()
            .any(|start| { content[*start..].get(found.name.clone()) == Some(name) }));
    }
    Ok(found.map(|found| found.nid.get()))
}

fn bits(bits: u8) -> BlockBits {
    BlockBits::new(bits, 16).unwrap()
}

#[test]
fn empty_directories() {
    assert_eq!(look_up(&[], bits(12), b"a"), Ok(None));
}

#[test]
fn errors_of_fetching_are_passed_on() {
    #[derive(Debug, PartialEq)]
    enum Error {
        Io,
        Dir(DirError),
    }
    impl From<DirError> for Error {
        fn from(error: DirError) -> Self {
            Self::Dir(error)
        }
    }
    let fail = |_, _| Err::<&[u8], _>(Error::Io);
    assert_eq!(lookup(5000, bits(12), b"a", fail), Err(Error::Io));
    let zeros = |_, _| Ok::<&[u8], _>(&[0; 512]);
    assert_eq!(
        lookup(5000, bits(9), b"a", zeros),
        Err(Error::Dir(DirError::FirstName { nameoff: Some(0) }))
    );
    // A size beyond all reason costs 51 blocks at most.
    let mut count = 0;
    let entries = block(&entries(&["b"]));
    let same = |_, _| {
        count += 1;
        Ok::<_, Error>(&entries[..])
    };
    assert_eq!(lookup(i64::MAX as u64, bits(12), b"c", same), Ok(None));
    assert!(count <= 52);
}

/// A block that ends before its time is not read beyond that.
#[test]
fn short_blocks() {
    let content = block(&entries(&["aa", "bb", "cc"]));
    for len in 0..content.len() {
        for name in ["aa", "bb", "cc", "cd"] {
            let fetch = |_, _| Ok::<_, DirError>(&content[..len]);
            if let Ok(Some(found)) = lookup(4096, bits(12), name.as_bytes(), fetch) {
                assert_eq!(&content[found.name], name.as_bytes());
            }
        }
    }
}

fn names() -> impl Strategy<Value = BTreeSet<Vec<u8>>> {
    let byte = prop_oneof![1u8..=46, 48u8..=255];
    let few = prop_oneof![Just(b'a'), Just(b'b'), Just(0xff)];
    let name = prop_oneof![
        prop::collection::vec(byte, 1..=255),
        prop::collection::vec(few, 1..=12),
        "[a-c]{1,3}".prop_map(String::into_bytes),
        "[0-9]{1,6}[.]so".prop_map(|name| format!("a long common prefix {name}").into_bytes()),
    ];
    prop::collection::btree_set(name, 1..300)
}

proptest! {
    #[test]
    fn finds_what_is_there(names in names(), bits in 9u8..=12, absent in names()) {
        let block_size = 1 << bits;
        let bits = super::dirent::bits(bits);
        let entries: Entries = names
            .iter()
            .enumerate()
            .map(|(index, name)| (name.clone(), index as u64, 1))
            .collect();
        let content = directory(block_size, &entries);
        for (name, nid, _) in &entries {
            prop_assert_eq!(look_up(&content, bits, name), Ok(Some(*nid)));
            // Its neighbours.
            for other in [&name[..name.len() - 1], &[&name[..], b"!"].concat()[..]] {
                if !other.is_empty() {
                    prop_assert_eq!(
                        look_up(&content, bits, other).unwrap().is_some(),
                        names.contains(other)
                    );
                }
            }
        }
        for name in &absent {
            prop_assert_eq!(look_up(&content, bits, name).unwrap().is_some(), names.contains(name));
        }
        // And all of it is listed.
        let mut listed = Vec::new();
        for block in content.chunks(block_size) {
            listed.extend(list(block, block.len()).unwrap());
        }
        prop_assert_eq!(listed, entries);
    }

    /// In a damaged directory every answer is an error, or nothing, or an entry of that name.
    #[test]
    fn damaged_directories(
        names in names(),
        damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..8),
        seed: u64,
    ) {
        let entries: Entries = names.iter().map(|name| (name.clone(), 1, 1)).collect();
        let mut content = directory(512, &entries);
        for (at, byte) in damage {
            let at = at % content.len();
            content[at] = byte;
        }
        for name in names.iter().take(20) {
            let _ = look_up(&content, bits(9), name);
            let _ = lookup(content.len() as u64, bits(9), name, |pos, len| {
                let start = pos.get() as usize;
                let bytes = content[start..start + len].to_vec();
                Ok::<_, DirError>(Restless::new(bytes, seed))
            });
        }
        for block in content.chunks(512) {
            let _ = list(block, block.len());
        }
    }

    #[test]
    fn any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        nameoff in prop_oneof![any::<u16>(), (1u16..50).prop_map(|n| n * 12)],
        len in 0usize..700,
        name in prop::collection::vec(1u8..=255, 1..=255),
        seed: u64,
    ) {
        let mut bytes = bytes;
        if bytes.len() > 10 {
            bytes.put16(8, nameoff);
        }
        if let Ok(block) = DirBlock::new(&bytes[..], len) {
            for index in (0..=block.count()).chain([usize::MAX]) {
                if let Ok(Some(entry)) = block.entry(index) {
                    prop_assert!((1..=NAME_MAX).contains(&entry.name.len()));
                    prop_assert!(entry.name.end <= len.min(bytes.len()));
                }
            }
            if let Some(found) = block.find(&name) {
                prop_assert_eq!(&bytes[found.name], &name[..]);
            }
            block.compare_first(&name);
        }
        let bytes = Restless::new(bytes, seed);
        if let Ok(block) = DirBlock::new(&bytes, len) {
            for index in 0..block.count() {
                let _ = block.entry(index);
            }
            block.find(&name);
        }
    }
}
