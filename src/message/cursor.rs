//! A cursor over the sections of a payload in one chunk or several.

use bytes::Bytes;

use super::SectionKind;
use crate::{
    codec::{
        DecodeError, DecodeErrorKind, format_code,
        skip::{self, SkipError, Source},
    },
    spec::messaging::SECTIONS,
};

/// Steps over encoded sections without decoding them. The result does not depend on how the bytes are cut into chunks.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    /// The rest of the current chunk.
    chunk: &'a [u8],
    rest: core::slice::Iter<'a, Bytes>,
    offset: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// Creates a cursor at the start of a payload in chunks.
    #[inline]
    pub(super) fn over(first: &'a [u8], rest: &'a [Bytes]) -> Self {
        let end = rest.iter().fold(first.len(), |sum, chunk| sum.saturating_add(chunk.len()));
        Self { chunk: first, rest: rest.iter(), offset: 0, end }
    }

    /// Creates a cursor over one range of contiguous bytes. Its offsets count from the start of `bytes`.
    #[inline]
    pub(super) fn within(bytes: &'a [u8], range: core::ops::Range<usize>) -> Self {
        let (offset, end) = (range.start, range.end);
        Self { chunk: bytes.get(range).unwrap_or_default(), rest: [].iter(), offset, end }
    }

    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    /// Runs one of the skipper's functions, and returns its error with the offset.
    #[inline(always)]
    fn at_offset<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, SkipError>,
    ) -> Result<T, DecodeError> {
        step(self).map_err(|error| error.at(self.offset))
    }

    #[inline]
    fn u8(&mut self) -> Result<u8, DecodeError> {
        self.at_offset(|cursor| cursor.next().ok_or(SkipError::Truncated))
    }

    #[cold]
    fn next_of_next_chunk(&mut self) -> Option<u8> {
        while self.chunk.is_empty() {
            self.chunk = self.rest.next()?;
        }
        self.next()
    }

    #[cold]
    fn array_of_chunks<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        if self.left() < N {
            return None;
        }
        for byte in &mut bytes {
            *byte = self.next()?;
        }
        Some(bytes)
    }

    #[cold]
    fn skip_chunks(&mut self, mut count: usize) -> Option<()> {
        if count > self.left() {
            return None;
        }
        self.offset = self.offset.saturating_add(count);
        while count > self.chunk.len() {
            count = count.saturating_sub(self.chunk.len());
            self.chunk = self.rest.next().map(|chunk| &**chunk).unwrap_or_default();
        }
        self.chunk = self.chunk.get(count..).unwrap_or_default();
        Some(())
    }

    /// Moves the end forward to this offset.
    pub(super) fn stop_at(&mut self, end: usize) {
        self.end = self.end.min(end);
    }

    /// Takes up to `max` contiguous bytes. Returns none only if nothing is left.
    #[inline]
    pub(super) fn piece(&mut self, max: usize) -> &'a [u8] {
        while self.chunk.is_empty() {
            let Some(chunk) = self.rest.next() else { return &[] };
            self.chunk = chunk;
        }
        let (piece, chunk) = self.chunk.split_at_checked(max).unwrap_or((self.chunk, &[]));
        self.chunk = chunk;
        self.offset = self.offset.saturating_add(piece.len());
        piece
    }

    /// Reads the start of a data section, and returns the length of its binary.
    #[inline]
    pub(super) fn data_section(&mut self) -> Result<usize, DecodeError> {
        if self.left() == 0 {
            return Err(SkipError::Truncated.at(self.offset));
        }
        self.section_kind()?;
        let wide = match self.u8()? {
            format_code::VBIN8 => false,
            format_code::VBIN32 => true,
            found => return Err(DecodeErrorKind::wrong_type("binary", found).at(self.offset)),
        };
        self.at_offset(|cursor| cursor.size(wide).ok_or(SkipError::Truncated))
    }

    /// Reads the descriptor of a section.
    #[inline]
    pub(super) fn section_kind(&mut self) -> Result<SectionKind, DecodeError> {
        let at = self.offset;
        let found = self.u8()?;
        if found != format_code::DESCRIBED {
            return Err(DecodeErrorKind::wrong_type("section", found).at(at));
        }
        let at = self.offset;
        let number = self.at_offset(|cursor| skip::descriptor(cursor, SECTIONS))?;
        number.and_then(SectionKind::from_code).ok_or(DecodeErrorKind::UnknownDescriptor("section").at(at))
    }

    /// Steps over the value of a section, which must be of the type that the section restricts (3.2.1 to 3.2.9).
    #[inline]
    pub(super) fn section_value(&mut self, kind: SectionKind) -> Result<(), DecodeError> {
        if kind == SectionKind::Value {
            return self.at_offset(skip::skip_value);
        }
        let at = self.offset;
        let found = self.u8()?;
        if !kind.holds(found) {
            return Err(DecodeErrorKind::wrong_type(kind.value_type(), found).at(at));
        }
        self.at_offset(|cursor| skip::skip_body(found, cursor))
    }
}

impl Source for Cursor<'_> {
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let Some((&byte, chunk)) = self.chunk.split_first() else { return self.next_of_next_chunk() };
        self.chunk = chunk;
        self.offset = self.offset.saturating_add(1);
        Some(byte)
    }

    #[inline]
    fn drop_front(&mut self, count: usize) -> Option<()> {
        if let Some(chunk) = self.chunk.get(count..) {
            self.chunk = chunk;
            self.offset = self.offset.saturating_add(count);
            return Some(());
        }
        self.skip_chunks(count)
    }

    #[inline]
    fn left(&self) -> usize {
        self.end.saturating_sub(self.offset)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        if let Some((bytes, chunk)) = self.chunk.split_first_chunk() {
            self.chunk = chunk;
            self.offset = self.offset.saturating_add(N);
            return Some(*bytes);
        }
        self.array_of_chunks()
    }
}
