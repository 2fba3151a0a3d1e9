use alloc::{vec, vec::Vec};

use proptest::prelude::*;

use crate::types::{AnnotationKey, Annotations, Fields, Kind, Map, Str, Symbol, Value, ValueTypeError};

const A: Symbol = Symbol::from_static("a");
const B: Symbol = Symbol::from_static("b");

#[test]
fn maps_in_different_order_differ() {
    let (one, other) = (Map::<Str, u32>::from([("a", 1_u32), ("b", 1)]), Map::from([("b", 1_u32), ("a", 1)]));
    assert_eq!(one, one.clone());
    assert_ne!(one, other);
}

#[test]
fn map_with_duplicate_key_is_refused() {
    let pairs = |keys: &[u32]| keys.iter().map(|k| (Value::Uint(*k), Value::Null)).collect::<Vec<_>>();
    assert!(Map::from_pairs(pairs(&[])).is_some());
    assert!(Map::from_pairs(pairs(&[3, 1, 2])).is_some());
    assert!(Map::from_pairs(pairs(&[3, 1, 3])).is_none());
    for length in [15, 16, 17, 40] {
        let mut many: Vec<u32> = (1..length).rev().collect();
        many.push(0);
        assert!(Map::from_pairs(pairs(&many)).is_some(), "{length}");
        *many.last_mut().unwrap() = length / 2;
        assert!(Map::from_pairs(pairs(&many)).is_none(), "{length}");
    }
}

#[test]
fn map_changes_by_key() {
    let mut map = Fields::new();
    assert!(map.is_empty());
    assert_eq!(map.insert(A, 1_u32), None);
    assert_eq!(map.insert(A, 2_u32), Some(Value::Uint(1)));
    assert_eq!((map.get("a"), map.len()), (Some(&Value::Uint(2)), 1));
    let mut map = map.with(B, "x").with(Symbol::from_static("c"), "y");
    if let Some(value) = map.get_mut("c") {
        *value = Value::Null;
    }
    assert_eq!(map.remove("a"), Some(Value::Uint(2)));
    assert_eq!(map.remove("a"), None);
    assert!(map.contains_key("b") && !map.contains_key("a"));
    assert_eq!(map.into_pairs(), [(B, "x".into()), (Symbol::from_static("c"), Value::Null)]);
}

#[test]
fn keys_are_found_by_their_text_or_number() {
    assert_eq!(Fields::from([(A, 1_u8)]).get("a"), Some(&Value::Ubyte(1)));
    assert_eq!(Fields::from([(A, 1_u8)]).get(&A), Some(&Value::Ubyte(1)));
    assert_eq!(Map::<Str, u8>::from([("a", 1)]).get("a"), Some(&1));

    let annotations = Annotations::from([(AnnotationKey::from(A), 1_u8), (7.into(), 2)]);
    assert_eq!(annotations.get("a"), Some(&Value::Ubyte(1)));
    assert_eq!(annotations.get(&7_u64), Some(&Value::Ubyte(2)));
    assert_eq!((annotations.get("7"), annotations.get(&8_u64)), (None, None));

    // 1.6.23: a string and a symbol with the same text are two keys; the first is found.
    let map = <Map>::from([(Value::from("a"), 1_u8), (A.into(), 2), (7_u64.into(), 3)]);
    assert_eq!(map.get("a"), Some(&Value::Ubyte(1)));
    assert_eq!(map.get(&Value::Symbol(A)), Some(&Value::Ubyte(2)));
    assert_eq!(map.get(&Value::Ulong(7)), Some(&Value::Ubyte(3)));
    assert_eq!((map.get("7"), map.get(&Value::Uint(7))), (None, None));
}

#[test]
fn annotation_keys_convert_and_compare() {
    assert_eq!(AnnotationKey::try_from("a"), Ok(AnnotationKey::Symbol(A)));
    assert!(AnnotationKey::try_from("ä").is_err());
    let (symbol, ulong) = (AnnotationKey::from(A), AnnotationKey::from(7));
    assert!(symbol == "a" && symbol != "b" && symbol != 7 && ulong == 7 && ulong != 8 && ulong != "7");
    assert_eq!(alloc::format!("{symbol} {ulong}"), "a 7");
    assert_eq!((Value::from(symbol), Value::from(ulong)), (Value::Symbol(A), Value::Ulong(7)));
}

#[test]
fn maps_are_iterated_in_order_from_both_ends() {
    let map = Map::<Str, u32>::from([("b", 1_u32), ("a", 2), ("c", 3)]);
    assert_eq!(map.keys().collect::<Vec<_>>(), ["b", "a", "c"]);
    assert_eq!(map.values().copied().collect::<Vec<_>>(), [1, 2, 3]);
    let mut pairs = (&map).into_iter();
    assert_eq!((pairs.len(), pairs.next_back()), (3, Some((&"c".into(), &3))));
    assert_eq!(pairs.clone().next(), Some((&"b".into(), &1)));
    assert_eq!((pairs.next(), pairs.len()), (Some((&"b".into(), &1)), 1));
    assert_eq!((pairs.next(), pairs.next(), pairs.next_back()), (Some((&"a".into(), &2)), None, None));
    assert_eq!(alloc::format!("{map:?}"), r#"{"b": 1, "a": 2, "c": 3}"#);
    assert_eq!(map.into_iter().map(|(_, number)| number).collect::<Vec<_>>(), [1, 2, 3]);
}

proptest! {
    /// Of equal keys the first position and the last value count, however many pairs there are.
    #[test]
    fn collecting_and_extending_are_repeated_insertion(
        first in proptest::collection::vec((0..30_u32, any::<u8>()), 0..40),
        second in proptest::collection::vec((0..30_u32, any::<u8>()), 0..40),
    ) {
        let mut inserted = Map::<u32, u8>::new();
        let mut collected: Map<u32, u8> = first.iter().copied().collect();
        for (key, value) in &first {
            inserted.insert(*key, *value);
        }
        prop_assert_eq!(&collected, &inserted);
        for (key, value) in &second {
            inserted.insert(*key, *value);
        }
        collected.extend(second);
        prop_assert_eq!(collected, inserted);
    }
}

#[test]
fn maps_convert_between_kinds_of_keys() {
    let fields = Fields::from([(A, 1_u8), (B, 2)]);
    let strings = Map::<Str>::from([("a", 1_u8), ("b", 2)]);
    let annotations = Annotations::from([(AnnotationKey::from(A), 1_u8), (7.into(), 2)]);
    let (from_fields, from_strings) = (<Map>::from(fields.clone()), <Map>::from(strings.clone()));
    let from_annotations = <Map>::from(annotations.clone());
    assert_ne!(from_fields, from_strings);

    let wrong = |expected, found| ValueTypeError { expected, found };
    assert_eq!(Fields::try_from(from_fields.clone()), Ok(fields.clone()));
    assert_eq!(Fields::try_from(from_strings.clone()), Err(wrong("symbol", Kind::String)));
    assert_eq!(Fields::try_from(from_annotations.clone()), Err(wrong("symbol", Kind::Ulong)));
    assert_eq!(Annotations::try_from(from_annotations.clone()), Ok(annotations.clone()));
    assert_eq!(Annotations::try_from(from_strings.clone()), Err(wrong("symbol or ulong", Kind::String)));
    assert_eq!(Map::<Str>::try_from(from_strings.clone()), Ok(strings.clone()));
    assert_eq!(Map::<Str>::try_from(from_annotations), Err(wrong("string", Kind::Symbol)));
    // A string and a symbol with the same text must not become one key.
    let both = <Map>::from([(Value::from("a"), 1_u8), (A.into(), 2)]);
    assert_eq!(Map::<Str>::try_from(both), Err(wrong("string", Kind::Symbol)));

    assert_eq!(Fields::try_from(Value::from(fields.clone())), Ok(fields));
    assert_eq!(Map::<Str>::try_from(Value::from(strings.clone())), Ok(strings));
    assert_eq!(Annotations::try_from(Value::from(annotations.clone())), Ok(annotations));
    assert_eq!(Fields::try_from(Value::from(vec![Value::Null])), Err(wrong("map", Kind::List)));
}
