# guest: --driver none --load loop --data $IMAGES/broken
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Images that are wrong in one thing: superblock, inodes, directories, length.
. /lib/case.sh

classes=mount,stat,statx,link,dir,seekdir,lookup,pread,data,mmap,splice
. /lib/broken.sh
