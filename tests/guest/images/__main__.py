# SPDX-License-Identifier: GPL-2.0
"""images OBSERVE TO: makes the trees and the images of the guest cases in TO.

Run by mkimages, inside the build root.
"""

import os
import shutil
import subprocess
import sys

import broken
import devices
import share
import tree
import valid
import zbroken
import zcrafted
import zipped


def main(observe, to):
    trees = os.path.join(to, "trees")
    os.umask(0o022)

    def manifest(of, path):
        with open(path, "wb") as f:
            subprocess.run([observe, "manifest", of], check=True, stdout=f)

    for name in ("trees", "valid", "broken", "devices", "share", "zipped", "zcrafted", "zbroken"):
        os.mkdir(os.path.join(to, name))
    for name, fill in tree.TREES.items():
        fill(os.path.join(trees, name))
        where = {"chunky": "devices", "unique": "devices", "texts": "zipped"}.get(name, "valid")
        manifest(os.path.join(trees, name), os.path.join(to, where, name + ".manifest"))
    valid.make(trees, os.path.join(to, "valid"))
    valid.make_nest(trees, os.path.join(to, "valid"))
    valid.make_far(trees, os.path.join(to, "valid"))
    devices.make(trees, os.path.join(to, "devices"))
    zipped.make(trees, os.path.join(to, "zipped"))
    zcrafted.make(os.path.join(to, "zcrafted"))
    zbroken.make(os.path.join(to, "zbroken"))
    broken.make(trees, os.path.join(to, "broken"))
    share.make(os.path.join(to, "share"), manifest)
    shutil.rmtree(trees)


main(*sys.argv[1:])
