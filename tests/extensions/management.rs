//! Management: operations as bytes, answers in both spellings, results of queries, and the server's half.

use crate::support::*;
use amqp_proto::{
    extensions::{
        RequestConfig, RequestFailure, RequestId, Status, StatusError, StatusSpelling,
        management::{Entity, Management, ManagementEvent, NODE, Operation, QueryResult, Response},
    },
    message::{ApplicationProperties, Message, SimpleValue},
    types::{Array, Map, Str, Symbol, Value},
};
use proptest::{collection::vec, prelude::*};

fn attach(world: &mut World) -> Management {
    let session = world.session;
    let mut management = Management::attach(world.client(), session, NODE, RequestConfig::new("m")).unwrap();
    assert_eq!(world.turn(&mut management), []);
    assert!(matches!(management.poll_event(), Some(ManagementEvent::Ready)));
    management
}

fn call(world: &mut World, management: &mut Management, operation: &Operation) -> RequestId {
    let now = world.now();
    let id = management.call(now, world.client(), operation, None).unwrap();
    world.turn(management);
    id
}

/// The bytes of a request behind its properties.
fn encoded(operation: &Operation) -> Vec<u8> {
    operation.to_message().build().into_bytes().to_vec()
}

fn request(properties: &[&str], body: Vec<u8>) -> Vec<u8> {
    let texts: Vec<_> = properties.iter().map(|text| string(text)).collect();
    [section(0x74, map(&texts)), section(0x77, body)].concat()
}

const EMPTY_MAP: [u8; 3] = [0xc1, 0x01, 0x00];

#[test]
fn operations_on_an_entity_name_it_and_its_type() {
    let name = Entity::Name("q1");
    let of = |operation, by, entity| ["operation", operation, "type", "queue", by, entity];
    assert_eq!(
        encoded(&Operation::read("queue", name)),
        request(&of("READ", "name", "q1"), EMPTY_MAP.into())
    );
    let identity = Entity::Identity("7");
    let expected = request(&of("DELETE", "identity", "7"), EMPTY_MAP.into());
    assert_eq!(encoded(&Operation::delete("queue", identity)), expected);
    let attributes = Map::<Str>::new().with("depth", true);
    let body = map(&[string("depth"), vec![0x41]]);
    let create = Operation::create("queue", "q1", attributes.clone());
    assert_eq!(encoded(&create), request(&of("CREATE", "name", "q1"), body.clone()));
    let update = Operation::update("queue", name, attributes);
    assert_eq!(encoded(&update), request(&of("UPDATE", "name", "q1"), body));
}

#[test]
fn operations_on_the_node_are_on_self_and_name_the_type_asked_for() {
    let node = |operation| vec!["operation", operation, "type", "org.amqp.management", "name", "self"];
    let cases = [
        (Operation::types(None), "GET-TYPES"),
        (Operation::attributes(None), "GET-ATTRIBUTES"),
        (Operation::operations(None), "GET-OPERATIONS"),
        (Operation::annotations(None), "GET-ANNOTATIONS"),
        (Operation::nodes(), "GET-MGMT-NODES"),
    ];
    for (operation, name) in cases {
        assert_eq!(encoded(&operation), request(&node(name), EMPTY_MAP.into()));
    }
    let cases = [
        (Operation::types(Some("queue")), "GET-TYPES"),
        (Operation::attributes(Some("queue")), "GET-ATTRIBUTES"),
        (Operation::operations(Some("queue")), "GET-OPERATIONS"),
        (Operation::annotations(Some("queue")), "GET-ANNOTATIONS"),
    ];
    for (operation, name) in cases {
        let expected = [node(name), vec!["entityType", "queue"]].concat();
        assert_eq!(encoded(&operation), request(&expected, EMPTY_MAP.into()));
    }
    for (operation, name) in
        [(Operation::register("a"), "REGISTER"), (Operation::deregister("a"), "DEREGISTER")]
    {
        let expected = [node(name), vec!["address", "a"]].concat();
        assert_eq!(encoded(&operation), request(&expected, EMPTY_MAP.into()));
    }
}

#[test]
fn query_has_the_attribute_names_in_its_body_and_the_page_in_its_properties() {
    let node = ["operation", "QUERY", "type", "org.amqp.management", "name", "self", "entityType", "queue"];
    let body = map(&[string("attributeNames"), list(&[string("name"), string("depth")])]);
    let query = Operation::query(Some("queue"), ["name", "depth"]);
    assert_eq!(encoded(&query), request(&node, body));
    let all = Operation::query(Some("queue"), []);
    assert_eq!(encoded(&all), request(&node, map(&[string("attributeNames"), list(&[])])));
    let mut texts: Vec<_> = node.iter().map(|text| string(text)).collect();
    texts.extend([string("offset"), vec![0x52, 20], string("count"), vec![0x52, 10]]);
    let body = section(0x77, map(&[string("attributeNames"), list(&[])]));
    assert_eq!(encoded(&all.page(20, 10)), [section(0x74, map(&texts)), body].concat());
}

#[test]
fn operation_of_azure_has_its_own_name_properties_and_body() {
    let operation = Operation::new("com.microsoft:peek-message")
        .property("com.microsoft:server-timeout", 7_u32)
        .locales("en")
        .body(Map::<Str>::new().with("message-count", 1_i32));
    let properties = [
        string("operation"),
        string("com.microsoft:peek-message"),
        string("com.microsoft:server-timeout"),
        vec![0x52, 7],
        string("locales"),
        string("en"),
    ];
    let body = map(&[string("message-count"), vec![0x54, 1]]);
    assert_eq!(encoded(&operation), [section(0x74, map(&properties)), section(0x77, body)].concat());
}

#[test]
fn debug_of_an_operation_hides_its_values() {
    let operation = Operation::read("hub", Entity::Name("h"))
        .property("security_token", "hush-hush")
        .body(Map::<Str>::new().with("key", "hush-hush"));
    let shown = format!("{operation:?}");
    assert!(shown.contains("READ") && shown.contains("hub") && !shown.contains("hush"), "{shown}");
}

fn status_of(properties: &[(&str, Value)]) -> Result<Status, StatusError> {
    let properties: ApplicationProperties = properties
        .iter()
        .map(|(name, value)| (Str::from(*name), SimpleValue::try_from(value.clone()).unwrap()))
        .collect();
    let answer = Message::builder().application_properties(&properties).value(Value::Null).build();
    Status::read(&Message::try_from(answer).unwrap())
}

#[test]
fn status_is_read_in_both_spellings_and_with_integers_of_any_width() {
    let codes: [Value; 7] = [
        200_u8.into(),
        200_u16.into(),
        200_u32.into(),
        200_u64.into(),
        200_i16.into(),
        200_i32.into(),
        200_i64.into(),
    ];
    for code in codes {
        for name in ["statusCode", "status-code"] {
            assert_eq!(status_of(&[(name, code.clone())]), Ok(Status::new(200)), "{name} {code:?}");
        }
    }
    let full = Status::new(404).description("none").condition("amqp:not-found");
    for [code, description, condition] in [
        ["statusCode", "statusDescription", "errorCondition"],
        ["status-code", "status-description", "error-condition"],
        // As some nodes of Azure mix them.
        ["statusCode", "status-description", "errorCondition"],
    ] {
        for symbol in [Value::from("amqp:not-found"), Symbol::from_static("amqp:not-found").into()] {
            let properties = [(code, 404_i32.into()), (description, "none".into()), (condition, symbol)];
            assert_eq!(status_of(&properties), Ok(full.clone()));
        }
    }
}

#[test]
fn status_without_a_code_of_32_bits_is_an_error() {
    let wrong: [Value; 5] =
        ["200".into(), Value::Null, 2.5_f64.into(), (1_u64 << 31).into(), (-1_i64 << 32).into()];
    for code in wrong {
        assert_eq!(status_of(&[("statusCode", code)]), Err(StatusError::NoCode));
    }
    assert_eq!(status_of(&[]), Err(StatusError::NoCode));
    assert_eq!(status_of(&[("StatusCode", 200_i32.into())]), Err(StatusError::NoCode));
}

#[test]
fn success_is_a_code_from_200_to_299() {
    for (code, success) in [(199, false), (200, true), (202, true), (299, true), (300, false), (-200, false)]
    {
        assert_eq!(Status::new(code).is_success(), success, "{code}");
    }
}

#[test]
fn reply_is_correlated_and_written_in_the_spelling_asked_for() {
    let request = Message::builder().message_id("m-1").reply_to("client").value(Value::Null).build();
    let request = Message::try_from(request).unwrap();
    let status = Status::new(401).description("no").condition("amqp:unauthorized-access");
    let spellings = [
        (StatusSpelling::CamelCase, ["statusCode", "statusDescription", "errorCondition"]),
        (StatusSpelling::Hyphenated, ["status-code", "status-description", "error-condition"]),
    ];
    for (spelling, [code, description, condition]) in spellings {
        let reply = status.reply(&request, spelling).unwrap().value(Value::Null).build();
        let mut head = vec![NULL.to_vec(); 2];
        head.push(string("client"));
        head.extend(vec![NULL.to_vec(); 2]);
        head.push(string("m-1"));
        let properties = map(&[
            string(code),
            vec![0x71, 0, 0, 1, 0x91],
            string(description),
            string("no"),
            string(condition),
            string("amqp:unauthorized-access"),
        ]);
        let expected = [section(0x73, list(&head)), section(0x74, properties), section(0x77, NULL.into())];
        assert_eq!(reply.into_bytes(), expected.concat());
    }
}

#[test]
fn answers_are_read_with_their_status_and_body() {
    let mut world = World::new();
    let mut management = attach(&mut world);
    for spelling in [StatusSpelling::CamelCase, StatusSpelling::Hyphenated] {
        let id = call(&mut world, &mut management, &Operation::read("queue", Entity::Name("q")));
        let request = world.request(world.requests.len() - 1);
        let reply = Status::new(200).description("OK").reply(&request, spelling).unwrap();
        world.reply(reply.value(Map::<Str>::new().with("depth", 7_u32)));
        world.turn(&mut management);
        let Some(ManagementEvent::Answered { id: of, response }) = management.poll_event() else { panic!() };
        assert_eq!((of, response.status), (id, Status::new(200).description("OK")));
        let body = response.message.body_as::<Value>().unwrap();
        assert_eq!(body.as_map().unwrap().get("depth"), Some(&Value::Uint(7)));
    }
    assert!(management.poll_event().is_none());
}

#[test]
fn answer_without_a_status_is_malformed() {
    let mut world = World::new();
    let mut management = attach(&mut world);
    let id = call(&mut world, &mut management, &Operation::nodes());
    world.reply(Message::builder().correlation_id("m-1").value("!"));
    world.turn(&mut management);
    let event = management.poll_event();
    let Some(ManagementEvent::Failed { id: of, why }) = event else { panic!("{event:?}") };
    assert_eq!((of, why), (id, RequestFailure::Malformed));
}

#[test]
fn operation_without_an_answer_fails_at_its_deadline_and_at_the_end_of_the_links() {
    let mut world = World::new();
    let mut management = attach(&mut world);
    let late = call(&mut world, &mut management, &Operation::nodes());
    world.advance(&mut management, millis(29_999));
    assert!(management.poll_event().is_none());
    world.advance(&mut management, millis(1));
    let event = management.poll_event();
    let Some(ManagementEvent::Failed { id, why }) = event else { panic!("{event:?}") };
    assert_eq!((id, why), (late, RequestFailure::TimedOut));
    let lost = call(&mut world, &mut management, &Operation::nodes());
    management.close(world.client());
    let event = management.poll_event();
    let Some(ManagementEvent::Failed { id, why }) = event else { panic!("{event:?}") };
    assert_eq!((id, why), (lost, RequestFailure::LinkLost));
    assert!(matches!(management.poll_event(), Some(ManagementEvent::Closed { failure: None })));
}

#[test]
fn result_of_a_query_is_read_row_by_row_from_lists_and_arrays() {
    let names = ["name", "depth"];
    let rows = [vec!["a".into(), 1_u32.into()], vec!["b".into(), Value::Null], vec!["c".into()]];
    let as_array: Array = names.map(Str::from).into_iter().collect();
    let list_of_rows: Value = rows.iter().cloned().map(Value::List).collect();
    let bodies = [
        QueryResult::new(names, rows.clone()).to_value(),
        Map::<Str>::new().with("attributeNames", as_array).with("results", list_of_rows.clone()).into(),
        Map::<Symbol>::new()
            .with(Symbol::from_static("results"), list_of_rows)
            .with(Symbol::from_static("attributeNames"), names.into_iter().collect::<Value>())
            .into(),
    ];
    for body in bodies {
        let answer = Message::builder().application_property("statusCode", 200_i32).value(body).build();
        let result = Response::parse(answer).unwrap().query_result().unwrap();
        assert_eq!(result.attribute_names(), names);
        let read: Vec<_> =
            result.rows().map(|row| (row.get("name").cloned(), row.get("depth").cloned())).collect();
        let expected = [
            (Some("a".into()), Some(1_u32.into())),
            (Some("b".into()), Some(Value::Null)),
            (Some("c".into()), None),
        ];
        assert_eq!(read, expected);
        assert_eq!(result.rows().next().unwrap().get("other"), None);
        assert_eq!(result.rows().nth(2).unwrap().values(), ["c"]);
    }
}

#[test]
fn attribute_name_that_is_no_text_does_not_shift_the_others() {
    let body = Map::<Str>::new()
        .with("attributeNames", vec![Value::Uint(1), "depth".into()])
        .with("results", vec![Value::List(vec!["x".into(), 7_u32.into()])]);
    let result = QueryResult::from_value(body.into()).unwrap();
    assert_eq!(result.rows().next().unwrap().get("depth"), Some(&Value::Uint(7)));
}

#[test]
fn other_bodies_are_no_results_of_a_query() {
    let with = |results: Value| {
        Map::<Str>::new().with("attributeNames", vec![Value::from("name")]).with("results", results).into()
    };
    let bodies = [
        with(Value::Uint(1)),
        with(vec![Value::List(vec!["a row".into()]), "no row".into()].into()),
        Value::Null,
        Value::List(vec![]),
        Map::<Str>::new().with("results", Value::List(vec![])).into(),
        Map::<Str>::new().with("attributeNames", Value::List(vec![])).into(),
    ];
    for body in bodies {
        assert_eq!(QueryResult::from_value(body), None);
    }
}

#[test]
fn server_reads_the_operation_and_the_entity() {
    let read = |message: amqp_proto::frame::Payload| Operation::parse(&Message::try_from(message).unwrap());
    let parsed = read(Operation::read("queue", Entity::Name("q")).to_message().build()).unwrap().unwrap();
    assert_eq!((parsed.name(), parsed.entity_type()), ("READ", Some("queue")));
    assert_eq!(parsed.entity(), Some(Entity::Name("q")));
    // The working draft: with both, the identity counts.
    let both = Operation::new("READ").property("name", "q").property("identity", "7");
    assert_eq!(both.entity(), Some(Entity::Identity("7")));
    assert_eq!(Operation::new("READ").entity(), None);
    // Another form of body, and none of the other properties.
    let request = Message::builder().application_property("operation", "READ").data("").build();
    assert_eq!(read(request).unwrap().unwrap().body_value(), &Value::Binary(Default::default()));
    assert_eq!(read(Message::builder().value("?").build()), Ok(None));
    // As Azure's SDK for Python sends it.
    let bytes = |text: &'static str| bytes::Bytes::from(text);
    let binaries = Message::builder().application_property("operation", bytes("READ"));
    let binaries = binaries.application_property("type", bytes("queue")).value("").build();
    let parsed = read(binaries).unwrap().unwrap();
    assert_eq!((parsed.name(), parsed.entity_type()), ("READ", Some("queue")));
    let number = Message::builder().application_property("operation", 7_u32).value("?").build();
    assert_eq!(read(number), Ok(None));
    let malformed = b"\x00\x53\x74\xc1\x02\x02\xff".as_slice();
    assert!(
        Message::try_from(amqp_proto::frame::Payload::from(malformed))
            .map_or(true, |message| { Operation::parse(&message).is_err() })
    );
}

proptest! {
    #[test]
    fn operation_of_any_content_is_read_as_it_was_written(
        name in any::<String>(),
        properties in vec((any::<String>(), any::<Value>()), 0..5),
        body in any::<Value>(),
    ) {
        let mut operation = Operation::new(name.as_str()).body(body);
        for (key, value) in properties {
            if let (Ok(value), true) = (SimpleValue::try_from(value), key != "operation") {
                operation = operation.property(key, value);
            }
        }
        // Values nested deeper than readers take are not written as messages.
        if let Ok(payload) = operation.to_message().try_build() {
            let message = Message::try_from(payload).unwrap();
            prop_assert_eq!(Operation::parse(&message).unwrap().unwrap(), operation);
        }
    }

    #[test]
    fn query_result_of_any_rows_is_read_as_it_was_written(
        names in vec(any::<String>(), 0..5),
        rows in vec(vec(any::<Value>(), 0..5), 0..5),
    ) {
        let result = QueryResult::new(names, rows);
        prop_assert_eq!(QueryResult::from_value(result.to_value()), Some(result.clone()));
        if let Ok(payload) = Message::builder().application_property("statusCode", 200_i32).value(result.to_value()).try_build() {
            prop_assert_eq!(Response::parse(payload).unwrap().query_result(), Some(result));
        }
    }

    #[test]
    fn status_of_any_content_is_read_as_it_was_written(
        code in any::<i32>(),
        description in any::<Option<String>>(),
        condition in any::<Option<String>>(),
        hyphenated in any::<bool>(),
    ) {
        let mut status = Status::new(code);
        status.description = description.map(Str::from);
        status.condition = condition.map(Str::from);
        let request = Message::try_from(Message::builder().message_id(1_u64).value("?").build()).unwrap();
        let spelling = if hyphenated { StatusSpelling::Hyphenated } else { StatusSpelling::CamelCase };
        let reply = status.reply(&request, spelling).unwrap().value("!").build();
        prop_assert_eq!(Status::read(&Message::try_from(reply).unwrap()), Ok(status));
    }
}
