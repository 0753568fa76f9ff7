# SPDX-License-Identifier: GPL-2.0
"""clock ROWS SAID [JSON]: the table of `bench --clock`: medians over the pairs that its guest ran.

ROWS has "IMAGE BACKING MIB WHOLE FIRST" of each row. Exits with 1 if one of them has no result.
"""

import json
import statistics
import sys

WHAT = {"whole": "all of it", "first": "first page", "worked": "processors' time"}


def main(rows, said, to=None):
    results, problems = {}, []
    with open(said, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            words = line.split()
            if words[:1] == ["row"]:
                results.setdefault(tuple(words[1:5]), []).append(float(words[5]))
            elif words[:1] == ["failed"]:
                problems.append(line.strip())
    table = []
    print(f"{'image':<8} {'backing':<7} {'':<16} {'ours, ms':>10} {'C, ms':>10} {'ratio':>6} {'gate':>5}")
    with open(rows, encoding="ascii") as lines:
        for image, backing, _, *gates in (line.split() for line in lines):
            for suffix, gate in zip(WHAT, [*gates, "-"]):
                ours, c = (results.get((driver, backing, image, suffix), []) for driver in ("ours", "c"))
                row = {"image": image, "backing": backing, "what": suffix, "gate": None if gate == "-" else float(gate)}
                if ours and len(ours) == len(c):
                    # What is paired was measured at about the same time.
                    ratio = statistics.median(a / b for a, b in zip(ours, c) if b)
                    row.update(ours=statistics.median(ours), c=statistics.median(c), ratio=round(ratio, 3), pairs=len(ours))
                else:
                    problems.append(f"{image} {backing} {suffix}: {len(ours)} results of ours, {len(c)} of C")
                    continue
                note = "  missed" if row["gate"] and ratio > row["gate"] else ""
                print(f"{image:<8} {backing:<7} {WHAT[suffix]:<16} {row['ours'] / 1e6:>10,.1f} {row['c'] / 1e6:>10,.1f} "
                      f"{ratio:>6.3f} {gate:>5}{note}")
                table.append(row)
    for problem in problems:
        print("FAILED:", problem)
    if to:
        with open(to, "w", encoding="ascii") as out:
            json.dump(table, out, indent=1)
            out.write("\n")
    sys.exit(1 if problems or not table else 0)


main(*sys.argv[1:])
