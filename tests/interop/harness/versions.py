"""The versions of the peers, for the table."""

import subprocess

from . import install


def debian(package):
    """The version of an installed Debian package, without its Debian revision."""
    try:
        said = subprocess.run(["dpkg-query", "--show", "--showformat=${Version}", package], capture_output=True, text=True,
                              timeout=60).stdout
    except OSError:
        said = ""
    return said.split("-")[0] or "of unknown version"


OF = {
    "rhea": lambda: f"rhea {install.RHEA}",
    "proton": lambda: f"Qpid Proton {install.PROTON}, Python",
    "rabbitmq": lambda: f"RabbitMQ {debian('rabbitmq-server')} with rabbitmq_amqp1_0",
    "rabbitmq4": lambda: f"RabbitMQ {install.rabbitmq4_version()}",
    "fe2o3": lambda: f"fe2o3-amqp {install.rust_version('fe2o3-amqp')}",
    "ramqp": lambda: f"ramqp {install.rust_version('ramqp')}, ramqp-broker {install.rust_version('ramqp-broker')}",
    "proton-cpp": lambda: f"Qpid Proton {debian('libqpid-proton-cpp12-dev')}, C++",
    "websocket": lambda: f"rhea {install.RHEA} with ws {install.WS}",
    "servicebus": lambda: f"azure-servicebus {install.SERVICE_BUS}",
    "azure-python": lambda: f"azure-servicebus {install.SERVICE_BUS}, azure-eventhub {install.EVENT_HUBS}",
    "azure-node": lambda: f"@azure/service-bus {install.NODE_SERVICE_BUS}, @azure/event-hubs {install.NODE_EVENT_HUBS}",
    "openssl": lambda: f"openssl {debian('openssl')}",
    "self": lambda: "send and receive through our broker",
}


def of(peer):
    """The name and version of a peer."""
    return OF[peer]()
