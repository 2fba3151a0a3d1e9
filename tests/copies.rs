//! What moving a message costs in memory: no allocation once things are under way, and no copy of a payload.

mod common;

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, Progress, ReceiverConfig, SendOptions,
    SenderConfig, SessionConfig,
    frame::{self, Chunks, Transmit},
};
use bytes::{Buf, Bytes, BytesMut};
use common::{Linked, Pair};

const NOW: Instant = Instant::from_millis(1000);

/// What lies between two engines.
trait Wire: frame::Input {
    fn fill(&mut self, transmit: Transmit<'_>);
}

/// As a program with one read buffer does it.
impl Wire for BytesMut {
    fn fill(&mut self, mut transmit: Transmit<'_>) {
        while transmit.has_remaining() {
            let count = transmit.chunk().len();
            self.extend_from_slice(transmit.chunk());
            transmit.advance(count);
        }
    }
}

/// As within one process.
impl Wire for Chunks {
    fn fill(&mut self, mut transmit: Transmit<'_>) {
        while let Some(chunk) = transmit.next_chunk() {
            self.push(chunk);
        }
    }
}

fn carry(from: &mut Connection, wire: &mut impl Wire, to: &mut Connection) {
    wire.fill(from.poll_transmit(NOW));
    let progress = to.handle_input(NOW, wire);
    assert_eq!(progress, Progress::NeedInput);
}

fn round(linked: &mut Linked, wires: &mut [impl Wire; 2], body: &Bytes, settled: bool) {
    let options = SendOptions::new().settled(settled);
    let [up, down] = wires;
    let Linked { pair: Pair { client, server, .. }, sender, receiver, .. } = linked;
    for tag in 0..64_u32 {
        client.sender(*sender).unwrap().send_with(tag, body.clone(), &options).unwrap();
    }
    carry(client, up, server);
    let mut taken = 0;
    while let Some(event) = server.poll_event() {
        if let Event::Delivery { delivery, .. } = event {
            assert_eq!(delivery.payload.len(), body.len());
            if !settled {
                server.receiver(*receiver).unwrap().accept(delivery.id).unwrap();
            }
            taken += 1;
        }
    }
    assert_eq!(taken, 64);
    carry(server, down, client);
    while client.poll_event().is_some() {}
}

/// Returns the allocations of these rounds of messages in the steady state.
fn allocations(size: usize, settled: bool, mut wires: [impl Wire; 2]) -> u64 {
    let mut linked =
        Linked::new(SenderConfig::to("q"), ReceiverConfig::new().credit(CreditPolicy::Auto(200)));
    let body = Bytes::from(vec![7; size]);
    for _ in 0..200 {
        round(&mut linked, &mut wires, &body, settled);
    }
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            round(&mut linked, &mut wires, &body, settled);
        }
    });
    counted.count_total
}

#[test]
fn nothing_is_allocated_in_steady_state() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![0_u8; 100])));
    assert_eq!(counted.count_total, 1, "the counter counts");
    for (size, settled) in [(32, true), (32, false), (900, true), (900, false), (4096, true), (4096, false)] {
        let buffers = [BytesMut::with_capacity(1 << 20), BytesMut::with_capacity(1 << 20)];
        assert_eq!(allocations(size, settled, buffers), 0, "{size} bytes, settled: {settled}");
        // Handed over, heads and small payloads are copied into blocks, each of which is given away when it is full.
        let copied = 64 + if size < 1024 { size as u64 } else { 0 };
        let blocks = 64 * 100 * copied / 4096;
        let handed = allocations(size, settled, [Chunks::new(), Chunks::new()]);
        assert!(handed <= 2 * blocks, "{handed} for {size} bytes handed over, settled: {settled}");
    }
}

#[test]
fn a_payload_is_written_from_the_senders_memory_and_read_in_the_readers() {
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
    let pair = Pair::new(
        ConnectionConfig::client("c"),
        ConnectionConfig::server("s").auto_accept_sessions(true).max_frame_size(1 << 20),
    );
    let Linked { mut pair, sender, receiver, .. } =
        Linked::with(pair.opened(), SessionConfig::new(), SenderConfig::to("q"), theirs);
    let body = Bytes::from(vec![7; 64 << 10]);
    pair.client.sender(sender).unwrap().send(1_u32, body.clone()).unwrap();

    let mut transmit = pair.client.poll_transmit(NOW);
    let chunks: Vec<Bytes> = std::iter::from_fn(|| transmit.next_chunk()).collect();
    let large: Vec<&Bytes> = chunks.iter().filter(|chunk| chunk.len() == body.len()).collect();
    assert_eq!(large.len(), 1);
    assert_eq!(large[0].as_ptr(), body.as_ptr());

    let mut read = BytesMut::with_capacity(1 << 20);
    chunks.iter().for_each(|chunk| read.extend_from_slice(chunk));
    let block = read.as_ptr_range();
    assert_eq!(pair.server.handle_input(NOW, &mut read), Progress::NeedInput);
    let Some(Event::Delivery { receiver: from, delivery: taken }) = pair.server.poll_event() else {
        panic!("no delivery")
    };
    assert_eq!(from, receiver);
    let chunks: Vec<&Bytes> = taken.payload.chunks().collect();
    assert_eq!(chunks, [&body]);
    assert!(block.contains(&chunks[0].as_ptr()));
}

/// More than a part of the budget that may be spent on read buffers beside the payloads in them.
#[test]
fn payloads_that_fill_their_read_buffers_are_not_copied_however_many_wait() {
    let mut linked =
        Linked::new(SenderConfig::to("q"), ReceiverConfig::new().credit(CreditPolicy::Auto(1000)));
    let Linked { pair: Pair { client, server, .. }, sender, .. } = &mut linked;
    let body = Bytes::from(vec![7; 60_000]);
    let mut blocks = Vec::new();
    for tag in 0..300_u32 {
        client.sender(*sender).unwrap().send(tag, body.clone()).unwrap();
        let mut read = BytesMut::with_capacity(client.poll_transmit(NOW).remaining());
        read.fill(client.poll_transmit(NOW));
        blocks.push(read.as_ptr_range());
        assert_eq!(server.handle_input(NOW, &mut read), Progress::NeedInput);
    }
    for block in blocks {
        let Some(Event::Delivery { delivery, .. }) = server.poll_event() else { panic!("no delivery") };
        assert!(delivery.payload.chunks().all(|chunk| block.contains(&chunk.as_ptr())));
    }
}

/// The frames of a large message, handed from one engine to the other without a pipe between them.
#[test]
fn chunks_are_handed_over_without_a_copy() {
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
    let server = ConnectionConfig::server("s").auto_accept_sessions(true).max_frame_size(16 << 10);
    let Linked { mut pair, sender, receiver, .. } = Linked::with(
        Pair::new(ConnectionConfig::client("c"), server).opened(),
        SessionConfig::new(),
        SenderConfig::to("q"),
        theirs,
    );
    let body = Bytes::from((0..64 << 10).map(|n| (n % 251) as u8).collect::<Vec<u8>>());
    pair.client.sender(sender).unwrap().send(1_u32, body.clone()).unwrap();
    let mut transmit = pair.client.poll_transmit(NOW);
    let mut segments = Chunks::new();
    while let Some(chunk) = transmit.next_chunk() {
        segments.push(chunk);
        let progress = pair.server.handle_input(NOW, &mut segments);
        assert_eq!(progress, Progress::NeedInput);
    }
    let Some(Event::Delivery { receiver: from, delivery: taken }) = pair.server.poll_event() else {
        panic!("no delivery")
    };
    assert_eq!(from, receiver);
    let memory = body.as_ptr_range();
    assert_eq!(taken.payload.chunks().count(), 5);
    // What is left for the last frame is short enough to be copied beside its head.
    assert!(taken.payload.chunks().take(4).all(|chunk| memory.contains(&chunk.as_ptr())));
    assert_eq!(taken.payload.into_bytes(), body);
}

/// Returns what a server writes for rounds of bytes in pieces of this size, and the names of its events.
fn heard(rounds: &[BytesMut], size: usize) -> (BytesMut, Vec<&'static str>) {
    let mut server = Connection::new(ConnectionConfig::server("s").auto_accept_sessions(true));
    let (mut segments, mut names, mut said) = (Chunks::new(), Vec::new(), BytesMut::new());
    for bytes in rounds {
        let mut progress = Progress::NeedInput;
        for piece in bytes.chunks(size) {
            segments.push(Bytes::copy_from_slice(piece));
            progress = server.handle_input(NOW, &mut segments);
        }
        loop {
            while let Some(event) = server.poll_event() {
                names.push(event.name());
                if let Event::ReceiverRequested { receiver, .. } = event {
                    let attach = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
                    server.accept_receiver(receiver, attach).unwrap();
                }
            }
            let mut transmit = server.poll_transmit(NOW);
            while let Some(chunk) = transmit.next_chunk() {
                said.extend_from_slice(&chunk);
            }
            if progress != Progress::DrainEvents {
                break;
            }
            progress = server.handle_input(NOW, &mut segments);
        }
    }
    (said, names)
}

/// All that a client says that sends four messages to a server that answers at once, from header to close.
fn conversation() -> Vec<BytesMut> {
    let (mut client, mut server) = (
        Connection::new(ConnectionConfig::client("c")),
        Connection::new(ConnectionConfig::server("s").auto_accept_sessions(true)),
    );
    client.open().unwrap();
    let session = client.begin(SessionConfig::new()).unwrap();
    let sender = client.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    let (mut rounds, mut up, mut down) = (Vec::new(), BytesMut::new(), BytesMut::new());
    for round in 0..6 {
        let (mut bytes, mut transmit) = (BytesMut::new(), client.poll_transmit(NOW));
        while let Some(chunk) = transmit.next_chunk() {
            bytes.extend_from_slice(&chunk);
            up.extend_from_slice(&chunk);
        }
        rounds.push(bytes);
        let _ = server.handle_input(NOW, &mut up);
        while let Some(event) = server.poll_event() {
            if let Event::ReceiverRequested { receiver, .. } = event {
                server
                    .accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(10)))
                    .unwrap();
            }
        }
        carry(&mut server, &mut down, &mut client);
        if round == 4 {
            for tag in 0..4_u32 {
                client.sender(sender).unwrap().send(tag, vec![7; 500 * tag as usize]).unwrap();
            }
            client.close(None).unwrap();
        }
    }
    rounds
}

#[test]
fn input_cut_into_pieces_of_any_size_causes_the_same_events() {
    let rounds = conversation();
    let whole = heard(&rounds, usize::MAX);
    let names = [
        "CONNECTION_OPEN",
        "SESSION_OPEN",
        "RECEIVER_REQUESTED",
        "RECEIVER_OPEN",
        "DELIVERY",
        "DELIVERY",
        "DELIVERY",
        "DELIVERY",
        "RECEIVER_CLOSED",
        "SESSION_CLOSED",
        "CONNECTION_CLOSED",
    ];
    assert_eq!(whole.1, names);
    for size in 1..60 {
        assert_eq!(heard(&rounds, size), whole, "pieces of {size}");
    }
}

/// A connection, its sessions and its links keep nothing of what was read alive.
#[test]
fn handled_input_keeps_no_read_buffer_alive() {
    let mut server = Connection::new(ConnectionConfig::server("s").auto_accept_sessions(true));
    for bytes in conversation().into_iter().take(4) {
        let bytes = bytes.freeze();
        let mut input = bytes.clone();
        assert_eq!(server.handle_input(NOW, &mut input), Progress::NeedInput);
        while let Some(event) = server.poll_event() {
            if let Event::ReceiverRequested { receiver, .. } = event {
                let attach = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
                server.accept_receiver(receiver, attach).unwrap();
            }
        }
        while server.poll_transmit(NOW).next_chunk().is_some() {}
        drop(input);
        assert!(bytes.is_unique() || bytes.is_empty());
    }
    assert!(server.is_open() && server.session_ids().count() == 1);
}
