//! Filters: the bytes of each in a source, and those in force in the peer's answer.

use crate::support::*;
use amqp_proto::{
    ReceiverConfig, SenderConfig, SessionConfig,
    codec::{Decode, DecodeLimits, Decoder, Encode, Encoder},
    extensions::filters::{
        ApplicationPropertiesFilter, EventPosition, Filter, FilterDescriptor, InForce, MissingReason,
        PropertiesFilter, StreamOffset, TextMatch, in_force, names,
    },
    message::{ApplicationProperties, Message, SimpleValue},
    spec::{
        messaging::MessageId,
        terminus::{FilterSet, Source},
    },
    types::{Array, Described, Kind, Map, Str, Symbol, Timestamp, Uuid, Value},
};
use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

fn encoded(value: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut Encoder::new(&mut bytes));
    bytes
}

fn symbol(text: &str) -> Vec<u8> {
    [&[0xa3, text.len() as u8], text.as_bytes()].concat()
}

/// The bytes of a value described by a code.
fn by_code(code: u64, value: Vec<u8>) -> Vec<u8> {
    let descriptor = match u8::try_from(code) {
        Ok(code) => vec![0x53, code],
        Err(_) => [&[0x80], &code.to_be_bytes()[..]].concat(),
    };
    [vec![0x00], descriptor, value].concat()
}

fn set_of(filters: impl IntoIterator<Item = Filter>) -> FilterSet {
    let mut source = Source::default();
    filters.into_iter().for_each(|filter| filter.add_to(&mut source));
    source.filter.unwrap_or_default()
}

/// The bytes of the filter set with one filter.
fn bytes_of(filter: impl Into<Filter>) -> Vec<u8> {
    encoded(&set_of([filter.into()]))
}

#[test]
fn filters_of_the_registry_have_their_codes_and_descriptors_as_keys() {
    let headers = ApplicationProperties::new().with("x-match", "all").with("n", 1_u32);
    let entries = map(&[string("x-match"), string("all"), string("n"), vec![0x52, 1]]);
    let cases = [
        (Filter::direct_binding("k"), "apache.org:legacy-amqp-direct-binding:string", 0, string("k")),
        (Filter::topic_binding("a.#"), "apache.org:legacy-amqp-topic-binding:string", 1, string("a.#")),
        (Filter::headers_binding(headers), "apache.org:legacy-amqp-headers-binding:map", 2, entries),
        (Filter::no_local(), "apache.org:no-local-filter:list", 3, list(&[])),
        (Filter::selector("a = 1"), "apache.org:selector-filter:string", 4, string("a = 1")),
    ];
    for (filter, name, code, value) in cases {
        let expected = map(&[symbol(name), by_code(0x0000_468C_0000_0000 + code, value)]);
        assert_eq!(bytes_of(filter), expected, "{name}");
    }
}

#[test]
fn selector_of_qpid_jms_has_a_key_of_its_own() {
    let expected = map(&[symbol("jms-selector"), by_code(0x0000_468C_0000_0004, string("a = 1"))]);
    assert_eq!(bytes_of(Filter::selector("a = 1").named(names::JMS_SELECTOR)), expected);
}

#[test]
fn filter_expressions_have_their_codes_and_the_modifiers_of_texts() {
    let properties = PropertiesFilter::new().subject(TextMatch::prefix("in")).group_sequence(7);
    let value = map(&[symbol("subject"), string("&p:in"), symbol("group-sequence"), vec![0x52, 7]]);
    assert_eq!(bytes_of(properties), map(&[symbol("amqp:properties-filter"), by_code(0x173, value)]));

    let properties = ApplicationPropertiesFilter::new()
        .text("region", TextMatch::suffix("-eu"))
        .value("mark", "&x")
        .value("tries", 3_u32);
    let value = map(&[
        string("region"),
        string("&s:-eu"),
        string("mark"),
        string("&&x"),
        string("tries"),
        vec![0x52, 3],
    ]);
    let expected = map(&[symbol("amqp:application-properties-filter"), by_code(0x174, value)]);
    assert_eq!(bytes_of(properties), expected);

    let expected = map(&[symbol("sql-filter"), by_code(0x120, string("a > 1"))]);
    assert_eq!(bytes_of(Filter::sql("a > 1")), expected);
}

/// The types are those that RabbitMQ's `rabbit_amqp_filter_prop.erl` demands.
#[test]
fn properties_are_wanted_under_their_names_and_in_their_types() {
    let time = Timestamp::from_millis(9);
    let properties = PropertiesFilter::new()
        .message_id("&id")
        .user_id(b"me")
        .to("t")
        .subject("s")
        .reply_to("r")
        .correlation_id(5_u64)
        .content_type(Symbol::from_static("text/plain"))
        .content_encoding(Symbol::from_static("gzip"))
        .absolute_expiry_time(time)
        .creation_time(time)
        .group_id("g")
        .group_sequence(1)
        .reply_to_group_id("h");
    let expected: [(&str, Value); 13] = [
        ("message-id", "&&id".into()),
        ("user-id", b"me".into()),
        ("to", "t".into()),
        ("subject", "s".into()),
        ("reply-to", "r".into()),
        ("correlation-id", 5_u64.into()),
        ("content-type", Symbol::from_static("text/plain").into()),
        ("content-encoding", Symbol::from_static("gzip").into()),
        ("absolute-expiry-time", time.into()),
        ("creation-time", time.into()),
        ("group-id", "g".into()),
        ("group-sequence", 1_u32.into()),
        ("reply-to-group-id", "h".into()),
    ];
    let found = properties.values().iter().map(|(name, value)| (name.as_str(), value.clone()));
    assert!(found.eq(expected));
}

#[test]
fn stream_filters_are_described_by_symbols() {
    let spec = "rabbitmq:stream-offset-spec";
    let cases = [
        (StreamOffset::First, string("first")),
        (StreamOffset::Last, string("last")),
        (StreamOffset::Next, string("next")),
        (StreamOffset::Offset(5), vec![0x55, 5]),
        (StreamOffset::Offset(u64::MAX), [&[0x80][..], &[0xff; 8]].concat()),
        (StreamOffset::Timestamp(Timestamp::from_millis(1)), vec![0x83, 0, 0, 0, 0, 0, 0, 0, 1]),
        (StreamOffset::Interval("10m".into()), string("10m")),
    ];
    let by_symbol = |name, value| map(&[symbol(name), [vec![0x00], symbol(name), value].concat()]);
    for (offset, value) in cases {
        assert_eq!(bytes_of(offset), by_symbol(spec, value));
    }
    let values = list(&[string("a"), string("b")]);
    assert_eq!(bytes_of(Filter::stream_filter(["a", "b"])), by_symbol("rabbitmq:stream-filter", values));
    let name = "rabbitmq:stream-match-unfiltered";
    assert_eq!(bytes_of(Filter::stream_match_unfiltered(true)), by_symbol(name, vec![0x41]));
}

#[test]
fn event_positions_are_the_selectors_of_the_sdks() {
    let time = Timestamp::from_millis(1_705_519_331_970);
    let offset = |offset: &'static str, inclusive| EventPosition::Offset { offset: offset.into(), inclusive };
    let sequence = |number, inclusive| EventPosition::Sequence { number, inclusive };
    let cases = [
        (EventPosition::Earliest, "x-opt-offset > '-1'"),
        (EventPosition::Latest, "x-opt-offset > '@latest'"),
        (offset("100", false), "x-opt-offset > '100'"),
        (offset("100", true), "x-opt-offset >= '100'"),
        (offset("a'b", false), "x-opt-offset > 'a''b'"),
        (sequence(7, false), "x-opt-sequence-number > '7'"),
        (sequence(7, true), "x-opt-sequence-number >= '7'"),
        (EventPosition::Enqueued(time), "x-opt-enqueued-time > '1705519331970'"),
    ];
    for (position, rest) in cases {
        let filter = Filter::from(position);
        assert_eq!(filter.selector_text(), Some(&*format!("amqp.annotation.{rest}")));
        assert_eq!(filter.name(), &names::SELECTOR);
    }
}

#[test]
fn text_with_a_modifier_that_is_not_known_is_not_read() {
    assert_eq!(TextMatch::parse("&"), None);
    assert_eq!(TextMatch::parse("&q:x"), None);
    assert_eq!(TextMatch::parse("&&"), Some("&".into()));
    assert_eq!(TextMatch::parse(""), Some("".into()));
}

#[test]
fn null_filter_and_one_of_a_reserved_type_are_not_read() {
    let reserved = Described::new("a string", "a = 1");
    let set = FilterSet::new().with(names::SELECTOR, Value::Null).with(names::NO_LOCAL, reserved);
    assert_eq!(Filter::read(Some(&set)), []);
    assert_eq!(Filter::read(None), []);
}

#[test]
fn stream_filters_are_read_in_the_forms_that_clients_write() {
    let array = Array::new(Kind::String, vec!["a".into(), "b".into()]).unwrap();
    let cases: [(Value, &[&str]); 4] = [
        ("a".into(), &["a"]),
        (Symbol::from_static("a").into(), &["a"]),
        (array.into(), &["a", "b"]),
        (7_u32.into(), &[]),
    ];
    for (value, expected) in cases {
        let set = FilterSet::new().with(names::STREAM_FILTER, value);
        assert_eq!(Filter::read(Some(&set))[0].stream_filter_values(), expected);
    }
    let offset = |value: Value| {
        let set = FilterSet::new().with(names::STREAM_OFFSET, value);
        StreamOffset::of(&Filter::read(Some(&set))[0])
    };
    assert_eq!(offset(Symbol::from_static("first").into()), Some(StreamOffset::First));
    assert_eq!(offset(7_u64.into()), Some(StreamOffset::Offset(7)));
    assert_eq!(offset(Value::Int(7)), Some(StreamOffset::Offset(7)));
    assert_eq!(offset(Value::Int(-7)), None);
    assert_eq!(offset(Value::Boolean(true)), None);
}

fn reasons(result: &InForce<'_>) -> Vec<MissingReason> {
    result.missing.iter().map(|missing| missing.reason).collect()
}

#[test]
fn answer_without_a_filter_set_has_none_in_force() {
    let asked = [Filter::selector("a = 1"), Filter::no_local()];
    let result = in_force(&asked, None);
    assert_eq!(result.in_force, Vec::<&Filter>::new());
    assert_eq!(reasons(&result), [MissingReason::Absent; 2]);
}

#[test]
fn filter_is_in_force_whatever_form_its_answer_has() {
    let selector = Filter::selector("a = 1");
    let by_symbol = FilterDescriptor::Name(names::SELECTOR);
    let jms = selector.clone().named(names::JMS_SELECTOR);
    let cases: [(&Filter, FilterSet); 5] = [
        (&selector, set_of([selector.clone()])),
        (&selector, set_of([Filter::new(names::SELECTOR, by_symbol, "a = 1")])),
        (&selector, FilterSet::new().with(names::SELECTOR, "a = 1")),
        (&selector, FilterSet::new().with(names::SELECTOR, Symbol::from_static("a = 1"))),
        // Asked for under a key of its own, and answered under the descriptor's.
        (&jms, set_of([selector.clone()])),
    ];
    for (asked, answered) in cases {
        let result = in_force(std::slice::from_ref(asked), Some(&answered));
        assert_eq!((result.in_force, result.missing.len(), result.added.len()), (vec![asked], 0, 0));
    }
}

#[test]
fn values_are_compared_by_their_meaning() {
    let asked = [
        PropertiesFilter::new().subject("s").group_sequence(7).into(),
        Filter::stream_filter(["a", "b"]),
        StreamOffset::Offset(7).into(),
    ];
    let array = Array::new(
        Kind::Symbol,
        vec![Value::Symbol("a".parse().unwrap()), Value::Symbol("b".parse().unwrap())],
    );
    let answered = FilterSet::new()
        .with(names::PROPERTIES, Map::<Str>::new().with("group-sequence", 7_u64).with("subject", "s"))
        .with(names::STREAM_FILTER, array.unwrap())
        .with(names::STREAM_OFFSET, 7_u64);
    let result = in_force(&asked, Some(&answered));
    assert_eq!((result.in_force.len(), reasons(&result)), (3, vec![]));
}

#[test]
fn filter_of_another_value_or_type_is_missing() {
    let asked =
        [Filter::selector("a = 1"), Filter::stream_filter(["a", "b"]), Filter::stream_match_unfiltered(true)];
    let other = Filter::new(names::SELECTOR, FilterDescriptor::Code(0x120), "a = 1");
    let answered = set_of([other, Filter::stream_filter(["a"]), Filter::stream_match_unfiltered(false)]);
    let result = in_force(&asked, Some(&answered));
    let expected = [MissingReason::OtherType, MissingReason::OtherValue, MissingReason::OtherValue];
    assert_eq!(reasons(&result), expected);
    let map = |name: &str| Map::<Str>::new().with(name, 1_u32);
    let asked = [Filter::new(names::PROPERTIES, FilterDescriptor::Code(0x173), map("a"))];
    let answered = FilterSet::new().with(names::PROPERTIES, map("b"));
    assert_eq!(reasons(&in_force(&asked, Some(&answered))), [MissingReason::OtherValue]);
}

/// Service Bus names the session that it has chosen, and leaves the descriptor out.
#[test]
fn null_value_that_was_asked_for_is_in_force_with_any_value() {
    const SESSION: Symbol = Symbol::from_static("com.microsoft:session-filter");
    let asked = [Filter::new(SESSION, FilterDescriptor::Code(0x0000_0137_0000_000C), Value::Null)];
    let expected =
        map(&[symbol("com.microsoft:session-filter"), by_code(0x0000_0137_0000_000C, NULL.into())]);
    assert_eq!(bytes_of(asked[0].clone()), expected);
    let answered = FilterSet::new().with(SESSION, "session-7");
    assert_eq!(in_force(&asked, Some(&answered)).in_force, [&asked[0]]);
    let nothing = FilterSet::new().with(SESSION, Value::Null);
    assert_eq!(reasons(&in_force(&asked, Some(&nothing))), [MissingReason::Absent]);
}

#[test]
fn filter_of_the_node_that_nobody_asked_for_is_reported() {
    let asked = [Filter::no_local()];
    let answered = set_of([Filter::selector("a = 1"), Filter::no_local()]);
    let result = in_force(&asked, Some(&answered));
    assert_eq!((result.in_force.len(), result.missing.len()), (1, 0));
    assert_eq!(result.added, [names::SELECTOR]);
}

/// Over two connections: the server answers with one of the two filters that the client asks for.
#[test]
fn filters_in_force_are_those_of_the_peers_attach() {
    use amqp_proto::{ConnectionConfig, Event, testing::Pair};
    let server = ConnectionConfig::server("server").auto_accept_sessions(true);
    let mut pair = Pair::new(ConnectionConfig::client("client"), server);
    pair.client.connection.open().unwrap();
    let session = pair.client.connection.begin(SessionConfig::new()).unwrap();
    let asked = [Filter::selector("a = 1"), Filter::no_local()];
    let mut source = Source::at("q");
    asked.iter().cloned().for_each(|filter| filter.add_to(&mut source));
    let config = ReceiverConfig::new().source(source);
    let receiver = pair.client.connection.session(session).unwrap().attach_receiver(config).unwrap();
    pair.run();
    let sender = pair.server.events().into_iter().find_map(|event| match event {
        Event::SenderRequested { sender, .. } => Some(sender),
        _ => None,
    });
    let sender = sender.unwrap();
    let server = &mut pair.server.connection;
    let mut source = *server.sender_ref(sender).unwrap().remote_attach().unwrap().source.unwrap();
    assert_eq!(Filter::read(source.filter.as_ref()), asked);
    source.filter.as_mut().unwrap().remove(&names::NO_LOCAL);
    server.accept_sender(sender, SenderConfig::new().source(source)).unwrap();
    pair.run();
    let attach = pair.client.connection.receiver_ref(receiver).unwrap().remote_attach().unwrap();
    let result = in_force(&asked, attach.source.as_ref().unwrap().filter.as_ref());
    assert_eq!(result.in_force, [&asked[0]]);
    assert_eq!(result.missing[0].filter, &asked[1]);
}

fn text_matches() -> impl Strategy<Value = TextMatch> {
    prop_oneof![
        any::<String>().prop_map(TextMatch::from),
        "&.*".prop_map(TextMatch::from),
        any::<String>().prop_map(TextMatch::prefix),
        any::<String>().prop_map(TextMatch::suffix),
    ]
}

fn message_ids() -> impl Strategy<Value = MessageId> {
    prop_oneof![
        any::<u64>().prop_map(MessageId::Ulong),
        any::<[u8; 16]>().prop_map(|bytes| MessageId::Uuid(Uuid::from_bytes(bytes))),
        any::<Vec<u8>>().prop_map(|bytes| MessageId::Binary(Bytes::from(bytes))),
        any::<String>().prop_map(|text| MessageId::String(text.into())),
    ]
}

fn properties() -> impl Strategy<Value = PropertiesFilter> {
    (text_matches(), message_ids(), any::<u32>(), any::<i64>()).prop_map(|(text, id, number, time)| {
        let properties = PropertiesFilter::new().message_id(id).to(text.clone()).group_id(text);
        properties.group_sequence(number).creation_time(Timestamp::from_millis(time))
    })
}

fn application_properties() -> impl Strategy<Value = ApplicationPropertiesFilter> {
    let value = prop_oneof![
        any::<String>().prop_map(SimpleValue::from),
        any::<i32>().prop_map(SimpleValue::from),
        any::<bool>().prop_map(SimpleValue::from),
    ];
    (any::<String>(), text_matches(), any::<String>(), value).prop_map(|(one, text, other, value)| {
        ApplicationPropertiesFilter::new().text(one, text).value(other, value)
    })
}

fn offsets() -> impl Strategy<Value = StreamOffset> {
    prop_oneof![
        Just(StreamOffset::First),
        Just(StreamOffset::Last),
        Just(StreamOffset::Next),
        any::<u64>().prop_map(StreamOffset::Offset),
        any::<i64>().prop_map(|millis| StreamOffset::Timestamp(Timestamp::from_millis(millis))),
        "[1-9][0-9]{0,3}[YMDhms]".prop_map(|text| StreamOffset::Interval(text.into())),
    ]
}

fn filters() -> impl Strategy<Value = Filter> {
    prop_oneof![
        any::<String>().prop_map(Filter::selector),
        any::<String>().prop_map(Filter::sql),
        any::<String>().prop_map(Filter::direct_binding),
        any::<String>().prop_map(Filter::topic_binding),
        any::<(String, u32)>().prop_map(|(name, value)| {
            Filter::headers_binding(ApplicationProperties::new().with(name, value))
        }),
        Just(Filter::no_local()),
        properties().prop_map(Filter::from),
        application_properties().prop_map(Filter::from),
        offsets().prop_map(Filter::from),
        vec(any::<String>(), 0..4).prop_map(Filter::stream_filter),
        any::<bool>().prop_map(Filter::stream_match_unfiltered),
    ]
}

proptest! {
    /// What was written is read back, and is in force.
    #[test]
    fn filters_of_a_source_are_read_back_from_its_bytes(asked in vec(filters(), 0..6)) {
        let mut source = Source::at("q");
        asked.iter().cloned().for_each(|filter| filter.add_to(&mut source));
        let bytes = Bytes::from(encoded(&source));
        let read = Source::decode(&mut Decoder::new(&bytes, DecodeLimits::default())).unwrap();
        prop_assert_eq!(&read.filter, &source.filter);
        let mut last: Vec<Filter> = Vec::new();
        for filter in asked {
            match last.iter_mut().find(|other| other.name() == filter.name()) {
                Some(present) => *present = filter,
                None => last.push(filter),
            }
        }
        prop_assert_eq!(&Filter::read(read.filter.as_ref()), &last);
        let result = in_force(&last, read.filter.as_ref());
        prop_assert!(result.missing.is_empty() && result.added.is_empty());
        prop_assert_eq!(result.in_force.len(), last.len());
    }

    #[test]
    fn typed_filters_are_read_back(
        offset in offsets(), properties in properties(), application in application_properties(), text in text_matches(),
    ) {
        prop_assert_eq!(StreamOffset::of(&offset.clone().into()), Some(offset));
        prop_assert_eq!(PropertiesFilter::of(&properties.clone().into()), Some(properties));
        prop_assert_eq!(ApplicationPropertiesFilter::of(&application.clone().into()), Some(application));
        prop_assert_eq!(TextMatch::parse(&text.to_expression()), Some(text));
    }
}

/// A value whose type is that of the property is wanted by itself, and by null.
#[test]
fn each_property_is_compared_with_its_own_value() {
    let time = Timestamp::from_millis(9);
    let message = Message::builder()
        .message_id("&id")
        .user_id(b"me")
        .to("to")
        .subject("subject")
        .reply_to("reply")
        .correlation_id(Uuid::from_bytes([7; 16]))
        .content_type(Symbol::from_static("text/plain"))
        .content_encoding(Symbol::from_static("gzip"))
        .absolute_expiry_time(time)
        .creation_time(time)
        .group_id("group")
        .group_sequence(1.into())
        .reply_to_group_id("other")
        .value("m");
    let message = Message::try_from(message.build()).unwrap();
    let empty = Message::try_from(Message::builder().value("m").build()).unwrap();
    let wanted = PropertiesFilter::new;
    let cases = [
        (wanted().message_id("&id"), wanted().message_id("id")),
        (wanted().user_id(b"me"), wanted().user_id(b"m")),
        (wanted().to("to"), wanted().to("t")),
        (wanted().subject(TextMatch::prefix("sub")), wanted().subject(TextMatch::suffix("sub"))),
        (wanted().reply_to(TextMatch::suffix("ply")), wanted().reply_to(TextMatch::prefix("ply"))),
        (wanted().correlation_id(Uuid::from_bytes([7; 16])), wanted().correlation_id(7_u64)),
        (
            wanted().content_type(Symbol::from_static("text/plain")),
            wanted().content_type(Symbol::from_static("text")),
        ),
        (
            wanted().content_encoding(Symbol::from_static("gzip")),
            wanted().content_encoding(Symbol::from_static("zip")),
        ),
        (wanted().absolute_expiry_time(time), wanted().absolute_expiry_time(Timestamp::MIN)),
        (wanted().creation_time(time), wanted().creation_time(Timestamp::MIN)),
        (wanted().group_id("group"), wanted().group_id("Group")),
        (wanted().group_sequence(1), wanted().group_sequence(2)),
        (wanted().reply_to_group_id("other"), wanted().reply_to_group_id("")),
    ];
    for (same, different) in cases {
        assert_eq!(same.matches(&message), Ok(true), "{same:?}");
        assert_eq!(different.matches(&message), Ok(false), "{different:?}");
        assert_eq!(same.matches(&empty), Ok(false), "{same:?}");
    }
    let both = wanted().to("to").group_sequence(2);
    assert_eq!(both.matches(&message), Ok(false));
    assert_eq!(wanted().matches(&empty), Ok(true));
}

#[test]
fn application_property_is_compared_by_its_value_and_must_be_there() {
    let matches = |wanted: Value, value: SimpleValue| {
        let filter = Filter::new(
            names::APPLICATION_PROPERTIES,
            FilterDescriptor::Code(0x174),
            Map::<Str>::new().with("p", wanted),
        );
        let properties = ApplicationProperties::new().with("p", value);
        let message = Message::builder().application_properties(&properties).value("m").build();
        let filter = ApplicationPropertiesFilter::of(&filter).unwrap();
        filter.matches(&Message::try_from(message).unwrap()).unwrap()
    };
    let double = |number: f64| SimpleValue::try_from(Value::from(number)).unwrap();
    assert!(matches(Value::Ubyte(3), 3_i64.into()));
    assert!(matches(Value::Long(-3), (-3_i32).into()));
    assert!(matches(Value::Int(3), double(3.0)));
    assert!(matches(3.5_f64.into(), double(3.5)));
    assert!(matches(3.5_f32.into(), double(3.5)));
    assert!(!matches(Value::Int(3), double(3.5)));
    assert!(!matches(Value::Int(3), 4_u8.into()));
    assert!(!matches(Value::Int(3), "3".into()));
    assert!(!matches(Value::Boolean(true), 1_u8.into()));
    assert!(matches(Value::Boolean(true), true.into()));
    assert!(matches("a".into(), "a".into()));
    assert!(matches("&p:a".into(), "ab".into()));
    // A modifier that is not known.
    assert!(!matches("&a".into(), "&a".into()));
    assert!(matches(Value::Null, "anything".into()));
    let without = Message::try_from(Message::builder().value("m").build()).unwrap();
    assert_eq!(ApplicationPropertiesFilter::new().value("p", SimpleValue::NULL).matches(&without), Ok(false));
}
