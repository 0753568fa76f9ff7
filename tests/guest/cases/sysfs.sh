# guest: --driver none --load loop --data $IMAGES/valid
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# /sys/fs/erofs: what the driver knows, and a directory for each mount.
. /lib/case.sh

cd /data || exit
s=/sys/fs/erofs
m=/mnt/sysfs
mkdir -p $m /mnt/second
image=/data/mixed-inodes.erofs

# listing DIR: names, modes and owners, with what can be read
listing() {
	(
		cd "$1" && find . | sort | while read -r _path; do
			stat -c '%A %u:%g %n' "$_path"
			[ ! -f "$_path" ] || cat "$_path" 2>&1
		done
	)
}

# written VALUE...: what a file makes of each of them
written() {
	_file=$1
	shift
	for _value in "$@"; do
		if printf '%b' "$_value" 2>/dev/null >"$_file"; then echo "'$_value': $(cat "$_file")"; else echo "'$_value': refused"; fi
	done
}

# all of it, with the driver that is loaded
observed() {
	listing $s/features
	mnt mount $image $m
	attach $image
	mnt mount "$dev" /mnt/second
	echo "mounts:$(find $s -mindepth 1 -maxdepth 1 ! -name features | wc -l)"
	for _dir in "$s/0:$(stat -c %d $m)" "$s/${dev#/dev/}"; do
		# The others are of compressed images.
		listing "$_dir" | grep -A 1 -E ' \.(/dir_ra_bytes)?$' | sed '/^--$/d'
		written "$_dir/dir_ra_bytes" 0 4096 0x1000 010 '  12' '7\n' +5 4294967295 4294967296 -1 1k abc '' '\n' '1 2' 99999999999999999999
	done
	mnt umount $m
	mnt umount /mnt/second
	detach
	echo "mounts:$(find $s -mindepth 1 -maxdepth 1 ! -name features | wc -l)"
}

use "$A"
observed >/tmp/first
use "$B"
observed >/tmp/second
same_files "the same as with '$A'" /tmp/first /tmp/second
check "features that programs ask for" sh -c "cat $s/features/48bit | grep -qx supported"

# --- Names

mnt mount $image $m
mnt mount $image /mnt/second
name="0:$(stat -c %d $m)"
check "a file's mount has the name of its device number" test -f "$s/$name/dir_ra_bytes"
check "its second mount has another" test -f "$s/0:$(stat -c %d /mnt/second)/dir_ra_bytes"
echo 4096 >"$s/$name/dir_ra_bytes"
same "each has values of its own" 16384 "$(cat "$s/0:$(stat -c %d /mnt/second)/dir_ra_bytes")"
check "remount" mnt remount $m
same "remount leaves them" 4096 "$(cat "$s/$name/dir_ra_bytes")"
mnt umount /mnt/second
mnt umount $m
check "nothing is left of an unmounted one" test ! -e "$s/$name"
mnt mount $image $m
same "the next mount begins anew" 16384 "$(cat "$s/0:$(stat -c %d $m)/dir_ra_bytes")"
mnt umount $m
mnt mount /data/no-such-image $m >/dev/null
head -c 8192 /dev/zero >zeros
mnt mount /data/zeros $m >/dev/null
same "nothing is left of a mount that failed" features "$(ls $s)"

# --- Directory readahead

# listed BYTES DIR: how many reads of the device it takes to list DIR
listed() {
	echo "$1" >"$s/${dev#/dev/}/dir_ra_bytes"
	echo 3 >/proc/sys/vm/drop_caches
	read -r _before _rest <"/sys/block/${dev#/dev/}/stat"
	(cd "$2" && echo .* *) >/dev/null
	read -r _after _rest <"/sys/block/${dev#/dev/}/stat"
	echo $((_after - _before))
}

attach b4096-large.erofs
mnt mount "$dev" $m
without=$(listed 0 $m/many) with=$(listed 16384 $m/many)
check "a large directory without readahead: $without reads, with 16 KiB: $with" test "$with" -lt $((without / 2))
mnt umount $m
detach

# --- Files that are open when the mount ends

mnt mount $image $m
exec 4<>"$s/0:$(stat -c %d $m)/dir_ra_bytes"
mnt umount $m
same "an open file of an unmounted one reads ENODEV" "cat: read error: No such device" "$(cat <&4 2>&1)"
check "and writes nothing" sh -c '! echo 1 >&4 2>/dev/null'
exec 4<&-

# Whoever reads and writes as fast as it can, while mounts come and go.
use_all() {
	while [ ! -e /tmp/enough ]; do
		for _file in $s/*:*/dir_ra_bytes; do
			cat "$_file"
			echo 8192 >"$_file"
		done 2>/dev/null
	done >/dev/null
}
use_all &
use_all &
_rounds=0 _most=$(either 40 10)
while [ $_rounds -lt "$_most" ]; do
	mnt mount $image $m && mnt mount $image /mnt/second && mnt umount $m && mnt umount /mnt/second || break
	_rounds=$((_rounds + 1))
done
: >/tmp/enough
wait
same "$((_most * 2)) mounts while others use the attributes" "$_most" $_rounds
same "nothing is left of them" features "$(ls $s)"

finish
