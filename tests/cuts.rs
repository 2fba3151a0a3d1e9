//! A whole conversation, with the pipe cut behind every byte of it, either way.

use std::collections::BTreeSet;

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, DeliveryId, Event, LinkId, ReceiverConfig, SendOptions,
    SenderConfig, SessionConfig,
    testing::{End, Grammar, Pair},
};

/// One end's application: it answers what it is asked and keeps account of its deliveries.
#[derive(Debug, Default)]
struct App {
    grammar: Grammar,
    events: Vec<&'static str>,
    /// Deliveries of ours, or that came, whose settlement is not known.
    unsettled: BTreeSet<(LinkId, DeliveryId)>,
    sent: usize,
    /// Of those sent, the ones whose settlement came.
    settled: usize,
    taken: usize,
}

/// Messages each way; the third is sent settled.
const MESSAGES: usize = 6;

impl App {
    /// Says whether there was anything to do.
    fn work(&mut self, end: &mut End) -> bool {
        let events = end.events();
        for event in &events {
            self.events.push(event.name());
            self.grammar.note(event);
            self.answer(&mut end.connection, event);
        }
        !events.is_empty()
    }

    fn answer(&mut self, connection: &mut Connection, event: &Event) {
        match event.clone() {
            Event::ReceiverRequested { receiver, .. } => {
                connection
                    .accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(2)))
                    .unwrap();
            }
            Event::SenderRequested { sender, .. } => {
                connection.accept_sender(sender, SenderConfig::new()).unwrap();
            }
            Event::SenderReady { sender } => {
                for number in self.sent..MESSAGES {
                    let settled = SendOptions::new().settled(number == 2);
                    let tag = u32::try_from(number).unwrap();
                    let body = vec![0xa5_u8; 200 * number];
                    let Ok(delivery) = connection.sender(sender).unwrap().send_with(tag, body, &settled)
                    else {
                        return;
                    };
                    self.sent += 1;
                    if number != 2 {
                        self.unsettled.insert((sender.into(), delivery));
                    }
                }
            }
            Event::Delivery { receiver, delivery } => {
                let mut link = connection.receiver(receiver).unwrap();
                self.taken += 1;
                // The fourth is kept.
                if self.taken == 4 {
                    self.unsettled.insert((receiver.into(), delivery.id));
                } else if !delivery.settled {
                    link.accept(delivery.id).unwrap();
                }
            }
            Event::DeliverySettled { link, first, last, .. } => {
                let before = self.unsettled.len();
                self.unsettled.retain(|(of, delivery)| *of != link || !(first..=last).contains(delivery));
                if matches!(link, LinkId::Sender(_)) {
                    self.settled += before - self.unsettled.len();
                }
            }
            _ => {}
        }
    }

    /// The end: one event for each id, and every delivery without a settlement is reported.
    fn check(&self, connection: &Connection, at: &str) {
        assert!(self.grammar.is_over() && self.grammar.all_ended(), "{at}: {:?}", self.events);
        assert!(connection.is_closed(), "{at}");
        let reported: BTreeSet<_> = self
            .grammar
            .links()
            .flat_map(|link| connection.unsettled(link).into_iter().map(move |left| (link, left.id)))
            .collect();
        assert!(
            reported.is_superset(&self.unsettled),
            "{at}: {reported:?} lacks some of {:?}",
            self.unsettled
        );
        // Beside these there can only be one that had not come whole.
        let others: Vec<_> = reported.difference(&self.unsettled).collect();
        assert!(matches!(others[..], [] | [(LinkId::Receiver(_), _)]), "{at}: {others:?}");
        // Each that was sent unsettled is settled or reported.
        let left = reported.iter().filter(|(link, _)| matches!(link, LinkId::Sender(_))).count();
        assert_eq!(self.settled + left, self.sent - usize::from(self.sent > 2), "{at}");
    }
}

struct Conversation {
    pair: Pair,
    client: App,
    server: App,
}

impl Conversation {
    fn new() -> Self {
        let pair = Pair::new(
            ConnectionConfig::client("client").max_frame_size(512),
            ConnectionConfig::server("server").max_frame_size(512).auto_accept_sessions(true),
        );
        Self { pair, client: App::default(), server: App::default() }
    }

    /// From open to close, as far as the pipe carries it; says whether it came to its end.
    fn run(&mut self) -> bool {
        let client = &mut self.pair.client.connection;
        client.open().unwrap();
        let session = client.begin(SessionConfig::new()).unwrap();
        let sender = client.session(session).unwrap().attach_sender(SenderConfig::to("queue")).unwrap();
        let back = ReceiverConfig::from("replies").credit(CreditPolicy::Auto(2));
        let receiver = client.session(session).unwrap().attach_receiver(back).unwrap();
        self.client.grammar.began(session);
        self.client.grammar.attached(session, sender);
        self.client.grammar.attached(session, receiver);
        self.settle_down();
        let _ = self.pair.client.connection.close(None);
        self.settle_down();
        self.client.grammar.is_over() && self.server.grammar.is_over()
    }

    fn settle_down(&mut self) {
        loop {
            self.pair.run();
            let busy = self.client.work(&mut self.pair.client) | self.server.work(&mut self.pair.server);
            if !busy && self.pair.client.is_quiet() && self.pair.server.is_quiet() {
                return;
            }
        }
    }

    fn lose(&mut self) {
        self.pair.lose();
        self.client.work(&mut self.pair.client);
        self.server.work(&mut self.pair.server);
        // What an end still had to write goes nowhere.
        self.pair.up(0);
        self.pair.down(0);
    }

    fn check(&self, at: &str) {
        self.client.check(&self.pair.client.connection, at);
        self.server.check(&self.pair.server.connection, at);
        // Nothing is taken that was not sent, or told to be settled that was not taken.
        for (from, to) in [(&self.client, &self.server), (&self.server, &self.client)] {
            assert!(to.taken <= from.sent && from.settled <= to.taken, "{at}: {from:?} to {to:?}");
        }
    }
}

#[test]
fn conversation_without_a_cut_settles_all_but_the_kept_deliveries() {
    let mut whole = Conversation::new();
    assert!(whole.run());
    whole.check("whole");
    for (app, end) in [(&whole.client, &whole.pair.client), (&whole.server, &whole.pair.server)] {
        // One that was sent is kept by the other end, and one that came is kept here.
        assert_eq!((app.sent, app.taken, app.settled), (MESSAGES, MESSAGES, MESSAGES - 2), "{app:?}");
        assert_eq!(app.unsettled.len(), 2);
        assert!(end.connection.is_closed());
        assert!(app.events.contains(&"DELIVERY_SETTLED"), "{:?}", app.events);
    }
    let expected =
        ["CONNECTION_OPEN", "SESSION_OPEN", "SENDER_OPEN", "RECEIVER_OPEN", "SENDER_READY", "DELIVERY"];
    for name in expected {
        assert!(whole.client.events.contains(&name), "{name} in {:?}", whole.client.events);
    }
    assert_eq!(whole.client.events.last(), Some(&"CONNECTION_CLOSED"));
}

#[test]
fn transport_cut_after_any_byte_raises_one_end_and_loses_no_delivery() {
    let mut whole = Conversation::new();
    assert!(whole.run());
    let (up, down) = (whole.pair.server.arrived(), whole.pair.client.arrived());
    assert!(up > 2000 && down > 2000, "{up} bytes up, {down} down");
    for (name, length) in [("up", up), ("down", down)] {
        for bytes in 0..length {
            let mut cut = Conversation::new();
            let end = if name == "up" { &mut cut.pair.server } else { &mut cut.pair.client };
            end.break_after(bytes);
            let ended = cut.run();
            assert!(!ended, "{name} {bytes}");
            cut.lose();
            cut.check(&format!("{name} cut behind {bytes} of {length}"));
            let ends = [&cut.client, &cut.server].map(|app| app.events.last().copied());
            if name == "up" {
                // The client's close has not come whole.
                assert_eq!(ends[1], Some("CONNECTION_ERROR"), "{bytes}");
            }
            for app in [&cut.client, &cut.server] {
                let is_end = |name: &&&str| matches!(**name, "CONNECTION_CLOSED" | "CONNECTION_ERROR");
                assert_eq!(app.events.iter().filter(is_end).count(), 1, "{name} {bytes}: {:?}", app.events);
            }
        }
    }
}
