//! Described values (1.1.2): a value with a descriptor that assigns it a further type.

use super::Value;

/// A value and its descriptor (1.1.2, 1.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Described {
    /// The identity of the type that `value` represents: a symbol or a ulong (1.5). Other types are reserved, and
    /// accepted.
    pub descriptor: Value,
    /// The value described.
    pub value: Value,
}

impl Described {
    /// Returns a value with its descriptor.
    pub fn new(descriptor: impl Into<Value>, value: impl Into<Value>) -> Self {
        Self { descriptor: descriptor.into(), value: value.into() }
    }
}
