// SPDX-License-Identifier: GPL-2.0

//! Mounting: the fs_context, its options and its log.
//!
//! C headers: [`include/linux/fs_context.h`](srctree/include/linux/fs_context.h),
//! [`include/linux/fs_parser.h`](srctree/include/linux/fs_parser.h)

use super::{
    extra,
    found_path::FoundPath,
    super_block::{
        FileSystem,
        Info,
        RemountFlags,
        SuperBlock, //
    },
    super_tables::SuperTables, //
};
use core::{
    ffi::{
        c_void,
        CStr, //
    },
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::{
        from_err_ptr,
        from_result,
        to_result, //
    },
    ffi::c_int,
    fmt,
    fs::File,
    prelude::*,
    sync::aref::ARef, //
};

/// Length of a path, with its NUL.
const PATH_MAX: usize = bindings::PATH_MAX as usize;

/// What is being mounted.
///
/// # Invariants
///
/// `fc` is a live context of `T`, and this task's for `'a`.
pub(crate) struct MountContext<'a, T: FileSystem> {
    fc: *mut extra::fs_context,
    _life: PhantomData<(&'a mut T, *mut ())>,
}

impl<T: FileSystem> MountContext<'_, T> {
    /// The options so far.
    pub(crate) fn options(&mut self) -> Result<&mut T::Options> {
        // SAFETY: By the type invariant. `s_fs_info` is the `Info` that `init` made, until a
        // superblock takes it.
        unsafe {
            let info = (*self.fc).s_fs_info.cast::<Info<T>>();
            Ok(&mut info.as_mut().ok_or(EINVAL)?.options)
        }
    }

    /// Follows the source, which is a path. `None` if there is none, or an empty one.
    pub(crate) fn source_path(&self) -> Result<Option<FoundPath>> {
        // SAFETY: By the type invariant the source is null or a string.
        unsafe {
            let source = (*self.fc).source;
            if source.is_null() || *source == 0 {
                return Ok(None);
            }
            FoundPath::follow(source).map(Some)
        }
    }

    /// Finds or makes the superblock on the block device that is the source. `ENOTBLK` if it is
    /// none, which is not logged.
    pub(crate) fn get_tree_block(&mut self) -> Result {
        // SAFETY: By the type invariant; `fill_super` is of the same filesystem.
        to_result(unsafe {
            extra::get_tree_bdev_flags(
                self.fc,
                Some(fill_super::<T>),
                extra::GET_TREE_BDEV_QUIET_LOOKUP,
            )
        })
    }

    /// Makes a superblock without a block device.
    pub(crate) fn get_tree_nodev(&mut self) -> Result {
        // SAFETY: As above.
        to_result(unsafe { extra::get_tree_nodev(self.fc, Some(fill_super::<T>)) })
    }

    /// Tells the person who mounts what is wrong.
    pub(crate) fn error(&self, args: fmt::Arguments<'_>) {
        // SAFETY: By the type invariant.
        let log = unsafe { MountLog::from_raw(self.fc, core::ptr::null_mut()) };
        log.error::<T>(args);
    }
}

/// A string that an option was given.
///
/// # Invariants
///
/// A string of `len` bytes and a NUL that `kfree()` frees, and nobody else's.
pub(crate) struct OwnedString {
    start: NonNull<kernel::ffi::c_char>,
    len: usize,
}

// SAFETY: Memory that nobody else uses.
unsafe impl Send for OwnedString {}
// SAFETY: It does not change.
unsafe impl Sync for OwnedString {}

impl OwnedString {
    /// The string.
    pub(crate) fn as_c_str(&self) -> &CStr {
        // SAFETY: By the type invariant.
        unsafe {
            CStr::from_bytes_with_nul_unchecked(core::slice::from_raw_parts(
                self.start.as_ptr().cast(),
                self.len.wrapping_add(1),
            ))
        }
    }
}

impl Drop for OwnedString {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::kfree(self.start.as_ptr().cast()) };
    }
}

/// Where the person who mounts learns why it fails.
///
/// # Invariants
///
/// `fc` is alive for `'a`, and `sb` null or alive for `'a`.
pub(crate) struct MountLog<'a> {
    fc: *mut extra::fs_context,
    sb: *mut bindings::super_block,
    _life: PhantomData<(&'a (), *mut ())>,
}

impl MountLog<'_> {
    /// # Safety
    ///
    /// `fc` must be a live context, `sb` null or the superblock that is being made for it, while
    /// the result lives.
    pub(super) unsafe fn from_raw(
        fc: *mut extra::fs_context,
        sb: *mut bindings::super_block,
    ) -> Self {
        // INVARIANT: By contract.
        Self {
            fc,
            sb,
            _life: PhantomData,
        }
    }

    /// Puts a message into the context's log, where users of `fsconfig()` read it, and into the
    /// kernel log.
    pub(crate) fn error<T: FileSystem>(&self, args: fmt::Arguments<'_>) {
        let args = core::ptr::from_ref(&args).cast::<c_void>();

        // SAFETY: By the type invariant. `%pA` takes a pointer to `fmt::Arguments`. Without a log
        // in the context, `logfc` would print to the kernel log by itself, without the device.
        unsafe {
            let log = &(*self.fc).log;
            if !log.log.is_null() {
                extra::logfc(log.log, log.prefix, b'e', c"%pA".as_char_ptr(), args);
            }
            let name = T::NAME.as_char_ptr();
            if self.sb.is_null() {
                bindings::_printk(c"\x013%s: %pA\n".as_char_ptr(), name, args);
            } else {
                bindings::_printk(
                    c"\x013%s (device %s): %pA\n".as_char_ptr(),
                    name,
                    &raw const (*self.sb).s_id,
                    args,
                );
            }
        }
    }
}

/// # Safety
///
/// As for [`SuperTables::fill_super`].
unsafe extern "C" fn fill_super<T: FileSystem>(
    sb: *mut bindings::super_block,
    fc: *mut extra::fs_context,
) -> c_int {
    // SAFETY: By contract.
    unsafe { SuperTables::<T>::fill_super(sb, fc.cast()) }
}

/// Sets a context of `T` up.
///
/// # Safety
///
/// Called by `alloc_fs_context()` only, for the filesystem type of `T`.
pub(super) unsafe extern "C" fn init<T: FileSystem>(fc: *mut bindings::fs_context) -> c_int {
    from_result(|| {
        let info = Info::<T>::new(T::default_options()?)?;
        let fc = fc.cast::<extra::fs_context>();

        // SAFETY: By contract the context is being made.
        unsafe {
            (*fc).s_fs_info = KBox::into_raw(info).cast();
            (*fc).ops = &raw const Operations::<T>::TABLE.0;
        }
        Ok(0)
    })
}

/// The operations of a context. Nobody compares their address, so a constant will do.
struct Operations<T>(PhantomData<T>);

struct Table(extra::fs_context_operations);

// SAFETY: A constant table of functions.
unsafe impl Sync for Table {}

impl<T: FileSystem> Operations<T> {
    const TABLE: &'static Table = &Table(extra::fs_context_operations {
        free: Some(Self::free),
        dup: None,
        parse_param: Some(Self::parse_param),
        parse_monolithic: None,
        get_tree: Some(Self::get_tree),
        reconfigure: Some(Self::reconfigure),
    });

    /// # Safety
    ///
    /// Called by `put_fs_context()` only, at the end of a context.
    unsafe extern "C" fn free(fc: *mut extra::fs_context) {
        // SAFETY: By contract. What is left is the `Info` that `init` made and no superblock took.
        unsafe {
            let info = (*fc).s_fs_info.cast::<Info<T>>();
            if !info.is_null() {
                drop(KBox::from_raw(info));
            }
        }
    }

    /// # Safety
    ///
    /// Called by `vfs_parse_fs_param()` only, with the context locked.
    unsafe extern "C" fn parse_param(
        fc: *mut extra::fs_context,
        param: *mut extra::fs_parameter,
    ) -> c_int {
        from_result(|| {
            let mut result = MaybeUninit::<extra::fs_parse_result>::zeroed();

            // SAFETY: By contract, and the invariant of `Parameters`.
            let option = unsafe {
                extra::__fs_parse(
                    &raw mut (*fc).log,
                    T::parameters().0,
                    param,
                    result.as_mut_ptr(),
                )
            };
            let option = u8::try_from(option).map_err(|_| Error::from_errno(option))?;

            // SAFETY: By contract; the result is filled in, or zero.
            unsafe {
                let info = (*fc).s_fs_info.cast::<Info<T>>();
                let parameter = Parameter {
                    fc,
                    param,
                    option,
                    result: result.assume_init_ref(),
                };
                T::parse(&mut info.as_mut().ok_or(EINVAL)?.options, parameter)?;
            }
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called by `vfs_get_tree()` only, with the context locked.
    unsafe extern "C" fn get_tree(fc: *mut extra::fs_context) -> c_int {
        from_result(|| {
            // INVARIANT: By contract.
            T::get_tree(&mut MountContext {
                fc,
                _life: PhantomData,
            })?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called by `reconfigure_super()` only, with the superblock locked.
    unsafe extern "C" fn reconfigure(fc: *mut extra::fs_context) -> c_int {
        from_result(|| {
            // SAFETY: By contract the context has a root on a live superblock of `T`, and the
            // `Info` that `init` made for it.
            unsafe {
                let sb = SuperBlock::<T>::from_raw((*(*fc).root).d_sb);
                let info = (*fc).s_fs_info.cast::<Info<T>>();
                let mut flags = RemountFlags((*fc).sb_flags);
                T::reconfigure(sb, &info.as_ref().ok_or(EINVAL)?.options, &mut flags)?;
                // Nothing of these filesystems can be written.
                (*fc).sb_flags = flags.0 | extra::CONST_SB_RDONLY as u32;
                // What `RemountFlags` changes is none of the flags that a remount changes anyway.
                (*fc).sb_flags_mask |= extra::CONST_SB_POSIXACL as u32;
            }
            Ok(0)
        })
    }
}

/// An option that there is.
#[repr(transparent)]
pub(crate) struct ParameterSpec(extra::fs_parameter_spec);

/// A table of options; made once, as a `static`.
#[repr(C)]
pub(crate) struct ParameterTable<const N: usize> {
    specs: [ParameterSpec; N],
    end: ParameterSpec,
}

// SAFETY: Constant, with pointers to constants.
unsafe impl<const N: usize> Sync for ParameterTable<N> {}

impl<const N: usize> ParameterTable<N> {
    /// A table of `specs`.
    pub(crate) const fn new(specs: [ParameterSpec; N]) -> Self {
        Self {
            specs,
            end: ParameterSpec(pin_init::zeroed()),
        }
    }

    /// The table, whatever its length.
    pub(crate) const fn all(&'static self) -> Parameters {
        // INVARIANT: The end follows the options.
        Parameters(core::ptr::from_ref(self).cast())
    }
}

/// A table of options of any length.
///
/// # Invariants
///
/// The pointer is to a constant array that ends with a zeroed element.
pub(crate) struct Parameters(*const extra::fs_parameter_spec);

/// A value of an option that takes one of several names.
#[repr(transparent)]
pub(crate) struct Constant(extra::constant_table);

impl Constant {
    /// `name` stands for `value`.
    pub(crate) const fn new(name: &'static CStr, value: u16) -> Self {
        Self(extra::constant_table {
            name: kernel::str::as_char_ptr_in_const_context(name),
            value: value as c_int,
        })
    }
}

/// A table of values; made once, as a `static`.
#[repr(C)]
pub(crate) struct ConstantTable<const N: usize> {
    constants: [Constant; N],
    end: Constant,
}

// SAFETY: Constant, with pointers to constants.
unsafe impl<const N: usize> Sync for ConstantTable<N> {}

impl<const N: usize> ConstantTable<N> {
    /// A table of `constants`.
    pub(crate) const fn new(constants: [Constant; N]) -> Self {
        Self {
            constants,
            end: Constant(pin_init::zeroed()),
        }
    }
}

#[allow(dead_code, reason = "complete, whatever the filesystem uses of it")]
impl ParameterSpec {
    const fn make(
        name: &'static CStr,
        option: u8,
        kind: extra::fs_param_type,
        flags: u16,
        data: *const c_void,
    ) -> Self {
        Self(extra::fs_parameter_spec {
            name: kernel::str::as_char_ptr_in_const_context(name),
            type_: kind,
            opt: option,
            flags,
            data,
        })
    }

    /// `name` or `noname`.
    pub(crate) const fn flag_no(name: &'static CStr, option: u8) -> Self {
        let flags = extra::fs_param_neg_with_no as u16;
        Self::make(name, option, None, flags, core::ptr::null())
    }

    /// `name`
    pub(crate) const fn flag(name: &'static CStr, option: u8) -> Self {
        Self::make(name, option, None, 0, core::ptr::null())
    }

    /// `name=NUMBER`
    pub(crate) const fn u64(name: &'static CStr, option: u8) -> Self {
        Self::make(
            name,
            option,
            Some(extra::fs_param_is_u64),
            0,
            core::ptr::null(),
        )
    }

    /// `name=STRING`, not empty.
    pub(crate) const fn string(name: &'static CStr, option: u8) -> Self {
        Self::make(
            name,
            option,
            Some(extra::fs_param_is_string),
            0,
            core::ptr::null(),
        )
    }

    /// `name=STRING`, or a file descriptor.
    pub(crate) const fn file_or_string(name: &'static CStr, option: u8) -> Self {
        let kind: extra::fs_param_type = Some(extra::fs_param_is_file_or_string);
        Self::make(name, option, kind, 0, core::ptr::null())
    }

    /// `name=` one of `values`.
    pub(crate) const fn one_of<const N: usize>(
        name: &'static CStr,
        option: u8,
        values: &'static ConstantTable<N>,
    ) -> Self {
        let values = core::ptr::from_ref(values).cast();
        Self::make(name, option, Some(extra::fs_param_is_enum), 0, values)
    }
}

/// An option that was given.
pub(crate) struct Parameter<'a> {
    fc: *mut extra::fs_context,
    param: *mut extra::fs_parameter,
    option: u8,
    result: &'a extra::fs_parse_result,
}

impl Parameter<'_> {
    /// Which one.
    pub(crate) fn option(&self) -> u8 {
        self.option
    }

    /// Whether a flag was given without its "no".
    pub(crate) fn flag(&self) -> bool {
        !self.result.negated
    }

    /// The number.
    pub(crate) fn u64(&self) -> u64 {
        // SAFETY: Integers of any kind; zero where none was filled in.
        unsafe { *self.result.__bindgen_anon_1.uint_64.as_ref() }
    }

    /// The value of the name that was given.
    pub(crate) fn constant(&self) -> u32 {
        // SAFETY: As above.
        unsafe { *self.result.__bindgen_anon_1.uint_32.as_ref() }
    }

    /// The string.
    pub(crate) fn into_string(self) -> Result<OwnedString> {
        // SAFETY: The parameter is the caller's for this call; what is taken out of it is replaced
        // by null, as the parser's owner frees the rest. INVARIANT: it was allocated for this
        // parameter, whose size is its length.
        unsafe {
            let param = &mut *self.param;
            if param.type_() != extra::fs_value_type_fs_value_is_string {
                return Err(EINVAL);
            }
            let start = NonNull::new(param.__bindgen_anon_1.string).ok_or(EINVAL)?;
            param.__bindgen_anon_1.string = core::ptr::null_mut();
            Ok(OwnedString {
                start,
                len: param.size,
            })
        }
    }

    /// Whether the mount has a source already.
    pub(crate) fn has_source(&self) -> bool {
        // SAFETY: The context is the caller's for this call.
        unsafe { !(*self.fc).source.is_null() }
    }

    /// Uses the value as the source of the mount: a string as it is; of a file the path, beside
    /// which the file itself is returned. `EBUSY` if there is a source already.
    pub(crate) fn into_source(self) -> Result<Option<ARef<File>>> {
        // SAFETY: The context and the parameter are the caller's for this call; what is taken out
        // of the parameter is replaced by null, as the parser's owner frees the rest.
        unsafe {
            let fc = &mut *self.fc;
            let param = &mut *self.param;
            if !fc.source.is_null() {
                return Err(EBUSY);
            }
            if param.type_() == extra::fs_value_type_fs_value_is_string {
                fc.source = param.__bindgen_anon_1.string;
                param.__bindgen_anon_1.string = core::ptr::null_mut();
                return Ok(None);
            }

            let file = NonNull::new(param.__bindgen_anon_1.file).ok_or(EINVAL)?;
            let mut path = KBox::<[u8; PATH_MAX]>::new_uninit(GFP_KERNEL)?;
            let name =
                bindings::file_path(file.as_ptr(), path.as_mut_ptr().cast(), PATH_MAX as c_int);
            let name = from_err_ptr(name)?;
            fc.source = bindings::kstrdup(name, extra::CONST_GFP_KERNEL);
            if fc.source.is_null() {
                return Err(ENOMEM);
            }
            param.__bindgen_anon_1.file = core::ptr::null_mut();
            // The parser took a reference for the parameter.
            Ok(Some(ARef::from_raw(file.cast::<File>())))
        }
    }

    /// Tells the person who mounts what is wrong with the value.
    pub(crate) fn invalid(&self, args: fmt::Arguments<'_>) -> Error {
        self.log(args);
        EINVAL
    }

    /// Tells the person who mounts that this, which names the option, is not built in. The mount
    /// goes on without it.
    pub(crate) fn unsupported(&self, what: fmt::Arguments<'_>) {
        self.log(format_args!("{what} not supported"));
    }

    fn log(&self, args: fmt::Arguments<'_>) {
        // SAFETY: The context is the caller's for this call. Without a log in it, `logfc` prints
        // to the kernel log.
        unsafe {
            let log = &(*self.fc).log;
            extra::logfc(
                log.log,
                log.prefix,
                b'e',
                c"%pA".as_char_ptr(),
                core::ptr::from_ref(&args).cast::<c_void>(),
            );
        }
    }
}
