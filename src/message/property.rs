//! One property without the others: they are stepped over, not decoded.

use bytes::Bytes;

use super::{
    Message, MessageError, SectionKind,
    cursor::{Cursor, behind},
    encoded::Fields,
};
use crate::{
    codec::{Decode, format_code},
    spec::messaging::MessageId,
    types::{SequenceNo, Str, Symbol, Timestamp},
};

const LIST: [u8; 2] = [format_code::LIST8, format_code::LIST32];

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
    pub(super) fn value_at<T: Decode>(&self, source: &Bytes, cursor: &Cursor<'_>) -> Result<T, MessageError> {
        let mut reader = self.reader(source);
        reader.take(cursor.offset())?;
        reader.enter(cursor.left())?;
        Ok(T::decode(&mut reader)?)
    }
}
