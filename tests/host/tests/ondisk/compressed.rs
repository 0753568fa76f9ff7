// SPDX-License-Identifier: GPL-2.0

//! Compressed images made by mkfs.erofs, read with nothing but `ondisk` and a decoder of LZ4, and
//! compared with what went in.

use super::mkfs::*;
use super::reader::*;
use ondisk_tests::ondisk::*;
use std::fs;
use std::path::{
    Path,
    PathBuf, //
};
use std::sync::OnceLock;

/// Bytes of which a share of `plain` in 256 does not compress.
fn content(seed: u64, len: usize, plain: u8) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u32
    };
    let mut bytes = Vec::with_capacity(len + 600);
    while bytes.len() < len {
        let random = next();
        let run = (random >> 8) as usize % 600 + 1;
        if (random as u8) < plain {
            bytes.extend((0..run).map(|_| next() as u8));
        } else {
            bytes.extend(
                format!("{} is a word ", random & 0xff00)
                    .repeat(run / 16 + 1)
                    .bytes(),
            );
        }
    }
    bytes.truncate(len);
    bytes
}

/// Files for every sort of extent.
fn tree() -> &'static Path {
    static TREE: OnceLock<PathBuf> = OnceLock::new();
    TREE.get_or_init(|| {
        clean_up();
        let tree = folder().join("compressed");
        fs::create_dir_all(&tree).unwrap();
        let put = |name: &str, bytes: &[u8]| write(&tree.join(name), bytes);
        for size in [
            1, 100, 511, 513, 3000, 4095, 4096, 4097, 8192, 12289, 20_000, 70_001,
        ] {
            put(&format!("text {size}"), &content(size as u64, size, 0));
            put(&format!("some {size}"), &content(size as u64, size, 128));
            put(&format!("noise {size}"), &content(size as u64, size, 255));
        }
        put("mixed", &content(1, 1_500_000, 100));
        put("text", &content(2, 1_000_003, 5));
        put("noise", &content(3, 300_000, 255));
        put("zeros", &vec![0; 700_000]);
        // Noise and text in turn, for plain extents that begin anywhere.
        let turns =
            (0..60).map(|turn| content(turn, 9000 + turn as usize * 77, turn as u8 % 2 * 255));
        put("turns", &turns.collect::<Vec<_>>().concat());
        // The same more than once, and not at the same place of a block.
        let again = content(1, 1_500_000, 100);
        put("again", &again[100_001..900_000]);
        put(
            "again and again",
            &[&again[..250_000], &again[..77_777], &again[..250_000]].concat(),
        );
        tree
    })
}

/// Decodes a block of LZ4 until there are `want` bytes; and the number of bytes that are left.
fn lz4(mut input: &[u8], want: usize) -> Option<(Vec<u8>, usize)> {
    fn more(input: &mut &[u8], nibble: u8) -> Option<usize> {
        let mut len = usize::from(nibble);
        while len >= 15 && (len - 15) % 255 == 0 {
            let (byte, rest) = input.split_first()?;
            *input = rest;
            len += usize::from(*byte);
            if *byte != 255 {
                break;
            }
        }
        Some(len)
    }
    let mut out = Vec::with_capacity(want);
    while out.len() < want {
        let (token, rest) = input.split_first()?;
        input = rest;
        let len = more(&mut input, token >> 4)?;
        out.extend(input.get(..len)?);
        input = &input[len..];
        if out.len() >= want || input.is_empty() {
            break;
        }
        let (offset, rest) = input.split_first_chunk::<2>()?;
        input = rest;
        let from = out
            .len()
            .checked_sub(usize::from(u16::from_le_bytes(*offset)))?;
        let len = more(&mut input, token & 15)? + 4;
        for at in from..from + len {
            out.push(*out.get(at)?);
        }
    }
    out.truncate(want);
    (out.len() == want).then_some((out, input.len()))
}

/// What was met in an image.
#[derive(Clone, Copy, Default, Debug)]
struct Met {
    compact: usize,
    full: usize,
    shifted: usize,
    interlaced: usize,
    lz4: usize,
    large: usize,
    inline: usize,
    fragments: usize,
    partial: usize,
}

fn zip_map(reader: &Reader, nid: Nid, packed_size: Option<u64>) -> Result<ZipMap> {
    let inode = reader.inode(nid)?;
    let zip = ZipInode::new(&inode, &reader.sb, nid, packed_size).ok_or("not compressed")?;
    zip.load(&reader).map_err(text)
}

/// The bytes of an extent from its start on.
fn decode(reader: &Reader, packed: &[u8], met: &mut Met, extent: &ZipExtent) -> Result<Vec<u8>> {
    let len = extent.len as usize;
    let (input, encoding) = match extent.at {
        ZipPlacement::Hole => return Ok(vec![0; len]),
        ZipPlacement::Fragment { pos } => {
            met.fragments += 1;
            let start = pos.get() as usize;
            return Ok(packed
                .get(start..start + len)
                .ok_or("no fragment")?
                .to_vec());
        }
        ZipPlacement::Device { pos, len, encoding } => {
            met.large += usize::from(len > reader.sb.block_bits.size());
            let bytes = reader.bytes(DeviceId::PRIMARY, pos, len.into())?;
            (bytes, encoding)
        }
        ZipPlacement::Inline { pos, len, encoding } => {
            met.inline += 1;
            let MetaPos::Image(pos) = pos else {
                return Err("in the metabox".into());
            };
            let bytes = reader.bytes(DeviceId::PRIMARY, pos, len.into())?;
            (bytes, encoding)
        }
    };
    met.partial += usize::from(extent.partial);
    match encoding {
        Encoding::Shifted => {
            met.shifted += 1;
            Ok(input[..len].to_vec())
        }
        Encoding::Interlaced => {
            met.interlaced += 1;
            let block = u64::from(reader.sb.block_bits.size());
            let turned = (block - extent.start.get() % block) as usize;
            let (rest, first) = input.split_at(input.len() - turned);
            Ok([first, rest].concat()[..len].to_vec())
        }
        Encoding::Lz4 => {
            met.lz4 += 1;
            let zeros = input.iter().take_while(|byte| **byte == 0).count();
            let (bytes, left) = lz4(&input[zeros..], len).ok_or("bad LZ4")?;
            if extent.whole && !extent.partial && left != 0 {
                return Err(format!("{left} bytes are left of {extent:?}"));
            }
            Ok(bytes)
        }
        other => Err(format!("no decoder of {other:?}")),
    }
}

/// The extents of a file, one after the other.
fn extents(reader: &Reader, map: &ZipMap, want: Want) -> Result<Vec<ZipExtent>> {
    let mut extents: Vec<ZipExtent> = Vec::new();
    let mut pos = 0;
    while let Some(extent) = map.map(FilePos::new(pos), want, &reader).map_err(text)? {
        let start = extent.start.get();
        match extents.last() {
            Some(last) if !last.whole && last.start == extent.start => {}
            _ => assert_eq!(start, pos),
        }
        assert!(start <= pos && pos < start + extent.len);
        assert!(want == Want::Asked || extent.whole);
        pos = start + extent.len;
        extents.push(extent);
    }
    assert_eq!(pos, map.size());
    Ok(extents)
}

fn read(reader: &Reader, nid: Nid, packed: Option<&[u8]>, met: &mut Met) -> Result<Vec<u8>> {
    let inode = reader.inode(nid)?;
    match inode.layout {
        Layout::CompressedFull { .. } => met.full += 1,
        Layout::CompressedCompact { .. } => met.compact += 1,
        _ => return reader.read(&reader.map(&inode, nid)?, 0, inode.size),
    }
    let map = zip_map(reader, nid, packed.map(|packed| packed.len() as u64))?;
    let mut content = Vec::new();
    for extent in extents(reader, &map, Want::Whole)? {
        let bytes = decode(reader, packed.unwrap_or(&[]), met, &extent)?;
        // What is known from any byte of it fits in.
        for pos in [0, 1, 511, 4096, 5000, 8191, extent.len / 2, extent.len - 1] {
            let pos = FilePos::new(extent.start.get() + pos.min(extent.len - 1));
            let asked = map.map(pos, Want::Asked, &reader).map_err(text)?.unwrap();
            assert_eq!(asked.start, extent.start);
            assert_eq!((asked.at, asked.partial), (extent.at, extent.partial));
            assert!(asked.len <= extent.len && asked.start.get() + asked.len > pos.get());
            assert!(!asked.whole || asked.len == extent.len);
            for want in [Want::Whole, Want::Report] {
                assert_eq!(map.map(pos, want, &reader).map_err(text)?, Some(extent));
            }
        }
        content.extend(bytes);
    }
    extents(reader, &map, Want::Asked)?;
    Ok(content)
}

/// Makes an image, and compares it if it is one of LZ4.
fn check(name: &str, options: &[&str]) -> Met {
    let reader = Reader::new(make(name, &[&["-x-1"], options].concat(), tree())).unwrap();
    let available = Algorithms::ALL;
    let configs = ZipConfigs::read(&reader.sb, available, &&reader).unwrap();
    let mut met = Met::default();
    let lz4 = configs.lz4.is_some();
    let packed = match reader.sb.packed_nid {
        Some(nid) if lz4 => Some(read(&reader, nid, None, &mut met).unwrap()),
        Some(nid) => Some(vec![0; reader.inode(nid).unwrap().size as usize]),
        None => None,
    };
    let root = reader.sb.root_nid;
    let mut count = 0;
    for (file, nid, d_type) in reader.list(&reader.inode(root).unwrap(), root).unwrap() {
        if d_type != 8 {
            continue;
        }
        count += 1;
        let path = tree().join(String::from_utf8(file).unwrap());
        let what = format!("{name}: {}", path.display());
        if lz4 {
            let content = read(&reader, nid, packed.as_deref(), &mut met);
            let content = content.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(
                content == fs::read(&path).unwrap(),
                "{what}: another content"
            );
        } else if let Ok(map) = zip_map(
            &reader,
            nid,
            packed.as_ref().map(|packed| packed.len() as u64),
        ) {
            for want in [Want::Asked, Want::Whole, Want::Report] {
                extents(&reader, &map, want).unwrap_or_else(|error| panic!("{what}: {error}"));
            }
        }
    }
    assert_eq!(count, fs::read_dir(tree()).unwrap().count());
    met
}

#[test]
fn lz4_images_are_what_went_in() {
    for block in ["512", "4096"] {
        let size = format!("-b{block}");
        let check = |name: &str, options: &[&str]| {
            let name = format!("lz4.{block}.{name}");
            let options = [&[&size[..], "-zlz4"], options].concat();
            check(&name, &options)
        };
        let met = [
            ("usual", &[][..]),
            ("large", &["-C65536"]),
            ("tail", &["-Eztailpacking"]),
            ("tail.large", &["-Eztailpacking", "-C32768"]),
            ("fragments", &["-Efragments", "-C16384"]),
            ("fragments.all", &["-Eall-fragments"]),
            ("dedupe", &["-Ededupe", "-C8192"]),
            ("all", &["-Eall-fragments,dedupe,ztailpacking", "-C65536"]),
        ]
        .map(|(name, options)| check(name, options));
        let [usual, large, tail, large_tail, fragments, all_fragments, dedupe, all] = met;
        assert!(usual.compact > 0 && usual.full == 0 && usual.lz4 > 0 && usual.shifted > 0);
        assert!(large.compact > 0 && large.large > 0);
        assert!(fragments.fragments > 0 && fragments.interlaced > 0);
        assert!(all_fragments.fragments > 30 && all_fragments.full > 0);
        assert!(dedupe.full > 0 && dedupe.partial > 0);
        assert!(all.full > 0 && all.fragments > 30);
        // Too little is left of small blocks.
        if block == "4096" {
            assert!(usual.large == 0 && tail.inline > 0);
            assert!(large_tail.inline > 0 && large_tail.large > 0);
        }
    }
}

#[test]
fn extents_of_other_algorithms() {
    for algorithm in ["lzma", "deflate", "zstd"] {
        let zip = format!("-z{algorithm}");
        check(&format!("{algorithm}.large"), &[&zip, "-C262144"]);
        check(
            &format!("{algorithm}.all"),
            &[&zip, "-Eall-fragments,dedupe,ztailpacking", "-C65536"],
        );
    }
}
