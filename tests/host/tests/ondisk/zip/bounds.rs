// SPDX-License-Identifier: GPL-2.0

//! What could take long, and random bytes.

use super::*;
use proptest::prelude::*;
use std::cell::Cell;

/// Metadata that is looked at so many times at most; and whoever looks is killed some time.
struct Patience<'a> {
    pages: Pages<'a>,
    views: Cell<u32>,
    patience: Cell<u32>,
}

impl<'a> Patience<'a> {
    fn new(image: &'a [u8], patience: u32) -> Self {
        Self {
            pages: Pages::new(image, 4096),
            views: Cell::new(0),
            patience: Cell::new(patience),
        }
    }
}

impl<'a> Metadata for Patience<'a> {
    type Pos = MetaPos;
    type View = &'a [u8];
    type Error = Failure;

    fn view(&self, pos: MetaPos) -> Result<&'a [u8], Failure> {
        self.views.set(self.views.get() + 1);
        self.pages.view(pos)
    }

    fn keep_on(&self) -> Result<(), Failure> {
        let left = self.patience.get().checked_sub(1).ok_or(Failure::Read)?;
        self.patience.set(left);
        Ok(())
    }
}

#[test]
fn nothing_takes_long() {
    // Linux 7.3 adds up 2^49 records and cannot be killed.
    let file = File::records(12, 1 << 62, 0, 4, &[&[5], &[6]]);
    let meta = Patience::new(&file.image, 0);
    let map = file.inode().load(&meta).unwrap();
    let found = map.map(FilePos::new(1 << 61), Want::Asked, &meta);
    assert_eq!(found, Err(Failure::Zip(ZipError::Overflow)));
    assert!(meta.views.get() < 3);

    // Many records, as many as the image has.
    let mut file = File::records(12, 1 << 40, 0, 4, &[]);
    file.image.resize(1000 * 4096, 0);
    for (patience, expected) in [
        (0, Err(Failure::Read)),
        (300, Ok(Some(hole(250_000 << 12, 4096)))),
    ] {
        let meta = Patience::new(&file.image, patience);
        let map = file.inode().load(&meta).unwrap();
        let found = map.map(FilePos::new(250_000 << 12), Want::Asked, &meta);
        assert_eq!(found, expected);
        assert!(meta.views.get() < 1100);
    }

    // Entries one after the other that all say: the one before.
    let mut file = File::new(9, false, 1 << 40, 0);
    file.image.resize(1 << 20, 0);
    let entries = (file.image.len() - FULL) / 8;
    for lcn in 0..entries {
        file.image.put16(FULL + lcn * 8, REST);
        file.image.put32(FULL + lcn * 8 + 4, rest(1, 1));
    }
    let last = FilePos::new((entries as u64 - 1) << 9);
    for (patience, expected) in [(0, Failure::Read), (5, Failure::Read)] {
        let meta = Patience::new(&file.image, patience);
        let map = file.inode().load(&meta).unwrap();
        assert_eq!(map.map(last, Want::Asked, &meta), Err(expected));
        assert!(meta.views.get() < 600);
    }
    let meta = Patience::new(&file.image, u32::MAX);
    let map = file.inode().load(&meta).unwrap();
    let found = map.map(last, Want::Asked, &meta);
    assert!(matches!(
        found,
        Err(Failure::Zip(ZipError::Lookback { .. }))
    ));
    assert!(meta.views.get() < 70_000);

    // An extent that goes on for longer than any can, and a hole, which may.
    file.image.put16(FULL, HEAD1);
    let meta = Patience::new(&file.image, u32::MAX);
    let found = map.map(FilePos::ZERO, Want::Whole, &meta);
    assert_eq!(found, Err(Failure::Zip(ZipError::TooLarge { start: 0 })));
    assert!(meta.views.get() < 25_000);
    file.image.put16(FULL, HEAD1 | HOLE);
    let meta = Patience::new(&file.image, u32::MAX);
    let found = map.map(FilePos::ZERO, Want::Whole, &meta).unwrap().unwrap();
    assert!(!found.whole && found.len > 1 << 24 && found.at == ZipPlacement::Hole);
    assert!(meta.views.get() < 70_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever an index says, there is an answer soon, and it is about the byte asked for.
    #[test]
    fn any_index(
        (bits, compact, advise) in (9u8..=12, any::<bool>(), 0u16..0x40),
        (lcluster, algorithms) in (0u8..3, prop_oneof![Just(0u8), Just(0x30)]),
        low in prop_oneof![0u32..4, 0u32..500, any::<u32>()],
        size in prop_oneof![1u64..20_000, 1u64..300_000, any::<u64>().prop_map(|size| size >> 1)],
        seed in any::<u64>(),
        tame in any::<bool>(),
        positions in prop::collection::vec(any::<u64>(), 4),
        restless in any::<bool>(),
    ) {
        let mut file = File::new(bits, compact, size, advise);
        file.image.put32(HEADER, low);
        file.image.put8(HEADER + 6, algorithms);
        file.image.put8(HEADER + 7, lcluster);
        let mut state = seed | 1;
        for at in (COMPACT..file.image.len()).step_by(2) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let random = (state >> 40) as u16;
            // Small numbers are more often right.
            file.image.put16(at, if tame { random & 0x0007 } else { random });
        }
        let pages = file.meta();
        if restless {
            let meta = RestlessPages { pages, seed };
            if let Ok(map) = file.inode().load(&meta) {
                for pos in &positions {
                    let _ = map.map(FilePos::new(pos % size), Want::Whole, &meta);
                }
            }
        }
        let meta = Patience::new(&file.image, u32::MAX);
        let Ok(map) = file.inode().load(&meta) else {
            return Ok(());
        };
        let check = |pos: u64| {
            let mut next = None;
            for want in [Want::Asked, Want::Whole, Want::Report] {
                meta.views.set(0);
                let found = map.map(FilePos::new(pos), want, &meta);
                assert!(meta.views.get() < 140_000);
                if let Ok(found) = found {
                    let found = found.unwrap();
                    let end = found.start.get().checked_add(found.len).unwrap();
                    assert!(found.start.get() <= pos && pos < end && end <= size);
                    match found.at {
                        ZipPlacement::Device { len, .. } => assert!(len > 0 && len <= 1 << 20),
                        ZipPlacement::Inline { len, .. } => assert!(len > 0 && len <= 1 << bits),
                        _ => {}
                    }
                    next = Some(end);
                }
            }
            next
        };
        for pos in positions {
            check(pos % size);
        }
        let mut pos = 0;
        for _ in 0..100 {
            if pos >= size {
                break;
            }
            pos = check(pos).unwrap_or(pos + 1000);
        }
    }
}
