"""Child processes that never outlive the suite, their output in files, and free ports."""

import atexit
import itertools
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

POLL = 0.02

_logs = Path()
_running = set()
_numbers = itertools.count(1)
_ports = itertools.chain(range(20000 + os.getpid() % 10000, 32000), range(20000, 32000))
_closing = False


class Failed(Exception):
    """A case that did not hold, with the reason shown in the table."""


def use_logs(folder):
    """Where the output of every process goes from now on; what was there is dropped."""
    global _logs
    _logs = folder
    _logs.mkdir(parents=True, exist_ok=True)
    for old in _logs.iterdir():
        old.unlink()


def free_port():
    """A loopback port that nothing listens on, below those that outgoing connections are given."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failed("no free port")


def is_listening(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition, timeout, what):
    """Polls until the condition holds and returns what it gave."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {timeout} s")
        time.sleep(POLL)


class Process:
    """One child in a process group of its own, standard output and error in two files."""

    def __init__(self, name, argv, env=None, stdin=os.devnull):
        if _closing:
            raise Failed("the suite is stopping")
        number = next(_numbers)
        self.name = name
        self.out_file = _logs / f"{number:04}-{name}.out"
        self.err_file = _logs / f"{number:04}-{name}.err"
        self.offset = 0
        with open(stdin, "rb") as given, open(self.out_file, "wb") as out, open(self.err_file, "wb") as err:
            self.child = subprocess.Popen(
                [str(word) for word in argv], stdin=given, stdout=out, stderr=err,
                env={**os.environ, **(env or {})}, start_new_session=True)
        _running.add(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def out(self):
        return self.out_file.read_bytes()

    def err(self):
        return self.err_file.read_text(errors="replace")

    def complaint(self):
        """The end of what it said on standard error, on one line."""
        return " / ".join(self.err().split("\n")).strip(" /")[-300:]

    def running(self):
        return self.child.poll() is None

    def next_line(self, pattern, timeout):
        """Waits for the next line of standard output that matches; earlier lines are passed over."""
        def look():
            with open(self.out_file, "rb") as file:
                file.seek(self.offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self.offset += len(line)
                    match = re.match(pattern, line.decode(errors="replace").rstrip("\n"))
                    if match:
                        return match
            if not self.running():
                raise Failed(f"{self.name} ended with {self.child.returncode}: {self.complaint()}")
            return None
        return wait_until(look, timeout, f"{self.name}: a line like {pattern!r}")

    def finish(self, timeout):
        """Waits for its own end and returns the exit code; it is stopped if it takes longer."""
        try:
            code = self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            raise Failed(f"{self.name} did not end within {timeout} s: {self.complaint()}") from None
        self.stop()
        return code

    def stop(self):
        """Ends the whole group: asked to first, killed if it does not listen."""
        if self not in _running:
            return
        _signal(self.child.pid, signal.SIGTERM)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            pass
        _signal(self.child.pid, signal.SIGKILL)
        self.child.wait()
        _running.discard(self)


def _signal(group, number):
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass


def stop_all():
    """Ends every process that still runs; none can be started after it."""
    global _closing
    _closing = True
    for process in list(_running):
        process.stop()


def stop_all_at_exit():
    """However the suite ends, short of SIGKILL, nothing that it started goes on."""
    def leave(number, _frame):
        raise SystemExit(128 + number)

    atexit.register(stop_all)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
