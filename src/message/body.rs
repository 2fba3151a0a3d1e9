//! The body of a message (3.2.6 to 3.2.8), as a whole and section by section.

use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, Bytes};

use super::{Message, MessageError, Section, SectionKind, elements::SequenceElements};
use crate::{
    codec::{Decode, format_code, from_bytes},
    frame::Payload,
    types::Value,
};

/// The form of a body (3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BodyKind {
    /// One or more data sections (3.2.6).
    Data,
    /// One or more amqp-sequence sections (3.2.7).
    Sequence,
    /// One amqp-value section (3.2.8).
    Value,
}

impl From<BodyKind> for SectionKind {
    fn from(kind: BodyKind) -> Self {
        match kind {
            BodyKind::Data => Self::Data,
            BodyKind::Sequence => Self::Sequence,
            BodyKind::Value => Self::Value,
        }
    }
}

impl fmt::Display for BodyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SectionKind::from(*self).fmt(f)
    }
}

/// The body of a message, in one of its three forms (3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The bytes of all data sections, one after the other, shared with the message (3.2.6).
    /// [`Message::data_sections`] returns them one by one.
    Data(Payload),
    /// The elements of each amqp-sequence section (3.2.7).
    Sequence(Vec<Vec<Value>>),
    /// The value of the amqp-value section (3.2.8).
    Value(Value),
}

impl Body {
    /// Returns the form of the body.
    pub const fn kind(&self) -> BodyKind {
        match self {
            Self::Data(_) => BodyKind::Data,
            Self::Sequence(_) => BodyKind::Sequence,
            Self::Value(_) => BodyKind::Value,
        }
    }
}

/// The body, in the form that it has. [`body_as`](Message::body_as) returns it as one type instead.
impl Message {
    /// Returns the body, decoded.
    ///
    /// ```
    /// use amqp_proto::message::{Body, Message, ParseOptions};
    ///
    /// let message = Message::parse(Message::builder().data("hello").build(), &ParseOptions::default())?;
    /// match message.body()? {
    ///     Body::Data(bytes) => assert_eq!(bytes.into_bytes(), "hello"),
    ///     Body::Sequence(sections) => println!("{} lists", sections.len()),
    ///     Body::Value(value) => println!("{value:?}"),
    /// }
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    ///
    /// # Errors
    /// [`MessageError`] if a value in the body is malformed, or if there is no body. The latter passes
    /// [`parse`](Self::parse) only if [`ParseOptions::body_required`](super::ParseOptions::body_required) is false.
    pub fn body(&self) -> Result<Body, MessageError> {
        match self.body_kind() {
            Some(BodyKind::Data) => Ok(Body::Data(self.data_payload())),
            Some(BodyKind::Sequence) => self.sequences().collect::<Result<_, _>>().map(Body::Sequence),
            Some(BodyKind::Value) => {
                let section = self.body_sections().next().ok_or_else(|| self.no_body())?;
                self.body_value(&section).map(Body::Value)
            }
            None => Err(self.no_body()),
        }
    }

    /// Returns the bytes of each data section (3.2.6), shared with the message. A section that spans several chunks
    /// of the payload stays in several. If the body has another form, there are none.
    ///
    /// ```
    /// use amqp_proto::message::{Message, ParseOptions};
    ///
    /// let payload = Message::builder().data("hel").data("lo").build();
    /// let message = Message::parse(payload, &ParseOptions::default())?;
    /// let sizes: Vec<usize> = message.data_sections().map(|section| section.len()).collect();
    /// assert_eq!(sizes, [3, 2]);
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    pub fn data_sections(&self) -> impl Iterator<Item = Payload> + '_ {
        self.body_sections().filter(|section| section.kind == SectionKind::Data).map(|section| {
            let mut bytes = self.slice(section.value.clone());
            // A format code, then a size of one byte or four.
            let wide = bytes.chunk().first() == Some(&format_code::VBIN32);
            bytes.advance(if wide { 5 } else { 2 });
            bytes
        })
    }

    /// Returns the bytes of all data sections (3.2.6) in order, borrowed. Each item is as long as the chunks of the
    /// payload and the sections allow, and never empty. If the body has another form, there are none.
    ///
    /// ```
    /// use amqp_proto::message::{Message, ParseOptions};
    ///
    /// let payload = Message::builder().data("hel").data("").data("lo").build();
    /// let message = Message::parse(payload, &ParseOptions::default())?;
    /// assert_eq!(message.data_chunks().collect::<Vec<_>>(), [b"hel".as_slice(), b"lo"]);
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    #[inline]
    pub fn data_chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut cursor = self.cursor_at(SectionKind::Data);
        let mut left = 0;
        core::iter::from_fn(move || {
            while left == 0 {
                left = cursor.as_mut()?.data_section().ok()?;
            }
            let piece = cursor.as_mut()?.piece(left);
            left = left.checked_sub(piece.len())?;
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// Returns the elements of each amqp-sequence section (3.2.7), decoded one section at a time. If the body has
    /// another form, there are none.
    pub fn sequences(&self) -> impl Iterator<Item = Result<Vec<Value>, MessageError>> + '_ {
        self.sequence_sections().map(|section| self.body_value(&section))
    }

    /// Returns the elements of all amqp-sequence sections (3.2.7) in order, decoded one at a time. If the body has
    /// another form, there are none. After an error there are no more.
    ///
    /// The limit on elements applies to each element by itself, since no more than one is in memory.
    ///
    /// ```
    /// use amqp_proto::message::{Message, ParseOptions};
    ///
    /// let payload = Message::builder().sequence(&[1_u32.into(), 2_u32.into()]).sequence(&[3_u32.into()]).build();
    /// let message = Message::parse(payload, &ParseOptions::default())?;
    /// let sum = message.sequence_elements::<u32>().sum::<Result<u32, _>>()?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    pub fn sequence_elements<T: Decode>(&self) -> impl Iterator<Item = Result<T, MessageError>> + '_ {
        let mut sections = self.sequence_sections();
        let mut open: Option<SequenceElements> = None;
        let mut has_failed = false;
        core::iter::from_fn(move || {
            while !has_failed {
                let Some(elements) = &mut open else {
                    open = Some(SequenceElements::of(self, &sections.next()?));
                    continue;
                };
                match elements.next_element() {
                    Some(element) => {
                        has_failed = element.is_err();
                        return Some(element);
                    }
                    None => open = None,
                }
            }
            None
        })
    }

    pub(super) fn body_sections(&self) -> impl Iterator<Item = Section> + '_ {
        self.sections().filter(|section| section.kind.is_body())
    }

    fn sequence_sections(&self) -> impl Iterator<Item = Section> + '_ {
        self.body_sections().filter(|section| section.kind == SectionKind::Sequence)
    }

    /// Returns the bytes of all data sections, shared.
    pub(super) fn data_payload(&self) -> Payload {
        let mut bytes = Payload::new();
        for section in self.data_sections() {
            section.chunks().for_each(|chunk| bytes.push(chunk.clone()));
        }
        bytes
    }

    /// Returns the encoded value of a section of the body. Copies it only if it spans several chunks.
    pub(super) fn encoded_value(&self, section: &Section) -> Bytes {
        self.slice(section.value.clone()).into_bytes()
    }

    /// Decodes one section of the body.
    fn body_value<T: Decode>(&self, section: &Section) -> Result<T, MessageError> {
        from_bytes(&self.encoded_value(section), self.limits)
            .map_err(|error| MessageError::in_part(error, section.value.start))
    }
}
