# guest: --driver none --load loop --data $IMAGES/attributes --timeout 1500
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# The twin test of extended attributes and ACLs.
. /lib/twin.sh

twins
finish
