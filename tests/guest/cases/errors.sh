# guest: --driver none --load loop --data $IMAGES/broken
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Broken images: each is refused, or fails where it is broken, as with the C
# driver; the messages name the problem; nothing leaks.
. /lib/case.sh

cd /data || exit
mkdir -p /mnt/broken first

# Where ours is to differ, on purpose: NAME-PATTERN and the reason. The result
# is then only checked for what holds everywhere.
differs() {
	case $1 in
	# (none yet)
	esac
	return 1
}

# What is looked at, of the classes of observe.
classes=mount,stat,statx,link,dir,seekdir,lookup,pread,data,mmap,splice

# try NAME BACKING: what comes of mounting an image and of looking at all of
# it; what the kernel says is then in /tmp/said
try() {
	if [ "$2" = block ]; then attach "$1.erofs"; else dev=/data/$1.erofs; fi || return
	if mnt fsmount /mnt/broken ro source="$dev"; then
		# Nothing in a small image is worth a minute.
		observe everything --only $classes --within 60 /mnt/broken 2>&1
		_end=$?
		[ $_end = 0 ] || echo "ended with $_end"
		mnt umount /mnt/broken
	fi
	[ "$2" = file ] || detach
}

while read -r name where backing pattern; do
	for b in block file; do
		[ "$backing" != both ] && [ "$backing" != $b ] || echo "$name $where $b $pattern"
	done
done <LIST >tries

use "$A" || exit
while read -r name where backing pattern; do
	[ "$where" = alone ] || try "$name" $backing >"first/$name.$backing"
done <tries

# verdict: what is wrong with /tmp/second and /tmp/said; $result otherwise
verdict() {
	result=$(head -n 1 /tmp/second)
	if grep -q '^ended with' /tmp/second; then
		not_ok "$name, $backing" "$(grep '^ended with' /tmp/second)"
		return
	fi
	if [ "$where" = mount ] && [ "${result%% *}" != create: ]; then
		not_ok "$name, $backing" "it was mounted"
		return
	fi
	if [ "$where" = mount ] || [ "$where" = access ] && ! differs "$name-$backing"; then
		# What the messages in the context's log say is ours to say better.
		sed -i '/^log: /d' "first/$name.$backing"
		sed '/^log: /d' /tmp/second | diff "first/$name.$backing" - >/tmp/difference || {
			sed -i '1,2d' /tmp/difference
			not_ok "$name, $backing" "$(grep -c '^[-+]' /tmp/difference) lines differ from those of '$A'" /tmp/difference
			return
		}
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

use "$B" || exit
said
while read -r name where backing pattern; do
	[ "$where" != alone ] || [ "$B" != c ] || continue
	try "$name" $backing >/tmp/second
	said
	verdict
done <tries

same "nothing stays mounted" 0 "$(grep -c /mnt/broken /proc/mounts)"
finish
