# guest: --driver none --load loop --data $IMAGES/ztwin --timeout 1500
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# The twin test of compressed images: algorithms, sizes of blocks and of
# pclusters, fragments, deduplication, the metabox, directories, devices. (In
# the sanitized kernel one image of three, and one on another device.)
. /lib/twin.sh

fewer 3 LIST deflate-b1024 device

twins
finish
