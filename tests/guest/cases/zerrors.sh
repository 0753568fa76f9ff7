# guest: --timeout 1200 --driver none --load loop --data $IMAGES/zbroken
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Broken compressed images: what is wrong fails as with the C driver, or where
# that goes on with wrong bytes or for ever, with an error; what is not wrong
# is read. (In the sanitized kernel one image of three.)
. /lib/case.sh

cd /data || exit
mkdir -p /mnt/broken first

# outcome: of reading the bad file, its sum, or what is said of it
outcome() {
	if [ "$where" = alone ]; then
		# Not from its start, where there may be nothing wrong.
		set -- dd if=/mnt/broken/bad bs=1 count=1 skip=$(($(stat -c %s /mnt/broken/bad) / 2))
	else
		set -- cat /mnt/broken/bad
	fi
	if "$@" >/tmp/bytes 2>/tmp/said_of_it; then
		sha256sum </tmp/bytes
	else
		sed -n '$s/^.*: //p' /tmp/said_of_it
	fi
}

# try: the good file, and what comes of the bad one
try() {
	if [ $backing = block ]; then attach "$name.erofs"; else dev=/data/$name.erofs; fi || return
	if mnt mount "$dev" /mnt/broken -o "" 2>&1; then
		(cd /mnt/broken && sha256sum -c "/data/$name.sums" 2>&1)
		stat -c 'size %s, %b blocks' /mnt/broken/bad 2>&1
		echo "bad: $(outcome)"
		mnt umount /mnt/broken
	fi
	[ $backing = file ] || detach
}

# of_all COMMAND: runs it for each image and backing
of_all() {
	while read -r name where pattern; do
		for backing in block file; do "$1"; done
	done 3<&0 <LIST
}

first() {
	[ "$where" = alone ] || try >"first/$name.$backing"
}

second() {
	[ "$where" != alone ] || [ "$B" != c ] || return 0
	try >/tmp/second
	said
	what="$name, $backing"
	result=$(sed -n 's/^bad: //p' /tmp/second)
	if ! grep -q '^good: OK' /tmp/second; then
		not_ok "$what" "the good file cannot be read" /tmp/second
	elif [ "$where" = access ] && ! cmp -s "first/$name.$backing" /tmp/second; then
		diff "first/$name.$backing" /tmp/second >/tmp/difference
		not_ok "$what" "not as with '$A'" /tmp/difference
	elif [ "$where" != access ] && [ "$where" != survive ] && [ "$result" != 'Structure needs cleaning' ]; then
		not_ok "$what" "'$result', which is no error"
	elif [ "$pattern" != - ] && ! grep erofs /tmp/said | grep -qE "$pattern"; then
		not_ok "$what" "no message that matches '$pattern'" /tmp/said
	else
		ok "$what: $result"
	fi
}

fewer 3 LIST
use "$A"
of_all first
use "$B"
said
of_all second

same "nothing stays mounted" 0 "$(grep -c /mnt/broken /proc/mounts)"
finish
