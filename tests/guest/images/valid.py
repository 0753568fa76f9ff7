# SPDX-License-Identifier: GPL-2.0
"""Images of plain trees: block sizes, kinds of inodes, fields of the superblock."""

import os

from disk import FLAT_INLINE, Image
from maker import Maker


def matrix(m):
    for bs in (512, 1024, 2048, 4096):
        for inodes in ("compact", "extended"):
            for data, option in (("inline", ""), ("plain", ",noinline_data")):
                name = f"b{bs}-{inodes}-{data}"
                notes = [] if name in ("b4096-extended-inline", "b512-compact-plain") else ["layout"]
                times = []
                if inodes == "extended":
                    times.append("--mkfs-time")
                else:
                    notes.append("mtime")
                m.make(name, "all-kinds", f"-b{bs}", f"-Eforce-inode-{inodes}{option}", *times, notes=notes)
        m.make(f"b{bs}-large", "large", f"-b{bs}", "--mkfs-time", notes=["light"])


def features(m):
    """Those that change the superblock or what is in it, and no more."""
    kept = "--mkfs-time"
    m.make("mixed-inodes", "small", kept)
    m.make("no-checksum", "small", kept, "-Enosbcrc")
    m.make("label", "small", kept, "-Lfifteen letters")
    m.make("nil-uuid", "small", kept, "-U00000000-0000-0000-0000-000000000000")
    m.make("no-xattrs", "all-kinds", kept, "-x-1", notes=["layout", "xattr"])
    m.make("aligned", "small", kept, "--dsunit=16", "-Enoinline_data")
    m.make("empty-root", "empty", kept)
    # mkfs ends every label with a zero byte.
    m.make("label-full", "small", kept)
    image = Image(m.path("label-full"))
    image.sb.volume_name = b"sixteen letters."
    image.seal()
    image.save(m.path("label-full"))

    # mkfs gives none to images of blocks this small.
    for bs in (512, 1024):
        name = f"checksum-b{bs}"
        m.make(name, "small", kept, f"-b{bs}")
        image = Image(m.path(name))
        image.sb.feature_compat |= 1
        image.seal()
        image.save(m.path(name))


def trim(path):
    """Cuts the zeros off an image's end, but none of an inode's own: the new size."""
    image = Image(path)
    ends = [inode.inline for inode in image.inodes(image.root())]
    length = max(len(image.data.rstrip(b"\0")), *ends)
    os.truncate(path, length)
    return length


def partial(m):
    """Images whose file ends within a block, or within a page, all data being there.

    The C driver reads whole pages of metadata and whole blocks of data from a
    file, and fails where the file ends within one. A block device ends at a
    sector: a cut inside of one is for files only.
    """
    kept = "--mkfs-time"
    for bs in (512, 4096):
        for data, option in (("inline", []), ("plain", ["-Enoinline_data"])):
            name = f"trimmed-b{bs}-{data}"
            m.mkfs(name, "small", f"-b{bs}", kept, *option)
            size = trim(m.path(name))
            assert size % 512, f"{name} ends at a sector: choose other sizes of files"
            m.list(name, "small", notes=["file-c", "no-block"])
    for tree in ("empty", "small", "all-kinds"):
        name = f"odd-b512-{tree}"
        m.mkfs(name, tree, "-b512", kept)
        assert os.path.getsize(m.path(name)) % 4096, f"{name} ends at a page: choose other sizes of files"
        m.list(name, tree, notes=["layout", "file-c"])


def offsets(m):
    """Images within a larger file, with other bytes before and after them."""
    for bs, offset in ((4096, 4096), (4096, 7 << 20), (512, 4608), (1024, 9216), (512, 3072), (1024, 3072), (512, 3584)):
        name = f"offset-b{bs}-{offset}"
        m.mkfs(name, "small", f"-b{bs}", "--mkfs-time")
        with open(m.path(name), "rb+") as f:
            image = f.read()
            f.seek(0)
            # The superblock of nothing, where a driver would look that forgot the offset.
            f.write(b"\xa5" * offset + image + b"\x5a" * 8192)
        # Of a block device, the C driver has the page of the image's start, and
        # looks for the superblock there even if it is in the next.
        beyond = offset % 4096 >= 3072
        m.list(name, "small", options=f"fsoffset={offset}", notes=["block-c"] if beyond else [])


def nest(m):
    """nest.erofs, not in LIST: an image with an image in it, inner.erofs."""
    source = os.path.join(m.trees, "nest")
    os.mkdir(source)
    Maker(m.trees, source).mkfs("inner", "small", "--mkfs-time")
    m.mkfs("nest", "nest")


def far(m):
    """far-nid.erofs, not in LIST: a file and a directory whose inodes are 128 GiB further on, in far-nid.tail."""
    m.mkfs("far-nid", "small", "--mkfs-time", "-Eforce-inode-extended")
    image = Image(m.path("far-nid"))
    tail = bytearray(2 * image.bs)
    beyond = 1 << 37
    for n, name in enumerate(("dir/empty", "file-10000")):
        inode, entry = image.inode(name), image.entry(name)
        end = inode.inline + (inode.size % image.bs if inode.layout == FLAT_INLINE else 0)
        assert end - inode.offset <= image.bs
        tail[image.bs * n : image.bs * n + end - inode.offset] = image.data[inode.offset : end]
        entry.nid = (beyond + image.bs * n - image.sb.meta_blkaddr * image.bs) // 32
    image.seal()
    image.save(m.path("far-nid"))
    with open(os.path.join(m.to, "far-nid.tail"), "wb") as f:
        f.write(tail)


def make(m):
    matrix(m)
    features(m)
    partial(m)
    offsets(m)
    nest(m)
    far(m)
    m.finish()
