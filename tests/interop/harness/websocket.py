"""AMQP over WebSocket: rhea's client to our broker behind a relay, and our example to rhea's server."""

from functools import partial

from . import install
from .cases import KIB, PATIENCE, PROMPT, Case, fresh, volume_text
from .ours import check_received
from .peers import PROGRAMS, flags, outcome
from .process import Failed, Process, free_port


class OverWebSocket:
    def __init__(self, ours, cache):
        self.ours, self.modules = ours, install.websocket(cache)
        self.example = ours.example("websocket")

    def cases(self):
        to_broker = partial(Case, "websocket", "client")
        for count, size in ((1000, 10), (100, 20 * KIB)):
            yield to_broker(f"{volume_text(count, size)} through a relay", partial(self.transfer, count, size))
        yield Case("websocket", "server", "our example sends a message", self.send)
        yield Case("websocket", "server", "our example is refused without the subprotocol", self.refused)

    def program(self, job, **options):
        return Process(f"websocket-{job}", ["node", PROGRAMS / "websocket.js", job, *flags(options)],
                       {"NODE_PATH": str(self.modules)})

    def listening(self, job, **options):
        """Starts a server and returns it with its port, when it listens."""
        port = free_port()
        server = self.program(job, port=port, **options)
        try:
            server.next_line("READY", 60)
        except BaseException:
            server.stop()
            raise
        return server, port

    def transfer(self, count, size):
        with self.ours.broker() as broker:
            relay, port = self.listening("relay", to=broker.port)
            address = fresh("queue")
            with relay, self.program("client", port=port, address=address, count=count, size=size) as client:
                seen = outcome(client, PATIENCE)
            if seen != {"accepted": count, "received": count}:
                raise Failed(f"{seen} where {count} were due")
            broker.check_alive()
            with self.ours.receive(broker.port, address, "--drain", "--quiet") as left:
                check_received(left, 0, PATIENCE)

    def send(self):
        server, port = self.listening("server")
        with server:
            with Process("websocket-ours", [self.example, "--url", f"ws://127.0.0.1:{port}/", "--address", "q"]) as client:
                if client.finish(PATIENCE):
                    raise Failed(client.complaint())
            server.next_line(r"received q hello over WebSocket$", PATIENCE)

    def refused(self):
        """A server that does not choose the subprotocol is none of AMQP."""
        server, port = self.listening("server", bare=True)
        with server, Process("websocket-ours", [self.example, "--url", f"ws://127.0.0.1:{port}/"]) as client:
            if client.finish(PROMPT) != 1:
                raise Failed("it goes on without the subprotocol")
            if "subprotocol" not in client.err().lower().replace("-", ""):
                raise Failed(f"it complains of something else: {client.complaint()}")
