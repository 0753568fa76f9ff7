# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# /lib/driver.sh of a guest: switching the EROFS driver within one boot.
# Every script that runs in a guest has these functions.

# load_driver ours|c [PARAMETER=VALUE...]: our module (and the stock modules that
# it needs), or the stock kernel's own C driver.
load_driver() {
	_driver=$1
	shift
	case $_driver in
	ours)
		if [ ! -f /lib/erofs/ours/erofs.ko ]; then
			echo "load_driver: there was no erofs.ko when the guest was started"
			return 1
		fi
		if [ -e /sys/module/erofs ]; then
			echo "load_driver: another erofs driver is loaded ($(cat /etc/driver)): unload_driver first"
			return 1
		fi
		# shellcheck disable=SC2013 # a list of names
		for _dep in $(cat /lib/erofs/ours/depends); do
			modprobe "$_dep" || return
		done
		insmod /lib/erofs/ours/erofs.ko "$@" || return
		;;
	c) modprobe erofs "$@" || return ;;
	*)
		echo "load_driver: 'ours' or 'c', not '$_driver'"
		return 1
		;;
	esac
	echo "$_driver" >/etc/driver
}

# unload_driver: fails, with rmmod's message, if something still uses it.
unload_driver() {
	rmmod erofs && echo none >/etc/driver
}
