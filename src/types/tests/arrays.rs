use alloc::{vec, vec::Vec};

use crate::types::{Array, ArrayError, Described, Kind, Multiple, Str, Symbol, Value};

#[test]
fn array_of_mixed_types_is_refused() {
    let mixed = vec![Value::Uint(1), Value::Uint(2), Value::Ulong(1), Value::Null];
    let error = ArrayError::MixedTypes { expected: Kind::Uint, found: Kind::Ulong };
    assert_eq!(Array::new(Kind::Uint, mixed), Err(error));
    let described = vec![Described::new(9_u64, 1_u32).into()];
    assert_eq!(Array::new(Kind::Described, described), Err(ArrayError::DescribedItems));
    assert_eq!(Array::new(Kind::Described, Vec::new()), Err(ArrayError::DescribedItems));
    assert_eq!(Array::new(Kind::Map, Vec::new()).unwrap().kind(), Kind::Map);
}

#[test]
fn described_array_puts_its_descriptors_on_each_value() {
    let array = Array::described(
        vec![Value::Ulong(9), Value::Ulong(8)],
        Kind::Uint,
        vec![1_u32.into(), 2_u32.into()],
    )
    .unwrap();
    let described = |item: u32| Value::from(Described::new(9_u64, Described::new(8_u64, item)));
    assert_eq!(array.into_values(), [described(1), described(2)]);
}

#[test]
fn arrays_of_rust_types_have_their_kind() {
    for (array, kind) in [
        (Array::from(vec![true, false]), Kind::Boolean),
        (Array::from(vec![1_u8, 2]), Kind::Ubyte),
        (Array::from(vec![1_i64, 2]), Kind::Long),
        (Array::from(vec![1.0_f32, 2.0]), Kind::Float),
        (Array::from(vec![1.0_f64, 2.0]), Kind::Double),
        (["a", "b"].map(Str::from).into_iter().collect(), Kind::String),
        (["a", "b"].map(Symbol::from_static).into_iter().collect(), Kind::Symbol),
    ] {
        assert_eq!((array.kind(), array.items().len()), (kind, 2));
        assert_eq!(Array::new(kind, array.items().to_vec()).as_ref(), Ok(&array));
    }
    assert_eq!(Array::from(Vec::<u16>::new()).kind(), Kind::Ushort);
}

#[test]
fn multiple_values_come_from_one_value_or_a_sequence() {
    let mut multiple = Multiple::from(1_u8);
    assert_eq!(*multiple, [1]);
    multiple.extend([2, 3]);
    assert_eq!(multiple, Multiple::from([1, 2, 3]));
    assert_eq!(multiple, Multiple::from(vec![1, 2, 3]));
    assert_eq!(multiple, (1..=3).collect());
    assert_eq!((&multiple).into_iter().sum::<u8>(), 6);
    assert_eq!(AsRef::<[u8]>::as_ref(&multiple), [1, 2, 3]);
    assert_eq!(multiple.into_iter().rev().collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(Multiple::<u8>::default(), Multiple::new());
}
