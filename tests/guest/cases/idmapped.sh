# guest: --driver none --load loop --data $IMAGES/valid
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Idmapped mounts, with which container engines give an image's files to the
# users of a container.
. /lib/case.sh

cd /data || exit
m=/mnt/plain mapped=/mnt/mapped
mkdir -p $m $mapped

# owners DIR: of each path
owners() {
	(cd "$1" && find . -exec stat -c '%u %g %a %n' {} + | sort -k 4)
}

observed() {
	for _name in mixed-inodes b4096-extended-inline; do
		mnt mount "/data/$_name.erofs" $m
		mnt idmap $m $mapped 0 100000 65536
		owners $mapped
		owners $m
		mnt umount $mapped
		# Ids that the mapping has not belong to nobody.
		mnt idmap $m $mapped 1000 5000 1
		owners $mapped
		mnt umount $mapped
		mnt umount $m
	done
}

use "$A"
observed >/tmp/first 2>&1
use "$B"
observed >/tmp/second 2>&1
same_files "the same as with '$A'" /tmp/first /tmp/second
check "there are owners of many kinds" test "$(cut -d ' ' -f 1 /tmp/second | sort -u | wc -l)" -gt 3

mnt mount /data/mixed-inodes.erofs $m
check "an idmapped mount" mnt idmap $m $mapped 0 100000 65536
same "the root's owner in it" 100000 "$(stat -c %u $mapped)"
same "the root's owner outside" 0 "$(stat -c %u $m)"
check "its files are readable" cmp $m/file-10000 $mapped/file-10000
check "an idmapped file-backed mount, after the caches are gone" sh -c "echo 3 >/proc/sys/vm/drop_caches; cmp $m/file-70000 $mapped/file-70000"
mnt umount $mapped
mnt umount $m
attach mixed-inodes.erofs
mnt mount "$dev" $m
check "an idmapped mount of a block device" mnt idmap $m $mapped 0 100000 65536
same "the root's owner in that" 100000 "$(stat -c %u $mapped)"
mnt umount $mapped
mnt umount $m
detach

finish
