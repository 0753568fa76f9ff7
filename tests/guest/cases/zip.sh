# guest: --load loop --data $IMAGES/zipped
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Compressed images, block-backed and file-backed: as their source tree, read
# from beginning to end and by several processes at random places, while
# caches are dropped.
. /lib/case.sh

use "$B"
cd /data || exit
mkdir -p /mnt/zip

# mounted COMMAND...: runs COMMAND with the image on /mnt/zip
mounted() {
	if [ $backing = file ]; then
		set -- "/data/$file" "$@"
	else
		attach "$file" && set -- "$dev" "$@" || return
	fi
	if mnt mount "$1" /mnt/zip -o ""; then
		shift
		"$@"
		_result=$?
		mnt umount /mnt/zip || _result=1
	else
		_result=1
	fi
	[ $backing = file ] || detach || _result=1
	return $_result
}

like_source() {
	sed 's/ xattr:.*//' texts.manifest >/tmp/source
	observe manifest --without xattr /mnt/zip >/tmp/tree
	diff /tmp/source /tmp/tree
}

# What the readers learn at first has been compared with the source.
together() {
	like_source && echo 3 >/proc/sys/vm/drop_caches && readers /mnt/zip 4 2
}

# shellcheck disable=SC2034 # the rest of the line
while read -r name file rest; do
	for backing in block file; do
		check "$name, $backing" mounted together
	done
done 3<&0 <LIST

finish
