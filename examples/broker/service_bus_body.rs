//! The bodies of Service Bus' operations: maps whose values some clients write as lists, others as arrays.

use amqp_proto::{
    frame::Payload,
    types::{Array, Kind, Map, Str, Timestamp, Uuid, Value},
};
use bytes::Bytes;

use crate::management::items;

/// Returns a value of a request's body. Azure's SDK for Python writes some keys as binaries.
pub fn field<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    let is_named = |key: &Value| key.as_str() == Some(name) || key.as_bytes() == Some(name.as_bytes());
    body.as_map()?.iter().find(|(key, _)| is_named(key)).map(|(_, value)| value)
}

pub fn number(body: &Value, name: &str) -> Option<u64> {
    // Those below 0 stand for the first one.
    let number = field(body, name)?.as_i128()?.max(0);
    u64::try_from(number).ok()
}

pub fn numbers(body: &Value, name: &str) -> Vec<u64> {
    let values = field(body, name).map(items).unwrap_or_default();
    values.iter().filter_map(|value| u64::try_from(value.as_i128()?).ok()).collect()
}

pub fn tokens(body: &Value) -> Vec<Uuid> {
    let values = field(body, "lock-tokens").map(items).unwrap_or_default();
    values.iter().filter_map(Value::as_uuid).collect()
}

pub fn text(body: &Value, name: &str) -> Option<Str> {
    let value = field(body, name)?;
    let text = value.as_str().or_else(|| std::str::from_utf8(value.as_bytes()?).ok());
    text.map(Str::from)
}

/// Returns the messages to schedule, in their encoding.
pub fn messages(body: &Value) -> Vec<Bytes> {
    let entries = field(body, "messages").map(items).unwrap_or_default();
    let message = |entry| match field(entry, "message") {
        Some(Value::Binary(bytes)) => Some(bytes.clone()),
        _ => None,
    };
    entries.iter().filter_map(message).collect()
}

/// Returns an entry of an answer's `messages`.
pub fn entry(message: Payload, token: Option<Uuid>) -> Value {
    let map = Map::<Str>::new().with("message", Value::Binary(message.into_bytes()));
    match token {
        Some(token) => map.with("lock-token", token),
        None => map,
    }
    .into()
}

pub fn sequence_numbers(numbers: &[u64]) -> Map<Str> {
    let numbers: Array = numbers.iter().map(|number| i64::try_from(*number).unwrap_or(i64::MAX)).collect();
    Map::<Str>::new().with("sequence-numbers", numbers)
}

pub fn expirations(count: usize, end: Timestamp) -> Map<Str> {
    let ends = Array::new(Kind::Timestamp, vec![end.into(); count]).map_or(Value::Null, Value::from);
    Map::<Str>::new().with("expirations", ends)
}

/// Returns the lock token that a delivery's tag is. Service Bus has the bytes of its tags in the order of .NET.
pub fn tag_of(token: Uuid) -> u128 {
    let mut bytes = token.to_bytes();
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    u128::from_be_bytes(bytes)
}
