// SPDX-License-Identifier: GPL-2.0

//! Reads of a file whose bytes are in another file, as they are: the other file answers them.
//!
//! That saves a copy and a page of memory for each page. But a read that is repeated is
//! cheaper from the file's own page cache, and memory maps need that anyway. To bring a page in
//! there costs as much as it saves in some thirty reads of 4 KiB. So:
//!
//! - what the own page cache has, it answers;
//! - reads of a page that was read three times before, by whomever, go to the own page cache, too,
//!   unless it has left the other page cache meanwhile;
//! - all others pass through, if the filesystem says where to ([`PassThrough::piece`]), and unless
//!   somebody in user space watches the other file: they would be asked about each read.
//!
//! The reads of each page are counted in the inode. The other page cache cannot tell: its folios
//! are as large as others have made them, and hold metadata as well.
//!
//! What cannot be read this way, for whatever reason, is left to the page cache and its errors.
//!
//! # Dead-locks
//!
//! The other file's filesystem may hold a lock of that file (XFS and NFS do) while it copies to
//! the reader's memory. If that is a map of a file that is in the other file too, a page fault
//! there takes the same lock again, behind a writer that waits. So page faults are switched off
//! during the read; pages that are missing are brought in after it, with no lock held, and the
//! read goes on.
//!
//! # Readahead
//!
//! All reads of a mount use one open file. Whether a reader is sequential only its own open file
//! can tell: the readahead is done from here, with the state of that one, before each read.

use super::{
    backing_file::{
        BackingFile,
        Request, //
    },
    cred::with_opener,
    extra,
    inode::{
        self,
        INode, //
    },
    read_counts::ReadCounts,
    super_block::FileSystem,
    PAGE_SHIFT,
    PAGE_SIZE, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    ffi::c_uint, //
};

/// How much is read ahead and read in one go.
const STEP: usize = PAGE_SIZE << STEP_ORDER;

/// That in pages, as a power of two: 128 KiB.
const STEP_ORDER: u32 = 17 - PAGE_SHIFT;

/// Reads of at least so many bytes bring folios of [`STEP`] to the own page cache: that is not
/// read ahead for them, and single pages cost more.
const LARGE: usize = 64 << 10;

/// How much of the reader's memory is brought in at a time.
const FAULT_IN: usize = 64 << 10;

/// `-EAGAIN`
const AGAIN: isize = -(bindings::EAGAIN as isize);

/// `-EFAULT`
const FAULT: isize = -(bindings::EFAULT as isize);

/// `-EINTR`: a fatal signal.
const INTERRUPTED: isize = -(bindings::EINTR as isize);

/// Files whose bytes are in other files.
pub(crate) trait PassThrough: 'static {
    /// The filesystem.
    type Fs: FileSystem;

    /// Where the byte at `pos` of `inode` is, and about `want` bytes that follow it. `None` if it
    /// has to be read through the page cache.
    fn piece(inode: &INode<Self::Fs>, pos: u64, want: u64) -> Option<Piece<'_>>;

    /// How often the pages of `inode` were read.
    fn read_counts(inode: &INode<Self::Fs>) -> &ReadCounts;
}

/// Bytes of a file that are in another file, one after the other.
pub(crate) struct Piece<'a> {
    /// That file.
    pub(crate) file: &'a BackingFile,
    /// Where in it the first byte is.
    pub(crate) pos: u64,
    /// How many there are: not 0.
    pub(crate) len: u64,
}

impl Piece<'_> {
    /// Prepares a read of the first `len` bytes, which are at `at` of the file itself, by `reader`.
    /// Returns whether that is better left to the own page cache: if it is `copied`, and `counts`
    /// has the page as read often. `size` is that of the file.
    ///
    /// # Safety
    ///
    /// `reader` must be an open file that is being read.
    #[inline]
    unsafe fn prepare(
        &self,
        reader: *mut bindings::file,
        at: u64,
        len: usize,
        counts: &ReadCounts,
        copied: bool,
        size: u64,
    ) -> bool {
        let Ok(pos) = i64::try_from(self.pos) else {
            return true;
        };
        let page = at >> PAGE_SHIFT;
        // SAFETY: Both files are open. The state for readahead is numbers, which whoever shares
        // the open file uses and changes at the same time, here as everywhere.
        unsafe {
            // Small reads in sequence are one read of their page.
            let goes_on = at & MASK != 0 && (*reader).__bindgen_anon_3.f_ra.prev_pos == pos;
            let ask = copied && !goes_on && counts.is_often(page);
            let file = self.file.file().as_ptr();
            let end = at.saturating_add(len as u64).saturating_add(MASK) >> PAGE_SHIFT;

            if extra::erofs_helper_read_ahead_for(reader, file, pos, len, ask) {
                if len >= LARGE {
                    extra::erofs_helper_read_large(reader, page as usize, end as usize, STEP_ORDER);
                }
                return true;
            }
            let first = if goes_on { page.wrapping_add(1) } else { page };
            counts.add(first..end, size.saturating_add(MASK) >> PAGE_SHIFT);
        }
        false
    }
}

/// The bits of a position that count in its page.
const MASK: u64 = PAGE_SIZE as u64 - 1;

/// Where a read at `pos` of `inode`, opened as `reader`, passes through to: the piece, and how
/// much of it to read, not more than `count`.
///
/// # Safety
///
/// `reader` must be an open file of `inode` that is being read.
#[inline]
unsafe fn find<P: PassThrough>(
    inode: &INode<P::Fs>,
    reader: *mut bindings::file,
    pos: u64,
    count: usize,
    copied: bool,
) -> Option<(Piece<'_>, usize)> {
    let size = inode.size();
    let left = size.checked_sub(pos)?.min(count as u64);
    if left == 0 {
        return None;
    }
    // SAFETY: The inode's mapping lives as long as the inode.
    if unsafe { extra::erofs_helper_has_page((*inode.as_raw()).i_mapping, pos as i64) } {
        return None;
    }
    let piece = P::piece(inode, pos, left)?;
    if piece.file.is_watched() {
        return None;
    }
    // Not more than `STEP`.
    let len = left.min(piece.len).min(STEP as u64) as usize;
    // What is cut off is an error, of the whole page: that of the page cache.
    if piece.pos.checked_add(len as u64)? > piece.file.size() {
        return None;
    }
    // SAFETY: By contract.
    let often = unsafe { piece.prepare(reader, pos, len, P::read_counts(inode), copied, size) };
    (!often).then_some((piece, len))
}

/// File operations of such files; made once, as a `static`.
pub(crate) struct PassThroughTables<P: PassThrough> {
    pub(super) operations: bindings::file_operations,
    _files: PhantomData<P>,
}

// SAFETY: A constant table of functions.
unsafe impl<P: PassThrough> Sync for PassThroughTables<P> {}

impl<P: PassThrough> PassThroughTables<P> {
    /// The table.
    pub(crate) const fn new() -> Self {
        Self {
            operations: bindings::file_operations {
                read_iter: Some(Self::read_iter),
                splice_read: Some(Self::splice_read),
                ..inode::regular_file::<P::Fs>()
            },
            _files: PhantomData,
        }
    }

    /// # Safety
    ///
    /// Called by the VFS only, through a table that only builders of `FilledInode` install.
    unsafe extern "C" fn read_iter(
        iocb: *mut bindings::kiocb,
        iter: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: By contract the file is open, and the VFS lends `iocb` and `iter` for this call.
        let cached = unsafe { read_cached(iocb, iter) };
        let mut done = match cached {
            AGAIN => 0,
            // SAFETY: As above.
            1.. if unsafe { extra::erofs_helper_iov_iter_count(iter) } > 0 => cached,
            _ => return cached,
        };

        // SAFETY: As above.
        unsafe {
            let file = (*iocb).ki_filp;
            let inode = INode::<P::Fs>::from_raw((*file).f_inode);
            loop {
                let count = extra::erofs_helper_iov_iter_count(iter);
                let pos = (*iocb).ki_pos.unsigned_abs();
                let Some((piece, len)) = find::<P>(inode, file, pos, count, true) else {
                    break;
                };
                let read = read_piece(&piece, file, iter, len);
                if read < 0 {
                    return if done > 0 { done } else { read };
                }
                (*iocb).ki_pos = (*iocb).ki_pos.wrapping_add(read as i64);
                done = done.wrapping_add(read);
                if read as usize == count {
                    return done;
                }
                if read as usize != len {
                    break;
                }
            }
            if extra::erofs_helper_iov_iter_count(iter) == 0 && done > 0 {
                return done;
            }
            let read = bindings::generic_file_read_iter(iocb, iter);
            if read < 0 && done > 0 {
                done
            } else {
                done.wrapping_add(read)
            }
        }
    }

    /// # Safety
    ///
    /// As for `read_iter`.
    unsafe extern "C" fn splice_read(
        file: *mut bindings::file,
        pos: *mut bindings::loff_t,
        pipe: *mut bindings::pipe_inode_info,
        len: usize,
        flags: c_uint,
    ) -> isize {
        // SAFETY: By contract the file is open, and the VFS lends the rest for this call.
        unsafe {
            let inode = INode::<P::Fs>::from_raw((*file).f_inode);
            // Nothing is copied, so a read is never better left to the own page cache.
            let found = find::<P>(inode, file, (*pos).unsigned_abs(), len, false);
            if let Some((piece, len)) = found {
                let mut there = piece.pos as i64;
                let read = with_opener(piece.file.file(), || {
                    let from = piece.file.file().as_ptr();
                    extra::vfs_splice_read(from, &raw mut there, pipe, len, flags)
                });
                if read > 0 {
                    (*file).__bindgen_anon_3.f_ra.prev_pos = there;
                    *pos = (*pos).wrapping_add(read as i64);
                    return read;
                }
            }
            bindings::filemap_splice_read(file, pos, pipe, len, flags)
        }
    }
}

/// Reads what the own page cache has, and nothing else: `-EAGAIN` if it has nothing of it, or if
/// that is to be waited for or to start readahead.
///
/// # Safety
///
/// As for `read_iter`.
#[inline]
unsafe fn read_cached(iocb: *mut bindings::kiocb, iter: *mut bindings::iov_iter) -> isize {
    // SAFETY: By contract the file is open; whether it has pages may change at any time.
    unsafe {
        let mapping = (*(*iocb).ki_filp).f_mapping;
        if (&raw const (*mapping).nrpages).read_volatile() == 0 {
            return AGAIN;
        }
        let flags = (*iocb).ki_flags;
        (*iocb).ki_flags = flags | bindings::IOCB_NOIO as i32;
        let read = bindings::filemap_read(iocb, iter, 0);
        (*iocb).ki_flags = flags;
        read
    }
}

/// Reads the first `len` bytes of `piece` to `iter`, for `reader`. Returns how many there were:
/// fewer if they cannot be read, or an error number if the reader's memory is not there or a
/// signal came.
///
/// # Safety
///
/// `reader` must be an open file that is being read, with at least `len` bytes wanted in `iter`.
unsafe fn read_piece(
    piece: &Piece<'_>,
    reader: *mut bindings::file,
    iter: *mut bindings::iov_iter,
    len: usize,
) -> isize {
    let mut request = Request::cached(piece.file, piece.pos);
    let mut done = 0usize;
    let mut window = FAULT_IN;

    loop {
        let left = len.wrapping_sub(done);
        // SAFETY: A synchronous kiocb of this file; by contract there is room for `left` bytes.
        let read = with_opener(piece.file.file(), || unsafe {
            extra::erofs_helper_read_nofault(&raw mut request, iter, left)
        });
        if let Ok(read @ 1..) = usize::try_from(read) {
            done = done.saturating_add(read);
            if done >= len {
                break;
            }
            window = FAULT_IN;
        } else if read == INTERRUPTED && done == 0 {
            return INTERRUPTED;
        } else if read != FAULT {
            break;
        }
        // Some of the reader's pages are missing, or this is the end of what can be read.
        // SAFETY: The iterator is lent to us, and no lock is held.
        if !unsafe { extra::erofs_helper_fault_in(iter, len.wrapping_sub(done).min(window)) } {
            if read == FAULT && done == 0 {
                return FAULT;
            }
            break;
        }
        // If that does not help, one page has to.
        window = 1;
    }
    // SAFETY: See `Piece::prepare`.
    unsafe { (*reader).__bindgen_anon_3.f_ra.prev_pos = request.ki_pos };
    done as isize
}
