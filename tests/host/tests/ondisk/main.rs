// SPDX-License-Identifier: GPL-2.0

//! Tests of `src/ondisk`, a module for each of its modules, and for whole images.

mod attributes;
mod build;
mod chunk;
mod compressed;
mod device;
mod dirent;
mod image;
mod inode;
mod map;
mod metadata;
mod mkfs;
mod prefix;
mod reader;
mod superblock;
mod units;
mod view;
mod xattr;
mod xattr_entries;
mod xattr_image;
mod xxhash;
mod zip;
