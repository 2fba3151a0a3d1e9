//! The memory that values take up.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use bytes::Bytes;

use super::{AnnotationKey, Array, Described, Map, Multiple, Str, Symbol, Value};

/// A type whose values can hold memory on the heap.
pub(crate) trait HeapSize {
    /// Returns the bytes on the heap, as if nothing of them were shared.
    fn heap_size(&self) -> usize;
}

/// The bytes that an allocation takes up beside its own.
const ALLOCATION: usize = 16;

impl HeapSize for Bytes {
    fn heap_size(&self) -> usize {
        if self.is_empty() { 0 } else { self.len().saturating_add(ALLOCATION) }
    }
}

macro_rules! texts {
    ($($ty:ty)*) => {$(
        impl HeapSize for $ty {
            fn heap_size(&self) -> usize {
                if self.is_empty() { 0 } else { self.len().saturating_add(ALLOCATION) }
            }
        }
    )*};
}

texts!(Str Symbol);

impl HeapSize for AnnotationKey {
    fn heap_size(&self) -> usize {
        match self {
            Self::Symbol(symbol) => symbol.heap_size(),
            Self::Ulong(_) => 0,
        }
    }
}

impl<T: HeapSize> HeapSize for Option<T> {
    fn heap_size(&self) -> usize {
        self.as_ref().map_or(0, HeapSize::heap_size)
    }
}

macro_rules! pointers {
    ($($pointer:ident)*) => {$(
        impl<T: HeapSize> HeapSize for $pointer<T> {
            fn heap_size(&self) -> usize {
                size_of::<T>().saturating_add(ALLOCATION).saturating_add((**self).heap_size())
            }
        }
    )*};
}

pointers!(Box Arc);

impl<T: HeapSize> HeapSize for [T] {
    fn heap_size(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        // A vector that grew has up to twice the room.
        let room = size_of_val(self).saturating_mul(3) / 2;
        self.iter().fold(room.saturating_add(ALLOCATION), |sum, item| sum.saturating_add(item.heap_size()))
    }
}

impl<T: HeapSize> HeapSize for Vec<T> {
    fn heap_size(&self) -> usize {
        self.as_slice().heap_size()
    }
}

impl<T: HeapSize> HeapSize for Multiple<T> {
    fn heap_size(&self) -> usize {
        self.as_slice().heap_size()
    }
}

impl<K: HeapSize, V: HeapSize> HeapSize for Map<K, V> {
    fn heap_size(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        let room = self.len().saturating_mul(size_of::<(K, V)>()).saturating_mul(3) / 2;
        self.iter().fold(room.saturating_add(ALLOCATION), |sum, (key, value)| {
            sum.saturating_add(key.heap_size()).saturating_add(value.heap_size())
        })
    }
}

impl HeapSize for Described {
    fn heap_size(&self) -> usize {
        self.descriptor.heap_size().saturating_add(self.value.heap_size())
    }
}

impl HeapSize for Array {
    fn heap_size(&self) -> usize {
        self.descriptors().heap_size().saturating_add(self.items().heap_size())
    }
}

impl HeapSize for Value {
    fn heap_size(&self) -> usize {
        match self {
            Self::Binary(bytes) => bytes.heap_size(),
            Self::String(text) => text.heap_size(),
            Self::Symbol(symbol) => symbol.heap_size(),
            Self::List(items) => items.heap_size(),
            Self::Map(map) => map.heap_size(),
            Self::Array(array) => array.heap_size(),
            Self::Described(described) => described.heap_size(),
            _ => 0,
        }
    }
}
