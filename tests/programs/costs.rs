//! What requests to the broker's services may cost: bytes of their answers, and the time of others.

use amqp_proto::{
    DeliveryId, Event, ReceiverConfig, ReceiverId, SendOptions, SenderConfig, SenderId, SessionId,
    extensions::{
        Status,
        management::{Entity, Operation, QueryResult},
    },
    frame::Payload,
    message::{Message, ParseOptions},
    spec::{delivery_state::DeliveryState, terminus::Target},
    types::{Array, Map, Str, Uuid, Value},
};

use crate::{
    azure::{client, deferred, longs, receiver},
    services::{outcome, rejection},
    support::*,
};

/// The bytes of answers that the broker keeps for a client.
const SHARE: usize = 1 << 20;

/// Links to and from a service.
struct Asker {
    sender: SenderId,
    receiver: ReceiverId,
}

/// An answer, and the bytes that it has.
struct Answer {
    size: usize,
    code: i32,
    message: Message,
}

impl Asker {
    /// Attaches without credit for answers.
    fn attach(end: &mut End, session: SessionId, node: &str) -> Self {
        let receiver = end.receiver(session, ReceiverConfig::from(node).target(Target::at("answers")));
        Self { sender: end.sender(session, SenderConfig::to(node)), receiver }
    }

    fn with_credit(end: &mut End, session: SessionId, node: &str) -> Self {
        let asker = Self::attach(end, session, node);
        end.connection.receiver(asker.receiver).unwrap().set_credit(1000).unwrap();
        asker
    }

    fn ask(&self, end: &mut End, operation: &Operation) -> DeliveryId {
        let request = operation.to_message().message_id(1_u64).reply_to("answers").build();
        end.connection.sender(self.sender).unwrap().send(1_u32, request).unwrap()
    }

    fn call(&self, end: &mut End, operation: &Operation) -> Answer {
        self.ask(end, operation);
        answer(end)
    }
}

/// Waits for an answer.
fn answer(end: &mut End) -> Answer {
    let payload = end.until(|event| match event {
        Event::Delivery { delivery, .. } => Some(delivery.payload.clone()),
        _ => None,
    });
    let size = payload.len();
    let message = Message::parse(payload, &ParseOptions::default()).unwrap();
    Answer { size, code: Status::read(&message).unwrap().code, message }
}

fn body(answer: &Answer) -> Value {
    answer.message.body_as().unwrap()
}

fn get(value: &Value, name: &str) -> Value {
    value.as_map().and_then(|map| map.get(&Value::from(name)).cloned()).unwrap_or_default()
}

/// Returns the number of messages in an answer to a peek.
fn peeked(answer: &Answer) -> usize {
    get(&body(answer), "messages").as_list().unwrap().len()
}

fn peek(count: i32) -> Operation {
    let body = Map::<Str>::new().with("from-sequence-number", 0_i64).with("message-count", count);
    Operation::new("com.microsoft:peek-message").body(body)
}

/// Puts a message into each of these queues.
fn fill(end: &mut End, session: SessionId, names: impl IntoIterator<Item = String>) {
    let sender = end.sender(session, SenderConfig::new().target(Target::default()));
    for name in names {
        let message = Message::builder().to(&*name).data("x").build();
        send(end, sender, &message);
    }
    end.round_trip();
}

fn send(end: &mut End, sender: SenderId, message: &Payload) {
    let settled = SendOptions::new().settled(true);
    loop {
        match end.connection.sender(sender).unwrap().send_with(1_u32, message.clone(), &settled) {
            Ok(_) => return,
            Err(error) if error.is_temporary() => drop(end.event()),
            Err(error) => panic!("{error}"),
        }
    }
}

/// The answer to 490 bytes had 115 MB, of which nothing was counted.
#[test]
fn query_of_long_names_is_answered_in_parts_that_fit() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    fill(&mut end, session, (10..40).map(|number| format!("{number}{}", "n".repeat(60_000))));
    let asker = Asker::with_credit(&mut end, session, "$management");
    let mut seen: Vec<String> = Vec::new();
    loop {
        let query = Operation::query(Some("queue"), ["name", "messages"]);
        let answer = asker.call(&mut end, &query.page(seen.len().try_into().unwrap(), 1000));
        assert!(answer.code == 200 && answer.size <= SHARE, "{} {}", answer.code, answer.size);
        let result = QueryResult::from_value(body(&answer)).unwrap();
        // The client sees its progress.
        let count = answer.message.application_property("count").unwrap().unwrap();
        assert_eq!(count.as_i128(), Some(result.rows().len() as i128));
        let names = result.rows().map(|row| row.get("name").unwrap().as_str().unwrap()[..2].to_owned());
        let before = seen.len();
        seen.extend(names);
        if seen.len() == before {
            break;
        }
    }
    assert_eq!(seen, (10..40).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn query_is_refused_if_it_repeats_an_attribute_or_a_row_fits_no_answer() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    fill(&mut end, session, ["a".to_owned(), "b".repeat(SHARE), "c".to_owned()]);
    let asker = Asker::with_credit(&mut end, session, "$management");
    let mut code_of = |query: Operation| asker.call(&mut end, &query).code;
    assert_eq!(code_of(Operation::query(None, ["name", "name"])), 400);
    let names = || Operation::query(None, ["name"]);
    assert_eq!([0, 1, 2].map(|offset| code_of(names().page(offset, 1))), [200, 413, 200]);
    // The other attributes of that queue fit.
    assert_eq!(code_of(Operation::query(None, ["messages"]).page(1, 1)), 200);
}

#[test]
fn peek_returns_as_many_messages_as_fit_and_one_of_any_size() {
    let broker = Broker::start(&[]);
    // With their annotations two of these have more bytes than the share, if by a few.
    let half = (SHARE / 2 - 40).to_string();
    assert_eq!(broker.send("halves", &["--count", "3", "--size", &half]).code, Some(0));
    assert_eq!(broker.send("large", &["--count", "2", "--size", "3000000"]).code, Some(0));
    let (mut end, session) = End::client(&broker);
    let halves = Asker::with_credit(&mut end, session, "halves/$management");
    let answer = halves.call(&mut end, &peek(10));
    assert!((answer.code, peeked(&answer)) == (200, 1) && answer.size <= SHARE, "{}", answer.size);
    let large = Asker::with_credit(&mut end, session, "large/$management");
    let answer = large.call(&mut end, &peek(10));
    assert!((answer.code, peeked(&answer)) == (200, 1) && answer.size > 3_000_000, "{}", answer.size);
}

/// Each client could have one answer that was counted nowhere beyond its share.
#[test]
fn large_message_in_an_answer_takes_up_room_of_the_broker() {
    let broker = Broker::start(&["--max-bytes", "6000000"]);
    assert_eq!(broker.send("q", &["--size", "3000000"]).code, Some(0));
    let (mut first, session) = End::client(&broker);
    let asker = Asker::attach(&mut first, session, "q/$management");
    let request = asker.ask(&mut first, &peek(1));
    assert!(matches!(outcome(&mut first, request), Some(DeliveryState::Accepted(_))));
    let (mut second, session) = End::client(&broker);
    let other = Asker::with_credit(&mut second, session, "q/$management");
    let request = other.ask(&mut second, &peek(1));
    assert_eq!(rejection(&mut second, request), "amqp:resource-limit-exceeded");
    // It has been read, and there is room again.
    first.connection.receiver(asker.receiver).unwrap().set_credit(1).unwrap();
    assert_eq!(answer(&mut first).code, 200);
    first.round_trip();
    assert_eq!(other.call(&mut second, &peek(1)).code, 200);
}

/// They are copied for each of the messages.
#[test]
fn reasons_of_dead_letters_have_a_bound_in_all() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    let from = receiver(&mut end, session, "q");
    let numbers = [(); 6].map(|()| deferred(&mut end, session, from, "one"));
    let asker = Asker::with_credit(&mut end, session, "q/$management");
    let fetch =
        Map::<Str>::new().with("sequence-numbers", longs(&numbers)).with("receiver-settle-mode", 1_u32);
    let locked =
        asker.call(&mut end, &Operation::new("com.microsoft:receive-by-sequence-number").body(fetch));
    let entries = get(&body(&locked), "messages");
    let tokens: Vec<Uuid> =
        entries.as_list().unwrap().iter().filter_map(|entry| get(entry, "lock-token").as_uuid()).collect();
    let mut dispose = |tokens: &[Uuid]| {
        let tokens: Array = tokens.iter().copied().collect();
        let body = Map::<Str>::new()
            .with("lock-tokens", tokens)
            .with("disposition-status", "suspended")
            .with("deadletter-reason", "r".repeat(200_000));
        asker.call(&mut end, &Operation::new("com.microsoft:update-disposition").body(body)).code
    };
    assert_eq!((dispose(&tokens), dispose(&tokens[1..]), dispose(&tokens[..1])), (413, 200, 200));
}

/// Has a client ask, in one turn with a message that another sends to the queue `z`, and then for that queue's messages.
/// The first was answered to its end before the other was heard, however much its requests cost. Returns the number.
fn messages_at_the_end(broker: &Broker, node: &str, asked: &[Operation]) -> Option<Value> {
    let (mut end, session) = End::client(broker);
    let asker = Asker::with_credit(&mut end, session, node);
    // Its connection is the one with the higher number.
    let (mut other, session) = End::client(broker);
    let sender = other.sender(session, SenderConfig::to("z"));
    end.round_trip();
    broker.halted(|| {
        for operation in asked {
            asker.ask(&mut end, operation);
        }
        asker.ask(&mut end, &Operation::read("queue", Entity::Name("z")));
        end.flush();
        send(&mut other, sender, &Message::builder().data("x").build());
        other.flush();
    })?;
    // Some of the others may have had no room.
    let mut messages = std::iter::repeat_with(|| get(&body(&answer(&mut end)), "messages"));
    messages.find(|messages| messages.as_u64().is_some())
}

#[test]
fn peeks_of_a_large_message_give_others_their_turn() {
    let broker = Broker::start(&[]);
    // It nearly takes up the share of its client, and a turn. The others have no room, and take up the rest of the turn.
    assert_eq!(broker.send("q", &["--size", "980000"]).code, Some(0));
    let messages = messages_at_the_end(&broker, "q/$management", &[(); 47].map(|()| peek(1)));
    assert!(messages.is_none_or(|messages| messages == Value::from(1_u64)));
}

#[test]
fn queries_behind_many_queues_give_others_their_turn() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    fill(&mut end, session, (0..1000).map(|number| format!("q{number}")));
    let queries = [(); 6].map(|()| Operation::query(None, ["name"]).page(999, 1));
    let messages = messages_at_the_end(&broker, "$management", &queries);
    assert!(messages.is_none_or(|messages| messages == Value::from(1_u64)));
}

/// Its end is the last of the events that wait for another turn.
#[test]
fn connection_that_ends_behind_its_requests_gives_its_messages_back() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    fill(&mut end, session, (0..1000).map(|number| format!("q{number}")));
    let (mut leaving, session) = End::client(&broker);
    let from = leaving.receiver(session, ReceiverConfig::from("q0"));
    leaving.connection.receiver(from).unwrap().set_credit(1).unwrap();
    leaving.until(|event| matches!(event, Event::Delivery { .. }).then_some(()));
    let asker = Asker::with_credit(&mut leaving, session, "$management");
    let written = broker.halted(|| {
        for _ in 0..40 {
            asker.ask(&mut leaving, &Operation::query(None, ["name"]).page(999, 1));
        }
        leaving.connection.close(None).unwrap();
        leaving.flush();
        drop(leaving);
    });
    if written.is_some() {
        eventually("given back", || broker.left("q0") == 1);
    }
}
