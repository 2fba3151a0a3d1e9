"""What the cases of both directions share: their names, sizes and limits of time."""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Callable
from urllib.parse import quote

KIB, MIB = 1024, 1024 * 1024

# How many messages of how many bytes.
VOLUMES = [(10_000, 10), (10_000, KIB), (20, 5 * MIB)]
MODES = {"unsettled": False, "settled": True}

# Only there so that what hangs ends; no case depends on speed.
PATIENCE = 120
# A refusal has to come by itself, not from somebody's timeout.
PROMPT = 15

IDLE_TIMEOUT_MS = 1000
IDLE_S = 5

# Maximum frame sizes, and their names.
WIDE = [("512 B", 512), ("64 KiB", 64 * KIB)]

# Split over many frames at 512 bytes, over a few by default.
SPLIT = (100, 20_000)

# Accounts of the servers that ask for a password.
# The name has the realm that a SASL database wants, which would else be the name of the machine.
REALM = "interop"
USER, PASSWORD = f"amqp@{REALM}", "secret"
LOGIN, WRONG_LOGIN = f"{quote(USER)}:{PASSWORD}", f"{quote(USER)}:wrong"
MECHANISMS = ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256")
REFUSED = r"(?i)unauthori[sz]ed|authenticat|sasl|ANONYMOUS.* is not supported"
# The words of our programs and of the peers' for a wrong password. Without a common mechanism the words are others.
WRONG_TO_US = r"did not authenticate us"
WRONG_TO_PEER = (r"Failed to authenticate|Authentication failed \[mech=(?!none)|SASL error code Auth|"
                 r"authentication failed \(bad credentials\)")
UNTRUSTED = r"(?i)certificate|UnknownIssuer"

VALUES = Path(__file__).resolve().parent.parent / "values.json"

_numbers = itertools.count(1)


@dataclass
class Case:
    """One line of the table. `idle` ones spend their time waiting and run side by side."""

    peer: str
    direction: str
    name: str
    run: Callable[[], None]
    idle: bool = False


def fresh(name):
    """An address that no case before has used."""
    return f"{name}-{next(_numbers)}"


def size_text(size):
    for unit, text in ((MIB, "MiB"), (KIB, "KiB")):
        if size % unit == 0:
            return f"{size // unit} {text}"
    return f"{size} B"


def volume_text(count, size):
    return f"{count} x {size_text(size)}"


def write_messages(file, left_out):
    """Every value of values.json as the body of a message, and the simple ones as properties of one more."""
    values = json.loads(VALUES.read_text())
    messages = [{"name": value["name"], "body": value["value"], "properties": {}}
                for value in values if value["name"] not in left_out]
    simple = {value["name"]: value["value"] for value in values if value.get("simple")}
    messages.append({"name": "application-properties", "body": ["string", "see the properties"], "properties": simple})
    file.write_text(json.dumps(messages))
    return len(messages)
