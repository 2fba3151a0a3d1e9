//! Management of a node by messages: AMQP Management, working draft 16.
//!
#![doc = include_str!("../../../docs/management.md")]

mod operation;
mod response;

pub use operation::{Entity, Operation};
pub use response::{QueryResult, QueryRow, Response};

use core::time::Duration;

use super::{CallEvent, RequestConfig, RequestId, Requests};
use crate::{CommandError, Connection, Event, Instant, SessionId, types::Str};

/// The address of a container's management node.
pub const NODE: &str = "$management";
/// The type of the management node itself.
pub const NODE_TYPE: &str = "org.amqp.management";
/// The name of the management node itself.
pub const NODE_NAME: &str = "self";

/// Something that happened to a [`Management`].
pub type ManagementEvent = CallEvent<Response>;

/// A client of a management node. The [module](self) has an example.
#[derive(Debug)]
pub struct Management {
    requests: Requests,
}

impl Management {
    /// Attaches to a management node, such as [`NODE`] or, at Service Bus, `ENTITY/$management`.
    ///
    /// # Errors
    /// Those of [`Requests::attach`].
    pub fn attach(
        connection: &mut Connection,
        session: SessionId,
        node: impl Into<Str>,
        config: RequestConfig,
    ) -> Result<Self, CommandError> {
        Requests::attach(connection, session, node, config).map(Self::over)
    }

    /// Manages over links that exist, such as those of a [`LinkPair`](super::LinkPair).
    pub const fn over(requests: Requests) -> Self {
        Self { requests }
    }

    /// Returns the links and their pending requests.
    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Asks for an operation.
    ///
    /// # Errors
    /// Those of [`Requests::send`].
    pub fn call(
        &mut self,
        now: Instant,
        connection: &mut Connection,
        operation: &Operation,
        timeout: Option<Duration>,
    ) -> Result<RequestId, CommandError> {
        self.requests.send(now, connection, operation.to_message(), timeout)
    }

    /// Closes both links. All pending operations fail.
    pub fn close(&mut self, connection: &mut Connection) {
        self.requests.close(connection);
    }

    /// Takes an event of the connection, and returns it if it is not about one of the links.
    pub fn handle(&mut self, now: Instant, connection: &mut Connection, event: Event) -> Option<Event> {
        self.requests.handle(now, connection, event)
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<ManagementEvent> {
        self.requests.poll_event().map(|event| CallEvent::read(event, Response::parse))
    }

    /// Returns the earliest deadline of an operation.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.requests.poll_timeout()
    }

    /// Fails the operations whose deadline has been reached.
    pub fn handle_timeout(&mut self, now: Instant, connection: &mut Connection) {
        self.requests.handle_timeout(now, connection);
    }
}
