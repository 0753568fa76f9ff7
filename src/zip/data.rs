// SPDX-License-Identifier: GPL-2.0

//! The contents of compressed files, into the page cache: what to read beyond what is asked for.

use super::{
    pcluster::Failed,
    request::Request,
    File,
    Mount, //
};
use crate::{
    backing::Backing,
    ondisk::{
        zip::{
            Encoding,
            ZipExtent,
            ZipPlacement, //
        },
        FilePos, //
    },
    super_block::Erofs,
    sysfs::SYNC_FORCE_OFF,
    vfs::{
        self,
        decoders::Failure,
        folio::{
            LockedFolio,
            Mapping, //
        },
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
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Contents that come from a kind of backing.
pub(crate) struct Compressed<K>(PhantomData<K>);

const PAGE: u64 = vfs::PAGE_SIZE as u64;

/// From so many pages on a window is not that of a single read in the middle of a file.
const SEQUENCE: usize = 8;

/// Up to so many pages a window is what somebody reads just now: the first one of a file has as
/// many.
const SMALL: usize = 4;

/// How far an extent may reach beyond what is asked for to be read whole.
const REACH: u64 = 1 << 20;

/// The first page that begins at or after `pos`.
fn page_after(pos: u64) -> u64 {
    pos.saturating_add(PAGE - 1) & !(PAGE - 1)
}

/// The pages that an extent fills alone: those at its ends belong to others as well. The last page
/// of a file counts as full.
fn own_pages(extent: &ZipExtent, size: u64) -> (u64, u64) {
    let start = extent.start.get();
    let end = start.saturating_add(extent.len);
    let end = if end >= size {
        page_after(size)
    } else {
        end & !(PAGE - 1)
    };
    (page_after(start), end)
}

/// Whether more of `extent` than is asked for is to be read: the pages from `from` to `to` are.
fn is_worth(
    file: &File,
    mapping: Mapping<'_>,
    extent: &ZipExtent,
    own: (u64, u64),
    from: u64,
    to: u64,
) -> bool {
    if from.saturating_sub(own.0) > REACH || own.1.saturating_sub(to) > REACH {
        return false;
    }
    if own.0 >= from && own.1 <= to {
        return false;
    }
    match extent.at {
        ZipPlacement::Device { encoding, .. } => {
            if matches!(encoding, Encoding::Shifted | Encoding::Interlaced) {
                return false;
            }
        }
        ZipPlacement::Inline { .. } => {}
        ZipPlacement::Hole | ZipPlacement::Fragment { .. } => return false,
    }
    file.dense || file.habit.is_worth(mapping, own, from, to)
}

/// Feeds the folios of the pages from `from` to `to`, as far as they can be had.
fn grab<B: Backing>(request: &mut Request<'_, B>, mapping: Mapping<'_>, from: u64, to: u64) {
    let mut pos = from;
    let empty = !mapping.has_pages(from, to);
    while pos < to {
        let mut len = PAGE;
        if let Some(folio) = mapping.grab(pos, to, empty) {
            len = folio.size() as u64;
            // Nobody has asked for it.
            if request.feed(folio).is_err() {
                return;
            }
        }
        pos = pos.saturating_add(len);
    }
}

/// What a file has to be read with.
pub(super) fn parts(inode: &INode<Erofs>) -> Option<(&File, &Arc<Mount>)> {
    Some((
        inode.data().zip()?,
        inode.super_block().data().zip.as_ref()?,
    ))
}

impl<K: On> MappingOperations for Compressed<K> {
    type Fs = Erofs;

    fn read_folio(inode: &INode<Erofs>, folio: LockedFolio<'_>) -> Result {
        trace::read_folio(inode, inode.data().nid().get(), &folio, false);
        let (file, mount) = parts(inode).ok_or(EIO)?;
        let volume = K::volume(inode.super_block()).ok_or(EIO)?;
        let mut request = Request::new(inode, file, mount, volume, 1, true, true)?;
        read(&mut request, folio)?;
        request.finish().map_err(|failed| complain(inode, &failed))
    }

    fn readahead(inode: &INode<Erofs>, window: &mut Readahead<'_>) {
        trace::readahead(inode, inode.data().nid().get(), window, false);
        let Some((file, mount)) = parts(inode) else {
            return;
        };
        let Some(volume) = K::volume(inode.super_block()) else {
            return;
        };
        // Whoever reads a few pages waits for them.
        let sync = &inode.super_block().data().tunables.sync_decompress;
        let wait = window.pages() <= SMALL && sync.get() != SYNC_FORCE_OFF;
        let Ok(mut request) = Request::new(
            inode,
            file,
            mount,
            volume,
            window.pages(),
            wait,
            window.is_awaited(),
        ) else {
            return;
        };
        read_window(&mut request, window);
        // Whoever needs these pages asks again, and learns the error.
        let _ = request.finish();
    }
}

/// Starts to read a folio that somebody needs.
#[inline(never)]
fn read<B: Backing>(request: &mut Request<'_, B>, folio: LockedFolio<'_>) -> Result {
    let mapping = folio.mapping();
    let start = folio.pos();
    let end = start.saturating_add(folio.size() as u64);
    let (from, to) = request.around(mapping, start, end);

    request.set_pages((to.saturating_sub(from) >> vfs::PAGE_SHIFT) as usize);
    grab(request, mapping, from, start);
    request.feed(folio)?;
    grab(request, mapping, end, to);
    Ok(())
}

/// Starts to read a window.
#[inline(never)]
fn read_window<B: Backing>(request: &mut Request<'_, B>, window: &mut Readahead<'_>) {
    let mapping = window.mapping();
    let start = window.pos();
    let mut end = start.saturating_add(window.bytes());
    let (from, to) = if window.pages() < SEQUENCE {
        request.around(mapping, start, end)
    } else {
        // A sequence: its next window begins where the last extent of this one ends.
        if let Some(own) = request.own_pages(end.saturating_sub(1)) {
            if own.1 > end && own.1.saturating_sub(end) <= REACH {
                window.expand(start, own.1);
            }
        }
        if let Some(own) = request.own_pages(start) {
            if own.0 < start && start.saturating_sub(own.0) <= REACH {
                window.expand(own.0, start.saturating_add(window.bytes()));
            }
        }
        end = window.pos().saturating_add(window.bytes());
        (window.pos(), end)
    };
    request.set_pages((to.saturating_sub(from) >> vfs::PAGE_SHIFT) as usize);
    grab(request, mapping, from, start);
    while let Some(folio) = window.next() {
        if request.feed(folio).is_err() {
            break;
        }
    }
    grab(request, mapping, end, to);
}

impl<B: Backing> Request<'_, B> {
    /// The pages that the extent at `pos` fills alone.
    fn own_pages(&mut self, pos: u64) -> Option<(u64, u64)> {
        let size = self.size();
        let pos = pos.min(size.saturating_sub(1));
        let extent = self.extent(FilePos::new(pos)).ok()??;
        Some(own_pages(&extent, size))
    }

    /// What to read in order to have the pages from `start` to `end`: these, or all of their
    /// extent.
    fn around(&mut self, mapping: Mapping<'_>, start: u64, end: u64) -> (u64, u64) {
        let size = self.size();
        if let Ok(Some(extent)) = self.extent(FilePos::new(start)) {
            let own = own_pages(&extent, size);
            if is_worth(self.file(), mapping, &extent, own, start, end) {
                return (own.0.min(start), own.1.max(end));
            }
        }
        (start, end)
    }
}

/// Logs why a page that somebody needs cannot be decoded.
pub(super) fn complain(inode: &INode<Erofs>, failed: &Failed) -> Error {
    if let Failed::Decode {
        key,
        wanted,
        why: Failure::Corrupt(why),
    } = failed
    {
        let info = inode.data();
        info.complain(
            inode.super_block(),
            format_args!(
                "failed to decompress ({}) {why} @ pa {} size {} => {wanted} of nid {}",
                key.name(),
                key.pos,
                key.len,
                info.nid()
            ),
        );
    }
    failed.errno()
}
