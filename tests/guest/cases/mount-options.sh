# guest: --driver none --load loop --data $IMAGES/valid
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Every mount option as both drivers take it: what is refused, what the
# context's log says, what the mount shows then, and after a remount.
. /lib/case.sh

cd /data || exit
m=/mnt/mount-options
mkdir -p $m
image=/data/mixed-inodes.erofs

shown() { awk -v m=$m '$2 == m { print $4 }' /proc/mounts; }

# One line: how it went, and what is shown.
tried() {
	if mnt fsmount $m source="$1" ${2+"$2"} ${3+"$3"} ${4+"$4"} >/tmp/answer; then
		_answer="mounted $(shown)"
		mnt remount $m
		_answer="$_answer, remounted $(shown)"
		mnt umount $m
	else
		_answer=$(head -n 1 /tmp/answer)
	fi
	shift
	echo "$*: $_answer $(grep '^log:' /tmp/answer | sort)"
}

observed() {
	attach $image
	for _source in $image "$dev"; do
		for _option in user_xattr nouser_xattr acl noacl directio nodirectio cache_strategy=disabled \
			cache_strategy=readahead cache_strategy=readaround fsoffset=0 fsoffset=0x0 ro rw silent sync \
			user_xattr=1 nouser_xattr=1 acl=1 acl= noacl=0 directio=1 nodirectio= cache_strategy cache_strategy= \
			cache_strategy=bogus cache_strategy=Disabled cache_strategy=0 nocache_strategy fsoffset fsoffset= \
			fsoffset=x fsoffset=-1 fsoffset=1k fsoffset=18446744073709551616 nofsoffset=1 nosource \
			ACL Acl= noatime data=x '' =; do
			tried "$_source" "$_option"
		done
		tried "$_source" acl noacl
		tried "$_source" noacl acl nouser_xattr
		tried "$_source" directio nodirectio directio
		tried "$_source" cache_strategy=disabled cache_strategy=readaround
		# What a remount says of each flag.
		mnt mount "$_source" $m -o noacl,nouser_xattr,directio
		for _option in '' acl noacl user_xattr nouser_xattr directio nodirectio cache_strategy=disabled \
			noacl,nouser_xattr,directio fsoffset=4096 bogus source=/data/other acl=1; do
			echo "remount $_option: $(mnt remount $m ${_option:+"$_option"}) $(shown)"
		done
		for _option in noacl acl directio fsoffset=4096 source=/data/other bogus; do
			echo "reconfigure $_option: $(mnt reconfigure $m "$_option" | sort) $(shown)"
		done
		mnt umount $m
	done | sed "s|$dev|DEVICE|g"
	detach
}

use "$A"
observed >/tmp/first 2>&1
use "$B"
observed >/tmp/second 2>&1
check "mounts and refusals are among them" sh -c 'grep -q ": mounted" /tmp/second && grep -q EINVAL /tmp/second'
same_files "the same as with '$A'" /tmp/first /tmp/second

# What programs find in the parameters of the module.
parameters() { (cd /sys/module/erofs/parameters && grep . * && stat -c '%A %n' *); }
parameters >/tmp/second
use "$A"
parameters >/tmp/first
same_files "the module's parameters are the same as with '$A'" /tmp/first /tmp/second
use "$B"
unload_driver
check "parameters can be set" insmod /lib/erofs/ours/erofs.ko lzma_streams=3 global_buffers=1 reserved_pages=5
same "and read" "3 1 5" "$(cd /sys/module/erofs/parameters && echo "$(cat lzma_streams) $(cat global_buffers) $(cat reserved_pages)")"

finish
