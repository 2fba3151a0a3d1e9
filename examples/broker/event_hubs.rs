//! The attributes of event hubs: each is a queue with one partition, whose events stay.

use amqp_proto::{
    extensions::management::Operation,
    types::{Array, Map, Str, Timestamp},
};

use crate::queue::Queue;

const HUB: &str = "com.microsoft:eventhub";
const PARTITION: &str = "com.microsoft:partition";

/// Returns the attributes of a hub or of its partition, or `None` if it is neither.
pub fn read(
    operation: &Operation,
    name: &Str,
    queue: Option<&Queue>,
    started: Timestamp,
) -> Option<Map<Str>> {
    let partition = operation.properties().get("partition").and_then(|value| value.as_str());
    match operation.entity_type() {
        // A queue is made on its first use, so each name is that of a hub.
        Some(HUB) => Some(hub(name, started)),
        Some(PARTITION) if partition == Some("0") => Some(only_partition(name, queue, started)),
        _ => None,
    }
}

fn hub(name: &Str, started: Timestamp) -> Map<Str> {
    let partitions: Array = [Str::from_static("0")].into_iter().collect();
    Map::<Str>::new()
        .with("name", name.clone())
        .with("type", HUB)
        .with("created_at", started)
        .with("partition_count", 1_i32)
        .with("partition_ids", partitions)
}

fn only_partition(name: &Str, queue: Option<&Queue>, started: Timestamp) -> Map<Str> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let last = queue.map_or(0, Queue::last_number);
    let first = queue.and_then(|queue| queue.available.from(0).next());
    let newest = queue.and_then(|queue| queue.available.get(last));
    Map::<Str>::new()
        .with("name", name.clone())
        .with("type", PARTITION)
        .with("partition", "0")
        .with("begin_sequence_number", number(first.map_or(last, |(first, _)| first)))
        .with("last_enqueued_sequence_number", number(last))
        .with("last_enqueued_offset", last.to_string())
        .with("last_enqueued_time_utc", newest.map_or(started, |message| message.enqueued))
        .with("is_partition_empty", first.is_none())
}
