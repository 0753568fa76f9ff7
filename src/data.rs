// SPDX-License-Identifier: GPL-2.0

//! The contents of files that are not compressed: into the page cache.

#![forbid(unsafe_code)]

use crate::{
    backing::{
        block::Block,
        file::ImageFile,
        read::Reader,
        Backing,
        Image, //
    },
    fs_err,
    ondisk::{
        FilePos,
        MetaPos,
        Placement, //
    },
    super_block::{
        image,
        Erofs, //
    },
    vfs::{
        folio::LockedFolio,
        inode::INode,
        mapping::{
            MappingOperations,
            Readahead, //
        },
        trace, //
    }, //
};
use core::marker::PhantomData;
use kernel::prelude::*;

/// Contents that come from a kind of backing.
pub(crate) struct Data<K>(PhantomData<K>);

/// A kind of backing, by which tables of operations differ.
pub(crate) trait On: 'static {
    /// The backing itself.
    type Backing<'a>: Backing;

    /// The backing, if the image is on such a one.
    fn of(image: Image<'_>) -> Option<Self::Backing<'_>>;
}

/// Block devices.
pub(crate) struct OnBlock;

impl On for OnBlock {
    type Backing<'a> = Block<'a>;

    fn of(image: Image<'_>) -> Option<Block<'_>> {
        match image {
            Image::Block(block) => Some(block),
            Image::File(_) => None,
        }
    }
}

/// Regular files.
pub(crate) struct InFile;

impl On for InFile {
    type Backing<'a> = &'a ImageFile;

    fn of(image: Image<'_>) -> Option<&ImageFile> {
        match image {
            Image::File(file) => Some(file),
            Image::Block(_) => None,
        }
    }
}

impl<K: On> Data<K> {
    /// Starts to read a folio of `inode`.
    fn read(
        reader: &mut Reader<K::Backing<'_>>,
        inode: &INode<Erofs>,
        folio: LockedFolio<'_>,
    ) -> Result {
        let sb = inode.super_block();
        let size = inode.size();
        let mut pos = FilePos::new(folio.pos());
        let mut folio = folio.read();

        while folio.left() > 0 {
            // Read again if the extent goes on in the next folio: it costs little.
            let Some(extent) = inode.data().map(sb, pos)? else {
                folio.zero(folio.left());
                break;
            };
            let wanted = extent.len.min(folio.left() as u64) as usize;
            let taken = match extent.at {
                Placement::Hole => {
                    folio.zero(wanted);
                    wanted
                }
                Placement::Device { pos: from, .. } => {
                    // Not what is behind the end of the file: memory maps show it.
                    let left = size.saturating_sub(pos.get()).min(wanted as u64);
                    let taken = reader.backing().read_len(from, left).min(wanted as u64) as usize;
                    if let Some(part) = folio.part(taken) {
                        reader.read(from, part)?;
                    }
                    taken
                }
                Placement::Inline {
                    pos: MetaPos::Image(from),
                } => {
                    folio.copy(wanted, &reader.backing().bytes(from)?);
                    wanted
                }
                Placement::Inline { .. } => return Err(EOPNOTSUPP),
            };
            pos = pos.checked_add(taken as u64).ok_or(EFSCORRUPTED)?;
        }
        Ok(())
    }
}

impl<K: On> MappingOperations for Data<K> {
    type Fs = Erofs;

    fn read_folio(inode: &INode<Erofs>, folio: LockedFolio<'_>) -> Result {
        trace::read_folio(inode, inode.data().nid().get(), &folio, true);
        let backing = K::of(image(inode.super_block())?).ok_or(EIO)?;
        Self::read(&mut Reader::new(backing, 1, false), inode, folio)
    }

    fn readahead(inode: &INode<Erofs>, window: &mut Readahead<'_>) {
        trace::readahead(inode, inode.data().nid().get(), window, true);
        let sb = inode.super_block();
        let Some(backing) = image(sb).ok().and_then(K::of) else {
            return;
        };
        let mut reader = Reader::new(backing, window.pages(), true);
        while let Some(folio) = window.next() {
            let pos = folio.pos();
            if let Err(e) = Self::read(&mut reader, inode, folio) {
                // Whoever needs these pages asks again, and learns the error.
                let nid = inode.data().nid();
                fs_err!(sb, "readahead error at {pos} @ nid {nid}: {}", e.to_errno());
                break;
            }
        }
    }
}
