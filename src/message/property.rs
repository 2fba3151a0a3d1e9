//! One property or annotation without the others: they are stepped over, not decoded.

use bytes::Bytes;

use super::{Message, MessageError, SectionKind, SimpleValue, encoded::Fields};
use crate::{
    codec::{
        Decode, Decoder,
        format_code::{
            LIST8, LIST32, MAP8, MAP32, NULL, SMALLULONG, STR8, STR32, SYM8, SYM32, ULONG, ULONG0,
        },
    },
    spec::messaging::MessageId,
    types::{SequenceNo, Str, Symbol, Timestamp, Value},
};

macro_rules! properties {
    ($($name:ident: $ty:ty;)*) => {
        /// Single properties (3.2.4). Those before the one asked for are stepped over without being checked, and
        /// those after it are not looked at.
        impl Message {
            $(
                #[doc = concat!("[`", stringify!($name), "`](crate::spec::messaging::Properties::", stringify!($name), ") alone.")]
                ///
                /// # Errors
                /// [`MessageError`] if it is there but of another type, or cannot be reached.
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
    /// One application-property (3.2.5), without decoding the others. If a name stands twice, which
    /// [`validate`](Self::validate) refuses, this returns the first.
    ///
    /// # Errors
    /// [`MessageError`] if a key before it is no string, or if its value is not a simple one.
    pub fn application_property(&self, name: &str) -> Result<Option<SimpleValue>, MessageError> {
        self.find(SectionKind::ApplicationProperties, name)
    }

    /// One delivery-annotation by its symbolic key, without decoding the others.
    ///
    /// # Errors
    /// [`MessageError`] if a key before it is neither symbol nor ulong (3.2.10), or if its value is broken.
    pub fn delivery_annotation(&self, key: &str) -> Result<Option<Value>, MessageError> {
        self.find(SectionKind::DeliveryAnnotations, key)
    }

    /// One message-annotation by its symbolic key, without decoding the others.
    ///
    /// # Errors
    /// [`MessageError`] if a key before it is neither symbol nor ulong (3.2.10), or if its value is broken.
    pub fn message_annotation(&self, key: &str) -> Result<Option<Value>, MessageError> {
        self.find(SectionKind::MessageAnnotations, key)
    }

    /// Decodes one property by its index in the list. Those before it are stepped over, those behind it not looked at.
    #[inline]
    fn property<T: Decode>(&self, index: usize) -> Result<Option<T>, MessageError> {
        let Some(mut decoder) = self.decoder(SectionKind::Properties) else { return Ok(None) };
        match decode_field(index, decoder.rest(), &mut decoder) {
            Some(property) => Ok(property),
            None => Err(decoder.take_error::<T>().into()),
        }
    }

    /// Decodes the value of one key. Pairs before it are stepped over, those behind it not looked at.
    #[inline]
    fn find<T: Decode>(&self, kind: SectionKind, name: &str) -> Result<Option<T>, MessageError> {
        let Some(mut decoder) = self.value_decoder(kind)? else { return Ok(None) };
        Ok(decoder.run(|rest, decoder| {
            let Some((count, mut rest)) = decoder.enter_any([MAP8, MAP32], "map", rest)? else {
                return Some((None, rest));
            };
            for _ in 0..count / 2 {
                let (key, behind) = decode_key(kind, rest, decoder)?;
                if key == Some(name.as_bytes()) {
                    let (value, rest) = decoder.value(behind)?;
                    return Some((Some(value), rest));
                }
                rest = decoder.skip(behind)?;
            }
            Some((None, rest))
        })?)
    }
}

/// Decodes the field of a section that is a composite.
#[inline(always)]
fn decode_field<'a, T: Decode>(index: usize, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<Option<T>> {
    let rest = decoder.behind_descriptor(rest)?;
    let Some((count, mut rest)) = decoder.enter_any([LIST8, LIST32], "list", rest)? else {
        return Some(None);
    };
    if usize::try_from(count).is_ok_and(|count| index >= count) {
        return Some(None);
    }
    for _ in 0..index {
        rest = decoder.skip(rest)?;
    }
    match rest.split_first() {
        Some((&NULL, _)) => Some(None),
        Some((code, rest)) => T::decode_as(*code, rest, decoder).map(|(value, _)| Some(value)),
        None => decoder.truncated(rest),
    }
}

/// Returns the bytes of a key if it is of the type that is asked for; they are not checked. 3.2.10 allows annotations
/// ulongs as well.
#[inline]
fn decode_key<'a>(
    kind: SectionKind,
    rest: &'a [u8],
    decoder: &mut Decoder<'a>,
) -> Option<(Option<&'a [u8]>, &'a [u8])> {
    let Some((found, behind)) = rest.split_first() else { return decoder.truncated(rest) };
    let is_string = kind == SectionKind::ApplicationProperties;
    match *found {
        STR8 if is_string => decoder.sized(false, behind),
        STR32 if is_string => decoder.sized(true, behind),
        SYM8 if !is_string => decoder.sized(false, behind),
        SYM32 if !is_string => decoder.sized(true, behind),
        SMALLULONG | ULONG | ULONG0 if !is_string => {
            return match decoder.skip(rest) {
                Some(rest) => Some((None, rest)),
                None => decoder.truncated(rest),
            };
        }
        found => {
            let expected = if is_string { "string" } else { "symbol or ulong" };
            return decoder.wrong_type(expected, found, behind);
        }
    }
    .map(|(key, rest)| (Some(key), rest))
}
