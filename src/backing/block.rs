// SPDX-License-Identifier: GPL-2.0

//! Images on block devices: bios, and the device's own page cache for metadata.

use super::Backing;
use crate::{
    ondisk::ImagePos,
    vfs::{
        bio::{
            BlockDevice,
            ReadBio, //
        },
        block_device::OpenBlockDevice,
        metadata::{
            self,
            Ahead,
            MetadataState,
            PageBytes, //
        }, //
    }, //
};
use kernel::prelude::*;

/// Where an image is on its device, and what is known of reading it.
pub(crate) struct Place {
    /// Where the image begins (`fsoffset`).
    offset: u64,
    /// The unit in which the device is read, in bytes: a power of two.
    unit: u32,
    metadata: MetadataState,
}

impl Place {
    /// `offset` bytes into `device`.
    pub(crate) fn new(device: &BlockDevice, offset: u64) -> Self {
        Self {
            offset,
            unit: device.logical_block_size(),
            metadata: MetadataState::of_block_device(device),
        }
    }
}

/// A block device with an image.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    device: &'a BlockDevice,
    place: &'a Place,
}

impl<'a> Block<'a> {
    /// The image at `place` on `device`.
    #[inline]
    pub(crate) fn new(device: &'a BlockDevice, place: &'a Place) -> Self {
        Self { device, place }
    }

    /// The device itself.
    pub(crate) fn device(self) -> &'a BlockDevice {
        self.device
    }
}

impl<'a> Backing for Block<'a> {
    type Kind = BlockDevice;
    type Waiting = ();
    type Others = (&'a [OpenBlockDevice], &'a [Place]);

    fn other((devices, places): Self::Others, index: usize) -> Option<Self> {
        Some(Self {
            device: devices.get(index)?.device(),
            place: places.get(index)?,
        })
    }

    #[inline]
    fn bytes_ahead(self, pos: ImagePos, ahead: Ahead) -> Result<PageBytes> {
        let pos = self.position(pos).ok_or(EIO)?;
        metadata::of_block_device(self.device, &self.place.metadata, pos, ahead)
    }

    fn read_len(self, _pos: ImagePos, len: u64) -> u64 {
        // The block size is a multiple of the unit, as it could be set.
        let mask = u64::from(self.place.unit).wrapping_sub(1);
        len.saturating_add(mask) & !mask
    }

    fn is_cached(self) -> bool {
        // Bios go around the device's page cache.
        false
    }

    fn batch(self, pos: ImagePos, parts: usize, ahead: bool) -> Result<ReadBio<BlockDevice>> {
        let pos = self.position(pos).ok_or(EIO)?;
        Ok(ReadBio::of_device(self.device, pos, parts, ahead))
    }

    #[inline]
    fn position(self, pos: ImagePos) -> Option<u64> {
        pos.get().checked_add(self.place.offset)
    }

    fn start(self, _waiting: &mut (), batch: ReadBio<BlockDevice>) {
        batch.submit();
    }

    fn flush(_waiting: &mut ()) {}
}
