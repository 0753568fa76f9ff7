# SPDX-License-Identifier: GPL-2.0
"""Images with extended attributes: where each format can put them, and what no mkfs would."""

import stat

from builder import (ACL_ACCESS, FILTER, LONG, LUSTRE, PLAIN_PREFIXES, PREFIXES, SECURITY, SHARED_IN_METABOX, TRUSTED,
                     USER, Builder, entry, ibody, of, prefix)
from tree import acl

LIGHT = ["attributes"]


def by_mkfs(m):
    kept = "--mkfs-time"
    prefixes = ["--xattr-prefix=user.long.prefix.", "--xattr-prefix=user.long.prefix.of.many.parts.",
                "--xattr-prefix=trusted.overlay."]

    def make(name, *options, notes=()):
        m.make(name, "attributes", *options, kept, notes=[*LIGHT, *notes])

    def newer(name, *options, like="attributes"):
        m.make(name, "attributes", *options, "-Eforce-inode-extended", kept, newer=True, notes=LIGHT, like=like)

    make("default")
    for bs in (512, 1024, 4096):
        make(f"shared-b{bs}", f"-b{bs}", "-x1")
    for bs in (512, 4096):
        make(f"inline-b{bs}", f"-b{bs}", "-x100000")
    make("compact", "-Eforce-inode-compact", notes=["mtime"])
    make("compact-b512", "-b512", "-x1", "-Eforce-inode-compact", notes=["mtime"])
    make("no-filter", "-E^xattr-name-filter")
    make("prefixes", *prefixes)
    make("prefixes-b512", "-b512", "-x1", *prefixes)
    m.make("options", "attributes", kept, mount="nouser_xattr,noacl", notes=LIGHT, like=None)

    newer("shared-1.9", "-b512", "-x0")
    newer("no-filter-1.9", "-E^xattr-name-filter")
    # A table of many prefixes, some of them never used.
    newer("many-prefixes", *prefixes, *(f"--xattr-prefix=user.{n}" + "p" * n + "." for n in range(1, 60)))
    newer("packed-prefixes", "-Efragments", *prefixes)
    newer("packed-plain-prefixes", "-Efragments", "-Eplain-xattr-prefixes", *prefixes)
    newer("metabox", "-m4096")
    newer("metabox-shared-b512", "-m512", "-b512", "-x0")
    newer("metabox-prefixes", "-m4096", *prefixes)
    newer("metabox-plain-prefixes", "-m4096", "-Eplain-xattr-prefixes", *prefixes)
    newer("digests", "--xattr-inode-digest=trusted.overlay.digest", like=None)


VALUE = acl(("u", 6, None), ("user", 4, 1000), ("g", 0, None), ("mask", 4, None), ("o", 0, None))


def entries(m):
    """Entries that are strange each in its own way."""
    for bs in (512, 4096):
        b = Builder(bs, room=(256 << 10) // bs)
        add = lambda name, *entries, **options: b.add(name, body=ibody(*entries, **options))
        add("twice", entry(USER, b"a", b"first"), entry(USER, b"a", b"second"))
        add("lustre", entry(LUSTRE, b"a", b"hidden"), entry(USER, b"b", b"shown"))
        add("no-index", entry(0, b"a", b"1"), entry(7, b"b", b"2"), entry(0x7F, b"c", b"3"), entry(USER, b"d", b"4"))
        add("no-prefix", entry(LONG | 0, b"a", b"1"), entry(LONG | 99, b"b", b"2"), entry(TRUSTED, b"c", b"3"))
        add("no-name", entry(USER, b"", b"value"), entry(TRUSTED, b"", b"value"), entry(SECURITY, b"", b"value"))
        add("acl-name", entry(ACL_ACCESS, b"name", b"value"), entry(USER, b"a", b"b"))
        add("acl", entry(ACL_ACCESS, b"", VALUE))
        add("acl-wrong", entry(ACL_ACCESS, b"", b"\2\0\0\0wrong"))
        add("acl-version", entry(ACL_ACCESS, b"", b"\3" + VALUE[1:]))
        add("acl-empty", entry(ACL_ACCESS, b"", b""))
        add("name-255", entry(USER, b"n" * 255, b"v"))
        add("large", entry(USER, b"large", b"l" * 60000))
        add("several", *(entry(USER, f"{n}".encode() * (n + 1), bytes([n]) * (n * 37)) for n in range(20)))
        add("overrun", entry(USER, b"good", b"1"), entry(USER, b"bad", b"2", size=5000))
        add("overrun-first", entry(USER, b"bad", b"2", size=0xFFFF), entry(USER, b"good", b"1"))
        add("overrun-name", entry(USER, b"good", b"1"), b"\xff\x01\0\0")
        add("count", entry(USER, b"a", b"b"), count=255)
        add("count-all", shared=[0, 0], count=2)
        add("shared-nowhere", entry(USER, b"a", b"b"), shared=[0x7FFFFFFF])
        add("zeros", bytes(12), entry(USER, b"a", b"b"))
        b.add("one", icount=1)
        b.add("one-and-data", b"data" * 20, icount=1)
        for n in range(4):
            b.add(f"straddling-{n}", straddle=64 + 4 * n, body=ibody(entry(USER, b"straddle", b"s" * 30), shared=[0, 0]))
            b.add(f"compact-{n}", straddle=32 + 12 + 4 * n, extended=False, body=ibody(entry(USER, b"straddle", b"s" * 30)))
        b.sb["xattr_blkaddr"] = b.alloc(entry(SECURITY, b"shared", b"value"))
        of(m, f"entries-b{bs}", b, b.root(body=ibody(entry(USER, b"root", b"r"))), notes=LIGHT)


def shared(m):
    """Shared entries: in blocks of their own, or in the metabox; which one counts."""
    for box in (False, True):
        b = Builder(1024)
        b.metabox()
        table = [entry(USER, b"one", b"1"), entry(TRUSTED, b"two", b"2" * 1500), entry(USER, b"three", b"3" * 700)]
        ids, data = [], b""
        for e in table:
            ids.append(len(data) // 4)
            data += e
        if box:
            at = b.box.node = 32  # of 32 bytes: block 1 of the metabox
            b.box.put(at * 32, data)
            b.box.node += len(data) // 32 + 1
            b.sb["xattr_blkaddr"] = 1
            # What is at that place outside is something else.
            b.sb["feature_compat"] = SHARED_IN_METABOX
        else:
            b.sb["xattr_blkaddr"] = b.alloc(data)
        for inside in (False, True):
            name = "inside" if inside else "outside"
            b.add(f"{name}-all", b"data", 2, body=ibody(shared=ids), box=inside)
            b.add(f"{name}-none", b"data", 2, box=inside)
            b.add(f"{name}-mixed", b"data", 2, box=inside,
                  body=ibody(entry(USER, b"own", b"own"), entry(USER, b"three", b"inline first"), shared=ids[::-1]))
            b.add(f"{name}-twice", body=ibody(shared=[ids[0]] * 3), box=inside)
            b.add(f"{name}-dir", mode=stat.S_IFCHR | 0o600, body=ibody(shared=ids[:1]), box=inside)
        of(m, "shared-in-metabox" if box else "shared-beside-metabox", b, b.root(box=True), far=True, notes=LIGHT)


def filters(m):
    """Filters that lie, and one that is of a kind to come."""
    present = [entry(USER, b"a", b"1"), entry(TRUSTED, b"b", b"2"), entry(ACL_ACCESS, b"", VALUE)]
    for name, compat, reserved in (("filter-lies", FILTER, 0), ("filter-unused", 0, 0), ("filter-reserved", FILTER, 1)):
        b = Builder()
        b.sb.update(feature_compat=compat, xattr_filter_reserved=reserved)
        for absent in (0, 0xFFFFFFFF, 1 << 21, 1 << 30, 1 << 21 | 1 << 30, 0x0F0F0F0F, 0xF0F0F0F0):
            b.add(f"{absent:08x}", mode=stat.S_IFREG | 0o640, body=ibody(*present, absent=absent))
            b.add(f"{absent:08x}-compact", mode=stat.S_IFREG | 0o640, extended=False, body=ibody(*present, absent=absent))
        # The filter is in the next block than the inode.
        b.add("straddling", mode=stat.S_IFREG | 0o640, straddle=64, body=ibody(*present, absent=1 << 21 | 1 << 30))
        of(m, name, b, b.root(), notes=LIGHT)


def prefixes(m):
    """Tables of prefixes: where they are, and strange ones."""
    table = [prefix(USER, b"long."), prefix(TRUSTED, b"other."), prefix(USER, b""), prefix(LUSTRE, b"hidden."),
             prefix(SECURITY, b"s" * 200 + b"."), prefix(9, b"unknown."), prefix(USER, b"i" * 255)]
    names = [entry(LONG | n, f"n{n}".encode(), b"v%d" % n) for n in range(len(table) + 2)]
    for name, compat, incompat in (("prefixes-plain", PLAIN_PREFIXES, PREFIXES), ("prefixes-no-packed", 0, PREFIXES),
                                   ("prefixes-no-bit", PLAIN_PREFIXES, 0)):
        for bs in (512, 4096):
            b = Builder(bs)
            data = b"".join(table)
            # From before the end of a block into the next.
            at = (b.alloc(bytes(bs) + data) + 1) * bs - 8
            b.put(at, data)
            b.sb.update(feature_compat=compat, feature_incompat=incompat, xattr_prefix_count=len(table),
                        xattr_prefix_start=at // 4)
            for n, e in enumerate(names):
                b.add(f"{n}", body=ibody(e))
            b.add("all", body=ibody(*names))
            b.add("empty", body=ibody(entry(LONG | 0, b"", b"value"), entry(LONG | 2, b"a", b"b")))
            b.add("both", body=ibody(entry(USER, b"long.n", b"short"), entry(LONG | 0, b"n", b"long")))
            of(m, f"{name}-b{bs}", b, b.root(), notes=LIGHT)


def make(m):
    for what in (by_mkfs, entries, shared, filters, prefixes):
        what(m)
    m.finish()
