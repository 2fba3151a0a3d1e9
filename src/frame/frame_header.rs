//! The frame header (2.3.1): where one frame ends and the next begins.

use nom::{
    Parser as _,
    error::Error as NomError,
    number::complete::{be_u8, be_u16, be_u32},
};
use thiserror::Error;

/// Bytes of a frame header, and so of the smallest frame.
pub const HEADER_SIZE: usize = 8;

/// The type of a frame (2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A performative and its payload, for a channel.
    Amqp,
    /// A step of the SASL exchange.
    Sasl,
}

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of the whole frame.
    pub size: usize,
    /// Where the body begins, in bytes from the start of the frame; what lies before it, beyond the header, is
    /// the extended header, which is ignored (2.3.2).
    pub body: usize,
    /// The type of the frame.
    pub kind: FrameKind,
    /// The channel of an AMQP frame; without meaning in a SASL frame.
    pub channel: u16,
}

/// Why bytes are no frame: `amqp:connection:framing-error` on the wire (2.8.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Smaller than a frame header.
    #[error("a frame of {0} bytes is smaller than its header")]
    TooSmall(u32),
    /// Larger than the maximum frame size.
    #[error("a frame of {size} bytes is larger than the maximum of {max}")]
    TooLarge {
        /// The size declared.
        size: u32,
        /// The largest size allowed.
        max: u32,
    },
    /// The body does not begin behind the header and within the frame.
    #[error("a data offset of {0} words leads outside the frame")]
    DataOffset(u8),
    /// A type code that is not defined.
    #[error("frame type {0:#04x} is not defined")]
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

/// Reads the header of the frame at the start of the bytes; `None` if they do not hold all of the frame yet.
///
/// The size is judged as soon as its four bytes are there, so that a hostile one never makes anybody wait or
/// reserve room for it.
///
/// # Errors
/// [`FrameError`] if the bytes can't become a frame of at most `max` bytes.
pub fn parse_header(bytes: &[u8], max: u32) -> Result<Option<FrameHeader>, FrameError> {
    Ok(peek_header(bytes, max)?.filter(|head| head.size <= bytes.len()))
}

/// As [`parse_header`], whether or not the bytes hold all of the frame.
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
    fn a_frame_is_split_off_when_all_of_it_is_there() {
        let bytes = [0, 0, 0, 12, 3, 0, 1, 2, 0xde, 0xad, 0xbe, 0xef, 0xff];
        for end in 0..12 {
            assert_eq!(parse_header(&bytes[..end], 512), Ok(None), "{end}");
        }
        let head = FrameHeader { size: 12, body: 12, kind: FrameKind::Amqp, channel: 0x0102 };
        assert_eq!(parse_header(&bytes[..12], 512), Ok(Some(head)));
        assert_eq!(parse_header(&bytes, 512), Ok(Some(head)));
    }

    #[test]
    fn a_bad_size_is_refused_by_its_four_bytes() {
        assert_eq!(parse_header(&[0, 0, 0, 7], 512), Err(FrameError::TooSmall(7)));
        assert_eq!(parse_header(&[0, 0, 2, 1], 512), Err(FrameError::TooLarge { size: 513, max: 512 }));
        assert_eq!(parse_header(&[0, 0, 2, 0], 512), Ok(None));
        assert_eq!(parse_header(&[0xff; 4], u32::MAX), Ok(None));
    }

    #[test]
    fn a_body_lies_within_its_frame() {
        assert_eq!(parse_header(&[0, 0, 0, 8, 1, 0, 0, 0], 512), Err(FrameError::DataOffset(1)));
        assert_eq!(parse_header(&[0, 0, 0, 8, 3, 0, 0, 0], 512), Err(FrameError::DataOffset(3)));
        assert_eq!(parse_header(&[0, 0, 0, 8, 2, 2, 0, 0], 512), Err(FrameError::UnknownType(2)));
    }
}
