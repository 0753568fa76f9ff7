# guest: --driver none --load loop --program /usr/sbin/losetup --data $IMAGES/valid
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Ways to read that have units of their own: devices with sectors of 4096
# bytes, and files read around their page cache.
. /lib/case.sh

use "$B"
cd /data || exit
mkdir -p /mnt/unit

# like_source MANIFEST: compact inodes have no time of their own
like_source() {
	sed -e 's/ mtime=[^ ]*//' -e 's/ xattr:.*//' "$1.manifest" >/tmp/source
	observe manifest --without mtime,xattr /mnt/unit >/tmp/tree
	diff /tmp/source /tmp/tree
}

# Tails of files are less than a sector of these.
sectors_of_4096() {
	_dev=$(losetup --find --show --read-only --sector-size 4096 "$1.erofs") || return
	[ "$(cat "/sys/block/${_dev#/dev/}/queue/logical_block_size")" = 4096 ] || return
	mnt mount "$_dev" /mnt/unit && like_source "$2" && mnt umount /mnt/unit && losetup -d "$_dev"
}

# Blocks of 512 bytes cannot be read from such a device.
small_blocks() {
	_dev=$(losetup --find --show --read-only --sector-size 4096 "$1.erofs") || return
	mnt mount "$_dev" /mnt/unit && return 1
	losetup -d "$_dev"
}

around_page_cache() {
	mnt mount "$1.erofs" /mnt/unit -o directio || return
	grep -q ' /mnt/unit erofs .*\bdirectio\b' /proc/mounts && like_source "$2" && mnt umount /mnt/unit
}

for image in b4096-extended-inline b4096-extended-plain; do
	check "$image, sectors of 4096 bytes" sectors_of_4096 $image all-kinds
done
check "blocks of 512 bytes on sectors of 4096 are refused" small_blocks b512-compact-plain
for image in b4096-extended-inline b4096-compact-plain b512-extended-inline b1024-compact-inline; do
	check "$image, directio" around_page_cache $image all-kinds
done
check "b4096-large, directio" around_page_cache b4096-large large
# A file that ends within a block cannot be read around the page cache there.
for image in trimmed-b512-plain trimmed-b4096-plain odd-b512-small; do
	check "$image, directio" around_page_cache $image small
done

# A device that cannot be opened has no superblock to tear down: the number of
# another filesystem must not be given away with it.
dev=$(losetup --find --show b4096-extended-inline.erofs)
blockdev --setro "$dev"
numbers() { awk '{ print $3 }' /proc/self/mountinfo | sort; }
if mount -t erofs -o rw "$dev" /mnt/unit 2>/dev/null; then umount /mnt/unit; fi
mkdir -p /mnt/first /mnt/second
mount -t tmpfs first /mnt/first
mount -t tmpfs second /mnt/second
same "no two filesystems have one device number" "$(numbers | uniq)" "$(numbers)"
umount /mnt/first /mnt/second
losetup -d "$dev"

finish
