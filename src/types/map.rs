//! Maps (1.6.23): pairs in the order they were written.

use alloc::vec::Vec;

use super::{Str, Symbol, Value};

/// A map: pairs with distinct keys, in order (1.6.23 makes the order significant).
///
/// Kept as a list of pairs: maps on the wire are short, a hash could be attacked, and a router must write the
/// pairs back as they came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Map<K = Value, V = Value>(Vec<(K, V)>);

/// A map from symbols, as `properties` and `info` are (2.8.13).
pub type Fields = Map<Symbol>;

/// A map from symbols or ulongs (3.2.10).
pub type Annotations = Map<AnnotationKey>;

/// A key of an annotations map (3.2.10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnnotationKey {
    /// A symbolic key; those not defined by a standard begin with `x-opt-`.
    Symbol(Symbol),
    /// A numeric key; all are reserved by the standard.
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

impl<K, V> Map<K, V> {
    /// The empty map.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many pairs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The pairs as a vector.
    pub fn into_pairs(self) -> Vec<(K, V)> {
        self.0
    }
}

/// Pairs that are sooner compared one with the other than sorted.
const FEW: usize = 16;

impl<K: Ord, V> Map<K, V> {
    /// A map of these pairs, or `None` where a key stands twice (1.6.23: such a map is invalid).
    pub fn from_pairs(pairs: Vec<(K, V)>) -> Option<Self> {
        if pairs.len() <= FEW {
            let mut keys = pairs.iter().map(|(key, _)| key);
            while let Some(key) = keys.next() {
                if keys.clone().any(|other| other == key) {
                    return None;
                }
            }
            return Some(Self(pairs));
        }
        // Sorting references keeps a hostile map at n log n.
        let mut keys: Vec<&K> = pairs.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        let twice = keys.iter().zip(keys.iter().skip(1)).any(|(one, next)| one == next);
        if twice { None } else { Some(Self(pairs)) }
    }

    /// Sets the value of a key and returns the one it had.
    pub fn insert(&mut self, key: impl Into<K>, value: impl Into<V>) -> Option<V> {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(k, _)| *k == key) {
            Some((_, slot)) => Some(core::mem::replace(slot, value)),
            None => {
                self.0.push((key, value));
                None
            }
        }
    }

    /// The map with one more pair ([`insert`](Self::insert)).
    #[must_use]
    pub fn with(mut self, key: impl Into<K>, value: impl Into<V>) -> Self {
        self.insert(key, value);
        self
    }
}

impl<K, V> Map<K, V> {
    /// The value of a key.
    pub fn get<Q: ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: PartialEq<Q>,
    {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq<str> for AnnotationKey {
    fn eq(&self, other: &str) -> bool {
        matches!(self, Self::Symbol(key) if key == other)
    }
}

impl PartialEq<str> for Value {
    /// Whether this is a string or a symbol with this text.
    fn eq(&self, other: &str) -> bool {
        match self {
            Self::String(text) => text == other,
            Self::Symbol(text) => text == other,
            _ => false,
        }
    }
}

impl From<Map<Str>> for Map {
    fn from(map: Map<Str>) -> Self {
        Self(map.0.into_iter().map(|(key, value)| (Value::String(key), value)).collect())
    }
}

impl From<Fields> for Map {
    fn from(map: Fields) -> Self {
        Self(map.0.into_iter().map(|(key, value)| (Value::Symbol(key), value)).collect())
    }
}
