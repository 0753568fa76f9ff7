// SPDX-License-Identifier: GPL-2.0

//! What an image needs of the decoders, as is told at mount (`struct z_erofs_lz4_cfgs` and the
//! like behind the superblock).
//!
//! Each algorithm of the image has a record there, in the order of their numbers: a length and
//! that many bytes, from a multiple of four bytes on. Images from before there were records use
//! LZ4 and keep its one parameter in the superblock itself.

use super::super::features::{
    Algorithms,
    Compression, //
};
use super::super::metadata::{
    Cursor,
    Metadata, //
};
use super::super::superblock::{
    Superblock,
    SUPERBLOCK_POS, //
};
use super::super::units::{
    ImagePos,
    MetaPos,
    Position, //
};
use super::super::ErrorKind;
use super::header::Algorithm;
use super::PCLUSTER_MAX_SIZE;
use core::fmt;
use core::mem::size_of;
use zerocopy::little_endian::{
    U16,
    U32, //
};
use zerocopy::{
    FromBytes,
    IntoBytes, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// `struct z_erofs_lz4_cfgs`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawLz4 {
    max_distance: U16,
    max_pclusterblks: U16,
    reserved: [u8; 10],
}

/// `struct z_erofs_lzma_cfgs`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawLzma {
    dict_size: U32,
    format: U16,
    reserved: [u8; 8],
}

/// `struct z_erofs_deflate_cfgs`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawDeflate {
    windowbits: u8,
    reserved: [u8; 5],
}

/// `struct z_erofs_zstd_cfgs`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawZstd {
    format: u8,
    windowlog: u8,
    reserved: [u8; 4],
}

const _: () = {
    assert!(core::mem::size_of::<RawLz4>() == 14);
    assert!(core::mem::size_of::<RawLzma>() == 14);
    assert!(core::mem::size_of::<RawDeflate>() == 6);
    assert!(core::mem::size_of::<RawZstd>() == 6);
};

/// The dictionaries of MicroLZMA, in bytes.
const LZMA_DICT_MIN: u32 = 4096;
/// `Z_EROFS_LZMA_MAX_DICT_SIZE`.
const LZMA_DICT_MAX: u32 = 8 * PCLUSTER_MAX_SIZE;
/// The largest window of DEFLATE, as a power of two.
const DEFLATE_WINDOW_BITS_MAX: u8 = 15;
/// The smallest window of Zstandard, as a power of two.
const ZSTD_WINDOW_LOG_MIN: u8 = 10;
/// The largest, which is that of a pcluster.
const ZSTD_WINDOW_LOG_MAX: u8 = 20;

/// What LZ4 needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lz4Config {
    /// How far back a match may reach, in bytes; 0 stands for 64 KiB.
    pub max_distance: u16,
    /// The largest size of a pcluster in blocks: at least 1, and at most
    /// [`PCLUSTER_MAX_SIZE`] together.
    pub max_pclusterblks: u16,
}

/// What MicroLZMA needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LzmaConfig {
    /// The size of the dictionary in bytes: 4 KiB to 8 MiB.
    pub dict_size: u32,
}

/// What DEFLATE needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateConfig {
    /// The size of the window as a power of two: at most 15.
    pub window_bits: u8,
}

/// What Zstandard needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZstdConfig {
    /// The size of the window as a power of two: 10 to 20.
    pub window_log: u8,
}

/// What the compressed files of an image need. All `None` if there are no such files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZipConfigs {
    /// LZ4, if it is used.
    pub lz4: Option<Lz4Config>,
    /// MicroLZMA, if it is used.
    pub lzma: Option<LzmaConfig>,
    /// DEFLATE, if it is used.
    pub deflate: Option<DeflateConfig>,
    /// Zstandard, if it is used.
    pub zstd: Option<ZstdConfig>,
}

impl ZipConfigs {
    /// Reads and checks them.
    ///
    /// `available` are the algorithms that this kernel has decoders for.
    ///
    /// # Errors
    ///
    /// Those of reading, and the first thing that is wrong.
    pub fn read<M>(sb: &Superblock, available: Algorithms, meta: &M) -> Result<Self, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipConfigError>,
    {
        let mut configs = Self {
            lz4: None,
            lzma: None,
            deflate: None,
            zstd: None,
        };
        let algorithms = match sb.compression {
            Compression::None => return Ok(configs),
            Compression::Lz4 { max_distance } => {
                if !available.contains(Algorithms::LZ4) {
                    return Err(ZipConfigError::NotBuilt(Algorithm::Lz4).into());
                }
                configs.lz4 = Some(Lz4Config {
                    max_distance,
                    max_pclusterblks: 1,
                });
                return Ok(configs);
            }
            Compression::Configured(algorithms) => algorithms,
        };
        let start = (SUPERBLOCK_POS as u64).wrapping_add(u64::from(sb.size));
        let mut cursor = Cursor::new(meta, Some(MetaPos::Image(ImagePos::new(start))));
        for algorithm in Algorithm::EACH {
            if algorithms.contains(algorithm.bit()) {
                configs.read_one(sb, available, algorithm, &mut cursor)?;
            }
        }
        Ok(configs)
    }

    /// Reads the record of an algorithm.
    fn read_one<M>(
        &mut self,
        sb: &Superblock,
        available: Algorithms,
        algorithm: Algorithm,
        cursor: &mut Cursor<'_, M>,
    ) -> Result<(), M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<ZipConfigError>,
    {
        let beyond = cursor.pos().map_or(0, |pos| pos.byte() & 3);
        cursor.skip(4u64.wrapping_sub(beyond) & 3);
        let len: U16 = cursor.get()?.ok_or(ZipConfigError::Truncated)?;
        let len = match len.get() {
            0 => 0x1_0000,
            len => u32::from(len),
        };
        let data = cursor.pos();
        let next = data.and_then(|data| data.advance(u64::from(len)));
        // All of it has to be there, whatever of it means something.
        cursor.skip(u64::from(len.wrapping_sub(1)));
        let _: u8 = cursor.get()?.ok_or(ZipConfigError::Truncated)?;
        cursor.seek(data);

        if !available.contains(algorithm.bit()) {
            return Err(ZipConfigError::NotBuilt(algorithm).into());
        }
        match algorithm {
            Algorithm::Lz4 => {
                let raw: RawLz4 = fields(cursor, algorithm, len)?;
                let blocks = raw.max_pclusterblks.get();
                let bits = u32::from(sb.block_bits.bits());
                if u32::from(blocks) > PCLUSTER_MAX_SIZE.wrapping_shr(bits) {
                    return Err(ZipConfigError::Lz4Pcluster(blocks).into());
                }
                self.lz4 = Some(Lz4Config {
                    max_distance: raw.max_distance.get(),
                    max_pclusterblks: blocks.max(1),
                });
            }
            Algorithm::Lzma => {
                let raw: RawLzma = fields(cursor, algorithm, len)?;
                if raw.format.get() != 0 {
                    return Err(ZipConfigError::LzmaFormat(raw.format.get()).into());
                }
                let dict_size = raw.dict_size.get();
                if !(LZMA_DICT_MIN..=LZMA_DICT_MAX).contains(&dict_size) {
                    return Err(ZipConfigError::LzmaDict(dict_size).into());
                }
                self.lzma = Some(LzmaConfig { dict_size });
            }
            Algorithm::Deflate => {
                let raw: RawDeflate = fields(cursor, algorithm, len)?;
                let window_bits = raw.windowbits;
                if window_bits > DEFLATE_WINDOW_BITS_MAX {
                    return Err(ZipConfigError::DeflateWindow(window_bits).into());
                }
                self.deflate = Some(DeflateConfig { window_bits });
            }
            Algorithm::Zstd => {
                let raw: RawZstd = fields(cursor, algorithm, len)?;
                if raw.format != 0 {
                    return Err(ZipConfigError::ZstdFormat(raw.format).into());
                }
                if raw.windowlog > ZSTD_WINDOW_LOG_MAX.wrapping_sub(ZSTD_WINDOW_LOG_MIN) {
                    return Err(ZipConfigError::ZstdWindow(raw.windowlog).into());
                }
                self.zstd = Some(ZstdConfig {
                    window_log: raw.windowlog.wrapping_add(ZSTD_WINDOW_LOG_MIN),
                });
            }
        }
        cursor.seek(next);
        Ok(())
    }
}

/// The fields of a record of `len` bytes; it may have more than are known.
fn fields<T, M>(cursor: &mut Cursor<'_, M>, algorithm: Algorithm, len: u32) -> Result<T, M::Error>
where
    T: FromBytes + IntoBytes,
    M: Metadata<Pos = MetaPos> + ?Sized,
    M::Error: From<ZipConfigError>,
{
    if (len as usize) < size_of::<T>() {
        return Err(ZipConfigError::Size { algorithm, len }.into());
    }
    Ok(cursor.get()?.ok_or(ZipConfigError::Truncated)?)
}

/// Why the compression of an image cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZipConfigError {
    /// The image ends before the records do.
    Truncated,
    /// This kernel has no decoder for it.
    NotBuilt(Algorithm),
    /// A record is too small.
    Size {
        /// Whose.
        algorithm: Algorithm,
        /// Its size in bytes.
        len: u32,
    },
    /// Pclusters of LZ4 of so many blocks.
    Lz4Pcluster(u16),
    /// A variant of MicroLZMA that is not known.
    LzmaFormat(u16),
    /// A dictionary of MicroLZMA of so many bytes.
    LzmaDict(u32),
    /// A window of DEFLATE of so many bits.
    DeflateWindow(u8),
    /// A variant of Zstandard that is not known.
    ZstdFormat(u8),
    /// A window of Zstandard of so many bits.
    ZstdWindow(u8),
}

impl ZipConfigError {
    /// What sort of refusal this is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Truncated => ErrorKind::Io,
            Self::NotBuilt(_) | Self::DeflateWindow(_) => ErrorKind::Unsupported,
            Self::Size { .. }
            | Self::Lz4Pcluster(_)
            | Self::LzmaFormat(_)
            | Self::LzmaDict(_)
            | Self::ZstdFormat(_)
            | Self::ZstdWindow(_) => ErrorKind::Invalid,
        }
    }
}

impl fmt::Display for ZipConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated => f.write_str("the image ends inside the compression configurations"),
            Self::NotBuilt(algorithm) => {
                write!(f, "algorithm {algorithm} isn't enabled on this kernel")
            }
            Self::Size { algorithm, len } => write!(f, "invalid {algorithm} cfgs, size={len}"),
            Self::Lz4Pcluster(blocks) => write!(f, "too large lz4 pclusterblks {blocks}"),
            Self::LzmaFormat(format) => write!(
                f,
                "unidentified lzma format {format:x}, please check kernel version"
            ),
            Self::LzmaDict(size) => write!(f, "unsupported lzma dictionary size {size}"),
            Self::DeflateWindow(bits) => write!(f, "unsupported windowbits {bits}"),
            Self::ZstdFormat(format) => write!(f, "unsupported zstd format {format}"),
            Self::ZstdWindow(log) => write!(f, "unsupported zstd window log {log}"),
        }
    }
}
