# SPDX-License-Identifier: GPL-2.0
"""Compressed images made byte by byte: what no mkfs.erofs makes.

An Image has the files that are added to it in its root directory. What a file
is to contain is made along with what it is stored as; save() writes both, the
contents as sums for `sha256sum -c`.
"""

import hashlib
import re
import struct
import zlib

META = 8192  # where the root is, and then the other inodes; each in a block of its own
DATA = META + 128 * 1024
LZ4, LZMA, DEFLATE, ZSTD = range(4)
PLAIN, HEAD1, REST, HEAD2 = range(4)
PARTIAL, HOLE = 1 << 15, 1 << 14
COMPACTED_2B = EXTENTS = 1
BIG, INLINE, INTERLACED, FRAGMENT = 6, 8, 16, 32
COUNT = 1 << 11
FULL, COMPACT = 1, 3
# Of a record.
RECORD_PARTIAL = 1 << 27


def text(seed, size):
    """Something that compresses to half its size, and is nowhere the same."""
    out, n = bytearray(), seed * 7919
    while len(out) < size:
        n += 1
        out += b"%d bottles of beer on the wall of " % n + hashlib.md5(b"%d %d" % (seed, n)).digest()
    return bytes(out[:size])


def noise(seed, size):
    """Something that does not."""
    out, n = bytearray(), 0
    while len(out) < size:
        out += hashlib.sha256(b"%d %d" % (seed, n)).digest()
        n += 1
    return bytes(out[:size])


def lz4(data):
    out, anchor, at, seen = bytearray(), 0, 0, {}

    def sequence(literals, offset, match):
        def more(n):
            return bytes([255] * ((n - 15) // 255) + [(n - 15) % 255]) if n >= 15 else b""

        out.append(min(len(literals), 15) << 4 | (min(match - 4, 15) if match else 0))
        out.extend(more(len(literals)) + literals)
        if match:
            out.extend(struct.pack("<H", offset) + more(match - 4))

    while at + 12 < len(data):
        word = bytes(data[at : at + 4])
        before = seen.get(word, -1)
        seen[word] = at
        if before < 0 or at - before > 65535:
            at += 1
            continue
        length = 4
        while at + length < len(data) - 5 and data[before + length] == data[at + length]:
            length += 1
        sequence(data[anchor:at], at - before, length)
        at += length
        anchor = at
    sequence(data[anchor:], 0, 0)
    return bytes(out)


def deflate(data):
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    return c.compress(data) + c.flush()


def zstd(data):
    """A frame of blocks that are raw, or one byte repeated; with a window of 1 MiB."""
    out = bytearray(struct.pack("<IBBI", 0xFD2FB528, 0x80, 0x50, len(data)))
    runs = [m.group() for m in re.finditer(rb"(.)\1{999,}|(?:(?!(.)\2{999}).)+", data, re.DOTALL)]
    pieces = [run[at : at + 131072] for run in runs for at in range(0, len(run), 131072)]
    for n, piece in enumerate(pieces):
        run = piece == piece[:1] * len(piece)
        header = len(piece) << 3 | (2 if run else 0) | (n == len(pieces) - 1)
        out += header.to_bytes(3, "little") + (piece[:1] if run else piece)
    return bytes(out)


ENCODERS = {LZ4: lz4, DEFLATE: deflate, ZSTD: zstd}


class Image:
    def __init__(self, bs=4096, algorithms=(LZ4, DEFLATE, ZSTD)):
        self.bs, self.bits, self.algorithms = bs, bs.bit_length() - 1, algorithms
        self.data = bytearray(DATA)
        self.used, self.files, self.packed, self.sums = META + bs, [], 0, {}

    def put(self, at, form, *values):
        struct.pack_into("<" + form, self.data, at, *values)

    # Data.

    def store(self, data):
        """Appends blocks. Returns the number of the first."""
        self.data += bytes(-len(self.data) % self.bs)
        block = len(self.data) // self.bs
        self.data += data + bytes(-len(data) % self.bs)
        return block

    def encode(self, algorithm, data):
        """A pcluster of whole blocks, what is in them at their end. Returns the first and how many."""
        encoded = ENCODERS[algorithm](data)
        return self.store(bytes(-len(encoded) % self.bs) + encoded), -(-len(encoded) // self.bs)

    def append(self, data):
        """Appends bytes where the last ones end. Returns their position."""
        at = len(self.data)
        self.data += data
        return at

    # Inodes.

    def inode(self, layout, size, follows, blocks=1, mode=0o100644, block=0):
        """An extended inode and what follows it, in a block or some of its own. Returns its nid."""
        at = self.used
        self.used += (64 + len(follows) + self.bs - 1) // self.bs * self.bs
        assert self.used <= DATA
        self.put(at, "HHHHQIIIIQII", 1 | layout << 1, 0, mode, 0, size, block or blocks, len(self.files) + 2, 0, 0,
                 1700000000, 0, 1)
        self.data[at + 64 : at + 64 + len(follows)] = follows
        return (at - META + self.bs) // 32

    def add(self, name, nid, content):
        self.files.append((name, nid, 1))
        if content is not None:
            self.sums[name] = hashlib.sha256(content).hexdigest()
        return nid

    @staticmethod
    def header(advise, algorithms=LZ4 | ZSTD << 4, lclusters=0, low=0):
        return struct.pack("<IHBB", low, advise, algorithms, lclusters)

    def full(self, size, advise, entries, low=0, tail=b"", **fields):
        """With entries of (type and flags, offset, block or distances)."""
        index = b"".join(struct.pack("<HHI", *entry) for entry in entries)
        header = self.header(advise, low=low, **fields)
        return self.inode(FULL, size, header + bytes(8) + index + tail)

    def packs(self, size, advise, packs, low=0, tail=b"", number_bits=12, **fields):
        """With packs of two entries (type, number), and a block."""
        index = b"".join(struct.pack("<HHI", a << number_bits | b, c << number_bits | d, block)
                         for ((a, b), (c, d)), block in packs)
        return self.inode(COMPACT, size, self.header(advise, low=low, **fields) + index + tail)

    def records(self, size, advise, width, records, base=0, lclusters=0, count=None):
        """With records of (plen, position, start of the extent), as much of that as fits."""
        advise |= EXTENTS | (width.bit_length() - 3) << 1
        index = b""
        for plen, pos, start in records:
            record = struct.pack("<IQQ", plen, pos, start) if width > 8 else struct.pack("<II", plen, pos & 0xFFFFFFFF)
            index += record[:width].ljust(width, b"\0")
        gap = bytes(-(64 + 8) % width) + (struct.pack("<Q", base) if width == 4 else b"")
        count = len(records) if count is None else count
        header = struct.pack("<IHH", count & 0xFFFFFFFF, advise, lclusters << 8 if width < 16 else count >> 32)
        return self.inode(FULL, size, header + gap + index)

    def fragment(self, size, pos):
        """A file that is all in the packed inode."""
        return self.inode(FULL, size, struct.pack("<Q", pos | 1 << 63))

    def flat(self, content, mode=0o100644):
        return self.inode(0, len(content), b"", block=self.store(content), mode=mode)

    # The image.

    def finish(self):
        root = self.bs // 32
        entries = [(".", root, 2), ("..", root, 2)] + self.files
        entries.sort(key=lambda e: e[0].encode())
        names, records = b"", b""
        for name, nid, kind in entries:
            records += struct.pack("<QHBB", nid, 12 * len(entries) + len(names), kind, 0)
            names += name.encode()
        content = records + names
        assert len(content) <= self.bs, len(content)
        block = self.store(content)
        self.put(META, "HHHHQIIIIQII", 1, 0, 0o40755, 0, len(content), block, 1, 0, 0, 1700000000, 0, 2)
        self.store(b"")
        self.data += bytes(-len(self.data) % 4096)
        incompat = 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x80
        algorithms = sum(1 << a for a in self.algorithms)
        # Nid 0 would be no number for programs: nids count from a block before.
        self.put(1024, "IIIBBHQQIIII", 0xE0F5E1E2, 0, 0, self.bits, 0, self.bs // 32, len(self.files) + 1, 0, 0,
                 len(self.data) // self.bs, META // self.bs - 1, 0)
        self.put(1024 + 80, "IHHHBBIQ", incompat, algorithms, 0, 0, 0, 0, 0, self.packed)
        at = 1024 + 128
        for algorithm in self.algorithms:
            config = {LZ4: struct.pack("<HH10x", 65535, min(256, (1 << 20) // self.bs)),
                      LZMA: struct.pack("<IH8x", 1 << 20, 0), DEFLATE: struct.pack("<B5x", 15),
                      ZSTD: struct.pack("<BB4x", 0, 10)}[algorithm]
            self.put(at, "H", len(config))
            self.data[at + 2 : at + 2 + len(config)] = config
            at += (2 + len(config) + 3) // 4 * 4

    def save(self, path):
        self.finish()
        with open(path + ".erofs", "wb") as f:
            f.write(self.data)
        with open(path + ".sums", "w", encoding="ascii") as f:
            f.writelines(f"{digest}  {name}\n" for name, digest in sorted(self.sums.items()))


def rest(back, forward=1):
    return back | forward << 16


class Extents:
    """A file with full entries, made of extents one after the other."""

    def __init__(self, image, advise=BIG, low=0):
        self.image, self.advise, self.low = image, advise, low
        self.content, self.heads = b"", []

    def extent(self, kind, content, block=0, blocks=1):
        self.heads.append((len(self.content), kind, block, blocks))
        self.content += content
        return self

    def lz4(self, content):
        return self.extent(HEAD1, content, *self.image.encode(LZ4, content))

    def zstd(self, content):
        return self.extent(HEAD2, content, *self.image.encode(ZSTD, content))

    def shifted(self, content):
        blocks = -(-len(content) // self.image.bs)
        return self.extent(PLAIN, content, self.image.store(content), blocks)

    def interlaced(self, content):
        """A whole number of blocks, turned."""
        bs = self.image.bs
        assert len(content) % bs == 0
        turned = bs - len(self.content) % bs
        return self.extent(PLAIN, content, self.image.store(content[turned:] + content[:turned]), len(content) // bs)

    def hole(self, size, kind=HEAD1):
        return self.extent(kind | HOLE, bytes(size))

    def entries(self):
        bs, size, entries = self.image.bs, len(self.content), []
        starts = {start // bs: (start, kind, block, blocks) for start, kind, block, blocks in self.heads}
        assert len(starts) == len(self.heads), "two extents begin in one lcluster"
        order = sorted(starts)
        for lcn in range(-(-size // bs)):
            if lcn in starts:
                start, kind, block, blocks = starts[lcn]
                entries.append((kind, start % bs, block))
                continue
            head = max(n for n in order if n < lcn)
            forward = min([n for n in order if n > lcn], default=lcn + 1) - lcn
            back = min(lcn - head, COUNT - 1)
            counted = lcn == head + 1 and self.advise & BIG and not starts[head][1] & HOLE
            entries.append((REST, 0, rest(COUNT | starts[head][3] if counted else back, min(forward, 65535))))
        if size % bs:
            # As mkfs.erofs has it: the end of the last extent.
            last = size // bs
            if last not in starts:
                entries[last] = (PLAIN, size % bs, 0)
        return entries

    def add(self, name, change=None, tail=b""):
        entries = self.entries()
        if change:
            change(entries)
        nid = self.image.full(len(self.content), self.advise, entries, low=self.low, tail=tail)
        return self.image.add(name, nid, self.content)
