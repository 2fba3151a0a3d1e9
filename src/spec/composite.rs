//! What all composite types have in common.

use crate::codec::{DecodeErrorKind, Decoder};

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
    /// If the field may be left out, and what that means.
    pub presence: Presence,
}

impl Field {
    /// Returns how many fields a list of them has at least, for no mandatory one to be left out, and at most.
    pub(crate) const fn bounds(mut fields: &[Self]) -> (usize, u32) {
        let (mut least, mut index, mut most) = (0, 0_usize, 0_u32);
        while let [field, rest @ ..] = fields {
            (index, most) = (index.saturating_add(1), most.saturating_add(1));
            if matches!(field.presence, Presence::Mandatory | Presence::MandatoryMultiple) {
                least = index;
            }
            fields = rest;
        }
        (least, most)
    }
}

/// If a field may be left out, and what that means.
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

/// Refuses a list of fields that has no value for a mandatory one, the first from `index` on. `at` are the bytes from
/// there on.
#[cold]
#[inline(never)]
pub(crate) fn missing_field<T>(
    decoder: &mut Decoder<'_>,
    composite: &'static str,
    fields: &[Field],
    index: usize,
    at: &[u8],
) -> Option<T> {
    let is_mandatory =
        |field: &&Field| matches!(field.presence, Presence::Mandatory | Presence::MandatoryMultiple);
    let field = fields.iter().skip(index).find(is_mandatory).map_or("", |field| field.name);
    decoder.fail(DecodeErrorKind::MissingField { composite, field }, at)
}
