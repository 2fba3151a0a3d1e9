//! Lock tokens, outcomes, sessions, times and annotations of Service Bus and Event Hubs.

use crate::support::*;
use amqp_proto::{
    codec::to_vec,
    extensions::{
        azure::{
            BrokerProperties, DeadLettered, LockToken, MessageState, SessionFilter, abandon,
            accepted_session, complete, dead_letter, defer, iot_hub, locked_until, names, schedule_at,
            ticks_from_timestamp, timestamp_from_ticks, with_partition_key,
        },
        filters::{Filter, in_force},
    },
    message::Message,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::{DeliveryState, Rejected},
        terminus::{FilterSet, Source},
    },
    types::{DeliveryTag, Described, Fields, Symbol, Timestamp, Uuid, Value},
};
use proptest::prelude::*;
use std::sync::Arc;

/// In the order of a .NET GUID, the first three groups have their bytes in the other direction.
#[test]
fn lock_token_has_the_order_of_a_guid_on_the_wire() {
    let tag: [u8; 16] =
        [0x7b, 0xd1, 0x8f, 0x4d, 0x0e, 0x5a, 0x93, 0x4c, 0x8e, 0x21, 0x10, 0x32, 0x54, 0x76, 0x98, 0xba];
    let token = LockToken::of(&DeliveryTag::from(tag)).unwrap();
    assert_eq!(token.uuid().to_string(), "4d8fd17b-5a0e-4c93-8e21-1032547698ba");
    assert_eq!(DeliveryTag::from(token).as_bytes(), tag);
    for len in [0, 4, 15, 17, 32] {
        assert_eq!(LockToken::of(&DeliveryTag::new(&vec![1; len]).unwrap()), None, "{len}");
    }
}

fn symbol(text: &str) -> Vec<u8> {
    [&[0xa3, text.len() as u8], text.as_bytes()].concat()
}

const TRUE: u8 = 0x41;

#[test]
fn outcomes_are_those_that_service_bus_knows() {
    const ATTEMPT: Symbol = Symbol::from_static("attempt");
    let annotations = || Fields::new().with(ATTEMPT, 2_u32);
    let written = map(&[symbol("attempt"), vec![0x52, 2]]);
    let null = || NULL.to_vec();
    let cases = [
        (complete(), section(0x24, list(&[]))),
        (abandon(Fields::new()), section(0x27, list(&[vec![TRUE]]))),
        (abandon(annotations()), section(0x27, list(&[vec![TRUE], null(), written.clone()]))),
        (defer(Fields::new()), section(0x27, list(&[null(), vec![TRUE]]))),
        (defer(annotations()), section(0x27, list(&[null(), vec![TRUE], written]))),
    ];
    for (outcome, bytes) in cases {
        assert_eq!(to_vec(&outcome), bytes, "{outcome:?}");
    }
}

#[test]
fn dead_letter_is_rejected_with_a_reason_under_keys_that_are_symbols() {
    const ATTEMPT: Symbol = Symbol::from_static("attempt");
    let outcome = dead_letter("r", "d", Fields::new().with(ATTEMPT, 2_u32));
    let info = map(&[
        symbol("attempt"),
        vec![0x52, 2],
        symbol("DeadLetterReason"),
        string("r"),
        symbol("DeadLetterErrorDescription"),
        string("d"),
    ]);
    let error = section(0x1d, list(&[symbol("com.microsoft:dead-letter"), NULL.to_vec(), info]));
    assert_eq!(to_vec(&outcome), section(0x25, list(&[error])));
    let read = DeadLettered::of(&outcome).unwrap();
    assert_eq!((read.reason.as_deref(), read.description.as_deref()), (Some("r"), Some("d")));
}

#[test]
fn outcome_of_another_kind_is_no_dead_letter() {
    let rejected = |error| DeliveryState::Rejected(Arc::new(Rejected { error }));
    let others = [
        complete(),
        defer(Fields::new()),
        rejected(None),
        rejected(Some(AmqpError::new(ErrorCondition::InternalError))),
    ];
    for outcome in others {
        assert_eq!(DeadLettered::of(&outcome), None, "{outcome:?}");
    }
    let condition = ErrorCondition::Other(names::DEAD_LETTER);
    let bare = rejected(Some(AmqpError::new(condition)));
    assert_eq!(DeadLettered::of(&bare), Some(DeadLettered::default()));
}

#[test]
fn dead_lettered_message_has_its_reason_in_application_properties() {
    let read = |message: Message| DeadLettered::of_message(&message).unwrap();
    let message = |builder: amqp_proto::message::MessageBuilder| {
        Message::try_from(builder.value(Value::Null).build()).unwrap()
    };
    let builder = Message::builder()
        .application_property("DeadLetterReason", "MaxDeliveryCountExceeded")
        .application_property("DeadLetterErrorDescription", "too often");
    let dead = read(message(builder)).unwrap();
    assert_eq!(dead.reason.as_deref(), Some("MaxDeliveryCountExceeded"));
    assert_eq!(dead.description.as_deref(), Some("too often"));
    assert_eq!(read(message(Message::builder())), None);
    let number = Message::builder().application_property("DeadLetterReason", 7_u32);
    assert_eq!(read(message(number)), None);
}

#[test]
fn session_filter_is_described_by_the_code_of_service_bus() {
    let filter = |filter: SessionFilter| {
        let mut source = Source::at("q");
        Filter::from(filter).add_to(&mut source);
        to_vec(&source.filter.unwrap())
    };
    let described = |value: Vec<u8>| {
        let code = [&[0x00, 0x80][..], &0x0000_0137_0000_000C_u64.to_be_bytes(), &value].concat();
        map(&[symbol("com.microsoft:session-filter"), code])
    };
    assert_eq!(filter(SessionFilter::Named("s".into())), described(string("s")));
    assert_eq!(filter(SessionFilter::Next), described(NULL.to_vec()));
}

fn source_with(filter: impl Into<Value>) -> Source {
    Source { filter: Some(FilterSet::new().with(names::SESSION_FILTER, filter)), ..Source::at("q") }
}

#[test]
fn accepted_session_is_read_with_and_without_a_descriptor() {
    let code = 0x0000_0137_0000_000C_u64;
    let by_code = Value::from(Described::new(code, "s"));
    let by_name = Value::from(Described::new(names::SESSION_FILTER, "s"));
    for filter in [Value::from("s"), by_code, by_name] {
        assert_eq!(accepted_session(&source_with(filter)).as_deref(), Some("s"));
    }
    let other_type = Value::from(Described::new(1_u64, "s"));
    for filter in [Value::Null, 7.into(), Described::new(code, Value::Null).into(), other_type] {
        assert_eq!(accepted_session(&source_with(filter.clone())), None, "{filter:?}");
    }
    assert_eq!(accepted_session(&Source::at("q")), None);
    // The service's answer, undescribed, is what was asked for; that to a null is any session.
    for asked in [SessionFilter::Named("s".into()), SessionFilter::Next] {
        let asked = [Filter::from(asked)];
        let answered = source_with("s").filter;
        assert!(in_force(&asked, answered.as_ref()).missing.is_empty(), "{asked:?}");
    }
}

#[test]
fn server_reads_the_session_that_is_asked_for() {
    for filter in [SessionFilter::Named("s".into()), SessionFilter::Next] {
        let mut source = Source::at("q");
        Filter::from(filter.clone()).add_to(&mut source);
        assert_eq!(SessionFilter::of(&source), Some(filter));
    }
    assert_eq!(SessionFilter::of(&source_with("s")), Some(SessionFilter::Named("s".into())));
    for source in [Source::at("q"), source_with(Value::Null), source_with(7)] {
        assert_eq!(SessionFilter::of(&source), None, "{source:?}");
    }
}

/// The constants are those of .NET: `DateTime.UnixEpoch.Ticks` and `DateTime.MaxValue.Ticks`.
#[test]
fn ticks_are_converted_up_to_the_edges() {
    let cases = [
        (0, -62_135_596_800_000),
        (621_355_968_000_000_000, 0),
        (621_355_968_000_010_000, 1),
        (638_355_968_000_000_000, 1_700_000_000_000),
    ];
    for (ticks, millis) in cases {
        let time = Timestamp::from_millis(millis);
        assert_eq!(timestamp_from_ticks(ticks), time);
        assert_eq!(ticks_from_timestamp(time), Some(ticks));
    }
    // Parts of a millisecond are rounded down, before 1970 too.
    assert_eq!(timestamp_from_ticks(621_355_968_000_009_999), Timestamp::from_millis(0));
    assert_eq!(timestamp_from_ticks(621_355_967_999_999_999), Timestamp::from_millis(-1));
    assert_eq!(timestamp_from_ticks(3_155_378_975_999_999_999), Timestamp::from_millis(253_402_300_799_999));
    assert_eq!(timestamp_from_ticks(i64::MAX), Timestamp::from_millis(860_201_606_885_477));
    assert_eq!(timestamp_from_ticks(i64::MIN), Timestamp::from_millis(-984_472_800_485_478));
    assert_eq!(ticks_from_timestamp(Timestamp::from_millis(860_201_606_885_477)), Some(i64::MAX - 5807));
    assert_eq!(ticks_from_timestamp(Timestamp::from_millis(860_201_606_885_478)), None);
    assert_eq!(ticks_from_timestamp(Timestamp::from_millis(-984_472_800_485_477)), Some(i64::MIN + 5808));
    assert_eq!(ticks_from_timestamp(Timestamp::from_millis(-984_472_800_485_478)), None);
    assert_eq!((ticks_from_timestamp(Timestamp::MIN), ticks_from_timestamp(Timestamp::MAX)), (None, None));
}

#[test]
fn lock_of_a_session_ends_at_a_number_of_ticks() {
    let of = |value: Value| locked_until(&Fields::new().with(names::LOCKED_UNTIL_UTC, value));
    let end = Timestamp::from_millis(1_700_000_000_000);
    assert_eq!(of(Value::Long(638_355_968_000_000_000)), Some(end));
    assert_eq!(of(Value::Timestamp(end)), None);
    assert_eq!(locked_until(&Fields::new()), None);
}

#[test]
fn annotations_of_a_message_are_read_with_their_types() {
    let time = Timestamp::from_millis;
    let builder = with_partition_key(schedule_at(Message::builder(), time(3)), "k")
        .message_annotation(names::SEQUENCE_NUMBER, i64::MIN)
        .message_annotation(names::ENQUEUE_SEQUENCE_NUMBER, 8_i64)
        .message_annotation(names::ENQUEUED_TIME, time(1))
        .message_annotation(names::LOCKED_UNTIL, time(2))
        .message_annotation(names::VIA_PARTITION_KEY, "v")
        .message_annotation(names::OFFSET, "4096")
        .message_annotation(names::PUBLISHER, "p")
        .message_annotation(names::DEAD_LETTER_SOURCE, "q")
        .message_annotation(names::MESSAGE_STATE, 1_i32);
    let read = BrokerProperties::of(&Message::try_from(builder.data("x").build()).unwrap()).unwrap();
    assert_eq!((read.sequence_number, read.enqueue_sequence_number), (Some(i64::MIN), Some(8)));
    assert_eq!((read.enqueued_time, read.locked_until), (Some(time(1)), Some(time(2))));
    assert_eq!((read.scheduled_enqueue_time, read.state), (Some(time(3)), Some(MessageState::Deferred)));
    let texts =
        [read.partition_key, read.via_partition_key, read.offset, read.publisher, read.dead_letter_source];
    assert_eq!(texts.map(Option::unwrap), ["k", "v", "4096", "p", "q"]);
}

#[test]
fn annotation_of_another_type_is_left_out() {
    let builder = Message::builder()
        .message_annotation(names::SEQUENCE_NUMBER, u64::MAX)
        .message_annotation(names::ENQUEUED_TIME, 1_i64)
        .message_annotation(names::OFFSET, 7_i64)
        .message_annotation(names::MESSAGE_STATE, 3_i32);
    let read = BrokerProperties::of(&Message::try_from(builder.data("x").build()).unwrap()).unwrap();
    assert_eq!(read, BrokerProperties::default());
    for (state, code) in
        [(MessageState::Active, 0), (MessageState::Deferred, 1), (MessageState::Scheduled, 2)]
    {
        assert_eq!(state.code(), code);
        let builder = Message::builder().message_annotation(names::MESSAGE_STATE, code);
        let message = Message::try_from(builder.data("x").build()).unwrap();
        assert_eq!(BrokerProperties::of(&message).unwrap().state, Some(state));
    }
}

#[test]
fn names_are_those_of_the_service() {
    let names = [
        (names::TIMEOUT, "com.microsoft:timeout"),
        (names::EPOCH, "com.microsoft:epoch"),
        (names::RECEIVER_NAME, "com.microsoft:receiver-name"),
        (names::ENTITY_TYPE, "com.microsoft:entity-type"),
        (names::LOCKED_UNTIL_UTC, "com.microsoft:locked-until-utc"),
        (names::ENABLE_RECEIVER_RUNTIME_METRIC, "com.microsoft:enable-receiver-runtime-metric"),
        (names::SESSION_FILTER, "com.microsoft:session-filter"),
        (names::TRANSFER_DESTINATION_ADDRESS, "com.microsoft:transfer-destination-address"),
        (names::API_VERSION, "com.microsoft:api-version"),
        (names::CLIENT_VERSION, "com.microsoft:client-version"),
        (names::CHANNEL_CORRELATION_ID, "com.microsoft:channel-correlation-id"),
        (names::LOCKED_UNTIL, "x-opt-locked-until"),
        (names::SEQUENCE_NUMBER, "x-opt-sequence-number"),
        (names::ENQUEUED_TIME, "x-opt-enqueued-time"),
        (names::SCHEDULED_ENQUEUE_TIME, "x-opt-scheduled-enqueue-time"),
        (names::PARTITION_KEY, "x-opt-partition-key"),
        (names::VIA_PARTITION_KEY, "x-opt-via-partition-key"),
        (names::DEAD_LETTER_SOURCE, "x-opt-deadletter-source"),
        (names::MESSAGE_STATE, "x-opt-message-state"),
        (names::ENQUEUE_SEQUENCE_NUMBER, "x-opt-enqueue-sequence-number"),
        (names::OFFSET, "x-opt-offset"),
        (names::PUBLISHER, "x-opt-publisher"),
        (names::DEAD_LETTER, "com.microsoft:dead-letter"),
        (names::DEAD_LETTER_REASON, "DeadLetterReason"),
        (names::DEAD_LETTER_ERROR_DESCRIPTION, "DeadLetterErrorDescription"),
        (names::SESSION_CANNOT_BE_LOCKED, "com.microsoft:session-cannot-be-locked"),
        (names::MESSAGE_LOCK_LOST, "com.microsoft:message-lock-lost"),
        (names::SESSION_LOCK_LOST, "com.microsoft:session-lock-lost"),
        (names::SERVER_BUSY, "com.microsoft:server-busy"),
        (names::TIMED_OUT, "com.microsoft:timeout"),
        (names::ENTITY_DISABLED, "com.microsoft:entity-disabled"),
    ];
    for (name, text) in names {
        assert_eq!(name.as_str(), text);
    }
    assert_eq!(names::SERVER_TIMEOUT, "com.microsoft:server-timeout");
    assert_eq!(names::TRACKING_ID, "com.microsoft:tracking-id");
    assert_eq!(names::SECURITY_TOKEN, "security_token");
    assert_eq!((iot_hub::METHOD_NAME, iot_hub::METHOD_STATUS), ("IoThub-methodname", "IoThub-status"));
    assert_eq!(names::ASSOCIATED_LINK_NAME, "associated-link-name");
}

proptest! {
    #[test]
    fn lock_token_of_any_uuid_is_read_back(number in any::<u128>()) {
        let token = LockToken::from(Uuid::from_u128(number));
        prop_assert_eq!(LockToken::of(&token.into()), Some(token));
        prop_assert_eq!(token.uuid().to_u128(), number);
    }

    #[test]
    fn time_of_any_ticks_is_at_most_a_millisecond_before_them(ticks in any::<i64>()) {
        let time = timestamp_from_ticks(ticks);
        match ticks_from_timestamp(time) {
            Some(rounded) => prop_assert!(rounded <= ticks && ticks - rounded < 10_000),
            // Only the first millisecond of the range begins out of it.
            None => prop_assert!(ticks < i64::MIN + 10_000),
        }
    }

    #[test]
    fn dead_letter_of_any_text_is_read_back(reason in any::<String>(), description in any::<String>()) {
        let read = DeadLettered::of(&dead_letter(&reason, &description, Fields::new())).unwrap();
        prop_assert_eq!(read.reason.as_deref(), Some(&reason[..]));
        prop_assert_eq!(read.description.as_deref(), Some(&description[..]));
    }
}
