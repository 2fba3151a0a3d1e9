//! Arrays (1.6.24): values of one type under one constructor.

use alloc::{boxed::Box, vec::Vec};

use thiserror::Error;

use super::{Described, Kind, Value};

/// The items of an array are not all of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an array of {expected:?} holds a {found:?}")]
pub struct ArrayError {
    /// The array's type.
    pub expected: Kind,
    /// The type of the first item that does not fit.
    pub found: Kind,
}

/// An array (1.6.24): a sequence of values that share one constructor, and so one type and one descriptor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Array {
    descriptors: Vec<Value>,
    kind: Kind,
    items: Vec<Value>,
}

impl Array {
    /// An array of items of this type.
    ///
    /// # Errors
    /// [`ArrayError`] where an item is of another type, or where the type is [`Kind::Described`]: for those see
    /// [`described`](Self::described).
    pub fn new(kind: Kind, items: Vec<Value>) -> Result<Self, ArrayError> {
        Self::described(Vec::new(), kind, items)
    }

    /// An array whose items all carry the same descriptors, outermost first; `items` are the values described.
    ///
    /// # Errors
    /// [`ArrayError`] where an item is not of the type `kind`.
    pub fn described(descriptors: Vec<Value>, kind: Kind, items: Vec<Value>) -> Result<Self, ArrayError> {
        if kind == Kind::Described {
            return Err(ArrayError { expected: kind, found: kind });
        }
        match items.iter().map(Value::kind).find(|found| *found != kind) {
            Some(found) => Err(ArrayError { expected: kind, found }),
            None => Ok(Self { descriptors, kind, items }),
        }
    }

    /// The descriptors that every item carries, outermost first; empty for an array of plain values.
    pub fn descriptors(&self) -> &[Value] {
        &self.descriptors
    }

    /// The type of the items, below their descriptors.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The items, below their descriptors.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// The items as values of their own, each with its descriptors.
    pub fn into_values(self) -> Vec<Value> {
        let Self { descriptors, items, .. } = self;
        let describe = |item| {
            descriptors.iter().rev().fold(item, |value, descriptor| {
                Value::Described(Box::new(Described { descriptor: descriptor.clone(), value }))
            })
        };
        items.into_iter().map(describe).collect()
    }
}
