# guest: --driver none --load loop --data $IMAGES/valid --disk $IMAGES/valid/b4096-large.erofs --disk $IMAGES/valid/b512-extended-inline.erofs
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Several processes at once read, map, list and stat the same trees, while
# caches are dropped and, at the end, while there is hardly any memory.
. /lib/case.sh

use "$B"
cd /data || exit
mkdir -p /mnt/large-disk /mnt/large-file /mnt/small-disk /mnt/small-file
mnt mount /dev/vda /mnt/large-disk
mnt mount /data/b4096-large.erofs /mnt/large-file
mnt mount /dev/vdb /mnt/small-disk
mnt mount /data/b512-extended-inline.erofs /mnt/small-file

# together WHAT SECONDS [CGROUP]: readers on all the mounts at once, in CGROUP
together() {
	for _mount in large-disk large-file small-disk small-file; do
		# shellcheck disable=SC2016 # for the shell that becomes the reader
		sh -c '[ -z "$1" ] || echo $$ >"$1/cgroup.procs"; shift; exec "$@"' - "${3-}" \
			readers /mnt/$_mount 3 "$2" >/tmp/$_mount 2>&1 &
		eval "_pid_${_mount%-*}_${_mount#*-}=$!"
	done
	for _mount in large-disk large-file small-disk small-file; do
		eval "_pid=\$_pid_${_mount%-*}_${_mount#*-}"
		if wait "$_pid"; then
			ok "$1, $_mount: $(tail -n 1 /tmp/$_mount)"
		else
			not_ok "$1, $_mount" "$(head -n 1 /tmp/$_mount)" /tmp/$_mount
		fi
	done
}

# What the readers learn at first has to be right.
for mount in large-disk large-file; do check "$mount" like_source large /mnt/$mount; done
for mount in small-disk small-file; do check "$mount" like_source all-kinds /mnt/$mount; done

together "at once" 8

# Twelve readers take half a megabyte each, and what they wait for is in memory
# too: folios of the image, of its file, and of the file that they compare with.
mkdir -p /tmp/cgroup
mount -t cgroup2 none /tmp/cgroup
echo +memory >/tmp/cgroup/cgroup.subtree_control
mkdir /tmp/cgroup/tight
echo "$(either 20M 22M)" >/tmp/cgroup/tight/memory.max
# What is read counts for whoever reads it first.
echo 3 >/proc/sys/vm/drop_caches
together "in little memory" 8 /tmp/cgroup/tight
if grep -q '^max [1-9]' /tmp/cgroup/tight/memory.events; then
	ok "the memory was too little: $(tr '\n' ' ' </tmp/cgroup/tight/memory.events)"
else
	not_ok "the memory was too little" "it was not" /tmp/cgroup/tight/memory.events
fi
echo 3 >/proc/sys/vm/drop_caches
rmdir /tmp/cgroup/tight
umount /tmp/cgroup
for mount in large-disk large-file small-disk small-file; do check "unmount $mount" mnt umount /mnt/$mount; done

finish
