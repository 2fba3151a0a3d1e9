"""Microsoft's client of Service Bus against a node on loopback, as if it were their emulator.

python servicebus.py JOB... --port P --address A --count N [--token T]
Jobs, in turn: send, complete, abandon, delete (receive and delete).
The last line of output has, in JSON, the delivery counts of the messages that each job saw;
exit 1 and a reason on standard error if one failed.
"""

import argparse
import json
import sys

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiveMode

# The longest time for which nothing comes; what is there comes at once.
PATIENCE_S = 30


def send(client, given):
    with client.get_queue_sender(given.address) as sender:
        for n in range(given.count):
            sender.send_messages(ServiceBusMessage(f"message {n}", message_id=str(n)))
    return [0] * given.count


def take(client, given, settle, mode=ServiceBusReceiveMode.PEEK_LOCK):
    """Receives the messages, each of which has to come once, and settles them."""
    taken = []
    with client.get_queue_receiver(given.address, receive_mode=mode) as receiver:
        while len(taken) < given.count:
            messages = receiver.receive_messages(given.count - len(taken), max_wait_time=PATIENCE_S)
            if not messages:
                raise SystemExit(f"{len(taken)} messages where {given.count} were due")
            taken += messages
        # Not before all are here: an abandoned message comes again to whoever has credit.
        for message in taken:
            settle(receiver, message)
    bodies = [str(message) for message in taken]
    # Abandoned messages return to the queue one by one, so in no certain order.
    due = [f"message {n}" for n in range(given.count)]
    if sorted(bodies) != due:
        raise SystemExit(f"{bodies} where {due} were due")
    return [message.delivery_count or 0 for message in taken]


def complete(client, given):
    return take(client, given, lambda receiver, message: receiver.complete_message(message))


def abandon(client, given):
    return take(client, given, lambda receiver, message: receiver.abandon_message(message))


def delete(client, given):
    return take(client, given, lambda *_: None, ServiceBusReceiveMode.RECEIVE_AND_DELETE)


JOBS = {job.__name__: job for job in (send, complete, abandon, delete)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("jobs", nargs="+", choices=list(JOBS))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--token")
    given = parser.parse_args()
    # With a key the client makes tokens itself; a signature is a token as it stands.
    secret = (f"SharedAccessSignature={given.token}" if given.token
              else "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE")
    text = f"Endpoint=sb://127.0.0.1:{given.port};{secret};UseDevelopmentEmulator=true;"
    seen = {}
    with ServiceBusClient.from_connection_string(text, retry_total=0) as client:
        for job in given.jobs:
            seen[job] = JOBS[job](client, given)
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    sys.exit(main())
