// SPDX-License-Identifier: GPL-2.0

//! Inodes: from a nid to a live inode of the right kind.

#![forbid(unsafe_code)]

use crate::{
    backing::Medium,
    data::{
        Data,
        InFile,
        OnBlock, //
    },
    dir::Directory,
    fs_err,
    ondisk::{
        inode::EXTENDED_SIZE,
        Extent,
        FileKind,
        FilePos,
        FlatMap,
        ImagePos,
        Inode,
        InodeError,
        MetaPos,
        Nid,
        Placement, //
    },
    super_block::{
        errno,
        image,
        Erofs, //
    },
    vfs::{
        dir::DirectoryTables,
        inode::{
            Attributes,
            INode,
            Iget,
            Special,
            SymlinkTarget, //
        },
        mapping::MappingTables,
        super_block::SuperBlock,
        trace, //
    }, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

static DIRECTORY: DirectoryTables<Directory> = DirectoryTables::new();
static DATA_ON_BLOCK: MappingTables<Data<OnBlock>> = MappingTables::new();
static DATA_IN_FILE: MappingTables<Data<InFile>> = MappingTables::new();

/// What is kept per inode.
pub(crate) struct InodeInfo {
    nid: Nid,
    /// Where the content is; `None` for a layout that this driver cannot read yet.
    map: Option<FlatMap>,
    dot_omitted: bool,
}

impl InodeInfo {
    /// The node number.
    pub(crate) fn nid(&self) -> Nid {
        self.nid
    }

    /// For a directory: whether it has no entry for itself.
    pub(crate) fn dot_omitted(&self) -> bool {
        self.dot_omitted
    }

    /// The extent of the content that the byte at `pos` is in, from there on. `None` at the end of
    /// the content.
    #[inline]
    pub(crate) fn map(&self, sb: &SuperBlock<Erofs>, pos: FilePos) -> Result<Option<Extent>> {
        let map = self.map.as_ref().ok_or(EOPNOTSUPP)?;
        let asked = trace::Map {
            nid: self.nid.get(),
            la: pos.get(),
            ..trace::Map::default()
        };
        trace::map_blocks_enter(sb, || asked);
        let found = match map.map(pos) {
            Ok(extent) => Ok(extent.and_then(|extent| extent.from(pos))),
            Err(e) => {
                fs_err!(sb, "{e} @ nid {}", self.nid);
                Err(errno(e.kind()))
            }
        };
        trace::map_blocks_exit(sb, || match &found {
            Ok(extent) => (traced(asked, extent.as_ref()), Ok(())),
            Err(e) => (asked, Err(*e)),
        });
        found
    }
}

/// What the trace shows of `extent`, for which `asked` was asked.
fn traced(asked: trace::Map, extent: Option<&Extent>) -> trace::Map {
    let Some(extent) = extent else {
        return asked;
    };
    let (pa, mflags) = match extent.at {
        Placement::Hole => (0, 0),
        Placement::Device { pos, .. } => (pos.get(), trace::MAPPED),
        Placement::Inline {
            pos: MetaPos::Image(pos),
        } => (pos.get(), trace::MAPPED | trace::META),
        Placement::Inline { .. } => (0, trace::MAPPED | trace::META),
    };
    trace::Map {
        pa,
        llen: extent.len,
        plen: extent.len,
        mflags,
        ..asked
    }
}

/// The live inode `nid`.
///
/// # Errors
///
/// What the format's parser refuses, and `EIO` where the image cannot be read; both are logged.
pub(crate) fn iget(sb: &SuperBlock<Erofs>, nid: Nid) -> Result<ARef<INode<Erofs>>> {
    let info = sb.data();
    let new = match sb.iget(info.disk.ino(nid))? {
        Iget::Cached(inode) => return Ok(inode),
        Iget::New(new) => new,
    };

    let refused = |e: InodeError| {
        fs_err!(sb, "{e}");
        errno(e.kind())
    };
    let pos = match Inode::position(&info.disk, nid) {
        Some(MetaPos::Image(pos)) => pos,
        _ => {
            fs_err!(sb, "inode outside of the image @ nid {nid}");
            return Err(EFSCORRUPTED);
        }
    };
    let bits = info.disk.block_bits;
    let (block, offset) = (bits.block_of(pos).get(), bits.offset_in(pos));
    trace::fill_inode(sb, nid.get(), block, offset);
    let disk = read(sb, nid, pos)?.map_err(refused)?;
    let attributes = Attributes {
        mode: disk.mode,
        uid: disk.uid,
        gid: disk.gid,
        nlink: disk.nlink,
        size: disk.size,
        blocks: disk.sectors(info.disk.block_bits),
        mtime: disk.mtime,
        mtime_nsec: disk.mtime_nsec,
    };
    let data = InodeInfo {
        nid,
        map: FlatMap::new(&disk, &info.disk, nid),
        dot_omitted: disk.dot_omitted,
    };

    Ok(match disk.kind {
        FileKind::Directory => new.directory(&attributes, &DIRECTORY, data),
        FileKind::Regular => match info.medium {
            Medium::Block(_) => new.regular(&attributes, &DATA_ON_BLOCK, data),
            Medium::File(_) => new.regular(&attributes, &DATA_IN_FILE, data),
        },
        FileKind::Symlink => match disk.fast_symlink(MetaPos::Image(pos), info.disk.block_bits) {
            Some(MetaPos::Image(target)) => {
                let target = read_target(sb, nid, target, disk.size)?;
                new.fast_symlink(&attributes, target, data)
            }
            _ => match info.medium {
                Medium::Block(_) => new.paged_symlink(&attributes, &DATA_ON_BLOCK, data),
                Medium::File(_) => new.paged_symlink(&attributes, &DATA_IN_FILE, data),
            },
        },
        FileKind::CharDevice(device) => new.special(&attributes, Special::CharDevice(device), data),
        FileKind::BlockDevice(device) => {
            new.special(&attributes, Special::BlockDevice(device), data)
        }
        FileKind::Fifo => new.special(&attributes, Special::Fifo, data),
        FileKind::Socket => new.special(&attributes, Special::Socket, data),
    })
}

/// Reads the inode at `pos`.
#[inline]
fn read(
    sb: &SuperBlock<Erofs>,
    nid: Nid,
    pos: ImagePos,
) -> Result<core::result::Result<Inode, InodeError>> {
    let info = sb.data();
    let unreadable = |e: Error| {
        fs_err!(
            sb,
            "failed to read inode meta block (nid: {nid}): {}",
            e.to_errno()
        );
        e
    };
    let bytes = image(sb)?.bytes(pos).map_err(unreadable)?;
    if bytes.len() >= EXTENDED_SIZE.into() {
        return Ok(Inode::parse(&bytes, &info.disk, nid));
    }
    // It may go on in the next page; or the image ends here.
    let mut copy = [0u8; EXTENDED_SIZE as usize];
    let len = image(sb)?.copy_to(pos, &mut copy).map_err(unreadable)?;
    Ok(Inode::parse(
        copy.get(..len).unwrap_or(&[]),
        &info.disk,
        nid,
    ))
}

/// Reads the target of a symlink that lies behind its inode.
fn read_target(
    sb: &SuperBlock<Erofs>,
    nid: Nid,
    pos: ImagePos,
    size: u64,
) -> Result<SymlinkTarget> {
    let len = usize::try_from(size).map_err(|_| EFSCORRUPTED)?;

    SymlinkTarget::new(len, |target| {
        if target.is_empty() {
            return Ok(());
        }
        image(sb)?.bytes(pos)?.copy_to(0, target).ok_or(EIO)
    })
    .map_err(|e| {
        if e != EINVAL {
            return e;
        }
        fs_err!(sb, "invalid fast symlink size {size} @ nid {nid}");
        EFSCORRUPTED
    })
}
