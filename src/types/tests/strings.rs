use alloc::{
    borrow::Cow,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::hash::{Hash, Hasher};

use bytes::Bytes;

use crate::types::{Str, Symbol, TextRef};

#[test]
fn text_outside_its_encoding_is_refused() {
    for (text, valid_up_to) in [("é", 0), ("naïve", 2), ("abcdefgh\u{80}", 8), ("key\u{10ffff}", 3)] {
        assert_eq!(Symbol::try_from(text).unwrap_err().valid_up_to(), valid_up_to, "{text}");
        assert_eq!(Symbol::try_from(String::from(text)).unwrap_err().valid_up_to(), valid_up_to, "{text}");
        assert_eq!(Symbol::try_from(Str::from(text)).unwrap_err().valid_up_to(), valid_up_to, "{text}");
        assert_eq!(text.parse::<Symbol>().unwrap_err().valid_up_to(), valid_up_to, "{text}");
        assert_eq!(Str::from(text), text);
    }
    for (bytes, valid_up_to) in [(&b"\xc3\x28"[..], 0), (b"ab\xff", 2), (b"\xc3\xa9\xed\xa0\x80", 2)] {
        let error = Str::try_from(Bytes::from_static(bytes)).unwrap_err();
        assert_eq!(error.valid_up_to(), valid_up_to, "{bytes:?}");
    }
}

#[test]
fn invalid_byte_is_found_at_every_position_of_every_length() {
    for length in 0..40_usize {
        let text = "x".repeat(length);
        assert!(Symbol::try_from(Bytes::from(text.clone())).is_ok());
        for position in 0..length {
            let mut bytes = text.clone().into_bytes();
            bytes[position] = 0x80;
            let bytes = Bytes::from(bytes);
            let symbol = Symbol::try_from(bytes.clone()).unwrap_err();
            let string = Str::try_from(bytes.clone()).unwrap_err();
            assert_eq!((symbol.valid_up_to(), string.valid_up_to()), (position, position), "of {length}");
            assert_eq!((TextRef::symbol(&bytes), TextRef::string(&bytes)), (None, None), "of {length}");
        }
    }
}

#[test]
fn strings_and_symbols_from_every_form_of_text_are_equal() {
    const STRING: Str = Str::from_static("text");
    const SYMBOL: Symbol = Symbol::from_static("text");
    let owned = String::from("text");
    let strings = [
        STRING,
        "text".into(),
        owned.clone().into(),
        (&owned).into(),
        Cow::Borrowed("text").into(),
        Cow::<str>::Owned(owned.clone()).into(),
        "text".parse().unwrap(),
        Bytes::from_static(b"text").try_into().unwrap(),
        SYMBOL.into(),
        STRING.detach(),
    ];
    for string in strings {
        assert_eq!(string, STRING);
        assert_eq!(string, "text");
        assert_eq!(string, *"text");
        assert_eq!(string, owned);
        assert_eq!("text", string);
        assert_eq!(*"text", string);
        assert_eq!(owned, string);
        assert_ne!(string, "texts");
        assert_ne!("Text", string);
        assert_eq!((String::from(string.clone()), Bytes::from(string)), (owned.clone(), "text".into()));
    }
    let symbols = [
        SYMBOL,
        Symbol::try_from("text").unwrap(),
        Symbol::try_from(owned.clone()).unwrap(),
        "text".parse().unwrap(),
        Bytes::from_static(b"text").try_into().unwrap(),
        STRING.try_into().unwrap(),
        SYMBOL.detach(),
    ];
    for symbol in symbols {
        assert_eq!(symbol, SYMBOL);
        assert_eq!(symbol, "text");
        assert_eq!("text", symbol);
        assert_eq!(owned, symbol);
        assert_eq!((symbol.to_string(), AsRef::<[u8]>::as_ref(&symbol)), (owned.clone(), &b"text"[..]));
    }
    assert_eq!((Str::empty(), Symbol::empty()), (Str::default(), Symbol::default()));
    assert!(Str::empty().is_empty() && Symbol::empty().is_empty());
}

#[test]
fn conversions_share_and_detach_copies() {
    let string = Str::from(String::from("shared"));
    let place = string.as_bytes().as_ptr();
    let symbol = Symbol::try_from(string.clone()).unwrap();
    assert_eq!(symbol.as_bytes().as_ptr(), place);
    assert_eq!(Str::from(symbol).into_bytes().as_ptr(), place);
    assert_eq!(string.detach(), string);
    assert_ne!(string.detach().as_bytes().as_ptr(), place);
}

/// Keeps what is hashed.
#[derive(Default)]
struct Recorder(Vec<u8>);

impl Hasher for Recorder {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

fn hashed<T: Hash + ?Sized>(value: &T) -> Vec<u8> {
    let mut recorder = Recorder::default();
    value.hash(&mut recorder);
    recorder.0
}

#[test]
fn text_is_found_in_collections_by_str() {
    for text in ["", "a", "symbol"] {
        assert_eq!(hashed(&Str::from(text)), hashed(text));
        assert_eq!(hashed(&Symbol::try_from(text).unwrap()), hashed(text));
    }
    let map = BTreeMap::from([(Symbol::from_static("b"), 2), (Symbol::from_static("a"), 1)]);
    assert_eq!((map.get("a"), map.get("b"), map.get("c")), (Some(&1), Some(&2), None));
}

#[test]
fn text_is_displayed_with_padding_and_debugged_with_quotes() {
    let string = Str::from("a\"b");
    assert_eq!(alloc::format!("{string:>5}|{string:?}"), "  a\"b|\"a\\\"b\"");
    let text = TextRef::from("a\"b");
    assert_eq!(alloc::format!("{text:>5}|{text:?}"), "  a\"b|\"a\\\"b\"");
}
