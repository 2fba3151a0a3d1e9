"""Connections that are open and idle: the memory of each end, and the processor time that they take.

A figure for memory is the difference between a run with many connections and one with a single one.
"""

import time
from dataclasses import dataclass

from harness import process
from harness.process import Process

from .cost import cpu_of, memory_of

# Both ends announce it in the second half; heartbeats are then due a few times in what is measured.
IDLE_TIMEOUT = 8000

BROKERS = ["ours", "proton"]


@dataclass(frozen=True)
class Held:
    """Both ends' memory in bytes for each connection, and seconds of processor time for each second."""

    broker: str
    connections: int
    idle_timeout: int
    broker_bytes: float
    client_bytes: float
    broker_load: float
    client_load: float


@dataclass(frozen=True)
class Sample:
    memory: tuple
    load: tuple


def hold(built, name, connections, idle_timeout, seconds):
    """Holds `connections` to a broker for `seconds`."""
    process.use_logs(built.cache / "logs")
    broker, port = built.kits[name].broker(idle_timeout)
    with broker:
        arguments = [built.idle, f"127.0.0.1:{port}", connections, idle_timeout]
        with Process("idle", arguments) as client:
            client.next_line("holding", 120)
            # Whatever opening them has set going is over.
            time.sleep(1)
            pids = broker.child.pid, client.child.pid
            before, start = [cpu_of(pid) for pid in pids], time.monotonic()
            time.sleep(seconds)
            elapsed = time.monotonic() - start
            load = [(cpu_of(pid) - was) / elapsed for pid, was in zip(pids, before)]
            memory = [memory_of(pid) for pid in pids]
            for member in (broker, client):
                if not member.running():
                    raise process.Failed(f"{member.name} ended: {member.complaint()}")
    return Sample(tuple(memory), tuple(load))


def measure(built, quick):
    connections, seconds = (2000, 2) if quick else (10_000, 10)
    found = []
    for idle_timeout in (0, IDLE_TIMEOUT):
        for name in BROKERS:
            one = hold(built, name, 1, idle_timeout, 0.1)
            many = hold(built, name, connections, idle_timeout, seconds)
            bytes = [(of_many - of_one) / (connections - 1) for of_many, of_one in zip(many.memory, one.memory)]
            held = Held(name, connections, idle_timeout, *bytes, *many.load)
            print(f"{connections} connections to {name}, idle-time-out {idle_timeout} ms: "
                  f"{held.broker_bytes:,.0f} bytes each there, {held.client_bytes:,.0f} here; "
                  f"{held.broker_load:.2%} of a core there, {held.client_load:.2%} here", flush=True)
            found.append(held)
    return found
