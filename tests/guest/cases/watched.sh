# guest: --driver none --data $IMAGES/valid
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Every read of a backing file is announced to fanotify before it happens: an
# image whose bytes arrive just before they are read is whole, one that may not
# be read gives errors, and what is cached is not announced again. (The security
# modules' hook is in the same function of the kernel, rw_verify_area.)
. /lib/case.sh

cd /data || exit
mkdir -p /mnt/watched

# watch WATCHED ORIGINAL: starts the filler; unwatch: ends it
watch() {
	rm -f /tmp/events
	filler "$1" "$2" /tmp/events &
	filler=$!
	while [ ! -f /tmp/events ] && kill -0 $filler 2>/dev/null; do sleep 0.1; done
}
unwatch() {
	kill "$filler"
	wait "$filler" 2>/dev/null
}

# filled IMAGE TREE: mounts an empty copy of it, which fills as it is read;
# then all that was announced is in /tmp/events
filled() {
	rm -f sparse
	truncate -s "$(stat -c %s "$1.erofs")" sparse
	watch /data/sparse "$1.erofs"
	mnt mount /data/sparse /mnt/watched && {
		like_source "$2" /mnt/watched
		_result=$?
		mnt umount /mnt/watched && return $_result
	}
}

trees='b4096-extended-inline all-kinds
b512-extended-plain all-kinds
mixed-inodes small'

use "$A"
echo "$trees" | while read -r image tree; do
	filled "$image" "$tree" >/dev/null
	unwatch
	wc -l </tmp/events >"/tmp/events.$image"
done

use "$B"
while read -r image tree; do
	check "$image, filled while it is read" filled "$image" "$tree"
	unwatch
	# A cached page that is looked at again is no access of the file.
	events=$(wc -l </tmp/events) most=$(cat "/tmp/events.$image")
	if grep -qv '^[0-9]* [0-9]*$' /tmp/events; then
		not_ok "$image, every event has a range" "$(grep -cv '^[0-9]* [0-9]*$' /tmp/events) have none"
	elif [ "$events" -gt $((most * 5 / 4 + 4)) ]; then
		sort /tmp/events | uniq -c | sort -rn >/tmp/often
		not_ok "$image, nothing is announced again and again" "$events events, $most with '$A'" /tmp/often
	else
		ok "$image, nothing is announced again and again: $events events, $most with '$A'"
	fi
done <<END
$trees
END

watch /data/mixed-inodes.erofs deny
answer=$(mnt mount /data/mixed-inodes.erofs /mnt/watched)
unwatch
case $answer in
'mount: EIO' | 'mount: EPERM') ok "an image that may not be read: $answer" ;;
*) not_ok "an image that may not be read" "$answer" ;;
esac

# From the middle of a file, and all of it mapped, in a larger tree.
mkdir -p /mnt/whole
rm -f sparse
truncate -s "$(stat -c %s b4096-large.erofs)" sparse
mnt mount /data/b4096-large.erofs /mnt/whole
watch /data/sparse b4096-large.erofs
mnt mount /data/sparse /mnt/watched
for skip in 1500 3 1000; do
	dd if=/mnt/whole/5M bs=3000 skip=$skip count=2 2>/dev/null >/tmp/part
	check "a part of a file, at $skip" sh -c "dd if=/mnt/watched/5M bs=3000 skip=$skip count=2 2>/dev/null | cmp - /tmp/part"
done
for mount in whole watched; do
	observe everything --only mmap /mnt/$mount | grep -E '^/(5M|sparse|wide) ' >/tmp/$mount
done
same_files "files that are mapped" /tmp/whole /tmp/watched
check "the whole tree" like_source large /mnt/watched
mnt umount /mnt/watched
mnt umount /mnt/whole
unwatch

finish
