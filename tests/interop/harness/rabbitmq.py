"""One RabbitMQ node on loopback with its AMQP 1.0 plugin, in a folder of its own, without init or service."""

import json
import shutil

from .cases import PASSWORD, USER
from .process import Failed, Process, free_port, is_listening, wait_until

# ANONYMOUS, and a connection without a SASL layer, are let in because default_user is set.
CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
amqp1_0.default_user = guest
amqp1_0.default_vhost = /
amqp1_0.protocol_strict_mode = false
auth_mechanisms.1 = PLAIN
heartbeat = {heartbeat}
load_definitions = {folder}/definitions.json
log.console = false
log.file = rabbit.log
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 50MB
"""

DEFINITIONS = {
    "vhosts": [{"name": "/"}],
    "users": [{"name": "guest", "password": "guest", "tags": ""}, {"name": USER, "password": PASSWORD, "tags": ""}],
    "permissions": [{"user": user, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
                    for user in ("guest", USER)],
}


class RabbitMQ:
    """A running node; `heartbeat`, in seconds, is the idle-time-out that it announces."""

    def __init__(self, script, folder, heartbeat=60):
        self.port, epmd_port, dist_port = free_port(), free_port(), free_port()
        shutil.rmtree(folder, ignore_errors=True)
        for part in ("home", "mnesia", "log"):
            (folder / part).mkdir(parents=True)
        (folder / "enabled_plugins").write_text("[rabbitmq_amqp1_0].\n")
        (folder / "rabbitmq.conf").write_text(CONFIG.format(port=self.port, heartbeat=heartbeat, folder=folder))
        (folder / "definitions.json").write_text(json.dumps(DEFINITIONS))
        (folder / "env.conf").write_text("")
        env = {
            "HOME": str(folder / "home"),
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP": "/dev/null",
            "RABBITMQ_NODENAME": f"interop{self.port}@localhost",
            "RABBITMQ_USE_LONGNAME": "false",
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_SCHEMA_DIR": str(folder / "schema"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_PID_FILE": str(folder / "rabbit.pid"),
            "RABBITMQ_DIST_PORT": str(dist_port),
            # Schedulers that do not spin leave both cores to the cases.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
        }
        self.log = folder / "log" / "rabbit.log"
        # The node's own epmd, as a child, so that no daemon is left behind.
        self.epmd = Process("epmd", ["epmd", "-port", epmd_port, "-address", "127.0.0.1"])
        try:
            wait_until(lambda: is_listening(epmd_port), 30, "epmd listening")
            self.server = Process("rabbitmq", [script], env)
        except BaseException:
            self.epmd.stop()
            raise

    def wait_ready(self):
        """The listener opens just before the node says that it is up."""
        def up():
            if not self.server.running():
                raise Failed(f"rabbitmq ended with {self.server.child.returncode}: {self.server.complaint()}")
            return (self.log.exists() and "Server startup complete" in self.log.read_text(errors="replace")
                    and is_listening(self.port))
        wait_until(up, 120, "rabbitmq up")
        return self

    def stop(self):
        self.server.stop()
        self.epmd.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
