//! One entry of a section that is a map, without decoding the others (3.2.2, 3.2.3, 3.2.5, 3.2.9).

use core::ops::Range;

use bytes::Bytes;

use super::{
    Message, MessageError, SectionKind, SimpleValue,
    cursor::{Cursor, wrong_type},
};
use crate::{
    codec::{Decode, DecodeError, DecodeErrorKind, Encode, Encoder, format_code},
    types::{AnnotationKey, Symbol, Value},
};

const MAP: [u8; 2] = [format_code::MAP8, format_code::MAP32];

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
            Self::Symbol(key) => encoder.variable(format_code::SYM8, format_code::SYM32, key.as_bytes()),
            Self::Ulong(key) => key.encode(encoder),
        }
    }
}

/// A key read from a map section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryKey<'a> {
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

/// Bytes that are an encoded value.
#[derive(Debug)]
pub(super) struct RawValue<'a>(pub(super) &'a [u8]);

impl Encode for RawValue<'_> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        encoder.raw(self.0);
    }
}

/// One entry of a map section, still encoded.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    key: EntryKey<'a>,
    pub(super) encoded_key: &'a [u8],
    pub(super) encoded_value: &'a [u8],
}

impl Entry<'_> {
    pub(super) fn has_key(&self, key: &AnnotationKey) -> bool {
        self.key == EntryKey::from(AnnotationKeyRef::from(key))
    }
}

/// Steps through the entries of a map section.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    message: &'a Message,
    kind: SectionKind,
    /// The bytes that contain the section, and their offset in the payload.
    source: &'a Bytes,
    base: usize,
    cursor: Cursor<'a>,
    /// Keys and values that have not been read.
    left: usize,
}

impl<'a> Entries<'a> {
    /// Enters a section; `None` if the message lacks it.
    #[inline]
    pub(super) fn of(message: &'a Message, kind: SectionKind) -> Result<Option<Self>, MessageError> {
        let Some(range) = message.range(kind) else { return Ok(None) };
        let (source, base) = message.source(kind);
        let range = range.start.saturating_sub(base)..range.end.saturating_sub(base);
        let cursor = Cursor::within(source, range);
        let mut this = Self { message, kind, source, base, cursor, left: 0 };
        match this.enter() {
            Ok(()) => Ok(Some(this)),
            Err(error) => Err(this.in_payload(error.into())),
        }
    }

    #[inline]
    fn enter(&mut self) -> Result<(), DecodeError> {
        self.cursor.section_kind()?;
        self.left = self.cursor.enter(MAP, "map")?;
        Ok(())
    }

    /// Turns an offset in the source into one in the payload.
    #[cold]
    fn in_payload(&self, error: MessageError) -> MessageError {
        error.kind.at(error.offset.saturating_add(self.base))
    }

    /// Reads the next key, or returns `None` after the last entry.
    #[inline]
    fn next_key(&mut self) -> Result<Option<EntryKey<'a>>, DecodeError> {
        // `finish` refuses an odd element at the end.
        let Some(left) = self.left.checked_sub(2) else { return Ok(None) };
        self.left = left;
        let at = self.cursor.offset();
        let [narrow, wide] = match self.kind {
            SectionKind::ApplicationProperties => [format_code::STR8, format_code::STR32],
            _ => [format_code::SYM8, format_code::SYM32],
        };
        let found = self.cursor.u8()?;
        if found == narrow || found == wide {
            let length = self.cursor.size(found == wide)?;
            return self.cursor.take(length).map(EntryKey::Text).map(Some);
        }
        match (self.kind, found) {
            (SectionKind::ApplicationProperties, _) => Err(wrong_type("string", found).at(at)),
            // 3.2.10: keys of annotations are symbols or ulongs.
            (_, format_code::ULONG0) => Ok(Some(EntryKey::Ulong(0))),
            (_, format_code::SMALLULONG) => Ok(Some(EntryKey::Ulong(self.cursor.u8()?.into()))),
            (_, format_code::ULONG) => {
                let bytes = self.cursor.take(8)?.try_into().unwrap_or_default();
                Ok(Some(EntryKey::Ulong(u64::from_be_bytes(bytes))))
            }
            _ => Err(wrong_type("symbol or ulong", found).at(at)),
        }
    }

    /// Decodes the value of the first entry with this key, or returns `None` if there is no such entry.
    #[inline]
    fn find<T: Decode>(mut self, key: EntryKey<'_>) -> Result<Option<T>, MessageError> {
        self.find_in_source(key).map_err(|error| self.in_payload(error))
    }

    #[inline]
    fn find_in_source<T: Decode>(&mut self, key: EntryKey<'_>) -> Result<Option<T>, MessageError> {
        while let Some(found) = self.next_key()? {
            if found == key {
                return self.message.value_at(self.source, &self.cursor).map(Some);
            }
            self.cursor.skip_value()?;
        }
        Ok(None)
    }

    /// Returns the next entry, or `None` after the last one.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry<'a>>, MessageError> {
        self.read_entry().map_err(|error| self.in_payload(error.into()))
    }

    fn read_entry(&mut self) -> Result<Option<Entry<'a>>, DecodeError> {
        let start = self.cursor.offset();
        let Some(key) = self.next_key()? else { return self.finish().map(|()| None) };
        let value = self.cursor.offset();
        self.cursor.skip_value()?;
        let bytes = |range: Range<usize>| self.source.get(range).unwrap_or_default();
        let (encoded_key, encoded_value) = (bytes(start..value), bytes(value..self.cursor.offset()));
        Ok(Some(Entry { key, encoded_key, encoded_value }))
    }

    /// Fails if anything follows the last entry.
    fn finish(&self) -> Result<(), DecodeError> {
        let kind = match (self.left, self.cursor.left()) {
            (0, 0) => return Ok(()),
            (0, _) => DecodeErrorKind::SizeMismatch,
            // 1.6.23: a map has as many values as keys.
            _ => DecodeErrorKind::OddMap,
        };
        Err(kind.at(self.cursor.offset()))
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
