//! The operation READ of the management nodes: what a queue is like, and what Event Hubs answer.

use amqp_proto::{
    extensions::{
        Status,
        management::{Entity, Operation},
    },
    message::{Message, MessageError},
    types::{Array, Map, Str, Timestamp, Value},
};

/// What a queue holds.
pub struct Depth {
    pub messages: usize,
    pub consumers: usize,
}

const QUEUE: &str = "queue";
const HUB: &str = "com.microsoft:eventhub";
const PARTITION: &str = "com.microsoft:partition";

/// Returns the answer to a request: a status and a body. `own` is the queue that the management node belongs to.
pub fn read(
    request: &Message,
    own: Option<&Str>,
    started: Timestamp,
    depth: impl Fn(&Str) -> Option<Depth>,
) -> Result<(Status, Value), MessageError> {
    let failed = |code, what: &'static str| Ok((Status::new(code).description(what), Value::Null));
    let Some(operation) = Operation::parse(request)? else {
        return failed(400, "the request names no operation");
    };
    if operation.name() != "READ" {
        return failed(501, "the operation is not one of this node");
    }
    let name = match operation.entity() {
        Some(Entity::Name(name) | Entity::Identity(name)) => Some(Str::from(name)),
        None => own.cloned(),
    };
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return failed(400, "the request names no entity");
    };
    let partition = operation.properties().get("partition").and_then(|value| value.as_str());
    let attributes = match operation.entity_type() {
        None | Some(QUEUE) => depth(&name).map(|depth| queue(&name, &depth)),
        // A queue is made on its first use, so each name is that of a hub.
        Some(HUB) => Some(hub(&name, started)),
        Some(PARTITION) if partition == Some("0") => Some(only_partition(&name, depth(&name), started)),
        _ => None,
    };
    match attributes {
        Some(attributes) => Ok((Status::new(200).description("OK"), attributes.into())),
        None => failed(404, "there is no such entity"),
    }
}

fn queue(name: &Str, depth: &Depth) -> Map<Str> {
    Map::<Str>::new()
        .with("name", name.clone())
        .with("type", QUEUE)
        .with("messages", depth.messages as u64)
        .with("consumers", depth.consumers as u64)
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

fn only_partition(name: &Str, depth: Option<Depth>, started: Timestamp) -> Map<Str> {
    // The broker numbers no messages: those in the queue count from 0.
    let messages = depth.map_or(0, |depth| i64::try_from(depth.messages).unwrap_or(i64::MAX));
    let last = messages.saturating_sub(1);
    Map::<Str>::new()
        .with("name", name.clone())
        .with("type", PARTITION)
        .with("partition", "0")
        .with("begin_sequence_number", 0_i64)
        .with("last_enqueued_sequence_number", last)
        .with("last_enqueued_offset", last.to_string())
        .with("last_enqueued_time_utc", started)
        .with("is_partition_empty", messages == 0)
}
