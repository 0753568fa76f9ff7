// SPDX-License-Identifier: GPL-2.0

use super::build::*;
use ondisk_tests::ondisk::units::Position;
use ondisk_tests::ondisk::*;
use proptest::prelude::*;
use std::cell::Cell;

fn at(pos: u64) -> Option<MetaPos> {
    Some(MetaPos::Image(ImagePos::new(pos)))
}

#[test]
fn distances() {
    let image = |pos| MetaPos::Image(ImagePos::new(pos));
    let metabox = |pos| MetaPos::Metabox(FilePos::new(pos));
    assert_eq!(image(9).distance(image(2)), Some(7));
    assert_eq!(metabox(9).distance(metabox(9)), Some(0));
    assert_eq!(image(9).distance(image(10)), None);
    assert_eq!(image(9).distance(metabox(2)), None);
    assert_eq!(metabox(9).distance(image(2)), None);
    assert_eq!(image(9).advance(u64::MAX), None);
    assert_eq!(FilePos::new(9).advance(1), Some(FilePos::new(10)));
    assert_eq!(FilePos::new(9).distance(FilePos::new(4)), Some(5));
}

/// Counts how often a view is asked for.
struct Counted<'a>(Pages<'a>, Cell<usize>);

impl<'a> Metadata for Counted<'a> {
    type Pos = MetaPos;
    type View = &'a [u8];
    type Error = Failure;

    fn view(&self, pos: MetaPos) -> Result<&'a [u8], Failure> {
        self.1.set(self.1.get() + 1);
        self.0.view(pos)
    }
}

#[test]
fn views_are_kept() {
    let bytes: Vec<u8> = (0..64).collect();
    let meta = Counted(Pages::new(&bytes, 16), Cell::new(0));
    let mut cursor = Cursor::new(&meta, at(2));
    assert_eq!(meta.1.get(), 0);
    assert_eq!(cursor.get::<[u8; 2]>(), Ok(Some([2, 3])));
    assert_eq!(cursor.get::<[u8; 4]>(), Ok(Some([4, 5, 6, 7])));
    assert_eq!(cursor.pos(), at(8));
    cursor.seek(at(15));
    assert_eq!(cursor.get::<u8>(), Ok(Some(15)));
    cursor.seek(at(2));
    assert_eq!(cursor.get::<u8>(), Ok(Some(2)));
    assert_eq!(meta.1.get(), 1);
    // Not what was before the view.
    cursor.seek(at(1));
    assert_eq!(cursor.get::<u8>(), Ok(Some(1)));
    assert_eq!(meta.1.get(), 2);
    cursor.skip(10);
    assert_eq!(
        cursor.get::<[u8; 8]>(),
        Ok(Some([12, 13, 14, 15, 16, 17, 18, 19]))
    );
    assert_eq!(meta.1.get(), 3);
    // Elsewhere.
    cursor.seek(Some(MetaPos::Metabox(FilePos::new(17))));
    assert_eq!(cursor.get::<u8>(), Ok(None));
}

#[test]
fn ends() {
    let bytes = [7; 32];
    let meta = Pages::new(&bytes, 16);
    let mut cursor = Cursor::new(&meta, at(31));
    assert_eq!(cursor.get::<[u8; 2]>(), Ok(None));
    let mut cursor = Cursor::new(&meta, at(30));
    assert_eq!(cursor.matches(&[7, 7]), Ok(Some(true)));
    assert_eq!(cursor.matches(&[]), Ok(Some(true)));
    assert_eq!(cursor.copy_to(&mut []), Ok(Some(())));
    assert_eq!(cursor.matches(&[7]), Ok(None));
    assert_eq!(cursor.copy_to(&mut [0]), Ok(None));
    cursor.seek(at(31));
    assert_eq!(cursor.matches(&[7, 7]), Ok(None));
    cursor.seek(at(31));
    assert_eq!(cursor.matches(&[8, 7]), Ok(Some(false)));
    // There is nothing behind the last of all positions.
    cursor.seek(at(u64::MAX));
    cursor.skip(1);
    assert_eq!(cursor.pos(), None);
    assert_eq!(cursor.get::<u8>(), Ok(None));
    cursor.skip(1);
    assert_eq!(Cursor::new(&meta, None).get::<u8>(), Ok(None));

    let mut cursor = Cursor::new(&Unreadable, at(0));
    assert_eq!(cursor.get::<u8>(), Err(Failure::Read));
    assert_eq!(cursor.copy_to(&mut [0]), Err(Failure::Read));
    assert_eq!(cursor.matches(&[0]), Err(Failure::Read));
}

proptest! {
    /// Where pages end makes no difference.
    #[test]
    fn reads_across_pages(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        page in 1usize..70,
        start in 0usize..220,
        len in 0usize..220,
        change in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let meta = Pages::new(&bytes, page);
        let expected = bytes.get(start..start + len);
        let mut out = vec![0; len];
        let mut cursor = Cursor::new(&meta, at(start as u64));
        let copied = cursor.copy_to(&mut out).unwrap();
        prop_assert_eq!(copied.is_some(), len == 0 || expected.is_some());
        if let Some(expected) = expected {
            prop_assert_eq!(&out, expected);
            prop_assert_eq!(cursor.pos(), at((start + len) as u64));
            let mut other = expected.to_vec();
            if let (Some(change), false) = (change, other.is_empty()) {
                let index = change.index(other.len());
                other[index] ^= 1;
            }
            let mut cursor = Cursor::new(&meta, at(start as u64));
            prop_assert_eq!(cursor.matches(&other), Ok(Some(other == expected)));
        }
        let mut cursor = Cursor::new(&meta, at(start as u64));
        let value: Option<[u8; 12]> = cursor.get().unwrap();
        prop_assert_eq!(value.as_ref().map(|value| &value[..]), bytes.get(start..start + 12));
    }
}
