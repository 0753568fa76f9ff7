# SPDX-License-Identifier: GPL-2.0
"""Compressed images of every kind, of small trees, to be compared with the C driver."""

import os
import re
import struct
import subprocess

from disk import Image

KEPT = "--mkfs-time"
C = "-C{}".format
DEVICES = 8  # of feature_incompat


def layouts(m):
    """Algorithms, sizes of pclusters and of blocks, and what is done with tails and with what is there twice."""
    for name, *options in (
        ("4k", "-zlz4"), ("1m", "-zlz4hc", C(1 << 20)), ("b512", "-zlz4", "-b512", C(4096)), ("b1024", "-zlz4hc", "-b1024", C(65536)),
        ("lzma-b512", "-zlzma", "-b512", C(8192), "-Efragments,dedupe"),
        ("lzma-1m", "-zlzma", C(1 << 20), "-Eztailpacking"),
        ("lzma-all-fragments", "-zlzma", C(4096), "-Eall-fragments"),
        ("deflate-b1024", "-zdeflate", "-b1024", C(1024), "-Eztailpacking,fragments"),
        ("deflate-dedupe", "-zdeflate", C(65536), "-Ededupe,ztailpacking"),
        ("zstd-4k", "-zzstd", "-Eztailpacking,fragments,dedupe"),
        ("zstd-all-fragments", "-zzstd", C(1 << 20), "-Eall-fragments"),
    ):
        m.make(name, "prose", KEPT, *options, notes=["zipped", "layout"])
    hints = m.path("several") + ".hints"
    with open(hints, "w", encoding="ascii") as f:
        f.write("4096 0 many/\n32768 1 large\n16384 2 mixed\n8192 3 same\n")
    m.make("several", "prose", KEPT, "-zlz4hc:lzma:deflate:zstd", C(32768), f"--compress-hints={hints}", notes=["zipped", "layout"])
    os.unlink(hints)


def newer(m):
    """What only mkfs 1.9 makes."""
    for name, *options in (
        ("full", "-zlz4", C(16384), "-Elegacy-compress"),
        ("48bit", "-zlz4", C(65536), "-E48bit"),
        ("48bit-b512", "-zzstd", "-b512", C(65536), "-E48bit,ztailpacking"),
        ("48bit-fragments", "-zlzma", C(65536), "-E48bit,fragments,dedupe"),
        ("fragdedupe", "-zdeflate", C(16384), "-Efragments,fragdedupe=full"),
        ("fragdedupe-inode", "-zzstd", C(65536), "-Eall-fragments,fragdedupe=inode"),
        ("directories", "-zlz4", "--zD"),
        ("directories-b512", "-zzstd", "-b512", C(4096), "--zD"),
        ("directories-fragments", "-zlzma", C(65536), "--zD", "-Eall-fragments"),
        ("metabox", "-zlz4", "-m4096:lz4"),
        ("metabox-zstd", "-zlz4hc", C(65536), "-m65536:zstd", "--zD", "-Efragments"),
        ("metabox-lzma-b512", "-zdeflate", "-b512", C(4096), "-m4096:lzma", "-Eztailpacking"),
        ("metabox-zone", "-zlz4", C(16384), "-m16384:deflate", "--MZ=i", "-E48bit"),
    ):
        m.make(name, "prose", KEPT, "-Eforce-inode-extended", *options, newer=True, notes=["zipped", "layout"])


def extents(m, name, path):
    """What dump.erofs shows of a file's extents: (physical start, end) of each."""
    done = subprocess.run([os.path.join(m.newer, "dump.erofs"), "-e", f"--path={path}", m.path(name)], check=True,
                          stdout=subprocess.PIPE)
    # 0: 0.. 16384 | 16384 : 4096.. 8192 | 4096
    found = re.findall(r"^ *\d+:.*:\s*(\d+)\.\.\s*(\d+)\s*\|\s*\d+\s*$", done.stdout.decode(), re.M)
    return [(int(start), int(end)) for start, end in found]


def devices(m):
    """Pclusters on another device, found by their address in all of them."""
    for name, *options in (("device", "-zlz4", C(65536)), ("device-b512", "-zzstd", "-b512", C(65536))):
        m.mkfs(name, "prose", KEPT, *options)
        image = Image(m.path(name))
        of = extents(m, name, "/large")
        start, end = min(s for s, _ in of), max(e for _, e in of)
        blob = bytes(image.data[start:end])
        # Who reads it here finds something else.
        image.data[start:end] = b"\xa5" * len(blob)
        at = -(-len(image.data) // image.bs) * image.bs
        image.data.extend(bytes(at - len(image.data)))
        image.data.extend(struct.pack("<64sIIHH52x", b"blob", len(blob) // image.bs, start // image.bs, 0, 0).ljust(4096, b"\0"))
        image.sb.feature_incompat |= DEVICES
        image.sb.extra_devices = 1
        image.sb.devt_slotoff = at // 128
        image.seal()
        image.save(m.path(name))
        other = os.path.join(m.to, name + ".blob")
        with open(other, "wb") as f:
            f.write(blob)
        for path in (m.path(name), other):
            os.truncate(path, -(-os.path.getsize(path) // 4096) * 4096)
        m.list(name, "prose", f"device={name}.blob", ["zipped", "layout"])


def shared(m):
    """Of files that have fingerprints."""
    m.make("shared", "prose", KEPT, "-zlz4", C(65536), "-Efragments,ztailpacking", "--xattr-inode-digest=trusted.digest",
           newer=True, mount="inode_share,domain_id=a", notes=["zipped", "layout", "xattr"])


def make(m):
    for what in (layouts, newer, devices, shared):
        what(m)
    m.finish()
