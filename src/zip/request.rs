// SPDX-License-Identifier: GPL-2.0

//! One call of the page cache: folios in, shares of pclusters out.

use super::{
    encoded::Kept,
    map_errno,
    pcluster::{
        self,
        Decode,
        Failed,
        Key,
        Pcluster,
        Share, //
    },
    File,
    Level,
    Mount, //
};
use crate::{
    backing::{
        devices::{
            Run,
            Volume, //
        },
        read::Reader,
        Backing, //
    },
    metadata::{
        self,
        Failure, //
    },
    ondisk::{
        units::Position,
        zip::{
            Encoding,
            Want,
            ZipError,
            ZipExtent,
            ZipPlacement, //
        },
        DeviceId,
        FilePos,
        ImagePos,
        MetaPos, //
    },
    super_block::{
        errno,
        Erofs, //
    },
    vfs::{
        self,
        folio::{
            FolioRead,
            LockedFolio,
            Part, //
        },
        incoming::{
            self,
            Started,
            Ticket, //
        },
        inode::INode,
        private::{
            Buffer,
            Need, //
        },
        reused::{
            RBox,
            RVec, //
        },
        room::Room,
        target::Placed,
        workers, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// How many jobs a request keeps for itself at most.
const KEPT: usize = 8;

/// A share that is being made.
struct Open {
    extent: ZipExtent,
    parts: RVec<Placed>,
}

/// A request to read folios of one file, in ascending order.
pub(super) struct Request<'a, B: Backing> {
    inode: &'a INode<Erofs>,
    file: &'a File,
    mount: &'a Arc<Mount>,
    /// `None` once all reads are started.
    reader: Option<Reader<'a, B>>,
    /// Somebody waits for the folio.
    wait: bool,
    /// How many pages there may be.
    pages: usize,
    extent: Option<ZipExtent>,
    open: Option<Open>,
    jobs: Jobs,
}

/// The jobs that a request keeps, and what came of them.
struct Jobs {
    kept: [Option<Ticket<Decode>>; KEPT],
    count: usize,
    /// How many may be kept.
    most: usize,
    result: core::result::Result<(), Failed>,
}

impl Jobs {
    fn keep(&mut self, ticket: Ticket<Decode>) {
        if let Some(slot) = self.kept.get_mut(self.count) {
            *slot = Some(ticket);
            self.count = self.count.saturating_add(1);
        }
    }

    fn add(&mut self, result: core::result::Result<(), Failed>) {
        if self.result.is_ok() {
            self.result = result;
        }
    }
}

impl<'a, B: Backing> Request<'a, B> {
    /// A request for about `pages` pages. `wait` says that somebody waits for them, `soon` that
    /// somebody will wait for the first ones as soon as the request is made. Too large for the
    /// stack: others are read from within.
    #[inline(never)]
    pub(super) fn new(
        inode: &'a INode<Erofs>,
        file: &'a File,
        mount: &'a Arc<Mount>,
        volume: Volume<'a, B>,
        pages: usize,
        wait: bool,
        soon: bool,
    ) -> Result<RBox<Self>> {
        let most = if wait || workers::processors() == 1 {
            KEPT
        } else {
            usize::from(soon)
        };
        let need = if wait { Need::Wanted } else { Need::Ahead };
        let request = RBox::<Self>::new_uninit(need.flags())?;
        Ok(RBox::write(
            request,
            Self {
                inode,
                file,
                mount,
                reader: Some(Reader::new(volume, pages.saturating_mul(2), !wait)),
                wait,
                pages,
                extent: None,
                open: None,
                jobs: Jobs {
                    kept: [const { None }; KEPT],
                    count: 0,
                    most,
                    result: Ok(()),
                },
            },
        ))
    }

    /// The size of the file.
    pub(super) fn size(&self) -> u64 {
        self.inode.size()
    }

    /// What is kept of the file.
    pub(super) fn file(&self) -> &File {
        self.file
    }

    /// There may be so many pages.
    pub(super) fn set_pages(&mut self, pages: usize) {
        self.pages = pages;
    }

    fn need(&self) -> Need {
        if self.wait {
            Need::Wanted
        } else {
            Need::Ahead
        }
    }

    /// The extent that the byte at `pos` is in.
    pub(super) fn extent(
        &mut self,
        pos: FilePos,
    ) -> core::result::Result<Option<ZipExtent>, Failure<ZipError>> {
        if let Some(extent) = &self.extent {
            if pos.since(extent.start).is_some_and(|at| at < extent.len) {
                return Ok(Some(*extent));
            }
        }
        let sb = self.inode.super_block();
        self.extent = match self.file.map(sb, pos, Want::Whole) {
            // What is wrong may be somewhere else in the extent.
            Err(Failure::Corrupt(_)) => self.file.map(sb, pos, Want::Asked)?,
            other => other?,
        };
        Ok(self.extent)
    }

    /// Logs why the file cannot be mapped.
    pub(super) fn refused(&self, pos: FilePos, failure: &Failure<ZipError>) -> Error {
        let sb = self.inode.super_block();
        let info = self.inode.data();
        if let Failure::Corrupt(e) = failure {
            info.complain(sb, format_args!("{e} @ la {pos} of nid {}", info.nid()));
        }
        map_errno(failure)
    }

    /// The extent that the byte at `pos` is in, where in it that is, and how many of `most` bytes
    /// from there on are.
    fn piece(&mut self, pos: FilePos, most: usize) -> Result<(ZipExtent, usize, usize)> {
        let extent = self.extent(pos).map_err(|e| self.refused(pos, &e))?;
        let extent = extent.ok_or(EFSCORRUPTED)?;
        let at = pos.since(extent.start).ok_or(EFSCORRUPTED)?;
        let len = extent.len.checked_sub(at).filter(|len| *len > 0);
        let len = len.ok_or(EFSCORRUPTED)?.min(most as u64) as usize;
        Ok((extent, usize::try_from(at).map_err(|_| EFSCORRUPTED)?, len))
    }

    /// Starts to read a folio. Not inlined, for the sake of the stack.
    #[inline(never)]
    pub(super) fn feed(&mut self, folio: LockedFolio<'_>) -> Result {
        let size = self.inode.size();
        let mut pos = FilePos::new(folio.pos());
        let mut folio = folio.read();

        while folio.left() > 0 {
            if pos.get() >= size {
                folio.zero(folio.left());
                break;
            }
            let (extent, at, len) = self.piece(pos, folio.left())?;
            match extent.at {
                ZipPlacement::Hole => folio.zero(len),
                ZipPlacement::Fragment { pos } => {
                    let from = pos.checked_add(at as u64).ok_or(EFSCORRUPTED)?;
                    self.copy_fragment(&mut folio, len, from)?;
                }
                ZipPlacement::Device { .. } | ZipPlacement::Inline { .. } => {
                    let part = folio.part(len).ok_or(EIO)?;
                    self.push(&extent, at, part)?;
                }
            }
            pos = pos.checked_add(len as u64).ok_or(EFSCORRUPTED)?;
        }
        Ok(())
    }

    /// Starts to fill a part with the bytes of the file from `pos` on.
    #[inline(never)]
    pub(super) fn feed_part(&mut self, mut pos: FilePos, part: Part) -> Result {
        let mut rest = Some(part);
        while let Some(part) = rest.take() {
            let (extent, at, len) = self.piece(pos, part.len())?;
            let (part, after) = part.split(len);
            rest = after;
            match extent.at {
                ZipPlacement::Hole => part.zero(),
                ZipPlacement::Fragment { pos } => {
                    let from = pos.checked_add(at as u64).ok_or(EFSCORRUPTED)?;
                    self.fill_fragment(part, from)?;
                }
                ZipPlacement::Device { .. } | ZipPlacement::Inline { .. } => {
                    self.push(&extent, at, part)?;
                }
            }
            pos = pos.checked_add(len as u64).ok_or(EFSCORRUPTED)?;
        }
        Ok(())
    }

    /// Fills a part with bytes of the packed inode from `pos` on.
    fn fill_fragment(&self, part: Part, mut pos: FilePos) -> Result {
        let sb = self.inode.super_block();
        let packed = sb.data().packed().get(sb).ok_or(EFSCORRUPTED)?;
        let mut rest = Some(part);
        while let Some(part) = rest.take() {
            let bytes = packed.bytes(pos.get())?.ok_or(EFSCORRUPTED)?;
            let (part, after) = part.split(bytes.len());
            pos = pos.checked_add(part.len() as u64).ok_or(EFSCORRUPTED)?;
            part.copy(&bytes);
            rest = after;
        }
        Ok(())
    }

    /// Copies `len` bytes of the packed inode from `pos` on.
    fn copy_fragment(&self, folio: &mut FolioRead<'_>, len: usize, pos: FilePos) -> Result {
        let sb = self.inode.super_block();
        let packed = sb.data().packed().get(sb).ok_or(EFSCORRUPTED)?;
        let mut done = 0usize;
        while done < len {
            let from = pos.get().checked_add(done as u64).ok_or(EFSCORRUPTED)?;
            let bytes = packed.bytes(from)?.ok_or(EFSCORRUPTED)?;
            let piece = bytes.len().min(len.saturating_sub(done));
            if piece == 0 {
                return Err(EFSCORRUPTED);
            }
            folio.copy(piece, &bytes);
            done = done.saturating_add(piece);
        }
        Ok(())
    }

    /// Adds a part that the decoded bytes of `extent` from `at` on fill.
    fn push(&mut self, extent: &ZipExtent, at: usize, part: Part) -> Result {
        let same = self
            .open
            .as_ref()
            .is_some_and(|open| open.extent.start == extent.start);
        if !same {
            self.close();
        }
        if self.open.is_none() {
            let pages = (extent.len >> vfs::PAGE_SHIFT).saturating_add(2);
            let pages = pages.min(self.pages.saturating_add(1) as u64) as usize;
            self.open = Some(Open {
                extent: *extent,
                parts: RVec::with_capacity(pages, self.need().flags())?,
            });
        }
        let open = self.open.as_mut().ok_or(EIO)?;
        open.parts
            .push_within_capacity(Placed { at, part })
            .map_err(|_| ENOMEM)
    }

    /// The share that is being made is complete.
    #[inline(never)]
    fn close(&mut self) {
        let Some(Open { extent, parts }) = self.open.take() else {
            return;
        };
        let len = extent.len.try_into().ok().filter(|_| extent.whole);
        let bits = self.inode.super_block().data().disk.block_bits;
        let start = bits.offset_in(extent.start) as usize;
        let kept = Kept::by(self.inode.super_block().options().cache_strategy());
        // A single page is one somewhere in the file: nobody reads on from there.
        let goes_on = self.pages > 1;
        let share = Share::new(parts, len, !extent.partial, start, kept, goes_on);

        let result = match extent.at {
            ZipPlacement::Device { pos, len, encoding } => {
                let key = self.key(pos, len, encoding);
                let share = self.mount.in_flight.join(&key, share);
                // What has been decoded is in the stash by the time that nobody can join.
                let fill = |at, part| self.mount.stash.take(&key, at, part);
                match share.and_then(|share| share.or_end(fill)) {
                    None => {
                        self.mount.counters.hits.add(1);
                        Ok(())
                    }
                    Some(share) => self.start(&key, share),
                }
            }
            ZipPlacement::Inline { pos, len, encoding } => {
                // It is not looked for; but its end is: what is in the image there is its own.
                let key = self.key(ImagePos::new(pos.byte()), len, encoding);
                self.decode_inline(&key, pos, share)
            }
            _ => Ok(()),
        };
        self.jobs.add(result);
    }

    fn key(&self, pos: ImagePos, len: u32, encoding: Encoding) -> Key {
        Key {
            level: self.file.level,
            pos,
            len,
            encoding,
        }
    }

    /// Room for a pcluster, and for what decoding it takes beside the parts of `share`. Who has
    /// none yet waits for it, if nobody who has some can be waiting for pages of this file.
    #[inline]
    fn room(&self, key: &Key, share: &Share) -> Option<Room> {
        let encoded = key.len as usize;
        if Room::is_little(encoded.saturating_add(share.len())) {
            return Some(Room::NONE);
        }
        let bytes = encoded.saturating_add(share.extra_bytes());
        match self.need() {
            _ if Room::is_little(bytes) => Some(Room::NONE),
            Need::Ahead => Room::find(bytes),
            Need::Wanted if self.jobs.count == 0 && self.file.level == Level::File => {
                Some(Room::wait(bytes))
            }
            Need::Wanted => Some(Room::take(bytes)),
        }
    }

    /// Starts to read a pcluster.
    #[inline(never)]
    fn start(&mut self, key: &Key, share: Share) -> core::result::Result<(), Failed> {
        let no_memory = |_: Error| Failed::NoMemory;
        let sb = self.inode.super_block();
        let bits = sb.data().disk.block_bits;
        let need = self.need();
        let room = self.room(key, &share).ok_or(Failed::NoMemory)?;
        let reader = self.reader.as_mut().ok_or(Failed::Io)?;
        let run = reader.volume().run(DeviceId::PRIMARY, key.pos);
        let run = run.map_err(|e| Failed::Device(errno(e.kind())))?;
        if run.reach < u64::from(key.len) {
            return Err(Failed::Io);
        }
        // Devices are read in units that are not larger than a block.
        let skip = bits.offset_in(run.pos);
        let first = run.pos.get().saturating_sub(u64::from(skip));
        let run = Run {
            pos: ImagePos::new(first),
            ..run
        };
        let wanted = u64::from(skip).saturating_add(u64::from(key.len));
        let total = run.device.read_len(run.pos, wanted);
        let total = usize::try_from(total).map_err(|_| Failed::Io)?;
        let (buffer, total) = match self.mount.encoded.take(key) {
            Some(buffer) => (buffer, 0),
            None => (Buffer::new(total, need).map_err(no_memory)?, total),
        };
        let pcluster = Pcluster::new(*key, share, need).map_err(no_memory)?;
        let job = Decode {
            mount: self.mount.clone(),
            pcluster,
            alone: !run.device.is_cached(),
            skip: skip as usize,
            block: bits,
            _room: room,
        };
        self.mount.in_flight.add(&job.pcluster);
        let counters = &self.mount.counters;
        if total == 0 {
            counters.encoded.add(1);
        } else {
            counters.read.add(total as u64);
        }

        let keep = self.jobs.count < self.jobs.most;
        let started = incoming::start(buffer, total, job, keep, need, |at, part| {
            let pos = run.pos.checked_add(at as u64);
            // A part that is not read fails, and the job with it.
            let _ = pos.map(|pos| reader.read(&Run { pos, ..run }, part));
        });
        match started {
            Ok(Started::Left) => Ok(()),
            Ok(Started::Kept(ticket)) => {
                self.jobs.keep(ticket);
                Ok(())
            }
            Err((_, job)) => {
                let _ = incoming::Job::run(job, None);
                Err(Failed::NoMemory)
            }
        }
    }

    /// Decodes a pcluster that is in the metadata.
    #[inline(never)]
    fn decode_inline(
        &mut self,
        key: &Key,
        pos: MetaPos,
        share: Share,
    ) -> core::result::Result<(), Failed> {
        let no_memory = |_| Failed::NoMemory;
        let sb = self.inode.super_block();
        let len = key.len as usize;
        let mut buffer = Buffer::new(len, self.need()).map_err(no_memory)?;
        let bytes = buffer.bytes_mut().get_mut(..len).ok_or(Failed::Io)?;
        match metadata::copy_to(sb, pos, bytes) {
            Ok(done) if done == len => {}
            _ => return Err(Failed::Io),
        }
        let encoded = buffer.bytes().get(..len).ok_or(Failed::Io)?;
        let bits = sb.data().disk.block_bits;
        pcluster::decode(self.mount, key, encoded, 0, bits, share, None).map(|_| ())
    }

    /// Starts what is left, and does the jobs that were kept. What came of them.
    #[inline(never)]
    pub(super) fn finish(&mut self) -> core::result::Result<(), Failed> {
        self.close();
        self.reader = None;
        let jobs = &mut self.jobs;
        for slot in &mut jobs.kept {
            let Some(ticket) = slot.take() else {
                break;
            };
            let arrived = if self.wait {
                ticket.wait()
            } else {
                ticket.leave()
            };
            if let Some(arrived) = arrived {
                let result = arrived.run();
                if jobs.result.is_ok() {
                    jobs.result = result;
                }
            }
        }
        jobs.result
    }
}
