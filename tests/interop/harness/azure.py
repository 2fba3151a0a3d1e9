"""Microsoft's clients of Service Bus and Event Hubs against our broker, with claims, as if it were their emulator.

They wait in steps of a second, so all cases are `idle` ones.
"""

from functools import partial

from . import install
from .cases import PATIENCE, Case, fresh
from .ours import check_received
from .peers import PROGRAMS, flags, outcome
from .process import Failed, Process

COUNT = 3
NONE = [0] * COUNT

# What a case does, in turn, and what each job has to see: the delivery counts of its messages.
MORE_OF_SERVICE_BUS = {
    "batch-send and complete": {"batch": NONE, "complete": NONE},
    "send, dead-letter and complete from the dead-letter queue": {"send": NONE, "dead": NONE},
    "send, defer and complete by sequence number": {"send": NONE, "defer": NONE},
    "send, peek and complete": {"send": NONE, "peek": NONE, "complete": NONE},
    "send, renew the lock and complete": {"send": NONE, "renew": NONE},
}
SERVICE_BUS = {
    "send and complete": {"send": NONE, "complete": NONE},
    # The client does not say that the delivery has failed, so it is not counted.
    "send, abandon and complete": {"send": NONE, "abandon": NONE, "complete": NONE},
    "send, receive and delete": {"send": NONE, "delete": NONE},
    **MORE_OF_SERVICE_BUS,
}
OVER_TLS = {"batch": NONE, "complete": NONE}


class Azure:
    """The cases of one language."""

    def __init__(self, ours):
        self.ours = ours

    def cases(self):
        case = partial(Case, self.name, "client", idle=True)
        bus, hub = partial(self.on_broker, self.bus, True), partial(self.on_broker, self.hub, False)
        for words, jobs in self.service_bus.items():
            yield case(f"Service Bus, {words}", partial(bus, jobs))
        yield case("Service Bus, TLS, batch-send and complete", partial(bus, OVER_TLS, tls=True))
        properties, send, receive = self.hub_jobs
        yield case("Event Hubs, properties of hub and partition",
                   partial(hub, {properties: None}))
        for words, tls in (("", False), ("TLS, ", True)):
            yield case(f"Event Hubs, {words}batch-send and receive",
                       partial(hub, {send: COUNT, receive: COUNT}, tls=tls))

    def on_broker(self, client, takes_all, jobs, tls=False):
        """Runs jobs, each of which has to see what is due. Those that take all messages must leave none."""
        with self.ours.broker(*(self.ours.tls() if tls else [])) as broker:
            address = fresh("queue")
            options = {"port": broker.port, "address": address, "count": COUNT}
            with client(list(jobs), options, self.ours.certificates.ca if tls else None) as running:
                seen = outcome(running, PATIENCE)
            wrong = {job: seen.get(job) for job, due in jobs.items() if due is not None and seen.get(job) != due}
            if wrong:
                raise Failed(f"the jobs saw {wrong} where {jobs} was due")
            broker.check_alive()
            if takes_all and not tls:
                with self.ours.receive(broker.port, address, "--drain", "--quiet") as left:
                    check_received(left, 0, PATIENCE)


class AzurePython(Azure):
    """What servicebus does not have of Service Bus, and Event Hubs."""

    name = "azure-python"
    service_bus = {**MORE_OF_SERVICE_BUS, "list-send and complete": {"listed": NONE, "complete": NONE}}
    hub_jobs = ("properties", "send", "receive")

    def __init__(self, ours, cache):
        super().__init__(ours)
        self.python = install.azure_python(cache)

    def client(self, program, jobs, options, ca):
        return Process(program, [self.python, PROGRAMS / f"{program}.py", *jobs, *flags({**options, "ca": ca})],
                       {"PYTHONDONTWRITEBYTECODE": "1"})

    def bus(self, *arguments):
        return self.client("servicebus", *arguments)

    def hub(self, *arguments):
        return self.client("eventhub", *arguments)


class AzureNode(Azure):
    name = "azure-node"
    service_bus = SERVICE_BUS
    hub_jobs = ("hub-properties", "hub-send", "hub-receive")

    def __init__(self, ours, cache):
        super().__init__(ours)
        self.modules = install.azure_node(cache)

    def bus(self, jobs, options, ca):
        env = {"NODE_PATH": str(self.modules)}
        if ca:
            env["NODE_EXTRA_CA_CERTS"] = str(ca)
        return Process("azure", ["node", PROGRAMS / "azure.js", *jobs, *flags({**options, "tls": ca is not None})], env)

    hub = bus
