// SPDX-License-Identifier: GPL-2.0

//! Kernel log lines that name the mount they are about.

use super::super_block::{
    FileSystem,
    SuperBlock, //
};
use core::ffi::c_void;
use kernel::{
    bindings,
    fmt,
    str::CStrExt as _, //
};

/// Severity of a line.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    /// `KERN_ERR`
    Error,
    /// `KERN_INFO`
    Info,
}

/// Prints `NAME (device ID): args`.
///
/// Use [`fs_err!`](crate::fs_err) and [`fs_info!`](crate::fs_info).
pub(crate) fn print<T: FileSystem>(sb: &SuperBlock<T>, level: Level, args: fmt::Arguments<'_>) {
    let format = match level {
        Level::Error => c"\x013%s (device %s): %pA\n",
        Level::Info => c"\x016%s (device %s): %pA\n",
    };
    let raw = sb.as_raw();

    // SAFETY: The format takes two C strings and, by `%pA`, a pointer to `fmt::Arguments`, which
    // is what follows. The superblock's `s_id` is NUL-terminated and does not change once the
    // filesystem is set up, and `T::NAME` is a C string.
    unsafe {
        bindings::_printk(
            format.as_char_ptr(),
            T::NAME.as_char_ptr(),
            &raw const (*raw).s_id,
            core::ptr::from_ref(&args).cast::<c_void>(),
        );
    }
}

/// Logs an error of the mount `$sb`.
#[macro_export]
macro_rules! fs_err {
    ($sb:expr, $($arg:tt)+) => {
        $crate::vfs::log::print(
            $sb,
            $crate::vfs::log::Level::Error,
            ::core::format_args!($($arg)+),
        )
    };
}

/// Logs a fact about the mount `$sb`.
#[macro_export]
macro_rules! fs_info {
    ($sb:expr, $($arg:tt)+) => {
        $crate::vfs::log::print(
            $sb,
            $crate::vfs::log::Level::Info,
            ::core::format_args!($($arg)+),
        )
    };
}
