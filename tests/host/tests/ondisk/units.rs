// SPDX-License-Identifier: GPL-2.0

use ondisk_tests::ondisk::*;
use proptest::prelude::*;

#[test]
fn block_bits_have_limits() {
    for bits in 0..=u8::MAX {
        for page_shift in [12, 14, 16] {
            let ok = (9..=page_shift).contains(&bits);
            let made = BlockBits::new(bits, page_shift);
            assert_eq!(made.is_some(), ok);
            if let Some(made) = made {
                assert_eq!(made.bits(), bits);
                assert_eq!(made.size(), 1 << bits);
            }
        }
    }
    assert_eq!(BlockBits::new(17, 20), None);
}

#[test]
fn metabox_nids() {
    let nid = Nid::new((1 << 63) | 5);
    assert!(nid.in_metabox());
    assert_eq!(nid.slot(), 5);
    assert!(!Nid::new(u64::MAX >> 1).in_metabox());
}

#[test]
fn ordinary_inode_numbers_are_nids() {
    let sb = super::build::superblock(12);
    for nid in [0, 1, 1 << 40, 1 << 63, u64::MAX] {
        assert_eq!(sb.ino(Nid::new(nid)), nid);
    }
}

#[test]
fn positions() {
    let pos = ImagePos::new(100);
    assert_eq!(pos.checked_add(u64::MAX), None);
    assert_eq!(pos.checked_add(20), Some(ImagePos::new(120)));
    assert_eq!(pos.since(ImagePos::new(30)), Some(70));
    assert_eq!(pos.since(ImagePos::new(101)), None);
    assert_eq!(
        MetaPos::Metabox(FilePos::new(u64::MAX)).checked_add(1),
        None
    );
    assert_eq!(
        MetaPos::Image(pos).checked_add(1),
        Some(MetaPos::Image(ImagePos::new(101)))
    );
}

proptest! {
    #[test]
    fn blocks(bits in 9u8..=16, value: u64, small in 0u64..1 << 20) {
        let block = BlockBits::new(bits, 16).unwrap();
        let size = 1u128 << bits;
        for value in [value, small, u64::MAX - small, value & !(u64::from(block.size()) - 1)] {
            let wide = u128::from(value);
            let fits = |value: u128| u64::try_from(value).ok();
            prop_assert_eq!(block.pos_of(BlockNr::new(value)).map(ImagePos::get), fits(wide * size));
            prop_assert_eq!(block.round_up(value), fits(wide.div_ceil(size) * size));
            prop_assert_eq!(u128::from(block.round_down(value)), wide / size * size);
            prop_assert_eq!(u128::from(block.blocks_in(value)), wide.div_ceil(size));
            prop_assert_eq!(u128::from(block.block_of(ImagePos::new(value)).get()), wide / size);
            prop_assert_eq!(u128::from(block.offset_in(FilePos::new(value))), wide % size);
        }
    }
}
