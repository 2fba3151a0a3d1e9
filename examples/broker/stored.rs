//! A message in a queue, in its encoding, and what failed deliveries change in it.

use std::{sync::Arc, time::SystemTime};

use amqp_proto::{
    extensions::azure::names,
    frame::Payload,
    message::{Message, MessageError, ParseOptions},
    spec::{delivery_state::Modified, messaging::MESSAGE_FORMAT},
    types::{AnnotationKey, Fields, MessageFormat, Str, Timestamp},
};
use bytes::Bytes;

use crate::room::{Charge, Room, charged};

/// Bytes that a queue needs for a message beside its payload.
pub const OVERHEAD: usize = 448;

/// Bytes that a chunk of a payload needs beside its own.
const CHUNK: usize = 128;

/// Bytes that annotations for clients of Azure may have without a charge.
const ANNOTATIONS: usize = 1024;

/// A message in its encoding.
pub struct Stored {
    pub format: MessageFormat,
    pub payload: Payload,
    /// The connection that it arrived on.
    pub from: usize,
    pub enqueued: Timestamp,
    /// Where it is among the messages of its queue by the time at which they became available.
    pub arrival: u64,
    /// Shared with the payload.
    charge: Arc<Charge>,
}

impl Stored {
    /// Returns the message if there is room for it.
    pub fn new(from: usize, format: MessageFormat, payload: Payload, room: &Arc<Room>) -> Option<Box<Self>> {
        let charge = Arc::new(room.take(payload.len().saturating_add(OVERHEAD))?);
        // A copy, or it would keep the blocks that it was read into.
        let payload = Payload::from(charged(payload.detach().into_bytes(), &charge));
        Some(Box::new(Self { format, payload, from, enqueued: now(), arrival: 0, charge }))
    }

    /// Returns the bytes that the message takes up.
    pub fn len(&self) -> usize {
        self.payload.len()
    }

    /// Returns the message, or `None` if it cannot be read.
    pub fn message(&self) -> Option<Message> {
        read(self.format, &self.payload)
    }

    /// Returns the payload with the annotations that clients of Azure look for. One that cannot be read is unchanged.
    pub fn numbered(&self, number: u64, locked_until: Option<Timestamp>) -> Payload {
        let Some(message) = self.message() else { return self.payload.clone() };
        let mut forward = message
            .forward()
            .keep_delivery_annotations()
            .message_annotation(names::SEQUENCE_NUMBER, i64::try_from(number).unwrap_or(i64::MAX))
            .message_annotation(names::OFFSET, &*number.to_string())
            .message_annotation(names::ENQUEUED_TIME, self.enqueued);
        if let Some(time) = locked_until {
            forward = forward.message_annotation(names::LOCKED_UNTIL, time);
        }
        // Without room for a copy of large annotations the message goes out as it is.
        let numbered = forward.build().ok().and_then(|payload| self.charge_new(payload, ANNOTATIONS));
        numbered.unwrap_or_else(|| self.payload.clone())
    }

    /// Charges what a payload has beside chunks of this one, if it is more than some bytes. Returns `None` if there is no
    /// room.
    fn charge_new(&self, payload: Payload, free: usize) -> Option<Payload> {
        let is_new = |chunk: &Bytes| {
            !self.payload.chunks().any(|known| known.as_ptr_range().contains(&chunk.as_ptr()))
        };
        let new: usize = payload.chunks().filter(|chunk| is_new(chunk)).map(Bytes::len).sum();
        if new <= free {
            return Some(payload);
        }
        let charge = Arc::new(self.charge.take(new.saturating_add(CHUNK))?);
        let charge = |chunk: &Bytes| {
            if is_new(chunk) { charged(Bytes::copy_from_slice(chunk), &charge) } else { chunk.clone() }
        };
        Some(payload.chunks().map(charge).collect())
    }

    /// Takes note that the message was acquired and is available again (3.4.4, 3.4.5).
    ///
    /// Annotations are left out if there is no room for them, which `size` bytes of room are at least.
    pub fn give_back(&mut self, change: &Modified, size: usize) {
        // A message that cannot be read stays as it is.
        let annotations = change.message_annotations.as_ref().filter(|_| self.charge.has(size));
        let Ok(Some(payload)) = self.changed(change, annotations) else { return };
        if let Some(payload) = self.charge_new(payload, 0) {
            self.payload = payload;
        } else if let Ok(Some(payload)) = self.changed(change, None) {
            // The header has a few bytes at most.
            self.payload = payload;
        }
    }

    /// Returns the payload with the changes, if there are any.
    fn changed(
        &self,
        change: &Modified,
        annotations: Option<&Fields>,
    ) -> Result<Option<Payload>, MessageError> {
        let failed = change.delivery_failed == Some(true);
        let annotations = annotations.filter(|map| !map.is_empty());
        let Some(message) = self.message() else { return Ok(None) };
        let mut header = message.header()?.unwrap_or_default();
        if !failed && annotations.is_none() && !header.is_first_acquirer() {
            return Ok(None);
        }
        // 3.2.1: a link has acquired it.
        header.first_acquirer = header.first_acquirer.map(|_| false);
        if failed {
            header.delivery_count = Some(header.delivery_count_or_default().saturating_add(1));
        }
        let mut forward = message.forward().keep_delivery_annotations().header(header);
        // 3.4.5: entries replace those with the same key.
        for (key, value) in annotations.into_iter().flat_map(|map| map.iter()) {
            forward = forward.message_annotation(AnnotationKey::from(key.clone()), value);
        }
        forward.build().map(Some)
    }
}

fn read(format: MessageFormat, payload: &Payload) -> Option<Message> {
    let settings = ParseOptions { body_required: false, ..ParseOptions::default() };
    let readable = format == MESSAGE_FORMAT;
    readable.then(|| Message::parse(payload.clone(), &settings).ok())?
}

/// Returns the time of the system's clock.
pub fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::from_millis(0))
}

/// Returns the time before which a message is not to be handed out, if it names one.
pub fn scheduled_time(format: MessageFormat, payload: &Payload) -> Option<Timestamp> {
    let value = read(format, payload)?.message_annotation(&names::SCHEDULED_ENQUEUE_TIME).ok()??;
    value.as_timestamp().filter(|time| *time > now())
}

/// Returns the address in a message to the anonymous terminus.
pub fn destination(format: MessageFormat, payload: &Payload) -> Option<Str> {
    read(format, payload)?.to().ok()?
}
