//! One property or annotation without the others: they are stepped over, not decoded.

use bytes::Bytes;

use super::{
    Message, MessageError, MessageErrorKind, SectionKind, SimpleValue,
    cursor::{Cursor, behind, wrong_type},
    encoded::Fields,
};
use crate::{
    codec::{Decode, DecodeError, format_code},
    spec::messaging::MessageId,
    types::{SequenceNo, Str, Symbol, Timestamp, Value},
};

const LIST: [u8; 2] = [format_code::LIST8, format_code::LIST32];
const MAP: [u8; 2] = [format_code::MAP8, format_code::MAP32];
const STRING: [u8; 2] = [format_code::STR8, format_code::STR32];
const SYMBOL: [u8; 2] = [format_code::SYM8, format_code::SYM32];

macro_rules! properties {
    ($($name:ident: $ty:ty;)*) => {
        /// Single properties (3.2.4). Those before the one asked for are stepped over without being checked, and
        /// those after it are not looked at.
        impl Message {
            $(
                #[doc = concat!("[`", stringify!($name), "`](crate::spec::messaging::Properties::", stringify!($name), ") alone.")]
                ///
                /// # Errors
                /// [`MessageError`] where it is there but of another type, or cannot be reached.
                pub fn $name(&self) -> Result<Option<$ty>, MessageError> {
                    const INDEX: usize = Fields::index_of(stringify!($name));
                    self.property(INDEX)
                }
            )*
        }
    };
}

properties! {
    message_id: MessageId;
    user_id: Bytes;
    to: Str;
    subject: Str;
    reply_to: Str;
    correlation_id: MessageId;
    content_type: Symbol;
    content_encoding: Symbol;
    absolute_expiry_time: Timestamp;
    creation_time: Timestamp;
    group_id: Str;
    group_sequence: SequenceNo;
    reply_to_group_id: Str;
}

impl Message {
    /// One application-property (3.2.5), without decoding the others. Where a name stands twice, which
    /// [`validate`](Self::validate) refuses, this gives the first.
    ///
    /// # Errors
    /// [`MessageError`] where a key before it is no string, or where its value is not a simple one.
    pub fn application_property(&self, name: &str) -> Result<Option<SimpleValue>, MessageError> {
        self.find(SectionKind::ApplicationProperties, STRING, name)
    }

    /// One delivery-annotation by its symbolic key, without decoding the others.
    ///
    /// # Errors
    /// [`MessageError`] where a key before it is neither symbol nor ulong (3.2.10), or where its value is broken.
    pub fn delivery_annotation(&self, key: &str) -> Result<Option<Value>, MessageError> {
        self.find(SectionKind::DeliveryAnnotations, SYMBOL, key)
    }

    /// One message-annotation by its symbolic key, without decoding the others.
    ///
    /// # Errors
    /// [`MessageError`] where a key before it is neither symbol nor ulong (3.2.10), or where its value is broken.
    pub fn message_annotation(&self, key: &str) -> Result<Option<Value>, MessageError> {
        self.find(SectionKind::MessageAnnotations, SYMBOL, key)
    }

    #[inline]
    pub(super) fn property<T: Decode>(&self, index: usize) -> Result<Option<T>, MessageError> {
        match self.usual_property(index) {
            Some(property) => Ok(property),
            None => self.any_property(index),
        }
    }

    /// A property on a short way, or `None` where the section is not as nearly every sender writes it or is wrong.
    #[inline]
    pub(super) fn usual_property<T: Decode>(&self, index: usize) -> Option<Option<T>> {
        let Some(range) = self.range(SectionKind::Properties) else { return Some(None) };
        let (source, _) = self.source(SectionKind::Properties);
        let [format_code::DESCRIBED, format_code::SMALLULONG, _, format_code::LIST8, _, count, rest @ ..] =
            source.get(range)?
        else {
            return None;
        };
        if index >= usize::from(*count) {
            return Some(None);
        }
        let mut rest = rest;
        for _ in 0..index {
            rest = behind(rest)?;
        }
        match rest.first()? {
            &format_code::NULL => Some(None),
            _ => T::usual(rest, &mut self.reader(source)).map(|(property, _)| Some(property)),
        }
    }

    #[cold]
    pub(super) fn any_property<T: Decode>(&self, index: usize) -> Result<Option<T>, MessageError> {
        let Some((source, mut cursor)) = self.section_cursor(SectionKind::Properties)? else {
            return Ok(None);
        };
        let count = cursor.enter(LIST, "list")?;
        if index >= count {
            return Ok(None);
        }
        for _ in 0..index {
            cursor.skip_value()?;
        }
        if cursor.clone().u8()? == format_code::NULL {
            return Ok(None);
        }
        self.value_at(source, &cursor).map(Some)
    }

    #[inline]
    fn find<T: Decode>(
        &self,
        kind: SectionKind,
        keys: [u8; 2],
        name: &str,
    ) -> Result<Option<T>, MessageError> {
        let Some((source, mut cursor)) = self.section_cursor(kind)? else { return Ok(None) };
        let count = cursor.enter(MAP, "map")?;
        let [narrow, wide] = keys;
        for _ in 0..count / 2 {
            let at = cursor.offset();
            let found = cursor.u8()?;
            if found == narrow || found == wide {
                let length = cursor.size(found == wide)?;
                if cursor.take(length)? == name.as_bytes() {
                    return self.value_at(source, &cursor).map(Some);
                }
            } else {
                skip_other_key(kind, found, &mut cursor)
                    .map_err(|error| MessageErrorKind::Decode(error.kind).at(at))?;
            }
            cursor.skip_value()?;
        }
        Ok(None)
    }

    /// The source that a section other than the body and the footer lies in, and a cursor at the section's value.
    /// The offsets of these sections in their source are those in the payload.
    #[inline]
    fn section_cursor(&self, kind: SectionKind) -> Result<Option<(&Bytes, Cursor<'_>)>, MessageError> {
        let Some(range) = self.range(kind) else { return Ok(None) };
        let (source, _) = self.source(kind);
        let mut cursor = Cursor::within(source, range);
        cursor.section_kind()?;
        Ok(Some((source, cursor)))
    }

    /// Decodes the value at the cursor, which may not reach beyond the section's end.
    #[inline]
    fn value_at<T: Decode>(&self, source: &Bytes, cursor: &Cursor<'_>) -> Result<T, MessageError> {
        let mut reader = self.reader(source);
        reader.take(cursor.offset())?;
        reader.enter(cursor.left())?;
        Ok(T::decode(&mut reader)?)
    }
}

/// Skips a key that is not the one looked for, by its type: 3.2.10 allows annotations ulongs as well.
fn skip_other_key(kind: SectionKind, found: u8, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
    let expected = match (kind, found) {
        (SectionKind::ApplicationProperties, _) => "string",
        (_, format_code::SMALLULONG | format_code::ULONG | format_code::ULONG0) => {
            return cursor.skip_body(found);
        }
        _ => "symbol or ulong",
    };
    Err(wrong_type(expected, found).at(cursor.offset()))
}
