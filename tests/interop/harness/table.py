"""The table of results, as it is printed and as a page has it."""

import datetime
import platform
import re
import threading

from . import versions
from .ours import ROOT

BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"


class Table:
    """One line per case, printed as it ends."""

    def __init__(self):
        self.counts = {"ok": 0, "n/a": 0, "FAILED": 0}
        self.rows = []
        self.places = {}
        self.lock = threading.Lock()

    def plan(self, case):
        """Gives a case its place on a page, whenever it ends."""
        self.places[case.peer, case.direction, case.name] = len(self.places)

    def line(self, peer, direction, case, result, reason="", seconds=None):
        took = f"  # {seconds:.1f} s" if seconds is not None else ""
        with self.lock:
            self.counts[result] += 1
            self.rows.append((peer, direction, case, result, reason))
            print(f"{peer}, {direction}, {case}, {result}{' ' if reason else ''}{reason}{took}", flush=True)

    def write(self, page):
        """Puts the table into the page, between its marks."""
        before, rest = page.read_text().split(BEGIN)
        _, after = rest.split(END)
        page.write_text(before + BEGIN + "\n".join(self.markdown()) + "\n" + END + after)

    def markdown(self):
        counts = ", ".join(f"{count} {result}" for result, count in self.counts.items())
        yield f"{datetime.date.today().isoformat()}, {system()}: {counts}.\n"
        ordered = sorted(self.rows, key=lambda row: self.places.get(row[:3], -1))
        for peer in dict.fromkeys(row[0] for row in ordered):
            yield f"## {peer}: {versions.of(peer)}\n"
            yield "| direction | case | result |"
            yield "|---|---|---|"
            for _, direction, case, result, reason in (row for row in ordered if row[0] == peer):
                yield f"| {direction} | {case} | {result}{': ' if reason else ''}{tidy(reason)} |"
            yield ""


def tidy(reason):
    """A reason for a page: in one line, without what differs from run to run."""
    reason = reason.replace(f"{ROOT}/", "")
    reason = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", reason)
    return re.sub(r"\s+", " ", reason).replace("|", "\\|")


def system():
    """The system that the suite ran on."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
