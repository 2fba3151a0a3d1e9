//! One property, without decoding the others (3.2.4).

use bytes::Bytes;

use super::{Message, MessageError, SectionKind, encoded::Fields};
use crate::{
    codec::{
        Decode, Decoder,
        format_code::{LIST8, LIST32, NULL},
    },
    spec::messaging::MessageId,
    types::{SequenceNo, Str, Symbol, Timestamp},
};

macro_rules! properties {
    ($($name:ident: $ty:ty;)*) => {
        /// Single properties (3.2.4). Those before the requested one are skipped without being checked, and those
        /// after it are not read.
        impl Message {
            $(
                #[doc = concat!("Returns [`", stringify!($name), "`](crate::spec::messaging::Properties::", stringify!($name), ").")]
                ///
                /// # Errors
                /// [`MessageError`] if the property is of another type, or if an earlier one is malformed.
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
    /// Decodes one property by its index in the list.
    #[inline]
    fn property<T: Decode>(&self, index: usize) -> Result<Option<T>, MessageError> {
        let Some(mut decoder) = self.head_decoder(SectionKind::Properties) else { return Ok(None) };
        match decode_field(index, decoder.rest(), &mut decoder) {
            Some(property) => Ok(property),
            None => Err(decoder.take_error::<T>().into()),
        }
    }
}

/// Decodes one field of the composite at the front of `rest`: `None` within if it is null or left out.
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
