# guest: --driver none --program /usr/bin/fallocate --data $IMAGES/valid --disk $IMAGES/valid/b4096-large.erofs --put $IMAGES/devices/chunky.manifest=/devices/chunky.manifest --put $IMAGES/devices/spread-3.erofs=/devices/spread-3.erofs --put $IMAGES/devices/spread-3.1=/devices/spread-3.1 --put $IMAGES/devices/spread-3.2=/devices/spread-3.2 --put $IMAGES/devices/spread-3.3=/devices/spread-3.3
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Images on tmpfs and in memfds, which have no operation that reads a page:
# small and huge pages, holes, pages in swap, devices beside them.
. /lib/case.sh

use "$B"
cd /data || exit
mkdir -p /mnt/places /mnt/memory
m=/mnt/places

# like_source MANIFEST
like_source() {
	sed 's/ xattr:.*//' "$1" >/tmp/source
	observe manifest --without xattr $m >/tmp/tree
	diff /tmp/source /tmp/tree
}

# whole WHAT MANIFEST STEP...: such a mount shows the whole tree
whole() {
	_what=$1 _manifest=$2
	shift 2
	if mnt fsmount $m "$@" >/tmp/answer; then
		check "$_what" like_source "$_manifest"
		mnt umount $m
	else
		not_ok "$_what" "$(head -n 1 /tmp/answer)" /tmp/answer
	fi
}

for huge in never always; do
	mount -t tmpfs -o huge=$huge tmpfs /mnt/memory || not_ok "tmpfs, huge=$huge" "it cannot be mounted"
	for image in b4096-extended-inline b512-extended-inline; do
		cp $image.erofs /mnt/memory/image
		whole "$image on tmpfs, huge=$huge" all-kinds.manifest source=/mnt/memory/image
		whole "its descriptor" all-kinds.manifest fd:source=/mnt/memory/image
		whole "directio is no matter" all-kinds.manifest source=/mnt/memory/image directio
	done
	for image in trimmed-b4096-inline odd-b512-small; do
		cp $image.erofs /mnt/memory/image
		whole "$image on tmpfs, huge=$huge" small.manifest source=/mnt/memory/image
	done
	rm /mnt/memory/image
	# What is all zeros is not there.
	cp b4096-large.erofs /mnt/memory/sparse
	check "holes are dug" fallocate --dig-holes /mnt/memory/sparse
	whole "with holes, huge=$huge" large.manifest source=/mnt/memory/sparse
	umount /mnt/memory
done

# Within a larger file.
cp offset-b512-4608.erofs /dev/shm/offset
whole "within a file on tmpfs" small.manifest source=/dev/shm/offset fsoffset=4608
rm /dev/shm/offset

# in_memfd WHAT SOURCE: what is mounted from descriptor 9
in_memfd() {
	if memfd b4096-extended-inline.erofs mnt fsmount $m "$2" >/tmp/answer; then
		check "$1" like_source all-kinds.manifest
		mnt umount $m
	else
		not_ok "$1" "$(head -n 1 /tmp/answer)" /tmp/answer
	fi
}
in_memfd "a memfd" fd:source=/proc/self/fd/9
in_memfd "the path of a memfd" source=/proc/self/fd/9
in_memfd "a memfd, directio" "fd:source=/proc/self/fd/9"

# An image, and one of its devices, there and elsewhere.
mount -t tmpfs tmpfs /mnt/memory
cp /devices/spread-3.* /mnt/memory
cp /devices/spread-3.* /data
whole "all devices on tmpfs" /devices/chunky.manifest source=/mnt/memory/spread-3.erofs \
	device=/mnt/memory/spread-3.1 device=/mnt/memory/spread-3.2 device=/mnt/memory/spread-3.3
whole "one device on tmpfs" /devices/chunky.manifest source=/data/spread-3.erofs \
	device=/data/spread-3.1 device=/mnt/memory/spread-3.2 device=/data/spread-3.3
umount /mnt/memory

# Pages in swap: read back as they are needed, metadata and data.
mkdir -p /tmp/cgroup
mount -t cgroup2 none /tmp/cgroup
echo +memory >/tmp/cgroup/cgroup.subtree_control
mkdir /tmp/cgroup/swapped
mkswap /dev/vda >/dev/null && swapon /dev/vda || not_ok "there is swap" "there is none"
mount -t tmpfs tmpfs /mnt/memory
sh -c 'echo $$ >/tmp/cgroup/swapped/cgroup.procs; cp /data/b4096-large.erofs /mnt/memory/image'
mnt mount /mnt/memory/image $m
echo 1G >/tmp/cgroup/swapped/memory.reclaim 2>/dev/null
_swapped=$(($(cat /tmp/cgroup/swapped/memory.swap.current) >> 10))
if [ $_swapped -ge 4096 ]; then ok "$_swapped KB are in swap"; else not_ok "the image is in swap" "$_swapped KB are"; fi
check "an image in swap" like_source large.manifest
echo 1G >/tmp/cgroup/swapped/memory.reclaim 2>/dev/null
echo 3 >/proc/sys/vm/drop_caches
check "and again" like_source large.manifest
mnt umount $m
umount /mnt/memory
swapoff /dev/vda
rmdir /tmp/cgroup/swapped
umount /tmp/cgroup

# A file that gets shorter: what is gone is an error, not a page of zeros.
mount -t tmpfs tmpfs /mnt/memory
cp b4096-large.erofs /mnt/memory/image
mnt mount /mnt/memory/image $m
truncate -s 65536 /mnt/memory/image
same "what is no longer there" "cat: read error: Input/output error" "$(cat $m/5M 2>&1 >/dev/null)"
mnt umount $m
umount /mnt/memory

finish
