//! The outcomes of RabbitMQ.
//!
//! Source: RabbitMQ's documentation of AMQP 1.0, "Outcomes" and "Modified outcome".

use alloc::sync::Arc;

use crate::{
    spec::{
        definitions::ErrorCondition,
        delivery_state::{DeliveryState, Modified},
    },
    types::{Fields, Str, Value},
};

/// True if RabbitMQ could route a sent message to no queue, which it answers with `released`.
///
/// ```
/// use amqp_proto::{extensions::rabbitmq::is_unroutable, spec::delivery_state::DeliveryState};
///
/// assert!(is_unroutable(&DeliveryState::RELEASED));
/// assert!(!is_unroutable(&DeliveryState::ACCEPTED));
/// ```
pub const fn is_unroutable(state: &DeliveryState) -> bool {
    matches!(state, DeliveryState::Released(_))
}

/// The reason why a queue rejected a message. See [`RejectedBy`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// `maxlen`: the queue is full, and its overflow behaviour is to reject.
    MaxLength,
    /// `unavailable`: a classic queue is not available.
    Unavailable,
    /// Another text.
    Other(Str),
}

/// The queue that rejected a message, and the reason.
///
/// RabbitMQ 4.0 rejects without an error, so all fields are `None`.
///
/// ```
/// use amqp_proto::{
///     Event,
///     extensions::rabbitmq::{RejectReason, RejectedBy},
/// };
///
/// fn is_full(event: &Event) -> bool {
///     let Event::DeliverySettled { state: Some(state), .. } = event else { return false };
///     RejectedBy::of(state).is_some_and(|by| by.reason == Some(RejectReason::MaxLength))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectedBy {
    /// The name of the queue. None if no queue rejected it, as for an exchange that does not exist.
    pub queue: Option<Str>,
    /// The reason.
    pub reason: Option<RejectReason>,
    /// The condition of the error.
    pub condition: Option<ErrorCondition>,
    /// The text of the error.
    pub description: Option<Str>,
}

impl RejectedBy {
    /// Reads a `rejected` state, or returns `None` for another one. Entries of other types are left out.
    ///
    /// ```
    /// use amqp_proto::{extensions::rabbitmq::RejectedBy, spec::delivery_state::DeliveryState};
    ///
    /// assert_eq!(RejectedBy::of(&DeliveryState::ACCEPTED), None);
    /// ```
    pub fn of(state: &DeliveryState) -> Option<Self> {
        let DeliveryState::Rejected(rejected) = state else { return None };
        let error = rejected.error.as_ref();
        let info = error.and_then(|error| error.info.as_ref());
        let text = |key| info.and_then(|info| info.get(key)).and_then(Value::as_str);
        Some(Self {
            queue: text("queue").map(Str::from),
            reason: text("reason").map(|reason| match reason {
                "maxlen" => RejectReason::MaxLength,
                "unavailable" => RejectReason::Unavailable,
                other => RejectReason::Other(other.into()),
            }),
            condition: error.map(|error| error.condition.clone()),
            description: error.and_then(|error| error.description.clone()),
        })
    }
}

/// Returns the outcome that puts a received message back into its queue, with these annotations.
///
/// Only quorum queues merge the annotations into the message.
///
/// ```
/// use amqp_proto::{
///     extensions::rabbitmq::{names, requeue},
///     types::{Fields, Timestamp},
/// };
///
/// // Not before this time.
/// let later = Timestamp::from_millis(1_800_000_000_000);
/// let outcome = requeue(Fields::new().with(names::DELIVERY_TIME, later));
/// assert!(outcome.is_terminal());
/// ```
pub fn requeue(annotations: Fields) -> DeliveryState {
    modified(false, annotations)
}

/// Returns the outcome that sends a received message to the dead-letter exchange, with these annotations.
///
/// Without such an exchange, the message is dropped.
///
/// ```
/// use amqp_proto::{
///     extensions::rabbitmq::dead_letter,
///     types::{Fields, Symbol},
/// };
///
/// const REASON: Symbol = Symbol::from_static("x-opt-reason");
/// assert!(dead_letter(Fields::new().with(REASON, "no such customer")).is_terminal());
/// ```
pub fn dead_letter(annotations: Fields) -> DeliveryState {
    modified(true, annotations)
}

fn modified(undeliverable_here: bool, annotations: Fields) -> DeliveryState {
    DeliveryState::Modified(Arc::new(Modified {
        delivery_failed: None,
        undeliverable_here: Some(undeliverable_here),
        message_annotations: (!annotations.is_empty()).then_some(annotations),
    }))
}
