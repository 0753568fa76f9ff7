# SPDX-License-Identifier: GPL-2.0
"""Images whose data and nodes are in every place that the format has for them."""

import os
import random
import stat
import struct

from builder import BIT48, CHUNK, CHUNKED, DEVICES, INLINE, NLINK_1, USER, Builder, entry, ibody, of

INDEXES, WIDE = 0x20, 0x40  # of a chunk format
HOLE = 0xFFFFFFFF

KEPT = "--mkfs-time"
ONLY = ["layout"]


def chunks(m):
    def make(bs, size, kind, newer=False, notes=ONLY):
        force = {"blockmap": "force-inode-blockmap", "indexes": "force-chunk-indexes"}[kind]
        m.make(f"chunks-b{bs}-c{size}-{kind}" + ("-1.9" if newer else ""), "chunks", f"-b{bs}", f"--chunksize={size}",
               f"-E{force}", KEPT, newer=newer, notes=notes)

    # One of them for everything that could be asked.
    make(4096, 4096, "indexes", notes=[])
    make(1024, 2048, "indexes")
    make(512, 512, "indexes", newer=True)
    make(4096, 65536, "blockmap", newer=True)
    m.make("chunks-compact", "chunks", "--chunksize=4096", "-Eforce-inode-compact", notes=[*ONLY, "mtime"])
    m.make("chunks-48bit", "chunks", "--chunksize=4096", "-E48bit,force-inode-extended", KEPT, newer=True, notes=ONLY)
    m.make("chunks-metabox-b512", "chunks", "-b512", "-m512", "--chunksize=512", "-Eforce-inode-extended", KEPT, newer=True,
           notes=ONLY)


def devices(m):
    """One device for all chunks: mkfs makes no more of them."""
    for bs, size, newer in ((4096, 65536, True), (512, 512, True), (1024, 4096, False)):
        name = f"device-b{bs}-c{size}" + ("-1.9" if newer else "")
        blob = os.path.join(m.to, name + ".blob")
        with open(blob, "wb"):
            pass
        m.make(name, "chunks", f"-b{bs}", f"--chunksize={size}", f"--blobdev={blob}", KEPT, newer=newer, notes=ONLY,
               mount=f"device={name}.blob")
        os.truncate(blob, -(-os.path.getsize(blob) // 4096) * 4096)


def layouts(m):
    """What only mkfs 1.9 makes."""
    for n, (name, *options) in enumerate((
        ("48bit", "-E48bit"), ("dot-omitted", "-Edot-omitted"), ("metabox", "-m{bs}"),
        ("metabox-dirs", "-m{bs}", "--MZ=id"), ("metabox-dot-omitted", "-m{bs}", "-Edot-omitted"), ("zone", "--MZ=id"),
    )):
        for bs, extended in ((4096, n % 2 == 0), (512, n % 2 == 1)):
            if (name, bs) == ("metabox-dirs", 512):
                continue  # mkfs 1.9.4 puts its nodes where they are not found
            inodes, *rest = ("extended", KEPT) if extended else ("compact",)
            m.make(f"{name}-b{bs}-{inodes}", "small", f"-b{bs}", *(o.format(bs=bs) for o in options),
                   f"-Eforce-inode-{inodes}", *rest, newer=True, notes=ONLY if extended else [*ONLY, "mtime"])


def data(seed, size):
    return random.Random(seed).randbytes(size)


def holes(m):
    """Null addresses in every width, and blocks that only look like them."""
    for bs in (512, 4096):
        b = Builder(bs)
        for name, extended, bits, start in (("compact", False, 0, 0xFFFFFFFF), ("extended", True, 0, 0xFFFFFFFFFFFF),
                                            ("compact-wide", False, NLINK_1, 0xFFFFFFFFFFFF)):
            b.add(f"hole-{name}", size=70000, extended=extended, bits=bits, start=start)
            b.add(f"hole-{name}-dir", size=4 * bs, extended=extended, mode=stat.S_IFDIR | 0o755, bits=bits, start=start)
            b.add(f"hole-{name}-link", size=100, extended=extended, mode=stat.S_IFLNK | 0o777, bits=bits, start=start)
        # A block far beyond the end.
        b.add("no-hole-extended", size=5000, start=0xFFFFFFFF)
        b.add("no-hole-compact-wide", size=5000, extended=False, bits=NLINK_1, start=0xFFFFFFFF)
        b.add("no-hole-half", size=5000, start=0xFFFF00000000)
        b.add("no-links", data(1, 3000), extended=False, nlink=0)
        b.add("many-links", data(2, 3000), extended=False, nlink=65535)
        b.add("one-link", data(3, 3000), extended=False, bits=NLINK_1)
        b.add("inline", data(4, bs + 100), INLINE, extended=False, bits=NLINK_1)
        of(m, f"holes-b{bs}", b, b.root(), notes=ONLY)


def straddling(m):
    """Extended inodes from one block, or one page, into the next."""
    for bs in (512, 4096):
        b = Builder(bs, room=(256 << 10) // bs)
        for n in range(20):
            b.add(f"{n}", data(n, n * 300), straddle=32, mode=stat.S_IFREG | 0o600 + n)
            b.add(f"{n}-xattrs", data(n, 100), straddle=32, body=ibody(entry(USER, b"a", b"b" * n)))
        b.add("link", b"../to", straddle=32, mode=stat.S_IFLNK | 0o777)
        b.add("char", b"", start=0x0701, straddle=32, mode=stat.S_IFCHR | 0o600)
        b.add("fast-link", b"t" * 40, INLINE, straddle=32, mode=stat.S_IFLNK | 0o777)
        b.add("chunks", size=4 * bs, layout=CHUNK, chunk=0, straddle=32,
              table=struct.pack("<4I", HOLE, b.alloc(data(99, bs)), HOLE, b.alloc(data(98, bs))))
        of(m, f"straddling-b{bs}", b, b.root(nid=b.nid(64, 32)), notes=ONLY)


def index(start, device=0, high=0):
    return struct.pack("<HHI", high, device, start)


def tables(m):
    """Chunk tables of every form; ids of devices that there are not."""
    for bs in (512, 4096):
        b = Builder(bs)
        blocks = [b.alloc(data(n, bs)) for n in range(8)]
        first = blocks[0]
        many = [first + n % 8 for n in range(700)]
        b.add("long", size=700 * bs, layout=CHUNK, table=struct.pack("<700I", *many))
        b.add("long-indexes", size=700 * bs, layout=CHUNK, chunk=INDEXES, table=b"".join(map(index, many)))
        b.add("merged", size=8 * bs, layout=CHUNK, table=struct.pack("<8I", *blocks))
        b.add("holes", size=8 * bs, layout=CHUNK, table=struct.pack("<8I", HOLE, HOLE, *blocks[2:4], HOLE, blocks[0], HOLE, HOLE))
        b.add("odd-start", size=8 * bs, layout=CHUNK, chunk=INDEXES, body=ibody(entry(USER, b"abc", b"d")),
              table=b"".join(map(index, blocks)))
        b.add("odd-start-compact", size=8 * bs, layout=CHUNK, extended=False, chunk=INDEXES,
              body=ibody(entry(USER, b"a", b"")), table=b"".join(map(index, blocks)))
        # No table of devices: their ids say nothing. The high words neither.
        b.add("ids", size=8 * bs, layout=CHUNK, chunk=INDEXES, table=b"".join(index(a, 3 * n, n) for n, a in enumerate(blocks)))
        b.add("null-id", size=8 * bs, layout=CHUNK, chunk=INDEXES, table=b"".join(index(HOLE, n, n) for n in range(8)))
        b.add("wide", size=8 * bs, layout=CHUNK, chunk=INDEXES | WIDE, table=b"".join(map(index, blocks)))
        b.add("wide-null", size=8 * bs, layout=CHUNK, chunk=INDEXES | WIDE, table=b"".join(index(HOLE, 0, 0xFFFF) for n in range(8)))
        b.add("wide-map", size=8 * bs, layout=CHUNK, chunk=WIDE, table=struct.pack("<8I", *blocks))
        b.add("wide-map-null", size=8 * bs, layout=CHUNK, chunk=WIDE, table=struct.pack("<8I", HOLE, *blocks[1:]))
        b.add("beyond", size=8 * bs, layout=CHUNK, chunk=INDEXES, table=b"".join(index(0x7FFFFFFF, 0, n) for n in range(8)))
        b.add("large-chunk", size=6 * bs, layout=CHUNK, chunk=3, table=struct.pack("<I", first))
        b.add("dir", size=bs, layout=CHUNK, chunk=0, mode=stat.S_IFDIR | 0o755,
              table=struct.pack("<I", b.alloc(struct.pack("<QHBBQHBB", 0, 24, 2, 0, 0, 25, 2, 0) + b"...")))
        b.add("link", size=300, layout=CHUNK, chunk=0, mode=stat.S_IFLNK | 0o777,
              table=struct.pack("<I", b.alloc(b"l" * 300)))
        for fmt in (0x80, 0x100, 0x8000):
            b.add(f"unknown-{fmt:x}", size=8 * bs, layout=CHUNK, chunk=fmt, table=struct.pack("<8I", *blocks))
        b.sb["feature_incompat"] = CHUNKED
        of(m, f"tables-b{bs}", b, b.root(), notes=ONLY)

    # One null index for a file however large.
    b = Builder()
    for bits in (0, 10, 31):
        for name, size in (("", 1 << 20), ("-odd", (1 << 30) + 12345), ("-most", 1 << 43)):
            chunk = 1 << 12 + bits
            if size // chunk < 1000:
                b.add(f"{bits}{name}", size=size, layout=CHUNK, chunk=INDEXES | bits, table=index(HOLE) * -(-size // chunk))
                b.add(f"{bits}{name}-map", size=size, layout=CHUNK, chunk=bits,
                      table=struct.pack("<I", HOLE) * -(-size // chunk))
    of(m, "huge-holes", b, b.root(), notes=["shape"])


def slot(tag, blocks, start, high=0, start_high=0):
    return struct.pack("<64sIIHH52x", tag, blocks, start, high, start_high)


def several(m):
    """Several devices: named in any order, addressed by id and by place."""
    bs = 4096
    b = Builder(bs)
    own = [b.alloc(data(n, bs)) for n in range(4)]
    lengths, starts = (8, 16, 4, 0), (1000, 2000, 2016, 0)
    names = [f"several.device{n}" for n in range(4)]
    for n, name in enumerate(names):
        with open(os.path.join(m.to, name), "wb") as f:
            f.write(data(50 + n, max(lengths[n], 3) * bs))
    at = b.alloc(b"".join(slot(b"tag %d" % n, lengths[n], starts[n]) for n in range(4)))
    b.sb.update(feature_incompat=DEVICES | CHUNKED, extra_devices=4, devt_slotoff=at * bs // 128)

    def chunked(name, *places, size=None):
        b.add(name, size=size or len(places) * bs, layout=CHUNK, chunk=INDEXES, table=b"".join(index(a, d) for a, d in places))

    chunked("ids", (0, 1), (0, 2), (0, 3), (0, 4), (own[0], 0))
    chunked("in-a-row", *((n, 1) for n in range(8)))
    chunked("same-block-each", (own[0], 0), (2, 1), (2, 2), (2, 3), (2, 4))
    # One follows the other in its number, but on another device.
    chunked("contiguous", (0, 1), (1, 2), (2, 3), (3, 1), (4, 2), (5, 2), (6, 1))
    chunked("by-place", (1000, 0), (1001, 0), (1007, 0), (2000, 0), (2015, 0), (2019, 0), (2016, 0))
    # From one into the next the C driver goes wrong: the case chunks has that.
    chunked("masked", (1, 8 | 1), (1, 0x100 | 2), (1, 0xFFF8 | 3))
    chunked("beyond-device", (8, 1))
    b.add("flat", size=4 * bs, start=1002)
    root = b.root()
    of(m, "several", b, root, options=",".join(f"device={name}" for name in names), notes=ONLY)

    # Without device=, all of them in one file.
    whole = Builder(bs)
    whole.pieces = dict(b.pieces)
    whole.sb, whole.names = dict(b.sb), list(b.names)
    for n, name in enumerate(names[:3]):
        whole.put(starts[n] * bs, data(50 + n, lengths[n] * bs))
    of(m, "several-in-one", whole, root, notes=ONLY)


def far(m):
    """Addresses and nodes that need more than 32 bits, in sparse images."""
    bs, high = 512, 1 << 32
    b = Builder(bs)
    b.sb["feature_incompat"] = BIT48
    b.add("extended", data(1, 3000), to=high + 5)
    b.add("compact", data(2, 3000), extended=False, bits=NLINK_1, to=high + 50)
    b.add("looks-like-a-hole", data(3, 512), to=high - 1)
    b.add("looks-like-a-hole-compact", data(4, 512), extended=False, bits=NLINK_1, to=high - 1)
    b.add("near", data(5, 3000))
    b.put((high + 100) * bs, data(6, 8 * bs))
    b.add("chunks", size=8 * bs, layout=CHUNK, chunk=INDEXES | WIDE, table=b"".join(index(100 + n, 0, 1) for n in range(8)))
    b.add("chunks-narrow", size=4 * bs, layout=CHUNK, chunk=INDEXES, table=b"".join(index(b.next + n, 0, 1) for n in range(4)))
    b.alloc(data(7, 4 * bs))
    b.add("inline", data(8, 600), INLINE, to=high + 200)
    b.add("far-node", data(9, 600), INLINE, nid=(1 << 32) + 4096)
    b.add("far-node-link", b"to", INLINE, stat.S_IFLNK | 0o777, nid=(1 << 33) + 4096)
    b.add("far-node-xattrs", b"data", INLINE, nid=(1 << 34) + 4096, body=ibody(entry(USER, b"far", b"away")))
    b.add("far-node-hole", size=3000, nid=(1 << 35) + 4096)
    of(m, "far", b, b.root(), far=True, notes=ONLY)

    # The root itself, and one that needs no wide field although there is one.
    b = Builder(bs)
    b.add("file", data(1, 3000))
    of(m, "far-root", b, b.root(nid=(1 << 32) + 64), far=True, notes=ONLY)
    b = Builder(4096)
    b.sb["feature_incompat"] = BIT48
    b.add("file", data(1, 3000))
    of(m, "near-root", b, b.root(), notes=ONLY)
    b = Builder(4096)
    b.sb["rootnid_8b"] = 99
    b.add("file", data(1, 3000))
    of(m, "wide-root-unused", b, b.root(), notes=ONLY)


def metaboxes(m):
    """Nodes inside of the metabox beside others outside; everything that can be within one."""
    for bs in (512, 4096):
        b = Builder(bs)
        b.metabox()
        blocks = [b.alloc(data(n, bs)) for n in range(4)]
        for box in (False, True):
            name = "inside" if box else "outside"
            b.add(f"{name}-flat", data(5, 3 * bs), box=box)
            b.add(f"{name}-inline", data(6, 2 * bs + 77), INLINE, box=box)
            b.add(f"{name}-tiny", data(7, 20), INLINE, box=box)
            b.add(f"{name}-compact", data(8, 99), INLINE, extended=False, box=box)
            b.add(f"{name}-straddling", data(9, 99), straddle=32, box=box)
            b.add(f"{name}-link", b"target", INLINE, stat.S_IFLNK | 0o777, box=box)
            b.add(f"{name}-long-link", b"t" * 300, mode=stat.S_IFLNK | 0o777, box=box)
            b.add(f"{name}-chunks", size=6 * bs, layout=CHUNK, table=struct.pack("<6I", HOLE, *blocks, HOLE), box=box)
            b.add(f"{name}-indexes", size=4 * bs, layout=CHUNK, chunk=INDEXES, table=b"".join(map(index, blocks)), box=box)
            b.add(f"{name}-long", size=300 * bs, layout=CHUNK, table=struct.pack("<300I", *(blocks * 75)), box=box)
            b.add(f"{name}-char", start=0x0501, mode=stat.S_IFCHR | 0o600, box=box)
            b.add(f"{name}-hole", size=10000, box=box)
        of(m, f"metabox-built-b{bs}", b, b.root(box=bs == 512), far=True, notes=ONLY)


def make(m):
    for what in (chunks, devices, layouts, holes, straddling, tables, several, far, metaboxes):
        what(m)
    m.finish()
