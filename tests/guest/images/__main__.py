# SPDX-License-Identifier: GPL-2.0
"""images OBSERVE NEWER TO: makes the trees and the images of the guest cases in TO.

Run by mkimages, inside the build root. NEWER is the directory of newer tools.
"""

import os
import shutil
import subprocess
import sys

import attributes
import broken
import clients
import devices
import internal
import places
import share
import tree
import valid
import zbroken
import zcrafted
import zipped
import ztwin
from maker import Maker

# The sets of images, of which trees each has the manifests, and what makes it.
SETS = (
    ("valid", ("all-kinds", "large", "small", "empty"), valid.make),
    ("attributes", ("attributes",), attributes.make),
    ("places", ("small", "chunks"), places.make),
    ("devices", ("chunky", "unique"), devices.make),
    ("share", ("one", "two"), share.make),
    ("zipped", ("texts",), zipped.make),
    ("ztwin", ("prose",), ztwin.make),
    ("zcrafted", (), lambda m: zcrafted.make(m.to)),
    ("broken", (), broken.make),
    ("internal", (), internal.make),
    ("zbroken", (), lambda m: zbroken.make(m.to)),
    ("composefs", ("all-kinds",), clients.composefs),
    ("layers", ("small", "merged"), clients.layers, clients.apex),
)


def main(observe, newer, to):
    trees = os.path.join(to, "trees")
    os.umask(0o022)
    os.mkdir(trees)
    for name, fill in tree.TREES.items():
        fill(os.path.join(trees, name))
    for name, shown, *makers in SETS:
        os.mkdir(os.path.join(to, name))
        for make in makers:
            make(Maker(trees, os.path.join(to, name), newer))
        for of in shown:
            with open(os.path.join(to, name, of + ".manifest"), "wb") as f:
                subprocess.run([observe, "manifest", os.path.join(trees, of)], check=True, stdout=f)
    shutil.rmtree(trees)


main(*sys.argv[1:])
