# guest: --timeout 1500 --driver none --load loop --program /usr/sbin/losetup --program /usr/sbin/filefrag --data $IMAGES/devices
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Files in chunks, and images on several devices: each image as its source
# tree, and as the C driver shows it; what is wrong with the devices; what
# follows a chunk on another device. (In the sanitized kernel one image of
# three.)
. /lib/case.sh

# What chunks and devices have an influence on.
classes=statfs,fsid,mount,stat,statx,link,dir,lookup,pread,data,mmap,fiemap,seek,direct

cd /data || exit
mkdir -p /mnt/chunks /data/first

name='' file='' manifest='' devices='' notes='' backing=''
noted() { case ,$notes, in *,$1,*) true ;; *) false ;; esac }

# mounted COMMAND...: runs COMMAND with the image on /mnt/chunks
mounted() {
	_options='' _loops=''
	for _device in $file $(echo "$devices" | sed 's/^-$//; s/,/ /g'); do
		_path=/data/$_device
		if [ $backing = block ]; then
			_path=$(losetup --find --show --read-only "$_device") || return
			_loops="$_loops $_path"
		fi
		[ "$_device" = "$file" ] && _source=$_path || _options=$_options,device=$_path
	done
	if mnt mount "$_source" /mnt/chunks -o "${_options#,}"; then
		"$@"
		_result=$?
		mnt umount /mnt/chunks || _result=1
	else
		_result=1
	fi
	for _path in $_loops; do losetup -d "$_path"; done
	return $_result
}

observed() {
	observe everything --only $classes /mnt/chunks
	# By FIBMAP, block for block.
	for _file in in-order hole-before size-65537 size-1; do filefrag -B -v /mnt/chunks/$_file; done
}

# like_source: prints what is different from the image's source tree
like_source() {
	set -- -e 's/ xattr:.*//'
	_without=xattr
	if noted mtime; then set -- "$@" -e 's/ mtime=[^ ]*//' && _without=xattr,mtime; fi
	sed "$@" "$manifest" >/tmp/source
	observe manifest --without $_without /mnt/chunks >/tmp/tree
	diff /tmp/source /tmp/tree
}

of_all() {
	while read -r name file manifest devices notes; do
		for backing in block file; do "$1"; done
	done 3<&0 <LIST
}

first() { noted mine || spare_c $backing "$devices" || mounted observed >"first/$name.$backing" 2>&1; }

second() {
	noted broken || check "$name, $backing: like its source tree" mounted like_source
	noted mine || noted broken || {
		mounted observed >/tmp/second 2>&1
		spare_c $backing "$devices" || same_files "$name, $backing: the same as with '$A'" "first/$name.$backing" /tmp/second
	}
}

fewer 3 LIST
use "$A"
of_all first
use "$B"
of_all second

# --- A device that is not there

# Chunks of every other block are on device 3 of 2.
absent() {
	_got=$(cat /mnt/chunks/in-order 2>&1 >/dev/null | sed 's/.*: //')
	same "absent, $backing: no device 3" "$1" "$_got"
	for _i in 1 2 3; do cat /mnt/chunks/in-order >/dev/null 2>&1; done
	dmesg -c | grep -v 'mounted with' | grep -c 'erofs.* @ nid' >/tmp/lines
	same "absent, $backing: one line of it" 1 "$(cat /tmp/lines)"
	check "absent, $backing: others can be read" test "$(cat /mnt/chunks/size-1 | wc -c)" = 1
}
name=absent file=absent.erofs devices=absent.blob,absent.blob
said
[ "$B" = c ] || for backing in block file; do mounted absent "No such device"; done

# --- What device= is given

# refused WHAT EXPECTED SOURCE OPTIONS
refused() {
	if _got=$(mnt mount "$3" /mnt/chunks -o "$4"); then mnt umount /mnt/chunks; fi
	same "$1" "mount: $2" "$_got"
}
attach spread-3.erofs
block=$dev
blobs=''
for n in 1 2 3; do
	_loop=$(losetup --find --show --read-only spread-3.$n)
	blobs="$blobs $_loop"
done
# shellcheck disable=SC2086 # words
set -- $blobs
file=/data/spread-3.erofs of_files=device=/data/spread-3.1,device=/data/spread-3.2
refused "too few devices" EINVAL "$block" "device=$1,device=$2"
refused "too many devices" EINVAL "$block" "device=$1,device=$2,device=$3,device=$1"
refused "too few files" EINVAL $file $of_files
refused "too many files" EINVAL $file "$of_files,$of_files"
refused "a missing device" ENOENT "$block" "device=$1,device=$2,device=/dev/missing"
refused "a missing file" ENOENT $file "$of_files,device=/data/missing"
refused "a file for a device" EINVAL "$block" "device=$1,device=$2,device=/data/spread-3.3"
refused "a device for a file" EINVAL $file "$of_files,device=$3"
refused "a directory for a device" EINVAL "$block" "device=$1,device=$2,device=/data"
refused "a directory for a file" EINVAL $file "$of_files,device=/data"
refused "an empty name" EINVAL $file "$of_files,device="
refused "devices of an image that has none" EINVAL /data/chunk-b4096-4096-indexes.erofs $of_files
refused "a device for the image itself" EBUSY "$block" "device=$block,device=$2,device=$3"
check "devices are shared by two mounts" mnt mount "$block" /mnt/chunks -o "device=$1,device=$2,device=$3"
mkdir -p /mnt/again
_again=$(losetup --find --show --read-only spread-3.erofs)
check "and by another image" mnt mount "$_again" /mnt/again -o "device=$1,device=$2,device=$3"
mnt umount /mnt/chunks
check "and stay with the second" cmp /mnt/again/in-order /mnt/again/in-order
same "another filesystem does not get them" "mount: EBUSY" "$(mnt mount "$1" /mnt/chunks -t ext4)"
mnt umount /mnt/again
check "they are free afterwards" sh -c "! mnt mount $1 /mnt/chunks -t ext4 | grep EBUSY"
for _loop in $block $blobs $_again; do losetup -d "$_loop"; done

# --- Files that are as long as a file can be

# The C driver reads them for ever, whatever signal it gets. Beyond the end of
# a block device there are zeros for a table of chunks, and block 0 is there.
blocks() { for _n in "$@"; do dd if=/mnt/chunks/in-order bs=4096 count=1 skip="$_n" 2>/dev/null; done | md5sum; }
# limited SECONDS COMMAND...: not from /data, which busybox's watchdog would keep busy
limited() { (cd / && exec timeout -s KILL "$@"); }
endless() {
	same "$name, $backing: its first bytes" "$(blocks 0 2)" "$(head -c 8192 /mnt/chunks/every-other | md5sum)"
	for _block in 2251799813685247 2251799813685000 100000000; do
		limited 60 dd if=/mnt/chunks/in-order of=/dev/null bs=4096 count=1 skip=$_block 2>/tmp/why
		_end=$?
		if [ $_end = 1 ] || [ "$name$backing$_end" = endless-chunksblock0 ]; then
			ok "$name, $backing: block $_block"
		else
			not_ok "$name, $backing: block $_block" "dd ends with $_end" /tmp/why
		fi
	done
	limited 3 cat /mnt/chunks/in-order >/dev/null 2>&1
	case $? in
	1 | 137) ok "$name, $backing: reading it all ends" ;;
	*) not_ok "$name, $backing: reading it all ends" "with $?" ;;
	esac
}
a_hole() {
	dd if=/mnt/chunks/backwards of=/tmp/last bs=4096 count=1 skip=1125899906842623 2>/dev/null
	same "a hole of 4 EB: its last bytes" "4096 0" "$(wc -c </tmp/last) $(tr -d '\0' </tmp/last | wc -c)"
	observe everything --only seek,fiemap /mnt/chunks | grep '^/backwards ' >/tmp/hole
	same "a hole of 4 EB: no data, no extent" "2" "$(grep -cE 'seek ENXIO$|fiemap ok count=0$' /tmp/hole)"
}
name=endless-blocks file=endless-blocks.erofs devices=-
for backing in block file; do mounted a_hole; done
for name in endless-blocks endless-chunks; do
	for backing in block file; do
		devices=- file=$name.erofs
		[ "$B" = c ] || mounted endless
	done
done

# --- directio, and what statfs says

name=spread-3 file=spread-3.erofs manifest=chunky.manifest devices=spread-3.1,spread-3.2,spread-3.3 notes=- backing=file
around() { mnt remount /mnt/chunks directio && grep -q ' /mnt/chunks erofs .*\bdirectio\b' /proc/mounts && like_source; }
check "spread-3, directio" mounted around
count() { same "spread-3: statfs counts all blocks" "$1" "$(stat -f -c %b /mnt/chunks)"; }
mounted count $(($(stat -c %s spread-3.erofs) / 4096 + 3 * $(stat -c %s spread-3.1) / 4096))

finish
