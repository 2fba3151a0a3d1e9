//! Steps over encoded values without decoding them, in one piece or in several.
//!
//! The upper half of a format code determines the layout (1.2), so the cost does not depend on the value's content.

use super::{DecodeErrorKind, descriptors::Known, format_code};

/// Encoded bytes that can be stepped over: a slice, or chunks one after the other.
pub(crate) trait Source {
    /// Takes the next byte.
    fn next(&mut self) -> Option<u8>;

    /// Drops `count` bytes off the front, if there are that many.
    fn drop_front(&mut self, count: usize) -> Option<()>;

    /// Returns how many bytes are left.
    fn left(&self) -> usize;

    /// Takes the next bytes.
    fn array<const N: usize>(&mut self) -> Option<[u8; N]>;

    /// Takes a size, or a count, of one byte or four.
    #[inline]
    fn size(&mut self, wide: bool) -> Option<usize> {
        if wide {
            usize::try_from(u32::from_be_bytes(self.array()?)).ok()
        } else {
            self.next().map(usize::from)
        }
    }
}

impl Source for &[u8] {
    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.split_first()?;
        *self = rest;
        Some(*first)
    }

    #[inline(always)]
    fn drop_front(&mut self, count: usize) -> Option<()> {
        *self = self.get(count..)?;
        Some(())
    }

    #[inline(always)]
    fn left(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.split_first_chunk()?;
        *self = rest;
        Some(*bytes)
    }
}

/// The reason for which a value cannot be stepped over. The source is at the fault, or behind an unassigned code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SkipError {
    Truncated,
    SizeMismatch,
    UnknownCode(u8),
}

impl SkipError {
    /// Returns the error of a source that is at `offset`.
    pub(crate) fn at(self, offset: usize) -> super::DecodeError {
        match self {
            Self::Truncated => DecodeErrorKind::Truncated.at(offset),
            Self::SizeMismatch => DecodeErrorKind::SizeMismatch.at(offset),
            Self::UnknownCode(code) => DecodeErrorKind::UnknownCode(code).at(offset.saturating_sub(1)),
        }
    }
}

/// Steps over a value.
#[inline(always)]
pub(crate) fn skip_value(source: &mut impl Source) -> Result<(), SkipError> {
    match source.next().ok_or(SkipError::Truncated)? {
        format_code::DESCRIBED => skip_described(source),
        code => skip_body(code, source),
    }
}

/// Steps over a descriptor and the value it describes. Descriptors within descriptors cost no stack: the values still to
/// come are counted.
#[inline(never)]
fn skip_described(source: &mut impl Source) -> Result<(), SkipError> {
    let mut due = 2_usize;
    while let Some(left) = due.checked_sub(1) {
        due = left;
        match source.next().ok_or(SkipError::Truncated)? {
            // Nearly all descriptors are of this form.
            format_code::SMALLULONG => source.drop_front(1).ok_or(SkipError::Truncated)?,
            format_code::DESCRIBED => due = due.saturating_add(2),
            code => skip_body(code, source)?,
        }
    }
    Ok(())
}

/// Steps over the rest of a value whose format code has been taken.
#[inline(always)]
pub(crate) fn skip_body(code: u8, source: &mut impl Source) -> Result<(), SkipError> {
    let (wide, least) = match code >> 4 {
        0x4 => return Ok(()),
        0x5 => return source.drop_front(1).ok_or(SkipError::Truncated),
        0x6 => return source.drop_front(2).ok_or(SkipError::Truncated),
        0x7 => return source.drop_front(4).ok_or(SkipError::Truncated),
        0x8 => return source.drop_front(8).ok_or(SkipError::Truncated),
        0x9 => return source.drop_front(16).ok_or(SkipError::Truncated),
        0xa => (false, 0),
        0xb => (true, 0),
        // 1.2.3, 1.2.4: the size counts the field that holds the count.
        0xc | 0xe => (false, 1),
        0xd | 0xf => (true, 4),
        _ => return Err(SkipError::UnknownCode(code)),
    };
    let size = source.size(wide).ok_or(SkipError::Truncated)?;
    if size > source.left() {
        return Err(SkipError::Truncated);
    }
    if size < least {
        return Err(SkipError::SizeMismatch);
    }
    source.drop_front(size).ok_or(SkipError::Truncated)
}

/// Room for the longest symbolic descriptor of the standard, `amqp:application-properties:map`.
const LONGEST_SYMBOL: usize = 40;

/// Reads a descriptor, behind its [`format_code::DESCRIBED`], and returns the number of the type that it names: `None`
/// within if it is none of the `known` ones.
#[inline]
pub(crate) fn descriptor(source: &mut impl Source, known: &[Known]) -> Result<Option<u64>, SkipError> {
    match source.next().ok_or(SkipError::Truncated)? {
        format_code::SMALLULONG => {
            source.next().map(|number| Some(number.into())).ok_or(SkipError::Truncated)
        }
        format_code::ULONG => {
            source.array().map(|number| Some(u64::from_be_bytes(number))).ok_or(SkipError::Truncated)
        }
        code @ (format_code::SYM8 | format_code::SYM32) => symbol(code == format_code::SYM32, source, known),
        _ => Ok(None),
    }
}

#[cold]
fn symbol(wide: bool, source: &mut impl Source, known: &[Known]) -> Result<Option<u64>, SkipError> {
    let length = source.size(wide).filter(|length| *length <= source.left()).ok_or(SkipError::Truncated)?;
    let mut bytes = [0; LONGEST_SYMBOL];
    let Some(bytes) = bytes.get_mut(..length) else { return Ok(None) };
    for byte in bytes.iter_mut() {
        *byte = source.next().ok_or(SkipError::Truncated)?;
    }
    Ok(known.iter().find(|(.., symbol)| symbol.as_bytes() == bytes).map(|(_, number, _)| *number))
}
