# guest: --driver none --load loop --data $IMAGES/valid
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Extended attributes and ACLs, as far as options and privileges have a say in
# them. That they are the right ones is for the twin test.
. /lib/case.sh

use "$B"
cd /data || exit
m=/mnt/xattrs
mkdir -p $m

# names PATH [UID]: the attributes that it lists; what was seen of all is in /tmp/values
names() {
	cd "$1" || return
	if [ $# = 2 ]; then set -- mnt as "$2"; else set --; fi
	"$@" observe everything --only xattr . >/tmp/values
	sed -n 's/^\. xattr name=\([^ ]*\) .*/\1/p' /tmp/values | tr '\n' ' ' | sed 's/ $//'
	cd /data || return
}
# reads UID PATH: whether that user can read it
reads() { mnt as "$1" cat "$2"; }
cannot() { if reads "$1" "$2" 2>/dev/null; then echo "it can"; return 1; fi; }

for image in b4096-extended-inline b512-compact-plain; do
	mnt mount /data/$image.erofs $m
	same "$image: a directory's attributes" "user.dir trusted.overlay.opaque" "$(names $m/xattr/dir)"
	same "$image: a value" 5 "$(sed -n 's/^\. xattr name=user.dir asked=\([^ ]*\) .*/\1/p' /tmp/values)"
	same "$image: the user's only" "user.dir" "$(names $m/xattr/dir 1000)"
	same "$image: a default ACL" "system.posix_acl_default" "$(names $m/xattr/default-acl)"

	check "$image: a user whom the ACL names reads" reads 1000 $m/xattr/acl
	check "$image: another does not" cannot 1001 $m/xattr/acl

	check "$image: remount nouser_xattr" mnt remount $m nouser_xattr
	same "$image: user.* is hidden" "trusted.overlay.opaque" "$(names $m/xattr/dir)"
	check "$image: and unsupported" grep -q 'user.absent=EOPNOTSUPP trusted.absent=ENODATA' /tmp/values
	check "$image: ACLs are not" reads 1000 $m/xattr/acl

	check "$image: remount noacl" mnt remount $m noacl
	same "$image: user.* is back" "user.dir trusted.overlay.opaque" "$(names $m/xattr/dir)"
	same "$image: ACLs are hidden" "" "$(names $m/xattr/default-acl)"
	check "$image: nobody reads by them" cannot 1000 $m/xattr/acl
	check "$image: remount" mnt remount $m
	check "$image: somebody does" reads 1000 $m/xattr/acl
	check "$image: unmount" mnt umount $m

	mnt mount /data/$image.erofs $m -o noacl
	check "$image: mounted with noacl, nobody reads by them" cannot 1000 $m/xattr/acl
	same "$image: and they are hidden" "" "$(names $m/xattr/default-acl)"
	check "$image: remount acl" mnt remount $m acl
	check "$image: by remount somebody does" reads 1000 $m/xattr/acl
	check "$image: unmount" mnt umount $m
done

finish
