// SPDX-License-Identifier: GPL-2.0

//! Answers to `statx(2)` and `statfs(2)`.
//!
//! C headers: [`include/linux/stat.h`](srctree/include/linux/stat.h),
//! [`include/linux/statfs.h`](srctree/include/linux/statfs.h)

use super::extra;
use kernel::bindings;

/// What an inode adds to the answer that the VFS makes of its fields.
pub(crate) struct Stat<'a> {
    raw: &'a mut bindings::kstat,
    request_mask: u32,
}

impl<'a> Stat<'a> {
    pub(super) fn from_raw(raw: &'a mut bindings::kstat, request_mask: u32) -> Self {
        Self { raw, request_mask }
    }

    /// Reports attributes (`STATX_ATTR_*`): those of `mask` are meaningful, those of `set` on.
    pub(crate) fn attributes(&mut self, set: u64, mask: u64) {
        self.raw.attributes |= set;
        self.raw.attributes_mask |= mask;
    }

    /// Whether the caller asks for the alignment that `O_DIRECT` needs (`STATX_DIOALIGN`).
    pub(crate) fn wants_dio_alignment(&self) -> bool {
        self.request_mask & bindings::STATX_DIOALIGN != 0
    }

    /// Reports alignments for `O_DIRECT`; zero means that it is not possible.
    pub(crate) fn dio_alignment(&mut self, memory: u32, offset: u32) {
        self.raw.result_mask |= bindings::STATX_DIOALIGN;
        self.raw.dio_mem_align = memory;
        self.raw.dio_offset_align = offset;
    }
}

/// The answer to `statfs(2)`.
pub(crate) struct StatFs<'a> {
    raw: &'a mut extra::kstatfs,
}

impl<'a> StatFs<'a> {
    pub(super) fn from_raw(raw: &'a mut extra::kstatfs) -> Self {
        Self { raw }
    }

    pub(super) fn set_type(&mut self, magic: usize) {
        self.raw.f_type = magic as isize;
    }

    pub(super) fn set_block_size(&mut self, bits: u8) {
        self.raw.f_bsize = 1isize.checked_shl(bits.into()).unwrap_or(0);
    }

    /// Blocks in all; none is free.
    pub(crate) fn set_blocks(&mut self, blocks: u64) {
        self.raw.f_blocks = blocks;
        self.raw.f_bfree = 0;
        self.raw.f_bavail = 0;
    }

    /// Inodes in all, and how many more there could be.
    pub(crate) fn set_files(&mut self, files: u64, free: u64) {
        self.raw.f_files = files;
        self.raw.f_ffree = free;
    }

    /// Longest name in bytes.
    pub(crate) fn set_name_max(&mut self, bytes: u16) {
        self.raw.f_namelen = bytes as isize;
    }

    /// Identifier of the filesystem.
    pub(crate) fn set_fsid(&mut self, id: u64) {
        self.raw.f_fsid.val = [id as i32, (id >> 32) as i32];
    }
}
