//! A: the SASL layer (5.3).

use amqp_proto::{
    ConnectionConfig, Limits,
    codec::to_vec,
    sasl::{Exchange, Mechanism, Step, StepInput},
    spec::sasl::{SaslChallenge, SaslCode, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse},
    types::Symbol,
};

use crate::{
    bench::{Bench, Case, Fate, server},
    peer::{self, AMQP, SASL, frame, open, raw, sasl_frame},
};

fn asked() -> Bench {
    let verify = Mechanism::plain_server(|credentials| credentials.matches("user", "secret"));
    let mut bench = Bench::bare(server().sasl(verify));
    bench.feed(SASL);
    bench.forget();
    bench
}

fn client() -> Bench {
    Bench::client(ConnectionConfig::client("client").sasl(Mechanism::plain("user", "secret")))
}

fn init(mechanism: &str) -> SaslInit {
    SaslInit {
        mechanism: mechanism.try_into().unwrap(),
        initial_response: Some(b"\0user\0secret".as_slice().into()),
        hostname: None,
    }
}

fn mechanisms() -> SaslMechanisms {
    SaslMechanisms { sasl_server_mechanisms: Symbol::try_from("PLAIN").unwrap().into() }
}

fn outcome(code: SaslCode) -> SaslOutcome {
    SaslOutcome { code, additional_data: None }
}

/// A client that has sent its init and waits for the outcome.
fn chosen() -> Bench {
    let mut bench = client();
    bench.feed(&[SASL, &sasl_frame(&mechanisms())].concat());
    bench.forget();
    bench
}

/// A server whose mechanism sends challenges without end.
fn curious() -> Bench {
    struct Curious;
    impl Exchange for Curious {
        fn step(&mut self, _: StepInput<'_>) -> Step {
            Step::reply("?")
        }
    }
    let mechanism = Mechanism::server("CURIOUS".try_into().unwrap(), || Box::new(Curious));
    let limits = Limits::default().max_sasl_rounds(2);
    let mut bench = Bench::bare(server().sasl(mechanism).limits(limits));
    bench.feed(SASL);
    bench.forget();
    bench
}

/// Returns a case that ends the transport without a close, because no close can precede open (2.4.7).
const fn breaks(id: &'static str, start: fn() -> Bench, steps: fn(&mut Bench)) -> Case {
    Case { id, start, steps, output: &[], events: OUT, fate: Fate::Closed }
}

/// Returns a case of a login that is refused.
const fn refuses(id: &'static str, steps: fn(&mut Bench)) -> Case {
    Case { id, start: asked, steps, output: &["SASL-OUTCOME Auth"], events: OUT, fate: Fate::Closed }
}

const IN: &[&str] = &["SASL-OUTCOME Ok", "AMQP 1.0.0", "OPEN"];
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
    breaks("A02", asked, |b| b.feed(&16_385_u32.to_be_bytes())),
    breaks("A03", asked, |b| b.feed(&raw(1, 0, &to_vec(&init("PLAIN")).repeat(2)))),
    breaks("A04", asked, |b| b.feed(&raw(1, 0, &to_vec(&open())))),
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
        output: &["SASL-INIT PLAIN", "AMQP 1.0.0", "OPEN"],
        events: OPEN,
        fate: Fate::Alive,
    },
    breaks("A07", client, |b| b.feed(&[SASL, &raw(1, 0, b"\x00\x53\x40\x45")].concat())),
    // Copies of what was offered are kept, so a list that a raised limit lets in has a bound of its own.
    breaks(
        "A09",
        || {
            let limits = Limits::default().max_sasl_frame_size(1 << 20);
            Bench::client(
                ConnectionConfig::client("client").sasl(Mechanism::plain("user", "secret")).limits(limits),
            )
        },
        |b| {
            let names: Vec<Symbol> =
                (0..10_000).map(|n| format!("M{n}").as_str().try_into().unwrap()).collect();
            b.feed(&[SASL, &sasl_frame(&SaslMechanisms { sasl_server_mechanisms: names.into() })].concat());
        },
    ),
    breaks("A10", chosen, |b| b.feed(&sasl_frame(&mechanisms()))),
    breaks("A11", asked, |b| b.feed(&sasl_frame(&mechanisms()))),
    breaks("A12", chosen, |b| b.feed(&sasl_frame(&init("PLAIN")))),
    Case {
        id: "A13",
        start: || Bench::bare(server().sasl(Mechanism::plain_server(|_| true))),
        // Harmless, and common.
        steps: |b| {
            b.feed(&[SASL, &sasl_frame(&init("PLAIN")), AMQP, &frame(0, &open())].concat());
        },
        output: &["SASL 1.0.0", "SASL-MECHANISMS PLAIN", "SASL-OUTCOME Ok", "AMQP 1.0.0", "OPEN"],
        events: OPEN,
        fate: Fate::Alive,
    },
    Case {
        id: "A14",
        start: asked,
        // After the outcome a frame stands in the place of the AMQP header, so the server answers with its header (2.2).
        steps: |b| b.feed(&sasl_frame(&init("PLAIN")).repeat(2)),
        output: &["SASL-OUTCOME Ok", "AMQP 1.0.0"],
        events: OUT,
        fate: Fate::Closed,
    },
    Case {
        id: "A15",
        start: asked,
        steps: |b| b.feed(&sasl_frame(&init("NOPE"))),
        output: &["SASL-OUTCOME Auth"],
        events: OUT,
        fate: Fate::Closed,
    },
    refuses("A16", |b| {
        let response = Some(b"usersecret".as_slice().into());
        b.feed(&sasl_frame(&SaslInit { initial_response: response, ..init("PLAIN") }));
    }),
    refuses("A17", |b| {
        let response = [&b"\0\0"[..], &[b'p'; 500]].concat();
        b.feed(&sasl_frame(&SaslInit { initial_response: Some(response.into()), ..init("PLAIN") }));
    }),
    refuses("A17b", |b| {
        let response = [&b"\0user\0"[..], &[b'p'; 500]].concat();
        b.feed(&sasl_frame(&SaslInit { initial_response: Some(response.into()), ..init("PLAIN") }));
    }),
    breaks("A18", asked, |b| b.feed(&sasl_frame(&SaslResponse { response: "x".into() }))),
    breaks("A19", client, |b| {
        b.feed(&[SASL, &sasl_frame(&SaslChallenge { challenge: "x".into() })].concat())
    }),
    breaks("A20", client, |b| b.feed(&[SASL, &sasl_frame(&outcome(SaslCode::Ok))].concat())),
    Case {
        id: "A21",
        start: curious,
        steps: |b| {
            b.feed(&sasl_frame(&init("CURIOUS")));
            b.feed(&sasl_frame(&SaslResponse { response: "!".into() }).repeat(100));
        },
        output: &["SASL-CHALLENGE", "SASL-CHALLENGE"],
        events: OUT,
        fate: Fate::Closed,
    },
    breaks("A22", chosen, |b| b.feed(&raw(1, 0, b"\x00\x53\x44\xc0\x03\x01\x50\x07"))),
    Case {
        id: "A23",
        start: chosen,
        steps: |b| b.feed(&sasl_frame(&outcome(SaslCode::Ok)).repeat(2)),
        // 2.2: what follows the header has not been written when the headers turn out to differ.
        output: &["AMQP 1.0.0"],
        events: OUT,
        fate: Fate::Closed,
    },
    Case {
        id: "A24",
        start: asked,
        steps: |b| b.feed(&[&sasl_frame(&init("PLAIN")), &b"HTTP/1.1"[..]].concat()),
        output: &["SASL-OUTCOME Ok", "AMQP 1.0.0"],
        events: OUT,
        fate: Fate::Closed,
    },
    breaks("A25", chosen, |b| {
        b.feed(&[&sasl_frame(&outcome(SaslCode::SysTemp)), AMQP, &frame(0, &open())].concat());
    }),
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
    breaks("A27", asked, |b| b.feed(&sasl_frame(&outcome(SaslCode::Ok)))),
    breaks("A28", asked, |b| b.pass(30_000)),
    Case {
        id: "A29",
        start: asked,
        // A layer inside the first is not spoken, and answered as any other header (2.2).
        steps: |b| b.feed(&[&sasl_frame(&init("PLAIN")), SASL].concat()),
        output: &["SASL-OUTCOME Ok", "AMQP 1.0.0"],
        events: OUT,
        fate: Fate::Closed,
    },
    breaks("A30", chosen, |b| b.feed(&raw(1, 0, b"\x00\x53\x42\x45"))),
    // Neither the AMQP header nor an AMQP frame bypasses the exchange.
    breaks("F15", asked, |b| b.feed(&frame(0, &open()))),
    breaks("H13", asked, |b| b.feed(AMQP)),
];
