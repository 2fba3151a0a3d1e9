"""A client on Qpid Proton: sends, receives and checks numbered messages, or leaves in anger.

python client.py send|receive|fault [--port P] [--address A] [--count N] [--size B] [--settled] [--drain]
    [--sasl none|anonymous|plain|external|scram-sha-1|...] [--user U] [--password P] [--max-frame-size N]
    [--idle-timeout MS] [--ca FILE] [--cert FILE --key FILE] [--values FILE] [--fault connection|session|link|drop]
With --ca over TLS, to a server that this authority vouches for; the certificate and key are the client's.
The last line of output says what came of it, in JSON; exit 1 and a reason on standard error if it failed.
"""

import argparse
import json
import os
import sys

from proton import Condition, Message, SSLDomain
from proton.handlers import MessagingHandler
from proton.reactor import AtLeastOnce, AtMostOnce, Container

from body import body, wrong
from values import make, show

ERROR = ("amqp:internal-error", "the peer leaves on purpose")


def fail(text):
    print(text, file=sys.stderr, flush=True)
    os._exit(1)


class Client(MessagingHandler):
    """What the three jobs share: the connection, its options and every way it can fail."""

    def __init__(self, given):
        super().__init__(prefetch=0 if given.drain else 200, auto_accept=False)
        self.given = given
        self.values = json.load(open(given.values)) if given.values else None
        self.count = len(self.values) if self.values else given.count
        self.over = False

    def connect(self, container):
        given = self.given
        options = {"reconnect": False, "allow_insecure_mechs": True}
        if given.sasl == "none":
            options["sasl_enabled"] = False
        else:
            options["allowed_mechs"] = given.sasl.upper()
        if given.sasl not in ("none", "anonymous", "external"):
            options["user"], options["password"] = given.user, given.password
        if given.max_frame_size:
            options["max_frame_size"] = given.max_frame_size
        if given.idle_timeout:
            # Proton announces half of what it keeps to itself.
            options["heartbeat"] = 2 * given.idle_timeout / 1000
        if given.ca:
            options["ssl_domain"] = domain = SSLDomain(SSLDomain.MODE_CLIENT)
            domain.set_trusted_ca_db(given.ca)
            domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME)
            if given.cert:
                domain.set_credentials(given.cert, given.key, None)
            # Proton compares names with the certificate, and no addresses.
            options["sni"] = "localhost"
        return container.connect(f"{'amqps' if given.ca else 'amqp'}://127.0.0.1:{given.port}", **options)

    def settle_mode(self):
        return AtMostOnce() if self.given.settled else AtLeastOnce()

    def finish(self, event, **result):
        if not self.over:
            self.over = True
            print(json.dumps(result), flush=True)
            event.connection.close()

    def failed(self, kind, condition):
        if not self.over:
            fail(f"{kind}: {condition.name} {condition.description}" if condition else f"{kind}: no condition")

    def on_link_error(self, event):
        self.failed("link", event.link.remote_condition)

    def on_session_error(self, event):
        self.failed("session", event.session.remote_condition)

    def on_connection_error(self, event):
        self.failed("connection", event.connection.remote_condition)

    def on_transport_error(self, event):
        self.failed("transport", event.transport.condition)

    def on_disconnected(self, event):
        self.failed("disconnected", event.transport.condition)


class Sender(Client):
    def __init__(self, given):
        super().__init__(given)
        self.sent = 0
        self.outcomes = {"accepted": 0, "rejected": 0, "released": 0, "modified": 0}

    def on_start(self, event):
        event.container.create_sender(self.connect(event.container), self.given.address, options=[self.settle_mode()])

    def message(self, n):
        if not self.values:
            content = body(n, self.given.size)
            return Message(id=n, body=content, inferred=isinstance(content, bytes))
        entry = self.values[n]
        properties = {name: make(value) for name, value in entry["properties"].items()}
        return Message(id=n, body=make(entry["body"]), properties=properties, inferred=False)

    def on_sendable(self, event):
        while event.sender.credit and self.sent < self.count:
            event.sender.send(self.message(self.sent))
            self.sent += 1
        if self.given.settled and self.sent == self.count:
            self.finish(event, sent=self.sent, **self.outcomes)

    def outcome(self, event, name):
        self.outcomes[name] += 1
        if sum(self.outcomes.values()) == self.count:
            self.finish(event, sent=self.sent, **self.outcomes)

    def on_accepted(self, event):
        self.outcome(event, "accepted")

    def on_rejected(self, event):
        self.outcome(event, "rejected")

    def on_released(self, event):
        self.outcome(event, "modified" if event.delivery.remote_state == event.delivery.MODIFIED else "released")


class Receiver(Client):
    def __init__(self, given):
        super().__init__(given)
        self.received = 0

    def on_start(self, event):
        event.container.create_receiver(self.connect(event.container), self.given.address, options=[self.settle_mode()])

    def on_link_opened(self, event):
        if self.given.drain:
            event.receiver.drain(self.count + 5)

    def on_link_flow(self, event):
        if self.given.drain and not self.over and event.receiver.credit == 0 and not event.receiver.draining():
            if self.received != self.count:
                fail(f"drained with {self.received} messages where {self.count} were due")
            self.finish(event, received=self.received)

    def wrong(self, message):
        n = self.received
        if not self.values:
            return wrong(message.body, n, self.given.size)
        entry = self.values[n]
        due = {entry["name"]: entry["body"], **entry["properties"]}
        properties = message.properties or {}
        got = {entry["name"]: show(message.body), **{name: show(properties.get(name)) for name in entry["properties"]}}
        for name, value in due.items():
            if got[name] != value:
                return f"{name}: got {json.dumps(got[name])} where {json.dumps(value)} was due"
        return None

    def on_message(self, event):
        if self.received == self.count:
            fail(f"one message more than {self.count}")
        if event.delivery.settled != self.given.settled:
            fail(f"message {self.received}: settled is not {self.given.settled}")
        fault = self.wrong(event.message)
        if fault:
            fail(fault)
        self.received += 1
        if not event.delivery.settled:
            self.accept(event.delivery)
        if self.received == self.count and not self.given.drain:
            self.finish(event, received=self.received)


class Leaver(Sender):
    """Sends one message and, once it is accepted, ends an endpoint with an error or drops the line."""

    def on_accepted(self, event):
        self.over = True
        print('{"left": true}', flush=True)
        endpoint = {"connection": event.connection, "session": event.session, "link": event.link}.get(self.given.fault)
        if endpoint is None:
            os._exit(0)
        endpoint.condition = Condition(*ERROR)
        endpoint.close()

    def on_link_closed(self, event):
        event.connection.close()

    def on_session_closed(self, event):
        event.connection.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("job", choices=["send", "receive", "fault"])
    parser.add_argument("--port", type=int)
    parser.add_argument("--address", default="queue")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--size", type=int, default=10)
    parser.add_argument("--settled", action="store_true")
    parser.add_argument("--drain", action="store_true")
    parser.add_argument("--sasl", default="anonymous")
    parser.add_argument("--user", default="guest")
    parser.add_argument("--password", default="guest")
    parser.add_argument("--max-frame-size", type=int)
    parser.add_argument("--idle-timeout", type=int)
    parser.add_argument("--ca")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--values")
    parser.add_argument("--fault", choices=["connection", "session", "link", "drop"], default="connection")
    given = parser.parse_args()
    Container({"send": Sender, "receive": Receiver, "fault": Leaver}[given.job](given)).run()


if __name__ == "__main__":
    main()
