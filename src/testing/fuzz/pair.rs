//! The fuzz target that joins two connections and runs commands on both.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{engine::attach_any, script::Script};
use crate::{
    Cause, CommandError, ConnectionConfig, CreditPolicy, DeliveryId, Event, LinkId, ReceiverConfig,
    ReceiverId, SendOptions, SenderConfig, SenderId, SessionConfig, SessionId,
    spec::{
        definitions::{AmqpError, ErrorCondition},
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
    /// Deliveries sent from here whose settlement is not known.
    unsettled: BTreeSet<(LinkId, DeliveryId)>,
    /// Streamed deliveries that are not finished.
    streams: Vec<(SenderId, DeliveryId)>,
    /// Deliveries received and not settled here.
    received: BTreeSet<(ReceiverId, DeliveryId)>,
    /// Sessions with a link that this end detached with an error.
    errant: BTreeSet<SessionId>,
    tags: u32,
    links: u32,
    prefix: &'static str,
}

/// Runs commands on both ends of a connection, and carries bytes in pieces of any size. Messages are sent whole,
/// streamed or aborted. Links, sessions and finally the connection end with an error or without.
///
/// # Panics
/// If an end reports a violation by the other, if its account has not what it holds, or if a delivery ends neither
/// settled nor listed as unsettled. Frames
/// that cross a detach with an error are excepted: by 2.6.5 they end the session.
pub fn pair(data: &[u8]) {
    let mut script = Script::extended(data);
    let settings = script.byte();
    let small = |config: ConnectionConfig, bit: u8| {
        if settings & bit == 0 { config } else { config.max_frame_size(512) }
    };
    let mut pair = Pair::new(
        small(ConnectionConfig::client("client"), 1),
        small(ConnectionConfig::server("server"), 2).auto_accept_sessions(true),
    );
    let mut apps = [App { prefix: "c", ..App::default() }, App { prefix: "s", ..App::default() }];
    let _ = pair.client.connection.open();
    while !script.is_over() {
        pair.client.connection.check_account();
        pair.server.connection.check_account();
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
        accept_sessions(&mut pair.client);
        accept_sessions(&mut pair.server);
        client.settle_all(&mut pair.client);
        server.settle_all(&mut pair.server);
        quiet = !client.events(&mut pair.client) & !server.events(&mut pair.server);
        quiet &= !pair.up(usize::MAX) & !pair.down(usize::MAX);
    }
    let _ = pair.client.connection.close(error(usize::from(settings >> 2)));
    pair.run();
    client.events(&mut pair.client);
    server.events(&mut pair.server);
    client.check(&pair.client);
    server.check(&pair.server);
}

/// Answers the begins that have not been. Input may wait for that.
fn accept_sessions(end: &mut End) {
    let sessions: Vec<SessionId> = end.connection.session_ids().collect();
    for session in sessions {
        // Others have been answered.
        let _ = end.connection.accept_session(session, SessionConfig::new());
    }
}

/// The byte that every message consists of.
const FILL: u8 = 7;

fn check_fill(bytes: &[u8]) {
    assert!(bytes.iter().all(|byte| *byte == FILL), "{bytes:?}");
}

/// Reads the chunks of a streamed delivery that have arrived.
fn read(end: &mut End, receiver: ReceiverId, delivery: DeliveryId) {
    let Ok(mut receiver) = end.connection.receiver(receiver) else { return };
    while let Ok(Some(bytes)) = receiver.read_chunk(delivery) {
        check_fill(&bytes);
    }
}

/// Returns an error for one choice in four.
fn error(choice: usize) -> Option<AmqpError> {
    (choice & 3 == 3).then(|| AmqpError::described(ErrorCondition::InternalError, "on purpose"))
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
                // A link ends with its session.
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
                self.received.insert((*receiver, delivery.id));
            }
            Event::DeliveryBegun { receiver, delivery, .. } => {
                self.received.insert((*receiver, *delivery));
                read(end, *receiver, *delivery);
            }
            Event::DeliveryData { receiver, delivery, .. } => read(end, *receiver, *delivery),
            Event::DeliveryAborted { receiver, delivery } => {
                self.received.remove(&(*receiver, *delivery));
            }
            Event::DeliverySettled { link, first, last, .. } => {
                self.unsettled.retain(|(of, id)| of != link || id < first || id > last);
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
            9..=11 => self.settle_one(end, pick(self.received.len()), script),
            12 => {
                let Some(id) = self.receivers.get(pick(self.receivers.len())).copied() else { return };
                let Ok(mut receiver) = end.connection.receiver(id) else { return };
                let credit = u32::from(script.below(5));
                let _ = if credit == 0 { receiver.drain() } else { receiver.set_credit(credit) };
            }
            13 => {
                let Some(id) = self.senders.get(pick(self.senders.len())).copied() else { return };
                let Ok(mut sender) = end.connection.sender(id) else { return };
                let (session, error) = (sender.session(), error(which));
                let closes = script.below(2) > 0;
                self.leave(
                    session,
                    error,
                    |error| if closes { sender.close(error) } else { sender.detach(error) },
                );
            }
            14 => {
                let Some(id) = self.receivers.get(pick(self.receivers.len())).copied() else { return };
                let Ok(mut receiver) = end.connection.receiver(id) else { return };
                let (session, error) = (receiver.session(), error(which));
                let closes = script.below(2) > 0;
                self.leave(session, error, |error| {
                    if closes { receiver.close(error) } else { receiver.detach(error) }
                });
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
        let Some(link) = attach_any(&mut session, name, &[], script) else { return };
        self.grammar.attached(id, link);
        match link {
            LinkId::Sender(sender) => self.senders.push(sender),
            LinkId::Receiver(receiver) => self.receivers.push(receiver),
        }
    }

    /// Detaches a link, and notes the session if that was with an error.
    fn leave(
        &mut self,
        session: SessionId,
        error: Option<AmqpError>,
        detach: impl FnOnce(Option<AmqpError>) -> Result<(), CommandError>,
    ) {
        let has_error = error.is_some();
        let is_detached = detach(error).is_ok();
        self.errant.extend((is_detached && has_error).then_some(session));
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
            Ok(delivery) if !settled => drop(self.unsettled.insert((id.into(), delivery))),
            Err(CommandError::FrameTooLarge { .. }) => assert!(sent.is_ok(), "{sent:?}"),
            _ => {}
        }
    }

    /// Continues a streamed delivery: writes more of it, finishes it, or aborts it.
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
                    // 2.7.5: an aborted delivery is settled.
                    self.unsettled.remove(&(id.into(), delivery));
                }
                aborted
            }
            _ => {
                let chunk = vec![FILL; script.choose(1, &[0, 100, 1500])];
                // Without room the chunk is dropped, and a later one follows.
                let _ = sender.write(delivery, chunk);
                return;
            }
        };
        if !matches!(done, Err(CommandError::WindowClosed)) {
            self.streams.remove(at);
        }
    }

    fn settle_one(&mut self, end: &mut End, at: usize, script: &mut Script<'_>) {
        let Some((id, delivery)) = self.received.iter().nth(at).copied() else { return };
        self.received.remove(&(id, delivery));
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

    /// Accepts all deliveries received, and finishes all streamed ones.
    fn settle_all(&mut self, end: &mut End) {
        for at in (0..self.streams.len()).rev() {
            self.stream(end, at, &mut Script::new(&[]));
        }
        while !self.received.is_empty() {
            self.settle_one(end, 0, &mut Script::new(&[]));
        }
    }

    /// Fails unless each delivery not known to be settled is listed as unsettled.
    fn check(&self, end: &End) {
        assert!(self.grammar.is_over() && self.grammar.all_ended(), "{:?}", self.grammar);
        assert!(end.connection.is_closed());
        for (link, delivery) in &self.unsettled {
            let listed = end.connection.unsettled(*link);
            assert!(
                listed.iter().any(|left| left.id == *delivery),
                "{link}: {delivery} is not in {listed:?}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_connections_under_any_commands_report_no_violation() {
        for input in super::super::inputs(2000) {
            let run = std::panic::catch_unwind(|| super::pair(&input));
            assert!(run.is_ok(), "fails on {input:?}");
        }
    }
}
