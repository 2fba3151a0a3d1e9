//! Builds messages section by section, each in its smallest encoding.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;

use super::{
    AnnotationKeyRef, ApplicationProperties, DataBody, HasBody, Message, MessageError, NoBody, ParseOptions,
    SequenceBody, SharedBody, SimpleType, ValueBody, encoded::Fields, pairs::Pairs,
};
use crate::{
    codec::{Encode, Encoder},
    frame::Payload,
    spec::messaging::{
        APPLICATION_PROPERTIES, DELIVERY_ANNOTATIONS, FOOTER, Header, MESSAGE_ANNOTATIONS, MessageId,
        Properties,
    },
    types::{AnnotationKey, Annotations, Milliseconds, SequenceNo, Symbol, Timestamp, Value},
};

/// Bytes reserved for the header, and for the descriptors and sizes of the other sections.
const HEADS: usize = 96;

/// A message being built. [`Message::builder`](super::Message::builder) starts an empty one,
/// [`Message::to_builder`](super::Message::to_builder) a copy, [`Message::reply`](super::Message::reply) an answer.
///
/// The type parameter is the form of the body, [`NoBody`] at first. A message without a body, with a mixed one or
/// with a second amqp-value therefore does not compile (3.2). Properties, application-properties and annotations are
/// encoded at once, so the builder only borrows their text. Setting a key again replaces its value.
///
/// ```
/// use amqp_proto::message::Message;
/// let mut out = Vec::new();
/// let builder = Message::builder().to("queue").value("a body");
/// builder.encode_into(&mut out);
/// // The next message in the same memory: 3 is the body's one element.
/// let builder = builder.clear().sequence(&[3_u32.into()]);
/// out.clear();
/// builder.encode_into(&mut out);
/// assert_eq!(out, [0x00, 0x53, 0x76, 0xc0, 3, 1, 0x52, 3]);
/// ```
///
/// ```compile_fail
/// # use amqp_proto::message::Message;
/// Message::builder().value(1_u32).data("both");
/// ```
///
/// ```compile_fail
/// # use amqp_proto::message::Message;
/// Message::builder().to("queue").build();
/// ```
#[derive(Clone, Debug, Default)]
pub struct MessageBuilder<B = NoBody> {
    /// Boxed, because each call moves the builder.
    head: Box<Head>,
    body: B,
}

/// All sections except the body.
#[derive(Clone, Debug, Default)]
struct Head {
    header: Header,
    has_header: bool,
    delivery_annotations: Pairs,
    message_annotations: Pairs,
    fields: Fields,
    application_properties: Pairs,
    footer: Pairs,
}

impl MessageBuilder<NoBody> {
    /// Creates a builder without any section.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the body a data section (3.2.6). More data sections may follow.
    #[must_use]
    pub fn data(self, bytes: impl Into<Bytes>) -> MessageBuilder<DataBody> {
        self.with_body(DataBody::new(bytes.into()))
    }

    /// Makes the body an amqp-sequence section (3.2.7). More amqp-sequence sections may follow.
    #[must_use]
    pub fn sequence(self, elements: &[Value]) -> MessageBuilder<SequenceBody> {
        self.with_body(SequenceBody::new()).sequence(elements)
    }

    /// Makes the body an amqp-value section (3.2.8).
    #[must_use]
    pub fn value(self, value: impl Encode) -> MessageBuilder<ValueBody> {
        self.with_body(ValueBody::new(&value))
    }

    /// Makes the body these encoded sections.
    pub(super) fn shared(self, sections: Payload) -> MessageBuilder<SharedBody> {
        self.with_body(SharedBody::new(sections))
    }

    #[inline]
    fn with_body<B>(self, body: B) -> MessageBuilder<B> {
        MessageBuilder { head: self.head, body }
    }
}

impl MessageBuilder<DataBody> {
    /// Appends a data section.
    #[must_use]
    pub fn data(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body.push(bytes.into());
        self
    }
}

impl MessageBuilder<SequenceBody> {
    /// Appends an amqp-sequence section.
    #[must_use]
    pub fn sequence(mut self, elements: &[Value]) -> Self {
        self.body.push(elements);
        self
    }
}

/// The fields of the header (3.2.1).
impl<B> MessageBuilder<B> {
    /// Replaces the whole header.
    #[must_use]
    pub fn header(mut self, header: Header) -> Self {
        self.head.header = header;
        self.head.has_header = true;
        self
    }

    /// Leaves the header out.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.head.header = Header::default();
        self.head.has_header = false;
        self
    }

    /// Sets whether the message must survive a failure.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.header_mut().durable = Some(durable);
        self
    }

    /// Sets the relative priority.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.header_mut().priority = Some(priority);
        self
    }

    /// Sets the time to live.
    #[must_use]
    pub fn ttl(mut self, ttl: Milliseconds) -> Self {
        self.header_mut().ttl = Some(ttl);
        self
    }

    /// Sets whether no other link has acquired the message before.
    #[must_use]
    pub fn first_acquirer(mut self, first_acquirer: bool) -> Self {
        self.header_mut().first_acquirer = Some(first_acquirer);
        self
    }

    /// Sets the number of unsuccessful earlier delivery attempts.
    #[must_use]
    pub fn delivery_count(mut self, delivery_count: u32) -> Self {
        self.header_mut().delivery_count = Some(delivery_count);
        self
    }

    const fn header_mut(&mut self) -> &mut Header {
        self.head.has_header = true;
        &mut self.head.header
    }
}

macro_rules! properties {
    ($($(#[$meta:meta])* $name:ident: $ty:ty, |$value:ident| $encoded:expr;)*) => {
        /// The properties (3.2.4).
        impl<B> MessageBuilder<B> {
            $(
                $(#[$meta])*
                #[must_use]
                pub fn $name(mut self, $value: $ty) -> Self {
                    const INDEX: usize = Fields::index_of(stringify!($name));
                    self.head.fields.set(INDEX, $encoded);
                    self
                }
            )*

            /// Sets the properties that are present in `properties`.
            #[must_use]
            pub fn properties(mut self, properties: &Properties) -> Self {
                $(
                    const { assert!(Fields::index_of(stringify!($name)) < Fields::COUNT) };
                    if let Some(value) = &properties.$name {
                        self.head.fields.set(Fields::index_of(stringify!($name)), value);
                    }
                )*
                self
            }

            /// Leaves all properties out.
            #[must_use]
            pub fn without_properties(mut self) -> Self {
                self.head.fields.clear();
                self
            }
        }
    };
}

properties! {
    /// Sets the identity of the message within its system.
    message_id: impl Into<MessageId>, |id| &id.into();
    /// Sets the identity of the user who produced the message.
    user_id: impl AsRef<[u8]>, |id| id.as_ref();
    /// Sets the address of the node that the message is meant for.
    to: impl AsRef<str>, |address| address.as_ref();
    /// Sets a summary of the message's content and purpose.
    subject: impl AsRef<str>, |subject| subject.as_ref();
    /// Sets the address of the node to send replies to.
    reply_to: impl AsRef<str>, |address| address.as_ref();
    /// Sets the identity that the message is correlated with, such as that of a request.
    correlation_id: impl Into<MessageId>, |id| &id.into();
    /// Sets the MIME type of the body's data sections.
    content_type: impl Into<Symbol>, |content| &content.into();
    /// Sets the MIME encoding of the body's data sections.
    content_encoding: impl Into<Symbol>, |encoding| &encoding.into();
    /// Sets the time at which the message expires.
    absolute_expiry_time: Timestamp, |time| &time;
    /// Sets the time at which the message was created.
    creation_time: Timestamp, |time| &time;
    /// Sets the group that the message belongs to.
    group_id: impl AsRef<str>, |group| group.as_ref();
    /// Sets the message's position in its group.
    group_sequence: SequenceNo, |number| &number;
    /// Sets the group that replies belong to.
    reply_to_group_id: impl AsRef<str>, |group| group.as_ref();
}

/// The application-properties (3.2.5).
impl<B> MessageBuilder<B> {
    /// Sets an application-property. Only values of simple types are allowed.
    #[must_use]
    pub fn application_property(mut self, name: impl AsRef<str>, value: impl SimpleType) -> Self {
        self.head.application_properties.set(name.as_ref(), &value);
        self
    }

    /// Sets the application-properties that are present in `properties`.
    #[must_use]
    pub fn application_properties(mut self, properties: &ApplicationProperties) -> Self {
        properties.iter().for_each(|(name, value)| self.head.application_properties.set(name, value));
        self
    }

    /// Drops an application-property, if present.
    #[must_use]
    pub fn without_application_property(mut self, name: impl AsRef<str>) -> Self {
        self.head.application_properties.remove(name.as_ref());
        self
    }

    /// Leaves all application-properties out.
    #[must_use]
    pub fn without_application_properties(mut self) -> Self {
        self.head.application_properties.clear();
        self
    }
}

macro_rules! annotations {
    ($($section:literal $field:ident: $set:ident $set_all:ident $drop:ident $drop_all:ident;)*) => {
        /// The sections whose keys are symbols or ulongs (3.2.10).
        impl<B> MessageBuilder<B> {$(
            #[doc = concat!("Sets one entry of the ", $section, ".")]
            #[must_use]
            pub fn $set(mut self, key: impl Into<AnnotationKey>, value: impl Encode) -> Self {
                self.head.$field.set(&key.into(), &value);
                self
            }

            #[doc = concat!("Sets the entries of the ", $section, " that are present in `entries`.")]
            #[must_use]
            pub fn $set_all(mut self, entries: &Annotations) -> Self {
                entries.iter().for_each(|(key, value)| self.head.$field.set(key, value));
                self
            }

            #[doc = concat!("Drops one entry of the ", $section, ", if present.")]
            #[must_use]
            pub fn $drop<'k>(mut self, key: impl Into<AnnotationKeyRef<'k>>) -> Self {
                self.head.$field.remove(&key.into());
                self
            }

            #[doc = concat!("Leaves the ", $section, " out.")]
            #[must_use]
            pub fn $drop_all(mut self) -> Self {
                self.head.$field.clear();
                self
            }
        )*}
    };
}

annotations! {
    "delivery-annotations (3.2.2)" delivery_annotations:
        delivery_annotation delivery_annotations without_delivery_annotation without_delivery_annotations;
    "message-annotations (3.2.3)" message_annotations:
        message_annotation message_annotations without_message_annotation without_message_annotations;
    "footer (3.2.9)" footer: footer_entry footer without_footer_entry without_footer;
}

impl<B> MessageBuilder<B> {
    /// Leaves the body out, so that another can be set.
    #[must_use]
    pub fn without_body(self) -> MessageBuilder<NoBody> {
        MessageBuilder { head: self.head, body: NoBody(()) }
    }

    /// Empties the builder, but keeps the memory of all sections before the body for the next message.
    #[must_use]
    pub fn clear(self) -> MessageBuilder<NoBody> {
        let mut head = self.head;
        head.header = Header::default();
        head.has_header = false;
        head.fields.clear();
        for pairs in [
            &mut head.delivery_annotations,
            &mut head.message_annotations,
            &mut head.application_properties,
            &mut head.footer,
        ] {
            pairs.clear();
        }
        MessageBuilder { head, body: NoBody(()) }
    }
}

impl<B: HasBody> MessageBuilder<B> {
    /// Returns the encoded message. Data of 1 KiB and more is shared, as a chunk of its own. All bytes between are
    /// copied into one chunk.
    #[must_use]
    pub fn build(&self) -> Payload {
        let mut payload = Payload::new();
        let mut out = Vec::with_capacity(self.size());
        self.head.write(&mut out);
        self.body.write(&mut out, &mut |out, data| {
            payload.push(core::mem::take(out).into());
            payload.push(data.clone());
        });
        self.head.write_footer(&mut out);
        payload.push(out.into());
        payload
    }

    /// Returns the encoded message, as [`build`](Self::build) does, if a reader with default
    /// [`ParseOptions`] accepts it.
    ///
    /// The builder encodes whatever value it is given. Use this for values that come from elsewhere: they can be nested
    /// deeper, or have more elements, than readers take.
    ///
    /// ```
    /// use amqp_proto::{message::Message, types::Value};
    ///
    /// let deep = (0..33).fold(Value::Null, |value, _| Value::List(vec![value]));
    /// assert!(Message::builder().value(deep).try_build().is_err());
    /// ```
    ///
    /// # Errors
    /// The [`MessageError`] of the reader, such as [`TooDeep`](crate::codec::DecodeErrorKind::TooDeep).
    pub fn try_build(&self) -> Result<Payload, MessageError> {
        let payload = self.build();
        Message::parse(payload.clone(), &ParseOptions::default())?.validate()?;
        Ok(payload)
    }

    /// Appends the encoded message to a buffer, copying all data.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        self.head.write(out);
        self.body.write(out, &mut |out, data| out.extend_from_slice(data));
        self.head.write_footer(out);
    }

    fn size(&self) -> usize {
        let head = &self.head;
        [
            self.body.size(),
            head.delivery_annotations.len(),
            head.message_annotations.len(),
            head.fields.len(),
            head.application_properties.len(),
            head.footer.len(),
        ]
        .iter()
        .fold(HEADS, |sum, size| sum.saturating_add(*size))
    }
}

impl Head {
    fn write(&self, out: &mut Vec<u8>) {
        let maps = [&self.delivery_annotations, &self.message_annotations, &self.application_properties];
        if maps.iter().any(|pairs| pairs.may_repeat()) {
            return self.write_distinct(out);
        }
        self.write_sections(out);
    }

    #[inline(always)]
    fn write_sections(&self, out: &mut Vec<u8>) {
        let mut writer = Encoder::new(out);
        if self.has_header {
            self.header.encode(&mut writer);
        }
        self.delivery_annotations.write(DELIVERY_ANNOTATIONS, &mut writer);
        self.message_annotations.write(MESSAGE_ANNOTATIONS, &mut writer);
        self.fields.write(&mut writer);
        self.application_properties.write(APPLICATION_PROPERTIES, &mut writer);
    }

    /// Writes the sections with distinct keys.
    #[cold]
    #[inline(never)]
    fn write_distinct(&self, out: &mut Vec<u8>) {
        self.to_distinct().write_sections(out);
    }

    fn write_footer(&self, out: &mut Vec<u8>) {
        if self.footer.may_repeat() {
            return self.write_distinct_footer(out);
        }
        self.footer.write(FOOTER, &mut Encoder::new(out));
    }

    #[cold]
    #[inline(never)]
    fn write_distinct_footer(&self, out: &mut Vec<u8>) {
        self.footer.distinct().write(FOOTER, &mut Encoder::new(out));
    }

    fn to_distinct(&self) -> Self {
        Self {
            header: self.header.clone(),
            has_header: self.has_header,
            delivery_annotations: self.delivery_annotations.distinct(),
            message_annotations: self.message_annotations.distinct(),
            fields: self.fields.clone(),
            application_properties: self.application_properties.distinct(),
            footer: Pairs::default(),
        }
    }
}
