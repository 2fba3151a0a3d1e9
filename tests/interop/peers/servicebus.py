"""Microsoft's client of Service Bus against a node on loopback, as if it were their emulator.

python servicebus.py JOB... --port P --address A --count N [--token T] [--ca FILE]
Jobs, in turn: send, batch (all in one transfer), listed (the same, made by the client from a list), complete, abandon,
delete (receive and delete), dead (to the dead-letter queue and out of it), defer (and fetched by sequence number),
peek, renew (the lock, then complete). With --ca over TLS, as if the node were no emulator.
The last line of output has, in JSON, the delivery counts of the messages that each job saw;
exit 1 and a reason on standard error if one failed.
"""

import argparse
import json
import sys

from azure.servicebus import (ServiceBusClient, ServiceBusMessage, ServiceBusReceiveMode, ServiceBusSubQueue,
                              TransportType)

# The longest time for which nothing comes; what is there comes at once.
PATIENCE_S = 30


def send(client, given):
    with client.get_queue_sender(given.address) as sender:
        for n in range(given.count):
            sender.send_messages(ServiceBusMessage(f"message {n}", message_id=str(n)))
    return [0] * given.count


def messages(given):
    return [ServiceBusMessage(f"message {n}", message_id=str(n)) for n in range(given.count)]


def batch(client, given):
    with client.get_queue_sender(given.address) as sender:
        made = sender.create_message_batch()
        for message in messages(given):
            made.add_message(message)
        sender.send_messages(made)
    return [0] * given.count


def listed(client, given):
    with client.get_queue_sender(given.address) as sender:
        sender.send_messages(messages(given))
    return [0] * given.count


def take(client, given, settle, mode=ServiceBusReceiveMode.PEEK_LOCK, **options):
    """Receives the messages, each of which has to come once, and settles them."""
    taken = []
    with client.get_queue_receiver(given.address, receive_mode=mode, **options) as receiver:
        while len(taken) < given.count:
            messages = receiver.receive_messages(given.count - len(taken), max_wait_time=PATIENCE_S)
            if not messages:
                raise SystemExit(f"{len(taken)} messages where {given.count} were due")
            taken += messages
        # Not before all are here: an abandoned message comes again to whoever has credit.
        for message in taken:
            settle(receiver, message)
    check(given, taken)
    return [message.delivery_count or 0 for message in taken]


def check(given, taken):
    bodies = [str(message) for message in taken]
    # Abandoned messages return to the queue one by one, so in no certain order.
    due = [f"message {n}" for n in range(given.count)]
    if sorted(bodies) != due:
        raise SystemExit(f"{bodies} where {due} were due")


def complete(client, given):
    return take(client, given, lambda receiver, message: receiver.complete_message(message))


def abandon(client, given):
    return take(client, given, lambda receiver, message: receiver.abandon_message(message))


def delete(client, given):
    return take(client, given, lambda *_: None, ServiceBusReceiveMode.RECEIVE_AND_DELETE)


def dead(client, given):
    reason, description = "spoiled", "its date has passed"
    taken = []

    def bury(receiver, message):
        receiver.dead_letter_message(message, reason=reason, error_description=description)

    def unearth(receiver, message):
        taken.append((message.dead_letter_reason, message.dead_letter_error_description))
        receiver.complete_message(message)

    take(client, given, bury)
    take(client, given, unearth, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
    if taken != [(reason, description)] * given.count:
        raise SystemExit(f"the reasons are {taken}")
    return [0] * given.count


def defer(client, given):
    with client.get_queue_receiver(given.address) as receiver:
        numbers = []

        def put_off(own, message):
            numbers.append(message.sequence_number)
            own.defer_message(message)

        take(client, given, put_off)
        if len(set(numbers)) != given.count:
            raise SystemExit(f"the sequence numbers are {numbers}")
        taken = receiver.receive_deferred_messages(numbers)
        check(given, taken)
        for message in taken:
            receiver.complete_message(message)
    return [0] * given.count


def peek(client, given):
    with client.get_queue_receiver(given.address) as receiver:
        taken = receiver.peek_messages(max_message_count=given.count)
    check(given, taken)
    numbers = [message.sequence_number for message in taken]
    if numbers != sorted(set(numbers)):
        raise SystemExit(f"the sequence numbers are {numbers}")
    return [0] * given.count


def renew(client, given):
    def renewed(receiver, message):
        before = message.locked_until_utc
        after = receiver.renew_message_lock(message)
        if before is None or after < before:
            raise SystemExit(f"locked until {before}, renewed until {after}")
        receiver.complete_message(message)
    return take(client, given, renewed)


JOBS = {job.__name__: job for job in (send, batch, listed, complete, abandon, delete, dead, defer, peek, renew)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("jobs", nargs="+", choices=list(JOBS))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--token")
    parser.add_argument("--ca")
    given = parser.parse_args()
    # With a key the client makes tokens itself; a signature is a token as it stands.
    secret = (f"SharedAccessSignature={given.token}" if given.token
              else "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE")
    if given.ca:
        text = f"Endpoint=sb://localhost;{secret};"
        # Without the type, another endpoint is one for WebSocket.
        options = {"connection_verify": given.ca, "custom_endpoint_address": f"sb://localhost:{given.port}",
                   "transport_type": TransportType.Amqp}
    else:
        text = f"Endpoint=sb://127.0.0.1:{given.port};{secret};UseDevelopmentEmulator=true;"
        options = {}
    seen = {}
    with ServiceBusClient.from_connection_string(text, retry_total=0, **options) as client:
        for job in given.jobs:
            seen[job] = JOBS[job](client, given)
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # the reason is one line, and not where in the client it arose
        sys.exit(f"{type(error).__name__}: {error}")
