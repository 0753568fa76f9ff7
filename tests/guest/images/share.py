# SPDX-License-Identifier: GPL-2.0
"""Images of files that have digests of their contents in an attribute (inode_share)."""

import hashlib
import os

from disk import Image
from tree import Tree

DIGEST = "trusted.digest"
ISHARE = 0x20  # of feature_compat; the prefix of the attribute is the first one


def fill(root, contents):
    t = Tree(root, "share")
    for path, (seed, size, digest) in contents.items():
        t.file(path, hashlib.shake_128(seed).digest(size))
        if digest:
            t.xattr(path, DIGEST, hashlib.sha256(digest).digest())
    t.finish()


def make(m):
    """one.erofs and two.erofs have files in common, under other names; plain.erofs says nothing of digests."""
    large = (b"large", 700001, b"large")
    trees = {
        "one": {"large": large, "small": (b"small", 100, b"small"), "size": (b"size", 9000, b"same digest"),
                "none": (b"none", 5000, None), "own": (b"one", 20000, b"one")},
        "two": {"as-large": large, "large": (b"other", 700001, b"other"), "small": (b"small", 100, b"small"),
                "size": (b"longer", 9001, b"same digest"), "none": (b"none", 5000, None), "own": (b"two", 20000, b"two")},
    }
    for name, contents in trees.items():
        fill(os.path.join(m.trees, name), contents)
        m.mkfs(name, name, "--mkfs-time", f"--xattr-prefix={DIGEST}")
        image = Image(m.path(name))
        if name == "one":
            image.save(m.path("plain"))
        image.sb.feature_compat |= ISHARE
        image.seal()
        image.save(m.path(name))
