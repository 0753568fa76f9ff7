# guest: --driver none --load loop --data $IMAGES/places --timeout 1500
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# The twin test of where data and nodes can be: chunks, several devices, 48-bit
# addresses, the metabox.
. /lib/twin.sh

twins
finish
