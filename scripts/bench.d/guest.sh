#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What the benchmark does in its guest: guest.sh DRIVER...
#
# /rows has the rows, "NAME BACKING KIND ARGUMENT IMAGE ROUNDS" each, /disks
# "IMAGE /dev/vdX" of each image in them, which is in the ext4 there. Prints "row DRIVER BACKING NAME SUFFIX VALUE", or
# "failed ..." or "unsupported ..." instead.
fail() {
	echo "failed - - $*"
	exit 1
}

modprobe brd rd_nr=32 rd_size=4194304 max_part=0 || fail "no RAM disks"
modprobe overlay

# copy FROM: to the next RAM disk, $ram
n=0
copy() {
	ram=/dev/ram$n
	n=$((n + 1))
	dd if="$1" of="$ram" bs=1M 2>/dev/null || fail "cannot fill $ram with $1"
}

while read -r image disk; do
	copy "$disk"
	mkdir -p "/files/$image"
	mount -t ext4 "$ram" "/files/$image" || fail "cannot mount $ram"
	# And the image itself, if a row wants it on a block device.
	if grep -q "^[^ ]* block [^ ]* [^ ]* $image " /rows; then
		copy "/files/$image/$image"
		echo "$image $ram" >>/tmp/devices
	fi
done </disks
sync

for driver in "$@"; do
	load_driver "$driver" || fail "the driver '$driver' does not load"
	while read -r name backing kind argument image rounds; do
		source=/files/$image/$image
		[ "$backing" = file ] || source=$(awk -v image="$image" '$1 == image { print $2 }' /tmp/devices)
		work "$rounds" "$kind" "$source" "$argument" "/files/$image/$image.sparse" >/tmp/results 2>/tmp/why
		status=$?
		case $status in
		0) awk -v row="$driver $backing $name" '$1 == "result" { print "row", row, $2, $3 }' /tmp/results ;;
		77) echo "unsupported $driver $backing $name $(head -n 1 /tmp/why)" ;;
		*) echo "failed $driver $backing $name $(head -n 1 /tmp/why) (status $status)" ;;
		esac
		# A failed one leaves its mounts behind.
		[ $status = 0 ] || awk '$3 == "erofs" || $3 == "overlay" || $2 == "/many" { print $2 }' /proc/mounts |
			sort -r | while read -r mount; do umount "$mount"; done
	done </rows
	if grep -q nokaslr /proc/cmdline; then
		# A profile is made: it wants the names of the kernel's functions.
		echo 0 >/proc/sys/kernel/kptr_restrict
		dd if=/proc/kallsyms of=/dev/vdb bs=1M 2>/dev/null || fail "cannot write /dev/vdb"
		sync
	fi
	unload_driver || fail "the driver '$driver' does not unload"
done
