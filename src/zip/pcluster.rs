// SPDX-License-Identifier: GPL-2.0

//! Pclusters that are being read and decoded.

use super::{
    algorithms,
    encoded::Kept,
    habit,
    stash::End,
    Level,
    Mount, //
};
use crate::{
    ondisk::{
        zip::Encoding,
        BlockBits,
        ImagePos, //
    },
    vfs::{
        self,
        decoders::Failure,
        folio::Part,
        incoming::Job,
        private::{
            Buffer,
            Need, //
        },
        reused::RVec,
        room::Room,
        target::{
            self,
            Placed,
            Target, //
        },
        workers, //
    }, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

/// What tells a pcluster from others of its mount.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) level: Level,
    /// Where it is: on the device that the address means.
    pub(super) pos: ImagePos,
    pub(super) len: u32,
    pub(super) encoding: Encoding,
}

impl Key {
    /// What the encoding is called.
    pub(super) fn name(&self) -> &'static str {
        match self.encoding {
            Encoding::Shifted => "shifted",
            Encoding::Interlaced => "interlaced",
            Encoding::Lz4 => "lz4",
            Encoding::Lzma => "lzma",
            Encoding::Deflate => "deflate",
            Encoding::Zstd => "zstd",
        }
    }
}

/// What one request wants of a pcluster.
pub(super) struct Share {
    /// The parts to fill, in order.
    parts: RVec<Placed>,
    /// Up to where to decode: the end of the last of them, or of the extent if that is near.
    end: usize,
    /// That is where the pcluster ends as well.
    exact: bool,
    /// Others may want what this one does not.
    in_part: bool,
    /// There is one part, the end of the extent.
    is_end: bool,
    /// Where in a block of the file the extent begins.
    start: usize,
}

impl Share {
    /// `len` is that of the extent, if all of it is known, and `exact` says that the pcluster
    /// decodes to no more. `kept` is for whom its encoded bytes are kept; `goes_on` says that the
    /// next page may well be asked for next, and so the end of the extent in it is kept.
    pub(super) fn new(
        parts: RVec<Placed>,
        len: Option<usize>,
        exact: bool,
        start: usize,
        kept: Kept,
        goes_on: bool,
    ) -> Self {
        let asked = parts.last().map_or(0, Placed::end);
        let end = len
            .filter(|len| goes_on && len.saturating_sub(asked) < vfs::PAGE_SIZE)
            .unwrap_or(asked);
        let before = parts.first().is_some_and(|placed| placed.at > 0);
        Self {
            is_end: before && parts.len() == 1 && len == Some(asked),
            in_part: (kept.after && len != Some(end)) || (kept.before && before),
            parts,
            end,
            exact: exact && len == Some(end),
            start,
        }
    }

    /// How many bytes decoding takes at most.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end
    }

    /// About how many bytes decoding takes beside the parts.
    pub(super) fn extra_bytes(&self) -> usize {
        target::extra_bytes(&self.parts, self.end)
    }

    /// Lets `fill` fill it if it is the end of an extent. Gives it back if that does not.
    pub(super) fn or_end(mut self, fill: impl FnOnce(usize, Part) -> Option<Part>) -> Option<Self> {
        if self.is_end {
            let Placed { at, part } = self.parts.pop()?;
            let part = fill(at, part)?;
            // There was room for it.
            let _ = self.parts.push_within_capacity(Placed { at, part });
        }
        Some(self)
    }

    /// Copies a plain pcluster.
    fn copy(self, encoding: Encoding, encoded: &[u8], block: usize) -> Result<(), Failure> {
        const SHORT: Failure = Failure::Corrupt("not enough plain data");

        for placed in self.parts {
            let len = placed.part.len();
            let (from, reach) =
                algorithms::plain(encoding, encoded.len(), block, self.start, placed.at);
            let first = from
                .checked_add(len.min(reach))
                .and_then(|end| encoded.get(from..end))
                .ok_or(SHORT)?;
            let rest = len.saturating_sub(reach);
            let then = if rest == 0 {
                &[]
            } else {
                let at = placed.at.saturating_add(reach);
                let (from, reach) =
                    algorithms::plain(encoding, encoded.len(), block, self.start, at);
                from.checked_add(rest)
                    .filter(|_| rest <= reach)
                    .and_then(|end| encoded.get(from..end))
                    .ok_or(SHORT)?
            };
            placed.part.fill(first, then);
        }
        Ok(())
    }
}

/// A pcluster that is being read and decoded.
#[pin_data]
pub(super) struct Pcluster {
    key: Key,
    #[pin]
    waiting: SpinLock<Waiting>,
}

/// Those who want something of a pcluster.
struct Waiting {
    /// Others than the one for whom it is being decoded.
    shares: RVec<Share>,
    /// Up to where that can be used. Nobody knows while it is read; zero if it is too late.
    reach: usize,
}

/// How many requests can share a pcluster; more read it again.
const SHARES: usize = 4;

/// How many pclusters of a mount can be found; others are read by whoever needs them.
const FOUND: usize = 64;

impl Pcluster {
    /// One with its first share.
    pub(super) fn new(key: Key, share: Share, need: Need) -> Result<Arc<Self>> {
        let mut shares = RVec::with_capacity(SHARES, need.flags())?;
        shares.push_within_capacity(share).map_err(|_| ENOMEM)?;
        Arc::pin_init(
            pin_init!(Self {
                key,
                waiting <- new_spinlock!(Waiting {
                    shares,
                    reach: usize::MAX,
                }),
            }),
            need.flags(),
        )
    }

    /// The one who wants most: to be decoded for now. Who wants no more may still join.
    fn next(&self) -> Option<Share> {
        let mut waiting = self.waiting.lock();
        let next = longest(&waiting.shares).and_then(|index| waiting.shares.remove(index).ok());
        waiting.reach = next.as_ref().map_or(0, |share| share.end);
        next
    }

    /// All others, when it has been decoded. Nobody can join any more.
    fn others(&self) -> RVec<Share> {
        let mut waiting = self.waiting.lock();
        waiting.reach = 0;
        core::mem::take(&mut waiting.shares)
    }
}

/// The pclusters of a mount that are being read.
#[pin_data]
pub(super) struct InFlight {
    #[pin]
    found: SpinLock<KVec<Arc<Pcluster>>>,
}

impl InFlight {
    pub(super) fn new() -> Result<impl PinInit<Self>> {
        let found = KVec::with_capacity(FOUND, GFP_KERNEL)?;
        Ok(pin_init!(Self {
            found <- new_spinlock!(found),
        }))
    }

    /// Adds `share` to the pcluster with this key, if it is being read, or decoded as far as that;
    /// gives it back if not.
    pub(super) fn join(&self, key: &Key, share: Share) -> Option<Share> {
        let found = self.found.lock();
        for pcluster in found.iter() {
            if pcluster.key != *key {
                continue;
            }
            let mut waiting = pcluster.waiting.lock();
            if share.end > waiting.reach {
                return Some(share);
            }
            let pushed = waiting.shares.push_within_capacity(share);
            return pushed.err().map(|e| e.0);
        }
        Some(share)
    }

    /// Lets others find `pcluster`.
    pub(super) fn add(&self, pcluster: &Arc<Pcluster>) {
        let mut found = self.found.lock();
        // If there are too many, the last ones are looked for: where the next request begins.
        let full = found.len() == FOUND;
        let gone = full.then(|| found.remove(0).ok());
        let _ = found.push_within_capacity(pcluster.clone());
        drop(found);
        drop(gone);
    }

    /// Nobody finds it any more.
    fn remove(&self, pcluster: &Arc<Pcluster>) {
        let mut found = self.found.lock();
        let index = found.iter().position(|other| Arc::ptr_eq(other, pcluster));
        let gone = index.and_then(|index| found.remove(index).ok());
        drop(found);
        drop(gone);
    }
}

/// Why the bytes of a pcluster are not there.
#[derive(Clone, Copy)]
pub(super) enum Failed {
    /// The image could not be read.
    Io,
    /// There is no such device.
    Device(Error),
    /// There is no memory to read them.
    NoMemory,
    /// They make no sense, or there is no memory to decode them.
    Decode {
        /// The pcluster.
        key: Key,
        /// How many decoded bytes were asked for.
        wanted: usize,
        /// Why.
        why: Failure,
    },
}

impl Failed {
    /// What the reader is told.
    pub(super) fn errno(&self) -> Error {
        match self {
            Self::Io => EIO,
            Self::Device(e) => *e,
            Self::NoMemory
            | Self::Decode {
                why: Failure::NoMemory,
                ..
            } => ENOMEM,
            Self::Decode { .. } => EFSCORRUPTED,
        }
    }
}

/// The job of decoding a pcluster whose bytes have been read.
pub(super) struct Decode {
    pub(super) mount: Arc<Mount>,
    pub(super) pcluster: Arc<Pcluster>,
    /// Nobody else keeps the encoded bytes.
    pub(super) alone: bool,
    /// Where in the buffer the pcluster begins.
    pub(super) skip: usize,
    pub(super) block: BlockBits,
    /// For the encoded bytes, and those that are decoded beside the ones asked for.
    pub(super) _room: Room,
}

impl Job for Decode {
    type Output = core::result::Result<(), Failed>;

    fn run(self, data: Option<Buffer>) -> Self::Output {
        let result = self.decode(data);
        self.mount.in_flight.remove(&self.pcluster);
        if result.is_err() {
            // Nobody else will.
            drop(self.pcluster.others());
        }
        result
    }
}

impl Decode {
    fn decode(&self, data: Option<Buffer>) -> core::result::Result<(), Failed> {
        let key = self.pcluster.key;
        let buffer = data.ok_or(Failed::Io)?;
        let end = self.skip.saturating_add(key.len as usize);
        let encoded = buffer.bytes().get(self.skip..end).ok_or(Failed::Io)?;
        // There is the one for whom it was read.
        let share = self.pcluster.next().ok_or(Failed::Io)?;
        let in_part = decode(
            &self.mount,
            &key,
            encoded,
            self.skip,
            self.block,
            share,
            Some(&*self.pcluster),
        )?;
        if in_part && self.alone {
            self.mount.encoded.put(&key, buffer);
        }
        Ok(())
    }
}

/// Decodes a pcluster for `share`, and for `others` who want something of it. `skip` is where in a
/// block it begins. Whether all of them left something of it that is to be kept.
pub(super) fn decode(
    mount: &Mount,
    key: &Key,
    encoded: &[u8],
    skip: usize,
    bits: BlockBits,
    share: Share,
    others: Option<&Pcluster>,
) -> core::result::Result<bool, Failed> {
    let block = bits.size() as usize;
    let first_block = block.saturating_sub(skip & block.saturating_sub(1));
    let first_block = first_block.min(encoded.len());
    let failed = |wanted, why| Failed::Decode {
        key: *key,
        wanted,
        why,
    };
    let is_plain = matches!(key.encoding, Encoding::Shifted | Encoding::Interlaced);
    let mut result = Ok(true);
    let mut share = Some(share);

    // The one who wants most decodes, and the others copy from there. If that fails, they may yet
    // be right: two files need not agree on how long it is.
    while let Some(next) = share.take().or_else(|| others.and_then(Pcluster::next)) {
        let (wanted, in_part) = (next.end, next.in_part);
        if is_plain {
            let copied = next.copy(key.encoding, encoded, block);
            let copied = copied.map_err(|why| failed(wanted, why));
            result = result.and_then(|all| copied.map(|()| all && in_part));
            continue;
        }
        match decode_share(mount, key, encoded, first_block, &next, others) {
            Ok(others) => {
                target::complete(next.parts);
                let mut all = in_part;
                for other in others {
                    all &= other.in_part;
                    target::complete(other.parts);
                }
                return result.map(|_| all);
            }
            Err(why) => result = result.and(Err(failed(wanted, why))),
        }
    }
    result
}

/// Decodes what `share` wants, also for the others, who want no more: gives them back.
#[inline(never)]
fn decode_share(
    mount: &Mount,
    key: &Key,
    encoded: &[u8],
    first_block: usize,
    share: &Share,
    others: Option<&Pcluster>,
) -> core::result::Result<RVec<Share>, Failure> {
    let mut target =
        Target::new(&share.parts, share.end, Need::Wanted).map_err(|_| Failure::NoMemory)?;
    let began = workers::now();
    let decoded = algorithms::decode(key.encoding, encoded, first_block, &mut target, share.exact);
    let counters = &mount.counters;
    counters
        .nanoseconds
        .add(workers::now().saturating_sub(began));
    counters.decoded.add(target.len() as u64);
    if habit::decoded(mount, key.pos.get()) {
        counters.again.add(1);
    }
    decoded?;
    for placed in &share.parts {
        target.copy_to(placed, true).ok_or(Failure::NoMemory)?;
    }
    let asked = share.parts.last().map_or(0, Placed::end);
    let len = share.end.saturating_sub(asked);
    if len > 0 {
        if let Ok(mut bytes) = Buffer::new(len, Need::Ahead) {
            if let Some(to) = bytes.bytes_mut().get_mut(..len) {
                target.read(asked, to);
            }
            mount.stash.put(End {
                key: *key,
                at: asked,
                len,
                bytes,
            });
        }
    }
    // Whoever comes from here on finds that end.
    let others = others.map(Pcluster::others).unwrap_or_default();
    for other in &others {
        for placed in &other.parts {
            target.copy_to(placed, false).ok_or(Failure::NoMemory)?;
        }
    }
    Ok(others)
}

/// The index of the share that wants most.
fn longest(shares: &[Share]) -> Option<usize> {
    let mut best: Option<(usize, usize)> = None;
    for (index, share) in shares.iter().enumerate() {
        if best.is_none_or(|(_, end)| share.end > end) {
            best = Some((index, share.end));
        }
    }
    best.map(|(index, _)| index)
}
