//! `$cbs` and `$management` at the broker, and receivers that settle second.

use amqp_proto::{
    ConnectionConfig, DeliveryId, Event, ReceiverConfig, ReceiverId, SendOptions, SenderConfig, SenderId,
    SessionConfig, SessionId,
    extensions::{
        RequestConfig, Status,
        cbs::{Cbs, CbsConfig, CbsEvent, CbsForm, Token},
        management::{Entity, Management, ManagementEvent, Operation},
    },
    message::{Message, ParseOptions},
    sasl::Mechanism,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode},
        delivery_state::{Accepted, DeliveryState, Modified, Outcome},
        terminus::{Source, Target},
        transaction::TransactionalState,
    },
    types::{Array, Str, Value},
};

use crate::{
    certificates::{Authority, Identity},
    support::*,
};

fn attach_cbs(end: &mut End, session: SessionId, form: CbsForm) -> Cbs {
    let config = CbsConfig::new("test").form(form);
    let mut cbs = Cbs::attach(&mut end.connection, session, config).unwrap();
    assert_eq!(next(end, &mut cbs), CbsEvent::Ready);
    cbs
}

fn next(end: &mut End, cbs: &mut Cbs) -> CbsEvent {
    loop {
        if let Some(event) = cbs.poll_event() {
            return event;
        }
        let event = end.event().expect("the connection is open");
        let now = end.now();
        cbs.handle(now, &mut end.connection, event);
    }
}

fn put(end: &mut End, cbs: &mut Cbs, text: &str) -> CbsEvent {
    let now = end.now();
    cbs.put(now, &mut end.connection, Token::jwt("q", text)).unwrap();
    next(end, cbs)
}

/// Attaches a sender and a receiver. Returns the conditions with which they are refused, if they are.
fn attach_both(end: &mut End, session: SessionId, address: &str) -> [Option<String>; 2] {
    let mut links = end.connection.session(session).unwrap();
    let sender: SenderId = links.attach_sender(SenderConfig::to(address)).unwrap();
    let receiver: ReceiverId = links.attach_receiver(ReceiverConfig::from(address)).unwrap();
    let mut results = [None, None];
    for _ in 0..2 {
        let (index, result) = end.until(|event| match event {
            Event::SenderOpen { sender: id } if *id == sender => Some((0, None)),
            Event::ReceiverOpen { receiver: id } if *id == receiver => Some((1, None)),
            Event::SenderError { sender: id, failure, .. } if *id == sender => {
                Some((0, Some(failure.error.condition.as_str().to_owned())))
            }
            Event::ReceiverError { receiver: id, failure, .. } if *id == receiver => {
                Some((1, Some(failure.error.condition.as_str().to_owned())))
            }
            _ => None,
        });
        results[index] = result;
    }
    results
}

#[test]
fn token_opens_the_connection_that_puts_it_and_no_other() {
    let broker = Broker::start(&["--token", "claim"]);
    let refused =
        || [Some("amqp:unauthorized-access".to_owned()), Some("amqp:unauthorized-access".to_owned())];
    for form in [CbsForm::PutToken, CbsForm::SetToken] {
        let (mut end, session) = End::client(&broker);
        let (mut other, other_session) = End::client(&broker);
        let mut cbs = attach_cbs(&mut end, session, form);
        assert_eq!(attach_both(&mut end, session, "q"), refused(), "{form:?}");
        assert_eq!(attach_both(&mut end, session, "$management"), refused(), "{form:?}");
        for wrong in ["clai", "claims", ""] {
            match put(&mut end, &mut cbs, wrong) {
                CbsEvent::Refused { status, condition, .. } => {
                    assert_eq!(status, (form == CbsForm::PutToken).then_some(401));
                    assert_eq!(condition.as_deref(), Some("amqp:unauthorized-access"));
                }
                event => panic!("{form:?} {wrong}: {event:?}"),
            }
        }
        assert_eq!(attach_both(&mut end, session, "q"), refused(), "{form:?}");
        assert_eq!(put(&mut end, &mut cbs, "claim"), CbsEvent::Granted { audience: "q".into() }, "{form:?}");
        assert_eq!(attach_both(&mut end, session, "q"), [None, None], "{form:?}");
        // A wrong one does not take it back.
        assert!(matches!(put(&mut end, &mut cbs, "wrong"), CbsEvent::Refused { .. }));
        assert_eq!(attach_both(&mut end, session, "amqps://host:5671/r"), [None, None], "{form:?}");
        assert_eq!(attach_both(&mut other, other_session, "q"), refused(), "{form:?}");
    }
    let sent = broker.send("q", &[]);
    assert!(sent.code == Some(1) && sent.err.contains("amqp:unauthorized-access"), "{sent:?}");
}

#[test]
fn client_without_a_user_opens_links_by_its_token_over_tls() {
    let authority = Authority::new("claims");
    let Identity { cert, key } = authority.server();
    let broker =
        Broker::start(&["--tls", &cert, &key, "--user", "me:secret", "--anonymous", "--token", "claim"]);
    let config = ConnectionConfig::client("test").sasl(Mechanism::mssbcbs());
    let (mut end, _) = End::over_tls(&broker, &authority.file, config);
    end.connection.open().unwrap();
    let session = end.connection.begin(SessionConfig::new()).unwrap();
    let mut cbs = attach_cbs(&mut end, session, CbsForm::PutToken);
    assert_ne!(attach_both(&mut end, session, "q"), [None, None]);
    assert_eq!(put(&mut end, &mut cbs, "claim"), CbsEvent::Granted { audience: "q".into() });
    assert_eq!(attach_both(&mut end, session, "q"), [None, None]);
}

#[test]
fn token_replaces_no_login() {
    let broker = Broker::start(&["--user", "me:secret", "--token", "claim"]);
    for mechanism in [Mechanism::mssbcbs(), Mechanism::anonymous()] {
        let config = ConnectionConfig::client("test").sasl(mechanism);
        let mut end = End::new(broker.connect(), config);
        end.connection.open().unwrap();
        end.until(|event| matches!(event, Event::ConnectionError(_)).then_some(()));
    }
}

#[test]
fn client_that_guesses_tokens_is_closed() {
    let broker = Broker::start(&["--token", "claim"]);
    for form in [CbsForm::PutToken, CbsForm::SetToken] {
        let (mut end, session) = End::client(&broker);
        let mut cbs = attach_cbs(&mut end, session, form);
        for number in 0..9 {
            assert!(matches!(put(&mut end, &mut cbs, &number.to_string()), CbsEvent::Refused { .. }));
        }
        cbs.put(end.now(), &mut end.connection, Token::jwt("q", "9")).unwrap();
        let why = end.until(|event| match event {
            Event::ConnectionError(failure) => Some(failure.error.condition.as_str().to_owned()),
            _ => None,
        });
        assert_eq!(why, "amqp:unauthorized-access", "{form:?}");
    }
}

#[test]
fn any_token_is_taken_if_the_broker_has_none() {
    let broker = Broker::start(&[]);
    for form in [CbsForm::PutToken, CbsForm::SetToken] {
        let (mut end, session) = End::client(&broker);
        assert_eq!(attach_both(&mut end, session, "q"), [None, None]);
        let mut cbs = attach_cbs(&mut end, session, form);
        assert_eq!(put(&mut end, &mut cbs, "anything"), CbsEvent::Granted { audience: "q".into() });
    }
}

/// Asks the management node for operations, and returns their codes and bodies.
fn manage(end: &mut End, session: SessionId, node: &str, operations: &[Operation]) -> Vec<(i32, Value)> {
    let config = RequestConfig::new(format!("test-{node}"));
    let mut management = Management::attach(&mut end.connection, session, node, config).unwrap();
    let mut answers = Vec::new();
    let mut left = operations.iter();
    while answers.len() < operations.len() {
        let now = end.now();
        match management.poll_event() {
            Some(ManagementEvent::Ready) => {}
            Some(ManagementEvent::Answered { response, .. }) => {
                answers.push((response.status.code, response.message.body_as().unwrap()));
            }
            Some(event) => panic!("{event:?}"),
            None => {
                let event = end.event().expect("the connection is open");
                management.handle(now, &mut end.connection, event);
                continue;
            }
        }
        if let Some(operation) = left.next() {
            management.call(now, &mut end.connection, operation, None).unwrap();
        }
    }
    answers
}

fn get(value: &Value, name: &str) -> Value {
    let Value::Map(map) = value else { panic!("{value:?}") };
    map.get(&Value::from(name)).unwrap_or_else(|| panic!("no {name} in {value:?}")).clone()
}

#[test]
fn management_reads_queues_and_hubs() {
    let broker = Broker::start(&[]);
    assert_eq!(broker.send("q", &["--count", "3"]).code, Some(0));
    let (mut end, session) = End::client(&broker);
    end.receiver(session, ReceiverConfig::from("q"));
    let read = |kind: &str, name: &str| Operation::read(kind, Entity::Name(name));
    let operations = [
        read("queue", "q"),
        read("queue", "nothing"),
        read("com.microsoft:eventhub", "q"),
        read("com.microsoft:partition", "q").property("partition", "0"),
        read("com.microsoft:partition", "q").property("partition", "1"),
        read("topic", "q"),
        Operation::delete("queue", Entity::Name("q")),
        Operation::new("READ"),
    ];
    let answers = manage(&mut end, session, "$management", &operations);
    let codes: Vec<_> = answers.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [200, 404, 200, 200, 404, 404, 501, 400]);
    let queue = &answers[0].1;
    assert_eq!((get(queue, "name"), get(queue, "type")), ("q".into(), "queue".into()));
    assert_eq!((get(queue, "messages"), get(queue, "consumers")), (Value::from(3_u64), Value::from(1_u64)));
    let hub = &answers[2].1;
    let ids: Array = [Str::from("0")].into_iter().collect();
    assert_eq!((get(hub, "name"), get(hub, "partition_ids")), ("q".into(), ids.into()));
    assert!(matches!(get(hub, "created_at"), Value::Timestamp(time) if time.as_millis() > 1_700_000_000_000));
    let partition = &answers[3].1;
    assert_eq!(get(partition, "partition"), "0");
    assert_eq!(get(partition, "last_enqueued_sequence_number"), Value::from(3_i64));
    assert_eq!(get(partition, "is_partition_empty"), Value::from(false));
    // The node of one queue answers for that queue.
    let own = manage(&mut end, session, "q/$management", &[Operation::new("READ")]);
    assert_eq!((own[0].0, get(&own[0].1, "name")), (200, Value::from("q")));
    // None of these addresses has become that of a queue.
    let all = manage(
        &mut end,
        session,
        "$management",
        &[read("queue", "$management"), read("queue", "q/$management")],
    );
    assert_eq!(all.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [404, 404]);
}

/// A link for requests and one for answers, without credit for the latter.
fn request_links(end: &mut End, session: SessionId) -> (SenderId, ReceiverId) {
    let target = Target::at("answers");
    let receiver = end.receiver(session, ReceiverConfig::from("$management").target(target));
    (end.sender(session, SenderConfig::to("$management")), receiver)
}

fn ask(end: &mut End, sender: SenderId, number: u64, reply_to: &str) -> DeliveryId {
    let builder = Message::builder().message_id(number).reply_to(reply_to);
    let request = builder.application_property("operation", "X").value(Value::Null).build();
    end.connection.sender(sender).unwrap().send(number, request).unwrap()
}

/// Waits for the outcome of a delivery.
pub(crate) fn outcome(end: &mut End, delivery: DeliveryId) -> Option<DeliveryState> {
    end.until(|event| match event {
        Event::DeliverySettled { first, last, state, .. } if (*first..=*last).contains(&delivery) => {
            Some(state.clone())
        }
        _ => None,
    })
}

/// Waits for a delivery to be rejected. Returns the condition.
pub(crate) fn rejection(end: &mut End, delivery: DeliveryId) -> String {
    match outcome(end, delivery) {
        Some(DeliveryState::Rejected(rejected)) => {
            rejected.error.as_ref().unwrap().condition.as_str().to_owned()
        }
        state => panic!("{state:?}"),
    }
}

pub(crate) fn answer(end: &mut End) -> (Message, i32) {
    let payload = end.until(|event| match event {
        Event::Delivery { delivery, .. } => Some(delivery.payload.clone()),
        _ => None,
    });
    let message = Message::parse(payload, &ParseOptions::default()).unwrap();
    let code = Status::read(&message).unwrap().code;
    (message, code)
}

#[test]
fn answers_wait_for_credit_up_to_a_bound() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let (sender, receiver) = request_links(&mut end, session);
    for number in 0..100 {
        let delivery = ask(&mut end, sender, number, "answers");
        assert!(matches!(outcome(&mut end, delivery), Some(DeliveryState::Accepted(_))), "{number}");
    }
    let delivery = ask(&mut end, sender, 100, "answers");
    assert_eq!(rejection(&mut end, delivery), "amqp:resource-limit-exceeded");
    end.connection.receiver(receiver).unwrap().set_credit(200).unwrap();
    for number in 0..100_u64 {
        let (message, code) = answer(&mut end);
        assert_eq!((message.correlation_id().unwrap(), code), (Some(number.into()), 501));
    }
}

/// The first answer of each link needed no room, of 256 KiB each.
#[test]
fn fg3t_answers_that_wait_on_many_links_share_their_room() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let (sender, _) = request_links(&mut end, session);
    let mut rejected = 0;
    for number in 0..8_u64 {
        let address = number.to_string();
        let receiver = ReceiverConfig::from("$management").target(Target::at(&*address));
        end.receiver(session, receiver);
        let builder = Message::builder().message_id(&*"i".repeat(200_000)).reply_to(&*address);
        let request = builder.application_property("operation", "X").value(Value::Null).build();
        let delivery = end.connection.sender(sender).unwrap().send(number, request).unwrap();
        let state = outcome(&mut end, delivery);
        rejected += usize::from(!matches!(state, Some(DeliveryState::Accepted(_))));
    }
    assert_eq!(rejected, 3);
}

#[test]
fn answers_go_to_a_queue_of_the_client_if_it_has_no_link_for_them() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let source = Source { dynamic: true, ..Default::default() };
    let receiver = end.receiver(session, ReceiverConfig::new().source(source));
    let attach = end.connection.receiver_ref(receiver).unwrap().remote_attach().unwrap();
    let address = attach.source.unwrap().address.unwrap();
    let sender = end.sender(session, SenderConfig::to("$management"));
    end.connection.receiver(receiver).unwrap().set_credit(1).unwrap();
    ask(&mut end, sender, 7, &address);
    let (message, code) = answer(&mut end);
    assert_eq!((message.correlation_id().unwrap(), code), (Some(7_u64.into()), 501));
    let delivery = ask(&mut end, sender, 8, "no-such-queue");
    assert_eq!(rejection(&mut end, delivery), "amqp:not-found");
}

#[test]
fn request_that_is_no_message_is_rejected() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let (sender, _) = request_links(&mut end, session);
    let delivery = end.connection.sender(sender).unwrap().send(1_u32, b"garbage".as_slice()).unwrap();
    assert_eq!(rejection(&mut end, delivery), "amqp:decode-error");
}

/// The name of a service is never that of a queue.
#[test]
fn message_to_a_service_over_the_anonymous_terminus_is_rejected() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let sender = end.sender(session, SenderConfig::new().target(Target::default()));
    for to in ["$management", "amqps://host/$cbs", "q/$management"] {
        let message = Message::builder().to(to).value(Value::Null).build();
        let delivery = end.connection.sender(sender).unwrap().send(1_u32, message).unwrap();
        assert_eq!(rejection(&mut end, delivery), "amqp:not-found", "{to}");
    }
}

/// 2.8.3: the broker settles with the receiver's outcome, of which it keeps the error to itself.
#[test]
fn receiver_that_settles_second_gets_its_outcomes_back() {
    let broker = Broker::start(&[]);
    assert_eq!(broker.send("q", &["--count", "4"]).code, Some(0));
    let (mut end, session) = End::client(&broker);
    let config = ReceiverConfig::from("q").rcv_settle_mode(ReceiverSettleMode::Second);
    let receiver = end.receiver(session, config);
    let attach = end.connection.receiver_ref(receiver).unwrap().remote_attach().unwrap();
    assert_eq!(attach.rcv_settle_mode, ReceiverSettleMode::Second);
    assert!(attach.source.is_some() && attach.target.is_some());
    end.connection.receiver(receiver).unwrap().set_credit(4).unwrap();
    let error = AmqpError::described(ErrorCondition::InternalError, "broken");
    let modified = Modified { undeliverable_here: Some(true), ..Modified::default() };
    let deliveries = [(); 4].map(|()| {
        end.until(|event| match event {
            Event::Delivery { delivery, .. } => Some((delivery.id, delivery.tag)),
            _ => None,
        })
    });
    for (number, (id, tag)) in deliveries.into_iter().enumerate() {
        // The size of a lock token.
        assert_eq!(tag.as_bytes().len(), 16);
        let mut link = end.connection.receiver(receiver).unwrap();
        match number {
            0 => link.accept(id).unwrap(),
            1 => link.reject(id, Some(error.clone())).unwrap(),
            2 => link.modify(id, modified.clone()).unwrap(),
            _ => link.release(id).unwrap(),
        }
        let state = outcome(&mut end, id);
        match (number, state) {
            (0, Some(DeliveryState::Accepted(_))) | (3, Some(DeliveryState::Released(_))) => {}
            (1, Some(DeliveryState::Rejected(rejected))) => assert_eq!(rejected.error, None),
            (2, Some(DeliveryState::Modified(found))) => assert_eq!(*found, modified),
            (_, state) => panic!("{number}: {state:?}"),
        }
    }
    drop(end);
    // Those modified and released are there again.
    assert_eq!(broker.left("q"), 2);
}

/// 4.4: a transaction that nobody has declared. Its message was stored, and its outcome taken for an acceptance.
#[test]
fn what_is_part_of_an_unknown_transaction_takes_no_effect() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let sender = end.sender(session, SenderConfig::to("q"));
    let txn_id = || [7_u8].as_slice().try_into().unwrap();
    let state = |outcome| DeliveryState::from(TransactionalState { txn_id: txn_id(), outcome });
    let options = SendOptions::new().state(state(None));
    let message = Message::builder().value(Value::Null).build();
    let delivery = end.connection.sender(sender).unwrap().send_with(1_u32, message, &options).unwrap();
    assert_eq!(rejection(&mut end, delivery), "amqp:transaction:unknown-id");
    assert_eq!(broker.send("q", &["--count", "1"]).code, Some(0));
    let receiver = end.receiver(session, ReceiverConfig::from("q"));
    end.connection.receiver(receiver).unwrap().set_credit(1).unwrap();
    let id = end.until(|event| match event {
        Event::Delivery { delivery, .. } => Some(delivery.id),
        _ => None,
    });
    let accepted = state(Some(Outcome::Accepted(Accepted {})));
    end.connection.receiver(receiver).unwrap().settle(id, Some(accepted)).unwrap();
    end.connection.receiver(receiver).unwrap().close(None).unwrap();
    end.until(|event| matches!(event, Event::ReceiverClosed { .. }).then_some(()));
    assert_eq!(broker.left("q"), 1);
}
