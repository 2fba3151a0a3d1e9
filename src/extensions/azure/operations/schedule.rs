//! Operations on scheduled messages.

use alloc::vec::Vec;

use thiserror::Error;

use super::{SESSION_ID, body_of, operation};
use crate::{
    extensions::{
        azure::BrokerProperties,
        management::{Operation, Response},
        status::items,
    },
    message::{Message, MessageError},
    spec::messaging::MessageId,
    types::{Array, Map, Str, Value},
};

const SEQUENCE_NUMBERS: &str = "sequence-numbers";

/// The reason why a message cannot be scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The message is malformed.
    #[error(transparent)]
    Malformed(#[from] MessageError),
    /// The message has no message-id that is a string.
    #[error("the message has no message-id that is a string")]
    NoMessageId,
    /// The message has no time: see [`schedule_at`](crate::extensions::azure::schedule_at).
    #[error("the message has no annotation x-opt-scheduled-enqueue-time")]
    NoTime,
}

/// Schedules messages for the times that [`schedule_at`](crate::extensions::azure::schedule_at) has set. The answer has
/// their [`sequence_numbers`].
///
/// # Errors
/// [`ScheduleError`] if one of the messages has no time or no message-id.
///
/// ```
/// use amqp_proto::{
///     extensions::azure::{operations::{ScheduleError, schedule}, schedule_at},
///     message::Message,
///     types::Timestamp,
/// };
///
/// let later = Timestamp::from_millis(1_800_000_000_000);
/// let message = schedule_at(Message::builder().message_id("7"), later).data("text").build();
/// let operation = schedule([&Message::try_from(message)?])?;
/// assert_eq!(operation.name(), "com.microsoft:schedule-message");
/// # Ok::<(), ScheduleError>(())
/// ```
pub fn schedule<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Result<Operation, ScheduleError> {
    let entries = messages.into_iter().map(|message| entry(message).map(Value::from));
    let entries: Vec<Value> = entries.collect::<Result<_, _>>()?;
    Ok(operation("com.microsoft:schedule-message", Map::new().with("messages", entries)))
}

fn entry(message: &Message) -> Result<Map<Str>, ScheduleError> {
    let Some(MessageId::String(message_id)) = message.message_id()? else {
        return Err(ScheduleError::NoMessageId);
    };
    let properties = BrokerProperties::of(message)?;
    if properties.scheduled_enqueue_time.is_none() {
        return Err(ScheduleError::NoTime);
    }
    let mut entry = Map::new().with("message-id", message_id);
    let texts = [
        (SESSION_ID, message.group_id()?),
        ("partition-key", properties.partition_key),
        ("via-partition-key", properties.via_partition_key),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            entry.insert(key, text);
        }
    }
    entry.insert("message", message.payload().into_bytes());
    Ok(entry)
}

/// Returns the numbers of scheduled messages, in the order of the request. There are none if one of them cannot be read,
/// since the others would be taken for those of other messages.
///
/// ```
/// use amqp_proto::{extensions::{azure::operations::{cancel_scheduled, sequence_numbers}, management::Response}};
///
/// fn cancel_again(scheduled: &Response) {
///     let operation = cancel_scheduled(sequence_numbers(scheduled));
///     println!("{operation:?}");
/// }
/// ```
pub fn sequence_numbers(response: &Response) -> Vec<i64> {
    let body = body_of(response);
    let numbers = body.get(SEQUENCE_NUMBERS).and_then(items).unwrap_or_default();
    numbers.iter().map(Value::as_i64).collect::<Option<_>>().unwrap_or_default()
}

/// Cancels scheduled messages.
///
/// ```
/// use amqp_proto::extensions::azure::operations::cancel_scheduled;
///
/// assert_eq!(cancel_scheduled([7, 8]).name(), "com.microsoft:cancel-scheduled-message");
/// ```
pub fn cancel_scheduled(sequence_numbers: impl IntoIterator<Item = i64>) -> Operation {
    let sequence_numbers: Array = sequence_numbers.into_iter().collect();
    operation("com.microsoft:cancel-scheduled-message", Map::new().with(SEQUENCE_NUMBERS, sequence_numbers))
}
