// SPDX-License-Identifier: GPL-2.0

//! Directories: lookup by name, and listing.
//!
//! The blocks of a directory are read in place, where the image has them: a directory has no page
//! cache of its own.

#![forbid(unsafe_code)]

use crate::{
    inode::iget,
    metadata,
    ondisk::{
        self,
        dirent::{
            DIRENT_SIZE,
            NAME_MAX, //
        },
        DirBlock,
        DirError,
        Extent,
        FilePos,
        Nid,
        Placement, //
    },
    super_block::Erofs,
    vfs::{
        self,
        dentry::{
            Looked,
            LookupDentry, //
        },
        dir::{
            DirEmitter,
            DirectoryOperations, //
        },
        inode::INode,
        metadata::{
            Ahead,
            PageBytes, //
        },
        trace, //
    },
    volume, //
};
use kernel::prelude::*;

/// Directories of any layout.
pub(crate) struct Directory;

/// Why a directory cannot be searched: read errors as they are, and what is wrong with a block.
enum Failure {
    Read(Error),
    Corrupt(DirError),
}

impl From<DirError> for Failure {
    fn from(e: DirError) -> Self {
        Self::Corrupt(e)
    }
}

impl Failure {
    /// The errno, after logging what the image is to blame for. `short` says that the image ends
    /// within a block: what is missing could not be read.
    fn report(self, dir: &INode<Erofs>, short: bool) -> Error {
        match self {
            Self::Read(e) => e,
            Self::Corrupt(_) if short => EIO,
            Self::Corrupt(e) => dir.data().refuse(dir.super_block(), &e, e.kind()),
        }
    }
}

/// The `len` bytes of `dir` from `pos` on, which are in one block; fewer if the image ends there.
/// `wanted` says how many bytes from there on will be asked for; with 0, this is all.
/// `extent` is one that a block was in; it becomes that of this one.
#[inline]
fn block(
    dir: &INode<Erofs>,
    extent: &mut Option<Extent>,
    pos: FilePos,
    len: usize,
    wanted: u64,
) -> Result<PageBytes> {
    let sb = dir.super_block();
    let info = dir.data();
    if info.zip().is_some() {
        let mut bytes = dir.bytes(pos.get())?.ok_or(EFSCORRUPTED)?;
        bytes.truncate(len);
        return Ok(bytes);
    }
    let here = match extent.and_then(|extent| extent.from(pos)) {
        Some(here) => Some(here),
        None => {
            *extent = info.map(sb, pos, len as u64)?;
            extent.and_then(|extent| extent.from(pos))
        }
    };
    let extent = here.ok_or(EFSCORRUPTED)?;
    let ahead = match wanted {
        0 => Ahead::Nothing,
        // From the end of the extent on, the directory goes on elsewhere.
        wanted => Ahead::Bytes(wanted.min(extent.len)),
    };
    let mut bytes = match extent.at {
        Placement::Device { id, pos } => {
            volume::bytes(sb, id, pos, ahead).map_err(|e| info.refuse(sb, &e, e.kind()))??
        }
        Placement::Inline { pos } => metadata::bytes(sb, pos)?,
        Placement::Hole => {
            info.complain(
                sb,
                format_args!("directory block in a hole @ nid {}", info.nid()),
            );
            return Err(EFSCORRUPTED);
        }
    };
    bytes.truncate(len);
    Ok(bytes)
}

impl Directory {
    /// The nid that `dir` has under `name`, if any.
    #[inline]
    pub(crate) fn find(dir: &INode<Erofs>, name: &[u8]) -> Result<Option<Nid>> {
        let bits = dir.super_block().data().disk.block_bits;
        let mut short = false;
        let mut extent = None;
        let found = ondisk::lookup(dir.size(), bits, name, |pos, len| {
            let bytes = block(dir, &mut extent, pos, len, 0).map_err(Failure::Read)?;
            short |= bytes.len() < len;
            Ok::<_, Failure>(bytes)
        })
        .map_err(|e| e.report(dir, short))?;
        Ok(found.map(|entry| entry.nid))
    }
}

impl DirectoryOperations for Directory {
    type Fs = Erofs;

    fn lookup(dir: &INode<Erofs>, dentry: LookupDentry<'_, Erofs>) -> Result<Looked> {
        trace::lookup(dir, dir.data().nid().get(), &dentry);
        let name = dentry.name();
        if name.len() > NAME_MAX {
            return Err(ENAMETOOLONG);
        }
        let inode = match Self::find(dir, name)? {
            Some(nid) => Some(iget(dir.super_block(), nid)?),
            None => None,
        };
        dentry.splice(inode)
    }

    fn read_dir(dir: &INode<Erofs>, emitter: &mut DirEmitter<'_>) -> Result {
        let info = dir.data();
        let super_info = dir.super_block().data();
        let (disk, tunables) = (&super_info.disk, &super_info.tunables);
        let size = dir.size();
        let block_size = u64::from(disk.block_bits.size());

        // Positions are those of entries. One between them, to which a program sought, counts as
        // the next one.
        let mut offset = u64::from(disk.block_bits.offset_in(FilePos::new(emitter.pos())))
            .div_ceil(DIRENT_SIZE as u64);
        let mut extent = None;
        while emitter.pos() < size {
            if vfs::fatal_signal_pending() {
                return Err(ERESTARTSYS);
            }
            let start = disk.block_bits.round_down(emitter.pos());
            let len = size.wrapping_sub(start).min(block_size);
            let wanted = u64::from(tunables.dir_ra_bytes.get());
            let pos = FilePos::new(start);
            let bytes = block(dir, &mut extent, pos, len as usize, wanted).inspect_err(|e| {
                info.complain(
                    dir.super_block(),
                    format_args!(
                        "failed to readdir at {start} of nid {}: {}",
                        info.nid(),
                        e.to_errno()
                    ),
                );
            })?;
            let short = bytes.len() < len as usize;
            let block = DirBlock::new(bytes, len as usize)
                .map_err(|e| Failure::from(e).report(dir, short))?;

            // Less than a block has.
            let mut index = offset as usize;
            emitter.set_pos(start.wrapping_add(offset.wrapping_mul(DIRENT_SIZE as u64)));
            offset = 0;
            loop {
                let entry = block
                    .entry(index)
                    .map_err(|e| Failure::from(e).report(dir, short))?;
                let Some(entry) = entry else {
                    break;
                };
                let ino = disk.ino(entry.nid);
                let kind = entry.d_type();
                if !emitter.emit(block.view(), entry.name, ino, kind) {
                    return Ok(());
                }
                index = index.wrapping_add(1);
                emitter.advance(DIRENT_SIZE as u8);
            }
            emitter.set_pos(start.saturating_add(len));
            vfs::cond_resched();
        }

        if info.dot_omitted() && emitter.pos() == size && emitter.emit_dot(dir) {
            emitter.set_pos(size.saturating_add(1));
        }
        Ok(())
    }
}
