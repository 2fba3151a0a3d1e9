//! A: the SASL layer (5.3).

use amqp_proto::{
    Config,
    codec::to_vec,
    sasl::Offer,
    spec::sasl::{SaslCode, SaslInit, SaslOutcome},
};

use crate::bench::{Bench, Case, Fate, SASL, raw, sasl_frame, server};

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

const IN: &[&str] = &["SASL-OUTCOME Ok"];
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
        steps: |b| b.feed(&raw(1, 0xffff, &to_vec(&init("PLAIN")))),
        output: IN,
        events: &[],
        fate: Fate::Any,
    },
    Case {
        id: "A06",
        start: asked,
        steps: |b| {
            let mut frame = raw(1, 0, &[b"junkjunk", &to_vec(&init("PLAIN"))[..]].concat());
            frame[4] = 4;
            b.feed(&frame);
        },
        output: IN,
        events: &[],
        fate: Fate::Any,
    },
    Case {
        id: "A08",
        start: client,
        steps: |b| b.feed(&[SASL, &raw(1, 0, b"\x00\x53\x40\xc0\x08\x01\xa3\x05PLAIN")].concat()),
        output: &["SASL-INIT PLAIN"],
        events: &[],
        fate: Fate::Any,
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
