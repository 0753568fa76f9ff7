// SPDX-License-Identifier: GPL-2.0

//! Reads of uncompressed files in file-backed mounts, which pass through to the file that the image
//! is in.

#![forbid(unsafe_code)]

use crate::{
    backing::Backing,
    ondisk::{
        FilePos,
        MetaPos,
        Placement, //
    },
    super_block::Erofs,
    vfs::{
        inode::INode,
        pass_through::{
            PassThrough,
            Piece, //
        },
        read_counts::ReadCounts, //
    },
    volume::{
        InFile,
        On, //
    }, //
};

/// Files whose contents are in the image as they are.
pub(crate) struct Passing;

impl PassThrough for Passing {
    type Fs = Erofs;

    #[inline]
    fn piece(inode: &INode<Erofs>, pos: u64, want: u64) -> Option<Piece<'_>> {
        let info = inode.data();
        let sb = inode.super_block();
        let volume = InFile::volume(sb)?;
        let pos = FilePos::new(pos);
        let extent = info.map(sb, pos, want).ok()??.from(pos)?;
        let (backing, at, len) = match extent.at {
            Placement::Device { id, pos } => {
                let run = volume.run(id, pos).ok()?;
                (run.device, run.pos, extent.len.min(run.reach))
            }
            Placement::Inline {
                pos: MetaPos::Image(pos),
            } => (volume.primary(), pos, extent.len),
            Placement::Inline { .. } | Placement::Hole => return None,
        };
        Some(Piece {
            file: backing.passing()?,
            pos: backing.position(at)?,
            len,
        })
    }

    #[inline]
    fn read_counts(inode: &INode<Erofs>) -> &ReadCounts {
        inode.data().read_counts()
    }
}
