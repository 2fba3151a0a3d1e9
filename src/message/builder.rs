//! Messages put together section by section and written in their smallest encoding.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;

use super::{
    ApplicationProperties, SimpleType,
    encoded::{Fields, Pairs, binary_head},
};
use crate::{
    codec::{Encode, Encoder},
    frame::Payload,
    spec::messaging::{
        AMQP_SEQUENCE, AMQP_VALUE, APPLICATION_PROPERTIES, DATA, DELIVERY_ANNOTATIONS, FOOTER, Header,
        MESSAGE_ANNOTATIONS, MessageId, Properties,
    },
    types::{AnnotationKey, Annotations, Milliseconds, SequenceNo, Symbol, Timestamp, Value},
};

/// From this size on a data section's bytes are shared by the payload instead of copied.
const BY_REFERENCE: usize = 1024;

/// What the head of a message takes beyond its fields and pairs, as a rule: descriptors, sizes and the header.
const HEADS: usize = 96;

/// A message being built; [`Message::builder`](super::Message::builder) starts one.
///
/// Its type tells which form the body has ([`NoBody`] to begin with), so that a message without a body, with a
/// mixed one or with a second amqp-value does not compile (3.2). What goes into properties, application-properties
/// and annotations is encoded at once, so text is borrowed and not kept. A key set again replaces its value.
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
    /// Boxed: each call hands the builder on by value.
    head: Box<Head>,
    body: B,
}

/// All sections but the body.
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

/// The builder has no body yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBody(());

/// The body is made of data sections (3.2.6).
#[derive(Clone, Debug)]
pub struct DataBody {
    first: Bytes,
    rest: Vec<Bytes>,
}

/// The body is made of amqp-sequence sections (3.2.7).
#[derive(Clone, Debug)]
pub struct SequenceBody(Vec<u8>);

/// The body is an amqp-value section (3.2.8).
#[derive(Clone, Debug)]
pub struct ValueBody(Vec<u8>);

/// A body as 3.2 has it.
pub trait HasBody: sealed::Sections {}

mod sealed {
    use alloc::vec::Vec;

    use bytes::Bytes;

    pub trait Sections {
        /// Bytes of all sections, or a little more.
        fn size(&self) -> usize;
        /// Writes all sections; bytes may go to `share` instead, with what has been written before them.
        fn write(&self, out: &mut Vec<u8>, share: &mut dyn FnMut(&mut Vec<u8>, &Bytes));
    }
}

impl HasBody for DataBody {}
impl HasBody for SequenceBody {}
impl HasBody for ValueBody {}

impl sealed::Sections for DataBody {
    fn size(&self) -> usize {
        let section = |data: &Bytes| if data.len() < BY_REFERENCE { data.len().saturating_add(8) } else { 8 };
        self.rest.iter().fold(section(&self.first), |sum, data| sum.saturating_add(section(data)))
    }

    fn write(&self, out: &mut Vec<u8>, share: &mut dyn FnMut(&mut Vec<u8>, &Bytes)) {
        for data in core::iter::once(&self.first).chain(&self.rest) {
            let mut writer = Encoder::new(out);
            writer.describe(DATA);
            if data.len() < BY_REFERENCE {
                data.encode(&mut writer);
            } else {
                binary_head(data.len(), out);
                share(out, data);
            }
        }
    }
}

impl sealed::Sections for SequenceBody {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn write(&self, out: &mut Vec<u8>, _: &mut dyn FnMut(&mut Vec<u8>, &Bytes)) {
        out.extend_from_slice(&self.0);
    }
}

impl sealed::Sections for ValueBody {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn write(&self, out: &mut Vec<u8>, _: &mut dyn FnMut(&mut Vec<u8>, &Bytes)) {
        out.extend_from_slice(&self.0);
    }
}

impl MessageBuilder<NoBody> {
    /// A message with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the body a data section; more may follow.
    #[must_use]
    pub fn data(self, bytes: impl Into<Bytes>) -> MessageBuilder<DataBody> {
        MessageBuilder { head: self.head, body: DataBody { first: bytes.into(), rest: Vec::new() } }
    }

    /// Makes the body an amqp-sequence section; more may follow.
    #[must_use]
    pub fn sequence(self, elements: &[Value]) -> MessageBuilder<SequenceBody> {
        MessageBuilder { head: self.head, body: SequenceBody(Vec::new()) }.sequence(elements)
    }

    /// Makes the body an amqp-value section.
    #[must_use]
    pub fn value(self, value: impl Encode) -> MessageBuilder<ValueBody> {
        let mut bytes = Vec::new();
        let mut writer = Encoder::new(&mut bytes);
        writer.describe(AMQP_VALUE);
        value.encode(&mut writer);
        MessageBuilder { head: self.head, body: ValueBody(bytes) }
    }
}

impl MessageBuilder<DataBody> {
    /// Adds a data section.
    #[must_use]
    pub fn data(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body.rest.push(bytes.into());
        self
    }
}

impl MessageBuilder<SequenceBody> {
    /// Adds an amqp-sequence section.
    #[must_use]
    pub fn sequence(mut self, elements: &[Value]) -> Self {
        let mut writer = Encoder::new(&mut self.body.0);
        writer.describe(AMQP_SEQUENCE);
        elements.encode(&mut writer);
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

    /// Whether the message must survive a failure.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.head.header.durable = Some(durable);
        self.head.has_header = true;
        self
    }

    /// The message's priority.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.head.header.priority = Some(priority);
        self.head.has_header = true;
        self
    }

    /// How long the message is worth delivering.
    #[must_use]
    pub fn ttl(mut self, ttl: Milliseconds) -> Self {
        self.head.header.ttl = Some(ttl);
        self.head.has_header = true;
        self
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

            /// Sets those properties that are there.
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
        }
    };
}

properties! {
    /// Identifies the message within its system.
    message_id: impl Into<MessageId>, |id| &id.into();
    /// Who is responsible for the message.
    user_id: impl AsRef<[u8]>, |id| id.as_ref();
    /// The address of the node that the message is meant for.
    to: impl AsRef<str>, |address| address.as_ref();
    /// What the message is about.
    subject: impl AsRef<str>, |subject| subject.as_ref();
    /// The address of the node to send replies to.
    reply_to: impl AsRef<str>, |address| address.as_ref();
    /// What the message refers to.
    correlation_id: impl Into<MessageId>, |id| &id.into();
    /// The MIME type of the body's data sections.
    content_type: impl Into<Symbol>, |content| &content.into();
    /// The MIME encoding of the body's data sections.
    content_encoding: impl Into<Symbol>, |encoding| &encoding.into();
    /// When the message expires.
    absolute_expiry_time: Timestamp, |time| &time;
    /// When the message was made.
    creation_time: Timestamp, |time| &time;
    /// The group that the message belongs to.
    group_id: impl AsRef<str>, |group| group.as_ref();
    /// The message's place in its group.
    group_sequence: SequenceNo, |number| &number;
    /// The group that replies belong to.
    reply_to_group_id: impl AsRef<str>, |group| group.as_ref();
}

/// The sections that are maps.
impl<B> MessageBuilder<B> {
    /// Sets an application-property (3.2.5); only values of simple types can stand here.
    #[must_use]
    pub fn application_property(mut self, name: impl AsRef<str>, value: impl SimpleType) -> Self {
        self.head.application_properties.set(name.as_ref(), &value);
        self
    }

    /// Sets application-properties, as another message has them.
    #[must_use]
    pub fn application_properties(mut self, properties: &ApplicationProperties) -> Self {
        properties.iter().for_each(|(name, value)| self.head.application_properties.set(name, value));
        self
    }

    /// Sets a delivery-annotation (3.2.2).
    #[must_use]
    pub fn delivery_annotation(mut self, key: impl Into<AnnotationKey>, value: impl Encode) -> Self {
        self.head.delivery_annotations.set(&key.into(), &value);
        self
    }

    /// Sets delivery-annotations, as another message has them.
    #[must_use]
    pub fn delivery_annotations(mut self, annotations: &Annotations) -> Self {
        annotations.iter().for_each(|(key, value)| self.head.delivery_annotations.set(key, value));
        self
    }

    /// Sets a message-annotation (3.2.3).
    #[must_use]
    pub fn message_annotation(mut self, key: impl Into<AnnotationKey>, value: impl Encode) -> Self {
        self.head.message_annotations.set(&key.into(), &value);
        self
    }

    /// Sets message-annotations, as another message has them.
    #[must_use]
    pub fn message_annotations(mut self, annotations: &Annotations) -> Self {
        annotations.iter().for_each(|(key, value)| self.head.message_annotations.set(key, value));
        self
    }

    /// Sets an entry of the footer (3.2.9).
    #[must_use]
    pub fn footer(mut self, key: impl Into<AnnotationKey>, value: impl Encode) -> Self {
        self.head.footer.set(&key.into(), &value);
        self
    }

    /// Empties the builder but keeps the memory of its head, for the next message.
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
    /// The encoded message. Data of 1 KiB and more is shared, as a chunk of its own; the rest is one chunk, or one
    /// before and one after each such data.
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

    /// Writes the encoded message to the end of a buffer, copying all data.
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
        let mut writer = Encoder::new(out);
        if self.has_header {
            self.header.encode(&mut writer);
        }
        self.delivery_annotations.write(DELIVERY_ANNOTATIONS, &mut writer);
        self.message_annotations.write(MESSAGE_ANNOTATIONS, &mut writer);
        self.fields.write(&mut writer);
        self.application_properties.write(APPLICATION_PROPERTIES, &mut writer);
    }

    fn write_footer(&self, out: &mut Vec<u8>) {
        self.footer.write(FOOTER, &mut Encoder::new(out));
    }
}
