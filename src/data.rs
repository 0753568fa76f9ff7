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
    super_block::Erofs,
    vfs::{
        folio::LockedFolio,
        inode::INode,
        mapping::{
            MappingOperations,
            Readahead, //
        }, //
    }, //
};
use core::marker::PhantomData;
use kernel::prelude::*;

/// Contents that come from a backing of type `B`.
pub(crate) struct Data<B>(PhantomData<B>);

/// A backing that an [`Image`] may be on.
pub(crate) trait On: Backing {
    /// The backing, if the image is on such a one.
    fn of(image: &Image) -> Option<&Self>;
}

impl On for Block {
    fn of(image: &Image) -> Option<&Self> {
        match image {
            Image::Block(block) => Some(block),
            Image::File(_) => None,
        }
    }
}

impl On for ImageFile {
    fn of(image: &Image) -> Option<&Self> {
        match image {
            Image::File(file) => Some(file),
            Image::Block(_) => None,
        }
    }
}

/// `bytes` rounded up to a multiple of `unit`, a power of two.
fn round_up(bytes: u64, unit: u64) -> u64 {
    let mask = unit.wrapping_sub(1);
    bytes.saturating_add(mask) & !mask
}

impl<B: On> Data<B> {
    /// Starts to read a folio of `inode`.
    fn read(reader: &mut Reader<'_, B>, inode: &INode<Erofs>, folio: LockedFolio<'_>) -> Result {
        let sb = inode.super_block();
        let size = inode.size();
        let granule = reader.backing().granule();
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
                    let left = round_up(size.saturating_sub(pos.get()), granule);
                    let taken = left.min(wanted as u64) as usize;
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

impl<B: On> MappingOperations for Data<B> {
    type Fs = Erofs;

    fn read_folio(inode: &INode<Erofs>, folio: LockedFolio<'_>) -> Result {
        let backing = B::of(&inode.super_block().data().image).ok_or(EIO)?;
        Self::read(&mut Reader::new(backing, 1, false), inode, folio)
    }

    fn readahead(inode: &INode<Erofs>, window: &mut Readahead<'_>) {
        let sb = inode.super_block();
        let Some(backing) = B::of(&sb.data().image) else {
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
