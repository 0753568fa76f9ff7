// SPDX-License-Identifier: GPL-2.0

//! Mount options: which there are, what they mean, and how a mount shows them.

#![forbid(unsafe_code)]

use crate::vfs::context::{
    Constant,
    ConstantTable,
    OwnedString,
    Parameter,
    ParameterSpec,
    ParameterTable, //
};
use core::sync::atomic::{
    AtomicBool,
    AtomicU8,
    Ordering, //
};
use kernel::{
    fs::File,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::aref::ARef, //
};

const USER_XATTR: u8 = 0;
const ACL: u8 = 1;
const CACHE_STRATEGY: u8 = 2;
const DIRECTIO: u8 = 3;
const FSOFFSET: u8 = 4;
const SOURCE: u8 = 5;
const DEVICE: u8 = 6;
const DAX: u8 = 7;
const DAX_MODE: u8 = 8;
const DOMAIN_ID: u8 = 9;
const INODE_SHARE: u8 = 10;

/// What there is, by name.
pub(crate) static TABLE: ParameterTable<11> = ParameterTable::new([
    ParameterSpec::flag_no(c"user_xattr", USER_XATTR),
    ParameterSpec::flag_no(c"acl", ACL),
    ParameterSpec::one_of(c"cache_strategy", CACHE_STRATEGY, &CACHE_STRATEGIES),
    ParameterSpec::flag_no(c"directio", DIRECTIO),
    ParameterSpec::u64(c"fsoffset", FSOFFSET),
    ParameterSpec::file_or_string(c"source", SOURCE),
    ParameterSpec::string(c"device", DEVICE),
    ParameterSpec::flag(c"dax", DAX),
    ParameterSpec::one_of(c"dax", DAX_MODE, &DAX_MODES),
    ParameterSpec::string(c"domain_id", DOMAIN_ID),
    ParameterSpec::flag(c"inode_share", INODE_SHARE),
]);

static CACHE_STRATEGIES: ConstantTable<3> = ConstantTable::new([
    Constant::new(c"disabled", CacheStrategy::Disabled as u16),
    Constant::new(c"readahead", CacheStrategy::Readahead as u16),
    Constant::new(c"readaround", CacheStrategy::Readaround as u16),
]);

/// Which compressed data is kept in memory, beside what it was decompressed to.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum CacheStrategy {
    /// None.
    Disabled,
    /// That of the last pcluster of a read, if more of it may follow.
    Readahead,
    /// That of the first one, too.
    Readaround,
}

impl CacheStrategy {
    fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Disabled,
            1 => Self::Readahead,
            _ => Self::Readaround,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Readahead => "readahead",
            Self::Readaround => "readaround",
        }
    }
}

/// Whether ACLs are built into this kernel.
const HAS_ACL: bool = cfg!(CONFIG_FS_POSIX_ACL);

static DAX_MODES: ConstantTable<2> = ConstantTable::new([
    Constant::new(c"always", DAX_ALWAYS as u16),
    Constant::new(c"never", DAX_NEVER as u16),
]);

// What `dax` can be, beside not given.
const DAX_UNSET: u8 = 0;
const DAX_ALWAYS: u8 = 1;
const DAX_NEVER: u8 = 2;

/// The options of one mount. A remount changes the flags while others read them; none of them
/// says anything about another.
pub(crate) struct Options {
    user_xattr: AtomicBool,
    acl: AtomicBool,
    directio: AtomicBool,
    cache_strategy: AtomicU8,
    dax: AtomicU8,
    inode_share: AtomicBool,
    /// Where in its source the image begins, in bytes.
    pub(crate) fsoffset: u64,
    /// The source, where it was given as a file.
    pub(crate) source: Option<ARef<File>>,
    /// The paths of the devices beside the primary one, from device 1 on.
    pub(crate) devices: KVec<OwnedString>,
    /// Who vouches for the fingerprints of files.
    pub(crate) domain_id: Option<OwnedString>,
}

impl Options {
    /// Those of a mount that names none.
    pub(crate) fn new() -> Self {
        Self {
            user_xattr: AtomicBool::new(true),
            acl: AtomicBool::new(HAS_ACL),
            directio: AtomicBool::new(false),
            cache_strategy: AtomicU8::new(CacheStrategy::Readaround as u8),
            dax: AtomicU8::new(DAX_UNSET),
            inode_share: AtomicBool::new(false),
            fsoffset: 0,
            source: None,
            devices: KVec::new(),
            domain_id: None,
        }
    }

    /// Whether `user.*` attributes are shown.
    pub(crate) fn user_xattr(&self) -> bool {
        self.user_xattr.load(Ordering::Relaxed)
    }

    /// Whether POSIX ACLs count.
    pub(crate) fn acl(&self) -> bool {
        self.acl.load(Ordering::Relaxed)
    }

    /// Whether a backing file is read around its page cache.
    pub(crate) fn directio(&self) -> bool {
        self.directio.load(Ordering::Relaxed)
    }

    /// Which compressed data is kept.
    pub(crate) fn cache_strategy(&self) -> CacheStrategy {
        CacheStrategy::from_number(self.cache_strategy.load(Ordering::Relaxed).into())
    }

    /// Whether files are used where they are in persistent memory.
    pub(crate) fn dax_always(&self) -> bool {
        self.dax.load(Ordering::Relaxed) == DAX_ALWAYS
    }

    /// Goes on as if `dax` had not been given.
    pub(crate) fn turn_dax_off(&self) {
        self.dax.store(DAX_UNSET, Ordering::Relaxed);
    }

    /// Whether files of the same content share a page cache.
    pub(crate) fn inode_share(&self) -> bool {
        self.inode_share.load(Ordering::Relaxed)
    }

    /// Goes on as if `inode_share` had not been given.
    pub(crate) fn turn_inode_share_off(&self) {
        self.inode_share.store(false, Ordering::Relaxed);
    }

    /// Takes the flags of `other` over, which a remount gave.
    pub(crate) fn take_over(&self, other: &Self) {
        self.user_xattr.store(other.user_xattr(), Ordering::Relaxed);
        self.acl.store(other.acl(), Ordering::Relaxed);
        self.directio.store(other.directio(), Ordering::Relaxed);
        self.cache_strategy
            .store(other.cache_strategy() as u8, Ordering::Relaxed);
        self.dax
            .store(other.dax.load(Ordering::Relaxed), Ordering::Relaxed);
        self.inode_share
            .store(other.inode_share(), Ordering::Relaxed);
    }

    /// Takes one.
    pub(crate) fn parse(&mut self, parameter: Parameter<'_>) -> Result {
        match parameter.option() {
            USER_XATTR => *self.user_xattr.get_mut() = parameter.flag(),
            ACL if !HAS_ACL => parameter.unsupported(format_args!("{{,no}}acl options")),
            ACL => *self.acl.get_mut() = parameter.flag(),
            DIRECTIO if !cfg!(EROFS_BACKED_BY_FILE) => {
                parameter.unsupported(format_args!("directio option"));
            }
            DIRECTIO => *self.directio.get_mut() = parameter.flag(),
            FSOFFSET => self.fsoffset = parameter.u64(),
            SOURCE => {
                if self.source.is_some() || parameter.has_source() {
                    return Err(parameter.invalid(format_args!("Multiple sources")));
                }
                self.source = parameter.into_source()?;
            }
            CACHE_STRATEGY => {
                let strategy = CacheStrategy::from_number(parameter.constant());
                *self.cache_strategy.get_mut() = strategy as u8;
            }
            DAX | DAX_MODE if !cfg!(CONFIG_FS_DAX) => {
                return Err(parameter.invalid(format_args!("dax options not supported")));
            }
            DAX => *self.dax.get_mut() = DAX_ALWAYS,
            // As small as those of the table.
            DAX_MODE => *self.dax.get_mut() = parameter.constant() as u8,
            DEVICE => self.add_device(parameter.into_string()?)?,
            DOMAIN_ID => self.domain_id = Some(parameter.into_string()?),
            INODE_SHARE => *self.inode_share.get_mut() = true,
            _ => return Err(EINVAL),
        }
        Ok(())
    }

    /// Adds a device after the others.
    fn add_device(&mut self, path: OwnedString) -> Result {
        if self.devices.len() == self.devices.capacity() {
            let more = self.devices.len().saturating_mul(2).max(4);
            let mut devices = KVec::with_capacity(more, GFP_KERNEL)?;
            for device in core::mem::take(&mut self.devices) {
                devices.push_within_capacity(device).map_err(|_| ENOMEM)?;
            }
            self.devices = devices;
        }
        self.devices
            .push_within_capacity(path)
            .map_err(|_| ENOMEM)?;
        Ok(())
    }

    /// Shows them as `/proc/mounts` does.
    pub(crate) fn show(&self, seq: &SeqFile, file_backed: bool, compressed: bool) {
        let no = |on| if on { "" } else { "no" };
        seq_print!(seq, ",{}user_xattr", no(self.user_xattr()));
        if HAS_ACL {
            seq_print!(seq, ",{}acl", no(self.acl()));
        }
        if compressed {
            seq_print!(seq, ",cache_strategy={}", self.cache_strategy().name());
        }
        match self.dax.load(Ordering::Relaxed) {
            DAX_ALWAYS => seq_print!(seq, ",dax=always"),
            DAX_NEVER => seq_print!(seq, ",dax=never"),
            _ => {}
        }
        if file_backed && self.directio() {
            seq_print!(seq, ",directio");
        }
        if self.fsoffset != 0 {
            seq_print!(seq, ",fsoffset={}", self.fsoffset);
        }
        if self.inode_share() {
            seq_print!(seq, ",inode_share");
        }
    }
}
