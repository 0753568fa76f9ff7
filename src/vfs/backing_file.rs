// SPDX-License-Identifier: GPL-2.0

//! Regular files that hold a filesystem image.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/fsnotify.h`](srctree/include/linux/fsnotify.h)
//!
//! All reads act with the credentials of whoever opened the file, and ask `rw_verify_area()`
//! first, so that LSMs and fanotify (which may fetch the contents only now) see them.
//! `vfs_iocb_iter_read()` asks by itself: never twice.
//!
//! Lock order: whoever reads here may hold locks of the mounted filesystem's own inodes (`i_rwsem` of
//! a directory, a mapping's `invalidate_lock`, folio locks); below them come those that the file's
//! filesystem takes. Nothing is called back from there, so the order is never reversed, as long as
//! the depth of stacking is bounded ([`BackingFile::stack_depth`]).
//!
//! Files of tmpfs, memfds among them, are their page cache: they have no operation that reads a
//! folio, and what is not there may be in swap.
//!
//! Reads through the page cache of the file block the caller. Reads around it (`O_DIRECT`) do not:
//! their completion runs in any context.

use super::{
    bio::ReadBio,
    cred::with_opener,
    extra,
    super_block::FileSystem,
    super_tables::SuperTables,
    PAGE_SHIFT,
    PAGE_SIZE, //
};
use core::{
    mem::MaybeUninit,
    sync::atomic::{
        AtomicU32,
        Ordering, //
    }, //
};
use kernel::{
    bindings,
    error::to_result,
    ffi::{
        c_int,
        c_ulong, //
    },
    fs::File,
    prelude::*,
    sync::aref::ARef, //
};

/// An open regular file with a page cache.
///
/// # Invariants
///
/// The file is regular, and its mapping has a `read_folio` operation or is one of tmpfs.
pub(crate) struct BackingFile {
    file: ARef<File>,
}

impl BackingFile {
    /// Uses `file`, if it is one that can hold an image, else `None`.
    pub(crate) fn new(file: ARef<File>) -> Option<Self> {
        // SAFETY: The inode and the mapping of an open file are alive; what is read is constant.
        let fit = unsafe {
            let raw = file.as_ptr();
            let mode = u32::from((*(*raw).f_inode).i_mode);
            let mapping = (*raw).f_mapping;
            mode & bindings::S_IFMT == bindings::S_IFREG
                && ((*(*mapping).a_ops).read_folio.is_some()
                    || extra::erofs_helper_mapping_is_shmem(mapping))
        };
        // INVARIANT: Checked above.
        fit.then_some(Self { file })
    }

    /// Whether the file is open for reading: the descriptor that a person gives may not be.
    pub(crate) fn is_readable(&self) -> bool {
        let needed = extra::CONST_FMODE_READABLE;
        // SAFETY: Constant for an open file.
        unsafe { (*self.file.as_ptr()).f_mode & needed == needed }
    }

    /// The file itself.
    pub(crate) fn into_file(self) -> ARef<File> {
        self.file
    }

    #[inline]
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    #[inline]
    pub(super) fn mapping(&self) -> *mut bindings::address_space {
        // SAFETY: Constant for an open file.
        unsafe { (*self.file.as_ptr()).f_mapping }
    }

    /// The current size in bytes.
    #[inline]
    pub(crate) fn size(&self) -> u64 {
        // SAFETY: The mapping's inode is alive. Its size may change, so it is read once; on a
        // 64-bit kernel that is atomic.
        let size = unsafe { (&raw const (*(*self.mapping()).host).i_size).read_volatile() };
        u64::try_from(size).unwrap_or(0)
    }

    /// How deep the file's filesystem is stacked on others.
    pub(crate) fn stack_depth(&self) -> i32 {
        // SAFETY: The superblock of an open file is alive; the depth is constant.
        unsafe { (*self.super_block()).s_stack_depth }
    }

    /// Whether the file is on a mount of `T` that has no block device.
    pub(crate) fn is_on_file_backed<T: FileSystem>(&self) -> bool {
        let tables: &SuperTables<T> = T::super_tables();
        // SAFETY: The superblock of an open file is alive, and set up.
        unsafe { tables.is_ours(self.super_block()) && (*self.super_block()).s_bdev.is_null() }
    }

    fn super_block(&self) -> *mut bindings::super_block {
        // SAFETY: The inode of an open file is alive.
        unsafe { (*(*self.file.as_ptr()).f_inode).i_sb }
    }

    /// Whether the file can be read with `O_DIRECT`.
    pub(crate) fn can_read_directly(&self) -> bool {
        // SAFETY: Constant for an open file.
        unsafe { (*self.file.as_ptr()).f_mode & extra::CONST_FMODE_CAN_ODIRECT != 0 }
    }

    /// Whether somebody provides the file's contents when they are read (fanotify's pre-content
    /// events): such a file must not be read without asking.
    #[inline]
    pub(super) fn has_pre_content(&self) -> bool {
        // SAFETY: Constant for an open file.
        unsafe { extra::erofs_helper_file_has_pre_content(self.file.as_ptr()) }
    }

    /// Whether somebody in user space wants to be asked before the file is read.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        // SAFETY: Constant for an open file.
        unsafe { extra::erofs_helper_file_is_watched(self.file.as_ptr()) }
    }

    /// Asks whether `len` bytes from `pos` on may be read. To be called as the opener.
    #[inline]
    pub(super) fn verify_read(&self, pos: u64, len: usize) -> Result {
        let pos = i64::try_from(pos).map_err(|_| EIO)?;

        // SAFETY: The file is open; the position is only read.
        to_result(unsafe {
            bindings::rw_verify_area(
                bindings::READ as c_int,
                self.file.as_ptr(),
                &raw const pos,
                len,
            )
        })
    }

    /// Lets the file's filesystem start to read `len` bytes from `pos` on into its page cache, so
    /// that several such ranges come in at the same time.
    pub(crate) fn read_ahead(&self, pos: u64, len: usize) {
        let (Ok(pos), Ok(len)) = (i64::try_from(pos), i64::try_from(len)) else {
            return;
        };
        if self.has_pre_content() {
            return;
        }
        with_opener(&self.file, || {
            let advice = extra::CONST_POSIX_FADV_WILLNEED;
            // SAFETY: The file is open.
            unsafe { bindings::vfs_fadvise(self.file.as_ptr(), pos, len, advice) };
        });
    }

    /// Starts to read `len` bytes from `pos` on into the page cache in large folios, if they do
    /// not follow what was read before: then there is no sequence for which the page cache would
    /// make larger ones, and each page costs as much as an uncompressed read of one.
    fn read_alone(&self, pos: u64, len: usize) {
        let first = pos >> PAGE_SHIFT;
        let end = pos.saturating_add(len as u64).div_ceil(PAGE_SIZE as u64);
        let pages = end.saturating_sub(first);

        // Whoever watches is asked first.
        if pages > 1 && !self.is_watched() {
            // SAFETY: An open file with a page cache.
            with_opener(&self.file, || unsafe {
                extra::erofs_helper_read_alone(
                    self.file.as_ptr(),
                    first as c_ulong,
                    pages as c_ulong,
                );
            });
        }
    }

    /// Reads `bio` through the file's page cache, and ends it. Blocks.
    pub(crate) fn read(&self, bio: ReadBio<Self>) {
        let mut request = Request::new(self, bio.pos(), 0);
        let (vectors, count, len) = bio.vectors();
        let mut iter = MaybeUninit::<bindings::iov_iter>::uninit();
        let mut done = 0usize;

        // SAFETY: The vectors of the bio stay in place until it ends; the iterator is initialised
        // by the first call.
        unsafe {
            bindings::iov_iter_bvec(iter.as_mut_ptr(), bindings::ITER_DEST, vectors, count, len);
        }
        self.read_alone(bio.pos(), len);
        // A read may stop early, at an unreadable page say: only what it says then is the reason.
        while done < len {
            let read = with_opener(&self.file, || {
                // SAFETY: A synchronous kiocb of this file, and an iterator over the bio.
                unsafe {
                    bindings::vfs_iocb_iter_read(
                        self.file.as_ptr(),
                        &raw mut request,
                        iter.as_mut_ptr(),
                    )
                }
            });
            let Ok(read @ 1..) = usize::try_from(read) else {
                break;
            };
            done = done.saturating_add(read);
        }
        bio.complete(done < len);
    }

    /// Reads `bio` around the file's page cache, and ends it, now or later.
    pub(crate) fn read_directly(&self, bio: ReadBio<Self>) {
        let mut request = Request::new(self, bio.pos(), extra::CONST_IOCB_DIRECT);
        request.ki_complete = Some(Direct::complete);
        let (vectors, count, len) = bio.vectors();
        let Ok(direct) = KBox::<Direct>::new_uninit(GFP_KERNEL) else {
            return self.read(bio);
        };
        let direct = KBox::into_raw(KBox::write(
            direct,
            Direct {
                request,
                users: AtomicU32::new(2),
                file: self.file.clone(),
                bio: Some(bio),
                len,
            },
        ));
        let mut iter = MaybeUninit::<bindings::iov_iter>::uninit();

        // SAFETY: The request and the file stay in place until both its users are done with it:
        // this function, and the completion, which the file's filesystem calls if and only if it
        // has queued the read. The vectors are the bio's, which only the completion ends.
        unsafe {
            bindings::iov_iter_bvec(iter.as_mut_ptr(), bindings::ITER_DEST, vectors, count, len);
            let request = &raw mut (*direct).request;
            let read = with_opener(&self.file, || {
                bindings::vfs_iocb_iter_read(self.file.as_ptr(), request, iter.as_mut_ptr())
            });
            if read != QUEUED {
                Direct::complete(request, read);
            }
            Direct::put(direct);
        }
    }
}

/// `-EIOCBQUEUED`
const QUEUED: isize = -(bindings::EIOCBQUEUED as isize);

/// Makes a `kiocb`.
pub(super) struct Request;

impl Request {
    #[expect(clippy::new_ret_no_self, reason = "the type is C's")]
    #[inline]
    pub(super) fn new(file: &BackingFile, pos: u64, flags: i32) -> bindings::kiocb {
        bindings::kiocb {
            ki_flags: flags,
            // SAFETY: Reads the current task's priority.
            ki_ioprio: unsafe { extra::erofs_helper_get_current_ioprio() } as u16,
            ..Self::cached(file, pos)
        }
    }

    /// For a read through the page cache, which has no use for a priority.
    #[inline]
    pub(super) fn cached(file: &BackingFile, pos: u64) -> bindings::kiocb {
        bindings::kiocb {
            ki_filp: file.file.as_ptr(),
            ki_pos: i64::try_from(pos).unwrap_or(i64::MAX),
            ..pin_init::zeroed()
        }
    }
}

/// A read around the page cache, in flight. The file's filesystem may look at the request after
/// it has been completed, until the call that started it returns: so there are two users.
#[repr(C)]
struct Direct {
    // First, so that a pointer to it is a pointer to the whole.
    request: bindings::kiocb,
    users: AtomicU32,
    // The mount may be gone as soon as the bio has ended.
    file: ARef<File>,
    bio: Option<ReadBio<BackingFile>>,
    len: usize,
}

impl Direct {
    /// Ends the bio, and the completion's use of the request.
    ///
    /// # Safety
    ///
    /// Called once, for the request of a `KBox<Direct>` that was given up; in any context.
    unsafe extern "C" fn complete(request: *mut bindings::kiocb, read: kernel::ffi::c_long) {
        let direct = request.cast::<Self>();

        // SAFETY: By contract; nobody else touches the bio.
        unsafe {
            let len = (*direct).len;
            if let Some(bio) = (&raw mut (*direct).bio).replace(None) {
                bio.complete(usize::try_from(read) != Ok(len));
            }
            Self::put(direct);
        }
    }

    /// # Safety
    ///
    /// Called once by each of the two users, which then does not use `direct` any more.
    unsafe fn put(direct: *mut Self) {
        // SAFETY: By contract, `direct` is alive until the last one is here.
        unsafe {
            if (*direct).users.fetch_sub(1, Ordering::AcqRel) == 1 {
                drop(KBox::from_raw(direct));
            }
        }
    }
}
