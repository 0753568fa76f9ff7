# guest: --driver none --load overlay --load loop --data $IMAGES/layers
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Containers: an image of the names of 60 layers, whose data is in the layers'
# own images, mounted as containerd does it; the layers under an overlay.
# Packages: an image somewhere in an archive, in an image on a disk, as Android
# mounts them.
. /lib/case.sh

cd /data || exit
mkdir -p /mnt/all /mnt/layers /mnt/system /mnt/apex

# like MANIFEST DIR
like() {
	sed 's/ mtime=[^ ]*//' "$1.manifest" >/tmp/source
	observe manifest --without mtime "$2" >/tmp/tree
	diff /tmp/source /tmp/tree
}

# More options than a page holds: no mount(2) takes these.
set --
for layer in layer-*.erofs; do set -- "$@" "device=/data/$layer"; done

if ! spare_c file "$layer"; then
	use "$A"
	mnt fsmount /mnt/all ro source=/data/fsmeta.erofs "$@" && observe everything --without perm,refuse /mnt/all >first 2>&1
	mnt umount /mnt/all
fi

use "$B"
check "$# layers with $(echo "$*" | wc -c) bytes of options" mnt fsmount /mnt/all ro source=/data/fsmeta.erofs "$@"
check "their merged tree" like merged /mnt/all
check "all that can be observed of it" observe everything --without perm,refuse,lease /mnt/all
if [ -f first ]; then
	grep -v '^[^ ]* lease ' first >/tmp/first
	same_files "the same as with '$A'" /tmp/first /tmp/why
fi
check "no loop device appears" sh -c '! ls -d /sys/block/loop*/loop 2>/dev/null | grep .'
mnt umount /mnt/all

mnt fsmount /mnt/all ro source=/data/fsmeta.erofs device="/data/$layer" >/tmp/answer
same "a layer for sixty" "create: EINVAL" "$(head -n 1 /tmp/answer)"
missing=$1
mv "${missing#device=}" /tmp/away
mnt fsmount /mnt/all ro source=/data/fsmeta.erofs "$@" >/tmp/answer
same "a layer is missing" "create: ENOENT" "$(head -n 1 /tmp/answer)"
mv /tmp/away "${missing#device=}"

# The upper layers each on its own, the highest first.
lower=''
for n in 55 56 57 58 59; do
	mkdir -p /mnt/layers/$n
	check "layer $n" mnt mount "$(echo /data/layer-$n-*.erofs)" /mnt/layers/$n
	lower=/mnt/layers/$n${lower:+:$lower}
done
check "an overlay of them" mount -t overlay overlay /mnt/all -o "lowerdir=$lower"
for n in 55 56 57 58 59; do check "layer $n in it" cmp /mnt/layers/$n/only-$n/large /mnt/all/only-$n/large; done
same "the uppermost wins" "$(stat -c %s /mnt/layers/59/all/same)" "$(stat -c %s /mnt/all/all/same)"
check "a layer takes something away" test -c /mnt/layers/55/only-49
check "and it is not there" test ! -e /mnt/all/only-49
umount /mnt/all
for n in 55 56 57 58 59; do mnt umount /mnt/layers/$n; done

attach system.erofs
check "a system's image" mnt mount "$dev" /mnt/system
check "a package's image in an archive in it" mnt mount /mnt/system/archive.apex /mnt/apex -o fsoffset=12288
check "its tree" like small /mnt/apex
check "once more, by a descriptor" mnt fsmount /mnt/all ro fd:source=/mnt/system/archive.apex fsoffset=12288
check "its tree" like small /mnt/all
mnt umount /mnt/all
mnt umount /mnt/apex
mnt umount /mnt/system
detach

finish
