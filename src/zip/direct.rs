// SPDX-License-Identifier: GPL-2.0

//! Reads of compressed files around the page cache (`O_DIRECT`).
//!
//! The same requests and jobs as for the page cache fill private memory here, of which nothing is
//! left when it has been copied to the program.

use super::{
    data::{
        complain,
        parts,
        Compressed, //
    },
    request::Request, //
};
use crate::{
    ondisk::FilePos,
    super_block::Erofs,
    vfs::{
        self,
        incoming::{
            self,
            Job,
            Started, //
        },
        inode::INode,
        mapping::PrivateReads,
        private::{
            Buffer,
            Need, //
        }, //
    },
    volume::On, //
};
use kernel::prelude::*;

/// All of a buffer is there.
struct Whole;

impl Job for Whole {
    type Output = Option<Buffer>;

    fn run(self, data: Option<Buffer>) -> Option<Buffer> {
        data
    }
}

impl<K: On> PrivateReads for Compressed<K> {
    fn read_private(inode: &INode<Erofs>, pos: u64, len: usize, buffer: Buffer) -> Result<Buffer> {
        let (file, mount) = parts(inode).ok_or(EIO)?;
        let volume = K::volume(inode.super_block()).ok_or(EIO)?;
        let pages = (len >> vfs::PAGE_SHIFT).saturating_add(2);
        let mut request = Request::new(inode, file, mount, volume, pages, true, true)?;
        let mut fed = Ok(());

        let started = incoming::start(buffer, len, Whole, true, Need::Wanted, |at, part| {
            let pos = FilePos::new(pos.saturating_add(at as u64));
            let result = request.feed_part(pos, part);
            if fed.is_ok() {
                fed = result;
            }
        });
        let finished = request.finish();
        fed?;
        finished.map_err(|failed| complain(inode, &failed))?;
        let Ok(Started::Kept(ticket)) = started else {
            return Err(ENOMEM);
        };
        let arrived = ticket.wait().ok_or(EINTR)?;
        arrived.run().ok_or(EIO)
    }
}
