//! The broker as clients of Azure use it: batches, dead letters, deferred and scheduled messages, event hubs.

use std::time::SystemTime;

use amqp_proto::{
    CreditPolicy, Delivery, DeliveryId, Event, ReceiverConfig, ReceiverId, SendOptions, SenderConfig,
    SessionId,
    extensions::{
        RequestConfig,
        azure::{batch::Batch, names},
        cbs::{Cbs, CbsConfig, CbsEvent, CbsForm, Token},
        filters::{EventPosition, Filter},
        management::{Entity, Management, ManagementEvent, Operation, QueryResult},
    },
    frame::Payload,
    message::{Message, ParseOptions},
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode},
        delivery_state::{DeliveryState, Modified},
        terminus::Source,
    },
    types::{Array, Fields, Map, Str, Symbol, Timestamp, Uuid, Value},
};

use bytes::Bytes;

use crate::support::*;

/// Connects a client that has put a token, as those of Azure do first.
pub(crate) fn client(broker: &Broker) -> (End, SessionId) {
    let (mut end, session) = End::client(broker);
    let config = CbsConfig::new("test").form(CbsForm::PutToken);
    let mut cbs = Cbs::attach(&mut end.connection, session, config).unwrap();
    let mut is_put = false;
    loop {
        let now = end.now();
        match cbs.poll_event() {
            Some(CbsEvent::Ready) => {
                cbs.put(now, &mut end.connection, Token::jwt("q", "t")).map(drop).unwrap()
            }
            Some(CbsEvent::Granted { .. }) => is_put = true,
            Some(event) => panic!("{event:?}"),
            None if is_put => return (end, session),
            None => {
                let event = end.event().expect("the connection is open");
                cbs.handle(now, &mut end.connection, event);
            }
        }
    }
}

/// A management node of a queue.
struct Manager(Management);

impl Manager {
    fn attach(end: &mut End, session: SessionId, node: &str) -> Self {
        let config = RequestConfig::new(format!("test-{node}"));
        let mut management = Management::attach(&mut end.connection, session, node, config).unwrap();
        while management.poll_event().is_none() {
            let event = end.event().expect("the connection is open");
            let now = end.now();
            management.handle(now, &mut end.connection, event);
        }
        Self(management)
    }

    /// Asks for an operation. Returns its code and its body.
    fn call(&mut self, end: &mut End, operation: &Operation) -> (i32, Value) {
        let now = end.now();
        self.0.call(now, &mut end.connection, operation, None).unwrap();
        loop {
            match self.0.poll_event() {
                Some(ManagementEvent::Answered { response, .. }) => {
                    return (response.status.code, response.message.body_as().unwrap());
                }
                Some(event) => panic!("{event:?}"),
                None => {
                    let event = end.event().expect("the connection is open");
                    let now = end.now();
                    self.0.handle(now, &mut end.connection, event);
                }
            }
        }
    }

    fn ask(&mut self, end: &mut End, name: &str, body: Map<Str>) -> (i32, Value) {
        self.call(end, &Operation::new(format!("com.microsoft:{name}")).body(body))
    }
}

pub(crate) fn longs(numbers: &[i64]) -> Array {
    numbers.iter().copied().collect()
}

fn get<'a>(body: &'a Value, name: &str) -> &'a Value {
    let map = body.as_map().unwrap_or_else(|| panic!("{body:?}"));
    map.get(&Value::from(name)).unwrap_or_else(|| panic!("no {name} in {body:?}"))
}

/// Returns the messages of an answer, with their lock tokens.
fn messages(body: &Value) -> Vec<(Message, Option<Uuid>)> {
    let entry = |entry: &Value| {
        let Value::Binary(message) = get(entry, "message") else { panic!("{entry:?}") };
        let token = entry.as_map().unwrap().get(&Value::from("lock-token")).and_then(Value::as_uuid);
        (Message::parse(message.clone(), &ParseOptions::default()).unwrap(), token)
    };
    get(body, "messages").as_list().unwrap().iter().map(entry).collect()
}

fn number(message: &Message) -> i64 {
    message.message_annotation(&names::SEQUENCE_NUMBER).unwrap().unwrap().as_i64().unwrap()
}

fn text(body: &str) -> Payload {
    Message::builder().message_id("an id").data(body.to_owned()).build()
}

/// Sends a message. Returns its outcome.
fn send(
    end: &mut End,
    session: SessionId,
    address: &str,
    payload: Payload,
    options: &SendOptions,
) -> DeliveryState {
    let sender = end.sender(session, SenderConfig::to(address));
    let sent = end.connection.sender(sender).unwrap().send_with(1_u32, payload, options).unwrap();
    let state = end.until(|event| match event {
        Event::DeliverySettled { first, last, state, .. } if (*first..=*last).contains(&sent) => {
            state.clone()
        }
        _ => None,
    });
    end.connection.sender(sender).unwrap().close(None).unwrap();
    state
}

fn send_text(end: &mut End, session: SessionId, body: &str) {
    let state = send(end, session, "q", text(body), &SendOptions::new());
    assert!(matches!(state, DeliveryState::Accepted(_)), "{state:?}");
}

/// Attaches a receiver as Azure's clients do.
pub(crate) fn receiver(end: &mut End, session: SessionId, address: &str) -> ReceiverId {
    let config = ReceiverConfig::from(address).rcv_settle_mode(ReceiverSettleMode::Second);
    end.receiver(session, config.credit(CreditPolicy::Manual))
}

fn take(end: &mut End, receiver: ReceiverId) -> (Box<Delivery>, Message) {
    end.connection.receiver(receiver).unwrap().set_credit(1).unwrap();
    let delivery = end.until(|event| match event {
        Event::Delivery { receiver: from, delivery } if *from == receiver => Some(Box::new(delivery.clone())),
        _ => None,
    });
    let message = Message::parse(delivery.payload.clone(), &ParseOptions::default()).unwrap();
    (delivery, message)
}

/// Waits until a delivery is settled, with its outcome.
fn settled(end: &mut End, delivery: DeliveryId) -> DeliveryState {
    end.until(|event| match event {
        Event::DeliverySettled { first, last, state, .. } if (*first..=*last).contains(&delivery) => {
            state.clone()
        }
        _ => None,
    })
}

fn dead_letter() -> AmqpError {
    let info = Fields::new()
        .with(Symbol::from_static("DeadLetterReason"), "reason")
        .with(Symbol::from_static("DeadLetterErrorDescription"), "description");
    AmqpError { info: Some(info), ..AmqpError::new(ErrorCondition::Other(names::DEAD_LETTER)) }
}

fn defer() -> Modified {
    Modified { undeliverable_here: Some(true), ..Modified::default() }
}

fn millis() -> i64 {
    Timestamp::try_from(SystemTime::now()).unwrap().as_millis()
}

/// A dead letter's reasons.
fn reasons(message: &Message) -> [Option<String>; 2] {
    ["DeadLetterReason", "DeadLetterErrorDescription"].map(|name| {
        let value = message.application_property(name).unwrap()?;
        Some(value.as_str().unwrap().to_owned())
    })
}

#[test]
fn batch_arrives_as_its_messages_and_a_broken_one_not_at_all() {
    let broker = Broker::start(&["--max-queue-bytes", "20000"]);
    let (mut end, session) = End::client(&broker);
    let batch = |messages: &[Payload]| {
        let mut messages = messages.iter().map(|message| message.clone().into_bytes());
        let builder = Message::builder().data(messages.next().unwrap());
        messages.fold(builder, |builder, message| builder.data(message)).build()
    };
    let options = SendOptions::new().message_format(names::BATCH_FORMAT);
    let state = send(&mut end, session, "q", batch(&["a", "b", "c"].map(text)), &options);
    assert!(matches!(state, DeliveryState::Accepted(_)), "{state:?}");
    let ended = broker.receive("q", &["--count", "3"]);
    assert!(ended.out.starts_with("a\nb\nc\n"), "{ended:?}");
    let garbage = Payload::from(Bytes::from_static(b"garbage"));
    for (broken, condition) in [
        (batch(&[text("a"), garbage.clone()]), "amqp:decode-error"),
        (garbage, "amqp:decode-error"),
        // All of it must fit.
        (batch(&vec![text("a"); 100]), "amqp:resource-limit-exceeded"),
    ] {
        match send(&mut end, session, "q", broken, &options) {
            DeliveryState::Rejected(rejected) => {
                let error = rejected.error.as_ref().unwrap();
                assert_eq!(error.condition.as_str(), condition);
                // Azure's SDK for Python does not go on if a rejection lacks it.
                assert!(
                    error.info.as_ref().is_some_and(|info| info.get("delivery-tag").is_some()),
                    "{error:?}"
                );
            }
            state => panic!("{state:?}"),
        }
        assert_eq!(broker.left("q"), 0);
    }
}

#[test]
fn client_with_a_token_gets_numbers_times_and_lock_tokens_and_others_do_not() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    let before = millis();
    send_text(&mut end, session, "one");
    send_text(&mut end, session, "two");
    let from = receiver(&mut end, session, "q");
    let mut tags = Vec::new();
    for due in 1..=2 {
        let (delivery, message) = take(&mut end, from);
        assert_eq!(number(&message), due);
        let time = |name: &Symbol| {
            let value = message.message_annotation(name).unwrap().unwrap();
            value.as_timestamp().unwrap().as_millis()
        };
        let (enqueued, locked) = (time(&names::ENQUEUED_TIME), time(&names::LOCKED_UNTIL));
        assert!((before..=millis()).contains(&enqueued) && locked > enqueued, "{before} {enqueued} {locked}");
        assert_eq!(delivery.tag.as_bytes().len(), 16);
        tags.push(delivery.tag);
        end.connection.receiver(from).unwrap().release(delivery.id).unwrap();
        settled(&mut end, delivery.id);
        if due == 1 {
            let (delivery, _) = take(&mut end, from);
            end.connection.receiver(from).unwrap().accept(delivery.id).unwrap();
            settled(&mut end, delivery.id);
        }
    }
    assert_ne!(tags[0], tags[1]);
    let (mut other, session) = End::client(&broker);
    let from = other.receiver(session, ReceiverConfig::from("q"));
    let (_, message) = take(&mut other, from);
    assert_eq!(message.message_annotations().unwrap(), None);
}

#[test]
fn message_of_a_client_with_a_token_gets_an_id_if_it_has_none() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    let (mut other, other_session) = End::client(&broker);
    let bare = Message::builder().subject("subject").data("bare").build();
    for (end, session) in [(&mut end, session), (&mut other, other_session)] {
        send(end, session, "q", bare.clone(), &SendOptions::new());
    }
    send_text(&mut end, session, "with an id");
    let from = other.receiver(other_session, ReceiverConfig::from("q").credit(CreditPolicy::Manual));
    let (_, message) = take(&mut other, from);
    assert!(message.message_id().unwrap().is_some());
    assert_eq!(
        (message.subject().unwrap().as_deref(), message.body_as::<Bytes>().unwrap()),
        (Some("subject"), Bytes::from("bare"))
    );
    let (delivery, _) = take(&mut other, from);
    assert_eq!(delivery.payload, bare);
    let (_, message) = take(&mut other, from);
    assert_eq!(message.message_id().unwrap(), Some("an id".into()));
}

#[test]
fn dead_letters_move_to_their_own_queue_with_reasons_and_stay_there() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    send_text(&mut end, session, "dead");
    let from = receiver(&mut end, session, "q");
    let (delivery, _) = take(&mut end, from);
    end.connection.receiver(from).unwrap().reject(delivery.id, Some(dead_letter())).unwrap();
    match settled(&mut end, delivery.id) {
        DeliveryState::Rejected(rejected) => assert_eq!(rejected.error, None),
        state => panic!("{state:?}"),
    }
    assert_eq!(broker.left("q"), 0);
    let dead = receiver(&mut end, session, "q/$DeadLetterQueue");
    // One that is rejected there stays there.
    for _ in 0..2 {
        let (delivery, message) = take(&mut end, dead);
        assert_eq!(message.body_as::<Bytes>().unwrap(), "dead");
        assert_eq!(reasons(&message), [Some("reason".into()), Some("description".into())]);
        end.connection.receiver(dead).unwrap().reject(delivery.id, Some(dead_letter())).unwrap();
        settled(&mut end, delivery.id);
    }
    drop(end);
    assert_eq!(broker.left("q%2F$DeadLetterQueue"), 1);
    // Another error moves nothing.
    let (mut end, session) = client(&broker);
    send_text(&mut end, session, "gone");
    let from = receiver(&mut end, session, "q");
    let (delivery, _) = take(&mut end, from);
    end.connection.receiver(from).unwrap().reject(delivery.id, None).unwrap();
    settled(&mut end, delivery.id);
    assert_eq!(broker.left("q") + broker.left("q%2F$DeadLetterQueue"), 0);
}

#[test]
fn dead_letter_without_room_stays_in_its_queue() {
    let broker = Broker::start(&["--max-queue-bytes", "5000"]);
    let (mut end, session) = client(&broker);
    assert_eq!(broker.send("q%2F$DeadLetterQueue", &["--size", "4000"]).code, Some(0));
    let large = Message::builder().message_id("an id").data(vec![0; 3000]).build();
    assert!(matches!(send(&mut end, session, "q", large, &SendOptions::new()), DeliveryState::Accepted(_)));
    let from = receiver(&mut end, session, "q");
    let (delivery, _) = take(&mut end, from);
    end.connection.receiver(from).unwrap().reject(delivery.id, Some(dead_letter())).unwrap();
    settled(&mut end, delivery.id);
    assert_eq!((broker.left("q"), broker.left("q%2F$DeadLetterQueue")), (1, 1));
}

/// Sends a message and defers it. Returns its number.
pub(crate) fn deferred(end: &mut End, session: SessionId, from: ReceiverId, body: &str) -> i64 {
    send_text(end, session, body);
    let (delivery, message) = take(end, from);
    end.connection.receiver(from).unwrap().modify(delivery.id, defer()).unwrap();
    assert!(matches!(settled(end, delivery.id), DeliveryState::Modified(_)));
    number(&message)
}

#[test]
fn deferred_messages_are_received_by_number_and_locked_until_their_disposition() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    let from = receiver(&mut end, session, "q");
    let numbers = ["a", "b", "c", "d"].map(|body| deferred(&mut end, session, from, body));
    // No link gets them.
    assert_eq!(broker.left("q"), 0);
    let mut manager = Manager::attach(&mut end, session, "q/$management");
    let fetch = |numbers: &[i64], mode: u32| {
        Map::<Str>::new().with("sequence-numbers", longs(numbers)).with("receiver-settle-mode", mode)
    };
    let dispose = |tokens: &[Uuid], status: &str| {
        let tokens: Array = tokens.iter().copied().collect();
        Map::<Str>::new()
            .with("lock-tokens", tokens)
            .with("disposition-status", status)
            .with("deadletter-reason", "reason")
            .with("deadletter-description", "description")
    };
    let (code, body) = manager.ask(&mut end, "receive-by-sequence-number", fetch(&numbers[..3], 1));
    assert_eq!(code, 200);
    let locked = messages(&body);
    let found: Vec<_> = locked.iter().map(|(message, _)| number(message)).collect();
    assert_eq!(found, numbers[..3]);
    let tokens: Vec<Uuid> = locked.iter().map(|(_, token)| token.unwrap()).collect();
    // All of the numbers must be there, and none locked.
    let (code, _) = manager.ask(&mut end, "receive-by-sequence-number", fetch(&[numbers[3]; 257], 1));
    assert_eq!(code, 400);
    for unknown in [vec![99], vec![numbers[3], 99], vec![numbers[0]], vec![]] {
        let (code, _) = manager.ask(&mut end, "receive-by-sequence-number", fetch(&unknown, 1));
        assert_eq!(code, 404, "{unknown:?}");
    }
    let (code, body) = manager.ask(&mut end, "renew-lock", dispose(&tokens, ""));
    assert_eq!(code, 200);
    let ends = get(&body, "expirations").as_array().unwrap();
    assert!(
        ends.items().len() == 3
            && ends.items().iter().all(|end| end.as_timestamp().unwrap().as_millis() > millis())
    );
    for (token, status, code) in [
        (tokens[0], "completed", 200),
        (tokens[0], "completed", 410),
        (tokens[1], "abandoned", 200),
        (tokens[1], "abandoned", 410),
        (tokens[2], "unheard", 400),
        (tokens[2], "suspended", 200),
        (Uuid::from_u128(7), "completed", 410),
    ] {
        assert_eq!(
            manager.ask(&mut end, "update-disposition", dispose(&[token], status)).0,
            code,
            "{status}"
        );
    }
    assert_eq!(manager.ask(&mut end, "renew-lock", dispose(&tokens[..1], "")).0, 410);
    // The abandoned one is still deferred, and taken for good now, as the one that was never locked.
    let (code, body) =
        manager.ask(&mut end, "receive-by-sequence-number", fetch(&[numbers[1], numbers[3]], 0));
    assert_eq!(code, 200);
    assert!(messages(&body).len() == 2 && messages(&body).iter().all(|(_, token)| token.is_none()));
    let (code, _) = manager.ask(&mut end, "receive-by-sequence-number", fetch(&[numbers[1]], 0));
    assert_eq!(code, 404);
    let dead = receiver(&mut end, session, "q/$DeadLetterQueue");
    let (_, message) = take(&mut end, dead);
    assert_eq!(reasons(&message), [Some("reason".into()), Some("description".into())]);
}

#[test]
fn lock_of_a_delivery_is_renewed_by_its_tag_as_long_as_it_is_unsettled() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    send_text(&mut end, session, "one");
    let from = receiver(&mut end, session, "q");
    let (delivery, _) = take(&mut end, from);
    let mut manager = Manager::attach(&mut end, session, "q/$management");
    // A tag has its first three numbers with the last byte first.
    let mut bytes: [u8; 16] = delivery.tag.as_bytes().try_into().unwrap();
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    let tokens: Array = [Uuid::from_bytes(bytes)].into_iter().collect();
    let body = || Map::<Str>::new().with("lock-tokens", tokens.clone());
    assert_eq!(manager.ask(&mut end, "renew-lock", body()).0, 200);
    end.connection.receiver(from).unwrap().accept(delivery.id).unwrap();
    settled(&mut end, delivery.id);
    assert_eq!(manager.ask(&mut end, "renew-lock", body()).0, 410);
}

#[test]
fn scheduled_messages_arrive_at_their_time_unless_they_are_cancelled() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    let mut manager = Manager::attach(&mut end, session, "q/$management");
    let message = |body: &str, in_millis: i64| {
        let time = Timestamp::from_millis(millis() + in_millis);
        let builder = Message::builder().message_id("an id");
        builder.message_annotation(names::SCHEDULED_ENQUEUE_TIME, time).data(body.to_owned()).build()
    };
    let schedule = |messages: &[Payload]| {
        let entry = |message: &Payload| {
            Map::<Str>::new().with("message", Value::Binary(message.clone().into_bytes()))
        };
        let entries: Value = messages.iter().map(entry).collect();
        Map::<Str>::new().with("messages", entries)
    };
    let day = 24 * 60 * 60 * 1000;
    let asked = schedule(&[message("never", day), message("late", day), message("soon", 200)]);
    let (code, body) = manager.ask(&mut end, "schedule-message", asked);
    assert_eq!((code, get(&body, "sequence-numbers")), (200, &longs(&[1, 2, 3]).into()));
    // One that is sent on a link waits too.
    let state = send(&mut end, session, "q", message("later", 400), &SendOptions::new());
    assert!(matches!(state, DeliveryState::Accepted(_)), "{state:?}");
    let cancel = || Map::<Str>::new().with("sequence-numbers", longs(&[1]));
    assert_eq!(manager.ask(&mut end, "cancel-scheduled-message", cancel()).0, 200);
    assert_eq!(manager.ask(&mut end, "cancel-scheduled-message", cancel()).0, 404);
    let from = receiver(&mut end, session, "q");
    for due in ["soon", "later"] {
        let (delivery, message) = take(&mut end, from);
        assert_eq!(message.body_as::<Bytes>().unwrap(), due);
        end.connection.receiver(from).unwrap().accept(delivery.id).unwrap();
    }
    // A past time is as good as now, and garbage is refused.
    assert_eq!(manager.ask(&mut end, "schedule-message", schedule(&[message("past", -day)])).0, 200);
    let (_, past) = take(&mut end, from);
    assert_eq!(past.body_as::<Bytes>().unwrap(), "past");
    // All of them, or none.
    let garbage = Payload::from(Bytes::from_static(b"garbage"));
    let asked = schedule(&[message("past", -day), message("late", day), garbage]);
    assert_eq!(manager.ask(&mut end, "schedule-message", asked).0, 400);
    let (_, body) = manager.call(&mut end, &Operation::read("queue", Entity::Name("q")));
    assert_eq!(get(&body, "scheduled"), &Value::from(1_u64));
    assert_eq!(get(&body, "messages"), &Value::from(0_u64));
}

#[test]
fn scheduled_message_of_any_client_waits_alone_or_in_a_batch() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let message = |body: &str, in_millis: i64| {
        let time = Timestamp::from_millis(millis() + in_millis);
        Message::builder()
            .message_annotation(names::SCHEDULED_ENQUEUE_TIME, time)
            .data(body.to_owned())
            .build()
    };
    let mut batch = Batch::new(None);
    for message in [message("last", 600), message("never", 24 * 60 * 60 * 1000), message("first", -1)] {
        batch.push(message).unwrap();
    }
    let batch = batch.build().unwrap();
    for (payload, options) in [
        (message("second", 300), SendOptions::new()),
        (batch, SendOptions::new().message_format(names::BATCH_FORMAT)),
    ] {
        let state = send(&mut end, session, "q", payload, &options);
        assert!(matches!(state, DeliveryState::Accepted(_)), "{state:?}");
    }
    let from = receiver(&mut end, session, "q");
    for due in ["first", "second", "last"] {
        let (delivery, message) = take(&mut end, from);
        assert_eq!(message.body_as::<Bytes>().unwrap(), due);
        end.connection.receiver(from).unwrap().accept(delivery.id).unwrap();
    }
}

#[test]
fn scheduled_and_deferred_messages_count_towards_the_room_of_their_queue() {
    let broker = Broker::start(&["--max-queue-bytes", "5000"]);
    let (mut end, session) = client(&broker);
    let from = receiver(&mut end, session, "q");
    deferred(&mut end, session, from, &"x".repeat(2000));
    let mut manager = Manager::attach(&mut end, session, "q/$management");
    let time = Timestamp::from_millis(millis() + 24 * 60 * 60 * 1000);
    let builder = Message::builder().message_annotation(names::SCHEDULED_ENQUEUE_TIME, time);
    let message = Value::Binary(builder.data(vec![0; 1500]).build().into_bytes());
    let entries: Value = [Map::<Str>::new().with("message", message)].into_iter().collect();
    let codes = [(); 2].map(|()| {
        manager.ask(&mut end, "schedule-message", Map::<Str>::new().with("messages", entries.clone())).0
    });
    assert_eq!(codes, [200, 403]);
}

#[test]
fn peek_returns_messages_of_each_kind_in_order_and_takes_none() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    let mut manager = Manager::attach(&mut end, session, "q/$management");
    let peek = |from: i64, count: i32| {
        Map::<Str>::new().with("from-sequence-number", from).with("message-count", count)
    };
    assert_eq!(manager.ask(&mut end, "peek-message", peek(0, 10)).0, 404);
    let from = receiver(&mut end, session, "q");
    assert_eq!(manager.ask(&mut end, "peek-message", peek(0, 10)).0, 204);
    deferred(&mut end, session, from, "one");
    send_text(&mut end, session, "two");
    send_text(&mut end, session, "three");
    for (start, count, due) in [(0, 10, &[1, 2, 3][..]), (-1, 2, &[1, 2]), (2, 10, &[2, 3]), (3, 1, &[3])] {
        let (code, body) = manager.ask(&mut end, "peek-message", peek(start, count));
        let found: Vec<_> = messages(&body).iter().map(|(message, _)| number(message)).collect();
        assert_eq!((code, &*found), (200, due));
    }
    assert_eq!(manager.ask(&mut end, "peek-message", peek(4, 10)).0, 204);
    assert_eq!(manager.ask(&mut end, "set-session-state", Map::new()).0, 501);
    drop(end);
    assert_eq!(broker.left("q"), 2);
}

#[test]
fn each_group_of_an_event_hub_reads_all_events_from_its_position() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    for body in ["one", "two"] {
        let state = send(&mut end, session, "hub/Partitions/0", text(body), &SendOptions::new());
        assert!(matches!(state, DeliveryState::Accepted(_)), "{state:?}");
    }
    let read = |end: &mut End, group: &str, position: EventPosition| {
        let mut source = Source::at(format!("hub/ConsumerGroups/{group}/Partitions/0"));
        Filter::from(position).add_to(&mut source);
        end.receiver(session, ReceiverConfig::new().source(source).credit(CreditPolicy::Manual))
    };
    for group in ["$Default", "other"] {
        let from = read(&mut end, group, EventPosition::Earliest);
        let bodies = [(); 2].map(|()| take(&mut end, from).1.body_as::<Bytes>().unwrap());
        assert_eq!(bodies, ["one", "two"]);
    }
    let behind = EventPosition::Offset { offset: "1".into(), inclusive: false };
    let from = read(&mut end, "$Default", behind);
    assert_eq!(take(&mut end, from).1.body_as::<Bytes>().unwrap(), "two");
    let from = read(&mut end, "$Default", EventPosition::Latest);
    send(&mut end, session, "hub/Partitions/0", text("three"), &SendOptions::new());
    assert_eq!(take(&mut end, from).1.body_as::<Bytes>().unwrap(), "three");
    let mut manager = Manager::attach(&mut end, session, "$management");
    let partition =
        Operation::read("com.microsoft:partition", Entity::Name("hub")).property("partition", "0");
    let (code, body) = manager.call(&mut end, &partition);
    assert_eq!((code, get(&body, "begin_sequence_number")), (200, &Value::from(1_i64)));
    assert_eq!(get(&body, "last_enqueued_sequence_number"), &Value::from(3_i64));
    drop(end);
    assert_eq!(broker.left("hub"), 3);
}

#[test]
fn query_returns_the_attributes_of_all_queues_in_pages() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    for (queue, count) in [("a", "1"), ("b", "2"), ("c", "3")] {
        assert_eq!(broker.send(queue, &["--count", count]).code, Some(0));
    }
    let from = receiver(&mut end, session, "b");
    take(&mut end, from);
    let mut manager = Manager::attach(&mut end, session, "$management");
    let mut query = |operation: &Operation| {
        let (code, body) = manager.call(&mut end, operation);
        assert_eq!(code, 200);
        QueryResult::from_value(body).unwrap()
    };
    let asked = Operation::query(Some("queue"), ["name", "messages", "unsettled", "consumers", "colour"]);
    let result = query(&asked);
    let rows: Vec<Vec<Value>> = result.rows().map(|row| row.values().to_vec()).collect();
    let row = |name: &str, counts: [u64; 3]| {
        let counts = counts.map(Value::from);
        [&[name.into()], &counts[..], &[Value::Null]].concat()
    };
    assert_eq!(rows, [row("a", [1, 0, 0]), row("b", [1, 1, 1]), row("c", [3, 0, 0])]);
    let page = query(&asked.page(1, 1));
    assert_eq!(page.rows().map(|row| row.get("name").cloned()).collect::<Vec<_>>(), [Some("b".into())]);
    let all = query(&Operation::query(None, []));
    let bytes = all.rows().map(|row| row.get("bytes").unwrap().as_u64().unwrap());
    assert!(all.rows().len() == 3 && bytes.min() > Some(100));
    assert_eq!(query(&Operation::query(Some("topic"), [])).rows().len(), 0);
    let many = Operation::query(None, ["name"; 65]);
    assert_eq!(manager.call(&mut end, &many).0, 400);
}
