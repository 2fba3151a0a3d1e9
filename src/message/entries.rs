//! One entry of a section that is a map, without decoding the others (3.2.2, 3.2.3, 3.2.5, 3.2.9).

use super::{Message, MessageError, SectionKind, SimpleValue};
use crate::{
    codec::{
        Decode, DecodeErrorKind, Decoder, Encode, Encoder,
        format_code::{self, MAP8, MAP32, SMALLULONG, STR8, STR32, SYM8, SYM32, ULONG, ULONG0},
    },
    types::{AnnotationKey, Symbol, Value},
};

/// A borrowed [`AnnotationKey`], to look entries up with.
///
/// ```
/// use amqp_proto::message::{AnnotationKeyRef, Message, ParseOptions};
///
/// let payload = Message::builder().message_annotation(7_u64, "seven").data("hello").build();
/// let message = Message::parse(payload, &ParseOptions::default())?;
/// assert_eq!(message.message_annotation(7)?, Some("seven".into()));
/// assert_eq!(message.message_annotation("x-opt-seven")?, None);
/// # Ok::<(), amqp_proto::message::MessageError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnnotationKeyRef<'a> {
    /// The text of a symbolic key.
    Symbol(&'a str),
    /// A numeric key.
    Ulong(u64),
}

impl<'a> From<&'a str> for AnnotationKeyRef<'a> {
    fn from(key: &'a str) -> Self {
        Self::Symbol(key)
    }
}

impl<'a> From<&'a Symbol> for AnnotationKeyRef<'a> {
    fn from(key: &'a Symbol) -> Self {
        Self::Symbol(key)
    }
}

impl From<u64> for AnnotationKeyRef<'_> {
    fn from(key: u64) -> Self {
        Self::Ulong(key)
    }
}

impl<'a> From<&'a AnnotationKey> for AnnotationKeyRef<'a> {
    fn from(key: &'a AnnotationKey) -> Self {
        match key {
            AnnotationKey::Symbol(key) => Self::Symbol(key),
            AnnotationKey::Ulong(key) => Self::Ulong(*key),
        }
    }
}

impl Encode for AnnotationKeyRef<'_> {
    /// Writes the key as its [`AnnotationKey`] would be.
    fn encode(&self, encoder: &mut Encoder<'_>) {
        match self {
            Self::Symbol(key) => encoder.variable([format_code::SYM8, format_code::SYM32], key.as_bytes()),
            Self::Ulong(key) => key.encode(encoder),
        }
    }
}

/// A key read from a map section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EntryKey<'a> {
    /// The bytes of a string in application-properties, or of a symbol elsewhere.
    Text(&'a [u8]),
    Ulong(u64),
}

impl<'a> From<AnnotationKeyRef<'a>> for EntryKey<'a> {
    fn from(key: AnnotationKeyRef<'a>) -> Self {
        match key {
            AnnotationKeyRef::Symbol(key) => Self::Text(key.as_bytes()),
            AnnotationKeyRef::Ulong(key) => Self::Ulong(key),
        }
    }
}

impl<'a> From<&'a AnnotationKey> for EntryKey<'a> {
    fn from(key: &'a AnnotationKey) -> Self {
        AnnotationKeyRef::from(key).into()
    }
}

/// One entry of a map section, still encoded.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) key: EntryKey<'a>,
    pub(super) encoded_key: &'a [u8],
    pub(super) encoded_value: &'a [u8],
}

/// Steps through the entries of a map section.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    kind: SectionKind,
    /// Decodes the bytes that contain the section.
    decoder: Decoder<'a>,
    /// The offset of these bytes in the payload.
    base: usize,
    /// The keys and values that have not been read, and their number.
    rest: &'a [u8],
    left: u32,
}

impl<'a> Entries<'a> {
    /// Enters a section; `None` if the message lacks it.
    #[inline]
    pub(super) fn of(message: &'a Message, kind: SectionKind) -> Result<Option<Self>, MessageError> {
        let Some((decoder, base)) = message.decoder(kind) else { return Ok(None) };
        let mut entries = Self { kind, rest: decoder.rest(), decoder, base, left: 0 };
        match entries.enter() {
            Some(()) => Ok(Some(entries)),
            None => Err(entries.error()),
        }
    }

    #[inline]
    fn enter(&mut self) -> Option<()> {
        let rest = self.decoder.behind_descriptor(self.rest)?;
        // Only a list may lack a count.
        (self.left, self.rest) = self.decoder.enter_any([MAP8, MAP32], "map", rest)?.unwrap_or_default();
        Some(())
    }

    /// Returns why the section was refused, with its offset in the payload.
    #[cold]
    fn error(&mut self) -> MessageError {
        MessageError::in_part(self.decoder.take_error::<Self>(), self.base)
    }

    /// Reads the key of the entry at the front of `rest`, and returns it with the bytes behind it.
    #[inline]
    fn key(&mut self, rest: &'a [u8]) -> Option<(EntryKey<'a>, &'a [u8])> {
        let Some((found, behind)) = rest.split_first() else { return self.decoder.truncated(rest) };
        let is_string = self.kind == SectionKind::ApplicationProperties;
        let (narrow, wide) = if is_string { (STR8, STR32) } else { (SYM8, SYM32) };
        match *found {
            found if found == narrow || found == wide => {
                self.decoder.sized(found == wide, behind).map(|(text, rest)| (EntryKey::Text(text), rest))
            }
            // 3.2.10: keys of annotations are symbols or ulongs.
            SMALLULONG | ULONG | ULONG0 if !is_string => u64::decode_as(*found, behind, &mut self.decoder)
                .map(|(number, rest)| (EntryKey::Ulong(number), rest)),
            found => {
                let expected = if is_string { "string" } else { "symbol or ulong" };
                self.decoder.wrong_type(expected, found, behind)
            }
        }
    }

    /// Decodes the value of the first entry with this key, or returns `None` if there is no such entry.
    #[inline]
    fn find<T: Decode>(mut self, key: EntryKey<'_>) -> Result<Option<T>, MessageError> {
        self.decode_value(key).ok_or_else(|| self.error())
    }

    #[inline]
    fn decode_value<T: Decode>(&mut self, key: EntryKey<'_>) -> Option<Option<T>> {
        for _ in 0..self.left / 2 {
            let (found, value) = self.key(self.rest)?;
            if found == key {
                return self.decoder.value(value).map(|(value, _)| Some(value));
            }
            self.rest = self.decoder.skip(value)?;
        }
        Some(None)
    }

    /// Returns the next entry, or `None` after the last one.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry<'a>>, MessageError> {
        self.read_entry().ok_or_else(|| self.error())
    }

    fn read_entry(&mut self) -> Option<Option<Entry<'a>>> {
        let entry = self.rest;
        let Some(left) = self.left.checked_sub(2) else { return self.finish().map(|()| None) };
        let (key, value) = self.key(entry)?;
        let behind = self.decoder.skip(value)?;
        (self.left, self.rest) = (left, behind);
        let between = |start: &'a [u8], end: &[u8]| start.get(..start.len().saturating_sub(end.len()));
        Some(Some(Entry {
            key,
            encoded_key: between(entry, value).unwrap_or_default(),
            encoded_value: between(value, behind).unwrap_or_default(),
        }))
    }

    /// Fails if anything follows the last entry.
    fn finish(&mut self) -> Option<()> {
        if self.left > 0 {
            // 1.6.23: a map has as many values as keys.
            return self.decoder.fail(DecodeErrorKind::OddMap, self.rest);
        }
        self.decoder.end_compound(self.rest)
    }
}

/// Single entries of the map sections. Those before the requested one are skipped without being checked, and those
/// after it are not read. If a section has the key twice, which [`validate`](Self::validate) refuses, these methods
/// return the first value.
impl Message {
    /// Returns one application-property (3.2.5).
    ///
    /// ```
    /// use amqp_proto::{message::{Message, ParseOptions}, types::Value};
    ///
    /// let payload = Message::builder().application_property("size", 7_u32).data("hello").build();
    /// let message = Message::parse(payload, &ParseOptions::default())?;
    /// assert_eq!(message.application_property("size")?.map(Value::from), Some(Value::Uint(7)));
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    ///
    /// # Errors
    /// [`MessageError`] if an earlier key is not a string, or if the value is not of a simple type.
    pub fn application_property(&self, name: &str) -> Result<Option<SimpleValue>, MessageError> {
        self.entry(SectionKind::ApplicationProperties, EntryKey::Text(name.as_bytes()))
    }

    /// Returns one delivery-annotation (3.2.2).
    ///
    /// # Errors
    /// [`MessageError`] if an earlier key is neither symbol nor ulong (3.2.10), or if the value is malformed.
    pub fn delivery_annotation<'k>(
        &self,
        key: impl Into<AnnotationKeyRef<'k>>,
    ) -> Result<Option<Value>, MessageError> {
        self.entry(SectionKind::DeliveryAnnotations, key.into().into())
    }

    /// Returns one message-annotation (3.2.3).
    ///
    /// ```
    /// # use amqp_proto::message::{Message, ParseOptions};
    /// # fn position(message: &Message) -> Result<(), amqp_proto::message::MessageError> {
    /// if let Some(offset) = message.message_annotation("x-opt-offset")? {
    ///     println!("resume after {offset:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`MessageError`] if an earlier key is neither symbol nor ulong (3.2.10), or if the value is malformed.
    pub fn message_annotation<'k>(
        &self,
        key: impl Into<AnnotationKeyRef<'k>>,
    ) -> Result<Option<Value>, MessageError> {
        self.entry(SectionKind::MessageAnnotations, key.into().into())
    }

    /// Returns one entry of the footer (3.2.9).
    ///
    /// # Errors
    /// [`MessageError`] if an earlier key is neither symbol nor ulong (3.2.10), or if the value is malformed.
    pub fn footer_entry<'k>(
        &self,
        key: impl Into<AnnotationKeyRef<'k>>,
    ) -> Result<Option<Value>, MessageError> {
        self.entry(SectionKind::Footer, key.into().into())
    }

    #[inline]
    fn entry<T: Decode>(&self, kind: SectionKind, key: EntryKey<'_>) -> Result<Option<T>, MessageError> {
        match Entries::of(self, kind)? {
            Some(entries) => entries.find(key),
            None => Ok(None),
        }
    }
}
