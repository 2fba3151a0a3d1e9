//! Frames of both ends, handed to an observer.

use std::hint::black_box;

use amqp_proto::{
    Instant, Side,
    observe::Observer,
    spec::{
        definitions::Role,
        performatives::{Begin, Detach, Open, Transfer},
    },
    types::Handle,
};

use crate::{
    Input, Work,
    wire::{attach, frame, our_begin, transfer},
};

/// What an end has sent.
type Sent = (Side, Vec<u8>);

pub fn inputs() -> Vec<Input> {
    vec![
        input("observed: attach", attaches),
        input("observed: transfer, and a link that is over", links_beside_transfers),
    ]
}

fn input(name: &'static str, repeat: fn(u32, &mut Vec<Sent>)) -> Input {
    let prepare = move |size| -> Work {
        let sent = bytes(repeat, size);
        Box::new(move || {
            let mut observer = Observer::new();
            for (side, bytes) in black_box(&sent) {
                observer.observe(*side, Instant::from_millis(0), bytes, |observation| {
                    drop(black_box(observation))
                });
            }
        })
    };
    Input { name, prepare: Box::new(prepare) }
}

/// Returns frames of at least this many bytes, behind what opens a session and a link.
fn bytes(repeat: fn(u32, &mut Vec<Sent>), size: usize) -> Vec<Sent> {
    let mut sent = vec![];
    for side in [Side::Client, Side::Server] {
        let mut bytes = b"AMQP\x00\x01\x00\x00".to_vec();
        frame(0, &Open { container_id: "peer".into(), ..Open::default() }, &[], &mut bytes);
        sent.push((side, bytes));
    }
    for (side, remote_channel, role) in
        [(Side::Client, None, Role::Sender), (Side::Server, Some(0.into()), Role::Receiver)]
    {
        let mut bytes = vec![];
        let begin = Begin { remote_channel, ..our_begin() };
        frame(0, &begin, &[], &mut bytes);
        frame(0, &attach("standing".into(), 0, role), &[], &mut bytes);
        sent.push((side, bytes));
    }
    let len = |sent: &[Sent]| sent.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    let mut left = size;
    for number in 0.. {
        if left == 0 {
            break;
        }
        let before = sent.len();
        repeat(number, &mut sent);
        left = left.saturating_sub(len(&sent[before..]));
    }
    sent
}

fn attaches(number: u32, sent: &mut Vec<Sent>) {
    let mut bytes = vec![];
    frame(0, &attach(format!("link-{number}"), number + 1, Role::Sender), &[], &mut bytes);
    sent.push((Side::Client, bytes));
}

fn links_beside_transfers(number: u32, sent: &mut Vec<Sent>) {
    let mut bytes = vec![];
    frame(0, &Transfer { settled: None, ..transfer(number) }, b"x", &mut bytes);
    sent.push((Side::Client, bytes));
    for (side, role) in [(Side::Client, Role::Sender), (Side::Server, Role::Receiver)] {
        let mut bytes = vec![];
        frame(0, &attach(format!("link-{number}"), 1, role), &[], &mut bytes);
        frame(0, &Detach { handle: Handle::new(1), closed: true, error: None }, &[], &mut bytes);
        sent.push((side, bytes));
    }
}
