# guest: --driver none --mem 1536 --append memmap=128M!1G,128M!1152M --load nd_e820 --load nd_pmem --load loop --program /usr/sbin/losetup --data $IMAGES/valid --put $IMAGES/devices/unique.manifest=/devices/unique.manifest --put $IMAGES/devices/unique-4096.erofs=/devices/unique-4096.erofs --put $IMAGES/devices/unique-1048576.erofs=/devices/unique-1048576.erofs --put $IMAGES/devices/unique.erofs=/devices/unique.erofs --put $IMAGES/devices/unique.blob=/devices/unique.blob
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Files used where they are in persistent memory: as the C driver shows them,
# and as their source; the option, and where it is dropped without a word.
. /lib/case.sh

cd /data || exit
mkdir -p /mnt/dax first
m=/mnt/dax
# Files in chunks do not share any here: two files with the same page of memory
# make the kernel warn, with either driver.

# What contents have an influence on.
classes=statfs,mount,stat,statx,pread,data,mmap,splice,sendfile,fiemap,seek,direct

for n in 0 1; do [ -b /dev/pmem$n ] || not_ok "there is /dev/pmem$n" "there is not"; done

# put DEVICE FILE
put() { dd if="$2" of="$1" bs=1M conv=fsync 2>/dev/null; }

# shown: the options of the mount
shown() { awk -v m=$m '$2 == m { print $4 }' /proc/mounts; }

# of_all COMMAND: runs it for each image, on pmem0
of_all() {
	for name in b4096-extended-plain b4096-extended-inline; do
		put /dev/pmem0 $name.erofs
		"$1" $name all-kinds.manifest dax
		"$1" $name-never all-kinds.manifest dax=never
	done
	for name in unique-4096 unique-1048576; do
		put /dev/pmem0 /devices/$name.erofs
		"$1" $name /devices/unique.manifest dax=always
	done
	put /dev/pmem0 /devices/unique.erofs
	put /dev/pmem1 /devices/unique.blob
	"$1" on-two /devices/unique.manifest dax,device=/dev/pmem1
}

first() {
	mnt mount /dev/pmem0 $m -o "$3"
	observe everything --only $classes $m >"first/$1" 2>&1
	mnt umount $m
}

like_source() {
	sed 's/ xattr:.*//' "$1" >/tmp/source
	observe manifest --without xattr $m >/tmp/tree
	diff /tmp/source /tmp/tree
}

second() {
	check "$1: it can be mounted" mnt mount /dev/pmem0 $m -o "$3"
	check "$1: like its source tree" like_source "$2"
	observe everything --only $classes $m >/tmp/second 2>&1
	same_files "$1: the same as with '$A'" "first/$1" /tmp/second
	mnt umount $m
}

use "$A"
of_all first
use "$B"
of_all second

# --- Whether they are

put /dev/pmem0 b4096-extended-plain.erofs
# STATX_ATTR_DAX beside STATX_ATTR_IMMUTABLE
used_in_place() { observe everything --only statx $m >/tmp/statx; grep -E "^/size/$1 statx .* attributes=200010 " /tmp/statx; }
mnt mount /dev/pmem0 $m -o dax
check "files are used in place" used_in_place 4096
check "dax is shown as dax=always" sh -c "grep ' $m erofs .*,dax=always' /proc/mounts"
mnt umount $m
mnt mount /dev/pmem0 $m -o dax=never
check "dax=never is shown" sh -c "grep ' $m erofs .*,dax=never' /proc/mounts"
check "remount, dax" mnt remount $m dax
check "dax=always is shown" sh -c "grep ' $m erofs .*,dax=always' /proc/mounts"
check "remount without it" mnt remount $m
check "neither is shown" sh -c "! grep ' $m erofs .*dax' /proc/mounts"
mnt umount $m
same "another mode" "mount: EINVAL" "$(mnt mount /dev/pmem0 $m -o dax=inode)"

# dropped WHAT SOURCE OPTIONS
dropped() {
	if mnt mount "$2" $m -o "$3"; then
		check "$1: the option is dropped" sh -c "! grep ' $m erofs .*dax' /proc/mounts"
		check "$1: files can be read" cat $m/size/4097
		# The C driver believes a remount.
		if [ "$B" != c ]; then
			mnt remount $m dax
			check "$1: also by a remount" sh -c "! grep ' $m erofs .*dax' /proc/mounts"
		fi
		mnt umount $m
	else
		not_ok "$1" "it is not mounted"
	fi
}
dropped "a file" /data/b4096-extended-plain.erofs dax
attach b4096-extended-plain.erofs
dropped "a device of another kind" "$dev" dax
detach
put /dev/pmem0 b512-extended-plain.erofs
dropped "blocks smaller than a page" /dev/pmem0 dax=always
put /dev/pmem0 /devices/unique.erofs
dev=$(losetup --find --show --read-only /devices/unique.blob)
if mnt mount /dev/pmem0 $m -o dax,device="$dev"; then
	check "one device of another kind: the option is dropped" sh -c "! grep ' $m erofs .*dax' /proc/mounts"
	check "one device of another kind: like its source tree" like_source /devices/unique.manifest
	mnt umount $m
else
	not_ok "one device of another kind" "it is not mounted"
fi
detach

finish
