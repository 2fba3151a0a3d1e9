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
    ("rabbitmq4", "server", "max-frame-size * of the peer*",
     "RabbitMQ 4 has no setting for it"),
    ("rabbitmq4", "server", "peer closes the * with an error*",
     "RabbitMQ 4 answers everything that send and receive can ask wrongly by ending the session"),
    ("rabbitmq4", "server", "SASL none",
     "RabbitMQ 4 asks for a SASL layer"),
    ("rabbitmq4", "server", "token refresh",
     "needs RabbitMQ 4.1, 4.0 ends the session with amqp:internal-error; its bytes are tested in tests/extensions"),
    ("rabbitmq4", "server", "filter expressions",
     "needs RabbitMQ 4.1; their bytes are tested, against a stub too, in tests/extensions"),
    ("rabbitmq4", "server", "volatile queue",
     "needs a later RabbitMQ than 4.0; its bytes are tested in tests/extensions"),
    ("rabbitmq4", "server", "link state in flow properties",
     "needs a later RabbitMQ than 4.0; its bytes are tested in tests/extensions"),
    ("fe2o3", "client", "SASL SCRAM-SHA-*[0-9]",
     "fe2o3-amqp takes SCRAM's last message with the outcome only; our broker sends it as a challenge, as Cyrus SASL does"),
    ("fe2o3", "client", "SASL SCRAM-SHA-* wrong password",
     "fe2o3-amqp takes SCRAM's last message with the outcome only, so a wrong password fails no differently"),
    ("fe2o3", "server", "* settled, send",
     "fe2o3-amqp drops what its program has not taken yet when the peer closes the connection behind it"),
    ("fe2o3", "server", "drain",
     "fe2o3-amqp answers a drain by itself, before the program can send"),
    ("ramqp", "client", "20 x 5 MiB*",
     "ramqp counts delivery-ids by frames, so that they do not follow each other, and takes no frame that is larger than "
     "ours, though its open allows it"),
    ("ramqp", "server", "20 x 5 MiB*",
     "ramqp counts delivery-ids by frames, so that they do not follow each other"),
    ("ramqp", "*", "max-frame-size 512 B *",
     "ramqp counts delivery-ids by frames, so that they do not follow each other"),
    ("ramqp", "server", "* settled, receive",
     "ramqp-broker answers that it sends settled, and sends unsettled"),
    ("ramqp", "client", "drain", "ramqp has no drain"),
    ("ramqp", "client", "SASL none*", "ramqp always has a SASL layer"),
    ("ramqp", "server", "drain", "ramqp-broker answers a drain after one message, though more wait"),
    ("ramqp", "server", "SASL SCRAM-SHA-1*", "ramqp-broker offers SCRAM-SHA-256 only"),
    ("azure-python", "client", "Event Hubs*",
     "azure-eventhub 5.15.1 reads fields of the peer's open and begin by their place, and fails if trailing nulls are left "
     "out, as 1.4 allows"),
    ("proton-cpp", "client", "SASL SCRAM*", "Debian's library is built without Cyrus SASL"),
    ("proton-cpp", "server", "SASL PLAIN*", "Debian's library is built without Cyrus SASL: a server offers ANONYMOUS only"),
    ("proton-cpp", "server", "SASL SCRAM*", "Debian's library is built without Cyrus SASL: a server offers ANONYMOUS only"),
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
