//! Single values that a peer should not, or need not, send: each is accepted as exactly one value or refused for
//! exactly one reason. The ids are stable: `V` for encodings of values, `P` for composites.

use core::fmt::Debug;

use amqp_proto::{
    codec::{Decode, DecodeErrorKind, DecodeErrorKind::*, DecodeLimits, Decoder, Encode, from_bytes, to_vec},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::DeliveryState,
        performatives::{Attach, Close, Detach, Flow, Open, Performative, Transfer},
        terminus::Source,
    },
    types::*,
};
use bytes::Bytes;

fn bytes(hex: &str) -> Bytes {
    let digits: Vec<u8> = hex.bytes().filter(|digit| *digit != b' ').collect();
    assert_eq!(digits.len() % 2, 0, "{hex}");
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect::<Vec<_>>()
        .into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn symbol(text: &str) -> Symbol {
    Symbol::try_from(text).unwrap()
}

/// The rows of one test: what does not come out as it should, and which ids there were.
#[derive(Default)]
struct Rows {
    wrong: Vec<String>,
    ids: Vec<&'static str>,
}

impl Rows {
    fn bytes<T>(&mut self, id: &'static str, input: &Bytes, expected: Result<T, DecodeErrorKind>)
    where
        T: Decode + Encode + Debug + PartialEq,
    {
        self.ids.push(id);
        let found = from_bytes::<T>(input, DecodeLimits::DEFAULT);
        if let Err(error) = found
            && error.offset > input.len()
        {
            self.wrong.push(format!("{id}: offset {} of {}", error.offset, input.len()));
        }
        let found = found.map_err(|error| error.kind);
        if found != expected {
            self.wrong.push(format!("{id}: {found:?} instead of {expected:?}"));
        }
        // What is accepted is written so that it is read again.
        if let Ok(value) = found
            && from_bytes::<T>(&to_vec(&value).into(), DecodeLimits::DEFAULT).as_ref() != Ok(&value)
        {
            self.wrong.push(format!("{id}: not the same after writing it"));
        }
    }

    fn row<T>(&mut self, id: &'static str, input: &str, expected: Result<T, DecodeErrorKind>)
    where
        T: Decode + Encode + Debug + PartialEq,
    {
        self.bytes(id, &bytes(input), expected);
    }

    fn accept(&mut self, id: &'static str, input: &str, expected: impl Into<Value>) {
        self.row::<Value>(id, input, Ok(expected.into()));
    }

    fn reject(&mut self, id: &'static str, input: &str, expected: DecodeErrorKind) {
        self.row::<Value>(id, input, Err(expected));
    }

    /// All rows came out right, and none of the ids is missing.
    fn judge(mut self, prefix: char, ids: impl IntoIterator<Item = u32>) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        self.ids.dedup();
        let expected: Vec<_> = ids.into_iter().map(|number| format!("{prefix}{number:02}")).collect();
        assert_eq!(self.ids, expected);
    }
}

const fn wrong(expected: &'static str, found: u8) -> DecodeErrorKind {
    WrongType { expected, found }
}

#[test]
fn primitives() {
    let mut rows = Rows::default();
    rows.reject("V01", "3f", UnknownCode(0x3f));
    rows.reject("V02", "46", UnknownCode(0x46));
    rows.reject("V03", "4f00", UnknownCode(0x4f));
    rows.reject("V04", "57", UnknownCode(0x57));
    rows.reject("V05", "", Truncated);
    rows.reject("V06", "56", Truncated);
    rows.reject("V07", "5602", InvalidBoolean(2));
    rows.row::<u32>("V08", "43", Ok(0));
    rows.row::<u64>("V09", "5243", Err(wrong("ulong", 0x52)));
    rows.reject("V10", "70ffffff", Truncated);
    rows.reject("V11", "80ffffffffffffff", Truncated);
    rows.reject("V12", "7300110000", InvalidChar(0x11_0000));
    rows.reject("V13", "730000d800", InvalidChar(0xd800));
    rows.accept("V14", "727fc00001", Float::from_bits(0x7fc0_0001));
    rows.accept("V15", "837fffffffffffffff", Timestamp::from_millis(i64::MAX));
    rows.accept("V16", "838000000000000000", Timestamp::from_millis(i64::MIN));
    rows.accept("V17", "94ffffffffffffffffffffffffffffffff", Decimal128::from_be_bytes([0xff; 16]));
    rows.reject("V18", "98000102030405060708090a0b0c0d0e", Truncated);
    rows.reject("V19", "a005414243", Truncated);
    rows.reject("V20", "b0ffffffff41", Truncated);
    rows.reject("V21", "b07fffffff", Truncated);
    rows.reject("V22", "a102c328", InvalidUtf8);
    rows.reject("V23", "a103eda080", InvalidUtf8);
    rows.reject("V24", "a102c080", InvalidUtf8);
    rows.reject("V25", "a104f4908080", InvalidUtf8);
    rows.accept("V26", "a103efbbbf", "\u{feff}");
    rows.accept("V27", "a10100", "\0");
    rows.reject("V28", "a30180", InvalidSymbol);
    rows.accept("V29", "b300000000", Symbol::empty());
    rows.reject("V30", "b1000000016100", TrailingBytes);
    rows.accept("V30", "b10000000161", "a");
    rows.judge('V', 1..=30);
}

#[test]
fn described_values_and_lists() {
    let mut rows = Rows::default();
    rows.reject("V31", "0040", Truncated);
    rows.reject("V32", "00", Truncated);
    rows.accept("V33", "004040", Described::new(Value::Null, Value::Null));
    rows.row::<Performative>("V33", "004040", Err(UnknownDescriptor("performative")));
    rows.accept("V34", "00005310405340", Described::new(Described::new(0x10_u64, Value::Null), 0x40_u64));
    rows.bytes::<Value>("V35", &vec![0; 20_000].into(), Err(TooDeep));
    rows.row::<Map>("V36", "45", Err(wrong("map", 0x45)));
    rows.reject("V37", "c000", SizeMismatch);
    rows.reject("V38", "c0ff0140", Truncated);
    rows.accept("V39", "c00100", Value::List(vec![]));
    rows.reject("V40", "c00201", Truncated);
    rows.reject("V41", "c002ff40", CountExceedsData);
    rows.reject("V42", "c0034040", Truncated);
    rows.reject("V43", "c003014040", SizeMismatch);
    rows.reject("V44", "d00000000000000000", SizeMismatch);
    rows.reject("V45", "d0ffffffffffffffff", Truncated);
    rows.reject("V46", "d0000000047fffffff", CountExceedsData);
    rows.reject("V47", "d0000000050000000040", SizeMismatch);
    let empty_lists = |count: u32| {
        let head = [&[0xd0][..], &(count + 4).to_be_bytes(), &count.to_be_bytes()].concat();
        Bytes::from([head, vec![0x45; usize::try_from(count).unwrap()]].concat())
    };
    let most = DecodeLimits::DEFAULT.max_elements;
    let lists = vec![Value::List(vec![]); usize::try_from(most).unwrap()];
    rows.bytes::<Value>("V48", &empty_lists(most), Ok(lists.into()));
    rows.bytes::<Value>("V48", &empty_lists(most + 1), Err(TooManyElements));
    rows.reject("V49", &"c00301".repeat(100), Truncated);
    let mut nested = vec![0x45];
    for _ in 0..21_845 {
        // Built from the inside with every size right, back to front to keep it linear.
        let size = u32::try_from(nested.len() + 4).unwrap();
        nested.extend([1, 0, 0, 0].into_iter().chain(size.to_le_bytes()).chain([0xd0]));
    }
    nested.reverse();
    rows.bytes::<Value>("V50", &nested.into(), Err(TooDeep));
    rows.judge('V', 31..=50);
}

#[test]
fn maps() {
    let mut rows = Rows::default();
    rows.reject("V51", "c10101", CountExceedsData);
    rows.reject("V52", "c103014040", OddMap);
    rows.reject("V53", "c10504a1016140a1016140", Truncated);
    rows.reject("V54", "c10904a1016140a1016140", DuplicateKey);
    rows.reject("V55", "c1050254014054015401", SizeMismatch);
    rows.reject("V55", "c10402540140 5401", TrailingBytes);
    rows.row::<Fields>("V56", "c103024040", Err(wrong("symbol", 0x40)));
    rows.row::<Fields>("V57", "c10402540040", Err(wrong("symbol", 0x54)));
    rows.row::<Fields>("V58", "c10502a1016140", Err(wrong("symbol", 0xa1)));
    let keys = (0..1_u32 << 16).map(|key| (symbol(&format!("{key:04x}")), Value::Null));
    let large = Fields::from_pairs(keys.collect()).unwrap();
    rows.bytes::<Fields>("V59", &to_vec(&large).into(), Ok(large));
    rows.judge('V', 51..=59);
}

#[test]
fn arrays() {
    let mut rows = Rows::default();
    let nulls = |count: usize| Array::new(Kind::Null, vec![Value::Null; count]).unwrap();
    rows.reject("V60", "e000", SizeMismatch);
    rows.reject("V61", "e00100", Truncated);
    rows.accept("V62", "e0020040", nulls(0));
    rows.accept("V63", "e002ff40", nulls(255));
    rows.reject("V64", "f0000000057fffffff40", TooManyElements);
    rows.reject("V65", "f000000005ffffffff41", TooManyElements);
    rows.reject("V66", "f0000000057fffffff45", TooManyElements);
    rows.reject("V67", "f0000000087fffffff00534045", TooManyElements);
    rows.reject("V67", "f0000000097fffffff00534045", Truncated);
    rows.reject("V68", "f0000000050000000270", CountExceedsData);
    rows.reject("V69", "e00401700000", Truncated);
    rows.reject("V70", "e0030141ff", SizeMismatch);
    rows.reject("V71", "e003013f00", UnknownCode(0x3f));
    rows.reject("V72", "e0050200a1014140", Truncated);
    let mut nested = bytes("e0020040").to_vec();
    for _ in 0..40 {
        nested = [&[0xe0, u8::try_from(nested.len() + 1).unwrap(), 1], &nested[..]].concat();
    }
    rows.bytes::<Value>("V73", &nested.into(), Err(TooDeep));
    rows.reject("V74", "f0ffffffff00000001", Truncated);
    rows.reject("V75", "e00601a101614040", SizeMismatch);
    rows.reject("V76", &format!("b140000000{}", "61".repeat(16 << 10)), Truncated);
    rows.accept("V77", "a003010203", Bytes::from_static(&[1, 2, 3]));
    rows.reject("V77", "a0030102", Truncated);
    rows.judge('V', 60..=77);
}

/// The fields of a composite as its encoding: descriptor, then a list8.
fn composite(code: u8, count: u8, fields: &str) -> String {
    let fields = bytes(fields);
    format!("0053{code:02x}c0{:02x}{count:02x}{}", fields.len() + 1, hex(&fields))
}

fn missing(composite: &'static str, field: &'static str) -> DecodeErrorKind {
    MissingField { composite, field }
}

#[test]
fn opens() {
    let mut rows = Rows::default();
    let plain = Open { container_id: "c".into(), ..Open::default() };
    rows.row::<Open>("P01", "00531045", Err(missing("Open", "container_id")));
    rows.row::<Open>("P02", &composite(0x10, 2, "40 a10168"), Err(missing("Open", "container_id")));
    let eleven = composite(0x10, 11, "a10163 40404040404040404040");
    rows.row::<Open>("P03", &eleven, Err(TooManyFields("Open")));
    rows.row::<Open>("P04", &composite(0x10, 2, "a10163 5205"), Err(wrong("string", 0x52)));
    rows.row::<Open>("P05", "005310c10100", Err(wrong("list", 0xc1)));
    let locales = |field: &str| composite(0x10, 6, &format!("a10163 40404040 {field}"));
    rows.row::<Open>("P06", &locales("40"), Ok(plain.clone()));
    rows.row::<Open>("P06", &locales("e0020040"), Ok(plain.clone()));
    rows.row::<Open>("P06", &locales("e00200a3"), Ok(plain.clone()));
    let capabilities = |field: &str| composite(0x10, 8, &format!("a10163 404040404040 {field}"));
    let one = Open { offered_capabilities: symbol("x").into(), ..plain.clone() };
    rows.row::<Open>("P07", &capabilities("a30178"), Ok(one));
    rows.row::<Open>("P08", &capabilities("e00401a10178"), Err(wrong("symbol", 0xa1)));
    let properties = composite(0x10, 10, "a10163 4040404040404040 c104024052 01");
    rows.row::<Open>("P15", &properties, Err(wrong("symbol", 0x40)));
    let long = "i".repeat(64 << 10);
    let open = Open { container_id: long.as_str().into(), ..Open::default() };
    rows.bytes::<Open>("P16", &to_vec(&open).into(), Ok(open));
    // P09 to P14 are values that the connection judges.
    rows.judge('P', (1..=8).chain([15, 16]));
}

#[test]
fn other_composites() {
    let mut rows = Rows::default();
    rows.row::<Flow>("P17", &composite(0x13, 4, "43 40 43 43"), Err(missing("Flow", "incoming_window")));
    rows.row::<Attach>("P18", &composite(0x12, 3, "a1016c 43 40"), Err(missing("Attach", "role")));
    rows.row::<Attach>("P18", &composite(0x12, 3, "40 43 42"), Err(missing("Attach", "name")));
    rows.row::<Attach>("P18", &composite(0x12, 3, "a1016c 40 42"), Err(missing("Attach", "handle")));
    let modes = |snd: &str, rcv: &str| composite(0x12, 5, &format!("a1016c 43 42 {snd} {rcv}"));
    rows.row::<Attach>("P19", &modes("5003", "5000"), Err(InvalidChoice("SenderSettleMode")));
    rows.row::<Attach>("P19", &modes("5002", "5002"), Err(InvalidChoice("ReceiverSettleMode")));
    rows.row::<Detach>("P20", &composite(0x16, 3, "43 41 c00401a30161"), Err(wrong("AmqpError", 0xc0)));
    rows.row::<Detach>("P20", &composite(0x16, 3, "43 41 00531d45"), Err(missing("AmqpError", "condition")));
    rows.row::<Close>("P21", &composite(0x18, 1, "00531dc0020140"), Err(missing("AmqpError", "condition")));
    let own = ErrorCondition::Other(symbol("not a known symbol"));
    let close = Close { error: Some(AmqpError::new(own).into()) };
    let condition = format!("00531dc01501a312{}", hex(b"not a known symbol"));
    rows.row::<Close>("P22", &composite(0x18, 1, &condition), Ok(close));
    let text = "\u{1b}[2J\r\n".repeat(10 << 10);
    let error = AmqpError::described(ErrorCondition::InternalError, text.as_str());
    assert!(!error.to_string().contains(|c: char| c.is_control()), "P23: control characters in the log");
    rows.bytes::<AmqpError>("P23", &to_vec(&error).into(), Ok(error));
    let transfer = Transfer {
        state: Some(DeliveryState::Other(Described::new(0x99_u64, Value::List(Vec::new())).into())),
        ..Transfer::default()
    };
    rows.row::<Transfer>("P24", &composite(0x14, 8, "43 404040404040 00539945"), Ok(transfer));
    let outcomes = composite(0x28, 10, "404040404040404040 e00401a10178");
    rows.row::<Source>("P25", &outcomes, Err(wrong("symbol", 0xa1)));
    let attach = composite(0x12, 6, "a1016c 43 41 40 40 00532445");
    rows.row::<Attach>("P26", &attach, Err(UnknownDescriptor("Source")));
    let attach = composite(0x12, 7, "a1016c 43 42 40 40 40 00532845");
    rows.row::<Attach>("P26", &attach, Err(UnknownDescriptor("target")));
    rows.judge('P', 17..=26);
}

/// V30, V55: a reader stops where the value ends, and says where that is.
#[test]
fn bytes_after_a_value_are_left() {
    for (input, ends) in [("b1000000016100", 6), ("c104025401405401", 6), ("e0020040ff", 4), ("4041", 1)] {
        let input = bytes(input);
        let mut reader = Decoder::new(&input, DecodeLimits::DEFAULT);
        Value::decode(&mut reader).unwrap();
        assert_eq!(reader.offset(), ends);
        assert_eq!(reader.take_rest(), input.slice(ends..));
        assert!(reader.is_empty());
    }
}
