# SPDX-License-Identifier: GPL-2.0
"""The source trees that the images are made of. The same on every machine."""

import os
import random
import socket
import stat

import devices

ACL_TAGS = {"u": 0x01, "user": 0x02, "g": 0x04, "group": 0x08, "mask": 0x10, "o": 0x20}


def acl(*entries):
    """The value of a POSIX ACL's xattr, from (tag, permissions, id) triples."""
    value = (2).to_bytes(4, "little")
    for tag, permissions, who in entries:
        value += ACL_TAGS[tag].to_bytes(2, "little") + permissions.to_bytes(2, "little")
        value += (0xFFFFFFFF if who is None else who).to_bytes(4, "little")
    return value


class Tree:
    """A directory being filled; finish() sets what filling it disturbed."""

    def __init__(self, root, seed):
        self.root = os.fsencode(root)
        self.random = random.Random(seed)
        self.times = {}
        os.mkdir(self.root)
        os.chmod(self.root, 0o755)
        self.stamp(b"")

    def at(self, path):
        return os.path.join(self.root, os.fsencode(path))

    def bytes(self, size):
        return self.random.randbytes(size)

    def stamp(self, path, ns=None):
        if ns is None:
            ns = self.random.randrange(10**9, 2**31 * 10**9)
        self.times[self.at(path)] = ns

    def dir(self, path, mode=0o755):
        os.mkdir(self.at(path))
        os.chmod(self.at(path), mode)
        self.stamp(path)

    def file(self, path, data=b"", mode=0o644):
        with open(self.at(path), "wb") as f:
            f.write(self.bytes(data) if isinstance(data, int) else data)
        os.chmod(self.at(path), mode)
        self.stamp(path)

    def link(self, path, target):
        os.symlink(os.fsencode(target), self.at(path))
        self.stamp(path)

    def hard(self, path, to):
        os.link(self.at(to), self.at(path))

    def node(self, path, mode, major=0, minor=0):
        os.mknod(self.at(path), mode, os.makedev(major, minor))
        os.chmod(self.at(path), stat.S_IMODE(mode))
        self.stamp(path)

    def socket(self, path):
        # The path of a socket is short; the tree's may be long.
        here = os.open(".", os.O_RDONLY)
        os.chdir(os.path.dirname(self.at(path)))
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(os.path.basename(os.fsencode(path)))
        os.fchdir(here)
        os.close(here)
        os.chmod(self.at(path), 0o640)
        self.stamp(path)

    def xattr(self, path, name, value):
        value = self.bytes(value) if isinstance(value, int) else value
        os.setxattr(self.at(path), name, value, follow_symlinks=False)

    def own(self, path, uid, gid):
        mode = os.lstat(self.at(path)).st_mode
        os.lchown(self.at(path), uid, gid)
        if not stat.S_ISLNK(mode):
            os.chmod(self.at(path), stat.S_IMODE(mode))

    def finish(self):
        for path, ns in sorted(self.times.items(), reverse=True):
            os.utime(path, ns=(ns, ns), follow_symlinks=False)


def sizes_around(*centres):
    return sorted({max(c + d, 0) for c in centres for d in (-1, 0, 1)})


def all_kinds(root):
    """About 400 paths: every kind of inode, in every size that is special."""
    t = Tree(root, "all kinds")

    t.dir("size")
    for size in sizes_around(0, 512, 1024, 1536, 2048, 3072, 4096, 8192, 12288, 65536):
        t.file(f"size/{size}", size)
    t.file("size/large", (1 << 20) + 3)
    t.file("size/zeros", bytes(10000))

    t.dir("link")
    for length in (1, 2, 27, 60, 100, 255, 400, *sizes_around(448, 480, 512, 1024, 2048), 3000, 4000, 4095):
        t.link(f"link/{length}", ("x/" * length)[: length - 1] + "e")
    t.link("link/to-dir", "../size")
    t.link("link/absolute", "/etc/passwd")
    t.link("link/loop", "loop")
    t.link("link/bytes", b"\xff\xfe \n\\end")

    t.dir("special")
    for name, major, minor in (("whiteout", 0, 0), ("null", 1, 3), ("large", 4095, 1048575), ("minor", 1, 65536),
                               ("old", 255, 255), ("edge", 256, 256)):
        t.node(f"special/char-{name}", stat.S_IFCHR | 0o600, major, minor)
        t.node(f"special/block-{name}", stat.S_IFBLK | 0o660, major, minor)
    t.node("special/fifo", stat.S_IFIFO | 0o622)
    t.socket("special/socket")

    t.dir("mode")
    for mode in (0, 0o1, 0o111, 0o444, 0o600, 0o755, 0o1777, 0o2755, 0o4755, 0o6711, 0o7777):
        t.file(f"mode/file-{mode:04o}", b"mode", mode)
        t.dir(f"mode/dir-{mode:04o}", mode)
        t.file(f"mode/dir-{mode:04o}/below", b"")
    for uid, gid in ((0, 1000), (1000, 0), (1000, 1000), (65534, 65534), (65535, 65535)):
        t.file(f"mode/owner-{uid}-{gid}", b"owner", 0o640)
        t.own(f"mode/owner-{uid}-{gid}", uid, gid)
    t.dir("mode/owned", 0o750)
    t.own("mode/owned", 1000, 1000)

    t.dir("time")
    for name, ns in (("epoch", 0), ("nanosecond", 1), ("last", 10**9 - 1), ("2038", 2**31 * 10**9),
                     ("2106", 2**32 * 10**9 + 5), ("far", 2**33 * 10**9 + 123456789)):
        t.file(f"time/{name}", b"time")
        t.stamp(f"time/{name}", ns)

    t.dir("name")
    for name in (b"a b", b"tab\t", b"line\nbreak", b"back\\slash", b"\xff", b"\xc3\xa4", b"\x01", b"~", b"-dash", b"#",
                 b"..dots", b"...", b".hidden", b"n" * 255, b"n" * 254, b"n" * 254 + b"o", b"m" * 128):
        t.file(os.path.join(b"name", name), name)
    for length in range(1, 40):  # each the prefix of the next
        t.file("name/" + "p" * length, b"")

    t.dir("hard")
    t.dir("hard/below")
    for group in range(3):
        t.file(f"hard/{group}", 700 * group)
        for n in range(group + 1):
            t.hard(f"hard/below/{group}-{n}", f"hard/{group}")
    t.node("hard/fifo", stat.S_IFIFO | 0o600)
    t.hard("hard/fifo-too", "hard/fifo")
    t.link("hard/link", "0")
    t.hard("hard/link-too", "hard/link")

    path = "deep"
    for n in range(40):
        t.dir(path)
        if n % 8 == 0:
            t.file(f"{path}/file", n)
        path += "/d"

    t.dir("dir")
    for count in (0, 1, 2, 20, 70):
        t.dir(f"dir/{count}")
        for n in range(count):
            t.file(f"dir/{count}/entry-{n:03}", b"")
    # Directories that end just before, at and after a block's end: '.' and
    # '..' take 27 bytes, a name of 199 bytes and its entry 211.
    for block in (512, 4096):
        for extra in (-1, 0, 1):
            name = f"dir/exact-{block}{extra:+}"
            t.dir(name)
            left = block - 27 + extra
            for n in range(100):
                if left <= 260:
                    break
                t.file(f"{name}/{n:02}".ljust(len(name) + 200, "e"), b"")
                left -= 211
            t.file(f"{name}/z".ljust(len(name) + 1 + left - 12, "z"), b"")

    t.dir("xattr")
    for size in (0, 5, 300, 511, 4000):
        for length in (1, 100, 450, 900, 3000):
            t.file(f"xattr/{size}-{length}", size)
            t.xattr(f"xattr/{size}-{length}", "user.value", length)
    t.dir("xattr/dir")
    t.xattr("xattr/dir", "user.dir", b"value")
    t.xattr("xattr/dir", "trusted.overlay.opaque", b"y")
    t.file("xattr/many", b"many")
    for n in range(30):
        t.xattr("xattr/many", f"user.{n:02}", b"the same for all")
    t.file("xattr/empty-value", b"")
    t.xattr("xattr/empty-value", "user.empty", b"")
    t.link("xattr/link", "many")
    t.xattr("xattr/link", "trusted.link", 300)
    t.node("xattr/fifo", stat.S_IFIFO | 0o600)
    t.xattr("xattr/fifo", "security.label", b"label")
    t.file("xattr/acl", b"acl", 0o640)
    t.xattr("xattr/acl", "system.posix_acl_access",
            acl(("u", 6, None), ("user", 4, 1000), ("g", 4, None), ("mask", 4, None), ("o", 0, None)))
    t.dir("xattr/default-acl")
    t.xattr("xattr/default-acl", "system.posix_acl_default",
            acl(("u", 7, None), ("g", 5, None), ("group", 7, 100), ("mask", 7, None), ("o", 5, None)))
    t.finish()


def large(root):
    """Directories of thousands of entries, files of megabytes, wide ids."""
    t = Tree(root, "large")
    t.dir("many")
    for n in range(2000):
        t.file(f"many/{t.random.randrange(10**6):06}-{n}" + "x" * (n % 30), b"")
    t.dir("long")
    for n in range(150):
        t.file(f"long/{n:03}".ljust(5 + 240 + n % 15, "l"), b"")
    t.file("5M", 5 << 20)
    with open(t.at("sparse"), "wb") as f:
        for at in (0, 1 << 20, (3 << 20) - 100):
            f.seek(at)
            f.write(t.bytes(5000))
    t.stamp("sparse")
    t.file("wide", b"wide")
    t.own("wide", 65536, 2**32 - 2)
    t.finish()


def small(root):
    """A few paths of every kind, for images that are special otherwise."""
    t = Tree(root, "small")
    t.dir("dir")
    for n in range(30):
        t.file(f"dir/entry-{n:02}", n * 7)
    t.dir("dir/empty")
    for size in (0, 10, 511, 512, 513, 1500, 4095, 4096, 4097, 10000, 70000):
        t.file(f"file-{size}", size)
    t.link("link", "dir/entry-01")
    t.link("long-link", "y" * 600)
    t.node("char", stat.S_IFCHR | 0o600, 5, 1)
    t.node("fifo", stat.S_IFIFO | 0o600)
    t.hard("hard", "file-1500")
    t.finish()


def attributes(root):
    """Extended attributes on every kind of inode, of every size, shared and not."""
    t = Tree(root, "attributes")
    for size in (0, 5, 300, 511, 4000):
        for length in (1, 100, 450, 900, 3000):
            t.file(f"{size}-{length}", size)
            t.xattr(f"{size}-{length}", "user.value", length)
    for name, n in (("few", 3), ("many", 30), ("most", 100)):
        t.file(name, name.encode())
        for i in range(n):
            t.xattr(name, f"user.{i:02}", b"the same for all")
    t.file("alone", b"")
    for i in range(20):
        t.xattr("alone", f"trusted.only-here.{i}", i * 7)
    for n in range(12):  # the same in all: shared
        t.file(f"shared-{n}", n * 100)
        t.xattr(f"shared-{n}", "security.selinux", b"system_u:object_r:bin_t:s0\0")
        t.xattr(f"shared-{n}", "user.common", b"c" * 700)
        t.xattr(f"shared-{n}", f"user.own-{n}", 40)
    for n in range(8):
        t.file(f"overlay-{n}", b"")
        t.xattr(f"overlay-{n}", "trusted.overlay.metacopy", b"")
        t.xattr(f"overlay-{n}", "trusted.overlay.redirect", f"/{n:064}".encode())
        t.xattr(f"overlay-{n}", "user.long.prefix.of.many.parts." + "n" * n, b"")
        t.xattr(f"overlay-{n}", "user.long.prefix.of.many.parts.value", n + 1)
        t.xattr(f"overlay-{n}", "user.long.prefix.of.few", b"")
    t.file("names", b"names")
    for length in (1, 2, 27, 100, 200, 250):
        t.xattr("names", "user." + "n" * length, length)
    t.file("empty-value", b"")
    t.xattr("empty-value", "user.empty", b"")
    t.dir("dir")
    t.xattr("dir", "user.dir", b"value")
    t.xattr("dir", "trusted.overlay.opaque", b"y")
    t.link("link", "many")
    t.xattr("link", "trusted.link", 300)
    t.link("long-link", "y" * 700)
    t.xattr("long-link", "trusted.link", 3000)
    for name, mode in (("char", stat.S_IFCHR), ("block", stat.S_IFBLK), ("fifo", stat.S_IFIFO)):
        t.node(name, mode | 0o600, 7, 1)
        t.xattr(name, "security.label", b"label")
    t.file("capable", b"", 0o755)
    t.xattr("capable", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))

    user, none = ("user", 6, 1000), ("user", 0, 1000)
    for name, mode, *entries in (
        ("acl-user", 0o640, ("u", 6, None), user, ("g", 4, None), ("mask", 6, None), ("o", 0, None)),
        ("acl-masked", 0o640, ("u", 6, None), user, ("g", 4, None), ("mask", 0, None), ("o", 0, None)),
        ("acl-denied", 0o644, ("u", 6, None), none, ("g", 4, None), ("mask", 4, None), ("o", 4, None)),
        ("acl-group", 0o600, ("u", 6, None), ("g", 0, None), ("group", 4, 1000), ("mask", 4, None), ("o", 0, None)),
        ("acl-others", 0o604, ("u", 6, None), ("g", 0, None), ("group", 4, 5), ("mask", 4, None), ("o", 4, None)),
    ):
        t.file(name, b"acl", mode)
        t.xattr(name, "system.posix_acl_access", acl(*entries))
    t.file("no-acl", b"", 0o600)
    t.xattr("no-acl", "user.other", b"than an ACL")
    t.dir("acl-dir", 0o700)
    t.xattr("acl-dir", "system.posix_acl_access",
            acl(("u", 7, None), ("user", 5, 1000), ("g", 0, None), ("mask", 5, None), ("o", 0, None)))
    t.xattr("acl-dir", "system.posix_acl_default",
            acl(("u", 7, None), ("g", 5, None), ("group", 7, 100), ("mask", 7, None), ("o", 5, None)))
    t.file("acl-dir/below", b"below", 0o644)
    t.finish()


def chunks(root):
    """Files whose chunks are new, the same as others, and holes."""
    t = Tree(root, "chunks")
    same, other = t.bytes(4096), t.bytes(4096)
    for size in sizes_around(0, 512, 4096, 8192, 65536):
        t.file(f"{size}", size)
    t.file("300K", 300 << 10)
    t.file("repeated", same * 20)
    t.file("alternating", (same + other) * 20)
    t.file("zeros", bytes(70000))
    for name, size, places in (("hole-first", 300000, (200000,)), ("hole-last", 300000, (0, 8192)),
                               ("hole-within", 200000, (0, 196608)), ("hole-only", 500000, ()),
                               ("holes", 400000, range(4096, 400000, 65536))):
        with open(t.at(name), "wb") as f:
            f.truncate(size)
            for at in places:
                f.seek(at)
                f.write(t.bytes(min(4096, size - at)))
        t.stamp(name)
    t.dir("dir")
    for n in range(8):
        t.file(f"dir/{n}", same[: n * 500])
    t.link("link", "300K")
    t.finish()


def empty(root):
    Tree(root, "empty").finish()


def victim(root):
    """What the broken images are made of: a name for each thing to break."""
    t = Tree(root, "victim")
    t.dir("dir")
    for name in ("a", "bb", "ccc", "dddd", "eeeee", "ffffff"):
        t.file(f"dir/{name}", name.encode())
    t.dir("dir/sub")
    t.file("file", 10000)
    t.file("tail", 100)
    t.file("blocks", 8192)
    t.file("xattr", 50)
    t.xattr("xattr", "user.value", b"value")
    t.link("link", "dir/a")
    t.link("long-link", "z" * 3000)
    t.node("char", stat.S_IFCHR | 0o600, 5, 1)
    t.node("fifo", stat.S_IFIFO | 0o600)
    t.file("untouched", 5000)
    t.dir("many")
    for n in range(45):  # two blocks of 4096 bytes, many of 512
        if n < 6:
            t.file(f"many/{n:02}".ljust(5 + 90, "m"), b"")
        else:
            t.hard(f"many/{n:02}".ljust(5 + 90, "m"), f"many/{n % 6:02}".ljust(5 + 90, "m"))
    t.finish()


def chunky(root):
    """What is interesting in chunks."""
    t = Tree(root, "chunky")
    devices.fill(t)
    t.finish()


def unique(root):
    """The same, without blocks that are there twice."""
    t = Tree(root, "unique")
    devices.fill_unique(t)
    t.finish()


def texts(root):
    """Files that can be compressed, more and less: for compressed images."""
    t = Tree(root, "texts")
    words = [bytes(t.random.choices(b"etaoinshrdlu", k=t.random.randrange(2, 9))) for _ in range(600)]

    def prose(size):
        return b" ".join(t.random.choices(words, k=size // 4 + 2))[:size]

    t.dir("size")
    for size in sizes_around(0, 512, 4096, 65536):
        t.file(f"size/{size}", prose(size))
    t.file("size/large", prose((1 << 20) + 12345))
    # What compresses well, and not at all, in one file.
    mixed = b"".join(prose(60000) + t.bytes(30000) + bytes(100000) for _ in range(8))
    t.file("size/mixed", mixed)
    t.file("size/zeros", bytes(3 << 20))
    t.file("size/noise", 200000)
    # The same again, not at the same places: for deduplication.
    t.dir("same")
    for n in range(4):
        t.file(f"same/{n}", prose(100 * n) + mixed[:150000] + prose(50 * n))
    t.dir("many")
    for n in range(120):
        t.file(f"many/{n:03}", prose(t.random.randrange(20000)))
    t.link("link", "x/" * 1000 + "e")
    t.finish()


def prose(root):
    """Less of the same, with directories of several blocks: for many images."""
    t = Tree(root, "prose")
    words = [bytes(t.random.choices(b"etaoinshrdlu", k=t.random.randrange(2, 9))) for _ in range(300)]

    def text(size):
        return b" ".join(t.random.choices(words, k=size // 4 + 2))[:size]

    for size in (0, 1, 511, 513, 4095, 4096, 4097, 8193, 65535):
        t.file(str(size), text(size))
    t.file("large", text(400001))
    mixed = b"".join(text(30000) + t.bytes(9000) + bytes(50000) for _ in range(2))
    t.file("mixed", mixed)
    t.file("zeros", bytes(300000))
    t.file("noise", 20000)
    for n in range(2):
        t.file(f"same-{n}", text(100 * n) + mixed[:70000] + text(50 * n))
    t.dir("many")
    for n in range(12):
        t.file(f"many/{n:03}", text(t.random.randrange(9000)))
    t.dir("names")
    for n in range(150):
        t.link(f"names/{n:03}-" + "name" * (n % 30), "to")
    t.link("long", "x/" * 1500 + "e")
    t.finish()


TREES = {f.__name__.replace("_", "-"): f for f in (
    all_kinds, large, small, attributes, chunks, empty, victim, chunky, unique, texts, prose)}
