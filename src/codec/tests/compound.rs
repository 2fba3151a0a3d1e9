use alloc::{boxed::Box, vec, vec::Vec};

use super::*;
use crate::types::*;

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect())
}

fn array(kind: Kind, items: impl IntoIterator<Item = Value>) -> Value {
    Array::new(kind, items.into_iter().collect()).unwrap().into()
}

#[test]
fn lists() {
    both_ways::<Value>(list([]), "45", &["c00100", "d0 00000004 00000000"]);
    both_ways::<Value>(
        list([Value::Null, 1_u32.into()]),
        "c0 04 02 40 5201",
        &["d0 00000007 00000002 40 5201", "d0 0000000a 00000002 40 7000000001"],
    );
    both_ways::<Value>(
        list([list([list([])])]),
        "c0 05 01 c0 02 01 45",
        &["d0 0000000e 00000001 d0 00000005 00000001 45", "c0 07 01 c0 04 01 c0 01 00"],
    );
}

#[test]
fn a_list_is_small_while_size_and_count_fit_an_byte() {
    // The count's byte is part of the size: 254 bytes of items are the most.
    let nulls = |count: usize| hex(&vec![0x40; count]);
    let of = |count: usize| list(vec![Value::Null; count]);
    both_ways::<Value>(
        of(254),
        &format!("c0fffe{}", nulls(254)),
        &[&format!("d0 00000102 000000fe {}", nulls(254))],
    );
    both_ways::<Value>(of(255), &format!("d0 00000103 000000ff {}", nulls(255)), &[]);
    both_ways::<Value>(of(256), &format!("d0 00000104 00000100 {}", nulls(256)), &[]);
}

#[test]
fn maps() {
    both_ways::<Value>(<Map>::new(), "c10100", &["d1 00000004 00000000"]);
    both_ways::<Value>(
        <Map>::new().with(Symbol::from_static("a"), 1_u32).with(2_u64, Value::Null),
        "c1 09 04 a30161 5201 5302 40",
        &["d1 0000000c 00000004 a30161 5201 5302 40", "d1 0000000f 00000004 a30161 7000000001 5302 40"],
    );
    // 1.6.23: the order is part of the value.
    let there = <Map>::new().with(1_u64, true).with(2_u64, true);
    let back = <Map>::new().with(2_u64, true).with(1_u64, true);
    assert_ne!(to_vec(&Value::from(there)), to_vec(&Value::from(back)));
}

#[test]
fn typed_maps() {
    both_ways::<Fields>(Fields::new().with(Symbol::from_static("k"), "v"), "c1 07 02 a3016b a10176", &[]);
    both_ways::<Annotations>(
        Annotations::new().with(7_u64, true),
        "c1 04 02 5307 41",
        &["c1 05 02 5307 5601"],
    );
    let odd_key = DecodeErrorKind::WrongType { expected: "symbol", found: 0xa1 };
    assert_eq!(decoded::<Fields>("c1 05 02 a1016b 40"), Err((odd_key, 3)));
}

#[test]
fn described_values() {
    let named = |descriptor: Value, value: Value| Value::Described(Box::new(Described { descriptor, value }));
    both_ways::<Value>(
        named(0x70_u64.into(), list([])),
        "00 5370 45",
        &["00 80 0000000000000070 45", "00 5370 c00100", "00 5370 d0 00000004 00000000"],
    );
    both_ways::<Value>(named(0_u64.into(), Value::Null), "00 44 40", &["00 5300 40"]);
    both_ways::<Value>(
        named(Symbol::from_static("a:b").into(), "x".into()),
        "00 a303613a62 a10178",
        &["00 b300000003613a62 b10000000178"],
    );
    // 1.5: other descriptors are reserved, but well-formed.
    both_ways::<Value>(named(list([Value::Null]), true.into()), "00 c0 02 01 40 41", &["00 c0020140 5601"]);
    both_ways::<Value>(
        named(named(1_u64.into(), 2_u64.into()), named(3_u64.into(), 4_u64.into())),
        "00 00 5301 5302 00 5303 5304",
        &[],
    );
}

#[test]
fn arrays_of_every_fixed_width() {
    let check = |kind, item: Value, constructor: &str, body: &str| {
        let bytes = constructor.len().div_ceil(2) + 2 * body.len() / 2;
        let narrow = format!("e0 {:02x} 02 {constructor} {body} {body}", bytes + 1);
        let wide = format!("f0 {:08x} 00000002 {constructor} {body} {body}", bytes + 4);
        both_ways::<Value>(array(kind, [item.clone(), item]), &narrow, &[&wide]);
    };
    check(Kind::Null, Value::Null, "40", "");
    check(Kind::Boolean, true.into(), "56", "01");
    check(Kind::Ubyte, 9_u8.into(), "50", "09");
    check(Kind::Ushort, 9_u16.into(), "60", "0009");
    check(Kind::Uint, 9_u32.into(), "52", "09");
    check(Kind::Uint, 256_u32.into(), "70", "00000100");
    check(Kind::Ulong, 9_u64.into(), "53", "09");
    check(Kind::Ulong, 256_u64.into(), "80", "0000000000000100");
    check(Kind::Byte, (-1_i8).into(), "51", "ff");
    check(Kind::Short, (-1_i16).into(), "61", "ffff");
    check(Kind::Int, (-1_i32).into(), "54", "ff");
    check(Kind::Int, (-129_i32).into(), "71", "ffffff7f");
    check(Kind::Long, (-1_i64).into(), "55", "ff");
    check(Kind::Long, 128_i64.into(), "81", "0000000000000080");
    check(Kind::Float, 1.5_f32.into(), "72", "3fc00000");
    check(Kind::Double, 1.5_f64.into(), "82", "3ff8000000000000");
    check(Kind::Decimal32, Decimal32::from_be_bytes([1; 4]).into(), "74", "01010101");
    check(Kind::Decimal64, Decimal64::from_be_bytes([1; 8]).into(), "84", "0101010101010101");
    check(Kind::Decimal128, Decimal128::default().into(), "94", "00000000000000000000000000000000");
    check(Kind::Char, 'a'.into(), "73", "00000061");
    check(Kind::Timestamp, Timestamp::from_millis(1).into(), "83", "0000000000000001");
    check(Kind::Uuid, Uuid::default().into(), "98", "00000000000000000000000000000000");
    check(Kind::Binary, Bytes::from_static(b"\x07").into(), "a0", "0107");
    check(Kind::String, "a".into(), "a1", "0161");
    check(Kind::Symbol, Symbol::from_static("a").into(), "a3", "0161");
    check(Kind::List, list([]), "c0", "0100");
    check(Kind::List, list([true.into()]), "c0", "020141");
    check(Kind::Map, <Map>::new().into(), "c1", "0100");
    check(Kind::Array, array(Kind::Ubyte, [1_u8.into()]), "e0", "03015001");
}

#[test]
fn an_array_is_small_while_size_and_count_fit_an_byte() {
    // Count and constructor are part of the size: 253 bytes of items are the most.
    let of = |count: usize| array(Kind::Ubyte, vec![Value::Ubyte(7); count]);
    let items = |count: usize| hex(&vec![7; count]);
    both_ways::<Value>(
        of(253),
        &format!("e0fffd50{}", items(253)),
        &[&format!("f0 00000102 000000fd 50 {}", items(253))],
    );
    both_ways::<Value>(of(254), &format!("f0 00000103 000000fe 50 {}", items(254)), &[]);
    // Nulls take no bytes, so that the count alone can be too large.
    let nulls = |count: usize| array(Kind::Null, vec![Value::Null; count]);
    both_ways::<Value>(nulls(255), "e002ff40", &["f0 00000005 000000ff 40"]);
    both_ways::<Value>(nulls(256), "f0 00000005 00000100 40", &[]);
}

#[test]
fn empty_arrays_keep_their_type() {
    both_ways::<Value>(array(Kind::Uint, []), "e0020052", &["e0020070", "f0 00000005 00000000 43"]);
    both_ways::<Value>(array(Kind::Null, []), "e0020040", &[]);
    both_ways::<Value>(array(Kind::List, []), "e00200c0", &["e0020045", "e00200d0"]);
    assert_ne!(array(Kind::Uint, []), array(Kind::Ulong, []));
}

#[test]
fn one_wide_element_makes_all_wide() {
    both_ways::<Value>(
        array(Kind::Uint, [1_u32.into(), 256_u32.into()]),
        "e0 0a 02 70 00000001 00000100",
        &["f0 0000000d 00000002 70 00000001 00000100"],
    );
    both_ways::<Value>(
        array(Kind::Int, [(-1_i32).into(), 128_i32.into()]),
        "e0 0a 02 71 ffffffff 00000080",
        &[],
    );
    let long = "a".repeat(256);
    both_ways::<Value>(
        array(Kind::String, ["b".into(), long.as_str().into()]),
        &format!("f0 0000010e 00000002 b1 00000001 62 00000100 {}", hex(long.as_bytes())),
        &[],
    );
    let large = list([long.as_str().into()]);
    let small = [list([]), list([true.into()])];
    both_ways::<Value>(
        array(Kind::List, small.into_iter().chain([large])),
        &format!(
            "f0 00000123 00000003 d0 00000004 00000000 00000005 00000001 41 00000109 00000001 b1 00000100 {}",
            hex(long.as_bytes())
        ),
        &[],
    );
}

#[test]
fn elements_in_codes_without_bytes_are_read() {
    let read = |hex: &str| value(hex).unwrap();
    assert_eq!(read("e0020341"), array(Kind::Boolean, [true.into(), true.into(), true.into()]));
    assert_eq!(read("e0020242"), array(Kind::Boolean, [false.into(), false.into()]));
    assert_eq!(read("e0020243"), array(Kind::Uint, [0_u32.into(), 0_u32.into()]));
    assert_eq!(read("e0020244"), array(Kind::Ulong, [0_u64.into(), 0_u64.into()]));
    assert_eq!(read("e0020245"), array(Kind::List, [list([]), list([])]));
    assert_eq!(read("e0020240"), array(Kind::Null, [Value::Null, Value::Null]));
}

#[test]
fn arrays_of_described_values() {
    let described = |descriptors: Vec<Value>, kind, items: Vec<Value>| {
        Value::from(Array::described(descriptors, kind, items).unwrap())
    };
    both_ways::<Value>(
        described(vec![7_u64.into()], Kind::Uint, vec![1_u32.into(), 2_u32.into()]),
        "e0 07 02 00 5307 52 01 02",
        &["f0 0000000a 00000002 00 5307 52 01 02", "e0 0e 02 00 800000000000000007 52 01 02"],
    );
    both_ways::<Value>(
        described(vec![7_u64.into(), Symbol::from_static("s").into()], Kind::String, vec!["a".into()]),
        "e0 0b 01 00 5307 00 a30173 a1 0161",
        &[],
    );
    both_ways::<Value>(described(vec![7_u64.into()], Kind::List, vec![]), "e0 05 00 00 5307 c0", &[]);
}

#[test]
fn arrays_of_arrays_and_maps() {
    let inner = |items: &[u8]| array(Kind::Ubyte, items.iter().map(|item| Value::from(*item)));
    both_ways::<Value>(
        array(Kind::Array, [inner(&[1]), inner(&[])]),
        "e0 09 02 e0 03 01 50 01 02 00 50",
        &[
            "f0 0000000c 00000002 e0 03 01 50 01 02 00 50",
            "e0 15 02 f0 00000006 00000001 50 01 00000005 00000000 50",
        ],
    );
    both_ways::<Value>(
        array(Kind::Map, [<Map>::new().with(true, false).into()]),
        "e0 06 01 c1 03 02 41 42",
        &["e0 0c 01 d1 00000006 00000002 41 42"],
    );
    // Inner arrays of different types share the constructor of an array, and have their own within.
    both_ways::<Value>(
        array(Kind::Array, [array(Kind::Null, [Value::Null]), array(Kind::Boolean, [true.into()])]),
        "e0 09 02 e0 02 01 40 03 01 56 01",
        &[],
    );
}

/// A wide item at the bottom makes every array around it wide; the work must not double at every level.
#[test]
fn nested_arrays_are_written_in_linear_time() {
    let mut value = array(Kind::String, ["a".repeat(300).as_str().into()]);
    for _ in 0..30 {
        value = array(Kind::Array, [value]);
    }
    let bytes = Bytes::from(to_vec(&value));
    assert_eq!(bytes.len(), 5 + 4 + 1 + 30 * 9 + 4 + 300);
    assert_eq!(from_bytes(&bytes, DecodeLimits::DEFAULT), Ok(value));
}
