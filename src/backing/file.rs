// SPDX-License-Identifier: GPL-2.0

//! Images in regular files: reads through the file's filesystem, and the file's own page cache
//! for metadata.
//!
//! A read through the page cache blocks until its data is there. So where one readahead needs
//! several places of the file, all of them are hinted first and then read: their data comes in at
//! the same time. With `directio` reads do not block at all.

use super::Backing;
use crate::{
    ondisk::ImagePos,
    vfs::{
        backing_file::BackingFile,
        bio::ReadBio,
        metadata::{
            self,
            Ahead,
            MetadataState,
            PageBytes, //
        }, //
    }, //
};
use core::sync::atomic::{
    AtomicU32,
    Ordering, //
};
use kernel::prelude::*;

/// How many places are hinted at a time.
const WAITING: usize = 8;

/// A regular file with an image.
pub(crate) struct ImageFile {
    file: BackingFile,
    /// Where in it the image begins (`fsoffset`).
    offset: u64,
    /// The block size of the image if its data is read around the file's page cache (`directio`),
    /// else zero. A remount changes it.
    direct: AtomicU32,
    metadata: MetadataState,
}

impl ImageFile {
    /// The image that begins `offset` bytes into `file`.
    pub(crate) fn new(file: BackingFile, offset: u64) -> Result<Self> {
        Ok(Self {
            offset,
            direct: AtomicU32::new(0),
            metadata: MetadataState::of_file(&file)?,
            file,
        })
    }

    /// Reads data around the file's page cache, in units of `block_size`, if the file can.
    pub(crate) fn set_direct(&self, block_size: Option<u32>) {
        let block_size = block_size.filter(|_| self.file.can_read_directly());
        self.direct
            .store(block_size.unwrap_or(0), Ordering::Relaxed);
    }

    /// The file, for reads that pass through to it; `None` if they are to be around its page cache.
    #[inline]
    pub(crate) fn passing(&self) -> Option<&BackingFile> {
        (self.direct.load(Ordering::Relaxed) == 0).then_some(&self.file)
    }

    /// Whether `batch` can be read around the page cache: whole blocks, as a batch that was begun
    /// before a remount may not have, nor one at the end of a file that ends within a block.
    fn is_direct(&self, batch: &ReadBio<BackingFile>) -> bool {
        let unit = u64::from(self.direct.load(Ordering::Relaxed));
        let mask = unit.wrapping_sub(1);
        unit != 0 && (batch.pos() | batch.len() as u64) & mask == 0
    }
}

impl<'a> Backing for &'a ImageFile {
    type Kind = BackingFile;
    type Waiting = [Option<(Self, ReadBio<BackingFile>)>; WAITING];
    type Others = &'a [ImageFile];

    fn other(others: Self::Others, index: usize) -> Option<Self> {
        others.get(index)
    }

    #[inline]
    fn bytes_ahead(self, pos: ImagePos, ahead: Ahead) -> Result<PageBytes> {
        let pos = self.position(pos).ok_or(EIO)?;
        metadata::of_file(&self.file, &self.metadata, pos, ahead)
    }

    fn read_len(self, pos: ImagePos, len: u64) -> u64 {
        let unit = u64::from(self.direct.load(Ordering::Relaxed).max(1));
        let mask = unit.wrapping_sub(1);
        let whole = len.saturating_add(mask) & !mask;
        match self.position(pos).and_then(|pos| pos.checked_add(whole)) {
            Some(end) if end <= self.file.size() => whole,
            _ => len,
        }
    }

    fn is_cached(self) -> bool {
        self.passing().is_some()
    }

    fn batch(self, pos: ImagePos, parts: usize, _ahead: bool) -> Result<ReadBio<BackingFile>> {
        Ok(ReadBio::of_file(self.position(pos).ok_or(EIO)?, parts))
    }

    #[inline]
    fn position(self, pos: ImagePos) -> Option<u64> {
        pos.get().checked_add(self.offset)
    }

    fn start(self, waiting: &mut Self::Waiting, batch: ReadBio<BackingFile>) {
        if self.is_direct(&batch) {
            return self.file.read_directly(batch);
        }
        if let Some(slot) = waiting.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some((self, batch));
            return;
        }
        Self::flush(waiting);
        if let Some(slot) = waiting.first_mut() {
            *slot = Some((self, batch));
        }
    }

    fn flush(waiting: &mut Self::Waiting) {
        // A single place is read at once by whoever reads it. They are filled in order.
        if let [Some(_), Some(_), ..] = waiting {
            for (image, batch) in waiting.iter().flatten() {
                image.file.read_ahead(batch.pos(), batch.len());
            }
        }
        for slot in waiting {
            if let Some((image, batch)) = slot.take() {
                image.file.read(batch);
            }
        }
    }
}
