use super::*;
use crate::{
    spec::{
        definitions::{Error, ErrorCondition, ReceiverSettleMode, Role, SenderSettleMode},
        delivery_state::DeliveryState,
        performatives::{Flow, Open, Performative},
        termini::{Source, TargetArchetype},
    },
    types::*,
};
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
    assert_eq!(value("c10502a1016140a1016140"), Err((TrailingOctets, 7)));
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
fn fields_of_composites() {
    let lacks = |composite, field| MissingField { composite, field };
    assert_eq!(decoded::<Open>("00 5310 45"), Err((lacks("Open", "container_id"), 4)));
    assert_eq!(decoded::<Open>("00 5310 c0 02 01 40"), Err((lacks("Open", "container_id"), 6)));
    assert_eq!(decoded::<Flow>("00 5313 c0 02 01 40"), Err((lacks("Flow", "incoming_window"), 7)));
    let eleven = "00 5310 c0 0e 0b a10163 40 40 40 40 40 40 40 40 40 40";
    assert_eq!(decoded::<Open>(eleven), Err((TooManyFields("Open"), 6)));
    let wrong = |expected, found| WrongType { expected, found };
    assert_eq!(decoded::<Open>("00 5310 c0 06 02 a10163 5205"), Err((wrong("string", 0x52), 9)));
    assert_eq!(decoded::<Open>("00 5310 c1 01 00"), Err((wrong("list", 0xc1), 3)));
    assert_eq!(decoded::<Open>("45"), Err((wrong("Open", 0x45), 0)));
    assert_eq!(decoded::<Open>("00 5310 c0 05 01 a10163 40"), Err((SizeMismatch, 9)));
    assert_eq!(decoded::<Error>("00 531d c0 02 01 40"), Err((lacks("Error", "condition"), 6)));
}

#[test]
fn descriptors_of_composites() {
    assert_eq!(decoded::<Open>("00 5311 45"), Err((UnknownDescriptor("Open"), 1)));
    assert_eq!(decoded::<Performative>("00 5319 45"), Err((UnknownDescriptor("performative"), 1)));
    assert_eq!(decoded::<Performative>("00 5210 45"), Err((UnknownDescriptor("performative"), 1)));
    assert_eq!(decoded::<Performative>("00 5340 45"), Err((UnknownDescriptor("performative"), 1)));
    assert_eq!(decoded::<TargetArchetype>("00 5324 45"), Err((UnknownDescriptor("target"), 1)));
    assert_eq!(decoded::<Source>("00 5324 45"), Err((UnknownDescriptor("Source"), 1)));
    // Delivery states are open: others may be defined elsewhere.
    let other = decoded::<DeliveryState>("00 5399 a10161").unwrap();
    assert_eq!(other, DeliveryState::Other(Described::new(0x99_u64, "a").into()));
    let open = "c0 04 01 a10163";
    let symbolic = format!("00 a30e {} {open}", hex(b"amqp:open:list"));
    let wide = format!("00 b30000000e {} {open}", hex(b"amqp:open:list"));
    let numeric = [format!("00 5310 {open}"), format!("00 80 0000000000000010 {open}")];
    let expected = Open { container_id: "c".into(), ..Open::default() };
    for form in [symbolic, wide].iter().chain(&numeric) {
        assert_eq!(decoded::<Open>(form).as_ref(), Ok(&expected), "{form}");
        assert_eq!(decoded::<Performative>(form), Ok(expected.clone().into()), "{form}");
    }
}

#[test]
fn choices() {
    assert_eq!(decoded::<SenderSettleMode>("5003"), Err((InvalidChoice("SenderSettleMode"), 1)));
    assert_eq!(decoded::<ReceiverSettleMode>("5002"), Err((InvalidChoice("ReceiverSettleMode"), 1)));
    both_ways::<SenderSettleMode>(SenderSettleMode::Settled, "5001", &[]);
    both_ways::<Role>(Role::Receiver, "41", &["5601"]);
    // A condition that the standard does not define survives.
    let own = ErrorCondition::Other(Symbol::literal("x:y"));
    both_ways::<ErrorCondition>(own, "a303783a79", &[]);
    let known = format!("a311{}", hex(b"amqp:decode-error"));
    both_ways::<ErrorCondition>(ErrorCondition::DecodeError, &known, &[]);
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

#[test]
fn an_error_tells_what_and_where() {
    let error = from_bytes::<Open>(&octets("00 5310 45"), DecodeLimits::DEFAULT).unwrap_err();
    assert_eq!(format!("{error}"), "Open lacks its mandatory field container_id at octet 4");
}
