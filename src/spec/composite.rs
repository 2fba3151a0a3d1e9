//! What all composite types have in common.

use crate::{
    codec::{DecodeError, DecodeErrorKind, Decoder, Descriptor, format_code},
    types::Value,
};

/// A composite type as the standard defines it (1.4).
pub trait Composite {
    /// The type's name.
    const NAME: &'static str;
    /// The section that defines it.
    const SECTION: &'static str;
    /// The numeric descriptor.
    const CODE: u64;
    /// The symbolic descriptor.
    const SYMBOL: &'static str;
    /// The fields, in order.
    const FIELDS: &'static [Field];
}

/// A field of a composite type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The standard's name, with underscores for its hyphens.
    pub name: &'static str,
    /// The Rust type of a single value.
    pub ty: &'static str,
    /// Whether the field may be left out, and what that means.
    pub presence: Presence,
}

impl Field {
    /// How many fields a list of them must have at least, for the mandatory ones not to be left out, and at most.
    pub(crate) const fn bounds(mut fields: &[Self]) -> (u32, u32) {
        let (mut least, mut most) = (0, 0_u32);
        while let [field, rest @ ..] = fields {
            most = most.saturating_add(1);
            if matches!(field.presence, Presence::Mandatory | Presence::MandatoryMultiple) {
                least = most;
            }
            fields = rest;
        }
        (least, most)
    }
}

/// Whether a field may be left out, and what that means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// May be left out.
    Optional,
    /// Must be there.
    Mandatory,
    /// Left out, it has this value.
    Default(&'static str),
    /// None, one or several values.
    Multiple,
    /// One or several values.
    MandatoryMultiple,
}

impl Descriptor {
    pub(crate) fn is(&self, code: u64, symbol: &str) -> bool {
        match self {
            Self::Code(found) => *found == code,
            Self::Symbol(found) => found == symbol,
            Self::Reserved(_) => false,
        }
    }
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

impl<'a> Decoder<'a> {
    /// Reads a described value one level down; `read` gives `None` for a descriptor it does not know.
    #[inline]
    pub(crate) fn described<T>(
        &mut self,
        code: u8,
        expected: &'static str,
        read: impl FnOnce(Descriptor, &mut Decoder<'a>) -> Option<Result<T, DecodeError>>,
    ) -> Result<T, DecodeError> {
        if code != format_code::DESCRIBED {
            return Err(self.wrong_type(expected, code));
        }
        self.nested(|decoder| {
            let at = decoder.offset();
            let descriptor = decoder.descriptor()?;
            read(descriptor, decoder).unwrap_or(Err(DecodeErrorKind::UnknownDescriptor(expected).at(at)))
        })
    }
}
