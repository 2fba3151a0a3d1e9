//! The keys of annotations (3.2.10).

use core::fmt;

use super::{Symbol, SymbolError};

/// A key of a map of [`Annotations`](super::Annotations) (3.2.10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnnotationKey {
    /// A symbol. Those that do not begin with `x-` are reserved; an end may ignore an unknown one only if it begins
    /// with `x-opt-`.
    Symbol(Symbol),
    /// A number. All are reserved.
    Ulong(u64),
}

impl From<Symbol> for AnnotationKey {
    fn from(key: Symbol) -> Self {
        Self::Symbol(key)
    }
}

impl From<u64> for AnnotationKey {
    fn from(key: u64) -> Self {
        Self::Ulong(key)
    }
}

impl TryFrom<&str> for AnnotationKey {
    type Error = SymbolError;

    /// Copies the text of a symbol.
    fn try_from(key: &str) -> Result<Self, SymbolError> {
        key.try_into().map(Self::Symbol)
    }
}

impl PartialEq<str> for AnnotationKey {
    /// True for a symbol with this text.
    fn eq(&self, other: &str) -> bool {
        matches!(self, Self::Symbol(key) if key == other)
    }
}

impl PartialEq<&str> for AnnotationKey {
    /// True for a symbol with this text.
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl PartialEq<u64> for AnnotationKey {
    /// True for this number.
    fn eq(&self, other: &u64) -> bool {
        matches!(self, Self::Ulong(key) if key == other)
    }
}

impl fmt::Display for AnnotationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symbol(key) => key.fmt(f),
            Self::Ulong(key) => key.fmt(f),
        }
    }
}
