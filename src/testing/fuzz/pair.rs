//! Two connections, and commands on both.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec,
    vec::Vec,
};

use super::script::Script;
use crate::{
    Cause, CommandError, ConnectionConfig, CreditPolicy, DeliveryId, Event, LinkId, ReceiverConfig,
    ReceiverId, SendOptions, SenderConfig, SenderId, SessionConfig, SessionId,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode},
        delivery_state::Modified,
    },
    testing::{End, Grammar, Pair},
};

/// An application at one end.
#[derive(Default)]
struct App {
    grammar: Grammar,
    sessions: Vec<SessionId>,
    senders: Vec<SenderId>,
    receivers: Vec<ReceiverId>,
    /// Deliveries of ours whose settlement is not known.
    open: BTreeMap<(LinkId, DeliveryId), ()>,
    /// Deliveries that are sent in pieces, and not to their end.
    streams: Vec<(SenderId, DeliveryId)>,
    /// Deliveries that came, and have not been settled here.
    waiting: BTreeSet<(ReceiverId, DeliveryId)>,
    /// Sessions with a link that was detached with an error from here.
    errant: BTreeSet<SessionId>,
    tags: u32,
    links: u32,
    prefix: &'static str,
}

/// Runs two connections by commands at both ends, with bytes carried in pieces of any size: messages sent whole and
/// in pieces, or given up; links, sessions and in the end the connection left in order or with an error. Neither end
/// ever finds fault with what the other writes (but for input that an error on a link crosses, which 2.6.5 makes the
/// session's end), and in the end every delivery has been settled or is told to be unsettled.
///
/// # Panics
/// Where that does not hold.
pub fn pair(data: &[u8]) {
    let mut script = Script::stretched(data);
    let setting = script.byte();
    let small = |config: ConnectionConfig, bit: u8| {
        if setting & bit == 0 { config } else { config.max_frame_size(512) }
    };
    let mut pair = Pair::new(
        small(ConnectionConfig::client("client"), 1),
        small(ConnectionConfig::server("server"), 2).auto_accept_sessions(true),
    );
    let mut apps = [App { prefix: "c", ..App::default() }, App { prefix: "s", ..App::default() }];
    let _ = pair.client.connection.open();
    while !script.is_over() {
        let [client, server] = &mut apps;
        let mode = script.byte();
        match mode {
            0..=47 => drop(pair.up(usize::from(script.byte()))),
            48..=95 => drop(pair.down(usize::from(script.byte()))),
            96..=111 => pair.run(),
            112..=183 => client.command(&mut pair.client, mode, &mut script),
            _ => server.command(&mut pair.server, mode, &mut script),
        }
        client.events(&mut pair.client);
        server.events(&mut pair.server);
    }
    let [client, server] = &mut apps;
    let mut quiet = false;
    while !quiet {
        pair.run();
        client.settle_all(&mut pair.client);
        server.settle_all(&mut pair.server);
        quiet = !client.events(&mut pair.client) & !server.events(&mut pair.server);
        quiet &= !pair.up(usize::MAX) & !pair.down(usize::MAX);
    }
    let _ = pair.client.connection.close(error(usize::from(setting >> 2)));
    pair.run();
    client.events(&mut pair.client);
    server.events(&mut pair.server);
    client.check(&pair.client);
    server.check(&pair.server);
}

/// What every message is full of.
const FILL: u8 = 7;

fn check_fill(bytes: &[u8]) {
    assert!(bytes.iter().all(|byte| *byte == FILL), "{bytes:?}");
}

/// Takes what there is of a delivery on a streaming link.
fn read(end: &mut End, receiver: ReceiverId, delivery: DeliveryId) {
    let Ok(mut receiver) = end.connection.receiver(receiver) else { return };
    while let Ok(Some(bytes)) = receiver.read_chunk(delivery) {
        check_fill(&bytes);
    }
}

/// An error, one time in four.
fn error(choice: usize) -> Option<AmqpError> {
    (choice & 3 == 3).then(|| AmqpError::described(ErrorCondition::InternalError, "told so"))
}

impl App {
    fn events(&mut self, end: &mut End) -> bool {
        let events = end.events();
        for event in &events {
            self.grammar.note(event);
            self.answer(end, event);
        }
        !events.is_empty()
    }

    fn answer(&mut self, end: &mut End, event: &Event) {
        match event {
            Event::SessionError { session, failure } if failure.cause == Cause::Violation => {
                let crossed = failure.error.condition == ErrorCondition::ErrantLink;
                assert!(crossed && self.errant.contains(session), "{event:?}");
            }
            Event::ConnectionError(failure)
            | Event::SessionError { failure, .. }
            | Event::SenderError { failure, .. }
            | Event::ReceiverError { failure, .. } => {
                // A link goes with its session.
                let crossed =
                    failure.error.condition == ErrorCondition::ErrantLink && !self.errant.is_empty();
                assert!(crossed || failure.cause != Cause::Violation, "{event:?}");
            }
            Event::SessionOpen { session } if !self.sessions.contains(session) => {
                self.sessions.push(*session)
            }
            Event::SenderRequested { sender, .. } => {
                let _ = end.connection.accept_sender(*sender, SenderConfig::new());
                self.senders.push(*sender);
            }
            Event::ReceiverRequested { receiver, .. } => {
                let _ = end
                    .connection
                    .accept_receiver(*receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(3)));
                self.receivers.push(*receiver);
            }
            Event::SenderDrain { sender } => {
                let _ = end.connection.sender(*sender).and_then(|mut sender| sender.drained());
            }
            Event::Delivery { receiver, delivery } => {
                check_fill(&delivery.payload.clone().into_bytes());
                self.waiting.insert((*receiver, delivery.id));
            }
            Event::DeliveryBegun { receiver, delivery, .. } => {
                self.waiting.insert((*receiver, *delivery));
                read(end, *receiver, *delivery);
            }
            Event::DeliveryData { receiver, delivery, .. } => read(end, *receiver, *delivery),
            Event::DeliveryAborted { receiver, delivery } => {
                self.waiting.remove(&(*receiver, *delivery));
            }
            Event::DeliverySettled { link, first, last, .. } => {
                self.open.retain(|(of, id), ()| of != link || id < first || id > last);
            }
            _ => {}
        }
    }

    fn command(&mut self, end: &mut End, mode: u8, script: &mut Script<'_>) {
        let which = usize::from(script.byte());
        let pick = |count: usize| which.checked_rem(count).unwrap_or(0);
        match mode & 15 {
            0 if self.grammar.links().count() < 40 => {
                if let Ok(session) =
                    end.connection.begin(SessionConfig::new().incoming_window(1 + u32::from(mode >> 6)))
                {
                    self.grammar.began(session);
                    self.sessions.push(session);
                }
            }
            1 | 2 => {
                let Some(id) = self.sessions.get(pick(self.sessions.len())).copied() else { return };
                self.attach(end, id, script);
            }
            3..=8 => {
                let Some(id) = self.senders.get(pick(self.senders.len())).copied() else { return };
                self.send(end, id, script);
            }
            9..=11 => self.settle_one(end, pick(self.waiting.len()), script),
            12 => {
                let Some(id) = self.receivers.get(pick(self.receivers.len())).copied() else { return };
                let Ok(mut receiver) = end.connection.receiver(id) else { return };
                let credit = u32::from(script.below(5));
                let _ = if credit == 0 { receiver.drain() } else { receiver.set_credit(credit) };
            }
            13 => {
                let Some(id) = self.senders.get(pick(self.senders.len())).copied() else { return };
                let Ok(mut sender) = end.connection.sender(id) else { return };
                let (error, session) = (error(which), sender.session());
                let told = error.is_some();
                let left = if script.below(2) == 0 { sender.detach(error) } else { sender.close(error) };
                self.errant.extend((left.is_ok() && told).then_some(session));
            }
            14 => {
                let Some(id) = self.receivers.get(pick(self.receivers.len())).copied() else { return };
                let Ok(mut receiver) = end.connection.receiver(id) else { return };
                let (error, session) = (error(which), receiver.session());
                let told = error.is_some();
                let left = if script.below(2) == 0 { receiver.detach(error) } else { receiver.close(error) };
                self.errant.extend((left.is_ok() && told).then_some(session));
            }
            _ if script.below(4) == 0 => {
                let Some(id) = self.sessions.get(pick(self.sessions.len())).copied() else { return };
                let _ = end.connection.session(id).and_then(|mut session| session.end(error(which)));
            }
            _ => self.stream(end, pick(self.streams.len()), script),
        }
    }

    fn attach(&mut self, end: &mut End, id: SessionId, script: &mut Script<'_>) {
        let Ok(mut session) = end.connection.session(id) else { return };
        self.links = self.links.wrapping_add(1);
        let name = alloc::format!("{}{}", self.prefix, self.links);
        let credit = script.choose(CreditPolicy::Manual, &[CreditPolicy::Auto(4)]);
        let streaming = script.below(4) == 0;
        let settle_on_outcome = script.below(3) > 0;
        let rcv_mode = script.choose(ReceiverSettleMode::First, &[ReceiverSettleMode::Second]);
        if script.below(2) == 0 {
            let config = SenderConfig::to("node")
                .name(name)
                .settle_on_outcome(settle_on_outcome)
                .rcv_settle_mode(rcv_mode);
            if let Ok(sender) = session.attach_sender(config) {
                self.grammar.attached(id, sender);
                self.senders.push(sender);
            }
        } else {
            let config = ReceiverConfig::from("node")
                .name(name)
                .credit(credit)
                .streaming(streaming)
                .rcv_settle_mode(rcv_mode);
            if let Ok(receiver) = session.attach_receiver(config) {
                self.grammar.attached(id, receiver);
                self.receivers.push(receiver);
            }
        }
    }

    fn send(&mut self, end: &mut End, id: SenderId, script: &mut Script<'_>) {
        let Ok(mut sender) = end.connection.sender(id) else { return };
        let settled = script.below(4) == 0;
        let size = script.choose(10, &[0, 600, 2000]);
        self.tags = self.tags.wrapping_add(1);
        let options = SendOptions::new().settled(settled);
        let sent = if script.below(3) == 0 {
            let started = sender.send_streaming(self.tags, &options);
            self.streams.extend(started.map(|delivery| (id, delivery)));
            started
        } else {
            sender.send_with(self.tags, vec![FILL; size], &options)
        };
        match sent {
            Ok(delivery) if !settled => drop(self.open.insert((id.into(), delivery), ())),
            Err(CommandError::FrameTooLarge { .. }) => assert!(sent.is_ok(), "{sent:?}"),
            _ => {}
        }
    }

    /// Goes on with a delivery that is sent in pieces: with more of it, to its end, or no further.
    fn stream(&mut self, end: &mut End, at: usize, script: &mut Script<'_>) {
        let Some((id, delivery)) = self.streams.get(at).copied() else { return };
        let Ok(mut sender) = end.connection.sender(id) else {
            self.streams.remove(at);
            return;
        };
        let done = match script.below(4) {
            0 => sender.finish(delivery),
            1 => {
                let aborted = sender.abort(delivery);
                if aborted.is_ok() {
                    // 2.7.5: it is settled.
                    self.open.remove(&(id.into(), delivery));
                }
                aborted
            }
            _ => {
                let chunk = vec![FILL; script.choose(1, &[0, 100, 1500])];
                // Whether there is room or not, there will be more.
                let _ = sender.write(delivery, chunk);
                return;
            }
        };
        if !matches!(done, Err(CommandError::WindowClosed)) {
            self.streams.remove(at);
        }
    }

    fn settle_one(&mut self, end: &mut End, at: usize, script: &mut Script<'_>) {
        let Some((id, delivery)) = self.waiting.iter().nth(at).copied() else { return };
        self.waiting.remove(&(id, delivery));
        read(end, id, delivery);
        let Ok(mut receiver) = end.connection.receiver(id) else { return };
        let choice = script.byte();
        let _ = match choice & 3 {
            0 => receiver.accept(delivery),
            1 => receiver.release(delivery),
            2 => receiver.modify(delivery, Modified::default()),
            _ => receiver.reject(delivery, error(usize::from(choice >> 2))),
        };
    }

    /// Takes and accepts whatever has come, and sends to its end whatever has been begun.
    fn settle_all(&mut self, end: &mut End) {
        for at in (0..self.streams.len()).rev() {
            self.stream(end, at, &mut Script::new(&[]));
        }
        while !self.waiting.is_empty() {
            self.settle_one(end, 0, &mut Script::new(&[]));
        }
    }

    /// That what is not known to be settled is told to be unsettled.
    fn check(&self, end: &End) {
        assert!(self.grammar.is_over() && self.grammar.all_ended(), "{:?}", self.grammar);
        assert!(end.connection.is_closed());
        for (link, delivery) in self.open.keys() {
            let told = end.connection.unsettled(*link);
            assert!(told.iter().any(|left| left.id == *delivery), "{link}: {delivery} is not in {told:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_connections_never_find_fault_with_each_other() {
        for input in super::super::inputs(2000) {
            let run = std::panic::catch_unwind(|| super::pair(&input));
            assert!(run.is_ok(), "fails on {input:?}");
        }
    }
}
