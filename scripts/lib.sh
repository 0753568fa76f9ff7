# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the scripts share: where things are kept, how steps are announced, how
# a cache entry is made exactly once. Sourced, never run.
#
# A cache entry is a directory that is filled under a temporary name and
# renamed when it is complete, with the entry's lock held: an interrupted run
# leaves nothing that looks finished, and two runs at once build it once.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${EROFS_CACHE:-$HOME/.cache/erofs-rs}
suite=trixie

die() {
	printf 'error: %s\n' "$1" >&2
	shift
	for line in "$@"; do printf '       %s\n' "$line" >&2; done
	exit 1
}

# step TEXT COMMAND...: says what runs and how long it took; its output goes
# to a log that is shown if it fails.
step() {
	local text=$1 log start status
	shift
	mkdir -p "$cache/log"
	log=$(mktemp "$cache/log/step.XXXXXX")
	start=$(date +%s)
	printf '==> %s ... ' "$text" >&2
	# Not `|| status=$?`: bash would go on after errors inside a function.
	set +e
	(set -e; "$@") >"$log" 2>&1 </dev/null
	status=$?
	set -e
	if [ "$status" -ne 0 ]; then
		printf 'failed\n' >&2
		tail -n 40 "$log" >&2
		die "$text: exit status $status" "the whole log: $log"
	fi
	printf '%s s\n' $(($(date +%s) - start)) >&2
	rm -f "$log"
}

# sanitized_build: where scripts/kbuild --sanitized builds this checkout.
sanitized_build() { echo "$cache/sanitized-build-$(key "$top")"; }

# key FILE-OR-TEXT...: a short name for what goes into a cache entry.
key() {
	local arg
	for arg in "$@"; do
		if [ -f "$arg" ]; then cat "$arg"; else printf '%s\n' "$arg"; fi
	done | sha256sum | cut -c1-12
}

# once DIRECTORY FUNCTION: makes the cache entry DIRECTORY with
# `FUNCTION TEMPORARY-DIRECTORY` unless it is there.
once() {
	local dir=$1 make=$2 tmp
	[ -d "$dir" ] && return
	mkdir -p "$(dirname "$dir")"
	exec {once_fd}>"$dir.lock"
	if ! flock --nonblock "$once_fd"; then
		printf '==> another run is making %s: waiting for it\n' "$dir" >&2
		flock "$once_fd"
	fi
	if [ ! -d "$dir" ]; then
		tmp=$dir.part
		rm -rf --one-file-system "$tmp"
		mkdir "$tmp"
		"$make" "$tmp"
		mv "$tmp" "$dir"
	fi
	exec {once_fd}>&-
}
