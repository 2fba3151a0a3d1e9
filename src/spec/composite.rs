//! The definition of a composite type, as a trait.

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
