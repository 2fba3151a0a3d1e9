//! A cursor that skips over values, in bytes that may lie in several chunks.

use bytes::Bytes;

use super::SectionKind;
use crate::codec::{DecodeError, DecodeErrorKind, format_code};

/// The longest symbolic descriptor of a section, `amqp:application-properties:map`, and some more.
const LONGEST_SYMBOL: usize = 40;

/// Goes over encoded values without decoding them. What it finds does not depend on where chunks begin and end.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    /// What is left of the current chunk.
    chunk: &'a [u8],
    rest: core::slice::Iter<'a, Bytes>,
    offset: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// Over chunks, from the start of a payload.
    #[inline]
    pub(super) fn over(first: &'a [u8], rest: &'a [Bytes]) -> Self {
        let end = rest.iter().fold(first.len(), |sum, chunk| sum.saturating_add(chunk.len()));
        Self { chunk: first, rest: rest.iter(), offset: 0, end }
    }

    /// Over one range of bytes that lie in one piece; offsets count from the start of `bytes`.
    #[inline]
    pub(super) fn within(bytes: &'a [u8], range: core::ops::Range<usize>) -> Self {
        let (offset, end) = (range.start, range.end);
        Self { chunk: bytes.get(range).unwrap_or_default(), rest: [].iter(), offset, end }
    }

    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    pub(super) const fn left(&self) -> usize {
        self.end.saturating_sub(self.offset)
    }

    fn truncated(&self) -> DecodeError {
        DecodeErrorKind::Truncated.at(self.offset)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        let Some((&byte, chunk)) = self.chunk.split_first() else { return self.u8_of_next_chunk() };
        self.chunk = chunk;
        self.offset = self.offset.saturating_add(1);
        Ok(byte)
    }

    #[cold]
    fn u8_of_next_chunk(&mut self) -> Result<u8, DecodeError> {
        while self.chunk.is_empty() {
            self.chunk = self.rest.next().ok_or_else(|| self.truncated())?;
        }
        self.u8()
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        if self.left() < N {
            return Err(self.truncated());
        }
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.u8()?;
        }
        Ok(bytes)
    }

    /// A size of one byte or four.
    #[inline]
    pub(super) fn size(&mut self, wide: bool) -> Result<usize, DecodeError> {
        if !wide {
            return self.u8().map(usize::from);
        }
        let at = self.offset;
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| DecodeErrorKind::Truncated.at(at))
    }

    #[inline]
    pub(super) fn skip(&mut self, count: usize) -> Result<(), DecodeError> {
        if let Some(chunk) = self.chunk.get(count..) {
            self.chunk = chunk;
            self.offset = self.offset.saturating_add(count);
            return Ok(());
        }
        self.skip_chunks(count)
    }

    #[cold]
    fn skip_chunks(&mut self, mut count: usize) -> Result<(), DecodeError> {
        if count > self.left() {
            return Err(self.truncated());
        }
        self.offset = self.offset.saturating_add(count);
        while count > self.chunk.len() {
            count = count.saturating_sub(self.chunk.len());
            self.chunk = self.rest.next().map(|chunk| &**chunk).unwrap_or_default();
        }
        self.chunk = self.chunk.get(count..).unwrap_or_default();
        Ok(())
    }

    /// The next bytes, where they lie in the current chunk.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let bytes = self.chunk.get(..count).ok_or_else(|| self.truncated())?;
        self.skip(count)?;
        Ok(bytes)
    }

    /// Lets the bytes end earlier.
    pub(super) fn stop_at(&mut self, end: usize) {
        self.end = self.end.min(end);
    }

    /// The next bytes up to so many, as far as they lie in one chunk. None only where nothing is left.
    #[inline]
    pub(super) fn piece(&mut self, most: usize) -> &'a [u8] {
        while self.chunk.is_empty() {
            let Some(chunk) = self.rest.next() else { return &[] };
            self.chunk = chunk;
        }
        let (piece, chunk) = self.chunk.split_at_checked(most).unwrap_or((self.chunk, &[]));
        self.chunk = chunk;
        self.offset = self.offset.saturating_add(piece.len());
        piece
    }

    /// Reads the start of a data section, and gives how many bytes it has.
    #[inline]
    pub(super) fn data_section(&mut self) -> Result<usize, DecodeError> {
        if self.left() == 0 {
            return Err(self.truncated());
        }
        self.section_kind()?;
        match self.u8()? {
            format_code::VBIN8 => self.size(false),
            format_code::VBIN32 => self.size(true),
            found => Err(wrong_type("binary", found).at(self.offset)),
        }
    }

    /// Skips a value whose format code has been read: 1.2 lets the upper half of the code tell how long it is, so
    /// this takes the same time whatever is inside.
    #[inline]
    pub(super) fn skip_body(&mut self, code: u8) -> Result<(), DecodeError> {
        match code >> 4 {
            0x4 => Ok(()),
            0x5 => self.skip(1),
            0x6 => self.skip(2),
            0x7 => self.skip(4),
            0x8 => self.skip(8),
            0x9 => self.skip(16),
            0xa => self.skip_sized(false, 0),
            0xb => self.skip_sized(true, 0),
            // 1.2.3, 1.2.4: the size counts the field that holds the count.
            0xc | 0xe => self.skip_sized(false, 1),
            0xd | 0xf => self.skip_sized(true, 4),
            _ => Err(DecodeErrorKind::UnknownCode(code).at(self.offset.saturating_sub(1))),
        }
    }

    #[inline]
    fn skip_sized(&mut self, wide: bool, least: usize) -> Result<(), DecodeError> {
        let size = self.size(wide)?;
        if size > self.left() {
            return Err(self.truncated());
        }
        if size < least {
            return Err(DecodeErrorKind::SizeMismatch.at(self.offset));
        }
        self.skip(size)
    }

    /// Skips a value. Descriptors within descriptors cost no stack: what is still to come is counted.
    #[inline]
    pub(super) fn skip_value(&mut self) -> Result<(), DecodeError> {
        let mut due = 1_usize;
        while let Some(left) = due.checked_sub(1) {
            due = left;
            match self.u8()? {
                format_code::DESCRIBED => due = due.saturating_add(2),
                code => self.skip_body(code)?,
            }
        }
        Ok(())
    }

    /// Enters the list or map that comes next and gives how many elements it says it has. `codes` are the small
    /// and the wide format code.
    #[inline]
    pub(super) fn enter(&mut self, codes: [u8; 2], expected: &'static str) -> Result<usize, DecodeError> {
        let at = self.offset;
        let [narrow, wide] = codes;
        let found = self.u8()?;
        let is_wide = found == wide;
        if found != narrow && !is_wide {
            // The empty list has a code of its own (1.6.22).
            let empty = found == format_code::LIST0 && wide == format_code::LIST32;
            return if empty { Ok(0) } else { Err(wrong_type(expected, found).at(at)) };
        }
        self.size(is_wide)?;
        self.size(is_wide)
    }

    /// Reads the start of a section: its descriptor.
    #[inline]
    pub(super) fn section_kind(&mut self) -> Result<SectionKind, DecodeError> {
        // Nearly every sender writes the descriptor in its smallest form.
        if let [format_code::DESCRIBED, format_code::SMALLULONG, number, chunk @ ..] = self.chunk
            && let Some(kind) = SectionKind::from_code(u64::from(*number))
        {
            self.chunk = chunk;
            self.offset = self.offset.saturating_add(3);
            return Ok(kind);
        }
        self.any_section_kind()
    }

    fn any_section_kind(&mut self) -> Result<SectionKind, DecodeError> {
        let at = self.offset;
        let found = self.u8()?;
        if found != format_code::DESCRIBED {
            return Err(wrong_type("section", found).at(at));
        }
        let at = self.offset;
        let kind = match self.u8()? {
            format_code::SMALLULONG => SectionKind::from_code(self.u8()?.into()),
            format_code::ULONG => SectionKind::from_code(u64::from_be_bytes(self.array()?)),
            format_code::SYM8 => self.symbol(false)?,
            format_code::SYM32 => self.symbol(true)?,
            _ => None,
        };
        kind.ok_or(DecodeErrorKind::UnknownDescriptor("section").at(at))
    }

    fn symbol(&mut self, wide: bool) -> Result<Option<SectionKind>, DecodeError> {
        let count = self.size(wide)?;
        if count > self.left() {
            return Err(self.truncated());
        }
        let mut symbol = [0; LONGEST_SYMBOL];
        let Some(symbol) = symbol.get_mut(..count) else { return Ok(None) };
        for byte in symbol.iter_mut() {
            *byte = self.u8()?;
        }
        Ok(SectionKind::from_symbol(symbol))
    }

    /// Skips the value of a section, which is of the type that the section is a restriction of (3.2.1 to 3.2.9).
    #[inline]
    pub(super) fn section_value(&mut self, kind: SectionKind) -> Result<(), DecodeError> {
        if kind == SectionKind::Value {
            return self.skip_value();
        }
        let at = self.offset;
        let found = self.u8()?;
        if !kind.holds(found) {
            return Err(wrong_type(kind.value_type(), found).at(at));
        }
        self.skip_body(found)
    }
}

/// The bytes behind a value that lie in one piece, on a short way: `None` where it has a descriptor or is wrong.
#[inline]
pub(super) fn behind(rest: &[u8]) -> Option<&[u8]> {
    let (code, rest) = rest.split_first()?;
    behind_body(*code, rest)
}

/// The bytes behind a value whose format code has been read.
#[inline]
pub(super) fn behind_body(code: u8, rest: &[u8]) -> Option<&[u8]> {
    // 1.2: the upper half of the code tells how long the value is.
    match code >> 4 {
        0x4 => Some(rest),
        0x5 => rest.get(1..),
        0x6 => rest.get(2..),
        0x7 => rest.get(4..),
        0x8 => rest.get(8..),
        0x9 => rest.get(16..),
        0xa => {
            let (size, rest) = rest.split_first()?;
            rest.get(usize::from(*size)..)
        }
        0xc | 0xe => {
            let (size, rest) = rest.split_first()?;
            // 1.2.3, 1.2.4: the size counts the field that holds the count.
            if *size == 0 { None } else { rest.get(usize::from(*size)..) }
        }
        0xb | 0xd | 0xf => {
            let (size, rest) = rest.split_first_chunk()?;
            let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
            if code >> 4 != 0xb && size < 4 { None } else { rest.get(size..) }
        }
        _ => None,
    }
}

pub(super) fn wrong_type(expected: &'static str, found: u8) -> DecodeErrorKind {
    if found != format_code::DESCRIBED && format_code::lookup(found).is_none() {
        return DecodeErrorKind::UnknownCode(found);
    }
    DecodeErrorKind::WrongType { expected, found }
}
