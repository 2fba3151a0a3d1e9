"""Our send and receive against a peer's server."""

import json
import sys
import time
from functools import partial

from .cases import (IDLE_S, IDLE_TIMEOUT_MS, KIB, LOGIN, MECHANISMS, MIB, MODES, PASSWORD, PATIENCE, PROMPT, SPLIT,
                    UNTRUSTED, USER, VOLUMES, WRONG_LOGIN, WRONG_TO_US, Case, fresh, size_text, volume_text)
from .ours import check_made_up, check_received, check_refused, check_sent
from .peers import PROGRAMS
from .process import Failed
from .rabbitmq import RabbitMQ

sys.path.insert(0, str(PROGRAMS))
from body import text  # noqa: E402  (the peers' own module, so that both ends agree on the bytes)

DIRECTION = "server"
WIDE = [("512 B", 512), ("64 KiB", 64 * KIB)]
CONDITION = "amqp:resource-limit-exceeded"


def check_bodies(lines, count, size):
    """What receive printed has to be every body, whole and in order."""
    if len(lines) != count:
        raise Failed(f"receive printed {len(lines)} lines for {count} messages")
    for n, line in enumerate(lines):
        if line != text(n, size):
            raise Failed(f"line {n} of receive is {line[:40]!r}, {len(line)} bytes, where {text(n, size)[:40]!r} was due")


class ToServer:
    """The cases of a peer whose server takes tasks as addresses: sinks, sources and failures."""

    def __init__(self, ours, peer):
        self.ours, self.peer = ours, peer

    def cases(self):
        case = partial(Case, self.peer.name, DIRECTION)
        for count, size in VOLUMES:
            for mode, settled in MODES.items():
                for way in (self.send, self.receive):
                    yield case(f"{volume_text(count, size)} {mode}, {way.__name__}",
                               partial(way, {}, [], count, size, settled))
        yield case("drain", self.drain)
        for mechanism in ("none", "anonymous"):
            yield case(f"SASL {mechanism if mechanism == 'none' else mechanism.upper()}",
                       partial(self.send, {}, ["--sasl", mechanism], 10, 10, False))
        for mechanism in MECHANISMS:
            protected = {"sasl": mechanism.lower(), "user": USER, "password": PASSWORD}
            ours = ["--sasl", "plain" if mechanism == "PLAIN" else "scram"]
            for way in (self.send, self.receive):
                job = way.__name__
                yield case(f"SASL {mechanism}, {job}", partial(way, protected, ours, 10, 10, False, login=LOGIN))
                yield case(f"SASL {mechanism} wrong password, {job}", partial(self.refused, protected, ours, job))
                yield case(f"TLS, SASL {mechanism}, {job}",
                           partial(self.over_tls, way, protected, ours, 10, 10, False, login=LOGIN))
        for way in (self.send, self.receive):
            job = way.__name__
            yield case(f"TLS, SASL ANONYMOUS, {job}", partial(self.over_tls, way, {}, [], 1000, KIB, False))
            yield case(f"TLS, SASL EXTERNAL, {job}", partial(self.external, way))
            yield case(f"TLS, 20 x 5 MiB, {job}", partial(self.over_tls, way, {}, [], 20, 5 * MIB, False))
            yield case(f"TLS wrong CA, {job}", partial(self.untrusted, job))
        for text_size, size in WIDE:
            yield case(f"max-frame-size {text_size} of ours, send",
                       partial(self.send, {}, ["--max-frame-size", str(size)], *SPLIT, False))
            for way in (self.send, self.receive):
                yield case(f"max-frame-size {text_size} of the peer, {way.__name__}",
                           partial(way, {"max_frame_size": size}, [], *SPLIT, False))
        yield case("idle-time-out 1 s of the peer, receive", self.idle, idle=True)
        yield case("idle-time-out 1 s of the peer, send", self.idle_send, idle=True)
        for endpoint in ("connection", "session", "link"):
            for way in ("send", "receive"):
                yield case(f"peer closes the {endpoint} with an error, {way}", partial(self.failing, endpoint, way))

    def send(self, server_options, our_options, count, size, settled, **how):
        server, port = self.peer.server(**server_options)
        with server:
            mode = ["--settled"] if settled else []
            volume = ["--count", str(count), "--size", str(size)]
            with self.ours.send(port, f"sink/{count}/{size}", *volume, *mode, *our_options, **how) as sending:
                check_sent(sending, count, settled, PATIENCE)
            self.check_report(server, {"done": count, "settled": count if settled else 0, "wrong": None})

    def receive(self, server_options, our_options, count, size, settled, delay_ms=0, **how):
        server, port = self.peer.server(**server_options)
        with server:
            mode = ["--settled"] if settled else []
            address = f"source/{count}/{size}/{delay_ms}"
            with self.ours.receive(port, address, "--count", str(count), *mode, *our_options, **how) as taking:
                check_bodies(check_received(taking, count, PATIENCE), count, size)
            self.check_report(server, {"done": count, "accepted": 0 if settled else count, "wrong": None})

    def check_report(self, server, due):
        """What the server counted, once our link or connection is gone."""
        report = json.loads(server.next_line(r"\{.*", PATIENCE).group(0))
        if {key: report[key] for key in due} != due:
            raise Failed(f"the server saw {report} where {due} was due")

    def drain(self):
        server, port = self.peer.server()
        with server:
            with self.ours.receive(port, "source/5/10/0", "--drain", "--credit", "10") as draining:
                check_bodies(check_received(draining, 5, PATIENCE), 5, 10)
            self.check_report(server, {"done": 5, "accepted": 5})

    def tls(self):
        """The server's options for TLS."""
        return {"cert": self.ours.certificates.cert, "key": self.ours.certificates.key}

    def over_tls(self, way, server_options, *volume, **how):
        way({**self.tls(), **server_options}, *volume, ca=self.ours.certificates.ca, **how)

    def external(self, way):
        made = self.ours.certificates
        ours = ["--cert", made.client_cert, "--key", made.client_key]
        self.over_tls(way, {"sasl": "external", "client_ca": made.ca}, ours, 10, 10, False)

    def refused(self, protected, our_options, job):
        self.turned_away(protected, job, WRONG_TO_US, *our_options, login=WRONG_LOGIN)

    def untrusted(self, job):
        self.turned_away(self.tls(), job, UNTRUSTED, ca=self.ours.certificates.other_ca)

    def turned_away(self, server_options, job, words, *our_options, **how):
        """Our program has to end with 1 and say why, whoever of the two refused."""
        server, port = self.peer.server(**server_options)
        with server:
            program = {"send": self.ours.send, "receive": self.ours.receive}[job]
            address = "sink/1/10" if job == "send" else "source/1/10/0"
            with program(port, address, "--count", "1", *our_options, **how) as client:
                check_refused(client, PROMPT, words)

    def idle(self):
        """The server sends its message late; only empty frames pass before it."""
        self.receive({"idle_timeout": IDLE_TIMEOUT_MS}, ["--timeout", "60000"], 1, 10, False, delay_ms=IDLE_S * 1000)

    def idle_send(self):
        """A message each two seconds, twice what the server allows to be silent."""
        count = IDLE_S // 2 + 1
        self.send({"idle_timeout": IDLE_TIMEOUT_MS}, ["--rate", "0.5"], count, 10, False)

    def failing(self, endpoint, job):
        server, port = self.peer.server()
        with server:
            program = {"send": self.ours.send, "receive": self.ours.receive}[job]
            with program(port, f"fail/{endpoint}", "--count", "1") as client:
                check_refused(client, PROMPT, CONDITION)


class ToRabbitMQ:
    """The cases of RabbitMQ, which is a broker: what send leaves in a queue, receive takes from it."""

    def __init__(self, ours, script, folder):
        self.ours, self.script, self.folder = ours, script, folder
        self.node = None

    def start(self):
        self.node = RabbitMQ(self.script, self.folder / "rabbitmq").wait_ready()

    def stop(self):
        if self.node:
            self.node.stop()

    def cases(self):
        case = partial(Case, "rabbitmq", DIRECTION)
        for count, size in VOLUMES:
            for mode, settled in MODES.items():
                yield case(f"{volume_text(count, size)} {mode}, send and receive",
                           partial(self.transfer, [], count, size, settled))
        yield case("drain", self.unreachable)
        for mechanism in ("none", "anonymous"):
            yield case(f"SASL {mechanism if mechanism == 'none' else mechanism.upper()}",
                       partial(self.transfer, ["--sasl", mechanism], 10, 10, False))
        yield case("SASL PLAIN", partial(self.transfer, [], 10, 10, False, login=LOGIN))
        for job in ("send", "receive"):
            yield case(f"SASL PLAIN wrong password, {job}", partial(self.refused, job))
        for text_size, size in WIDE:
            yield case(f"max-frame-size {text_size} of ours",
                       partial(self.transfer, ["--max-frame-size", str(size)], *SPLIT, False))
            yield case(f"max-frame-size {text_size} of the peer", self.unreachable)
        yield case("idle-time-out 1 s of the peer", self.idle, idle=True)
        yield case("peer ends the session with an error, send",
                   partial(self.failing, self.ours.send, "/exchange/none/key"))
        yield case("peer ends the session with an error, receive",
                   partial(self.failing, self.ours.receive, "/amq/queue/none"))
        for endpoint in ("connection", "link"):
            yield case(f"peer closes the {endpoint} with an error", self.unreachable)

    def unreachable(self):
        raise Failed("a case that limits.py excuses was run")

    def transfer(self, send_options, count, size, settled, login=None):
        address = fresh("queue")
        mode = ["--settled"] if settled else []
        volume = ["--count", str(count), "--size", str(size)]
        port = self.node.port
        with self.ours.send(port, address, *volume, *mode, *send_options, login=login) as sending:
            check_sent(sending, count, settled, PATIENCE)
        with self.ours.receive(port, address, "--count", str(count), *mode, login=login) as taking:
            check_made_up(check_received(taking, count, PATIENCE), count, size)

    def refused(self, job):
        program = {"send": self.ours.send, "receive": self.ours.receive}[job]
        with program(self.node.port, fresh("queue"), "--count", "1", login=WRONG_LOGIN) as client:
            check_refused(client, PROMPT, WRONG_TO_US)

    def idle(self):
        """A node of its own, which asks for something to be heard each second."""
        address = fresh("queue")
        with RabbitMQ(self.script, self.folder / "rabbitmq-idle", heartbeat=IDLE_TIMEOUT_MS // 1000) as node:
            node.wait_ready()
            with self.ours.receive(node.port, address, "--count", "1", "--timeout", "60000") as taking:
                time.sleep(IDLE_S)
                with self.ours.send(node.port, address, "--count", "1", "--body", "late") as sending:
                    check_sent(sending, 1, False, PATIENCE)
                lines = check_received(taking, 1, PATIENCE)
        if lines != [b"late"]:
            raise Failed(f"receive printed {lines}")

    def failing(self, program, address):
        with program(self.node.port, address, "--count", "1") as client:
            check_refused(client, PROMPT, "amqp:not-found")
