# guest: --driver none --load loop --data $IMAGES/internal
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Images whose internal inodes and tables are wrong: packed inode, metabox,
# prefixes of names, root nid.
. /lib/case.sh

classes=mount,stat,statx,dir,lookup,pread,data,xattr
. /lib/broken.sh
