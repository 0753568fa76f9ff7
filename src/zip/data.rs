// SPDX-License-Identifier: GPL-2.0

//! The contents of compressed files, into the page cache: what to read beyond what is asked for.

use super::{
    habit,
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
        }, //
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
    mount: &Mount,
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
    let pos = match extent.at {
        ZipPlacement::Device { pos, encoding, .. } => {
            if matches!(encoding, Encoding::Shifted | Encoding::Interlaced) {
                return false;
            }
            pos.get()
        }
        ZipPlacement::Inline { pos, .. } => crate::ondisk::units::Position::byte(pos),
        ZipPlacement::Hole | ZipPlacement::Fragment { .. } => return false,
    };
    file.dense || habit::touch(mount, pos)
}

/// Feeds the folios of the pages from `from` to `to`, as far as they can be had.
fn grab<B: Backing>(request: &mut Request<'_, B>, mapping: Mapping<'_>, from: u64, to: u64) {
    let mut pos = from;
    while pos < to {
        if let Some(folio) = mapping.grab(pos) {
            // Nobody has asked for it.
            if request.feed(folio).is_err() {
                return;
            }
        }
        pos = pos.saturating_add(PAGE);
    }
}

/// What a file has to be read with.
fn parts(inode: &INode<Erofs>) -> Option<(&File, &Arc<Mount>)> {
    Some((
        inode.data().zip()?,
        inode.super_block().data().zip.as_ref()?,
    ))
}

impl<K: On> MappingOperations for Compressed<K> {
    type Fs = Erofs;

    fn read_folio(inode: &INode<Erofs>, folio: LockedFolio<'_>) -> Result {
        let sb = inode.super_block();
        let (file, mount) = parts(inode).ok_or(EIO)?;
        let volume = K::volume(sb).ok_or(EIO)?;
        let mapping = folio.mapping();
        let start = folio.pos();
        let end = start.saturating_add(folio.size() as u64);
        let mut more = (start, end);
        let mut request = Request::new(inode, file, mount, volume, 1, true);

        if let Ok(Some(extent)) = request.extent(FilePos::new(start)) {
            let own = own_pages(&extent, inode.size());
            if is_worth(file, mount, &extent, own, start, end) {
                more = (own.0.min(start), own.1.max(end));
                request.set_pages((more.1.saturating_sub(more.0) >> vfs::PAGE_SHIFT) as usize);
            }
        }
        grab(&mut request, mapping, more.0, start);
        request.feed(folio)?;
        grab(&mut request, mapping, end, more.1);
        request.finish().map_err(|failed| complain(inode, &failed))
    }

    fn readahead(inode: &INode<Erofs>, window: &mut Readahead<'_>) {
        let sb = inode.super_block();
        let (Some((file, mount)), Some(volume)) = (parts(inode), K::volume(sb)) else {
            return;
        };
        let size = inode.size();
        let mapping = window.mapping();
        let mut request = Request::new(inode, file, mount, volume, window.pages(), false);
        let start = window.pos();
        let end = start.saturating_add((window.pages() as u64).saturating_mul(PAGE));
        let last = end.min(size).saturating_sub(1);
        let mut more = (start, end);

        if window.pages() < SEQUENCE {
            if let Ok(Some(extent)) = request.extent(FilePos::new(start)) {
                let own = own_pages(&extent, size);
                if is_worth(file, mount, &extent, own, start, end) {
                    more = (own.0.min(start), own.1.max(end));
                }
            }
        } else {
            // A sequence: its next window begins where the last extent of this one ends.
            if let Ok(Some(extent)) = request.extent(FilePos::new(last)) {
                let own = own_pages(&extent, size);
                if own.1 > end && own.1.saturating_sub(end) <= REACH {
                    window.expand(start, own.1);
                }
            }
            if let Ok(Some(extent)) = request.extent(FilePos::new(start)) {
                let own = own_pages(&extent, size);
                if own.0 < start && start.saturating_sub(own.0) <= REACH {
                    let pages = window.pages() as u64;
                    window.expand(own.0, start.saturating_add(pages.saturating_mul(PAGE)));
                }
            }
        }
        let more_pages = (more.1.saturating_sub(more.0) >> vfs::PAGE_SHIFT) as usize;
        request.set_pages(more_pages.max(window.pages()));

        grab(&mut request, mapping, more.0, start);
        while let Some(folio) = window.next() {
            // Whoever needs these pages asks again, and learns the error.
            if request.feed(folio).is_err() {
                break;
            }
        }
        grab(&mut request, mapping, end, more.1);
        let _ = request.finish();
    }
}

/// Logs why a page that somebody needs cannot be decoded.
fn complain(inode: &INode<Erofs>, failed: &Failed) -> Error {
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
