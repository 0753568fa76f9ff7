# SPDX-License-Identifier: GPL-2.0
"""images TO: makes the images of the benchmark, and TO/files.ext4 with them in it.

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


def main(to):
    files = to + "/files"
    trees = to + "/trees"
    for name, make in (("tree", make_tree), ("dir", make_directory), ("xattrs", make_xattrs), ("tiny", lambda to: None)):
        os.makedirs(f"{trees}/{name}")
        make(f"{trees}/{name}")
    os.makedirs(files + "/many")
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
    # With room for 10,000 small images. Without a journal: its worker wakes up when it likes.
    size = sum(os.path.getsize(os.path.join(files, name)) for name in os.listdir(files)) * 21 // 20 + (128 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O^has_journal", "-N20000", "-Elazy_itable_init=0,nodiscard,root_owner=0:0",
                    "-d", files, to + "/files.ext4", f"{size >> 20}M"], check=True)
    shutil.rmtree(files)


os.umask(0o022)
main(*sys.argv[1:])
