# guest: --timeout 1200 --driver none --load loop --data $IMAGES/zcrafted
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Compressed images made by hand, of what no mkfs.erofs makes: read as they are
# to be, block-backed and file-backed, and like with the C driver.
. /lib/case.sh

cd /data || exit
mkdir -p /mnt/crafted first

# What is looked at, of the classes of observe.
classes=stat,data,fiemap,seek

# mounted COMMAND...: runs COMMAND with the image on /mnt/crafted
mounted() {
	if [ $backing = block ]; then attach "$name.erofs"; else dev=/data/$name.erofs; fi || return
	if mnt mount "$dev" /mnt/crafted -o ""; then
		"$@"
		_result=$?
		mnt umount /mnt/crafted || _result=1
	else
		_result=1
	fi
	[ $backing = file ] || detach || _result=1
	return $_result
}

sums() { (cd /mnt/crafted && sha256sum -c "/data/$name.sums"); }
observed() { observe everything --only $classes /mnt/crafted; }

first() {
	[ "$notes" = wrong-c ] || mounted observed >"first/$name.$backing" 2>&1
}

second() {
	check "$name, $backing: what is to be read" mounted sums
	[ "$notes" != wrong-c ] || return 0
	mounted observed >/tmp/second 2>&1
	same_files "$name, $backing: the same as with '$A'" "first/$name.$backing" /tmp/second
}

# of_all COMMAND: runs it for each image and backing
of_all() {
	while read -r name notes; do
		for backing in block file; do "$1"; done
	done 3<&0 <LIST
}

use "$A"
of_all first
use "$B"
of_all second

finish
