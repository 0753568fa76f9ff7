# guest: --driver none --load loop --data $IMAGES/valid
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# 200 rounds of loading the module, mounting, reading, unmounting, unloading:
# the kernel's memory must not grow.
. /lib/case.sh

rounds=200 first=40
tolerated=120 # KB of noise

cd /data || exit
mkdir -p /mnt/block /mnt/file
# A round waits for RCU a dozen times.
echo 1 >/sys/kernel/rcu_expedited 2>/dev/null

one_round() {
	load_driver "$B" && attach b4096-extended-inline.erofs || return
	mnt mount "$dev" /mnt/block && mnt mount /data/mixed-inodes.erofs /mnt/file || return
	cat /mnt/block/size/* /mnt/file/file-* | wc -c >/tmp/bytes
	ls -lR /mnt/file/dir >/dev/null
	mnt mount /data/LIST /mnt/file >/dev/null && return 1 # refused
	mnt umount /mnt/file && mnt umount /mnt/block && detach && unload_driver
}

# measure: $slab and $unreclaimable in KB, with nothing left that could go
measure() {
	sync
	for _i in 1 2 3; do
		echo 3 >/proc/sys/vm/drop_caches
		sleep 0.5
	done
	slab=$(awk '$1 == "Slab:" { print $2 }' /proc/meminfo)
	unreclaimable=$(awk '$1 == "SUnreclaim:" { print $2 }' /proc/meminfo)
	percpu=$(awk '$1 == "Percpu:" { print $2 }' /proc/meminfo)
	vmalloc=$(awk '$1 == "VmallocUsed:" { print $2 }' /proc/meminfo)
	awk 'NR > 2 { print $1, int($2 * $4 / 1024) }' /proc/slabinfo >/tmp/slabs
}

round=0
while [ $round -lt $rounds ]; do
	round=$((round + 1))
	one_round >/tmp/why 2>&1 || break
	[ "$(cat /tmp/bytes)" = "${bytes-$(cat /tmp/bytes)}" ] || break
	bytes=$(cat /tmp/bytes)
	if [ $round = $first ]; then
		measure
		slab0=$slab unreclaimable0=$unreclaimable percpu0=$percpu vmalloc0=$vmalloc
		cp /tmp/slabs /tmp/slabs0
	fi
done
if [ $round = $rounds ]; then ok "$rounds rounds"; else not_ok "$rounds rounds" "the ${round}th failed" /tmp/why; fi

# flat WHAT BEFORE AFTER
flat() {
	if [ $(($3 - $2)) -le $tolerated ]; then
		ok "$1 is flat: $2 KB after $first rounds, $3 KB after $round"
	else
		awk 'NR == FNR { was[$1] = $2; next } $2 > was[$1] { print $1 ":", was[$1], "to", $2, "KB" }' \
			/tmp/slabs0 /tmp/slabs >/tmp/grown
		not_ok "$1 is flat" "$2 KB after $first rounds, $3 KB after $round" /tmp/grown
	fi
}
measure
flat Slab "$slab0" "$slab"
flat SUnreclaim "$unreclaimable0" "$unreclaimable"
flat Percpu "$percpu0" "$percpu"
flat VmallocUsed "$vmalloc0" "$vmalloc"

finish
