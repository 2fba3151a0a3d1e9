//! Fields declared `multiple` (1.4): none, one or several values of one type.

use alloc::{vec, vec::Vec};
use core::ops::{Deref, DerefMut};

/// The values of a field declared `multiple`.
///
/// On the wire no value is null, one value stands alone, and more are an array. All three, and an array of one
/// or of none, are accepted (1.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Multiple<T>(Vec<T>);

impl<T> Multiple<T> {
    /// No value.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The values as a vector.
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
