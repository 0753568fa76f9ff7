# guest: --driver none --load loop --data $IMAGES/valid
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Every allocation of memory fails once, in all that the driver does for a
# program: nothing crashes, nothing is leaked, no error is lost, and the next
# try works.
. /lib/case.sh

for fault in failslab fail_page_alloc; do
	echo N >/sys/kernel/debug/$fault/ignore-gfp-wait
	# A backtrace for each would be mistaken for a complaint.
	echo 0 >/sys/kernel/debug/$fault/verbose
done
echo 0 >/sys/kernel/debug/fail_page_alloc/min-order

cd /data || exit
mkdir -p /mnt/failing

# fails NAME ARGUMENT...
fails() {
	_name=$1
	shift
	if failing "$@" >/tmp/why 2>&1; then
		ok "$_name: $(tail -n 1 /tmp/why)"
	else
		not_ok "$_name" "$(head -n 1 /tmp/why)" /tmp/why
		mnt umount /mnt/failing >/dev/null
	fi
}

use "$B"
image=b4096-extended-inline.erofs
attach $image
for source in /data/$image "$dev"; do
	case $source in /dev/*) how=block ;; *) how=file ;; esac
	fails "$how: mount" mount "$source" /mnt/failing ""
	fails "$how: mount with options" mount "$source" /mnt/failing user_xattr,acl
	fails "$how: fsmount" fsmount "$source" /mnt/failing
	fails "$how: remount" remount "$source" /mnt/failing noacl
	fails "$how: umount" umount "$source" /mnt/failing
	for what in "link/27 link/4000" dir/20 "size/0 size/4097 size/large" "xattr/many xattr/511-900 xattr/acl"; do
		# shellcheck disable=SC2086 # several paths
		fails "$how: $what" --allow EIO --allow EFAULT walk "$source" /mnt/failing $what
	done
done
detach

# What it needs stays loaded. Most of the allocations are the module loader's.
unload_driver
module=/lib/erofs/ours/erofs.ko
fails "insmod" --last 400 insmod $module
fails "rmmod" rmmod $module

finish
