// SPDX-License-Identifier: GPL-2.0

//! Inodes: from a nid to a live inode of the right kind.

#![forbid(unsafe_code)]

use crate::{
    backing::Medium,
    data::Data,
    dir::Directory,
    iomap::Iomap,
    metadata::{
        self,
        Failure,
        Metadata, //
    },
    ondisk::{
        self,
        inode::EXTENDED_SIZE,
        units::Position as _,
        ChunkMap,
        ErrorKind,
        Extent,
        FileKind,
        FilePos,
        FlatMap,
        Inode,
        InodeError,
        Layout,
        MetaPos,
        Nid,
        Placement,
        Superblock,
        XattrPlace, //
    },
    pass_through::Passing,
    refusals,
    share,
    super_block::{
        errno,
        Erofs, //
    },
    vfs::{
        dir::DirectoryTables,
        inode::{
            INode,
            Iget, //
        },
        log,
        mapping::{
            MappingOperations,
            MappingTables, //
        },
        new_inode::{
            Attributes,
            FilledInode,
            Special,
            SymlinkTarget, //
        },
        pass_through::PassThroughTables,
        read_counts::ReadCounts,
        super_block::SuperBlock,
        trace, //
    },
    volume::{
        InFile,
        OnBlock, //
    },
    xattr::InodeXattrs,
    zip::{
        self,
        data::Compressed, //
    }, //
};
use core::sync::atomic::{
    AtomicBool,
    Ordering, //
};
use kernel::{
    fmt,
    prelude::*,
    sync::aref::ARef, //
};

static DIRECTORY: DirectoryTables<Directory> = DirectoryTables::new();
static DATA_ON_BLOCK: MappingTables<Data<OnBlock>> = MappingTables::on_device::<Iomap>();
static DATA_IN_FILE: MappingTables<Data<InFile>> = MappingTables::new();
static FILES: PassThroughTables<Passing> = PassThroughTables::new();
static ZIP_ON_BLOCK: MappingTables<Compressed<OnBlock>> = MappingTables::with_private_reads();
static ZIP_IN_FILE: MappingTables<Compressed<InFile>> = MappingTables::new();

/// What is kept per inode.
pub(crate) struct InodeInfo {
    nid: Nid,
    map: Map,
    xattrs: InodeXattrs,
    dot_omitted: bool,
    /// What reading it takes if it is compressed.
    zip: Option<KBox<zip::File>>,
    /// What is wrong with it has been told.
    complained: AtomicBool,
    /// How often its pages were read in passing.
    read_counts: ReadCounts,
}

/// Where the content of an inode is.
enum Map {
    Flat(FlatMap),
    Chunk(ChunkMap),
    /// In a layout that this driver cannot read yet.
    Unknown,
}

impl Map {
    // Not inlined, for the sake of the stack.
    #[inline(never)]
    fn new(inode: &Inode, sb: &Superblock, nid: Nid) -> Self {
        if let Some(map) = FlatMap::new(inode, sb, nid) {
            return Self::Flat(map);
        }
        ChunkMap::new(inode, sb, nid).map_or(Self::Unknown, Self::Chunk)
    }
}

impl InodeInfo {
    /// The node number.
    pub(crate) fn nid(&self) -> Nid {
        self.nid
    }

    /// Whether the content is in the image as it is.
    pub(crate) fn is_uncompressed(&self) -> bool {
        matches!(self.map, Map::Flat(_) | Map::Chunk(_))
    }

    /// Its extended attributes.
    #[inline]
    pub(crate) fn xattrs(&self) -> &InodeXattrs {
        &self.xattrs
    }

    /// What reading its content takes, if that is compressed.
    #[inline]
    pub(crate) fn zip(&self) -> Option<&zip::File> {
        self.zip.as_deref()
    }

    /// For a directory: whether it has no entry for itself.
    pub(crate) fn dot_omitted(&self) -> bool {
        self.dot_omitted
    }

    /// How often its pages were read in passing; see [`Passing`].
    #[inline]
    pub(crate) fn read_counts(&self) -> &ReadCounts {
        &self.read_counts
    }

    /// The extent of the content that the byte at `pos` is in, whole, or at least `want` bytes from
    /// there on as far as that is cheap to tell. `None` at the end of the content.
    #[inline]
    pub(crate) fn map(
        &self,
        sb: &SuperBlock<Erofs>,
        pos: FilePos,
        want: u64,
    ) -> Result<Option<Extent>> {
        let asked = || trace::Map {
            nid: self.nid.get(),
            la: pos.get(),
            llen: want,
            ..trace::Map::default()
        };
        trace::map_blocks_enter(sb, asked);
        let found = match &self.map {
            Map::Flat(map) => map.map(pos).map_err(|e| self.refuse(sb, &e, e.kind())),
            Map::Chunk(map) => self.map_chunks(sb, map, pos, want),
            Map::Unknown => Err(EOPNOTSUPP),
        };
        trace::map_blocks_exit(sb, || match &found {
            Ok(extent) => (traced(asked(), extent.and_then(|e| e.from(pos))), Ok(())),
            Err(e) => (asked(), Err(*e)),
        });
        found
    }

    #[inline(never)]
    fn map_chunks(
        &self,
        sb: &SuperBlock<Erofs>,
        map: &ChunkMap,
        pos: FilePos,
        want: u64,
    ) -> Result<Option<Extent>> {
        map.map(pos, want, &Metadata::new(sb)).map_err(|e| match e {
            Failure::Read(e) => e,
            Failure::Corrupt(e) => self.refuse(sb, &e, e.kind()),
        })
    }

    /// Logs what is wrong with the inode, once: whoever reads it tries again, page by page.
    #[inline(never)]
    pub(crate) fn complain(&self, sb: &SuperBlock<Erofs>, what: fmt::Arguments<'_>) {
        if !self.complained.swap(true, Ordering::Relaxed) {
            log::print(sb, log::Level::Error, what);
        }
    }

    /// Logs what is wrong with the inode, once, and returns the errno for it.
    #[inline(never)]
    pub(crate) fn refuse(
        &self,
        sb: &SuperBlock<Erofs>,
        what: &dyn core::fmt::Display,
        kind: ErrorKind,
    ) -> Error {
        self.complain(sb, format_args!("{what} @ nid {}", self.nid));
        errno(kind)
    }
}

/// What the trace shows of `extent`, for which `asked` was asked.
fn traced(asked: trace::Map, extent: Option<Extent>) -> trace::Map {
    let Some(extent) = extent else {
        return asked;
    };
    let (pa, mflags) = match extent.at {
        Placement::Hole => (0, 0),
        Placement::Device { pos, .. } => (pos.get(), trace::MAPPED),
        Placement::Inline { pos } => (pos.byte(), trace::MAPPED | trace::META),
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
    let mut new = match sb.iget(info.disk.ino(nid))? {
        Iget::Cached(inode) => return Ok(inode),
        Iget::New(new) => new,
    };

    let refused = |e: InodeError| {
        refusals::complain(sb, nid, format_args!("{e}"));
        errno(e.kind())
    };
    let Some(pos) = Inode::position(&info.disk, nid) else {
        refusals::complain(
            sb,
            nid,
            format_args!("inode outside of the image @ nid {nid}"),
        );
        return Err(EFSCORRUPTED);
    };
    let bits = info.disk.block_bits;
    let block = pos.byte().wrapping_shr(bits.bits().into());
    trace::fill_inode(sb, nid.get(), block, bits.offset_in(pos));
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
    let as_it_is = matches!(disk.layout, Layout::FlatPlain { .. } | Layout::Chunk { .. });
    let is_internal = [info.disk.packed_nid, info.disk.metabox_nid].contains(&Some(nid));
    let is_dax = disk.kind == FileKind::Regular && as_it_is && sb.options().dax_always();
    if is_dax && !is_internal {
        new.set_dax();
    }
    // Programs read directories and targets of links to their ends.
    let dense = !matches!(disk.kind, FileKind::Regular);
    let zip = zip::File::new(sb, &disk, nid, dense)?;
    let compressed = zip.is_some();
    let new = new.fill(
        &attributes,
        InodeInfo {
            nid,
            zip,
            map: Map::new(&disk, &info.disk, nid),
            xattrs: InodeXattrs::new(&disk),
            dot_omitted: disk.dot_omitted,
            complained: AtomicBool::new(false),
            read_counts: ReadCounts::new(),
        },
    );

    Ok(match disk.kind {
        FileKind::Directory if compressed => match info.medium {
            Medium::Block(_) => new.paged_directory(&DIRECTORY, &ZIP_ON_BLOCK),
            Medium::File(_) => new.paged_directory(&DIRECTORY, &ZIP_IN_FILE),
        },
        FileKind::Directory => new.directory(&DIRECTORY),
        FileKind::Regular => match (&info.medium, compressed) {
            (Medium::Block(_), false) => regular(sb, new, &DATA_ON_BLOCK, None),
            (Medium::File(_), false) => regular(sb, new, &DATA_IN_FILE, Some(&FILES)),
            (Medium::Block(_), true) => regular(sb, new, &ZIP_ON_BLOCK, None),
            (Medium::File(_), true) => regular(sb, new, &ZIP_IN_FILE, None),
        },
        FileKind::Symlink => match disk.fast_symlink(pos, info.disk.block_bits) {
            Some(target) => {
                let target = read_target(sb, nid, target, disk.size)?;
                new.fast_symlink(target)
            }
            None => match (&info.medium, compressed) {
                (Medium::Block(_), false) => new.paged_symlink(&DATA_ON_BLOCK),
                (Medium::File(_), false) => new.paged_symlink(&DATA_IN_FILE),
                (Medium::Block(_), true) => new.paged_symlink(&ZIP_ON_BLOCK),
                (Medium::File(_), true) => new.paged_symlink(&ZIP_IN_FILE),
            },
        },
        FileKind::CharDevice(device) => new.special(Special::CharDevice(device)),
        FileKind::BlockDevice(device) => new.special(Special::BlockDevice(device)),
        FileKind::Fifo => new.special(Special::Fifo),
        FileKind::Socket => new.special(Special::Socket),
    })
}

/// Makes a regular file of `new`, with a page cache of its own or a shared one.
#[inline]
fn regular<M: MappingOperations<Fs = Erofs>>(
    sb: &SuperBlock<Erofs>,
    new: FilledInode<Erofs>,
    tables: &'static MappingTables<M>,
    files: Option<&'static PassThroughTables<Passing>>,
) -> ARef<INode<Erofs>> {
    if sb.options().inode_share() {
        // Whoever asks for shared pages wants the pages.
        let info = new.data();
        return match share::inode(sb, info.nid, &info.xattrs, new.size(), tables) {
            Some(shared) => new.sharing(tables, shared),
            None => new.regular(tables),
        };
    }
    match files {
        Some(files) => new.regular_passing(tables, files),
        None => new.regular(tables),
    }
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
        let errno = e.to_errno();
        refusals::complain(
            sb,
            nid,
            format_args!("failed to read inode meta block (nid: {nid}): {errno}"),
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
        refusals::complain(
            sb,
            nid,
            format_args!("invalid fast symlink size {size} @ nid {nid}"),
        );
        EFSCORRUPTED
    })
}
