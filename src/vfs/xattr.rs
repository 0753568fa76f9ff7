// SPDX-License-Identifier: GPL-2.0

//! Extended attributes and POSIX ACLs.
//!
//! C headers: [`include/linux/xattr.h`](srctree/include/linux/xattr.h),
//! [`include/linux/posix_acl.h`](srctree/include/linux/posix_acl.h)
//!
//! The VFS asks for attributes by namespace; who may see `trusted.*` is its business. ACLs are
//! attributes of their own kind: the VFS keeps them parsed with the inode, and asks once. Of an
//! inode that has none for certain, it need not ask at all
//! ([`Attributes::may_have_acl`](super::inode::Attributes)).

use super::{
    extra,
    inode::INode,
    super_block::{
        FileSystem,
        SuperBlock, //
    }, //
};
use core::{
    ffi::CStr,
    marker::PhantomData, //
};
use kernel::{
    bindings,
    error::from_result,
    ffi::{
        c_char,
        c_int,
        c_void, //
    },
    prelude::*, //
};

/// What the name of an attribute begins with.
#[derive(Clone, Copy)]
pub(crate) enum Namespace {
    /// `user.`
    User,
    /// `trusted.`
    Trusted,
    /// `security.`
    Security,
}

/// An ACL of an inode.
#[derive(Clone, Copy)]
pub(crate) enum Acl {
    /// Of the inode itself.
    Access,
    /// Of what is made in the directory.
    Default,
}

/// The extended attributes of the inodes of a filesystem.
pub(crate) trait XattrOperations: 'static {
    /// The filesystem.
    type Fs: FileSystem;

    /// Copies the value of an attribute to `out` and returns its size; without `out`, only the
    /// size. `name` is what follows the namespace. `ENODATA` if there is none, `ERANGE` if `out`
    /// is too small.
    fn get(
        inode: &INode<Self::Fs>,
        namespace: Namespace,
        name: &[u8],
        out: Option<&mut [u8]>,
    ) -> Result<usize>;

    /// Copies the names of all attributes to `out`, each with a zero byte behind it, and returns
    /// how many bytes these are; without `out`, only that. `ERANGE` if `out` is too small.
    fn list(inode: &INode<Self::Fs>, out: Option<&mut [u8]>) -> Result<usize>;

    /// The attribute that holds an ACL, in the form of `struct posix_acl_xattr_header`.
    fn acl(inode: &INode<Self::Fs>, acl: Acl) -> Result<Option<KVec<u8>>>;
}

/// `len` zero bytes, to be filled.
pub(crate) fn zeroed(len: usize) -> Result<KVec<u8>> {
    let mut bytes = KVec::<u8>::with_capacity(len, GFP_KERNEL)?;

    // SAFETY: The vector has room for `len` bytes, which are initialised before they count.
    unsafe {
        bytes.as_mut_ptr().write_bytes(0, len);
        bytes.inc_len(len);
    }
    Ok(bytes)
}

/// Whether the current task is privileged (`CAP_SYS_ADMIN`).
pub(crate) fn is_admin() -> bool {
    // SAFETY: Looks at the credentials of the current task.
    unsafe { bindings::capable(bindings::CAP_SYS_ADMIN as c_int) }
}

impl<T: FileSystem> SuperBlock<T> {
    /// Whether POSIX ACLs count (`SB_POSIXACL`).
    pub(crate) fn has_posix_acl(&self) -> bool {
        // SAFETY: The flags of a live superblock. A remount changes them, so they are read once.
        let flags = unsafe { (&raw const (*self.as_raw()).s_flags).read_volatile() };
        flags & extra::CONST_SB_POSIXACL != 0
    }
}

/// The handlers of the namespaces, as `s_xattr` lists them. Nobody compares their addresses, so
/// constants will do.
pub(super) struct Handlers<X>(PhantomData<X>);

#[repr(transparent)]
struct Handler(bindings::xattr_handler);

// SAFETY: Constant, with pointers to constants.
unsafe impl Sync for Handler {}

struct List([*const bindings::xattr_handler; 4]);

// SAFETY: As above.
unsafe impl Sync for List {}

impl<X: XattrOperations> Handlers<X> {
    const USER: &'static Handler = &Self::handler(c"user.", Namespace::User);
    const TRUSTED: &'static Handler = &Self::handler(c"trusted.", Namespace::Trusted);
    const SECURITY: &'static Handler = &Self::handler(c"security.", Namespace::Security);
    const LIST: &'static List = &List([
        &raw const Self::USER.0,
        &raw const Self::TRUSTED.0,
        &raw const Self::SECURITY.0,
        core::ptr::null(),
    ]);

    const fn handler(prefix: &'static CStr, namespace: Namespace) -> Handler {
        Handler(bindings::xattr_handler {
            prefix: kernel::str::as_char_ptr_in_const_context(prefix),
            flags: namespace as c_int,
            get: Some(Self::get),
            ..pin_init::zeroed()
        })
    }

    /// What `s_xattr` is to be.
    pub(super) const fn list() -> *const *const bindings::xattr_handler {
        Self::LIST.0.as_ptr()
    }

    /// # Safety
    ///
    /// Called by the VFS only, through the handlers above, which only `fill_super` installs, with
    /// an inode of that superblock.
    unsafe extern "C" fn get(
        handler: *const bindings::xattr_handler,
        _dentry: *mut bindings::dentry,
        inode: *mut bindings::inode,
        name: *const c_char,
        buffer: *mut c_void,
        size: usize,
    ) -> c_int {
        from_result(|| {
            // SAFETY: By contract. The name is a string, and the buffer the VFS's, which lends
            // both for this call.
            let (inode, name, out, flags) = unsafe {
                (
                    INode::from_raw(inode),
                    core::slice::from_raw_parts(name, bindings::strlen(name)),
                    out(buffer, size),
                    (*handler).flags,
                )
            };
            let namespace = match flags {
                flags if flags == Namespace::User as c_int => Namespace::User,
                flags if flags == Namespace::Trusted as c_int => Namespace::Trusted,
                _ => Namespace::Security,
            };
            let len = X::get(inode, namespace, name, out)?;
            c_int::try_from(len).map_err(|_| E2BIG)
        })
    }
}

/// The buffer that the VFS gives, or null to ask for the size.
///
/// # Safety
///
/// `buffer` must be null or the caller's for `size` bytes during `'a`.
unsafe fn out<'a>(buffer: *mut c_void, size: usize) -> Option<&'a mut [u8]> {
    if buffer.is_null() {
        return None;
    }
    // SAFETY: By contract. What it holds came from outside of this program: some bytes.
    Some(unsafe { core::slice::from_raw_parts_mut(buffer.cast(), size) })
}

/// `->listxattr` of the inodes of `T`.
///
/// # Safety
///
/// Called by the VFS only, through the tables of this folder, which only builders of `FilledInode`
/// install.
pub(super) unsafe extern "C" fn list<T: FileSystem>(
    dentry: *mut bindings::dentry,
    buffer: *mut c_char,
    size: usize,
) -> isize {
    from_result(|| {
        // SAFETY: By contract the dentry has an inode of `T`; the buffer is lent for this call.
        let (inode, out) = unsafe {
            (
                INode::<T>::from_raw((*dentry).d_inode),
                out(buffer.cast(), size),
            )
        };
        let len = T::Xattrs::list(inode, out)?;
        isize::try_from(len).map_err(|_| E2BIG)
    })
}

/// `->get_inode_acl` of the inodes of `T`.
///
/// # Safety
///
/// As for [`list`].
#[cfg(CONFIG_FS_POSIX_ACL)]
pub(super) unsafe extern "C" fn get_inode_acl<T: FileSystem>(
    inode: *mut bindings::inode,
    kind: c_int,
    rcu: bool,
) -> *mut bindings::posix_acl {
    if rcu {
        // It may have to be read, which takes time.
        return ECHILD.to_ptr();
    }
    let acl = match kind.unsigned_abs() {
        extra::ACL_TYPE_ACCESS => Acl::Access,
        extra::ACL_TYPE_DEFAULT => Acl::Default,
        _ => return EINVAL.to_ptr(),
    };
    // SAFETY: By contract.
    match T::Xattrs::acl(unsafe { INode::<T>::from_raw(inode) }, acl) {
        // SAFETY: The value is readable for its length.
        Ok(Some(value)) => unsafe {
            extra::posix_acl_from_xattr(
                &raw mut bindings::init_user_ns,
                value.as_ptr().cast(),
                value.len(),
            )
        },
        Ok(None) => core::ptr::null_mut(),
        Err(e) => e.to_ptr(),
    }
}
