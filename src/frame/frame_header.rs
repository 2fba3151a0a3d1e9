//! The frame header (2.3.1), which holds the size of its frame.

use nom::{
    Parser as _,
    error::Error as NomError,
    number::complete::{be_u8, be_u16, be_u32},
};
use thiserror::Error;

/// The size of a frame header in bytes, which is that of the smallest frame.
pub const HEADER_SIZE: usize = 8;

/// The type of a frame (2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// An AMQP frame: a performative and its payload, on a channel (2.3).
    Amqp,
    /// A SASL frame: one step of the exchange (5.3.1).
    Sasl,
}

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The size of the whole frame, in bytes.
    pub size: usize,
    /// The offset of the body, in bytes from the start of the frame. An extended header between header and body is
    /// ignored (2.3.1).
    pub body: usize,
    /// The type of the frame.
    pub kind: FrameKind,
    /// The channel of an AMQP frame. It has no meaning in a SASL frame (5.3.1).
    pub channel: u16,
}

/// The reason why bytes are not a frame: `amqp:connection:framing-error` on the wire (2.8.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The size is smaller than a frame header.
    #[error("a frame of {0} bytes is smaller than its header (2.3.1)")]
    TooSmall(u32),
    /// The size is larger than the maximum.
    #[error("a frame of {size} bytes is larger than max-frame-size {max} (2.7.1)")]
    TooLarge {
        /// The size declared.
        size: u32,
        /// The largest size allowed.
        max: u32,
    },
    /// The data offset is inside the header or behind the end of the frame.
    #[error("a data offset of {0} words leads outside the frame (2.3.1)")]
    DataOffset(u8),
    /// The type is not defined.
    #[error("frame type {0:#04x} is not defined (2.3.1)")]
    UnknownType(u8),
}

impl FrameKind {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Amqp => 0,
            Self::Sasl => 1,
        }
    }
}

/// Returns the header of the frame at the start of the bytes, or `None` until they hold the whole frame.
///
/// The size is checked as soon as its four bytes have arrived, so no one waits or allocates for an illegal one.
///
/// # Errors
/// [`FrameError`] if the bytes are not the start of a frame of at most `max` bytes.
pub fn parse_header(bytes: &[u8], max: u32) -> Result<Option<FrameHeader>, FrameError> {
    Ok(peek_header(bytes, max)?.filter(|header| header.size <= bytes.len()))
}

/// Returns the header at the start of the bytes, whether or not they hold the whole frame.
// Inline, with all faults in one cold function: it runs once per frame.
#[inline(always)]
pub(crate) fn peek_header(bytes: &[u8], max: u32) -> Result<Option<FrameHeader>, FrameError> {
    let Some([a, b, c, d, words, code, high, low]) = bytes.first_chunk() else {
        // Nothing is the usual end of the input.
        return if bytes.is_empty() { Ok(None) } else { find_fault(bytes, max) };
    };
    let declared = u32::from_be_bytes([*a, *b, *c, *d]);
    let (size, body) =
        (usize::try_from(declared).unwrap_or(usize::MAX), usize::from(*words).saturating_mul(4));
    let kind = match code {
        0 => FrameKind::Amqp,
        1 => FrameKind::Sasl,
        _ => return find_fault(bytes, max),
    };
    if declared > max || body < HEADER_SIZE || body > size {
        return find_fault(bytes, max);
    }
    Ok(Some(FrameHeader { size, body, kind, channel: u16::from_be_bytes([*high, *low]) }))
}

/// Returns the fault of a header, as far as its bytes are there; `Ok(None)` if they are too few to have one.
#[cold]
fn find_fault(bytes: &[u8], max: u32) -> Result<Option<FrameHeader>, FrameError> {
    let Ok((rest, declared)) = be_u32::<_, NomError<_>>(bytes) else { return Ok(None) };
    let size = usize::try_from(declared).unwrap_or(usize::MAX);
    if size < HEADER_SIZE {
        return Err(FrameError::TooSmall(declared));
    }
    if declared > max {
        return Err(FrameError::TooLarge { size: declared, max });
    }
    let Ok((_, (words, code, _))) = (be_u8::<_, NomError<_>>, be_u8, be_u16).parse(rest) else {
        return Ok(None);
    };
    let body = usize::from(words).saturating_mul(4);
    if body < HEADER_SIZE || body > size {
        return Err(FrameError::DataOffset(words));
    }
    Err(FrameError::UnknownType(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_returned_once_the_whole_frame_has_arrived() {
        let bytes = [0, 0, 0, 12, 3, 0, 1, 2, 0xde, 0xad, 0xbe, 0xef, 0xff];
        for end in 0..12 {
            assert_eq!(parse_header(&bytes[..end], 512), Ok(None), "{end}");
        }
        let header = FrameHeader { size: 12, body: 12, kind: FrameKind::Amqp, channel: 0x0102 };
        assert_eq!(parse_header(&bytes[..12], 512), Ok(Some(header)));
        assert_eq!(parse_header(&bytes, 512), Ok(Some(header)));
    }

    #[test]
    fn illegal_size_is_refused_after_four_bytes() {
        assert_eq!(parse_header(&[0, 0, 0, 7], 512), Err(FrameError::TooSmall(7)));
        assert_eq!(parse_header(&[0, 0, 2, 1], 512), Err(FrameError::TooLarge { size: 513, max: 512 }));
        assert_eq!(parse_header(&[0, 0, 2, 0], 512), Ok(None));
        assert_eq!(parse_header(&[0xff; 4], u32::MAX), Ok(None));
    }

    #[test]
    fn data_offset_outside_the_frame_is_refused() {
        assert_eq!(parse_header(&[0, 0, 0, 8, 1, 0, 0, 0], 512), Err(FrameError::DataOffset(1)));
        assert_eq!(parse_header(&[0, 0, 0, 8, 3, 0, 0, 0], 512), Err(FrameError::DataOffset(3)));
        assert_eq!(parse_header(&[0, 0, 0, 8, 2, 2, 0, 0], 512), Err(FrameError::UnknownType(2)));
    }
}
