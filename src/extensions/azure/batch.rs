//! Batches: one delivery that has many messages.
//!
//! Sources: the batches of the SDKs of Service Bus and Event Hubs. The message-format is
//! [`BATCH_FORMAT`]. Each data section is an encoded message. The sections before them are
//! those of the first message.
//!
#![doc = include_str!("../../../docs/event_hubs.md")]

use alloc::vec::Vec;

use bytes::Bytes;
use thiserror::Error;

use super::names::BATCH_FORMAT;
use crate::{
    SendOptions,
    codec::format_code,
    frame::Payload,
    message::{BodyKind, Message, MessageError, ParseOptions, SectionKind},
};

/// From this size on, a batch shares the bytes of a message instead of copying them.
const BY_REFERENCE: usize = 1024;

/// The most sections before the data sections.
const ENVELOPE: u32 = 3;

/// The start of a data section (3.2.6).
const DATA_DESCRIPTOR: [u8; 3] = [0x00, 0x53, 0x75];

/// The reason why a message does not go into a [`Batch`], or why a payload is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BatchError {
    /// With the message, the batch would be larger than its receiver takes.
    #[error("the batch would have {size} bytes, more than the {max} that its receiver takes")]
    TooLarge {
        /// The size that the batch would have, in bytes.
        size: u64,
        /// The greatest size that it may have.
        max: u64,
    },
    /// The batch has as many messages as most readers take: [`ParseOptions::max_sections`] sections by default.
    #[error("a batch has {max} messages at most")]
    TooMany {
        /// The greatest number of messages.
        max: u32,
    },
    /// The message, or the whole batch, is malformed.
    #[error(transparent)]
    Malformed(#[from] MessageError),
    /// The body of the payload is not of data sections.
    #[error("the body of a batch is of data sections")]
    NotData,
}

/// A batch that is being built: messages up to the size that the receiver takes.
///
/// The message-annotations, properties and application-properties of the first message are also those of the batch.
/// The service chooses a partition and a session by them, so all messages should have the same partition key and
/// group-id. A message of 1 KiB or more is shared, not copied.
///
/// ```
/// use amqp_proto::{
///     extensions::azure::batch::{Batch, BatchError, read},
///     message::{Message, ParseOptions},
/// };
///
/// // The greatest size is that of the peer's attach.
/// let mut batch = Batch::new(Some(60));
/// batch.push(Message::builder().data("first").build())?;
/// batch.push(Message::builder().data("second").build())?;
/// let third = batch.push(Message::builder().data([0; 50].to_vec()).build());
/// assert!(matches!(third, Err(BatchError::TooLarge { max: 60, .. })));
///
/// let payload = batch.build().ok_or(BatchError::NotData)?;
/// let read = read(payload, &ParseOptions::default())?;
/// assert_eq!(read.messages().count(), 2);
/// # Ok::<(), BatchError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Batch {
    max_size: u64,
    size: u64,
    len: usize,
    /// The sections so far but for their last bytes.
    finished: Payload,
    last: Vec<u8>,
}

impl Batch {
    /// Returns an empty batch. The greatest size is the `max-message-size` of the peer's attach; without one, or if it
    /// is 0, any size is allowed (2.7.3).
    pub fn new(max_message_size: Option<u64>) -> Self {
        let max_size = max_message_size.filter(|size| *size > 0).unwrap_or(u64::MAX);
        Self { max_size, size: 0, len: 0, finished: Payload::new(), last: Vec::new() }
    }

    /// Appends an encoded message.
    ///
    /// # Errors
    /// [`BatchError::TooLarge`] if it does not fit, [`BatchError::TooMany`] if the batch is full,
    /// [`BatchError::Malformed`] if it is not a message. The batch has not changed then.
    pub fn push(&mut self, message: impl Into<Payload>) -> Result<(), BatchError> {
        // A reader counts the sections of the envelope too.
        let max = ParseOptions::default().max_sections.saturating_sub(ENVELOPE);
        if u32::try_from(self.len).is_ok_and(|len| len >= max) {
            return Err(BatchError::TooMany { max });
        }
        let payload = message.into();
        let message = Message::parse(payload.clone(), &ParseOptions::default())?;
        let envelope = if self.is_empty() { envelope_of(&message) } else { Payload::new() };
        let head = data_head(payload.len());
        let added = [envelope.len(), head.len(), payload.len()];
        let size = added.into_iter().fold(self.size, |sum, len| sum.saturating_add(to_u64(len)));
        // 1.6.19: a binary has 2^32 - 1 bytes at most.
        let binary_fits = u32::try_from(payload.len()).is_ok();
        let max = if binary_fits { self.max_size } else { self.max_size.min(u32::MAX.into()) };
        if size > max {
            return Err(BatchError::TooLarge { size, max });
        }
        envelope.chunks().for_each(|chunk| self.append(chunk));
        self.last.extend_from_slice(&head);
        payload.chunks().for_each(|chunk| self.append(chunk));
        self.size = size;
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    fn append(&mut self, chunk: &Bytes) {
        if chunk.len() < BY_REFERENCE {
            self.last.extend_from_slice(chunk);
        } else {
            self.finished.push(core::mem::take(&mut self.last).into());
            self.finished.push(chunk.clone());
        }
    }

    /// Returns the number of messages.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True if there are no messages.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the size of the payload, in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the payload, to be sent with [`send_options`], or `None` if there are no messages.
    pub fn build(self) -> Option<Payload> {
        let Self { len, mut finished, last, .. } = self;
        finished.push(last.into());
        (len > 0).then_some(finished)
    }
}

/// Returns the options that a batch is sent with: its message-format.
///
/// ```
/// use amqp_proto::{CommandError, DeliveryId, Connection, SenderId, extensions::azure::batch::{self, Batch}};
///
/// fn send(connection: &mut Connection, sender: SenderId, batch: Batch) -> Result<Option<DeliveryId>, CommandError> {
///     let Some(payload) = batch.build() else { return Ok(None) };
///     connection.sender(sender)?.send_with(7_u32, payload, &batch::send_options()).map(Some)
/// }
/// ```
pub fn send_options() -> SendOptions {
    SendOptions::new().message_format(BATCH_FORMAT)
}

/// The messages of a batch.
#[derive(Clone, Debug)]
pub struct BatchMessages {
    envelope: Message,
    options: ParseOptions,
}

impl BatchMessages {
    /// Returns the batch as one message: the sections of the first message, and a body of data sections.
    pub const fn envelope(&self) -> &Message {
        &self.envelope
    }

    /// Returns the messages in order. They share the bytes of the batch. One that is malformed is an error, and those
    /// after it follow.
    pub fn messages(&self) -> impl Iterator<Item = Result<Message, MessageError>> + '_ {
        self.envelope.data_sections().map(|section| Message::parse(section, &self.options))
    }
}

/// Reads a batch: a delivery whose message-format is [`BATCH_FORMAT`].
///
/// The options are those for the batch and for each of its messages.
/// [`max_sections`](ParseOptions::max_sections) bounds the number of messages.
///
/// # Errors
/// [`BatchError::Malformed`] if the payload is not a message, [`BatchError::NotData`] if its body is of another form.
///
/// ```
/// use amqp_proto::{
///     Delivery,
///     extensions::azure::{batch::{self, BatchError}, names::BATCH_FORMAT},
///     message::ParseOptions,
/// };
///
/// fn print(delivery: Delivery) -> Result<(), BatchError> {
///     if delivery.message_format == BATCH_FORMAT {
///         for message in batch::read(delivery.payload, &ParseOptions::default())?.messages() {
///             println!("{:?}", message?.body()?);
///         }
///     }
///     Ok(())
/// }
/// ```
pub fn read(payload: impl Into<Payload>, options: &ParseOptions) -> Result<BatchMessages, BatchError> {
    let envelope = Message::parse(payload, options)?;
    match envelope.body_kind() {
        // A peer may send an empty batch, which has no sections, if the options allow it.
        None | Some(BodyKind::Data) => Ok(BatchMessages { envelope, options: *options }),
        Some(BodyKind::Sequence | BodyKind::Value) => Err(BatchError::NotData),
    }
}

/// Returns the encoded sections that a batch has of its first message.
fn envelope_of(message: &Message) -> Payload {
    use SectionKind::{ApplicationProperties, MessageAnnotations, Properties};
    let ranges = [MessageAnnotations, Properties, ApplicationProperties].map(|kind| message.range(kind));
    let mut envelope = Payload::new();
    // 3.2: these sections follow each other, and nothing is between them.
    let Some(start) = ranges.iter().flatten().map(|range| range.start).min() else { return envelope };
    let mut left = ranges.iter().flatten().map(|range| range.len()).fold(0, usize::saturating_add);
    let mut rest = message.payload();
    bytes::Buf::advance(&mut rest, start);
    while left > 0 && !rest.is_empty() {
        let chunk = rest.take_chunk(left);
        left = left.saturating_sub(chunk.len());
        envelope.push(chunk);
    }
    envelope
}

/// Returns the start of a data section (3.2.6) whose binary has `len` bytes, in its smallest form (1.6.19).
fn data_head(len: usize) -> Vec<u8> {
    let mut head = DATA_DESCRIPTOR.to_vec();
    if let Ok(len) = u8::try_from(len) {
        head.extend_from_slice(&[format_code::VBIN8, len]);
    } else {
        head.push(format_code::VBIN32);
        head.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    }
    head
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
