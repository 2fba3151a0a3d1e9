//! RabbitMQ 4: addresses, management over a link pair, sources, and what its outcomes mean.
//!
//! Sources: RabbitMQ's documentation of AMQP 1.0, `rabbit_amqp_management.erl`, and RabbitMQ's clients for Java and Erlang.
//!
//! A program that declares a queue, binds it and sends to it:
//!
//! ```
//! use amqp_proto::{
//!     CommandError, Connection, Event, Instant, SenderConfig, SessionId,
//!     extensions::{
//!         RequestConfig,
//!         rabbitmq::{Address, Binding, Management, ManagementEvent, QueueDeclaration, Request},
//!     },
//! };
//!
//! fn attach(connection: &mut Connection, session: SessionId) -> Result<Management, CommandError> {
//!     Management::attach(connection, session, RequestConfig::new("setup"))
//! }
//!
//! fn on_event(
//!     now: Instant,
//!     connection: &mut Connection,
//!     session: SessionId,
//!     management: &mut Management,
//!     event: Event,
//! ) -> Result<(), CommandError> {
//!     let _of_somebody_else = management.handle(now, connection, event);
//!     while let Some(event) = management.poll_event() {
//!         match event {
//!             ManagementEvent::Ready => {
//!                 let declare = Request::declare_queue("orders", &QueueDeclaration::quorum());
//!                 management.call(now, connection, &declare, None)?;
//!                 let binding = Binding::of_queue("amq.topic", "orders", "order.#");
//!                 management.call(now, connection, &Request::bind(&binding), None)?;
//!                 let target = Address::exchange_key("amq.topic", "order.new");
//!                 connection.session(session)?.attach_sender(SenderConfig::to(target))?;
//!             }
//!             ManagementEvent::Answered { response, .. } if !response.is_success() => {
//!                 println!("{}: {}", response.status, response.explanation().unwrap_or_default());
//!             }
//!             ManagementEvent::Failed { why, .. } => println!("{why}"),
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! ```

mod address;
mod http;
mod management;
pub mod names;
mod operations;
mod outcome;
mod source;

pub use super::filters::StreamOffset;
pub use address::{Address, vhost};
pub use http::{Method, Request, Response};
pub use management::{Management, ManagementEvent, NODE};
pub use operations::{Binding, ExchangeDeclaration, QueueDeclaration, QueueInfo};
pub use outcome::{RejectReason, RejectedBy, dead_letter, is_unroutable, requeue};
pub use source::{is_active, stream_offset, volatile_queue};
