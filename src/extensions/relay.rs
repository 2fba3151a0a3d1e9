//! Sending to any address over one link (OASIS anonterm v1.0 CS01): the anonymous terminus.
//!
//! The target of such a link has no address. Each message is routed by the address in its own `to`. A message that
//! cannot be routed is rejected, or released if the source allows only that. A settled one has no outcome, so the peer
//! detaches the link, and the error names the delivery.

use crate::{
    SenderConfig,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        performatives::Open,
        terminus::{Source, Target},
    },
    types::{DeliveryTag, Str, Symbol, Value},
};

symbols! {
    /// Capability of a connection: the peer has an anonymous terminus.
    CAPABILITY = "ANONYMOUS-RELAY";
}

/// True if the peer offers an anonymous terminus in its open.
///
/// ```
/// use amqp_proto::{extensions::relay, spec::performatives::Open};
///
/// let open = Open { offered_capabilities: [relay::CAPABILITY].into(), ..Open::default() };
/// assert!(relay::offered(&open));
/// assert!(!relay::offered(&Open::default()));
/// ```
pub fn offered(open: &Open) -> bool {
    open.offered_capabilities.contains(&CAPABILITY)
}

/// Returns the target of the anonymous terminus: one without an address.
///
/// ```
/// assert_eq!(amqp_proto::extensions::relay::target().address, None);
/// ```
pub fn target() -> Target {
    Target::default()
}

/// Returns a sender to the anonymous terminus.
///
/// ```
/// use amqp_proto::{CommandError, Connection, SenderId, SessionId, extensions::relay, message::Message};
///
/// fn attach(connection: &mut Connection, session: SessionId) -> Result<SenderId, CommandError> {
///     connection.session(session)?.attach_sender(relay::sender())
/// }
///
/// fn send(connection: &mut Connection, sender: SenderId) -> Result<(), CommandError> {
///     let message = Message::builder().to("orders").data("two dozen").build();
///     connection.sender(sender)?.send(1_u32, message).map(drop)
/// }
/// ```
pub fn sender() -> SenderConfig {
    SenderConfig::new().source(Source::default()).target(target())
}

/// A settled message that could not be routed, from the error of the detached link.
///
/// ```
/// use amqp_proto::{Event, extensions::relay::Undeliverable, types::DeliveryTag};
///
/// fn lost(event: &Event) -> Option<DeliveryTag> {
///     let Event::SenderError { failure, .. } = event else { return None };
///     Undeliverable::of(&failure.error).map(|lost| lost.delivery_tag)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undeliverable {
    /// The delivery.
    pub delivery_tag: DeliveryTag,
    /// The reason, such as `amqp:not-found`.
    pub condition: ErrorCondition,
    /// The text of the error.
    pub description: Option<Str>,
}

impl Undeliverable {
    /// Returns a delivery that could not be routed for this reason.
    pub const fn new(delivery_tag: DeliveryTag, condition: ErrorCondition) -> Self {
        Self { delivery_tag, condition, description: None }
    }

    /// Reads an error. Returns `None` if it names no delivery.
    ///
    /// ```
    /// use amqp_proto::{
    ///     extensions::relay::Undeliverable,
    ///     spec::definitions::{AmqpError, ErrorCondition},
    /// };
    ///
    /// assert_eq!(Undeliverable::of(&AmqpError::new(ErrorCondition::NotFound)), None);
    /// ```
    pub fn of(error: &AmqpError) -> Option<Self> {
        let tag = error.info.as_ref()?.get(DELIVERY_TAG.as_str()).and_then(Value::as_bytes)?;
        Some(Self {
            delivery_tag: DeliveryTag::new(tag).ok()?,
            condition: error.condition.clone(),
            description: error.description.clone(),
        })
    }

    /// Returns the error to detach the link with: the server's half.
    ///
    /// ```
    /// use amqp_proto::{extensions::relay::Undeliverable, spec::definitions::ErrorCondition, types::DeliveryTag};
    ///
    /// let error = Undeliverable::new(DeliveryTag::from(7_u32), ErrorCondition::NotFound).to_error();
    /// assert_eq!(Undeliverable::of(&error).map(|lost| lost.delivery_tag), Some(DeliveryTag::from(7_u32)));
    /// ```
    pub fn to_error(&self) -> AmqpError {
        let tag = Value::from(self.delivery_tag.as_bytes());
        AmqpError {
            condition: self.condition.clone(),
            description: self.description.clone(),
            info: Some([(DELIVERY_TAG, tag)].into()),
        }
    }
}

/// The entry of the error that names the delivery, a binary.
const DELIVERY_TAG: Symbol = Symbol::from_static("delivery-tag");
