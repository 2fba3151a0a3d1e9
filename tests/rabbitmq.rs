//! What RabbitMQ 3.10.8 wrote as the sender of a queue, and what is made of it where it strays from 2.6.7: it counts
//! messages in delivery-count before it writes them, and uses what was left of old credit beside the new.

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, Progress, ReceiverConfig, ReceiverId,
    SessionConfig, Tolerance, sasl::Mechanism,
};
use bytes::{Buf, BytesMut};

/// Up to the close behind twenty messages, in the order in which it came.
const CAPTURE: &[u8] = include_bytes!("captures/rabbitmq-3.10.8-sender.bin");

/// Header, frame and frame: cut where they end.
fn parts() -> Vec<&'static [u8]> {
    let (mut rest, mut parts) = (CAPTURE, Vec::new());
    while !rest.is_empty() {
        let size = match rest {
            [b'A', b'M', b'Q', b'P', ..] => 8,
            _ => u32::from_be_bytes(*rest.first_chunk().unwrap()).try_into().unwrap(),
        };
        let (part, behind) = rest.split_at(size);
        parts.push(part);
        rest = behind;
    }
    parts
}

/// Two headers, mechanisms, outcome, open, begin, attach, and the flow in which there is no credit yet.
const PRELUDE: usize = 8;

struct Client {
    connection: Connection,
    receiver: ReceiverId,
    events: Vec<&'static str>,
    taken: usize,
}

impl Client {
    fn new(credit: CreditPolicy) -> Self {
        Self::with(ReceiverConfig::from("q").credit(credit), Tolerance::default())
    }

    fn with(attach: ReceiverConfig, tolerance: Tolerance) -> Self {
        let config = ConnectionConfig::client("receive").sasl(Mechanism::anonymous()).tolerance(tolerance);
        let mut connection = Connection::new(config);
        connection.open().unwrap();
        let session = connection.begin(SessionConfig::new()).unwrap();
        let attach = attach.name("receive-24816-1");
        let receiver = connection.session(session).unwrap().attach_receiver(attach).unwrap();
        Self { connection, receiver, events: Vec::new(), taken: 0 }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let now = Instant::from_millis(1);
        let mut input = BytesMut::from(bytes);
        loop {
            let progress = self.connection.handle_input(now, &mut input);
            while let Some(event) = self.connection.poll_event() {
                self.events.push(event.name());
                self.taken += usize::from(matches!(event, Event::Delivery { .. }));
            }
            let mut transmit = self.connection.poll_transmit(now);
            let count = transmit.remaining();
            transmit.advance(count);
            if progress != Progress::DrainEvents && progress != Progress::DrainOutput {
                return;
            }
        }
    }
}

#[test]
fn captured_frames_are_accepted_without_an_error() {
    let mut client = Client::new(CreditPolicy::Auto(4));
    for part in parts() {
        client.feed(part);
    }
    assert_eq!(client.taken, 20);
    let deliveries = ["DELIVERY"; 20];
    let expected = [
        &["CONNECTION_OPEN", "SESSION_OPEN", "RECEIVER_OPEN", "RECEIVER_AVAILABLE"][..],
        &deliveries,
        &["RECEIVER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"],
    ];
    assert_eq!(client.events, expected.concat());
}

/// Transfers and flows of the capture, in order.
fn split_behind_prelude() -> (Vec<&'static [u8]>, Vec<&'static [u8]>) {
    let behind = parts().into_iter().skip(PRELUDE).filter(|part| part.len() > 15);
    behind.partition(|part| part.len() > 60)
}

/// The flow that says delivery-count 8 comes before the four messages that it counts.
#[test]
fn messages_counted_by_an_earlier_flow_are_accepted() {
    let mut client = Client::new(CreditPolicy::Manual);
    for part in parts().into_iter().take(PRELUDE) {
        client.feed(part);
    }
    let (transfers, flows) = split_behind_prelude();
    client.connection.receiver(client.receiver).unwrap().set_credit(8).unwrap();
    for transfer in &transfers[..4] {
        client.feed(transfer);
    }
    client.feed(flows[2]);
    assert_eq!(client.connection.receiver(client.receiver).unwrap().credit(), 4);
    for transfer in &transfers[4..8] {
        client.feed(transfer);
    }
    assert_eq!(client.taken, 8);
    assert_eq!(client.connection.receiver(client.receiver).unwrap().credit(), 0);
    client.feed(transfers[8]);
    assert_eq!(client.events.last(), Some(&"RECEIVER_ERROR"));
}

/// Messages of four have come when the credit is raised to four again, twice: what was left each time may be used
/// beside the new, unless the connection is strict.
#[test]
fn messages_on_replaced_credit_are_accepted_beside_new() {
    for strict in [false, true] {
        let tolerance = Tolerance::default().replaced_credit(!strict);
        let mut client = Client::with(ReceiverConfig::from("q"), tolerance);
        for part in parts().into_iter().take(PRELUDE) {
            client.feed(part);
        }
        let (transfers, _) = split_behind_prelude();
        let mut transfers = transfers.into_iter();
        for used in [2, 3] {
            client.connection.receiver(client.receiver).unwrap().set_credit(4).unwrap();
            for transfer in transfers.by_ref().take(used) {
                client.feed(transfer);
            }
        }
        client.connection.receiver(client.receiver).unwrap().set_credit(4).unwrap();
        let due = if strict { 5 + 4 } else { 12 };
        for transfer in transfers.by_ref().take(due - 5) {
            client.feed(transfer);
        }
        assert_eq!((client.taken, client.events.last()), (due, Some(&"DELIVERY")));
        client.feed(transfers.next().unwrap());
        assert_eq!(client.events.last(), Some(&"RECEIVER_ERROR"));
        assert_eq!(client.taken, due);
    }
}
