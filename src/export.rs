// SPDX-License-Identifier: GPL-2.0

//! File handles: they hold nids.

#![forbid(unsafe_code)]

use crate::{
    dir::Directory,
    inode::iget,
    ondisk::Nid,
    super_block::Erofs,
    vfs::{
        export::Export,
        inode::INode,
        super_block::SuperBlock, //
    }, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

impl Export for Erofs {
    fn node(inode: &INode<Self>) -> u64 {
        inode.data().nid().get()
    }

    fn inode(sb: &SuperBlock<Self>, node: u64) -> Result<ARef<INode<Self>>> {
        let nid = Nid::new(node);
        let inode = iget(sb, nid)?;

        // Two nids may make one inode number, if one of them is of no inode.
        if inode.data().nid() != nid {
            return Err(ESTALE);
        }
        Ok(inode)
    }

    fn parent(dir: &INode<Self>) -> Result<ARef<INode<Self>>> {
        let nid = Directory::find(dir, b"..")?.ok_or(ENOENT)?;
        iget(dir.super_block(), nid)
    }
}
