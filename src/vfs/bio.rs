// SPDX-License-Identifier: GPL-2.0

//! Block devices, and reads of them.
//!
//! C headers: [`include/linux/bio.h`](srctree/include/linux/bio.h),
//! [`include/linux/blkdev.h`](srctree/include/linux/blkdev.h)

use super::{
    backing_file::BackingFile,
    extra,
    folio::{
        end_part,
        Part, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::{
        ManuallyDrop,
        MaybeUninit, //
    },
    ptr::NonNull, //
};
use kernel::{
    bindings,
    types::Opaque, //
};

/// Logarithm of the unit in which the block layer counts.
const SECTOR_SHIFT: u32 = 9;

/// How many parts a read of a file has at most: as many as an allocation of a kilobyte has room for.
const FILE_PARTS: usize = 56;

/// The block device of a superblock, which lends it.
///
/// # Invariants
///
/// The device is open.
#[repr(transparent)]
pub(crate) struct BlockDevice(Opaque<bindings::block_device>);

// SAFETY: A block device is used from any task.
unsafe impl Send for BlockDevice {}
// SAFETY: As above.
unsafe impl Sync for BlockDevice {}

impl BlockDevice {
    /// The device at `raw`, if there is one.
    ///
    /// # Safety
    ///
    /// `raw` must be null or a device that is open for `'a`.
    pub(super) unsafe fn from_raw<'a>(raw: *mut bindings::block_device) -> Option<&'a Self> {
        // SAFETY: By contract; `repr(transparent)`. INVARIANT: by contract.
        unsafe { raw.cast::<Self>().as_ref() }
    }

    /// # Safety
    ///
    /// `raw` must be a device that is open for `'a`.
    #[inline]
    pub(super) unsafe fn from_open<'a>(raw: NonNull<bindings::block_device>) -> &'a Self {
        // SAFETY: By contract; `repr(transparent)`. INVARIANT: by contract.
        unsafe { raw.cast::<Self>().as_ref() }
    }

    #[inline]
    pub(super) fn as_raw(&self) -> *mut bindings::block_device {
        self.0.get()
    }

    /// The device's own page cache.
    #[inline]
    pub(super) fn mapping(&self) -> *mut bindings::address_space {
        // SAFETY: By the type invariant.
        unsafe { (*self.as_raw()).bd_mapping }
    }

    /// The smallest unit in which the device can be read, in bytes: a power of two.
    #[inline]
    pub(crate) fn logical_block_size(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { extra::erofs_helper_bdev_logical_block_size(self.as_raw()) }
    }

    /// What addresses of memory the device reads to are multiples of: a power of two.
    pub(crate) fn dma_alignment(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { extra::erofs_helper_bdev_dma_alignment(self.as_raw()) }.wrapping_add(1)
    }
}

/// Contiguous bytes of a device or a file, to be read into parts of folios.
///
/// Dropped before it is started, its parts fail.
///
/// # Invariants
///
/// Each folio range in the bio stands for as many pending bytes, which are the bio's. `bi_sector`
/// is unused: `pos` says where the bytes are.
pub(crate) struct ReadBio<From> {
    bio: NonNull<bindings::bio>,
    pos: u64,
    _from: PhantomData<From>,
}

impl<From> ReadBio<From> {
    /// Where the first byte is.
    #[inline]
    pub(crate) fn pos(&self) -> u64 {
        self.pos
    }

    /// How many bytes it reads.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // SAFETY: By the type invariant the bio is ours.
        unsafe { (*self.bio.as_ptr()).bi_iter.bi_size as usize }
    }

    /// The position after the last byte: where a part must continue to be added.
    #[inline]
    pub(crate) fn end(&self) -> u64 {
        self.pos.wrapping_add(self.len() as u64)
    }

    /// Adds a part, whose bytes follow those added before. Gives it back if the bio is full.
    #[inline]
    pub(crate) fn add(&mut self, part: Part) -> Option<Part> {
        let part = ManuallyDrop::new(part);
        let (folio, at, len) = part.as_raw();

        // SAFETY: The bio is ours and the range is in the folio, which is locked and so alive.
        if unsafe { bindings::bio_add_folio(self.bio.as_ptr(), folio, len, at) } {
            // INVARIANT: The part's bytes are the bio's now.
            None
        } else {
            Some(ManuallyDrop::into_inner(part))
        }
    }

    /// What there is to read, for an iterator over it.
    #[inline]
    pub(super) fn vectors(&self) -> (*const bindings::bio_vec, usize, usize) {
        // SAFETY: By the type invariant the bio is ours.
        unsafe {
            let bio = &*self.bio.as_ptr();
            (
                bio.bi_io_vec,
                bio.bi_vcnt.into(),
                bio.bi_iter.bi_size as usize,
            )
        }
    }

    /// Ends the read.
    #[inline]
    pub(super) fn complete(self, failed: bool) {
        let this = ManuallyDrop::new(self);
        // SAFETY: By the type invariant; the bio is not used any more.
        unsafe { end_all(this.bio.as_ptr(), failed) };
    }
}

impl ReadBio<BlockDevice> {
    /// A read of `device` from byte `pos` on, with room for about `parts` parts. `ahead` says that
    /// nobody waits for it yet. It must be started before another one is made: both may come from
    /// the same small reserve.
    #[inline]
    pub(crate) fn of_device(device: &BlockDevice, pos: u64, parts: usize, ahead: bool) -> Self {
        let parts = parts.clamp(1, bindings::BIO_MAX_VECS as usize) as u16;
        let mut flags = extra::CONST_REQ_OP_READ;
        if ahead {
            flags |= extra::CONST_REQ_RAHEAD;
        }

        // SAFETY: The bio set is the kernel's. With a reclaiming allocation and a size within
        // limits it never fails, being backed by a pool that bios in flight replenish.
        let bio = unsafe {
            bindings::bio_alloc_bioset(
                device.as_raw(),
                parts,
                flags,
                extra::CONST_GFP_NOFS,
                &raw mut bindings::fs_bio_set,
            )
        };
        // INVARIANT: There is no range yet.
        Self {
            // SAFETY: See above.
            bio: unsafe { NonNull::new_unchecked(bio) },
            pos,
            _from: PhantomData,
        }
    }

    /// Starts the read. Position and length must be multiples of the device's logical block size, or
    /// it fails.
    pub(crate) fn submit(self) {
        let this = ManuallyDrop::new(self);

        // SAFETY: The bio has a device, as `of_device` makes no other, and `end_io` takes it over.
        unsafe {
            let bio = this.bio.as_ptr();
            (*bio).bi_iter.bi_sector = this.pos >> SECTOR_SHIFT;
            (*bio).bi_end_io = Some(end_io);
            bindings::submit_bio(bio);
        }
    }
}

impl ReadBio<BackingFile> {
    /// A read of a file from byte `pos` on, with room for about `parts` parts. Such a bio is not
    /// submitted, so it must not come from the reserve that the file's filesystem lives on.
    pub(crate) fn of_file(pos: u64, parts: usize) -> Self {
        let parts = parts.clamp(1, FILE_PARTS) as u16;

        // SAFETY: An allocation of at most a kilobyte or so that may not fail; the vectors follow
        // the bio.
        let bio = unsafe {
            let bio = bindings::bio_kmalloc(parts, extra::CONST_GFP_NOFAIL);
            bindings::bio_init(
                bio,
                core::ptr::null_mut(),
                bio.add(1).cast(),
                parts,
                extra::CONST_REQ_OP_READ,
            );
            NonNull::new_unchecked(bio)
        };
        // INVARIANT: There is no range yet.
        Self {
            bio,
            pos,
            _from: PhantomData,
        }
    }
}

impl<From> Drop for ReadBio<From> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; the bio is not used any more.
        unsafe { end_all(self.bio.as_ptr(), true) };
    }
}

/// # Safety
///
/// Called by the block layer only, for a bio started by `ReadBio::submit`, in any context.
unsafe extern "C" fn end_io(bio: *mut bindings::bio) {
    // SAFETY: By contract; the status is valid when a bio has ended.
    unsafe { end_all(bio, (*bio).bi_status != 0) };
}

/// Finishes all bytes of `bio` and frees it.
///
/// # Safety
///
/// `bio` must be the bio of a [`ReadBio`] that the caller gives up.
unsafe fn end_all(bio: *mut bindings::bio, failed: bool) {
    let mut iter = MaybeUninit::<bindings::folio_iter>::uninit();

    // SAFETY: The folios of the bio are locked until their last byte is finished, so that each of
    // them is alive when the iterator looks at it. A folio is not touched again after
    // `end_part`: the iterator has looked at the next one before. By contract and the type
    // invariant the bytes are the bio's.
    unsafe {
        extra::erofs_helper_bio_first_folio(iter.as_mut_ptr(), bio);
        let iter = iter.assume_init_mut();
        while !iter.folio.is_null() {
            let (folio, len) = (iter.folio, iter.length);
            extra::erofs_helper_bio_next_folio(iter, bio);
            end_part(folio, len, failed);
        }
        if (*bio).bi_pool.is_null() {
            // Made by `of_file`.
            bindings::bio_uninit(bio);
            bindings::kfree(bio.cast());
        } else {
            bindings::bio_put(bio);
        }
    }
}
