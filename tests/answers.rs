//! What is kept of the peer's begin and attach, and given back in the attach that answers it.

use amqp_proto::{
    Connection, ConnectionConfig, Event, Instant, Progress, ReceiverConfig, ReceiverId, SenderConfig,
    SessionConfig, SessionId,
    codec::{DecodeLimits, from_bytes, to_vec},
    spec::{
        definitions::{ReceiverSettleMode, Role, SenderSettleMode},
        performatives as p,
        terminus::{FilterSet, Source, Target, TargetArchetype},
    },
    testing::{
        Pair,
        frames::{AMQP, attach, begin, frame, open, raw},
    },
    types::{Described, Fields, Symbol, Value},
};
use bytes::{Buf, Bytes};

const NOW: Instant = Instant::from_millis(1);

/// A server whose peer has opened its connection, and accepts frames of at most this size in bytes.
fn opened(max_frame_size: u32) -> Connection {
    let mut server = Connection::new(ConnectionConfig::server("server"));
    let open = p::Open { max_frame_size, ..open() };
    for bytes in [AMQP.to_vec(), frame(0, &open)] {
        assert_eq!(server.handle_input(NOW, &mut bytes.as_slice()), Progress::NeedInput);
    }
    server.open().unwrap();
    output(&mut server);
    server
}

fn output(server: &mut Connection) -> Vec<u8> {
    let mut transmit = server.poll_transmit(NOW);
    let bytes = transmit.copy_to_bytes(transmit.remaining());
    bytes.to_vec()
}

fn feed(server: &mut Connection, bytes: &[u8]) {
    let mut bytes = bytes;
    assert_eq!(server.handle_input(NOW, &mut bytes), Progress::NeedInput);
}

fn requested(server: &mut Connection) -> (Vec<SessionId>, Vec<ReceiverId>) {
    let (mut sessions, mut receivers) = (Vec::new(), Vec::new());
    while let Some(event) = server.poll_event() {
        match event {
            Event::SessionRequested { session } => sessions.push(session),
            Event::ReceiverRequested { receiver, .. } => receivers.push(receiver),
            _ => {}
        }
    }
    (sessions, receivers)
}

/// The attach in the frame that is all of the output.
fn answer(bytes: &[u8]) -> p::Attach {
    from_bytes(&Bytes::copy_from_slice(&bytes[8..]), DecodeLimits::DEFAULT).unwrap()
}

fn symbol(text: &str) -> Symbol {
    Symbol::try_from(text).unwrap()
}

fn rich() -> p::Attach {
    let filter = Described { descriptor: Value::Ulong(1), value: Value::from("expression") };
    let filter = FilterSet::new().with(symbol("filter"), Value::from(filter));
    p::Attach {
        source: Some(Box::new(Source {
            filter: Some(filter),
            outcomes: vec![symbol("amqp:accepted:list"), symbol("amqp:rejected:list")].into(),
            ..Source::at("from")
        })),
        target: Some(
            Target { dynamic: true, capabilities: symbol("queue").into(), ..Target::default() }.into(),
        ),
        max_message_size: Some(1 << 40),
        snd_settle_mode: SenderSettleMode::Unsettled,
        rcv_settle_mode: ReceiverSettleMode::Second,
        properties: Some(Fields::new().with(symbol("key"), Value::from("value"))),
        ..attach("a link", 3, Role::Sender)
    }
}

/// What waits for an answer holds no block alive that was read, and neither does what is kept after it.
#[test]
fn remote_begin_and_attach_are_returned_and_keep_no_read_buffer_alive() {
    for waits in [true, false] {
        let mut server = opened(4096);
        let begin = p::Begin {
            properties: Some(Fields::new().with(symbol("who"), Value::from("peer"))),
            offered_capabilities: symbol("more").into(),
            ..begin()
        };
        let block = Bytes::from([frame(5, &begin), frame(5, &rich())].concat());
        let mut input = block.clone();
        let accept = |server: &mut Connection| {
            let (sessions, _) = requested(server);
            server.accept_session(sessions[0], SessionConfig::new()).unwrap();
            sessions[0]
        };
        let session = if waits {
            assert_eq!(server.handle_input(NOW, &mut input), Progress::NeedInput);
            drop(input);
            assert!(block.is_unique(), "what waits holds the block");
            accept(&mut server)
        } else {
            let mut first = input.split_to(frame(5, &begin).len());
            assert_eq!(server.handle_input(NOW, &mut first), Progress::NeedInput);
            let session = accept(&mut server);
            assert_eq!(server.handle_input(NOW, &mut input), Progress::NeedInput);
            drop((first, input));
            session
        };
        let (_, receivers) = requested(&mut server);
        assert!(block.is_unique(), "what is kept holds the block");
        assert_eq!(server.session(session).unwrap().remote_begin(), Some(begin));
        output(&mut server);
        server.accept_receiver(receivers[0], ReceiverConfig::new()).unwrap();
        let link = server.receiver(receivers[0]).unwrap();
        assert_eq!(link.remote_attach(), Some(rich()));
        assert_eq!(link.name(), "a link");
        // What the answer leaves open is as it was asked for, and each end has the say of its own settle mode.
        let answer = answer(&output(&mut server));
        assert_eq!((&answer.source, &answer.target), (&rich().source, &rich().target));
        assert_eq!(answer.snd_settle_mode, SenderSettleMode::Unsettled);
        assert_eq!(answer.rcv_settle_mode, ReceiverSettleMode::First);
        assert_eq!((answer.role, answer.name.as_str()), (Role::Receiver, "a link"));
        assert_eq!((answer.max_message_size, answer.properties), (None, None));
    }
}

/// What an answer says itself is not taken from the request.
#[test]
fn termini_of_the_answer_replace_those_of_the_request() {
    let mut server = opened(4096);
    feed(&mut server, &frame(0, &begin()));
    let (sessions, _) = requested(&mut server);
    server.accept_session(sessions[0], SessionConfig::new()).unwrap();
    feed(&mut server, &frame(0, &rich()));
    let (_, receivers) = requested(&mut server);
    output(&mut server);
    let ours = ReceiverConfig::new().target(Target::at("made")).rcv_settle_mode(ReceiverSettleMode::Second);
    let ours = ours.max_message_size(9).offered_capabilities(vec![symbol("ours")]);
    server.accept_receiver(receivers[0], ours).unwrap();
    let answer = answer(&output(&mut server));
    let Some(TargetArchetype::Target(target)) = answer.target.as_deref() else { panic!("{answer:?}") };
    assert_eq!(*target, Target::at("made"));
    assert_eq!((answer.source, answer.max_message_size), (rich().source, Some(9)));
    assert_eq!(answer.rcv_settle_mode, ReceiverSettleMode::Second);
    assert_eq!(*answer.offered_capabilities, [symbol("ours")]);
}

/// A composite in the widest encoding there is, with a null for each field that it could have.
fn wide(descriptor: u64, fields: &[Vec<u8>], all: usize) -> Vec<u8> {
    let nulls = vec![vec![0x40]; all - fields.len()].concat();
    let body = [fields.concat(), nulls].concat();
    let (size, count) = (u32::try_from(body.len() + 4).unwrap(), u32::try_from(all).unwrap());
    let mut bytes = vec![0x00, 0x80];
    bytes.extend(descriptor.to_be_bytes());
    bytes.push(0xd0);
    bytes.extend(size.to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes.extend(body);
    bytes
}

fn wide_str(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xb1];
    bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// A request whose encoding is larger than it has to be is given back in one that fits the peer's own frames.
#[test]
fn oversized_encoding_of_a_request_is_answered_in_the_smallest() {
    let (from, to) = ("f".repeat(220), "t".repeat(210));
    let source = wide(Source::CODE, &[wide_str(&from)], 11);
    let target = wide(Target::CODE, &[wide_str(&to)], 7);
    let fields = [
        wide_str("link"),
        vec![0x70, 0, 0, 0, 0],
        to_vec(&Role::Sender),
        vec![0x40],
        vec![0x40],
        source,
        target,
        vec![0x40],
        vec![0x40],
        vec![0x70, 0, 0, 0, 0],
    ];
    let body = wide(p::Attach::CODE, &fields, 14);
    assert!(body.len() > 512);
    let mut server = opened(512);
    feed(&mut server, &frame(0, &begin()));
    let (sessions, _) = requested(&mut server);
    server.accept_session(sessions[0], SessionConfig::new()).unwrap();
    output(&mut server);
    feed(&mut server, &raw(0, 0, &body));
    let (_, receivers) = requested(&mut server);
    assert_eq!(server.receiver(receivers[0]).unwrap().name(), "link");
    server.accept_receiver(receivers[0], ReceiverConfig::new()).unwrap();
    let written = output(&mut server);
    assert!(written.len() <= 512, "{} bytes", written.len());
    let answer = answer(&written);
    assert_eq!(answer.source, Some(Box::new(Source::at(from))));
    assert_eq!(answer.target, Some(Target::at(to).into()));
}

#[test]
fn requested_address_is_that_of_the_terminus_at_this_end() {
    let config = ConnectionConfig::server("server").auto_accept_sessions(true);
    let mut pair = Pair::new(ConnectionConfig::client("client"), config);
    pair.client.connection.open().unwrap();
    let session = pair.client.connection.begin(SessionConfig::new()).unwrap();
    let mut session = pair.client.connection.session(session).unwrap();
    session.attach_sender(SenderConfig::to("in").source(Source::at("not this"))).unwrap();
    session.attach_sender(SenderConfig::new()).unwrap();
    session.attach_receiver(ReceiverConfig::from("out").target(Target::at("not this"))).unwrap();
    session.attach_receiver(ReceiverConfig::new()).unwrap();
    pair.run();
    let mut asked = Vec::new();
    for event in std::iter::from_fn(|| pair.server.connection.poll_event()).collect::<Vec<_>>() {
        let server = &pair.server.connection;
        match event {
            Event::ReceiverRequested { receiver, .. } => {
                asked.push(server.receiver_ref(receiver).unwrap().requested_address());
            }
            Event::SenderRequested { sender, .. } => {
                asked.push(server.sender_ref(sender).unwrap().requested_address());
            }
            _ => {}
        }
    }
    assert_eq!(asked, [Some("in".into()), None, Some("out".into()), None]);
}
