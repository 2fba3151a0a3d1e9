//! Operations on sessions: their locks, their states and their ids.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{SESSION_ID, SKIP, TOP, body_of, operation};
use crate::{
    extensions::{
        management::{Operation, Response},
        status::texts,
    },
    types::{Map, Str, Timestamp, Value},
};

const SESSION_STATE: &str = "session-state";
/// The spelling is the service's.
const SESSION_IDS: &str = "sessions-ids";

fn on_session(name: &'static str, session: &str) -> Operation {
    operation(name, Map::new().with(SESSION_ID, session))
}

/// Renews the lock of a session. The answer has its [`expiration`].
///
/// ```
/// use amqp_proto::extensions::azure::operations::renew_session_lock;
///
/// assert_eq!(renew_session_lock("customer-7").name(), "com.microsoft:renew-session-lock");
/// ```
pub fn renew_session_lock(session: &str) -> Operation {
    on_session("com.microsoft:renew-session-lock", session)
}

/// Returns the end of the lock of a session.
pub fn expiration(response: &Response) -> Option<Timestamp> {
    body_of(response).get("expiration").and_then(Value::as_timestamp)
}

/// Asks for the state of a session. The answer has the [`session_state`].
///
/// ```
/// use amqp_proto::extensions::azure::operations::get_session_state;
///
/// assert_eq!(get_session_state("customer-7").name(), "com.microsoft:get-session-state");
/// ```
pub fn get_session_state(session: &str) -> Operation {
    on_session("com.microsoft:get-session-state", session)
}

/// Returns the state of a session, or `None` if it has none. It shares the bytes of the answer.
pub fn session_state(response: &Response) -> Option<Bytes> {
    match body_of(response).get(SESSION_STATE)? {
        Value::Binary(state) => Some(state.clone()),
        _ => None,
    }
}

/// Sets the state of a session. `None` removes it.
///
/// ```
/// use amqp_proto::extensions::azure::operations::set_session_state;
///
/// let operation = set_session_state("customer-7", Some("three items".into()));
/// assert_eq!(operation.name(), "com.microsoft:set-session-state");
/// ```
pub fn set_session_state(session: &str, state: Option<Bytes>) -> Operation {
    let body = Map::new().with(SESSION_ID, session).with(SESSION_STATE, state);
    operation("com.microsoft:set-session-state", body)
}

/// Asks for the ids of the sessions whose state was set after a time, one page at a time. The answer has
/// [`MessageSessions`].
///
/// The older SDK for .NET asks with the end of the year 9999 for the sessions that have messages.
///
/// ```
/// use amqp_proto::{extensions::azure::operations::message_sessions, types::Timestamp};
///
/// let operation = message_sessions(Timestamp::from_millis(0), 0, 100);
/// assert_eq!(operation.name(), "com.microsoft:get-message-sessions");
/// ```
pub fn message_sessions(updated_after: Timestamp, skip: i32, top: i32) -> Operation {
    let body = Map::new().with("last-updated-time", updated_after).with(SKIP, skip).with(TOP, top);
    operation("com.microsoft:get-message-sessions", body)
}

/// A page of the sessions of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageSessions {
    /// The ids. After the last page there are none.
    pub ids: Vec<Str>,
    /// The number of sessions before the next page.
    pub skip: i32,
}

impl MessageSessions {
    /// Reads the answer to [`message_sessions`].
    ///
    /// ```
    /// use amqp_proto::{
    ///     extensions::{azure::operations::MessageSessions, management::Response},
    ///     message::Message,
    ///     types::{Array, Map, Str},
    /// };
    ///
    /// let ids: Array = ["a", "b"].map(Str::from).into_iter().collect();
    /// let body = Map::<Str>::new().with("skip", 2).with("sessions-ids", ids);
    /// let answer = Message::builder().application_property("statusCode", 200).value(body).build();
    /// assert_eq!(MessageSessions::of(&Response::parse(answer)?).ids, ["a", "b"]);
    /// # Ok::<(), amqp_proto::extensions::StatusError>(())
    /// ```
    pub fn of(response: &Response) -> Self {
        let body = body_of(response);
        Self {
            ids: body.get(SESSION_IDS).map(texts).unwrap_or_default(),
            skip: body.get(SKIP).and_then(Value::as_i32).unwrap_or_default(),
        }
    }
}
