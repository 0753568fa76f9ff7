# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# What cases of broken images do: each image of the LIST in /data is refused, or
# fails where it is broken, as with the C driver; the messages name the problem;
# nothing leaks. (In the sanitized kernel one image of five.) In the guest it is
# /lib/broken.sh. $classes are those of observe that are looked at.
# shellcheck disable=SC2154 # the case sets them

cd /data || exit
mkdir -p /mnt/broken first

# comparable NAME BACKING: takes out of what a driver showed the lines where
# ours is not to be like the C driver
comparable() {
	# The words of messages are ours to choose.
	grep -v '^log: ' | case "$1 $2" in
	# The C driver's lookup does not look at what its readdir finds broken: it
	# says ENOENT, or finds a name elsewhere, where ours says EUCLEAN.
	inode-file-as-dir* | entry-first-odd-* | entry-first-beyond-*)
		sed '/ lookup /d; s/ stat EUCLEAN$/ stat ENOENT/'
		;;
	entry-beyond-*) sed -E '/^\/many lookup /d; /^\/many\/(15|17|40)/d' ;;
	# Block-backed, the C driver reads directories and tails by way of bios,
	# which only know EIO; file-backed both say EUCLEAN.
	'inode-tail-too-long'*block | 'inode-dir-tail-too-long block' | 'inode-long-link-size-page block')
		sed 's/EIO/EUCLEAN/g'
		;;
	# Beyond a device's end ours finds zeros, like the C driver for inodes. And
	# a directory's last byte is no place where an entry could begin.
	'inode-dir-start-nowhere block') sed '/^\/many /s/EIO/EUCLEAN/g' ;;
	truncated-last-page*) sed '/^\/many seekdir 4709:/d; /^\/many /s/EIO/EUCLEAN/g' ;;
	# More nanoseconds than a second has: ours shows the most there can be.
	inode-nsec*) sed '/^\/file stat/d' ;;
	# The C driver takes the size modulo 2^32.
	inode-dir-size-huge*) sed '/^\/many/d' ;;
	# The C driver sees zeros behind the end of the metabox; and it reads
	# prefixes before it finds them too long, beyond the end of the file.
	metabox-shared-*) sed '/^\/shared /d' ;;
	prefixes-*-plain*file) sed 's/EIO/EUCLEAN/' ;;
	*) cat ;;
	esac
}

# try NAME BACKING: what comes of mounting an image and of looking at all of
# it; what the kernel says is then in /tmp/said
try() {
	if [ "$2" = block ]; then attach "$1.erofs"; else dev=/data/$1.erofs; fi || return
	if mnt fsmount /mnt/broken ro source="$dev"; then
		# Nothing in a small image is worth a minute.
		observe everything --only $classes --within "$(either 60 300)" /mnt/broken 2>&1
		_end=$?
		[ $_end = 0 ] || echo "ended with $_end"
		mnt umount /mnt/broken
	fi
	[ "$2" = file ] || detach
}

fewer 5 LIST
while read -r name where backing pattern; do
	for b in block file; do
		[ "$backing" != both ] && [ "$backing" != $b ] || echo "$name $where $b $pattern"
	done
done <LIST >tries

use "$A"
while read -r name where backing pattern; do
	[ "$where" = alone ] || try "$name" "$backing" >"first/$name.$backing"
done <tries

# verdict: what is wrong with /tmp/second and /tmp/said; $result otherwise
verdict() {
	result=$(head -n 1 /tmp/second)
	if grep -q '^ended with' /tmp/second; then
		not_ok "$name, $backing" "$(grep '^ended with' /tmp/second)"
		return
	fi
	if { [ "$where" = mount ] || [ "$where" = refused ]; } && [ "${result%% *}" != create: ]; then
		not_ok "$name, $backing" "it was mounted"
		return
	fi
	if [ "$where" = mount ] || [ "$where" = access ]; then
		for _side in first second; do
			comparable "$name" "$backing" </tmp/$_side >/tmp/$_side.rest
		done
		diff -U 0 /tmp/first.rest /tmp/second.rest | sed 1,2d >/tmp/difference
		if [ -s /tmp/difference ]; then
			not_ok "$name, $backing" "$(grep -c '^[-+]' /tmp/difference) lines differ from those of '$A'" /tmp/difference
			return
		fi
	fi
	if [ "$pattern" != - ] && ! { grep '^log: ' /tmp/second; grep erofs /tmp/said; } | grep -qE "$pattern"; then
		not_ok "$name, $backing" "no message that matches '$pattern'" /tmp/said
		return
	fi
	case $result in
	create:*) ok "$name, $backing: $result" ;;
	*) ok "$name, $backing" ;;
	esac
}

use "$B"
said
while read -r name where backing pattern; do
	[ "$where" != alone ] || [ "$B" != c ] || continue
	try "$name" "$backing" >/tmp/second
	said
	[ ! -f "first/$name.$backing" ] || cp "first/$name.$backing" /tmp/first
	verdict
done <tries

same "nothing stays mounted" 0 "$(grep -c /mnt/broken /proc/mounts)"
finish
