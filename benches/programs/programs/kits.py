"""The programs: how each is built and started."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import install
from harness.ours import ROOT, Ours as Examples, target_folder
from harness.process import Failed, Process

HERE = Path(__file__).resolve().parents[1]
SHIPPED = Path("/usr/share/proton/examples/c")
LISTENING = r"listening on (?:.*:)?(\d+)$"

# The address of a pair's queue is this and the pair's number.
QUEUE = "queue"


class Kit:
    """A broker, a sender and a receiver of one implementation."""

    def start(self, role, *words):
        return Process(f"{self.name}-{role}", [*self.command(role), *words], self.env)

    def broker(self, idle_timeout=0):
        """Starts the broker; returns it with its port, when it listens."""
        broker = self.start("broker", *self.listen(idle_timeout))
        try:
            return broker, int(broker.next_line(LISTENING, 30).group(1))
        except BaseException:
            broker.stop()
            raise

    def each(self, role, port, pairs, words):
        """A process for each pair."""
        return [self.start(role, *self.client(role, port, f"{QUEUE}{at}", *words)) for at in range(pairs)]

    def senders(self, port, pairs, count, size):
        return self.each("send", port, pairs, (count, size))

    def receivers(self, port, pairs, count):
        return self.each("receive", port, pairs, (count,))


class Ours(Kit):
    name, label, env = "ours", "this crate's examples", {}

    def __init__(self, _cache):
        self.paths = Examples().paths

    def command(self, role):
        return [self.paths[role]]

    def listen(self, idle_timeout):
        return ["--listen", "127.0.0.1:0", "--idle-timeout", idle_timeout or "0"]

    def client(self, role, port, address, count, size=None):
        more = ["--size", size] if role == "send" else ["--quiet", "--credit", 1000]
        return [f"amqp://127.0.0.1:{port}/{address}", "--count", count, *more]


class Proton(Kit):
    """Small programs on Proton's proactor, written to do what ours do."""

    name, env = "proton", {}

    def __init__(self, cache):
        self.folder = cache / "proton-c"
        compiled(HERE / "proton", self.folder)
        self.label = f"programs on Proton C {proton_version()}"

    def command(self, role):
        return [self.folder / role]

    def listen(self, idle_timeout):
        return [0, *([idle_timeout] if idle_timeout else [])]

    def client(self, _role, port, address, *words):
        return [port, address, *words]


class Shipped(Kit):
    """The examples that come with Proton, as they are: a credit of 5 at the broker, deliveries from it pre-settled, a
    body that is a small map, and the receiver prints it."""

    name, env = "shipped", {}

    def __init__(self, cache):
        self.folder = cache / "proton-shipped"
        compiled(SHIPPED, self.folder)
        self.label = f"the examples of Proton C {proton_version()} as shipped"

    def command(self, role):
        return [self.folder / role]

    def listen(self, _idle_timeout):
        return ["127.0.0.1", 0]

    def client(self, _role, port, address, count, _size=None):
        return ["127.0.0.1", port, address, count]


class Rhea(Kit):
    """Programs on rhea. One process opens all connections of a kind: what Node takes to start is not the question."""

    name = "rhea"

    def __init__(self, cache):
        self.env = {"NODE_PATH": str(install.rhea(cache))}
        self.label = f"programs on rhea {install.RHEA}"

    def command(self, role):
        return ["node", HERE / "rhea" / f"{role}.js"]

    def listen(self, _idle_timeout):
        return [0]

    def senders(self, port, pairs, count, size):
        return [self.start("send", port, QUEUE, count, size, pairs)]

    def receivers(self, port, pairs, count):
        return [self.start("receive", port, QUEUE, count, pairs)]


def compiled(sources, folder):
    """Compiles broker, send and receive."""
    folder.mkdir(parents=True, exist_ok=True)
    for role in ("broker", "send", "receive"):
        command = ["cc", "-O2", "-std=gnu11", "-o", folder / role, sources / f"{role}.c", "-lqpid-proton", "-lpthread"]
        subprocess.run([str(word) for word in command], check=True)


def proton_version():
    told = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libqpid-proton11"], capture_output=True, text=True)
    return told.stdout.split("-")[0] or "of an unknown version"


def missing_packages():
    missing = []
    if not shutil.which("cc"):
        missing += ["gcc", "libc6-dev"]
    if not Path("/usr/include/proton/proactor.h").exists():
        missing.append("libqpid-proton11-dev")
    if not (SHIPPED / "broker.c").exists():
        missing.append("libqpid-proton11-dev-examples")
    return missing


@dataclass
class Built:
    """All programs, ready to be started."""

    cache: Path
    kits: dict
    idle: Path


def build():
    cache = target_folder() / "programs"
    cache.mkdir(parents=True, exist_ok=True)
    missing = missing_packages()
    if missing:
        install.apt(*missing)
    # One place for what is built, wherever that is, so that it is built once.
    env = {**os.environ, "CARGO_TARGET_DIR": str(target_folder()), "CARGO_NET_RETRY": "5"}
    manifest = HERE / "idle" / "Cargo.toml"
    done = subprocess.run(["cargo", "build", "--release", "--locked", "--manifest-path", manifest], env=env, cwd=ROOT)
    if done.returncode:
        raise Failed("the program that holds connections does not build")
    kits = {kit.name: kit(cache) for kit in (Ours, Proton, Shipped, Rhea)}
    return Built(cache, kits, target_folder() / "release" / "idle")
