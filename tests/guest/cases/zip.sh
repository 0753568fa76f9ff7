# guest: --load loop --timeout 1500 --program /usr/sbin/filefrag --data $IMAGES/zipped
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

# mounted COMMAND...: runs COMMAND with the image on /mnt/zip; $options are the mount's
mounted() {
	if [ $backing = file ]; then
		set -- "/data/$file" "$@"
	else
		attach "$file" && set -- "$dev" "$@" || return
	fi
	if mnt mount "$1" /mnt/zip -o "${options-}"; then
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

# What the readers learn at first has been compared with the source.
together() {
	like_source texts /mnt/zip && echo 3 >/proc/sys/vm/drop_caches && readers /mnt/zip 4 2 0 direct
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

# Whoever reads on asks for the next window while the last one is still decoded, which may end
# within an extent: that is not decoded twice. $1 is how much is read ahead, $2 how much at a time.
once() {
	# Of a disk, or of the mount.
	for _bdi in /sys/class/bdi/*/read_ahead_kb; do echo "$1" >"$_bdi"; done
	dd if=/mnt/zip/size/large of=/tmp/large bs="$2" 2>/dev/null
	_stats=$(echo /sys/fs/erofs/*/zip_stats)
	_decoded=$(sed -n 's/^decoded_bytes //p' "$_stats")
	[ "$_decoded" = "$(stat -c %s /tmp/large)" ] && grep -qx 'decoded_again 0' "$_stats" ||
		{ cat "$_stats"; return 1; }
}

for file in lz4-64k.erofs lz4-1m.erofs lzma.erofs deflate.erofs zstd.erofs zstd-1m-dedupe.erofs; do
	for backing in block file; do
		for kib in 128 512 1024; do
			for size in 128k 1M; do
				check "$file is decoded once, $backing, ${kib} KiB ahead of $size" mounted once $kib $size
			done
		done
	done
done

# read_page PAGE FROM WHEN [FLAG]: reads that page of the large file, which must be as before, when
# no page of it is cached. FROM is where its pcluster must come from: 'image', or 'memory' if it is
# kept.
read_page() {
	echo 1 >/proc/sys/vm/drop_caches
	_read=$(sed -n 's/^read_bytes //p' "$_stats") _hits=$(sed -n 's/^encoded_hits //p' "$_stats")
	dd if=/mnt/zip/size/large of=/tmp/page bs=4096 skip="$1" count=1 ${4+iflag="$4"} 2>/dev/null
	dd if=/tmp/large of=/tmp/page.before bs=4096 skip="$1" count=1 2>/dev/null
	cmp /tmp/page /tmp/page.before || return
	_read=$(($(sed -n 's/^read_bytes //p' "$_stats") - _read))
	_hits=$(($(sed -n 's/^encoded_hits //p' "$_stats") - _hits))
	case $2 in
	image) [ $_read -gt 0 ] && [ $_hits = 0 ] ;;
	memory) [ $_read = 0 ] && [ $_hits = 1 ] ;;
	esac || { echo "page $1 is not from $2 $3: $_read bytes read, $_hits kept"; return 1; }
}

# Encoded bytes, kept as cache_strategy says: for who reads on ($1), and for who reads what is
# before ($2).
kept() {
	_stats=$(echo /sys/fs/erofs/*/zip_stats)
	_knobs=${_stats%/*}
	cat /mnt/zip/size/large >/tmp/large
	# An extent of ten pages or more that ends in the middle of one, in units that are rounded;
	# its first and last page that is not another's as well.
	filefrag -v -b512 /mnt/zip/size/large | tr -s ' .:' ' ' >/tmp/extents
	# shellcheck disable=SC2016 # awk's $1
	_extent='$1 ~ /^[1-9]/ && $6 >= 80 && $3 % 8 >= 2 && $3 % 8 <= 5'
	_first=$(awk "$_extent"' { print int($2 / 8) + 1; exit }' /tmp/extents)
	_last=$(awk "$_extent"' { print int($3 / 8) - 1; exit }' /tmp/extents)
	_next=$((_first + 1))
	[ -n "$_first" ] || { echo "no long extent"; cat /tmp/extents; return 1; }

	# Of the first pages nobody decodes the whole extent.
	echo 2 >/proc/sys/vm/drop_caches
	read_page $_first image "at first" || return
	read_page $_first "$1" "the second time" || return
	read_page $_next "$1" "after the first page" || return
	echo 2 >"$_knobs/drop_caches"
	read_page $_first "$1" "after it was told to drop streams" || return
	echo 1 >"$_knobs/drop_caches"
	read_page $_next image "after it was told to drop data" || return
	# The shrinker takes it all.
	read_page $_first "$1" "after the next one" || return
	echo 2 >/proc/sys/vm/drop_caches
	read_page $_first image "when there is no memory" || return

	# There is no more behind the last one. It is read alone around the page cache.
	[ $backing = block ] || return 0
	read_page $_last "$1" "after the first one" direct || return
	read_page $_last "$2" "after itself" direct || return
	read_page $_first "$2" "after the last one" direct
}

for file in lz4-64k.erofs zstd.erofs; do
	for backing in block file; do
		options=cache_strategy=disabled
		check "$file keeps nothing, $backing" mounted kept image image
	done
	backing=block options=
	check "$file keeps both ends of what was read" mounted kept memory memory
	options=cache_strategy=readahead
	check "$file keeps what was read for who reads on" mounted kept memory image
	backing=file options=
	check "$file in a file whose page cache keeps it" mounted kept image image
	options=directio
	check "$file in a file that is read directly" mounted kept memory memory
done
options=

# shellcheck disable=SC2034 # the rest of the line
while read -r name file rest; do
	for backing in block file; do
		check "$name, $backing" mounted together
	done
done 3<&0 <LIST

finish
