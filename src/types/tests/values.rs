use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use bytes::Bytes;

use crate::types::{
    AnnotationKey, Array, Decimal32, Decimal64, Decimal128, Described, Double, Float, Kind, Map, Str, Symbol,
    Timestamp, Uuid, Value, ValueTypeError,
};

const SYMBOL: Symbol = Symbol::from_static("s");

/// One value of each kind, in the order of [`Kind::ALL`], and the methods of [`Value`] that return something of it.
fn samples() -> Vec<(Value, &'static str)> {
    vec![
        (().into(), "is_null"),
        (true.into(), "as_bool"),
        (u8::MAX.into(), "as_u8 as_u16 as_u32 as_u64 as_i16 as_i32 as_i64 as_i128"),
        (u16::MAX.into(), "as_u16 as_u32 as_u64 as_i32 as_i64 as_i128"),
        (u32::MAX.into(), "as_u32 as_u64 as_i64 as_i128"),
        (u64::MAX.into(), "as_u64 as_i128"),
        (i8::MIN.into(), "as_i8 as_i16 as_i32 as_i64 as_i128"),
        (i16::MIN.into(), "as_i16 as_i32 as_i64 as_i128"),
        (i32::MIN.into(), "as_i32 as_i64 as_i128"),
        (i64::MIN.into(), "as_i64 as_i128"),
        (f32::MAX.into(), "as_f32 as_f64"),
        (f64::MAX.into(), "as_f64"),
        (Decimal32::from_be_bytes([1; 4]).into(), ""),
        (Decimal64::from_be_bytes([1; 8]).into(), ""),
        (Decimal128::from_be_bytes([1; 16]).into(), ""),
        ('\u{10ffff}'.into(), "as_char"),
        (Timestamp::MIN.into(), "as_timestamp"),
        (Uuid::from_u128(1).into(), "as_uuid"),
        (b"bytes".into(), "as_bytes"),
        ("text".into(), "as_str"),
        (SYMBOL.into(), "as_str as_symbol"),
        (vec![Value::Null].into(), "as_list"),
        (<Map>::from([("key", 1_u8)]).into(), "as_map"),
        (Array::from(vec![1_u8]).into(), "as_array"),
        (Described::new(1_u64, ()).into(), "as_described"),
    ]
}

macro_rules! accepted_by {
    ($value:expr, $($accessor:ident)*) => {{
        let mut accepted = Vec::new();
        if $value.is_null() {
            accepted.push("is_null");
        }
        $(if $value.$accessor().is_some() { accepted.push(stringify!($accessor)); })*
        accepted.join(" ")
    }};
}

#[test]
fn accessors_return_their_kinds_and_narrower_ones() {
    let kinds: Vec<Kind> = samples().iter().map(|(value, _)| value.kind()).collect();
    assert_eq!(kinds, Kind::ALL);
    for (value, expected) in samples() {
        let accepted = accepted_by!(
            value,
            as_bool as_u8 as_u16 as_u32 as_u64 as_i8 as_i16 as_i32 as_i64 as_i128 as_f32 as_f64 as_char
            as_timestamp as_uuid as_bytes as_str as_symbol as_list as_map as_array as_described
        );
        assert_eq!(accepted, expected, "{value:?}");
    }
}

#[test]
fn widened_numbers_keep_their_value() {
    for (value, number) in [
        (Value::from(u8::MAX), i128::from(u8::MAX)),
        (u16::MAX.into(), u16::MAX.into()),
        (u32::MAX.into(), u32::MAX.into()),
        (u64::MAX.into(), u64::MAX.into()),
        (i8::MIN.into(), i8::MIN.into()),
        (i16::MIN.into(), i16::MIN.into()),
        (i32::MIN.into(), i32::MIN.into()),
        (i64::MIN.into(), i64::MIN.into()),
        (0_u8.into(), 0),
        ((-1_i8).into(), -1),
    ] {
        assert_eq!(value.as_i128(), Some(number), "{value:?}");
        assert!(value.as_u16().is_none_or(|widened| i128::from(widened) == number), "{value:?}");
        assert!(value.as_u32().is_none_or(|widened| i128::from(widened) == number), "{value:?}");
        assert!(value.as_u64().is_none_or(|widened| i128::from(widened) == number), "{value:?}");
        assert!(value.as_i16().is_none_or(|widened| i128::from(widened) == number), "{value:?}");
        assert!(value.as_i32().is_none_or(|widened| i128::from(widened) == number), "{value:?}");
        assert!(value.as_i64().is_none_or(|widened| i128::from(widened) == number), "{value:?}");
    }
    assert_eq!(Value::from(f32::MIN_POSITIVE).as_f64(), Some(f32::MIN_POSITIVE.into()));
    assert_eq!(Value::from(-0.0_f64).as_f64().map(f64::to_bits), Some((-0.0_f64).to_bits()));
    assert!(Value::from(f32::NAN).as_f64().is_some_and(f64::is_nan));
}

#[test]
fn accessors_return_the_contents() {
    assert_eq!(Value::from(true).as_bool(), Some(true));
    assert_eq!(Value::from('é').as_char(), Some('é'));
    assert_eq!(Value::from(1.5_f32).as_f32(), Some(1.5));
    assert_eq!(Value::from(Timestamp::MAX).as_timestamp(), Some(Timestamp::MAX));
    assert_eq!(Value::from(Uuid::from_u128(7)).as_uuid(), Some(Uuid::from_u128(7)));
    assert_eq!(Value::from(b"bytes").as_bytes(), Some(&b"bytes"[..]));
    assert_eq!(Value::from("naïve").as_str(), Some("naïve"));
    assert_eq!(Value::from(SYMBOL).as_str(), Some("s"));
    assert_eq!(Value::from(SYMBOL).as_symbol(), Some(&SYMBOL));
    assert_eq!(Value::from_iter([1_u8, 2]).as_list(), Some(&[Value::Ubyte(1), Value::Ubyte(2)][..]));
    let map = <Map>::from([("key", 1_u8)]);
    assert_eq!(Value::from(map.clone()).as_map(), Some(&map));
    let array = Array::from(vec![1_u8]);
    assert_eq!(Value::from(array.clone()).as_array(), Some(&array));
    let described = Described::new(1_u64, "x");
    assert_eq!(Value::from(described.clone()).as_described(), Some(&described));
}

#[test]
fn rust_types_become_values() {
    let text = Value::String(Str::from_static("text"));
    let owned = String::from("text");
    for (value, expected) in [
        (Value::from("text"), &text),
        (owned.clone().into(), &text),
        ((&owned).into(), &text),
        (Cow::Borrowed("text").into(), &text),
        (Str::from_static("text").into(), &text),
        (Some("text").into(), &text),
        (None::<u8>.into(), &Value::Null),
        (Some(None::<u8>).into(), &Value::Null),
        (().into(), &Value::Null),
        (b"text".into(), &Value::Binary(Bytes::from_static(b"text"))),
        (b"text".as_slice().into(), &Value::Binary(Bytes::from_static(b"text"))),
        (b"text".to_vec().into(), &Value::Binary(Bytes::from_static(b"text"))),
        (1.5_f32.into(), &Value::Float(Float::new(1.5))),
        (1.5_f64.into(), &Value::Double(Double::new(1.5))),
        (["text"].into_iter().collect(), &Value::List(vec![text.clone()])),
        (AnnotationKey::Ulong(1).into(), &Value::Ulong(1)),
    ] {
        assert_eq!(value, *expected);
    }
    assert_eq!(Value::default(), Value::Null);
    assert_eq!(Value::from(SYMBOL), "s");
    assert_eq!(Value::from("s"), *"s");
    assert_ne!(Value::from("s"), "t");
    assert_ne!(Value::from(b"s"), "s");
    assert_ne!(Value::from('s'), "s");
    assert_ne!(Value::from(SYMBOL), Value::from("s"));
}

/// Each type with its standard name: of the values of all kinds it accepts some, each of which becomes the same value
/// again if it is of the type's own kind.
macro_rules! conversions {
    ($($to:ty, $expected:literal: $($kind:ident)*;)*) => {$(
        for (value, _) in samples() {
            match <$to>::try_from(value.clone()) {
                Ok(converted) => {
                    let (kind, converted) = (value.kind(), Value::from(converted));
                    assert!([$(Kind::$kind),*].contains(&kind), "{value:?} as {}", stringify!($to));
                    assert!(kind != [$(Kind::$kind),*][0] || converted == value, "{value:?} became {converted:?}");
                }
                Err(error) => {
                    assert!(![$(Kind::$kind),*].contains(&value.kind()), "{value:?} as {}", stringify!($to));
                    assert_eq!(error, ValueTypeError { expected: $expected, found: value.kind() });
                }
            }
        }
    )*};
}

#[test]
fn values_become_rust_types_of_their_kind() {
    conversions! {
        bool, "boolean": Boolean;
        u8, "ubyte": Ubyte;
        u16, "ushort": Ushort Ubyte;
        u32, "uint": Uint Ushort Ubyte;
        u64, "ulong": Ulong Uint Ushort Ubyte;
        i8, "byte": Byte;
        i16, "short": Short Byte Ubyte;
        i32, "int": Int Short Byte Ushort Ubyte;
        i64, "long": Long Int Short Byte Uint Ushort Ubyte;
        f32, "float": Float;
        f64, "double": Double Float;
        Float, "float": Float;
        Double, "double": Double;
        Decimal32, "decimal32": Decimal32;
        Decimal64, "decimal64": Decimal64;
        Decimal128, "decimal128": Decimal128;
        char, "char": Char;
        Timestamp, "timestamp": Timestamp;
        Uuid, "uuid": Uuid;
        Bytes, "binary": Binary;
        Vec<u8>, "binary": Binary;
        Str, "string or symbol": String Symbol;
        String, "string or symbol": String Symbol;
        Symbol, "symbol": Symbol;
        AnnotationKey, "symbol or ulong": Symbol Ulong;
        Vec<Value>, "list": List;
        Map, "map": Map;
        Array, "array": Array;
        Described, "described": Described;
    }
    assert_eq!(i64::try_from(Value::from(u32::MAX)), Ok(u32::MAX.into()));
    assert_eq!(String::try_from(Value::from(SYMBOL)).as_deref(), Ok("s"));
}

#[test]
fn kinds_have_the_standards_names() {
    assert_eq!(Kind::Decimal128.to_string(), "decimal128");
    assert_eq!(alloc::format!("{:>6}", Kind::Map), "   map");
    assert!(Kind::ALL.is_sorted());
}

#[test]
fn debug_abbreviates_large_binaries() {
    let debug = |length: usize| alloc::format!("{:?}", Value::from(vec![b'x'; length]));
    assert_eq!(debug(3), r#"Binary(b"xxx")"#);
    assert_eq!(debug(64), alloc::format!("Binary(b\"{}\")", "x".repeat(64)));
    assert_eq!(debug(65), alloc::format!("Binary(b\"{}\"... of 65 bytes)", "x".repeat(64)));
    assert!(debug(1 << 20).len() < 100);
    let nested = Value::from_iter([Value::Null, Value::from(<Map>::from([("k", 1_u8)]))]);
    assert_eq!(alloc::format!("{nested:?}"), r#"List([Null, Map({String("k"): Ubyte(1)})])"#);
}
