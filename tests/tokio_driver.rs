//! The driver of the tokio example, over a stream that is none: turns of reading and writing, and time.

#[path = "../examples/tokio/driver.rs"]
mod driver;

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use amqp_proto::{
    Connection, ConnectionConfig, Event, Limits, SendOptions, SenderConfig, SenderId, SessionConfig,
    frame::ProtocolHeader,
    spec::{
        definitions::Role,
        performatives::{Begin, Close, Flow},
    },
    testing::frames,
};
use driver::Driver;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time,
};

/// A peer that takes all that is written. What it sends arrives by the number of writes.
#[derive(Default)]
struct Peer {
    /// Bytes to read, each with the number of writes behind which they are there.
    sends: Vec<(usize, Vec<u8>)>,
    writes: usize,
}

/// More writes than this without a read are endless.
const ENDLESS: usize = 1000;

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let writes = self.writes;
        let Some(at) = self.sends.iter().position(|(after, _)| *after <= writes) else {
            return Poll::Pending;
        };
        to.put_slice(&self.sends.remove(at).1);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.writes += 1;
        assert!(self.writes < ENDLESS, "nothing is read");
        Poll::Ready(Ok(from.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = from.iter().map(|piece| piece.len()).sum();
        self.poll_write(cx, &vec![0; count])
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The peer's header and open.
fn opening() -> Vec<u8> {
    [&ProtocolHeader::AMQP.to_bytes()[..], &frames::frame(0, &frames::open())].concat()
}

/// A window and a credit that never end, for the link with this name.
fn endless_credit(name: &str) -> Vec<u8> {
    let window = i32::MAX.cast_unsigned();
    let begin = Begin { incoming_window: window, ..frames::begin_answer(0) };
    let credit = Flow { incoming_window: window, ..frames::link_flow(0, window) };
    [
        frames::frame(0, &begin),
        frames::frame(0, &frames::attach(name, 0, Role::Receiver)),
        frames::frame(0, &credit),
    ]
    .concat()
}

/// Sends until it is refused: `SENDER_READY` follows when there is room again.
fn send_all(engine: &mut Connection, sender: SenderId) {
    let settled = SendOptions::new().settled(true);
    let mut sender = engine.sender(sender).expect("the link is there");
    while sender.send_with(0_u32, b"0123456789".as_slice(), &settled).is_ok() {}
}

/// The connection was cut off: its peer's heartbeats and its close were never read.
#[tokio::test]
async fn what_the_peer_sends_is_read_while_it_takes_all_that_is_written() {
    let close = frames::frame(0, &Close::default());
    let peer = Peer { sends: vec![(1, [opening(), endless_credit("l")].concat()), (50, close)], writes: 0 };
    let limits = Limits::default().max_outbox_bytes(4096);
    let mut engine = Connection::new(ConnectionConfig::client("client").limits(limits));
    engine.open().expect("a new connection");
    let session = engine.begin(SessionConfig::new()).expect("a session");
    let config = SenderConfig::to("q").name("l");
    engine.session(session).and_then(|mut session| session.attach_sender(config)).expect("a link");
    let mut driver = Driver::new(peer, engine);
    let mut names = Vec::new();
    while let Some(event) = driver.next_event().await {
        if let Event::SenderReady { sender } = event {
            send_all(driver.engine(), sender);
        } else {
            names.push(event.name());
        }
    }
    assert_eq!(
        names,
        [
            "CONNECTION_OPEN",
            "SESSION_OPEN",
            "SENDER_OPEN",
            "SENDER_CLOSED",
            "SESSION_CLOSED",
            "CONNECTION_CLOSED"
        ]
    );
}

/// An application that takes its time must not take it from the peer's.
#[tokio::test(start_paused = true)]
async fn frames_that_wait_in_the_stream_are_a_sign_of_life() {
    let heartbeat = vec![0, 0, 0, 8, 2, 0, 0, 0];
    let peer = Peer { sends: vec![(1, opening()), (2, heartbeat)], writes: 0 };
    let config = ConnectionConfig::client("client").idle_timeout(Duration::from_secs(1));
    let mut engine = Connection::new(config);
    engine.open().expect("a new connection");
    let mut driver = Driver::new(peer, engine);
    assert_eq!(driver.next_event().await.map(|event| event.name()), Some("CONNECTION_OPEN"));
    // The begin is the write that the heartbeat follows.
    driver.engine().begin(SessionConfig::new()).expect("a session");
    time::advance(Duration::from_secs(3)).await;
    let waited = time::timeout(Duration::from_millis(900), driver.next_event()).await;
    assert!(waited.is_err(), "{waited:?}");
    // Without a further one the peer is silent.
    let event = time::timeout(Duration::from_millis(1200), driver.next_event()).await.expect("an event");
    assert_eq!(event.map(|event| event.name()), Some("SESSION_ERROR"));
}
