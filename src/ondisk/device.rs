// SPDX-License-Identifier: GPL-2.0

//! The devices of an image beside the primary one, which holds the superblock
//! (`struct erofs_deviceslot`).
//!
//! Each may have a place in the addresses of the primary device as well, at its `uniaddr`. If the
//! devices are at hand, an address of the primary device that is in such a place means one of
//! theirs. If they are not, all are taken to be on the primary device, each in its place: the image
//! is flat.

use super::superblock::{
    IncompatFeatures,
    Superblock, //
};
use super::units::{
    BlockBits,
    BlockNr,
    DeviceId,
    ImagePos, //
};
use super::view::View;
use super::ErrorKind;
use core::fmt;
use zerocopy::little_endian::{
    U16,
    U32, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    KnownLayout, //
};

/// The size of a slot of the device table in bytes. None lies in two blocks.
pub const DEVICE_SLOT_SIZE: usize = 128;

/// `struct erofs_deviceslot`.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawSlot {
    tag: [u8; 64],
    blocks_lo: U32,
    uniaddr_lo: U32,
    blocks_hi: U16,
    uniaddr_hi: U16,
    reserved: [u8; 52],
}

const _: () = assert!(core::mem::size_of::<RawSlot>() == DEVICE_SLOT_SIZE);

/// The device ids of chunks have this many bits that count: as many as the largest id has.
pub const fn device_id_mask(sb: &Superblock) -> u16 {
    match u16::MAX.checked_shr(sb.extra_devices.leading_zeros()) {
        Some(mask) => mask,
        None => 0,
    }
}

/// The slots of the device table: the devices from 1 on, and where the slot of each is.
pub fn slots(sb: &Superblock) -> impl Iterator<Item = (DeviceId, ImagePos)> {
    let table = sb.device_table;
    (1..=sb.extra_devices).filter_map(move |id| {
        let offset = u64::from(id.wrapping_sub(1)).wrapping_mul(DEVICE_SLOT_SIZE as u64);
        Some((DeviceId::new(id), table.checked_add(offset)?))
    })
}

/// Where a device is in the addresses of the primary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceRange {
    /// Its size in blocks.
    pub blocks: u64,
    /// Its first block there; `None` if it has no place there.
    pub uniaddr: Option<BlockNr>,
}

/// A device, as its slot tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its size and place.
    pub range: DeviceRange,
    /// What it is called; often the digest of what is on it. Nothing compares it with anything.
    tag: [u8; 64],
}

impl DeviceInfo {
    /// Reads a slot, which `view` begins with.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Truncated`] if the image ends before the slot does.
    pub fn parse(view: &(impl View + ?Sized), sb: &Superblock) -> Result<Self, DeviceError> {
        let raw: RawSlot = view.get(0).ok_or(DeviceError::Truncated)?;
        let is_48bit = sb.incompat.contains(IncompatFeatures::ADDRESS_48BIT);
        let number = |low: U32, high: U16| {
            let high = if is_48bit { high.get() } else { 0 };
            u64::from(low.get()) | u64::from(high).wrapping_shl(32)
        };
        let uniaddr = number(raw.uniaddr_lo, raw.uniaddr_hi);
        Ok(Self {
            range: DeviceRange {
                blocks: number(raw.blocks_lo, raw.blocks_hi),
                uniaddr: (uniaddr != 0).then_some(BlockNr::new(uniaddr)),
            },
            tag: raw.tag,
        })
    }

    /// What the device is called: all before the first zero byte.
    pub fn tag(&self) -> &[u8] {
        let mut parts = self.tag.split(|byte| *byte == 0);
        parts.next().unwrap_or_default()
    }
}

/// The number of blocks of the image, with those of all its devices.
pub fn total_blocks(sb: &Superblock, devices: &[DeviceRange]) -> u64 {
    devices
        .iter()
        .fold(sb.blocks, |sum, device| sum.saturating_add(device.blocks))
}

/// How an image's addresses are to be understood.
#[derive(Clone, Copy, Debug)]
pub struct Addressing<'a> {
    /// The size of a block.
    pub bits: BlockBits,
    /// The devices from 1 on.
    pub devices: &'a [DeviceRange],
    /// None of them is at hand: all are on the primary device.
    pub flat: bool,
}

/// Where bytes of an image are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// The device.
    pub id: DeviceId,
    /// The first byte on it.
    pub pos: ImagePos,
    /// How many bytes from there on belong together: what follows may be on another device. Not 0.
    pub reach: u64,
}

impl Addressing<'_> {
    /// The device, and the position on it, that `pos` of device `id` means in the image.
    ///
    /// # Errors
    ///
    /// Those of [`locate`](Self::locate).
    pub fn resolve(
        &self,
        id: DeviceId,
        pos: ImagePos,
    ) -> Result<(DeviceId, ImagePos), DeviceError> {
        let found = self.locate(id, pos)?;
        Ok((found.id, found.pos))
    }

    /// Where the bytes are that `pos` of device `id` means in the image.
    ///
    /// # Errors
    ///
    /// [`DeviceError::NoDevice`] if there is no such device, [`DeviceError::Overflow`] if its place
    /// on the primary one is where none can be.
    pub fn locate(&self, id: DeviceId, pos: ImagePos) -> Result<Located, DeviceError> {
        let whole = |id, pos| Located {
            id,
            pos,
            reach: u64::MAX,
        };
        if id != DeviceId::PRIMARY {
            let device = usize::from(id.get())
                .checked_sub(1)
                .and_then(|index| self.devices.get(index))
                .ok_or(DeviceError::NoDevice(id))?;
            if !self.flat {
                return Ok(whole(id, pos));
            }
            let Some(uniaddr) = device.uniaddr else {
                return Ok(whole(DeviceId::PRIMARY, pos));
            };
            let pos = self
                .bits
                .pos_of(uniaddr)
                .and_then(|start| start.checked_add(pos.get()))
                .ok_or(DeviceError::Overflow(id))?;
            return Ok(whole(DeviceId::PRIMARY, pos));
        }
        if self.flat {
            return Ok(whole(id, pos));
        }
        let mut reach = u64::MAX;
        for (id, device) in (1..=u16::MAX).zip(self.devices) {
            let Some(start) = device.uniaddr.and_then(|nr| self.bits.pos_of(nr)) else {
                continue;
            };
            match pos.since(start) {
                Some(offset) => {
                    // Of blocks that reach beyond all positions none is past the end.
                    let end = self.bits.pos_of(BlockNr::new(device.blocks));
                    let left = end.map_or(Some(u64::MAX), |end| end.get().checked_sub(offset));
                    if let Some(left @ 1..) = left {
                        return Ok(Located {
                            id: DeviceId::new(id),
                            pos: ImagePos::new(offset),
                            // Where an earlier one begins, that one counts.
                            reach: left.min(reach),
                        });
                    }
                }
                // Further on: not 0.
                None => reach = reach.min(start.get().wrapping_sub(pos.get())),
            }
        }
        Ok(Located { id, pos, reach })
    }
}

/// What is wrong with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// The image ends inside its slot.
    Truncated,
    /// There is none with this number.
    NoDevice(DeviceId),
    /// Its place on the primary device is past the end of the largest possible image.
    Overflow(DeviceId),
}

impl DeviceError {
    /// What sort of refusal this is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Truncated => ErrorKind::Io,
            Self::NoDevice(_) => ErrorKind::NoDevice,
            Self::Overflow(_) => ErrorKind::Corrupted,
        }
    }
}

/// The cause alone; whoever logs it adds what was looked for.
impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated => f.write_str("the image ends inside the device table"),
            Self::NoDevice(id) => write!(f, "no device {id}"),
            Self::Overflow(id) => write!(f, "device {id} is past the end of any image"),
        }
    }
}
