// SPDX-License-Identifier: GPL-2.0

//! Where the contents of inodes are, for programs that ask, for reads around the page cache, and
//! for files in persistent memory.

#![forbid(unsafe_code)]

use crate::{
    backing::{
        block::Block,
        devices::At,
        file::ImageFile,
        Backing,
        Medium, //
    },
    metadata::{
        self,
        Failure, //
    },
    ondisk::{
        units::Position,
        zip::{
            Want,
            ZipPlacement, //
        },
        DeviceId,
        FilePos,
        MetaPos, //
    },
    super_block::Erofs,
    vfs::{
        dax::DaxDevice,
        inode::INode,
        iomap::{
            Extent,
            IomapOperations,
            Place,
            Purpose, //
        },
        super_block::SuperBlock, //
    },
    volume::{
        InFile,
        On,
        OnBlock, //
    }, //
};
use kernel::prelude::*;

/// Contents of any inode.
pub(crate) struct Iomap;

impl IomapOperations for Iomap {
    type Fs = Erofs;

    fn map(inode: &INode<Erofs>, pos: u64, len: u64, purpose: Purpose) -> Result<Extent<'_>> {
        if inode.data().zip().is_some() {
            return encoded(inode, pos, len);
        }
        match inode.super_block().data().medium {
            Medium::Block(_) => map::<OnBlock>(inode, pos, len, purpose),
            Medium::File(_) => map::<InFile>(inode, pos, len, purpose),
        }
    }
}

/// A kind of backing, of which iomap is told.
trait Told: On {
    /// The bytes at `addr` of a device.
    fn place<'a>(
        sb: &'a SuperBlock<Erofs>,
        device: Self::Backing<'a>,
        id: DeviceId,
        addr: u64,
        purpose: Purpose,
    ) -> Result<Place<'a>>;
}

impl Told for OnBlock {
    fn place<'a>(
        sb: &'a SuperBlock<Erofs>,
        device: Block<'a>,
        id: DeviceId,
        addr: u64,
        purpose: Purpose,
    ) -> Result<Place<'a>> {
        Ok(match purpose {
            Purpose::Dax => Place::Dax {
                device: persistent_memory(sb, id).ok_or(EOPNOTSUPP)?,
                addr,
            },
            _ => Place::Device {
                device: Some(device.device()),
                addr,
            },
        })
    }
}

impl Told for InFile {
    fn place<'a>(
        _sb: &'a SuperBlock<Erofs>,
        _device: &'a ImageFile,
        _id: DeviceId,
        addr: u64,
        _purpose: Purpose,
    ) -> Result<Place<'a>> {
        Ok(Place::Device { device: None, addr })
    }
}

fn map<K: Told>(inode: &INode<Erofs>, pos: u64, len: u64, purpose: Purpose) -> Result<Extent<'_>> {
    let (sb, info) = (inode.super_block(), inode.data());
    let volume = K::volume(sb).ok_or(EIO)?;
    let at = FilePos::new(pos);

    let Some(extent) = info.map(sb, at, len)? else {
        return Ok(Extent {
            pos,
            len,
            place: Place::Hole,
        });
    };
    let piece = volume
        .piece(extent, at)
        .map_err(|e| info.refuse(sb, &e, e.kind()))?;
    let mut len = piece.len;
    let place = match piece.at {
        At::Hole => {
            // To the end of a block, as other extents: a page is mapped as a whole.
            let end = piece.pos.get().saturating_add(len);
            let bits = sb.data().disk.block_bits;
            let beyond = bits.round_up(end).unwrap_or(end).saturating_sub(end);
            len = len.saturating_add(beyond);
            Place::Hole
        }
        At::Device(run) => {
            let addr = run.device.position(run.pos).ok_or(EIO)?;
            K::place(sb, run.device, run.id, addr, purpose)?
        }
        At::Inline(from) => Place::Inline {
            addr: match from {
                MetaPos::Image(from) => volume.primary().position(from),
                MetaPos::Metabox(_) => None,
            },
            bytes: match purpose {
                Purpose::Report => None,
                _ => Some(metadata::bytes(sb, from)?),
            },
        },
    };
    Ok(Extent {
        pos: piece.pos.get(),
        len,
        place,
    })
}

/// The extent of a compressed file. Addresses are those of the image, whatever it is on.
fn encoded(inode: &INode<Erofs>, pos: u64, len: u64) -> Result<Extent<'_>> {
    let (sb, info) = (inode.super_block(), inode.data());
    let file = info.zip().ok_or(EIO)?;
    let found = file.map(sb, FilePos::new(pos), Want::Report);
    let found = found.map_err(|failure| match failure {
        Failure::Read(e) => e,
        Failure::Corrupt(e) => info.refuse(sb, &e, e.kind()),
    })?;
    let Some(extent) = found else {
        return Ok(Extent {
            pos,
            len,
            place: Place::Hole,
        });
    };
    Ok(Extent {
        pos: extent.start.get(),
        len: extent.len,
        place: match extent.at {
            ZipPlacement::Hole => Place::Hole,
            ZipPlacement::Device { pos, .. } => Place::Encoded {
                addr: Some(pos.get()),
            },
            ZipPlacement::Inline { pos, .. } => Place::Encoded {
                addr: Some(pos.byte()),
            },
            ZipPlacement::Fragment { .. } => Place::Encoded { addr: None },
        },
    })
}

/// The persistent memory of a device.
fn persistent_memory(sb: &SuperBlock<Erofs>, id: DeviceId) -> Option<&DaxDevice> {
    match usize::from(id.get()).checked_sub(1) {
        None => sb.dax(),
        Some(index) => sb.further_devices().get(index)?.dax(),
    }
}
