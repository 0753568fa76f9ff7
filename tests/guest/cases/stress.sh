# guest: --load loop --mem 128 --timeout 1500 --data $IMAGES/zipped
# programs: mnt observe readers
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# stress [SECONDS [SEED]]: several processes read compressed images of all
# kinds at random, block-backed and file-backed, in a machine of 128 MB, which is
# less than the images hold: caches are reclaimed under them, dropped by hand,
# and others mount and unmount. `make stress MINUTES=20` runs it for so long.
. /lib/case.sh

seconds=${1:-$(either 20 60)}
seed=${2:-$(date +%s)}
cd /data || exit
use "$B"
# A module that is not needed takes 10 of 32 MB that are there for programs.
rm -r /lib/modules/*/kernel/fs/xfs

# shellcheck disable=SC2034 # the rest of the line
while read -r name file rest; do
	attach "$file"
	for backing in block file; do
		mkdir -p "/mnt/$name-$backing"
		[ $backing = block ] && source=$dev || source=/data/$file
		check "$name is mounted, $backing" mnt mount "$source" "/mnt/$name-$backing"
		dirs=${dirs+$dirs,}/mnt/$name-$backing
	done
done 3<&0 <LIST
# Each of the others is compared with this one.
check "the first is like its source" like_source texts "${dirs%%,*}"

# Until the file is there: images come and go, and what mounts keep is dropped.
meddle() {
	mkdir -p /mnt/guest
	while [ ! -e /tmp/enough ]; do
		for _file in lz4-fragments zstd-1m-dedupe; do
			mnt mount /data/$_file.erofs /mnt/guest && cat /mnt/guest/size/large >/dev/null && mnt umount /mnt/guest || return
		done
		for _knob in /sys/fs/erofs/*/drop_caches; do echo 3 >"$_knob" || return; done
		sleep 1
	done
}

# What is free beyond 40 MB is taken away: the sanitized kernel gets more than it
# takes itself, and nothing would be reclaimed.
rest=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) - 40 }' /proc/meminfo)
mkdir /mnt/rest
mount -t tmpfs -o size=100% none /mnt/rest
[ "$rest" -le 0 ] || head -c "${rest}m" /dev/zero >/mnt/rest/zeros
pages() { awk -v what="$1" '$1 ~ what { sum += $2 } END { print sum + 0 }' /proc/vmstat; }
reclaimed=$(pages '^pgsteal_(kswapd|direct)$')
meddle >/tmp/meddling 2>&1 &
meddler=$!
check "readers, $seconds seconds, seed $seed" readers "$dirs" 3 "$seconds" "$seed" direct
echo "    $(tail -n 1 /tmp/why), $(($(pages '^pgsteal_(kswapd|direct)$') - reclaimed)) pages reclaimed"
touch /tmp/enough
if wait $meddler; then ok "mounts come and go"; else not_ok "mounts come and go" "one failed" /tmp/meddling; fi

# Without that it would have been no stress.
if [ "$(pages '^pgsteal_(kswapd|direct)$')" -gt $((reclaimed + 1000)) ]; then
	ok "memory was reclaimed"
else
	not_ok "memory was reclaimed" "it was not" /proc/meminfo
fi
umount /mnt/rest
for mount in /mnt/*-block /mnt/*-file; do check "${mount#/mnt/} is unmounted" mnt umount "$mount"; done
finish
