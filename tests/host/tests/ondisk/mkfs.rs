// SPDX-License-Identifier: GPL-2.0

//! Images that mkfs.erofs makes of trees, in a folder of this run.

use std::fs;
use std::path::{
    Path,
    PathBuf, //
};
use std::process::Command;

pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(std::process::id().to_string())
}

/// Removes what earlier runs have left.
pub(crate) fn clean_up() {
    for folder in fs::read_dir(env!("CARGO_TARGET_TMPDIR")).unwrap() {
        let folder = folder.unwrap();
        if !Path::new("/proc").join(folder.file_name()).exists() {
            let _ = fs::remove_dir_all(folder.path());
        }
    }
}

/// Runs a command that has to succeed.
pub(crate) fn run(command: &mut Command) {
    let ran = command
        .output()
        .expect("it is not here: tests/host/run goes where it is");
    assert!(
        ran.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

/// The content of a file, which is removed.
pub(crate) fn take(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    bytes
}

/// An image of a tree.
pub(crate) fn make(name: &str, options: &[&str], tree: &Path) -> Vec<u8> {
    let path = folder().join(name);
    run(Command::new("mkfs.erofs")
        .arg("--quiet")
        .args(options)
        .args([&path, tree]));
    take(&path)
}
