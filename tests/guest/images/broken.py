# SPDX-License-Identifier: GPL-2.0
"""Images that are wrong in one thing each, and LIST, which says in which.

A line of LIST has an image's name, where its error is to show, how it is to be
mounted (file, block, both) and a pattern for the message that has to name the
problem ('-': none needed). Where:
  mount    it must not mount, with the C driver's error
  refused  it must not mount
  access   as with the C driver, whatever that is
  survive  nothing is compared
  alone    the same, and the C driver does not survive it: it is left out
All images are of the tree 'victim'.
"""

import os
import subprocess

from disk import FLAT_INLINE, FLAT_PLAIN, Image

NOWHERE = 0x7FFFFFF  # a node or block far outside of every image here


class Breaker:
    def __init__(self, m):
        self.to, self.lines, self.bases = m.to, [], {}
        for name, options in (("extended-4096", []), ("extended-512", ["-b512"]),
                              ("compact-4096", ["-Eforce-inode-compact"])):
            if name.startswith("extended"):
                options.append("-Eforce-inode-extended")
            m.mkfs(name, "victim", *options)
            self.bases[name] = m.path(name)

    def image(self, base="extended-4096"):
        return Image(self.bases[base])

    def keep(self, name, where, pattern, image, sealed=True, backing="both"):
        if sealed:
            image.seal()
        image.save(os.path.join(self.to, name + ".erofs"))
        self.lines.append(f"{name} {where} {backing} {pattern}")

    def raw(self, name, pattern, data):
        with open(os.path.join(self.to, name + ".erofs"), "wb") as f:
            f.write(data)
        self.lines.append(f"{name} mount both {pattern}")

    def finish(self):
        for path in self.bases.values():
            os.unlink(path)
        with open(os.path.join(self.to, "LIST"), "w", encoding="ascii") as f:
            f.write("\n".join(self.lines) + "\n")


def not_erofs(b):
    whole = bytes(b.image().data)
    b.raw("empty-file", "superblock", b"")
    b.raw("one-byte", "superblock", b"\0")
    b.raw("before-superblock", "superblock", whole[:1000])
    b.raw("within-superblock", "superblock", whole[:1100])
    b.raw("zeros", "superblock", bytes(1 << 20))
    b.raw("text", "superblock", b"This is not an image.\n" * 1000)
    path = os.path.join(b.to, "ext4.erofs")
    with open(path, "wb") as f:
        f.truncate(1 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", path], check=True)
    b.lines.append("ext4 mount both superblock")


def truncated(b):
    image = b.image()
    del image.data[4096:]
    b.keep("truncated-first-block", "access", "-", image)
    for name, size in (("half", lambda i: len(i.data) // 2), ("quarter", lambda i: len(i.data) // 4),
                       ("last-page", lambda i: len(i.data) - 4096), ("before-file", lambda i: i.inode("file").offset)):
        image = b.image("extended-512")
        at = size(image)
        # At a page: within one, the C driver fails for bytes that are there.
        del image.data[at // 4096 * 4096 :]
        b.keep(f"truncated-{name}", "access", "-", image)
        image = b.image("extended-512")
        del image.data[at // 4096 * 4096 + 700 :]
        b.keep(f"truncated-{name}-within-page", "survive", "-", image)


def superblock(b):
    def wrong(name, pattern, sealed=True, base="extended-4096", **fields):
        image = b.image(base)
        for field, value in fields.items():
            setattr(image.sb, field, value)
        b.keep(name, "mount", pattern, image, sealed)

    wrong("magic", "superblock", magic=0xE0F5E1E3)
    wrong("checksum", "checksum", sealed=False, checksum=0)
    wrong("checksum-of-block", "checksum", sealed=False, blocks=12345)
    wrong("checksum-b512", "checksum", sealed=False, base="extended-512", feature_compat=1, checksum=1)
    wrong("incompat-next", "feature", feature_incompat=0x200)
    wrong("incompat-last", "feature", feature_incompat=0x80000000)
    for bits in (0, 8, 13, 16, 31, 64, 255):
        wrong(f"blkszbits-{bits}", "blkszbits", sealed=False, blkszbits=bits)
    wrong("dirblkbits", "dirblkbits", dirblkbits=1)
    wrong("extslots", "sb_extslots|superblock", sb_extslots=255)
    wrong("root-nid-nowhere", "-", root_nid=0xFFFF)
    wrong("meta-nowhere", "-", meta_blkaddr=NOWHERE)
    wrong("meta-last", "-", meta_blkaddr=0xFFFFFFFF)
    image = b.image()
    image.sb.root_nid = image.inode("file").nid
    b.keep("root-nid-file", "mount", "not a directory", image)
    image = b.image()
    image.sb.root_nid = image.inode("link").nid
    b.keep("root-nid-link", "mount", "not a directory", image)
    image = b.image()
    image.root().mode = 0
    b.keep("root-mode", "mount", "mode", image)
    image = b.image()
    image.root().size = 1 << 63
    b.keep("root-size", "mount", "size", image)
    image = b.image()
    image.root().format = 0x8000
    b.keep("root-format", "mount", "format", image)


def inodes(b):
    def wrong(name, path, base="extended-4096", pattern="nid", where="access", **fields):
        image = b.image(base)
        inode = image.inode(path)
        for field, value in fields.items():
            setattr(inode, field, value)
        # The mapping of data to a backing is the same for both kinds of inodes.
        b.keep(f"inode-{name}", where, pattern, image, backing="file" if base.startswith("compact") else "both")

    for base, note in (("extended-4096", ""), ("compact-4096", "-compact")):
        wrong("mode-zero" + note, "file", base, mode=0)
        wrong("mode-bogus" + note, "file", base, mode=0o150644)
        wrong("mode-last" + note, "dir", base, mode=0o170000)
        wrong("format-bit" + note, "file", base, format=b.image(base).inode("file").format | 0x40)
        wrong("layout-five" + note, "file", base, format=b.image(base).inode("file").format & 1 | 5 << 1)
        wrong("layout-seven" + note, "dir", base, format=b.image(base).inode("dir").format & 1 | 7 << 1)
        wrong("compressed" + note, "file", base, format=b.image(base).inode("file").format & 1 | 1 << 1)
        wrong("compressed-compact" + note, "blocks", base,
              format=b.image(base).inode("blocks").format & 1 | 3 << 1)
        wrong("link-empty" + note, "link", base, size=0)
        wrong("start-nowhere" + note, "blocks", base, pattern="-", startblk=NOWHERE)
        wrong("start-last" + note, "blocks", base, pattern="-", startblk=0xFFFFFFFE)
        wrong("dir-start-nowhere" + note, "many", base, pattern="-", startblk=NOWHERE)
        wrong("start-null" + note, "blocks", base, pattern="-", startblk=0xFFFFFFFF)
        wrong("tail-too-long" + note, "tail", base, size=4090)
        wrong("dir-tail-too-long" + note, "dir", base, size=4090)
        wrong("dir-size-zero" + note, "dir", base, pattern="-", size=0)
        wrong("dir-size-one" + note, "dir", base, pattern="-", size=1)
        wrong("dir-size-cut" + note, "dir", base, pattern="-", size=b.image(base).inode("dir").size - 4)
        wrong("dir-size-half" + note, "many", base, pattern="-", size=5000)
        wrong("file-as-dir" + note, "untouched", base, pattern="-", mode=0o40755)
        wrong("dir-as-file" + note, "many", base, pattern="-", mode=0o100644)
        wrong("dir-as-link" + note, "dir", base, pattern="-", mode=0o120777)
        wrong("nlink-zero" + note, "file", base, pattern="-", nlink=0)
        wrong("xattrs-beyond" + note, "xattr", base, pattern="-", xattr_icount=0xFFFF)
    wrong("size-negative", "file", size=1 << 63)
    wrong("size-minus-one", "untouched", size=(1 << 64) - 1)
    # File-backed, a length of 2^63 is negative in C: a read never ends.
    wrong("size-largest", "blocks", pattern="-", where="alone", size=(1 << 63) - 1)
    wrong("size-huge", "blocks", pattern="-", size=1 << 40)
    wrong("dir-size-negative", "dir", size=1 << 63)
    wrong("dir-size-huge", "many", pattern="-", size=1 << 40)
    wrong("link-size-negative", "link", size=1 << 63)
    wrong("link-size-huge", "link", pattern="-", size=1 << 40)
    wrong("long-link-size-page", "long-link", pattern="-", size=4096)
    wrong("long-link-size-more", "long-link", pattern="-", size=10000)
    wrong("nsec", "file", pattern="-", mtime_nsec=4 * 10**9)
    wrong("start-high", "blocks", pattern="-", startblk_hi=0xFFFF)
    wrong("time-last", "file", pattern="-", mtime=(1 << 64) - 1)
    image = b.image()
    inode = image.inode("link")
    image.data[inode.inline + 2] = 0
    b.keep("inode-link-nul", "access", "nid", image)
    image = b.image()
    inode = image.inode("long-link")
    image.data[(inode.inline if inode.layout == FLAT_INLINE else inode.block(0)) + 2] = 0
    b.keep("inode-long-link-nul", "access", "-", image)
    image = b.image("extended-512")
    inode = image.inode("tail")
    assert inode.layout == FLAT_INLINE
    inode.size = 500
    b.keep("inode-tail-too-long-b512", "access", "nid", image)


def entries(b):
    """Directory entries, in a directory of one block and in one of several."""
    for base, path, n, backing in (("extended-4096", "dir", 0, "both"), ("extended-512", "many", 3, "block"),
                                   ("extended-4096", "many", 1, "file")):
        note = f"{path}-{base[9:]}"

        def wrong(name, change, pattern="-"):
            image = b.image(base)
            inode = image.inode(path)
            change(image, inode, image.dirents(inode, n))
            b.keep(f"entry-{name}-{note}", "access", pattern, image, backing=backing)

        def first_nameoff(value):
            return lambda image, inode, e: setattr(e[0], "nameoff", value)

        last = -1
        wrong("first-zero", first_nameoff(0), "nid")
        wrong("first-odd", first_nameoff(13), "nid")
        wrong("first-small", first_nameoff(12))
        wrong("first-beyond", first_nameoff(0xFFFC))
        wrong("first-block", first_nameoff(b.image(base).bs))
        wrong("empty-name", lambda i, d, e: setattr(e[2], "nameoff", e[3].nameoff))
        wrong("backwards", lambda i, d, e: setattr(e[3], "nameoff", e[2].nameoff - 1))
        wrong("long-name", lambda i, d, e: setattr(e[2], "nameoff", e[3].nameoff - 300 & 0xFFFF))
        wrong("beyond-middle", lambda i, d, e: setattr(e[3], "nameoff", i.bs + 12))
        wrong("beyond-last", lambda i, d, e: setattr(e[last], "nameoff", i.bs))
        wrong("far-last", lambda i, d, e: setattr(e[last], "nameoff", 0xFFFF))
        wrong("nul-name", lambda i, d, e: i.data.__setitem__(e[0].block + e[3].nameoff, 0))
        wrong("slash", lambda i, d, e: i.data.__setitem__(e[0].block + e[3].nameoff, ord("/")))
        wrong("unsorted", lambda i, d, e: i.data.__setitem__(e[0].block + e[3].nameoff, 0xFE))
        wrong("duplicate", lambda i, d, e: setattr(e[4], "nid", e[3].nid))
        wrong("nid-nowhere", lambda i, d, e: setattr(e[3], "nid", NOWHERE))
        wrong("nid-last", lambda i, d, e: setattr(e[3], "nid", (1 << 64) - 1))
        wrong("nid-high", lambda i, d, e: setattr(e[3], "nid", 1 << 59))
        wrong("nid-metabox", lambda i, d, e: setattr(e[3], "nid", 1 << 63 | 36))
        wrong("nid-data", lambda i, d, e: setattr(e[3], "nid", e[3].nid + 1))
        wrong("type-wrong", lambda i, d, e: setattr(e[3], "type", 2))
        wrong("type-unknown", lambda i, d, e: setattr(e[3], "type", 200))
        wrong("itself", lambda i, d, e: (setattr(e[3], "nid", d.nid), setattr(e[3], "type", 2)))
        wrong("above", lambda i, d, e: (setattr(e[3], "nid", i.sb.root_nid), setattr(e[3], "type", 2)))
    image = b.image()
    dot = image.dirents(image.inode("dir"), 0)[0]
    dot.nid = NOWHERE
    b.keep("entry-dot", "access", "-", image)
    image = b.image()
    dotdot = image.dirents(image.inode("dir"), 0)[1]
    dotdot.nid = NOWHERE
    b.keep("entry-dotdot", "access", "-", image)
    image = b.image()
    root = image.root()
    assert root.layout in (FLAT_PLAIN, FLAT_INLINE)
    image.dirents(root, 0)[0].nameoff = 0
    b.keep("entry-root-first-zero", "access", "nid", image)


def make(m):
    b = Breaker(m)
    for what in (not_erofs, truncated, superblock, inodes, entries):
        what(b)
    b.finish()
