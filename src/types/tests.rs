use core::cmp::Ordering;

use super::*;
use alloc::{vec, vec::Vec};

use bytes::Bytes;

#[test]
fn serial_numbers_wrap_and_compare_across_the_wrap() {
    let last = Serial::new(u32::MAX);
    assert_eq!(last.next(), Serial::new(0));
    assert_eq!(Serial::new(0).minus(1), last);
    assert_eq!(last.next().since(last), 1);
    assert_eq!(last.partial_cmp(&Serial::new(5)), Some(Ordering::Less));
    assert_eq!(Serial::new(5).offset_from(last), 6);
    assert_eq!(last.offset_from(Serial::new(5)), -6);
}

#[test]
fn serial_numbers_half_the_circle_apart_have_no_order() {
    let (zero, half) = (Serial::new(0), Serial::new(1 << 31));
    assert_eq!(zero.partial_cmp(&half), None);
    assert_eq!(half.partial_cmp(&zero), None);
    assert_eq!(zero.partial_cmp(&half.minus(1)), Some(Ordering::Less));
}

#[test]
fn text_is_checked_when_made() {
    assert_eq!(Symbol::try_from("naïve"), Err(SymbolError));
    assert_eq!(Str::try_from(bytes::Bytes::from_static(b"\xc3\x28")), Err(Utf8Error));
    let text = Str::from("naïve");
    assert_eq!(text, "naïve");
    assert_eq!(text.detach(), text);
    assert_ne!(text.detach().as_bytes().as_ptr(), text.as_bytes().as_ptr());
}

#[test]
fn tags_hold_up_to_32_octets() {
    let tag = DeliveryTag::new(&[7; 32]).unwrap();
    assert_eq!(tag.as_bytes(), [7; 32]);
    assert_eq!(DeliveryTag::new(&[7; 33]), Err(BinaryLengthError(33)));
    assert_eq!(DeliveryTag::new(&[0; 300]), Err(BinaryLengthError(300)));
    assert_eq!(DeliveryTag::new(&[]).unwrap().as_bytes(), [0_u8; 0]);
    // Length counts: a shorter tag is not a longer one padded with zeros.
    assert_ne!(DeliveryTag::new(&[0]).unwrap(), DeliveryTag::new(&[0, 0]).unwrap());
    assert_eq!(alloc::format!("{}", DeliveryTag::from(0xdead_beef_u32)), "deadbeef");
}

#[test]
fn maps_in_another_order_differ() {
    let map = |first: &'static str, second: &'static str| {
        Map::<Str, u32>::new().with(Str::from(first), 1_u32).with(Str::from(second), 1_u32)
    };
    assert_eq!(map("a", "b"), map("a", "b"));
    assert_ne!(map("a", "b"), map("b", "a"));
}

#[test]
fn a_map_refuses_a_key_twice() {
    let pairs = |keys: &[u32]| keys.iter().map(|k| (Value::Uint(*k), Value::Null)).collect::<Vec<_>>();
    assert!(Map::from_pairs(pairs(&[3, 1, 2])).is_some());
    assert!(Map::from_pairs(pairs(&[3, 1, 3])).is_none());
    let mut many: Vec<u32> = (0..40).rev().collect();
    assert!(Map::from_pairs(pairs(&many)).is_some());
    many.push(20);
    assert!(Map::from_pairs(pairs(&many)).is_none());
    let mut map = Fields::new();
    assert_eq!(map.insert(Symbol::from_static("a"), 1_u32), None);
    assert_eq!(map.insert(Symbol::from_static("a"), 2_u32), Some(Value::Uint(1)));
    assert_eq!(map.get("a"), Some(&Value::Uint(2)));
    assert_eq!(map.len(), 1);
}

#[test]
fn an_array_holds_one_type() {
    assert_eq!(
        Array::new(Kind::Uint, vec![Value::Uint(1), Value::Ulong(1)]),
        Err(ArrayError { expected: Kind::Uint, found: Kind::Ulong })
    );
    let array = Array::described(vec![Value::Ulong(9)], Kind::Uint, vec![Value::Uint(1)]).unwrap();
    assert_eq!(array.into_values(), [Value::from(Described::new(9_u64, 1_u32))]);
}

#[test]
fn floats_keep_their_bits() {
    let nan = Float::from_bits(0x7fc0_0001);
    assert_eq!(nan, Float::new(nan.get()));
    assert_ne!(nan, Float::new(f32::NAN));
    assert_ne!(Double::new(0.0), Double::new(-0.0));
}

#[test]
fn a_uuid_prints_in_groups() {
    let uuid = Uuid::from_bytes(*b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff");
    assert_eq!(alloc::format!("{uuid}"), "00112233-4455-6677-8899-aabbccddeeff");
}

#[test]
fn ascii_is_told_wherever_the_other_octet_lies() {
    for length in 0..40_usize {
        let text = "x".repeat(length);
        assert!(Symbol::try_from(Bytes::from(text.clone())).is_ok());
        for at in 0..length {
            let mut octets = text.clone().into_bytes();
            octets[at] = 0x80;
            let octets = Bytes::from(octets);
            assert_eq!(Symbol::try_from(octets.clone()), Err(SymbolError), "{at} of {length}");
            assert_eq!(Str::try_from(octets), Err(Utf8Error), "{at} of {length}");
        }
    }
}
