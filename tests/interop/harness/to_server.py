"""Our send and receive against a peer's server."""

import json
import sys
from functools import partial

from .cases import (IDLE_S, IDLE_TIMEOUT_MS, KIB, LOGIN, MECHANISMS, MIB, MODES, PASSWORD, PATIENCE, PROMPT, SPLIT,
                    UNTRUSTED, USER, VOLUMES, WIDE, WRONG_LOGIN, WRONG_TO_US, Case, volume_text)
from .ours import check_received, check_refused, check_sent
from .peers import PROGRAMS
from .process import Failed

sys.path.insert(0, str(PROGRAMS))
from body import text  # noqa: E402  (the peers' own module, so that both ends agree on the bytes)

DIRECTION = "server"
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
