// SPDX-License-Identifier: GPL-2.0

//! What `/sys/fs/erofs` shows: what this driver knows of the format, and of each mount what can be
//! changed while it is in use.

#![forbid(unsafe_code)]

use crate::{
    super_block::Erofs,
    vfs::{
        pools,
        registration::FileSystemType,
        super_block::SuperBlock,
        sysfs::{
            Attribute,
            Page,
            Shown,
            Value, //
        }, //
    }, //
};
use core::{
    ffi::CStr,
    sync::atomic::{
        AtomicU32,
        Ordering, //
    }, //
};
use kernel::prelude::*;

const fn feature(name: &'static CStr) -> Attribute<FileSystemType<Erofs>> {
    Attribute::read_only(name, |_, page| page.emit(format_args!("supported\n")))
}

/// The features of the format that programs ask for, before they use an image that has them.
pub(crate) static FEATURES: [Attribute<FileSystemType<Erofs>>; 12] = [
    feature(c"compr_cfgs"),
    feature(c"big_pcluster"),
    feature(c"chunked_file"),
    feature(c"device_table"),
    feature(c"compr_head2"),
    feature(c"sb_chksum"),
    feature(c"ztailpacking"),
    feature(c"fragments"),
    feature(c"dedupe"),
    feature(c"xattr_prefixes"),
    feature(c"48bit"),
    feature(c"metabox"),
];

const fn dir_ra_bytes() -> Attribute<SuperBlock<Erofs>> {
    Attribute::read_write(
        c"dir_ra_bytes",
        |sb, page| sb.data().tunables.dir_ra_bytes.show(page),
        |sb, value| sb.data().tunables.dir_ra_bytes.store(value),
    )
}

/// The attributes of a mount without compressed files.
pub(crate) static OF_MOUNT: [Attribute<SuperBlock<Erofs>>; 1] = [dir_ra_bytes()];

/// Those of a mount that may have some.
pub(crate) static OF_COMPRESSED_MOUNT: [Attribute<SuperBlock<Erofs>>; 4] = [
    dir_ra_bytes(),
    Attribute::read_write(
        c"sync_decompress",
        |sb, page| sb.data().tunables.sync_decompress.show(page),
        |sb, value| {
            if value.number()? > SYNC_FORCE_OFF {
                return Err(EINVAL);
            }
            sb.data().tunables.sync_decompress.store(value)
        },
    ),
    Attribute::write_only(c"drop_caches", drop_caches),
    Attribute::read_only(c"zip_stats", zip_stats),
];

/// `sync_decompress`: nobody's small reads are decoded by whoever reads.
pub(crate) const SYNC_FORCE_OFF: u32 = 2;

/// `drop_caches`: 1 is for the data that is kept beside page caches, 2 for the memory that is kept
/// to read and decode more, which is that of all mounts.
fn drop_caches(sb: &SuperBlock<Erofs>, value: Value<'_>) -> Result {
    let what = value.number()?;
    if !(1..=3).contains(&what) {
        return Err(EINVAL);
    }
    if what & 1 != 0 {
        if let Some(mount) = &sb.data().zip {
            mount.drop_caches();
        }
    }
    if what & 2 != 0 {
        pools::free();
    }
    Ok(())
}

/// What reading compressed files has cost.
fn zip_stats(sb: &SuperBlock<Erofs>, page: Page<'_>) -> Result<Shown> {
    let mount = sb.data().zip.as_ref().ok_or(EINVAL)?;
    let counters = &mount.counters;
    page.emit(format_args!(
        "read_bytes {}\ndecoded_bytes {}\ndecoded_again {}\ncache_hits {}\ndecoder_ns {}\n\
         encoded_hits {}\n",
        counters.read.get(),
        counters.decoded.get(),
        counters.again.get(),
        counters.hits.get(),
        counters.nanoseconds.get(),
        counters.encoded.get(),
    ))
}

/// A number that an attribute shows and sets. Readers take it as it is just then.
pub(crate) struct Number(AtomicU32);

impl Number {
    /// A number, until somebody sets another.
    pub(crate) const fn new(number: u32) -> Self {
        Self(AtomicU32::new(number))
    }

    /// The number.
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn show(&self, page: Page<'_>) -> Result<Shown> {
        page.emit(format_args!("{}\n", self.get()))
    }

    fn store(&self, value: Value<'_>) -> Result {
        self.0.store(value.number()?, Ordering::Relaxed);
        Ok(())
    }
}

/// What of a mount can be changed through its attributes.
pub(crate) struct Tunables {
    /// How much of a directory is read ahead of who lists it, in bytes; none if zero.
    pub(crate) dir_ra_bytes: Number,
    /// Whether small reads are decoded by whoever reads: 0 and 1, or not: 2.
    pub(crate) sync_decompress: Number,
}

impl Tunables {
    /// Those of a new mount.
    pub(crate) const fn new() -> Self {
        Self {
            dir_ra_bytes: Number::new(16384),
            sync_decompress: Number::new(0),
        }
    }
}
