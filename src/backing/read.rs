// SPDX-License-Identifier: GPL-2.0

//! The read engine: parts of folios in, batches of contiguous ones out.

use super::{
    devices::{
        Run,
        Volume, //
    },
    Backing, //
};
use crate::{
    ondisk::DeviceId,
    vfs::{
        bio::ReadBio,
        folio::Part, //
    }, //
};
use kernel::prelude::*;

/// Gathers the reads of one request. All of them have been started when it is dropped.
pub(crate) struct Reader<'a, B: Backing> {
    volume: Volume<'a, B>,
    batch: Option<Batch<B>>,
    waiting: B::Waiting,
    /// How many parts may come.
    parts: usize,
    ahead: bool,
}

/// What is read from one place of one device.
struct Batch<B: Backing> {
    device: B,
    id: DeviceId,
    bio: ReadBio<B::Kind>,
}

impl<'a, B: Backing> Reader<'a, B> {
    /// A request of about `parts` parts. `ahead` says that nobody waits for it.
    pub(crate) fn new(volume: Volume<'a, B>, parts: usize, ahead: bool) -> Self {
        Self {
            volume,
            batch: None,
            waiting: B::Waiting::default(),
            parts,
            ahead,
        }
    }

    /// The devices.
    pub(crate) fn volume(&self) -> &Volume<'a, B> {
        &self.volume
    }

    /// Reads `part` from the start of `run` on.
    ///
    /// # Errors
    ///
    /// `EIO` if no backing is that large; the part has failed then.
    pub(crate) fn read(&mut self, run: &Run<B>, mut part: Part) -> Result {
        if let Some(batch) = &mut self.batch {
            // Positions on two devices have nothing to do with each other.
            if batch.id == run.id && batch.device.position(run.pos) == Some(batch.bio.end()) {
                match batch.bio.add(part) {
                    None => return Ok(()),
                    // The batch is full.
                    Some(back) => part = back,
                }
            }
        }
        self.start();
        let bio = run.device.batch(run.pos, self.parts, self.ahead)?;
        let batch = self.batch.insert(Batch {
            device: run.device,
            id: run.id,
            bio,
        });
        match batch.bio.add(part) {
            None => Ok(()),
            // No batch is too small for one part.
            Some(_) => Err(EIO),
        }
    }

    fn start(&mut self) {
        if let Some(batch) = self.batch.take() {
            batch.device.start(&mut self.waiting, batch.bio);
        }
    }
}

impl<B: Backing> Drop for Reader<'_, B> {
    fn drop(&mut self) {
        self.start();
        B::flush(&mut self.waiting);
    }
}
