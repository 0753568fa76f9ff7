# SPDX-License-Identifier: GPL-2.0
"""profile TOP DRIVER OUT SYMBOLS [DRIVER OUT SYMBOLS]: instructions per kernel function.

OUT is what insnprof.c counted, SYMBOLS the guest's /proc/kallsyms, with zeros behind it.
"""

import bisect
import sys


def functions(out, kallsyms):
    symbols = []
    with open(kallsyms, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            words = line.split()
            if len(words) < 3:
                break
            if words[1] in "tTwW":
                symbols.append((int(words[0], 16), " ".join(words[2:])))
    symbols.sort()
    addresses = [address for address, _ in symbols]
    totals = {}
    with open(out, encoding="ascii") as lines:
        for line in lines:
            address, count = line.split()
            address = int(address, 16)
            name = "[user]" if address < 1 << 63 else symbols[bisect.bisect_right(addresses, address) - 1][1]
            totals[name] = totals.get(name, 0) + int(count)
    return totals


def main(top, *args):
    profiles = {args[i]: functions(args[i + 1], args[i + 2]) for i in range(0, len(args), 3)}
    names = {name for profile in profiles.values() for name in profile}
    most = sorted(names, key=lambda name: -max(profile.get(name, 0) for profile in profiles.values()))
    print("".join(f"{driver:>15}       " for driver in profiles) + " function")
    totals = {driver: sum(profile.values()) for driver, profile in profiles.items()}
    print("".join(f"{totals[driver]:>15,} 100.0%" for driver in profiles) + "  all")
    for name in most[: int(top)]:
        counts = {driver: profile.get(name, 0) for driver, profile in profiles.items()}
        print("".join(f"{counts[driver]:>15,} {100 * counts[driver] / totals[driver]:5.1f}%" for driver in profiles) + "  " + name)


main(*sys.argv[1:])
