// SPDX-License-Identifier: GPL-2.0

//! Module parameters.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h)
//!
//! They are read before the module is loaded, and do not change after that.

use super::extra;

/// Gives the parameters that are not set the values that they stand for. To be called once, before
/// anything uses them.
pub(crate) fn settle() {
    // SAFETY: Changes plain numbers, which at this time only sysfs reads.
    unsafe { extra::erofs_helper_settle_params() };
}

macro_rules! parameters {
    ($($(#[$meta:meta])* $name:ident = $variable:ident;)*) => {$(
        $(#[$meta])*
        #[allow(dead_code, reason = "complete, whatever the filesystem uses of it")]
        pub(crate) fn $name() -> u32 {
            // SAFETY: Constant since `settle`.
            unsafe { extra::$variable }
        }
    )*};
}

parameters! {
    /// How many MicroLZMA decoders there may be at a time.
    lzma_streams = erofs_lzma_streams;
    /// How many DEFLATE decoders there may be at a time.
    deflate_streams = erofs_deflate_streams;
    /// How many Zstandard decoders there may be at a time.
    zstd_streams = erofs_zstd_streams;
}
