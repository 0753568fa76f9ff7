// SPDX-License-Identifier: GPL-2.0

//! The kernel's decoders, from contiguous memory into contiguous memory.
//!
//! C headers: [`include/linux/lz4.h`](srctree/include/linux/lz4.h),
//! [`include/linux/xz.h`](srctree/include/linux/xz.h),
//! [`include/linux/zlib.h`](srctree/include/linux/zlib.h),
//! [`include/linux/zstd.h`](srctree/include/linux/zstd.h)
//!
//! All of them fill a [`Target`] from its first byte to its last. `exact` says that the stream
//! ends there as well, else it may go on. As the output is contiguous, matches are copied inside
//! of it: there are no dictionaries, and what a decoder needs beside is small. It is bounded in
//! number, and kept for the next one ([`States`]); [`trim`] frees it.

use super::{
    extra,
    params,
    states::States,
    target::Target, //
};
use core::{
    ffi::c_void,
    ptr::NonNull, //
};
use kernel::ffi::c_int;

/// Why nothing was decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The data is wrong: how.
    Corrupt(&'static str),
    /// There is no memory to decode with.
    NoMemory,
}

const CORRUPTED: Failure = Failure::Corrupt("corrupted compressed data");
const TOO_SHORT: Failure = Failure::Corrupt("unexpected end of stream");

/// What came of decoding.
pub(crate) type Decoded = core::result::Result<(), Failure>;

/// What there is, and how many of each there may be.
fn all() -> [Option<(&'static States, u32)>; 4] {
    [
        #[cfg(EROFS_ZIP_LZMA)]
        Some((&LZMA, params::lzma_streams())),
        #[cfg(not(EROFS_ZIP_LZMA))]
        None,
        #[cfg(EROFS_ZIP_DEFLATE)]
        Some((&DEFLATE, params::deflate_streams())),
        #[cfg(not(EROFS_ZIP_DEFLATE))]
        None,
        #[cfg(EROFS_ZIP_ZSTD)]
        Some((&ZSTD, params::zstd_streams())),
        #[cfg(not(EROFS_ZIP_ZSTD))]
        None,
        #[cfg(EROFS_ZIP_ZSTD)]
        Some((&ZSTD_STREAM, params::zstd_streams())),
        #[cfg(not(EROFS_ZIP_ZSTD))]
        None,
    ]
}

/// Lets there be as many states as the parameters say.
///
/// # Safety
///
/// To be called once, when these are settled and before anything is decoded.
pub(super) unsafe fn init() {
    for (states, most) in all().into_iter().flatten() {
        // SAFETY: By contract.
        unsafe { states.allow(most) };
    }
}

/// Decoders that have states.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    #[cfg(EROFS_ZIP_LZMA)]
    Lzma,
    #[cfg(EROFS_ZIP_DEFLATE)]
    Deflate,
    #[cfg(EROFS_ZIP_ZSTD)]
    Zstd,
}

/// Lets there be states of a kind before somebody waits for what they decode. It is no failure if
/// there is no memory for them yet.
pub(crate) fn prepare(kind: Kind) {
    match kind {
        #[cfg(EROFS_ZIP_LZMA)]
        Kind::Lzma => drop(LZMA.get()),
        #[cfg(EROFS_ZIP_DEFLATE)]
        Kind::Deflate => drop(DEFLATE.get()),
        #[cfg(EROFS_ZIP_ZSTD)]
        Kind::Zstd => {
            drop(ZSTD.get());
            drop(ZSTD_STREAM.get());
        }
    }
}

/// Frees what is kept but for `least` of each kind: about how many pages.
pub(super) fn trim(least: usize) -> usize {
    let mut pages = 0usize;
    for (states, _) in all().into_iter().flatten() {
        pages = pages.saturating_add(states.trim(least));
    }
    pages
}

/// About how many pages are kept but for `least` of each kind.
pub(super) fn kept(least: usize) -> usize {
    let mut pages = 0usize;
    for (states, _) in all().into_iter().flatten() {
        pages = pages.saturating_add(states.kept(least));
    }
    pages
}

/// # Safety
///
/// `state` must come from `erofs_helper_vmalloc`.
#[cfg(any(EROFS_ZIP_DEFLATE, EROFS_ZIP_ZSTD))]
unsafe fn free_memory(state: NonNull<c_void>) {
    // SAFETY: By contract.
    unsafe { extra::erofs_helper_vfree(state.as_ptr()) };
}

/// Memory for a state; `first` says that there is no other.
#[cfg(any(EROFS_ZIP_DEFLATE, EROFS_ZIP_ZSTD))]
fn make_memory(size: usize, first: bool) -> *mut c_void {
    let mut gfp = extra::CONST_GFP_NOFS;
    if !first {
        gfp |= extra::CONST_GFP_TRY;
    }
    // SAFETY: Plain allocation.
    unsafe { extra::erofs_helper_vmalloc(size, gfp) }
}

/// LZ4.
#[cfg(EROFS_ZIP)]
pub(crate) fn lz4(input: &[u8], target: &mut Target, exact: bool) -> Decoded {
    let (Ok(input_len), Ok(len)) = (c_int::try_from(input.len()), c_int::try_from(target.len()))
    else {
        return Err(CORRUPTED);
    };
    let (from, to) = (input.as_ptr().cast(), target.start().as_ptr().cast());

    // SAFETY: The input cannot change, and the target is writable for its length; the decoder
    // reads and writes nothing else.
    let done = unsafe {
        if exact {
            extra::LZ4_decompress_safe(from, to, input_len, len)
        } else {
            extra::LZ4_decompress_safe_partial(from, to, input_len, len, len)
        }
    };
    match done {
        done if done == len => Ok(()),
        ..0 => Err(CORRUPTED),
        _ => Err(TOO_SHORT),
    }
}

/// How far back a match of MicroLZMA may reach: as far as images may say. The output is the
/// dictionary, and no memory is needed for it.
#[cfg(EROFS_ZIP_LZMA)]
const LZMA_DICTIONARY: u32 = 8 << 20;

#[cfg(EROFS_ZIP_LZMA)]
static LZMA: States = States::new(
    |_first| {
        // SAFETY: Plain allocation.
        unsafe { extra::xz_dec_microlzma_alloc(extra::xz_mode_XZ_SINGLE, LZMA_DICTIONARY).cast() }
    },
    |state| {
        // SAFETY: By contract it was made above.
        unsafe { extra::xz_dec_microlzma_end(state.as_ptr().cast()) }
    },
    7,
);

/// MicroLZMA.
#[cfg(EROFS_ZIP_LZMA)]
pub(crate) fn lzma(input: &[u8], target: &mut Target, exact: bool) -> Decoded {
    let (Ok(input_len), Ok(len)) = (u32::try_from(input.len()), u32::try_from(target.len())) else {
        return Err(CORRUPTED);
    };
    let state = LZMA.get().ok_or(Failure::NoMemory)?;
    let mut buf = extra::xz_buf {
        in_: input.as_ptr(),
        in_pos: 0,
        in_size: input.len(),
        out: target.start().as_ptr(),
        out_pos: 0,
        out_size: target.len(),
    };

    // SAFETY: The state is this function's. The input cannot change, and the target is writable for
    // its length, and stays in place between the calls.
    let end = unsafe {
        let decoder = state.as_ptr().cast();
        extra::xz_dec_microlzma_reset(decoder, input_len, len, c_int::from(exact));
        loop {
            let before = (buf.in_pos, buf.out_pos);
            let end = extra::xz_dec_microlzma_run(decoder, &raw mut buf);
            if end != extra::xz_ret_XZ_OK || before == (buf.in_pos, buf.out_pos) {
                break end;
            }
        }
    };
    drop(state);
    if end == extra::xz_ret_XZ_STREAM_END && buf.out_pos == target.len() {
        Ok(())
    } else if end == extra::xz_ret_XZ_DATA_ERROR {
        Err(CORRUPTED)
    } else {
        Err(TOO_SHORT)
    }
}

#[cfg(EROFS_ZIP_DEFLATE)]
static DEFLATE: States = States::new(
    |first| {
        // SAFETY: Computes a number.
        let size = unsafe { extra::zlib_inflate_workspacesize() };
        make_memory(usize::try_from(size).unwrap_or(0), first)
    },
    free_memory,
    11,
);

/// DEFLATE, raw.
#[cfg(EROFS_ZIP_DEFLATE)]
pub(crate) fn deflate(input: &[u8], target: &mut Target, exact: bool) -> Decoded {
    /// A window of 32 KiB, without a header. The kernel's decoder knows no other.
    const WINDOW_BITS: c_int = -15;

    let memory = DEFLATE.get().ok_or(Failure::NoMemory)?;
    let mut stream = extra::z_stream {
        next_in: input.as_ptr(),
        avail_in: input.len(),
        next_out: target.start().as_ptr(),
        avail_out: target.len(),
        workspace: memory.as_ptr(),
        ..pin_init::zeroed()
    };

    // SAFETY: The workspace is this function's, and as large as needed. The input
    // cannot change, and the target is writable for its length.
    let end = unsafe {
        let mut end = extra::zlib_inflateInit2(&raw mut stream, WINDOW_BITS);
        if end == extra::Z_OK as c_int {
            end = extra::zlib_inflate(&raw mut stream, extra::Z_SYNC_FLUSH as c_int);
            extra::zlib_inflateEnd(&raw mut stream);
        }
        end
    };
    drop(memory);
    let ended = end == extra::Z_STREAM_END as c_int || (end == extra::Z_OK as c_int && !exact);
    if ended && stream.avail_out == 0 {
        Ok(())
    } else if end == extra::Z_DATA_ERROR {
        Err(CORRUPTED)
    } else {
        Err(TOO_SHORT)
    }
}

#[cfg(EROFS_ZIP_ZSTD)]
static ZSTD: States = States::new(
    |first| {
        // SAFETY: Computes a number.
        let size = unsafe { extra::zstd_dctx_workspace_bound() };
        make_memory(size, first)
    },
    free_memory,
    40,
);
#[cfg(EROFS_ZIP_ZSTD)]
static ZSTD_STREAM: States = States::new(
    |first| {
        // SAFETY: As above.
        let size = unsafe { extra::zstd_dstream_workspace_bound(ZSTD_WINDOW) };
        make_memory(size, first)
    },
    free_memory,
    340,
);

/// The largest window of Zstandard that an image may ask for.
#[cfg(EROFS_ZIP_ZSTD)]
const ZSTD_WINDOW: usize = 1 << 20;

/// Zstandard.
#[cfg(EROFS_ZIP_ZSTD)]
pub(crate) fn zstd(input: &[u8], target: &mut Target, exact: bool) -> Decoded {
    if exact && zstd_frame(input, target)? {
        return Ok(());
    }
    zstd_stream(input, target)
}

/// Decodes a whole frame. `false` if it is not what was expected.
#[cfg(EROFS_ZIP_ZSTD)]
fn zstd_frame(input: &[u8], target: &mut Target) -> core::result::Result<bool, Failure> {
    // SAFETY: The input cannot change; the size is a constant's.
    let (frame, size) = unsafe {
        (
            extra::zstd_find_frame_compressed_size(input.as_ptr().cast(), input.len()),
            extra::zstd_dctx_workspace_bound(),
        )
    };
    let Some(input) = input.get(..frame) else {
        return Ok(false);
    };
    let memory = ZSTD.get().ok_or(Failure::NoMemory)?;

    // SAFETY: The memory is this function's, and as large as needed. The input cannot change, and
    // the target is writable for its length.
    let done = unsafe {
        let context = extra::zstd_init_dctx(memory.as_ptr(), size);
        if context.is_null() {
            0
        } else {
            extra::zstd_decompress_dctx(
                context,
                target.start().as_ptr().cast(),
                target.len(),
                input.as_ptr().cast(),
                input.len(),
            )
        }
    };
    drop(memory);
    Ok(done == target.len())
}

/// Decodes as much of a frame as there is room for.
#[cfg(EROFS_ZIP_ZSTD)]
fn zstd_stream(input: &[u8], target: &mut Target) -> Decoded {
    // SAFETY: Computes a number.
    let size = unsafe { extra::zstd_dstream_workspace_bound(ZSTD_WINDOW) };
    let memory = ZSTD_STREAM.get().ok_or(Failure::NoMemory)?;
    let mut from = extra::zstd_in_buffer {
        src: input.as_ptr().cast(),
        size: input.len(),
        pos: 0,
    };
    let mut to = extra::zstd_out_buffer {
        dst: target.start().as_ptr().cast(),
        size: target.len(),
        pos: 0,
    };

    // SAFETY: The memory is this function's, and as large as needed. The input cannot change, and
    // the target is writable for its length.
    let corrupt = unsafe {
        let stream = extra::zstd_init_dstream(ZSTD_WINDOW, memory.as_ptr(), size);
        let mut corrupt = stream.is_null();
        while !corrupt && to.pos < to.size {
            let before = (from.pos, to.pos);
            let left = extra::zstd_decompress_stream(stream, &raw mut to, &raw mut from);
            corrupt = extra::zstd_is_error(left) != 0;
            if left == 0 || before == (from.pos, to.pos) {
                break;
            }
        }
        corrupt
    };
    drop(memory);
    if corrupt {
        Err(CORRUPTED)
    } else if to.pos < to.size {
        Err(TOO_SHORT)
    } else {
        Ok(())
    }
}
