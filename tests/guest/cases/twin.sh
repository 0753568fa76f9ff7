# guest: --driver none --load loop --data $IMAGES/valid --disk $IMAGES/valid/b4096-extended-inline.erofs --disk $IMAGES/valid/b512-compact-plain.erofs,ro
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# The twin test: every image is mounted in one boot with the C driver and then
# with ours, block-backed and file-backed, and all that a program can observe
# is compared; and ours with the tree that the image was made from.
. /lib/case.sh

# What of `observe everything` our driver does not offer yet.
without=-
# Enough for the images whose trees only have many names.
light=statfs,mount,stat,dir,seekdir,lookup,data,mmap
# What the layout of an image has no influence on.
general=perm,refuse

cd /data || exit
mkdir -p /mnt/twin /data/first

# What stands in LIST for one image, and how it is to be mounted now.
name='' file='' manifest='' options='' notes='' backing=''
noted() { case ,$notes, in *,$1,*) true ;; *) false ;; esac }

# mounted COMMAND...: runs COMMAND with the image on /mnt/twin
mounted() {
	_o=$options
	[ "$_o" != - ] || _o=
	case $backing in
	file) set -- "/data/$file" "$@" ;;
	block) attach "$file" && set -- "$dev" "$@" || return ;;
	*) set -- "$backing" "$@" ;;
	esac
	if mnt mount "$1" /mnt/twin -o "$_o"; then
		shift
		"$@"
		_result=$?
		mnt umount /mnt/twin || _result=1
	else
		_result=1
	fi
	[ $backing != block ] || detach || _result=1
	return $_result
}

observed() {
	if noted light; then
		observe everything --only $light /mnt/twin
	elif noted layout; then
		observe everything --without $without,$general /mnt/twin
	else
		# Where ACLs are not read they cannot grant anything.
		case ,$without, in *,xattr,*) _acl='^/xattr/acl perm ' ;; *) _acl='^$' ;; esac
		observe everything --without $without /mnt/twin | grep -v "$_acl"
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

# What the first driver shows is kept; the second's is compared with it.
first() {
	noted "$backing-c" || mounted observed >"first/$name.${backing##*/}" 2>&1
}

second() {
	check "$name, ${backing##*/}: like its source tree" mounted like_source
	mounted observed >/tmp/second 2>&1
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
of_backing='^[^ ]+ (mount|dioalign|direct|fibmap|fsid) '

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

cat >/tmp/disks <<'END'
b4096-extended-inline /dev/vda
b512-compact-plain /dev/vdb
END

use "$A"
of_all first
use "$B"
of_all second

# The comparison itself: one wrong bit of data has to be found.
name=mixed-inodes file=spoilt backing=file options=- notes=-
cp mixed-inodes.erofs spoilt
_half=$(($(stat -c %s spoilt) / 2))
_byte=$(dd if=spoilt bs=1 skip=$_half count=1 2>/dev/null | hexdump -ve '1/1 "%u"')
# shellcheck disable=SC2059 # the escape is made here
printf "\\$(printf %o $((_byte ^ 16)))" | dd of=spoilt bs=1 seek=$_half conv=notrunc 2>/dev/null
mounted observed >/tmp/second 2>&1
diff first/mixed-inodes.file /tmp/second >/tmp/difference
if grep -q '^+/[^ ]* data ok ' /tmp/difference; then
	ok "a changed bit is noticed"
else
	not_ok "a changed bit is noticed" "$(wc -l </tmp/difference) lines differ" /tmp/difference
fi

finish
