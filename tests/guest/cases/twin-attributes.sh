# guest: --driver none --load loop --data $IMAGES/attributes --timeout 1500
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# The twin test of extended attributes and ACLs. (In the sanitized kernel one
# image of five, and those of strange entries.)
. /lib/twin.sh

fewer 5 LIST entries-b512 filter-lies

twins
finish
