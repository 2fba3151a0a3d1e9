//! Described values (1.3): a value together with what it stands for.

use super::Value;

/// A value annotated with a descriptor (1.2, 1.5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Described {
    /// What the value stands for: a symbol or a ulong; any other type is reserved by 1.5 but well-formed.
    pub descriptor: Value,
    /// The value described.
    pub value: Value,
}

impl Described {
    /// A value with its descriptor.
    pub fn new(descriptor: impl Into<Value>, value: impl Into<Value>) -> Self {
        Self { descriptor: descriptor.into(), value: value.into() }
    }
}
