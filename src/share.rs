// SPDX-License-Identifier: GPL-2.0

//! Which files share a page cache (`inode_share`).
//!
//! An attribute of each file, named by one of the image's long prefixes, is a digest of its
//! content, which whoever made the image vouches for. So files share only with those of mounts of
//! the same trust domain (`domain_id`): the fingerprint is both.

#![forbid(unsafe_code)]

use crate::{
    fs_info,
    ondisk::{
        xattr::LongPrefixes,
        xxhash::xxh32,
        Nid, //
    },
    super_block::Erofs,
    vfs::{
        mapping::{
            MappingOperations,
            MappingTables, //
        },
        shared::{
            SharedInode,
            SharedPages, //
        },
        super_block::SuperBlock,
        xattr::zeroed, //
    },
    xattr::{
        self,
        InodeXattrs, //
    }, //
};
use kernel::prelude::*;

/// The shared inodes of all mounts.
pub(crate) static SHARED_PAGES: SharedPages<Erofs> = SharedPages::new(c"pseudo_erofs");

/// The fingerprint of a file; `None` if it has none.
fn fingerprint(sb: &SuperBlock<Erofs>, nid: Nid, xattrs: &InodeXattrs) -> Option<KVec<u8>> {
    let info = sb.data();
    let domain = info.domain.as_ref()?.as_c_str().to_bytes_with_nul();
    let name = info.prefixes().get(info.disk.ishare_xattr_prefix?)?;
    let digest = xattr::value(sb, nid, xattrs, name.base, name.infix).ok()??;
    let block_size = info.disk.block_bits.size() as usize;
    if digest.is_empty() || digest.len() > block_size {
        return None;
    }

    // The domain ends at the first zero byte: no two fingerprints are alike by chance.
    let mut whole = zeroed(domain.len().checked_add(digest.len())?).ok()?;
    let mut rest = whole.iter_mut();
    for part in [domain, &digest] {
        // In this order: nothing is taken from `rest` when the part has ended.
        for (from, to) in part.iter().zip(rest.by_ref()) {
            *to = *from;
        }
    }
    Some(whole)
}

/// The inode whose page cache the file `nid` of `size` bytes is to share, if it is to share one.
#[inline(never)]
pub(crate) fn inode<M: MappingOperations<Fs = Erofs>>(
    sb: &SuperBlock<Erofs>,
    nid: Nid,
    xattrs: &InodeXattrs,
    size: u64,
    tables: &'static MappingTables<M>,
) -> Option<SharedInode<Erofs>> {
    let fingerprint = fingerprint(sb, nid, xattrs)?;
    let hash = xxh32(&fingerprint, 0);
    // Where there is no memory for it, the file has a page cache of its own.
    let found = SHARED_PAGES.inode(fingerprint, hash, size, tables).ok()?;
    if found.is_none() {
        fs_info!(
            sb,
            "a file of the same fingerprint has another size or layout: not shared @ nid {nid}"
        );
    }
    found
}
