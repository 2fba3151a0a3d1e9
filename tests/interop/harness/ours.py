"""This crate's example programs broker, send and receive, through their command lines alone."""

import os
import re
import subprocess
from functools import cached_property
from pathlib import Path

from .process import Failed, Process
from .tls import Certificates

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("broker", "send", "receive")

SENT = re.compile(rb"sent (\d+) accepted (\d+) rejected (\d+) released (\d+) modified (\d+) in ")
RECEIVED = re.compile(rb"received (\d+) in ")


def target_folder():
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").absolute()


class Ours:
    """Where the programs are: built here, or named by INTEROP_BROKER, INTEROP_SEND and INTEROP_RECEIVE."""

    def __init__(self, cache):
        self.cache = cache
        self.paths = {name: os.environ.get(f"INTEROP_{name.upper()}") for name in NAMES}
        if not all(self.paths.values()):
            build = ["cargo", "build", "--release", "--locked", "--examples", "--features", "scram"]
            subprocess.run(build, cwd=ROOT, check=True)
            examples = target_folder() / "release" / "examples"
            self.paths = {name: path or examples / name for name, path in self.paths.items()}
        for path in self.paths.values():
            if not os.access(path, os.X_OK):
                raise SystemExit(f"{path} is not there or can't be run")

    def example(self, name):
        """The path of another example, built here."""
        build = ["cargo", "build", "--release", "--locked", "--example", name, "--features", "scram"]
        subprocess.run(build, cwd=ROOT, check=True)
        return target_folder() / "release" / "examples" / name

    @cached_property
    def certificates(self):
        """Those of every server with TLS, the peers' too."""
        return Certificates(self.cache / "tls")

    def tls(self):
        """The broker's options for TLS."""
        return ["--tls", self.certificates.cert, self.certificates.key]

    def broker(self, *options):
        return Broker(self.paths["broker"], options)

    def send(self, *where, **how):
        return self._client("send", *where, **how)

    def receive(self, *where, **how):
        return self._client("receive", *where, **how)

    def _client(self, name, port, address, *options, login=None, ca=None):
        """With the certificate of an authority over TLS."""
        scheme, trust = ("amqps", ["--ca", ca]) if ca else ("amqp", [])
        user = f"{login}@" if login else ""
        return Process(name, [self.paths[name], f"{scheme}://{user}127.0.0.1:{port}/{address}", *trust, *options])


class Broker:
    """Our broker on a port that it picked itself."""

    def __init__(self, path, options):
        self.process = Process("broker", [path, "--listen", "127.0.0.1:0", *options])
        try:
            self.port = int(self.process.next_line(r"listening on .*:(\d+)$", 30).group(1))
        except BaseException:
            self.process.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()

    def check_alive(self):
        if not self.process.running():
            raise Failed(f"the broker ended with {self.process.child.returncode}: {self.process.complaint()}")


def check_sent(process, count, settled, timeout):
    """Our send must have sent all of them, and all must have been accepted unless they went settled."""
    code = process.finish(timeout)
    if code:
        raise Failed(f"send exits with {code}: {process.complaint()}")
    numbers = [int(number) for number in _summary(process, SENT).groups()]
    due = [count, 0 if settled else count, 0, 0, 0]
    if numbers != due and not (settled and numbers == [count, count, 0, 0, 0]):
        raise Failed(f"send says sent, accepted, rejected, released, modified {numbers} where {due} was due")


def check_received(process, count, timeout):
    """Our receive must have got as many; returns the lines printed before the last one."""
    code = process.finish(timeout)
    if code:
        raise Failed(f"receive exits with {code}: {process.complaint()}")
    received = int(_summary(process, RECEIVED).group(1))
    if received != count:
        raise Failed(f"receive says received {received} where {count} was due")
    return process.out().splitlines()[:-1]


def check_made_up(lines, count, size):
    """What receive printed of the bodies that send makes up: each begins with its number and has the size asked for."""
    if len(lines) != count:
        raise Failed(f"receive printed {len(lines)} lines for {count} messages")
    for n, line in enumerate(lines):
        if line[:10] != b"%010d" % n or len(line) != size:
            raise Failed(f"line {n} of receive is {line[:40]!r}, {len(line)} bytes")


def check_refused(process, timeout, words):
    """Our send or receive must exit with 1 and say why, in these words, on standard error."""
    code = process.finish(timeout)
    if code != 1:
        raise Failed(f"{process.name} exits with {code} where 1 was due: {process.complaint()}")
    if not re.search(words, process.err()):
        raise Failed(f"{process.name} says nothing like {words} on standard error: {process.complaint()}")


def _summary(process, pattern):
    lines = process.out().splitlines()
    match = pattern.match(lines[-1]) if lines else None
    if not match:
        raise Failed(f"{process.name} has no summary as its last line: {lines[-1:]}")
    return match
