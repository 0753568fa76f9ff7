// SPDX-License-Identifier: GPL-2.0

//! Extended attributes in images made by mkfs.erofs, compared with what went in.

use super::mkfs::*;
use super::reader::*;
use ondisk_tests::ondisk::xattr::*;
use ondisk_tests::ondisk::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{
    Path,
    PathBuf, //
};
use std::process::Command;
use std::sync::OnceLock;

/// The attributes of a file by their names.
type Attributes = BTreeMap<String, Vec<u8>>;

/// An access control list that says a little more than a mode.
const ACL: [u8; 44] = [
    2, 0, 0, 0, // version
    1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, // owner
    2, 0, 4, 0, 7, 0, 0, 0, // user 7
    4, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, // group
    16, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, // mask
    32, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, // others
];

/// A tree of files with attributes, and which these are.
struct Tree {
    path: PathBuf,
    attributes: BTreeMap<PathBuf, Attributes>,
}

fn tree() -> &'static Tree {
    static TREE: OnceLock<Tree> = OnceLock::new();
    TREE.get_or_init(|| {
        let path = folder().join("attributes");
        fs::create_dir_all(path.join("directory")).unwrap();
        let mut attributes = BTreeMap::new();
        let mut add = |path: &str, these: Vec<(String, Vec<u8>)>| {
            attributes.insert(PathBuf::from(path), Attributes::from_iter(these));
        };
        add(
            "directory",
            vec![
                ("user.of a directory".into(), b"value".to_vec()),
                ("system.posix_acl_default".into(), ACL.to_vec()),
            ],
        );
        add("none", vec![]);
        for index in 0..150usize {
            let mut these = vec![(format!("user.{index}"), vec![index as u8; index])];
            // For many to share.
            if index % 2 == 0 {
                these.push(("trusted.overlay.opaque".into(), b"y".to_vec()));
            }
            if index % 3 == 0 {
                these.push(("security.label".into(), b"a label\0".to_vec()));
                these.push(("trusted.overlay.metacopy".into(), vec![]));
            }
            if index % 5 == 0 {
                these.push(("system.posix_acl_access".into(), ACL.to_vec()));
            }
            if index % 7 == 0 {
                these.push(("user.large".into(), vec![7; 1500]));
            }
            if index % 11 == 0 {
                let name = "x".repeat(100 + index % 150);
                these.push((format!("user.{name}"), vec![b'v'; index * 7]));
            }
            add(&format!("directory/{index}"), these);
        }
        // `setfattr --restore` reads what `getfattr --dump` writes.
        let mut dump = String::new();
        for (file, these) in &attributes {
            if file.as_os_str() != "directory" {
                write(&path.join(file), file.to_str().unwrap().as_bytes());
            }
            writeln!(dump, "# file: {}", file.display()).unwrap();
            for (name, value) in these {
                let name = name.replace(' ', "\\040");
                write!(dump, "{name}=0x").unwrap();
                for byte in value {
                    write!(dump, "{byte:02x}").unwrap();
                }
                writeln!(dump).unwrap();
            }
            writeln!(dump).unwrap();
        }
        let dump_path = folder().join("attributes.dump");
        write(&dump_path, dump.as_bytes());
        run(Command::new("setfattr")
            .current_dir(&path)
            .arg(format!("--restore={}", dump_path.display())));
        Tree { path, attributes }
    })
}

/// The long prefixes of an image.
struct Prefixes(Vec<(u8, Vec<u8>)>);

impl LongPrefixes for Prefixes {
    fn get(&self, index: u8) -> Option<LongPrefix<'_>> {
        let (base, infix) = self.0.get(usize::from(index))?;
        Some(LongPrefix { base: *base, infix })
    }
}

impl Prefixes {
    fn read(reader: &Reader) -> Self {
        match PrefixPlace::new(&reader.sb) {
            None => Self(Vec::new()),
            Some(PrefixPlace::Metadata(pos)) => {
                Self::of(PrefixTable::new(&reader, pos, &reader.sb))
            }
            Some(PrefixPlace::Packed(pos)) => {
                let nid = reader.sb.packed_nid.unwrap();
                let inode = reader.inode(nid).unwrap();
                let map = reader.map(&inode, nid).unwrap();
                let content = Content(reader.read(&map, 0, u64::MAX).unwrap());
                Self::of(PrefixTable::new(&content, pos, &reader.sb))
            }
        }
    }

    fn of<M: Metadata<Error = Text>>(mut table: PrefixTable<'_, M>) -> Self {
        let mut prefixes = Vec::new();
        let mut buffer = [0; LONG_PREFIX_MAX];
        while let Some(prefix) = table.next_prefix(&mut buffer).unwrap() {
            prefixes.push((prefix.base, prefix.infix.to_vec()));
        }
        Self(prefixes)
    }
}

/// The content of a file, a few bytes at a time.
struct Content(Vec<u8>);

struct Piece(Vec<u8>);

impl View for Piece {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get<T: zerocopy::FromBytes>(&self, at: usize) -> Option<T> {
        View::get(&self.0[..], at)
    }
}

impl Metadata for Content {
    type Pos = FilePos;
    type View = Piece;
    type Error = Text;

    fn view(&self, pos: FilePos) -> std::result::Result<Piece, Text> {
        let rest = self.0.get(pos.get() as usize..).unwrap_or(&[]);
        Ok(Piece(rest[..rest.len().min(7)].to_vec()))
    }
}

/// Which sorts of attributes were met.
#[derive(Default)]
struct Met {
    own: usize,
    shared: usize,
    long: usize,
    across_blocks: usize,
    filtered: usize,
    no_acl: usize,
}

fn index_of(name: &str) -> (u8, &[u8]) {
    let of = |namespace: &Namespace| {
        let rest = name.strip_prefix(namespace.prefix())?;
        Some((namespace.index(), rest.as_bytes()))
    };
    Namespace::ALL.iter().find_map(of).unwrap()
}

fn compare(
    reader: &Reader,
    prefixes: &Prefixes,
    met: &mut Met,
    path: &Path,
    expected: &Attributes,
) {
    let what = path.display();
    let mut nid = reader.sb.root_nid;
    for name in path {
        let inode = reader.inode(nid).unwrap();
        let entries = reader.list(&inode, nid).unwrap();
        let entry = entries
            .iter()
            .find(|entry| entry.0 == name.as_encoded_bytes());
        nid = entry.unwrap().1;
    }
    let inode = reader.inode(nid).unwrap();
    let sb = &reader.sb;
    let Some(place) = XattrPlace::new(&inode) else {
        assert!(expected.is_empty(), "{what}");
        return;
    };
    let body = place.read(&reader, sb, nid).unwrap();

    let mut entries = body.entries(&reader, sb, nid, None);
    while let Some(entry) = entries.next_entry().unwrap() {
        *if entry.is_shared {
            &mut met.shared
        } else {
            &mut met.own
        } += 1;
        if let Prefix::Long(_) = entry.prefix {
            met.long += 1;
        }
        if u32::from(entry.value_size) > sb.block_bits.size() {
            met.across_blocks += 1;
        }
    }

    let entries = || body.entries(&reader, sb, nid, None);
    let size = entries().list(prefixes, |_| true, None).unwrap().unwrap();
    let mut list = vec![0; size];
    let used = entries().list(prefixes, |_| true, Some(&mut list)).unwrap();
    assert_eq!(used, Some(size), "{what}");
    let mut names: Vec<_> = list
        .split_inclusive(|byte| *byte == 0)
        .map(|name| String::from_utf8(name[..name.len() - 1].to_vec()).unwrap())
        .collect();
    names.sort();
    assert!(names.iter().eq(expected.keys()), "{what}: {names:?}");

    for (name, value) in expected {
        let (index, rest) = index_of(name);
        let mut entries = entries();
        let entry = entries.find(prefixes, index, rest).unwrap();
        let entry = entry.unwrap_or_else(|| panic!("{what}: no {name}"));
        let mut read = vec![0; entry.value_size.into()];
        entries.copy_value(&entry, &mut read).unwrap();
        assert!(read == *value, "{what}: {name}");
    }
    for absent in [
        "user.",
        "user.none",
        "trusted.overlay.",
        "trusted.overlay.opaqu",
    ]
    .into_iter()
    .chain(
        tree()
            .attributes
            .values()
            .flatten()
            .map(|(name, _)| &name[..]),
    )
    .filter(|name| !expected.contains_key(*name))
    {
        let (index, rest) = index_of(absent);
        let found = entries().find(prefixes, index, rest).unwrap();
        assert_eq!(found, None, "{what}: {absent}");
        if !body.may_have(sb, index, rest) {
            met.filtered += 1;
        }
    }

    let inode = match Inode::position(sb, nid) {
        Some(pos) => (&reader).view(pos).unwrap(),
        None => panic!("{what}"),
    };
    if place.has_no_acl(sb, inode) {
        met.no_acl += 1;
        assert!(!expected.keys().any(|name| name.contains("acl")), "{what}");
    }
}

#[test]
fn attributes_are_what_went_in() {
    let prefixes = ["--xattr-prefix=trusted.overlay.", "--xattr-prefix=user.xxx"];
    for block in ["512", "1024", "4096"] {
        for (index, options) in [
            &[][..],
            &["-x0"],
            &["-x1", "-Eforce-inode-extended"],
            &["-x1000", "-E^xattr-name-filter"],
            &[prefixes[0], prefixes[1]],
            &["-x1", prefixes[0], prefixes[1], "--chunksize=4096"],
        ]
        .into_iter()
        .enumerate()
        {
            let size = format!("-b{block}");
            let name = format!("attributes.{block}.{index}");
            let tree = tree();
            let image = make(&name, &[&[&size[..]], options].concat(), &tree.path);
            let reader = Reader::new(image).unwrap();
            let prefixes = Prefixes::read(&reader);
            let mut met = Met::default();
            for (path, expected) in &tree.attributes {
                compare(&reader, &prefixes, &mut met, path, expected);
            }
            assert_eq!(met.own > 0, index != 1, "{name}");
            assert_eq!(met.shared > 0, index != 3, "{name}");
            assert_eq!(met.long > 0, index >= 4, "{name}");
            assert_eq!(prefixes.0.len(), if index >= 4 { 2 } else { 0 });
            assert_eq!(met.across_blocks > 0, block != "4096", "{name}");
            assert_eq!(met.filtered > 10_000, index != 3, "{name}");
            assert_eq!(met.no_acl > 10, index != 3, "{name}");
        }
    }
}
