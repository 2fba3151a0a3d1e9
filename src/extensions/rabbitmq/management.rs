//! A client of the node `/management`.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{Request, Response, http::RequestMessage};
use crate::{
    CommandError, Connection, Event, Failure, Instant, SessionId,
    extensions::{LinkPair, RequestConfig, RequestEvent, RequestFailure, RequestId, Requests},
};

/// The address of RabbitMQ's management node.
pub const NODE: &str = "/management";
/// The name that RabbitMQ's clients use for both links.
const LINK_NAME: &str = "management-link-pair";

/// Something that happened to a [`Management`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManagementEvent {
    /// A request can be sent: the links are open, or a [temporary](CommandError::is_temporary) error is over.
    Ready,
    /// The answer to a request has arrived. Its status can be that of an error.
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

/// A client of RabbitMQ's management node, over a link pair. The [module](super) has an example.
#[derive(Debug)]
pub struct Management {
    requests: Requests,
}

impl Management {
    /// Attaches a link pair to the management node.
    ///
    /// RabbitMQ offers it with the capability of a [`LinkPair`] in its open.
    ///
    /// # Errors
    /// Those of [`LinkPair::attach`].
    pub fn attach(
        connection: &mut Connection,
        session: SessionId,
        config: RequestConfig,
    ) -> Result<Self, CommandError> {
        LinkPair::attach(connection, session, LINK_NAME, NODE, config).map(Self::over)
    }

    /// Manages over links that exist.
    pub const fn over(requests: Requests) -> Self {
        Self { requests }
    }

    /// Returns the links and their pending requests.
    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Sends a request.
    ///
    /// # Errors
    /// Those of [`Requests::send`].
    pub fn call(
        &mut self,
        now: Instant,
        connection: &mut Connection,
        request: &Request,
        timeout: Option<Duration>,
    ) -> Result<RequestId, CommandError> {
        match request.message() {
            RequestMessage::Value(message) => self.requests.send(now, connection, message, timeout),
            RequestMessage::Data(message) => self.requests.send(now, connection, message, timeout),
        }
    }

    /// Closes both links. All pending requests fail.
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
            // Only without a receiver: an outcome is no answer to a request.
            RequestEvent::Accepted { id } => ManagementEvent::Failed { id, why: RequestFailure::Malformed },
            RequestEvent::Failed { id, why } => ManagementEvent::Failed { id, why },
            RequestEvent::Closed { failure } => ManagementEvent::Closed { failure },
        })
    }

    /// Returns the earliest deadline of a request.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.requests.poll_timeout()
    }

    /// Fails the requests whose deadline has been reached.
    pub fn handle_timeout(&mut self, now: Instant, connection: &mut Connection) {
        self.requests.handle_timeout(now, connection);
    }
}
