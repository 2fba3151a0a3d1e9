//! Whatever is built reads back as it was; whatever is read in chunks reads as it does whole.

use super::{
    bytes,
    heads::{head_at_every_cut, same_head},
    in_chunks, see,
};
use amqp_proto::{
    message::{ApplicationProperties, Body, HeadParser, Message, ParseOptions, SimpleValue},
    spec::messaging::{Header, MessageId, Properties},
    types::{AnnotationKey, Annotations, Map, Milliseconds, SequenceNo, Str, Symbol, Timestamp, Uuid, Value},
};
use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*};

fn text() -> impl Strategy<Value = Str> {
    prop_oneof![8 => "\\PC{0,20}", 1 => "[a-z]{250,260}"].prop_map(Str::from)
}

fn symbol() -> impl Strategy<Value = Symbol> {
    "[a-z-]{0,12}".prop_map(|text| Symbol::try_from(text.as_str()).unwrap())
}

fn binary() -> impl Strategy<Value = Bytes> {
    prop_oneof![8 => vec(any::<u8>(), 0..20), 1 => vec(any::<u8>(), 250..260)].prop_map(Bytes::from)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u8>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<char>().prop_map(Value::from),
        any::<[u8; 16]>().prop_map(|bytes| Uuid::from_bytes(bytes).into()),
        text().prop_map(Value::from),
        symbol().prop_map(Value::from),
        binary().prop_map(Value::from),
    ]
}

fn map<K: Ord + core::fmt::Debug, V: core::fmt::Debug>(
    keys: impl Strategy<Value = K>,
    values: impl Strategy<Value = V>,
) -> impl Strategy<Value = Map<K, V>> {
    vec((keys, values), 0..6).prop_map(|pairs| {
        let mut map = Map::new();
        pairs.into_iter().for_each(|(key, value)| drop(map.insert(key, value)));
        map
    })
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            map(scalar(), inner).prop_map(Value::from),
        ]
    })
}

fn annotation_key() -> impl Strategy<Value = AnnotationKey> {
    prop_oneof![
        symbol().prop_map(AnnotationKey::Symbol),
        "[ab]".prop_map(|text| AnnotationKey::Symbol(Symbol::try_from(text.as_str()).unwrap())),
        any::<u64>().prop_map(AnnotationKey::Ulong),
        (0_u64..300).prop_map(AnnotationKey::Ulong),
        (0_u64..3).prop_map(AnnotationKey::Ulong),
    ]
}

fn annotations() -> impl Strategy<Value = Annotations> {
    map(annotation_key(), value())
}

fn application_properties() -> impl Strategy<Value = ApplicationProperties> {
    map(text(), scalar().prop_map(|value| SimpleValue::try_from(value).unwrap()))
}

fn header() -> impl Strategy<Value = Header> {
    let fields = (
        any::<Option<bool>>(),
        any::<Option<u8>>(),
        any::<Option<u32>>(),
        any::<Option<bool>>(),
        any::<Option<u32>>(),
    );
    fields.prop_map(|(durable, priority, ttl, first_acquirer, delivery_count)| Header {
        durable,
        priority,
        ttl: ttl.map(Milliseconds::new),
        first_acquirer,
        delivery_count,
    })
}

fn message_id() -> impl Strategy<Value = MessageId> {
    prop_oneof![
        any::<u64>().prop_map(MessageId::Ulong),
        any::<[u8; 16]>().prop_map(|bytes| MessageId::Uuid(Uuid::from_bytes(bytes))),
        binary().prop_map(MessageId::Binary),
        text().prop_map(MessageId::String),
    ]
}

fn properties() -> impl Strategy<Value = Properties> {
    let times = any::<(Option<i64>, Option<i64>, Option<u32>)>();
    (
        [option::of(message_id()), option::of(message_id())],
        option::of(binary()),
        vec(option::of(text()), 5),
        [option::of(symbol()), option::of(symbol())],
        times,
    )
        .prop_map(
            |([message_id, correlation_id], user_id, texts, [content_type, content_encoding], times)| {
                let mut texts = texts.into_iter();
                let mut next = || texts.next().flatten();
                Properties {
                    message_id,
                    user_id,
                    to: next(),
                    subject: next(),
                    reply_to: next(),
                    correlation_id,
                    content_type,
                    content_encoding,
                    absolute_expiry_time: times.0.map(Timestamp::from_millis),
                    creation_time: times.1.map(Timestamp::from_millis),
                    group_id: next(),
                    group_sequence: times.2.map(SequenceNo::new),
                    reply_to_group_id: next(),
                }
            },
        )
}

#[derive(Clone, Debug)]
enum Content {
    Data(Vec<Bytes>),
    Sequence(Vec<Vec<Value>>),
    Value(Value),
}

fn content() -> impl Strategy<Value = Content> {
    let data = prop_oneof![4 => binary(), 1 => vec(any::<u8>(), 1020..1030).prop_map(Bytes::from)];
    prop_oneof![
        vec(data, 1..4).prop_map(Content::Data),
        vec(vec(value(), 0..4), 1..4).prop_map(Content::Sequence),
        value().prop_map(Content::Value),
    ]
}

#[derive(Clone, Debug)]
struct Parts {
    header: Option<Header>,
    delivery: Annotations,
    message: Annotations,
    properties: Properties,
    application: ApplicationProperties,
    content: Content,
    footer: Annotations,
}

fn parts() -> impl Strategy<Value = Parts> {
    (
        option::of(header()),
        annotations(),
        annotations(),
        properties(),
        application_properties(),
        content(),
        annotations(),
    )
        .prop_map(|(header, delivery, message, properties, application, content, footer)| Parts {
            header,
            delivery,
            message,
            properties,
            application,
            content,
            footer,
        })
}

/// The payload, and the same message written to a buffer.
fn build(parts: &Parts) -> (amqp_proto::frame::Payload, Vec<u8>) {
    let mut builder = Message::builder()
        .delivery_annotations(&parts.delivery)
        .message_annotations(&parts.message)
        .properties(&parts.properties)
        .application_properties(&parts.application);
    if let Some(header) = &parts.header {
        builder = builder.header(header.clone());
    }
    for (key, value) in parts.footer.iter() {
        builder = builder.footer_entry(key.clone(), value);
    }
    let mut out = Vec::new();
    let payload = match &parts.content {
        Content::Data(sections) => {
            let mut sections = sections.iter().cloned();
            let mut builder = builder.data(sections.next().unwrap());
            for section in sections {
                builder = builder.data(section);
            }
            builder.encode_into(&mut out);
            builder.build()
        }
        Content::Sequence(sections) => {
            let mut builder = builder.sequence(&sections[0]);
            for section in &sections[1..] {
                builder = builder.sequence(section);
            }
            builder.encode_into(&mut out);
            builder.build()
        }
        Content::Value(value) => {
            let builder = builder.value(value);
            builder.encode_into(&mut out);
            builder.build()
        }
    };
    (payload, out)
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_built_reads_back(parts in parts()) {
        let (payload, out) = build(&parts);
        prop_assert_eq!(bytes(&payload), out);
        let message = Message::parse(payload, &ParseOptions::default()).unwrap();
        prop_assert_eq!(message.validate(), Ok(()));
        prop_assert_eq!(message.header().unwrap(), parts.header);
        prop_assert_eq!(message.delivery_annotations().unwrap().unwrap_or_default(), parts.delivery);
        prop_assert_eq!(message.message_annotations().unwrap().unwrap_or_default(), parts.message);
        let properties = message.properties().unwrap().unwrap_or_default();
        prop_assert_eq!(message.message_id().unwrap(), properties.message_id.clone());
        prop_assert_eq!(message.subject().unwrap(), properties.subject.clone());
        prop_assert_eq!(message.reply_to_group_id().unwrap(), properties.reply_to_group_id.clone());
        prop_assert_eq!(properties, parts.properties);
        for (name, value) in parts.application.iter() {
            let found = message.application_property(name).unwrap();
            prop_assert_eq!(found.as_ref(), Some(value));
        }
        prop_assert_eq!(message.application_properties().unwrap().unwrap_or_default(), parts.application);
        prop_assert_eq!(message.footer().unwrap().unwrap_or_default(), parts.footer);
        match (message.body().unwrap(), parts.content) {
            (Body::Data(data), Content::Data(sections)) => {
                prop_assert_eq!(bytes(&data), sections.concat());
                let read: Vec<_> = message.data_sections().map(|section| bytes(&section)).collect();
                prop_assert_eq!(read, sections);
            }
            (Body::Sequence(read), Content::Sequence(sections)) => prop_assert_eq!(read, sections),
            (Body::Value(read), Content::Value(value)) => prop_assert_eq!(read, value),
            (read, content) => prop_assert!(false, "{:?} for {:?}", read, content),
        }
    }

    #[test]
    fn forwarding_with_changes_keeps_the_bare_message(
        parts in parts(),
        key in annotation_key(),
        value in value(),
        sizes in vec(0_usize..200, 0..8),
    ) {
        let bytes_built = build(&parts).1;
        let message = Message::parse(in_chunks(&bytes_built, &sizes), &ParseOptions::default()).unwrap();
        let forward = message.forward().keep_delivery_annotations();
        let set = forward
            .clone()
            .delivery_annotation(key.clone(), &value)
            .message_annotation(key.clone(), &value)
            .footer_entry(key.clone(), &value);
        let dropped = forward
            .without_delivery_annotation(key.clone())
            .without_message_annotation(key.clone())
            .without_footer_entry(key.clone());
        for (forward, value) in [(set, Some(value)), (dropped, None)] {
            let next = Message::parse(forward.build().unwrap(), &ParseOptions::default()).unwrap();
            prop_assert_eq!(next.validate(), Ok(()));
            prop_assert_eq!(bytes(&next.bare_message()), &bytes_built[message.bare_message_range()]);
            prop_assert_eq!(next.header().unwrap(), parts.header.clone());
            for (before, after, entry) in [
                (&parts.delivery, next.delivery_annotations(), next.delivery_annotation(&key)),
                (&parts.message, next.message_annotations(), next.message_annotation(&key)),
                (&parts.footer, next.footer(), next.footer_entry(&key)),
            ] {
                prop_assert_eq!(entry.unwrap(), value.clone());
                let others = |map: &Annotations| {
                    map.iter().filter(|(k, _)| **k != key).map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>()
                };
                prop_assert_eq!(others(before), others(&after.unwrap().unwrap_or_default()));
            }
        }
    }

    #[test]
    fn single_entries_are_those_of_the_whole_section(parts in parts(), key in annotation_key()) {
        let message = Message::parse(build(&parts).0, &ParseOptions::default()).unwrap();
        let value_of = |map: &Annotations, key: &AnnotationKey| {
            map.iter().find(|(other, _)| *other == key).map(|(_, value)| value.clone())
        };
        let sections = [&parts.delivery, &parts.message, &parts.footer];
        let keys = sections.iter().flat_map(|map| map.iter().map(|(key, _)| key)).chain([&key]);
        for key in keys {
            prop_assert_eq!(message.delivery_annotation(key).unwrap(), value_of(&parts.delivery, key));
            prop_assert_eq!(message.message_annotation(key).unwrap(), value_of(&parts.message, key));
            prop_assert_eq!(message.footer_entry(key).unwrap(), value_of(&parts.footer, key));
        }
    }

    #[test]
    fn copy_is_the_message_without_what_belongs_to_the_delivery(parts in parts()) {
        let (payload, _) = build(&parts);
        let copy = Message::parse(payload, &ParseOptions::default()).unwrap().to_builder().unwrap();
        let expected = Parts { delivery: Annotations::new(), header: None, ..parts.clone() };
        let header = parts.header.unwrap_or_default();
        prop_assert_eq!(bytes(&copy.clone().without_header().build()), build(&expected).1);
        let copied = Message::parse(copy.build(), &ParseOptions::default()).unwrap();
        let kept = [copied.durable(), Ok(header.is_durable())];
        prop_assert_eq!(&kept[0], &kept[1]);
        prop_assert_eq!((copied.priority(), copied.ttl()), (Ok(header.priority_or_default()), Ok(header.ttl)));
        prop_assert_eq!((copied.first_acquirer(), copied.delivery_count()), (Ok(false), Ok(0)));
    }

    #[test]
    fn typed_body_is_the_body_joined(parts in parts(), sizes in vec(0_usize..200, 0..8)) {
        let encoded = build(&parts).1;
        let message = Message::parse(in_chunks(&encoded, &sizes), &ParseOptions::default()).unwrap();
        match &parts.content {
            Content::Data(sections) => {
                prop_assert_eq!(message.body_as::<Bytes>(), Ok(sections.concat().into()));
                prop_assert_eq!(message.body_as::<Vec<u8>>(), Ok(sections.concat()));
            }
            Content::Sequence(sections) => {
                prop_assert_eq!(message.body_as::<Vec<Value>>(), Ok(sections.concat()));
                let elements = message.sequence_elements::<Value>().collect::<Result<Vec<_>, _>>();
                prop_assert_eq!(elements, Ok(sections.concat()));
            }
            Content::Value(value) => prop_assert_eq!(message.body_as::<Value>(), Ok(value.clone())),
        }
    }

    /// What the head of a changed message is, or that it is malformed, does not depend on the cuts. Where it is
    /// malformed, so is the whole message, in the same way.
    #[test]
    fn head_of_changed_bytes_is_read_or_refused_alike_in_chunks(
        parts in parts(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        sizes in vec(0_usize..100, 0..8),
    ) {
        let mut encoded = build(&parts).1;
        for (index, byte) in changes {
            let at = index.index(encoded.len());
            encoded[at] = byte;
        }
        let options = ParseOptions { body_required: false, ..ParseOptions::default() };
        let mut parser = HeadParser::new(&options);
        let at_once = parser.push(encoded.clone()).map(|head| head.map(|head| (head.message.payload(), head.next)));
        let mut parser = HeadParser::new(&options);
        let payload = in_chunks(&encoded, &sizes);
        let pushed = payload.chunks().find_map(|chunk| parser.push(chunk.clone()).transpose());
        let cut = pushed.transpose().map(|head| head.map(|head| (head.message.payload(), head.next)));
        prop_assert_eq!(&cut, &at_once);
        match (at_once, Message::parse(encoded.clone(), &options)) {
            (Err(error), whole) => prop_assert_eq!(whole.map(|_| ()), Err(error)),
            (Ok(None), whole) => prop_assert_eq!(
                parser.finish().map(|head| head.message.payload()),
                whole.map(|whole| whole.payload())
            ),
            (Ok(Some(_)), Ok(whole)) => {
                let head = HeadParser::new(&options).push(encoded.clone()).unwrap().unwrap();
                same_head("a changed message", &head, &whole, &encoded);
            }
            (Ok(Some((head, _))), Err(error)) => prop_assert!(error.offset >= head.len()),
        }
    }

    #[test]
    fn chunks_make_no_difference(parts in parts(), sizes in vec(0_usize..200, 0..12)) {
        let bytes = build(&parts).1;
        let settings = ParseOptions::default();
        prop_assert_eq!(see(in_chunks(&bytes, &sizes), &settings), see(bytes, &settings));
    }

    #[test]
    fn changed_bytes_are_read_or_refused_alike_in_chunks(
        parts in parts(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        sizes in vec(0_usize..100, 0..8),
    ) {
        let mut bytes = build(&parts).1;
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let settings = ParseOptions { body_required: false, ..ParseOptions::default() };
        prop_assert_eq!(see(in_chunks(&bytes, &sizes), &settings), see(bytes, &settings));
    }

    #[test]
    fn any_bytes_after_a_descriptor_are_read_or_refused(
        kind in 0x6f_u8..0x7a,
        bytes in vec(prop_oneof![any::<u8>(), Just(0x00), Just(0x53), 0x70_u8..0x79, 0xc0_u8..0xc2], 0..40),
        sizes in vec(0_usize..10, 0..8),
    ) {
        let bytes = [&[0x00, 0x53, kind], &bytes[..]].concat();
        let settings = ParseOptions { body_required: false, ..ParseOptions::default() };
        prop_assert_eq!(see(in_chunks(&bytes, &sizes), &settings), see(bytes, &settings));
    }
}

proptest! {
    // Each case parses the message twice for each of its bytes.
    #![proptest_config(ProptestConfig { cases: 16, ..config() })]

    #[test]
    fn head_at_every_cut_is_that_of_the_whole_message(parts in parts()) {
        head_at_every_cut("a built message", &build(&parts).1, &ParseOptions::default());
    }
}
