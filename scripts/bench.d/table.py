# SPDX-License-Identifier: GPL-2.0
"""table ROWS SAID [JSON]: the table of the benchmark, from what its guest printed.

ROWS has "NAME BACKING KIND ARGUMENT IMAGE ROUNDS GATE" of each row that was run. Exits with 1 if one of
them has no result.
"""

import json
import sys

SUFFIXES = {"mounts": ("mount", "umount", "memory")}


def read(rows, said):
    results, problems = {}, {}
    with open(said, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            what, _, rest = line.strip().partition(" ")
            words = rest.split()
            if what == "row":
                driver, backing, name, suffix, value = words
                results[driver, backing, name, suffix] = float(value)
            elif what in ("failed", "unsupported"):
                problems[tuple(words[:3])] = (what, " ".join(words[3:]))
    table = []
    with open(rows, encoding="ascii") as lines:
        for line in lines:
            name, backing, kind, _, _, _, gates = line.split()
            for suffix, gate in zip(SUFFIXES.get(kind, ("-",)), gates.split("/")):
                row = {"row": name if suffix == "-" else f"{name} {suffix}", "backing": backing, "gate": float(gate),
                       "unit": "bytes" if suffix == "memory" else "instructions"}
                for driver in ("ours", "c"):
                    row[driver] = results.get((driver, backing, name, suffix))
                    what, why = problems.get((driver, backing, name), (None, None))
                    if row[driver] is None and not (what == "unsupported" and driver == "ours"):
                        row["failed"] = f"{driver}: {why or 'no result'}"
                if row["ours"] is not None and row["c"]:
                    row["ratio"] = round(row["ours"] / row["c"], 4)
                table.append(row)
    general = [why for key, (_, why) in problems.items() if key[0] == "-"]
    return table, general


def main(rows, said, to=None):
    table, general = read(rows, said)
    number = lambda value: "-" if value is None else f"{value:,.0f}"
    print(f"{'row':<22} {'backing':<7} {'ours':>12} {'C':>12} {'ratio':>6} {'gate':>5}")
    for row in table:
        ratio = row.get("ratio")
        note = ""
        if "failed" in row:
            note = "  FAILED: " + row["failed"]
        elif row["ours"] is None:
            note = "  not supported yet"
        elif ratio > row["gate"]:
            note = "  missed"
        print(f"{row['row']:<22} {row['backing']:<7} {number(row['ours']):>12} {number(row['c']):>12} "
              f"{'-' if ratio is None else format(ratio, '.3f'):>6} {row['gate']:>5.2f}{note}")
    for why in general:
        print("FAILED:", why)
    failed = [row for row in table if "failed" in row]
    missed = [row for row in table if "failed" not in row and row.get("ratio", 0) > row["gate"]]
    absent = [row for row in table if "failed" not in row and row["ours"] is None]
    print(f"{len(table)} rows: {len(missed)} above their gate, {len(absent)} that our driver does not support, {len(failed)} failed")
    if to:
        with open(to, "w", encoding="ascii") as out:
            json.dump(table, out, indent=1)
            out.write("\n")
    sys.exit(1 if failed or general or not table else 0)


main(*sys.argv[1:])
