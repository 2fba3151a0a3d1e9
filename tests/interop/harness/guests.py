"""Programs that only come as clients, to our broker: the Service Bus client, with claims, and openssl."""

import json
from functools import partial

from . import install
from .cases import PATIENCE, PROMPT, Case, fresh
from .ours import check_received
from .peers import PROGRAMS, outcome
from .process import Failed, Process

COUNT = 3
TOKEN = "SharedAccessSignature sr=interop"
HEADER = b"AMQP\x00\x01\x00\x00"


class ServiceBus:
    """It asks `$cbs` for everything that it does. It waits in steps of a second, so all of its cases are `idle` ones."""

    def __init__(self, ours, cache):
        self.ours, self.python = ours, install.service_bus(cache)

    def cases(self):
        case = partial(Case, "servicebus", "client", idle=True)
        yield case("send and complete", partial(self.jobs, {"send": 0, "complete": 0}))
        yield case("send, abandon and complete", partial(self.jobs, {"send": 0, "abandon": 0, "complete": 1}))
        yield case("send, receive and delete", partial(self.jobs, {"send": 0, "delete": 0}))
        yield case("the broker's token", partial(self.jobs, {"send": 0, "complete": 0}, "--token", TOKEN, token=TOKEN))
        yield case("another token", self.refused)

    def client(self, *jobs, **options):
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return Process("servicebus", [self.python, PROGRAMS / "servicebus.py", *jobs, "--count", COUNT, *words],
                       {"PYTHONDONTWRITEBYTECODE": "1"})

    def jobs(self, due, *broker_options, **options):
        """Runs jobs, each of which has to see messages with this delivery count and leave none."""
        with self.ours.broker(*broker_options) as broker:
            address = fresh("queue")
            with self.client(*due, port=broker.port, address=address, **options) as client:
                seen = outcome(client, PATIENCE)
            if seen != {job: [delivery_count] * COUNT for job, delivery_count in due.items()}:
                raise Failed(f"the delivery counts are {seen} where {due} were due")
            broker.check_alive()
            if not broker_options:
                with self.ours.receive(broker.port, address, "--drain", "--quiet") as left:
                    check_received(left, 0, PATIENCE)

    def refused(self):
        with self.ours.broker("--token", TOKEN) as broker:
            with self.client("send", port=broker.port, address=fresh("queue"), token="another") as client:
                if client.finish(PROMPT) == 0:
                    raise Failed("it was let in")
                if "ServiceBusAuthenticationError" not in client.err():
                    raise Failed(f"it was not told why: {client.complaint()}")


def frame(descriptor, *fields):
    """A performative on channel 0, its fields as they are encoded."""
    body = b"".join(fields)
    performative = bytes((0, 0x53, descriptor, 0xC0, len(body) + 1, len(fields))) + body
    return (8 + len(performative)).to_bytes(4, "big") + b"\x02\x00\x00\x00" + performative


class OpenSsl:
    """openssl's client, which sees how TLS ends below AMQP."""

    def __init__(self, ours, cache):
        self.ours, self.program, self.cache = ours, install.openssl(), cache

    def cases(self):
        for version in ("1.2", "1.3"):
            yield Case("openssl", "client", f"TLS {version}, header, open and close", partial(self.close, version))

    def close(self, version):
        """It ends with 0 if a close_notify comes before the end of the stream."""
        container = b"\xa1\x07openssl"
        sent, closed = self.cache / "open-and-close.bin", frame(0x18)
        sent.write_bytes(HEADER + frame(0x10, container) + closed)
        with self.ours.broker(*self.ours.tls()) as broker:
            options = ["-quiet", "-verify_return_error", f"-tls{version.replace('.', '_')}",
                       "-CAfile", self.ours.certificates.ca, "-connect", f"127.0.0.1:{broker.port}"]
            with Process("openssl", [self.program, "s_client", *options], stdin=sent) as client:
                code = client.finish(PROMPT)
            if code or "unexpected eof" in client.err():
                raise Failed(f"openssl exits with {code}: {client.complaint()}")
            answer = client.out()
            # An empty list has two encodings.
            ends = (closed, b"\x00\x00\x00\x0c\x02\x00\x00\x00\x00\x53\x18\x45")
            if not answer.startswith(HEADER) or not answer.endswith(ends):
                raise Failed(f"the broker's answer is {answer.hex()}")
            broker.check_alive()
