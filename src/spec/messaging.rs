//! The sections of a message (3.2).

use bytes::Bytes;

use crate::{
    codec::{Decode, DecodeRef, Decoder, Encode, Encoder, format_code},
    types::{MessageFormat, Milliseconds, SequenceNo, Str, Symbol, TextRef, Timestamp, Uuid},
};

/// The message format that this standard defines (3.2.16).
pub const MESSAGE_FORMAT: MessageFormat = MessageFormat::new(0);

standard_composites! {
    /// Transport details of a message, which intermediaries may change.
    Header = "amqp:header:list" (0x70) in "3.2.1" {
        /// True if the message must survive a failure. [`Header::is_durable`] applies the default.
        durable: bool;
        /// The message's relative priority. [`Header::priority_or_default`] applies the default.
        priority: u8;
        /// The time to live, from the message's arrival at an intermediary on; no limit if absent.
        ttl: Milliseconds;
        /// True if no other link has acquired the message before. [`Header::is_first_acquirer`] applies the default.
        first_acquirer: bool;
        /// Unsuccessful earlier delivery attempts. [`Header::delivery_count_or_default`] applies the default.
        delivery_count: u32;
    }

    /// The message's immutable properties.
    Properties
    | /// The properties of a message (3.2.4), borrowed from it: see [`Properties`].
      #[derive(Default)]
      pub PropertiesRef<'a> = "amqp:properties:list" (0x73) in "3.2.4" {
        /// The identity of the message within its system.
        message_id: MessageId | MessageIdRef<'a>;
        /// The identity of the user who produced the message.
        user_id: Bytes | &'a [u8];
        /// The address of the node that the message is meant for.
        to: Str | TextRef<'a>;
        /// A summary of the message's content and purpose.
        subject: Str | TextRef<'a>;
        /// The address of the node to send replies to.
        reply_to: Str | TextRef<'a>;
        /// The identity that the message is correlated with, such as that of a request.
        correlation_id: MessageId | MessageIdRef<'a>;
        /// The MIME type of the body's data sections.
        content_type: Symbol | TextRef<'a>;
        /// The MIME encoding of the body's data sections.
        content_encoding: Symbol | TextRef<'a>;
        /// The time at which the message expires.
        absolute_expiry_time: Timestamp;
        /// The time at which the message was created.
        creation_time: Timestamp;
        /// The group that the message belongs to.
        group_id: Str | TextRef<'a>;
        /// The message's position in its group.
        group_sequence: SequenceNo;
        /// The group that replies belong to.
        reply_to_group_id: Str | TextRef<'a>;
    }
}

/// The fields with their defaults applied (3.2.1). `ttl` has none: without it a message does not expire.
///
/// ```
/// use amqp_proto::spec::messaging::Header;
///
/// let header = Header { durable: Some(true), ..Header::default() };
/// assert!(header.is_durable());
/// assert_eq!((header.priority, header.priority_or_default()), (None, 4));
/// ```
impl Header {
    /// The priority of a message without one (3.2.1).
    pub const DEFAULT_PRIORITY: u8 = 4;

    /// True if the message must survive a failure; false by default.
    pub fn is_durable(&self) -> bool {
        self.durable.unwrap_or(false)
    }

    /// Returns the relative priority, [`DEFAULT_PRIORITY`](Self::DEFAULT_PRIORITY) by default.
    pub fn priority_or_default(&self) -> u8 {
        self.priority.unwrap_or(Self::DEFAULT_PRIORITY)
    }

    /// True if no other link has acquired the message before; false by default.
    pub fn is_first_acquirer(&self) -> bool {
        self.first_acquirer.unwrap_or(false)
    }

    /// Returns the number of unsuccessful earlier delivery attempts, 0 by default.
    pub fn delivery_count_or_default(&self) -> u32 {
        self.delivery_count.unwrap_or(0)
    }
}

/// The identity of a message, or of the one it is correlated with: one of four types (3.2.11 to 3.2.14).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageId {
    /// `message-id-ulong`
    Ulong(u64),
    /// `message-id-uuid`
    Uuid(Uuid),
    /// `message-id-binary`
    Binary(Bytes),
    /// `message-id-string`
    String(Str),
}

/// Decodes one of the four types by `$decode`, a method that each of them has.
macro_rules! message_id {
    ($id:ident, $decode:ident, $code:ident, $rest:ident, $decoder:ident) => {
        match $code {
            format_code::STR8 | format_code::STR32 => {
                Str::$decode($code, $rest, $decoder).map(|(id, rest)| ($id::String(id), rest))
            }
            format_code::VBIN8 | format_code::VBIN32 => {
                Bytes::$decode($code, $rest, $decoder).map(|(id, rest)| ($id::Binary(id), rest))
            }
            format_code::UUID => {
                Uuid::$decode($code, $rest, $decoder).map(|(id, rest)| ($id::Uuid(id), rest))
            }
            format_code::ULONG | format_code::SMALLULONG | format_code::ULONG0 => {
                u64::$decode($code, $rest, $decoder).map(|(id, rest)| ($id::Ulong(id), rest))
            }
            found => $decoder.wrong_type("message-id", found, $rest),
        }
    };
}

impl Decode for MessageId {
    #[inline]
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        message_id!(Self, decode_as, code, rest, decoder)
    }
}

/// A [`MessageId`], borrowed from its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageIdRef<'a> {
    /// `message-id-ulong`
    Ulong(u64),
    /// `message-id-uuid`
    Uuid(Uuid),
    /// `message-id-binary`
    Binary(&'a [u8]),
    /// `message-id-string`
    String(TextRef<'a>),
}

impl<'a> DecodeRef<'a> for MessageId {
    type Ref = MessageIdRef<'a>;

    #[inline(always)]
    fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self::Ref, &'a [u8])> {
        message_id!(MessageIdRef, decode_ref, code, rest, decoder)
    }
}

impl Encode for MessageId {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        match self {
            Self::Ulong(id) => id.encode(encoder),
            Self::Uuid(id) => id.encode(encoder),
            Self::Binary(id) => id.encode(encoder),
            Self::String(id) => id.encode(encoder),
        }
    }
}

impl From<u64> for MessageId {
    fn from(id: u64) -> Self {
        Self::Ulong(id)
    }
}

impl From<Uuid> for MessageId {
    fn from(id: Uuid) -> Self {
        Self::Uuid(id)
    }
}

impl From<&str> for MessageId {
    fn from(id: &str) -> Self {
        Self::String(id.into())
    }
}

/// The descriptors of the sections (3.2): numeric codes and symbolic names, in the order a message has them.
pub const SECTIONS: &[(&str, u64, &str)] = &[
    ("header", Header::CODE, Header::SYMBOL),
    ("delivery-annotations", DELIVERY_ANNOTATIONS, "amqp:delivery-annotations:map"),
    ("message-annotations", MESSAGE_ANNOTATIONS, "amqp:message-annotations:map"),
    ("properties", Properties::CODE, Properties::SYMBOL),
    ("application-properties", APPLICATION_PROPERTIES, "amqp:application-properties:map"),
    ("data", DATA, "amqp:data:binary"),
    ("amqp-sequence", AMQP_SEQUENCE, "amqp:amqp-sequence:list"),
    ("amqp-value", AMQP_VALUE, "amqp:amqp-value:*"),
    ("footer", FOOTER, "amqp:footer:map"),
];

/// Descriptor of the delivery-annotations section (3.2.2).
pub const DELIVERY_ANNOTATIONS: u64 = 0x71;
/// Descriptor of the message-annotations section (3.2.3).
pub const MESSAGE_ANNOTATIONS: u64 = 0x72;
/// Descriptor of the application-properties section (3.2.5).
pub const APPLICATION_PROPERTIES: u64 = 0x74;
/// Descriptor of a data section (3.2.6).
pub const DATA: u64 = 0x75;
/// Descriptor of an amqp-sequence section (3.2.7).
pub const AMQP_SEQUENCE: u64 = 0x76;
/// Descriptor of an amqp-value section (3.2.8).
pub const AMQP_VALUE: u64 = 0x77;
/// Descriptor of the footer section (3.2.9).
pub const FOOTER: u64 = 0x78;
