//! Fields declared `multiple` (1.3): no, one or several values of one type.

use alloc::{
    vec,
    vec::{IntoIter, Vec},
};
use core::{
    ops::{Deref, DerefMut},
    slice,
};

/// The values of a field declared `multiple` (1.3).
///
/// On the wire no value is null, one value stands alone, and more are an array. An array of one value or of none is
/// accepted too.
///
/// ```
/// use amqp_proto::types::{Multiple, Symbol};
///
/// let capabilities: Multiple<Symbol> = [Symbol::from_static("queue"), Symbol::from_static("topic")].into();
/// assert!(capabilities.iter().any(|capability| capability == "topic"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Multiple<T>(Vec<T>);

impl<T> Multiple<T> {
    /// Returns no value.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns the values as a vector.
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T> Default for Multiple<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<Vec<T>> for Multiple<T> {
    fn from(values: Vec<T>) -> Self {
        Self(values)
    }
}

impl<T, const N: usize> From<[T; N]> for Multiple<T> {
    fn from(values: [T; N]) -> Self {
        Self(values.into())
    }
}

impl<T> From<T> for Multiple<T> {
    fn from(value: T) -> Self {
        Self(vec![value])
    }
}

impl<T> FromIterator<T> for Multiple<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl<T> Extend<T> for Multiple<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        self.0.extend(values);
    }
}

impl<T> IntoIterator for Multiple<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Multiple<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> slice::Iter<'a, T> {
        self.0.iter()
    }
}

impl<T> AsRef<[T]> for Multiple<T> {
    fn as_ref(&self) -> &[T] {
        &self.0
    }
}

impl<T> Deref for Multiple<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> DerefMut for Multiple<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}
