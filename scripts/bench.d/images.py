# SPDX-License-Identifier: GPL-2.0
"""images TO: makes the images of the benchmark, each in an ext4 of its own, TO/NAME.ext4.

Run by scripts/bench inside the build root, whose own files are the tree: 3,700 of them, C headers
and Python's library, and 24 MB of a large ELF file.
"""

import glob
import os
import random
import re
import shutil
import subprocess
import sys

COMPRESSED = {
    "lz4": ["-zlz4", "-C65536"],
    "ztail": ["-zlz4", "-C65536", "-Eztailpacking,fragments,dedupe"],
    "lz4-4k": ["-zlz4", "-C4096"],
    "lzma": ["-zlzma", "-C65536"],
    "deflate": ["-zdeflate", "-C65536"],
    "zstd": ["-zzstd", "-C65536"],
}
BIG = 24 << 20


def mkfs(path, tree, *options):
    subprocess.run(["mkfs.erofs", "--quiet", "-T0", "--all-root", "-U00000000-0000-0000-0000-000000000001",
                    *options, path, tree], check=True)


def make_tree(to):
    for source in ("/usr/include", "/usr/lib/python3.13"):
        shutil.copytree(source, to + source, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    [driver] = glob.glob("/usr/lib/x86_64-linux-gnu/librustc_driver-*.so")
    with open(driver, "rb") as elf, open(to + "/big", "wb") as big:
        big.write(elf.read(BIG))


def make_directory(to):
    os.mkdir(to + "/dir")
    for n in range(10000):
        open(f"{to}/dir/entry-{n:05}", "wb").close()


def make_xattrs(to):
    for n in range(1000):
        path = f"{to}/file-{n:04}"
        open(path, "wb").close()
        for name in ("first", "second", "third"):
            os.setxattr(path, "user." + name, (name * (1 + n % 3)).encode())
        os.setxattr(path, "user.shared", b"of all of them")


def sparse_reads(image):
    """Positions in /big, one page in every fourth pcluster, in random order."""
    said = subprocess.run(["dump.erofs", "--path=/big", "-e", image], check=True, capture_output=True, text=True).stdout
    extents = [(int(a), int(b)) for a, b in re.findall(r"^\s*\d+:\s+(\d+)\.\.\s*(\d+)", said, re.M)]
    assert len(extents) > 40 and extents[-1][1] == BIG, said
    numbers = random.Random(1)
    at = []
    for start, end in extents[::4]:
        pages = range(-(-start // 4096), end // 4096)  # those inside
        if pages:
            at.append(numbers.choice(pages) * 4096)
    numbers.shuffle(at)
    return at


def make_ext4(to, name, files):
    """TO/NAME.ext4 with the image NAME, and what is beside it."""
    one = to + "/one"
    os.mkdir(one)
    for beside in (name, name + ".sparse"):
        if os.path.exists(f"{files}/{beside}"):
            os.link(f"{files}/{beside}", f"{one}/{beside}")
    # The small one will have 10,000 copies.
    inodes, room = (20000, 96 << 20) if name == "tiny" else (64, 4 << 20)
    size = os.path.getsize(f"{one}/{name}") * 21 // 20 + room
    # Without a journal: its worker wakes up when it likes.
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O^has_journal", f"-N{inodes}", "-Elazy_itable_init=0,nodiscard,root_owner=0:0",
                    "-d", one, f"{to}/{name}.ext4", f"{size >> 20}M"], check=True)
    shutil.rmtree(one)


def main(to):
    files = to + "/images"
    trees = to + "/trees"
    for name, make in (("tree", make_tree), ("dir", make_directory), ("xattrs", make_xattrs), ("tiny", lambda to: None)):
        os.makedirs(f"{trees}/{name}")
        make(f"{trees}/{name}")
    os.mkdir(files)
    mkfs(files + "/plain", trees + "/tree")
    mkfs(files + "/chunks", trees + "/tree", "--chunksize=65536")
    mkfs(files + "/bigdir", trees + "/dir")
    mkfs(files + "/xattrs", trees + "/xattrs", "-E^xattr-name-filter")
    mkfs(files + "/filter", trees + "/xattrs")
    open(trees + "/tiny/file", "wb").close()
    mkfs(files + "/tiny", trees + "/tiny")
    for name, options in COMPRESSED.items():
        mkfs(f"{files}/{name}", trees + "/tree", *options)
        with open(f"{files}/{name}.sparse", "w", encoding="ascii") as out:
            out.writelines(f"{pos}\n" for pos in sparse_reads(f"{files}/{name}"))
    shutil.rmtree(trees)
    for name in os.listdir(files):
        if not name.endswith(".sparse"):
            make_ext4(to, name, files)
    shutil.rmtree(files)


os.umask(0o022)
main(*sys.argv[1:])
