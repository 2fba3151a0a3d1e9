//! New messages from a received one: copies to publish again, and replies.

use super::{Message, MessageBuilder, MessageError, NoBody, SharedBody};
use crate::{frame::Payload, spec::messaging::Header};

impl Message {
    /// Starts a copy, to change and to send as a new message. The body is shared, all other sections are copied.
    ///
    /// The copy lacks what belongs to the delivery of the original: the delivery-annotations (3.2.2), and the fields
    /// first-acquirer and delivery-count of the header (3.2.1). It keeps the footer. A hash or signature in it is
    /// stale once the bare message is changed, see [`MessageBuilder::without_footer`]. If the original has no body,
    /// neither has the copy.
    ///
    /// To pass a message on as an intermediary, use [`forward`](Self::forward), which keeps the bare message byte for
    /// byte (3.2).
    ///
    /// ```
    /// use amqp_proto::message::{Message, ParseOptions};
    ///
    /// let payload = Message::builder().message_id(7_u64).to("orders").data("hello").build();
    /// let received = Message::parse(payload, &ParseOptions::default())?;
    ///
    /// let payload = received.to_builder()?.to("archive").application_property("copied", true).build();
    /// let sent = Message::parse(payload, &ParseOptions::default())?;
    /// assert_eq!(sent.to()?.as_deref(), Some("archive"));
    /// assert_eq!((sent.message_id(), sent.body()), (received.message_id(), received.body()));
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    ///
    /// # Errors
    /// [`MessageError`] if a section other than the body is malformed. The body is not decoded.
    pub fn to_builder(&self) -> Result<MessageBuilder<SharedBody>, MessageError> {
        let mut builder = MessageBuilder::new();
        let Header { durable, priority, ttl, .. } = self.header()?.unwrap_or_default();
        let header = Header { durable, priority, ttl, ..Header::default() };
        if header != Header::default() {
            builder = builder.header(header);
        }
        if let Some(annotations) = self.message_annotations()? {
            builder = builder.message_annotations(&annotations);
        }
        if let Some(properties) = self.properties()? {
            builder = builder.properties(&properties);
        }
        if let Some(properties) = self.application_properties()? {
            builder = builder.application_properties(&properties);
        }
        if let Some(footer) = self.footer()? {
            builder = builder.footer(&footer);
        }
        let body = self.body_kind().and_then(|kind| self.range(kind.into()));
        Ok(builder.shared(body.map_or_else(Payload::new, |range| self.slice(range))))
    }

    /// Starts a reply (3.2.4): addressed to the reply-to, with the message-id as its correlation-id, in the
    /// reply-to-group-id.
    ///
    /// A message without a message-id is answered with its correlation-id. A property that the message lacks is not
    /// set, so check [`reply_to`](Self::reply_to) if replies go to the address in `to`.
    ///
    /// ```
    /// use amqp_proto::message::{Message, ParseOptions};
    ///
    /// let payload = Message::builder().message_id(7_u64).reply_to("answers").value("2 + 2").build();
    /// let request = Message::parse(payload, &ParseOptions::default())?;
    ///
    /// let reply = Message::parse(request.reply()?.value(4_u32).build(), &ParseOptions::default())?;
    /// assert_eq!(reply.to()?.as_deref(), Some("answers"));
    /// assert_eq!(reply.correlation_id()?, Some(7.into()));
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    ///
    /// # Errors
    /// [`MessageError`] if one of these properties is malformed.
    pub fn reply(&self) -> Result<MessageBuilder<NoBody>, MessageError> {
        let mut builder = MessageBuilder::new();
        if let Some(address) = self.reply_to()? {
            builder = builder.to(address);
        }
        let id = match self.message_id()? {
            None => self.correlation_id()?,
            id => id,
        };
        if let Some(id) = id {
            builder = builder.correlation_id(id);
        }
        if let Some(group) = self.reply_to_group_id()? {
            builder = builder.group_id(group);
        }
        Ok(builder)
    }
}
