//! What an end of a connection, a session and a link keeps of the heap.
//!
//! Not with the testing kit, for which the engine notes the states that everything comes to.
#![cfg(not(feature = "testing"))]

use amqp_proto::{
    Connection, ConnectionConfig, Event, Instant, LinkId, Progress, ReceiverConfig, SenderConfig,
    SessionConfig, SessionId,
    codec::to_vec,
    spec::{definitions::Role, delivery_state::DeliveryState, performatives::Disposition, terminus::Source},
    types::{Described, Value},
};
use bytes::Buf;

const NOW: Instant = Instant::from_millis(1);

/// Two ends, and the bytes between them, which the engine copies and keeps nothing of.
struct Pair {
    client: Connection,
    server: Connection,
    wire: Vec<u8>,
}

fn carry(from: &mut Connection, wire: &mut Vec<u8>, to: &mut Connection) -> bool {
    wire.clear();
    let mut transmit = from.poll_transmit(NOW);
    while transmit.has_remaining() {
        let count = transmit.chunk().len();
        wire.extend_from_slice(transmit.chunk());
        transmit.advance(count);
    }
    assert_eq!(to.handle_input(NOW, &mut wire.as_slice()), Progress::NeedInput);
    !wire.is_empty()
}

impl Pair {
    fn new() -> Self {
        let client = ConnectionConfig::client("client").channel_max(9999);
        let server = ConnectionConfig::server("server").channel_max(9999).auto_accept_sessions(true);
        let (client, server) = (Connection::new(client), Connection::new(server));
        let mut pair = Self { client, server, wire: Vec::with_capacity(4096) };
        pair.client.open().unwrap();
        pair.turn();
        assert!(pair.client.is_open() && pair.server.is_open());
        pair
    }

    /// Until nothing moves; all requests are granted.
    fn turn(&mut self) {
        loop {
            let up = carry(&mut self.client, &mut self.wire, &mut self.server);
            while let Some(event) = self.server.poll_event() {
                if let Event::ReceiverRequested { receiver, .. } = event {
                    self.server.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
                }
            }
            let down = carry(&mut self.server, &mut self.wire, &mut self.client);
            while self.client.poll_event().is_some() {}
            if !up && !down {
                return;
            }
        }
    }

    fn begin(&mut self) -> SessionId {
        let session = self.client.begin(SessionConfig::new()).unwrap();
        self.turn();
        session
    }

    fn attach(&mut self, session: SessionId, number: usize) {
        let attach =
            SenderConfig::to("queue/orders").source(Source::at("src")).name(format!("link-{number:08}"));
        let sender = self.client.session(session).unwrap().attach_sender(attach).unwrap();
        self.turn();
        assert!(self.client.sender_ref(sender).unwrap().is_open());
    }
}

/// Returns the bytes still in use, per thing and per end.
fn kept(count: usize, mut make: impl FnMut(usize)) -> i64 {
    let counted = allocation_counter::measure(|| (0..count).for_each(&mut make));
    counted.bytes_current / i64::try_from(2 * count).unwrap()
}

#[test]
fn a_connection_takes_two_kibibytes() {
    let mut pairs = Vec::new();
    let bytes = kept(100, |_| {
        let mut pair = Pair::new();
        pair.wire = Vec::new();
        pairs.push(Box::new(pair));
    });
    // The span of a connection, with the feature of that name.
    let most = 2048 + if cfg!(feature = "tracing") { 64 } else { 0 };
    assert!((1000..most).contains(&bytes), "{bytes}");
}

#[test]
fn a_session_takes_half_a_kibibyte() {
    let mut pair = Pair::new();
    pair.begin();
    let bytes = kept(1000, |_| {
        pair.begin();
    });
    assert!((200..480).contains(&bytes), "{bytes}");
}

#[test]
fn a_link_takes_a_third_of_a_kibibyte() {
    let mut pair = Pair::new();
    let session = pair.begin();
    pair.attach(session, 0);
    // Nearly as many as the default settings allow.
    let bytes = kept(200, |number| pair.attach(session, number + 1));
    assert!((100..340).contains(&bytes), "{bytes}");
}

/// A session or a link that has gone leaves nothing.
#[test]
fn removed_sessions_and_links_leave_no_memory() {
    let mut pair = Pair::new();
    let session = pair.begin();
    let live = |pair: &mut Pair, number: usize| {
        let other = pair.begin();
        pair.attach(session, number);
        pair.attach(other, number);
        let link = pair.client.session(session).unwrap().links().next().unwrap();
        let amqp_proto::LinkId::Sender(sender) = link else { panic!("{link}") };
        pair.client.sender(sender).unwrap().close(None).unwrap();
        pair.client.session(other).unwrap().end(None).unwrap();
        pair.turn();
    };
    live(&mut pair, 0);
    let counted = allocation_counter::measure(|| (1..100).for_each(|number| live(&mut pair, number)));
    assert_eq!((counted.count_current, counted.bytes_current), (0, 0));
}

/// Of a session that has ended only its unsettled deliveries are kept, however high its handles were.
#[test]
fn an_ended_session_keeps_no_handles() {
    let mut pair = Pair::new();
    let mut live = |_| {
        let session = pair.client.begin(SessionConfig::new()).unwrap();
        pair.turn();
        for number in 0..200 {
            pair.attach(session, number);
        }
        let link = pair.client.session(session).unwrap().links().last().unwrap();
        let LinkId::Sender(sender) = link else { panic!("{link}") };
        let other = pair.server.session_ids().next().unwrap();
        let link = pair.server.session(other).unwrap().links().last().unwrap();
        let LinkId::Receiver(receiver) = link else { panic!("{link}") };
        pair.server.receiver(receiver).unwrap().set_credit(1).unwrap();
        pair.turn();
        pair.client.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
        pair.turn();
        pair.client.session(session).unwrap().end(None).unwrap();
        pair.turn();
    };
    live(0);
    let bytes = kept(50, live);
    assert!((100..1024).contains(&bytes), "{bytes}");
}

/// A disposition is not multiplied by its deliveries, even if it tells a state that the standard does not define.
#[test]
fn state_of_one_disposition_is_stored_once() {
    let mut pair = Pair::new();
    let session = pair.begin();
    (0..2).for_each(|number| pair.attach(session, number));
    let other = pair.server.session_ids().next().unwrap();
    let links: Vec<_> = pair.server.session(other).unwrap().links().collect();
    for link in &links {
        let LinkId::Receiver(receiver) = *link else { panic!("{link}") };
        pair.server.receiver(receiver).unwrap().set_credit(100).unwrap();
    }
    pair.turn();
    let senders: Vec<_> = pair.client.session(session).unwrap().links().collect();
    for tag in 0..100_u32 {
        for link in &senders {
            let LinkId::Sender(sender) = *link else { panic!("{link}") };
            pair.client.sender(sender).unwrap().send(tag, b"x".as_slice()).unwrap();
        }
    }
    pair.turn();
    // Of more small elements than this a state that is held decoded may not have.
    let list = Value::from(vec![Value::from("x".repeat(60)); 100]);
    let disposition = Disposition {
        role: Role::Receiver,
        last: Some(199.into()),
        state: Some(DeliveryState::Other(Described::new(0x99_u64, list).into())),
        ..Disposition::default()
    };
    let body = to_vec(&disposition);
    let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    let frame = [&size[..], &[2, 0, 0, 0], &body].concat();
    let counted = allocation_counter::measure(|| {
        assert_eq!(pair.client.handle_input(NOW, &mut frame.as_slice()), Progress::NeedInput);
    });
    let (bytes, max) = (u64::try_from(frame.len()).unwrap(), counted.bytes_max);
    assert!(max > bytes && max < 200 * bytes, "{bytes} bytes take up {max}");
}
