"""A peer's clients against our broker."""

import re
import time
from functools import partial

from .cases import (IDLE_S, IDLE_TIMEOUT_MS, KIB, MECHANISMS, MIB, MODES, PASSWORD, PATIENCE, PROMPT, REFUSED, SPLIT,
                    UNTRUSTED, USER, VOLUMES, WRONG_TO_PEER, Case, fresh, size_text, volume_text, write_messages)
from .limits import UNREPRESENTABLE
from .ours import check_received
from .peers import outcome
from .process import Failed

DIRECTION = "client"
USERS = ("--user", f"{USER}:{PASSWORD}")


def login(mechanism):
    """The options of a client that logs in with it."""
    return {"sasl": mechanism.lower(), "user": USER, "password": PASSWORD}


class ToBroker:
    """The cases of one peer. `others` are peers that take what this one sends."""

    def __init__(self, ours, peer, others, folder):
        self.ours, self.peer, self.others, self.folder = ours, peer, others, folder

    def cases(self):
        case = partial(Case, self.peer.name, DIRECTION)
        for count, size in VOLUMES:
            for mode, settled in MODES.items():
                yield case(f"{volume_text(count, size)} {mode}", partial(self.on_broker, [], count, size, settled))
        yield case("drain", self.drain)
        yield case("SASL none", partial(self.on_broker, [], 10, 10, False, sasl="none"))
        yield case("SASL ANONYMOUS", partial(self.on_broker, [], 10, 10, False, sasl="anonymous"))
        for mechanism in MECHANISMS:
            yield case(f"SASL {mechanism}", partial(self.on_broker, USERS, 10, 10, False, **login(mechanism)))
            wrong = {**login(mechanism), "password": "wrong"}
            yield case(f"SASL {mechanism} wrong password", partial(self.refused, WRONG_TO_PEER, **wrong))
        yield case("SASL ANONYMOUS where PLAIN is required", partial(self.refused, REFUSED, sasl="anonymous"))
        yield case("SASL none where PLAIN is required", partial(self.refused, "", sasl="none"))
        yield case("TLS, SASL ANONYMOUS", partial(self.over_tls, [], 1000, KIB, False, sasl="anonymous"))
        for mechanism in MECHANISMS:
            yield case(f"TLS, SASL {mechanism}", partial(self.over_tls, USERS, 10, 10, False, **login(mechanism)))
        yield case("TLS, SASL EXTERNAL", self.external)
        yield case("TLS, 20 x 5 MiB", partial(self.over_tls, [], 20, 5 * MIB, False))
        yield case("TLS wrong CA", self.untrusted)
        for size in (512, 64 * KIB):
            ours = ["--max-frame-size", str(size)]
            yield case(f"max-frame-size {size_text(size)} of ours", partial(self.on_broker, ours, *SPLIT, False))
            yield case(f"max-frame-size {size_text(size)} of the peer",
                       partial(self.on_broker, [], *SPLIT, False, max_frame_size=size))
        yield case("idle-time-out 1 s of ours", partial(self.idle, ["--idle-timeout", str(IDLE_TIMEOUT_MS)]), idle=True)
        yield case("idle-time-out 1 s of the peer", partial(self.idle, [], idle_timeout=IDLE_TIMEOUT_MS), idle=True)
        for fault in ("connection", "session", "link"):
            yield case(f"peer closes the {fault} with an error", partial(self.fault, fault))
        yield case("peer drops the connection", partial(self.fault, "drop"))
        yield case("every type", partial(self.values, self.peer))
        for other in self.others:
            yield case(f"1000 x 1 KiB to {other.name}",
                       partial(self.on_broker, [], 1000, KIB, False, receiver=other))
            yield case(f"every type to {other.name}", partial(self.values, other))

    def on_broker(self, broker_options, *volume, **options):
        with self.ours.broker(*broker_options) as broker:
            self.transfer(broker, *volume, **options)

    def transfer(self, broker, count, size, settled, receiver=None, **options):
        """Sends and receives at once, through a new queue that has to be empty after it."""
        address = fresh("queue")
        common = {"port": broker.port, "address": address, "count": count, "size": size, "settled": settled, **options}
        with (receiver or self.peer).client("receive", **common) as taking, self.peer.client("send", **common) as sending:
            sent = outcome(sending, PATIENCE)
            received = outcome(taking, PATIENCE)
        confirmed = 0 if settled else count
        if (sent["sent"], sent["accepted"], received["received"]) != (count, confirmed, count):
            raise Failed(f"{sent} and {received} where {count} were due")
        broker.check_alive()
        if not options:
            with self.ours.receive(broker.port, address, "--drain", "--quiet") as left:
                check_received(left, 0, PATIENCE)

    def drain(self):
        with self.ours.broker() as broker:
            common = {"port": broker.port, "address": fresh("queue")}
            with self.peer.client("send", count=5, **common) as sending:
                outcome(sending, PATIENCE)
            with self.peer.client("receive", count=5, drain=True, **common) as draining:
                outcome(draining, PATIENCE)

    def over_tls(self, broker_options, *volume, **options):
        self.on_broker([*self.ours.tls(), *broker_options], *volume, ca=self.ours.certificates.ca, **options)

    def external(self):
        """The client has a certificate in place of a password, and the broker knows it by the subject."""
        made = self.ours.certificates
        with self.ours.broker(*self.ours.tls(), "--client-ca", made.ca) as broker:
            self.transfer(broker, 10, 10, False, sasl="external", ca=made.ca, cert=made.client_cert, key=made.client_key)
            if "the user is CN=interop client" not in broker.process.err():
                raise Failed(f"the broker names another user: {broker.process.complaint()}")

    def untrusted(self):
        """The client has to turn away, and the broker has to serve the next one."""
        with self.ours.broker(*self.ours.tls()) as broker:
            with self.peer.client("send", port=broker.port, ca=self.ours.certificates.other_ca) as client:
                if client.finish(PROMPT) == 0:
                    raise Failed("it trusts any certificate")
                if not re.search(UNTRUSTED, client.err()):
                    raise Failed(f"it complains of something else: {client.complaint()}")
            self.transfer(broker, 1, 10, False, ca=self.ours.certificates.ca)

    def refused(self, words, **options):
        """The client has to be told, and the broker has to let the right one in after that."""
        with self.ours.broker(*USERS) as broker:
            with self.peer.client("send", port=broker.port, **options) as client:
                if client.finish(PROMPT) == 0:
                    raise Failed("it was let in")
                if not re.search(words, client.err()):
                    raise Failed(f"it was not told why: {client.complaint()}")
            self.transfer(broker, 1, 10, False, **login("PLAIN"))

    def idle(self, broker_options, **options):
        """Nothing but empty frames passes on the receiver's connection before the message."""
        with self.ours.broker(*broker_options) as broker:
            common = {"port": broker.port, "address": fresh("queue"), **options}
            with self.peer.client("receive", **common) as taking:
                time.sleep(IDLE_S)
                with self.peer.client("send", **common) as sending:
                    outcome(sending, PATIENCE)
                outcome(taking, PATIENCE)
            broker.check_alive()

    def fault(self, fault):
        with self.ours.broker() as broker:
            with self.peer.client("fault", port=broker.port, address=fresh("queue"), fault=fault) as client:
                outcome(client, PATIENCE)
            self.transfer(broker, 10, 10, False)

    def values(self, receiver):
        left_out = {**UNREPRESENTABLE.get(self.peer.name, {}), **UNREPRESENTABLE.get(receiver.name, {})}
        file = self.folder / f"{self.peer.name}-{receiver.name}.json"
        count = write_messages(file, left_out)
        self.on_broker([], count, 0, False, receiver=receiver, values=file)
