//! Handlers of what the callback API has no callback for.

use crate::{Connection, Event, Instant};

/// A handler of a connection's events that stands between the engine and the callbacks.
///
/// It is for what the callback API lacks, such as an [extension](crate::extensions) beside the connection.
/// [`ConnectionHandle::add_event_handler`](super::ConnectionHandle::add_event_handler) adds one. It runs inside
/// [`Agent::run_callbacks`](super::Agent::run_callbacks), and any function with the signature of
/// [`handle`](Self::handle) is one.
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
///
/// use amqp_proto::{
///     CommandError, Connection, Event, Instant, SessionConfig,
///     callback::{Agent, AgentConfig, EventHandler},
///     extensions::{
///         RequestConfig,
///         management::{Entity, Management, ManagementEvent, Operation},
///     },
/// };
///
/// /// Reads the attributes of a queue when the connection has opened.
/// #[derive(Default)]
/// struct ReadQueue(Option<Management>);
///
/// impl ReadQueue {
///     fn attach(&mut self, connection: &mut Connection) -> Result<(), CommandError> {
///         let session = connection.begin(SessionConfig::new())?;
///         let config = RequestConfig::new("admin-7");
///         self.0 = Some(Management::attach(connection, session, "$management", config)?);
///         Ok(())
///     }
/// }
///
/// impl EventHandler for ReadQueue {
///     fn handle(&mut self, now: Instant, connection: &mut Connection, event: Event) -> Option<Event> {
///         if event == Event::ConnectionOpen {
///             self.attach(connection).expect("the connection is open");
///         }
///         let management = self.0.as_mut()?;
///         let event = management.handle(now, connection, event);
///         while let Some(event) = management.poll_event() {
///             match event {
///                 ManagementEvent::Ready => {
///                     let read = Operation::read("queue", Entity::Name("orders"));
///                     management.call(now, connection, &read, None).expect("it is ready");
///                 }
///                 ManagementEvent::Answered { response, .. } => println!("{}", response.status.code),
///                 other => println!("{other:?}"),
///             }
///         }
///         event
///     }
///
///     fn poll_timeout(&self) -> Option<Instant> {
///         self.0.as_ref()?.poll_timeout()
///     }
///
///     fn handle_timeout(&mut self, now: Instant, connection: &mut Connection) {
///         if let Some(management) = &mut self.0 {
///             management.handle_timeout(now, connection);
///         }
///     }
/// }
///
/// # fn main() -> Result<(), amqp_proto::callback::AgentError> {
/// let mut agent = Agent::new(AgentConfig::new("container-1"));
/// let connection = agent.open_connection("amqp://broker.example", |event, _| println!("{event}"))?;
/// connection.add_event_handler(ReadQueue::default())?;
/// # Ok(())
/// # }
/// ```
pub trait EventHandler {
    /// Takes an event, or returns it for those behind: the handlers that were added later, and then the callbacks.
    ///
    /// It must return the events of the connection itself, and of the endpoints that were opened through handles. It may
    /// call everything of the connection but [`poll_event`](Connection::poll_event).
    fn handle(&mut self, now: Instant, connection: &mut Connection, event: Event) -> Option<Event>;

    /// Returns when [`handle_timeout`](Self::handle_timeout) is to be called. Default `None`: never.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Handles what is due. It must move the time of [`poll_timeout`](Self::poll_timeout).
    fn handle_timeout(&mut self, _now: Instant, _connection: &mut Connection) {}
}

impl<F> EventHandler for F
where
    F: FnMut(Instant, &mut Connection, Event) -> Option<Event>,
{
    fn handle(&mut self, now: Instant, connection: &mut Connection, event: Event) -> Option<Event> {
        self(now, connection, event)
    }
}
