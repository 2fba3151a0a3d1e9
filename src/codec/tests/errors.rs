use super::*;
use crate::types::*;
use DecodeErrorKind::*;

#[test]
fn cut_short() {
    for (hex, offset) in [
        ("", 0),
        ("56", 1),
        ("60ff", 1),
        ("70ffffff", 1),
        ("80ffffffffffffff", 1),
        ("98000102030405060708090a0b0c0d0e", 1),
        ("a0", 1),
        ("a005414243", 2),
        ("b00000", 1),
        ("b07fffffff", 5),
        ("c0", 1),
        ("c0ff0140", 2),
        ("c0034040", 2),
        ("d0ffffffffffffffff", 5),
        ("f0ffffffff00000001", 5),
        ("00", 1),
        ("0040", 2),
        ("c0 03 02 40 52", 5),
        ("e00100", 3),
        ("e00401700000", 4),
    ] {
        assert_eq!(value(hex), Err((Truncated, offset)), "{hex}");
    }
}

#[test]
fn not_what_is_allowed() {
    assert_eq!(value("5602"), Err((InvalidBoolean(2), 1)));
    assert_eq!(value("e0 03 01 56 07"), Err((InvalidBoolean(7), 4)));
    assert_eq!(value("7300110000"), Err((InvalidChar(0x0011_0000), 1)));
    assert_eq!(value("730000d800"), Err((InvalidChar(0xd800), 1)));
    assert_eq!(value("a102c328"), Err((InvalidUtf8, 1)));
    assert_eq!(value("b100000002c328"), Err((InvalidUtf8, 1)));
    assert_eq!(value("a30180"), Err((InvalidSymbol, 1)));
    assert_eq!(value("c0 05 02 40 a30180"), Err((InvalidSymbol, 5)));
    assert_eq!(value("3f"), Err((UnknownCode(0x3f), 0)));
    assert_eq!(value("c002013f"), Err((UnknownCode(0x3f), 3)));
    assert_eq!(value("e003013f00"), Err((UnknownCode(0x3f), 3)));
}

#[test]
fn sizes_and_counts_that_disagree() {
    assert_eq!(value("c000"), Err((SizeMismatch, 2)));
    assert_eq!(value("c10040"), Err((SizeMismatch, 2)));
    assert_eq!(value("e000"), Err((SizeMismatch, 2)));
    assert_eq!(value("d00000000300000000"), Err((SizeMismatch, 5)));
    assert_eq!(value("c003014040"), Err((SizeMismatch, 4)));
    assert_eq!(value("d0000000050000000040"), Err((SizeMismatch, 9)));
    assert_eq!(value("e0030141ff"), Err((SizeMismatch, 4)));
    assert_eq!(value("e003004040"), Err((SizeMismatch, 4)));
    assert_eq!(value("c1 05 02 40 40 40 40"), Err((SizeMismatch, 5)));
    assert_eq!(value("c002ff40"), Err((CountExceedsData, 3)));
    assert_eq!(value("c10101"), Err((CountExceedsData, 3)));
    assert_eq!(value("f0000000050000000270"), Err((CountExceedsData, 10)));
    assert_eq!(value("c103014040"), Err((OddMap, 1)));
    assert_eq!(value("c10502a1016140a1016140"), Err((TrailingBytes, 7)));
}

#[test]
fn keys_that_stand_twice() {
    assert_eq!(value("c10904a1016140a1016140"), Err((DuplicateKey, 1)));
    assert_eq!(decoded::<Fields>("c10904a3016140a3016141"), Err((DuplicateKey, 1)));
    // Equal keys in different encodings are equal; the same text or number of another type is another key.
    assert_eq!(value("c1 06 04 43 40 5200 40"), Err((DuplicateKey, 1)));
    assert!(value("c1 05 04 43 40 44 40").is_ok());
    assert!(value("c1 09 04 a10161 40 a30161 40").is_ok());
}

#[test]
fn binaries_longer_than_their_type_allows() {
    let long = hex(&[0; 33]);
    assert_eq!(
        decoded::<DeliveryTag>(&format!("a021{long}")),
        Err((DecodeErrorKind::TooLong("delivery-tag"), 1))
    );
    assert_eq!(
        decoded::<TransactionId>(&format!("b000000021{long}")),
        Err((DecodeErrorKind::TooLong("transaction-id"), 1))
    );
}

/// `Decoder::value` is public, and takes any bytes.
#[test]
fn bytes_of_another_source_are_copied() {
    let (source, other) = (bytes("00").repeat(100).into(), bytes("a0026162"));
    let mut decoder = Decoder::new(&source, DecodeLimits::DEFAULT);
    let (value, rest) = decoder.value::<Bytes>(&other).unwrap();
    assert_eq!((&value[..], rest), (&b"ab"[..], &[][..]));
    assert_eq!(decoder.value::<Bytes>(&other[1..]), None);
    assert!(decoder.take_error::<Bytes>().offset <= source.len());
}
