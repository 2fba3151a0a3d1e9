"""What a process has cost: its processor time and its memory."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from harness.process import Failed


def cpu_of(pid):
    """Seconds that all threads of a running process have run, user and system."""
    nanoseconds = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            nanoseconds += int((thread / "schedstat").read_text().split()[0])
        except OSError:  # it has just ended
            continue
    return nanoseconds / 1e9


def memory_of(pid):
    """Bytes of a running process's memory that are resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise Failed(f"process {pid} has no memory")


class SystemCalls:
    """Counts the system calls of a running process, with perf, which hardly slows it down; where there is no perf, or
    it may not count them, there is no count."""

    EVENT = "raw_syscalls:sys_enter"

    def __init__(self, pid):
        self.perf = None
        if shutil.which("perf"):
            command = ["perf", "stat", "-x", ",", "-e", self.EVENT, "-p", str(pid)]
            self.perf = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE, text=True)
            # It prints nothing when it is ready.
            time.sleep(0.3)

    def count(self):
        """Ends the count."""
        if not self.perf:
            return None
        self.perf.send_signal(signal.SIGINT)
        _, told = self.perf.communicate(timeout=20)
        found = re.search(rf"^(\d+),.*{self.EVENT}", told, re.MULTILINE)
        return int(found[1]) if found else None


def kill(process):
    try:
        os.killpg(process.child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def finished(process, limit):
    """Waits for a process's own end; returns the seconds that it has run, user and system."""
    timer = threading.Timer(limit, kill, [process])
    timer.start()
    try:
        _, status, usage = os.wait4(process.child.pid, 0)
    finally:
        timer.cancel()
    process.child.returncode = os.waitstatus_to_exitcode(status)
    process.stop()
    if process.child.returncode:
        raise Failed(f"{process.name} ends with {process.child.returncode}: {process.complaint()}")
    return usage.ru_utime + usage.ru_stime
