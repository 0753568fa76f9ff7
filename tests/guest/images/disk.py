# SPDX-License-Identifier: GPL-2.0
"""Just enough of the on-disk format to break an image where it hurts."""

import struct

SUPER = 1024
FIELDS = {  # of the superblock: offset, format
    "magic": (0, "I"), "checksum": (4, "I"), "feature_compat": (8, "I"), "blkszbits": (12, "B"),
    "sb_extslots": (13, "B"), "root_nid": (14, "H"), "inos": (16, "Q"), "epoch": (24, "Q"),
    "fixed_nsec": (32, "I"), "volume_name": (64, "16s"), "blocks": (36, "I"), "meta_blkaddr": (40, "I"), "xattr_blkaddr": (44, "I"),
    "feature_incompat": (80, "I"), "available_compr_algs": (84, "H"), "extra_devices": (86, "H"),
    "devt_slotoff": (88, "H"), "dirblkbits": (90, "B"), "xattr_prefix_count": (91, "B"), "xattr_prefix_start": (92, "I"),
    "packed_nid": (96, "Q"), "xattr_filter_reserved": (104, "B"), "ishare_xattr_prefix_id": (105, "B"), "rootnid_8b": (112, "Q"), "metabox_nid": (128, "Q"),
}
COMPACT = {
    "format": (0, "H"), "xattr_icount": (2, "H"), "mode": (4, "H"), "nlink": (6, "H"), "size": (8, "I"),
    "mtime": (12, "I"), "startblk": (16, "I"), "uid": (24, "H"), "gid": (26, "H"),
}
EXTENDED = {
    "format": (0, "H"), "xattr_icount": (2, "H"), "mode": (4, "H"), "startblk_hi": (6, "H"), "size": (8, "Q"),
    "startblk": (16, "I"), "uid": (24, "I"), "gid": (28, "I"), "mtime": (32, "Q"), "mtime_nsec": (40, "I"),
    "nlink": (44, "I"),
}
FLAT_PLAIN, FLAT_INLINE = 0, 2


def crc32c(data, crc):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


class Record:
    """Fields of little-endian integers in the image's bytes."""

    def __init__(self, data, offset, fields):
        self.__dict__.update(data=data, offset=offset, fields=fields)

    def place(self, name):
        """Where a field is in the image, and its format."""
        offset, code = self.fields[name]
        return self.offset + offset, "<" + code

    def __getattr__(self, name):
        if name not in self.fields:
            raise AttributeError(name)
        offset, code = self.place(name)
        return struct.unpack_from(code, self.data, offset)[0]

    def __setattr__(self, name, value):
        if name not in self.fields:
            raise AttributeError(name)
        offset, code = self.place(name)
        struct.pack_into(code, self.data, offset, value)


class Inode(Record):
    def __init__(self, image, nid):
        offset = image.sb.meta_blkaddr * image.bs + nid * 32
        extended = image.data[offset] & 1
        super().__init__(image.data, offset, EXTENDED if extended else COMPACT)
        self.__dict__.update(image=image, nid=nid, isize=64 if extended else 32)

    @property
    def layout(self):
        return self.format >> 1 & 7

    @property
    def inline(self):
        """Where the inode's tail of data is."""
        return self.offset + self.isize + (12 + 4 * (self.xattr_icount - 1) if self.xattr_icount else 0)

    def block(self, n):
        """Where the n-th block of data is."""
        if self.layout == FLAT_INLINE and n == self.size // self.image.bs:
            return self.inline
        return (self.startblk + n) * self.image.bs

    @property
    def blocks(self):
        return -(-self.size // self.image.bs)


class Dirent(Record):
    def __init__(self, data, block, n):
        super().__init__(data, block + 12 * n, {"nid": (0, "Q"), "nameoff": (8, "H"), "type": (10, "B")})
        self.__dict__.update(block=block)


class Image:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = bytearray(f.read())
        self.sb = Record(self.data, SUPER, FIELDS)
        self.bs = 1 << self.sb.blkszbits

    def root(self):
        return Inode(self, self.sb.root_nid)

    def dirents(self, inode, n):
        """The entries of one block of a directory, with their names."""
        block = inode.block(n)
        end = block + min(inode.size - n * self.bs, self.bs)
        count = Dirent(self.data, block, 0).nameoff // 12
        entries = [Dirent(self.data, block, i) for i in range(count)]
        for i, e in enumerate(entries):
            stop = block + entries[i + 1].nameoff if i + 1 < count else end
            name = bytes(self.data[block + e.nameoff : stop]).split(b"\0")[0]
            e.__dict__["name"] = name.decode()
        return entries

    def inodes(self, inode):
        """This one and all that are below it."""
        yield inode
        for n in range(inode.blocks if inode.mode & 0o170000 == 0o040000 else 0):
            for e in self.dirents(inode, n):
                if e.name not in (".", ".."):
                    yield from self.inodes(Inode(self, e.nid))

    def entry(self, path):
        """The directory entry of a path."""
        inode = self.root()
        parts = path.split("/")
        for depth, part in enumerate(parts):
            found = [e for n in range(inode.blocks) for e in self.dirents(inode, n) if e.name == part]
            if depth == len(parts) - 1:
                return found[0]
            inode = Inode(self, found[0].nid)
        return None

    def inode(self, path):
        return Inode(self, self.entry(path).nid) if path else self.root()

    def seal(self):
        """Makes the superblock's checksum right again, if it has one."""
        length = self.bs - SUPER if self.bs > SUPER else self.bs
        self.sb.checksum = crc32c(self.data[SUPER + 8 : SUPER + length], 0x5045B54A)

    def save(self, path):
        with open(path, "wb") as f:
            f.write(self.data)
