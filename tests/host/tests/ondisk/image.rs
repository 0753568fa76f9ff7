// SPDX-License-Identifier: GPL-2.0

//! Images made by mkfs.erofs, read with nothing but `ondisk` and compared with what went in.

use super::mkfs::*;
use super::reader::*;
use ondisk_tests::ondisk::device::total_blocks;
use ondisk_tests::ondisk::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{
    chown,
    symlink,
    FileExt,
    FileTypeExt,
    MetadataExt,
    PermissionsExt, //
};
use std::os::unix::net::UnixListener;
use std::path::{
    Path,
    PathBuf, //
};
use std::process::Command;
use std::sync::OnceLock;

/// A deterministic file content.
fn content(seed: usize, len: usize) -> Vec<u8> {
    let mut state = seed as u32 + 1;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(next).collect()
}

/// A tree of everything that an uncompressed image without extended attributes can hold.
fn tree() -> &'static Path {
    static TREE: OnceLock<PathBuf> = OnceLock::new();
    TREE.get_or_init(|| {
        clean_up();
        let tree = folder().join("tree");
        fs::create_dir_all(&tree).unwrap();

        // Sizes around those of blocks and of what fits behind an inode.
        let sizes = tree.join("sizes");
        fs::create_dir(&sizes).unwrap();
        for block in [512, 1024, 2048, 4096] {
            for size in [
                block - 65,
                block - 64,
                block - 32,
                block - 1,
                block,
                block + 1,
            ] {
                write(&sizes.join(size.to_string()), &content(size, size));
                let size = size + 3 * 4096;
                write(&sizes.join(size.to_string()), &content(size, size));
            }
        }
        for size in [0, 1, 2, 100, 1_000_000] {
            write(&sizes.join(size.to_string()), &content(size, size));
        }

        // Holes, and the same content more than once.
        let sparse = tree.join("sparse");
        fs::create_dir(&sparse).unwrap();
        fs::File::create(sparse.join("nothing"))
            .unwrap()
            .set_len(100_001)
            .unwrap();
        for size in [50_000, 65_536] {
            let bytes = content(size, size);
            let file = fs::File::create(sparse.join(size.to_string())).unwrap();
            file.write_all_at(&bytes, 16384).unwrap();
            file.set_len(200_000).unwrap();
        }
        let mut twice = content(7, 20_000);
        twice.resize(40_960, 0);
        twice.extend_from_within(..);
        write(&sparse.join("twice"), &twice);

        // Directories of many blocks and of few, with names of all lengths and bytes.
        let many = tree.join("many");
        fs::create_dir(&many).unwrap();
        for index in 0..2000 {
            write(&many.join(format!("entry number {index}")), b"");
        }
        let names = tree.join("names with \u{fc}ml\u{e4}uts");
        fs::create_dir(&names).unwrap();
        for len in 1..=255 {
            write(&names.join("x".repeat(len)), &content(len, len));
        }
        for byte in (1..=255u8).filter(|byte| !b"/.x".contains(byte)) {
            fs::create_dir(names.join(OsStr::from_bytes(&[byte]))).unwrap();
        }
        let mut deep = tree.clone();
        for level in 0..30 {
            deep = deep.join(format!("level {level}"));
            fs::create_dir(&deep).unwrap();
        }

        // Links.
        let links = tree.join("links");
        fs::create_dir(&links).unwrap();
        for len in (1..20).chain([100, 400, 447, 448, 480, 512, 1000, 2000, 3000, 4000, 4095]) {
            let target: String = "target/".chars().cycle().take(len).collect();
            symlink(target, links.join(format!("to {len}"))).unwrap();
        }
        for name in ["one", "two", "three"] {
            fs::hard_link(sizes.join("1000000"), links.join(name)).unwrap();
        }

        // Nothing but attributes.
        let special = tree.join("special");
        fs::create_dir(&special).unwrap();
        let mknod = |name: &str, what: &[&str]| {
            let made = Command::new("mknod")
                .arg(special.join(name))
                .args(what)
                .status();
            assert!(made.unwrap().success());
        };
        mknod("fifo", &["p"]);
        mknod("null", &["c", "1", "3"]);
        mknod("large", &["b", "259", "1048575"]);
        // A path that is short enough for a socket.
        let here = std::env::current_dir().unwrap();
        std::env::set_current_dir(&special).unwrap();
        UnixListener::bind("socket").unwrap();
        std::env::set_current_dir(here).unwrap();
        for (mode, owner) in [
            (0o000, 1),
            (0o644, 65535),
            (0o4755, 65536),
            (0o1777, 4_000_000_000),
        ] {
            let path = special.join(format!("mode {mode:o}"));
            write(&path, b"content");
            chown(&path, Some(owner), Some(owner / 2)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        tree
    })
}

/// An image of the tree without extended attributes.
fn image(name: &str, options: &[&str]) -> Vec<u8> {
    make(name, &[&["-x-1"], options].concat(), tree())
}

/// Which sorts of layouts and inodes were met.
#[derive(Default)]
struct Met {
    plain: usize,
    inline: usize,
    chunks: usize,
    holes: usize,
    on_devices: usize,
    compact: usize,
    extended: usize,
    fast_links: usize,
    slow_links: usize,
    straddling: usize,
}

fn compare(reader: &Reader, met: &mut Met, path: &Path, nid: Nid, parent: Nid) {
    let what = path.display();
    let inode = reader
        .inode(nid)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let meta = fs::symlink_metadata(path).unwrap();
    let pos = reader.position(nid).unwrap();
    let bits = reader.sb.block_bits;
    assert_eq!(u32::from(inode.mode), meta.mode(), "{what}");
    assert_eq!((inode.uid, inode.gid), (meta.uid(), meta.gid()), "{what}");
    match inode.layout {
        Layout::FlatPlain { .. } => met.plain += 1,
        // Directories and links stay so whatever mkfs.erofs is told.
        Layout::FlatInline { .. } if inode.kind == FileKind::Regular => met.inline += 1,
        Layout::FlatInline { .. } => {}
        Layout::Chunk { .. } => met.chunks += 1,
        other => panic!("{what}: {other:?}"),
    }
    if inode.inode_size == 64 {
        assert_eq!(
            (inode.mtime, i64::from(inode.mtime_nsec)),
            (meta.mtime(), meta.mtime_nsec()),
            "{what}"
        );
        met.extended += 1;
        if bits.offset_in(pos) + 64 > bits.size() {
            met.straddling += 1;
        }
    } else {
        met.compact += 1;
    }
    if inode.kind != FileKind::Directory {
        assert_eq!(u64::from(inode.nlink), meta.nlink(), "{what}");
    }
    // Linux's encoding of device numbers: 8 bits, then 12, then 12.
    let rdev = |number: u32| {
        let major = (number >> 8) & 0xfff;
        let minor = (number & 0xff) | ((number >> 12) & !0xff);
        ((u64::from(major)) << 8) | u64::from(minor & 0xff) | (u64::from(minor & !0xff) << 12)
    };
    let kind = meta.file_type();
    match inode.kind {
        FileKind::Directory => {
            assert!(kind.is_dir(), "{what}");
            compare_directory(reader, met, path, &inode, nid, parent);
        }
        FileKind::Regular => {
            assert_eq!(inode.size, meta.len(), "{what}");
            assert_eq!(
                inode.sectors(bits),
                meta.len().next_multiple_of(u64::from(bits.size())) / 512
            );
            let map = reader.map(&inode, nid).unwrap();
            let read = reader.read(&map, 0, u64::MAX).unwrap();
            if let Some(extent) = map.map(reader, FilePos::ZERO, 1).unwrap() {
                match extent.at {
                    Placement::Hole => met.holes += 1,
                    Placement::Device { id, .. } if id != DeviceId::PRIMARY => met.on_devices += 1,
                    _ => {}
                }
            }
            assert!(read == fs::read(path).unwrap(), "{what}: another content");
        }
        FileKind::Symlink => {
            if inode.fast_symlink(MetaPos::Image(pos), bits).is_some() {
                met.fast_links += 1;
            } else {
                met.slow_links += 1;
            }
            let target = reader.target(&inode, nid).unwrap();
            assert_eq!(
                target,
                fs::read_link(path).unwrap().as_os_str().as_bytes(),
                "{what}"
            );
        }
        FileKind::CharDevice(number) => {
            assert!(kind.is_char_device(), "{what}");
            assert_eq!(rdev(number), meta.rdev(), "{what}");
        }
        FileKind::BlockDevice(number) => {
            assert!(kind.is_block_device(), "{what}");
            assert_eq!(rdev(number), meta.rdev(), "{what}");
        }
        FileKind::Fifo => assert!(kind.is_fifo(), "{what}"),
        FileKind::Socket => assert!(kind.is_socket(), "{what}"),
    }
}

fn compare_directory(
    reader: &Reader,
    met: &mut Met,
    path: &Path,
    inode: &Inode,
    nid: Nid,
    parent: Nid,
) {
    let what = path.display();
    let mut expected = BTreeMap::new();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        let d_type = if kind.is_dir() {
            4
        } else if kind.is_symlink() {
            10
        } else if kind.is_fifo() {
            1
        } else if kind.is_char_device() {
            2
        } else if kind.is_block_device() {
            6
        } else if kind.is_socket() {
            12
        } else {
            8
        };
        expected.insert(entry.file_name().as_bytes().to_vec(), d_type);
    }
    expected.insert(b".".to_vec(), 4);
    expected.insert(b"..".to_vec(), 4);

    let listed = reader.list(inode, nid).unwrap();
    let types = listed
        .iter()
        .map(|(name, _, d_type)| (name.clone(), *d_type));
    assert_eq!(
        types.collect::<Vec<_>>(),
        expected.into_iter().collect::<Vec<_>>(),
        "{what}"
    );
    for (name, child, _) in &listed {
        assert_eq!(reader.look_up(inode, nid, name), Ok(Some(*child)), "{what}");
        for absent in [
            [name, &b"\x01"[..]].concat(),
            [&name[..name.len() - 1], b"~~"].concat(),
        ] {
            let expected = listed.iter().find(|(name, ..)| *name == absent);
            assert_eq!(
                reader.look_up(inode, nid, &absent),
                Ok(expected.map(|(_, nid, _)| *nid)),
                "{what}"
            );
        }
        match &name[..] {
            b"." => assert_eq!(*child, nid, "{what}"),
            b".." => assert_eq!(*child, parent, "{what}"),
            _ => compare(
                reader,
                met,
                &path.join(OsStr::from_bytes(name)),
                *child,
                nid,
            ),
        }
    }
}

#[test]
fn images_are_what_went_in() {
    for block in ["512", "1024", "2048", "4096"] {
        for (index, options) in [
            &[][..],
            &["-Enoinline_data"],
            &["-Eforce-inode-extended"],
            &[
                "-Eforce-inode-compact",
                "-T1700000000",
                "--force-uid=7",
                "--force-gid=8",
            ],
            &[
                "-Enosbcrc",
                "-Lvolume",
                "-U00112233-4455-6677-8899-aabbccddeeff",
            ],
        ]
        .into_iter()
        .enumerate()
        {
            let size = format!("-b{block}");
            let options = [&[&size[..]], options].concat();
            let image = image(&format!("{block}.{index}"), &options);
            let reader = Reader::new(image).unwrap();
            assert_eq!(reader.sb.block_bits.size().to_string(), block);
            let mut met = Met::default();
            let root = reader.sb.root_nid;
            // Other owners than in the tree: only what can be compared is.
            if index == 3 {
                let inode = reader.inode(root).unwrap();
                assert_eq!((inode.uid, inode.gid, inode.inode_size), (7, 8, 32));
                assert_eq!((inode.mtime, inode.mtime_nsec), (1_700_000_000, 0));
                assert_eq!(walk(&reader), Ok(count(tree()) + 1));
                continue;
            }
            compare(&reader, &mut met, tree(), root, root);
            assert!(met.extended > 0);
            match index {
                1 => assert_eq!(met.inline, 0),
                2 => assert_eq!(met.compact, 0),
                _ => assert!(met.plain > 0 && met.inline > 0),
            }
            assert!(met.fast_links > 0);
            if block == "512" {
                assert!(met.slow_links > 0);
            }
            // mkfs.erofs 1.8 makes none for the smallest blocks.
            assert_eq!(
                reader.sb.compat.contains(CompatFeatures::SB_CHKSUM),
                index != 4 && block != "512" && block != "1024"
            );
            if index == 4 {
                assert_eq!(&reader.sb.volume_name[..7], b"volume\0");
                assert_eq!(reader.sb.uuid[..4], [0x00, 0x11, 0x22, 0x33]);
            }
        }
    }
}

#[test]
fn images_in_chunks() {
    for (block, chunk) in [
        ("512", "512"),
        ("1024", "8192"),
        ("4096", "4096"),
        ("4096", "65536"),
    ] {
        for (index, options) in [&[][..], &["force-chunk-indexes"], &["force-inode-blockmap"]]
            .into_iter()
            .enumerate()
        {
            for on_device in [false, true] {
                let name = format!("chunks.{block}.{chunk}.{index}.{on_device}");
                let blob = folder().join(format!("{name}.blob"));
                let mut arguments = vec![format!("-b{block}"), format!("--chunksize={chunk}")];
                arguments.extend(options.iter().map(|option| format!("-E{option}")));
                if on_device {
                    if index == 2 {
                        // A block map knows of no devices.
                        continue;
                    }
                    write(&blob, b"");
                    arguments.push(format!("--blobdev={}", blob.display()));
                }
                let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
                let image = image(&name, &arguments);
                let devices = on_device.then(|| take(&blob));
                let reader = Reader::with_devices(image, Vec::from_iter(devices)).unwrap();
                let mut met = Met::default();
                let root = reader.sb.root_nid;
                compare(&reader, &mut met, tree(), root, root);
                assert!(met.chunks > 100 && met.holes > 0, "{name}");
                assert_eq!(met.on_devices > 0, on_device, "{name}");
                assert_eq!(reader.sb.extra_devices, u16::from(on_device));
                if on_device {
                    let blocks = total_blocks(&reader.sb, &reader.ranges);
                    assert_eq!(blocks, reader.sb.blocks + reader.ranges[0].blocks);
                }
            }
        }
    }
}

/// Tarballs as devices: with them, and with all in one file.
#[test]
fn images_of_tarballs() {
    let mut layers = Vec::new();
    let mut tarballs = Vec::new();
    for (layer, parts) in [&["sizes", "sparse"][..], &["links", "special"], &["many"]]
        .into_iter()
        .enumerate()
    {
        let tarball = folder().join(format!("{layer}.tar"));
        run(Command::new("tar")
            .arg("--exclude=socket")
            .arg("-C")
            .arg(tree())
            .arg("-cf")
            .arg(&tarball)
            .args(parts));
        let image = folder().join(format!("{layer}.erofs"));
        run(Command::new("mkfs.erofs")
            .args(["--quiet", "--tar=i"])
            .args([&image, &tarball]));
        let bytes = fs::read(&image).unwrap();
        let reader = Reader::with_devices(bytes, vec![take(&tarball)]).unwrap();
        compare_layer(&reader, parts);
        tarballs.extend(reader.devices);
        layers.push(image);
    }
    // In one image, which has the metadata only.
    let merged = folder().join("merged.erofs");
    run(Command::new("mkfs.erofs")
        .args(["--quiet", "--aufs"])
        .arg(&merged)
        .args(&layers));
    let reader = Reader::with_devices(take(&merged), tarballs).unwrap();
    assert_eq!(reader.ranges.len(), 3);
    let all = ["sizes", "sparse", "links", "special", "many"];
    compare_layer(&reader, &all);
    let reader = Reader::new(reader.flat()).unwrap();
    compare_layer(&reader, &all);
}

/// Compares the contents of the regular files in some folders of the tree.
fn compare_layer(reader: &Reader, parts: &[&str]) {
    let child = |nid: Nid, name: &OsStr| {
        let inode = reader.inode(nid).unwrap();
        let found = reader.look_up(&inode, nid, name.as_bytes()).unwrap();
        found.unwrap_or_else(|| panic!("no {name:?}"))
    };
    for part in parts {
        let folder = child(reader.sb.root_nid, OsStr::new(part));
        for entry in fs::read_dir(tree().join(part)).unwrap() {
            let entry = entry.unwrap();
            if !entry.file_type().unwrap().is_file() {
                continue;
            }
            let nid = child(folder, &entry.file_name());
            let inode = reader.inode(nid).unwrap();
            let map = reader.map(&inode, nid).unwrap();
            let content = reader.read(&map, 0, u64::MAX);
            assert!(
                content.as_ref() == Ok(&fs::read(entry.path()).unwrap()),
                "{}: {:?}",
                entry.path().display(),
                content.map(|content| content.len())
            );
        }
    }
}

/// The number of names in a tree.
fn count(path: &Path) -> usize {
    fs::read_dir(path)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            1 + if entry.file_type().unwrap().is_dir() {
                count(&entry.path())
            } else {
                0
            }
        })
        .sum()
}

/// Reads all that can be reached; the number of inodes by their names. Ends even if the image is
/// damaged.
fn walk(reader: &Reader) -> Result<usize> {
    let mut todo = vec![(reader.sb.root_nid, 0)];
    let mut count = 0;
    let mut first_error = Ok(());
    while let Some((nid, depth)) = todo.pop() {
        count += 1;
        if count > 10_000 || depth > 64 {
            return Err("endless".into());
        }
        let result = (|| -> Result<()> {
            let inode = reader.inode(nid)?;
            match inode.kind {
                FileKind::Directory => {
                    for (name, child, _) in reader.list(&inode, nid)? {
                        if name.len() == 5 {
                            reader.look_up(&inode, nid, &name)?;
                        }
                        if name != b"." && name != b".." {
                            todo.push((child, depth + 1));
                        }
                    }
                }
                FileKind::Regular => {
                    reader.read(&reader.map(&inode, nid)?, 0, u64::MAX)?;
                }
                FileKind::Symlink => {
                    reader.target(&inode, nid)?;
                }
                _ => {}
            }
            Ok(())
        })();
        first_error = first_error.and(result);
    }
    first_error.map(|()| count)
}

/// An image with damage where the metadata is: no panic, no endless loop.
#[test]
fn damaged_images() {
    damage(image("damaged", &["-b1024", "-Enosbcrc"]));
}

#[test]
fn damaged_images_in_chunks() {
    damage(image(
        "chunks",
        &["-b1024", "-Enosbcrc", "--chunksize=1024"],
    ));
}

fn damage(image: Vec<u8>) {
    let first = Reader::new(image.clone()).unwrap();
    assert_eq!(walk(&first), Ok(count(tree()) + 1));
    let mut errors = 0;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    // Mostly in the first blocks, where the superblock, the root and its nearest are.
    let at = prop_oneof![1024usize..1152, 1152usize..32768, 0..image.len()];
    let damage = prop::collection::vec((at, any::<u8>()), 1..200);
    let errors = &mut errors;
    let cell = std::cell::RefCell::new(errors);
    runner
        .run(&damage, |damage| {
            let mut image = image.clone();
            for (at, byte) in damage {
                // Some of the superblock has to be right, or nothing else is looked at.
                if !(1024..1040).contains(&at) && !(1104..1120).contains(&at) {
                    image[at] = byte;
                }
            }
            if !Reader::new(image).is_ok_and(|reader| walk(&reader).is_ok()) {
                **cell.borrow_mut() += 1;
            }
            Ok(())
        })
        .unwrap();
    let errors = **cell.borrow();
    assert!(errors > 20, "the damage does nothing: {errors}");
}

/// An image that ends too early, anywhere: an error, or what is before that.
#[test]
fn truncated_images() {
    let image = image("truncated", &["-b512"]);
    for len in (0..4096).chain((4096..image.len()).step_by(77_777)) {
        if let Ok(reader) = Reader::new(image[..len].to_vec()) {
            let _ = walk(&reader);
        }
    }
}
