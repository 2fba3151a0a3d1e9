//! Sources, and what arrives from them.

use super::names;
use crate::{
    message::{Message, MessageError},
    spec::terminus::{Source, TerminusExpiryPolicy},
    types::{Fields, Value},
};

/// Returns the source of a queue for direct replies, which is in no other place than the link.
///
/// RabbitMQ 4.0 does not support it, and ends the session.
///
/// RabbitMQ sends such replies settled, so the receiver asks for that mode. The address for `reply-to` is in the
/// answer to the attach. The receiver has to grant credit before its first request is sent.
///
/// ```
/// use amqp_proto::{ReceiverConfig, extensions::rabbitmq::volatile_queue, spec::definitions::SenderSettleMode};
///
/// let replies = ReceiverConfig::new().source(volatile_queue()).snd_settle_mode(SenderSettleMode::Settled);
/// println!("{replies:?}");
/// ```
pub fn volatile_queue() -> Source {
    Source {
        dynamic: true,
        expiry_policy: TerminusExpiryPolicy::LinkDetach,
        capabilities: [names::VOLATILE_QUEUE].into(),
        ..Source::default()
    }
}

/// Returns the place of a received message in its stream, or `None` if it is not from a stream.
///
/// To continue behind it, attach with [`StreamOffset::Offset`](super::StreamOffset::Offset) and the next number.
///
/// # Errors
/// [`MessageError`] if the message is malformed.
///
/// ```
/// use amqp_proto::{extensions::rabbitmq::{names, stream_offset}, message::Message};
///
/// let message = Message::builder().message_annotation(names::STREAM_OFFSET, 7_u64).value("text").build();
/// assert_eq!(stream_offset(&Message::try_from(message)?)?, Some(7));
/// # Ok::<(), amqp_proto::message::MessageError>(())
/// ```
pub fn stream_offset(message: &Message) -> Result<Option<u64>, MessageError> {
    let annotations = message.message_annotations()?.unwrap_or_default();
    let offset = annotations.get("x-stream-offset").and_then(Value::as_i128);
    Ok(offset.and_then(|offset| offset.try_into().ok()))
}

/// Returns whether a receiver is the active one, from the properties of a flow (RabbitMQ 4.3), if they mention it.
///
/// Only the active one of a queue with a single active consumer gets messages.
///
/// ```
/// use amqp_proto::{extensions::rabbitmq::{is_active, names}, types::Fields};
///
/// assert_eq!(is_active(&Fields::new().with(names::ACTIVE, true)), Some(true));
/// assert_eq!(is_active(&Fields::new()), None);
/// ```
pub fn is_active(properties: &Fields) -> Option<bool> {
    properties.get("rabbitmq:active").and_then(Value::as_bool)
}
