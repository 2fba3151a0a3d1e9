//! Bytes that once took the broker's memory. It has 1 GB of address space here, and serves others afterwards.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::mpsc,
    thread,
};

use amqp_proto::{
    Event, ReceiverConfig, SenderConfig,
    codec::{Encode, to_vec},
    message::Message,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        delivery_state::{DeliveryState, Modified, Rejected},
        performatives::{Attach, Begin, Close, Disposition, Flow, Open},
        terminus::{DistributionMode, Source, Target, TargetArchetype},
    },
    types::{Fields, Symbol, Value},
};

use crate::support::*;

pub(crate) fn frame(channel: u16, performative: &impl Encode, payload: &[u8]) -> Vec<u8> {
    let body = [&to_vec(performative)[..], payload].concat();
    let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&size[..], &[2, 0], &channel.to_be_bytes(), &body].concat()
}

/// A protocol header, an open, and begins of this many sessions.
pub(crate) fn head(sessions: u16) -> Vec<u8> {
    let open = Open { container_id: "attacker".into(), ..Open::default() };
    let begin = Begin {
        next_outgoing_id: 0_u32.into(),
        incoming_window: 1 << 20,
        outgoing_window: 1 << 20,
        ..Begin::default()
    };
    let begins = (0..sessions).map(|channel| frame(channel, &begin, &[]));
    let start = [&b"AMQP\x00\x01\x00\x00"[..], &frame(0, &open, &[])].concat();
    std::iter::once(start).chain(begins).collect::<Vec<_>>().concat()
}

fn attach(number: u32) -> Attach {
    Attach {
        name: format!("link-{number}").into(),
        handle: number.into(),
        role: Role::Sender,
        source: Some(Box::default()),
        target: Some(Box::new(TargetArchetype::Target(Target::at("q")))),
        initial_delivery_count: Some(0_u32.into()),
        ..Attach::default()
    }
}

fn large_fields(bytes: usize) -> Fields {
    Fields::new().with(Symbol::from_static("x"), Value::from(vec![0; bytes]))
}

/// Writes bytes to a broker over some connections, and reads what it answers.
fn attack(broker: &mut Broker, connections: usize, bytes: &[u8]) {
    let mut held = Vec::new();
    for _ in 0..connections {
        let mut socket = broker.connect();
        let mut reader = socket.try_clone().unwrap();
        let reading = thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
        // An error means that the broker has ended the connection.
        let _ = socket.write_all(bytes);
        held.push((socket, reading));
    }
    // Others are served while the connections last, and afterwards.
    assert_eq!(broker.send("other", &[]).code, Some(0));
    for (socket, reading) in held {
        let _ = socket.shutdown(Shutdown::Write);
        let _ = reading.join().unwrap();
    }
    assert_eq!(broker.left("other"), 1);
    assert!(broker.is_running());
}

fn limited() -> Broker {
    Broker::limited("ulimit -v 1000000", &[])
}

#[test]
fn fb1_a_large_close_over_many_sessions_and_links() {
    let mut bytes = head(255);
    for channel in 0..255 {
        (0..16).for_each(|number| bytes.extend(frame(channel, &attach(number), &[])));
    }
    let values = Value::List(vec![Value::Null; 60_000]);
    let info = Fields::new().with(Symbol::from_static("x"), values);
    let error = AmqpError { info: Some(info), ..AmqpError::default() };
    bytes.extend(frame(0, &Close { error: Some(Box::new(error)) }, &[]));
    attack(&mut limited(), 2, &bytes);
}

#[test]
fn fb4_an_array_with_many_descriptors() {
    let mut bytes = head(1);
    let body = [&1_u32.to_be_bytes()[..], &[0x00, 0x40].repeat(12_000), &[0x50, 0x07]].concat();
    let array = [&[0xf0][..], &u32::try_from(body.len()).unwrap().to_be_bytes(), &body].concat();
    // The array takes the place of a text of the same size, which is the end of the frame.
    let text = "y".repeat(array.len() - 5);
    let flow = Flow {
        next_incoming_id: Some(0_u32.into()),
        incoming_window: 100,
        next_outgoing_id: 0_u32.into(),
        outgoing_window: 100,
        properties: Some(Fields::new().with(Symbol::from_static("x"), Value::from(text))),
        ..Flow::default()
    };
    let mut flow = frame(0, &flow, &[]);
    let start = flow.len() - array.len();
    flow[start..].copy_from_slice(&array);
    bytes.extend(flow);
    attack(&mut limited(), 1, &bytes);
}

#[test]
fn fb5_many_large_attaches() {
    let mut bytes = head(16);
    for channel in 0..16 {
        for number in 0..64 {
            let attach = Attach { properties: Some(large_fields(60_000)), ..attach(number) };
            bytes.extend(frame(channel, &attach, &[]));
        }
    }
    attack(&mut limited(), 4, &bytes);
}

#[test]
fn fb5b_many_queues_with_long_names() {
    let mut bytes = head(16);
    for channel in 0..16 {
        for number in 0..16 {
            let address = format!("{channel}-{number}-{}", "x".repeat(30_000));
            let source = Source::at(&*address);
            let receiver = Attach { role: Role::Receiver, source: Some(Box::new(source)), ..attach(number) };
            bytes.extend(frame(channel, &receiver, &[]));
        }
    }
    attack(&mut limited(), 4, &bytes);
}

/// Reads until these bytes have arrived.
fn read_past(socket: &mut TcpStream, wanted: &[u8]) {
    let (mut seen, mut block) = (Vec::new(), [0; 4096]);
    while !seen.windows(wanted.len()).any(|window| window == wanted) {
        seen.drain(..seen.len().saturating_sub(wanted.len()));
        let count = match socket.read(&mut block) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.unwrap(),
        };
        assert!(count > 0, "the broker ended the connection");
        seen.extend_from_slice(&block[..count]);
    }
}

/// Work in proportion to the number of consumers costs less to end than it cost to begin, on any machine.
#[test]
fn the_end_of_many_consumers_of_one_queue_costs_the_broker_no_more_than_their_beginning() {
    // Room for 48,000 links.
    let broker = Broker::start(&["--max-connection-bytes", "134217728"]);
    let mut bytes = head(240);
    for channel in 0..240 {
        for number in 0..200 {
            let source = Some(Box::new(Source::at("hot")));
            let consumer = Attach { role: Role::Receiver, source, ..attach(number) };
            bytes.extend(frame(channel, &consumer, &[]));
        }
    }
    let last = Attach { name: "link-last".into(), ..attach(200) };
    bytes.extend(frame(239, &last, &[]));
    let (attached, is_attached) = mpsc::channel();
    let Some(start) = broker.ticks() else { return };
    let mut socket = broker.connect();
    let mut reader = socket.try_clone().unwrap();
    let reading = thread::spawn(move || {
        read_past(&mut reader, b"link-last");
        attached.send(()).unwrap();
        io::copy(&mut reader, &mut io::sink())
    });
    socket.write_all(&bytes).unwrap();
    let close = frame(0, &Close::default(), &[]);
    is_attached.recv_timeout(PATIENCE).unwrap();
    // The broker has one thread: by the end of the send it has served what came before.
    assert_eq!(broker.send("other", &[]).code, Some(0));
    let attached = broker.ticks().unwrap();
    socket.write_all(&close).unwrap();
    reading.join().unwrap().unwrap();
    assert_eq!(broker.send("other", &[]).code, Some(0));
    let (begin, end) = (attached - start, broker.ticks().unwrap() - attached);
    assert!(end <= begin, "{begin} ticks to attach, {end} to close");
}

/// Takes all messages of a queue, and settles them by one disposition.
fn settle_all(broker: &Broker, count: u32, state: DeliveryState) -> End {
    assert_eq!(broker.send("q", &["--count", &count.to_string(), "--size", "1"]).code, Some(0));
    let (mut client, session) = End::client(broker);
    let receiver = client.receiver(session, ReceiverConfig::from("q"));
    client.connection.receiver(receiver).unwrap().set_credit(count).unwrap();
    for _ in 0..count {
        client.until(|event| matches!(event, Event::Delivery { .. }).then_some(()));
    }
    let disposition = Disposition {
        role: Role::Receiver,
        first: 0_u32.into(),
        last: Some((count - 1).into()),
        settled: true,
        state: Some(state),
        batchable: false,
    };
    client.socket.write_all(&frame(0, &disposition, &[])).unwrap();
    client
}

/// The error was decoded, and kept for each message.
#[test]
fn a_large_error_for_many_dead_letters() {
    const COUNT: u32 = 10_000;
    let mut broker = limited();
    let list = Value::List(vec![Value::Ulong(u64::MAX); 6000]);
    let info = Fields::new()
        .with(Symbol::from_static("DeadLetterReason"), "why")
        .with(Symbol::from_static("x"), list);
    let condition = ErrorCondition::from(Symbol::from_static("com.microsoft:dead-letter"));
    let error = AmqpError { info: Some(info), ..AmqpError::new(condition) };
    let mut client = settle_all(&broker, COUNT, Rejected { error: Some(error) }.into());
    client.round_trip();
    assert!(broker.is_running());
    assert_eq!((broker.left("q"), broker.left("q/$DeadLetterQueue")), (0, COUNT.into()));
}

/// They were merged into each message, though there was no room, while all others waited.
#[test]
fn large_annotations_for_many_modified_messages_end_their_link() {
    const COUNT: u32 = 2000;
    let broker = Broker::start(&[]);
    let annotations = Fields::new().with(Symbol::from_static("x-opt-x"), "x".repeat(50_000));
    let modified = Modified { message_annotations: Some(annotations), ..Modified::default() };
    let mut client = settle_all(&broker, COUNT, modified.into());
    let failure = client.until(|event| match event {
        Event::ReceiverError { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure.error.condition, ErrorCondition::ResourceLimitExceeded);
    assert_eq!(broker.left("q"), COUNT.into());
}

/// Decoded default outcomes had no bound but their number: 40 times what was sent.
#[test]
fn what_the_links_of_a_connection_keep_is_bounded_and_given_back() {
    const LINKS: usize = 100;
    let broker = Broker::start(&["--max-connection-bytes", "2097152"]);
    let (mut client, session) = End::client(&broker);
    let annotations = Fields::new().with(Symbol::from_static("x-opt-x"), vec![Value::Null; 900]);
    let modified = Modified { message_annotations: Some(annotations), ..Modified::default() };
    for _ in 0..2 {
        let (mut attached, mut refused) = (Vec::new(), None);
        while attached.len() < LINKS && refused.is_none() {
            let source = Source { default_outcome: Some(modified.clone().into()), ..Source::at("q") };
            let config = ReceiverConfig::new().source(source);
            let asked = client.connection.session(session).unwrap().attach_receiver(config).unwrap();
            let failure = client.until(|event| match event {
                Event::ReceiverOpen { receiver } if *receiver == asked => Some(None),
                Event::ReceiverError { failure, .. } => Some(Some(failure.error.condition.clone())),
                _ => None,
            });
            match failure {
                Some(condition) => refused = Some(condition),
                None => attached.push(asked),
            }
        }
        // Others of the connection are small enough, and there is room again when these are gone.
        assert_eq!(refused, Some(ErrorCondition::ResourceLimitExceeded));
        assert!(attached.len() > 1, "{}", attached.len());
        for receiver in attached {
            client.connection.receiver(receiver).unwrap().close(None).unwrap();
        }
        client.round_trip();
    }
}

/// A consumer keeps its default outcome in decoded form.
#[test]
fn a_large_default_outcome_is_refused() {
    let broker = Broker::start(&[]);
    let (mut client, session) = End::client(&broker);
    let annotations = Fields::new().with(Symbol::from_static("x-opt-x"), "x".repeat(2000));
    let modified = Modified { message_annotations: Some(annotations), ..Modified::default() };
    let source = Source { default_outcome: Some(modified.into()), ..Source::at("q") };
    let config = ReceiverConfig::new().source(source);
    client.connection.session(session).unwrap().attach_receiver(config).unwrap();
    let failure = client.until(|event| match event {
        Event::ReceiverError { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure.error.condition, ErrorCondition::ResourceLimitExceeded);
}

/// The broker went on as long as a client took all that was written to it, and read no other socket meanwhile. How much the
/// client has read, not how long it took, says whether the other one had its turn.
#[test]
fn a_client_that_reads_without_end_does_not_keep_others_waiting() {
    const LINKS: u32 = 250;
    // More than what sockets hold, and a fraction of what is there to read.
    const MOST: usize = 64 << 20;
    let broker = Broker::start(&[]);
    assert_eq!(broker.send("q", &["--count", "20000", "--size", "100", "--settled"]).code, Some(0));
    let (mut other, session) = End::client(&broker);
    let receiver = other.receiver(session, ReceiverConfig::from("p"));
    other.connection.receiver(receiver).unwrap().set_credit(1).unwrap();
    let sender = other.sender(session, SenderConfig::to("p"));

    let mut bytes = head(1);
    for number in 0..LINKS {
        let browsed = Source { distribution_mode: Some(DistributionMode::Copy), ..Source::at("q") };
        let source = Some(Box::new(browsed));
        let browser = Attach { role: Role::Receiver, source, initial_delivery_count: None, ..attach(number) };
        bytes.extend(frame(0, &browser, &[]));
    }
    for number in 0..LINKS {
        let credit = Flow {
            next_incoming_id: Some(0_u32.into()),
            incoming_window: i32::MAX as u32,
            next_outgoing_id: 0_u32.into(),
            outgoing_window: 1 << 20,
            handle: Some(number.into()),
            delivery_count: Some(0_u32.into()),
            link_credit: Some(i32::MAX as u32),
            ..Flow::default()
        };
        bytes.extend(frame(0, &credit, &[]));
    }
    let mut socket = broker.connect();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(&bytes).unwrap();
    let mut block = vec![0; 1 << 20];
    let mut read = 0;
    while read < 4 << 20 {
        read += socket.read(&mut block).unwrap();
    }

    other.connection.sender(sender).unwrap().send(0_u32, Message::builder().data("x").build()).unwrap();
    other.flush();
    other.socket.set_nonblocking(true).unwrap();
    let is_delivered = |other: &mut End| {
        other.read();
        std::iter::from_fn(|| other.connection.poll_event())
            .any(|event| matches!(event, Event::Delivery { .. }))
    };
    while !is_delivered(&mut other) {
        assert!(read < MOST, "others wait while a client reads");
        read += socket.read(&mut block).unwrap();
    }
}
