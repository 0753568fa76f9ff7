# guest: --load loop --timeout 1500 --data $IMAGES/zipped
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Compressed images, block-backed and file-backed: as their source tree, read
# from beginning to end and by several processes at random places, while
# caches are dropped. (In the sanitized kernel five images of the twelve, with
# all algorithms.)
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
	like_source && echo 3 >/proc/sys/vm/drop_caches && readers /mnt/zip 4 2 0 direct
}

# What is told of it: a file is decoded once, and then found in the page cache.
counted() {
	cat /mnt/zip/size/large >/dev/null
	_stats=$(echo /sys/fs/erofs/*/zip_stats)
	cat "$_stats"
	_decoded=$(sed -n 's/^decoded_bytes //p' "$_stats")
	_size=$(stat -c %s /mnt/zip/size/large)
	[ "$_decoded" -ge "$_size" ] && [ "$_decoded" -lt $((_size * 2)) ] || return
	grep -q '^read_bytes [1-9]' "$_stats" || return
	cat /mnt/zip/size/large >/dev/null
	[ "$_decoded" = "$(sed -n 's/^decoded_bytes //p' "$_stats")" ] || return
	# It can be dropped, and is decoded again.
	_knobs=${_stats%/*}
	for _value in 1 2 3; do echo $_value >"$_knobs/drop_caches" || return; done
	! echo 4 2>/dev/null >"$_knobs/drop_caches" || return
	echo 2 >"$_knobs/sync_decompress" && echo 0 >"$_knobs/sync_decompress" || return
	! echo 3 2>/dev/null >"$_knobs/sync_decompress" || return
	echo 3 >/proc/sys/vm/drop_caches
	cat /mnt/zip/size/large >/dev/null
	grep -q '^decoded_again [1-9]' "$_stats"
}

fewer 5 LIST deflate lzma-fragments
for backing in block file; do
	file=lz4-64k.erofs
	check "what it cost, $backing" mounted counted
done

# shellcheck disable=SC2034 # the rest of the line
while read -r name file rest; do
	for backing in block file; do
		check "$name, $backing" mounted together
	done
done 3<&0 <LIST

finish
