//! Operations on messages: locks, peeking, deferred messages.

use alloc::vec::Vec;

use super::{body_of, operation};
use crate::{
    extensions::{
        azure::LockToken,
        management::{Operation, Response},
        status::items,
    },
    message::{Message, MessageError, ParseOptions},
    spec::definitions::ReceiverSettleMode,
    types::{Array, Map, Str, Timestamp, Value},
};

const LOCK_TOKENS: &str = "lock-tokens";
const MESSAGES: &str = "messages";

/// Renews the locks of messages. The answer has their [`expirations`].
///
/// ```
/// use amqp_proto::{extensions::azure::{LockToken, operations::renew_locks}, types::Uuid};
///
/// let operation = renew_locks([LockToken::from(Uuid::from_u128(7))]);
/// assert_eq!(operation.name(), "com.microsoft:renew-lock");
/// ```
pub fn renew_locks(tokens: impl IntoIterator<Item = LockToken>) -> Operation {
    operation("com.microsoft:renew-lock", Map::new().with(LOCK_TOKENS, array(tokens)))
}

/// Returns the ends of the locks, in the order of the request. There are none if one of them cannot be read, since the
/// others would be taken for those of other locks.
pub fn expirations(response: &Response) -> Vec<Timestamp> {
    let body = body_of(response);
    let times = body.get("expirations").and_then(items).unwrap_or_default();
    times.iter().map(Value::as_timestamp).collect::<Option<_>>().unwrap_or_default()
}

/// Asks for copies of messages from a sequence number on, without a lock. The answer has [`messages`].
///
/// ```
/// use amqp_proto::extensions::azure::operations::peek;
///
/// assert_eq!(peek(0, 10).name(), "com.microsoft:peek-message");
/// ```
pub fn peek(from_sequence_number: i64, count: i32) -> Operation {
    let body = Map::new().with("from-sequence-number", from_sequence_number).with("message-count", count);
    operation("com.microsoft:peek-message", body)
}

/// Receives deferred messages. The answer has [`messages`].
///
/// With [`ReceiverSettleMode::Second`] they are locked, and [`update_disposition`] settles them. With
/// [`ReceiverSettleMode::First`] they are removed at once.
///
/// ```
/// use amqp_proto::{extensions::azure::operations::receive_deferred, spec::definitions::ReceiverSettleMode};
///
/// let operation = receive_deferred([7, 8], ReceiverSettleMode::Second);
/// assert_eq!(operation.name(), "com.microsoft:receive-by-sequence-number");
/// ```
pub fn receive_deferred(
    sequence_numbers: impl IntoIterator<Item = i64>,
    mode: ReceiverSettleMode,
) -> Operation {
    let sequence_numbers: Array = sequence_numbers.into_iter().collect();
    let mode: u8 = match mode {
        ReceiverSettleMode::First => 0,
        ReceiverSettleMode::Second => 1,
    };
    let body = Map::new().with("sequence-numbers", sequence_numbers).with("receiver-settle-mode", mode);
    operation("com.microsoft:receive-by-sequence-number", body)
}

/// A message in the answer to [`peek`] or [`receive_deferred`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// The message.
    pub message: Message,
    /// The lock of a deferred message.
    pub lock_token: Option<LockToken>,
}

/// Reads the messages of an answer. They share its bytes.
///
/// # Errors
/// [`MessageError`] if one of them is malformed.
///
/// ```
/// use amqp_proto::{
///     extensions::{azure::operations::messages, management::Response},
///     frame::Payload,
/// };
///
/// fn print(answer: Payload) -> Result<(), Box<dyn core::error::Error>> {
///     for received in messages(&Response::parse(answer)?)? {
///         println!("{:?} {:?}", received.lock_token, received.message.message_id()?);
///     }
///     Ok(())
/// }
/// ```
pub fn messages(response: &Response) -> Result<Vec<ReceivedMessage>, MessageError> {
    // Service Bus takes messages without a body from some clients.
    let options = ParseOptions { body_required: false, ..ParseOptions::default() };
    let body = body_of(response);
    let entries = body.get(MESSAGES).and_then(items).unwrap_or_default();
    let read = |entry: &Value| {
        let entry = entry.as_map()?;
        let Value::Binary(message) = entry.get("message")? else { return None };
        let lock_token = entry.get("lock-token").and_then(Value::as_uuid).map(LockToken::from);
        let message = Message::parse(message.clone(), &options);
        Some(message.map(|message| ReceivedMessage { message, lock_token }))
    };
    entries.iter().filter_map(read).collect()
}

/// The end of deferred messages. See [`update_disposition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The messages are removed.
    Complete,
    /// The locks end, and the messages stay deferred.
    Abandon,
    /// The messages are deferred again.
    Defer,
    /// The messages go to the dead-letter queue.
    DeadLetter {
        /// A short reason.
        reason: Str,
        /// A longer text.
        description: Str,
    },
}

/// Settles messages without a delivery, such as deferred ones. The service sets the properties as
/// application-properties of the messages.
///
/// ```
/// use amqp_proto::{
///     extensions::azure::{LockToken, operations::{Disposition, update_disposition}},
///     types::{Map, Uuid},
/// };
///
/// let token = LockToken::from(Uuid::from_u128(7));
/// let operation = update_disposition([token], &Disposition::Complete, Map::new());
/// assert_eq!(operation.name(), "com.microsoft:update-disposition");
/// ```
pub fn update_disposition(
    tokens: impl IntoIterator<Item = LockToken>,
    disposition: &Disposition,
    properties: Map<Str>,
) -> Operation {
    let status = match disposition {
        Disposition::Complete => "completed",
        Disposition::Abandon => "abandoned",
        // The spelling is the service's.
        Disposition::Defer => "defered",
        Disposition::DeadLetter { .. } => "suspended",
    };
    let mut body = Map::new().with("disposition-status", status).with(LOCK_TOKENS, array(tokens));
    if let Disposition::DeadLetter { reason, description } = disposition {
        body.insert("deadletter-reason", reason.clone());
        body.insert("deadletter-description", description.clone());
    }
    if !properties.is_empty() {
        body.insert("properties-to-modify", properties);
    }
    operation("com.microsoft:update-disposition", body)
}

fn array(tokens: impl IntoIterator<Item = LockToken>) -> Array {
    tokens.into_iter().map(LockToken::uuid).collect()
}
