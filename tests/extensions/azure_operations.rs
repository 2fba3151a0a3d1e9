//! Operations of Service Bus and Event Hubs: the bytes of requests, and answers.

use crate::support::*;
use amqp_proto::{
    extensions::{
        RequestConfig, Status, StatusSpelling,
        azure::{
            LockToken, names,
            operations::{
                CorrelationFilter, Disposition, EventHubProperties, MessageSessions, PartitionProperties,
                Rule, RuleFilter, ScheduleError, add_rule, cancel_scheduled, enumerate_rules, expiration,
                expirations, get_session_state, in_session, message_sessions, messages, peek, read_event_hub,
                read_partition, receive_deferred, remove_rule, renew_locks, renew_session_lock, rules,
                schedule, sequence_numbers, session_state, set_session_state, update_disposition,
            },
            schedule_at, service_bus, with_partition_key,
        },
        management::{Management, ManagementEvent, Operation, Response},
    },
    message::{Message, MessageBuilder},
    spec::definitions::ReceiverSettleMode,
    types::{Array, Described, Kind, Map, Str, Symbol, Timestamp, Uuid, Value},
};
use proptest::{collection::vec, prelude::*};

/// The bytes of a request, without a message-id and a `reply-to`.
fn encoded(operation: &Operation) -> Vec<u8> {
    operation.to_message().build().into_bytes().to_vec()
}

fn request(operation: &str, body: &[Vec<u8>]) -> Vec<u8> {
    let properties = map(&[string("operation"), string(&format!("com.microsoft:{operation}"))]);
    [section(0x74, properties), section(0x77, map(body))].concat()
}

/// An array in its short form: the size, the count and the code of the items before them.
fn array(code: u8, items: &[Vec<u8>]) -> Vec<u8> {
    let items_len = items.concat().len() as u8;
    [vec![0xe0, items_len + 2, items.len() as u8, code], items.concat()].concat()
}

fn long(number: i64) -> Vec<u8> {
    [&[0x81][..], &number.to_be_bytes()].concat()
}

fn timestamp(millis: i64) -> Vec<u8> {
    [&[0x83][..], &millis.to_be_bytes()].concat()
}

fn token(number: u128) -> LockToken {
    LockToken::from(Uuid::from_u128(number))
}

fn uuid(number: u128) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// Numbers in an array have no code of their own. Those of a byte have the short form.
fn numbers() -> Vec<u8> {
    array(0x55, &[vec![7], vec![8]])
}

#[test]
fn locks_are_renewed_by_an_array_of_uuids() {
    let tokens = array(0x98, &[uuid(7), uuid(u128::MAX)]);
    let expected = request("renew-lock", &[string("lock-tokens"), tokens]);
    assert_eq!(encoded(&renew_locks([token(7), token(u128::MAX)])), expected);
    let Some(Value::Array(empty)) =
        renew_locks([]).body_value().as_map().unwrap().get("lock-tokens").cloned()
    else {
        panic!("no array");
    };
    assert_eq!((empty.kind(), empty.items().len()), (Kind::Uuid, 0));
}

#[test]
fn messages_are_peeked_from_a_long_with_an_int() {
    let body = [string("from-sequence-number"), vec![0x55, 7], string("message-count"), vec![0x54, 10]];
    assert_eq!(encoded(&peek(7, 10)), request("peek-message", &body));
    let body = [
        string("from-sequence-number"),
        long(i64::MAX),
        string("message-count"),
        vec![0x54, 10],
        string("session-id"),
        string("s"),
    ];
    assert_eq!(encoded(&in_session(peek(i64::MAX, 10), "s")), request("peek-message", &body));
}

#[test]
fn deferred_messages_are_received_by_an_array_of_longs() {
    for (mode, code) in [(ReceiverSettleMode::First, 0), (ReceiverSettleMode::Second, 1)] {
        let body = [string("sequence-numbers"), numbers(), string("receiver-settle-mode"), vec![0x50, code]];
        let expected = request("receive-by-sequence-number", &body);
        assert_eq!(encoded(&receive_deferred([7, 8], mode)), expected);
    }
    let wide = array(0x81, &[7_i64.to_be_bytes().to_vec(), 256_i64.to_be_bytes().to_vec()]);
    let body = [string("sequence-numbers"), wide];
    assert_eq!(encoded(&cancel_scheduled([7, 256])), request("cancel-scheduled-message", &body));
}

#[test]
fn dispositions_have_the_names_of_the_service() {
    let tokens = || array(0x98, &[uuid(7)]);
    let of = |disposition| encoded(&update_disposition([token(7)], &disposition, Map::new()));
    let status = |text| vec![string("disposition-status"), string(text), string("lock-tokens"), tokens()];
    let cases = [
        (Disposition::Complete, "completed"),
        (Disposition::Abandon, "abandoned"),
        (Disposition::Defer, "defered"),
    ];
    for (disposition, text) in cases {
        assert_eq!(of(disposition), request("update-disposition", &status(text)));
    }
    let dead = Disposition::DeadLetter { reason: "r".into(), description: "d".into() };
    let mut body = status("suspended");
    body.extend([string("deadletter-reason"), string("r"), string("deadletter-description"), string("d")]);
    assert_eq!(of(dead.clone()), request("update-disposition", &body));
    body.extend([string("properties-to-modify"), map(&[string("p"), vec![0x52, 1]])]);
    let modified = update_disposition([token(7)], &dead, Map::new().with("p", 1_u32));
    assert_eq!(encoded(&modified), request("update-disposition", &body));
}

fn scheduled(builder: MessageBuilder) -> Message {
    Message::try_from(schedule_at(builder, Timestamp::from_millis(1)).data("x").build()).unwrap()
}

#[test]
fn scheduled_messages_are_a_list_of_maps_with_encoded_messages() {
    let first = scheduled(Message::builder().message_id("1"));
    let second =
        Message::builder().message_id("2").group_id("s").message_annotation(names::VIA_PARTITION_KEY, "v");
    let second = scheduled(with_partition_key(second, "k"));
    let binary = |message: &Message| {
        let bytes = message.payload().into_bytes().to_vec();
        [&[0xa0, bytes.len() as u8], &bytes[..]].concat()
    };
    let entry = map(&[string("message-id"), string("1"), string("message"), binary(&first)]);
    let body = [string("messages"), list(&[entry])];
    assert_eq!(encoded(&schedule([&first]).unwrap()), request("schedule-message", &body));
    let entry = map(&[
        string("message-id"),
        string("2"),
        string("session-id"),
        string("s"),
        string("partition-key"),
        string("k"),
        string("via-partition-key"),
        string("v"),
        string("message"),
        binary(&second),
    ]);
    let body = [string("messages"), list(&[entry])];
    assert!(map(&body).len() < 255, "the short forms");
    assert_eq!(encoded(&schedule([&second]).unwrap()), request("schedule-message", &body));
    let both = schedule([&first, &second]).unwrap();
    let entries = both.body_value().as_map().and_then(|body| body.get("messages")?.as_list()).unwrap();
    assert_eq!(entries.len(), 2);
}

#[test]
fn message_without_a_time_or_a_text_as_its_id_is_not_scheduled() {
    let without_time = Message::try_from(Message::builder().message_id("1").data("x").build()).unwrap();
    assert_eq!(schedule([&without_time]).unwrap_err(), ScheduleError::NoTime);
    for builder in [Message::builder(), Message::builder().message_id(7_u64)] {
        assert_eq!(schedule([&scheduled(builder)]).unwrap_err(), ScheduleError::NoMessageId);
    }
}

#[test]
fn sessions_are_asked_about_by_their_ids() {
    let session = [string("session-id"), string("s")];
    assert_eq!(encoded(&renew_session_lock("s")), request("renew-session-lock", &session));
    assert_eq!(encoded(&get_session_state("s")), request("get-session-state", &session));
    for (state, bytes) in [(None, NULL.to_vec()), (Some("ab".into()), vec![0xa0, 2, b'a', b'b'])] {
        let body = [&session[..], &[string("session-state"), bytes]].concat();
        assert_eq!(encoded(&set_session_state("s", state)), request("set-session-state", &body));
    }
    let body = [
        string("last-updated-time"),
        timestamp(9),
        string("skip"),
        vec![0x54, 2],
        string("top"),
        vec![0x54, 100],
    ];
    let operation = message_sessions(Timestamp::from_millis(9), 2, 100);
    assert_eq!(encoded(&operation), request("get-message-sessions", &body));
}

#[test]
fn rule_is_added_with_its_filter_and_action() {
    let expression = |text| map(&[string("expression"), string(text)]);
    let body = |filter: &[Vec<u8>; 2], action: Vec<u8>| {
        let name = [string("rule-name"), string("r")];
        let description = map(&[&filter[..], &[string("sql-rule-action"), action], &name].concat());
        request("add-rule", &[&name[..], &[string("rule-description"), description]].concat())
    };
    let sql = |text| [string("sql-filter"), expression(text)];
    let cases = [
        (RuleFilter::True, sql("1=1")),
        (RuleFilter::False, sql("1=0")),
        (RuleFilter::Sql("a > 1".into()), sql("a > 1")),
    ];
    for (filter, written) in cases {
        assert_eq!(encoded(&add_rule(&Rule::new("r", filter))), body(&written, NULL.into()));
    }
    let mut filter = CorrelationFilter::default();
    filter.label = Some("l".into());
    filter.session_id = Some("s".into());
    filter.properties.insert("p", 1_u32);
    let written = map(&[
        string("label"),
        string("l"),
        string("session-id"),
        string("s"),
        string("properties"),
        map(&[string("p"), vec![0x52, 1]]),
    ]);
    let rule = Rule::new("r", filter.into()).action("SET a = 1");
    let expected = body(&[string("correlation-filter"), written], expression("SET a = 1"));
    assert_eq!(encoded(&add_rule(&rule)), expected);

    let body = [string("rule-name"), string("r")];
    assert_eq!(encoded(&remove_rule("r")), request("remove-rule", &body));
    let body = [string("top"), vec![0x54, 100], string("skip"), vec![0x54, 2]];
    assert_eq!(encoded(&enumerate_rules(2, 100)), request("enumerate-rules", &body));
}

#[test]
fn event_hub_and_partition_are_read_by_name() {
    let request = |properties: &[&str]| {
        let properties: Vec<Vec<u8>> = properties.iter().map(|text| string(text)).collect();
        [section(0x74, map(&properties)), section(0x77, vec![0xc1, 0x01, 0x00])].concat()
    };
    let hub = ["operation", "READ", "type", "com.microsoft:eventhub", "name", "hub"];
    assert_eq!(encoded(&read_event_hub("hub")), request(&hub));
    let partition = ["operation", "READ", "type", "com.microsoft:partition", "name", "hub", "partition", "0"];
    assert_eq!(encoded(&read_partition("hub", "0")), request(&partition));
    let with_token = read_event_hub("hub").property(names::SECURITY_TOKEN, "t");
    assert_eq!(encoded(&with_token), request(&[&hub[..], &["security_token", "t"]].concat()));
}

fn answer(code: i32, body: impl Into<Value>) -> Response {
    let message = Message::builder().application_property("statusCode", code).value(body.into());
    Response::parse(message.build()).unwrap()
}

fn body() -> Map<Str> {
    Map::new()
}

/// An answer that no reader has a use for: an empty one, one without a body, one of other types.
fn others(keys: &[&'static str]) -> Vec<Response> {
    let mut wrong = body();
    keys.iter().for_each(|key| drop(wrong.insert(*key, 7)));
    vec![answer(204, Value::Null), answer(200, body()), answer(500, "a text"), answer(200, wrong)]
}

#[test]
fn numbers_and_times_are_read_from_arrays_and_lists() {
    let times = [1, 2].map(Timestamp::from_millis);
    let times_array: Array = times.into_iter().collect();
    let times_list: Value = times.into_iter().collect();
    for list in [Value::from(times_array), times_list] {
        assert_eq!(expirations(&answer(200, body().with("expirations", list))), times);
    }
    let numbers: Array = [7_i64, 300].into_iter().collect();
    for list in [Value::from(numbers), [7_i64, 300].into_iter().collect()] {
        assert_eq!(sequence_numbers(&answer(200, body().with("sequence-numbers", list))), [7, 300]);
    }
    for other in others(&["expirations", "sequence-numbers"]) {
        assert!(expirations(&other).is_empty() && sequence_numbers(&other).is_empty(), "{other:?}");
    }
    // Without the second, the third would be taken for it.
    let with_hole = Value::List(vec![times[0].into(), Value::Null, times[1].into()]);
    assert!(expirations(&answer(200, body().with("expirations", with_hole))).is_empty());
    let with_hole = Value::List(vec![7_i64.into(), Value::Null, 300_i64.into()]);
    assert!(sequence_numbers(&answer(200, body().with("sequence-numbers", with_hole))).is_empty());
}

#[test]
fn messages_of_an_answer_share_its_bytes() {
    let payload = Message::builder().message_id("1").data("x").build().into_bytes();
    let entry = || body().with("message", payload.clone());
    let entries = vec![
        Value::from(entry().with("lock-token", Uuid::from_u128(7))),
        body().with("other", 1).into(),
        entry().into(),
    ];
    let read = messages(&answer(200, body().with("messages", entries))).unwrap();
    let tokens: Vec<_> = read.iter().map(|received| received.lock_token).collect();
    assert_eq!(tokens, [Some(token(7)), None]);
    for received in &read {
        assert_eq!(received.message.payload().into_bytes(), payload);
    }
    // Keys may be symbols, and a message may have no body.
    let no_body = Message::builder().message_id("1").data("").build().into_bytes();
    let no_body = no_body.slice(..no_body.len() - 5);
    const MESSAGE: Symbol = Symbol::from_static("message");
    let by_symbol = Value::from(Map::<Symbol>::new().with(MESSAGE, no_body));
    let read = messages(&answer(200, body().with("messages", vec![by_symbol]))).unwrap();
    assert_eq!(read[0].message.body_kind(), None);
    for other in others(&["messages"]) {
        assert!(messages(&other).unwrap().is_empty(), "{other:?}");
    }
    let malformed = Value::from(body().with("message", vec![0x00_u8, 0x53]));
    assert!(messages(&answer(200, body().with("messages", vec![malformed]))).is_err());
}

#[test]
fn answers_about_sessions_are_read() {
    let end = Timestamp::from_millis(5);
    assert_eq!(expiration(&answer(200, body().with("expiration", end))), Some(end));
    let state = session_state(&answer(200, body().with("session-state", vec![1_u8, 2])));
    assert_eq!(state.as_deref(), Some(&[1, 2][..]));
    assert_eq!(session_state(&answer(200, body().with("session-state", Value::Null))), None);
    let ids: Array = ["a", "b"].map(Str::from).into_iter().collect();
    let page = MessageSessions::of(&answer(200, body().with("skip", 2).with("sessions-ids", ids)));
    assert_eq!((&page.ids[..], page.skip), (&["a".into(), "b".into()][..], 2));
    for other in others(&["expiration", "session-state", "sessions-ids"]) {
        assert_eq!((expiration(&other), session_state(&other)), (None, None), "{other:?}");
        assert_eq!(MessageSessions::of(&other), MessageSessions::default());
    }
}

/// The filters have a digit less in their codes than the rule has: 0x1370000006, but 0x13700000004.
#[test]
fn rules_are_read_by_the_codes_and_by_the_names_of_their_filters() {
    let described = |descriptor: Value, fields: Vec<Value>| Value::from(Described::new(descriptor, fields));
    let rule = |name: &str, filter: Value, action: Value| {
        let created = Value::from(Timestamp::from_millis(1));
        let fields = vec![filter, action, name.into(), created];
        Value::from(body().with("rule-description", described(0x137_0000_0004_u64.into(), fields)))
    };
    let none = || described(0x137_0000_0005_u64.into(), vec![]);
    let correlation = vec![
        "ci".into(),
        "mi".into(),
        "to".into(),
        "rt".into(),
        "l".into(),
        "s".into(),
        "rs".into(),
        "ct".into(),
        body().with("p", 1_u32).into(),
    ];
    let name = |text| Value::from(Symbol::from_static(text));
    let entries = vec![
        rule(
            "sql",
            described(0x13_7000_0006_u64.into(), vec!["a > 1".into(), 20.into()]),
            described(0x137_0000_0006_u64.into(), vec!["SET a = 1".into()]),
        ),
        rule("true", described(0x13_7000_0007_u64.into(), vec![]), none()),
        rule("false", described(0x13_7000_0008_u64.into(), vec![]), none()),
        rule("correlation", described(0x13_7000_0009_u64.into(), correlation), none()),
        rule("wide", described(0x137_0000_0007_u64.into(), vec![]), Value::Null),
        rule("named", described(name("com.microsoft:false-filter:list"), vec![]), none()),
        rule("unknown", described(0x13_7000_000a_u64.into(), vec![]), none()),
        rule("undescribed", "a > 1".into(), none()),
        7.into(),
    ];
    let read = rules(&answer(200, body().with("rules", entries)));
    let mut filter = CorrelationFilter::default();
    filter.correlation_id = Some("ci".into());
    filter.message_id = Some("mi".into());
    filter.to = Some("to".into());
    filter.reply_to = Some("rt".into());
    filter.label = Some("l".into());
    filter.session_id = Some("s".into());
    filter.reply_to_session_id = Some("rs".into());
    filter.content_type = Some("ct".into());
    filter.properties.insert("p", 1_u32);
    let expected = [
        Rule::new("sql", RuleFilter::Sql("a > 1".into())).action("SET a = 1"),
        Rule::new("true", RuleFilter::True),
        Rule::new("false", RuleFilter::False),
        Rule::new("correlation", filter.into()),
        Rule::new("wide", RuleFilter::True),
        Rule::new("named", RuleFilter::False),
    ];
    assert_eq!(read, expected);
    for other in others(&["rules"]) {
        assert!(rules(&other).is_empty(), "{other:?}");
    }
}

#[test]
fn properties_of_event_hubs_are_read() {
    let time = Timestamp::from_millis;
    let ids: Array = ["0", "1"].map(Str::from).into_iter().collect();
    let hub = body().with("name", "hub").with("created_at", time(1)).with("partition_count", 2);
    let hub = EventHubProperties::of(&answer(200, hub.with("partition_ids", ids))).unwrap();
    assert_eq!((hub.name.as_str(), hub.created_at), ("hub", Some(time(1))));
    assert_eq!(hub.partition_ids, ["0", "1"]);
    let partition = body()
        .with("name", "hub")
        .with("partition", "0")
        .with("begin_sequence_number", 7_i64)
        .with("last_enqueued_sequence_number", i64::MAX)
        .with("last_enqueued_offset", "4096")
        .with("last_enqueued_time_utc", time(2))
        .with("is_partition_empty", true);
    let read = PartitionProperties::of(&answer(200, partition)).unwrap();
    assert_eq!((read.hub.as_str(), read.id.as_str(), read.is_empty), ("hub", "0", true));
    let numbers = (read.begin_sequence_number, read.last_enqueued_sequence_number);
    assert_eq!(numbers, (Some(7), Some(i64::MAX)));
    assert_eq!(
        (read.last_enqueued_offset.as_deref(), read.last_enqueued_time),
        (Some("4096"), Some(time(2)))
    );
    for other in others(&["name", "partition"]) {
        assert_eq!((EventHubProperties::of(&other), PartitionProperties::of(&other)), (None, None));
    }
}

/// Over the wire, with a node that renews a lock.
#[test]
fn operation_is_answered_by_the_management_node_of_an_entity() {
    let mut world = World::new();
    let session = world.session;
    let node = service_bus::management("orders");
    let mut management = Management::attach(world.client(), session, node, RequestConfig::new("m")).unwrap();
    world.turn(&mut management);
    let operation = renew_locks([token(7)]).property(names::ASSOCIATED_LINK_NAME, "receiver-1");
    let (now, client) = (world.now(), &mut world.pair.client.connection);
    management.call(now, client, &operation, None).unwrap();
    world.turn(&mut management);
    let (requests, _) = world.attaches();
    assert_eq!(requests.as_ref().and_then(target_address).as_deref(), Some("orders/$management"));
    let request = world.request(0);
    let read = Operation::parse(&request).unwrap().unwrap();
    assert_eq!(read.name(), "com.microsoft:renew-lock");
    assert_eq!(
        read.properties().get("associated-link-name").and_then(|name| name.as_str()),
        Some("receiver-1")
    );
    let times: Array = [Timestamp::from_millis(9)].into_iter().collect();
    let reply = Status::new(200).reply(&request, StatusSpelling::CamelCase).unwrap();
    world.reply(reply.value(body().with("expirations", times)));
    world.turn(&mut management);
    let mut renewed = Vec::new();
    while let Some(event) = management.poll_event() {
        if let ManagementEvent::Answered { response, .. } = event {
            renewed.extend(expirations(&response));
        }
    }
    assert_eq!(renewed, [Timestamp::from_millis(9)]);
}

/// The request as the service reads it.
fn as_received(operation: &Operation) -> Operation {
    let message = Message::try_from(operation.to_message().build()).unwrap();
    Operation::parse(&message).unwrap().unwrap()
}

proptest! {
    #[test]
    fn arrays_of_any_numbers_and_tokens_are_read_back(
        numbers in vec(any::<i64>(), 0..20),
        tokens in vec(any::<u128>(), 0..20),
    ) {
        let received = as_received(&receive_deferred(numbers.clone(), ReceiverSettleMode::Second));
        let array = received.body_value().as_map().unwrap().get("sequence-numbers").unwrap().clone();
        prop_assert_eq!(array.as_array().map(Array::kind), Some(Kind::Long));
        prop_assert_eq!(sequence_numbers(&answer(200, body().with("sequence-numbers", array))), numbers);

        let received = as_received(&renew_locks(tokens.iter().copied().map(token)));
        let array = received.body_value().as_map().unwrap().get("lock-tokens").unwrap().clone();
        prop_assert_eq!(array.as_array().map(Array::kind), Some(Kind::Uuid));
        let read: Vec<_> = array.as_array().unwrap().items().iter().filter_map(Value::as_uuid).collect();
        prop_assert_eq!(read.into_iter().map(Uuid::to_u128).collect::<Vec<_>>(), tokens);
    }

    #[test]
    fn body_of_any_operation_is_read_back(
        text in any::<String>(),
        other in any::<String>(),
        number in any::<i64>(),
        count in any::<i32>(),
    ) {
        let mut filter = CorrelationFilter::default();
        filter.to = Some(other.clone().into());
        filter.properties.insert(text.clone(), number);
        let dead = Disposition::DeadLetter { reason: text.clone().into(), description: other.clone().into() };
        let operations = [
            in_session(peek(number, count), &text),
            update_disposition([token(7)], &dead, Map::new().with(text.clone(), number)),
            set_session_state(&text, Some(other.clone().into_bytes().into())),
            message_sessions(Timestamp::from_millis(number), count, count),
            add_rule(&Rule::new(text.clone(), filter.into()).action(other)),
            schedule([&scheduled(Message::builder().message_id(text.as_str()).group_id(&text))]).unwrap(),
            read_partition(&text, &text),
        ];
        for operation in operations {
            prop_assert_eq!(as_received(&operation), operation);
        }
    }
}
