# guest: --driver none --load loop --data $IMAGES/valid --put $IMAGES/ztwin/shared.erofs=/zip/lz4-fragments.erofs --put $IMAGES/ztwin/zstd-4k.erofs=/zip/zstd.erofs --put $IMAGES/ztwin/lzma-1m.erofs=/zip/lzma.erofs
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Every allocation of memory fails once, in all that the driver does for a
# program (block-backed, and of some things, some of them): nothing crashes,
# nothing is leaked, no error is lost, and the next try works. The decoders'
# threads have theirs fail by chance.
. /lib/case.sh

# What sysfs, kmemleak, vmalloc() and the slab (EINVAL: for its node) say when they
# are the ones who get none.
# shellcheck disable=SC2034 # finish() reads them
harmless='kobject_add_internal failed for .* [(]error: -12 |kobject: can not set name|kmemleak: Cannot allocate a scan area' \
	harmless_trace='vmalloc error: size [0-9]+, .*(failed to (allocate|map)|vm_struct allocation failed)|__kmem_cache_create_args.* failed with error -(12|22)'

# setting NAME VALUE: for both kinds of allocations
setting() {
	for _fault in failslab fail_page_alloc; do echo "$2" >/sys/kernel/debug/$_fault/"$1"; done
}
setting ignore-gfp-wait N
# A backtrace for each would be mistaken for a complaint.
setting verbose 0
echo 0 >/sys/kernel/debug/fail_page_alloc/min-order

# below FROM TO: only those count that code at these addresses asks for, or
# whom it calls; everywhere: all count
below() { setting require-start "$1" && setting require-end "$2"; }
everywhere() { below 0 0xffffffffffffffff; }

cd /data || exit
mkdir -p /mnt/failing

# fails NAME ARGUMENT...
fails() {
	_name=$1
	shift
	if failing "$@" >/tmp/why 2>&1; then
		ok "$_name: $(tail -n 1 /tmp/why)"
	else
		setting probability 0
		not_ok "$_name" "$(head -n 1 /tmp/why)" /tmp/why
		mnt umount /mnt/failing >/dev/null
	fi
}

use "$B"
# The module's, from its first function to its last.
of_module=$(awk '$4 == "[erofs]" && tolower($2) == "t" { print "0x" $1 }' /proc/kallsyms | sort | sed -n '1p;$p')
# shellcheck disable=SC2086 # two words
below $of_module

cp /zip/* .
for image in lz4-fragments zstd lzma; do
	attach $image.erofs
	for source in /data/$image.erofs "$dev"; do
		case $source in /dev/*) how=block ;; *) how=file ;; esac
		fails "$image, $how: by chance" --percent 10 --rounds 8 --allow EIO --allow EFAULT \
			walk "$source" /mnt/failing 65535 mixed large same-0 same-1 many
		fails "$image, $how: mount" --every 7 mount "$source" /mnt/failing ""
		fails "$image, $how: reading" --every 2 --allow EIO --allow EFAULT walk "$source" /mnt/failing 65535 same-0 long
	done
	detach
done

image=b4096-extended-inline.erofs
attach $image
for source in /data/$image "$dev"; do
	# What the two have in common need not fail everywhere twice.
	case $source in /dev/*) how=block every=4 ;; *) how=file every=1 ;; esac
	fails "$how: mount" --every $every mount "$source" /mnt/failing ""
	fails "$how: mount with options" --every 10 mount "$source" /mnt/failing user_xattr,acl
	fails "$how: fsmount" --every 6 fsmount "$source" /mnt/failing
	fails "$how: remount" remount "$source" /mnt/failing noacl
	for what in "link/27 link/4000" dir/20 "size/0 size/4097 size/8193" "xattr/many xattr/511-900 xattr/acl"; do
		# shellcheck disable=SC2086 # several paths
		fails "$how: $what" --every $every --allow EIO --allow EFAULT walk "$source" /mnt/failing $what
	done
	# The driver asks for none to unmount.
	everywhere
	fails "$how: umount" umount "$source" /mnt/failing
	fails "$how: the page cache's too" --every 7 --allow EIO --allow EFAULT walk "$source" /mnt/failing dir/20 size/8193
	# shellcheck disable=SC2086
	below $of_module
done
detach

# What it needs stays loaded. Any module's allocations count.
unload_driver
below 0xffffffffa0000000 0xffffffffff000000
module=/lib/erofs/ours/erofs.ko
fails "insmod" insmod $module
fails "rmmod" rmmod $module

finish
