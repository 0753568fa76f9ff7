// SPDX-License-Identifier: GPL-2.0

//! Directories and attributes in sysfs.
//!
//! C headers: [`include/linux/kobject.h`](srctree/include/linux/kobject.h),
//! [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)
//!
//! A [`Directory`] is about one thing, its *subject*, and has [`Attribute`]s that show and change
//! something of it. Dropping the directory removes its files and waits for those who are just
//! showing or storing one; whoever has a file open after that gets `ENODEV`. So the subject has to
//! live just as long as the directory, whatever programs keep open.
//!
//! Lock order: an attribute runs with the reference to its file held that the removal waits for.
//! Whoever drops a directory holds `s_umount` of a superblock, so attributes must not take that.

use core::{
    ffi::CStr,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::to_result,
    ffi::{
        c_char,
        c_int, //
    },
    fmt,
    prelude::*,
    types::Opaque, //
};

/// A file of a directory about a `C`; made once, in a `static`.
#[repr(C)]
pub(crate) struct Attribute<C: 'static> {
    // First, so that a pointer to it is a pointer to the whole.
    raw: Opaque<bindings::attribute>,
    show: Option<fn(&C, Page<'_>) -> Result<Shown>>,
    store: Option<fn(&C, Value<'_>) -> Result>,
}

// SAFETY: The functions and the name are constants; lockdep locks what it writes.
unsafe impl<C> Sync for Attribute<C> {}

impl<C> Attribute<C> {
    const fn make(name: &'static CStr, mode: u16) -> Opaque<bindings::attribute> {
        let mut raw: bindings::attribute = pin_init::zeroed();
        raw.name = kernel::str::as_char_ptr_in_const_context(name);
        raw.mode = mode;
        Opaque::new(raw)
    }

    /// A file that everybody can read.
    pub(crate) const fn read_only(
        name: &'static CStr,
        show: fn(&C, Page<'_>) -> Result<Shown>,
    ) -> Self {
        Self {
            raw: Self::make(name, 0o444),
            show: Some(show),
            store: None,
        }
    }

    /// A file that everybody can read and root can write.
    pub(crate) const fn read_write(
        name: &'static CStr,
        show: fn(&C, Page<'_>) -> Result<Shown>,
        store: fn(&C, Value<'_>) -> Result,
    ) -> Self {
        Self {
            raw: Self::make(name, 0o644),
            show: Some(show),
            store: Some(store),
        }
    }

    /// A file that root can write.
    #[allow(dead_code, reason = "complete, whatever the filesystem uses of it")]
    pub(crate) const fn write_only(
        name: &'static CStr,
        store: fn(&C, Value<'_>) -> Result,
    ) -> Self {
        Self {
            raw: Self::make(name, 0o200),
            show: None,
            store: Some(store),
        }
    }
}

/// The page that an attribute is shown in.
pub(crate) struct Page<'a> {
    raw: *mut c_char,
    _life: PhantomData<&'a mut u8>,
}

/// How much an attribute shows.
pub(crate) struct Shown(c_int);

impl Page<'_> {
    /// Shows this, up to the end of the page.
    pub(crate) fn emit(self, args: fmt::Arguments<'_>) -> Result<Shown> {
        // SAFETY: The page is the one that sysfs gave to `show`; `%pA` takes a pointer to
        // `fmt::Arguments`.
        Ok(Shown(unsafe {
            bindings::sysfs_emit(
                self.raw,
                c"%pA".as_char_ptr(),
                core::ptr::from_ref(&args).cast::<kernel::ffi::c_void>(),
            )
        }))
    }
}

/// What was written to an attribute.
pub(crate) struct Value<'a> {
    raw: *const c_char,
    _life: PhantomData<&'a u8>,
}

impl Value<'_> {
    /// The value as a number: decimal, octal after `0`, hexadecimal after `0x`, with white space
    /// before it, and a newline behind it.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is none, `ERANGE` if it has more than 32 bits.
    pub(crate) fn number(&self) -> Result<u32> {
        let mut number = 0;

        // SAFETY: sysfs puts a NUL behind what was written.
        to_result(unsafe { bindings::kstrtoull(bindings::skip_spaces(self.raw), 0, &mut number) })?;
        u32::try_from(number).map_err(|_| ERANGE)
    }
}

/// A directory about a `C`.
///
/// # Invariants
///
/// The object is one of a [`Node<C>`] that is in sysfs, and this is the reference from its making.
pub(crate) struct Directory<C: 'static> {
    node: NonNull<Node<C>>,
}

// SAFETY: kobjects are counted, and sysfs locks its tree; attributes may run in any task anyway.
unsafe impl<C: Sync> Send for Directory<C> {}
// SAFETY: As above.
unsafe impl<C: Sync> Sync for Directory<C> {}

/// What a directory is in memory: freed by its last reference.
#[repr(C)]
struct Node<C> {
    // First, so that a pointer to it is a pointer to the whole.
    object: Opaque<bindings::kobject>,
    subject: *const C,
}

impl<C: Sync + 'static> Directory<C> {
    /// Makes the directory `name` in `/sys/fs`.
    ///
    /// # Errors
    ///
    /// `EEXIST` if there is one.
    pub(super) fn in_fs(
        name: &CStr,
        subject: &'static C,
        attributes: &'static [Attribute<C>],
    ) -> Result<Self> {
        // SAFETY: `/sys/fs` is there for ever, and so is the subject.
        unsafe { Self::make(bindings::fs_kobj, name.as_char_ptr(), subject, attributes) }
    }

    /// Makes the directory `name` in `parent`, about a subject that lives at least as long as the
    /// directory, as a constant does.
    pub(super) fn in_directory<P>(
        parent: &Directory<P>,
        name: &CStr,
        subject: &'static C,
        attributes: &'static [Attribute<C>],
    ) -> Result<Self> {
        // SAFETY: The parent is in sysfs. The subject is there for ever.
        unsafe { Self::make(parent.as_raw(), name.as_char_ptr(), subject, attributes) }
    }

    /// Makes the directory `name` in `parent`.
    ///
    /// # Safety
    ///
    /// `parent` must be in sysfs, `name` a C string, and `subject` point to a `C` that lives until
    /// what is returned has been dropped.
    pub(super) unsafe fn make(
        parent: *mut bindings::kobject,
        name: *const c_char,
        subject: *const C,
        attributes: &'static [Attribute<C>],
    ) -> Result<Self> {
        let node = KBox::new(
            Node {
                object: Opaque::zeroed(),
                subject,
            },
            GFP_KERNEL,
        )?;
        // The object does not move from here on.
        let node = NonNull::from(KBox::leak(node));
        // INVARIANT: Of an object that could not be added, too, there is one reference.
        let directory = Self { node };

        // SAFETY: A zeroed object in memory that its release frees; the type is a constant. The
        // attributes are, too, and their owner is about the same `C`.
        unsafe {
            to_result(bindings::kobject_init_and_add(
                directory.as_raw(),
                &Type::<C>::TABLE.0,
                parent,
                c"%s".as_char_ptr(),
                name,
            ))?;
            for attribute in attributes {
                to_result(bindings::sysfs_create_file_ns(
                    directory.as_raw(),
                    attribute.raw.get(),
                    core::ptr::null(),
                ))?;
            }
        }
        Ok(directory)
    }
}

impl<C: 'static> Directory<C> {
    pub(super) fn as_raw(&self) -> *mut bindings::kobject {
        self.node.as_ptr().cast()
    }

    /// Gives the directory up to a pointer, until [`Self::from_raw`].
    pub(super) fn into_raw(self) -> *mut bindings::kobject {
        core::mem::ManuallyDrop::new(self).as_raw()
    }

    /// Takes the directory back.
    ///
    /// # Safety
    ///
    /// `raw` must be from [`Self::into_raw`] of the same `C`, and is used up.
    pub(super) unsafe fn from_raw(raw: NonNull<bindings::kobject>) -> Self {
        // INVARIANT: By contract.
        Self { node: raw.cast() }
    }
}

impl<C: 'static> Drop for Directory<C> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. The first removes the files and waits for whoever uses
        // one; it does nothing for an object that could not be added.
        unsafe {
            bindings::kobject_del(self.as_raw());
            bindings::kobject_put(self.as_raw());
        }
    }
}

/// The type of the objects about a `C`. Nobody compares its address, so a constant will do.
struct Type<C>(PhantomData<C>);

struct Table(bindings::kobj_type);

// SAFETY: A constant table of functions.
unsafe impl Sync for Table {}

struct Operations(bindings::sysfs_ops);

// SAFETY: As above.
unsafe impl Sync for Operations {}

impl<C: 'static> Type<C> {
    const OPERATIONS: &'static Operations = &Operations(bindings::sysfs_ops {
        show: Some(Self::show),
        store: Some(Self::store),
    });
    const TABLE: &'static Table = &Table(bindings::kobj_type {
        release: Some(Self::release),
        sysfs_ops: &raw const Self::OPERATIONS.0,
        ..pin_init::zeroed()
    });

    /// The subject and the attribute that sysfs means.
    ///
    /// # Safety
    ///
    /// `object` must be of this type and in sysfs for `'a`, and `attribute` one of its files.
    unsafe fn resolve<'a>(
        object: *mut bindings::kobject,
        attribute: *mut bindings::attribute,
    ) -> (&'a C, &'static Attribute<C>) {
        // SAFETY: The object is the first field of a `Node<C>`, whose subject lives as long as it
        // is in sysfs; only `Directory<C>::make` adds files to it, each the first field of an
        // `Attribute<C>`.
        unsafe { (&*(*object.cast::<Node<C>>()).subject, &*attribute.cast()) }
    }

    /// # Safety
    ///
    /// Called by sysfs only, for a file of an object of this type that cannot be removed
    /// meanwhile, with a page that is lent for this call.
    unsafe extern "C" fn show(
        object: *mut bindings::kobject,
        attribute: *mut bindings::attribute,
        page: *mut c_char,
    ) -> isize {
        // SAFETY: By contract.
        let (subject, attribute) = unsafe { Self::resolve(object, attribute) };
        let Some(show) = attribute.show else {
            return EIO.to_errno() as isize;
        };
        let page = Page {
            raw: page,
            _life: PhantomData,
        };
        match show(subject, page) {
            Ok(Shown(len)) => len as isize,
            Err(e) => e.to_errno() as isize,
        }
    }

    /// # Safety
    ///
    /// As for `show`, with `len` bytes that were written, and a NUL.
    unsafe extern "C" fn store(
        object: *mut bindings::kobject,
        attribute: *mut bindings::attribute,
        text: *const c_char,
        len: usize,
    ) -> isize {
        // SAFETY: By contract.
        let (subject, attribute) = unsafe { Self::resolve(object, attribute) };
        let Some(store) = attribute.store else {
            return EIO.to_errno() as isize;
        };
        let value = Value {
            raw: text,
            _life: PhantomData,
        };
        match store(subject, value) {
            Ok(()) => len as isize,
            Err(e) => e.to_errno() as isize,
        }
    }

    /// # Safety
    ///
    /// Called by the last reference of an object of this type.
    unsafe extern "C" fn release(object: *mut bindings::kobject) {
        // SAFETY: By contract; `Directory::make` made it.
        drop(unsafe { KBox::from_raw(object.cast::<Node<C>>()) });
    }
}
