// SPDX-License-Identifier: GPL-2.0

//! From the bytes of a pcluster to those of a file, by the encoding.

use crate::{
    ondisk::{
        zip::Encoding,
        Algorithms, //
    },
    vfs::{
        decoders::{
            self,
            Decoded,
            Failure,
            Kind, //
        },
        target::Target, //
    }, //
};

/// Gets ready to decode these.
pub(super) fn prepare(algorithms: Algorithms) {
    for (algorithm, kind) in [
        #[cfg(EROFS_ZIP_LZMA)]
        (Algorithms::LZMA, Kind::Lzma),
        #[cfg(EROFS_ZIP_DEFLATE)]
        (Algorithms::DEFLATE, Kind::Deflate),
        #[cfg(EROFS_ZIP_ZSTD)]
        (Algorithms::ZSTD, Kind::Zstd),
    ] {
        if algorithms.contains(algorithm) {
            decoders::prepare(kind);
        }
    }
}

/// Decodes `encoded` into all of `target`. `exact` says that there is no more; `first_block` is how
/// many bytes the pcluster has in its first block.
pub(super) fn decode(
    encoding: Encoding,
    encoded: &[u8],
    first_block: usize,
    target: &mut Target,
    exact: bool,
) -> Decoded {
    // Encoded bytes end with their pcluster, and zeros fill it up in front of them.
    let margin = encoded
        .iter()
        .take(first_block)
        .take_while(|byte| **byte == 0)
        .fold(0usize, |sum, _| sum.wrapping_add(1));
    if margin >= first_block {
        return Err(Failure::Corrupt("compressed data start not found"));
    }
    let Some(stream) = encoded.get(margin..).filter(|stream| !stream.is_empty()) else {
        return Err(Failure::Corrupt("compressed data start not found"));
    };
    match encoding {
        #[cfg(EROFS_ZIP)]
        Encoding::Lz4 => decoders::lz4(stream, target, exact),
        #[cfg(EROFS_ZIP_LZMA)]
        Encoding::Lzma => decoders::lzma(stream, target, exact),
        #[cfg(EROFS_ZIP_DEFLATE)]
        Encoding::Deflate => decoders::deflate(stream, target, exact),
        #[cfg(EROFS_ZIP_ZSTD)]
        Encoding::Zstd => decoders::zstd(stream, target, exact),
        // Plain ones are copied; others are refused at mount if they are not built in.
        _ => Err(Failure::Corrupt("not an encoding")),
    }
}

/// Where in a plain pcluster the byte `at` of its extent is, and how many follow it there. `start`
/// is where in its block of the file the extent begins, `encoded` how long the pcluster is.
pub(super) fn plain(
    encoding: Encoding,
    encoded: usize,
    block: usize,
    start: usize,
    at: usize,
) -> (usize, usize) {
    if encoding == Encoding::Shifted {
        return (at, encoded.saturating_sub(at));
    }
    // Interlaced: what is in the first block of the file is at the end.
    let turned = block.saturating_sub(start);
    if at < turned {
        let from = encoded.saturating_sub(turned).saturating_add(at);
        (from, turned.saturating_sub(at))
    } else {
        let from = at.saturating_sub(turned);
        (from, encoded.saturating_sub(turned).saturating_sub(from))
    }
}
