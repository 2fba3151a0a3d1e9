//! The elements of an amqp-sequence section, one at a time (3.2.7).

use bytes::{Buf, Bytes};

use super::{Message, MessageError, Section};
use crate::codec::{Decode, DecodeError, DecodeErrorKind, DecodeLimits, Decoder, format_code};

const LIST: [u8; 2] = [format_code::LIST8, format_code::LIST32];

/// Decodes the list of a section, element by element.
#[derive(Debug)]
pub(super) struct SequenceElements {
    /// The encoded list, then the elements that have not been read.
    rest: Bytes,
    /// The offset of `rest` in the payload.
    offset: usize,
    /// The number of elements in `rest`, once the list's head has been read.
    left: Option<u32>,
    limits: DecodeLimits,
}

impl SequenceElements {
    pub(super) fn of(message: &Message, section: &Section) -> Self {
        let rest = message.encoded_value(section);
        Self { rest, offset: section.value.start, left: None, limits: message.limits }
    }

    /// Decodes the next element, or returns `None` after the last one.
    pub(super) fn next_element<T: Decode>(&mut self) -> Option<Result<T, MessageError>> {
        let element = self.decode_element().transpose()?;
        Some(element.map_err(|error| MessageError::in_part(error, self.offset)))
    }

    fn decode_element<T: Decode>(&mut self) -> Result<Option<T>, DecodeError> {
        let Some(left) = self.enter()?.checked_sub(1) else { return self.finish().map(|()| None) };
        // The list is one level of nesting.
        let max_depth = self.limits.max_depth.checked_sub(1).ok_or(DecodeErrorKind::TooDeep.at(0))?;
        let mut decoder = Decoder::new(&self.rest, DecodeLimits { max_depth, ..self.limits });
        let element = T::decode(&mut decoder)?;
        let size = decoder.offset();
        self.advance(size);
        self.left = Some(left);
        Ok(Some(element))
    }

    /// Returns all elements, encoded, with their number and their offset in the payload.
    pub(super) fn encoded(mut self) -> Result<(Bytes, u32, usize), MessageError> {
        self.skip_elements().map_err(|error| MessageError::in_part(error, self.offset))?;
        Ok((self.rest, self.left.unwrap_or_default(), self.offset))
    }

    /// Fails if the elements are not as many as the list declares.
    fn skip_elements(&mut self) -> Result<(), DecodeError> {
        let count = self.enter()?;
        Decoder::new(&self.rest, self.limits).run(|mut rest, decoder| {
            for _ in 0..count {
                rest = decoder.skip(rest)?;
            }
            decoder.end_compound(rest).map(|()| ((), rest))
        })
    }

    /// Reads the head of the list, unless it has been read, and returns the number of elements left.
    fn enter(&mut self) -> Result<u32, DecodeError> {
        if let Some(left) = self.left {
            return Ok(left);
        }
        let (left, elements) = Decoder::new(&self.rest, self.limits).run(|rest, decoder| {
            let entered = decoder.enter_any(LIST, "list", rest)?;
            Some((entered.unwrap_or_default(), rest))
        })?;
        // The section ends with its list, so the head is what precedes the elements.
        self.advance(self.rest.len().saturating_sub(elements.len()));
        self.left = Some(left);
        Ok(left)
    }

    fn finish(&self) -> Result<(), DecodeError> {
        // 1.2.3: the elements fill the list.
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeErrorKind::SizeMismatch.at(0)) }
    }

    fn advance(&mut self, count: usize) {
        self.rest.advance(count.min(self.rest.len()));
        self.offset = self.offset.saturating_add(count);
    }
}
