# SPDX-License-Identifier: GPL-2.0
"""Compressed images that are right, and that no mkfs.erofs makes.

A line of LIST has an image's name and notes, '-' for none:
  wrong-c  the C driver does not read what is there
Beside NAME.erofs is NAME.sums, for `sha256sum -c`.
"""

import os

from zcraft import (BIG, COUNT, DEFLATE, FRAGMENT, HEAD1, HEAD2, INLINE, INTERLACED, LZ4, PARTIAL, PLAIN,
                    RECORD_PARTIAL, REST, ZSTD, Extents, Image, deflate, lz4, noise, rest, text, zstd)


def heads(i):
    """Both algorithms and plain extents in turn, which begin anywhere."""
    e = Extents(i)
    for n in range(12):
        e.lz4(text(n, i.bs * 3 + 77 * n))
        e.zstd(bytes([n]) * (i.bs * 2 + 13 * n))
        e.shifted(noise(n, i.bs - n))
    e.add("mixed")
    e = Extents(i, advise=0)
    for n in range(5):
        e.zstd(bytes([n]) * (i.bs + 5 + n)).lz4(bytes([n]) * (2 * i.bs + n)).shifted(noise(n, i.bs))
    e.add("small")
    # Only one of the two sorts may be large.
    for advise in (2, 4):
        e = Extents(i, advise=advise)
        for n in range(3):
            e.lz4(text(n, i.bs * 3) if advise == 2 else bytes([n]) * (i.bs * 2 + 9))
            e.zstd(bytes([n]) * (i.bs * 2 + 100) if advise == 2 else noise(n, i.bs + 9) + bytes(i.bs * 3))
        e.add(f"large-{advise}", one_sort(e))
    # The same as the first mkfs.erofs would have it.
    e = Extents(i)
    e.lz4(text(1, 9 * i.bs + 100)).lz4(text(2, 9 * i.bs))

    def no_distance(entries):
        for n, (kind, offset, value) in enumerate(entries):
            if kind == REST:
                entries[n] = (kind, offset, value & 0xFFFF)

    e.add("no-distance", no_distance)


def one_sort(e):
    """Takes out the counts of what may not be large."""

    def change(entries):
        for n in range(1, len(entries)):
            kind, offset, value = entries[n]
            before = entries[n - 1][0] & 3
            allowed = 2 if before == HEAD1 else 4
            if kind == REST and value & COUNT and not e.advise & allowed:
                entries[n] = (kind, offset, rest(1, value >> 16))

    return change


def interlaced(i):
    for size in (1, 2, 5):
        e = Extents(i, advise=BIG | INTERLACED)
        for n in range(4):
            e.interlaced(noise(n, size * i.bs)).lz4(text(n, 2 * i.bs + 100 + n))
        e.add(f"blocks-{size}")


def holes(i):
    """None of which begins in the middle of an lcluster, or behind a pcluster that may be large."""
    e = Extents(i, advise=0)
    e.lz4(bytes([1]) * (2 * i.bs)).hole(5 * i.bs).zstd(bytes([2]) * (2 * i.bs)).hole(1 * i.bs)
    e.shifted(noise(1, i.bs)).hole(40 * i.bs)
    i.add("flags", i.full(len(e.content), 0, e.entries()), e.content)
    # Pclusters of no blocks.
    e = Extents(i)
    e.lz4(text(1, 3 * i.bs)).extent(HEAD1, bytes(7 * i.bs), 0, 0).lz4(text(2, 3 * i.bs))
    e.extent(HEAD1, bytes(2 * i.bs + 5), 0, 0).lz4(text(3, 3 * i.bs))
    e.add("counts")


def neighbours(i):
    """Holes that the C driver lets swallow the extents before."""
    e = Extents(i)
    e.lz4(text(1, 3 * i.bs + 100)).hole(2 * i.bs).lz4(text(2, 3 * i.bs))
    e.zstd(bytes([1]) * (i.bs + 50)).hole(i.bs).lz4(text(3, 2 * i.bs + 7))
    e.add("file")


def partial(i):
    """Extents that make use of a part of another file's pcluster."""
    whole = text(1, 5 * i.bs)
    block, blocks = i.encode(LZ4, whole)
    e = Extents(i)
    e.extent(HEAD1, whole, block, blocks).lz4(text(2, 2 * i.bs)).add("whole")
    for n, size in enumerate((2 * i.bs, 2 * i.bs + 1, 4 * i.bs - 1, 5 * i.bs - 1)):
        # A pcluster of some blocks takes an lcluster that can say so.
        e = Extents(i).extent(HEAD1 | PARTIAL, whole[:size], block, blocks)
        e.lz4(text(n, 3 * i.bs)).add(f"part-{n}")
    run = bytes([7]) * (20 * i.bs)
    block, blocks = i.encode(ZSTD, run)
    for n, size in enumerate((i.bs + 1, 3 * i.bs, 19 * i.bs + 5)):
        Extents(i).extent(HEAD2 | PARTIAL, run[:size], block, blocks).lz4(text(n, 2 * i.bs)).add(f"run-{n}")


def compact(i):
    """Packs of two, with both heads and pclusters of more than a block."""
    a, b, c, d = text(1, 3 * i.bs + 5), bytes([9]) * (2 * i.bs), noise(2, i.bs - 5), text(3, 2 * i.bs)
    (first, n), (second, one), third, (fourth, m) = i.encode(LZ4, a), i.encode(ZSTD, b), i.store(c), i.encode(LZ4, d)
    assert one == 1
    packs = [
        (((HEAD1, 0), (REST, COUNT | n)), first),
        (((REST, 2), (HEAD2, 5)), second),
        (((REST, COUNT | 1), (PLAIN, 5)), second),
        (((HEAD1, 0), (REST, COUNT | m)), fourth),
    ]
    assert third == second + 1
    i.add("large", i.packs(8 * i.bs, BIG, packs), a + b + c + d)
    content, packs = b"", []
    for n in range(6):
        one, other = bytes([n]) * (i.bs + n + 1), noise(n, i.bs - n - 1)
        at, _ = i.encode(LZ4, one)
        i.store(other)
        content += one + other
        packs.append((((HEAD1, 0), (PLAIN, n + 1)), at - 1))
    i.add("small", i.packs(len(content), 0, packs), content)


def tails(i):
    """Packed behind the index, encoded in more bytes than they have."""
    for n, (size, algorithm) in enumerate(((5, HEAD1), (3, HEAD2), (1, PLAIN), (200, HEAD1))):
        e = Extents(i, advise=BIG | INLINE)
        e.lz4(text(n, 2 * i.bs))
        content = text(n + 9, size)
        packed = {HEAD1: lz4, HEAD2: zstd, PLAIN: lambda data: data + b"more"}[algorithm](content)
        e.low = len(packed) << 16
        e.extent(algorithm, content)
        entries = e.entries()
        entries[2] = (algorithm, 0, 0)
        nid = i.full(len(e.content), e.advise, entries, low=e.low, tail=packed)
        i.add(f"tail-{n}", nid, e.content)


def records(i):
    """Records of all sizes, of pclusters that begin and end anywhere."""
    plain = noise(1, 3000)
    pieces = [(LZ4, text(1, 9000)), (None, plain), (DEFLATE, text(2, 20001)), (0, bytes(5000)), (ZSTD, bytes([3]) * 70000),
              (LZ4, text(3, 100))]
    content = b"".join(piece for _, piece in pieces)

    def stored(kind, piece):
        if kind == 0 and not any(piece):
            return 0, 0
        encoded = piece if kind is None else {LZ4: lz4, DEFLATE: deflate, ZSTD: zstd}[kind](piece)
        return len(encoded) | (0 if kind is None else kind + 1) << 28, i.append(encoded)

    for width in (16, 32):
        start, found = 0, []
        for kind, piece in pieces:
            found.append((*stored(kind, piece), start))
            start += len(piece)
        i.add(f"any-{width}", i.records(len(content), 0, width, found), content)
        # A hole in front, and none behind.
        found = [(plen, pos, start + 777) for plen, pos, start in found]
        i.add(f"hole-{width}", i.records(len(content) + 777, 0, width, found), bytes(777) + content)
    # A part of what another file has.
    encoded = lz4(text(5, 8000))
    at = i.append(encoded)
    found = [(len(encoded) | 1 << 28 | RECORD_PARTIAL, at, 0), (len(encoded) | 1 << 28, at, 5000)]
    i.add("partial", i.records(13000, 0, 16, found), text(5, 8000)[:5000] + text(5, 8000))

    # Of one lcluster each, of four blocks.
    size = 4 * i.bs
    pieces = [text(n, size) if n % 3 else noise(n, size) for n in range(7)] + [text(7, size // 2 + 1)]
    encoded = [lz4(piece) if n % 3 else piece for n, piece in enumerate(pieces)]
    plens = [len(e) | (1 << 28 if n % 3 else 0) for n, e in enumerate(encoded)]
    content = b"".join(pieces)
    base = i.append(encoded[0])
    for e in encoded[1:]:
        i.append(e)
    nid = i.records(len(content), 0, 4, [(plen, 0, 0) for plen in plens], base=base, lclusters=2)
    i.add("row-4", nid, content)
    places = [i.append(b"\0" * n + e) + n for n, e in enumerate(encoded)]
    nid = i.records(len(content), 0, 8, [(plen, at, 0) for plen, at in zip(plens, places)], lclusters=2)
    i.add("row-8", nid, content)

    # Interlaced where it begins and ends with a block, and else not.
    data = noise(9, 3 * i.bs)
    turned = i.bs - 100
    block = i.store(data[turned:] + data[:turned])
    head = i.append(noise(8, 100))
    found = [(100, head, 0), (3 * i.bs, block * i.bs, 100), (100, head, 100 + 3 * i.bs)]
    i.add("interlaced", i.records(200 + 3 * i.bs, INTERLACED, 16, found), noise(8, 100) + data + noise(8, 100))


def fragments(i):
    """Larger ones than a pcluster may be, of all of a file and of its end."""
    runs = [bytes([n]) * (8 << 20) for n in (1, 2)]
    packed = b"".join(runs)
    found, start = [], 0
    for run in runs:
        encoded = zstd(run)
        found.append((len(encoded) | 4 << 28, i.append(encoded), start))
        start += len(run)
    i.packed = i.records(len(packed), 0, 16, found)
    i.add("whole", i.fragment(len(packed) - 10, 5), packed[5:-5])
    i.add("some", i.fragment(i.bs + 1, 8 << 20), packed[8 << 20 : (8 << 20) + i.bs + 1])
    before = text(1, 2 * i.bs + 5)
    size = (13 << 20) + 77
    e = Extents(i, advise=BIG | FRAGMENT, low=1000)
    e.lz4(before).extent(HEAD1, packed[1000 : 1000 + size])
    entries = e.entries()
    # The high half of where it begins.
    entries[2] = (HEAD1, 5, 0)
    entries = [(k, o, v if not (k == REST and n > 2 and v & COUNT) else rest(1, v >> 16)) for n, (k, o, v) in enumerate(entries)]
    if len(entries) * 8 < 64 << 10:
        i.add("end", i.full(len(e.content), e.advise, entries, low=1000), e.content)
    encoded = lz4(before)
    found = [(len(encoded) | 1 << 28, i.append(encoded), 0), (12345, 0, len(before))]
    nid = i.records(len(before) + size, FRAGMENT, 16, found)
    i.add("end-record", nid, before + packed[12345 : 12345 + size])


IMAGES = (heads, interlaced, holes, neighbours, partial, compact, tails, records, fragments)
WRONG_C = {"neighbours": "wrong-c"}


def make(to):
    lines = []
    for fill in IMAGES:
        for bs in (4096, 512):
            name = f"{fill.__name__}-{bs}"
            image = Image(bs)
            fill(image)
            image.save(os.path.join(to, name))
            lines.append(f"{name} {WRONG_C.get(fill.__name__, '-')}")
    with open(os.path.join(to, "LIST"), "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")
