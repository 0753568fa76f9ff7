# guest: --driver none --load loop --data $IMAGES/valid --disk $IMAGES/valid/b4096-extended-inline.erofs --disk $IMAGES/valid/b512-compact-plain.erofs,ro --timeout 1500
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# The twin test (see twin.sh beside this directory) of block sizes, kinds of
# inodes and what stands in the superblock; and a test of the comparison. (In
# the sanitized kernel one image of seven, and two of all that is observed.)
. /lib/twin.sh

fewer 7 LIST b512-compact-plain mixed-inodes

cat >/tmp/disks <<'END'
b4096-extended-inline /dev/vda
b512-compact-plain /dev/vdb
END

twins

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
