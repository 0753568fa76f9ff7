# guest: --driver none --program /usr/sbin/mkfs.xfs --disk $IMAGES/valid/b4096-large.erofs
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# The image is on XFS, which holds a lock of the file while it copies what is
# read. A reader whose memory is a map of another file of the same image takes
# that lock again; a writer who waits in between would stop all three for ever.
. /lib/case.sh

# Whoever maps a file of the image and touches it holds mmap_lock while the image
# is read, under the lock of XFS for it; and whoever reads any file on XFS holds
# such a lock while memory is touched. To lockdep that is a circle, with the C
# driver, too. No thread goes round it, unless it reads the image itself.
expected="xfs_ilock handle_mm_fault mmap_lock"

modprobe brd rd_nr=1 rd_size=409600 max_part=0
modprobe xfs
mkdir -p /xfs /mnt/crossed
if ! { mkfs.xfs -q /dev/ram0 && mount -t xfs /dev/ram0 /xfs && dd if=/dev/vda of=/xfs/image bs=1M; } >/tmp/why 2>&1; then
	not_ok "an XFS with an image is made" "it is not" /tmp/why
	finish
fi

use "$B"
check "an image on XFS mounts" mnt mount /xfs/image /mnt/crossed
find /mnt/crossed -type f -size +512k | sort >/tmp/files
from=$(sed -n 1p /tmp/files)
mapped=$(sed -n 2p /tmp/files)

# ended NAME PID LOG: whether it ended by itself, long after it should have
ended() {
	_left=60
	while kill -0 "$2" 2>/dev/null && [ $_left -gt 0 ]; do
		sleep 1
		_left=$((_left - 1))
	done
	if [ $_left = 0 ]; then
		not_ok "$1" "it hangs: $(cat "/proc/$2/wchan")"
		hangs=yes
	elif wait "$2"; then
		ok "$1: $(cat "$3")"
	else
		not_ok "$1" "$(head -n 1 "$3")" "$3"
	fi
}

hangs=no
crossed read "$from" "$mapped" 10 >/tmp/read1 2>&1 &
read1=$!
crossed read "$mapped" "$from" 10 >/tmp/read2 2>&1 &
read2=$!
crossed write /xfs/image 10 >/tmp/write 2>&1 &
write=$!
ended "a reader with a map of another file, and a writer" $read1 /tmp/read1
ended "a reader the other way round" $read2 /tmp/read2
ended "the writer of the image" $write /tmp/write

# A file of the image's filesystem, written from a map of a file in the image.
crossed direct "$mapped" /xfs/other >/tmp/direct 2>&1 &
ended "a direct write from a map, beside the image" $! /tmp/direct

if [ $hangs = yes ]; then
	# Nothing can be unmounted.
	exit 1
fi
check "unmount" mnt umount /mnt/crossed
check "the image's filesystem unmounts" umount /xfs
finish
