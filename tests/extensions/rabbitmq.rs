//! RabbitMQ 4: addresses, requests to `/management` as bytes, answers, sources and outcomes.
//!
//! The bytes are those of RabbitMQ's sources. Token refresh needs RabbitMQ 4.1, the active receiver 4.3: here they are
//! checked without a broker.

use crate::support::*;
use amqp_proto::{
    Connection, Event, Instant, ReceiverConfig, SendOptions,
    codec::{Encode, Encoder},
    extensions::{
        RequestConfig, RequestFailure, RequestId, StatusError,
        rabbitmq::{
            Address, Binding, ExchangeDeclaration, Management, ManagementEvent, Method, QueueDeclaration,
            RejectReason, RejectedBy, Request, Response, dead_letter, is_active, is_unroutable, names,
            requeue, stream_offset, vhost, volatile_queue,
        },
    },
    frame::Payload,
    message::Message,
    spec::{
        definitions::{AmqpError, ErrorCondition, SenderSettleMode},
        delivery_state::{DeliveryState, Rejected},
        terminus::Source,
    },
    types::{Array, Fields, Kind, Map, Str, Symbol, Timestamp, Value},
};
use core::time::Duration;
use proptest::prelude::*;
use std::sync::Arc;

impl Extension for Management {
    fn handle(&mut self, now: Instant, connection: &mut Connection, event: Event) -> Option<Event> {
        self.handle(now, connection, event)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }
    fn handle_timeout(&mut self, now: Instant, connection: &mut Connection) {
        self.handle_timeout(now, connection);
    }
}

#[test]
fn addresses_are_those_of_version_2_with_names_percent_encoded() {
    let cases = [
        (Address::queue("q"), "/queues/q"),
        (Address::queue("a/b c"), "/queues/a%2Fb%20c"),
        (Address::queue("\u{e9}"), "/queues/%C3%A9"),
        (Address::exchange("amq.fanout"), "/exchanges/amq.fanout"),
        (
            Address::exchange_key("amq.direct", "my-routing_key/123"),
            "/exchanges/amq.direct/my-routing_key%2F123",
        ),
        (Address::exchange_key("x", ""), "/exchanges/x"),
    ];
    for (address, text) in cases {
        assert_eq!(address.to_string(), text);
        assert_eq!(Address::parse(text), Some(address.clone()));
        assert_eq!(Str::from(address), text);
    }
    assert_eq!(vhost("tenant-1"), "vhost:tenant-1");
}

#[test]
fn address_of_another_form_is_not_read() {
    let malformed =
        ["/queues/%", "/queues/%4", "/queues/%zz", "/queues/%ff", "/queues/a/b", "/exchanges/x/a/b"];
    let others =
        ["", "q", "/queues/", "/exchanges/", "/exchanges//k", "/queue/q", "/exchange/x/k", "/topic/k"];
    for address in malformed.into_iter().chain(others) {
        assert_eq!(Address::parse(address), None, "{address}");
    }
    assert_eq!(Address::parse("/queues/a%2fb"), Some(Address::queue("a/b")));
}

const EMPTY_MAP: [u8; 3] = [0xc1, 0x01, 0x00];
const TRUE: u8 = 0x41;
const FALSE: u8 = 0x42;

/// The bytes of a request without a message-id and a `reply-to`.
fn request(method: &str, path: &str, body: Vec<u8>) -> Vec<u8> {
    let fields = [NULL.into(), NULL.into(), string(path), string(method)];
    [section(0x73, list(&fields)), section(0x77, body)].concat()
}

fn encoded(request: &Request) -> Vec<u8> {
    request.to_payload().into_bytes().to_vec()
}

#[test]
fn queues_are_declared_asked_for_purged_and_deleted() {
    let cases = [
        (Request::get_queue("a b"), "GET", "/queues/a%20b"),
        (Request::purge_queue("a b"), "DELETE", "/queues/a%20b/messages"),
        (Request::delete_queue("a b"), "DELETE", "/queues/a%20b"),
        (Request::delete_exchange("a/b"), "DELETE", "/exchanges/a%2Fb"),
    ];
    for (operation, method, path) in cases {
        assert_eq!(encoded(&operation), request(method, path, NULL.into()));
        assert_eq!((operation.method().name(), operation.path()), (method, path));
    }
    let queue = |[durable, exclusive, auto_delete]: [u8; 3], arguments: Vec<u8>| {
        map(&[
            string("durable"),
            vec![durable],
            string("exclusive"),
            vec![exclusive],
            string("auto_delete"),
            vec![auto_delete],
            string("arguments"),
            arguments,
        ])
    };
    let typed = |kind| map(&[string("x-queue-type"), string(kind)]);
    let limited = map(&[string("x-queue-type"), string("quorum"), string("x-max-length"), vec![0x55, 9]]);
    let private = QueueDeclaration::new().durable(false).exclusive(true).auto_delete(true);
    let cases = [
        (QueueDeclaration::new(), queue([TRUE, FALSE, FALSE], EMPTY_MAP.into())),
        (private, queue([FALSE, TRUE, TRUE], EMPTY_MAP.into())),
        (QueueDeclaration::classic(), queue([TRUE, FALSE, FALSE], typed("classic"))),
        (QueueDeclaration::stream(), queue([TRUE, FALSE, FALSE], typed("stream"))),
        (QueueDeclaration::quorum().argument("x-max-length", 9_i64), queue([TRUE, FALSE, FALSE], limited)),
    ];
    for (declaration, body) in cases {
        assert_eq!(encoded(&Request::declare_queue("q", &declaration)), request("PUT", "/queues/q", body));
    }
}

#[test]
fn exchange_is_declared_with_its_type() {
    let exchange = |[durable, auto_delete, internal]: [u8; 3], arguments: Vec<u8>| {
        map(&[
            string("type"),
            string("topic"),
            string("durable"),
            vec![durable],
            string("auto_delete"),
            vec![auto_delete],
            string("internal"),
            vec![internal],
            string("arguments"),
            arguments,
        ])
    };
    let topic = ExchangeDeclaration::new("topic");
    let other =
        topic.clone().durable(false).auto_delete(true).internal(true).argument("alternate-exchange", "y");
    let arguments = map(&[string("alternate-exchange"), string("y")]);
    let cases = [
        (topic, exchange([TRUE, FALSE, FALSE], EMPTY_MAP.into())),
        (other, exchange([FALSE, TRUE, TRUE], arguments)),
    ];
    for (declaration, body) in cases {
        let declare = Request::declare_exchange("x", &declaration);
        assert_eq!(encoded(&declare), request("PUT", "/exchanges/x", body));
    }
}

#[test]
fn bindings_are_added_with_their_destination_by_kind() {
    let body = |destination: &str, arguments: Vec<u8>| {
        map(&[
            string("source"),
            string("e/1"),
            string(destination),
            string("d"),
            string("binding_key"),
            string("k"),
            string("arguments"),
            arguments,
        ])
    };
    let queue = Binding::of_queue("e/1", "d", "k");
    let expected = request("POST", "/bindings", body("destination_queue", EMPTY_MAP.into()));
    assert_eq!(encoded(&Request::bind(&queue)), expected);
    let exchange = Binding::of_exchange("e/1", "d", "k").argument("x-match", "any");
    let arguments = map(&[string("x-match"), string("any")]);
    let expected = request("POST", "/bindings", body("destination_exchange", arguments));
    assert_eq!(encoded(&Request::bind(&exchange)), expected);
}

#[test]
fn binding_is_removed_by_its_parameters_or_by_its_location() {
    let unbind = |binding: &Binding| Request::unbind(binding).map(|request| encoded(&request));
    let binding = Binding::of_queue("e/1", "q;2", "k=3");
    let path = "/bindings/src=e%2F1;dstq=q%3B2;key=k%3D3;args=";
    assert_eq!(unbind(&binding), Some(request("DELETE", path, NULL.into())));
    let path = "/bindings/src=e1;dste=e2;key=;args=";
    assert_eq!(unbind(&Binding::of_exchange("e1", "e2", "")), Some(request("DELETE", path, NULL.into())));
    // The hash of the arguments is RabbitMQ's own.
    let mut with_arguments = binding.argument("a", 1_u32);
    assert_eq!(unbind(&with_arguments), None);
    with_arguments.location = Some("/bindings/src=e;dstq=q;key=k;args=AAAAAA".into());
    let expected = request("DELETE", "/bindings/src=e;dstq=q;key=k;args=AAAAAA", NULL.into());
    assert_eq!(unbind(&with_arguments), Some(expected));
    let path = "/bindings?src=e%2F1&dstq=q%3B2&key=k%3D3";
    let asked = Request::bindings(&with_arguments);
    assert_eq!(encoded(&asked), request("GET", path, NULL.into()));
}

#[test]
fn token_is_a_data_section_and_hidden_from_debug() {
    let fields = [NULL.into(), NULL.into(), string("/auth/tokens"), string("PUT")];
    let data = [vec![0xa0, 5], b"token".to_vec()].concat();
    let expected = [section(0x73, list(&fields)), section(0x75, data)].concat();
    let set_token = Request::set_token("token".as_bytes().to_vec());
    assert_eq!(encoded(&set_token), expected);
    assert_eq!(format!("{set_token:?}"), "Request { method: Put, path: \"/auth/tokens\", .. }");
}

fn answer(status: &str, body: impl Into<Value>) -> Payload {
    let answer = Message::builder().subject(status).application_property("http:response", "1.1");
    let body: Value = body.into();
    answer.value(body).build()
}

#[test]
fn answer_has_the_status_in_its_subject() {
    let response = Response::parse(answer("204", Value::Null)).unwrap();
    assert_eq!((response.status, response.is_success(), response.version), (204, true, Some("1.1".into())));
    let response = Response::parse(answer("409", "inequivalent arg")).unwrap();
    assert_eq!((response.is_success(), response.explanation()), (false, Some("inequivalent arg")));
    assert_eq!(Response::parse(answer("200", "a text")).unwrap().explanation(), None);
    for status in ["", "OK", "99", "600", "65536", "-1"] {
        assert_eq!(Response::parse(answer(status, Value::Null)), Err(StatusError::NoCode), "{status}");
    }
    let without = Message::builder().value(Value::Null).build();
    assert_eq!(Response::parse(without), Err(StatusError::NoCode));
}

#[test]
fn queue_info_has_the_entries_that_the_broker_writes() {
    let replicas = Array::new(Kind::String, vec!["rabbit@a".into(), "rabbit@b".into()]).unwrap();
    let body = Map::<Str>::new()
        .with("leader", "rabbit@a")
        .with("replicas", replicas)
        .with("message_count", 7_u64)
        .with("consumer_count", 2_u32)
        .with("name", "orders")
        .with("vhost", "/")
        .with("durable", true)
        .with("auto_delete", false)
        .with("exclusive", true)
        .with("type", "quorum")
        .with("arguments", Map::<Str>::new().with("x-queue-type", "quorum"));
    let info = Response::parse(answer("200", body)).unwrap().queue_info().unwrap();
    assert_eq!((&*info.name, &*info.vhost, &*info.kind), ("orders", "/", "quorum"));
    assert_eq!((info.durable, info.auto_delete, info.exclusive), (true, false, true));
    assert_eq!((info.message_count, info.consumer_count), (7, 2));
    assert_eq!(info.leader.as_deref(), Some("rabbit@a"));
    assert_eq!(info.replicas, ["rabbit@a", "rabbit@b"]);
    assert_eq!(info.arguments, Map::<Str>::new().with("x-queue-type", "quorum"));
}

#[test]
fn body_of_another_form_is_no_queue_info_and_no_count() {
    let without_name = Map::<Str>::new().with("message_count", -1_i32);
    let response = Response::parse(answer("200", without_name)).unwrap();
    assert_eq!((response.queue_info(), response.message_count()), (None, None));
    let response = Response::parse(answer("404", "no queue")).unwrap();
    assert_eq!((response.queue_info(), response.message_count(), response.bindings().len()), (None, None, 0));
}

#[test]
fn bindings_are_read_with_the_location_to_remove_them() {
    let location = "/bindings/src=e1;dstq=q2;key=k;args=AAAAAA";
    let binding = |destination: &'static str| {
        Map::<Str>::new()
            .with("source", "e1")
            .with(destination, "d")
            .with("binding_key", "k")
            .with("arguments", Map::<Str>::new().with("a", 1_u32))
            .with("location", location)
    };
    let without_destination = Map::<Str>::new().with("source", "e1");
    let body: Value = [binding("destination_queue"), binding("destination_exchange"), without_destination]
        .into_iter()
        .collect();
    let bindings = Response::parse(answer("200", body)).unwrap().bindings();
    let mut queue = Binding::of_queue("e1", "d", "k").argument("a", 1_u32);
    queue.location = Some(location.into());
    let mut exchange = Binding::of_exchange("e1", "d", "k").argument("a", 1_u32);
    exchange.location = Some(location.into());
    assert_eq!(bindings, [queue, exchange]);
    assert_eq!(Request::unbind(&bindings[0]).unwrap().path(), location);
}

fn attach(world: &mut World) -> Management {
    let session = world.session;
    let mut management = Management::attach(world.client(), session, RequestConfig::new("m")).unwrap();
    assert_eq!(world.turn(&mut management), []);
    assert_eq!(management.poll_event(), Some(ManagementEvent::Ready));
    management
}

fn call(world: &mut World, management: &mut Management, request: &Request) -> RequestId {
    let now = world.now();
    let id = management.call(now, world.client(), request, None).unwrap();
    world.turn(management);
    id
}

#[test]
fn request_over_the_pair_asks_for_its_answer_on_the_pair() {
    let mut world = World::new();
    let mut management = attach(&mut world);
    let (sender, receiver) = world.attaches();
    for attach in [sender.unwrap(), receiver.unwrap()] {
        assert_eq!(attach.name, "management-link-pair");
        assert_eq!(source_address(&attach).as_deref(), Some("/management"));
        assert_eq!(target_address(&attach).as_deref(), Some("/management"));
    }
    let id = call(&mut world, &mut management, &Request::get_queue("q"));
    let fields = [string("m-1"), NULL.into(), string("/queues/q"), string("GET"), string("$me")];
    let expected = [section(0x73, list(&fields)), section(0x77, NULL.into())].concat();
    assert_eq!(bytes(&world.requests[0]), expected);

    let body = Map::<Str>::new().with("name", "q");
    world.reply(Message::builder().correlation_id("m-1").subject("200").value(body));
    world.turn(&mut management);
    let Some(ManagementEvent::Answered { id: answered, response }) = management.poll_event() else {
        panic!()
    };
    assert_eq!((answered, response.status), (id, 200));
    assert_eq!(response.queue_info().unwrap().name, "q");

    let token = call(&mut world, &mut management, &Request::set_token("t".as_bytes().to_vec()));
    world.send(
        Message::builder().correlation_id("m-2").subject("204").value(Value::Null).build(),
        &SendOptions::new(),
    );
    world.turn(&mut management);
    let Some(ManagementEvent::Answered { id, response }) = management.poll_event() else { panic!() };
    assert_eq!((id, response.is_success()), (token, true));
}

#[test]
fn request_without_a_readable_answer_fails() {
    let mut world = World::new();
    let mut management = attach(&mut world);
    let malformed = call(&mut world, &mut management, &Request::new(Method::Get, "/x", Value::Null));
    world.reply(Message::builder().correlation_id("m-1").value("no status"));
    world.turn(&mut management);
    let why = RequestFailure::Malformed;
    assert_eq!(management.poll_event(), Some(ManagementEvent::Failed { id: malformed, why }));
    let late = call(&mut world, &mut management, &Request::purge_queue("q"));
    world.advance(&mut management, Duration::from_secs(30));
    let why = RequestFailure::TimedOut;
    assert_eq!(management.poll_event(), Some(ManagementEvent::Failed { id: late, why }));
    management.close(world.client());
    world.turn(&mut management);
    assert_eq!(management.poll_event(), Some(ManagementEvent::Closed { failure: None }));
}

/// The fields of the source that RabbitMQ's documentation of direct replies demands.
#[test]
fn volatile_queue_is_a_dynamic_source_that_ends_with_its_link() {
    let capability = [&[0xa3, 23][..], b"rabbitmq:volatile-queue"].concat();
    let expiry = [&[0xa3, 11][..], b"link-detach"].concat();
    let null = || NULL.to_vec();
    let fields =
        [null(), null(), expiry, null(), vec![TRUE], null(), null(), null(), null(), null(), capability];
    let mut bytes = Vec::new();
    let source: Source = volatile_queue();
    source.encode(&mut Encoder::new(&mut bytes));
    assert_eq!(bytes, section(0x28, list(&fields)));
}

fn rejected(error: Option<AmqpError>) -> DeliveryState {
    DeliveryState::Rejected(Arc::new(Rejected { error }))
}

#[test]
fn rejected_names_the_queue_and_the_reason() {
    let symbol = Symbol::from_static;
    let error = |reason: Value| {
        let mut error = AmqpError::described(ErrorCondition::ResourceLimitExceeded, "full");
        error.info = Some(Fields::new().with(symbol("queue"), "q").with(symbol("reason"), reason));
        RejectedBy::of(&rejected(Some(error))).unwrap()
    };
    let by = error(symbol("maxlen").into());
    assert_eq!((by.queue.as_deref(), by.description.as_deref()), (Some("q"), Some("full")));
    assert_eq!(
        (by.condition, by.reason),
        (Some(ErrorCondition::ResourceLimitExceeded), Some(RejectReason::MaxLength))
    );
    assert_eq!(error("unavailable".into()).reason, Some(RejectReason::Unavailable));
    assert_eq!(error("new".into()).reason, Some(RejectReason::Other("new".into())));
    assert_eq!(error(7_u32.into()).reason, None);
    let by = RejectedBy::of(&rejected(None)).unwrap();
    assert_eq!((by.queue, by.reason, by.condition, by.description), (None, None, None, None));
    assert_eq!(RejectedBy::of(&DeliveryState::RELEASED), None);
}

#[test]
fn only_released_is_unroutable() {
    assert!(is_unroutable(&DeliveryState::RELEASED));
    for state in [DeliveryState::ACCEPTED, rejected(None), requeue(Fields::new())] {
        assert!(!is_unroutable(&state), "{state:?}");
    }
}

#[test]
fn modified_puts_back_or_dead_letters() {
    let bytes_of = |state: DeliveryState| {
        let mut bytes = Vec::new();
        state.encode(&mut Encoder::new(&mut bytes));
        bytes
    };
    let time = [&[0x83][..], &[0; 7], &[5]].concat();
    let annotations = map(&[[&[0xa3, 19][..], b"x-opt-delivery-time"].concat(), time]);
    let later = Fields::new().with(names::DELIVERY_TIME, Timestamp::from_millis(5));
    let expected = section(0x27, list(&[NULL.into(), vec![FALSE], annotations]));
    assert_eq!(bytes_of(requeue(later)), expected);
    assert_eq!(bytes_of(dead_letter(Fields::new())), section(0x27, list(&[NULL.into(), vec![TRUE]])));
}

#[test]
fn stream_offset_of_a_message_is_its_annotation() {
    let offset = |value: Value| {
        let message = Message::builder().message_annotation(names::STREAM_OFFSET, &value).value("m").build();
        stream_offset(&Message::try_from(message).unwrap()).unwrap()
    };
    assert_eq!(offset(7_u64.into()), Some(7));
    assert_eq!(offset(7_i64.into()), Some(7));
    assert_eq!(offset(Value::Long(-7)), None);
    assert_eq!(offset("7".into()), None);
    let message = Message::builder().value("m").build();
    assert_eq!(stream_offset(&Message::try_from(message).unwrap()), Ok(None));
}

#[test]
fn receiver_is_active_by_a_boolean_of_the_flow() {
    let properties = |value: Value| Fields::new().with(names::ACTIVE, value);
    assert_eq!(is_active(&properties(true.into())), Some(true));
    assert_eq!(is_active(&properties(false.into())), Some(false));
    assert_eq!(is_active(&properties("true".into())), None);
}

/// A later RabbitMQ than 4.0, as a stub: the answer to the attach has the address for `reply-to`.
#[test]
fn volatile_queue_of_a_stub_has_the_address_for_replies() {
    let mut world = World::new();
    world.behaviour.dynamic = Some("/queues/amq.rabbitmq.reply-to.g1");
    let mut none = attach(&mut world);
    let session = world.session;
    let config = ReceiverConfig::new().source(volatile_queue()).snd_settle_mode(SenderSettleMode::Settled);
    let receiver = world.client().session(session).unwrap().attach_receiver(config).unwrap();
    world.client().receiver(receiver).unwrap().set_credit(1).unwrap();
    world.turn(&mut none);
    let attach = world.client().receiver_ref(receiver).unwrap().remote_attach().unwrap();
    let address = attach.source.and_then(|source| source.address).unwrap();
    assert_eq!(Address::parse(&address), Some(Address::queue("amq.rabbitmq.reply-to.g1")));
    world.send(Message::builder().data("reply").build(), &SendOptions::new().settled(true));
    let left = world.turn(&mut none);
    assert!(left.iter().any(|event| matches!(event, Event::Delivery { delivery, .. } if delivery.settled)));
}

/// RabbitMQ 4.3, as a stub: a flow says which receiver of a queue with a single active consumer is active.
#[test]
fn flows_of_a_stub_say_which_receiver_is_active() {
    let mut world = World::new();
    let mut none = attach(&mut world);
    let session = world.session;
    let config = ReceiverConfig::from(Address::queue("orders"));
    let receiver = world.client().session(session).unwrap().attach_receiver(config).unwrap();
    world.turn(&mut none);
    let state = |world: &mut World| {
        let properties = world.client().receiver_ref(receiver).unwrap().remote_flow_properties();
        properties.as_ref().and_then(is_active)
    };
    assert_eq!(state(&mut world), None);
    for active in [false, true] {
        let (sender, properties) = (world.replies.unwrap(), Fields::new().with(names::ACTIVE, active));
        world.server().sender(sender).unwrap().set_flow_properties(Some(properties)).unwrap();
        let left = world.turn(&mut none);
        assert!(left.contains(&Event::LinkProperties { link: receiver.into() }), "{left:?}");
        assert_eq!(state(&mut world), Some(active));
    }
}

proptest! {
    #[test]
    fn addresses_of_any_names_are_read_back(one in ".+", key in any::<String>()) {
        for address in [Address::queue(&*one), Address::exchange(&*one), Address::exchange_key(&*one, &*key)] {
            prop_assert_eq!(Address::parse(&address.to_string()), Some(address));
        }
    }

    /// The body of a request to bind is also that of an answer.
    #[test]
    fn bindings_of_any_names_are_read_back(
        source in any::<String>(), destination in any::<String>(), key in any::<String>(), to_queue: bool,
    ) {
        let binding = if to_queue {
            Binding::of_queue(source, destination, key)
        } else {
            Binding::of_exchange(source, destination, key)
        };
        let message = Message::try_from(Request::bind(&binding).to_payload()).unwrap();
        let body: Value = [message.body_as::<Value>().unwrap()].into_iter().collect();
        prop_assert_eq!(Response::parse(answer("200", body)).unwrap().bindings(), [binding]);
    }

    #[test]
    fn any_payload_is_an_answer_or_an_error(payload in any::<Vec<u8>>()) {
        if let Ok(response) = Response::parse(payload.into()) {
            prop_assert!((100..=599).contains(&response.status));
        }
    }
}
