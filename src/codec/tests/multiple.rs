use alloc::vec::Vec;

use super::*;
use crate::{
    spec::{performatives::Open, sasl::SaslMechanisms},
    types::{Multiple, Symbol},
};

fn symbols(texts: &[&'static str]) -> Multiple<Symbol> {
    texts.iter().map(|text| Symbol::literal(text)).collect()
}

#[test]
fn none_one_and_several() {
    both_ways::<Multiple<Symbol>>(symbols(&[]), "40", &["e00200a3", "e00200b3", "f0 00000005 00000000 a3"]);
    both_ways::<Multiple<Symbol>>(
        symbols(&["a"]),
        "a30161",
        &["b30000000161", "e00401a30161", "f0 0000000a 00000001 b3 00000001 61"],
    );
    both_ways::<Multiple<Symbol>>(
        symbols(&["a", "", "bc"]),
        "e0 08 03 a3 0161 00 026263",
        &["f0 0000000b 00000003 a3 0161 00 026263", "e0 11 03 b3 00000001 61 00000000 00000002 6263"],
    );
}

#[test]
fn a_long_one_makes_all_wide() {
    let long = "a".repeat(256);
    let values: Multiple<Symbol> =
        [Symbol::literal("b"), Symbol::try_from(long.as_str()).unwrap()].into_iter().collect();
    let expected = format!("f0 0000010e 00000002 b3 00000001 62 00000100 {}", hex(long.as_bytes()));
    both_ways::<Multiple<Symbol>>(values, &expected, &[]);
}

#[test]
fn elements_are_of_the_fields_type() {
    let wrong = |found| DecodeErrorKind::WrongType { expected: "symbol", found };
    assert_eq!(decoded::<Multiple<Symbol>>("e00401a10161"), Err((wrong(0xa1), 3)));
    assert_eq!(decoded::<Multiple<Symbol>>("a10161"), Err((wrong(0xa1), 0)));
    assert_eq!(decoded::<Multiple<Symbol>>("e0020140"), Err((wrong(0x40), 3)));
    let described = decoded::<Multiple<Symbol>>("e0 07 01 00 5301 a3 0161");
    assert_eq!(described, Err((DecodeErrorKind::WrongType { expected: "array", found: 0 }, 1)));
    // 1.3: none is none, whatever type the constructor names.
    assert_eq!(decoded::<Multiple<Symbol>>("e0020040"), Ok(symbols(&[])));
}

#[test]
fn in_a_composite() {
    let open = |fields: &str, count: u8| {
        let fields = octets(fields);
        format!("005310c0{:02x}{count:02x}a10163{}", fields.len() + 4, hex(&fields))
    };
    let read = |hex: &str| decoded::<Open>(hex).map(|open| open.offered_capabilities);
    let before = "40 40 40 40 40 40";
    assert_eq!(read(&open(before, 7)), Ok(symbols(&[])));
    assert_eq!(read(&open(&format!("{before} 40"), 8)), Ok(symbols(&[])));
    assert_eq!(read(&open(&format!("{before} e00200a3"), 8)), Ok(symbols(&[])));
    assert_eq!(read(&open(&format!("{before} a30178"), 8)), Ok(symbols(&["x"])));
    assert_eq!(read(&open(&format!("{before} e00401a30178"), 8)), Ok(symbols(&["x"])));
    assert_eq!(read(&open(&format!("{before} e0 06 02 a3 0178 0179"), 8)), Ok(symbols(&["x", "y"])));
    let many = Open { container_id: "c".into(), offered_capabilities: symbols(&["x"]), ..Open::default() };
    assert_eq!(hex(&to_vec(&many)), open(&format!("{before} a30178"), 8));
}

/// 1.3: a field that is both multiple and mandatory has at least one value; null and an empty array are invalid.
#[test]
fn where_one_is_mandatory() {
    let missing =
        DecodeErrorKind::MissingField { composite: "SaslMechanisms", field: "sasl_server_mechanisms" };
    assert_eq!(decoded::<SaslMechanisms>("00 5340 45"), Err((missing, 4)));
    assert_eq!(decoded::<SaslMechanisms>("00 5340 c0 02 01 40"), Err((missing, 6)));
    assert_eq!(decoded::<SaslMechanisms>("00 5340 c0 05 01 e00200a3"), Err((missing, 6)));
    let read = |hex: &str| decoded::<SaslMechanisms>(hex).map(|frame| frame.sasl_server_mechanisms);
    assert_eq!(read("00 5340 c0 04 01 a30178"), Ok(symbols(&["x"])));
    assert_eq!(read("00 5340 c0 09 01 e0 06 02 a3 0178 0179"), Ok(symbols(&["x", "y"])));
    let one = SaslMechanisms { sasl_server_mechanisms: Vec::from([Symbol::literal("x")]).into() };
    assert_eq!(hex(&to_vec(&one)), "005340c00401a30178");
}
