//! What waits for the application leaves less for the messages that it sends: both are one budget.

use amqp_proto::{
    CommandError, ConnectionConfig, CreditPolicy, DeliveryId, Event, Limits, ReceiverConfig, ReceiverId,
    SendOptions, SenderConfig, SenderId, SessionConfig,
};

use crate::common::{Linked, Pair};

const BUDGET: usize = 256 << 10;

/// The bytes that fill the budget by half.
const MOST: usize = 128 << 10;

/// A server that sends and receives, and a client that settles nothing.
struct Server {
    linked: Linked,
    sender: SenderId,
    /// The client's end of its link.
    consumer: ReceiverId,
    tag: u32,
}

impl Server {
    fn new(streaming: bool) -> Self {
        Self::with(streaming, BUDGET)
    }

    fn with(streaming: bool, budget: usize) -> Self {
        let limits = Limits::default().max_held_bytes(budget).max_held_bytes_per_session(budget);
        let server = ConnectionConfig::server("s").auto_accept_sessions(true).limits(limits);
        let pair = Pair::new(ConnectionConfig::client("c"), server).opened();
        let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(2000)).streaming(streaming);
        let mut linked = Linked::with(pair, SessionConfig::new(), SenderConfig::to("q"), theirs);
        let ours = ReceiverConfig::from("q").credit(CreditPolicy::Auto(100_000));
        let consumer = linked.pair.client.session(linked.session).unwrap().attach_receiver(ours).unwrap();
        linked.pair.run();
        let sender = linked.pair.server_events().into_iter().find_map(|event| match event {
            Event::SenderRequested { sender, .. } => Some(sender),
            _ => None,
        });
        let sender = sender.expect("the server is asked for a link");
        linked.pair.server.accept_sender(sender, SenderConfig::new()).unwrap();
        linked.pair.run();
        linked.pair.server_events();
        Self { linked, sender, consumer, tag: 0 }
    }

    /// Sends until there is no memory for more, and returns the number of messages.
    fn send(&mut self) -> u32 {
        let first = self.tag;
        let mut turns = 0;
        loop {
            let mut sender = self.linked.pair.server.sender(self.sender).unwrap();
            match sender.send(self.tag, b"x".as_slice()) {
                Ok(_) => self.tag += 1,
                Err(CommandError::TooManyUnsettled) => return self.tag - first,
                // The client has to read.
                Err(CommandError::OutboxFull | CommandError::WindowClosed) => {
                    self.linked.pair.run();
                    self.linked.pair.client_events();
                    turns += 1;
                    assert!(turns < 100, "{} messages", self.tag - first);
                }
                Err(error) => panic!("{error} behind {}", self.tag),
            }
        }
    }

    fn receive(&mut self, bytes: usize) {
        self.linked.pair.client.sender(self.linked.sender).unwrap().send(1_u32, vec![7; bytes]).unwrap();
        self.linked.pair.run();
    }

    /// Polls the events of the server. Returns the deliveries that begin, and if its sender is ready.
    fn poll(&mut self) -> (Vec<DeliveryId>, bool) {
        let (mut begun, mut is_ready) = (Vec::new(), false);
        for event in self.linked.pair.server_events() {
            match event {
                Event::DeliveryBegun { delivery, .. } => begun.push(delivery),
                Event::SenderReady { sender } => is_ready |= sender == self.sender,
                _ => {}
            }
        }
        (begun, is_ready)
    }
}

/// The heap reached 1.8 times the budget.
#[test]
fn fb8t_streams_that_nobody_reads_leave_less_for_messages_of_ours() {
    let alone = Server::new(true).send();
    let mut server = Server::new(true);
    server.receive(MOST);
    let (begun, _) = server.poll();
    let beside = server.send();
    assert!(beside > 100 && beside <= alone / 2, "{beside} of {alone}");
    assert!(!server.poll().1);

    let receiver = server.linked.receiver;
    let connection = &mut server.linked.pair.server;
    while connection.read_chunk(receiver, begun[0]).unwrap().is_some() {}
    assert!(server.poll().1);
    assert_eq!(server.send() + beside, alone);
}

#[test]
fn fb8u_so_do_events_that_nobody_polls() {
    let alone = Server::new(false).send();
    let mut server = Server::new(false);
    server.receive(MOST);
    let beside = server.send();
    assert!(beside > 100 && beside <= alone / 2, "{beside} of {alone}");
    assert!(server.poll().1);
    assert_eq!(server.send() + beside, alone);
}

/// Each is as large as the entry of the delivery that it settles.
#[test]
fn fb8v_events_of_outcomes_that_nobody_polls_have_a_bound() {
    let mut server = Server::new(false);
    server.send();
    server.linked.pair.run();
    let client = &mut server.linked.pair.client;
    let deliveries = client.unsettled(server.consumer);
    let mut link = client.receiver(server.consumer).unwrap();
    // With gaps between, each has a disposition and an event of its own.
    let settled: Vec<_> = deliveries.iter().step_by(2).map(|delivery| delivery.id).collect();
    settled.iter().for_each(|id| link.accept(*id).unwrap());
    let mut seen = 0;
    while seen < settled.len() {
        server.linked.pair.run();
        let events = server.linked.pair.server_events();
        // And SENDER_READY.
        assert!(!events.is_empty() && events.len() <= BUDGET / 2048 + 1, "{} behind {seen}", events.len());
        seen += events.iter().filter(|event| event.name() == "DELIVERY_SETTLED").count();
    }
}

/// The first message of the peer's ended its session if it was not whole.
#[test]
fn fb8w_messages_of_ours_leave_room_for_the_peers() {
    for budget in (100..300).step_by(10) {
        let mut server = Server::with(false, budget << 10);
        server.send();
        let client = &mut server.linked.pair.client;
        let mut link = client.sender(server.linked.sender).unwrap();
        let delivery = link.send_streaming(1_u32, &SendOptions::new()).unwrap();
        link.write(delivery, vec![7; 20_000]).unwrap();
        server.linked.pair.run();
        let events = server.linked.pair.server_events();
        // The next message of ours may be one that is settled.
        let names = events.iter().map(Event::name).filter(|name| *name != "SENDER_READY");
        assert_eq!(names.collect::<Vec<_>>(), [""; 0], "{budget} KiB");
    }
}
