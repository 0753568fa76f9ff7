# SPDX-License-Identifier: GPL-2.0
"""Images whose internal inodes or tables are wrong: the packed inode, the metabox inode, the table of
long name prefixes. LIST is as that of broken.py; these images are built, not broken.
"""

import os
import stat
import struct

from builder import (BIT48, CHUNK, FILTER, IN_METABOX, INLINE, LONG, METABOX, PLAIN, PLAIN_PREFIXES, PREFIXES,
                     SHARED_IN_METABOX, USER, Builder, entry, ibody, prefix)

NOWHERE = 0x7FFFFFF
FRAGMENTS = 0x20
ISHARE = 0x20  # compatible
TABLE = [prefix(USER, b"first."), prefix(USER, b"second."), prefix(USER, b"third.")]


class Set:
    def __init__(self, m):
        self.to, self.lines = m.to, []

    def keep(self, name, builder, root, where="access", pattern="-", far=False):
        builder.save(os.path.join(self.to, name + ".erofs"), root, far)
        self.lines.append(f"{name} {where} both {pattern}")


def names():
    return ibody(*(entry(LONG | n, b"name", b"value %d" % n) for n in range(len(TABLE) + 1)), entry(USER, b"short", b"s"))


def fill(b, box=False):
    """What each image has, so that there is something to look at."""
    b.add("file", b"contents\n", INLINE)
    b.add("blocks", b"b" * 5000)
    b.add("named", b"n", INLINE, body=names())
    if box:
        b.add("inside", b"inside\n", INLINE, box=True)
        b.add("inside-named", b"n", INLINE, body=names(), box=True)


def packed(s):
    def one(name, where, pattern="-", incompat=FRAGMENTS, **inode):
        b = Builder()
        fill(b)
        nid = inode.pop("nid", None)
        if nid is None:
            nid = b.add(None, inode.pop("data", b"p" * 5000), inode.pop("layout", PLAIN),
                        inode.pop("mode", stat.S_IFREG | 0o600), **inode)
        b.sb.update(feature_incompat=incompat, packed_nid=nid)
        s.keep(f"packed-{name}", b, b.root(), where, pattern)

    one("right", "access")
    one("nid-zero", "access", nid=0)
    one("nid-nowhere", "mount", nid=NOWHERE)
    one("nid-last", "mount", nid=(1 << 64) - 1)
    # The C driver shifts its bits out, and takes another inode.
    one("nid-high", "refused", nid=1 << 59)
    one("nid-metabox", "mount", nid=METABOX | 36)
    one("not-asked-for", "access", nid=NOWHERE, incompat=0)
    one("mode", "mount", "mode", mode=0)
    one("format", "mount", "format|layout", bits=0x40)
    one("layout", "mount", "layout", layout=5)
    one("size", "mount", "size", size=1 << 63)
    # What is no regular file has no pages that could be read.
    one("directory", "survive", mode=stat.S_IFDIR | 0o755)
    one("link", "survive", mode=stat.S_IFLNK | 0o777)
    one("device", "survive", mode=stat.S_IFCHR | 0o600, data=b"")
    one("chunks-wrong", "access", layout=CHUNK, chunk=0x80)
    one("start-nowhere", "access", start=NOWHERE)


def metabox(s):
    def one(name, where, pattern="-", data=None, far=True, change=None, **inode):
        b = Builder()
        b.metabox()
        fill(b, box=True)
        root = b.root(box=inode.pop("root", False))
        if data is not None:
            b.sb["metabox_nid"] = b.add(None, data, PLAIN, stat.S_IFREG | 0o600)
        if inode:
            whole = b.box.flat()
            b.sb["metabox_nid"] = b.add(None, whole.ljust(4096, b"\0"), inode.pop("layout", PLAIN),
                                        inode.pop("mode", stat.S_IFREG), **inode)
        if change:
            change(b)
        s.keep(f"metabox-{name}", b, root, where, pattern, far)

    def at(nid):
        return lambda b: b.sb.update(metabox_nid=nid)

    def short(b):
        b.extslots = 0
        del b.sb["metabox_nid"]

    def without(b):
        b.sb["feature_incompat"] &= ~IN_METABOX

    one("right", "access")
    one("right-root", "access", root=True)
    one("nid-nowhere", "mount", change=at(NOWHERE))
    one("nid-last", "mount", change=at((1 << 63) - 1))
    one("nid-itself", "mount", change=at(METABOX | 1))
    one("nid-zero", "survive", change=at(0))
    one("superblock-short", "mount", change=short)
    one("no-feature", "access", change=without)
    one("empty", "access", data=b"")
    one("cut", "access", data=b"c" * 100)
    one("zeros", "access", data=bytes(8192))
    one("ones", "access", data=b"\xff" * 8192)
    one("mode", "mount", "mode", mode=0o150000)
    one("layout", "mount", "layout", layout=6)
    one("size", "mount", "size", size=1 << 63)
    one("start-nowhere", "access", start=NOWHERE)
    one("directory", "survive", mode=stat.S_IFDIR | 0o755)
    one("root-cut", "mount", data=b"c" * 40, root=True)

    # An inode in the metabox whose attributes are shared, in the metabox, beyond its end.
    for name, blkaddr, ids in (("shared-beyond", 0, [1 << 20]), ("shared-last", 0, [0xFFFFFFFF]),
                               ("shared-nowhere", 0xFFFFFFFF, [1])):
        b = Builder()
        b.metabox()
        fill(b, box=True)
        b.add("shared", b"s", INLINE, body=ibody(shared=ids), box=True)
        b.sb.update(feature_compat=SHARED_IN_METABOX, xattr_blkaddr=blkaddr)
        s.keep(f"metabox-{name}", b, b.root(), "access", far=True)


def prefixes(s):
    def one(name, where, pattern="-", table=b"".join(TABLE), place="plain", after=0, **sb):
        b = Builder()
        if place == "metabox":
            b.metabox()
        fill(b, box=place == "metabox")
        if place == "packed":
            nid = b.add(None, bytes(40) + table, PLAIN, stat.S_IFREG | 0o600)
            at, compat, incompat = 40, 0, FRAGMENTS
            b.sb["packed_nid"] = nid
        elif place == "metabox":
            nid = b.box.nid(len(table))
            b.box.put(nid * 32, table)
            at, compat, incompat = nid * 32, 0, 0
        else:
            at, compat, incompat = b.alloc(table) * b.bs, PLAIN_PREFIXES, 0
        root = b.root()
        b.sb.update(xattr_prefix_count=len(TABLE), xattr_prefix_start=(at + after) // 4)
        b.sb["feature_compat"] = sb.pop("compat", 0) | compat
        b.sb["feature_incompat"] = b.sb.get("feature_incompat", 0) | PREFIXES | incompat
        b.sb.update(sb)
        s.keep(f"prefixes-{name}", b, root, where, pattern, far=place == "metabox")

    for place in ("plain", "packed", "metabox"):
        note = "-" + place
        one("right" + note, "access", place=place)
        one("count-more" + note, "mount", place=place, xattr_prefix_count=9)
        one("count-last" + note, "mount", place=place, xattr_prefix_count=255)
        one("start-nowhere" + note, "mount", place=place, xattr_prefix_start=0x3FFFFFFF)
        one("start-last" + note, "mount", place=place, xattr_prefix_start=0xFFFFFFFF)
        one("cut" + note, "mount", place=place, table=TABLE[0] + TABLE[1][:5] + b"\xff")
        for length in (0, 257, 0x8000, 0xFFFF):
            wrong = struct.pack("<H", length) + TABLE[1][2:]
            one(f"length-{length}{note}", "mount", "prefix", place=place, table=TABLE[0] + wrong + TABLE[2])
        one("length-1" + note, "access", place=place, table=TABLE[0] + struct.pack("<HBB", 1, USER, 0) + TABLE[2])
        one("length-256" + note, "access", place=place, table=TABLE[0] + prefix(USER, b"x" * 255) + TABLE[2])
        one("shifted" + note, "survive", place=place, after=4)
    one("share-id", "mount", "prefix", compat=ISHARE, ishare_xattr_prefix_id=3)
    one("share-id-none", "mount", "prefix", compat=ISHARE, xattr_prefix_count=0)
    one("share-id-last", "access", compat=ISHARE, ishare_xattr_prefix_id=2)
    one("filtered", "access", compat=FILTER)


def roots(s):
    for name, nid, where in (("nowhere", NOWHERE, "mount"), ("last", (1 << 64) - 1, "mount"),
                             ("metabox", METABOX | 1, "mount"), ("shift", 1 << 59, "refused")):
        b = Builder()
        fill(b)
        b.root()
        s.keep(f"root-wide-{name}", b, nid, where, far=True)
    b = Builder()
    fill(b)
    root = b.root()
    b.sb["feature_incompat"] = BIT48
    b.sb["rootnid_8b"] = 0  # then the narrow field counts
    s.keep("root-wide-zero", b, root)


def make(m):
    s = Set(m)
    for what in (packed, metabox, prefixes, roots):
        what(s)
    with open(os.path.join(s.to, "LIST"), "w", encoding="ascii") as f:
        f.write("\n".join(s.lines) + "\n")
