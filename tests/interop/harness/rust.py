"""The peers in Rust, with the programs in rust/, and Proton's C++ API: each with as much as its program has."""

from fnmatch import fnmatchcase
from functools import partial

from . import install
from .cases import KIB, LOGIN, MIB, PASSWORD, PATIENCE, PROMPT, SPLIT, USER, VOLUMES, WIDE, WRONG_LOGIN, WRONG_TO_US
from .cases import Case, fresh, volume_text
from .ours import check_made_up, check_received, check_refused, check_sent
from .peers import Peer, flags
from .process import Process
from .to_broker import ToBroker
from .to_server import DIRECTION, ToServer

# The programs have neither TLS nor the values of values.json, and end nothing with an error as clients.
TO_BROKER_WITHOUT = ("TLS*", "every type*", "peer *")
TO_SERVER_WITHOUT = ("TLS*",)
ONE = (1, 5 * MIB)


class Compiled(Peer):
    """A peer whose client and server are one program."""

    env = {}

    def __init__(self, name, path):
        self.name, self.path = name, path

    def command(self, job, options):
        if job == "server":
            options = {"sasl": "any", **options}
        return [self.path, job, *flags(options)]


class ToBrokerInPart(ToBroker):
    """The cases that the program has a part in."""

    def cases(self):
        for case in super().cases():
            if not any(fnmatchcase(case.name, pattern) for pattern in TO_BROKER_WITHOUT):
                yield case
        # One message of many frames, for ramqp goes wrong with the second one, and with frames of another size than ours.
        yield Case(self.peer.name, "client", f"{volume_text(*ONE)} unsettled, frames of 64 KiB",
                   partial(self.on_broker, [], *ONE, False, max_frame_size=64 * KIB))


class ToServerInPart(ToServer):
    """The same, to its server."""

    def cases(self):
        for case in super().cases():
            if not any(fnmatchcase(case.name, pattern) for pattern in TO_SERVER_WITHOUT):
                yield case

    def send(self, server_options, our_options, *volume, **how):
        # Without a SASL layer, one is not looked for.
        if our_options == ["--sasl", "none"]:
            server_options = {"sasl": "none", **server_options}
        super().send(server_options, our_options, *volume, **how)

    def check_report(self, server, due):
        """The interfaces do not show whether a delivery was settled, and count what they sent settled as accepted."""
        due = {key: value for key, value in due.items() if key != "settled" and (key, value) != ("accepted", 0)}
        super().check_report(server, due)


class ToRamqp:
    """Our send and receive against ramqp-broker: what send leaves in a queue, receive takes from it."""

    def __init__(self, ours, peer):
        self.ours, self.peer = ours, peer

    def cases(self):
        case = partial(Case, self.peer.name, DIRECTION)
        for count, size in (*VOLUMES, ONE):
            yield case(f"{volume_text(count, size)} unsettled, send and receive",
                       partial(self.transfer, {}, [], count, size, False))
            yield case(f"{volume_text(count, size)} settled, send", partial(self.transfer, {}, [], count, size, True))
        yield case(f"{volume_text(10, 10)} settled, receive", partial(self.transfer, {}, ["--settled"], 10, 10, False))
        yield case("drain", self.drain)
        for mechanism in ("none", "anonymous"):
            yield case(f"SASL {mechanism if mechanism == 'none' else mechanism.upper()}",
                       partial(self.transfer, {}, ["--sasl", mechanism], 10, 10, False))
        for mechanism in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"):
            users = {"sasl": mechanism.lower(), "user": USER, "password": PASSWORD}
            ours = ["--sasl", "plain" if mechanism == "PLAIN" else "scram"]
            yield case(f"SASL {mechanism}", partial(self.transfer, users, ours, 10, 10, False, login=LOGIN))
            for job in ("send", "receive"):
                yield case(f"SASL {mechanism} wrong password, {job}", partial(self.refused, users, ours, job))
        for text_size, size in WIDE:
            yield case(f"max-frame-size {text_size} of ours",
                       partial(self.transfer, {}, ["--max-frame-size", str(size)], *SPLIT, False))
            yield case(f"max-frame-size {text_size} of the peer",
                       partial(self.transfer, {"max_frame_size": size}, [], *SPLIT, False))

    def transfer(self, server_options, our_options, count, size, settled, login=None):
        server, port = self.peer.server(**server_options)
        address = f"/queues/{fresh('queue')}"
        mode = ["--settled"] if settled else []
        volume = ["--count", str(count), "--size", str(size)]
        with server:
            with self.ours.receive(port, address, "--count", str(count), *our_options, login=login) as taking:
                with self.ours.send(port, address, *volume, *mode, *our_options, login=login) as sending:
                    check_sent(sending, count, settled, PATIENCE)
                check_made_up(check_received(taking, count, PATIENCE), count, size)

    def drain(self):
        server, port = self.peer.server()
        address = f"/queues/{fresh('queue')}"
        with server:
            with self.ours.send(port, address, "--count", "5", "--size", "10") as sending:
                check_sent(sending, 5, False, PATIENCE)
            with self.ours.receive(port, address, "--drain", "--credit", "10") as draining:
                check_made_up(check_received(draining, 5, PATIENCE), 5, 10)

    def refused(self, users, our_options, job):
        server, port = self.peer.server(**users)
        program = {"send": self.ours.send, "receive": self.ours.receive}[job]
        with server, program(port, "/queues/any", "--count", "1", *our_options, login=WRONG_LOGIN) as client:
            check_refused(client, PROMPT, WRONG_TO_US)


def fe2o3(cache):
    return Compiled("fe2o3", install.rust(cache, "fe2o3"))


def ramqp(cache):
    return Compiled("ramqp", install.rust(cache, "ramqp"))


def proton_cpp(cache):
    return Compiled("proton-cpp", install.proton_cpp(cache))
