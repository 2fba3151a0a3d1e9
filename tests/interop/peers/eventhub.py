"""Microsoft's client of Event Hubs against a node on loopback, as if it were their emulator.

python eventhub.py JOB... --port P --address HUB --count N [--ca FILE]
Jobs, in turn: properties (of the hub and its partitions), send (one batch to partition 0), receive (partition 0 from its
start). With --ca over TLS, as if the node were no emulator.
The last line of output has, in JSON, how many events or partitions each job saw; exit 1 and a reason on standard error
if one failed.
"""

import argparse
import json
import sys

from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient, TransportType

KEY = "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE"
# The longest time for which nothing comes; what is there comes at once.
PATIENCE_S = 30


def connected(kind, given, **options):
    """A client of a hub, which tries everything once."""
    if given.ca:
        text = f"Endpoint=sb://localhost;{KEY};EntityPath={given.address}"
        # Without the type, another endpoint is one for WebSocket.
        options |= {"connection_verify": given.ca, "custom_endpoint_address": f"sb://localhost:{given.port}",
                   "transport_type": TransportType.Amqp}
    else:
        text = f"Endpoint=sb://127.0.0.1:{given.port};{KEY};EntityPath={given.address};UseDevelopmentEmulator=true"
    return kind.from_connection_string(text, retry_total=0, **options)


def properties(given):
    with connected(EventHubProducerClient, given) as client:
        hub = client.get_eventhub_properties()
        if hub["eventhub_name"] != given.address or "0" not in hub["partition_ids"]:
            raise SystemExit(f"the properties are {hub}")
        partition = client.get_partition_properties("0")
        if partition["id"] != "0" or partition["eventhub_name"] != given.address:
            raise SystemExit(f"the partition's properties are {partition}")
    return len(hub["partition_ids"])


def send(given):
    with connected(EventHubProducerClient, given) as client:
        batch = client.create_batch(partition_id="0")
        for n in range(given.count):
            batch.add(EventData(f"event {n}"))
        client.send_batch(batch)
    return len(batch)


def receive(given):
    client = connected(EventHubConsumerClient, given, consumer_group="$Default")
    taken = []

    def on_event(_partition, event):
        # None if nothing arrived in the time that is allowed.
        if event is not None:
            taken.append(event.body_as_str())
        if event is None or len(taken) == given.count:
            client.close()

    with client:
        client.receive(on_event, partition_id="0", starting_position="-1", max_wait_time=PATIENCE_S)
    due = [f"event {n}" for n in range(given.count)]
    if taken != due:
        raise SystemExit(f"{taken} where {due} were due")
    return len(taken)


JOBS = {job.__name__: job for job in (properties, send, receive)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("jobs", nargs="+", choices=list(JOBS))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--ca")
    given = parser.parse_args()
    print(json.dumps({job: JOBS[job](given) for job in given.jobs}), flush=True)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # the reason is one line, and not where in the client it arose
        sys.exit(f"{type(error).__name__}: {error}")
