use alloc::string::ToString;

use proptest::prelude::*;

use crate::types::{BinaryLengthError, DeliveryTag, TransactionId, Uuid, UuidError};

#[test]
fn uuid_text_is_read_in_its_hyphenated_form_only() {
    let number = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128;
    for (text, expected) in [
        ("00112233-4455-6677-8899-aabbccddeeff", Ok(number)),
        ("00112233-4455-6677-8899-AABBCCDDEEFF", Ok(number)),
        ("00112233-4455-6677-8899-aAbBcCdDeEfF", Ok(number)),
        ("00000000-0000-0000-0000-000000000000", Ok(0)),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", Ok(u128::MAX)),
        ("", Err(UuidError)),
        ("00112233445566778899aabbccddeeff", Err(UuidError)),
        ("{00112233-4455-6677-8899-aabbccddeeff}", Err(UuidError)),
        ("urn:uuid:00112233-4455-6677-8899-aabbccddeeff", Err(UuidError)),
        (" 00112233-4455-6677-8899-aabbccddeef", Err(UuidError)),
        ("00112233-4455-6677-8899-aabbccddeef", Err(UuidError)),
        ("00112233-4455-6677-8899-aabbccddeeff0", Err(UuidError)),
        ("0011223-34455-6677-8899-aabbccddeeff", Err(UuidError)),
        ("00112233_4455_6677_8899_aabbccddeeff", Err(UuidError)),
        ("00112233-4455-6677-8899-aabbccddeefg", Err(UuidError)),
        ("+0112233-4455-6677-8899-aabbccddeeff", Err(UuidError)),
        ("-0112233-4455-6677-8899-aabbccddeeff", Err(UuidError)),
        ("é0112233-4455-6677-8899-aabbccddeef", Err(UuidError)),
    ] {
        assert_eq!(text.parse::<Uuid>().map(u128::from), expected, "{text}");
        assert_eq!(Uuid::try_from(text).map(u128::from), expected, "{text}");
    }
}

#[test]
fn uuid_is_written_in_lower_case_groups() {
    let bytes = *b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff";
    let uuid = Uuid::from_bytes(bytes);
    assert_eq!(uuid.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
    assert_eq!(alloc::format!("{uuid:?}"), "Uuid(00112233-4455-6677-8899-aabbccddeeff)");
    assert_eq!((uuid.to_bytes(), <[u8; 16]>::from(uuid), uuid.as_ref()), (bytes, bytes, &bytes[..]));
    assert_eq!(uuid, bytes.into());
}

proptest! {
    #[test]
    fn uuid_survives_its_forms(number: u128) {
        let uuid = Uuid::from(number);
        prop_assert_eq!(uuid.to_u128(), number);
        prop_assert_eq!(uuid.to_string().parse(), Ok(uuid));
        prop_assert_eq!(uuid.to_string().to_uppercase().parse(), Ok(uuid));
        prop_assert_eq!(Uuid::from_bytes(number.to_be_bytes()), uuid);
    }
}

#[test]
fn delivery_tag_holds_at_most_32_bytes() {
    for length in 0..=32 {
        let bytes = &[7; 32][..length];
        let tag = DeliveryTag::new(bytes).unwrap();
        assert_eq!(tag.as_bytes(), bytes);
        assert_eq!(DeliveryTag::try_from(bytes), Ok(tag));
        assert_eq!(
            tag.padded(),
            ([bytes, &[0; 32][length..]].concat()[..].try_into().unwrap(), length as u8)
        );
    }
    for length in [33, 34, 255, 256, 257, 300] {
        let bytes = &[0; 300][..length];
        assert_eq!(DeliveryTag::new(bytes), Err(BinaryLengthError(length)));
        assert_eq!(TransactionId::try_from(bytes), Err(BinaryLengthError(length)));
    }
}

#[test]
fn delivery_tags_of_different_lengths_differ() {
    let tag = |bytes: &[u8]| DeliveryTag::new(bytes).unwrap();
    let ascending = [tag(&[]), tag(&[0]), tag(&[0, 0]), tag(&[0, 1]), tag(&[1]), tag(&[1, 0])];
    assert!(ascending.is_sorted_by(|one, next| one < next && one != next));
    assert_eq!(DeliveryTag::default(), tag(&[]));
}

#[test]
fn delivery_tags_of_numbers_are_big_endian() {
    let uuid = Uuid::from_u128(u128::MAX - 1);
    for (tag, text) in [
        (DeliveryTag::from(0xdead_beef_u32), "deadbeef"),
        (DeliveryTag::from(1_u64), "0000000000000001"),
        (DeliveryTag::from([1, 2, 3, 4]), "01020304"),
        (DeliveryTag::from([9; 8]), "0909090909090909"),
        (DeliveryTag::from(uuid), "fffffffffffffffffffffffffffffffe"),
        (DeliveryTag::from(uuid.to_bytes()), "fffffffffffffffffffffffffffffffe"),
        (DeliveryTag::from([0xab; 32]), &"ab".repeat(32)),
        (DeliveryTag::default(), ""),
    ] {
        assert_eq!(tag.to_string(), text);
        assert_eq!(alloc::format!("{tag:?}"), alloc::format!("DeliveryTag({text})"));
    }
}
