"""A server on Qpid Proton whose addresses are tasks:

sink/COUNT/SIZE          takes COUNT messages and checks that each is SIZE bytes
source/COUNT/SIZE/DELAY  after DELAY ms sends COUNT numbered messages of SIZE bytes
fail/connection, fail/session, fail/link
                         answers the attach and ends that endpoint with an error
python server.py --port P [--sasl any|plain|external|scram-sha-1|...] [--max-frame-size N] [--idle-timeout MS]
    [--cert FILE --key FILE [--client-ca FILE]]
With a certificate and its key over TLS. The users are those of the SASL database that PN_SASL_CONFIG_PATH leads to.
Prints READY PORT, then for each sink and source that has gone one line of JSON.
"""

import argparse
import json

from proton import Condition, Link, Message, SSLDomain
from proton.handlers import MessagingHandler
from proton.reactor import Container

from body import body, wrong

ERROR = ("amqp:resource-limit-exceeded", "the peer has had enough")


class Task:
    """What a link's address asks for, and how far it has come."""

    def __init__(self, link):
        self.link = link
        self.address = (link.source if link.is_sender else link.target).address or ""
        kind, *words = self.address.split("/")
        self.kind = kind
        self.endpoint = words[0] if kind == "fail" else None
        numbers = [int(word) for word in words] if kind in ("sink", "source") else [0, 0]
        self.count, self.size, self.delay = (numbers + [0])[:3]
        self.ready = not self.delay
        self.done = self.accepted = self.settled = 0
        self.wrong = self.last = None

    def on_timer_task(self, _event):
        self.ready = True
        self.fill()

    def fill(self):
        while self.kind == "source" and self.ready and self.done < self.count and self.link.credit:
            content = body(self.done, self.size)
            message = Message(id=self.done, body=content, inferred=isinstance(content, bytes))
            delivery = self.link.send(message)
            if self.link.snd_settle_mode == Link.SND_SETTLED:
                delivery.settle()
            self.done += 1

    def take(self, message, settled):
        fault = wrong(message.body, self.done, self.size, any_text=True)
        if isinstance(message.id, int):
            if self.last is not None and message.id != self.last + 1:
                fault = fault or f"message-id {message.id} after {self.last}"
            self.last = message.id
        self.done += 1
        self.settled += settled
        self.wrong = self.wrong or fault


class Server(MessagingHandler):
    def __init__(self, given):
        super().__init__(prefetch=200)
        self.given = given
        self.tasks = {}

    def on_start(self, event):
        domain = None
        if self.given.cert:
            domain = SSLDomain(SSLDomain.MODE_SERVER)
            domain.set_credentials(self.given.cert, self.given.key, None)
            if self.given.client_ca:
                domain.set_trusted_ca_db(self.given.client_ca)
                domain.set_peer_authentication(SSLDomain.VERIFY_PEER, self.given.client_ca)
        event.container.listen(f"{'amqps' if domain else 'amqp'}://127.0.0.1:{self.given.port}", domain)
        print(f"READY {self.given.port}", flush=True)

    def on_connection_bound(self, event):
        if self.given.idle_timeout:
            event.transport.idle_timeout = 2 * self.given.idle_timeout / 1000
        if self.given.max_frame_size:
            event.transport.max_frame_size = self.given.max_frame_size
        sasl = event.transport.sasl()
        sasl.allow_insecure_mechs = True
        sasl.allowed_mechs("ANONYMOUS" if self.given.sasl == "any" else self.given.sasl.upper())
        event.transport.require_auth(self.given.sasl != "any")

    def on_link_opening(self, event):
        link = event.link
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        link.snd_settle_mode = link.remote_snd_settle_mode
        link.rcv_settle_mode = link.remote_rcv_settle_mode
        self.tasks[link] = task = Task(link)
        if task.delay:
            event.container.schedule(task.delay / 1000, task)

    def on_link_opened(self, event):
        task = self.tasks.get(event.link)
        if task and task.endpoint:
            # The attach is answered; what ends is the endpoint that the address names.
            endpoint = {"connection": event.connection, "session": event.session, "link": event.link}[task.endpoint]
            endpoint.condition = Condition(*ERROR)
            endpoint.close()

    def on_sendable(self, event):
        if event.sender in self.tasks:
            self.tasks[event.sender].fill()
            if event.sender.drain_mode:
                event.sender.drained()

    def on_accepted(self, event):
        if event.link in self.tasks:
            self.tasks[event.link].accepted += 1

    def on_message(self, event):
        self.tasks[event.receiver].take(event.message, event.delivery.settled)

    def report(self, link):
        task = self.tasks.pop(link, None)
        if task and task.kind in ("sink", "source"):
            print(json.dumps({"address": task.address, "done": task.done, "accepted": task.accepted,
                              "settled": task.settled, "wrong": task.wrong}), flush=True)

    def on_link_closing(self, event):
        self.report(event.link)

    def gone(self, connection):
        for link in [link for link in self.tasks if link.connection == connection]:
            self.report(link)

    def on_connection_closing(self, event):
        self.gone(event.connection)

    def on_disconnected(self, event):
        self.gone(event.connection)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sasl", default="any")
    # Taken for the options to be those of the other server; the database has the user.
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--max-frame-size", type=int)
    parser.add_argument("--idle-timeout", type=int)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--client-ca")
    Container(Server(parser.parse_args())).run()


if __name__ == "__main__":
    main()
