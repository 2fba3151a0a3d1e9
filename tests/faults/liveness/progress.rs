//! Output never stops input, but for answers that the peer leaves unread.

use amqp_proto::{
    Cause, ConnectionConfig, CreditPolicy, Event, Limits, Progress, ReceiverConfig, SenderConfig, SenderId,
    SessionConfig, Timeouts,
    spec::definitions::{AmqpError, ErrorCondition},
};
use bytes::Bytes;
use core::time::Duration;

use crate::{
    network::Network,
    support::{ATTACH_RECEIVER, ATTACH_SENDER, Fed, frame, hex},
};

/// An application that sends `left` messages, and rejects each that it gets with a reason of its own.
struct Bulk {
    sender: Option<SenderId>,
    payload: Bytes,
    left: u32,
    got: u32,
}

impl Bulk {
    fn act(&mut self, network: &mut Network, end: usize) {
        let connection = &mut network.ends[end].connection;
        while let Some(event) = connection.poll_event() {
            match event {
                Event::SenderRequested { sender, .. } => {
                    connection.accept_sender(sender, SenderConfig::new()).unwrap();
                    self.sender = Some(sender);
                }
                Event::ReceiverRequested { receiver, .. } => {
                    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(100));
                    connection.accept_receiver(receiver, config).unwrap();
                }
                Event::Delivery { receiver, delivery } => {
                    assert_eq!(delivery.payload.len(), self.payload.len());
                    self.got += 1;
                    let error = AmqpError::described(ErrorCondition::InternalError, self.got.to_string());
                    connection.receiver(receiver).unwrap().reject(delivery.id, Some(error)).unwrap();
                }
                Event::ConnectionError(_) | Event::SenderError { .. } => panic!("{event:?}"),
                _ => {}
            }
        }
        let Some(Ok(mut sender)) = self.sender.map(|sender| connection.sender(sender)) else { return };
        while self.left > 0 && sender.send(self.left, self.payload.clone()).is_ok() {
            self.left -= 1;
        }
    }
}

/// Both ends send this many messages of this size at once; returns true if all arrive.
fn both_send(
    configs: (ConnectionConfig, ConnectionConfig),
    capacity: usize,
    size: usize,
    count: u32,
) -> bool {
    let mut network = Network::new(configs.0, configs.1, capacity);
    let payload = Bytes::from(vec![7; size]);
    let mut apps = [(); 2].map(|()| Bulk { sender: None, payload: payload.clone(), left: count, got: 0 });
    let client = &mut network.ends[0].connection;
    let id = client.begin(SessionConfig::new()).unwrap();
    let mut session = client.session(id).unwrap();
    apps[0].sender = Some(session.attach_sender(SenderConfig::to("a")).unwrap());
    let config = ReceiverConfig::from("b").credit(CreditPolicy::Auto(100));
    session.attach_receiver(config).unwrap();
    loop {
        let mut moved = 0;
        for (end, app) in apps.iter_mut().enumerate() {
            app.act(&mut network, end);
            moved += network.write(end, usize::MAX);
        }
        for end in [0, 1] {
            moved += network.read(end, usize::MAX);
        }
        if apps.iter().all(|app| app.got == count) {
            return true;
        }
        if moved == 0 && network.ends.iter_mut().all(|end| end.connection.poll_event().is_none()) {
            return false;
        }
    }
}

fn ends(limits: Limits, max_frame_size: u32) -> (ConnectionConfig, ConnectionConfig) {
    let with = |config: ConnectionConfig| config.limits(limits).max_frame_size(max_frame_size);
    (with(ConnectionConfig::client("c")), with(ConnectionConfig::server("s")))
}

/// 2.5.6, 2.6.7: what an application sends is bounded by windows, credit and the outbox, and never by what it reads.
#[test]
fn fa1_two_bulk_senders_make_progress() {
    let small = Limits::default().max_outbox_bytes(2000);
    for capacity in [1, 2, 7, 100, 3000] {
        assert!(both_send(ends(small, 512), capacity, 5000, 4), "pipes of {capacity} bytes");
    }
    for capacity in [512 << 10, 4 << 20] {
        let defaults = ends(Limits::default(), 64 << 10);
        assert!(both_send(defaults, capacity, 10_000_000, 4), "pipes of {capacity} bytes");
    }
}

/// The outcomes of small messages take up as many bytes as the messages, behind those that go out.
#[test]
fn fa1b_two_ends_that_owe_each_other_outcomes_make_progress() {
    for (capacity, count) in [(1, 60), (13, 200), (1000, 3000), (64 << 10, 3000)] {
        let limits = Limits::default().max_outbox_bytes(4000).max_reply_bytes(500);
        assert!(both_send(ends(limits, 512), capacity, 10, count), "pipes of {capacity} bytes");
    }
    assert!(both_send(ends(Limits::default(), 64 << 10), 64 << 10, 10, 12_000));
}

fn begin_and_end() -> Vec<u8> {
    let mut frames = frame(1, &hex("005311c00704404352645264"));
    frames.extend(frame(1, &hex("00531745")));
    frames
}

/// The time for that ran on if another answer was given before input was handled again, and ended the connection.
#[test]
fn fa1o_answers_that_have_been_read_end_no_connection() {
    let limits = Limits::default().max_reply_bytes(1000);
    let config = ConnectionConfig::server("s").auto_accept_sessions(true).limits(limits);
    for answers_late in [false, true] {
        let mut fed = Fed::new(config.clone());
        fed.feed(crate::support::HEAD);
        fed.feed(crate::support::ATTACH_SENDER);
        let receiver = fed.receiver_asked_for();
        fed.write();
        let mut input = bytes::BytesMut::new();
        while fed.connection.handle_input(fed.instant(), &mut input) != Progress::DrainOutput {
            fed.events();
            input.extend_from_slice(&begin_and_end());
        }
        assert!(fed.connection.poll_timeout().is_some());
        // All of it is written and read.
        fed.write();
        if answers_late {
            fed.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
        }
        for second in 1..200 {
            fed.now = second * 1000;
            input.extend_from_slice(&begin_and_end());
            assert_eq!(fed.connection.handle_input(fed.instant(), &mut input), Progress::NeedInput);
            fed.connection.handle_timeout(fed.instant());
            assert!(fed.names().iter().all(|name| !name.ends_with("ERROR")), "{second}");
            fed.write();
        }
        assert_eq!(fed.connection.poll_timeout(), None);
    }
}

/// What a peer provokes and does not read stops input, and that stop has an end.
#[test]
fn fa1c_answers_that_a_peer_does_not_read_are_bounded_and_end_the_connection() {
    let timeouts = Timeouts::default().unread_replies(Duration::from_secs(30));
    let limits = Limits::default().max_reply_bytes(10_000);
    let mut fed = Fed::new(
        ConnectionConfig::server("s")
            .auto_accept_sessions(true)
            .limits(limits)
            .timeouts(timeouts)
            .idle_timeout(Duration::from_secs(50)),
    );
    let mut flood = hex(crate::support::HEAD);
    (0..10_000).for_each(|_| flood.extend(begin_and_end()));
    let mut input = bytes::BytesMut::from(&flood[..]);
    let mut take = |fed: &mut Fed| {
        loop {
            let progress = fed.connection.handle_input(fed.instant(), &mut input);
            fed.events();
            if progress != Progress::DrainEvents {
                return progress;
            }
        }
    };
    assert_eq!(take(&mut fed), Progress::DrainOutput);
    assert!(fed.connection.outbox_len() < 11_000, "{}", fed.connection.outbox_len());
    // 2.4.5: frames that wait for the peer's own reading are no sign of life. What it reads is one.
    fed.now = 29_000;
    fed.connection.handle_timeout(fed.instant());
    let mut transmit = fed.connection.poll_transmit(fed.instant());
    bytes::Buf::advance(&mut transmit, 100);
    assert_eq!(take(&mut fed), Progress::DrainOutput);
    fed.now = 58_000;
    fed.connection.handle_timeout(fed.instant());
    assert_eq!(take(&mut fed), Progress::DrainOutput);
    assert_eq!(fed.names(), [""; 0]);
    fed.now = 59_000;
    assert_eq!(fed.connection.poll_timeout(), Some(fed.instant()));
    fed.connection.handle_timeout(fed.instant());
    let events = fed.events();
    assert!(
        matches!(events.last(), Some(Event::ConnectionError(failure)) if failure.cause == Cause::TimedOut)
    );
    // What follows is discarded until the peer's close, or the end of the wait for it.
    assert_eq!(take(&mut fed), Progress::NeedInput);
    fed.now = 69_000;
    fed.connection.handle_timeout(fed.instant());
    assert!(fed.connection.is_closed());
}

/// A peer that reads late gets everything: the stop ends with its reading.
#[test]
fn fa1d_a_peer_that_reads_its_answers_late_is_heard_again() {
    let limits = Limits::default().max_reply_bytes(500);
    let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
    fed.events();
    let flood: Vec<u8> = (0..100).flat_map(|_| begin_and_end()).collect();
    fed.feed_bytes(&flood);
    let mut sessions = 0;
    while fed.unread() > 0 {
        assert_eq!(fed.progress, Progress::DrainOutput);
        sessions += fed.names().iter().filter(|name| **name == "SESSION_CLOSED").count();
        fed.feed_bytes(&[]);
    }
    assert_eq!(sessions + fed.names().iter().filter(|name| **name == "SESSION_CLOSED").count(), 100);
    fed.pass(100_000);
    assert_eq!(fed.names(), [""; 0], "the deadline is gone");
}

/// What the application writes when it accepts a peer's links is provoked too, and what it sends is not.
#[test]
fn fa1e_accepted_links_count_as_answers_and_messages_do_not() {
    let limits = Limits::default().max_reply_bytes(2000).max_outbox_bytes(1 << 20);
    let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
    let attach = hex(ATTACH_SENDER);
    let mut detach = frame(0, &hex("005316c003024341"));
    let mut input = bytes::BytesMut::new();
    (0..1000).for_each(|_| input.extend(attach.iter().chain(&detach)));
    let mut accepted = 0;
    loop {
        let progress = fed.connection.handle_input(fed.instant(), &mut input);
        for event in fed.events() {
            if let Event::ReceiverRequested { receiver, .. } = event
                && fed.connection.accept_receiver(receiver, ReceiverConfig::new()).is_ok()
            {
                accepted += 1;
            }
        }
        if progress == Progress::DrainOutput {
            break;
        }
        assert!(!input.is_empty(), "{accepted} links and no stop");
    }
    assert!(fed.connection.outbox_len() < 3000, "{}", fed.connection.outbox_len());
    detach.clear();
    // Messages as far as the outbox goes, on another connection: input goes on.
    let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
    fed.feed(ATTACH_RECEIVER);
    let sender = fed.sender_asked_for();
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    fed.feed("0000001902000000005313c00c07435264435264520243520a");
    let sent = fed.connection.sender(sender).unwrap().send(1_u32, vec![7; 2 << 20]);
    assert!(sent.is_ok() && fed.connection.outbox_len() >= 1 << 20);
    let mut input = bytes::BytesMut::from(&begin_and_end()[..]);
    assert_eq!(fed.connection.handle_input(fed.instant(), &mut input), Progress::NeedInput);
    assert!(input.is_empty());
}

/// Outcomes that the peer does not read wait in their short form, however many the peer provokes in its window, and go
/// out when it reads.
#[test]
fn fa1f_outcomes_that_a_peer_does_not_read_are_bounded_and_not_lost() {
    let limits = Limits::default().max_reply_bytes(3000);
    let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
    fed.feed(ATTACH_SENDER);
    let receiver = fed.receiver_asked_for();
    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(100));
    fed.connection.accept_receiver(receiver, config).unwrap();
    fed.write();
    fed.output.clear();
    fed.events();
    for number in 0..1000_u32 {
        let [.., high, low] = number.to_be_bytes();
        let body = [0, 0x53, 0x14, 0xc0, 11, 3, 0x43, 0x70, 0, 0, high, low, 0xa0, 2, high, low, 7];
        let mut input = bytes::BytesMut::from(&frame(0, &body)[..]);
        assert_eq!(fed.connection.handle_input(fed.instant(), &mut input), Progress::NeedInput);
        for event in fed.events() {
            let Event::Delivery { delivery, .. } = event else { panic!("{event:?}") };
            let error = AmqpError::described(ErrorCondition::InternalError, number.to_string());
            fed.connection.receiver(receiver).unwrap().reject(delivery.id, Some(error)).unwrap();
        }
        // Written into the outbox, and not read.
        let _ = fed.connection.poll_transmit(fed.instant());
        assert!(fed.connection.outbox_len() < 3200, "{}", fed.connection.outbox_len());
    }
    loop {
        let before = fed.output.len();
        fed.write();
        if fed.output.len() == before {
            break;
        }
    }
    let rejected = fed.output.windows(3).filter(|bytes| bytes == b"\0\x53\x25").count();
    assert_eq!(rejected, 1000);
}
