# guest: --driver none --load loop --data $IMAGES/valid --disk $IMAGES/zipped/lz4-64k.erofs
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Tracepoints: the events of the C driver, with the same fields, when the same
# things happen.
. /lib/case.sh

cd /data || exit
m=/mnt/trace
t=/sys/kernel/tracing
mkdir -p $m
events="erofs_lookup erofs_fill_inode erofs_read_folio erofs_readahead erofs_map_blocks_enter erofs_map_blocks_exit"

# formats: of all events, without their numbers and how they are spaced
formats() {
	for _event in $(ls $t/events/erofs | sort); do
		[ ! -d $t/events/erofs/"$_event" ] || sed -e /^ID:/d -e 's/[[:space:]][[:space:]]*/ /g' $t/events/erofs/"$_event"/format
	done
}

# what programs do here
steps() {
	stat -c %s $m/file-70000 $m/link $m/dir/entry-03 $m/absent 2>/dev/null
	cat $m/file-10000 $m/file-4096 $m/dir/entry-20
	ls $m/dir
	# Longer than a block, so in a page.
	readlink $m/long-link
}

# events OPTIONS DRIVER: what is traced of them, without who and when
observed() {
	formats >"/tmp/formats.$1"
	for _kind in block file; do
		_source=/data/checksum-b512.erofs
		if [ $_kind = block ]; then
			attach checksum-b512.erofs
			_source=$dev
		fi
		# Ours reads files through their own pages only if it has to.
		mnt mount "$_source" $m -o directio
		echo >$t/trace
		echo 1 >$t/events/erofs/enable
		steps >/dev/null
		echo 0 >$t/events/erofs/enable
		grep ' erofs_' $t/trace | sed -e 's/.*: \(erofs_[a-z_]*\): /\1 /' -e 's/dev = ([0-9,]*)/dev/' >"/tmp/trace.$1.$_kind"
		mnt umount $m
		[ $_kind = file ] || detach
	done
}

use "$A"
observed "$A"
use "$B"
observed "$B"
same_files "the events' formats are the same as with '$A'" "/tmp/formats.$A" "/tmp/formats.$B"
for kind in block file; do
	for event in $events; do
		check "$kind: $event is traced" grep -q "^$event " "/tmp/trace.$B.$kind"
	done
	for event in lookup fill_inode readahead read_folio; do
		# Only the C driver reads directories through pages of their own.
		grep "^erofs_$event " "/tmp/trace.$A.$kind" | grep -v ", DIR," >/tmp/first
		grep "^erofs_$event " "/tmp/trace.$B.$kind" >/tmp/second
		same_files "$kind: erofs_$event, the same as with '$A'" /tmp/first /tmp/second
	done
	# How often a mapping is looked up is the driver's own business, but not
	# what is found for the beginning of a file.
	for _driver in "$A" "$B"; do
		grep '^erofs_map_blocks_exit .* la 0 ' "/tmp/trace.$_driver.$kind" | sort -u >"/tmp/maps.$_driver"
	done
	check "$kind: mappings are found as with '$A'" sh -c "grep -vxFf /tmp/maps.$A /tmp/maps.$B | grep . && exit 1; exit 0"
done

# Compressed files are read by other functions.
mnt mount /dev/vda $m -o ""
echo >$t/trace
echo 1 >$t/events/erofs/enable
cat $m/size/large >/dev/null
echo 0 >$t/events/erofs/enable
mnt umount $m
check "reads of compressed files are traced" grep -q 'erofs_readahead: .* raw = 0' $t/trace

# Nobody listens: nothing is written.
mnt mount /data/checksum-b512.erofs $m
echo >$t/trace
steps >/dev/null
check "nothing is traced unless asked for" sh -c "! grep -q erofs_ $t/trace"
# Names of the largest size fit in.
echo 1 >$t/events/erofs/erofs_lookup/enable
name=$(printf '%0255d' 0)
stat "$m/$name" 2>/dev/null
echo 0 >$t/events/erofs/erofs_lookup/enable
check "a name of 255 bytes is traced" grep -q "name:$name," $t/trace
# Unloading with a listener.
mnt umount $m
echo 1 >$t/events/erofs/enable
check "the module unloads while somebody listens" unload_driver
check "its events are gone" test ! -e $t/events/erofs

finish
