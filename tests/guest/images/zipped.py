# SPDX-License-Identifier: GPL-2.0
"""Compressed images, each as it must show its source tree.

A line of LIST has an image's name and its file.
"""

PCLUSTER = "-C65536"


def make(m):
    for name, options in (
        ("lz4-4k", ["-zlz4"]),
        ("lz4-64k", ["-zlz4hc", PCLUSTER]),
        ("lz4-1m", ["-zlz4", "-C1048576"]),
        ("lz4-b512", ["-zlz4", "-b512", "-C8192"]),
        ("lz4-tails", ["-zlz4", "-Eztailpacking"]),
        ("lz4-fragments", ["-zlz4hc", PCLUSTER, "-Eztailpacking,fragments,dedupe"]),
        ("lz4-all-fragments", ["-zlz4", "-C16384", "-Eall-fragments"]),
        ("lzma", ["-zlzma", PCLUSTER]),
        ("lzma-fragments", ["-zlzma", PCLUSTER, "-Efragments"]),
        ("deflate", ["-zdeflate", PCLUSTER]),
        ("zstd", ["-zzstd", PCLUSTER]),
        ("zstd-1m-dedupe", ["-zzstd", "-C1048576", "-Ededupe"]),
    ):
        m.mkfs(name, "texts", "--mkfs-time", *options)
        m.list(name, "texts")
    m.finish()
