// SPDX-License-Identifier: GPL-2.0

//! The contents of files that are not compressed: into the page cache.

#![forbid(unsafe_code)]

use crate::{
    backing::{
        devices::{
            At,
            Piece,
            Run,
            Volume, //
        },
        read::Reader,
        Backing, //
    },
    metadata,
    ondisk::FilePos,
    super_block::Erofs,
    vfs::{
        self,
        folio::LockedFolio,
        inode::INode,
        mapping::{
            MappingOperations,
            Readahead, //
        },
        trace, //
    },
    volume::On, //
};
use core::marker::PhantomData;
use kernel::prelude::*;

/// Contents that come from a kind of backing.
pub(crate) struct Data<K>(PhantomData<K>);

/// A request to read pages of one file.
struct Request<'a, B: Backing> {
    inode: &'a INode<Erofs>,
    reader: Reader<'a, B>,
    /// How many bytes are asked for, at most.
    want: u64,
    /// Where the last ones were: the next ones are likely to follow them.
    piece: Option<Piece<B>>,
}

impl<'a, B: Backing> Request<'a, B> {
    fn new(inode: &'a INode<Erofs>, volume: Volume<'a, B>, pages: usize, ahead: bool) -> Self {
        Self {
            inode,
            reader: Reader::new(volume, pages, ahead),
            want: (pages as u64).saturating_mul(vfs::PAGE_SIZE as u64),
            piece: None,
        }
    }

    /// Sees to it that `piece` has the byte at `pos`. It is `None` at the end of the content.
    #[inline]
    fn seek(&mut self, pos: FilePos) -> Result {
        let known = self.piece.as_ref().is_some_and(|piece| {
            pos.since(piece.pos)
                .is_some_and(|offset| offset < piece.len)
        });
        if !known {
            self.piece = self.find(pos)?;
        }
        Ok(())
    }

    fn find(&self, pos: FilePos) -> Result<Option<Piece<B>>> {
        let inode = self.inode;
        let sb = inode.super_block();
        let Some(extent) = inode.data().map(sb, pos, self.want)? else {
            return Ok(None);
        };
        let piece = self
            .reader
            .volume()
            .piece(extent, pos)
            .map_err(|e| inode.data().refuse(sb, &e, e.kind()))?;
        Ok(Some(piece))
    }

    /// Starts to read a folio.
    fn read(&mut self, folio: LockedFolio<'_>) -> Result {
        let size = self.inode.size();
        let mut pos = FilePos::new(folio.pos());
        let mut folio = folio.read();

        self.want = self.want.max(folio.left() as u64);
        while folio.left() > 0 {
            let left = size.saturating_sub(pos.get());
            if left > 0 {
                self.seek(pos)?;
            }
            // Pieces go on beyond the end of the file, to the end of a block.
            let Some(piece) = self.piece.as_ref().filter(|_| left > 0) else {
                folio.zero(folio.left());
                break;
            };
            // The piece has this byte.
            let skip = pos.since(piece.pos).ok_or(EIO)?;
            let wanted = piece.len.saturating_sub(skip).min(folio.left() as u64) as usize;
            let taken = match &piece.at {
                At::Hole => {
                    folio.zero(wanted);
                    wanted
                }
                At::Device(run) => {
                    let run = Run {
                        pos: run.pos.checked_add(skip).ok_or(EIO)?,
                        ..*run
                    };
                    // Not what is behind the end of the file: memory maps show it.
                    let left = left.min(wanted as u64);
                    let taken = run.device.read_len(run.pos, left).min(wanted as u64) as usize;
                    if let Some(part) = folio.part(taken) {
                        self.reader.read(&run, part)?;
                    }
                    taken
                }
                At::Inline(from) => {
                    let from = from.checked_add(skip).ok_or(EIO)?;
                    folio.copy(wanted, &metadata::bytes(self.inode.super_block(), from)?);
                    wanted
                }
            };
            // Not 0, as the piece has the byte and the file does not end before it.
            pos = pos.checked_add(taken as u64).ok_or(EFSCORRUPTED)?;
        }
        Ok(())
    }
}

impl<K: On> MappingOperations for Data<K> {
    type Fs = Erofs;

    fn read_folio(inode: &INode<Erofs>, folio: LockedFolio<'_>) -> Result {
        trace::read_folio(inode, inode.data().nid().get(), &folio, true);
        let volume = K::volume(inode.super_block()).ok_or(EIO)?;
        Request::new(inode, volume, 1, false).read(folio)
    }

    fn readahead(inode: &INode<Erofs>, window: &mut Readahead<'_>) {
        trace::readahead(inode, inode.data().nid().get(), window, true);
        let sb = inode.super_block();
        let Some(volume) = K::volume(sb) else {
            return;
        };
        let mut request = Request::new(inode, volume, window.pages(), true);
        while let Some(folio) = window.next() {
            let pos = folio.pos();
            if let Err(e) = request.read(folio) {
                // Whoever needs these pages asks again, and learns the error.
                let info = inode.data();
                info.complain(
                    sb,
                    format_args!(
                        "readahead error at {pos} @ nid {}: {}",
                        info.nid(),
                        e.to_errno()
                    ),
                );
                break;
            }
        }
    }
}
