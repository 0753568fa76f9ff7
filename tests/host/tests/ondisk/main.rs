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
mod superblock;
mod units;
mod view;
mod xattr;
mod xxhash;
mod zip;
