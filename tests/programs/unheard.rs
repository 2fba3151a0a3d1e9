//! Operations of a management node whose answers have no way: they change nothing.

use amqp_proto::{
    DeliveryId, Event, ReceiverConfig, SenderConfig, SenderId,
    message::Message,
    spec::{delivery_state::DeliveryState, terminus::Target},
    types::{Map, Str, Value},
};

use crate::{
    azure::{client, deferred, longs, receiver},
    services::{answer, rejection},
    support::*,
};

/// Asks the management node of the queue. The answer repeats the id.
fn ask(end: &mut End, sender: SenderId, id: &str, operation: &str, body: Map<Str>) -> DeliveryId {
    let builder = Message::builder().message_id(id).reply_to("answers");
    let operation = format!("com.microsoft:{operation}");
    let request =
        builder.application_property("operation", operation.as_str()).value(Value::from(body)).build();
    end.connection.sender(sender).unwrap().send(u32::from(id.as_bytes()[0]), request).unwrap()
}

/// What takes a deferred message for good.
fn take_for_good(number: i64) -> Map<Str> {
    Map::<Str>::new().with("sequence-numbers", longs(&[number])).with("receiver-settle-mode", 0_u32)
}

fn answers() -> ReceiverConfig {
    ReceiverConfig::from("q/$management").target(Target::at("answers"))
}

#[test]
fn message_is_not_scheduled_if_there_is_no_way_for_the_answer() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    let sender = end.sender(session, SenderConfig::to("q/$management"));
    let message = Value::Binary(Message::builder().data("one").build().into_bytes());
    let entries: Value = [Map::<Str>::new().with("message", message)].into_iter().collect();
    let body = Map::<Str>::new().with("messages", entries);
    let request = ask(&mut end, sender, "1", "schedule-message", body);
    assert_eq!(rejection(&mut end, request), "amqp:not-found");
    assert_eq!(broker.left("q"), 0);
}

#[test]
fn deferred_message_stays_if_the_client_takes_no_answer_as_large() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    let from = receiver(&mut end, session, "q");
    let number = deferred(&mut end, session, from, &"a".repeat(500));
    let sender = end.sender(session, SenderConfig::to("q/$management"));
    let small = end.receiver(session, answers().max_message_size(300));
    end.connection.receiver(small).unwrap().set_credit(10).unwrap();
    let request = ask(&mut end, sender, "1", "receive-by-sequence-number", take_for_good(number));
    assert_eq!(rejection(&mut end, request), "amqp:link:message-size-exceeded");

    end.connection.receiver(small).unwrap().close(None).unwrap();
    let large = end.receiver(session, answers());
    end.connection.receiver(large).unwrap().set_credit(10).unwrap();
    ask(&mut end, sender, "2", "receive-by-sequence-number", take_for_good(number));
    assert_eq!(answer(&mut end).1, 200);
}

#[test]
fn deferred_message_stays_if_too_many_answers_wait_already() {
    let broker = Broker::start(&[]);
    let (mut end, session) = client(&broker);
    let from = receiver(&mut end, session, "q");
    let number = deferred(&mut end, session, from, "a");
    let sender = end.sender(session, SenderConfig::to("q/$management"));
    let outlet = end.receiver(session, answers());
    for _ in 0..100 {
        ask(&mut end, sender, "1", "peek-message", Map::new());
        end.until(|event| matches!(event, Event::DeliverySettled { .. }).then_some(()));
    }
    let request = ask(&mut end, sender, "2", "receive-by-sequence-number", take_for_good(number));
    assert_eq!(rejection(&mut end, request), "amqp:resource-limit-exceeded");
    end.connection.receiver(outlet).unwrap().set_credit(200).unwrap();
    for _ in 0..100 {
        answer(&mut end);
    }
    ask(&mut end, sender, "3", "receive-by-sequence-number", take_for_good(number));
    assert_eq!(answer(&mut end).1, 200);
}

/// Answers needed room of the queues. So nobody could put a token, and take the messages that filled it.
#[test]
fn full_broker_takes_tokens() {
    let broker = Broker::start(&["--max-bytes", "20000", "--token", "t"]);
    let (mut end, session) = client(&broker);
    let sender = end.sender(session, SenderConfig::to("full"));
    let mut refused = 0;
    // All but a few bytes: the largest that fits is taken, and then nothing is.
    for size in (0..4000).rev().step_by(4) {
        let message = Message::builder().data(vec![7; size]).build();
        end.connection.sender(sender).unwrap().send(1_u32, message).unwrap();
        let state = end.until(|event| match event {
            Event::DeliverySettled { state, .. } => Some(state.clone()),
            _ => None,
        });
        refused += usize::from(!matches!(state, Some(DeliveryState::Accepted(_))));
    }
    assert!(refused > 0);
    // It puts a token first.
    let (mut other, session) = client(&broker);
    let full = receiver(&mut other, session, "full");
    other.connection.receiver(full).unwrap().set_credit(1).unwrap();
    other.until(|event| matches!(event, Event::Delivery { .. }).then_some(()));
}
