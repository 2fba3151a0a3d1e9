//! Arrays (1.6.24): values of one type under one constructor.

use alloc::{boxed::Box, vec::Vec};

use thiserror::Error;

use super::{Described, Kind, Value};

/// The error of an [`Array`] whose items do not share one type (1.6.24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ArrayError {
    /// An item is of another type than the array.
    #[error("an array of {expected} holds a value of type {found}")]
    MixedTypes {
        /// The array's type.
        expected: Kind,
        /// The type of the first item that differs.
        found: Kind,
    },
    /// The array's type is [`Kind::Described`]: descriptors are not part of the items, see [`Array::described`].
    #[error("the descriptors of an array stand beside its items, which are plain values")]
    DescribedItems,
}

/// An array (1.6.24): values that share one constructor, and so one type and one chain of descriptors.
///
/// At most 2³²-1 items. An empty array has a type all the same.
///
/// ```
/// use amqp_proto::types::{Array, ArrayError, Kind, Value};
///
/// let squares: Array = [1_u32, 4, 9].into_iter().collect();
/// assert_eq!((squares.kind(), squares.items().len()), (Kind::Uint, 3));
///
/// let mixed = Array::new(Kind::Uint, vec![Value::Uint(1), Value::from("one")]);
/// assert_eq!(mixed, Err(ArrayError::MixedTypes { expected: Kind::Uint, found: Kind::String }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Array {
    descriptors: Vec<Value>,
    kind: Kind,
    items: Vec<Value>,
}

impl Array {
    /// Returns an array of items of this type.
    ///
    /// # Errors
    /// [`ArrayError::MixedTypes`] if an item is of another type, [`ArrayError::DescribedItems`] if `kind` is
    /// [`Kind::Described`].
    pub fn new(kind: Kind, items: Vec<Value>) -> Result<Self, ArrayError> {
        Self::described(Vec::new(), kind, items)
    }

    /// Returns an array whose items all carry the same descriptors, outermost first. `items` are the values below
    /// them, of the type `kind`.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn described(descriptors: Vec<Value>, kind: Kind, items: Vec<Value>) -> Result<Self, ArrayError> {
        if kind == Kind::Described {
            return Err(ArrayError::DescribedItems);
        }
        match items.iter().map(Value::kind).find(|found| *found != kind) {
            Some(found) => Err(ArrayError::MixedTypes { expected: kind, found }),
            None => Ok(Self { descriptors, kind, items }),
        }
    }

    /// Wraps items that are of the type `kind` by their Rust type.
    pub(super) fn uniform(kind: Kind, items: Vec<Value>) -> Self {
        Self { descriptors: Vec::new(), kind, items }
    }

    /// Returns the descriptors that every item carries, outermost first; none for an array of plain values.
    pub fn descriptors(&self) -> &[Value] {
        &self.descriptors
    }

    /// Returns the type of the items, below their descriptors.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the items, below their descriptors.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// Returns the items as independent values, each with a copy of the descriptors.
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
