//! Messages of ours that a peer leaves unsettled while it settles those around them.

use amqp_proto::{
    CommandError, Event, SendOptions, SenderConfig, SenderId,
    spec::definitions::Role,
    testing::frames,
    types::{SequenceNo, TransferNumber},
};

use bytes::Buf as _;

use super::{Attacked, UNSETTLED, attach, limits};

const BATCH: u32 = 100;

/// A peer with a link on which it receives.
struct Receiving {
    attacked: Attacked,
    sender: SenderId,
    sent: u32,
    /// Bytes of the peer's. There is no end of them: `Attacked::feed` has one.
    fed: usize,
}

impl Receiving {
    fn new() -> Self {
        let mut attacked = Attacked::server();
        attacked.polls = true;
        let request = attach(0, 0, Role::Receiver, "r", None);
        let _ = attacked.measure(|connection| connection.handle_input(super::NOW, &mut &*request));
        let asked = std::iter::from_fn(|| attacked.connection.poll_event());
        let sender = asked.into_iter().find_map(|event| match event {
            Event::SenderRequested { sender, .. } => Some(sender),
            _ => None,
        });
        let sender = sender.expect("a request");
        attacked.measure(|connection| connection.accept_sender(sender, SenderConfig::new())).unwrap();
        Self { attacked, sender, sent: 0, fed: 0 }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.attacked.sent = 0;
        assert!(self.attacked.feed(bytes));
        self.fed += bytes.len();
    }

    fn check(mut self, name: &str, unsettled: u32) {
        self.attacked.fixed = i64::from(unsettled) * UNSETTLED;
        self.attacked.sent = self.fed;
        self.attacked.check(name, limits().max_held_bytes_per_session);
    }

    /// Grants what a batch needs, and has it sent. Returns the messages that were, or the error of the first.
    fn receive(&mut self, is_settled: bool) -> Result<u32, CommandError> {
        let mut flow = frames::link_flow(0, BATCH);
        flow.delivery_count = Some(SequenceNo::new(self.sent));
        flow.next_incoming_id = Some(TransferNumber::new(self.sent));
        self.feed(&frames::frame(0, &flow));
        let (sender, sent) = (self.sender, self.sent);
        let mut count = 0;
        while count < BATCH {
            let options = SendOptions::new().settled(is_settled);
            let done = self.attacked.measure(|connection| {
                connection.sender(sender).unwrap().send_with(sent + count, b"m".as_slice(), &options)
            });
            match done {
                Ok(_) => count += 1,
                Err(error) if count == 0 => return Err(error),
                Err(_) => break,
            }
        }
        self.sent += count;
        self.attacked.measure(|connection| {
            let mut transmit = connection.poll_transmit(super::NOW);
            transmit.advance(transmit.remaining());
        });
        Ok(count)
    }
}

/// Those that stay behind take up more than those that are new, and made places for more.
#[test]
fn fb6m_messages_of_ours_that_stay_behind_have_a_bound() {
    for keep in [2, 5, 9, 17] {
        let mut receiving = Receiving::new();
        let mut kept = 0;
        let refused = loop {
            let first = receiving.sent;
            match receiving.receive(false) {
                Ok(count) => {
                    for id in first..first + count {
                        if id % keep == 0 {
                            kept += 1;
                        } else {
                            receiving.feed(&frames::frame(0, &frames::accepted(id, None)));
                        }
                    }
                    assert!(kept < 20_000, "one in {keep}: {kept} are unsettled");
                }
                Err(error) => break error,
            }
        };
        assert_eq!(refused, CommandError::TooManyUnsettled);
        receiving.check(&format!("{kept} of our messages, one in {keep}"), kept);
    }
}

/// Settled ones push those before them out of the places of recent ones.
#[test]
fn fb6n_unsettled_messages_of_ours_before_settled_ones_have_a_bound() {
    let mut receiving = Receiving::new();
    while receiving.receive(false).is_ok() {}
    let kept = receiving.sent;
    for _ in 0..kept / 20 {
        receiving.receive(true).unwrap();
    }
    receiving.check(&format!("{kept} of our messages, before settled ones"), kept);
}
