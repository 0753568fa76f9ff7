// SPDX-License-Identifier: GPL-2.0

//! Compressed files: from pages that are asked for to decoded bytes in them.
//!
//! # Objects
//!
//! - A [`Request`](request::Request) is one call of the page cache: a folio that somebody needs,
//!   or a window that is read ahead. It walks over its folios and the extents that they show, and
//!   cuts the former into parts: bytes of one folio that one extent fills.
//! - The parts of one extent in one request are a [`Share`](pcluster::Share) of the pcluster that
//!   encodes it.
//! - A [`Pcluster`](pcluster::Pcluster) exists from when its first share is made until it is
//!   decoded. Until then it is found by position ([`InFlight`](pcluster::InFlight)): a second
//!   request that needs it adds its share, and the work is done once. When it is being decoded
//!   already, that goes for those who want no more than the one for whom it is.
//! - A [`Decode`](pcluster::Decode) is the job of decoding one. It starts when the pcluster's last
//!   byte is there, whatever else its request still waits for, so that several of one window are
//!   decoded at a time on as many processors.
//! - What a [`Mount`] and a compressed inode ([`File`]) keep.
//!
//! # Which page belongs to whom
//!
//! A folio of the page cache is locked by whoever asked for it, and unlocked by whoever finishes
//! its last part (`vfs::folio`): a share owns its parts, a pcluster its shares, the job its
//! pcluster. What owns a part and is dropped fails it; so nothing can be forgotten, and errors need
//! no code. Encoded bytes are read into private pages of the job: they cannot change under the
//! decoder. Decoded bytes go straight into the folios, which nobody can look at before they are
//! whole.
//!
//! # What is decoded beyond that
//!
//! Whoever reads a page of an extent makes the decoder go through all that is before it. If others
//! of its pages will be needed they should come of the same run: so a request asks for more than it
//! was asked for, as far as folios can be had without waiting ([`habit`] says when).
//!
//! Extents do not end with pages. What is decoded of a page that is read later is kept for that
//! ([`stash`]). So are, as `cache_strategy` says, the encoded bytes of pclusters that were decoded
//! in part ([`encoded`]): whoever needs another part need not read them.
//!
//! Reads around the page cache ([`direct`]) are the same requests, with parts of private memory.
//!
//! # Order
//!
//! Nobody waits for a folio lock while holding another, with one exception: files are read out of
//! the packed inode (fragments), and all of them by way of metadata, which may be in the metabox
//! inode. Both are read through page caches of their own, by waiting, while folios of the reading
//! file are held. So inodes have a [`Level`], a wait only goes down, and a pcluster in flight is
//! only shared within a level: whoever holds one never waits for it.
//!
//! The lock of [`InFlight`](pcluster::InFlight) is taken before that of a pcluster; that of the
//! [`stash`] is taken alone. All are spinlocks of process context. What is kept of encoded bytes
//! has no lock.
//!
//! # Completion
//!
//! The last byte of a pcluster may arrive in an interrupt, or while the request is still being
//! made (memory, a file's page cache). The task that made the request keeps the first job for
//! itself if it is going to need it (all of them if there is one processor), and does it when it
//! has started all reads; the others go to the workqueue. If somebody waits for the folio, it waits for the jobs of its
//! own as well, so that it learns why one fails; a fatal signal ends that, and the jobs go to the
//! workqueue.
//!
//! A job touches nothing of its inode and superblock after it has ended its last part: the mount
//! may be gone then. What it needs beside is in the [`Mount`], of which it has a reference.
//!
//! # Memory
//!
//! A request that nobody waits for allocates without reclaim, and fails its folios if that is too
//! little: they are read again by those who need them, with reclaim. Jobs in the workqueue
//! allocate without I/O, since reclaim may wait for what they decode. Objects that live as long as
//! a request are small and come from memory that is [reused](crate::vfs::reused), as buffers do.
//!
//! What large extents take beside the page cache is bounded ([room](crate::vfs::room)): where there
//! is little memory, few of them are read at a time.
//!
//! There are as many decoders as the module's parameters say. A job that finds none waits until
//! one comes back, which it does soon, as decoding waits for nothing: so whoever waits for a page
//! may hold others, but never a decoder.

#![forbid(unsafe_code)]

mod algorithms;
pub(crate) mod counters;
pub(crate) mod data;
mod direct;
mod encoded;
mod habit;
mod pcluster;
mod request;
mod stash;

use crate::{
    metadata::{
        Failure,
        Metadata, //
    },
    ondisk::{
        zip::{
            Want,
            ZipError,
            ZipExtent,
            ZipInode,
            ZipMap, //
        },
        Algorithms,
        FilePos,
        Inode,
        Nid, //
    },
    super_block::{
        errno,
        Erofs, //
    },
    vfs::{
        pools,
        super_block::SuperBlock, //
    }, //
};
use core::sync::atomic::{
    AtomicU32,
    Ordering, //
};
use counters::Counters;
use encoded::Encoded;
use habit::Habit;
use kernel::{
    prelude::*,
    sync::{
        Arc,
        SetOnce, //
    }, //
};
use pcluster::InFlight;
use stash::Stash;

/// The algorithms that this module has decoders for.
pub(crate) fn available() -> Algorithms {
    let mut bits = Algorithms::NONE.bits();
    if cfg!(EROFS_ZIP) {
        bits |= Algorithms::LZ4.bits();
    }
    if cfg!(EROFS_ZIP_LZMA) {
        bits |= Algorithms::LZMA.bits();
    }
    if cfg!(EROFS_ZIP_DEFLATE) {
        bits |= Algorithms::DEFLATE.bits();
    }
    if cfg!(EROFS_ZIP_ZSTD) {
        bits |= Algorithms::ZSTD.bits();
    }
    Algorithms::new(bits)
}

/// What a mount of a compressed image keeps.
#[pin_data]
pub(crate) struct Mount {
    #[pin]
    in_flight: InFlight,
    #[pin]
    stash: Stash,
    encoded: Encoded,
    /// What it has cost.
    pub(crate) counters: Counters,
    _counted: Counted,
}

impl Mount {
    /// Frees what is kept of pclusters, encoded and decoded.
    pub(crate) fn drop_caches(&self) {
        self.encoded.clear();
        self.stash.clear();
    }

    /// That of a new mount of an image that uses these algorithms.
    pub(crate) fn new(algorithms: Algorithms) -> Result<Arc<Self>> {
        let in_flight = InFlight::new()?;
        let mount = Arc::pin_init(
            pin_init!(Self {
                in_flight <- in_flight,
                stash <- Stash::new(),
                encoded: Encoded::new(),
                counters: Counters::new(),
                _counted: Counted::new(),
            }),
            GFP_KERNEL,
        )?;
        algorithms::prepare(algorithms);
        Ok(mount)
    }
}

/// How many mounts there are.
static MOUNTS: AtomicU32 = AtomicU32::new(0);

/// One of them.
struct Counted;

impl Counted {
    fn new() -> Self {
        MOUNTS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // What is kept is for the others.
        if MOUNTS.fetch_sub(1, Ordering::Relaxed) == 1 {
            pools::free_all();
        }
    }
}

/// Who may wait for whose pages: a file for those of the packed inode, and all for those of the
/// metabox inode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Any file.
    File,
    /// The packed inode.
    Packed,
    /// The metabox inode.
    Metabox,
}

/// What a compressed inode keeps.
pub(crate) struct File {
    inode: ZipInode,
    /// Made when it is first read.
    map: SetOnce<ZipMap>,
    level: Level,
    /// Others of a few pages are certain to be needed soon.
    dense: bool,
    habit: Habit,
}

impl File {
    /// What to keep for the inode `nid`; `None` if it is not compressed. `dense` says that
    /// whoever reads a page of it soon needs others.
    pub(crate) fn new(
        sb: &SuperBlock<Erofs>,
        inode: &Inode,
        nid: Nid,
        dense: bool,
    ) -> Result<Option<KBox<Self>>> {
        let info = sb.data();
        let packed = info.packed().get(sb).map(|packed| packed.size());
        let Some(zip) = ZipInode::new(inode, &info.disk, nid, packed) else {
            return Ok(None);
        };
        let level = if info.disk.packed_nid == Some(nid) {
            Level::Packed
        } else if info.disk.metabox_nid == Some(nid) {
            Level::Metabox
        } else {
            Level::File
        };
        let file = Self {
            inode: zip,
            map: SetOnce::new(),
            level,
            dense: dense || level != Level::File,
            habit: Habit::new(),
        };
        Ok(Some(KBox::new(file, GFP_KERNEL)?))
    }

    /// The extent that the byte at `pos` is in; `None` at the end of the file.
    pub(crate) fn map(
        &self,
        sb: &SuperBlock<Erofs>,
        pos: FilePos,
        want: Want,
    ) -> core::result::Result<Option<ZipExtent>, Failure<ZipError>> {
        let meta = Metadata::<ZipError>::new(sb);
        match self.map.as_ref() {
            Some(map) => map.map(pos, want, &meta),
            None => {
                let map = self.inode.load(&meta)?;
                // Somebody else may have been faster.
                let _ = self.map.populate(map);
                map.map(pos, want, &meta)
            }
        }
    }
}

/// The errno of a mapping that failed.
pub(crate) fn map_errno(failure: &Failure<ZipError>) -> Error {
    match failure {
        Failure::Read(e) => *e,
        Failure::Corrupt(e) => errno(e.kind()),
    }
}
