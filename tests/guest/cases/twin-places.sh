# guest: --driver none --load loop --data $IMAGES/places --timeout 1500
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# The twin test of where data and nodes can be: chunks, several devices, 48-bit
# addresses, the metabox. (In the sanitized kernel one image of five, and one of
# each kind that would not be among them.)
. /lib/twin.sh

fewer 5 LIST device-b512-c512-1.9 straddling-b512 huge-holes several

twins
finish
