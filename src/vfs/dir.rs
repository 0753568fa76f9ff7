// SPDX-License-Identifier: GPL-2.0

//! Directories.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h)

use super::{
    dentry::{
        Looked,
        LookupDentry, //
    },
    extra,
    inode::{
        self,
        INode, //
    },
    ioctl,
    iomap,
    metadata::PageBytes,
    super_block::FileSystem,
    xattr, //
};
use core::{
    marker::PhantomData,
    ops::Range, //
};
use kernel::{
    bindings,
    error::from_result,
    ffi::{
        c_char,
        c_int,
        c_uint, //
    },
    prelude::*, //
};

/// What a directory can do.
pub(crate) trait DirectoryOperations: 'static {
    /// The filesystem.
    type Fs: FileSystem;

    /// Finds the name of `dentry` in `dir`, which is locked (shared).
    fn lookup(dir: &INode<Self::Fs>, dentry: LookupDentry<'_, Self::Fs>) -> Result<Looked>;

    /// Emits entries from the emitter's position on, until the emitter is full or the directory
    /// ends. `dir` is locked (shared).
    fn read_dir(dir: &INode<Self::Fs>, emitter: &mut DirEmitter<'_>) -> Result;
}

/// Takes the entries of a directory.
pub(crate) struct DirEmitter<'a> {
    raw: &'a mut bindings::dir_context,
}

impl DirEmitter<'_> {
    /// The position to go on from: whatever the filesystem set, or a program sought to.
    pub(crate) fn pos(&self) -> u64 {
        self.raw.pos.unsigned_abs()
    }

    /// Sets the position of the entry that is emitted next.
    pub(crate) fn set_pos(&mut self, pos: u64) {
        self.raw.pos = i64::try_from(pos).unwrap_or(i64::MAX);
    }

    /// Moves the position by `by`.
    #[inline]
    pub(crate) fn advance(&mut self, by: u8) {
        self.raw.pos = self.raw.pos.wrapping_add(by.into());
    }

    /// Emits the entry whose name is the bytes `name` of `bytes`. `kind` is a `DT_*`. Returns
    /// whether there is room for more.
    #[inline]
    pub(crate) fn emit(
        &mut self,
        bytes: &PageBytes,
        name: Range<usize>,
        ino: u64,
        kind: u8,
    ) -> bool {
        let len = name.end.wrapping_sub(name.start);
        let Some(name) = bytes.pointer(name.start, len) else {
            return false;
        };

        // SAFETY: The name stays readable while `bytes` is held. It may change meanwhile, which
        // the actors, being C, get along with.
        unsafe { self.act(name.cast(), len, ino, kind.into()) }
    }

    /// `dir_emit()`, which is inline in C.
    ///
    /// # Safety
    ///
    /// `name` must be readable for `len` bytes.
    #[inline]
    unsafe fn act(&mut self, name: *const c_char, len: usize, ino: u64, kind: c_uint) -> bool {
        let Some(actor) = self.raw.actor else {
            return false;
        };
        let pos = self.raw.pos;
        // SAFETY: The VFS lends the context with its actor; the rest is this function's contract.
        // No folio is so large that the length is none.
        unsafe { actor(self.raw, name, len as c_int, pos, ino, kind) }
    }

    /// Emits `.` for `dir` itself.
    pub(crate) fn emit_dot<T: FileSystem>(&mut self, dir: &INode<T>) -> bool {
        // SAFETY: The name is a constant of length 1.
        unsafe { self.act(c".".as_char_ptr(), 1, dir.ino(), bindings::DT_DIR) }
    }
}

/// The operations of a kind of directory; made once, as a `static`.
pub(crate) struct DirectoryTables<D: DirectoryOperations> {
    pub(super) inode_operations: bindings::inode_operations,
    pub(super) file_operations: bindings::file_operations,
    _directory: PhantomData<D>,
}

// SAFETY: Constant tables of functions.
unsafe impl<D: DirectoryOperations> Sync for DirectoryTables<D> {}

impl<D: DirectoryOperations> DirectoryTables<D> {
    /// The tables.
    pub(crate) const fn new() -> Self {
        Self {
            inode_operations: bindings::inode_operations {
                lookup: Some(Self::lookup),
                getattr: Some(inode::getattr::<D::Fs>),
                fiemap: Some(iomap::fiemap::<<D::Fs as FileSystem>::Iomap>),
                listxattr: Some(xattr::list::<D::Fs>),
                #[cfg(CONFIG_FS_POSIX_ACL)]
                get_inode_acl: Some(xattr::get_inode_acl::<D::Fs>),
                ..pin_init::zeroed()
            },
            file_operations: bindings::file_operations {
                llseek: Some(bindings::generic_file_llseek),
                read: Some(bindings::generic_read_dir),
                iterate_shared: Some(Self::iterate),
                unlocked_ioctl: Some(ioctl::ioctl::<D::Fs>),
                compat_ioctl: bindings::compat_ptr_ioctl,
                setlease: Some(extra::generic_setlease),
                ..pin_init::zeroed()
            },
            _directory: PhantomData,
        }
    }

    /// # Safety
    ///
    /// Called by the VFS only, through a table that only `FilledInode::directory` installs; never in
    /// RCU mode.
    unsafe extern "C" fn lookup(
        dir: *mut bindings::inode,
        dentry: *mut bindings::dentry,
        flags: kernel::ffi::c_uint,
    ) -> *mut bindings::dentry {
        // SAFETY: By contract.
        let (dir, dentry) =
            unsafe { (INode::from_raw(dir), LookupDentry::from_raw(dentry, flags)) };

        match D::lookup(dir, dentry) {
            Ok(Looked(dentry)) => dentry,
            Err(e) => e.to_ptr(),
        }
    }

    /// # Safety
    ///
    /// As for `lookup`; the VFS lends `ctx` for this call.
    unsafe extern "C" fn iterate(
        file: *mut bindings::file,
        ctx: *mut bindings::dir_context,
    ) -> c_int {
        from_result(|| {
            // SAFETY: By contract.
            let (dir, raw) = unsafe { (INode::from_raw((*file).f_inode), &mut *ctx) };

            D::read_dir(dir, &mut DirEmitter { raw })?;
            Ok(0)
        })
    }
}
