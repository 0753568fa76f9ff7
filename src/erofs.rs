// SPDX-License-Identifier: GPL-2.0

//! EROFS, the Enhanced Read-Only File System.
//!
//! Four floors; each uses those below it, never those above:
//!
//! - this file and its neighbours: the filesystem. Superblock and options, inodes, directories,
//!   file contents;
//! - [`backing`]: where bytes come from, a block device or a regular file;
//! - [`vfs`]: safe abstractions over the kernel; whatever cannot be checked by the compiler is
//!   there, and argued for;
//! - [`ondisk`]: the on-disk format, without allocation and without the kernel.

mod backing;
mod data;
mod dir;
mod export;
mod inode;
mod iomap;
mod metadata;
mod mount;
#[forbid(unsafe_code)]
mod ondisk;
mod options;
mod pass_through;
mod refusals;
mod share;
mod super_block;
mod sysfs;
mod vfs;
mod volume;
mod xattr;
mod zip;

use crate::{
    share::SHARED_PAGES,
    super_block::{
        Erofs,
        FILE_SYSTEM_TYPE, //
    },
    vfs::{
        pools::Pools,
        registration::Registration,
        shared::SharedMount,
        workers::Workers, //
    }, //
};
use kernel::prelude::*;

module! {
    type: Module,
    name: "erofs",
    authors: ["The erofs-rs authors"],
    description: "Enhanced ROM File System",
    license: "GPL",
    alias: ["fs-erofs"],
}

/// The loaded module.
struct Module {
    // In this order.
    _registration: Registration<Erofs>,
    // After it: inodes of mounts refer to shared ones.
    _shared: SharedMount<Erofs>,
    // Nothing is queued once nothing can be mounted.
    _workers: Workers,
    _pools: Pools,
}

impl kernel::Module for Module {
    fn init(module: &'static ThisModule) -> Result<Self> {
        vfs::params::settle();

        let pools = Pools::new(c"erofs-buffers")?;
        let workers = Workers::new(c"erofs_worker")?;
        let shared = SHARED_PAGES.mount()?;
        // Last, as nothing may fail once the filesystem can be mounted.
        let registration = FILE_SYSTEM_TYPE.register(module).inspect_err(|e| {
            if *e == EBUSY {
                pr_err!("another erofs driver is registered; unload it or boot without it\n");
            }
        })?;

        Ok(Self {
            _registration: registration,
            _shared: shared,
            _workers: workers,
            _pools: pools,
        })
    }
}
