use alloc::{string::String, vec, vec::Vec};

use super::*;
use crate::types::*;

/// The same as a type of its own and as a value of any type.
#[track_caller]
fn typed<T>(value: T, smallest: &str, others: &[&str])
where
    T: Decode + Encode + core::fmt::Debug + PartialEq + Clone + Into<Value>,
{
    both_ways::<Value>(value.clone(), smallest, others);
    both_ways::<T>(value, smallest, others);
}

#[test]
fn null() {
    both_ways::<Value>(Value::Null, "40", &[]);
    both_ways::<Option<u8>>(None, "40", &[]);
    both_ways::<Option<u8>>(Some(7), "5007", &[]);
}

#[test]
fn booleans() {
    typed(true, "41", &["5601"]);
    typed(false, "42", &["5600"]);
}

#[test]
fn unsigned_numbers() {
    typed(0_u8, "5000", &[]);
    typed(u8::MAX, "50ff", &[]);
    typed(0_u16, "600000", &[]);
    typed(0x1234_u16, "601234", &[]);
    typed(0_u32, "43", &["5200", "70 00000000"]);
    typed(1_u32, "5201", &["70 00000001"]);
    typed(255_u32, "52ff", &["70 000000ff"]);
    typed(256_u32, "70 00000100", &[]);
    typed(u32::MAX, "70 ffffffff", &[]);
    typed(0_u64, "44", &["5300", "80 0000000000000000"]);
    typed(1_u64, "5301", &["80 0000000000000001"]);
    typed(255_u64, "53ff", &["80 00000000000000ff"]);
    typed(256_u64, "80 0000000000000100", &[]);
    typed(u64::MAX, "80 ffffffffffffffff", &[]);
}

#[test]
fn signed_numbers() {
    typed(-1_i8, "51ff", &[]);
    typed(i8::MIN, "5180", &[]);
    typed(-2_i16, "61fffe", &[]);
    typed(i16::MAX, "617fff", &[]);
    typed(0_i32, "5400", &["71 00000000"]);
    typed(127_i32, "547f", &["71 0000007f"]);
    typed(128_i32, "71 00000080", &[]);
    typed(-128_i32, "5480", &["71 ffffff80"]);
    typed(-129_i32, "71 ffffff7f", &[]);
    typed(i32::MIN, "71 80000000", &[]);
    typed(0_i64, "5500", &["81 0000000000000000"]);
    typed(127_i64, "557f", &["81 000000000000007f"]);
    typed(128_i64, "81 0000000000000080", &[]);
    typed(-128_i64, "5580", &["81 ffffffffffffff80"]);
    typed(-129_i64, "81 ffffffffffffff7f", &[]);
    typed(i64::MIN, "81 8000000000000000", &[]);
}

#[test]
fn floats_and_decimals() {
    typed(Float::new(1.5), "72 3fc00000", &[]);
    typed(Float::from_bits(0x7fc0_0001), "72 7fc00001", &[]);
    typed(Double::new(-2.0), "82 c000000000000000", &[]);
    typed(Double::from_bits(u64::MAX), "82 ffffffffffffffff", &[]);
    typed(Decimal32::from_be_bytes([1, 2, 3, 4]), "74 01020304", &[]);
    typed(Decimal64::from_be_bytes([1, 2, 3, 4, 5, 6, 7, 8]), "84 0102030405060708", &[]);
    typed(Decimal128::from_be_bytes([0xfe; 16]), "94 fefefefefefefefefefefefefefefefe", &[]);
}

#[test]
fn chars_times_and_ids() {
    typed('a', "73 00000061", &[]);
    typed(char::MAX, "73 0010ffff", &[]);
    typed(Timestamp::from_millis(0x0131_6797_ace1), "83 000001316797ace1", &[]);
    typed(Timestamp::from_millis(-1), "83 ffffffffffffffff", &[]);
    typed(Timestamp::from_millis(i64::MIN), "83 8000000000000000", &[]);
    let uuid = Uuid::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    typed(uuid, "98 000102030405060708090a0b0c0d0e0f", &[]);
}

#[test]
fn bytes_and_text() {
    typed(Bytes::new(), "a000", &["b0 00000000"]);
    typed(Bytes::from_static(b"\x00\xff"), "a00200ff", &["b0 00000002 00ff"]);
    typed(Str::empty(), "a100", &["b1 00000000"]);
    typed(Str::from("Gr\u{fc}\u{df}e"), "a107 4772c3bcc39f65", &["b1 00000007 4772c3bcc39f65"]);
    typed(Symbol::empty(), "a300", &["b3 00000000"]);
    typed(Symbol::from_static("abc"), "a303616263", &["b3 00000003 616263"]);
}

#[test]
fn the_byte_beyond_255_takes_the_wide_form() {
    for (length, head, wide) in [(255, "ff", "000000ff"), (256, "", "00000100")] {
        let body = hex(&vec![0x61; length]);
        let text: String = "a".repeat(length);
        let forms = |narrow: &str, general: &str| {
            let general = format!("{general}{wide}{body}");
            if head.is_empty() { (general, None) } else { (format!("{narrow}{head}{body}"), Some(general)) }
        };
        let check = |value: Value, narrow: &str, general: &str| {
            let (smallest, other) = forms(narrow, general);
            let others: Vec<&str> = other.iter().map(String::as_str).collect();
            both_ways::<Value>(value, &smallest, &others);
        };
        check(Bytes::from(text.clone()).into(), "a0", "b0");
        check(Value::from(text.as_str()), "a1", "b1");
        check(Symbol::try_from(text.as_str()).unwrap().into(), "a3", "b3");
    }
}

#[test]
fn numbers_of_the_protocol_are_what_they_come_down_to() {
    both_ways::<Channel>(Channel::new(1), "600001", &[]);
    both_ways::<Handle>(Handle::new(0), "43", &["5200", "70 00000000"]);
    both_ways::<Seconds>(Seconds::new(300), "70 0000012c", &[]);
    both_ways::<Milliseconds>(Milliseconds::new(1), "5201", &["70 00000001"]);
    both_ways::<MessageFormat>(MessageFormat::new(0x0100), "70 00000100", &[]);
    both_ways::<SequenceNo>(SequenceNo::new(u32::MAX), "70 ffffffff", &[]);
    both_ways::<DeliveryNumber>(DeliveryNumber::new(9), "5209", &["70 00000009"]);
    both_ways::<TransferNumber>(TransferNumber::new(9), "5209", &["70 00000009"]);
    let tag = DeliveryTag::new(&[0xab; 32]).unwrap();
    let body = hex(&[0xab; 32]);
    both_ways::<DeliveryTag>(tag, &format!("a020{body}"), &[&format!("b000000020{body}")]);
    let id = TransactionId::new(b"").unwrap();
    both_ways::<TransactionId>(id, "a000", &["b000000000"]);
    both_ways::<AnnotationKey>(AnnotationKey::Ulong(0), "44", &["5300", "80 0000000000000000"]);
    both_ways::<AnnotationKey>(Symbol::from_static("x-opt-a"), "a307782d6f70742d61", &[]);
}

#[test]
fn a_number_of_one_type_is_not_one_of_another() {
    #[track_caller]
    fn wrong<T: Decode + core::fmt::Debug + PartialEq>(hex: &str, expected: &'static str, found: u8) {
        assert_eq!(decoded::<T>(hex), Err((DecodeErrorKind::WrongType { expected, found }, 0)));
    }
    wrong::<u64>("5243", "ulong", 0x52);
    wrong::<u32>("5343", "uint", 0x53);
    wrong::<u32>("5043", "uint", 0x50);
    wrong::<u8>("5243", "ubyte", 0x52);
    wrong::<i32>("5543", "int", 0x55);
    wrong::<i64>("5443", "long", 0x54);
    wrong::<Str>("a30161", "string", 0xa3);
    wrong::<Symbol>("a10161", "symbol", 0xa1);
    wrong::<Bytes>("a10161", "binary", 0xa1);
    wrong::<bool>("40", "boolean", 0x40);
    wrong::<AnnotationKey>("5243", "symbol or ulong", 0x52);
    wrong::<u32>("00531d43", "uint", 0x00);
}

#[test]
fn what_is_read_is_a_slice_of_what_was_given() {
    let source = bytes("c0 0c 03 a003010203 a10161 a30162");
    let Value::List(items) = from_bytes(&source, DecodeLimits::DEFAULT).unwrap() else { panic!("no list") };
    let [Value::Binary(bytes), Value::String(text), Value::Symbol(symbol)] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(bytes.as_ptr(), source[5..].as_ptr());
    assert_eq!(text.as_bytes().as_ptr(), source[10..].as_ptr());
    assert_eq!(symbol.as_bytes().as_ptr(), source[13..].as_ptr());
}

/// Every byte that the standard assigns to nothing is refused where a value is due.
#[test]
fn unassigned_codes_are_refused() {
    for code in 1..=u8::MAX {
        let input = Bytes::from(vec![code, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut decoder = Decoder::new(&input, DecodeLimits::DEFAULT);
        let unknown = Err(DecodeErrorKind::UnknownCode(code).at(0));
        assert_eq!(
            Value::decode(&mut decoder) == unknown,
            format_code::lookup(code).is_none(),
            "{code:#04x}"
        );
    }
}
