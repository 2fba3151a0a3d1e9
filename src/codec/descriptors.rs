//! Descriptors (1.5): the values that name the type of what follows them.

use core::slice;

use super::{Decode, DecodeError, DecodeErrorKind, Decoder, format_code, skip};
use crate::types::{Described, Symbol, Value};

/// The name of a described value's type (1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Descriptor {
    /// A numeric descriptor: domain in the upper half, id in the lower.
    Code(u64),
    /// A symbolic descriptor.
    Symbol(Symbol),
    /// A value of another type: reserved, and no type of the standard has one.
    Reserved(Value),
}

impl From<Descriptor> for Value {
    fn from(descriptor: Descriptor) -> Self {
        match descriptor {
            Descriptor::Code(code) => Self::Ulong(code),
            Descriptor::Symbol(symbol) => Self::Symbol(symbol),
            Descriptor::Reserved(value) => value,
        }
    }
}

/// A type's name, numeric descriptor and symbolic descriptor.
pub(crate) type Known = (&'static str, u64, &'static str);

/// The number for a descriptor that none of the known types has. No type of the standard has it.
const UNKNOWN: u64 = u64::MAX;

impl<'a> Decoder<'a> {
    /// Decodes the start of a described value: [`format_code::DESCRIBED`] and the descriptor. The value comes next.
    ///
    /// # Errors
    /// Any [`DecodeError`] of the descriptor; [`DecodeErrorKind::TooDeep`] if it is nested too deeply.
    pub fn descriptor(&mut self) -> Result<Descriptor, DecodeError> {
        self.run(|rest, decoder| decoder.start_of_described(rest))
    }

    /// Checks the start of a described value, as [`descriptor`](Self::descriptor) does, and steps over it.
    #[inline(always)]
    pub(crate) fn skip_descriptor(&mut self) -> Result<(), DecodeError> {
        self.run(|rest, decoder| decoder.behind_descriptor(rest).map(|rest| ((), rest)))
    }

    /// Returns the bytes behind the descriptor of the described value at the front of `rest`.
    #[inline(always)]
    pub(crate) fn behind_descriptor(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        match rest {
            [format_code::DESCRIBED, format_code::SMALLULONG, _, rest @ ..] => Some(rest),
            _ => self.start_of_described(rest).map(|(_, rest)| rest),
        }
    }

    #[cold]
    #[inline(never)]
    fn start_of_described(&mut self, rest: &'a [u8]) -> Option<(Descriptor, &'a [u8])> {
        match rest {
            [format_code::DESCRIBED, rest @ ..] => self.take_descriptor(rest),
            [found, rest @ ..] => self.wrong_type("described value", *found, rest),
            [] => self.truncated(rest),
        }
    }

    /// Decodes the descriptor at the front of `rest`.
    pub(crate) fn take_descriptor(&mut self, rest: &'a [u8]) -> Option<(Descriptor, &'a [u8])> {
        let Some((code, behind)) = rest.split_first() else { return self.truncated(rest) };
        match *code {
            format_code::SMALLULONG | format_code::ULONG | format_code::ULONG0 => {
                u64::decode_as(*code, behind, self).map(|(code, rest)| (Descriptor::Code(code), rest))
            }
            format_code::SYM8 | format_code::SYM32 => {
                Symbol::decode_as(*code, behind, self).map(|(name, rest)| (Descriptor::Symbol(name), rest))
            }
            code => {
                self.descend(behind)?;
                let (value, rest) = Value::decode_as(code, behind, self)?;
                self.ascend();
                Some((Descriptor::Reserved(value), rest))
            }
        }
    }

    /// Enters a described value, one level down. Returns the number of its type and the bytes of the value; the number
    /// is [`UNKNOWN`] if the descriptor is none of the `known` ones.
    #[inline(always)]
    pub(crate) fn enter_described(
        &mut self,
        code: u8,
        rest: &'a [u8],
        expected: &'static str,
        known: &[Known],
    ) -> Option<(u64, &'a [u8])> {
        if code != format_code::DESCRIBED {
            return self.wrong_type(expected, code, rest);
        }
        self.descend(rest)?;
        match rest {
            [format_code::SMALLULONG, number, rest @ ..] => Some(((*number).into(), rest)),
            _ => self.enter_long(rest, known),
        }
    }

    /// Decodes a described value of one type. `decode` decodes the value behind the descriptor.
    #[inline(always)]
    pub(crate) fn described<T>(
        &mut self,
        code: u8,
        rest: &'a [u8],
        known: &Known,
        decode: impl FnOnce(&'a [u8], &mut Self) -> Option<(T, &'a [u8])>,
    ) -> Option<(T, &'a [u8])> {
        let (name, number, _) = *known;
        let (found, value) = self.enter_described(code, rest, name, slice::from_ref(known))?;
        if found != number {
            return self.unknown_descriptor(name, rest);
        }
        let decoded = decode(value, self)?;
        self.ascend();
        Some(decoded)
    }

    #[cold]
    #[inline(never)]
    fn enter_long(&mut self, rest: &'a [u8], known: &[Known]) -> Option<(u64, &'a [u8])> {
        let mut behind = rest;
        match skip::descriptor(&mut behind, known) {
            Ok(Some(number)) => Some((number, behind)),
            // The caller decodes the descriptor, to refuse or to keep it: only once, because that uses up the limits.
            _ => Some((UNKNOWN, rest)),
        }
    }

    /// Decodes a described value of a type that is not one of `defined`, from its descriptor on, and comes back up. One
    /// of those has another meaning than the `expected` one, and a reserved descriptor (1.5) none.
    #[cold]
    #[inline(never)]
    pub(crate) fn other_described(
        &mut self,
        expected: &'static str,
        defined: &[Known],
        rest: &'a [u8],
    ) -> Option<(Described, &'a [u8])> {
        let mut behind = rest;
        let number = skip::descriptor(&mut behind, defined).ok().flatten();
        let is_defined = defined.iter().any(|(_, code, _)| number == Some(*code));
        let (descriptor, behind) = self.take_descriptor(rest)?;
        if is_defined || matches!(descriptor, Descriptor::Reserved(_)) {
            return self.fail(DecodeErrorKind::UnknownDescriptor(expected), rest);
        }
        let (value, rest) = self.value(behind)?;
        self.ascend();
        Some((Described { descriptor: descriptor.into(), value }, rest))
    }

    /// Refuses the descriptor at the front of `rest`: for its own fault, or because it names none of `expected`.
    #[cold]
    #[inline(never)]
    pub(crate) fn unknown_descriptor<T>(&mut self, expected: &'static str, rest: &'a [u8]) -> Option<T> {
        self.take_descriptor(rest)?;
        self.fail(DecodeErrorKind::UnknownDescriptor(expected), rest)
    }
}
