//! Management of a node by messages: AMQP Management, working draft 16.
//!
#![doc = include_str!("../../../docs/management.md")]

mod operation;
mod response;

pub use operation::{Entity, Operation};
pub use response::{QueryResult, QueryRow, Response};

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{RequestConfig, RequestEvent, RequestFailure, RequestId, Requests};
use crate::{CommandError, Connection, Event, Failure, Instant, SessionId, types::Str};

/// The address of a container's management node.
pub const NODE: &str = "$management";
/// The type of the management node itself.
pub const NODE_TYPE: &str = "org.amqp.management";
/// The name of the management node itself.
pub const NODE_NAME: &str = "self";

/// Something that happened to a [`Management`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ManagementEvent {
    /// An operation can be sent: the links are open, or a [temporary](CommandError::is_temporary) error is over.
    Ready,
    /// The answer to an operation has arrived. Its status can be that of an error.
    Answered {
        /// The request.
        id: RequestId,
        /// The answer.
        response: Box<Response>,
    },
    /// There is no answer, or none with a status.
    Failed {
        /// The request.
        id: RequestId,
        /// The reason.
        why: RequestFailure,
    },
    /// The links have ended. The last event.
    Closed {
        /// The reason, unless a link was closed without an error.
        failure: Option<Arc<Failure>>,
    },
}

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
        Some(match self.requests.poll_event()? {
            RequestEvent::Ready => ManagementEvent::Ready,
            RequestEvent::Answered { id, delivery } => match Response::parse(delivery.payload) {
                Ok(response) => ManagementEvent::Answered { id, response: Box::new(response) },
                Err(_) => ManagementEvent::Failed { id, why: RequestFailure::Malformed },
            },
            // Only without a receiver: an outcome is no answer to an operation.
            RequestEvent::Accepted { id } => ManagementEvent::Failed { id, why: RequestFailure::Malformed },
            RequestEvent::Failed { id, why } => ManagementEvent::Failed { id, why },
            RequestEvent::Closed { failure } => ManagementEvent::Closed { failure },
        })
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
