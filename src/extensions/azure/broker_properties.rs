//! The message-annotations that Service Bus and Event Hubs write.
//!
//! Sources: the protocol guide of Service Bus; the SDKs of Service Bus and Event Hubs.

use super::names;
use crate::{
    message::{Message, MessageBuilder, MessageError},
    types::{Str, Symbol, Timestamp, Value},
};

/// The state of a message in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageState {
    /// The message can be received.
    Active,
    /// The message was [deferred](super::defer).
    Deferred,
    /// The message is [scheduled](schedule_at) for a later time.
    Scheduled,
}

impl MessageState {
    /// Returns the number on the wire.
    pub const fn code(self) -> i32 {
        match self {
            Self::Active => 0,
            Self::Deferred => 1,
            Self::Scheduled => 2,
        }
    }

    fn from_code(code: i128) -> Option<Self> {
        let states = [Self::Active, Self::Deferred, Self::Scheduled];
        states.into_iter().find(|state| i128::from(state.code()) == code)
    }
}

/// The message-annotations that the service writes. One that is missing, or of another type, is `None`.
///
/// ```
/// use amqp_proto::{extensions::azure::{BrokerProperties, names}, message::Message};
///
/// let message = Message::builder().message_annotation(names::SEQUENCE_NUMBER, 7_i64).value("text").build();
/// let properties = BrokerProperties::of(&Message::try_from(message)?)?;
/// assert_eq!(properties.sequence_number, Some(7));
/// # Ok::<(), amqp_proto::message::MessageError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerProperties {
    /// The number of the message in its queue, or of the event in its partition.
    pub sequence_number: Option<i64>,
    /// The number of the message in the entity that it was sent to first.
    pub enqueue_sequence_number: Option<i64>,
    /// The time at which the message was enqueued.
    pub enqueued_time: Option<Timestamp>,
    /// The end of the message's lock.
    pub locked_until: Option<Timestamp>,
    /// The time before which the message is not delivered.
    pub scheduled_enqueue_time: Option<Timestamp>,
    /// The key by which a partition was chosen.
    pub partition_key: Option<Str>,
    /// The key for a message that goes through another entity.
    pub via_partition_key: Option<Str>,
    /// The place of the event in its partition.
    pub offset: Option<Str>,
    /// The publisher that the event was sent by.
    pub publisher: Option<Str>,
    /// The entity whose dead-letter queue has the message.
    pub dead_letter_source: Option<Str>,
    /// The state of the message.
    pub state: Option<MessageState>,
}

impl BrokerProperties {
    /// Reads the annotations of a message.
    ///
    /// # Errors
    /// [`MessageError`] if the message is malformed.
    pub fn of(message: &Message) -> Result<Self, MessageError> {
        let annotations = message.message_annotations()?.unwrap_or_default();
        let value = |name: Symbol| annotations.get(name.as_str());
        // A text of its own, because the properties can outlive the buffer that the message was read into.
        let text = |name| value(name).and_then(Value::as_str).map(Str::from);
        let time = |name| value(name).and_then(Value::as_timestamp);
        let number = |name| value(name).and_then(Value::as_i128);
        Ok(Self {
            sequence_number: number(names::SEQUENCE_NUMBER).and_then(|number| number.try_into().ok()),
            enqueue_sequence_number: number(names::ENQUEUE_SEQUENCE_NUMBER)
                .and_then(|number| number.try_into().ok()),
            enqueued_time: time(names::ENQUEUED_TIME),
            locked_until: time(names::LOCKED_UNTIL),
            scheduled_enqueue_time: time(names::SCHEDULED_ENQUEUE_TIME),
            partition_key: text(names::PARTITION_KEY),
            via_partition_key: text(names::VIA_PARTITION_KEY),
            offset: text(names::OFFSET),
            publisher: text(names::PUBLISHER),
            dead_letter_source: text(names::DEAD_LETTER_SOURCE),
            state: number(names::MESSAGE_STATE).and_then(MessageState::from_code),
        })
    }
}

/// Sets the time before which the service does not deliver a message.
///
/// ```
/// use amqp_proto::{
///     extensions::azure::{BrokerProperties, schedule_at},
///     message::Message,
///     types::Timestamp,
/// };
///
/// let later = Timestamp::from_millis(1_800_000_000_000);
/// let message = schedule_at(Message::builder().message_id("7"), later).data("text").build();
/// let properties = BrokerProperties::of(&Message::try_from(message)?)?;
/// assert_eq!(properties.scheduled_enqueue_time, Some(later));
/// # Ok::<(), amqp_proto::message::MessageError>(())
/// ```
#[must_use]
pub fn schedule_at<B>(message: MessageBuilder<B>, time: Timestamp) -> MessageBuilder<B> {
    message.message_annotation(names::SCHEDULED_ENQUEUE_TIME, time)
}

/// Sets the key by which the service chooses a partition.
///
/// ```
/// use amqp_proto::{extensions::azure::{BrokerProperties, with_partition_key}, message::Message};
///
/// let message = with_partition_key(Message::builder(), "customer-7").data("text").build();
/// let properties = BrokerProperties::of(&Message::try_from(message)?)?;
/// assert_eq!(properties.partition_key.as_deref(), Some("customer-7"));
/// # Ok::<(), amqp_proto::message::MessageError>(())
/// ```
#[must_use]
pub fn with_partition_key<B>(message: MessageBuilder<B>, key: &str) -> MessageBuilder<B> {
    message.message_annotation(names::PARTITION_KEY, key)
}
