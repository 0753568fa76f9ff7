# guest: --driver none --load loop --timeout 900 --mem 160 --data $IMAGES/zipped
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Decoders are bounded in number as the module's parameters say, for all mounts
# together, however many read at a time and however little memory there is; and
# they are freed. Their memory is what the module has vmalloc()ed.
. /lib/case.sh

cd /data || exit
mkdir -p /mnt/zip /mnt/other

# decoders SIZE UP_TO: how many there are of more than SIZE bytes, and up to so many
decoders() {
	awk -v least="$1" -v most="$2" '/\[erofs\]/ && $2 > least && $2 <= most { n++ }
		END { print n + 0 }' /proc/vmallocinfo
}

# By size: deflate's, zstd's for whole frames, zstd's for the start of one.
all_kinds() {
	echo "$(decoders 0 100000) $(decoders 100000 500000) $(decoders 500000 4000000)"
}

# over MOST NUMBERS: whether one of them is larger
over() {
	for _number in $2; do
		[ "$_number" -le "$1" ] || return 0
	done
	return 1
}

# bounded IMAGE MOST: many readers at a time, of two mounts
bounded() {
	mnt mount "/data/$1" /mnt/zip -o "" || return
	attach "$1" && mnt mount "$dev" /mnt/other -o "" || return
	rm -f /tmp/*.status
	for _mount in zip other; do
		{ readers /mnt/$_mount 10 6 0 direct >/tmp/$_mount.said 2>&1; echo $? >/tmp/$_mount.status; } &
	done
	# A few are kept when they are not used: there have never been more than what is seen here.
	_seen=
	while [ ! -s /tmp/zip.status ] || [ ! -s /tmp/other.status ]; do
		# The file is no snapshot: what is freed and made again meanwhile can be in
		# it twice. A number that is too high counts if the next one is, too.
		if over "$2" "$(all_kinds)" && _now=$(all_kinds) && over "$2" "$_now"; then _seen=$_now; fi
		sleep 0.2
	done
	wait
	_result=0
	grep -qx 0 /tmp/zip.status || { cat /tmp/zip.said; _result=1; }
	grep -qx 0 /tmp/other.status || { cat /tmp/other.said; _result=1; }
	[ -z "$_seen" ] || { echo "there were $_seen decoders, of each size"; _result=1; }
	case $1 in
	lzma*) ;;
	*) [ "$(all_kinds)" != "0 0 0" ] || { echo "nothing was decoded"; _result=1; } ;;
	esac
	# Memory is asked for: no more than the last one of a kind is kept.
	echo 2 >/proc/sys/vm/drop_caches
	for _number in $(all_kinds); do
		[ "$_number" -le 1 ] || { echo "$_number decoders are kept"; _result=1; }
	done
	mnt umount /mnt/zip && mnt umount /mnt/other && detach || return
	[ "$(all_kinds)" = "0 0 0" ] || { echo "$(all_kinds) decoders without a mount"; _result=1; }
	return $_result
}

for most in 1 2; do
	check "the driver loads with $most of each" load_driver ours lzma_streams=$most deflate_streams=$most zstd_streams=$most
	for image in zstd deflate lzma; do
		check "$image, $most at a time" bounded $image.erofs $most
	done
	check "the module unloads" unload_driver
done

finish
