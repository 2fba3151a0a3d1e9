"""What was found: tab-separated values, a table in Markdown, a plot."""

import subprocess
from pathlib import Path

from .bars import draw
from .traffic import SIZE

ROLES = ("send", "broker", "receive")


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(": ", 1)[1]
    return "an unknown processor"


def compiler():
    return subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.strip()


def table(heads, rows):
    """A table in Markdown, its first column text and the others numbers."""
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def micro(seconds):
    return f"{seconds * 1e6:.2f}"


def ours(found, connections):
    """What our own programs among themselves have cost."""
    for one in found:
        if one.connections == connections and one.pairing.clients == one.pairing.broker == "ours":
            return one.cost
    return None


def traffic_rows(found):
    for one in found:
        cost, own = one.cost, ours(found, one.connections)
        times = f"{cost.all / own.all:.2f}" if own else ""
        yield [one.pairing.name, str(one.connections), f"{1 / cost.seconds:,.0f}",
               *(micro(getattr(cost, role)) for role in ROLES), micro(cost.all), times,
               "" if one.calls is None else f"{one.calls * 1000:,.0f}"]


def side_by_side(found):
    """The cost of one program against ours in the same place: the same peers at its other ends."""
    by_place = {(one.connections, one.pairing.clients, one.pairing.broker): one.cost for one in found}
    rows = []
    for (connections, clients, broker), cost in by_place.items():
        other = by_place.get((connections, clients, "ours"))
        if broker != "ours" and other:
            rows.append([f"broker of {broker}, clients of {clients}", str(connections), micro(other.broker),
                         micro(cost.broker), f"{cost.broker / other.broker:.2f}"])
        other = by_place.get((connections, "ours", broker))
        if clients != "ours" and other:
            for role in ("send", "receive"):
                own, theirs = getattr(other, role), getattr(cost, role)
                rows.append([f"{role} of {clients}, broker of {broker}", str(connections), micro(own), micro(theirs),
                             f"{theirs / own:.2f}"])
    return sorted(rows)


def markdown(found, held, built):
    lines = ["# Whole programs", ""]
    lines += [f"- Processor: {processor()}. {compiler()}, release."]
    lines += [f"- {name}: {kit.label}." for name, kit in built.kits.items()]
    lines += ["- Everything over loopback TCP, one process for each client but rhea's, one thread for each process but "
              "the broker of `shipped`."]
    if found:
        lines += ["", "## Messages", "",
                  f"{SIZE} bytes each, unsettled and accepted, from n senders over a broker to n receivers, a queue for "
                  "each pair; the medians of rounds in turn. The rate is that of whole runs, with the clients' "
                  "start in it. Processor time is user and system, in seconds for a million messages, less what "
                  "starting and connecting takes. System calls are the broker's, for a "
                  "thousand messages. Two cores are shared by all programs: look "
                  "at the ratios.", ""]
        heads = ["clients over broker", "n", "messages/s", "send, s", "broker, s", "receive, s", "all, s", "times ours",
                 "system calls"]
        lines += table(heads, traffic_rows(found))
        beside = side_by_side(found)
        if beside:
            lines += ["", "One program against ours in the same place, in seconds for a million messages:", ""]
            lines += table(["program", "n", "ours", "theirs", "times"], beside)
        lines += ["", "![processor time of whole programs](programs.svg)"]
    if held:
        lines += ["", "## Idle connections", "",
                  "Open connections without a session, held by a program on this engine. Memory is what is resident, "
                  "for each connection; the load is processor time, user and system, in parts of one core. Where there "
                  "is an idle-time-out, both ends announce it and both send heartbeats.", ""]
        heads = ["broker", "connections", "idle-time-out, ms", "bytes at the broker", "bytes at the client",
                 "load of the broker", "load of the client"]
        lines += table(heads, [[one.broker, f"{one.connections:,}", str(one.idle_timeout), f"{one.broker_bytes:,.0f}",
                                f"{one.client_bytes:,.0f}", f"{one.broker_load:.2%}", f"{one.client_load:.2%}"]
                               for one in held])
    return "\n".join(lines) + "\n"


def write_tsv(path, heads, rows):
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in [heads, *rows]))


def write(found, held, built, out):
    if found:
        rows = []
        for one in found:
            seconds = [f"{getattr(one.cost, role) * 1e6:.3f}" for role in (*ROLES, "all")]
            own = ours(found, one.connections)
            ratio = f"{one.cost.all / own.all:.2f}" if own else ""
            rows.append([one.pairing.clients, one.pairing.broker, one.connections, f"{1 / one.cost.seconds:.0f}",
                         *seconds, ratio,
                         "" if one.calls is None else f"{one.calls * 1000:.1f}"])
        write_tsv(out / "programs.tsv", ["clients", "broker", "connections", "messages_per_s", "send_s", "broker_s",
                                         "receive_s", "all_s", "ratio", "broker_calls_per_1000"], rows)
        bars = [(one.pairing.name, one.connections, one.cost.all * 1e6) for one in found]
        draw(out / "programs.svg", "Processor time of sender, broker and receiver",
             f"seconds for a million messages of {SIZE} bytes, logarithmic", bars)
    if held:
        write_tsv(out / "idle.tsv", ["broker", "connections", "idle_timeout_ms", "broker_bytes", "client_bytes",
                                     "broker_load", "client_load"],
                  [[one.broker, one.connections, one.idle_timeout, f"{one.broker_bytes:.0f}",
                    f"{one.client_bytes:.0f}", f"{one.broker_load:.4f}", f"{one.client_load:.4f}"] for one in held])
    (out / "programs.md").write_text(markdown(found, held, built))
