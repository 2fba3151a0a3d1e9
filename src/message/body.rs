//! The body of a message (3.2.6 to 3.2.8).

use alloc::vec::Vec;

use bytes::Buf;

use super::{Message, MessageError, Section, SectionKind, reader::enter_section};
use crate::{
    codec::{Decode, format_code},
    frame::Payload,
    types::Value,
};

/// The body of a message, in one of its three forms (3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The bytes of all data sections, one after the other, shared with the message (3.2.6).
    /// [`Message::data_sections`] tells them apart.
    Data(Payload),
    /// The elements of each amqp-sequence section (3.2.7).
    Sequence(Vec<Vec<Value>>),
    /// The value of the amqp-value section (3.2.8).
    Value(Value),
}

impl Message {
    /// The body.
    ///
    /// # Errors
    /// [`MessageError`] where a value in it is broken, or where there is no body, which
    /// [`ParseOptions::body_required`](super::ParseOptions::body_required) = false lets get this far.
    pub fn body(&self) -> Result<Body, MessageError> {
        match self.body_kind() {
            Some(SectionKind::Data) => {
                let mut bytes = Payload::new();
                for section in self.data_sections() {
                    section.chunks().for_each(|chunk| bytes.push(chunk.clone()));
                }
                Ok(Body::Data(bytes))
            }
            Some(SectionKind::Sequence) => self
                .body_sections()
                .map(|section| self.structured(&section))
                .collect::<Result<_, _>>()
                .map(Body::Sequence),
            Some(_) => {
                let section = self.body_sections().next().ok_or_else(|| self.no_body())?;
                self.structured(&section).map(Body::Value)
            }
            None => Err(self.no_body()),
        }
    }

    /// The bytes of each data section, shared with the message: chunks as they came, one unless the section
    /// spans several. Nothing where the body has another form.
    pub fn data_sections(&self) -> impl Iterator<Item = Payload> + '_ {
        self.body_sections().filter(|section| section.kind == SectionKind::Data).map(|section| {
            let mut bytes = self.slice(section.value.clone());
            // Code and size: a small size up to 255, else four bytes.
            let wide = bytes.chunk().first() == Some(&format_code::VBIN32);
            bytes.advance(if wide { 5 } else { 2 });
            bytes
        })
    }

    /// The bytes of all data sections one after the other, borrowed, in as many pieces as they lie in: one, where
    /// there is one section in one chunk. Nothing where the body has another form, or no bytes.
    ///
    /// ```
    /// use amqp_proto::message::{Message, ParseOptions};
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

    fn body_sections(&self) -> impl Iterator<Item = Section> + '_ {
        self.sections().filter(|section| section.kind.is_body())
    }

    /// Decodes one section of the body, joining its chunks if it has several.
    fn structured<T: Decode>(&self, section: &Section) -> Result<T, MessageError> {
        let bytes = self.slice(section.range.clone()).into_bytes();
        self.read_in(&bytes, section.range.start, section.range.clone(), |reader| {
            enter_section(reader)?;
            T::decode(reader)
        })
    }
}
