# SPDX-License-Identifier: GPL-2.0
"""Images as the programs make them that use EROFS most: composefs, containerd, Android."""

import io
import os
import random
import subprocess
import tarfile

from maker import TIME, UUID


def composefs(m):
    """tree.cfs of names and attributes, objects/ of data."""
    subprocess.run([os.path.join(m.newer, "mkcomposefs"), f"--digest-store={m.to}/objects", f"{m.trees}/all-kinds",
                    f"{m.to}/tree.cfs"], check=True)


def apex(m):
    """system.erofs with an archive in it, in which another image begins in the middle."""
    inner, system = m.path("inner"), os.path.join(m.trees, "system")
    m.mkfs("inner", "small", "--mkfs-time")
    os.mkdir(system)
    with open(inner, "rb") as f, open(os.path.join(system, "archive.apex"), "wb") as to:
        to.write(b"PK\3\4".ljust(3 * 4096, b"\xa5") + f.read() + b"the archive's directory")
    os.unlink(inner)
    m.mkfs("system", "system")


LAYERS = 60


class Layer:
    """A layer's archive, being filled; what it shows goes to `merged`, a dict of path: bytes or None for a directory."""

    def __init__(self, merged):
        self.merged, self.out = merged, io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, data=None):
        info = tarfile.TarInfo(name)
        info.mtime, info.mode = 1600000000, 0o644 if data is not None else 0o755
        info.size, info.type = len(data or b""), tarfile.REGTYPE if data is not None else tarfile.DIRTYPE
        self.tar.addfile(info, io.BytesIO(data or b""))

    def dir(self, name):
        self.add(name)
        self.merged[name] = None

    def file(self, name, data):
        self.add(name, data)
        self.merged[name] = data

    def remove(self, name):
        """As layers say it: by a file of this name."""
        self.add(os.path.join(os.path.dirname(name), ".wh." + os.path.basename(name)), b"")
        for path in [p for p in self.merged if p == name or p.startswith(name + "/")]:
            del self.merged[path]

    def bytes(self):
        self.tar.close()
        return self.out.getvalue()


def layers(m):
    """fsmeta.erofs over layer-*.erofs, the lowest first, as containerd makes them."""
    rnd, merged, files = random.Random("layers"), {}, []
    for n in range(LAYERS):
        layer = Layer(merged)
        layer.dir("all")
        layer.dir(f"only-{n}")
        layer.file(f"all/from-{n}", rnd.randbytes(n * 300))
        layer.file(f"only-{n}/large", rnd.randbytes(20000 + n))
        layer.file("all/same", rnd.randbytes(n * 10))
        layer.file(f"all/third-{n % 3}", rnd.randbytes(9000))
        if n >= 10 and n % 5 == 0:
            layer.remove(f"all/from-{n - 7}")
            layer.remove(f"only-{n - 6}")
        name = f"layer-{n:02}-{'d' * 60}.erofs"  # of a digest's length
        files.append(name)
        subprocess.run(["mkfs.erofs", "-b4096", "--tar=f", "--aufs", "--quiet", "-Enoinline_data", f"-T{TIME}", "--mkfs-time",
                        f"-U{UUID}", os.path.join(m.to, name)], input=layer.bytes(), check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["mkfs.erofs", "--aufs", "--ovlfs-strip=1", "--quiet", f"-T{TIME}", "--mkfs-time", f"-U{UUID}",
                    "fsmeta.erofs", *files], cwd=m.to, check=True, stdout=subprocess.DEVNULL)
    root = os.path.join(m.trees, "merged")
    os.mkdir(root)
    os.chmod(root, 0o777)  # no layer says anything of it
    for path, data in sorted(merged.items()):
        at = os.path.join(root, path)
        if data is None:
            os.mkdir(at)
        else:
            with open(at, "wb") as f:
                f.write(data)
