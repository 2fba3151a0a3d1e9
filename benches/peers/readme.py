#!/usr/bin/env python3
"""Writes the table of README.md from results.tsv.

    benches/peers/readme.py [DIR]    the folder that benches/peers/run left it in; default: docs/plots

The text around the table names the day and the machine, and is edited by hand.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- speed -->\n", "<!-- end of speed -->\n"

# Peers by the column that they share: a library and its codec.
PEERS = {"Proton C": "Proton C", "fe2o3-amqp": "fe2o3-amqp", "serde_amqp": "fe2o3-amqp", "ntex-amqp": "ntex-amqp",
         "ntex-amqp-codec": "ntex-amqp", "ramqp": "ramqp", "ramqp-core": "ramqp"}
COLUMNS = ["Proton C", "fe2o3-amqp", "ntex-amqp", "ramqp"]

ROWS = {
    "32 B pre-settled, batch 64": "32 B settled, batches of 64",
    "32 B unsettled and accepted, batch 64": "32 B accepted, batches of 64",
    "32 B pre-settled, batch 1": "32 B settled, one by one",
    "32 B unsettled and accepted, batch 1": "32 B accepted, one by one",
    "64 KiB pre-settled, batch 8, frames of 16 KiB, copied": "64 KiB in frames of 16 KiB, copied",
    "64 KiB pre-settled, batch 8, frames of 128 KiB, handed over": "64 KiB in one frame, handed over uncopied",
    "typical message: build and encode": "typical message: build and encode",
    "typical message: decode all": "typical message: decode all",
    "begin and end beside 0 sessions": "begin and end",
    "begin and end beside 10000 sessions": "begin and end beside 10,000 sessions",
    "attach and detach beside 0 links": "attach and detach",
    "attach and detach beside 10000 links": "attach and detach beside 10,000 links",
    "100000 unsettled, settled in order": "100,000 unsettled, settled in order",
}


def time(nanoseconds):
    if nanoseconds < 1000:
        return f"{nanoseconds:.0f} ns"
    return f"{nanoseconds / 1000:.1f} µs"


def times(ratio):
    return f"{ratio:.0f}" if ratio >= 20 else f"{ratio:.1f}"


def table(path):
    found = defaultdict(dict)
    for row in csv.DictReader(path.open(), delimiter="\t"):
        name = row["peer"].removesuffix(" (copied)").rsplit(" ", 1)[0]
        found[row["work"]] |= {"ours": row, PEERS.get(name): float(row["ratio"] or "nan")}
    missing = [work for work in ROWS if work not in found]
    if missing:
        sys.exit(f"{path} lacks the rows {missing}: it is not of a whole run")
    yield "| work | ours | instructions | " + " | ".join(COLUMNS) + " |"
    yield "|---|---:|---:|" + "---:|" * len(COLUMNS)
    for work, words in ROWS.items():
        ours = found[work]["ours"]
        count = f"{int(ours['ours_instr']):,}" if ours["ours_instr"] else ""
        peers = [times(found[work][peer]) if peer in found[work] else "" for peer in COLUMNS]
        yield f"| {words} | {time(float(ours['ours_ns']))} | {count} | {' | '.join(peers)} |"


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "plots"
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    _, after = rest.split(END)
    readme.write_text(before + BEGIN + "\n".join(table(folder / "results.tsv")) + "\n" + END + after)


main()
