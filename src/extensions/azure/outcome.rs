//! The outcomes of Service Bus, and the reason why a message was dead-lettered.
//!
//! Sources: the protocol guide of Service Bus; the settling of the SDK for Go.

use alloc::sync::Arc;

use super::names;
use crate::{
    message::{Message, MessageError},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::{DeliveryState, Modified, Rejected},
    },
    types::{Fields, Str, Value},
};

/// Returns the outcome that removes a message: accepted.
///
/// ```
/// use amqp_proto::{extensions::azure::complete, spec::delivery_state::DeliveryState};
///
/// assert_eq!(complete(), DeliveryState::ACCEPTED);
/// ```
pub const fn complete() -> DeliveryState {
    DeliveryState::ACCEPTED
}

/// Returns the outcome that ends the lock of a message, which is then delivered again: modified, with
/// `delivery-failed`.
///
/// The service sets the annotations as application-properties of the message.
///
/// ```
/// use amqp_proto::{extensions::azure::abandon, types::{Fields, Symbol}};
///
/// const ATTEMPT: Symbol = Symbol::from_static("attempt");
/// assert!(abandon(Fields::new().with(ATTEMPT, 2)).is_terminal());
/// ```
pub fn abandon(annotations: Fields) -> DeliveryState {
    modified(Modified { delivery_failed: Some(true), ..Modified::default() }, annotations)
}

/// Returns the outcome that sets a message aside: modified, with `undeliverable-here`.
///
/// The message is then only received by its [sequence number](super::BrokerProperties::sequence_number), with
/// [`receive_deferred`](super::operations::receive_deferred). The annotations are as for [`abandon`].
///
/// ```
/// use amqp_proto::{extensions::azure::defer, types::Fields};
///
/// assert!(defer(Fields::new()).is_terminal());
/// ```
pub fn defer(annotations: Fields) -> DeliveryState {
    modified(Modified { undeliverable_here: Some(true), ..Modified::default() }, annotations)
}

fn modified(modified: Modified, annotations: Fields) -> DeliveryState {
    let message_annotations = (!annotations.is_empty()).then_some(annotations);
    DeliveryState::Modified(Arc::new(Modified { message_annotations, ..modified }))
}

/// Returns the outcome that moves a message to the dead-letter queue: rejected, with `com.microsoft:dead-letter`.
///
/// The service sets the reason, the description and the properties as application-properties of the message. It takes
/// 4096 characters at most for the reason and for the description.
///
/// ```
/// use amqp_proto::{
///     extensions::azure::{DeadLettered, dead_letter},
///     types::Fields,
/// };
///
/// let outcome = dead_letter("no-such-customer", "customer 7 has left", Fields::new());
/// let read = DeadLettered::of(&outcome).ok_or("another outcome")?;
/// assert_eq!(read.reason.as_deref(), Some("no-such-customer"));
/// # Ok::<(), &str>(())
/// ```
pub fn dead_letter(reason: impl Into<Str>, description: impl Into<Str>, properties: Fields) -> DeliveryState {
    let info = properties
        .with(names::DEAD_LETTER_REASON, reason.into())
        .with(names::DEAD_LETTER_ERROR_DESCRIPTION, description.into());
    let error = AmqpError {
        condition: ErrorCondition::Other(names::DEAD_LETTER),
        description: None,
        info: Some(info),
    };
    DeliveryState::Rejected(Arc::new(Rejected { error: Some(error) }))
}

/// The reason why a message is in a dead-letter queue, or goes there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLettered {
    /// A short reason, such as `TTLExpiredException` or `MaxDeliveryCountExceeded` from the service.
    pub reason: Option<Str>,
    /// A longer text.
    pub description: Option<Str>,
}

impl DeadLettered {
    /// Reads the outcome of a receiver: the server's half. Returns `None` for another one.
    ///
    /// ```
    /// use amqp_proto::{extensions::azure::DeadLettered, spec::delivery_state::DeliveryState};
    ///
    /// assert_eq!(DeadLettered::of(&DeliveryState::ACCEPTED), None);
    /// ```
    pub fn of(state: &DeliveryState) -> Option<Self> {
        let DeliveryState::Rejected(rejected) = state else { return None };
        let error = rejected.error.as_ref()?;
        if error.condition.as_str() != names::DEAD_LETTER.as_str() {
            return None;
        }
        let text = |key: &str| error.info.as_ref()?.get(key).and_then(Value::as_str).map(Str::from);
        Some(Self {
            reason: text(names::DEAD_LETTER_REASON.as_str()),
            description: text(names::DEAD_LETTER_ERROR_DESCRIPTION.as_str()),
        })
    }

    /// Reads the application-properties of a message. Returns `None` if it has neither of the two.
    ///
    /// # Errors
    /// [`MessageError`] if the message is malformed.
    ///
    /// ```
    /// use amqp_proto::{extensions::azure::DeadLettered, message::Message};
    ///
    /// let message = Message::builder().application_property("DeadLetterReason", "TTLExpiredException").value("text");
    /// let read = DeadLettered::of_message(&Message::try_from(message.build())?)?;
    /// assert_eq!(read.and_then(|read| read.reason).as_deref(), Some("TTLExpiredException"));
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    pub fn of_message(message: &Message) -> Result<Option<Self>, MessageError> {
        let text = |name: &str| {
            let value = message.application_property(name)?;
            Ok::<_, MessageError>(value.and_then(|value| value.as_str().map(Str::from)))
        };
        let read = Self {
            reason: text(names::DEAD_LETTER_REASON.as_str())?,
            description: text(names::DEAD_LETTER_ERROR_DESCRIPTION.as_str())?,
        };
        Ok((read != Self::default()).then_some(read))
    }
}
