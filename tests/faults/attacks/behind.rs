//! Messages of ours that a peer leaves unsettled while it settles those around them.

use amqp_proto::{
    CommandError, ConnectionConfig, CreditPolicy, Event, Limits, ReceiverConfig, SendOptions, SenderConfig,
    SenderId,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        delivery_state::Rejected,
        performatives::Disposition,
    },
    testing::frames,
    types::{SequenceNo, TransferNumber},
};

use bytes::Buf as _;

use super::{Attacked, UNSETTLED, attach, limits};
use crate::support::Fed;

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
        // Nothing has happened since.
        assert!(!receiving.attacked.connection.sender_ref(receiving.sender).unwrap().is_sendable());
        assert_eq!(receiving.receive(false), Err(refused));
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

/// What a burst took stayed for good, for each session, and was not counted.
#[test]
fn fb6o_dispositions_of_ours_that_are_written_leave_nothing_behind() {
    let mut receiving = Receiving::new();
    for _ in 0..30 {
        receiving.receive(false).unwrap();
    }
    // Outcomes that we settle, the last first, so that no two are neighbours.
    let outcomes = (0..receiving.sent)
        .rev()
        .flat_map(|id| frames::frame(0, &Disposition { settled: false, ..frames::accepted(id, None) }));
    let outcomes: Vec<u8> = outcomes.collect();
    // An application that writes once all of its input is handled.
    receiving.attacked.measure(|connection| {
        let mut input = &outcomes[..];
        while !input.is_empty() {
            let _ = connection.handle_input(super::NOW, &mut input);
            while connection.poll_event().is_some() {}
        }
        let mut transmit = connection.poll_transmit(super::NOW);
        transmit.advance(transmit.remaining());
    });
    receiving.fed += outcomes.len();
    assert_eq!(receiving.attacked.connection.unsettled(receiving.sender), []);
    assert!(receiving.attacked.held < 160_000, "{} bytes stay", receiving.attacked.held);
    receiving.check("dispositions of ours, the last first", 3000);
}

/// The conditions of the peer's outcomes were in our answers, and counted nowhere while those waited.
#[test]
fn fb6q_dispositions_of_ours_repeat_no_long_condition() {
    let mut receiving = Receiving::new();
    receiving.receive(false).unwrap();
    let condition = |length| ErrorCondition::Other("c".repeat(length).try_into().unwrap());
    let outcome = |id: u32| {
        let length = if id == 0 { 64 } else { 30_000 };
        let state = Rejected { error: Some(AmqpError::new(condition(length))) }.into();
        frames::frame(0, &Disposition { settled: false, state: Some(state), ..frames::accepted(id, None) })
    };
    for id in (0..receiving.sent).rev() {
        let outcome = outcome(id);
        receiving.attacked.measure(|connection| {
            let _ = connection.handle_input(super::NOW, &mut &outcome[..]);
            while connection.poll_event().is_some() {}
        });
    }
    assert!(receiving.attacked.held < 100_000, "{} bytes wait", receiving.attacked.held);
    let mut transmit = receiving.attacked.connection.poll_transmit(super::NOW);
    let answers = transmit.copy_to_bytes(transmit.remaining());
    // The last is the one with a condition that is short enough.
    let last = answers.windows(65).filter(|window| window.ends_with("c".repeat(64).as_bytes())).count();
    assert_eq!(last, 1);
}

/// Handles all input, and returns the events of it.
fn all_names(fed: &mut Fed) -> Vec<&'static str> {
    let (mut all, mut is_quiet) = (Vec::new(), false);
    while !is_quiet {
        let names = fed.names();
        is_quiet = names.is_empty() && fed.unread() == 0;
        all.extend(names);
        fed.feed_bytes(&[]);
    }
    all.extend(fed.names());
    all
}

/// Room that was made for a message counted as taken: it was refused, the next was not, and no `SENDER_READY` came.
#[test]
fn fb6p_a_message_that_is_refused_stays_so_until_its_event() {
    let mut all = 0;
    for seed in 1..80_u32 {
        let mut next = seed;
        let mut random = |most: usize| {
            next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            next as usize / 64 % most
        };
        let limits = Limits::default().max_held_bytes(100_000).max_held_bytes_per_session(30_000);
        let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
        fed.feed_bytes(&attach(0, 0, Role::Receiver, "r", None));
        let sender = fed.sender_asked_for();
        fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
        fed.feed_bytes(&attach(0, 1, Role::Sender, "s", None));
        let receiver = fed.receiver_asked_for();
        let config = ReceiverConfig::new().credit(CreditPolicy::Auto(1000));
        fed.connection.accept_receiver(receiver, config).unwrap();
        fed.write();
        let mut arrived = 0;
        let mut flow = frames::link_flow(0, 1 << 29);
        flow.incoming_window = 1 << 30;
        fed.feed_bytes(&frames::frame(0, &flow));
        let (mut sent, mut unsettled, mut refused) = (0_u32, Vec::new(), 0);
        let mut send = |fed: &mut Fed, unsettled: &mut Vec<u32>| {
            let done = fed.connection.sender(sender).and_then(|mut link| link.send(sent, b"m".as_slice()));
            if done.is_ok() {
                unsettled.push(sent);
                sent += 1;
            }
            done
        };
        for _ in 0..120 {
            // Its share may be too small for what arrives beside.
            if fed.connection.sender_ref(sender).is_err() {
                break;
            }
            match random(5) {
                0 | 1 => {
                    let most = random(300);
                    let error = (0..most).find_map(|_| send(&mut fed, &mut unsettled).err());
                    fed.write();
                    if error == Some(CommandError::TooManyUnsettled) {
                        refused += 1;
                        let is_ready = all_names(&mut fed).contains(&"SENDER_READY");
                        assert!(is_ready || send(&mut fed, &mut unsettled).is_err(), "seed {seed}");
                    }
                }
                2 => {
                    for _ in 0..random(unsettled.len() + 1) {
                        let id = unsettled.swap_remove(random(unsettled.len()));
                        fed.feed_bytes(&frames::frame(0, &frames::accepted(id, None)));
                    }
                }
                3 => {
                    for _ in 0..random(20) {
                        fed.feed_bytes(&frames::with_payload(0, &frames::transfer(1, arrived), b"m"));
                        arrived += 1;
                    }
                }
                _ => {
                    all_names(&mut fed);
                    for delivery in fed.connection.unsettled(receiver) {
                        let _ = fed.connection.receiver(receiver).map(|mut link| link.accept(delivery.id));
                    }
                    fed.write();
                }
            }
        }
        all += refused;
    }
    assert!(all > 1000, "{all}");
}
