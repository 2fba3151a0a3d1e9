//! Attacks on memory: a peer sends as much as it can, and what it makes us hold stays within the limits (FB, and the
//! R rows of the list of bad inputs).
//!
//! `--nocapture` prints the table of docs/limits.md.

mod behind;
mod sessions;
mod states;
mod updates;

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, Limits, ReceiverConfig, SenderConfig,
    SenderId,
    codec::to_vec,
    spec::{
        definitions::{AmqpError, Role},
        delivery_state::DeliveryState,
        performatives::{Attach, Begin, Close, Detach, Disposition, End, Open, Transfer},
    },
    types::{Array, DeliveryTag, Described, Fields, Handle, Kind, Symbol, Value},
};
use bytes::{Buf, BytesMut};

use crate::{
    peer,
    support::{HEAD, frame, hex},
};

const NOW: Instant = Instant::from_millis(1);
const SESSION: i64 = 512;
const LINK: i64 = 320;
const UNSETTLED: i64 = 96;

/// A connection under attack, and what of the heap it holds.
struct Attacked {
    connection: Connection,
    /// Bytes held now, beyond those before the attack, and the most that were.
    held: i64,
    most: i64,
    /// As `most`, with what was freed again before a call returned.
    peak: i64,
    sent: usize,
    /// Memory that everybody may have: for what is open.
    fixed: i64,
    /// Events are polled at once.
    polls: bool,
    events: Vec<Event>,
}

impl Attacked {
    fn new(config: ConnectionConfig, first: &[u8]) -> Self {
        let mut connection = Connection::new(config);
        let _ = connection.handle_input(NOW, &mut &*first);
        let mut this = Self {
            connection,
            held: 0,
            most: 0,
            peak: 0,
            sent: 0,
            fixed: 0,
            polls: false,
            events: Vec::new(),
        };
        this.write();
        while this.connection.poll_event().is_some() {}
        this
    }

    /// A server that has opened and begun.
    fn server() -> Self {
        Self::new(server(), &hex(HEAD))
    }

    fn write(&mut self) {
        let mut transmit = self.connection.poll_transmit(NOW);
        transmit.advance(transmit.remaining());
    }

    fn measure<R>(&mut self, work: impl FnOnce(&mut Connection) -> R) -> R {
        let mut result = None;
        let counted = allocation_counter::measure(|| result = Some(work(&mut self.connection)));
        self.peak = self.peak.max(self.held + i64::try_from(counted.bytes_max).unwrap());
        self.held += counted.bytes_current;
        self.most = self.most.max(self.held);
        result.expect("the work was done")
    }

    /// Sends bytes, as long as they are taken. Returns false if not all were.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        if self.sent > 2 * held_limit() || !self.connection.is_open() && self.sent > 1 << 20 {
            return false;
        }
        let polls = self.polls;
        let left = self.measure(|connection| {
            let mut input = bytes;
            loop {
                let before = input.len();
                let _ = connection.handle_input(NOW, &mut input);
                let mut transmit = connection.poll_transmit(NOW);
                transmit.advance(transmit.remaining());
                while polls && connection.poll_event().is_some() {}
                if input.is_empty() || input.len() == before {
                    return input.len();
                }
            }
        });
        self.sent += bytes.len() - left;
        left == 0
    }

    /// Sends bytes by a read buffer that payloads share.
    fn feed_shared(&mut self, bytes: &[u8]) -> bool {
        let left = self.measure(|connection| {
            let mut input = BytesMut::from(bytes);
            let _ = connection.handle_input(NOW, &mut input);
            let mut transmit = connection.poll_transmit(NOW);
            transmit.advance(transmit.remaining());
            input.len()
        });
        self.sent += bytes.len() - left;
        left == 0
    }

    /// Sends bytes by a read buffer that has `reserve` bytes free before each read. That buffer does not count as held.
    /// Returns what was allocated to handle them, or `None` if not all were.
    fn feed_reserving(&mut self, input: &mut BytesMut, reserve: usize, bytes: &[u8]) -> Option<u64> {
        let read = allocation_counter::measure(|| {
            input.reserve(reserve);
            input.extend_from_slice(bytes);
        });
        let handled = allocation_counter::measure(|| {
            let _ = self.connection.handle_input(NOW, input);
            let mut transmit = self.connection.poll_transmit(NOW);
            transmit.advance(transmit.remaining());
        });
        self.held += read.bytes_current + handled.bytes_current;
        self.most = self.most.max(self.held - i64::try_from(reserve).unwrap());
        self.sent += bytes.len() - input.len();
        input.is_empty().then_some(handled.bytes_total)
    }

    /// Ends the connection, and polls all events.
    fn end(&mut self) {
        let close = frame(0, &to_vec(&Close { error: None }));
        self.measure(|connection| {
            for _ in 0..100 {
                let _ = connection.handle_input(NOW, &mut &*close);
                while connection.poll_event().is_some() {}
                let mut transmit = connection.poll_transmit(NOW);
                transmit.advance(transmit.remaining());
            }
            connection.handle_eof(NOW);
            while connection.poll_event().is_some() {}
            // What was announced can be read until now.
            connection.handle_eof(NOW);
        });
        self.events.clear();
    }

    /// Checks what was held, and what stays after the end.
    fn check(mut self, name: &str, budget: usize) {
        let (most, sent) = (self.most, i64::try_from(self.sent).unwrap());
        println!("| {name} | {sent} | {most} |");
        let budget = i64::try_from(budget).unwrap();
        assert!(most <= budget + budget / 4, "{name}: {most} bytes of {budget}");
        let amplified = 8 * sent + 65_536 + self.fixed;
        assert!(most <= amplified, "{name}: {most} bytes for {sent} and {}", self.fixed);
        self.end();
        assert!(self.held <= 16_384, "{name}: {} bytes stay", self.held);
    }
}

/// The attacks are small, and soon over, without `FULL_ATTACKS` in the environment.
fn is_full() -> bool {
    std::env::var_os("FULL_ATTACKS").is_some()
}

/// The defaults, or a part of them.
fn limits() -> Limits {
    let full = Limits::default().max_retained_unsettled(0);
    if is_full() {
        return full;
    }
    full.max_held_bytes(full.max_held_bytes / 64)
        .max_held_bytes_per_session(full.max_held_bytes_per_session / 64)
        .max_buffered_bytes_per_delivery(full.max_buffered_bytes_per_delivery / 64)
}

/// A number of repetitions, or a part of it.
fn times(full: u32) -> u32 {
    if is_full() { full } else { full / 8 }
}

fn server() -> ConnectionConfig {
    ConnectionConfig::server("s").auto_accept_sessions(true).limits(limits())
}

fn held_limit() -> usize {
    limits().max_held_bytes
}

fn list(nulls: usize) -> Value {
    Value::List(vec![Value::Null; nulls])
}

fn text(bytes: usize) -> Value {
    Value::from("t".repeat(bytes))
}

fn zeroes() -> Value {
    Value::from(Array::new(Kind::Null, vec![Value::Null; 4000]).unwrap())
}

fn info(value: Value) -> Fields {
    Fields::from([(Symbol::from_static("i"), value)])
}

fn error(value: Value) -> AmqpError {
    AmqpError { info: Some(info(value)), ..AmqpError::default() }
}

fn begin(channel: u16, properties: Option<Value>) -> Vec<u8> {
    let begin = Begin {
        incoming_window: 1000,
        outgoing_window: 1000,
        properties: properties.map(info),
        ..peer::begin()
    };
    peer::frame(channel, &begin)
}

/// The peer's attach, as a sender or a receiver.
fn attach(channel: u16, handle: u32, role: Role, name: &str, properties: Option<Value>) -> Vec<u8> {
    let attach = Attach { properties: properties.map(info), ..peer::attach(name, handle, role) };
    peer::frame(channel, &attach)
}

fn transfer(handle: u32, number: u32, more: bool, state: Option<DeliveryState>, payload: &[u8]) -> Vec<u8> {
    let transfer = Transfer {
        handle: Handle::new(handle),
        delivery_id: Some(number.into()),
        delivery_tag: Some(DeliveryTag::from(number)),
        more,
        state,
        ..Transfer::default()
    };
    peer::with_payload(0, &transfer, payload)
}

fn detailed(value: Value) -> DeliveryState {
    DeliveryState::Other(Described::new(0x99_u64, value).into())
}

/// Before it is known, a peer can fill what waits behind its open.
#[test]
fn fb2_frames_behind_an_unanswered_open_are_held_as_bytes() {
    let limit = Limits::default().max_held_bytes_before_open;
    let open = hex(&HEAD[..57]);
    for (name, properties) in
        [("texts behind an open", text(4000)), ("zero-width arrays behind an open", zeroes())]
    {
        let mut attacked = Attacked::new(server().auto_accept_sessions(false), &open);
        for channel in 0..200 {
            attacked.feed(&begin(channel, Some(properties.clone())));
            attacked.feed(&attach(channel, 0, Role::Sender, "l", Some(properties.clone())));
        }
        attacked.check(name, limit);
    }
    // What waits is bounded by the account as well.
    let limits = limits().max_unanswered_bytes(4 << 20);
    let mut attacked = Attacked::new(server().auto_accept_sessions(false).limits(limits), &open);
    for channel in 0..200 {
        attacked.feed(&begin(channel, Some(text(4000))));
    }
    attacked.check("texts behind an open, with a large limit", limit);
}

#[test]
fn fb2b_an_open_is_refused_if_its_values_take_up_too_much() {
    let limit = Limits::default().max_held_bytes_before_open;
    for (name, properties) in [
        ("text in an open", text(60_000)),
        ("nulls in an open", list(60_000)),
        ("zero-width arrays in an open", zeroes()),
        ("a large open", Value::List(vec![text(180_000), list(20_000)])),
    ] {
        let open = Open { container_id: "p".into(), properties: Some(info(properties)), ..Open::default() };
        let mut attacked = Attacked::new(server().max_frame_size(1 << 20), &hex(&HEAD[..16]));
        attacked.feed(&frame(0, &to_vec(&open)));
        // What is left of one that is not refused is for `remote_open`.
        attacked.measure(|connection| *connection = Connection::new(server()));
        attacked.check(name, limit);
    }
}

#[test]
fn fb2c_begins_that_nobody_answers_are_held_as_bytes() {
    let mut attacked = Attacked::new(server().auto_accept_sessions(false), &hex(&HEAD[..57]));
    attacked.connection.open().unwrap();
    attacked.write();
    for channel in 0..256 {
        attacked.feed(&begin(channel, Some(zeroes())));
        for handle in 0..10 {
            attacked.feed(&attach(channel, handle, Role::Sender, "l", Some(list(60_000))));
        }
    }
    attacked.fixed = 256 * SESSION;
    attacked.check("256 begins without an answer, attaches behind", held_limit());

    let mut attacked = Attacked::new(server().auto_accept_sessions(false), &hex(&HEAD[..57]));
    attacked.connection.open().unwrap();
    attacked.write();
    for channel in 0..256 {
        attacked.feed(&begin(channel, Some(text(60_000))));
    }
    attacked.fixed = 256 * SESSION;
    attacked.check("256 large begins without an answer", held_limit());
}

#[test]
fn fb5b_attaches_that_nobody_answers_have_a_bound() {
    let mut attacked = Attacked::server();
    attacked.polls = true;
    let sessions = if is_full() { 64 } else { 3 };
    for channel in 1..=sessions {
        attacked.feed(&begin(channel, None));
        for handle in 0..256 {
            attacked.feed(&attach(channel, handle, Role::Sender, &format!("l{handle}"), Some(list(60_000))));
            attacked.fixed += LINK;
        }
        attacked.fixed += SESSION;
    }
    assert!(attacked.sent > held_limit());
    attacked.check("64 sessions of 256 attaches of 60 KB", held_limit());
}

#[test]
fn fb5c_small_attaches_take_up_what_a_link_does() {
    let mut attacked = Attacked::server();
    attacked.polls = true;
    for channel in 1..250 {
        attacked.feed(&begin(channel, None));
        for handle in 0..256 {
            attacked.feed(&attach(channel, handle, Role::Sender, &format!("{handle}"), None));
        }
        attacked.fixed += 256 * LINK + SESSION;
    }
    attacked.check("250 sessions of 256 small attaches", held_limit());
}

/// A server that sends unsettled messages, as many as asked for, on two links in turn if `links` is 2.
fn sending(count: u32, links: u32) -> (Attacked, Vec<SenderId>) {
    let mut attacked = Attacked::server();
    let mut senders = Vec::new();
    for handle in 0..links {
        attacked.feed(&attach(0, handle, Role::Receiver, &format!("r{handle}"), None));
        while let Some(event) = attacked.connection.poll_event() {
            if let Event::SenderRequested { sender, .. } = event {
                attacked.connection.accept_sender(sender, SenderConfig::new()).unwrap();
                senders.push(sender);
            }
        }
        // 2.7.4: window and credit without end.
        let flow = amqp_proto::spec::performatives::Flow {
            next_incoming_id: Some(0.into()),
            incoming_window: u32::MAX,
            next_outgoing_id: 0.into(),
            outgoing_window: 100,
            handle: Some(Handle::new(handle)),
            delivery_count: Some(0.into()),
            link_credit: Some(u32::MAX),
            ..Default::default()
        };
        attacked.feed(&frame(0, &to_vec(&flow)));
    }
    attacked.measure(|connection| {
        while connection.poll_event().is_some() {}
        for number in 0..count {
            let sender = senders[usize::try_from(number % links).unwrap()];
            if connection.sender(sender).unwrap().send(number, b"x".as_slice()).is_err() {
                break;
            }
            let mut transmit = connection.poll_transmit(NOW);
            transmit.advance(transmit.remaining());
        }
    });
    attacked.fixed = i64::from(count) * UNSETTLED + i64::from(links) * LINK;
    (attacked, senders)
}

fn disposition(first: u32, last: u32, settled: bool, state: Option<DeliveryState>) -> Vec<u8> {
    let disposition = Disposition {
        role: Role::Receiver,
        first: first.into(),
        last: Some(last.into()),
        settled,
        state,
        ..Disposition::default()
    };
    frame(0, &to_vec(&disposition))
}

#[test]
fn fb2d_states_of_deliveries_have_a_bound() {
    let cases = [
        ("states of 2,000 deliveries", true, text(60_000)),
        ("states of 2,000 deliveries, unpolled", false, text(60_000)),
        ("states of 2,000 deliveries, as lists", true, list(250)),
        ("states of 2,000 deliveries, as lists, unpolled", false, list(250)),
        ("states of 2,000 deliveries, of nulls", true, list(60_000)),
    ];
    for (name, polls, state) in cases {
        let (mut attacked, _) = sending(2000, 1);
        attacked.polls = polls;
        for number in 0..2000 {
            if !attacked.feed(&disposition(number, number, false, Some(detailed(state.clone())))) {
                break;
            }
        }
        attacked.check(name, held_limit());
    }
}

#[test]
fn fb2e_errors_in_events_that_nobody_polls_have_a_bound() {
    errors_in_events("texts", &text(60_000));
    errors_in_events("lists", &list(250));
    errors_in_events("many nulls", &list(60_000));
}

fn errors_in_events(name: &str, value: &Value) {
    let mut attacked = Attacked::server();
    for number in 0..1000_u32 {
        attacked.feed(&attach(0, 0, Role::Sender, &format!("l{number}"), None));
        let detach =
            Detach { handle: Handle::new(0), closed: true, error: Some(Box::new(error(value.clone()))) };
        if !attacked.feed(&frame(0, &to_vec(&detach))) {
            break;
        }
    }
    attacked.check(&format!("detaches with errors of {name}, unpolled"), held_limit());

    let mut attacked = Attacked::server();
    for _ in 0..1000 {
        attacked.feed(&begin(1, None));
        let end = End { error: Some(Box::new(error(value.clone()))) };
        if !attacked.feed(&frame(1, &to_vec(&end))) {
            break;
        }
    }
    attacked.check(&format!("ends with errors of {name}, unpolled"), held_limit());
}

#[test]
fn fb1c_a_close_has_one_error_for_all() {
    let mut attacked = Attacked::new(server().channel_max(999), &hex(HEAD));
    for channel in 1..500 {
        attacked.feed(&begin(channel, None));
        for handle in 0..16 {
            attacked.feed(&attach(channel, handle, Role::Sender, &format!("{handle}"), None));
        }
        while attacked.measure(|connection| connection.poll_event()).is_some() {}
    }
    attacked.fixed = 500 * (SESSION + 16 * LINK);
    attacked.feed(&frame(0, &to_vec(&Close { error: Some(Box::new(error(text(60_000)))) })));
    attacked.check("a close with a large error over 500 sessions of 16 links", held_limit());
}

/// Deliveries of two links in turn, which one frame settles: an event for each.
#[test]
fn fb6_a_disposition_over_alternating_links_raises_its_events_in_steps() {
    let count = if is_full() { 200_000 } else { 5000 };
    let (mut attacked, _) = sending(count, 2);
    let (before, fixed) = (attacked.held, attacked.fixed);
    (attacked.held, attacked.most) = (0, 0);
    attacked.feed(&disposition(0, count - 1, true, Some(DeliveryState::ACCEPTED)));
    assert!(attacked.most < 200_000, "{}", attacked.most);
    let mut settled = 0;
    loop {
        let before = settled;
        while let Some(event) = attacked.measure(|connection| connection.poll_event()) {
            if let Event::DeliverySettled { first, last, .. } = event {
                settled += first.through(last);
            }
        }
        if settled == before {
            break;
        }
        attacked.feed(b"");
    }
    assert_eq!(settled, u64::from(count));
    attacked.held += before;
    let (at_rest, _) = sending(0, 2);
    let stays = attacked.held - at_rest.held;
    assert!(stays <= 65_536, "{stays} bytes stay of the burst");
    attacked.fixed = fixed;
    attacked.check("a disposition over alternating links", held_limit());
}

/// Frames behind such a disposition wait for it.
#[test]
fn fb6b_what_follows_such_a_disposition_comes_after_it() {
    let (mut attacked, senders) = sending(1000, 2);
    let detach = Detach { handle: Handle::new(0), closed: true, error: None };
    let frames = [disposition(0, 999, true, None), frame(0, &to_vec(&detach))].concat();
    let mut input = &frames[..];
    let mut events = Vec::new();
    for _ in 0..20 {
        let _ = attacked.connection.handle_input(NOW, &mut input);
        events.extend(std::iter::from_fn(|| attacked.connection.poll_event()));
    }
    assert!(input.is_empty());
    let settled = |event: &Event| matches!(event, Event::DeliverySettled { .. });
    let at = events.iter().position(|event| matches!(event, Event::SenderClosed { .. }));
    assert_eq!(events.iter().filter(|event| settled(event)).count(), 1000);
    assert_eq!(at, Some(1000), "{:?}", events.last());
    assert!(matches!(events[1000], Event::SenderClosed { sender, unsettled: 0, .. } if sender == senders[0]));
}

/// Counts the deliveries that events name.
fn named(attacked: &mut Attacked) -> u64 {
    let events = std::iter::from_fn(|| attacked.connection.poll_event());
    let named = events.filter_map(|event| match event {
        Event::DeliveryUpdated { first, last, .. } | Event::DeliverySettled { first, last, .. } => {
            Some(first.through(last))
        }
        _ => None,
    });
    named.sum()
}

#[test]
fn fb7_a_state_that_is_known_is_not_told_again_and_repeating_it_has_a_bound() {
    let (mut attacked, _) = sending(1000, 1);
    let received = |offset: u8| {
        DeliveryState::Received(amqp_proto::spec::delivery_state::Received {
            section_number: 0,
            section_offset: offset.into(),
        })
    };
    attacked.feed(&disposition(0, 999, false, Some(received(1))));
    assert_eq!(named(&mut attacked), 1000);
    attacked.feed(&disposition(0, 999, false, Some(received(1))));
    assert_eq!(named(&mut attacked), 0);
    attacked.feed(&disposition(500, 999, false, Some(received(2))));
    assert_eq!(named(&mut attacked), 500);
    // Each delivery may be updated several times, but not for ever.
    for offset in 0..80 {
        attacked.feed(&disposition(0, 999, false, Some(received(offset))));
    }
    let failed =
        std::iter::from_fn(|| attacked.connection.poll_event()).find_map(|event| event.error_detail());
    assert!(failed.is_some_and(|text| text.starts_with("amqp:resource-limit-exceeded")));
}

/// The peer sets the credit, and it may never settle.
#[test]
fn fb7b_messages_of_ours_that_stay_unsettled_have_a_bound() {
    let mut fed = crate::support::Fed::server_with(
        ConnectionConfig::server("s").limits(Limits::default().max_unsettled(100)),
    );
    fed.feed(crate::support::ATTACH_RECEIVER);
    let sender = fed
        .events()
        .into_iter()
        .find_map(|event| match event {
            Event::SenderRequested { sender, .. } => Some(sender),
            _ => None,
        })
        .unwrap();
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    let flow = amqp_proto::spec::performatives::Flow {
        next_incoming_id: Some(0.into()),
        incoming_window: 1000,
        next_outgoing_id: 0.into(),
        outgoing_window: 100,
        handle: Some(Handle::new(2)),
        delivery_count: Some(0.into()),
        link_credit: Some(1000),
        ..Default::default()
    };
    fed.feed_bytes(&frame(0, &to_vec(&flow)));
    fed.events();
    let send = |fed: &mut crate::support::Fed, number: u32, settled: bool| {
        let options = amqp_proto::SendOptions::new().settled(settled);
        fed.connection.sender(sender).unwrap().send_with(number, b"x".as_slice(), &options).map(drop)
    };
    (0..100).for_each(|number| send(&mut fed, number, false).unwrap());
    let full = amqp_proto::CommandError::TooManyUnsettled;
    assert_eq!(send(&mut fed, 100, false), Err(full));
    assert!(full.is_temporary());
    assert_eq!(send(&mut fed, 100, true), Ok(()));
    fed.feed_bytes(&frame(0, &to_vec(&flow)));
    assert!(fed.names().is_empty(), "it is not ready");
    fed.feed_bytes(&disposition(0, 9, true, Some(DeliveryState::ACCEPTED)));
    assert_eq!(fed.names(), ["DELIVERY_SETTLED", "SENDER_READY"]);
    (0..10).for_each(|number| send(&mut fed, number, false).unwrap());
    assert_eq!(send(&mut fed, 100, false), Err(full));
}

/// A server whose peer attaches this many senders, each with credit.
fn receiving(links: u32, streaming: bool) -> Attacked {
    let mut attacked = Attacked::server();
    for handle in 0..links {
        attacked.feed(&attach(0, handle, Role::Sender, &format!("s{handle}"), None));
        accept_all(&mut attacked, streaming);
    }
    attacked.fixed = i64::from(links) * LINK;
    attacked
}

/// Accepts the senders that the peer has attached, and gives them credit.
fn accept_all(attacked: &mut Attacked, streaming: bool) {
    attacked.measure(|connection| {
        while let Some(event) = connection.poll_event() {
            if let Event::ReceiverRequested { receiver, .. } = event {
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10_000)).streaming(streaming);
                connection.accept_receiver(receiver, config).unwrap();
            }
        }
        let mut transmit = connection.poll_transmit(NOW);
        transmit.advance(transmit.remaining());
    });
}

#[test]
fn fb3_a_delivery_in_small_frames_takes_up_what_it_has() {
    let mut attacked = receiving(1, false);
    attacked.feed(&transfer(0, 0, true, None, b"x"));
    for _ in 0..times(100_000) {
        attacked.feed(&transfer_more(0, b"x"));
    }
    // Gathered, it takes up no more than its frames did on the wire.
    let sent = i64::try_from(attacked.sent).unwrap();
    assert!(attacked.most < sent, "{} for {sent}", attacked.most);
    attacked.check("a delivery in frames of a byte", held_limit());
}

fn transfer_more(handle: u32, payload: &[u8]) -> Vec<u8> {
    let mut body = to_vec(&Transfer { handle: Handle::new(handle), more: true, ..Transfer::default() });
    body.extend_from_slice(payload);
    frame(0, &body)
}

#[test]
fn fb3b_deliveries_that_never_end_have_a_bound_together() {
    let mut attacked = receiving(250, false);
    let payload = vec![7; 60_000];
    for handle in 0..250 {
        attacked.feed(&transfer(handle, handle, true, None, b""));
    }
    attacked.fixed += 250 * UNSETTLED;
    for _ in 0..20 {
        for handle in 0..250 {
            attacked.feed(&transfer_more(handle, &payload));
        }
    }
    assert!(attacked.sent > held_limit());
    attacked.check("deliveries that never end on 250 links", held_limit());

    // Small parts are gathered in buffers with room to spare, which counts as well.
    let mut attacked = receiving(250, false);
    for handle in 0..250 {
        attacked.feed(&transfer(handle, handle, true, None, b""));
        for _ in 0..5 {
            attacked.feed(&transfer_more(handle, &[7; 1100]));
        }
    }
    attacked.fixed += 250 * UNSETTLED;
    let of_session = limits().max_held_bytes_per_session;
    attacked.check("deliveries in small parts that never end on 250 links", of_session);
}

/// A payload keeps the read buffer alive that it lies in.
#[test]
fn fb3c_a_payload_keeps_no_large_buffer_alive() {
    let padding: Vec<u8> = std::iter::repeat_n(frame(0, b""), 7000).flatten().collect();
    for (name, more) in [("small deliveries in large buffers", false), ("parts in large buffers", true)] {
        let mut attacked = receiving(1, false);
        if more {
            attacked.feed(&transfer(0, 0, true, None, b""));
        }
        for number in 0..times(1000) {
            let small =
                if more { transfer_more(0, &[7; 4200]) } else { transfer(0, number, false, None, b"x") };
            if !attacked.feed_shared(&[&small[..], &padding].concat()) {
                break;
            }
        }
        attacked.fixed += 1000 * UNSETTLED;
        // Of a million bytes of payload, not of 60 million in buffers.
        assert!(attacked.most < 10 << 20, "{name}: {}", attacked.most);
        attacked.check(name, held_limit());
    }
}

/// A reader with a buffer of its own for each read held 64 KiB for each part.
#[test]
fn fb3d_a_read_buffer_that_is_hardly_used_is_not_held() {
    for (reserve, more, name) in [
        (64 << 10, true, "parts of 4,100 bytes in reads of 64 KiB"),
        (1 << 20, true, "parts of 4,100 bytes in reads of 1 MiB"),
        (64 << 10, false, "deliveries of 4,100 bytes in reads of 64 KiB, unpolled"),
        (1 << 20, false, "deliveries of 4,100 bytes in reads of 1 MiB, unpolled"),
    ] {
        let links = if more { 150 } else { 1 };
        let mut attacked = receiving(links, false);
        let mut input = BytesMut::new();
        for number in 0..150 {
            let handle = if more { number } else { 0 };
            let bytes = transfer(handle, number, more, None, &[7; 4100]);
            assert!(attacked.feed_reserving(&mut input, reserve, &bytes).is_some(), "{name}: {number}");
        }
        assert!(attacked.most > 150 * 4100, "{name}: {}", attacked.most);
        attacked.measure(|_| drop(input));
        attacked.fixed += 150 * UNSETTLED;
        attacked.most = attacked.most.max(attacked.held);
        attacked.check(name, held_limit());
    }
}

/// Streamed bytes that nobody reads were beside the budget, with a read buffer for each frame.
#[test]
fn fb3f_streamed_bytes_that_nobody_reads_have_a_bound() {
    for (size, name) in [
        (1, "bytes on 250 streams, unread, in reads of 64 KiB"),
        (60_000, "250 streams of 60 KB frames, unread"),
    ] {
        let mut attacked = receiving(250, true);
        let mut input = BytesMut::new();
        'sent: for round in 0..8 {
            for handle in 0..250 {
                let first = transfer(handle, handle, true, None, &vec![7; size]);
                let next = transfer_more(handle, &vec![7; size]);
                let bytes = if round == 0 { first } else { next };
                if attacked.feed_reserving(&mut input, 64 << 10, &bytes).is_none() {
                    break 'sent;
                }
                attacked.measure(|connection| while connection.poll_event().is_some() {});
            }
        }
        if size > 1 {
            assert!(attacked.sent > held_limit() - (1 << 17), "{}", attacked.sent);
        }
        attacked.measure(|_| drop(input));
        attacked.fixed += 250 * UNSETTLED;
        attacked.most = attacked.most.max(attacked.held);
        attacked.check(name, held_limit());
    }
}

/// All that was held was copied each time.
#[test]
fn fb3e_copies_out_of_read_buffers_grow_with_the_input() {
    for more in [true, false] {
        let mut attacked = receiving(if more { 150 } else { 1 }, false);
        let (mut input, mut allocated) = (BytesMut::new(), 0);
        for number in 0..150 {
            let handle = if more { number } else { 0 };
            let bytes = transfer(handle, number, more, None, &[7; 4100]);
            let handled = attacked.feed_reserving(&mut input, 1 << 20, &bytes);
            allocated += handled.expect("all was handled");
        }
        // One copy, and what a delivery takes up beside it.
        let most = 150 * (4100 + 1024);
        assert!((150 * 4100..most).contains(&allocated), "{allocated} of {most}");
    }
}

#[test]
fn fb2f_deliveries_that_nobody_polls_have_a_bound() {
    for (name, state) in
        [("large deliveries, unpolled", None), ("states with deliveries, unpolled", Some(list(250)))]
    {
        let mut attacked = receiving(1, false);
        for number in 0..2000 {
            let small = transfer(0, number, false, state.clone().map(detailed), b"x");
            let large = transfer(0, number, false, None, &[7; 50_000]);
            if !attacked.feed(if state.is_some() { &small } else { &large }) {
                break;
            }
        }
        attacked.fixed += 2000 * UNSETTLED;
        attacked.check(name, held_limit());
    }
}

/// Names are remembered of links that ended in error while the peer detached without closing.
#[test]
fn fb2g_remembered_names_are_charged() {
    // By the letter of 2.6.5: else no name is remembered.
    let config = server().tolerance(amqp_proto::Tolerance::strict());
    let mut attacked = Attacked::new(config, &hex(HEAD));
    attacked.polls = true;
    for channel in 1..200 {
        attacked.feed(&begin(channel, None));
        for number in 0..64_u32 {
            let name = format!("{number}{}", "n".repeat(60_000));
            attacked.feed(&attach(channel, number, Role::Sender, &name, None));
            // A message before the link is attached.
            let mut early = transfer(number, number, false, None, b"x");
            early[6..8].copy_from_slice(&channel.to_be_bytes());
            attacked.feed(&early);
            let detach = Detach { handle: Handle::new(number), closed: false, error: None };
            attacked.feed(&frame(channel, &to_vec(&detach)));
        }
        attacked.fixed += SESSION;
    }
    assert!(attacked.sent > held_limit());
    attacked.check("names of links in error", held_limit());
}

#[test]
fn fb2h_ended_sessions_and_what_they_left_unsettled_have_a_bound() {
    let mut attacked = Attacked::server();
    attacked.polls = true;
    let sessions = u32::try_from(held_limit() / 500).unwrap();
    for _ in 0..sessions {
        attacked.feed(&begin(1, None));
        attacked.feed(&attach(1, 0, Role::Receiver, "r", None));
        attacked.feed(&frame(1, &to_vec(&End { error: None })));
    }
    assert!(attacked.connection.is_open(), "a session that has ended takes up nothing");
    attacked.check("sessions one after the other", held_limit());

    let limits = limits().max_retained_unsettled(usize::MAX);
    let mut attacked = Attacked::new(server().limits(limits), &hex(HEAD));
    let budget = i64::try_from(held_limit()).unwrap();
    while attacked.sent < held_limit() {
        attacked.feed(&attach(0, 0, Role::Sender, "s", None));
        accept_all(&mut attacked, false);
        attacked.polls = true;
        for number in 0..500 {
            attacked.feed(&transfer(0, number, false, None, b""));
        }
        attacked.feed(&frame(0, &to_vec(&End { error: None })));
        attacked.feed(&begin(0, None));
        attacked.polls = false;
    }
    assert!(attacked.connection.is_open());
    let most = attacked.most;
    assert!(most > budget / 4 && most <= budget, "{most} of {budget}");
}

/// R01, R07: flows and dispositions that ask for answers.
#[test]
fn fb2i_answers_are_joined() {
    let mut attacked = receiving(250, false);
    let echo = |handle: u32| {
        let flow = amqp_proto::spec::performatives::Flow {
            next_incoming_id: Some(0.into()),
            incoming_window: 100,
            next_outgoing_id: 0.into(),
            outgoing_window: 100,
            handle: Some(Handle::new(handle)),
            echo: true,
            ..Default::default()
        };
        frame(0, &to_vec(&flow))
    };
    let all: Vec<u8> = (0..250).flat_map(echo).collect();
    // Nobody writes the output.
    attacked.measure(|connection| {
        for _ in 0..times(1000) {
            let _ = connection.handle_input(NOW, &mut &*all);
        }
    });
    attacked.sent += usize::try_from(times(1000)).unwrap() * all.len();
    attacked.check("flows that ask for an echo, unread", held_limit());
}

#[test]
fn fb5d_high_channels_and_handles_take_up_no_more() {
    let config = server().channel_max(u16::MAX);
    let mut attacked = Attacked::new(config, &hex(HEAD));
    attacked.polls = true;
    for channel in (0..1000).map(|at| 65_535 - 60 * at) {
        attacked.feed(&begin(channel, None));
        attacked.feed(&attach(channel, 255, Role::Sender, "l", None));
    }
    attacked.fixed = 1000 * (SESSION + LINK);
    attacked.check("1,000 sessions on high channels and handles", held_limit());
}

/// Half of the deliveries follow each other; then only one in so many stays unsettled, so that places are free between.
#[test]
fn fb7c_unsettled_deliveries_with_gaps_between_have_a_bound() {
    let dense = u32::try_from(held_limit() / 512).unwrap();
    for (dense, gap) in [(dense, 1), (dense, 4), (dense, 9), (4 * dense, u32::MAX)] {
        let mut attacked = receiving(1, false);
        attacked.polls = true;
        let mut number = 0;
        let mut unsettled: u32 = 0;
        let settled = |number: u32| {
            let tag = Some(DeliveryTag::from(u64::from(number)));
            let head =
                Transfer { delivery_id: Some(number.into()), delivery_tag: tag, ..Transfer::default() };
            frame(0, &to_vec(&Transfer { settled: Some(true), message_format: Some(0.into()), ..head }))
        };
        let is_open = |attacked: &Attacked| {
            let mut sessions = attacked.connection.session_ids();
            sessions.any(|id| attacked.connection.session_ref(id).is_ok_and(|session| session.is_open()))
        };
        while number < 30 * dense && is_open(&attacked) {
            let stays = unsettled < dense || number % gap == 0;
            unsettled += u32::from(stays);
            let bytes = if stays { transfer(0, number, false, None, b"") } else { settled(number) };
            attacked.feed(&bytes);
            number += 1;
        }
        attacked.fixed += i64::from(unsettled) * UNSETTLED;
        // It is charged before it is kept.
        let (peak, budget) = (attacked.peak, i64::try_from(held_limit()).unwrap());
        assert!(peak <= budget + budget / 4, "{peak} of {budget}");
        attacked.check(&format!("unsettled deliveries, then one in {gap}"), held_limit());
    }
}

#[test]
fn fb7d_states_of_a_sender_that_does_not_settle_have_a_bound() {
    let mut attacked = receiving(1, false);
    for number in 0..1000 {
        attacked.feed(&transfer(0, number, false, None, b""));
        while attacked.connection.poll_event().is_some() {}
    }
    let modified = amqp_proto::spec::delivery_state::Modified::default;
    for _ in 0..80 {
        let update = Disposition {
            role: Role::Sender,
            first: 0.into(),
            last: Some(999.into()),
            state: Some(modified().into()),
            ..Disposition::default()
        };
        attacked.feed(&frame(0, &to_vec(&update)));
    }
    let failed =
        std::iter::from_fn(|| attacked.connection.poll_event()).find_map(|event| event.error_detail());
    assert!(failed.is_some_and(|text| text.starts_with("amqp:resource-limit-exceeded")));
}

/// `send` refused once when the account was full, and went on at the next try; `SENDER_READY` said so without end.
#[test]
fn fb7e_a_full_account_refuses_messages_until_some_are_settled() {
    let (mut attacked, senders) = sending(0, 1);
    let [sender] = senders[..] else { panic!("one link") };
    attacked.polls = false;
    let send = |attacked: &mut Attacked, number: u32| {
        attacked.measure(|connection| {
            let sent = connection.sender(sender).unwrap().send(number, b"x".as_slice());
            let mut transmit = connection.poll_transmit(NOW);
            transmit.advance(transmit.remaining());
            sent.map(drop)
        })
    };
    let full = amqp_proto::CommandError::TooManyUnsettled;
    let most = u32::try_from(held_limit() / 64).unwrap();
    let sent = (0..=most).find(|number| send(&mut attacked, *number) == Err(full)).expect("it has a bound");
    for _ in 0..10 {
        assert_eq!(send(&mut attacked, sent), Err(full));
        let events: Vec<_> = std::iter::from_fn(|| attacked.connection.poll_event()).collect();
        assert!(events.is_empty(), "{events:?}");
    }
    assert!(attacked.most <= i64::try_from(held_limit()).unwrap() * 5 / 4, "{}", attacked.most);
    attacked.feed(&disposition(0, sent - 1, true, Some(DeliveryState::ACCEPTED)));
    let names: Vec<_> =
        std::iter::from_fn(|| attacked.connection.poll_event()).map(|event| event.name()).collect();
    assert!(names.contains(&"SENDER_READY"), "{names:?}");
    assert_eq!(send(&mut attacked, sent), Ok(()));
}

/// All that waited was joined again for each session that was accepted.
#[test]
fn fb2j_accepting_sessions_with_frames_behind_takes_memory_for_each_once() {
    let allocated = |sessions: u16| {
        let limits = Limits::default().max_events(4);
        let mut attacked =
            Attacked::new(ConnectionConfig::server("s").channel_max(1000).limits(limits), &hex(HEAD));
        attacked.connection.open().unwrap();
        let mut behind = Vec::new();
        for channel in 1..=sessions {
            behind.extend(begin(channel, None));
            for handle in 0..40 {
                behind.extend(attach(channel, handle, Role::Sender, &format!("{handle}"), None));
            }
        }
        let mut requested = Vec::new();
        let mut input = &behind[..];
        while !input.is_empty() {
            let before = input.len();
            let _ = attacked.connection.handle_input(NOW, &mut input);
            assert!(input.len() < before, "input waits");
            requested.extend(std::iter::from_fn(|| attacked.connection.poll_event()).filter_map(|event| {
                match event {
                    Event::SessionRequested { session } => Some(session),
                    _ => None,
                }
            }));
        }
        let counted = allocation_counter::measure(|| {
            for session in requested {
                attacked.connection.accept_session(session, amqp_proto::SessionConfig::new()).unwrap();
            }
        });
        counted.bytes_total
    };
    let (few, many) = (allocated(50), allocated(200));
    assert!(many < 6 * few, "{few} for 50, {many} for 200");
}
