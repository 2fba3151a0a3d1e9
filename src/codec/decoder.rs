//! The decoder: the bytes that values are taken from, the limits, and the reason for a refusal.

use core::ops::Range;

use bytes::Bytes;

use super::{
    Decode, DecodeError, DecodeErrorKind, DecodeLimits, format_code,
    skip::{SkipError, skip_value},
};
use crate::limits::Deviations;

/// Decodes values from bytes, one after the other.
///
/// Made by [`new`](Self::new) it shares the bytes it was given: binaries, strings and symbols are slices of them.
/// Made by [`from_slice`](Self::from_slice) it copies those out.
#[derive(Debug)]
pub struct Decoder<'a> {
    source: &'a [u8],
    /// The bytes that `source` is, if parts of them can be shared.
    shared: Option<&'a Bytes>,
    /// The part of `source` that has not been decoded.
    rest: &'a [u8],
    budget: DecodeLimits,
    /// The reason for which the last value was refused.
    error: Option<DecodeError>,
}

impl<'a> Decoder<'a> {
    /// Returns a decoder at the start of the bytes, which shares them with what it decodes.
    #[inline]
    pub fn new(source: &'a Bytes, limits: DecodeLimits) -> Self {
        Self { source, shared: Some(source), rest: source, budget: limits, error: None }
    }

    /// Returns a decoder at the start of the bytes, which copies binaries, strings and symbols out of them.
    #[inline]
    pub fn from_slice(source: &'a [u8], limits: DecodeLimits) -> Self {
        Self { source, shared: None, rest: source, budget: limits, error: None }
    }

    /// Returns a decoder of a part of the bytes; offsets count from the start of them all.
    #[inline(always)]
    pub(crate) fn within(source: &'a Bytes, part: Range<usize>, limits: DecodeLimits) -> Self {
        let end = source.get(source.len()..).unwrap_or_default();
        Self { rest: source.get(part).unwrap_or(end), ..Self::new(source, limits) }
    }

    /// Returns how many bytes have been decoded.
    #[inline]
    pub fn offset(&self) -> usize {
        self.offset_of(self.rest)
    }

    /// Returns where a part of the source begins in it.
    #[inline]
    fn offset_of(&self, part: &[u8]) -> usize {
        // Any slice passed in is a part of `source`, so the difference of their addresses is the offset.
        part.as_ptr().addr().wrapping_sub(self.source.as_ptr().addr()).min(self.source.len())
    }

    /// True if nothing is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the bytes that have not been decoded.
    #[inline(always)]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Steps over the value at the front of `rest`, and returns the bytes behind it.
    #[inline(always)]
    pub(crate) fn skip(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let mut source = rest;
        match skip_value(&mut source) {
            Ok(()) => Some(source),
            Err(error) => self.cannot_skip(error, source),
        }
    }

    #[cold]
    #[inline(never)]
    fn cannot_skip<T>(&mut self, error: SkipError, at: &[u8]) -> Option<T> {
        self.error = Some(error.at(self.offset_of(at)));
        None
    }

    /// Returns all that is left, and leaves nothing.
    pub fn take_rest(&mut self) -> Bytes {
        let rest = self.share(self.rest);
        self.rest = self.rest.get(self.rest.len()..).unwrap_or_default();
        rest
    }

    /// Fails unless everything has been decoded.
    ///
    /// # Errors
    /// [`DecodeErrorKind::TrailingBytes`].
    #[inline]
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(DecodeErrorKind::TrailingBytes.at(self.offset())) }
    }

    /// Decodes the next value by `decode`, which is given the bytes left and returns those behind the value.
    #[inline(always)]
    pub(crate) fn run<T>(
        &mut self,
        decode: impl FnOnce(&'a [u8], &mut Self) -> Option<(T, &'a [u8])>,
    ) -> Result<T, DecodeError> {
        match decode(self.rest, self) {
            Some((value, rest)) => {
                self.rest = rest;
                Ok(value)
            }
            None => Err(self.take_error::<T>()),
        }
    }

    /// Returns the reason for which the value was refused.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_error<T>(&mut self) -> DecodeError {
        // The types of this crate always note a reason; one written elsewhere may have failed to.
        let unknown = DecodeErrorKind::InvalidChoice(core::any::type_name::<T>());
        self.error.take().unwrap_or_else(|| unknown.at(self.offset()))
    }

    /// True if values that depart from the standard in this way are taken.
    pub(super) fn takes(&self, deviation: Deviations) -> bool {
        self.budget.deviations.contains(deviation)
    }

    /// True if the last value was refused because it is no symbol.
    pub(super) fn symbol_was_due(&self) -> bool {
        let kind = self.error.map(|error| error.kind);
        matches!(kind, Some(DecodeErrorKind::WrongType { expected: "symbol", .. }))
    }

    pub(super) fn forget_error(&mut self) {
        self.error = None;
    }

    /// True if a reason to refuse a value has been noted.
    #[cfg(test)]
    pub(crate) fn has_error(&self) -> bool {
        self.error.is_some()
    }

    /// Decodes a value with its constructor from the front of `rest`, for use within [`Decode::decode_as`].
    #[inline(always)]
    pub fn value<T: Decode>(&mut self, rest: &'a [u8]) -> Option<(T, &'a [u8])> {
        match rest.split_first() {
            Some((code, rest)) => T::decode_as(*code, rest, self),
            None => self.truncated(rest),
        }
    }

    /// Returns the bytes as a value of their own: shared with the source, or copied.
    #[inline]
    pub(crate) fn share(&self, bytes: &[u8]) -> Bytes {
        let Some(source) = self.shared else { return Bytes::copy_from_slice(bytes) };
        let start = bytes.as_ptr().addr().wrapping_sub(source.as_ptr().addr());
        match start.checked_add(bytes.len()) {
            Some(end) if end <= source.len() => source.slice(start..end),
            // A caller of `value` may pass bytes of its own.
            _ => Bytes::copy_from_slice(bytes),
        }
    }

    /// Notes the reason to refuse a value, and returns `None`. `at` are the bytes from the fault on.
    #[inline(always)]
    pub fn fail<T>(&mut self, kind: DecodeErrorKind, at: &[u8]) -> Option<T> {
        self.note(kind, at);
        None
    }

    #[cold]
    #[inline(never)]
    fn note(&mut self, kind: DecodeErrorKind, at: &[u8]) {
        self.error = Some(kind.at(self.offset_of(at)));
    }

    /// Notes that the format code in front of `rest` is of another type than the one due, and returns `None`.
    #[inline(always)]
    pub fn wrong_type<T>(&mut self, expected: &'static str, found: u8, rest: &[u8]) -> Option<T> {
        self.note_type(expected, found, rest);
        None
    }

    #[cold]
    #[inline(never)]
    fn note_type(&mut self, expected: &'static str, found: u8, rest: &[u8]) {
        let kind = DecodeErrorKind::wrong_type(expected, found);
        // The code, which is the fault, has been taken already.
        self.error = Some(kind.at(self.offset_of(rest).saturating_sub(1)));
    }

    /// Notes that the bytes end inside the value that begins at `at`, and returns `None`.
    #[inline(always)]
    pub(crate) fn truncated<T>(&mut self, at: &[u8]) -> Option<T> {
        self.fail(DecodeErrorKind::Truncated, at)
    }

    /// Goes one level down, to a value that begins at `at`; [`ascend`](Self::ascend) comes back.
    #[inline(always)]
    pub(crate) fn descend(&mut self, at: &[u8]) -> Option<()> {
        let Some(left) = self.budget.max_depth.checked_sub(1) else {
            return self.fail(DecodeErrorKind::TooDeep, at);
        };
        self.budget.max_depth = left;
        Some(())
    }

    /// Comes back up one level.
    #[inline(always)]
    pub(crate) fn ascend(&mut self) {
        // As deep as before `descend` took one off.
        self.budget.max_depth = self.budget.max_depth.wrapping_add(1);
    }

    /// Returns how many elements the budget has left.
    pub(super) fn elements_left(&self) -> u32 {
        self.budget.max_elements
    }

    /// Takes `count` elements out of the budget before anything is reserved for them.
    #[inline]
    pub(crate) fn spend(&mut self, count: u32, at: &[u8]) -> Option<()> {
        let Some(left) = self.budget.max_elements.checked_sub(count) else {
            return self.fail(DecodeErrorKind::TooManyElements, at);
        };
        self.budget.max_elements = left;
        Some(())
    }

    /// Takes `count` elements that take up no bytes out of the budget.
    pub(crate) fn spend_zero_width(&mut self, count: u32, at: &[u8]) -> Option<()> {
        let Some(left) = self.budget.max_zero_width_elements.checked_sub(count) else {
            return self.fail(DecodeErrorKind::TooManyElements, at);
        };
        self.budget.max_zero_width_elements = left;
        self.spend(count, at)
    }
}

impl DecodeErrorKind {
    /// Returns the fault of a format code that is not of the type due.
    pub(crate) fn wrong_type(expected: &'static str, found: u8) -> Self {
        if found != format_code::DESCRIBED && format_code::lookup(found).is_none() {
            return Self::UnknownCode(found);
        }
        Self::WrongType { expected, found }
    }
}
