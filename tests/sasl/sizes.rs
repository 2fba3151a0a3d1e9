//! SASL frames of exactly 511, 512, 513 and 16,384 bytes, and one byte more (5.3.1).

use amqp_proto::{
    Cause, Event, Limits,
    sasl::{Exchange, Mechanism, Step, StepInput, Success},
    spec::{
        definitions::ErrorCondition,
        sasl::{SaslChallenge, SaslCode, SaslInit, SaslOutcome, SaslResponse},
    },
    types::Symbol,
};
use bytes::Bytes;

use super::{client, frame, run, server};
use crate::common::Pair;

const NAME: Symbol = Symbol::from_static("X-SIZES");

/// The frames of an exchange, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Which {
    Init,
    Challenge,
    Response,
    Outcome,
}

const ALL: [Which; 4] = [Which::Init, Which::Challenge, Which::Response, Which::Outcome];

fn data(length: usize) -> Bytes {
    vec![7; length].into()
}

/// The data with which a frame has this size.
fn filling(which: Which, size: usize) -> Bytes {
    let written = |length: usize| {
        let data = data(length);
        match which {
            Which::Init => {
                frame(&SaslInit { mechanism: NAME, initial_response: Some(data), hostname: None }).len()
            }
            Which::Challenge => frame(&SaslChallenge { challenge: data }).len(),
            Which::Response => frame(&SaslResponse { response: data }).len(),
            Which::Outcome => frame(&SaslOutcome { code: SaslCode::Ok, additional_data: Some(data) }).len(),
        }
    };
    let overhead = written(1000) - 1000;
    assert_eq!(written(size - overhead), size);
    data(size - overhead)
}

/// Sends data of its own in the frame of a kind, and little in the others.
struct Sends {
    in_frame: Which,
    data: Bytes,
}

impl Sends {
    fn data_of(&self, frame: Which) -> Bytes {
        if self.in_frame == frame { self.data.clone() } else { Bytes::from_static(b"x") }
    }
}

struct Client(Sends);
struct Server(Sends);

impl Exchange for Client {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        match input {
            StepInput::Start(_) => Step::Reply(self.0.data_of(Which::Init)),
            StepInput::Data(_) => Step::Reply(self.0.data_of(Which::Response)),
            StepInput::Outcome(_) => Step::Done(Success::new()),
            _ => Step::refuse(),
        }
    }
}

impl Exchange for Server {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        match input {
            StepInput::Start(Some(_)) => Step::Reply(self.0.data_of(Which::Challenge)),
            StepInput::Data(_) => Step::Done(Success::new().additional_data(self.0.data_of(Which::Outcome))),
            _ => Step::refuse(),
        }
    }
}

/// An exchange in which one frame has this size.
fn exchange(in_frame: Which, size: usize, limits: [Limits; 2]) -> Pair {
    let data = filling(in_frame, size);
    let sends = move || Sends { in_frame, data: data.clone() };
    let theirs = sends.clone();
    let [of_client, of_server] = limits;
    run(
        client().limits(of_client).sasl(Mechanism::client(NAME, move || Box::new(Client(sends())))),
        server().limits(of_server).sasl(Mechanism::server(NAME, move || Box::new(Server(theirs())))),
    )
}

fn condition(events: &[Event]) -> &ErrorCondition {
    match events {
        [Event::ConnectionError(failure)] if failure.cause == Cause::Sasl => &failure.error.condition,
        other => panic!("{other:?}"),
    }
}

fn all_open(pair: &Pair) -> bool {
    pair.client.is_open() && pair.server.is_open()
}

#[test]
fn frames_of_up_to_16_kib_are_sent_and_taken_by_default() {
    for which in ALL {
        for size in [511, 512, 513, 16_383, 16_384] {
            let pair = exchange(which, size, [Limits::default(), Limits::default()]);
            assert!(all_open(&pair), "{which:?} of {size} bytes");
        }
    }
}

#[test]
fn frame_beyond_the_limit_for_sending_ends_its_sender() {
    for which in ALL {
        for (limit, size) in [(None, 16_385), (Some(512), 513)] {
            let limits =
                limit.map_or_else(Limits::default, |max| Limits::default().max_sasl_frame_size_sent(max));
            let mut pair = exchange(which, size, [limits, limits]);
            let events = match which {
                Which::Init | Which::Response => pair.client_events(),
                Which::Challenge | Which::Outcome => pair.server_events(),
            };
            assert_eq!(*condition(&events), ErrorCondition::FrameSizeTooSmall, "{which:?}");
            assert!(!pair.client.is_open() && !pair.server.is_open());
        }
    }
}

/// 5.3.1: a setting of 512 is the letter of the standard.
#[test]
fn frame_beyond_the_limit_for_receiving_ends_its_receiver() {
    let strict = || Limits::default().max_sasl_frame_size(512);
    let large = || Limits::default().max_sasl_frame_size_sent(32 << 10);
    for which in ALL {
        for size in [511, 512] {
            assert!(all_open(&exchange(which, size, [strict(), strict()])), "{which:?} of {size} bytes");
        }
        for (size, limits) in [(513, [strict(), strict()]), (16_385, [large(), large()])] {
            let mut pair = exchange(which, size, limits);
            let events = match which {
                Which::Init | Which::Response => pair.server_events(),
                Which::Challenge | Which::Outcome => pair.client_events(),
            };
            assert_eq!(*condition(&events), ErrorCondition::FramingError, "{which:?} of {size} bytes");
        }
    }
}
