# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# The heart of the twin cases; in the guest it is /lib/twin.sh. Every image of
# /data/LIST is mounted in one boot with the C driver and then with ours, block-
# backed and file-backed, and all that a program can observe is compared; and
# ours with the tree that the image was made from.

. /lib/case.sh

# What of `observe everything` our driver does not offer yet.
without=-
# Enough for the images whose trees only have many names.
light=statfs,mount,stat,dir,seekdir,lookup,data,mmap
# What the layout of an image has no influence on.
general=perm,refuse,remount
# What has to do with extended attributes.
attributes=statfs,mount,stat,perm,xattr
# What compressing has to do with; O_DIRECT of it is ours alone.
zipped=statfs,mount,stat,statx,dir,lookup,link,data,mmap,pread,splice,fiemap,seek
# What does not read whole files.
shape=statfs,mount,stat,statx,dir,pread,fiemap,seek,ioctl,fibmap,handle,direct

cd /data || exit
mkdir -p /mnt/twin first
: >/tmp/disks

# Images too long to be kept as they are: the length, and the sectors that are
# in NAME.parts.
for _pieces in *.pieces; do
	[ -f "$_pieces" ] || continue
	_name=${_pieces%.pieces} _from=0
	{
		read -r _size
		truncate -s "$_size" "$_name.erofs"
		while read -r _at _count; do
			dd if="$_name.parts" of="$_name.erofs" bs=512 skip=$_from seek="$_at" count="$_count" conv=notrunc 2>/dev/null
			_from=$((_from + _count))
		done
	} <"$_pieces"
done

# What stands in LIST for one image, and how it is to be mounted now.
name='' file='' manifest='' options='' notes='' backing=''
noted() { case ,$notes, in *,$1,*) true ;; *) false ;; esac }

# mounted COMMAND...: runs COMMAND with the image on /mnt/twin
mounted() {
	_o='' _attached='' _result=1
	for _part in $(echo "$options" | tr , ' '); do
		case $_part in
		-) continue ;;
		device=*)
			_part=/data/${_part#device=}
			if [ "$backing" != file ]; then
				attach "$_part" || return
				_attached="$_attached $dev" _part=$dev
			fi
			_part=device=$_part
			;;
		esac
		_o=$_o${_o:+,}$_part
	done
	case $backing in
	file) _source=/data/$file ;;
	block)
		attach "$file" || return
		_attached="$_attached $dev" _source=$dev
		;;
	*) _source=$backing ;;
	esac
	if mnt mount "$_source" /mnt/twin -o "$_o"; then
		"$@"
		_result=$?
		mnt umount /mnt/twin || _result=1
	fi
	for dev in $_attached; do detach || _result=1; done
	return $_result
}

observed() {
	if noted light; then
		observe everything --only $light /mnt/twin
	elif noted zipped; then
		observe everything --only $zipped /mnt/twin
	elif noted shape; then
		observe everything --only $shape --without $without /mnt/twin
	elif noted attributes; then
		observe everything --only $attributes --without $without /mnt/twin
	elif noted layout; then
		observe everything --without $without,$general /mnt/twin
	else
		observe everything --without $without /mnt/twin
	fi
}

# like_source: prints what is different from the image's source tree
like_source() {
	_skip=$without
	set --
	if noted mtime; then
		_skip=$_skip,mtime
		set -- -e 's/ mtime=[^ ]*//'
	fi
	if noted xattr; then _skip=$_skip,xattr; fi
	case ,$_skip, in *,xattr,*) set -- "$@" -e 's/ xattr:.*//' ;; esac
	sed -e '' "$@" "$manifest" >/tmp/source
	observe manifest --without "$_skip" /mnt/twin >/tmp/tree
	diff /tmp/source /tmp/tree
}

# Whether the first driver is left out.
spared() {
	case $options in
	*device=*) spare_c "$backing" "$options" ;;
	*) false ;;
	esac
}

# What the first driver shows is kept; the second's is compared with it. That
# it shows anything at all is seen here.
first() {
	if noted "$backing-c" || spared; then return; fi
	mounted observed >"first/$name.${backing##*/}" 2>&1
	grep -q '^[.] ' "first/$name.${backing##*/}" ||
		not_ok "$name, ${backing##*/}: '$A' mounts it" "it does not" "first/$name.${backing##*/}"
}

second() {
	# Of many of the same tree, what block devices show is seen by the C driver.
	if [ "$manifest" != - ] && { [ "$backing" = file ] || { ! noted layout && ! noted attributes; }; }; then
		check "$name, ${backing##*/}: like its source tree" mounted like_source
	fi
	mounted observed >/tmp/second 2>&1
	if spared; then return; fi
	_first=first/$name.${backing##*/}
	if ! noted "$backing-c"; then
		same_files "$name, ${backing##*/}: the same as with '$A'" "$_first" /tmp/second
		return
	fi
	# Where the C driver fails, its other backing shows how it is to be.
	_first=first/$name.block
	[ "$backing" = file ] || _first=first/$name.file
	[ -f "$_first" ] || return
	grep -vE "$of_backing" "$_first" >/tmp/first
	grep -vE "$of_backing" /tmp/second >/tmp/second.rest
	same_files "$name, $backing: the same as ${_first##*.} with '$A'" /tmp/first /tmp/second.rest
}
# The lines in which the two backings differ.
of_backing='^[^ ]+ (mount|dioalign|direct|fibmap|fsid|remount) '

# of_all COMMAND: runs it for each image and backing
of_all() {
	while read -r name file manifest options notes; do
		for backing in block file; do
			if [ $backing = file ] || ! noted no-block; then "$1"; fi
		done
		# On a disk too, whose reads end in interrupts.
		backing=$(awk -v name="$name" '$1 == name { print $2 }' /tmp/disks)
		[ -z "$backing" ] || "$1"
	done 3<&0 <LIST
}

# twins: does it. An image that /tmp/disks has in a line 'NAME DISK' is also
# on that disk.
twins() {
	use "$A"
	of_all first
	use "$B"
	of_all second
}
