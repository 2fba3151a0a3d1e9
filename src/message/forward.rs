//! A message on its way to the next hop: new annotations around an untouched bare message (3.2).

use alloc::vec::Vec;

use super::{Message, SectionKind};
use crate::{
    codec::{Encode, Encoder},
    frame::Payload,
    spec::messaging::{DELIVERY_ANNOTATIONS, Header, MESSAGE_ANNOTATIONS},
    types::Annotations,
};

/// What is to become of a section.
#[derive(Clone, Debug)]
enum Change<T> {
    Keep,
    Omit,
    Replace(T),
}

/// A message for the next hop, made by [`Message::forward`].
///
/// The bare message and the footer are shared, byte for byte: 3.2 forbids an intermediary to re-encode them. If not
/// said otherwise, the header and the message-annotations are kept (3.2.3), and the delivery-annotations are left
/// out: they are from the previous hop to this one (3.2.2).
#[derive(Clone, Debug)]
pub struct Forward<'a> {
    message: &'a Message,
    header: Change<Header>,
    delivery_annotations: Change<Annotations>,
    message_annotations: Change<Annotations>,
}

impl<'a> Forward<'a> {
    pub(super) fn new(message: &'a Message) -> Self {
        Self {
            message,
            header: Change::Keep,
            delivery_annotations: Change::Omit,
            message_annotations: Change::Keep,
        }
    }

    /// Replaces the header.
    #[must_use]
    pub fn header(self, header: Header) -> Self {
        Self { header: Change::Replace(header), ..self }
    }

    /// Leaves the header out.
    #[must_use]
    pub fn without_header(self) -> Self {
        Self { header: Change::Omit, ..self }
    }

    /// Replaces the delivery-annotations.
    #[must_use]
    pub fn delivery_annotations(self, annotations: Annotations) -> Self {
        Self { delivery_annotations: Change::Replace(annotations), ..self }
    }

    /// Keeps the delivery-annotations of the previous hop.
    #[must_use]
    pub fn keep_delivery_annotations(self) -> Self {
        Self { delivery_annotations: Change::Keep, ..self }
    }

    /// Replaces the message-annotations, as 3.2.3 allows where they are augmented or modified.
    #[must_use]
    pub fn message_annotations(self, annotations: Annotations) -> Self {
        Self { message_annotations: Change::Replace(annotations), ..self }
    }

    /// The message for the next hop: new and kept sections of the head, then the untouched rest.
    pub fn payload(&self) -> Payload {
        let mut parts = Parts { message: self.message, payload: Payload::new(), bytes: Vec::new() };
        parts.add(SectionKind::Header, &self.header, Header::encode);
        parts.add(SectionKind::DeliveryAnnotations, &self.delivery_annotations, |annotations, writer| {
            writer.describe(DELIVERY_ANNOTATIONS);
            annotations.encode(writer);
        });
        parts.add(SectionKind::MessageAnnotations, &self.message_annotations, |annotations, writer| {
            writer.describe(MESSAGE_ANNOTATIONS);
            annotations.encode(writer);
        });
        parts.flush();
        let bare = self.message.bare_message_range().start;
        parts.share(bare..self.message.len());
        parts.payload
    }
}

/// The payload being put together.
struct Parts<'a> {
    message: &'a Message,
    payload: Payload,
    /// New bytes that are not in the payload yet.
    bytes: Vec<u8>,
}

impl Parts<'_> {
    fn add<T>(&mut self, kind: SectionKind, change: &Change<T>, encode: impl FnOnce(&T, &mut Encoder<'_>)) {
        match change {
            Change::Replace(new) => encode(new, &mut Encoder::new(&mut self.bytes)),
            Change::Omit => {}
            Change::Keep => {
                if let Some(range) = self.message.range(kind) {
                    self.flush();
                    self.share(range);
                }
            }
        }
    }

    fn flush(&mut self) {
        self.payload.push(core::mem::take(&mut self.bytes).into());
    }

    fn share(&mut self, range: core::ops::Range<usize>) {
        self.message.slice(range).chunks().for_each(|chunk| self.payload.push(chunk.clone()));
    }
}
