//! The operations of the management nodes of Service Bus and Event Hubs: requests, and readers of their answers.
//!
//! Sources: "Request-response-based operations" of Service Bus; the SDKs of Service Bus and Event Hubs for .NET, Go and
//! JavaScript.
//!
//! | operation | request | answer |
//! |---|---|---|
//! | `renew-lock` | [`renew_locks`] | [`expirations`] |
//! | `peek-message` | [`peek`] | [`messages()`] |
//! | `receive-by-sequence-number` | [`receive_deferred`] | [`messages()`] |
//! | `update-disposition` | [`update_disposition`] | - |
//! | `schedule-message` | [`schedule()`] | [`sequence_numbers`] |
//! | `cancel-scheduled-message` | [`cancel_scheduled`] | - |
//! | `renew-session-lock` | [`renew_session_lock`] | [`expiration`] |
//! | `get-session-state`, `set-session-state` | [`get_session_state`], [`set_session_state`] | [`session_state`] |
//! | `get-message-sessions` | [`message_sessions`] | [`MessageSessions`] |
//! | `add-rule`, `remove-rule`, `enumerate-rules` | [`add_rule`], [`remove_rule`], [`enumerate_rules`] | [`rules()`] |
//! | READ of Event Hubs | [`read_event_hub`], [`read_partition`] | [`EventHubProperties`], [`PartitionProperties`] |
//!
//! The node of Service Bus is [`ENTITY/$management`](super::service_bus::management), that of Event Hubs
//! [`$management`](crate::extensions::management::NODE). A status of 204 stands for an empty answer, so the readers of
//! lists return an empty one.
//!
//! ```
//! use amqp_proto::{
//!     CommandError, Connection, Delivery, Instant,
//!     extensions::{
//!         RequestId,
//!         azure::{LockToken, names, operations},
//!         management::{Management, Response},
//!     },
//!     types::Timestamp,
//! };
//!
//! fn renew(
//!     now: Instant,
//!     connection: &mut Connection,
//!     management: &mut Management,
//!     delivery: &Delivery,
//! ) -> Result<Option<RequestId>, CommandError> {
//!     let Some(token) = LockToken::of(&delivery.tag) else { return Ok(None) };
//!     // The service finds the lock faster with the name of the link that the message was received on.
//!     let operation = operations::renew_locks([token]).property(names::ASSOCIATED_LINK_NAME, "receiver-1");
//!     management.call(now, connection, &operation, None).map(Some)
//! }
//!
//! fn renewed(response: &Response) -> Option<Timestamp> {
//!     operations::expirations(response).first().copied()
//! }
//! ```

mod event_hubs;
mod messages;
mod rules;
mod schedule;
mod sessions;

pub use event_hubs::{EventHubProperties, PartitionProperties, read_event_hub, read_partition};
pub use messages::{
    Disposition, ReceivedMessage, expirations, messages, peek, receive_deferred, renew_locks,
    update_disposition,
};
pub use rules::{CorrelationFilter, Rule, RuleFilter, add_rule, enumerate_rules, remove_rule, rules};
pub use schedule::{ScheduleError, cancel_scheduled, schedule, sequence_numbers};
pub use sessions::{
    MessageSessions, expiration, get_session_state, message_sessions, renew_session_lock, session_state,
    set_session_state,
};

use crate::{
    extensions::management::{Operation, Response},
    types::{Map, Str, Value},
};

/// Restricts an operation to the messages of a session, as a receiver with a session has to.
///
/// ```
/// use amqp_proto::{extensions::azure::operations::{in_session, peek}, types::Value};
///
/// let operation = in_session(peek(0, 10), "customer-7");
/// let session = operation.body_value().as_map().and_then(|body| body.get("session-id"));
/// assert_eq!(session, Some(&Value::from("customer-7")));
/// ```
#[must_use]
pub fn in_session(operation: Operation, session: &str) -> Operation {
    let mut body = operation.body_value().as_map().cloned().unwrap_or_default();
    body.insert(SESSION_ID, session);
    operation.body(body)
}

/// Returns an operation of Service Bus with a body.
fn operation(name: &'static str, body: Map<Str>) -> Operation {
    Operation::new(Str::from_static(name)).body(body)
}

/// Returns the body of an answer, empty if it is not a map.
fn body_of(response: &Response) -> Map {
    match response.message.body_as::<Value>() {
        Ok(Value::Map(body)) => body,
        _ => Map::new(),
    }
}

const SESSION_ID: &str = "session-id";
const SKIP: &str = "skip";
const TOP: &str = "top";
