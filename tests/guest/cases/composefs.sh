# guest: --driver none --load overlay --load loop --data $IMAGES/composefs
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# composefs: an image of names and attributes, mounted as libcomposefs does it,
# under an overlay that takes the data from the files beside it.
. /lib/case.sh

cd /data || exit
mkdir -p /mnt/cfs /tmp/.composefs

# composefs STEP...: mounts it with these steps on /mnt/cfs
composefs() {
	mnt fsmount /tmp/.composefs "$@" ro || return
	mnt fsmount /mnt/cfs -t overlay ro source=composefs metacopy=on redirect_dir=on \
		lowerdir+=/tmp/.composefs datadir+=/data/objects
	_result=$?
	# Nobody needs it any more but the overlay.
	umount -l /tmp/.composefs && return $_result
}

# Without what is the overlay's: it counts no links, and a name that was taken
# away in the tree is marked by attributes, also of its directory.
comparable() { sed '/^\/special mode /d; /^\/special\/char-whiteout /d; s/ nlink=[0-9]*//' "$1"; }
like_source() {
	comparable all-kinds.manifest >/tmp/source
	observe manifest /mnt/cfs >/tmp/all
	comparable /tmp/all >/tmp/tree
	diff /tmp/source /tmp/tree
}

# The overlay's numbers of blocks are others once data has been read.
observed() { observe everything --only stat,xattr,perm,dir,link,data /mnt/cfs 2>&1; }

use "$A"
composefs procfd:source=/data/tree.cfs && observed >first
mnt umount /mnt/cfs

use "$B"
for source in procfd:source=/data/tree.cfs source=/data/tree.cfs fd:source=/data/tree.cfs; do
	check "mounted by $source" composefs $source
	[ -f /tmp/second ] || observed >/tmp/second
	check "all of the tree is there" like_source
	check "no loop device appears" sh -c '! ls -d /sys/block/loop*/loop 2>/dev/null | grep .'
	mnt umount /mnt/cfs
done
same_files "the same as with '$A'" first /tmp/second

# Many overlays of one mount, and an overlay on top of that.
check "the image for two" mnt fsmount /tmp/.composefs procfd:source=/data/tree.cfs ro noacl
mkdir -p /mnt/one /mnt/two /mnt/above /tmp/upper/up /tmp/upper/work
for on in one two; do
	check "an overlay of it, $on" mnt fsmount /mnt/$on -t overlay ro metacopy=on redirect_dir=on \
		lowerdir+=/tmp/.composefs datadir+=/data/objects
done
mount -t tmpfs upper /tmp/upper && mkdir /tmp/upper/up /tmp/upper/work
check "a writable one on top" mount -t overlay top /mnt/above -o lowerdir=/mnt/one,upperdir=/tmp/upper/up,workdir=/tmp/upper/work
check "that writes" sh -c 'echo changed >>/mnt/above/size/4096 && rm /mnt/above/size/4095'
check "to nothing below" cmp /mnt/one/size/4096 /mnt/two/size/4096
same "and shows it" 4104 "$(stat -c %s /mnt/above/size/4096)"
umount /mnt/above /mnt/one /mnt/two /tmp/upper
mnt umount /tmp/.composefs

finish
