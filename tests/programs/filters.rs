//! Filters: what the broker has in force and hands out, and the options of `send` and `receive` about them.

use std::net::TcpListener;

use amqp_proto::{
    CreditPolicy, Event, ReceiverConfig, ReceiverId, SenderConfig, SessionId,
    extensions::filters::{
        ApplicationPropertiesFilter, EventPosition, Filter, FilterDescriptor, PropertiesFilter, StreamOffset,
        TextMatch, in_force, names,
    },
    frame::Payload,
    message::{Message, ParseOptions},
    spec::{
        messaging::MessageId,
        terminus::{DistributionMode, FilterSet, Source},
    },
    types::{Fields, Map, Str, Symbol, Timestamp, Value},
};

use crate::support::*;

/// Attaches a receiver with filters. Returns those in force too.
fn filtered(
    end: &mut End,
    session: SessionId,
    mut source: Source,
    filters: &[Filter],
) -> (ReceiverId, Option<FilterSet>) {
    filters.iter().for_each(|filter| filter.clone().add_to(&mut source));
    let receiver = end.receiver(session, ReceiverConfig::new().source(source));
    let attach = end.connection.receiver_ref(receiver).unwrap().remote_attach().unwrap();
    (receiver, attach.source.unwrap().filter)
}

/// Drains a receiver. Returns the message-ids that have come; the messages are accepted.
fn drain(end: &mut End, receiver: ReceiverId) -> Vec<u64> {
    let mut link = end.connection.receiver(receiver).unwrap();
    link.set_credit(1000).unwrap();
    link.drain().unwrap();
    let mut ids = Vec::new();
    loop {
        let event = end.event().expect("the connection is open");
        match event {
            Event::Delivery { receiver: from, delivery } if from == receiver => {
                let message = Message::parse(delivery.payload, &ParseOptions::default()).unwrap();
                ids.push(match message.message_id().unwrap() {
                    Some(MessageId::Ulong(id)) => id,
                    other => panic!("{other:?}"),
                });
                end.connection.receiver(receiver).unwrap().accept(delivery.id).unwrap();
            }
            Event::ReceiverDrained { receiver: from, .. } if from == receiver => return ids,
            _ => {}
        }
    }
}

/// Sends messages, and waits for their outcomes.
fn send(end: &mut End, session: SessionId, address: &str, messages: impl IntoIterator<Item = Payload>) {
    let sender = end.sender(session, SenderConfig::to(address));
    for (number, message) in (0_u32..).zip(messages) {
        let sent = end.connection.sender(sender).unwrap().send(number, message).unwrap();
        end.until(|event| match event {
            Event::DeliverySettled { first, last, .. } => (*first..=*last).contains(&sent).then_some(()),
            _ => None,
        });
    }
    end.connection.sender(sender).unwrap().close(None).unwrap();
}

#[test]
fn each_filter_in_force_hands_out_the_messages_that_pass_and_leaves_the_others() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let message = |id: u64, subject: &str, size: i64| {
        let builder = Message::builder().message_id(id).subject(subject).priority(id as u8);
        let builder = builder.message_annotation(Symbol::from_static("x-opt-colour"), "blue");
        builder.application_property("size", size).application_property("good", id == 2).data("x").build()
    };
    let messages = [message(1, "invoice.new", 1), message(2, "invoice.old", 2), message(3, "order.new", 3)];
    let selector = Filter::selector;
    let cases: [(Filter, &[u64]); 17] = [
        (PropertiesFilter::new().subject(TextMatch::prefix("invoice.")).into(), &[1, 2]),
        (PropertiesFilter::new().subject("order.new").message_id(3_u64).into(), &[3]),
        (ApplicationPropertiesFilter::new().value("size", 2_u8).into(), &[2]),
        (ApplicationPropertiesFilter::new().value("colour", "blue").into(), &[]),
        (selector("JMSType = 'order.new'"), &[3]),
        (selector("size = 2"), &[2]),
        (selector("size > 1 AND size <= 3"), &[2, 3]),
        (selector("size >= 1.5 and size<>3"), &[2]),
        (selector("good = TRUE"), &[2]),
        (selector("good <> true"), &[1, 3]),
        (selector("JMSPriority < 3"), &[1, 2]),
        (selector("JMSMessageID = 3"), &[3]),
        (selector("JMSDeliveryMode = 'NON_PERSISTENT' AND size = 1"), &[1]),
        (selector("amqp.annotation.x-opt-colour = 'blue' AND size = 1"), &[1]),
        (selector("amqp.annotation.x-opt-colour = 'it''s'"), &[]),
        (EventPosition::Sequence { number: 2, inclusive: false }.into(), &[3]),
        (selector("nothing = 'here'"), &[]),
    ];
    for (number, (filter, due)) in cases.into_iter().enumerate() {
        let address = format!("q-{number}");
        send(&mut end, session, &address, messages.clone());
        let asked = [filter];
        let (receiver, answered) = filtered(&mut end, session, Source::at(&*address), &asked);
        assert_eq!(in_force(&asked, answered.as_ref()).missing, [], "{asked:?}");
        assert_eq!(drain(&mut end, receiver), due, "{asked:?}");
        // The others are for anybody.
        assert_eq!(broker.left(&address), (3 - due.len()) as u64, "{asked:?}");
    }
}

#[test]
fn filters_that_the_broker_cannot_evaluate_are_not_in_its_answer() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    send(&mut end, session, "q", [Message::builder().message_id(1_u64).data("x").build()]);
    let unknown = Fields::new().with(Symbol::from_static("colour"), "blue");
    let modifier = Map::<Str>::new().with("colour", "&x:blue");
    // 3.2.5: no message has such a property.
    let list = Map::<Str>::new().with("colour", vec![Value::Null; 1000]);
    let many = (0..40).fold(ApplicationPropertiesFilter::new(), |all, n| all.value(format!("p{n}"), 1_u32));
    let cases = [
        Filter::selector("colour LIKE 'b%'"),
        Filter::selector("colour = 'blue' OR size = 3"),
        Filter::selector("NOT colour = 'blue'"),
        Filter::selector("colour = 'blue"),
        Filter::selector("colour = 'blue' AND"),
        Filter::selector("JMSReplyTo = 'q'"),
        Filter::selector(""),
        Filter::sql("colour = 'blue'"),
        Filter::topic_binding("#"),
        StreamOffset::First.into(),
        many.into(),
        Filter::new(names::PROPERTIES, FilterDescriptor::Code(0x173), unknown),
        Filter::new(names::APPLICATION_PROPERTIES, FilterDescriptor::Code(0x174), modifier),
        Filter::new(names::APPLICATION_PROPERTIES, FilterDescriptor::Code(0x174), list),
    ];
    for filter in cases {
        // One that the broker does evaluate is in force beside it.
        let asked = [filter, Filter::no_local()];
        let mut source = Source::at("q");
        source.distribution_mode = Some(DistributionMode::Copy);
        let (_, answered) = filtered(&mut end, session, source, &asked);
        assert_eq!(in_force(&asked, answered.as_ref()).in_force, [&asked[1]]);
        assert_eq!(answered.unwrap().len(), 1);
    }
    let (_, answered) = filtered(&mut end, session, Source::at("q"), &[Filter::selector("a IN ('b')")]);
    assert_eq!(answered, None);
}

/// A filter without a comparison took none of those for one message, and looked into it all the same.
#[test]
fn filters_without_a_comparison_count_too() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let empty = |number| {
        Filter::from(ApplicationPropertiesFilter::new())
            .named(Symbol::try_from(format!("f{number}")).unwrap())
    };
    let asked: Vec<_> = (0..100).map(empty).collect();
    let (_, answered) = filtered(&mut end, session, Source::at("q"), &asked);
    assert_eq!(answered.unwrap().len(), 32);
}

#[test]
fn no_local_filter_keeps_messages_of_the_same_connection_away() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    send(&mut end, session, "q", [Message::builder().message_id(1_u64).data("x").build()]);
    assert_eq!(broker.send("q", &[]).code, Some(0));
    let (receiver, answered) = filtered(&mut end, session, Source::at("q"), &[Filter::no_local()]);
    assert!(answered.unwrap().contains_key(&names::NO_LOCAL));
    // That of the other connection has the id 0.
    assert_eq!(drain(&mut end, receiver), [0]);
    assert_eq!(broker.left("q"), 1);
}

/// More messages than the broker looks at in one step, and a released one behind the place where the link looks.
#[test]
fn a_consumer_with_a_filter_finds_a_message_wherever_it_becomes_available() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let message = |id: u64, colour: &str| {
        Message::builder().message_id(id).application_property("colour", colour).data("x").build()
    };
    let all = std::iter::once(message(0, "blue")).chain((1..5000).map(|id| message(id, "red")));
    send(&mut end, session, "q", all.chain([message(5000, "blue")]));
    let taker = end.receiver(session, ReceiverConfig::from("q").credit(CreditPolicy::Manual));
    end.connection.receiver(taker).unwrap().set_credit(1).unwrap();
    let first = end.until(|event| match event {
        Event::Delivery { delivery, .. } => Some(delivery.id),
        _ => None,
    });
    let blue = [Filter::selector("colour = 'blue'")];
    let (receiver, _) = filtered(&mut end, session, Source::at("q"), &blue);
    assert_eq!(drain(&mut end, receiver), [5000]);
    end.connection.receiver(taker).unwrap().release(first).unwrap();
    end.round_trip();
    assert_eq!(drain(&mut end, receiver), [0]);
    assert_eq!(broker.left("q"), 4999);
}

#[test]
fn browser_with_a_filter_leaves_all_messages() {
    let broker = Broker::start(&[]);
    for colour in ["colour=blue", "colour=red", "colour=blue"] {
        assert_eq!(broker.send("q", &["--property", colour]).code, Some(0));
    }
    let (mut end, session) = End::client(&broker);
    let mut source = Source::at("q");
    source.distribution_mode = Some(DistributionMode::Copy);
    let blue = [ApplicationPropertiesFilter::new().value("colour", "blue").into()];
    let (receiver, _) = filtered(&mut end, session, source, &blue);
    assert_eq!(drain(&mut end, receiver).len(), 2);
    assert_eq!(drain(&mut end, receiver).len(), 0);
    assert_eq!(broker.left("q"), 3);
}

#[test]
fn receive_takes_the_messages_that_pass_its_filters() {
    let broker = Broker::start(&[]);
    for (body, arguments) in [
        ("one", ["--property", "colour=blue", "--property", "size:=3"]),
        ("two", ["--property", "colour=blue", "--property", "size=3"]),
        ("three", ["--property", "colour=red", "--subject", "invoice.new"]),
    ] {
        assert_eq!(broker.send("q", &[&arguments[..], &["--body", body]].concat()).code, Some(0));
    }
    let cases: [(&[&str], &str); 4] = [
        (&["--filter", "colour = 'green'"], ""),
        (&["--filter", "properties:subject=&p:invoice"], "three\n"),
        (&["--filter", "size = 3"], "one\n"),
        (
            &["--filter", "application-properties:colour=blue", "--filter", "application-properties:size=3"],
            "two\n",
        ),
    ];
    for (filters, due) in cases {
        let ended = broker.receive("q", &[&["--drain"], filters].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let bodies: String = ended
            .out
            .lines()
            .filter(|line| !line.starts_with("received"))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(bodies, due, "{filters:?}");
    }
}

#[test]
fn receive_ends_with_the_name_of_a_filter_that_is_not_in_force() {
    let broker = Broker::start(&[]);
    assert_eq!(broker.send("q", &[]).code, Some(0));
    for (arguments, name) in [
        (["--filter", "colour LIKE 'b%'"], "apache.org:selector-filter:string"),
        (["--offset", "first"], "rabbitmq:stream-offset-spec"),
    ] {
        let ended = broker.receive("q", &[&["--drain"], &arguments[..]].concat());
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains(name) && ended.err.contains("not in force"), "{ended:?}");
        assert!(ended.out.starts_with("received 0"), "{ended:?}");
    }
    // Nothing was taken.
    assert_eq!(broker.left("q"), 1);
}

#[test]
fn options_about_filters_and_properties_that_cannot_be_are_refused() {
    for (program, arguments) in [
        ("receive", ["--filter", "properties:colour=blue"]),
        ("receive", ["--filter", "properties:subject=&x:blue"]),
        ("receive", ["--filter", "properties:group-sequence=one"]),
        ("receive", ["--filter", "application-properties:colour"]),
        ("receive", ["--filter", " "]),
        ("receive", ["--offset", "tomorrow"]),
        ("receive", ["--offset", "2026-02-29T00:00:00Z"]),
        ("receive", ["--offset", "h"]),
        ("send", ["--property", "colour"]),
        ("send", ["--property", "=blue"]),
        ("send", ["--property", "size:=large"]),
    ] {
        let ended = run(program, &["amqp://127.0.0.1:1/q", arguments[0], arguments[1]]);
        assert_eq!(ended.code, Some(2), "{arguments:?} {ended:?}");
    }
    let two = run("receive", &["amqp://127.0.0.1:1/q", "--filter", "a = 1", "--filter", "b = 2"]);
    assert_eq!(two.code, Some(1), "{two:?}");
}

/// A server with streams, as far as their offsets go.
#[test]
fn receive_asks_for_the_offset_of_a_stream() {
    for (text, due) in [
        ("first", Value::from("first")),
        ("last", "last".into()),
        ("next", "next".into()),
        ("1000", Value::Long(1000)),
        ("10m", "10m".into()),
        ("2026-11-25T08:30:01Z", Timestamp::from_millis(1_795_595_401_000).into()),
        ("2000-03-01T00:00:00Z", Timestamp::from_millis(951_868_800_000).into()),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("amqp://127.0.0.1:{}/q", listener.local_addr().unwrap().port());
        let receive = start("receive", &[&url, "--offset", text, "--count", "1"]);
        let mut server = End::server(&listener);
        let sender = server.until(|event| match event {
            Event::SenderRequested { sender, .. } => Some(*sender),
            _ => None,
        });
        let attach = server.connection.sender_ref(sender).unwrap().remote_attach().unwrap();
        let filters = Filter::read(attach.source.as_ref().unwrap().filter.as_ref());
        assert_eq!(filters.len(), 1);
        assert_eq!((filters[0].name(), filters[0].value()), (&names::STREAM_OFFSET, &due), "{text}");
        // The answer has all that was asked for.
        server.connection.accept_sender(sender, SenderConfig::new()).unwrap();
        server.until(|event| matches!(event, Event::SenderReady { .. }).then_some(()));
        let message = Message::builder().data("here").build();
        server.connection.sender(sender).unwrap().send(1_u32, message).unwrap();
        while server.event().is_some() {}
        let ended = receive.end();
        assert!(ended.code == Some(0) && ended.out.starts_with("here\n"), "{text}: {ended:?}");
    }
}

/// The order of deliveries does not depend on speed: both links get their credit with one write.
#[test]
fn link_without_a_filter_does_not_wait_for_one_that_searches() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    assert_eq!(broker.send("q", &["--count", "5000", "--size", "1"]).code, Some(0));
    assert_eq!(broker.send("q", &["--property", "k=z"]).code, Some(0));
    let (searching, _) = filtered(&mut end, session, Source::at("q"), &[Filter::selector("k = 'z'")]);
    let all = end.receiver(session, ReceiverConfig::from("q"));
    end.connection.receiver(searching).unwrap().set_credit(1).unwrap();
    end.connection.receiver(all).unwrap().set_credit(1000).unwrap();
    let mut before = 0;
    let found = end.until(|event| match event {
        Event::Delivery { receiver, delivery } if *receiver == searching => Some(delivery.payload.clone()),
        Event::Delivery { .. } => {
            before += 1;
            None
        }
        _ => None,
    });
    assert!(Message::try_from(found).unwrap().application_property("k").unwrap().is_some());
    assert_eq!(before, 1000);
}
