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

# shown: in $_shown, without a process of its own, as this is done so often
shown() {
	while read -r _ _point _ _shown _; do
		[ "$_point" != $m ] || return 0
	done </proc/mounts
	_shown='nothing mounted'
}

# answer: what mnt said, in one line
answer() {
	_answer=
	while read -r _line; do _answer="$_answer $_line"; done </tmp/answer
}

# One line: how it went, and what is shown.
tried() {
	if mnt fsmount $m source="$1" ${2+"$2"} ${3+"$3"} ${4+"$4"} >/tmp/answer; then
		shown
		_was="mounted $_shown"
		mnt remount $m
		shown
		_was="$_was, remounted $_shown"
		mnt umount $m
	else
		_was=refused
	fi
	answer
	shift
	echo "$*: $_was$_answer"
}

observed() {
	attach $image
	for _source in $image "$dev"; do
		for _option in user_xattr nouser_xattr acl noacl directio nodirectio cache_strategy=disabled \
			cache_strategy=readahead cache_strategy=readaround fsoffset=0 fsoffset=0x0 ro rw silent sync \
			user_xattr=1 nouser_xattr=1 acl=1 acl= noacl=0 directio=1 nodirectio= cache_strategy cache_strategy= \
			cache_strategy=bogus cache_strategy=Disabled cache_strategy=0 nocache_strategy fsoffset fsoffset= \
			fsoffset=x fsoffset=-1 fsoffset=1k fsoffset=18446744073709551616 nofsoffset=1 nosource \
			dax dax=always dax=never dax= dax=bogus nodax device device= nodevice domain_id=x \
			domain_id domain_id= nodomain_id inode_share inode_share=1 noinode_share \
			ACL Acl= noatime data=x '' =; do
			tried "$_source" "$_option"
		done
		tried "$_source" inode_share domain_id=x
		tried "$_source" inode_share domain_id=x dax
		tried "$_source" dax=never dax=always
		tried "$_source" acl noacl
		tried "$_source" noacl acl nouser_xattr
		tried "$_source" directio nodirectio directio
		tried "$_source" cache_strategy=disabled cache_strategy=readaround
		# What a remount says of each flag.
		mnt mount "$_source" $m -o noacl,nouser_xattr,directio
		for _option in '' dax=never domain_id=x acl noacl user_xattr nouser_xattr directio nodirectio cache_strategy=disabled \
			noacl,nouser_xattr,directio fsoffset=4096 bogus source=/data/other acl=1; do
			mnt remount $m ${_option:+"$_option"} >/tmp/answer
			answer
			shown
			echo "remount $_option:$_answer $_shown"
		done
		for _option in noacl acl directio fsoffset=4096 source=/data/other bogus; do
			mnt reconfigure $m "$_option" >/tmp/answer
			answer
			shown
			echo "reconfigure $_option:$_answer $_shown"
		done
		mnt umount $m
	done | sed "s|$dev|DEVICE|g"
	detach
}

use "$A"
observed >/tmp/first 2>&1
use "$B"
observed >/tmp/second 2>&1
check "mounts and refusals are among them" sh -c 'grep -q ": mounted" /tmp/second && grep -q refused.*EINVAL /tmp/second'
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
