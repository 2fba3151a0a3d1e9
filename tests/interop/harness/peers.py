"""How to start each peer's client and server programs; both understand the same options."""

import json
from pathlib import Path

from . import install
from .cases import PASSWORD, REALM, USER
from .process import Failed, Process, free_port

PROGRAMS = Path(__file__).resolve().parent.parent / "peers"


def flags(options):
    """count=3, settled=True, user=None becomes --count 3 --settled."""
    words = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(str(value))
    return words


class Peer:
    """An implementation with a client program and a server program."""

    def command(self, job, options):
        """The command line for a job."""
        if job == "server":
            return [*self.program, PROGRAMS / f"server{self.suffix}", *flags(options)]
        return [*self.program, PROGRAMS / f"client{self.suffix}", job, *flags(options)]

    def client(self, job, **options):
        """Starts the client on a job: send, receive or fault."""
        return Process(f"{self.name}-{job}", self.command(job, options), self.env)

    def server(self, **options):
        """Starts the server and returns it with its port, when it listens."""
        port = free_port()
        server = Process(f"{self.name}-server", self.command("server", {"port": port, **options}), self.env)
        try:
            server.next_line("READY", 60)
        except BaseException:
            server.stop()
            raise
        return server, port


class Rhea(Peer):
    name, suffix = "rhea", ".js"

    def __init__(self, cache):
        self.program = ["node"]
        self.env = {"NODE_PATH": str(install.rhea(cache))}


class Proton(Peer):
    name, suffix = "proton", ".py"

    def __init__(self, cache):
        self.program = [install.proton(cache)]
        sasl = install.sasl_database(cache / "sasl", "proton-server", REALM, USER.split("@")[0], PASSWORD)
        self.env = {"PYTHONDONTWRITEBYTECODE": "1", "PN_SASL_CONFIG_PATH": str(sasl)}


def outcome(client, timeout):
    """What a peer's client says came of its job; it must have ended well."""
    code = client.finish(timeout)
    if code:
        raise Failed(f"{client.name} exits with {code}: {client.complaint()}")
    return json.loads(client.out().splitlines()[-1])
