# SPDX-License-Identifier: GPL-2.0
"""Makes images in a directory, and LIST there, which says how they are mounted.

A line of LIST has an image's name, its file, the manifest to compare with ('-':
none), mount options ('-': none; device=FILE is one of the same directory), and
notes, '-' for none. The notes, joined by commas:
  light       only what concerns names: a tree of thousands of paths
  layout      only what can depend on the layout: one of many of the same tree
  attributes  only what extended attributes have to do with
  zipped      a compressed one: only what the layout has to do with, and no O_DIRECT
  shape       nothing reads whole files: they may be huge
  mtime       has one time for all inodes, another than the source tree
  xattr       has no xattrs
  file-c      file-backed, the C driver fails on it: compare only with the source
  block-c     the same, block-backed
  no-block    not for a block device
"""

import os
import subprocess

TIME = "1700000000"
UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


class Maker:
    def __init__(self, trees, to, newer=None):
        self.trees, self.to, self.newer, self.lines = trees, to, newer, []

    def path(self, name):
        return os.path.join(self.to, name + ".erofs")

    def mkfs(self, name, tree, *options, newer=False):
        """By mkfs.erofs 1.8, or by the newer one."""
        tool = os.path.join(self.newer, "mkfs.erofs") if newer else "mkfs.erofs"
        done = subprocess.run([tool, "-d0", "--quiet", f"-U{UUID}", f"-T{TIME}", *options, self.path(name),
                               os.path.join(self.trees, tree)], check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode:
            raise RuntimeError(f"mkfs.erofs for {name}: {done.stdout.decode(errors='replace')}")

    def list(self, name, tree, options="-", notes=()):
        manifest = f"{tree}.manifest" if tree else "-"
        self.lines.append(f"{name} {name}.erofs {manifest} {options} {','.join(notes) or '-'}")

    def make(self, name, tree, *options, notes=(), newer=False, mount="-", like=""):
        """An image of a tree, in LIST; `like` is the tree that it shows, if it is not that one."""
        self.mkfs(name, tree, *options, newer=newer)
        # To a whole page, where the C driver needs it: valid.partial() is about the others.
        size = os.path.getsize(self.path(name))
        os.truncate(self.path(name), -(-size // 4096) * 4096)
        self.list(name, tree if like == "" else like, mount, notes)

    def finish(self):
        with open(os.path.join(self.to, "LIST"), "w", encoding="ascii") as f:
            f.write("\n".join(self.lines) + "\n")
