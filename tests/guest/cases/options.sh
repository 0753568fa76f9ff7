# guest: --driver none --load loop --load overlay --load brd --data $IMAGES/valid --disk $IMAGES/valid/mixed-inodes.erofs --disk $IMAGES/valid/mixed-inodes.erofs,ro --program /usr/bin/mount
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Mounting: sources of every kind, options, errors with their messages, what
# mounts may stand on, and who may read. What is expected here is what programs
# that mount EROFS rely on.
. /lib/case.sh

use "$B"
cd /data || exit
m=/mnt/options
mkdir -p $m /mnt/below /mnt/above /mnt/top
image=/data/mixed-inodes.erofs

# whole: whether what is mounted on $m (or $1) is the tree of the small images
whole() {
	sed 's/ xattr:.*//' /data/small.manifest >/tmp/source
	observe manifest --without xattr "${1-$m}" >/tmp/tree
	diff /tmp/source /tmp/tree
}

# mounts WHAT STEP...: these steps of fsmount succeed, and show the whole tree
mounts() {
	_name=$1
	shift
	if mnt fsmount $m "$@" >/tmp/answer; then
		check "$_name" whole
		mnt umount $m
	else
		not_ok "$_name" "$(head -n 1 /tmp/answer)" /tmp/answer
	fi
}

# refused WHAT EXPECTED STEP...: they fail with this message of mnt
refused() {
	_name=$1 _expected=$2
	shift 2
	if mnt fsmount $m "$@" >/tmp/answer; then mnt umount $m; fi
	same "$_name" "$_expected" "$(head -n 1 /tmp/answer)"
}

# told PATTERN: the last one's log says so
told() {
	if grep -qE "^log: .*$1" /tmp/answer; then ok "and says: $1"; else not_ok "and says: $1" "it does not" /tmp/answer; fi
}

# --- Sources

mounts "source: a path" ro source=$image
mounts "source: a descriptor" ro fd:source=$image
mounts "source: a path into /proc/self/fd" ro procfd:source=$image
ln -s mixed-inodes.erofs symlink
mounts "source: a symlink" ro source=/data/symlink
mounts "source: a relative path" source=mixed-inodes.erofs
mounts "source: a block device" ro source=/dev/vda
mounts "source: a read-only block device" ro source=/dev/vdb
check "source: mount(2) with a file" mnt mount $image $m
check "and it is in mountinfo" grep -q " - erofs $image ro" /proc/self/mountinfo
check "no loop device appears" sh -c '! ls -d /sys/block/loop*/loop 2>/dev/null | grep .'
mnt umount $m
check "source: util-linux's mount with a file" mount -t erofs $image $m
check "the whole tree" whole
check "no loop device appears" sh -c '! ls -d /sys/block/loop*/loop 2>/dev/null | grep .'
mnt umount $m

mkfifo fifo
mkdir directory
# The C driver refuses these.
if [ "$B" != c ]; then
	cp $image /dev/shm/image
	mounts "source: a file on tmpfs" source=/dev/shm/image
	mounts "source: its descriptor" fd:source=/dev/shm/image
	rm /dev/shm/image
	# That one waits for somebody who writes to it.
	refused "a FIFO" "create: ENOTBLK" source=/data/fifo
fi
: >/tmp/empty
refused "no source" "create: EINVAL" ro
refused "a missing file" "create: ENOENT" source=/data/missing
refused "an empty path" "set source: EINVAL" source=
refused "a directory" "create: ENOTBLK" source=/data/directory
refused "a character device" "create: ENOTBLK" source=/dev/zero
refused "a directory's descriptor" "create: EINVAL" fd:source=/data/directory
told "source is unsupported"
refused "a block device's descriptor" "create: EINVAL" fd:source=/dev/vda
told "source is unsupported"
refused "a character device's descriptor" "create: EINVAL" fd:source=/dev/zero
refused "a descriptor without read access" "create: EIO" path:source=$image
refused "a second source" "set source: EINVAL" source=$image source=$image
told "Multiple sources"
refused "a second source, by descriptor" "set source: EINVAL" source=$image fd:source=$image
refused "a source after a descriptor" "set source: EINVAL" fd:source=$image source=$image
told "Multiple sources"
refused "source without a value" "set source: EINVAL" source
same "a missing file, by mount(2)" "mount: ENOENT" "$(mnt mount /data/missing $m)"
same "a directory, by mount(2)" "mount: ENOTBLK" "$(mnt mount /data/directory $m)"
same "none, by mount(2)" "mount: ENOENT" "$(mnt mount none $m)"

# --- Options

refused "an unknown flag" "set bogus: EINVAL" source=$image bogus
told "Unknown parameter 'bogus'"
refused "an unknown key" "set bogus: EINVAL" bogus=1 source=$image
told "Unknown parameter 'bogus'"
same "an unknown option of mount(2)" "mount: EINVAL" "$(mnt mount $image $m -o bogus)"
mounts "noacl, as composefs says it" ro source=$image noacl
mounts "an offset of nothing" source=$image fsoffset=0
mounts "an offset" source=/data/offset-b4096-4096.erofs fsoffset=4096
mounts "an offset in hexadecimal" source=/data/offset-b4096-4096.erofs fsoffset=0x1000
mounts "an offset of small blocks, by descriptor" fd:source=/data/offset-b512-4608.erofs fsoffset=4608
mounts "the last of two offsets" source=/data/offset-b4096-4096.erofs fsoffset=7 fsoffset=4096
refused "an offset where nothing is" "create: EINVAL" source=/data/offset-b4096-4096.erofs
refused "an offset that is no number" "set fsoffset: EINVAL" source=$image fsoffset=first
told "Bad value for 'fsoffset'"
refused "a negative offset" "set fsoffset: EINVAL" source=$image fsoffset=-4096
refused "an offset too large" "set fsoffset: EINVAL" source=$image fsoffset=18446744073709551616
refused "an offset without a value" "set fsoffset: EINVAL" source=$image fsoffset
{ head -c 4608 /dev/zero; cat $image; } >unaligned
refused "an offset within a block" "create: EINVAL" source=/data/unaligned fsoffset=4608
told "fsoffset 4608 is not aligned to block size 4096"
# There the C driver looks for the rest of the superblock's block beyond the
# page that it has, and finds the checksum wrong.
if [ "$B" != c ]; then
	attach unaligned
	refused "the same, of a block device" "create: EINVAL" ro source="$dev" fsoffset=4608
	told "not aligned"
	detach
fi
for offset in 1 1073741824 9223372036854775808 9223372036854775807 18446744073709547520 18446744073709551615; do
	for source in $image /dev/vda; do
		mnt fsmount $m source="$source" fsoffset="$offset" >/tmp/answer
		_answer=$(head -n 1 /tmp/answer)
		case $_answer in
		'create: EINVAL' | 'create: EIO') ok "an offset of $offset in ${source##*/}: $_answer" ;;
		*) not_ok "an offset of $offset in ${source##*/}" "$_answer instead of EINVAL or EIO" /tmp/answer ;;
		esac
	done
done

# --- Read-only

check "a file, asked for writing" mnt mount $image $m -w
check "is read-only all the same" grep -q " - erofs [^ ]* ro" /proc/self/mountinfo
same "writing is refused" "touch: $m/new: Read-only file system" "$(touch $m/new 2>&1)"
check "remount" mnt remount $m
check "remount for writing" mnt remount $m -w
check "is read-only all the same" grep -q " - erofs [^ ]* ro" /proc/self/mountinfo
same "an unknown option of remount" "remount: EINVAL" "$(mnt remount $m bogus)"
check "reconfigure" mnt reconfigure $m ro
mnt reconfigure $m bogus >/tmp/answer
same "an unknown option of reconfigure" "set bogus: EINVAL" "$(head -n 1 /tmp/answer)"
told "Unknown parameter 'bogus'"
check "the whole tree" whole
mnt umount $m
check "a block device, asked for writing" mnt mount /dev/vda $m -w
check "is read-only all the same" grep -q " - erofs /dev/vda ro" /proc/self/mountinfo
same "its second mount, for writing" "mount: EBUSY" "$(mnt mount /dev/vda /mnt/below -w)"
mnt umount $m
same "a read-only block device, asked for writing" "mount: EACCES" "$(mnt mount /dev/vdb $m -w)"

# --- Superblocks

mnt mount /dev/vda $m
check "a block device's second mount" mnt mount /dev/vda /mnt/below
same "shares its superblock" "$(stat -c %d $m)" "$(stat -c %d /mnt/below)"
same "no other filesystem may take the device" "mount: EBUSY" "$(mnt mount /dev/vda /mnt/top -t ext4)"
mnt umount $m
check "the second stays whole" whole /mnt/below
mnt umount /mnt/below
mnt mount $image $m
check "a file's second mount" mnt mount $image /mnt/below
if [ "$(stat -c %d $m)" != "$(stat -c %d /mnt/below)" ]; then
	ok "has a superblock of its own"
else
	not_ok "has a superblock of its own" "both are $(stat -c %d $m)"
fi
mnt umount $m
check "the second stays whole" whole /mnt/below
same "a busy one stays mounted" "umount: EBUSY" "$(cd /mnt/below/dir && mnt umount /mnt/below)"
if unload_driver 2>/dev/null; then not_ok "the module stays while it is used" "it was unloaded"; else ok "the module stays while it is used"; fi
mnt umount /mnt/below
cp $image unlinked
mnt mount /data/unlinked $m
rm unlinked
echo 3 >/proc/sys/vm/drop_caches
check "an image that was unlinked stays whole" whole
exec 4<$m/file-10000
umount -l $m
same "a file stays open after umount -l" 10000 "$(wc -c <&4)"
exec 4<&-

# --- Stacks

mnt mount $image $m
check "an overlay on a file-backed mount" mount -t overlay overlay /mnt/below -o lowerdir=$m:/data/directory
check "an overlay on that" mount -t overlay overlay /mnt/above -o lowerdir=/mnt/below:/data/directory
check "shows the whole tree" test "$(find /mnt/above | wc -l)" = "$(find $m | wc -l)"
check "with its data" cmp /mnt/above/file-70000 $m/file-70000
umount /mnt/above
cp $image directory/on-overlay
umount /mnt/below
mount -t overlay overlay /mnt/below -o lowerdir=/data/directory:$m
said
refused "a file on an overlay" "create: ENOTBLK" source=/mnt/below/on-overlay
umount /mnt/below
mnt umount $m
mnt mount /data/nest.erofs /mnt/below
said
refused "a file in a file-backed mount" "create: ENOTBLK" source=/mnt/below/inner.erofs
said
check "and says why" grep -q 'erofs.*stacked' /tmp/said
refused "its descriptor" "create: ENOTBLK" fd:source=/mnt/below/inner.erofs
mnt umount /mnt/below
attach nest.erofs
mnt mount "$dev" /mnt/below
mounts "a file in a block-backed mount" source=/mnt/below/inner.erofs
mnt umount /mnt/below
detach

# --- Who may

mkdir -m 700 private
cp $image private/image
chmod 600 private/image
mnt mount /data/private/image $m
echo 3 >/proc/sys/vm/drop_caches
check "a user reads what root has opened" mnt as 1000 cmp /mnt/options/file-70000 /mnt/options/file-70000
same "a user may not mount" "mount: EPERM" "$(mnt as 1000 /usr/local/bin/mnt mount $image /mnt/below)"
same "a user may not even ask" "fsopen: EPERM" "$(mnt as 1000 /usr/local/bin/mnt fsmount /mnt/below source=$image)"
same "nor the root of a user namespace" "mount: EPERM" "$(unshare -Urm /usr/local/bin/mnt mount $image /mnt/below)"
mnt umount $m
check "the driver is in /proc/filesystems" grep -qx '	erofs' /proc/filesystems

# --- The log

said
if grep "/data/.*Can't open blockdev" "$_log" >/tmp/lines; then
	not_ok "no word of a block device that is none" "there is" /tmp/lines
else
	ok "no word of a block device that is none"
fi
finish
