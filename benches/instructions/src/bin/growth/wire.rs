//! Input of frames, fed to an engine.

use std::hint::black_box;

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, Progress, ReceiverConfig, SenderConfig,
    codec::{Encode, to_vec},
    spec::{
        definitions::Role,
        delivery_state::DeliveryState,
        performatives::{Attach, Begin, Detach, Disposition, End, Flow, Open, Transfer},
    },
    types::{DeliveryTag, Handle, SequenceNo, TransferNumber},
};
use bytes::{Buf, BytesMut};

use crate::{Input, Work};

/// Returns the kinds of input: how each begins, and its repetitions by number.
pub fn inputs() -> Vec<Input> {
    vec![
        input("begin and end", nothing, begin_and_end),
        input("attach and detach", session, attach_and_detach),
        input("attach", session, attaches),
        input("flow with echo", sender_and_receiver, echo),
        input("disposition", sender_and_receiver, dispositions),
        input("transfer of a byte", sender_and_receiver, one_byte),
        input("part of a byte", sender_and_receiver, part),
        input("settled and unsettled transfer", sender_and_receiver, unsettled),
    ]
}

fn input(name: &'static str, begin: fn(&mut Vec<u8>), repeat: fn(u32, &mut Vec<u8>)) -> Input {
    let prepare = move |size| -> Work {
        let bytes = bytes(begin, repeat, size);
        Box::new(move || feed(black_box(&bytes)))
    };
    Input { name, prepare: Box::new(prepare) }
}

pub fn frame(channel: u16, body: &impl Encode, payload: &[u8], into: &mut Vec<u8>) {
    let body = to_vec(body);
    let size = u32::try_from(8 + body.len() + payload.len()).expect("a small frame");
    into.extend_from_slice(&size.to_be_bytes());
    into.extend_from_slice(&[2, 0]);
    into.extend_from_slice(&channel.to_be_bytes());
    into.extend_from_slice(&body);
    into.extend_from_slice(payload);
}

fn nothing(_: &mut Vec<u8>) {}

pub fn our_begin() -> Begin {
    Begin { incoming_window: 1 << 20, outgoing_window: 1 << 20, ..Begin::default() }
}

fn session(into: &mut Vec<u8>) {
    frame(0, &our_begin(), &[], into);
}

pub fn attach(name: String, handle: u32, role: Role) -> Attach {
    Attach {
        name: name.into(),
        handle: Handle::new(handle),
        role,
        source: Some(Box::default()),
        initial_delivery_count: (role == Role::Sender).then(|| SequenceNo::new(0)),
        ..Attach::default()
    }
}

fn sender_and_receiver(into: &mut Vec<u8>) {
    session(into);
    frame(0, &attach("in".into(), 0, Role::Sender), &[], into);
    frame(0, &attach("out".into(), 1, Role::Receiver), &[], into);
    frame(0, &flow(1, 1 << 20), &[], into);
}

fn flow(handle: u32, credit: u32) -> Flow {
    Flow {
        next_incoming_id: Some(TransferNumber::new(0)),
        incoming_window: 1 << 20,
        outgoing_window: 1 << 20,
        handle: Some(Handle::new(handle)),
        delivery_count: Some(SequenceNo::new(0)),
        link_credit: Some(credit),
        ..Flow::default()
    }
}

fn begin_and_end(_: u32, into: &mut Vec<u8>) {
    frame(0, &our_begin(), &[], into);
    frame(0, &End::default(), &[], into);
}

fn attach_and_detach(number: u32, into: &mut Vec<u8>) {
    frame(0, &attach(format!("link-{number}"), 0, Role::Sender), &[], into);
    frame(0, &Detach { handle: Handle::new(0), closed: true, error: None }, &[], into);
}

fn attaches(number: u32, into: &mut Vec<u8>) {
    // A new session for each 256 links, and as many links as a session takes.
    let channel = u16::try_from(number / 256).unwrap_or(0);
    if number.is_multiple_of(256) && number > 0 {
        frame(channel, &our_begin(), &[], into);
    }
    frame(channel, &attach(format!("link-{number}"), number % 256, Role::Sender), &[], into);
}

fn echo(_: u32, into: &mut Vec<u8>) {
    frame(0, &Flow { echo: true, ..flow(1, 1 << 20) }, &[], into);
}

fn dispositions(number: u32, into: &mut Vec<u8>) {
    let disposition = Disposition {
        role: Role::Receiver,
        first: number.into(),
        last: Some((number + 1000).into()),
        settled: number.is_multiple_of(2),
        state: Some(DeliveryState::ACCEPTED),
        batchable: false,
    };
    frame(0, &disposition, &[], into);
}

pub fn transfer(number: u32) -> Transfer {
    Transfer {
        handle: Handle::new(0),
        delivery_id: Some(number.into()),
        delivery_tag: Some(DeliveryTag::from(number)),
        message_format: Some(Default::default()),
        settled: Some(true),
        ..Transfer::default()
    }
}

fn one_byte(number: u32, into: &mut Vec<u8>) {
    frame(0, &transfer(number), b"x", into);
}

fn unsettled(number: u32, into: &mut Vec<u8>) {
    frame(0, &Transfer { settled: Some(number.is_multiple_of(2)), ..transfer(number) }, b"x", into);
}

fn part(number: u32, into: &mut Vec<u8>) {
    let first =
        if number == 0 { transfer(0) } else { Transfer { handle: Handle::new(0), ..Transfer::default() } };
    frame(0, &Transfer { more: true, ..first }, b"x", into);
}

/// Returns input of at least this many bytes, behind a header and an open.
fn bytes(begin: fn(&mut Vec<u8>), repeat: fn(u32, &mut Vec<u8>), size: usize) -> Vec<u8> {
    let mut bytes = b"AMQP\x00\x01\x00\x00".to_vec();
    frame(0, &Open { container_id: "peer".into(), ..Open::default() }, &[], &mut bytes);
    begin(&mut bytes);
    let end = bytes.len() + size;
    for number in 0.. {
        if bytes.len() >= end {
            break;
        }
        repeat(number, &mut bytes);
    }
    bytes
}

/// Feeds input to a new server, which accepts all and reads its events, 16 KiB at a time.
fn feed(bytes: &[u8]) {
    let now = Instant::from_millis(0);
    let config = ConnectionConfig::server("s").auto_accept_sessions(true).channel_max(u16::MAX);
    let mut connection = Connection::new(config);
    let mut input = BytesMut::new();
    for chunk in bytes.chunks(16 << 10) {
        input.extend_from_slice(chunk);
        loop {
            let progress = connection.handle_input(now, &mut input);
            poll(&mut connection);
            let mut transmit = connection.poll_transmit(now);
            while transmit.has_remaining() {
                transmit.advance(transmit.chunk().len());
            }
            if matches!(progress, Progress::NeedInput | Progress::Closed) {
                break;
            }
        }
    }
}

fn poll(connection: &mut Connection) {
    while let Some(event) = connection.poll_event() {
        match event {
            Event::ReceiverRequested { receiver, .. } => {
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10_000));
                let _ = connection.accept_receiver(receiver, config);
            }
            Event::SenderRequested { sender, .. } => {
                let _ = connection.accept_sender(sender, SenderConfig::new());
            }
            Event::SenderReady { sender } => {
                for number in 0..1000_u32 {
                    let sent =
                        connection.sender(sender).and_then(|mut sender| sender.send(number, b"x".as_slice()));
                    if sent.is_err() {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
}
