// SPDX-License-Identifier: GPL-2.0

//! The devices of an image beside the primary one, and which of them an address means.
//!
//! An image without such devices, or whose devices are all on the primary one, takes a short way
//! through here: nothing is looked up.

use super::{
    block::Place,
    file::ImageFile,
    Backing, //
};
use crate::ondisk::{
    Addressing,
    BlockBits,
    DeviceError,
    DeviceId,
    DeviceRange,
    Extent,
    FilePos,
    ImagePos,
    MetaPos,
    Placement, //
};
use kernel::prelude::*;

/// What a mount keeps of the further devices of its image.
pub(crate) struct Devices {
    bits: BlockBits,
    /// Their places, from device 1 on.
    ranges: KVVec<DeviceRange>,
    opened: Opened,
}

/// The devices that are at hand: all, or none.
pub(crate) enum Opened {
    /// All are on the primary device.
    None,
    /// Block devices, which the superblock has, in the same order.
    Block(KVVec<Place>),
    /// Regular files.
    File(KVVec<ImageFile>),
}

impl Devices {
    /// The devices with these places, of an image with such blocks.
    pub(crate) fn new(bits: BlockBits, ranges: KVVec<DeviceRange>, opened: Opened) -> Self {
        Self {
            bits,
            ranges,
            opened,
        }
    }

    /// Their places.
    pub(crate) fn ranges(&self) -> &[DeviceRange] {
        &self.ranges
    }

    /// Those that are at hand.
    #[inline]
    pub(crate) fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Whether `id` means what it says: nothing can be on another device.
    #[inline]
    pub(crate) fn is_plain(&self, id: DeviceId) -> bool {
        id == DeviceId::PRIMARY && matches!(self.opened, Opened::None)
    }
}

/// All devices of an image, for use.
#[derive(Clone, Copy)]
pub(crate) struct Volume<'a, B: Backing> {
    primary: B,
    others: B::Others,
    devices: &'a Devices,
}

/// Bytes of one device.
#[derive(Clone, Copy)]
pub(crate) struct Run<B> {
    /// The device.
    pub(crate) device: B,
    /// Its number.
    pub(crate) id: DeviceId,
    /// The first byte.
    pub(crate) pos: ImagePos,
    /// How many follow on this device, the first one included.
    pub(crate) reach: u64,
}

/// Bytes of a file that are in one place: an extent, or what of it is on one device.
pub(crate) struct Piece<B> {
    /// The first of them.
    pub(crate) pos: FilePos,
    /// Their number, not 0.
    pub(crate) len: u64,
    /// Where they are.
    pub(crate) at: At<B>,
}

/// Where bytes of a file are.
pub(crate) enum At<B> {
    /// Nowhere: they are zeros.
    Hole,
    /// On a device.
    Device(Run<B>),
    /// In the metadata.
    Inline(MetaPos),
}

impl<'a, B: Backing> Volume<'a, B> {
    /// The primary device, with others that `devices` describes.
    #[inline]
    pub(crate) fn new(primary: B, others: B::Others, devices: &'a Devices) -> Self {
        Self {
            primary,
            others,
            devices,
        }
    }

    /// The primary device.
    #[inline]
    pub(crate) fn primary(&self) -> B {
        self.primary
    }

    /// The bytes that `pos` of device `id` means in the image.
    ///
    /// # Errors
    ///
    /// What [`Addressing::locate`] refuses.
    #[inline]
    pub(crate) fn run(&self, id: DeviceId, pos: ImagePos) -> Result<Run<B>, DeviceError> {
        if !self.devices.is_plain(id) {
            return self.locate(id, pos);
        }
        Ok(Run {
            device: self.primary,
            id,
            pos,
            reach: u64::MAX,
        })
    }

    /// What of `extent` is in the same place as its byte at `pos`, that byte included: the whole of
    /// it, unless it goes on on another device.
    ///
    /// # Errors
    ///
    /// What [`Addressing::locate`] refuses.
    #[inline]
    pub(crate) fn piece(&self, extent: Extent, pos: FilePos) -> Result<Piece<B>, DeviceError> {
        let mut piece = Piece {
            pos: extent.pos,
            len: extent.len,
            at: At::Hole,
        };
        match extent.at {
            Placement::Hole => {}
            Placement::Inline { pos } => piece.at = At::Inline(pos),
            Placement::Device { id, pos: start } => {
                let run = self.run(id, start)?;
                if run.reach >= extent.len {
                    piece.at = At::Device(run);
                    return Ok(piece);
                }
                let rest = extent.from(pos).ok_or(DeviceError::Overflow(id))?;
                let Placement::Device { id, pos: start } = rest.at else {
                    return Err(DeviceError::Overflow(id));
                };
                let run = self.run(id, start)?;
                piece.pos = rest.pos;
                piece.len = rest.len.min(run.reach);
                piece.at = At::Device(run);
            }
        }
        Ok(piece)
    }

    #[inline(never)]
    fn locate(&self, id: DeviceId, pos: ImagePos) -> Result<Run<B>, DeviceError> {
        let found = Addressing {
            bits: self.devices.bits,
            devices: &self.devices.ranges,
            flat: matches!(self.devices.opened, Opened::None),
        }
        .locate(id, pos)?;
        let device = match usize::from(found.id.get()).checked_sub(1) {
            None => Some(self.primary),
            Some(index) => B::other(self.others, index),
        };
        Ok(Run {
            device: device.ok_or(DeviceError::NoDevice(found.id))?,
            id: found.id,
            pos: found.pos,
            reach: found.reach,
        })
    }
}
