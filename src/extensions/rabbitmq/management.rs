//! A client of the node `/management`.

use core::time::Duration;

use super::{Request, Response, http::RequestMessage};
use crate::{
    CommandError, Connection, Event, Instant, SessionId,
    extensions::{CallEvent, LinkPair, RequestConfig, RequestId, Requests},
};

/// The address of RabbitMQ's management node.
pub const NODE: &str = "/management";
/// The name that RabbitMQ's clients use for both links.
const LINK_NAME: &str = "management-link-pair";

/// Something that happened to a [`Management`].
pub type ManagementEvent = CallEvent<Response>;

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
        self.requests.poll_event().map(|event| CallEvent::read(event, Response::parse))
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
