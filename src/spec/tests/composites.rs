//! Composites, archetypes and restricted types against bytes written out by hand.

use alloc::{format, vec::Vec};

use bytes::Bytes;

use DecodeErrorKind::*;

use crate::{
    codec::{
        DecodeErrorKind, DecodeLimits, from_bytes,
        tests::{both_ways, bytes, decoded, hex},
        to_vec,
    },
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, Role, SenderSettleMode},
        delivery_state::DeliveryState,
        performatives::{Flow, Open, Performative},
        sasl::SaslMechanisms,
        terminus::{Source, TargetArchetype},
    },
    types::{Described, Multiple, Symbol},
};

fn symbols(texts: &[&'static str]) -> Multiple<Symbol> {
    texts.iter().map(|text| Symbol::from_static(text)).collect()
}

fn within(limits: DecodeLimits, bytes: &Bytes) -> Result<Open, DecodeErrorKind> {
    from_bytes(bytes, limits).map_err(|error| error.kind)
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
    assert_eq!(decoded::<AmqpError>("00 531d c0 02 01 40"), Err((lacks("AmqpError", "condition"), 6)));
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
    let own = ErrorCondition::Other(Symbol::from_static("x:y"));
    both_ways::<ErrorCondition>(own, "a303783a79", &[]);
    let known = format!("a311{}", hex(b"amqp:decode-error"));
    both_ways::<ErrorCondition>(ErrorCondition::DecodeError, &known, &[]);
}

#[test]
fn an_error_tells_what_and_where() {
    let error = from_bytes::<Open>(&bytes("00 5310 45"), DecodeLimits::DEFAULT).unwrap_err();
    assert_eq!(format!("{error}"), "Open lacks its mandatory field container_id (1.4) at byte 4");
}

#[test]
fn in_a_composite() {
    let open = |fields: &str, count: u8| {
        let fields = bytes(fields);
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
    let missing = MissingField { composite: "SaslMechanisms", field: "sasl_server_mechanisms" };
    assert_eq!(decoded::<SaslMechanisms>("00 5340 45"), Err((missing, 4)));
    assert_eq!(decoded::<SaslMechanisms>("00 5340 c0 02 01 40"), Err((missing, 6)));
    assert_eq!(decoded::<SaslMechanisms>("00 5340 c0 05 01 e00200a3"), Err((missing, 6)));
    let read = |hex: &str| decoded::<SaslMechanisms>(hex).map(|frame| frame.sasl_server_mechanisms);
    assert_eq!(read("00 5340 c0 04 01 a30178"), Ok(symbols(&["x"])));
    assert_eq!(read("00 5340 c0 09 01 e0 06 02 a3 0178 0179"), Ok(symbols(&["x", "y"])));
    let one = SaslMechanisms { sasl_server_mechanisms: Vec::from([Symbol::from_static("x")]).into() };
    assert_eq!(hex(&to_vec(&one)), "005340c00401a30178");
}

#[test]
fn composites_share_the_limits() {
    let open = |properties: &str| {
        let fields = bytes(&format!("a10163 4040404040404040 {properties}"));
        bytes(&format!("00 5310 c0 {:02x} 0a {}", fields.len() + 1, hex(&fields)))
    };
    // The descriptor is one level, the properties the second, a list in them the third.
    let limits = DecodeLimits { max_depth: 2, ..DecodeLimits::DEFAULT };
    assert!(within(limits, &open("c1 05 02 a30161 40")).is_ok());
    assert_eq!(within(limits, &open("c1 07 02 a30161 c00100")), Err(TooDeep));
    assert!(within(limits, &open("c1 05 02 a30161 45")).is_ok());
}
