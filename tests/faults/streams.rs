//! Streamed deliveries that wait to be read take up the budget, and links of our own none before the open (FB).

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, DeliveryId, Event, Limits, Owed, Progress, ReceiverConfig,
    ReceiverId, SendOptions, SenderConfig, SessionConfig, SessionId,
};

use crate::common::{Linked, Pair};

const BUDGET: usize = 20_000;

/// Two ends, of which the server has little memory.
fn of_little_memory() -> Pair {
    let limits = Limits::default().max_held_bytes(BUDGET);
    let server = ConnectionConfig::server("s").auto_accept_sessions(true).limits(limits).max_frame_size(512);
    Pair::new(ConnectionConfig::client("c"), server).opened()
}

/// A link that the server reads as a stream.
fn link(pair: Pair) -> Linked {
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(2000)).streaming(true);
    Linked::with(pair, SessionConfig::new(), SenderConfig::to("q"), theirs)
}

fn streaming() -> Linked {
    link(of_little_memory())
}

/// A server of little memory that streams, with more in flight to it than it may hold.
struct Streaming {
    linked: Linked,
    read: usize,
}

impl Streaming {
    fn new() -> Self {
        let limits = Limits::default().max_held_bytes(BUDGET);
        let server =
            ConnectionConfig::server("s").auto_accept_sessions(true).limits(limits).max_frame_size(512);
        let pair = Pair::new(ConnectionConfig::client("c"), server).opened();
        let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(2000)).streaming(true);
        let mut linked = Linked::with(pair, SessionConfig::new(), SenderConfig::to("q"), theirs);
        for tag in 0..4_u32 {
            linked.pair.client.sender(linked.sender).unwrap().send(tag, vec![7; 10_000]).unwrap();
        }
        linked.pair.run();
        Self { linked, read: 0 }
    }

    fn server(&mut self) -> &mut Connection {
        &mut self.linked.pair.server
    }

    /// Polls all events. Returns what the server's input waits for then, and the deliveries that have begun.
    fn progress(&mut self) -> (Progress, Vec<(ReceiverId, DeliveryId)>) {
        let mut begun = Vec::new();
        loop {
            for event in self.linked.pair.server_events() {
                if let Event::DeliveryBegun { receiver, delivery, .. } = event {
                    begun.push((receiver, delivery));
                }
            }
            let progress = self.linked.pair.turn_of_server();
            if progress != Progress::DrainEvents {
                return (progress, begun);
            }
        }
    }
}

#[test]
fn fb3g_input_waits_for_reading_and_says_so() {
    let mut streaming = Streaming::new();
    let (receiver, mut deliveries) = (streaming.linked.receiver, Vec::new());
    for _ in 0..1000 {
        let (progress, begun) = streaming.progress();
        deliveries.extend(begun);
        if progress == Progress::NeedInput && streaming.read == 40_000 {
            return;
        }
        if let Progress::Answer(owed) = progress {
            assert_eq!(owed, Owed::Read(receiver));
            // The smallest answer there is: one chunk.
            let server = streaming.server();
            let chunk = deliveries
                .iter()
                .find_map(|(receiver, delivery)| server.read_chunk(*receiver, *delivery).ok().flatten());
            streaming.read += chunk.expect("bytes to read").len();
        } else if progress == Progress::NeedInput {
            // The window waits for the rest.
            for (receiver, delivery) in &deliveries {
                while let Ok(Some(chunk)) = streaming.server().read_chunk(*receiver, *delivery) {
                    streaming.read += chunk.len();
                }
            }
        }
        streaming.linked.pair.run();
    }
    panic!("{} bytes in 1000 turns", streaming.read);
}

#[test]
fn fb3h_an_outcome_is_as_good_as_reading() {
    let mut streaming = Streaming::new();
    let (receiver, mut waited, mut rejected) = (streaming.linked.receiver, 0, 0);
    for _ in 0..20 {
        let (progress, deliveries) = streaming.progress();
        waited += u32::from(progress == Progress::Answer(Owed::Read(receiver)));
        rejected += deliveries.len();
        for (_, delivery) in deliveries {
            streaming.server().receiver(receiver).unwrap().reject(delivery, None).unwrap();
        }
        streaming.linked.pair.run();
    }
    assert!(waited > 0);
    assert_eq!((streaming.progress().0, rejected), (Progress::NeedInput, 4));
}

/// Nobody reads from an endpoint that we end, so its peer's answer must not wait for it.
#[test]
fn fb3i_what_we_end_holds_up_no_input() {
    type End = fn(&mut Connection, ReceiverId, SessionId);
    let ends: [(End, &str); 3] = [
        (|server, receiver, _| server.receiver(receiver).unwrap().close(None).unwrap(), "RECEIVER_CLOSED"),
        (|server, _, session| server.session(session).unwrap().end(None).unwrap(), "SESSION_CLOSED"),
        (|server, _, _| server.close(None).unwrap(), "CONNECTION_CLOSED"),
    ];
    for (end, last) in ends {
        let mut streaming = Streaming::new();
        let receiver = streaming.linked.receiver;
        assert_eq!(streaming.progress().0, Progress::Answer(Owed::Read(receiver)));
        let session = streaming.server().session_ids().next().unwrap();
        end(streaming.server(), receiver, session);
        let mut names = Vec::new();
        for _ in 0..10 {
            streaming.linked.pair.run();
            names.extend(streaming.linked.pair.server_events().iter().map(Event::name));
            streaming.linked.pair.client_events();
        }
        assert!(names.contains(&last), "{last}: {names:?}");
    }
}

/// A delivery whose end the application has not seen is still held.
#[test]
fn fb3j_deliveries_that_are_read_but_not_to_their_end_have_a_bound() {
    const SIZE: usize = 600;
    let mut linked = streaming();
    let receiver = linked.receiver;
    let mut begun = Vec::new();
    for tag in 0..1000_u32 {
        let options = SendOptions::new().settled(true);
        linked.pair.client.sender(linked.sender).unwrap().send_with(tag, vec![7; SIZE], &options).unwrap();
        linked.pair.run();
        for event in linked.pair.server_events() {
            if let Event::DeliveryData { delivery, complete: true, .. } = event {
                // All of its bytes, and not the `None` behind them.
                let mut read = 0;
                while read < SIZE {
                    read += linked.pair.server.read_chunk(receiver, delivery).unwrap().unwrap().len();
                }
                begun.push(delivery);
            }
        }
        linked.pair.run();
        if linked.pair.turn_of_server() == Progress::Answer(Owed::Read(receiver)) {
            for delivery in begun.drain(..) {
                assert_eq!(linked.pair.server.read_chunk(receiver, delivery), Ok(None));
            }
            assert_ne!(linked.pair.turn_of_server(), Progress::Answer(Owed::Read(receiver)));
            return;
        }
        linked.pair.client_events();
    }
    panic!("{} deliveries are held", begun.len());
}

#[test]
fn fb3k_unread_bytes_of_sessions_that_their_peer_ends_are_given_back() {
    let mut pair = of_little_memory();
    for _ in 0..5 {
        let mut linked = link(pair);
        linked.pair.client.sender(linked.sender).unwrap().send(1_u32, vec![7; 8000]).unwrap();
        linked.pair.run();
        while !linked.pair.server_events().is_empty() {
            linked.pair.run();
        }
        linked.pair.client.session(linked.session).unwrap().end(None).unwrap();
        linked.pair.run();
        assert!(linked.pair.server_events().iter().any(|event| event.name() == "SESSION_CLOSED"));
        pair = linked.pair;
        assert_eq!(pair.turn_of_server(), Progress::NeedInput);
    }
}

/// A client whose links took up the budget of strangers could not open.
#[test]
fn fb5e_links_of_our_own_before_the_open_are_not_the_peers() {
    let mut pair = Pair::plain();
    for _ in 0..8 {
        let session = pair.client.begin(SessionConfig::new()).unwrap();
        for name in 0..200 {
            let sender = SenderConfig::to(format!("queue{name}"));
            pair.client.session(session).unwrap().attach_sender(sender).unwrap();
        }
    }
    let mut open = 0;
    for _ in 0..20 {
        pair.run();
        for event in pair.server_events() {
            if let Event::ReceiverRequested { receiver, .. } = event {
                pair.server.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
            }
        }
        open += pair.client_events().iter().filter(|event| event.name() == "SENDER_OPEN").count();
    }
    assert_eq!(open, 1600);
}
