"""Messages from senders over a broker to receivers: how many a second, and what they cost each program.

What a message costs is the difference between a run with many messages and a run with one for each connection, so
that what starting a program takes, and opening a connection, is no part of it. The rate is that of the whole run with
many, from the start of the first client to the end of the last: while one starts, others are at work.
"""

import re
import time
from dataclasses import dataclass
from statistics import median

from harness import process
from harness.process import Failed

from .cost import SystemCalls, cpu_of, finished

SIZE = 100
LIMIT = 120

# Messages that a run is worth, by the slowest program in it.
WORTH = {"ours": 600_000, "proton": 300_000, "shipped": 20_000, "rhea": 30_000}


@dataclass(frozen=True)
class Pairing:
    """Whose clients, and whose broker."""

    clients: str
    broker: str

    @property
    def name(self):
        return f"{self.clients} over {self.broker}"

    def worth(self, quick):
        return min(WORTH[self.clients], WORTH[self.broker]) // (4 if quick else 1)


PAIRINGS = [
    Pairing("ours", "ours"),
    Pairing("proton", "proton"),
    Pairing("proton", "ours"),
    Pairing("ours", "proton"),
    Pairing("rhea", "rhea"),
    Pairing("rhea", "ours"),
    Pairing("ours", "rhea"),
    Pairing("shipped", "shipped"),
]


@dataclass(frozen=True)
class Cost:
    """Seconds: of the clock, and of each kind of program's processor time."""

    seconds: float
    send: float
    broker: float
    receive: float

    @property
    def all(self):
        return self.send + self.broker + self.receive

    def of_each(self, few, messages, more):
        """Returns the cost of one message: clock time over `messages`, processor time of `more` above `few`."""
        names = ("send", "broker", "receive")
        return Cost(self.seconds / messages, *((getattr(self, name) - getattr(few, name)) / more for name in names))


@dataclass(frozen=True)
class Found:
    """The medians of a pairing, for each message."""

    pairing: Pairing
    connections: int
    cost: Cost
    # Of the broker, for each message; none where they can't be counted.
    calls: float | None


def run(built, pairing, connections, count, counts_calls=False):
    """Sends `count` messages over each pair of a sending and a receiving connection, with a queue between them.
    Returns what that cost; or the broker's system calls instead, since counting them adds to the cost."""
    process.use_logs(built.cache / "logs")
    kit = built.kits[pairing.clients]
    broker, port = built.kits[pairing.broker].broker()
    with broker:
        calls = SystemCalls(broker.child.pid) if counts_calls else None
        before, start = cpu_of(broker.child.pid), time.monotonic()
        receivers = kit.receivers(port, connections, count)
        senders = kit.senders(port, connections, count, SIZE)
        send = sum(finished(sender, LIMIT) for sender in senders)
        receive = sum(finished(receiver, LIMIT) for receiver in receivers)
        seconds = time.monotonic() - start
        if not broker.running():
            raise Failed(f"{broker.name} ended with {broker.child.returncode}: {broker.complaint()}")
        cost = calls.count() if calls else Cost(seconds, send, cpu_of(broker.child.pid) - before, receive)
    # The last line of each must report that all were sent and accepted, or received.
    for which, pattern in ((senders, rb"(?:sent )?(\d+) (?:accepted|messages sent)"), (receivers, rb"(?:received )?(\d+)")):
        told = sum(int(re.match(pattern, member.out().splitlines()[-1]).group(1)) for member in which)
        if told != connections * count:
            raise Failed(f"{which[0].name}: {told} messages where {connections * count} were due")
    return cost


def medians(costs):
    names = ("seconds", "send", "broker", "receive")
    return Cost(*(median(getattr(cost, name) for cost in costs) for name in names))


def measure(built, pairings, quick, rounds=None):
    """All pairings, in turn, round after round, so that whatever slows the machine down meets everybody."""
    found = []
    for connections in (1, 10) if quick else (1, 10, 100):
        costs = {pairing: [] for pairing in pairings}
        for _ in range(rounds or (3 if quick else 5)):
            for pairing in pairings:
                count = pairing.worth(quick) // connections
                few = run(built, pairing, connections, 1)
                many = run(built, pairing, connections, count)
                costs[pairing].append(many.of_each(few, count * connections, (count - 1) * connections))
        for pairing, each in costs.items():
            cost = medians(each)
            count = pairing.worth(quick) // connections
            calls = run(built, pairing, connections, count, counts_calls=True)
            calls = calls / (count * connections) if calls is not None else None
            found.append(Found(pairing, connections, cost, calls))
            print(f"{pairing.name}, {connections} of each: {1 / cost.seconds:,.0f} a second, "
                  f"{cost.all * 1e6:.2f} s of processor time for a million (send {cost.send * 1e6:.2f}, "
                  f"broker {cost.broker * 1e6:.2f}, receive {cost.receive * 1e6:.2f})", flush=True)
    return found
