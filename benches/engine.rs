//! The performatives of the steady state to octets and back, and two engines in memory that move messages.

use std::hint::black_box;

use amqp_proto::{
    Attach, Begin, Config, Connection, CreditPolicy, Event, Instant, ReceiverId, SendOptions, SenderId,
    codec::{Decode, DecodeLimits, Encode, Reader, Writer, to_vec},
    spec::{
        definitions::Role,
        delivery_state::DeliveryState,
        performatives::{self, Disposition, Flow, Performative, Transfer},
    },
    types::{Handle, MessageFormat},
};
use bytes::{Buf, Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Encodes into a buffer that is kept, and decodes as the engine does.
fn both_ways(c: &mut Criterion, name: &str, value: &impl Encode) {
    let mut out = Vec::new();
    c.bench_function(&format!("encode/{name}"), |b| {
        b.iter(|| {
            out.clear();
            black_box(value).encode(&mut Writer::new(&mut out));
            out.len()
        });
    });
    let octets = Bytes::from(to_vec(value));
    c.bench_function(&format!("decode/{name}"), |b| {
        b.iter(|| {
            let mut reader = Reader::new(black_box(&octets), DecodeLimits::default());
            Performative::decode(&mut reader).unwrap()
        });
    });
}

fn codec(c: &mut Criterion) {
    let transfer = Transfer {
        handle: Handle::new(1),
        delivery_id: Some(70_000.into()),
        delivery_tag: Some(70_000_u32.into()),
        message_format: Some(MessageFormat::default()),
        settled: Some(false),
        ..Transfer::default()
    };
    both_ways(c, "transfer", &transfer);
    let flow = Flow {
        next_incoming_id: Some(70_000.into()),
        incoming_window: 2048,
        next_outgoing_id: 1.into(),
        outgoing_window: 2048,
        handle: Some(Handle::new(1)),
        delivery_count: Some(70_000.into()),
        link_credit: Some(100),
        ..Flow::default()
    };
    both_ways(c, "flow", &flow);
    let disposition = Disposition {
        role: Role::Receiver,
        first: 70_000.into(),
        last: Some(70_099.into()),
        settled: true,
        state: Some(DeliveryState::ACCEPTED),
        ..Disposition::default()
    };
    both_ways(c, "disposition", &disposition);
    let attach = performatives::Attach {
        name: "orders-1".into(),
        role: Role::Sender,
        initial_delivery_count: Some(0.into()),
        ..performatives::Attach::default()
    };
    both_ways(c, "attach", &attach);
}

/// Two engines with a link between them, and the octets on their way.
struct Pair {
    client: Connection,
    server: Connection,
    sender: SenderId,
    receiver: Option<ReceiverId>,
    up: BytesMut,
    down: BytesMut,
    next_tag: u32,
}

fn carry(from: &mut Connection, to: &mut Connection, wire: &mut BytesMut) {
    let mut transmit = from.transmit(Instant::from_millis(0));
    while transmit.has_remaining() {
        let count = transmit.chunk().len();
        wire.extend_from_slice(transmit.chunk());
        transmit.advance(count);
    }
    let _ = to.handle_input(Instant::from_millis(0), wire);
}

impl Pair {
    /// Messages that are moved between two turns of the wire.
    const BATCH: u32 = 100;

    fn new() -> Self {
        let mut client = Connection::new(Config::client("client"));
        let server = Connection::new(Config::server("server").auto_accept(true));
        client.open().unwrap();
        let session = client.begin(Begin::new()).unwrap();
        let sender = client.session(session).unwrap().attach_sender(Attach::to("queue")).unwrap();
        let (up, down) = (BytesMut::new(), BytesMut::new());
        let mut pair = Self { client, server, sender, receiver: None, up, down, next_tag: 0 };
        for _ in 0..8 {
            pair.turn();
        }
        assert!(pair.receiver.is_some());
        pair
    }

    /// Both ways once, with every delivery taken and accepted. Counts the deliveries, and those settled.
    fn turn(&mut self) -> (u32, u32) {
        let (mut arrived, mut settled) = (0, 0);
        carry(&mut self.client, &mut self.server, &mut self.up);
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Delivery { receiver, delivery } => {
                    let mut link = self.server.receiver(receiver).unwrap();
                    black_box(link.take(delivery).unwrap());
                    link.accept(delivery).unwrap();
                    arrived += 1;
                }
                Event::ReceiverRequested { receiver, .. } => {
                    let credit = CreditPolicy::Auto(4 * Self::BATCH);
                    self.server.accept_receiver(receiver, Attach::new().credit(credit)).unwrap();
                    self.receiver = Some(receiver);
                }
                _ => {}
            }
        }
        carry(&mut self.server, &mut self.client, &mut self.down);
        while let Some(event) = self.client.poll_event() {
            if let Event::Settled { first, last, .. } = event {
                settled += u32::try_from(u64::from(last) - u64::from(first)).unwrap() + 1;
            }
        }
        (arrived, settled)
    }

    /// A batch from `send` to its outcomes, in as many turns as the outbox and the window make it.
    fn batch(&mut self, payload: &Bytes, settled: bool) {
        let options = SendOptions::new().settled(settled);
        let (mut sent, mut arrived, mut done) = (0, 0, 0);
        while arrived < Self::BATCH || (!settled && done < Self::BATCH) {
            while sent < Self::BATCH {
                let mut link = self.client.sender(self.sender).unwrap();
                if link.send_with(self.next_tag, payload.clone(), &options).is_err() {
                    break;
                }
                self.next_tag = self.next_tag.wrapping_add(1);
                sent += 1;
            }
            let (more, outcomes) = self.turn();
            arrived += more;
            done += outcomes;
        }
    }
}

fn engines(c: &mut Criterion) {
    let mut group = c.benchmark_group("100 messages");
    group.throughput(Throughput::Elements(Pair::BATCH.into()));
    for size in [32, 1024, 64 * 1024] {
        let payload = Bytes::from(vec![7; size]);
        for (name, settled) in [("settled", true), ("unsettled", false)] {
            let mut pair = Pair::new();
            group.bench_function(format!("{size} B {name}"), |b| b.iter(|| pair.batch(&payload, settled)));
        }
    }
    group.finish();
}

criterion_group!(benches, codec, engines);
criterion_main!(benches);
