//! The cursor over encoded bytes: nom's parsers, offsets for errors, and the limits.

use bytes::Bytes;
use nom::{
    bytes::complete::take,
    error::Error as NomError,
    number::complete::{be_u8, be_u16, be_u32, be_u64},
};

use super::{Decode, DecodeError, DecodeErrorKind, DecodeLimits, format_code};
use crate::types::{Symbol, Value};

/// Reads values from bytes, one after the other.
///
/// Binaries, strings and symbols that it reads are slices of the bytes it was given, not copies.
#[derive(Debug)]
pub struct Decoder<'a> {
    source: &'a Bytes,
    /// What is left of the compound being read, or of the source outside any.
    rest: &'a [u8],
    budget: DecodeLimits,
}

/// Where a decoder is, and what is left of its limits there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    rest: &'a [u8],
    budget: DecodeLimits,
}

impl<'a> Place<'a> {
    /// What is left of the bytes.
    #[inline(always)]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// What a described value says it is (1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Descriptor {
    /// A numeric descriptor: domain in the upper half, id in the lower.
    Code(u64),
    /// A symbolic descriptor.
    Symbol(Symbol),
    /// A value of another type: reserved, and no type of the standard has one.
    Reserved(Value),
}

/// A primitive parser: nom's answer, without the reason, since there is only one.
type Parsed<'a, T> = Result<(&'a [u8], T), nom::Err<NomError<&'a [u8]>>>;

impl<'a> Decoder<'a> {
    /// A decoder at the start of the bytes.
    #[inline]
    pub fn new(source: &'a Bytes, limits: DecodeLimits) -> Self {
        Self { source, rest: source, budget: limits }
    }

    /// Bytes read so far.
    #[inline]
    pub fn offset(&self) -> usize {
        // `rest` is always a part of `source`, so the difference of their addresses is the offset.
        self.rest.as_ptr().addr().wrapping_sub(self.source.as_ptr().addr())
    }

    /// The error `kind` at the current offset.
    #[cold]
    pub fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        kind.at(self.offset())
    }

    /// Whether nothing is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left, shared with the source.
    pub fn take_rest(&mut self) -> Bytes {
        let rest = self.source.slice_ref(self.rest);
        self.rest = self.rest.get(self.rest.len()..).unwrap_or_default();
        rest
    }

    /// Fails unless everything has been read.
    ///
    /// # Errors
    /// [`DecodeErrorKind::TrailingBytes`].
    #[inline]
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(self.error(DecodeErrorKind::TrailingBytes)) }
    }

    #[inline]
    fn run<T>(&mut self, parse: impl FnOnce(&'a [u8]) -> Parsed<'a, T>) -> Result<T, DecodeError> {
        match parse(self.rest) {
            Ok((rest, value)) => {
                self.rest = rest;
                Ok(value)
            }
            Err(_) => Err(self.truncated()),
        }
    }

    #[cold]
    fn truncated(&self) -> DecodeError {
        self.error(DecodeErrorKind::Truncated)
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] at the end.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.run(be_u8)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.run(be_u16)
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.run(be_u32)
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.run(be_u64)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let at = self.offset();
        self.take(N)?.try_into().map_err(|_| DecodeErrorKind::Truncated.at(at))
    }

    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        self.run(take(count))
    }

    /// As many bytes, shared with the source.
    #[inline]
    pub(crate) fn share(&mut self, count: usize) -> Result<Bytes, DecodeError> {
        let bytes = self.take(count)?;
        Ok(self.source.slice_ref(bytes))
    }

    /// A part of the source, shared with it.
    #[inline]
    pub(super) fn shared(&self, bytes: &[u8]) -> Bytes {
        self.source.slice_ref(bytes)
    }

    /// What is left.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Puts the decoder at another part of its source.
    #[inline]
    pub(super) fn set_rest(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    /// Where the decoder is, to come back to.
    #[inline(always)]
    pub(crate) fn place(&self) -> Place<'a> {
        Place { rest: self.rest, budget: self.budget }
    }

    /// Goes on behind a value that was read on the short way, with the depth there was before it.
    #[inline(always)]
    pub(crate) fn resume(&mut self, before: Place<'a>, rest: &'a [u8]) {
        self.rest = rest;
        self.budget.max_depth = before.budget.max_depth;
    }

    /// Reads a value on the general way, which the short one has given way to.
    #[cold]
    #[inline(never)]
    pub(crate) fn generally<T: Decode>(&mut self, before: Place<'a>) -> Result<T, DecodeError> {
        (self.rest, self.budget) = (before.rest, before.budget);
        let code = self.code()?;
        T::decode_as(code, self)
    }

    /// Goes one level down, on the short way.
    #[inline(always)]
    pub(crate) fn descend(&mut self) -> Option<()> {
        self.budget.max_depth = self.budget.max_depth.checked_sub(1)?;
        Some(())
    }

    /// Comes back up.
    #[inline(always)]
    pub(crate) fn ascend(&mut self) {
        self.budget.max_depth = self.budget.max_depth.saturating_add(1);
    }

    /// The next constructor's format code; [`format_code::DESCRIBED`] where a descriptor follows.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] at the end.
    #[inline]
    pub fn code(&mut self) -> Result<u8, DecodeError> {
        self.u8()
    }

    /// Takes a null if one comes next, and says whether it did.
    #[inline]
    pub fn skip_null(&mut self) -> bool {
        match self.rest.split_first() {
            Some((&format_code::NULL, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Reads a descriptor, after its [`format_code::DESCRIBED`] has been read.
    ///
    /// # Errors
    /// Any [`DecodeError`] of the descriptor's value; [`DecodeErrorKind::TooDeep`] where it is nested too deeply.
    pub fn descriptor(&mut self) -> Result<Descriptor, DecodeError> {
        match self.code()? {
            format_code::SMALLULONG => Ok(Descriptor::Code(self.u8()?.into())),
            format_code::ULONG => Ok(Descriptor::Code(self.u64()?)),
            format_code::ULONG0 => Ok(Descriptor::Code(0)),
            code @ (format_code::SYM8 | format_code::SYM32) => {
                Ok(Descriptor::Symbol(Symbol::decode_as(code, self)?))
            }
            other => {
                let value = self.nested(|decoder| Value::decode_as(other, decoder))?;
                Ok(Descriptor::Reserved(value))
            }
        }
    }

    /// Runs `read` one level down.
    #[inline]
    pub(crate) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let Some(depth) = self.budget.max_depth.checked_sub(1) else {
            return Err(self.error(DecodeErrorKind::TooDeep));
        };
        self.budget.max_depth = depth;
        let result = read(self);
        self.budget.max_depth = depth.saturating_add(1);
        result
    }

    /// Takes `count` elements out of the budget before anything is reserved for them.
    #[inline]
    pub(crate) fn spend(&mut self, count: u32) -> Result<(), DecodeError> {
        match self.budget.max_elements.checked_sub(count) {
            Some(left) => {
                self.budget.max_elements = left;
                Ok(())
            }
            None => Err(self.error(DecodeErrorKind::TooManyElements)),
        }
    }

    /// The same for elements that take up no bytes.
    pub(crate) fn spend_zero_width(&mut self, count: u32) -> Result<(), DecodeError> {
        match self.budget.max_zero_width_elements.checked_sub(count) {
            Some(left) => {
                self.budget.max_zero_width_elements = left;
                self.spend(count)
            }
            None => Err(self.error(DecodeErrorKind::TooManyElements)),
        }
    }

    /// Narrows the decoder to the next `size` bytes; [`leave`](Self::leave) goes back to what follows them.
    #[inline]
    pub(crate) fn enter(&mut self, size: usize) -> Result<&'a [u8], DecodeError> {
        let body = self.take(size)?;
        Ok(core::mem::replace(&mut self.rest, body))
    }

    /// Goes back to what follows a compounds, which must have been read to its end.
    #[inline]
    pub(crate) fn leave(&mut self, after: &'a [u8]) -> Result<(), DecodeError> {
        if !self.rest.is_empty() {
            return Err(self.error(DecodeErrorKind::SizeMismatch));
        }
        self.rest = after;
        Ok(())
    }

    #[inline]
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }
}
