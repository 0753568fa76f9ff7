# guest: --driver none --load loop --data $IMAGES/valid
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# File handles, as NFS servers and backup programs keep them: they have to
# lead to the same files after the mount, the caches and the driver that they
# were made with are gone.
. /lib/case.sh

cd /data || exit
m=/mnt/handles
mkdir -p $m

# An inode 128 GiB into the image: its nid has more than 32 bits.
cp far-nid.erofs far
truncate -s $((1 << 37)) far
cat far-nid.tail >>far
images="mixed-inodes b512-compact-plain far"
file() { if [ "$1" = far ]; then echo /data/far; else echo "/data/$1.erofs"; fi; }

# saved DRIVER, opened DRIVER FROM: the handles of one driver; where those of
# FROM lead with it, both in a mount that nobody has looked at
saved() {
	use "$1"
	for _image in $images; do
		mnt mount "$(file $_image)" $m
		handles save $m >"/tmp/$1.$_image"
		mnt umount $m
	done
}

opened() {
	use "$1"
	for _image in $images; do
		mnt mount "$(file $_image)" $m
		handles open $m <"/tmp/$2.$_image" >"/tmp/$1.of.$2.$_image"
		mnt umount $m
	done
}

saved "$A"
saved "$B"
opened "$B" "$B"
opened "$B" "$A"
for image in $images; do
	same_files "$image: the same handles as with '$A'" "/tmp/$A.$image" "/tmp/$B.$image"
	check "$image: there is one for each path" test "$(wc -l <"/tmp/$B.$image")" -gt 1
	check "$image: all lead somewhere" sh -c "! grep -E ' (E[A-Z]+|none)' /tmp/$B.of.$B.$image"
	check "$image: directories find their path" sh -c "! awk -F: '/ mode=4/ && !index(\$0 \" \", \" is \" \$1 \" \")' /tmp/$B.of.$B.$image | grep ."
done
check "a nid has more than 32 bits" grep -q '^129:01000000' "/tmp/$B.far"

# What no driver has made.
words() {
	for _words in '129 0 24 0' '129 0 0 0' '129 ffffffff ffffffff 0' '129 7fffffff ffffffff 0' '129 80000000 24 0' \
		'129 08000000 24 0' '129 00001000 0 0' '129 0 24' '129 0' '129' '130 0 24 0' '130 0 24 0 0' '130 0 24 0 0 24 0' \
		'130 0 24 0 ffffffff ffffffff 0' '1 24 0' '2 24 0 24 0' '255 0 24 0' '0 0 24 0' '129 0 24 7'; do
		# shellcheck disable=SC2086 # words
		echo "$_words:$(handles try $m $_words)"
	done
}
use "$B"
said
mnt mount /data/mixed-inodes.erofs $m
words >/tmp/words
check "handles that were made up are refused, or lead to an inode" sh -c "! grep -vE ': (ESTALE|EINVAL|ino=[0-9]+ .*)\$' /tmp/words"
check "a handle of zero words is refused" grep -q '^129: E' /tmp/words
check "a nid outside of the image is refused" grep -q '^129 7fffffff ffffffff 0: ESTALE' /tmp/words
check "one that overflows is refused" grep -q '^129 08000000 24 0: ESTALE' /tmp/words
mnt umount $m
check "the driver says which nids" sh -c "dmesg | grep -q 'erofs.*nid'"

# Who opens: as with every filesystem, only root.
mnt mount /data/mixed-inodes.erofs $m
same "a user may not open handles" " EPERM" "$(mnt as 1000 handles try $m 129 0 24 0)"
mnt umount $m

finish
