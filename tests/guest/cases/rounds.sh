# guest: --driver none --load loop --data $IMAGES/valid
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# 200 rounds of loading the module, mounting, reading, unmounting, unloading:
# the kernel's memory must not grow. (In the sanitized kernel 20; what its slab
# caches weigh says nothing, kmemleak does.)
. /lib/case.sh

rounds=$(either 200 20) first=$(either 40 4)
tolerated=320 # KB: what 2,000 processes leave behind them

cd /data || exit
mkdir -p /mnt/block /mnt/file
# A round waits for RCU a dozen times: at once is soon enough.
echo 1 >/sys/kernel/rcu_expedited
for _wait in first next; do echo 0 >/sys/module/rcutree/parameters/jiffies_till_${_wait}_fqs; done

one_round() {
	load_driver "$B" && attach b4096-extended-inline.erofs || return
	mnt mount "$dev" /mnt/block && mnt mount /data/mixed-inodes.erofs /mnt/file || return
	observe manifest --without xattr /mnt/file >/tmp/tree || return
	cat /mnt/block/size/* >/tmp/data || return
	if mnt mount /data/LIST /mnt/file >/dev/null; then return 1; fi
	mnt umount /mnt/file && mnt umount /mnt/block && detach && unload_driver
}

kilobytes() { awk -v what="$1:" '$1 == what { print $2 }' /proc/meminfo; }

# measure N: the sizes, and the numbers of objects in all slab caches, when
# nothing is left that could go, in the files /tmp/*.N
measure() {
	sync
	for _i in 1 2 3; do
		echo 3 >/proc/sys/vm/drop_caches
		sleep 0.5
	done
	for _cache in /sys/kernel/slab/*/shrink; do echo 1 >"$_cache"; done
	for _what in Slab SUnreclaim Percpu VmallocUsed; do kilobytes $_what >"/tmp/$_what.$1"; done
	awk 'NR > 2 { print $1, $2 }' /proc/slabinfo >"/tmp/objects.$1"
}

round=0
while [ $round -lt $rounds ]; do
	round=$((round + 1))
	one_round >/tmp/why 2>&1 || break
	if [ $round = $first ]; then
		measure first
		cp /tmp/tree /tmp/tree.first
		cp /tmp/data /tmp/data.first
	fi
done
if [ $round = $rounds ]; then
	ok "$rounds rounds"
	same_files "the last shows what an early one showed" /tmp/tree.first /tmp/tree
	check "and reads the same" cmp /tmp/data.first /tmp/data
	rm /tmp/data /tmp/data.first
else
	not_ok "$rounds rounds" "the ${round}th failed" /tmp/why
fi

[ ! $sanitized ] || finish

measure last
for what in Slab SUnreclaim Percpu VmallocUsed; do
	before=$(cat /tmp/$what.first) after=$(cat /tmp/$what.last)
	if [ $((after - before)) -le $tolerated ]; then
		ok "$what is flat: $before KB after $first rounds, $after KB after $round"
	else
		not_ok "$what is flat" "$before KB after $first rounds, $after KB after $round"
	fi
done
# One object a round may be too little to be seen there.
awk -v least=$(((rounds - first) * 9 / 10)) 'NR == FNR { was[$1] = $2; next }
	$2 - was[$1] >= least { print $1 ": " was[$1] " objects, then " $2 }' \
	/tmp/objects.first /tmp/objects.last >/tmp/grown
if [ -s /tmp/grown ]; then
	not_ok "no slab cache gains an object a round" "$(wc -l </tmp/grown) do" /tmp/grown
else
	ok "no slab cache gains an object a round"
fi

finish
