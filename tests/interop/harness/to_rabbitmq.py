"""Our send, receive and a program of our own against RabbitMQ, a broker: what send leaves in a queue, receive takes from it."""

import time
from functools import partial

from .cases import (IDLE_S, IDLE_TIMEOUT_MS, KIB, LOGIN, MODES, PATIENCE, PROMPT, SPLIT, VOLUMES, WIDE, WRONG_LOGIN,
                    WRONG_TO_US, Case, fresh, volume_text)
from .ours import check_made_up, check_received, check_refused, check_sent
from .process import Failed, Process
from .rabbitmq import RabbitMQ, RabbitMQ4

DIRECTION = "server"


class ToRabbitMQ:
    """The cases of the version that Debian has."""

    name = "rabbitmq"
    missing_target, missing_source = "/exchange/none/key", "/amq/queue/none"

    def __init__(self, ours, script, folder):
        self.ours, self.script, self.folder = ours, script, folder
        self.running = None

    def node(self, name, **options):
        """Starts a node."""
        return RabbitMQ(self.script, self.folder / name, **options)

    def start(self):
        self.running = self.node(self.name).wait_ready()

    def stop(self):
        if self.running:
            self.running.stop()

    def queue(self, _node, _kind=None):
        """The address of a new queue; using it declares it."""
        return fresh("queue")

    def cases(self):
        case = partial(Case, self.name, DIRECTION)
        for count, size in VOLUMES:
            for mode, settled in MODES.items():
                yield case(f"{volume_text(count, size)} {mode}, send and receive",
                           partial(self.transfer, [], count, size, settled))
        yield case("drain", self.drain)
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
                   partial(self.failing, self.ours.send, self.missing_target))
        yield case("peer ends the session with an error, receive",
                   partial(self.failing, self.ours.receive, self.missing_source))
        for endpoint in ("connection", "link"):
            yield case(f"peer closes the {endpoint} with an error", self.unreachable)

    def unreachable(self):
        raise Failed("a case that limits.py excuses was run")

    def transfer(self, send_options, count, size, settled, login=None, kind=None):
        address = self.queue(self.running, kind)
        mode = ["--settled"] if settled else []
        volume = ["--count", str(count), "--size", str(size)]
        port = self.running.port
        with self.ours.send(port, address, *volume, *mode, *send_options, login=login) as sending:
            check_sent(sending, count, settled, PATIENCE)
        with self.ours.receive(port, address, "--count", str(count), *mode, login=login) as taking:
            check_made_up(check_received(taking, count, PATIENCE), count, size)

    def drain(self):
        address = self.queue(self.running)
        with self.ours.send(self.running.port, address, "--count", "5", "--size", "10") as sending:
            check_sent(sending, 5, False, PATIENCE)
        with self.ours.receive(self.running.port, address, "--drain", "--credit", "10") as draining:
            check_made_up(check_received(draining, 5, PATIENCE), 5, 10)

    def refused(self, job):
        program = {"send": self.ours.send, "receive": self.ours.receive}[job]
        with program(self.running.port, "/queues/any", "--count", "1", login=WRONG_LOGIN) as client:
            check_refused(client, PROMPT, WRONG_TO_US)

    def idle(self):
        """A node of its own, which asks for something to be heard each second."""
        with self.node(f"{self.name}-idle", heartbeat=IDLE_TIMEOUT_MS // 1000) as node:
            node.wait_ready()
            address = self.queue(node)
            with self.ours.receive(node.port, address, "--count", "1", "--timeout", "60000") as taking:
                time.sleep(IDLE_S)
                with self.ours.send(node.port, address, "--count", "1", "--body", "late") as sending:
                    check_sent(sending, 1, False, PATIENCE)
                lines = check_received(taking, 1, PATIENCE)
        if lines != [b"late"]:
            raise Failed(f"receive printed {lines}")

    def failing(self, program, address):
        with program(self.running.port, address, "--count", "1") as client:
            check_refused(client, PROMPT, "amqp:not-found")


# The cases of rust/ours, and their words.
DRIVEN = {
    "at-once": "/management, a request at once when both links are open, 20 times",
    "declare": "/management, declare and get a classic queue, a quorum queue and a stream",
    "purge-and-delete": "/management, purge and delete",
    "bind": "/management, declare an exchange, bind, get, unbind and delete",
    "headers-binding": "/management, a binding with arguments, unbound by its location",
    "anonymous-terminus": "anonymous terminus, to a queue and to none",
    "unroutable": "released when unroutable",
    "full": "rejected by a full queue",
    "outcomes": "quorum queue, released, modified and accepted",
    "dead-letter": "quorum queue, rejected and modified as undeliverable here to the dead-letter exchange",
    "volatile-queue": "a volatile queue is refused by 4.0",
    "stream-offset": "stream, from an offset, a time, an interval, the first and the last",
    "stream-next": "stream, from the next message",
    "stream-filter": "stream, filter with and without unfiltered",
    "stream-later-filters": "stream, filters of 4.1 and later in the answer but not evaluated",
}
# What a version beyond Debian's has.
LATER = ("token refresh", "filter expressions", "volatile queue", "link state in flow properties")


class ToRabbitMQ4(ToRabbitMQ):
    """The cases of version 4, whose AMQP 1.0 is another implementation."""

    name = "rabbitmq4"
    missing_target, missing_source = "/exchanges/none/key", "/queues/none"

    def __init__(self, ours, root, driver):
        super().__init__(ours, None, None)
        self.root, self.driver = root, driver

    def node(self, name, **options):
        return RabbitMQ4(self.root, name, **options)

    def cases(self):
        yield from super().cases()
        case = partial(Case, self.name, DIRECTION)
        yield case(f"{volume_text(1000, KIB)} unsettled through a quorum queue, send and receive",
                   partial(self.transfer, [], 1000, KIB, False, kind="quorum"))
        for name, words in DRIVEN.items():
            yield case(words, partial(self.drive, self.running, name))
        for words in LATER:
            yield case(words, self.unreachable)

    def queue(self, node, kind=None):
        """Version 2 of the addresses names what is there: the queue is declared before."""
        name = fresh("queue")
        self.drive(node, "make", name, kind or "classic")
        return f"/queues/{name}"

    def drive(self, node, *words):
        with Process(f"ours-{words[0]}", [self.driver, node.port, *words]) as driver:
            if driver.finish(PATIENCE):
                raise Failed(driver.complaint())
