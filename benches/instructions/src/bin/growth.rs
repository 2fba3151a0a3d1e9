//! Feeds input that a peer can send without end, so that `run --growth` can see that its cost for a byte does not grow
//! with its length. A program of its own: what else calls the engine changes what the compiler makes of it.
//!
//! `growth INPUT SIZE TIMES` feeds an input of SIZE bytes to TIMES new connections; `growth --list` prints the inputs.

use std::{env, hint::black_box, process::ExitCode};

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

/// A kind of input: how it begins, and its repetitions by number.
struct Input {
    name: &'static str,
    begin: fn(&mut Vec<u8>),
    repeat: fn(u32, &mut Vec<u8>),
}

const INPUTS: &[Input] = &[
    Input { name: "begin and end", begin: nothing, repeat: begin_and_end },
    Input { name: "attach and detach", begin: session, repeat: attach_and_detach },
    Input { name: "attach", begin: session, repeat: attaches },
    Input { name: "flow with echo", begin: sender_and_receiver, repeat: echo },
    Input { name: "disposition", begin: sender_and_receiver, repeat: dispositions },
    Input { name: "transfer of a byte", begin: sender_and_receiver, repeat: one_byte },
    Input { name: "part of a byte", begin: sender_and_receiver, repeat: part },
    Input { name: "settled and unsettled transfer", begin: sender_and_receiver, repeat: unsettled },
];

fn frame(channel: u16, body: &impl Encode, payload: &[u8], into: &mut Vec<u8>) {
    let body = to_vec(body);
    let size = u32::try_from(8 + body.len() + payload.len()).expect("a small frame");
    into.extend_from_slice(&size.to_be_bytes());
    into.extend_from_slice(&[2, 0]);
    into.extend_from_slice(&channel.to_be_bytes());
    into.extend_from_slice(&body);
    into.extend_from_slice(payload);
}

fn nothing(_: &mut Vec<u8>) {}

fn our_begin() -> Begin {
    Begin { incoming_window: 1 << 20, outgoing_window: 1 << 20, ..Begin::default() }
}

fn session(into: &mut Vec<u8>) {
    frame(0, &our_begin(), &[], into);
}

fn attach(name: String, handle: u32, role: Role) -> Attach {
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

fn transfer(number: u32) -> Transfer {
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

impl Input {
    /// Returns input of at least this many bytes, behind a header and an open.
    fn bytes(&self, size: usize) -> Vec<u8> {
        let mut bytes = b"AMQP\x00\x01\x00\x00".to_vec();
        frame(0, &Open { container_id: "peer".into(), ..Open::default() }, &[], &mut bytes);
        (self.begin)(&mut bytes);
        let end = bytes.len() + size;
        for number in 0.. {
            if bytes.len() >= end {
                break;
            }
            (self.repeat)(number, &mut bytes);
        }
        bytes
    }
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

/// Makes the bytes once, whatever `times` is.
fn run(name: &str, size: &str, times: &str) -> Option<()> {
    let bytes = INPUTS.iter().find(|input| input.name == name)?.bytes(size.parse().ok()?);
    for _ in 0..times.parse::<u32>().ok()? {
        feed(black_box(&bytes));
    }
    Some(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list"] => {
            INPUTS.iter().for_each(|input| println!("{}", input.name));
            Some(())
        }
        [name, size, times] => run(name, size, times),
        _ => None,
    };
    if done.is_some() {
        return ExitCode::SUCCESS;
    }
    eprintln!("usage: growth INPUT SIZE TIMES | growth --list");
    ExitCode::from(2)
}
