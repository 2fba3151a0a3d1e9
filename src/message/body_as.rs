//! The body of a message as one Rust type.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use bytes::Bytes;
use thiserror::Error;

use super::{
    BodyKind, Message, MessageError, MessageErrorKind, elements::SequenceElements, encoded::binary_head,
};
use crate::{
    codec::{Decode, format_code, from_bytes},
    frame::Payload,
    types::Str,
};

/// The body is not of the requested type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub struct BodyError {
    /// The form of the body; `None` if the message has no body.
    pub found: Option<BodyKind>,
    /// The reason, with its offset in the payload.
    #[source]
    pub error: MessageError,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            Some(kind) => write!(f, "the {kind} body is not of the requested type: {}", self.error),
            None => self.error.fmt(f),
        }
    }
}

impl From<BodyError> for MessageError {
    fn from(error: BodyError) -> Self {
        error.error
    }
}

/// A type that [`Message::body_as`] can return. Every [`Decode`] type is one, and others can be.
///
/// ```
/// use amqp_proto::message::{BodyError, FromBody, Message, ParseOptions};
///
/// struct Lines(Vec<String>);
///
/// impl<'a> FromBody<'a> for Lines {
///     fn from_body(message: &'a Message) -> Result<Self, BodyError> {
///         Ok(Self(message.body_as::<String>()?.lines().map(str::to_owned).collect()))
///     }
/// }
///
/// let message = Message::parse(Message::builder().value("a\nb").build(), &ParseOptions::default())?;
/// assert_eq!(message.body_as::<Lines>()?.0, ["a", "b"]);
/// # Ok::<(), amqp_proto::message::MessageError>(())
/// ```
pub trait FromBody<'a>: Sized {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// [`BodyError`] if the body is not of this type.
    fn from_body(message: &'a Message) -> Result<Self, BodyError>;
}

impl<'a, T: Decode> FromBody<'a> for T {
    fn from_body(message: &'a Message) -> Result<Self, BodyError> {
        message.decode_body().map_err(|error| message.body_error(error))
    }
}

impl<'a> FromBody<'a> for Payload {
    /// Shares the bytes, in as many chunks as they have in the message.
    fn from_body(message: &'a Message) -> Result<Self, BodyError> {
        match message.body_kind() {
            Some(BodyKind::Data) => Ok(message.data_payload()),
            _ => Bytes::from_body(message).map(Self::from),
        }
    }
}

impl<'a> FromBody<'a> for Vec<u8> {
    fn from_body(message: &'a Message) -> Result<Self, BodyError> {
        Cow::from_body(message).map(Cow::into_owned)
    }
}

impl<'a> FromBody<'a> for Cow<'a, [u8]> {
    /// Borrows the bytes if they are contiguous in the message, else copies them together.
    fn from_body(message: &'a Message) -> Result<Self, BodyError> {
        if message.body_kind() != Some(BodyKind::Data) {
            return Bytes::from_body(message).map(|bytes| Cow::Owned(bytes.into()));
        }
        let mut chunks = message.data_chunks();
        let first = chunks.next().unwrap_or_default();
        let Some(second) = chunks.next() else { return Ok(Cow::Borrowed(first)) };
        let mut joined = [first, second].concat();
        chunks.for_each(|chunk| joined.extend_from_slice(chunk));
        Ok(Cow::Owned(joined))
    }
}

impl<'a> FromBody<'a> for String {
    fn from_body(message: &'a Message) -> Result<Self, BodyError> {
        Str::from_body(message).map(|text| text.as_str().into())
    }
}

impl Message {
    /// Returns the body as one value of a type.
    ///
    /// An amqp-value body is its value. A body of data sections is one binary, a body of amqp-sequence sections one
    /// list: a peer may cut either into sections as it likes. So these types fit:
    ///
    /// | body | types |
    /// |---|---|
    /// | data, or a binary as amqp-value | [`Bytes`] and [`Payload`] (shared), [`Cow<[u8]>`](Cow), `Vec<u8>` (copied) |
    /// | amqp-sequence, or a list as amqp-value | `Vec<Value>` |
    /// | a string as amqp-value | [`Str`] (shared), [`String`] (copied) |
    /// | any amqp-value | its type, such as `u32`, [`Map`](crate::types::Map), `Option<u32>`, or your own [`Decode`] type |
    /// | any | [`Value`](crate::types::Value) |
    ///
    /// The limits of [`ParseOptions`](super::ParseOptions) apply to the body as a whole.
    ///
    /// ```
    /// use amqp_proto::message::{BodyKind, Message, ParseOptions};
    /// use bytes::Bytes;
    ///
    /// let payload = Message::builder().data("hel").data("lo").build();
    /// let message = Message::parse(payload, &ParseOptions::default())?;
    /// assert_eq!(message.body_as::<Bytes>()?, "hello");
    /// assert_eq!(message.body_as::<u32>().unwrap_err().found, Some(BodyKind::Data));
    ///
    /// let message = Message::parse(Message::builder().value("hello").build(), &ParseOptions::default())?;
    /// assert_eq!(message.body_as::<String>()?, "hello");
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    ///
    /// # Errors
    /// [`BodyError`] if the body is of another type or malformed, or if there is no body.
    pub fn body_as<'a, T: FromBody<'a>>(&'a self) -> Result<T, BodyError> {
        T::from_body(self)
    }

    const fn body_error(&self, error: MessageError) -> BodyError {
        BodyError { found: self.body_kind(), error }
    }

    fn decode_body<T: Decode>(&self) -> Result<T, MessageError> {
        let body = EncodedBody::of(self)?;
        from_bytes(&body.bytes, self.limits)
            .map_err(|error| MessageErrorKind::Decode(error.kind).at(body.in_payload(error.offset)))
    }
}

/// A body as one encoded value.
struct EncodedBody {
    bytes: Bytes,
    /// For each part of `bytes`, its offset there and in the payload.
    parts: Vec<(usize, usize)>,
}

/// The bytes of a format code, a size and a count, the latter two of four bytes each.
const LIST32_HEAD: usize = 9;

impl EncodedBody {
    fn of(message: &Message) -> Result<Self, MessageError> {
        let mut sections = message.body_sections();
        let first = sections.next().ok_or_else(|| message.no_body())?;
        let start = first.value.start;
        if sections.next().is_none() {
            return Ok(Self { bytes: message.encoded_value(&first), parts: alloc::vec![(0, start)] });
        }
        let mut parts = alloc::vec![(0, start)];
        let bytes = match message.body_kind() {
            Some(BodyKind::Data) => joined_data(message),
            _ => joined_sequences(message, &mut parts)?,
        };
        Ok(Self { bytes: bytes.into(), parts })
    }

    fn in_payload(&self, offset: usize) -> usize {
        let part = self.parts.iter().rfind(|(start, _)| *start <= offset);
        part.map_or(offset, |(start, payload)| payload.saturating_add(offset.saturating_sub(*start)))
    }
}

fn joined_data(message: &Message) -> Vec<u8> {
    let size: usize = message.data_chunks().map(<[u8]>::len).fold(0, usize::saturating_add);
    let mut bytes = Vec::with_capacity(size.saturating_add(5));
    binary_head(size, &mut bytes);
    message.data_chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
    bytes
}

fn joined_sequences(message: &Message, parts: &mut Vec<(usize, usize)>) -> Result<Vec<u8>, MessageError> {
    let mut bytes = alloc::vec![0; LIST32_HEAD];
    let mut count = 0_u32;
    for section in message.body_sections() {
        let (elements, more, offset) = SequenceElements::of(message, &section).encoded()?;
        parts.push((bytes.len(), offset));
        bytes.extend_from_slice(&elements);
        count = count.saturating_add(more);
    }
    // 1.6.22: the size counts the count and the elements, but not the code and itself.
    let size = u32::try_from(bytes.len().saturating_sub(5)).unwrap_or(u32::MAX);
    let head = [format_code::LIST32].into_iter().chain(size.to_be_bytes()).chain(count.to_be_bytes());
    drop(bytes.splice(..LIST32_HEAD, head));
    Ok(bytes)
}
