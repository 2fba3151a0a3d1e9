use super::*;
use crate::types::{Multiple, Symbol};

fn symbols(texts: &[&'static str]) -> Multiple<Symbol> {
    texts.iter().map(|text| Symbol::from_static(text)).collect()
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
        [Symbol::from_static("b"), Symbol::try_from(long.as_str()).unwrap()].into_iter().collect();
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
