//! Messages in the standard's own format (3.2): a lazy reader and a builder.
//!
//! [`Message::parse`] finds the sections of a payload and checks their order. Accessors decode the contents. In the
//! other direction, [`Message::builder`] starts a new message, [`Message::to_builder`] a copy, [`Message::reply`] an
//! answer, and [`Message::forward`] the payload for the next hop. [`HeadParser`] reads the sections before a body
//! that is still arriving.
//!
//! The engine carries payloads of any message-format (2.8.11) without reading them. This module reads message-format
//! 0 only ([`MESSAGE_FORMAT`](crate::spec::messaging::MESSAGE_FORMAT)), so check the delivery's message-format before
//! parsing.
//!
//! # What keeps memory alive
//! Nothing is copied out of a payload in one chunk: strings, symbols, binaries and data sections are slices of it. A
//! received payload is itself a slice of the block that it was read into. Keeping a property of ten bytes can
//! therefore keep a read block of 64 KiB. To keep a part for long, copy it:
//! [`Str::detach`](crate::types::Str::detach), [`Symbol::detach`](crate::types::Symbol::detach),
//! [`Payload::detach`](crate::frame::Payload::detach), [`Message::detach`].
//!
//! ```
//! use amqp_proto::message::{BodyKind, Message, ParseOptions};
//!
//! let payload = Message::builder()
//!     .durable(true)
//!     .message_id(7_u64)
//!     .to("queue")
//!     .application_property("colour", "blue")
//!     .data("hello")
//!     .build();
//!
//! let message = Message::parse(payload, &ParseOptions::default())?;
//! assert_eq!(message.to()?.as_deref(), Some("queue"));
//! assert_eq!(message.application_property("colour")?, Some("blue".into()));
//! assert_eq!(message.body_as::<String>().unwrap_err().found, Some(BodyKind::Data));
//! assert_eq!(message.body_as::<Vec<u8>>()?, b"hello");
//! # Ok::<(), amqp_proto::message::MessageError>(())
//! ```

mod body;
mod body_as;
mod body_states;
mod borrowed;
mod builder;
mod copy;
mod cursor;
mod elements;
mod encoded;
mod entries;
mod error;
mod forward;
mod head;
mod header;
mod pairs;
mod parts;
mod property;
mod reader;
mod scan;
mod section;
mod simple;

#[cfg(test)]
mod tests;

pub use crate::spec::messaging::{MessageIdRef, PropertiesRef};
pub use body::{Body, BodyKind};
pub use body_as::{BodyError, FromBody};
pub use body_states::{DataBody, HasBody, NoBody, SequenceBody, SharedBody, ValueBody};
pub use borrowed::{ApplicationPropertiesRef, SimpleRef};
pub use builder::MessageBuilder;
pub use entries::AnnotationKeyRef;
pub use error::{MessageError, MessageErrorKind};
pub use forward::Forward;
pub use head::{HeadParser, MessageHead};
pub use reader::{Message, ParseOptions};
pub use section::{Section, SectionKind};
pub use simple::{ApplicationProperties, SimpleType, SimpleValue, SimpleValueError};
