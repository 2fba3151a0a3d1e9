//! AMQP through callbacks, for programs that are written that way: an [`Agent`] owns everything, handles stand for
//! its connections, sessions, senders and receivers, and one function can manage them all.
//!
//! It is a thin layer over [`Connection`](crate::Connection), for one thread, and does no I/O either: the caller
//! moves the octets of each connection between the agent and a transport.
//!
//! 1. Open: [`Agent::open_connection`], [`ConnectionHandle::open_session`], [`SessionHandle::open_sender`],
//!    [`SessionHandle::open_receiver`]. Each returns a handle at once, before anything is open, and
//!    [`is_open`](SenderHandle::is_open) answers at any time. Nothing need be waited for: a sender can be opened on
//!    a session that is not open yet, and takes messages before it is open itself.
//! 2. Move octets: give what was read to [`Agent::input`], then call [`Agent::pump`], then write what
//!    [`Agent::output`] has; [`ConnectionHandle::endpoint`] says where to. Pump and write again at
//!    [`Agent::next_timeout`]; tell the end of the transport to [`Agent::eof`], and close it when
//!    [`Agent::is_closed`].
//! 3. Callbacks run from `pump` alone, one after the other. They get the name of an event and, for an error, its
//!    text: `CONNECTION_OPEN`, `CONNECTION_CLOSED`, `CONNECTION_ERROR`, and the same of `SESSION`, `SENDER` and
//!    `RECEIVER`. What has no callback of its own has its events told to its connection's.
//! 4. Close: drop the handle, in any order and anywhere, inside a callback too. What lies in it goes first; the
//!    events that tell of it still come.
//!
//! An OPEN comes at most once, and exactly one of CLOSED and ERROR ends the story; an ERROR can come without an
//! OPEN. CLOSED is an end without an error, whoever brought it about.
//!
//! What is called or dropped inside a callback takes effect when the callback has returned. Handles only refer to
//! the agent's objects, so a callback can own the handles of what it manages; what it owns lives until the event
//! that ends its object, and an object that only its own callback holds lives as long as its connection.
//!
//! ```
//! use amqp_proto::{Instant, callback::{Agent, Settings}};
//! use std::{cell::RefCell, rc::Rc};
//! let events = Rc::new(RefCell::new(Vec::new()));
//! let (log, now) = (events.clone(), Instant::default());
//! let mut agent = Agent::new(Settings::new("container-1"));
//! let connection = agent
//!     .open_connection("amqp://broker.example", move |event, detail| {
//!         log.borrow_mut().push((event.to_owned(), detail.map(str::to_owned)));
//!     })
//!     .unwrap();
//! let session = connection.open_session(None).unwrap();
//! assert_eq!((connection.endpoint().unwrap().port, session.is_open()), (5672, false));
//! // Here the octets go to a transport, which ends without an answer.
//! assert!(!agent.output(connection.id(), now).unwrap().is_empty());
//! agent.eof(connection.id(), now);
//! agent.pump(now);
//! let lost = Some("amqp:connection:forced: the transport was lost".to_owned());
//! assert_eq!(*events.borrow(), [("SESSION_ERROR".to_owned(), lost.clone()), ("CONNECTION_ERROR".to_owned(), lost)]);
//! ```

mod agent;
mod delivery;
mod handle;
mod managed;
mod registry;
mod settings;
mod url;

pub use agent::Agent;
pub use delivery::Delivery;
pub use handle::{ConnectionHandle, ReceiverHandle, SenderHandle, SessionHandle};
pub use registry::{Callback, ConnectionId, Counts};
pub use settings::{AgentError, Settings};
pub use url::{Endpoint, Url, UrlError};
