# SPDX-License-Identifier: GPL-2.0
"""Compressed images that are wrong in one thing each, and LIST, which says in which.

A line of LIST has an image's name, where its error is to show and a pattern for
the message that has to name the problem ('-': none needed). Where:
  access   as with the C driver, whatever that is
  refuse   reading the file 'bad' fails, whatever the C driver does
  survive  nothing is compared
  alone    refuse, of the middle of the file, and the C driver does not survive it: it is left out
Each has a file 'good', which has to be read whatever is wrong with 'bad'.
"""

import os
import struct

from zcraft import (BIG, COMPACTED_2B, COUNT, FRAGMENT, HEAD1, HEAD2, INLINE, INTERLACED, LZ4, PLAIN, REST, Extents,
                    Image, lz4, noise, rest, text)

BAD = []


def bad(name, where="access", pattern="-", bs=(4096,), **options):
    """An image that a function adds the bad file to. It returns the nid of that, and what it has to contain, if
    anything."""

    def register(fill):
        for size in bs:
            BAD.append((name if len(bs) == 1 else f"{name}-{size}", where, pattern, size, options, fill))
        return fill

    return register


def plain(i, entries, advise=BIG, size=None, **fields):
    return i.full(len(entries) * i.bs if size is None else size, advise, entries, **fields)


def blocks(i, n=1):
    """Pclusters that decode to two blocks each."""
    return [i.encode(LZ4, bytes([m + 1]) * (2 * i.bs))[0] for m in range(n)]


# Headers.

for head, value in ((1, LZ4 | 4), (2, 0xF0)):
    bad(f"head-{head}-format", pattern="HEAD")(lambda i, v=value: plain(i, [(HEAD1, 0, *blocks(i))], algorithms=v))
bad("compact-mismatch", pattern="big pcluster")(
    lambda i: i.packs(2 * i.bs, 2, [(((HEAD1, 0), (REST, 1)), blocks(i)[0] - 1)]))
bad("compact-lclusters")(
    lambda i: i.packs(2 * i.bs, 0, [(((HEAD1, 0), (REST, 1)), blocks(i)[0] - 1)], lclusters=3))
bad("packs-lclusters", bs=(4096, 512))(
    lambda i: i.packs(400 * i.bs, COMPACTED_2B, [(((HEAD1 << 2, 0), (REST << 2, 1)), 1)] * 200,
                      lclusters=14 - i.bits))
bad("unused-algorithm", pattern="algorithm", algorithms=(LZ4,))(
    lambda i: plain(i, [(HEAD2, 0, *blocks(i)), (REST, 0, rest(1))], advise=0))

# Entries.

for offset in (4096, 33024, 65535):
    bad(f"clusterofs-{offset}")(lambda i, o=offset: plain(i, [(HEAD1, 0, 9), (HEAD1, o, *blocks(i))], advise=0))
bad("compact-clusterofs", bs=(512,))(
    lambda i: i.packs(2 * i.bs, 0, [(((HEAD1, 0), (HEAD1, 515)), blocks(i)[0] - 1)]))
bad("first-without-head", pattern="lookback")(lambda i: plain(i, [(REST, 0, rest(0)), (HEAD1, 0, *blocks(i))]))
bad("lookback-too-far")(
    lambda i: plain(i, [(HEAD1, 0, *blocks(i)), (REST, 0, rest(2)), (REST, 0, rest(3))], advise=0))
# Whoever comes from the head needs no way back.
bad("lookback-zero", where="survive")(
    lambda i: plain(i, [(HEAD1, 0, *blocks(i)), (REST, 0, rest(0))], advise=0))
bad("compact-lookback-zero", pattern="lookback")(
    lambda i: i.packs(2 * i.bs, 0, [(((REST, 0), (REST, 1)), blocks(i)[0] - 1)]))
bad("count-missing", pattern="CBLKCNT")(
    lambda i: plain(i, [(HEAD1, 0, *blocks(i)), (REST, 0, rest(2)), (HEAD1, 0, *blocks(i))]))
bad("count-unasked")(lambda i: plain(i, [(HEAD1, 0, *blocks(i)), (REST, 0, rest(COUNT | 1))], advise=0))
bad("count-huge")(lambda i: plain(i, [(HEAD1, 0, *blocks(i)), (REST, 0, rest(COUNT | 257)), (REST, 0, rest(2))]))
bad("count-largest")(
    lambda i: plain(i, [(HEAD1, 0, *blocks(i)), (REST, 0, rest(0xFFFF)), (REST, 0, rest(2))]))
bad("plain-too-small", pattern="plain|@")(lambda i: plain(i, [(PLAIN, 5, 20), (HEAD1, 10, *blocks(i))], advise=0, size=i.bs * 2 + 0))
bad("start-nowhere")(lambda i: plain(i, [(HEAD1, 0, 0x7FFFFFF), (REST, 0, rest(1))], advise=0))
bad("start-last")(lambda i: plain(i, [(HEAD1, 0, 0xFFFFFFFF), (REST, 0, rest(1))], advise=0))
bad("negative-size", pattern="size")(lambda i: plain(i, [(HEAD1, 0, *blocks(i))], size=1 << 63))

# Ends.

bad("tail-across-blocks", pattern="across")(
    lambda i: plain(i, [(HEAD1, 0, 0)], advise=INLINE, size=100, low=(i.bs - 64 - 8 - 8 - 8 + 1) << 16))
bad("tail-plain-too-small")(
    lambda i: plain(i, [(PLAIN, 0, 0)], advise=INLINE, size=100, low=99 << 16, tail=bytes(99)))
bad("fragment-without-packed")(lambda i: i.fragment(100, 0))
bad("fragment-end-without-packed")(
    lambda i: plain(i, [(HEAD1, 0, *blocks(i)), (REST, 0, rest(1)), (HEAD1, 0, 0)], advise=FRAGMENT))


@bad("fragment-too-far", where="refuse")
def fragment_too_far(i):
    i.packed = i.flat(noise(1, 5000))
    return i.fragment(5000, 1)


@bad("fragment-nowhere", where="refuse")
def fragment_nowhere(i):
    i.packed = i.flat(noise(1, 5000))
    return i.fragment(5000, 1 << 40)


@bad("fragment-of-itself", where="alone")
def fragment_of_itself(i):
    i.packed = i.fragment(10000, 0)
    return i.fragment(5000, 0)


# Records.

def record(i, plen, pos=0, start=0, size=20000, advise=0, width=16):
    return i.records(size, advise, width, [(plen, pos, start)])


ALGORITHM = 1 << 28
bad("record-unknown-algorithm", pattern="algorithm")(lambda i: record(i, 100 | 5 << 28))
bad("record-unused-algorithm", pattern="algorithm", algorithms=(LZ4,))(lambda i: record(i, 100 | 4 << 28))
bad("record-largest-algorithm", pattern="algorithm")(lambda i: record(i, 100 | 15 << 28))
bad("record-plain-too-small")(lambda i: record(i, 19999, 4096))
bad("record-too-large")(lambda i: record(i, (1 << 20) + 1 | ALGORITHM, 4096, size=2 << 20))
bad("record-decodes-too-large")(lambda i: record(i, 5000 | ALGORITHM, 4096, size=(12 << 20) + 1))
bad("record-only-high-bits")(lambda i: record(i, 0x2000000, 4096))
bad("record-wraps")(lambda i: record(i, 0xB4000 | ALGORITHM, 0xFFFFFFFFFFDCFFED, size=1 << 20))
bad("record-past-48-bits")(lambda i: record(i, 4096 | ALGORITHM, 1 << 60))
bad("record-past-end-of-file")(lambda i: record(i, 100 | ALGORITHM, 4096, start=20001))
bad("record-nowhere")(lambda i: record(i, 4096 | ALGORITHM, 1 << 40))
bad("record-unaligned-interlaced")(lambda i: record(i, 4097, 8193, size=4000, advise=INTERLACED))
bad("record-too-much")(
    lambda i: i.records(20000, 0, 16, [(5000 | ALGORITHM, 4096, 0), (5000 | ALGORITHM, 4096, 4000)]))
bad("records-too-many")(lambda i: i.records(20000, 0, 16, [], count=1 << 40))
# Linux 7.3 adds up records for ever.
bad("records-endless", where="alone")(lambda i: record(i, 5 | ALGORITHM, size=1 << 62, width=4))

# What is in pclusters.

bad("lz4-noise")(lambda i: plain(i, [(HEAD1, 0, i.store(noise(1, i.bs))), (REST, 0, rest(1))], advise=0))
bad("lz4-zeros")(lambda i: plain(i, [(HEAD1, 0, i.store(bytes(i.bs))), (REST, 0, rest(1))], advise=0))
bad("lz4-short")(
    lambda i: plain(i, [(HEAD1, 0, i.encode(LZ4, noise(1, i.bs // 2))[0]), (REST, 0, rest(1))], advise=0))
bad("zstd-noise")(lambda i: plain(i, [(HEAD2, 0, i.store(noise(1, i.bs))), (REST, 0, rest(1))], advise=0))
bad("zstd-short")(
    lambda i: plain(i, [(HEAD2, 0, i.store(struct.pack("<IBBI", 0xFD2FB528, 0x80, 0x50, 2 * i.bs).rjust(i.bs, b"\0"))),
                        (REST, 0, rest(1))], advise=0))
bad("zstd-truncated")(lambda i: record(i, 9 | 4 * ALGORITHM, i.append(struct.pack("<IBBI", 0xFD2FB528, 0x80, 0x50, 20000))))
bad("deflate-noise")(lambda i: record(i, 3000 | 3 * ALGORITHM, i.append(noise(1, 3000))))
bad("lz4-record-truncated")(
    lambda i: record(i, 2000 | ALGORITHM, i.append(lz4(noise(1, 20000))[:2000])))


def make(to):
    lines = []
    for name, where, pattern, bs, options, fill in BAD:
        image = Image(bs, **options)
        Extents(image).lz4(text(1, 3 * bs)).lz4(text(2, bs)).add("good")
        image.add("bad", fill(image), None)
        image.save(os.path.join(to, name))
        lines.append(f"{name} {where} {pattern}")
    with open(os.path.join(to, "LIST"), "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")
