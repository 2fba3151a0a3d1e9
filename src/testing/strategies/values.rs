//! Strategies for values: the primitives, and trees of them.

use alloc::{string::String, vec, vec::Vec};
use core::fmt::Debug;

use bytes::Bytes;
use proptest::{collection::vec as vec_of, num, prelude::*};

use super::{Generate, any, generate};
use crate::types::*;

/// Numbers from the whole range, with those at the limits of the small encodings more often.
macro_rules! numbers {
    ($($name:ident: $edges:expr;)*) => {$(
        generate! {
            #[foreign]
            $name => prop_oneof![num::$name::ANY, proptest::sample::select(&$edges[..])];
        }
    )*};
}

numbers! {
    u8: [0, 1, 127, 128, u8::MAX];
    u16: [0, 1, 255, 256, u16::MAX];
    u32: [0, 1, 255, 256, 1 << 31, u32::MAX];
    u64: [0, 1, 255, 256, 1 << 63, u64::MAX];
    i8: [0, -1, i8::MIN, i8::MAX];
    i16: [0, -1, -129, 128, i16::MIN, i16::MAX];
    i32: [0, -1, -128, -129, 127, 128, i32::MIN, i32::MAX];
    i64: [0, -1, -128, -129, 127, 128, i64::MIN, i64::MAX];
}

generate! {
    #[foreign] bool => proptest::bool::ANY;
    #[foreign] char => proptest::char::any();
    #[foreign] Bytes => length().prop_flat_map(|length| vec_of(num::u8::ANY, length)).prop_map(Bytes::from);
    Float => any::<u32>().prop_map(Self::from_bits);
    Double => any::<u64>().prop_map(Self::from_bits);
    Decimal32 => num::u32::ANY.prop_map(|bits| Self::from_be_bytes(bits.to_be_bytes()));
    Decimal64 => num::u64::ANY.prop_map(|bits| Self::from_be_bytes(bits.to_be_bytes()));
    Decimal128 => num::u128::ANY.prop_map(|bits| Self::from_be_bytes(bits.to_be_bytes()));
    Timestamp => any::<i64>().prop_map(Self::from_millis);
    Uuid => num::u128::ANY.prop_map(|bits| Self::from_bytes(bits.to_be_bytes()));
    Str => length()
        .prop_flat_map(|length| vec_of(proptest::char::any(), length))
        .prop_map(|chars| chars.into_iter().collect::<String>().into());
    Symbol => length()
        .prop_flat_map(|length| vec_of(0..0x80_u8, length))
        .prop_map(|ascii| Self::try_from(Bytes::from(ascii)).unwrap_or_default());
    DeliveryTag => vec_of(num::u8::ANY, 0..=Self::MAX_LEN)
        .prop_map(|bytes| Self::new(&bytes).unwrap_or_default());
    TransactionId => vec_of(num::u8::ANY, 0..=Self::MAX_LEN)
        .prop_map(|bytes| Self::new(&bytes).unwrap_or_default());
    Channel => any::<u16>().prop_map(Self::new);
    Handle => any::<u32>().prop_map(Self::new);
    Seconds => any::<u32>().prop_map(Self::new);
    Milliseconds => any::<u32>().prop_map(Self::new);
    MessageFormat => any::<u32>().prop_map(Self::new);
    SequenceNo => any::<u32>().prop_map(Self::new);
    DeliveryNumber => any::<u32>().prop_map(Self::new);
    TransferNumber => any::<u32>().prop_map(Self::new);
    AnnotationKey => prop_oneof![any().prop_map(Self::Symbol), any().prop_map(Self::Ulong)];
    Value => value(4);
    Described => (descriptor(), value(2)).prop_map(|(descriptor, value)| Self { descriptor, value });
    Array => array(leaf().boxed());
}

impl<K: Generate + Ord + 'static, V: Generate + 'static> Generate for Map<K, V> {
    fn strategy() -> BoxedStrategy<Self> {
        vec_of((any(), any()), 0..4).prop_map(map).boxed()
    }
}

impl<T: Generate + 'static> Generate for Multiple<T> {
    fn strategy() -> BoxedStrategy<Self> {
        vec_of(any::<T>(), 0..4).prop_map(Self::from).boxed()
    }
}

/// Generates lengths: mostly short, sometimes around 255, the limit of the small encodings.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![30 => 0..8_usize, 1 => proptest::sample::select(&[254_usize, 255, 256, 300][..])]
}

/// Returns the map of the pairs. Of equal keys the last value counts.
fn map<K: Ord, V>(pairs: Vec<(K, V)>) -> Map<K, V> {
    pairs.into_iter().fold(Map::new(), |map, (key, value)| map.with(key, value))
}

/// Returns a strategy of values with up to this many levels.
pub fn value(levels: u32) -> BoxedStrategy<Value> {
    let tree = leaf().prop_recursive(levels, 48, 6, |inner| {
        let pairs = vec_of((inner.clone(), inner.clone()), 0..4);
        let described = (prop_oneof![4 => descriptor(), 1 => inner.clone()], inner.clone());
        prop_oneof![
            vec_of(inner.clone(), 0..6).prop_map(Value::List),
            pairs.prop_map(|pairs| map(pairs).into()),
            array(inner.boxed()).prop_map(Value::from),
            described.prop_map(|(descriptor, value)| Described { descriptor, value }.into()),
        ]
    });
    tree.boxed()
}

/// Generates descriptors of the legal types: ulong and symbol (1.5).
fn descriptor() -> BoxedStrategy<Value> {
    prop_oneof![any::<u64>().prop_map(Value::from), any::<Symbol>().prop_map(Value::from)].boxed()
}

fn values_of<T: Generate + Debug + Into<Value> + 'static>() -> BoxedStrategy<Value> {
    any::<T>().prop_map(Into::into).boxed()
}

/// Returns a strategy for each primitive type that is not compound.
fn leaves() -> Vec<(Kind, BoxedStrategy<Value>)> {
    vec![
        (Kind::Null, Just(Value::Null).boxed()),
        (Kind::Boolean, values_of::<bool>()),
        (Kind::Ubyte, values_of::<u8>()),
        (Kind::Ushort, values_of::<u16>()),
        (Kind::Uint, values_of::<u32>()),
        (Kind::Ulong, values_of::<u64>()),
        (Kind::Byte, values_of::<i8>()),
        (Kind::Short, values_of::<i16>()),
        (Kind::Int, values_of::<i32>()),
        (Kind::Long, values_of::<i64>()),
        (Kind::Float, values_of::<Float>()),
        (Kind::Double, values_of::<Double>()),
        (Kind::Decimal32, values_of::<Decimal32>()),
        (Kind::Decimal64, values_of::<Decimal64>()),
        (Kind::Decimal128, values_of::<Decimal128>()),
        (Kind::Char, values_of::<char>()),
        (Kind::Timestamp, values_of::<Timestamp>()),
        (Kind::Uuid, values_of::<Uuid>()),
        (Kind::Binary, values_of::<Bytes>()),
        (Kind::String, values_of::<Str>()),
        (Kind::Symbol, values_of::<Symbol>()),
    ]
}

fn leaf() -> impl Strategy<Value = Value> + Clone {
    proptest::strategy::Union::new(leaves().into_iter().map(|(_, strategy)| strategy))
}

/// Generates arrays of any type. `inner` generates the items of lists, maps and arrays in them.
fn array(inner: BoxedStrategy<Value>) -> impl Strategy<Value = Array> {
    let lists = vec_of(inner.clone(), 0..4).prop_map(Value::List);
    let maps = vec_of((inner.clone(), inner.clone()), 0..3).prop_map(|pairs| map(pairs).into());
    let arrays = (inner, 0..3_usize).prop_map(|(item, count)| {
        // 1.6.24: all items of an array share their descriptors.
        let (mut descriptors, mut item) = (Vec::new(), item);
        while let Value::Described(described) = item {
            descriptors.push(described.descriptor);
            item = described.value;
        }
        array_of(descriptors, item.kind(), vec![item; count])
    });
    let compounds: [(Kind, BoxedStrategy<Value>); 3] = [
        (Kind::List, lists.boxed()),
        (Kind::Map, maps.boxed()),
        (Kind::Array, arrays.prop_map(Value::from).boxed()),
    ];
    let kinds = leaves().into_iter().chain(compounds);
    let plain = kinds.map(|(kind, item)| vec_of(item, 0..5).prop_map(move |items| (kind, items)).boxed());
    let descriptors = prop_oneof![4 => Just(Vec::new()).boxed(), 1 => vec_of(descriptor(), 1..3).boxed()];
    (descriptors, proptest::strategy::Union::new(plain))
        .prop_map(|(descriptors, (kind, items))| array_of(descriptors, kind, items))
}

#[allow(clippy::expect_used, reason = "a wrong strategy must fail the test")]
fn array_of(descriptors: Vec<Value>, kind: Kind, items: Vec<Value>) -> Array {
    Array::described(descriptors, kind, items).expect("items of one type")
}
