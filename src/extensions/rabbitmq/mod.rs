//! RabbitMQ 4: addresses, management over a link pair, sources, and what its outcomes mean.
//!
//! Sources: RabbitMQ's documentation of AMQP 1.0, `rabbit_amqp_management.erl`, and RabbitMQ's clients for Java and Erlang.
//!
#![doc = include_str!("../../../docs/rabbitmq_queue.md")]
#![doc = include_str!("../../../docs/rabbitmq_stream.md")]

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
