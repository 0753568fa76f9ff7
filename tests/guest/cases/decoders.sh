# guest: --driver none --load loop --timeout 900 --mem 160 --data $IMAGES/zipped
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Decoders are bounded in number as the module's parameters say, for all mounts
# together, however many read at a time and however little memory there is; and
# they are freed. Their memory is what the module has vmalloc()ed; those of LZMA have
# none, but functions that make and free them. All of it is traced.
. /lib/case.sh

cd /data || exit
mkdir -p /mnt/zip /mnt/other

# Each area of memory as it comes, with who asked for it, and goes, in the order
# in which that happens.
t=/sys/kernel/tracing
echo counter >$t/trace_clock
echo 4096 >$t/buffer_size_kb
echo 1 >$t/options/stacktrace
for event in alloc_vmap_area free_vmap_area_noflush; do
	echo 1 >$t/events/vmalloc/$event/enable
done

# The driver counts one of LZMA before it is made, and until it is freed.
watch_lzma() {
	# The decoder may be a module: loaded with the driver, it stays.
	load_driver ours && unload_driver || return
	echo 'p:lzma/lzma_make xz_dec_microlzma_alloc' >$t/kprobe_events || return
	echo 'r:lzma/lzma_fail xz_dec_microlzma_alloc ret=$retval' >>$t/kprobe_events || return
	echo 'r:lzma/lzma_free xz_dec_microlzma_end' >>$t/kprobe_events || return
	echo 'ret == 0' >$t/events/lzma/lzma_fail/filter || return
	echo 1 >$t/events/lzma/enable
}

# decoders: of those that are the module's, "KIND MOST KEPT LEFT": how many of a size, or of
# LZMA, there were at a time, there were at the mark, and there are in the end
decoders() {
	echo 0 >$t/tracing_on
	if grep overrun $t/per_cpu/cpu*/stats | grep -vq ': 0$'; then
		echo "events are missing: buffer_size_kb is too small for this test"
		return 1
	fi
	# The addresses of both events in one format, then stacks and mark, which that cannot show.
	echo 1 >$t/options/fields
	cat $t/trace >/tmp/areas
	echo 0 >$t/options/fields
	awk '
	function found(pattern, skip) {
		match($0, pattern)
		return substr($0, RSTART + skip, RLENGTH - skip)
	}
	function processor() { return found("\\[[0-9]*\\]", 0) }
	FNR == 1 { event = 0; file++ }
	/ (alloc_vmap_area|free_vmap_area_noflush|lzma_[a-z]*): / {
		last[processor()] = ++event
		if (file == 2) next
		if (/ alloc_/) {
			address[event] = found(" addr=0x[0-9a-f]*", 6)
			size[event] = found(" size=0x[0-9a-f]*", 6)
		} else if (/ free_/) address[event] = found(" va_start=0x[0-9a-f]*", 10)
		else lzma[event] = / lzma_make:/ ? 1 : -1
	}
	/ tracing_mark_write: / { mark = event }
	/<stack trace>/ { of = last[processor()] }
	/=> __vmalloc_node_range/ { vmalloc[of] = 1 }
	/=> .*erofs/ { ours[of] = 1 }
	/=> cleanup_vm_area_work/ { failed[of] = 1 }
	function more(kind, number) {
		now[kind] += number
		if (now[kind] > most[kind]) most[kind] = now[kind]
	}
	END {
		# If there is no memory for an area, the kernel frees that some time later.
		for (i = 1; i <= event; i++) {
			if (i in size) made[address[i]] = i
			else if (i in failed) delete size[made[address[i]]]
		}
		for (i = 1; i <= event; i++) {
			at = address[i]
			if (at in there) { more(there[at], -1); delete there[at] }
			if (vmalloc[i] && ours[i] && i in size) { there[at] = size[i]; more(size[i], 1) }
			if (i in lzma) more("lzma", lzma[i])
			if (i == mark) for (kind in now) kept[kind] = now[kind]
		}
		for (kind in most) print kind, most[kind], kept[kind] + 0, now[kind]
	}' /tmp/areas $t/trace
}

# bounded IMAGE MOST: many readers at a time, of two mounts
bounded() {
	echo >$t/trace
	echo 1 >$t/tracing_on
	mnt mount "/data/$1" /mnt/zip -o "" || return
	attach "$1" && mnt mount "$dev" /mnt/other -o "" || return
	rm -f /tmp/*.status
	for _mount in zip other; do
		{ readers /mnt/$_mount 10 6 0 direct >/tmp/$_mount.said 2>&1; echo $? >/tmp/$_mount.status; } &
	done
	# Memory is asked for, too, while they read.
	while [ ! -s /tmp/zip.status ] || [ ! -s /tmp/other.status ]; do
		echo 2 >/proc/sys/vm/drop_caches
		sleep 0.05
	done
	wait
	_result=0
	grep -qx 0 /tmp/zip.status || { cat /tmp/zip.said; _result=1; }
	grep -qx 0 /tmp/other.status || { cat /tmp/other.said; _result=1; }
	# Only the last one of a kind is kept.
	echo 2 >/proc/sys/vm/drop_caches
	echo kept >$t/trace_marker
	mnt umount /mnt/zip && mnt umount /mnt/other && detach || return
	decoders >/tmp/seen || { cat /tmp/seen; return 1; }
	case $1 in
	lzma*) _expected=lzma ;;
	*) _expected=0x ;;
	esac
	grep -q "^$_expected" /tmp/seen || { echo "no decoder was seen"; _result=1; }
	while read -r _kind _most _kept _left; do
		[ "$_most" -le "$2" ] || { echo "$_most decoders ($_kind) at once"; _result=1; }
		[ "$_kept" -eq 1 ] || { echo "$_kept decoders ($_kind) are kept"; _result=1; }
		[ "$_left" -eq 0 ] || { echo "$_left decoders ($_kind) are never freed"; _result=1; }
	done </tmp/seen
	return $_result
}

check "who makes and frees decoders of LZMA is watched" watch_lzma
for most in 1 2; do
	check "the driver loads with $most of each" load_driver ours lzma_streams=$most deflate_streams=$most zstd_streams=$most
	for image in zstd deflate lzma; do
		check "$image, $most at a time" bounded $image.erofs $most
	done
	check "the module unloads" unload_driver
done

finish
