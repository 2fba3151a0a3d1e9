//! The sections read in a hurry: texts and bytes are borrowed from the message, and nothing is counted or allocated.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;

use super::{Message, MessageError, MessageErrorKind, SectionKind, SimpleValue, cursor::Cursor};
use crate::{
    codec::{
        DecodeErrorKind, Decoder, format_code,
        usual::{self, Fields, Taken},
    },
    spec::{Composite, Field, messaging::Properties},
    types::{
        Decimal32, Decimal64, Decimal128, Double, Float, NotAscii, SequenceNo, Symbol, TextRef, Timestamp,
        Uuid,
    },
};

/// The properties of a message (3.2.4), borrowed from it: [`Properties`] says what the fields are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Properties`")]
pub struct PropertiesRef<'a> {
    pub message_id: Option<MessageIdRef<'a>>,
    pub user_id: Option<&'a [u8]>,
    pub to: Option<TextRef<'a>>,
    pub subject: Option<TextRef<'a>>,
    pub reply_to: Option<TextRef<'a>>,
    pub correlation_id: Option<MessageIdRef<'a>>,
    pub content_type: Option<TextRef<'a>>,
    pub content_encoding: Option<TextRef<'a>>,
    pub absolute_expiry_time: Option<Timestamp>,
    pub creation_time: Option<Timestamp>,
    pub group_id: Option<TextRef<'a>>,
    pub group_sequence: Option<SequenceNo>,
    pub reply_to_group_id: Option<TextRef<'a>>,
}

/// A [`MessageId`](crate::spec::messaging::MessageId), borrowed from its message.
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

/// A [`SimpleValue`], borrowed from its message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the types are those of `SimpleValue`")]
pub enum SimpleRef<'a> {
    Null,
    Boolean(bool),
    Ubyte(u8),
    Ushort(u16),
    Uint(u32),
    Ulong(u64),
    Byte(i8),
    Short(i16),
    Int(i32),
    Long(i64),
    Float(Float),
    Double(Double),
    Decimal32(Decimal32),
    Decimal64(Decimal64),
    Decimal128(Decimal128),
    Char(char),
    Timestamp(Timestamp),
    Uuid(Uuid),
    Binary(&'a [u8]),
    String(TextRef<'a>),
    Symbol(TextRef<'a>),
    /// A value with a descriptor, which is rare and so not borrowed.
    Described(Box<SimpleValue>),
}

#[inline]
fn binary(rest: &[u8]) -> Taken<'_, &[u8]> {
    usual::variable(rest, format_code::VBIN8, format_code::VBIN32)
}

#[inline]
fn string(rest: &[u8]) -> Taken<'_, TextRef<'_>> {
    let (bytes, rest) = usual::variable(rest, format_code::STR8, format_code::STR32)?;
    Some((TextRef::string(bytes)?, rest))
}

#[inline]
fn symbol(rest: &[u8]) -> Taken<'_, TextRef<'_>> {
    let (bytes, rest) = usual::variable(rest, format_code::SYM8, format_code::SYM32)?;
    Some((TextRef::symbol(bytes)?, rest))
}

#[inline]
fn message_id(rest: &[u8]) -> Taken<'_, MessageIdRef<'_>> {
    match *rest.first()? {
        format_code::STR8 | format_code::STR32 => {
            string(rest).map(|(id, rest)| (MessageIdRef::String(id), rest))
        }
        format_code::VBIN8 | format_code::VBIN32 => {
            binary(rest).map(|(id, rest)| (MessageIdRef::Binary(id), rest))
        }
        format_code::UUID => usual::uuid(rest).map(|(id, rest)| (MessageIdRef::Uuid(id), rest)),
        _ => usual::ulong(rest).map(|(id, rest)| (MessageIdRef::Ulong(id), rest)),
    }
}

impl<'a> PropertiesRef<'a> {
    /// Reads the list behind the section's descriptor; `None` where it is not as 3.2.4 has it.
    #[inline]
    fn read(list: &'a [u8]) -> Option<Self> {
        const BOUNDS: (u32, u32) = Field::bounds(<Properties as Composite>::FIELDS);
        let (mut fields, after) = Fields::enter(list, BOUNDS.0, BOUNDS.1)?;
        let mut this = Self::default();
        macro_rules! read {
            ($($field:ident: $read:expr;)*) => {
                'fields: {
                    $(
                        if fields.is_done() {
                            break 'fields;
                        }
                        this.$field = fields.next_by($read)?;
                    )*
                }
            };
        }
        read! {
            message_id: message_id;
            user_id: binary;
            to: string;
            subject: string;
            reply_to: string;
            correlation_id: message_id;
            content_type: symbol;
            content_encoding: symbol;
            absolute_expiry_time: usual::timestamp;
            creation_time: usual::timestamp;
            group_id: string;
            group_sequence: |rest| usual::uint(rest).map(|(number, rest)| (number.into(), rest));
            reply_to_group_id: string;
        }
        (fields.is_over() && after.is_empty()).then_some(this)
    }
}

/// The bytes that are as many as the value of a format code takes.
#[inline]
fn fixed<const N: usize>(rest: &[u8]) -> Taken<'_, [u8; N]> {
    rest.split_first_chunk().map(|(bytes, rest)| (*bytes, rest))
}

impl<'a> SimpleRef<'a> {
    /// Reads one; `None` where it is broken or of another type.
    #[inline]
    fn read(rest: &'a [u8], reader: &mut Decoder<'a>) -> Taken<'a, Self> {
        match *rest.first()? {
            format_code::STR8 | format_code::STR32 => {
                string(rest).map(|(text, rest)| (Self::String(text), rest))
            }
            format_code::TRUE | format_code::FALSE | format_code::BOOLEAN => {
                usual::boolean(rest).map(|(value, rest)| (Self::Boolean(value), rest))
            }
            format_code::ULONG | format_code::SMALLULONG | format_code::ULONG0 => {
                usual::ulong(rest).map(|(value, rest)| (Self::Ulong(value), rest))
            }
            format_code::UINT | format_code::SMALLUINT | format_code::UINT0 => {
                usual::uint(rest).map(|(value, rest)| (Self::Uint(value), rest))
            }
            _ => Self::read_other(rest, reader),
        }
    }

    fn read_other(rest: &'a [u8], reader: &mut Decoder<'a>) -> Taken<'a, Self> {
        let (found, behind) = rest.split_first()?;
        macro_rules! fixed {
            (|$bytes:ident| $value:expr) => {{
                let ($bytes, behind) = fixed(behind)?;
                Some(($value, behind))
            }};
        }
        match *found {
            format_code::NULL => Some((Self::Null, behind)),
            format_code::SMALLINT => fixed!(|bytes| Self::Int(i8::from_be_bytes(bytes).into())),
            format_code::INT => fixed!(|bytes| Self::Int(i32::from_be_bytes(bytes))),
            format_code::SMALLLONG => fixed!(|bytes| Self::Long(i8::from_be_bytes(bytes).into())),
            format_code::LONG => fixed!(|bytes| Self::Long(i64::from_be_bytes(bytes))),
            format_code::UBYTE => fixed!(|bytes| Self::Ubyte(u8::from_be_bytes(bytes))),
            format_code::USHORT => fixed!(|bytes| Self::Ushort(u16::from_be_bytes(bytes))),
            format_code::BYTE => fixed!(|bytes| Self::Byte(i8::from_be_bytes(bytes))),
            format_code::SHORT => fixed!(|bytes| Self::Short(i16::from_be_bytes(bytes))),
            format_code::FLOAT => fixed!(|bytes| Self::Float(Float::from_bits(u32::from_be_bytes(bytes)))),
            format_code::DOUBLE => fixed!(|bytes| Self::Double(Double::from_bits(u64::from_be_bytes(bytes)))),
            format_code::DECIMAL32 => fixed!(|bytes| Self::Decimal32(Decimal32::from_be_bytes(bytes))),
            format_code::DECIMAL64 => fixed!(|bytes| Self::Decimal64(Decimal64::from_be_bytes(bytes))),
            format_code::DECIMAL128 => fixed!(|bytes| Self::Decimal128(Decimal128::from_be_bytes(bytes))),
            format_code::CHAR => fixed!(|bytes| Self::Char(char::from_u32(u32::from_be_bytes(bytes))?)),
            format_code::TIMESTAMP => {
                usual::timestamp(rest).map(|(time, rest)| (Self::Timestamp(time), rest))
            }
            format_code::UUID => usual::uuid(rest).map(|(uuid, rest)| (Self::Uuid(uuid), rest)),
            format_code::VBIN8 | format_code::VBIN32 => {
                binary(rest).map(|(bytes, rest)| (Self::Binary(bytes), rest))
            }
            format_code::SYM8 | format_code::SYM32 => {
                symbol(rest).map(|(text, rest)| (Self::Symbol(text), rest))
            }
            format_code::DESCRIBED => {
                usual::general(rest, reader).map(|(value, rest)| (Self::Described(Box::new(value)), rest))
            }
            _ => None,
        }
    }
}

impl TryFrom<SimpleRef<'_>> for SimpleValue {
    type Error = NotAscii;

    /// Copies what is borrowed. A symbol read from a message is always ASCII.
    fn try_from(value: SimpleRef<'_>) -> Result<Self, NotAscii> {
        Ok(match value {
            SimpleRef::Null => Self::NULL,
            SimpleRef::Boolean(value) => value.into(),
            SimpleRef::Ubyte(value) => value.into(),
            SimpleRef::Ushort(value) => value.into(),
            SimpleRef::Uint(value) => value.into(),
            SimpleRef::Ulong(value) => value.into(),
            SimpleRef::Byte(value) => value.into(),
            SimpleRef::Short(value) => value.into(),
            SimpleRef::Int(value) => value.into(),
            SimpleRef::Long(value) => value.into(),
            SimpleRef::Float(value) => value.into(),
            SimpleRef::Double(value) => value.into(),
            SimpleRef::Decimal32(value) => value.into(),
            SimpleRef::Decimal64(value) => value.into(),
            SimpleRef::Decimal128(value) => value.into(),
            SimpleRef::Char(value) => value.into(),
            SimpleRef::Timestamp(value) => value.into(),
            SimpleRef::Uuid(value) => value.into(),
            SimpleRef::Binary(bytes) => Bytes::copy_from_slice(bytes).into(),
            SimpleRef::String(text) => text.as_str().into(),
            SimpleRef::Symbol(text) => Symbol::try_from(text.as_str())?.into(),
            SimpleRef::Described(value) => *value,
        })
    }
}

/// The application-properties of a message (3.2.5) in their order, borrowed from it.
///
/// Where the section is not as 3.2.5 has it, the last item is the error. What comes after the last item that was
/// asked for has not been checked, and that no name stands twice only where all have been.
#[derive(Debug)]
pub struct ApplicationPropertiesRef<'a> {
    message: &'a Message,
    reader: Decoder<'a>,
    /// All pairs.
    pairs: &'a [u8],
    /// Those that are still to come, and how many they are.
    rest: &'a [u8],
    left: u32,
    /// How many there are, up to [`FEW`]; more are sorted at the end to find a name that stands twice.
    few: bool,
    /// Bits for the names there were.
    names: u64,
    twice: bool,
}

/// Pairs whose names are sooner compared one with the other than sorted.
const FEW: u32 = 16;

impl<'a> ApplicationPropertiesRef<'a> {
    /// Enters the map behind the section's descriptor; `None` where it is not one.
    #[inline]
    fn enter(message: &'a Message, source: &'a Bytes, map: &'a [u8]) -> Option<Self> {
        let (size, count, pairs) = match map {
            [format_code::MAP8, size, count, pairs @ ..] => {
                (usize::from(*size).checked_sub(1)?, u32::from(*count), pairs)
            }
            [format_code::MAP32, a, b, c, d, e, f, g, h, pairs @ ..] => {
                let size = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?;
                (size.checked_sub(4)?, u32::from_be_bytes([*e, *f, *g, *h]), pairs)
            }
            _ => return None,
        };
        let whole = size == pairs.len() && usize::try_from(count).is_ok_and(|count| count <= size);
        if !whole || !count.is_multiple_of(2) {
            return None;
        }
        let mut reader = message.reader(source);
        reader.descend()?;
        reader.spend(count).ok()?;
        let left = count / 2;
        Some(Self { message, reader, pairs, rest: pairs, left, few: left <= FEW, names: 0, twice: false })
    }

    fn none(message: &'a Message, source: &'a Bytes) -> Self {
        let reader = message.reader(source);
        Self { message, reader, pairs: &[], rest: &[], left: 0, few: true, names: 0, twice: false }
    }

    #[inline]
    fn pair(&mut self) -> Option<(TextRef<'a>, SimpleRef<'a>)> {
        let (name, rest) = string(self.rest)?;
        if self.few {
            let bit = name_bit(name.as_bytes());
            if self.names & bit != 0 {
                self.twice |= self.was(name);
            }
            self.names |= bit;
        }
        let (value, rest) = SimpleRef::read(rest, &mut self.reader)?;
        self.rest = rest;
        Some((name, value))
    }

    /// The names of all pairs, which have been read before.
    fn read_names(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.pairs;
        core::iter::from_fn(move || {
            let (name, value) = usual::variable(rest, format_code::STR8, format_code::STR32)?;
            rest = behind_any(value)?;
            Some(name)
        })
    }

    /// Whether the name has come before.
    #[cold]
    fn was(&self, name: TextRef<'_>) -> bool {
        let before = self.pairs.len().saturating_sub(self.rest.len());
        let mut rest = self.pairs.get(..before).unwrap_or_default();
        while let Some((other, value)) = usual::variable(rest, format_code::STR8, format_code::STR32) {
            if other == name.as_bytes() {
                return true;
            }
            rest = behind_any(value).unwrap_or_default();
        }
        false
    }

    #[cold]
    fn has_twins(&self) -> bool {
        let mut names: Vec<&[u8]> = self.read_names().collect();
        names.sort_unstable();
        names.iter().zip(names.iter().skip(1)).any(|(one, next)| one == next)
    }

    /// The error, as the general way tells it, after which nothing comes.
    #[cold]
    fn failed(&mut self) -> MessageError {
        (self.left, self.rest, self.few, self.twice) = (0, &[], true, false);
        self.message.error_of(SectionKind::ApplicationProperties, Message::application_properties)
    }
}

impl<'a> Iterator for ApplicationPropertiesRef<'a> {
    type Item = Result<(TextRef<'a>, SimpleRef<'a>), MessageError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Some(self.pair().ok_or_else(|| self.failed()));
        }
        // 1.2.3: the pairs take up all of the map. 1.6.23: a key stands once.
        if !self.rest.is_empty() || self.twice || !self.few && self.has_twins() {
            return Some(Err(self.failed()));
        }
        None
    }
}

/// One of 64 bits for a name, so that most names are known to be new without a look at the others.
#[inline]
pub(super) fn name_bit(name: &[u8]) -> u64 {
    let mixed = match name {
        [first, .., last] => first.rotate_left(3) ^ last,
        [only] => *only,
        [] => 0,
    };
    let length = name.len().to_le_bytes().first().map_or(0, |length| length.rotate_left(1));
    1_u64.rotate_left(u32::from(mixed.wrapping_add(length)))
}

/// The bytes behind a value that has been read before, with or without a descriptor.
fn behind_any(rest: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::within(rest, 0..rest.len());
    cursor.skip_value().ok()?;
    rest.get(cursor.offset()..)
}

impl Message {
    /// The properties (3.2.4), all of them, borrowed: as [`properties`](Self::properties) in a hurry.
    ///
    /// ```
    /// use amqp_proto::message::{Message, MessageIdRef, ParseOptions};
    /// let payload = Message::builder().message_id(7_u64).to("queue").data("hello").build();
    /// let message = Message::parse(payload, &ParseOptions::default())?;
    /// let properties = message.properties_ref()?.unwrap_or_default();
    /// assert_eq!(properties.message_id, Some(MessageIdRef::Ulong(7)));
    /// assert!(properties.to.is_some_and(|to| to == "queue"));
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    ///
    /// # Errors
    /// [`MessageError`] where the section is not as 3.2.4 has it.
    #[inline]
    pub fn properties_ref(&self) -> Result<Option<PropertiesRef<'_>>, MessageError> {
        let Some((_, list)) = self.section_value(SectionKind::Properties) else { return Ok(None) };
        match list.and_then(PropertiesRef::read) {
            Some(properties) => Ok(Some(properties)),
            None => Err(self.error_of(SectionKind::Properties, Self::properties)),
        }
    }

    /// The application-properties (3.2.5) one by one, borrowed: as
    /// [`application_properties`](Self::application_properties) in a hurry.
    ///
    /// ```
    /// use amqp_proto::message::{Message, ParseOptions, SimpleRef};
    /// let payload = Message::builder()
    ///     .application_property("colour", "blue")
    ///     .application_property("size", 7_u32)
    ///     .data("hello")
    ///     .build();
    /// let message = Message::parse(payload, &ParseOptions::default())?;
    /// let mut sizes = 0;
    /// for property in message.application_properties_ref()? {
    ///     match property? {
    ///         (name, SimpleRef::Uint(size)) if name == "size" => sizes += size,
    ///         _ => {}
    ///     }
    /// }
    /// assert_eq!(sizes, 7);
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    ///
    /// # Errors
    /// [`MessageError`] where the section is not a map; what is wrong with its pairs the iterator tells.
    #[inline]
    pub fn application_properties_ref(&self) -> Result<ApplicationPropertiesRef<'_>, MessageError> {
        let Some((source, map)) = self.section_value(SectionKind::ApplicationProperties) else {
            return Ok(ApplicationPropertiesRef::none(self, &self.first));
        };
        match map.and_then(|map| ApplicationPropertiesRef::enter(self, source, map)) {
            Some(properties) => Ok(properties),
            None => Err(self.error_of(SectionKind::ApplicationProperties, Self::application_properties)),
        }
    }

    /// The source that a section lies in, and in it the bytes of the section's value: none where the section's
    /// descriptor may not even be read.
    #[inline]
    fn section_value(&self, kind: SectionKind) -> Option<(&Bytes, Option<&[u8]>)> {
        let range = self.range(kind)?;
        let (source, _) = self.source(kind);
        let section = source.get(range);
        let value = match section {
            // A descriptor is one level down.
            _ if self.limits.depth == 0 => None,
            Some([format_code::DESCRIBED, format_code::SMALLULONG, _, value @ ..]) => Some(value),
            Some(section) => behind_descriptor(section),
            None => None,
        };
        Some((source, value))
    }

    /// What is wrong with a section, as the general way tells it.
    #[cold]
    fn error_of<T>(
        &self,
        kind: SectionKind,
        read: impl FnOnce(&Self) -> Result<T, MessageError>,
    ) -> MessageError {
        let start = self.range(kind).map_or(0, |range| range.start);
        // The short way reads all that the general one does.
        read(self).err().unwrap_or_else(|| MessageErrorKind::Decode(DecodeErrorKind::SizeMismatch).at(start))
    }
}

#[cold]
fn behind_descriptor(section: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::within(section, 0..section.len());
    cursor.section_kind().ok()?;
    section.get(cursor.offset()..)
}
