# guest: --driver none --load loop --data $IMAGES/share
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Files of one fingerprint share a page cache (inode_share), within a domain:
# across mounts and names, until the last of them is gone; and only these.
. /lib/case.sh

use "$B"
cd /data || exit
mkdir -p /mnt/one /mnt/two
all=171/171

# share IMAGE DIR OPTIONS
share() { mnt mount "/data/$1.erofs" "/mnt/$2" -o "$3"; }
# like TREE DIR: whether that is mounted there
like() {
	observe manifest "/mnt/$2" >/tmp/tree
	diff "$1.manifest" /tmp/tree
}
# refused WHAT EXPECTED COMMAND...
refused() {
	_name=$1 _expected=$2
	shift 2
	if "$@" >/tmp/answer 2>&1; then mnt umount /mnt/one; fi
	same "$_name" "$_expected" "$(head -n 1 /tmp/answer)"
}
option() { grep -q "^[^ ]* /mnt/$1 erofs [^ ]*$2" /proc/mounts; }
gone() {
	for _dir; do check "unmount $_dir" mnt umount "/mnt/$_dir"; done
}

# --- Options

refused "inode_share alone" "mount: EINVAL" share one one inode_share
refused "domain_id without a name" "mount: EINVAL" share one one inode_share,domain_id=
refused "noinode_share" "mount: EINVAL" share one one noinode_share
refused "inode_share and dax" "mount: EINVAL" share one one inode_share,domain_id=a,dax=always
check "domain_id alone" share one one domain_id=a
if option one inode_share; then not_ok "and nothing is shared" "it is"; else ok "and nothing is shared"; fi
check "inode_share by remount" mnt remount /mnt/one inode_share
check "it is shown" option one inode_share
if option one domain_id; then not_ok "the domain is not" "it is"; else ok "the domain is not"; fi
check "no inode_share by remount" mnt remount /mnt/one
if option one inode_share; then not_ok "it is not shown" "it is"; else ok "it is not shown"; fi
gone one
check "without a domain" share one one acl
refused "inode_share by remount, without a domain" "remount: EINVAL" mnt remount /mnt/one inode_share
check "nothing has changed" like one one
gone one
check "an image without fingerprints" share plain one inode_share,domain_id=a
if option one inode_share; then not_ok "shares nothing" "it does"; else ok "shares nothing"; fi
check "inode_share by remount does nothing to it" mnt remount /mnt/one inode_share
if option one inode_share; then not_ok "still nothing" "it does"; else ok "still nothing"; fi
check "its tree" like one one
gone one

# --- What is shared

share one one domain_id=a
share two two domain_id=a
cat /mnt/one/large >/dev/null
same "without inode_share nothing is" 0/171 "$(resident /mnt/two/as-large)"
gone one two

share one one inode_share,domain_id=a
share two two inode_share,domain_id=b
cat /mnt/one/large >/dev/null
same "not across domains" 0/171 "$(resident /mnt/two/as-large)"
gone two

share two two inode_share,domain_id=a
same "read under one name" $all "$(resident /mnt/one/large)"
same "and cached under the other" $all "$(resident /mnt/two/as-large)"
same "another digest" 0/171 "$(resident /mnt/two/large)"
check "the whole of one" like one one
check "the whole of the other" like two two
cat /mnt/one/none >/dev/null
echo 3 >/proc/sys/vm/drop_caches
cat /mnt/one/none /mnt/one/own /mnt/one/size >/dev/null
same "without a digest: its own" 2/2 "$(resident /mnt/one/none)"
same "without a digest: not the other's" 0/2 "$(resident /mnt/two/none)"
same "another size: not the other's" 0/3 "$(resident /mnt/two/size)"
for file in size small own none; do check "$file" like two two; done

# --- How it is read

echo 3 >/proc/sys/vm/drop_caches
sum() { resident map "$1" true; }
same "maps" "$(sum /mnt/one/large)" "$(sum /mnt/two/as-large)"
same "a map reads for both" $all "$(resident /mnt/two/as-large)"
if dd if=/mnt/one/large of=/dev/null iflag=direct bs=4096 2>/tmp/why; then
	not_ok "O_DIRECT" "it opens"
else
	same "O_DIRECT is refused" "dd: can't open '/mnt/one/large': Invalid argument" "$(cat /tmp/why)"
fi
observe everything --only data,pread,mmap,splice,seek,fiemap /mnt/two >/tmp/shared
gone two
share two two domain_id=a
observe everything --only data,pread,mmap,splice,seek,fiemap /mnt/two >/tmp/unshared
same_files "observed like without inode_share" /tmp/unshared /tmp/shared
gone two

# --- Whose it is

cat /mnt/one/large >/dev/null
share two two inode_share,domain_id=a
resident /mnt/two/as-large >/dev/null
gone one
same "unmounted, the other has it" $all "$(resident /mnt/two/as-large)"
check "whole" like two two
share one one inode_share,domain_id=a
same "mounted again" $all "$(resident /mnt/one/large)"
gone two one
share one one inode_share,domain_id=a
same "with the last mount it is gone" 0/171 "$(resident /mnt/one/large)"
expected=$(sum /mnt/one/large)

# A map keeps the mount of the file it was made of, and no other.
share two two inode_share,domain_id=a
cat >/tmp/while-mapped <<'END'
mnt umount /mnt/two && echo 3 >/proc/sys/vm/drop_caches && mnt umount /mnt/one
END
resident map /mnt/one/large sh /tmp/while-mapped >/tmp/map
same "while it is mapped" "umount: EBUSY $expected" "$(tr '\n' ' ' </tmp/map | sed 's/ $//')"
gone one

# A block device and a file are read in different ways.
attach one.erofs
share one one inode_share,domain_id=a
mnt mount "$dev" /mnt/two -o inode_share,domain_id=a
cat /mnt/one/large >/dev/null
same "not across backings" 0/171 "$(resident /mnt/two/large)"
check "the block device's" like one two
check "the file's" like one one
gone one two
mnt mount "$dev" /mnt/two -o inode_share,domain_id=a
attach two.erofs
mnt mount "$dev" /mnt/one -o inode_share,domain_id=a
cat /mnt/two/large >/dev/null
same "across block devices" $all "$(resident /mnt/one/as-large)"
gone one two

# --- All at once

share one one inode_share,domain_id=a
share two two inode_share,domain_id=a
readers /mnt/one 2 5 >/tmp/readers.one 2>&1 &
first=$!
check "readers of one" readers /mnt/two 2 5
wait $first
same "readers of the other" 0 $?
gone one two

# The driver unloads with its pseudo filesystem, and loads again.
check "the module unloads" unload_driver
use "$B"
check "and loads" share one one inode_share,domain_id=a
gone one
finish
