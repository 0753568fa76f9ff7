// SPDX-License-Identifier: GPL-2.0

//! Where the contents of files are, for the kernel's iomap library: what answers FIEMAP, FIBMAP,
//! `SEEK_HOLE` and `SEEK_DATA`, reads with `O_DIRECT`, and maps persistent memory.
//!
//! C header: [`include/linux/iomap.h`](srctree/include/linux/iomap.h)
//!
//! No lock is needed: nothing of a read-only file ever moves.

use super::{
    bio::BlockDevice,
    dax::{
        self,
        DaxDevice, //
    },
    extra,
    folio::FolioRef,
    inode::INode,
    metadata::PageBytes,
    super_block::FileSystem, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    error::from_result,
    ffi::{
        c_int,
        c_uint, //
    },
    prelude::*, //
};

/// `IOMAP_NULL_ADDR`
const NULL_ADDR: u64 = u64::MAX;

/// How contents are found.
pub(crate) trait IomapOperations: 'static {
    /// The filesystem.
    type Fs: FileSystem;

    /// The extent of `inode` that the byte at `pos` is in. At the end of the contents and after it
    /// that is a hole of `len` bytes.
    fn map(inode: &INode<Self::Fs>, pos: u64, len: u64, purpose: Purpose) -> Result<Extent<'_>>;
}

/// What an extent is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be told to a program.
    Report,
    /// To be read around the page cache.
    Direct,
    /// To be mapped or copied where it is, in persistent memory.
    Dax,
}

/// Bytes of a file that are in one place, one after the other.
pub(crate) struct Extent<'a> {
    /// The first of them.
    pub(crate) pos: u64,
    /// Their number, not 0.
    pub(crate) len: u64,
    /// Where they are.
    pub(crate) place: Place<'a>,
}

/// Where bytes of a file are.
pub(crate) enum Place<'a> {
    /// Nowhere: they are zeros.
    Hole,
    /// On a device, or in a file.
    Device {
        /// A block device. Nothing can be read from another one here.
        device: Option<&'a BlockDevice>,
        /// The first byte.
        addr: u64,
    },
    /// In persistent memory.
    Dax {
        /// What memory.
        device: &'a DaxDevice,
        /// The first byte, counted from the start of the block device.
        addr: u64,
    },
    /// In an encoded form, which only a report is told of.
    Encoded {
        /// Where that begins, if it is all of something on the device.
        addr: Option<u64>,
    },
    /// Among the metadata.
    Inline {
        /// The first byte, if it is on a device.
        addr: Option<u64>,
        /// They themselves, if they are to be read.
        bytes: Option<PageBytes>,
    },
}

/// The table of functions for a filesystem. Nobody compares its address, so a constant will do.
pub(super) struct Table<I>(PhantomData<I>);

impl<I: IomapOperations> Table<I> {
    pub(super) const OPERATIONS: &'static extra::iomap_ops = &extra::iomap_ops {
        iomap_begin: Some(Self::begin),
        iomap_end: Some(Self::end),
        iomap_next: None,
    };

    /// # Safety
    ///
    /// Called by iomap only, for an inode whose operations below, or those of [`dax`], gave it this
    /// table; it lends `iomap`, which is zeroed, for this call.
    unsafe extern "C" fn begin(
        inode: *mut bindings::inode,
        pos: bindings::loff_t,
        length: bindings::loff_t,
        flags: c_uint,
        iomap: *mut extra::iomap,
        _source: *mut extra::iomap,
    ) -> c_int {
        from_result(|| {
            // SAFETY: By contract.
            let (inode, iomap) = unsafe { (INode::from_raw(inode), &mut *iomap) };
            let purpose = if flags & extra::CONST_IOMAP_DAX != 0 {
                Purpose::Dax
            } else if flags & extra::IOMAP_DIRECT != 0 {
                Purpose::Direct
            } else {
                Purpose::Report
            };
            let (pos, length) = (pos.unsigned_abs(), length.unsigned_abs());
            let extent = I::map(inode, pos, length, purpose)?;
            // iomap relies on it.
            match pos.checked_sub(extent.pos) {
                Some(offset) if offset < extent.len => {}
                _ => return Err(EIO),
            }
            iomap.offset = i64::try_from(extent.pos).map_err(|_| EIO)?;
            iomap.length = extent.len;
            iomap.addr = NULL_ADDR;
            fill(iomap, extent, purpose)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called by iomap only, once after `begin` has succeeded.
    unsafe extern "C" fn end(
        _inode: *mut bindings::inode,
        _pos: bindings::loff_t,
        _length: bindings::loff_t,
        _written: isize,
        _flags: c_uint,
        iomap: *mut extra::iomap,
    ) -> c_int {
        // SAFETY: By contract; what `fill` left there is a reference, or null.
        drop(unsafe { FolioRef::from_raw_or_null((*iomap).private.cast()) });
        0
    }
}

/// Says in `iomap` where `extent` is.
fn fill(iomap: &mut extra::iomap, extent: Extent<'_>, purpose: Purpose) -> Result {
    match extent.place {
        Place::Hole => iomap.type_ = extra::IOMAP_HOLE as u16,
        Place::Device { device, addr } => {
            if purpose != Purpose::Report && device.is_none() {
                return Err(EIO);
            }
            iomap.type_ = extra::IOMAP_MAPPED as u16;
            iomap.bdev = device.map_or(core::ptr::null_mut(), BlockDevice::as_raw);
            iomap.addr = addr;
        }
        Place::Encoded { addr } => {
            if purpose != Purpose::Report {
                return Err(EIO);
            }
            iomap.type_ = extra::IOMAP_MAPPED as u16;
            iomap.addr = addr.unwrap_or(NULL_ADDR);
        }
        Place::Dax { device, addr } => {
            iomap.type_ = extra::IOMAP_MAPPED as u16;
            iomap.dax_dev = device.as_raw();
            iomap.addr = addr.checked_add(device.offset()).ok_or(EIO)?;
        }
        Place::Inline { addr, bytes } => {
            iomap.type_ = extra::IOMAP_INLINE as u16;
            iomap.addr = addr.unwrap_or(NULL_ADDR);
            if purpose == Purpose::Report {
                return Ok(());
            }
            let len = usize::try_from(extent.len).map_err(|_| EIO)?;
            let bytes = bytes.filter(|bytes| bytes.len() >= len).ok_or(EIO)?;
            let (start, folio) = bytes.into_raw();
            iomap.inline_data = start.cast();
            iomap.private = folio.into_raw().cast();
        }
    }
    Ok(())
}

/// # Safety
///
/// Called by the VFS only, through a table of this folder, on an inode of the filesystem of `I`.
pub(super) unsafe extern "C" fn fiemap<I: IomapOperations>(
    inode: *mut bindings::inode,
    info: *mut bindings::fiemap_extent_info,
    start: u64,
    len: u64,
) -> c_int {
    // SAFETY: By contract.
    unsafe { extra::iomap_fiemap(inode, info, start, len, Table::<I>::OPERATIONS) }
}

/// # Safety
///
/// As for [`fiemap`], on a file of such an inode.
pub(super) unsafe extern "C" fn llseek<I: IomapOperations>(
    file: *mut bindings::file,
    offset: bindings::loff_t,
    whence: c_int,
) -> bindings::loff_t {
    // SAFETY: By contract.
    unsafe {
        let inode = (*(*file).f_mapping).host;
        let found = match whence as u32 {
            bindings::SEEK_HOLE => extra::iomap_seek_hole(inode, offset, Table::<I>::OPERATIONS),
            bindings::SEEK_DATA => extra::iomap_seek_data(inode, offset, Table::<I>::OPERATIONS),
            _ => return bindings::generic_file_llseek(file, offset, whence),
        };
        if found < 0 {
            return found;
        }
        bindings::vfs_setpos(file, found, (*(*inode).i_sb).s_maxbytes)
    }
}

/// # Safety
///
/// As for [`fiemap`], on the mapping of such an inode.
pub(super) unsafe extern "C" fn bmap<I: IomapOperations>(
    mapping: *mut bindings::address_space,
    block: bindings::sector_t,
) -> bindings::sector_t {
    // SAFETY: By contract.
    unsafe { extra::iomap_bmap(mapping, block, Table::<I>::OPERATIONS) }
}

/// Reads through the page cache; around it, if the file was opened so and can be; or from
/// persistent memory.
///
/// # Safety
///
/// As for [`fiemap`], on a file of such an inode on a block device; the VFS lends both for this
/// call.
pub(super) unsafe extern "C" fn read_iter<I: IomapOperations>(
    iocb: *mut bindings::kiocb,
    to: *mut bindings::iov_iter,
) -> isize {
    // SAFETY: By contract.
    unsafe {
        let inode = (*(*(*iocb).ki_filp).f_mapping).host;
        if (*to).__bindgen_anon_1.__bindgen_anon_1.as_ref().count == 0 {
            return 0;
        }
        if dax::is_dax(inode) {
            return dax::read_iter::<I>(iocb, to);
        }
        if (*iocb).ki_flags & extra::CONST_IOCB_DIRECT != 0 {
            let operations = (*(*(*iocb).ki_filp).f_mapping).a_ops;
            if (*operations).bmap.is_none() {
                // Not on a device as they are: the mapping has its own way.
                return bindings::generic_file_read_iter(iocb, to);
            }
            return extra::iomap_dio_rw(
                iocb,
                to,
                Table::<I>::OPERATIONS,
                core::ptr::null(),
                0,
                core::ptr::null_mut(),
                0,
            );
        }
        bindings::filemap_read(iocb, to, 0)
    }
}
