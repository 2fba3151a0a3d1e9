//! A: the SASL layer (5.3).

use amqp_proto::{
    Config,
    codec::to_vec,
    sasl::Offer,
    spec::sasl::{SaslCode, SaslInit, SaslOutcome},
};

use crate::{
    bench::{Bench, Case, Fate, server},
    peer::{self, AMQP, SASL, frame, open, raw, sasl_frame},
};

fn asked() -> Bench {
    let verify = Offer::verify_plain(|credentials| credentials.matches("user", "secret"));
    let mut bench = Bench::bare(server().sasl(verify));
    bench.feed(SASL);
    bench.forget();
    bench
}

fn client() -> Bench {
    Bench::client(Config::client("client").sasl(Offer::plain("user", "secret")))
}

fn init(mechanism: &str) -> SaslInit {
    SaslInit {
        mechanism: mechanism.try_into().unwrap(),
        initial_response: Some(b"\0user\0secret".as_slice().into()),
        hostname: None,
    }
}

const IN: &[&str] = &["SASL-OUTCOME Ok", "AMQP 0 1.0.0", "OPEN"];
const OPEN: &[&str] = &["CONNECTION_OPEN"];
const OUT: &[&str] = &["CONNECTION_ERROR"];

pub const CASES: &[Case] = &[
    Case {
        id: "A01",
        start: asked,
        steps: |b| b.feed(&[0, 0, 0, 8, 2, 1, 0, 0]),
        output: &[],
        events: OUT,
        fate: Fate::Closed,
    },
    Case {
        id: "A05",
        start: asked,
        steps: |b| {
            b.feed(&raw(1, 0xffff, &to_vec(&init("PLAIN"))));
            b.feed(&[AMQP, &frame(0, &open())].concat());
        },
        output: IN,
        events: OPEN,
        fate: Fate::Alive,
    },
    Case {
        id: "A06",
        start: asked,
        steps: |b| {
            let mut frame = raw(1, 0, &[b"junkjunk", &to_vec(&init("PLAIN"))[..]].concat());
            frame[4] = 4;
            b.feed(&frame);
            b.feed(&[AMQP, &peer::frame(0, &open())].concat());
        },
        output: IN,
        events: OPEN,
        fate: Fate::Alive,
    },
    Case {
        id: "A08",
        start: client,
        steps: |b| {
            b.feed(&[SASL, &raw(1, 0, b"\x00\x53\x40\xc0\x08\x01\xa3\x05PLAIN")].concat());
            b.feed(&sasl_frame(&SaslOutcome { code: SaslCode::Ok, additional_data: None }));
            b.feed(&[AMQP, &frame(0, &open())].concat());
        },
        output: &["SASL-INIT PLAIN", "AMQP 0 1.0.0", "OPEN"],
        events: OPEN,
        fate: Fate::Alive,
    },
    Case {
        id: "A15",
        start: asked,
        steps: |b| b.feed(&sasl_frame(&init("NOPE"))),
        output: &["SASL-OUTCOME Auth"],
        events: OUT,
        fate: Fate::Closed,
    },
    Case {
        id: "A26",
        start: client,
        steps: |b| {
            b.feed(&[SASL, &raw(1, 0, b"\x00\x53\x40\xc0\x08\x01\xa3\x05PLAIN")].concat());
            b.feed(&sasl_frame(&SaslOutcome { code: SaslCode::Auth, additional_data: None }));
        },
        output: &["SASL-INIT PLAIN"],
        events: OUT,
        fate: Fate::Closed,
    },
];
