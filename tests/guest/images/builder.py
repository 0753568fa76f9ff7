# SPDX-License-Identifier: GPL-2.0
"""Builds images field by field, for what no mkfs emits.

An image is a set of pieces at offsets, and may be terabytes long: save() writes
the file, or, if it is too long for that, NAME.pieces and NAME.parts, of which
the guest makes it. Everything is in the root directory; the superblock, nodes
and data are put where the caller says, or one after the other.
"""

import stat
import struct

from disk import FIELDS, SUPER, crc32c

PLAIN, INLINE, CHUNK = 0, 2, 4
NLINK_1 = 1 << 4  # in a compact inode's format: its count of links is a high word instead
METABOX = 1 << 63  # in a node number

CHKSUM, FILTER, SHARED_IN_METABOX, PLAIN_PREFIXES = 1, 4, 8, 0x10
CHUNKED, DEVICES, PREFIXES, BIT48, IN_METABOX = 4, 8, 0x40, 0x80, 0x100

USER, ACL_ACCESS, ACL_DEFAULT, TRUSTED, LUSTRE, SECURITY = range(1, 7)
LONG = 0x80


def align(n, to):
    return -(-n // to) * to


def entry(index, name, value, size=None):
    """One extended attribute, as it is on disk."""
    data = struct.pack("<BBH", len(name), index, len(value) if size is None else size) + name + value
    return data.ljust(align(len(data), 4), b"\0")


def ibody(*entries, shared=(), absent=0, count=None):
    """What follows an inode: its filter (a bit for what is absent), shared ids, and entries."""
    head = struct.pack("<IB7x", absent, len(shared) if count is None else count)
    return head + b"".join(i.to_bytes(4, "little") for i in shared) + b"".join(entries)


def prefix(base, infix):
    """A long name prefix, in the table of them."""
    data = struct.pack("<HB", 1 + len(infix), base) + infix
    return data.ljust(align(len(data), 4), b"\0")


class Builder:
    def __init__(self, bs=4096, meta=1, room=None):
        """Nodes are put from block `meta` on, data after `room` blocks of them."""
        self.bs, self.pieces, self.names, self.box = bs, {}, [], None
        self.sb = {"magic": 0xE0F5E1E2, "blkszbits": bs.bit_length() - 1, "meta_blkaddr": max(meta, 4096 // bs),
                   "epoch": 1700000000, "inos": 1}
        self.node = 0 if meta else 1152 // 32
        self.first = self.next = self.sb["meta_blkaddr"] + (room or (128 << 10) // bs)
        self.uuid, self.label = bytes(range(1, 17)), b""
        self.extslots = 0

    def put(self, at, data):
        self.pieces[at] = bytes(data)

    def alloc(self, data):
        """Puts data into blocks: the number of the first."""
        start = self.next
        self.put(start * self.bs, data)
        self.next += align(len(data), self.bs) // self.bs
        return start

    def offset(self, nid):
        return self.sb["meta_blkaddr"] * self.bs + nid * 32

    def nid(self, size, straddle=None):
        """Room for a node of so many bytes: within a block, or with `straddle` bytes of it before a block's end."""
        at = self.node * 32
        if straddle is not None:
            at = align(at + straddle, self.bs) - straddle
        elif size <= self.bs and at // self.bs != (at + size - 1) // self.bs:
            at = align(at, self.bs)
        self.node = align(at + size, 32) // 32
        return at // 32

    def add(self, name, data=b"", layout=PLAIN, mode=stat.S_IFREG | 0o644, *, extended=True, body=b"", table=b"",
            chunk=0, start=None, size=None, nid=None, box=False, bits=0, nlink=1, icount=None, straddle=None, to=None):
        """An inode and its name in the root directory: its nid.

        `body` is of extended attributes, `table` of chunks; `start` is where
        the data is, if it is not to be put anywhere; with `box` the inode is
        in the metabox; with `to` its data goes to that address.
        """
        size = len(data) if size is None else size
        head = 64 if extended else 32
        tail = data[size // self.bs * self.bs :] if layout == INLINE else b""
        after = bytes(body)
        if table:
            unit = 8 if chunk & 0x20 else 4
            after = after.ljust(align(head + len(after), unit) - head, b"\0") + table
        after += tail
        if start is None and layout != CHUNK:
            whole = data[: len(data) - len(tail)]
            start = to if to is not None else (self.alloc(whole) if whole else 0xFFFFFFFFFFFF)
            if to is not None:
                self.put(to * self.bs, whole)
        if layout == CHUNK:
            start = chunk
        if icount is None:
            icount = (len(body) - 12) // 4 + 1 if body else 0
        low, high = start & 0xFFFFFFFF, start >> 32 & 0xFFFF
        fmt = int(extended) | layout << 1 | bits
        if extended:
            inode = struct.pack("<HHHHQIIIIQII16x", fmt, icount, mode, high, size, low, 0, 1000, 1000, 1600000000, 5, nlink)
        else:
            inode = struct.pack("<HHHHIIIIHHI", fmt, icount, mode, high if bits & NLINK_1 else nlink, size, 7, low, 0,
                                1000, 1000, 0)
        inode += after
        if box:
            nid = self.box.nid(len(inode), straddle)
            self.box.put(nid * 32, inode)
            nid |= METABOX
        else:
            if nid is None:
                nid = self.nid(len(inode), straddle)
            self.put(self.offset(nid), inode)
        if name is not None:
            self.names.append((name.encode(), nid, {stat.S_IFREG: 1, stat.S_IFDIR: 2, stat.S_IFCHR: 3, stat.S_IFBLK: 4,
                                                    stat.S_IFIFO: 5, stat.S_IFLNK: 7}[stat.S_IFMT(mode)]))
        return nid

    def metabox(self):
        """Nodes can be put into a metabox from here on; its inode comes with root()."""
        self.box = Builder(self.bs)
        self.box.sb["meta_blkaddr"] = 0
        self.box.node = 1  # 0 is not special: to see that no offset is taken for another

    def flat(self):
        """All pieces as one string of bytes."""
        data = bytearray(max(at + len(piece) for at, piece in self.pieces.items()))
        for at, piece in self.pieces.items():
            data[at : at + len(piece)] = piece
        return bytes(data)

    def root(self, nid=None, box=False, body=b""):
        """The root directory of all names so far: its nid."""
        nids = {b".": 0, b"..": 0}
        names = sorted([(b".", None, 2), (b"..", None, 2), *self.names])
        blocks, block, used = [], [], 0
        for e in names:
            if used + 12 + len(e[0]) > self.bs:
                blocks.append(block)
                block, used = [], 0
            block.append(e)
            used += 12 + len(e[0])
        blocks.append(block)

        def packed(own):
            data = b""
            for block in blocks:
                heads, text = b"", b""
                for name, to, kind in block:
                    heads += struct.pack("<QHBB", own if name in nids else to, 12 * len(block) + len(text), kind, 0)
                    text += name
                data = data.ljust(align(len(data), self.bs), b"\0") + heads + text
            return data

        length = len(packed(0))
        start = self.alloc(bytes(length))
        nid = self.add(None, b"", PLAIN, stat.S_IFDIR | 0o755, start=start, size=length, nid=nid, nlink=2, box=box, body=body)
        self.put(start * self.bs, packed(nid))
        if self.box:
            self.sb["feature_incompat"] = self.sb.get("feature_incompat", 0) | IN_METABOX
            self.extslots = 1
            whole = self.box.flat()
            self.sb["metabox_nid"] = self.add(None, whole.ljust(align(len(whole), self.bs), b"\0"), PLAIN, stat.S_IFREG)
        return nid

    def finish(self, root, far=False):
        """Writes the superblock; `far`: the root's nid is in the wide field."""
        size = max(align(at + len(piece), 4096) for at, piece in self.pieces.items())
        assert self.offset(self.node) <= self.first * self.bs, f"more room for nodes, please: {self.node * 32}"
        if far:
            self.sb["feature_incompat"] = self.sb.get("feature_incompat", 0) | BIT48
            self.sb["rootnid_8b"] = root
        self.sb["root_nid"] = (size // self.bs >> 32) if far else root
        self.sb["blocks"] = size // self.bs & 0xFFFFFFFF
        self.sb["inos"] = len(self.names) + 1
        self.sb["sb_extslots"] = self.extslots
        block = bytearray(128 + 16 * self.extslots)
        for name, value in self.sb.items():
            at, code = FIELDS[name]
            struct.pack_into("<" + code, block, at, value)
        block[48:64] = self.uuid
        block[64 : 64 + len(self.label)] = self.label
        self.put(SUPER, block)
        return size

    def save(self, path, root, far=False):
        size = self.finish(root, far)
        if self.bs > SUPER and self.sb.get("feature_compat", 0) & CHKSUM:
            first = bytearray(self.bs)
            for at, piece in self.pieces.items():
                if at < self.bs:
                    first[at : at + len(piece)] = piece
            struct.pack_into("<I", first, SUPER + 4, crc32c(first[SUPER + 8 :], 0x5045B54A))
            self.put(SUPER + 4, first[SUPER + 4 : SUPER + 8])
        if size <= 64 << 20:
            with open(path, "wb") as f:
                f.truncate(size)
                for at, piece in sorted(self.pieces.items()):
                    f.seek(at)
                    f.write(piece)
            return
        stem = path[: -len(".erofs")]
        sectors = {}
        for at, piece in sorted(self.pieces.items()):
            for n in range(at // 512, (at + len(piece) + 511) // 512):
                sector = sectors.setdefault(n, bytearray(512))
                start, end = max(at, n * 512), min(at + len(piece), n * 512 + 512)
                sector[start - n * 512 : end - n * 512] = piece[start - at : end - at]
        runs = []
        for n in sorted(sectors):
            if runs and runs[-1][0] + runs[-1][1] == n:
                runs[-1][1] += 1
            else:
                runs.append([n, 1])
        with open(stem + ".parts", "wb") as f:
            f.write(b"".join(bytes(sectors[n]) for n in sorted(sectors)))
        with open(stem + ".pieces", "w", encoding="ascii") as f:
            f.write(f"{size}\n" + "".join(f"{at} {count}\n" for at, count in runs))


def of(maker, name, builder, root, far=False, options="-", notes=()):
    """Saves it, and lists it in the maker's LIST."""
    builder.save(maker.path(name), root, far)
    maker.list(name, None, options, notes)
