//! Maps (1.6.23): pairs with distinct keys, in order.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::{fmt, iter::FusedIterator, mem, slice};

use super::{AnnotationKey, Str, Symbol, Value, ValueTypeError};

/// A map (1.6.23): pairs with distinct keys, in order.
///
/// 1.6.23 makes the order significant, so two maps with the same pairs in another order differ. Look-ups take time
/// linear in the number of pairs.
///
/// ```
/// use amqp_proto::types::{Fields, Symbol, Value};
///
/// const PRODUCT: Symbol = Symbol::from_static("product");
/// const RELEASE: Symbol = Symbol::from_static("release");
/// let mut fields = Fields::from([(PRODUCT, "demo")]);
/// fields.insert(RELEASE, 2_u32);
///
/// assert_eq!(fields.get("product").and_then(Value::as_str), Some("demo"));
/// assert_eq!(fields.get("release").and_then(Value::as_u64), Some(2));
/// assert_eq!(fields.get("platform"), None);
/// for (key, value) in &fields {
///     println!("{key}: {value:?}");
/// }
/// ```
// A list of pairs: maps on the wire are short, a hash could be attacked, and a router must preserve the order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Map<K = Value, V = Value>(Vec<(K, V)>);

/// A map with symbols as keys (2.8.13), such as the properties of an open or the info of an error.
pub type Fields = Map<Symbol>;

/// A map with symbols or ulongs as keys (3.2.10), such as the annotations of a message.
///
/// ```
/// use amqp_proto::types::{Annotations, Symbol, Value};
///
/// const PARTITION_KEY: Symbol = Symbol::from_static("x-opt-partition-key");
/// let annotations = Annotations::new().with(PARTITION_KEY, "blue");
/// assert_eq!(annotations.get("x-opt-partition-key").and_then(Value::as_str), Some("blue"));
/// ```
pub type Annotations = Map<AnnotationKey>;

impl<K, V> Map<K, V> {
    /// Returns an empty map.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns the number of pairs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the pairs in order.
    pub fn iter(&self) -> MapIter<'_, K, V> {
        MapIter(self.0.iter())
    }

    /// Returns the keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Returns the values in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Returns the pairs as a vector.
    pub fn into_pairs(self) -> Vec<(K, V)> {
        self.0
    }

    /// Returns the value of a key.
    ///
    /// The key is of the map's own type or of one that it compares with: a `str` finds strings and symbols, also among
    /// the keys of a [`Map<Value>`](Map) and of [`Annotations`]; a `u64` finds the ulongs of [`Annotations`].
    pub fn get<Q: ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: PartialEq<Q>,
    {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }

    /// Returns the value of a key, to be changed ([`get`](Self::get)).
    pub fn get_mut<Q: ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: PartialEq<Q>,
    {
        self.0.iter_mut().find(|(k, _)| k == key).map(|(_, value)| value)
    }

    /// True if the map has this key ([`get`](Self::get)).
    pub fn contains_key<Q: ?Sized>(&self, key: &Q) -> bool
    where
        K: PartialEq<Q>,
    {
        self.get(key).is_some()
    }

    /// Removes a key ([`get`](Self::get)) and returns its value. The other pairs keep their order.
    pub fn remove<Q: ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: PartialEq<Q>,
    {
        let position = self.0.iter().position(|(k, _)| k == key)?;
        Some(self.0.remove(position).1)
    }
}

impl<K: Ord, V> Map<K, V> {
    /// Returns a map of these pairs, or `None` if a key occurs twice, which 1.6.23 forbids.
    ///
    /// To let the last of equal keys win, collect the pairs instead.
    pub fn from_pairs(pairs: Vec<(K, V)>) -> Option<Self> {
        if has_duplicate_keys(&pairs) { None } else { Some(Self(pairs)) }
    }

    /// Sets the value of a key and returns the previous one. A new key goes to the end.
    ///
    /// The key is compared with each one in the map. To make a map of many pairs, collect them.
    pub fn insert(&mut self, key: impl Into<K>, value: impl Into<V>) -> Option<V> {
        let (key, value) = (key.into(), value.into());
        match self.get_mut(&key) {
            Some(present) => Some(mem::replace(present, value)),
            None => {
                self.0.push((key, value));
                None
            }
        }
    }

    /// Returns the map with this value of this key ([`insert`](Self::insert)).
    #[must_use]
    pub fn with(mut self, key: impl Into<K>, value: impl Into<V>) -> Self {
        self.insert(key, value);
        self
    }
}

/// The number of pairs up to which comparing each with each is faster than sorting.
const COMPARED_PAIRWISE: usize = 16;

fn has_duplicate_keys<K: Ord, V>(pairs: &[(K, V)]) -> bool {
    if pairs.len() <= COMPARED_PAIRWISE {
        let mut keys = pairs.iter().map(|(key, _)| key);
        while let Some(key) = keys.next() {
            if keys.clone().any(|other| other == key) {
                return true;
            }
        }
        return false;
    }
    // Sorting references takes n log n, whatever a peer sends.
    let mut keys: Vec<&K> = pairs.iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.iter().zip(keys.iter().skip(1)).any(|(one, next)| one == next)
}

/// Keeps the first position and the last value of each key, in n log n.
fn merge_duplicate_keys<K: Ord, V>(pairs: Vec<(K, V)>) -> Vec<(K, V)> {
    let mut merged = BTreeMap::new();
    for (position, (key, value)) in pairs.into_iter().enumerate() {
        merged.entry(key).or_insert((position, None)).1 = Some(value);
    }
    let mut pairs: Vec<_> =
        merged.into_iter().filter_map(|(key, (position, value))| Some((position, (key, value?)))).collect();
    pairs.sort_unstable_by_key(|(position, _)| *position);
    pairs.into_iter().map(|(_, pair)| pair).collect()
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

/// The pairs of a [`Map`], borrowed in order.
#[derive(Debug)]
pub struct MapIter<'a, K, V>(slice::Iter<'a, (K, V)>);

impl<K, V> Clone for MapIter<'_, K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<'a, K, V> Iterator for MapIter<'a, K, V> {
    type Item = (&'a K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<K, V> DoubleEndedIterator for MapIter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, value)| (key, value))
    }
}

impl<K, V> ExactSizeIterator for MapIter<'_, K, V> {}

impl<K, V> FusedIterator for MapIter<'_, K, V> {}

impl<'a, K, V> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = MapIter<'a, K, V>;

    fn into_iter(self) -> MapIter<'a, K, V> {
        self.iter()
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = vec::IntoIter<(K, V)>;

    fn into_iter(self) -> vec::IntoIter<(K, V)> {
        self.0.into_iter()
    }
}

impl<K: Ord, V, A: Into<K>, B: Into<V>> Extend<(A, B)> for Map<K, V> {
    /// Sets the value of each key ([`Map::insert`]), in n log n altogether.
    fn extend<I: IntoIterator<Item = (A, B)>>(&mut self, pairs: I) {
        self.0.extend(pairs.into_iter().map(|(key, value)| (key.into(), value.into())));
        if has_duplicate_keys(&self.0) {
            self.0 = merge_duplicate_keys(mem::take(&mut self.0));
        }
    }
}

impl<K: Ord, V, A: Into<K>, B: Into<V>> FromIterator<(A, B)> for Map<K, V> {
    /// Returns a map of the pairs. Of equal keys the first position and the last value count ([`Map::insert`]).
    fn from_iter<I: IntoIterator<Item = (A, B)>>(pairs: I) -> Self {
        let mut map = Self::new();
        map.extend(pairs);
        map
    }
}

impl<K: Ord, V, A: Into<K>, B: Into<V>, const N: usize> From<[(A, B); N]> for Map<K, V> {
    /// Returns a map of the pairs. Of equal keys the first position and the last value count ([`Map::insert`]).
    fn from(pairs: [(A, B); N]) -> Self {
        pairs.into_iter().collect()
    }
}

/// The maps with keys of some types, from and to those with keys of any.
macro_rules! keyed_maps {
    ($($key:ty, $expected:literal { $($pattern:pat => $inner:expr,)* })*) => {$(
        impl From<Map<$key>> for Map {
            fn from(map: Map<$key>) -> Self {
                // Distinct keys stay distinct, so there is nothing to check.
                Self(map.0.into_iter().map(|(key, value)| (key.into(), value)).collect())
            }
        }

        impl TryFrom<Map> for Map<$key> {
            type Error = ValueTypeError;

            /// Unwraps the keys.
            ///
            /// # Errors
            #[doc = concat!("[`ValueTypeError`] for the first key that is no ", $expected, ".")]
            fn try_from(map: Map) -> Result<Self, ValueTypeError> {
                // Distinct keys stay distinct here too, because no two types of keys become one. So a map of `Str`
                // does not accept symbols, unlike `Str` by itself.
                let unwrap = |key| match key {
                    $($pattern => Ok($inner),)*
                    other => Err(ValueTypeError { expected: $expected, found: other.kind() }),
                };
                let pairs = map.0.into_iter().map(|(key, value)| Ok((unwrap(key)?, value)));
                pairs.collect::<Result<_, _>>().map(Self)
            }
        }
    )*};
}

keyed_maps! {
    Str, "string" { Value::String(key) => key, }
    Symbol, "symbol" { Value::Symbol(key) => key, }
    AnnotationKey, "symbol or ulong" {
        Value::Symbol(key) => AnnotationKey::Symbol(key),
        Value::Ulong(key) => AnnotationKey::Ulong(key),
    }
}
