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
    metadata,
    ondisk::{
        self,
        inode::EXTENDED_SIZE,
        Extent,
        FileKind,
        FilePos,
        FlatMap,
        Inode,
        InodeError,
        MetaPos,
        Nid,
        XattrPlace, //
    },
    share,
    super_block::{
        errno,
        Erofs, //
    },
    vfs::{
        dir::DirectoryTables,
        inode::{
            Attributes,
            INode,
            Iget,
            NewInode,
            Special,
            SymlinkTarget, //
        },
        mapping::{
            MappingOperations,
            MappingTables, //
        },
        super_block::SuperBlock, //
    },
    xattr::InodeXattrs, //
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
    xattrs: InodeXattrs,
    dot_omitted: bool,
}

impl InodeInfo {
    /// The node number.
    pub(crate) fn nid(&self) -> Nid {
        self.nid
    }

    /// Its extended attributes.
    #[inline]
    pub(crate) fn xattrs(&self) -> &InodeXattrs {
        &self.xattrs
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
        match map.map(pos) {
            Ok(extent) => Ok(extent.and_then(|extent| extent.from(pos))),
            Err(e) => {
                fs_err!(sb, "{e} @ nid {}", self.nid);
                Err(errno(e.kind()))
            }
        }
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
    let Some(pos) = Inode::position(&info.disk, nid) else {
        fs_err!(sb, "inode outside of the image @ nid {nid}");
        return Err(EFSCORRUPTED);
    };
    let (disk, may_have_acl) = read(sb, nid, pos)?.map_err(refused)?;
    let attributes = Attributes {
        mode: disk.mode,
        uid: disk.uid,
        gid: disk.gid,
        nlink: disk.nlink,
        size: disk.size,
        blocks: disk.sectors(info.disk.block_bits),
        mtime: disk.mtime,
        mtime_nsec: disk.mtime_nsec,
        may_have_acl,
    };
    let data = InodeInfo {
        nid,
        map: FlatMap::new(&disk, &info.disk, nid),
        xattrs: InodeXattrs::new(&disk),
        dot_omitted: disk.dot_omitted,
    };

    Ok(match disk.kind {
        FileKind::Directory => new.directory(&attributes, &DIRECTORY, data),
        FileKind::Regular => match info.medium {
            Medium::Block(_) => regular(sb, new, &attributes, &DATA_ON_BLOCK, data),
            Medium::File(_) => regular(sb, new, &attributes, &DATA_IN_FILE, data),
        },
        FileKind::Symlink => match disk.fast_symlink(pos, info.disk.block_bits) {
            Some(target) => {
                let target = read_target(sb, nid, target, disk.size)?;
                new.fast_symlink(&attributes, target, data)
            }
            None => match info.medium {
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

/// Makes a regular file of `new`, with a page cache of its own or a shared one.
#[inline]
fn regular<M: MappingOperations<Fs = Erofs>>(
    sb: &SuperBlock<Erofs>,
    new: NewInode<Erofs>,
    attributes: &Attributes,
    tables: &'static MappingTables<M>,
    data: InodeInfo,
) -> ARef<INode<Erofs>> {
    if sb.options().inode_share() {
        let shared = share::inode(sb, data.nid, &data.xattrs, attributes.size, tables);
        if let Some(shared) = shared {
            return new.sharing(attributes, tables, data, shared);
        }
    }
    new.regular(attributes, tables, data)
}

/// Reads the inode at `pos`, and whether it may have ACLs.
#[inline]
fn read(
    sb: &SuperBlock<Erofs>,
    nid: Nid,
    pos: MetaPos,
) -> Result<core::result::Result<(Inode, bool), InodeError>> {
    let info = sb.data();
    let unreadable = |e: Error| {
        fs_err!(
            sb,
            "failed to read inode meta block (nid: {nid}): {}",
            e.to_errno()
        );
        e
    };
    let bytes = metadata::bytes(sb, pos).map_err(unreadable)?;
    if bytes.len() >= EXTENDED_SIZE.into() {
        return Ok(parse(&bytes, &info.disk, nid));
    }
    // It may go on in the next page; or the image ends here.
    let mut copy = [0u8; EXTENDED_SIZE as usize];
    let len = metadata::copy_to(sb, pos, &mut copy).map_err(unreadable)?;
    Ok(parse(copy.get(..len).unwrap_or(&[]), &info.disk, nid))
}

/// Reads the inode that `view` begins with, and whether it may have ACLs.
#[inline]
fn parse(
    view: &(impl ondisk::View + ?Sized),
    disk: &ondisk::Superblock,
    nid: Nid,
) -> core::result::Result<(Inode, bool), InodeError> {
    let inode = Inode::parse(view, disk, nid)?;
    let may_have_acl = XattrPlace::new(&inode).is_some_and(|place| !place.has_no_acl(disk, view));
    Ok((inode, may_have_acl))
}

/// Reads the target of a symlink that lies behind its inode.
fn read_target(sb: &SuperBlock<Erofs>, nid: Nid, pos: MetaPos, size: u64) -> Result<SymlinkTarget> {
    let len = usize::try_from(size).map_err(|_| EFSCORRUPTED)?;

    SymlinkTarget::new(len, |target| {
        if target.is_empty() {
            return Ok(());
        }
        metadata::bytes(sb, pos)?.copy_to(0, target).ok_or(EIO)
    })
    .map_err(|e| {
        if e != EINVAL {
            return e;
        }
        fs_err!(sb, "invalid fast symlink size {size} @ nid {nid}");
        EFSCORRUPTED
    })
}
