# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# What the cases share; in the guest it is /lib/case.sh. A case prints "ok -
# NAME" or "not ok - NAME: WHY" for each thing that it checks, and ends with
# `finish`.
#
# $B is the driver under test, $A the one that it is measured against: ours
# and the C driver, or what twin.b= and twin.a= on the kernel's command line
# say (scripts/guest --append 'twin.b=c' tests the tests).

A=c B=ours dev=
# shellcheck disable=SC2013,SC2034 # words; the cases use them
for _word in $(cat /proc/cmdline); do
	case $_word in
	twin.a=*) A=${_word#*=} ;;
	twin.b=*) B=${_word#*=} ;;
	esac
done

# tests/run --sanitized: everything takes ten times as long there.
# `either NORMAL SANITIZED` is how a case does less of the same.
case $(uname -r) in *-sanitized) sanitized=yes ;; *) sanitized= ;; esac
either() { if [ $sanitized ]; then echo "$2"; else echo "$1"; fi; }

# fewer N LIST [NAME...]: there, only each Nth line of LIST stays, and those of
# the names. With a prime N, what takes turns in the list is there all the same.
fewer() {
	[ $sanitized ] || return 0
	_n=$1 _list=$2
	shift 2
	awk -v n="$_n" -v names=" $* " 'NR % n == 1 || index(names, " " $1 " ")' "$_list" >/tmp/fewer
	cat /tmp/fewer >"$_list"
}

# spare_c BACKING DEVICES: whether the C driver is not to mount an image there.
# With devices (DEVICES is not '-') that are files, it takes devs->rwsem for
# reading twice when it reads their table: lockdep, which ends with its first
# report, would not look at ours any more.
spare_c() { [ "$sanitized" ] && [ "$1" = file ] && [ "$2" != - ]; }

_failed=0
_log=/tmp/kernel.log # what the kernel says from here on
dmesg -c >/dev/null
: >$_log
# Only what is fatal on the console: cases provoke errors by the hundred.
dmesg -n 3

ok() { echo "ok - $*"; }

# not_ok NAME WHY [FILE [N]]: with the first lines of FILE
not_ok() {
	_failed=$((_failed + 1))
	echo "not ok - $1: $2"
	[ -z "${3-}" ] || head -n "${4:-20}" "$3" | cut -c 1-300 | sed 's/^/#   /'
}

# check NAME COMMAND...: ok if COMMAND succeeds; what it prints is why not
check() {
	_what=$1
	shift
	if "$@" >/tmp/why 2>&1; then
		ok "$_what"
	else
		not_ok "$_what" "$(head -n 1 /tmp/why | cut -c 1-200)" /tmp/why
	fi
}

# same NAME EXPECTED GOT
same() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "'$3' instead of '$2'"; fi
}

# same_files NAME EXPECTED GOT
same_files() {
	if cmp -s "$2" "$3"; then
		ok "$1"
	else
		diff -U 1 "$2" "$3" | sed 1,2d >/tmp/difference
		not_ok "$1" "$(grep -c '^[-+]' /tmp/difference) lines differ" /tmp/difference
	fi
}

# said: what the kernel said since the last call, in /tmp/said
said() {
	dmesg -c >/tmp/said
	cat /tmp/said >>$_log
}

# like_source MANIFEST DIR: the tree is the manifest's, but for attributes
like_source() {
	sed 's/ xattr:.*//' "$1.manifest" >/tmp/source
	observe manifest --without xattr "$2" >/tmp/tree
	diff /tmp/source /tmp/tree
}

# attach FILE: a read-only loop device $dev; detach: lets it go
attach() { dev=$(losetup -f) && losetup -r "$dev" "$1"; }
detach() { losetup -d "$dev"; }

# use DRIVER: loads it, whatever is loaded now; without it, the case has failed
use() {
	[ "$(cat /etc/driver)" != "$1" ] || return 0
	if { [ ! -d /sys/module/erofs ] || unload_driver; } >/tmp/why 2>&1 && load_driver "$1" >>/tmp/why 2>&1; then return; fi
	not_ok "the driver '$1' loads" "it does not" /tmp/why
	finish
}

# leaks: prints what kmemleak finds that nothing points to any more: what is
# older than five seconds, and the same as when it looked before.
leaks() {
	echo 3 >/proc/sys/vm/drop_caches
	for _wait in 6 0; do
		# It switches itself off when it has no memory.
		echo scan >/sys/kernel/debug/kmemleak || echo "kmemleak does not scan"
		sleep $_wait
	done
	cat /sys/kernel/debug/kmemleak
}

# no_leaks TEXT: where the module's text began
no_leaks() {
	leaks | while read -r _line; do
		case $_line in 0x????????????????) _line="$_line, the module +$(printf '0x%x' $((_line - $1)))" ;; esac
		echo "$_line"
	done >/tmp/leaks
	if [ -s /tmp/leaks ]; then
		not_ok "nothing is leaked" "$(grep -c '^unreferenced object' /tmp/leaks) objects are" /tmp/leaks
	else
		ok "nothing is leaked"
	fi
}

# expect_report LOG: takes the first report of a circle of locks out of it that
# names all functions of $expected, which a case sets and explains; it is then
# in /tmp/expected
expect_report() {
	: >/tmp/expected
	[ "${expected-}" ] || return 0
	awk -v expected="$expected" '
		/WARNING: possible circular locking/ { block = ""; inside = 1 }
		!inside { print; next }
		{ block = block $0 "\n" }
		/<\/TASK>/ {
			inside = 0
			all = !seen
			n = split(expected, names, " ")
			for (i = 1; i <= n; i++) if (!index(block, names[i])) all = 0
			if (all) { seen = 1; printf "%s", block >"/tmp/expected" } else printf "%s", block
		}
		END { if (inside) printf "%s", block }' "$1" >/tmp/rest
	cp /tmp/rest "$1"
}

# finish: unmounts and unloads all that is left, looks at what the kernel said
# and ends the case.
finish() {
	cd /
	awk '$3 == "erofs" || $3 == "overlay" { print $2 }' /proc/mounts | sort -r >/tmp/mounts
	while read -r _mount; do umount "$_mount" || umount -l "$_mount"; done </tmp/mounts
	if [ -s /tmp/mounts ]; then not_ok "nothing is left mounted" "$(tr '\n' ' ' </tmp/mounts)"; fi
	for _dev in /sys/block/loop*/loop; do
		[ ! -d "$_dev" ] || losetup -d "/dev/$(basename "${_dev%/loop}")"
	done
	_text=$(cat /sys/module/erofs/sections/.text 2>/dev/null)
	if [ -d /sys/module/erofs ]; then check "the module unloads" unload_driver; fi
	# It would not, if a driver had kept an image's file open.
	if grep -q ' /data ' /proc/mounts; then check "the images' filesystem unmounts" umount /data; fi
	if [ $sanitized ]; then
		# Without the module: what only that points to is leaked too.
		no_leaks "${_text:-0}"
	fi
	said
	if [ $sanitized ]; then
		expect_report $_log
		# It switches itself off with its first report, whoever caused that.
		[ -s /tmp/expected ] || check "lockdep is still at work" grep -E 'debug_locks: +1' /proc/lockdep_stats
	fi
	sed -i '/Using fanotify permission checks may lead to deadlock/d' $_log
	# What a case provokes, as it says itself: lines, and lines with a backtrace.
	[ -z "${harmless-}" ] || sed -i -E "/$harmless/d" $_log
	[ -z "${harmless_trace-}" ] || sed -i -E "/$harmless_trace/,/<\/TASK>/d" $_log
	if grep -qE "$_alarming" $_log; then
		grep -nE -B 3 -A 12 "$_alarming" $_log >/tmp/alarms
		not_ok "the kernel has nothing to complain of" "$(grep -cE "$_alarming" $_log) lines" /tmp/alarms 100
	else
		ok "the kernel has nothing to complain of"
	fi
	[ $_failed = 0 ]
	exit
}
_alarming='WARNING|BUG|Oops|general protection|Call Trace|refcount|Objects remaining|leak|Busy inodes|lock held|deadlock|inconsistent lock|circular locking|recursive locking|suspicious RCU|stall|blocked for more than|KASAN|UBSAN|list_(add|del) corruption|sysfs: cannot create|kobject|panic'
