// SPDX-License-Identifier: GPL-2.0

use super::build::*;
use ondisk_tests::ondisk::device::*;
use ondisk_tests::ondisk::*;
use proptest::prelude::*;

fn slot(tag: &[u8], blocks: u64, uniaddr: u64) -> [u8; 128] {
    let mut slot = [0; 128];
    slot[..tag.len()].copy_from_slice(tag);
    slot.put32(64, blocks as u32);
    slot.put32(68, uniaddr as u32);
    slot.put16(72, (blocks >> 32) as u16);
    slot.put16(74, (uniaddr >> 32) as u16);
    slot
}

fn range(blocks: u64, uniaddr: u64) -> DeviceRange {
    DeviceRange {
        blocks,
        uniaddr: (uniaddr != 0).then_some(BlockNr::new(uniaddr)),
    }
}

fn with_features(incompat: u32, extra_devices: u16) -> Superblock {
    let mut image = image();
    image[1024..].put32(80, incompat);
    image[1024..].put16(86, extra_devices);
    image[1024..].put16(88, 9);
    Superblock::parse(&image[..], 12, crc32c).unwrap()
}

#[test]
fn tables() {
    let slots_of = |sb: &Superblock| {
        slots(sb)
            .map(|(id, pos)| (id.get(), pos.get()))
            .collect::<Vec<_>>()
    };
    let sb = with_features(8, 3);
    assert_eq!(slots_of(&sb), [(1, 1152), (2, 1280), (3, 1408)]);
    // Without the feature there is none.
    assert_eq!(slots_of(&with_features(0, 3)), []);
    assert_eq!(slots_of(&with_features(8, 0)), []);
    let all = slots_of(&with_features(8, u16::MAX));
    assert_eq!(all.len(), 65535);
    assert_eq!(all[65534], (65535, 1152 + 65534 * 128));
}

#[test]
fn slots_of_devices() {
    let short = with_features(8, 1);
    let long = with_features(0x88, 1);
    let bytes = slot(b"sha256:1", 0x5_0000_0007, 0x6_0000_0008);
    let info = DeviceInfo::parse(&bytes, &short).unwrap();
    assert_eq!(info.range, range(7, 8));
    assert_eq!(info.tag(), b"sha256:1");
    let info = DeviceInfo::parse(&bytes, &long).unwrap();
    assert_eq!(info.range, range(0x5_0000_0007, 0x6_0000_0008));
    // The place of none is at 0.
    let bytes = slot(b"", 1, 0x6_0000_0000);
    assert_eq!(
        DeviceInfo::parse(&bytes, &short).unwrap().range.uniaddr,
        None
    );
    assert!(DeviceInfo::parse(&bytes, &long)
        .unwrap()
        .range
        .uniaddr
        .is_some());
    assert_eq!(DeviceInfo::parse(&bytes, &long).unwrap().tag(), b"");
    let bytes = slot(&[b'x'; 64], 1, 1);
    assert_eq!(DeviceInfo::parse(&bytes, &long).unwrap().tag(), [b'x'; 64]);

    let error = DeviceInfo::parse(&bytes[..127], &short).unwrap_err();
    assert_eq!(error, DeviceError::Truncated);
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.to_string(), "the image ends inside the device table");
}

#[test]
fn masks() {
    for (devices, mask) in [
        (0, 0),
        (1, 1),
        (2, 3),
        (3, 3),
        (4, 7),
        (60, 63),
        (63, 63),
        (64, 127),
        (32767, 32767),
        (32768, 65535),
        (65535, 65535),
    ] {
        assert_eq!(device_id_mask(&with_features(8, devices)), mask);
    }
    assert_eq!(device_id_mask(&with_features(0, 5)), 0);
}

#[test]
fn sums() {
    let sb = with_features(8, 2);
    assert_eq!(total_blocks(&sb, &[]), 1000);
    assert_eq!(total_blocks(&sb, &[range(5, 0), range(6, 1)]), 1011);
    assert_eq!(total_blocks(&sb, &[range(u64::MAX, 0)]), u64::MAX);
}

const BLOCK: u64 = 4096;

fn resolve(
    devices: &[DeviceRange],
    flat: bool,
    id: u16,
    pos: u64,
) -> Result<(u16, u64), DeviceError> {
    let addressing = Addressing {
        bits: BlockBits::new(12, 12).unwrap(),
        devices,
        flat,
    };
    let found = addressing.resolve(DeviceId::new(id), ImagePos::new(pos))?;
    Ok((found.0.get(), found.1.get()))
}

#[test]
fn devices_at_hand() {
    let devices = [
        range(10, 100),
        range(20, 0),
        range(5, 110),
        range(1000, 105),
    ];
    let at = |id, pos| resolve(&devices, false, id, pos);
    // Those that are named.
    assert_eq!(at(1, 7), Ok((1, 7)));
    assert_eq!(at(4, u64::MAX), Ok((4, u64::MAX)));
    let error = at(5, 7).unwrap_err();
    assert_eq!(error, DeviceError::NoDevice(DeviceId::new(5)));
    assert_eq!(error.kind(), ErrorKind::NoDevice);
    assert_eq!(error.to_string(), "no device 5");
    // Those whose place it is; the first one if it is that of several.
    assert_eq!(at(0, 100 * BLOCK - 1), Ok((0, 100 * BLOCK - 1)));
    assert_eq!(at(0, 100 * BLOCK), Ok((1, 0)));
    assert_eq!(at(0, 110 * BLOCK - 1), Ok((1, 10 * BLOCK - 1)));
    assert_eq!(at(0, 110 * BLOCK + 5), Ok((3, 5)));
    assert_eq!(at(0, 115 * BLOCK), Ok((4, 10 * BLOCK)));
    assert_eq!(at(0, 1105 * BLOCK), Ok((0, 1105 * BLOCK)));
    // The place of none.
    assert_eq!(at(0, 0), Ok((0, 0)));
    assert_eq!(resolve(&[], false, 0, 9), Ok((0, 9)));
    assert!(resolve(&[], false, 1, 9).is_err());
    // Larger than anything.
    let large = [range(u64::MAX, 1)];
    assert_eq!(
        resolve(&large, false, 0, u64::MAX),
        Ok((1, u64::MAX - BLOCK))
    );
}

#[test]
fn reaches() {
    let devices = [
        range(10, 100),
        range(20, 0),
        range(5, 110),
        range(1000, 105),
    ];
    let reach = |flat, id, pos| {
        let addressing = Addressing {
            bits: BlockBits::new(12, 12).unwrap(),
            devices: &devices,
            flat,
        };
        let found = addressing.locate(DeviceId::new(id), ImagePos::new(pos));
        found.unwrap().reach
    };
    // To where the next one begins, or the end of this one.
    assert_eq!(reach(false, 0, 0), 100 * BLOCK);
    assert_eq!(reach(false, 0, 100 * BLOCK - 1), 1);
    assert_eq!(reach(false, 0, 100 * BLOCK), 10 * BLOCK);
    assert_eq!(reach(false, 0, 110 * BLOCK - 1), 1);
    assert_eq!(reach(false, 0, 110 * BLOCK + 5), 5 * BLOCK - 5);
    assert_eq!(reach(false, 0, 115 * BLOCK), 990 * BLOCK);
    assert_eq!(reach(false, 0, 1105 * BLOCK), u64::MAX);
    // Nothing is on another device then.
    assert_eq!(reach(false, 3, 4 * BLOCK), u64::MAX);
    assert_eq!(reach(true, 0, 0), u64::MAX);
    assert_eq!(reach(true, 1, 0), u64::MAX);
    // An earlier one counts where two are.
    let devices = [range(1, 50), range(100, 10)];
    let addressing = Addressing {
        bits: BlockBits::new(12, 12).unwrap(),
        devices: &devices,
        flat: false,
    };
    let found = addressing.locate(DeviceId::new(0), ImagePos::new(20 * BLOCK));
    assert_eq!(
        found,
        Ok(Located {
            id: DeviceId::new(2),
            pos: ImagePos::new(10 * BLOCK),
            reach: 30 * BLOCK,
        })
    );
}

#[test]
fn flat() {
    let devices = [range(10, 100), range(20, 0), range(1, (1 << 48) - 1)];
    let at = |id, pos| resolve(&devices, true, id, pos);
    assert_eq!(at(0, 100 * BLOCK), Ok((0, 100 * BLOCK)));
    assert_eq!(at(1, 7), Ok((0, 100 * BLOCK + 7)));
    assert_eq!(at(2, 7), Ok((0, 7)));
    assert_eq!(at(4, 7), Err(DeviceError::NoDevice(DeviceId::new(4))));
    let last = ((1 << 48) - 1) * BLOCK;
    assert_eq!(at(3, 7), Ok((0, last + 7)));
    let error = at(3, u64::MAX - 5).unwrap_err();
    assert_eq!(error, DeviceError::Overflow(DeviceId::new(3)));
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    assert_eq!(error.to_string(), "device 3 is past the end of any image");
}

proptest! {
    /// In a well-made image it is the same byte whichever way it is found.
    #[test]
    fn three_ways_to_a_byte(
        sizes in prop::collection::vec(1u64..50, 1..80),
        gap in 0u64..100,
        which: prop::sample::Index,
        offset: u64,
    ) {
        let mut next = 1000;
        let devices: Vec<_> = sizes
            .iter()
            .map(|size| {
                let device = range(*size, next);
                next += size + gap;
                device
            })
            .collect();
        let index = which.index(devices.len());
        let id = index as u16 + 1;
        let offset = offset % (devices[index].blocks * BLOCK);
        let flat = resolve(&devices, true, id, offset).unwrap();
        prop_assert_eq!(flat.0, 0);
        prop_assert_eq!(resolve(&devices, true, 0, flat.1), Ok(flat));
        prop_assert_eq!(resolve(&devices, false, 0, flat.1), Ok((id, offset)));
        prop_assert_eq!(resolve(&devices, false, id, offset), Ok((id, offset)));
        prop_assert_eq!(
            resolve(&devices, false, devices.len() as u16 + 1, offset),
            Err(DeviceError::NoDevice(DeviceId::new(devices.len() as u16 + 1)))
        );
    }

    #[test]
    fn any_devices(
        devices in prop::collection::vec((any::<u64>(), any::<u64>()), 0..5),
        bits in 9u8..=16,
        flat: bool,
        id: u16,
        pos: u64,
    ) {
        let devices: Vec<_> = devices
            .into_iter()
            .map(|(blocks, uniaddr)| range(blocks, uniaddr))
            .collect();
        let addressing = Addressing {
            bits: BlockBits::new(bits, 16).unwrap(),
            devices: &devices,
            flat,
        };
        for id in [0, id % 7, id] {
            match addressing.resolve(DeviceId::new(id), ImagePos::new(pos)) {
                Ok((found, at)) => {
                    prop_assert!(usize::from(found.get()) <= devices.len());
                    prop_assert!(!flat || found == DeviceId::PRIMARY);
                    if !flat && id == 0 {
                        prop_assert!(at.get() <= pos);
                    }
                }
                Err(DeviceError::NoDevice(_)) => prop_assert!(usize::from(id) > devices.len()),
                Err(error) => prop_assert!(flat && error == DeviceError::Overflow(DeviceId::new(id))),
            }
        }
    }
}
