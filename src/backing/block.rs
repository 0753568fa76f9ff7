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
        metadata::{
            self,
            PageBytes, //
        }, //
    }, //
};
use kernel::prelude::*;

/// A sector, the unit in which a block device is read.
const SECTOR: u64 = 512;

/// A block device with an image.
pub(crate) struct Block {
    device: BlockDevice,
    /// Where on it the image begins (`fsoffset`).
    offset: u64,
}

impl Block {
    /// The image that begins `offset` bytes into `device`.
    pub(crate) fn new(device: BlockDevice, offset: u64) -> Self {
        Self { device, offset }
    }
}

impl Backing for Block {
    type Kind = BlockDevice;
    type Waiting = ();

    fn bytes(&self, pos: ImagePos) -> Result<PageBytes> {
        metadata::of_block_device(&self.device, self.position(pos).ok_or(EIO)?)
    }

    fn granule(&self) -> u64 {
        SECTOR
    }

    fn batch(&self, pos: ImagePos, parts: usize, ahead: bool) -> Result<ReadBio<BlockDevice>> {
        let pos = self.position(pos).ok_or(EIO)?;
        Ok(ReadBio::of_device(&self.device, pos, parts, ahead))
    }

    #[inline]
    fn position(&self, pos: ImagePos) -> Option<u64> {
        pos.get().checked_add(self.offset)
    }

    fn start(&self, _waiting: &mut (), batch: ReadBio<BlockDevice>) {
        batch.submit();
    }

    fn flush(&self, _waiting: &mut ()) {}
}
