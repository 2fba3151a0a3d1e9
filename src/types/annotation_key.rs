//! The keys of annotations (3.2.10).

use core::fmt;

use super::{Annotations, Symbol, SymbolError};

/// A key of a map of [`Annotations`] (3.2.10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnnotationKey {
    /// A symbol. Those that do not begin with `x-` are reserved; an end may ignore an unknown one only if it begins
    /// with `x-opt-`.
    Symbol(Symbol),
    /// A number. All are reserved.
    Ulong(u64),
}

impl AnnotationKey {
    /// True if an end that does not know the key may ignore its entry: it begins with `x-opt-` (3.2.10).
    pub fn is_optional(&self) -> bool {
        matches!(self, Self::Symbol(key) if key.starts_with("x-opt-"))
    }
}

impl Annotations {
    /// Iterates over the keys that an end would have to know and does not: neither `is_known` nor
    /// [optional](AnnotationKey::is_optional).
    ///
    /// 3.2.10: an end that receives such a key detaches the link with `amqp:not-implemented`. Hardly any does, so it is
    /// for the node to decide.
    ///
    /// ```
    /// use amqp_proto::types::{Annotations, Symbol};
    ///
    /// let annotations = Annotations::new()
    ///     .with(Symbol::from_static("x-known"), 1_i32)
    ///     .with(Symbol::from_static("x-other"), 2_i32)
    ///     .with(Symbol::from_static("x-opt-other"), 3_i32);
    /// let unknown: Vec<_> = annotations.unknown_keys(|key| *key == "x-known").collect();
    /// assert_eq!(unknown, ["x-other"]);
    /// ```
    pub fn unknown_keys(
        &self,
        is_known: impl Fn(&AnnotationKey) -> bool,
    ) -> impl Iterator<Item = &AnnotationKey> {
        self.iter().map(|(key, _)| key).filter(move |key| !key.is_optional() && !is_known(key))
    }
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
