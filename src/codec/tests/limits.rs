use alloc::vec;

use super::*;
use crate::types::{Array, Described, Fields, Kind, Map};
use DecodeErrorKind::{TooDeep, TooManyElements};

fn within<T: Decode>(limits: DecodeLimits, bytes: &Bytes) -> Result<T, DecodeErrorKind> {
    from_bytes(bytes, limits).map_err(|error| error.kind)
}

const ROOMY: DecodeLimits =
    DecodeLimits { max_depth: 8, max_elements: 8, max_zero_width_elements: 8, ..DecodeLimits::DEFAULT };

/// `levels` values within each other around a null.
fn nested(levels: usize, wrap: impl Fn(Value) -> Value) -> Bytes {
    let mut value = Value::Null;
    for _ in 0..levels {
        value = wrap(value);
    }
    to_vec(&value).into()
}

#[test]
fn every_kind_of_nesting_counts() {
    let limits = DecodeLimits { max_elements: 64, ..ROOMY };
    let wraps: [&dyn Fn(Value) -> Value; 5] = [
        &|value| Value::List(vec![value]),
        &|value| <Map>::new().with(1_u64, value).into(),
        &|value| <Map>::new().with(value, 1_u64).into(),
        &|value| Described::new(1_u64, value).into(),
        &|value| Described::new(value, 1_u64).into(),
    ];
    for wrap in wraps {
        assert!(within::<Value>(limits, &nested(8, wrap)).is_ok());
        assert_eq!(within::<Value>(limits, &nested(9, wrap)), Err(TooDeep));
    }
    let arrays = |value: Value| {
        let kind = value.kind();
        Array::new(kind, vec![value]).unwrap().into()
    };
    assert!(within::<Value>(limits, &nested(8, arrays)).is_ok());
    assert_eq!(within::<Value>(limits, &nested(9, arrays)), Err(TooDeep));
}

#[test]
fn depth_is_given_back() {
    let deep = DecodeLimits { max_depth: 2, ..ROOMY };
    assert!(within::<Value>(deep, &bytes("c0 0a 03 c0020140 c0020140 40")).is_ok());
    assert_eq!(within::<Value>(deep, &bytes("c0 06 01 c0 03 01 c0 01 00")), Err(TooDeep));
}

#[test]
fn descriptors_in_an_array_are_bounded() {
    // An array's constructor with a thousand descriptors.
    let descriptors = "0044".repeat(1000);
    let array = bytes(&format!("f0 {:08x} 00000000 {descriptors} 40", 2000 + 5));
    assert_eq!(within::<Value>(ROOMY, &array), Err(TooDeep));
    let within_limits = bytes("e0 06 00 0044 0044 40");
    assert!(within::<Value>(ROOMY, &within_limits).is_ok());
}

#[test]
fn elements_are_counted_over_everything() {
    assert!(within::<Value>(ROOMY, &bytes("c0 09 08 4040404040404040")).is_ok());
    assert_eq!(within::<Value>(ROOMY, &bytes("c0 0a 09 404040404040404040")), Err(TooManyElements));
    // Two lists of three and the list around them are eight.
    assert!(within::<Value>(ROOMY, &bytes("c0 0d 02 c00403404040 c00403404040")).is_ok());
    assert_eq!(within::<Value>(ROOMY, &bytes("c0 0e 02 c00403404040 c0050440404040")), Err(TooManyElements));
    assert_eq!(within::<Value>(ROOMY, &bytes("e0 0b 09 50 000000000000000000")), Err(TooManyElements));
    assert_eq!(
        within::<Fields>(ROOMY, &bytes("c1 14 0a a300 40 a30161 40 a30162 40 a30163 40 a30164 40")),
        Err(TooManyElements)
    );
}

#[test]
fn elements_without_bytes_have_a_limit_of_their_own() {
    let limits = DecodeLimits { max_zero_width_elements: 4, ..ROOMY };
    for code in ["40", "41", "42", "43", "44", "45", "005301 40", "005301 45"] {
        let array = |count: u8| {
            let constructor = bytes(code);
            bytes(&format!("e0{:02x}{count:02x}{}", constructor.len() + 1, hex(&constructor)))
        };
        // The descriptor is an element too.
        assert!(within::<Value>(limits, &array(4)).is_ok(), "{code}");
        assert_eq!(within::<Value>(limits, &array(5)), Err(TooManyElements), "{code}");
    }
    // In a list each takes an byte.
    assert!(within::<Value>(limits, &bytes("c0 06 05 4141414141")).is_ok());
    // Two arrays share the limit.
    let twice = bytes("c0 09 02 e0020340 e0020240");
    assert_eq!(within::<Value>(limits, &twice), Err(TooManyElements));
}

/// Hostile counts are refused before anything is reserved for them, whatever the limits.
#[test]
fn hostile_counts_cost_nothing() {
    let boundless = DecodeLimits {
        max_depth: 64,
        max_elements: u32::MAX,
        max_zero_width_elements: 4096,
        ..DecodeLimits::DEFAULT
    };
    for hex in [
        "f0 00000005 7fffffff 40",
        "f0 00000005 ffffffff 41",
        "f0 00000005 7fffffff 45",
        "f0 00000008 7fffffff 005340 45",
    ] {
        assert_eq!(within::<Value>(boundless, &bytes(hex)), Err(TooManyElements), "{hex}");
    }
    for hex in ["d0 00000004 7fffffff", "d1 00000005 fffffffe 40", "f0 00000006 ffffffff 50 00"] {
        let refused = within::<Value>(boundless, &bytes(hex));
        assert_eq!(refused, Err(DecodeErrorKind::CountExceedsData), "{hex}");
    }
}

#[test]
fn a_value_is_as_small_as_the_limits_documentation_says() {
    assert!(size_of::<Value>() <= 40, "{}", size_of::<Value>());
    assert!(Kind::ALL.len() < 32);
}
