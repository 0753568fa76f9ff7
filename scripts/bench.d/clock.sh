#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What `bench --clock` does in its guest: clock.sh PAIRS
#
# /rows has the rows, "IMAGE BACKING MIB" each, /disks "IMAGE BACKING /dev/vdX":
# the ext4 with the image, or with backing 'disk' the image itself. PAIRS times
# each driver reads each of them. Prints "row DRIVER BACKING IMAGE SUFFIX VALUE".
fail() {
	echo "failed - - $*"
	exit 1
}

modprobe brd rd_nr=16 rd_size=262144 max_part=0 || fail "no RAM disks"
n=0
copy() {
	ram=/dev/ram$n
	n=$((n + 1))
	dd if="$1" of="$ram" bs=1M 2>/dev/null || fail "cannot fill $ram with $1"
}

while read -r image backing disk; do
	case $backing in
	file)
		copy "$disk"
		mkdir -p "/files/$image"
		mount -t ext4 "$ram" "/files/$image" || fail "cannot mount $ram"
		echo "$image file /files/$image/$image"
		;;
	ram)
		copy "$disk"
		echo "$image ram $ram"
		;;
	disk) echo "$image disk $disk" ;;
	esac
done </disks >/tmp/sources
sync

pair=0
while [ $pair -lt "$1" ]; do
	pair=$((pair + 1))
	# Neither is always the one that comes when the machine has warmed up.
	if [ $((pair % 2)) = 0 ]; then order="ours c"; else order="c ours"; fi
	for driver in $order; do
		load_driver $driver || fail "the driver '$driver' does not load"
		while read -r image backing mib; do
			source=$(awk -v image="$image" -v backing="$backing" '$1 == image && $2 == backing { print $3 }' /tmp/sources)
			if work 1 timed "$source" "$mib" >/tmp/results 2>/tmp/why; then
				awk -v row="$driver $backing $image" '$1 == "result" { print "row", row, $2, $3 }' /tmp/results
			else
				echo "failed $driver $backing $image $(head -n 1 /tmp/why)"
				umount /mnt 2>/dev/null
			fi
		done </rows
		unload_driver || fail "the driver '$driver' does not unload"
	done
done
