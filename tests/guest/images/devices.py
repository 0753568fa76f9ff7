# SPDX-License-Identifier: GPL-2.0
"""Images of files in chunks, and images on several devices, with their LIST.

A line of LIST has an image's name, its file, the manifest to compare with, the
files of its devices in their order, joined by commas ('-': none), and notes as
in valid.py; 'mine' says that the C driver reads it wrong, or that to compare with
it takes too long; 'broken' that it is not like its source tree.
"""

import os
import struct
import subprocess
import tarfile

from disk import FLAT_INLINE, Image, Record

CHUNK_BASED = 4
INDEXES, WIDE = 0x20, 0x40
HOLE = 0xFFFFFFFF
DEVICE_TABLE = 8
SLOT = {"blocks": (64, "I"), "uniaddr": (68, "I"), "blocks_hi": (72, "H"), "uniaddr_hi": (74, "H")}
INDEX = {"block_hi": (0, "H"), "device": (2, "H"), "block": (4, "I")}


def fill_unique(t):
    """Holes, ends within blocks; no block is there twice."""
    for size in (0, 1, 511, 512, 4095, 4096, 4097, 65535, 65537, 300000):
        t.file(f"size-{size}", size)
    for name, size, places in (("only-a-hole", 300000, ()), ("hole-before", 1 << 17, ((1 << 17) - 5000,)),
                               ("hole-after", 1 << 17, (0,)), ("hole-between", 1500000, (4096, 1494000))):
        with open(t.at(name), "wb") as f:
            f.truncate(size)
            for at in places:
                f.seek(at)
                f.write(t.bytes(5000))
        t.stamp(name)


def fill(t):
    """The same, and files that have blocks in common."""
    blocks = [t.bytes(4096) for _ in range(40)]
    zeros = bytes(4096)
    t.file("in-order", b"".join(blocks))
    t.file("backwards", b"".join(reversed(blocks)))
    t.file("every-other", b"".join(blocks[::2]))
    t.file("alternating", b"".join(b + zeros for b in blocks[:20]))
    t.file("zeros", zeros * 50)
    fill_unique(t)
    t.dir("dir")
    for n in range(20):
        t.file(f"dir/{n:02}", n * 700)
    t.link("link", "dir/07")
    t.link("long-link", "dir/" + "../dir/" * 3 + "07")


class Chunked(Image):
    """An image whose chunks can be moved about."""

    def __init__(self, path, blob=b""):
        super().__init__(path)
        self.blob = blob

    def all_indexes(self):
        """The index of each chunk, and the chunk's size: mkfs joins chunks that follow each other."""
        seen = set()
        for inode in self.inodes(self.root()):
            if inode.layout != CHUNK_BASED or inode.nid in seen:
                continue
            seen.add(inode.nid)
            chunk_format = inode.startblk & 0xFFFF
            assert chunk_format & INDEXES, "made without -Eforce-chunk-indexes"
            chunk = self.bs << (chunk_format & 0x1F)
            at = -(-inode.inline // 8) * 8
            for n in range(-(-inode.size // chunk)):
                yield Record(self.data, at + 8 * n, INDEX), chunk

    def indexes(self):
        """The index of each chunk that is no hole."""
        return (index for index, _ in self.all_indexes() if index.block != HOLE)

    def slots(self, count):
        """A new table of so many slots at the end."""
        self.data += bytes(-len(self.data) % self.bs)
        at = len(self.data)
        self.data += bytes(-(-count * 128 // self.bs) * self.bs)
        self.sb.blocks = len(self.data) // self.bs
        self.sb.feature_incompat |= DEVICE_TABLE
        self.sb.extra_devices, self.sb.devt_slotoff = count, at // 128
        assert at % 128 == 0 and at // 128 < 65536
        return [Record(self.data, at + 128 * n, SLOT) for n in range(count)]

    def blob_blocks(self):
        return -(-len(self.blob) // self.bs)


class Devices:
    def __init__(self, m):
        self.m = m
        self.to, self.lines, self.used = m.to, [], set()

    def file(self, name, data):
        """Writes a file, with holes where there are zeros."""
        with open(os.path.join(self.to, name), "wb") as f:
            f.truncate(len(data))
            for at in range(0, len(data), 4096):
                if any(data[at : at + 4096]):
                    f.seek(at)
                    f.write(data[at : at + 4096])
        return name

    def list(self, name, devices=(), tree="chunky", notes=()):
        # To a whole page, where the C driver needs it.
        size = os.path.getsize(self.m.path(name))
        os.truncate(self.m.path(name), -(-size // 4096) * 4096)
        self.used.update(devices)
        self.lines.append(f"{name} {name}.erofs {tree}.manifest {','.join(devices) or '-'} {','.join(notes) or '-'}")

    def make(self, name, *options):
        self.m.mkfs(name, "chunky", "--mkfs-time", "-Eforce-inode-extended", *options)
        self.list(name)

    def with_blob(self, name, *options, tree="chunky"):
        """An image on two devices: its own, and NAME.blob."""
        blob = os.path.join(self.to, name + ".blob")
        with open(blob, "wb"):
            pass
        self.m.mkfs(name, tree, "--mkfs-time", "-Eforce-inode-extended", f"--blobdev={blob}", *options)
        with open(blob, "rb") as f:
            return Chunked(self.m.path(name), f.read())

    def keep(self, image, name, devices, notes=()):
        image.seal()
        image.save(self.m.path(name))
        self.list(name, devices, notes=notes)

    def finish(self):
        for name in os.listdir(self.to):
            if name.endswith(".blob") and name not in self.used:
                os.unlink(os.path.join(self.to, name))
        with open(os.path.join(self.to, "LIST"), "w", encoding="ascii") as f:
            f.write("\n".join(self.lines) + "\n")


def single(d):
    for bs, chunk, kind in ((4096, 4096, "blockmap"), (4096, 4096, "indexes"), (4096, 1 << 20, "blockmap"),
                            (4096, 16384, "indexes"), (512, 512, "blockmap"), (512, 4096, "indexes")):
        force = "force-inode-blockmap" if kind == "blockmap" else "force-chunk-indexes"
        d.make(f"chunk-b{bs}-{chunk}-{kind}", f"-b{bs}", f"--chunksize={chunk}", f"-E{force}")


def several(d):
    for bs, chunk in ((4096, 65536), (512, 4096)):
        name = f"blob-b{bs}-{chunk}"
        image = d.with_blob(name, f"-b{bs}", f"--chunksize={chunk}")
        d.keep(image, name, [name + ".blob"])

    # Adjacent chunks at adjacent addresses of different devices: each device
    # has what is its own, and other bytes where another's is.
    for count in (3, 70):
        name = f"spread-{count}"
        image = d.with_blob(name, "--chunksize=4096")
        contents = [bytearray((b"\xdd" if count == 3 else b"\0") * len(image.blob)) for _ in range(count)]
        for index, size in image.all_indexes():
            if index.block != HOLE:
                at = index.block * 4096
                contents[index.block % count][at : at + size] = image.blob[at : at + size]
        devices = [d.file(f"{name}.{n + 1}", content) for n, content in enumerate(contents)]
        for slot in image.slots(count):
            slot.blocks = image.blob_blocks()
        for index in image.indexes():
            index.device = 1 + index.block % count
        d.keep(image, name, devices, notes=["mine"] if count == 70 else [])

    # All addresses are of the primary device, in the places of four others;
    # files go on from one to the next. The C driver looks at where an extent
    # begins only.
    name = "joined"
    image = d.with_blob(name, "--chunksize=4096")
    slots = image.slots(4)
    first, total = image.sb.blocks + 5, image.blob_blocks()
    devices, done = [], 0
    for n, slot in enumerate(slots):
        slot.uniaddr, slot.blocks = first + done, (total - done) // (4 - n)
        devices.append(d.file(f"{name}.{n + 1}", image.blob[done * 4096 : (done + slot.blocks) * 4096]))
        done += slot.blocks
    for index in image.indexes():
        index.device, index.block = 0, index.block + first
    d.keep(image, name, devices, notes=["mine"])

    # The same on one device.
    flat = Chunked(d.m.path(name))
    flat.data += bytes(5 * 4096) + image.blob
    d.keep(flat, "joined-flat", [])

    # Devices that are named, on one device: addresses count from their places.
    name = "flat"
    image = d.with_blob(name, "--chunksize=4096")
    slots = image.slots(3)
    first, total = image.sb.blocks, image.blob_blocks()
    for n, slot in enumerate(slots):
        slot.uniaddr, slot.blocks = first + n * total, total
    for index in image.indexes():
        index.device = 1 + index.block % 3
    image.data += image.blob * 3
    d.keep(image, name, [])

    # A device number beyond the table; its higher bits do not count.
    name = "absent"
    image = d.with_blob(name, "--chunksize=4096")
    image.slots(2)
    for index in image.indexes():
        index.device = 0xFF00 | (3 if index.block % 2 else 1)
    d.keep(image, name, ["absent.blob", "absent.blob"], notes=["broken"])


def not_files(d):
    """A directory and a symlink in chunks, on another device; mkfs only makes files so."""
    name = "not-files"
    d.m.mkfs(name, "chunky", "--mkfs-time", "-Eforce-inode-extended")
    image = Chunked(d.m.path(name))
    blob = bytearray()
    for inode in [image.inode(path) for path in ("dir", "long-link")]:
        assert inode.layout == FLAT_INLINE and 16 <= inode.size <= image.bs
        content = image.data[inode.inline : inode.inline + inode.size]
        index = Record(image.data, -(-inode.inline // 8) * 8, INDEX)
        index.block_hi, index.device, index.block = 0, 1, len(blob) // image.bs
        blob += content.ljust(image.bs, b"\0")
        inode.format, inode.startblk = inode.format & ~0xE | CHUNK_BASED << 1, INDEXES
    image.slots(1)[0].blocks = len(blob) // image.bs
    image.sb.feature_incompat |= 4
    d.keep(image, name, [d.file(f"{name}.1", blob)])


def wide(d):
    """Addresses of more than 32 bits, on a device that is mostly a hole."""
    name = "wide"
    image = d.with_blob(name, "--chunksize=4096")
    slots = image.slots(2)
    image.sb.feature_incompat |= 0x80
    far = 3 << 20  # 12 GB
    slots[0].uniaddr, slots[0].uniaddr_hi, slots[0].blocks = 5, 1, image.blob_blocks()
    slots[1].blocks, slots[1].blocks_hi = 7, 2
    for inode in image.inodes(image.root()):
        if inode.layout == CHUNK_BASED:
            inode.startblk |= WIDE
    for index, _ in image.all_indexes():
        if index.block == HOLE:
            index.block_hi = 0xFFFF
        elif index.block % 2:
            # By its place, beyond 32 bits.
            index.device, index.block_hi, index.block = 0, 1, index.block + 5
        else:
            index.device, index.block = 2, index.block + far
    path = os.path.join(d.to, "wide.2")
    with open(path, "wb") as f:
        f.seek(far * 4096)
        f.write(image.blob)
    d.keep(image, name, ["wide.blob", "wide.2"])


def tar(d):
    """An index of a tar file, which is the device."""
    path = os.path.join(d.to, "tar.tar")
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as f:
        f.add(os.path.join(d.m.trees, "chunky"), arcname=".")
    subprocess.run(["mkfs.erofs", "-d0", "--quiet", "--tar=i", d.m.path("tar"), path], check=True)
    d.list("tar", ["tar.tar"], notes=["mtime"])


def endless(d):
    """Not in LIST: files that are as long as a file can be, in blocks and in chunks; and a hole."""
    for name, option in (("blocks", "noinline_data"), ("chunks", "force-chunk-indexes")):
        more = ["--chunksize=4096"] if name == "chunks" else []
        d.m.mkfs(f"endless-{name}", "chunky", f"-Eforce-inode-extended,{option}", *more)
        image = Image(d.m.path(f"endless-{name}"))
        image.inode("in-order").size = 2**63 - 1
        if name == "blocks":
            hole = image.inode("backwards")
            hole.size, hole.startblk, hole.startblk_hi = 2**62, 0xFFFFFFFF, 0xFFFF
        image.seal()
        image.save(d.m.path(f"endless-{name}"))


def unique(d):
    """Not in LIST: for persistent memory, where a page can be of one file only."""
    for chunk, force in ((4096, "force-chunk-indexes"), (1 << 20, "force-inode-blockmap")):
        d.m.mkfs(f"unique-{chunk}", "unique", "--mkfs-time", f"--chunksize={chunk}", f"-Eforce-inode-extended,{force}")
    d.with_blob("unique", "--chunksize=4096", tree="unique")
    d.used.add("unique.blob")


def make(m):
    d = Devices(m)
    single(d)
    several(d)
    not_files(d)
    wide(d)
    tar(d)
    endless(d)
    unique(d)
    d.finish()
