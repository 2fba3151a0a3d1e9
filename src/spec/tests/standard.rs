//! The tables compared with the standard's own definitions, read from its machine-readable form.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use bytes::Bytes;
use serde_json::Value as Json;

use crate::{
    codec::{
        self, Encode,
        format_code::{self, Category},
    },
    spec::{
        definitions::*, delivery_state::*, messaging::*, performatives::*, sasl::*, terminus::*,
        transaction::*, *,
    },
    types::*,
};

fn standard() -> Json {
    serde_json::from_str(include_str!("../../../tests/data/types.json")).unwrap()
}

fn rows<'j>(json: &'j Json, table: &str) -> &'j [Json] {
    let rows = json[table].as_array().unwrap();
    assert!(!rows.is_empty());
    rows
}

fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json[key].as_str().unwrap_or_else(|| panic!("{key} of {json}"))
}

/// `kebab-case` to `PascalCase`: the standard's name of a type to ours.
fn pascal(name: &str) -> String {
    name.split('-').map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..])).collect()
}

#[test]
fn every_format_code_is_the_standards() {
    let json = standard();
    let mut expected = Vec::new();
    for primitive in rows(&json, "primitives") {
        let kind = Kind::ALL.iter().find(|kind| kind.name() == text(primitive, "name")).unwrap();
        for encoding in rows(primitive, "encodings") {
            let category = match text(encoding, "category") {
                "fixed" => Category::Fixed,
                "variable" => Category::Variable,
                "compound" => Category::Compound,
                "array" => Category::Array,
                other => panic!("category {other}"),
            };
            let number = |key: &str| u8::try_from(encoding[key].as_u64().unwrap()).unwrap();
            expected.push((number("code_int"), *kind, category, number("width")));
        }
    }
    let mut ours: Vec<_> =
        format_code::FORMAT_CODES.iter().map(|row| (row.code, row.kind, row.category, row.width)).collect();
    expected.sort_unstable_by_key(|row| row.0);
    ours.sort_unstable_by_key(|row| row.0);
    assert_eq!(ours, expected);
    // The only kind that the standard has no format code for is the described value.
    let coded: Vec<_> = Kind::ALL.iter().filter(|kind| expected.iter().any(|row| row.1 == **kind)).collect();
    assert_eq!(coded.len() + 1, Kind::ALL.len());
}

/// A composite's table: name, section, symbolic and numeric descriptor, fields.
type Row = (&'static str, &'static str, &'static str, u64, &'static [Field]);

fn row<T: Composite>() -> Row {
    (T::NAME, T::SECTION, T::SYMBOL, T::CODE, T::FIELDS)
}

fn composites() -> Vec<Row> {
    macro_rules! rows {
        ($($name:ident)*) => { alloc::vec![$(row::<$name>()),*] };
    }
    rows! {
        Open Begin Attach Flow Transfer Disposition Detach End Close AmqpError
        Header Properties
        Received Accepted Rejected Released Modified
        Source Target DeleteOnClose DeleteOnNoLinks DeleteOnNoMessages DeleteOnNoLinksOrMessages
        Coordinator Declare Discharge Declared TransactionalState
        SaslMechanisms SaslInit SaslChallenge SaslResponse SaslOutcome
    }
}

/// A field's type in the standard, with the archetype that it requires; ours; and the first byte of a value of
/// ours as it is written.
fn field_types() -> Vec<(&'static str, Option<&'static str>, &'static str, u8)> {
    fn first<T: Encode>(sample: &T) -> u8 {
        codec::to_vec(sample)[0]
    }
    macro_rules! rows {
        ($($standard:literal $(requires $archetype:literal)? => $ours:ident = $sample:expr;)*) => {
            alloc::vec![$({
                let sample: $ours = $sample;
                (
                    $standard,
                    None $(.or(Some($archetype)))?,
                    stringify!($ours),
                    first(&sample),
                )
            }),*]
        };
    }
    let tag = DeliveryTag::new(&[1]).unwrap();
    let id = TransactionId::new(&[1]).unwrap();
    rows! {
        "boolean" => bool = true;
        "ubyte" => u8 = 1;
        // The standard has ushort fields for channel numbers alone.
        "ushort" => Channel = Channel::new(1);
        "uint" => u32 = 1;
        "ulong" => u64 = 1;
        "timestamp" => Timestamp = Timestamp::from_millis(1);
        "binary" => Bytes = Bytes::new();
        "string" => Str = Str::empty();
        "symbol" => Symbol = Symbol::empty();
        "symbol" requires "error-condition" => ErrorCondition = ErrorCondition::DecodeError;
        "symbol" requires "distribution-mode" => DistributionMode = DistributionMode::Copy;
        "symbol" requires "txn-capability" => Symbol = Symbol::empty();
        "map" => Unsettled = Unsettled::new();
        "role" => Role = Role::Receiver;
        "sender-settle-mode" => SenderSettleMode = SenderSettleMode::Settled;
        "receiver-settle-mode" => ReceiverSettleMode = ReceiverSettleMode::Second;
        "handle" => Handle = Handle::new(1);
        "seconds" => Seconds = Seconds::new(1);
        "milliseconds" => Milliseconds = Milliseconds::new(1);
        "delivery-tag" => DeliveryTag = tag;
        "delivery-number" => DeliveryNumber = DeliveryNumber::new(1);
        "transfer-number" => TransferNumber = TransferNumber::new(1);
        "sequence-no" => SequenceNo = SequenceNo::new(1);
        "message-format" => MessageFormat = MessageFormat::new(1);
        "ietf-language-tag" => Symbol = Symbol::empty();
        "fields" => Fields = Fields::new();
        "error" => AmqpError = AmqpError::default();
        "terminus-durability" => TerminusDurability = TerminusDurability::Configuration;
        "terminus-expiry-policy" => TerminusExpiryPolicy = TerminusExpiryPolicy::Never;
        "filter-set" => FilterSet = FilterSet::new();
        "node-properties" => Fields = Fields::new();
        "sasl-code" => SaslCode = SaslCode::Auth;
        "*" requires "source" => Source = Source::default();
        "*" requires "target" => TargetArchetype = Target::default().into();
        "*" requires "delivery-state" => DeliveryState = DeliveryState::ACCEPTED;
        "*" requires "outcome" => Outcome = Accepted {}.into();
        "*" requires "message-id" => MessageId = 1.into();
        "*" requires "address" => Str = Str::empty();
        "*" requires "txn-id" => TransactionId = id;
        "*" requires "global-tx-id" => Bytes = Bytes::new();
    }
}

/// The primitive that a type of the standard comes down to, or `None` for one that is described or any of several.
fn primitive(json: &Json, name: &str, requires: Option<&str>) -> Option<Kind> {
    if let Some(kind) = Kind::ALL.iter().find(|kind| kind.name() == name) {
        return Some(*kind);
    }
    if let Some(restricted) = rows(json, "restricted").iter().find(|row| row["name"] == name) {
        return primitive(json, text(restricted, "source"), None);
    }
    // A wildcard: what its archetype's only provider comes down to.
    match requires.map(|archetype| json["archetypes"][archetype].as_array()) {
        Some(Some(providers)) if providers.len() == 1 => {
            primitive(json, providers[0].as_str().unwrap(), None)
        }
        _ => None,
    }
}

#[test]
fn every_field_type_comes_down_to_the_standards_primitive() {
    let json = standard();
    for (standard, requires, ours, first) in field_types() {
        match primitive(&json, standard, requires) {
            Some(kind) => assert_eq!(format_code::lookup(first).map(|row| row.kind), Some(kind), "{ours}"),
            None => assert!(
                first == format_code::DESCRIBED || matches!(requires, Some("message-id" | "global-tx-id")),
                "{standard} {requires:?}"
            ),
        }
    }
}

/// A default of the standard as the tables write it.
fn default(ty: &str, value: &str) -> String {
    match (ty, value) {
        ("boolean", plain) => plain.to_string(),
        ("uint", "4294967295") => "u32::MAX".to_string(),
        ("ushort", "65535") => "Channel::MAX".to_string(),
        ("handle", "4294967295") => "Handle::MAX".to_string(),
        ("seconds", number) => format!("Seconds::new({number})"),
        (restricted, choice) => format!("{}::{}", pascal(restricted), pascal(choice)),
    }
}

#[test]
fn every_composite_is_the_standards() {
    let json = standard();
    let types = field_types();
    let mut ours = composites();
    for composite in rows(&json, "composite") {
        let name = match text(composite, "name") {
            // `AmqpError` alone would shadow every other error in a file.
            "error" => "AmqpError".into(),
            other => pascal(other),
        };
        let at = ours.iter().position(|row| row.0 == name).unwrap_or_else(|| panic!("no {name}"));
        let (_, section, symbol, code, fields) = ours.swap_remove(at);
        assert_eq!(composite["source"], "list", "{name}");
        assert_eq!(section, text(composite, "section"), "{name}");
        assert_eq!(symbol, text(&composite["descriptor"], "symbol"), "{name}");
        assert_eq!(Some(code), composite["descriptor"]["code_ulong"].as_u64(), "{name}");
        let expected: Vec<_> = composite["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| {
                let (ty, requires) = (text(field, "type"), field["requires"].as_str());
                let (.., token, _) = types
                    .iter()
                    .find(|row| row.0 == ty && row.1 == requires)
                    .unwrap_or_else(|| panic!("no type for {field}"));
                let flag = |key: &str| field[key].as_bool().unwrap();
                let presence = match (flag("mandatory"), flag("multiple"), field["default"].as_str()) {
                    (true, true, None) => "MandatoryMultiple".to_string(),
                    (true, false, None) => "Mandatory".to_string(),
                    (false, true, None) => "Multiple".to_string(),
                    (false, false, None) => "Optional".to_string(),
                    (false, false, Some(value)) => format!("Default({:?})", default(ty, value)),
                    other => panic!("{other:?} of {field}"),
                };
                (text(field, "name").replace('-', "_"), (*token).to_string(), presence)
            })
            .collect();
        let found: Vec<_> = fields
            .iter()
            .map(|field| {
                let boxed = field.ty.strip_prefix("Box<").and_then(|ty| ty.strip_suffix('>'));
                let ty = boxed.unwrap_or(field.ty).to_string();
                (field.name.to_string(), ty, format!("{:?}", field.presence))
            })
            .collect();
        assert_eq!(found, expected, "{name}");
    }
    assert_eq!(ours, [], "not in the standard");
}

/// The defaults above are tokens; these are their values.
#[test]
fn fields_left_out_take_their_defaults() {
    fn empty<T: codec::Decode>(bytes: &'static [u8]) -> T {
        codec::from_bytes(&Bytes::from_static(bytes), codec::DecodeLimits::DEFAULT).unwrap()
    }
    let open: Open = empty(b"\x00\x53\x10\xc0\x04\x01\xa1\x01c");
    assert_eq!(open, Open { container_id: "c".into(), ..Open::default() });
    assert_eq!((open.max_frame_size, open.channel_max.get()), (4_294_967_295, 65_535));
    assert_eq!(open.idle_time_out, None);
    let begin: Begin = empty(b"\x00\x53\x11\xc0\x05\x04\x40\x43\x43\x43");
    assert_eq!(begin.handle_max.get(), 4_294_967_295);
    let attach: Attach = empty(b"\x00\x53\x12\xc0\x05\x03\xa1\x00\x43\x41");
    assert_eq!(attach.snd_settle_mode, SenderSettleMode::Mixed);
    assert_eq!(attach.rcv_settle_mode, ReceiverSettleMode::First);
    let source: Source = empty(b"\x00\x53\x28\x45");
    assert_eq!((source.durable, source.timeout.get()), (TerminusDurability::None, 0));
    assert_eq!(source.expiry_policy, TerminusExpiryPolicy::SessionEnd);
    assert!(!source.dynamic);
}

#[test]
fn every_restricted_types_choices_are_the_standards() {
    fn choices<T>(table: &[(T, &'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        table.iter().map(|(_, name, value)| (*name, *value)).collect()
    }
    let json = standard();
    let ours = [
        ("role", choices(Role::CHOICES)),
        ("sender-settle-mode", choices(SenderSettleMode::CHOICES)),
        ("receiver-settle-mode", choices(ReceiverSettleMode::CHOICES)),
        ("error-condition", choices(ErrorCondition::CHOICES)),
        ("terminus-durability", choices(TerminusDurability::CHOICES)),
        ("terminus-expiry-policy", choices(TerminusExpiryPolicy::CHOICES)),
        ("std-dist-mode", choices(DistributionMode::CHOICES)),
        ("txn-capability", choices(TransactionCapability::CHOICES)),
        ("sasl-code", choices(SaslCode::CHOICES)),
    ];
    let mut expected: Vec<(&str, Vec<(String, &str)>)> = Vec::new();
    for restricted in rows(&json, "restricted") {
        let Some(standard) = restricted["choices"].as_array().filter(|choices| !choices.is_empty()) else {
            continue;
        };
        let name = text(restricted, "name");
        let renamed = |choice: &str| match (name, choice) {
            ("connection-error", "redirect") => "ConnectionRedirect".to_string(),
            ("link-error", "redirect") => "LinkRedirect".to_string(),
            ("transaction-error", "unknown-id") => "UnknownTransaction".to_string(),
            _ => pascal(choice),
        };
        let all = standard.iter().map(|choice| (renamed(text(choice, "name")), text(choice, "value")));
        // The five types of error conditions are one of ours.
        let conditions = restricted["provides"].as_array().unwrap().iter().any(|it| it == "error-condition");
        let key = if conditions { "error-condition" } else { name };
        match expected.iter_mut().find(|(known, _)| *known == key) {
            Some((_, choices)) => choices.extend(all),
            None => expected.push((key, all.collect())),
        }
    }
    assert_eq!(ours.len(), expected.len());
    for (name, choices) in ours {
        let (_, standard) = expected.iter().find(|(known, _)| *known == name).unwrap();
        let standard: Vec<_> = standard.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(choices, standard, "{name}");
    }
}

#[test]
fn every_archetypes_types_are_the_standards() {
    let json = standard();
    let archetypes = [
        ("frame", Performative::TYPES),
        ("delivery-state", DeliveryState::TYPES),
        ("outcome", Outcome::TYPES),
        ("target", TargetArchetype::TYPES),
        ("lifetime-policy", LifetimePolicy::TYPES),
        ("sasl-frame", SaslFrame::TYPES),
    ];
    let all = composites();
    for (archetype, ours) in archetypes {
        let standard = rows(&json["archetypes"], archetype);
        let names: Vec<_> = standard.iter().map(|name| pascal(name.as_str().unwrap())).collect();
        assert_eq!(ours.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), names, "{archetype}");
        for (name, code, symbol) in ours {
            let row = all.iter().find(|row| row.0 == *name).unwrap();
            assert_eq!((row.3, row.2), (*code, *symbol), "{name}");
        }
    }
    // The same lists from the other side, where the standard has them: `provides`.
    for composite in rows(&json, "composite") {
        for archetype in composite["provides"].as_array().unwrap() {
            let name = pascal(text(composite, "name"));
            let ours = archetypes.iter().find(|(known, _)| archetype == known).map(|(_, types)| *types);
            match (archetype.as_str().unwrap(), ours) {
                // A field that requires a source can hold a source alone; sections are not composites all.
                ("source", None) => assert_eq!(name, "Source"),
                ("section", None) => assert!(SECTIONS.iter().any(|row| pascal(row.0) == name), "{name}"),
                (_, Some(types)) => assert!(types.iter().any(|row| row.0 == name), "{name}"),
                (other, None) => panic!("no archetype {other}"),
            }
        }
    }
}

#[test]
fn every_section_is_the_standards() {
    let json = standard();
    let names: Vec<_> =
        rows(&json["archetypes"], "section").iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(SECTIONS.iter().map(|row| row.0).collect::<Vec<_>>(), names);
    let types = || rows(&json, "composite").iter().chain(rows(&json, "restricted"));
    for (name, code, symbol) in SECTIONS {
        let descriptor = &types().find(|row| row["name"] == *name).unwrap()["descriptor"];
        assert_eq!(descriptor["code_ulong"].as_u64(), Some(*code), "{name}");
        assert_eq!(text(descriptor, "symbol"), *symbol, "{name}");
    }
    // Every restricted type with a descriptor is a section.
    let described = rows(&json, "restricted").iter().filter(|row| row["descriptor"].is_object()).count();
    assert_eq!(described + 2, SECTIONS.len());
}

#[test]
fn every_constant_is_the_standards() {
    let json = standard();
    let constant = |name: &str| {
        rows(&json, "constants").iter().find(|row| row["name"] == name).unwrap()["value"].as_u64().unwrap()
    };
    assert_eq!(u64::from(MIN_MAX_FRAME_SIZE), constant("MIN-MAX-FRAME-SIZE"));
    assert_eq!(u64::from(PORT), constant("PORT"));
    assert_eq!(u64::from(SECURE_PORT), constant("SECURE-PORT"));
    assert_eq!([MAJOR, MINOR, REVISION].map(u64::from), ["MAJOR", "MINOR", "REVISION"].map(constant));
    assert_eq!(u64::from(MESSAGE_FORMAT.get()), constant("MESSAGE-FORMAT"));
}

#[test]
fn every_type_with_a_descriptor_is_listed() {
    let json = standard();
    let described = ["composite", "restricted"].into_iter().flat_map(|table| rows(&json, table));
    let mut expected: Vec<_> = described
        .filter(|row| row["descriptor"].is_object())
        .map(|row| (row["descriptor"]["code_ulong"].as_u64().unwrap(), text(&row["descriptor"], "symbol")))
        .collect();
    let mut ours: Vec<_> = DEFINED.iter().map(|(_, code, symbol)| (*code, *symbol)).collect();
    expected.sort_unstable();
    ours.sort_unstable();
    assert_eq!(ours, expected);
}
