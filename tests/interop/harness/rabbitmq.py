"""One RabbitMQ node on loopback that speaks AMQP 1.0, in a folder of its own, without init or service."""

import json
import shutil

from .cases import PASSWORD, USER
from .process import Failed, Process, free_port, is_listening, wait_until

CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
{version_config}auth_mechanisms.1 = PLAIN
{more_mechanisms}heartbeat = {heartbeat}
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

    plugins = "rabbitmq_amqp1_0"
    # ANONYMOUS, and a connection without a SASL layer, are let in because default_user is set.
    config = "amqp1_0.default_user = guest\namqp1_0.default_vhost = /\namqp1_0.protocol_strict_mode = false\n"
    more_mechanisms = ""

    def __init__(self, script, folder, heartbeat=60):
        self.port, epmd_port, dist_port = free_port(), free_port(), free_port()
        shutil.rmtree(folder, ignore_errors=True)
        for part in ("home", "mnesia", "log"):
            (folder / part).mkdir(parents=True)
        seen = self.seen(folder)
        (folder / "enabled_plugins").write_text(f"[{self.plugins}].\n")
        (folder / "rabbitmq.conf").write_text(CONFIG.format(
            port=self.port, heartbeat=heartbeat, folder=seen, version_config=self.config,
            more_mechanisms=self.more_mechanisms))
        (folder / "definitions.json").write_text(json.dumps(DEFINITIONS))
        (folder / "env.conf").write_text("")
        env = {
            "HOME": f"{seen}/home",
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP": "/dev/null",
            "RABBITMQ_NODENAME": f"interop{self.port}@localhost",
            "RABBITMQ_USE_LONGNAME": "false",
            "RABBITMQ_CONF_ENV_FILE": f"{seen}/env.conf",
            "RABBITMQ_CONFIG_FILE": f"{seen}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{seen}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{seen}/mnesia",
            "RABBITMQ_LOG_BASE": f"{seen}/log",
            "RABBITMQ_SCHEMA_DIR": f"{seen}/schema",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{seen}/generated",
            "RABBITMQ_PID_FILE": f"{seen}/rabbit.pid",
            "RABBITMQ_DIST_PORT": str(dist_port),
            # Schedulers that do not spin leave both cores to the cases.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
        }
        self.log = folder / "log" / "rabbit.log"
        # The node's own epmd, as a child, so that no daemon is left behind.
        self.epmd = Process("epmd", *self.command(["epmd", "-port", epmd_port, "-address", "127.0.0.1"], {}))
        try:
            wait_until(lambda: is_listening(epmd_port), 30, "epmd listening")
            self.server = Process("rabbitmq", *self.command([script], env))
        except BaseException:
            self.epmd.stop()
            raise

    def seen(self, folder):
        """The folder's name for the node."""
        return folder

    def command(self, argv, env):
        """The command and the environment with which a program of the node is started."""
        return argv, env

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


class RabbitMQ4(RabbitMQ):
    """A node of RabbitMQ 4 inside the chroot that is its first argument. AMQP 1.0 needs no plugin there."""

    plugins = ""
    # Without /proc in the chroot, the memory of the machine is not seen.
    config = ("anonymous_login_user = guest\nanonymous_login_pass = guest\n"
              "vm_memory_calculation_strategy = allocated\n")
    more_mechanisms = "auth_mechanisms.2 = ANONYMOUS\n"

    def __init__(self, root, name, heartbeat=60):
        self.root = root
        super().__init__("/usr/lib/rabbitmq/bin/rabbitmq-server", root / "srv" / name, heartbeat)

    def seen(self, folder):
        return f"/{folder.relative_to(self.root)}"

    def command(self, argv, env):
        """Nothing of this machine's environment is passed on."""
        own = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **env}
        return ["env", "-i", *(f"{name}={value}" for name, value in own.items()), "chroot", self.root, *argv], {}
