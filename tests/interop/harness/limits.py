"""What a peer itself cannot do or represent, in one place. Everything else has to work."""

from fnmatch import fnmatchcase

# Peer, direction, case (with wildcards), reason.
CANNOT = [
    ("rhea", "*", "*SASL SCRAM*",
     "rhea has the mechanisms PLAIN, ANONYMOUS, EXTERNAL and XOAUTH2 only"),
    ("rabbitmq", "server", "drain",
     "RabbitMQ 3.10 ends the session with amqp:internal-error when a receiver drains"),
    ("rabbitmq", "server", "max-frame-size * of the peer*",
     "RabbitMQ 3.10 has no setting for it: its open echoes the size that the client announced"),
    ("rabbitmq", "server", "peer closes the * with an error*",
     "RabbitMQ 3.10 answers everything that send and receive can ask wrongly by ending the session"),
]

# Peer, value of values.json that it cannot send or take as a message's whole body, reason.
UNREPRESENTABLE = {
    "rhea": {
        "described": "one descriptor per section: a described body loses its own to the section's",
    },
    "proton": {
        "null": "a null body is sent as no body at all",
    },
}


def why_not(peer, direction, case):
    """The reason for which a case does not apply to a peer, if there is one."""
    for limit_peer, limit_direction, pattern, reason in CANNOT:
        if limit_peer == peer and limit_direction in ("*", direction) and fnmatchcase(case, pattern):
            return reason
    return None
