// SPDX-License-Identifier: GPL-2.0

//! The read engine: parts of folios in, batches of contiguous ones out.

use super::Backing;
use crate::{
    ondisk::ImagePos,
    vfs::{
        bio::ReadBio,
        folio::Part, //
    }, //
};
use kernel::prelude::*;

/// Gathers the reads of one request. All of them have been started when it is dropped.
pub(crate) struct Reader<B: Backing> {
    backing: B,
    batch: Option<ReadBio<B::Kind>>,
    waiting: B::Waiting,
    /// How many parts may come.
    parts: usize,
    ahead: bool,
}

impl<B: Backing> Reader<B> {
    /// A request of about `parts` parts. `ahead` says that nobody waits for it.
    pub(crate) fn new(backing: B, parts: usize, ahead: bool) -> Self {
        Self {
            backing,
            batch: None,
            waiting: B::Waiting::default(),
            parts,
            ahead,
        }
    }

    /// The backing.
    pub(crate) fn backing(&self) -> B {
        self.backing
    }

    /// Reads `part` from `pos` on.
    ///
    /// # Errors
    ///
    /// `EIO` if no backing is that large; the part has failed then.
    pub(crate) fn read(&mut self, pos: ImagePos, mut part: Part) -> Result {
        if let Some(batch) = &mut self.batch {
            if self.backing.position(pos) == Some(batch.end()) {
                match batch.add(part) {
                    None => return Ok(()),
                    // The batch is full.
                    Some(back) => part = back,
                }
            }
        }
        self.start();
        let batch = self.backing.batch(pos, self.parts, self.ahead)?;
        match self.batch.insert(batch).add(part) {
            None => Ok(()),
            // No batch is too small for one part.
            Some(_) => Err(EIO),
        }
    }

    fn start(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.backing.start(&mut self.waiting, batch);
        }
    }
}

impl<B: Backing> Drop for Reader<B> {
    fn drop(&mut self) {
        self.start();
        self.backing.flush(&mut self.waiting);
    }
}
