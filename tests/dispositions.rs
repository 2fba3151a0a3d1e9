//! A disposition of one delivery takes a path of its own: it does what the path of any range does.

mod common;

use amqp_proto::{
    Instant, ReceiverConfig, SendOptions, SenderConfig,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        delivery_state::{DeliveryState, Modified, Received, Rejected},
        performatives::Disposition,
    },
    testing::frames::frame,
};
use bytes::{Buf, BytesMut};
use common::Linked;
use proptest::prelude::*;

/// Deliveries of a run; the last is sent settled.
const DELIVERIES: u32 = 5;

#[derive(Clone, Debug)]
enum Step {
    /// The peer's disposition of one delivery.
    Disposition {
        number: u32,
        settled: bool,
        state: Option<DeliveryState>,
    },
    /// Our settlement of one.
    Settle(usize),
    /// The end of the link: closed, or only detached; with an error or without.
    Detach {
        closed: bool,
        with_error: bool,
    },
    Poll,
}

fn state() -> impl Strategy<Value = Option<DeliveryState>> {
    prop_oneof![
        Just(None),
        Just(Some(DeliveryState::ACCEPTED)),
        Just(Some(DeliveryState::RELEASED)),
        Just(Some(Rejected::default().into())),
        Just(Some(Modified::default().into())),
        Just(Some(Received { section_number: 1, section_offset: 2 }.into())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..DELIVERIES + 1, any::<bool>(), state())
            .prop_map(|(number, settled, state)| Step::Disposition { number, settled, state }),
        2 => (0..DELIVERIES as usize).prop_map(Step::Settle),
        1 => any::<(bool, bool)>().prop_map(|(closed, with_error)| Step::Detach { closed, with_error }),
        2 => Just(Step::Poll),
    ]
}

/// Runs the steps and returns all that can be seen of them. `last` is the field of that name for a delivery.
fn run(steps: &[Step], keeps_outcomes: bool, last: impl Fn(u32) -> Option<u32>) -> Vec<String> {
    let config = SenderConfig::to("queue").settle_on_outcome(!keeps_outcomes);
    let mut linked = Linked::new(config, ReceiverConfig::new().credit(amqp_proto::CreditPolicy::Auto(10)));
    let sender = linked.sender;
    let client = &mut linked.pair.client;
    let mut deliveries = Vec::new();
    for number in 0..DELIVERIES {
        let options = SendOptions::new().settled(number + 1 == DELIVERIES);
        let sent = client.sender(sender).unwrap().send_with(u64::from(number), b"body".as_slice(), &options);
        deliveries.push(sent.unwrap());
    }
    let mut seen = Vec::new();
    for step in steps {
        match step.clone() {
            Step::Disposition { number, settled, state } => {
                let last = last(number).map(Into::into);
                let first = number.into();
                let body = Disposition {
                    role: Role::Receiver,
                    first,
                    last,
                    settled,
                    state,
                    ..Disposition::default()
                };
                let progress =
                    client.handle_input(Instant::default(), &mut BytesMut::from(&frame(0, &body)[..]));
                seen.push(format!("{progress:?}"));
            }
            Step::Settle(at) => {
                let done = client.sender(sender).and_then(|mut it| it.settle(deliveries[at], None));
                seen.push(format!("{done:?}"));
            }
            Step::Detach { closed, with_error } => {
                let error = with_error.then(|| AmqpError::new(ErrorCondition::InternalError));
                let done = client.sender(sender).and_then(|mut it| match closed {
                    true => it.close(error),
                    false => it.detach(error),
                });
                seen.push(format!("{done:?}"));
            }
            Step::Poll => {
                seen.extend(std::iter::from_fn(|| client.poll_event()).map(|event| format!("{event:?}")))
            }
        }
        seen.push(format!("{:?}", client.unsettled(sender)));
        let mut transmit = client.poll_transmit(Instant::default());
        let mut output = Vec::new();
        while transmit.has_remaining() {
            let count = transmit.chunk().len();
            output.extend_from_slice(transmit.chunk());
            transmit.advance(count);
        }
        seen.push(format!("{output:x?}"));
    }
    seen.extend(std::iter::from_fn(|| client.poll_event()).map(|event| format!("{event:?}")));
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_disposition_of_one_delivery_does_what_a_range_of_one_does(
        steps in proptest::collection::vec(step(), 1..12), keeps_outcomes: bool,
    ) {
        prop_assert_eq!(run(&steps, keeps_outcomes, |_| None), run(&steps, keeps_outcomes, Some));
    }
}

#[test]
fn a_settled_delivery_is_gone_and_its_event_raised() {
    let accept = Step::Disposition { number: 1, settled: true, state: Some(DeliveryState::ACCEPTED) };
    let seen = run(&[accept.clone(), Step::Poll, accept], false, |_| None);
    assert_eq!(seen.iter().filter(|line| line.contains("DeliverySettled")).count(), 1, "{seen:#?}");
}
