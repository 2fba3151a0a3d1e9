//! The delivery that a receiver passes to its message callback.

use core::{cell::RefCell, fmt};

use crate::{
    Delivery, DeliveryId,
    frame::Payload,
    message::{Message, MessageError},
    spec::{definitions::AmqpError, delivery_state::Modified},
    types::DeliveryTag,
};

/// A message that a receiver passes to its message callback.
///
/// The callback may set an outcome, and the last one set counts: the agent settles the delivery with it when the
/// callback returns. Without any, the outcome is accepted. A delivery that the sender sent settled has no outcome,
/// and setting one has no effect.
///
/// ```
/// use amqp_proto::{callback::ReceivedDelivery, message::Body};
///
/// fn on_message(delivery: &ReceivedDelivery) {
///     match delivery.message().and_then(|message| message.body()) {
///         Ok(Body::Data(data)) => println!("{} bytes", data.len()),
///         Ok(_) => delivery.release(),
///         Err(_) => delivery.reject(None),
///     }
/// }
/// ```
pub struct ReceivedDelivery {
    inner: Delivery,
    outcome: RefCell<Outcome>,
}

/// The outcome to settle a delivery with (3.4).
#[derive(Debug)]
pub(super) enum Outcome {
    Accepted,
    Rejected(Option<AmqpError>),
    Released,
    Modified(Modified),
}

impl ReceivedDelivery {
    pub(super) fn new(inner: Delivery) -> Self {
        Self { inner, outcome: RefCell::new(Outcome::Accepted) }
    }

    pub(super) fn id(&self) -> DeliveryId {
        self.inner.id
    }

    pub(super) fn into_outcome(self) -> Outcome {
        self.outcome.into_inner()
    }

    /// Returns the encoded message. It shares memory with the block it was received in: [`Payload::detach`] copies it
    /// out.
    pub fn payload(&self) -> &Payload {
        &self.inner.payload
    }

    /// Parses the message.
    ///
    /// # Errors
    /// [`MessageError`] if the payload is not a message in the standard's format (3.2).
    pub fn message(&self) -> Result<Message, MessageError> {
        Message::try_from(self.inner.payload.clone())
    }

    /// Returns the delivery-tag, the sender's name for this delivery (2.6.12).
    pub fn tag(&self) -> &DeliveryTag {
        &self.inner.tag
    }

    /// True if the sender sent the delivery settled, so that it has no outcome.
    pub fn is_settled(&self) -> bool {
        self.inner.settled
    }

    /// Sets the outcome to accepted: the message was processed (3.4.2). This is the default.
    pub fn accept(&self) {
        self.outcome.replace(Outcome::Accepted);
    }

    /// Sets the outcome to rejected: the message is invalid, for the reason in `error` (3.4.3).
    ///
    /// Of a reason that does not fit the peer's frames the condition is sent alone, or else none.
    pub fn reject(&self, error: Option<AmqpError>) {
        self.outcome.replace(Outcome::Rejected(error));
    }

    /// Sets the outcome to released: the message was not processed and may be delivered elsewhere (3.4.4).
    pub fn release(&self) {
        self.outcome.replace(Outcome::Released);
    }

    /// Sets the outcome to modified: the message was not processed, and `modified` changes it before it may be
    /// delivered elsewhere (3.4.5).
    pub fn modify(&self, modified: Modified) {
        self.outcome.replace(Outcome::Modified(modified));
    }
}

impl fmt::Debug for ReceivedDelivery {
    /// Omits the message, of which it prints the size in bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedDelivery")
            .field("tag", &self.inner.tag)
            .field("settled", &self.inner.settled)
            .field("payload_len", &self.inner.payload.len())
            .finish_non_exhaustive()
    }
}
