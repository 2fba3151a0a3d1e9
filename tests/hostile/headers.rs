//! H: protocol headers (2.2).

use amqp_proto::{ConnectionConfig, sasl::Mechanism};

use crate::{
    bench::{Bench, Case, Fate, server},
    peer::{AMQP, SASL, frame, open},
};

fn fresh() -> Bench {
    Bench::bare(server())
}

fn with_sasl() -> Bench {
    Bench::bare(server().sasl(Mechanism::plain_server(|_| true)))
}

fn client() -> Bench {
    Bench::client(ConnectionConfig::client("client"))
}

/// What is no header that a server takes: answered by one that it does take, then the end.
const fn refused(
    id: &'static str,
    start: fn() -> Bench,
    steps: fn(&mut Bench),
    output: &'static [&'static str],
) -> Case {
    Case { id, start, steps, output, events: &["CONNECTION_ERROR"], fate: Fate::Closed }
}

const PLAIN: &[&str] = &["AMQP 1.0.0"];

pub const CASES: &[Case] = &[
    refused("H01", fresh, |b| b.feed(b"HTTP/1.1"), PLAIN),
    refused("H02", fresh, |b| b.feed(b"AMQP\x00\x01\x01\x00"), PLAIN),
    refused("H03", fresh, |b| b.feed(b"AMQP\x00\x00\x09\x01"), PLAIN),
    refused("H04", fresh, |b| b.feed(b"AMQP\x01\x01\x00\x00"), PLAIN),
    refused("H05", fresh, |b| b.feed(b"AMQP\x02\x01\x00\x00"), PLAIN),
    refused("H06", with_sasl, |b| b.feed(AMQP), &["SASL 1.0.0"]),
    refused("H07", fresh, |b| b.feed(SASL), PLAIN),
    refused("H08", client, |b| b.feed(b"AMQP\x00\x01\x00\x01"), &[]),
    refused("H09", client, |b| b.feed(SASL), &[]),
    Case {
        id: "H11",
        start: fresh,
        // The time is that of the first call, whatever arrives later.
        steps: |b| {
            for byte in &AMQP[..7] {
                b.feed(&[*byte]);
                b.pass(5000);
            }
        },
        output: &[],
        events: &["CONNECTION_ERROR"],
        fate: Fate::Closed,
    },
    Case {
        id: "H12",
        start: fresh,
        steps: |b| b.feed(&[AMQP, AMQP].concat()),
        output: &["AMQP 1.0.0", "OPEN", "CLOSE amqp:connection:framing-error"],
        events: &["CONNECTION_ERROR"],
        fate: Fate::Closing,
    },
    refused("H14", fresh, |b| b.feed(b"amqp\x00\x01\x00\x00"), PLAIN),
    Case {
        id: "H15",
        start: fresh,
        steps: |b| b.feed(&[AMQP, &frame(0, &open())].concat()),
        output: &["AMQP 1.0.0", "OPEN"],
        events: &["CONNECTION_OPEN"],
        fate: Fate::Alive,
    },
];
