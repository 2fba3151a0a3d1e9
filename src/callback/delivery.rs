//! What a receiver's callback gets to see of a delivery, and says about it.

use core::cell::RefCell;

use crate::{
    DeliveryId,
    frame::Payload,
    message::{Message, MessageError},
    spec::{definitions::AmqpError, delivery_state::Modified},
    types::DeliveryTag,
};

/// A message that has arrived.
///
/// It counts as accepted unless the callback says otherwise; of several things said the last one counts. What is
/// said about a message that the sender settled before it came has no effect.
#[derive(Debug)]
pub struct Delivery {
    inner: crate::Delivery,
    verdict: RefCell<Verdict>,
}

/// What is to become of a delivery.
#[derive(Debug)]
pub(super) enum Verdict {
    Accept,
    Reject(Option<AmqpError>),
    Release,
    Modify(Modified),
}

impl Delivery {
    pub(super) fn new(inner: crate::Delivery) -> Self {
        Self { inner, verdict: RefCell::new(Verdict::Accept) }
    }

    pub(super) fn id(&self) -> DeliveryId {
        self.inner.id
    }

    pub(super) fn into_verdict(self) -> Verdict {
        self.verdict.into_inner()
    }

    /// The encoded message. It shares the block that it was read into; see [`Payload::detach`].
    pub fn payload(&self) -> &Payload {
        &self.inner.payload
    }

    /// The message, parsed.
    ///
    /// # Errors
    /// [`MessageError`] where it is broken.
    pub fn message(&self) -> Result<Message, MessageError> {
        Message::try_from(self.inner.payload.clone())
    }

    /// The sender's name for the delivery (2.6.12).
    pub fn tag(&self) -> &DeliveryTag {
        &self.inner.tag
    }

    /// Whether the sender has settled the delivery already.
    pub fn is_settled(&self) -> bool {
        self.inner.settled
    }

    /// The message is processed (3.4.2). This is what happens if nothing is said.
    pub fn accept(&self) {
        self.verdict.replace(Verdict::Accept);
    }

    /// The message is invalid, perhaps with the reason (3.4.3).
    pub fn reject(&self, error: Option<AmqpError>) {
        self.verdict.replace(Verdict::Reject(error));
    }

    /// The message was not processed and can go elsewhere (3.4.4).
    pub fn release(&self) {
        self.verdict.replace(Verdict::Release);
    }

    /// The message was not processed and is to be changed before it goes elsewhere (3.4.5).
    pub fn modify(&self, modified: Modified) {
        self.verdict.replace(Verdict::Modify(modified));
    }
}
