//! Credit in any order of calls, with flows on their way: no message ends its link, and each drain has its end.

use amqp_proto::{
    Connection, ConnectionConfig, Event, Instant, Receiver, ReceiverConfig, ReceiverId, Sender, SenderConfig,
    SenderId, SessionConfig,
};
use bytes::Buf;

const NOW: Instant = Instant::from_millis(1);

/// Two ends of a link, and what is on its way between them.
struct Ends {
    receiving: Connection,
    sending: Connection,
    receiver: ReceiverId,
    sender: SenderId,
    /// To the sender, and to the receiver.
    wires: [Vec<u8>; 2],
    sent: u32,
    /// A drain has not ended.
    is_draining: bool,
    /// It was asked for without credit, and none has been given since: no message may come behind its end.
    is_barrier: bool,
    is_shut: bool,
}

fn write(from: &mut Connection, wire: &mut Vec<u8>) {
    let mut output = from.poll_transmit(NOW);
    let output = output.copy_to_bytes(output.remaining());
    wire.extend_from_slice(&output);
}

fn read(to: &mut Connection, wire: &mut Vec<u8>) {
    let mut input = &wire[..];
    let _ = to.handle_input(NOW, &mut input);
    let left = input.len();
    wire.drain(..wire.len() - left);
}

/// Reads one frame alone, or all that there is if `count` is odd.
fn read_some(to: &mut Connection, wire: &mut Vec<u8>, count: u32) {
    let Some(size) = wire.first_chunk().filter(|_| count & 1 == 0) else { return read(to, wire) };
    // A header has no size.
    let size = if size == b"AMQP" { 8 } else { u32::from_be_bytes(*size).try_into().unwrap() };
    let mut rest = wire.split_off(size);
    read(to, wire);
    wire.append(&mut rest);
}

impl Ends {
    fn new() -> Self {
        let mut ends = Self::unanswered();
        read(&mut ends.receiving, &mut ends.wires[1]);
        ends.poll();
        ends
    }

    /// The sender's attach has been written, and not been read.
    fn unanswered() -> Self {
        let mut receiving = Connection::new(ConnectionConfig::client("receiving"));
        let mut sending = Connection::new(
            ConnectionConfig::server("sending").auto_accept_sessions(true).max_frame_size(512),
        );
        receiving.open().unwrap();
        let session = receiving.begin(SessionConfig::new()).unwrap();
        let receiver =
            receiving.session(session).unwrap().attach_receiver(ReceiverConfig::from("q")).unwrap();
        let mut wires = <[Vec<u8>; 2]>::default();
        let mut requested = None;
        while requested.is_none() {
            write(&mut receiving, &mut wires[0]);
            read(&mut sending, &mut wires[0]);
            while let Some(event) = sending.poll_event() {
                if let Event::SenderRequested { sender, .. } = event {
                    sending
                        .accept_sender(
                            sender,
                            SenderConfig::new().initial_delivery_count((u32::MAX - 2).into()),
                        )
                        .unwrap();
                    requested = Some(sender);
                }
            }
            write(&mut sending, &mut wires[1]);
            if requested.is_none() {
                read(&mut receiving, &mut wires[1]);
            }
        }
        let sender = requested.expect("a request");
        Self {
            receiving,
            sending,
            receiver,
            sender,
            wires,
            sent: 0,
            is_draining: false,
            is_barrier: false,
            is_shut: false,
        }
    }

    fn receiver(&mut self) -> Receiver<'_> {
        self.receiving.receiver(self.receiver).expect("its link has not ended")
    }

    fn sender(&mut self) -> Sender<'_> {
        self.sending.sender(self.sender).expect("its link has not ended")
    }

    /// Does one thing, by these two numbers. An error changes nothing.
    fn step(&mut self, what: u32, count: u32) {
        match what {
            0 => {
                self.receiver().set_credit(count).unwrap();
                self.is_barrier &= count == 0;
                self.is_shut &= count == 0;
            }
            1 => {
                // Asked for again, it is the same one.
                self.is_barrier |= !self.is_draining && self.receiver().credit() == 0;
                self.receiver().drain().unwrap();
                self.is_draining = true;
            }
            // Fails while another is not answered.
            2 => _ = self.receiver().echo(),
            3 => _ = self.sender().echo(),
            4 => self.sender().set_available(count).unwrap(),
            5 | 6 => {
                self.sent += 1;
                let size = if what == 5 { 1 } else { 2000 };
                let number = self.sent;
                let _ = self.sender().send(number, vec![7; size]);
            }
            7 => self.poll(),
            8 => write(&mut self.receiving, &mut self.wires[0]),
            9 => read_some(&mut self.sending, &mut self.wires[0], count),
            10 => write(&mut self.sending, &mut self.wires[1]),
            _ => read_some(&mut self.receiving, &mut self.wires[1], count),
        }
    }

    fn poll(&mut self) {
        while let Some(event) = self.sending.poll_event() {
            if let Event::SenderDrain { sender } = event {
                // Fails if the drain is over.
                let _ = self.sending.sender(sender).and_then(|mut link| link.drained());
            }
        }
        while let Some(event) = self.receiving.poll_event() {
            match event {
                Event::ReceiverDrained { timed_out, .. } => {
                    assert!(!timed_out);
                    self.is_draining = false;
                    self.is_shut = self.is_barrier;
                }
                Event::Delivery { .. } => assert!(!self.is_shut, "a message behind the end of a drain"),
                Event::ReceiverError { failure, .. } => panic!("{failure:?}"),
                _ => {}
            }
        }
    }

    /// Carries all that there is, and drains what credit is left.
    fn finish(&mut self) {
        self.step(1, 0);
        for _ in 0..6 {
            (7..12).for_each(|what| self.step(what, 1));
        }
        self.poll();
        assert!(!self.is_draining, "no end of the drain");
    }
}

#[test]
fn fa3k_no_order_of_calls_on_credit_ends_the_link_or_leaves_a_drain_without_end() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |max: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from((state >> 33) % u64::from(max)).expect("it is below the maximum")
    };
    let cases = std::env::var("CREDIT_CASES").map_or(4000, |cases| cases.parse().unwrap());
    for case in 0..cases {
        let mut ends = if random(4) == 0 { Ends::unanswered() } else { Ends::new() };
        let steps: Vec<_> = (0..random(40)).map(|_| (random(12), random(6))).collect();
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            steps.iter().for_each(|(what, count)| ends.step(*what, *count));
            ends.finish();
        }));
        assert!(done.is_ok(), "case {case}: {steps:?}");
    }
}

/// The sender answers a drain, and gets credit before the receiver has read that.
#[test]
fn fa3m_an_answer_that_is_older_than_the_credit_revokes_none_of_it() {
    let mut ends = Ends::new();
    let steps = [(1, 0), (8, 0), (9, 1), (10, 0), (0, 4), (8, 0), (9, 1), (5, 0), (10, 0), (0, 0), (11, 1)];
    steps.iter().for_each(|(what, count)| ends.step(*what, *count));
    ends.finish();
}

/// The sender is in an earlier drain until it hears of new credit, and a flow of its says so.
#[test]
fn fa3n_a_flow_of_an_earlier_drain_ends_no_other() {
    for is_written in [false, true] {
        let mut ends = Ends::new();
        let first = [(1, 0), (8, 0), (9, 1), (10, 0), (11, 1), (7, 0)];
        let crossing = [(0, 3), (8, 0), (4, 5), (10, 0), (9, 1), (7, 0), (5, 0), (10, 0), (0, 0), (1, 0)];
        let written = if is_written { &[(8, 0)][..] } else { &[] };
        let steps = first.iter().chain(&crossing).chain(written).chain(&[(11, 1), (7, 0)]);
        steps.for_each(|(what, count)| ends.step(*what, *count));
        ends.finish();
    }
}

/// The sender gives its credit up while the drain is taken back: two flows have to say so.
#[test]
fn fa3o_a_drain_taken_back_and_asked_for_again_ends() {
    let mut ends = Ends::new();
    let before = [
        (0, 5),
        (8, 0),
        (1, 0),
        (5, 0),
        (0, 1),
        (8, 0),
        (7, 0),
        (10, 0),
        (9, 1),
        (0, 2),
        (9, 1),
        (0, 3),
        (8, 0),
        (11, 1),
        (0, 0),
    ];
    before.iter().for_each(|(what, count)| ends.step(*what, *count));
    ends.finish();
}

/// A flow of the sender's has been on its way since before the first drain, and credit is given and revoked in a drain.
#[test]
fn fa3q_no_flow_that_is_older_than_the_credit_ends_a_drain_without_credit() {
    let announced = [(4, 1), (10, 0)];
    let revoked = [(8, 0), (0, 0), (1, 0), (8, 0), (11, 0), (8, 0)];
    let each = [(9, 0), (5, 0), (7, 0), (10, 0)].repeat(4);
    for credit in [[(1, 0), (8, 0), (0, 1)].as_slice(), &[(0, 1), (1, 0), (8, 0), (0, 2)]] {
        let mut ends = Ends::new();
        let steps = announced.iter().chain(credit).chain(&revoked).chain(&each).chain(&[(11, 1)]);
        steps.for_each(|(what, count)| ends.step(*what, *count));
        ends.finish();
    }
}
