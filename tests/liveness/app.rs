//! An application that acts at random, and notes what it waits for.

use amqp_proto::{
    Cause, CommandError, Connection, CreditPolicy, DeliveryId, Event, LinkId, ReceiverConfig, ReceiverId,
    SendOptions, SenderConfig, SenderId, Session, SessionConfig, SessionId,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode},
        delivery_state::Modified,
    },
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::random::Random;

/// What an event has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    Open,
    Begin(SessionId),
    Attach(LinkId),
    Settlement(LinkId, DeliveryId),
    Drain(ReceiverId),
    SessionEcho(SessionId),
    LinkEcho(LinkId),
    Detach(LinkId),
    End(SessionId),
    Close,
}

/// How large things get, so that narrow pipes have little to carry.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub links: usize,
    pub message: u64,
    pub queue: u64,
}

#[derive(Debug)]
pub struct App {
    pub scale: Scale,
    pub waits: BTreeSet<Wait>,
    /// Requests of the peer's that are not answered yet.
    pub requests: VecDeque<Event>,
    sessions: Vec<SessionId>,
    /// Messages that each sender has not sent.
    pub queues: BTreeMap<SenderId, u64>,
    /// Links whose receiver drains them, not answered yet.
    drains: BTreeSet<SenderId>,
    streams: Vec<(SenderId, DeliveryId)>,
    receivers: Vec<ReceiverId>,
    /// Deliveries without an outcome.
    received: Vec<(ReceiverId, DeliveryId)>,
    /// Deliveries that are not complete.
    partial: BTreeSet<DeliveryId>,
    /// Deliveries with an outcome that were not read to their end.
    dropped: BTreeSet<DeliveryId>,
    pub ended: Option<Event>,
    tag: u32,
    /// Streamed deliveries that have begun here.
    begun: u32,
    /// Settings of what this end attaches.
    streaming: bool,
    policy: CreditPolicy,
    window: u32,
}

fn of_link(wait: &Wait, link: LinkId) -> bool {
    match *wait {
        Wait::Attach(id) | Wait::Detach(id) | Wait::LinkEcho(id) | Wait::Settlement(id, _) => id == link,
        Wait::Drain(id) => LinkId::from(id) == link,
        _ => false,
    }
}

/// Fails if an outcome has been refused, unless nothing may follow our close, end or detach.
fn check_given(given: Result<(), CommandError>, is_over: bool) {
    assert!(given.is_ok() || is_over, "{given:?}");
}

impl App {
    pub fn new(scale: Scale, random: &mut Random) -> Self {
        Self {
            scale,
            waits: BTreeSet::new(),
            requests: VecDeque::new(),
            sessions: Vec::new(),
            queues: BTreeMap::new(),
            drains: BTreeSet::new(),
            streams: Vec::new(),
            receivers: Vec::new(),
            received: Vec::new(),
            partial: BTreeSet::new(),
            dropped: BTreeSet::new(),
            ended: None,
            tag: 0,
            begun: 0,
            streaming: random.one_in(2),
            policy: if random.one_in(3) { CreditPolicy::Manual } else { CreditPolicy::Auto(random.up_to(6)) },
            window: random.pick(&[1, 2, 3, 8, 60]).unwrap(),
        }
    }

    /// Takes note of an event, and reads what there is to be read.
    pub fn note(&mut self, connection: &mut Connection, event: Event) {
        assert!(self.ended.is_none(), "{event:?} after the last event");
        match &event {
            Event::ConnectionRequested
            | Event::SessionRequested { .. }
            | Event::SenderRequested { .. }
            | Event::ReceiverRequested { .. } => self.requests.push_back(event),
            Event::ConnectionOpen => drop(self.waits.remove(&Wait::Open)),
            Event::SessionOpen { session } => {
                self.waits.remove(&Wait::Begin(*session));
                if !self.sessions.contains(session) {
                    self.sessions.push(*session);
                }
            }
            Event::SenderOpen { sender } => drop(self.waits.remove(&Wait::Attach((*sender).into()))),
            Event::ReceiverOpen { receiver } => drop(self.waits.remove(&Wait::Attach((*receiver).into()))),
            Event::SenderReady { sender } => self.pump(connection, *sender),
            Event::SenderDrain { sender } => {
                self.drains.insert(*sender);
                // At times at once, whatever is on its way.
                if self.tag.is_multiple_of(2) {
                    self.answer_drain(connection, *sender);
                }
            }
            Event::ReceiverDrained { receiver, .. } => {
                assert!(self.waits.remove(&Wait::Drain(*receiver)), "{event:?} of no drain");
            }
            Event::SessionEchoed { session, .. } => {
                assert!(self.waits.remove(&Wait::SessionEcho(*session)), "{event:?} of no echo");
            }
            Event::LinkEchoed { link, .. } => {
                assert!(self.waits.remove(&Wait::LinkEcho(*link)), "{event:?} of no echo");
            }
            Event::Delivery { .. }
            | Event::DeliveryBegun { .. }
            | Event::DeliveryData { .. }
            | Event::DeliveryAborted { .. }
            | Event::DeliverySettled { .. } => self.note_delivery(connection, &event),
            Event::SenderClosed { .. }
            | Event::SenderError { .. }
            | Event::SenderDetached { .. }
            | Event::ReceiverClosed { .. }
            | Event::ReceiverError { .. }
            | Event::ReceiverDetached { .. } => {
                self.on_link_end(&event);
            }
            Event::SessionClosed { session } | Event::SessionError { session, .. } => {
                let session = *session;
                self.sessions.retain(|id| *id != session);
                self.requests.retain(
                    |event| !matches!(event, Event::SessionRequested { session: id } if *id == session),
                );
                self.waits.retain(|wait| {
                    !matches!(wait, Wait::Begin(id) | Wait::End(id) | Wait::SessionEcho(id) if *id == session)
                });
            }
            Event::ConnectionClosed | Event::ConnectionError(_) => {
                self.waits.clear();
                self.requests.clear();
                self.ended = Some(event);
            }
            _ => {}
        }
    }

    /// True if our close, the end of the link's session or the link's detach is written, or waits to be.
    fn is_over(&self, connection: &Connection, id: ReceiverId) -> bool {
        let session = connection.receiver_ref(id).map(|link| link.session());
        connection.is_write_closed()
            || self.waits.contains(&Wait::Detach(id.into()))
            || session.is_ok_and(|session| self.waits.contains(&Wait::End(session)))
    }

    fn note_delivery(&mut self, connection: &mut Connection, event: &Event) {
        match event {
            Event::Delivery { receiver, delivery } if !delivery.settled => {
                self.received.push((*receiver, delivery.id));
            }
            Event::DeliveryBegun { receiver, delivery, .. } => {
                self.partial.insert(*delivery);
                self.received.push((*receiver, *delivery));
                self.begun += 1;
                if self.begun.is_multiple_of(4)
                    && !self.is_over(connection, *receiver)
                    && let Ok(mut link) = connection.receiver(*receiver)
                {
                    // Not worth reading.
                    link.reject(*delivery, None).unwrap();
                    self.forget(*delivery);
                    self.dropped.insert(*delivery);
                }
            }
            Event::DeliveryData { delivery, complete, receiver } => {
                assert!(!self.dropped.contains(delivery), "{event:?} of a delivery that is over");
                if *complete {
                    self.partial.remove(delivery);
                    self.read(connection, *receiver, *delivery);
                }
            }
            // It may have been aborted before it was rejected.
            Event::DeliveryAborted { delivery, .. } => {
                self.partial.remove(delivery);
                self.received.retain(|(_, id)| id != delivery);
            }
            Event::DeliverySettled { link, first, last, .. } => {
                self.waits.retain(
                    |wait| !matches!(wait, Wait::Settlement(of, id) if of == link && (first..=last).contains(&id)),
                );
            }
            _ => {}
        }
    }

    fn on_link_end(&mut self, event: &Event) {
        let link: LinkId = match event {
            Event::SenderClosed { sender, .. }
            | Event::SenderError { sender, .. }
            | Event::SenderDetached { sender, .. } => (*sender).into(),
            Event::ReceiverClosed { receiver, .. }
            | Event::ReceiverError { receiver, .. }
            | Event::ReceiverDetached { receiver, .. } => (*receiver).into(),
            _ => return,
        };
        self.waits.retain(|wait| !of_link(wait, link));
        self.requests.retain(|event| match event {
            Event::SenderRequested { sender, .. } => LinkId::from(*sender) != link,
            Event::ReceiverRequested { receiver, .. } => LinkId::from(*receiver) != link,
            _ => true,
        });
        match link {
            LinkId::Sender(sender) => {
                self.queues.remove(&sender);
                self.drains.remove(&sender);
                self.streams.retain(|(id, _)| *id != sender);
            }
            LinkId::Receiver(receiver) => {
                self.receivers.retain(|id| *id != receiver);
                self.received.retain(|(id, _)| *id != receiver);
            }
        }
    }

    /// Reads what there is of a streamed delivery.
    fn read(&mut self, connection: &mut Connection, receiver: ReceiverId, delivery: DeliveryId) {
        if let Ok(mut link) = connection.receiver(receiver) {
            while let Ok(Some(_)) = link.read_chunk(delivery) {}
        }
    }

    /// Reads of what a link has streamed. Returns false if there is nothing.
    pub fn read_some(&mut self, connection: &mut Connection, receiver: ReceiverId) -> bool {
        let Ok(mut link) = connection.receiver(receiver) else { return false };
        let mut received = self.received.iter().filter(|(id, _)| *id == receiver);
        received.any(|(_, delivery)| link.read_chunk(*delivery).is_ok())
    }

    /// Sends what a queue has, as far as the link takes it.
    fn pump(&mut self, connection: &mut Connection, sender: SenderId) {
        let Some(left) = self.queues.get_mut(&sender) else { return };
        let Ok(mut link) = connection.sender(sender) else { return };
        while *left > 0 {
            self.tag += 1;
            let size = u64::from(self.tag) * 2_654_435_761 / 8 % self.scale.message;
            let settled = self.tag.is_multiple_of(3);
            let payload = vec![7; usize::try_from(size).unwrap()];
            match link.send_with(self.tag, payload, &SendOptions::new().settled(settled)) {
                Ok(delivery) => {
                    *left -= 1;
                    if !settled {
                        self.waits.insert(Wait::Settlement(sender.into(), delivery));
                    }
                }
                Err(error) if error.is_temporary() => return,
                Err(CommandError::IllegalState(_)) => return,
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    /// Answers the oldest request of the peer's; returns true if there was one.
    pub fn answer(&mut self, connection: &mut Connection, random: &mut Random) -> bool {
        let Some(request) = self.requests.pop_front() else { return false };
        let refused = || AmqpError::new(ErrorCondition::NotAllowed);
        match request {
            Event::ConnectionRequested => connection.open().unwrap(),
            Event::SessionRequested { session } if random.one_in(12) => {
                let _ = connection.refuse_session(session, refused());
            }
            Event::SessionRequested { session } => {
                let config = SessionConfig::new().incoming_window(self.window);
                let _ = connection.accept_session(session, config);
            }
            Event::SenderRequested { sender, .. } if random.one_in(12) => {
                let _ = connection.refuse_sender(sender, refused());
            }
            Event::ReceiverRequested { receiver, .. } if random.one_in(12) => {
                let _ = connection.refuse_receiver(receiver, refused());
            }
            Event::SenderRequested { sender, .. } => {
                let accepted = connection.accept_sender(sender, SenderConfig::new());
                self.queues.extend(accepted.map(|()| (sender, 0)));
            }
            Event::ReceiverRequested { receiver, .. } => {
                let config = ReceiverConfig::new().credit(self.policy).streaming(self.streaming);
                let accepted = connection.accept_receiver(receiver, config);
                self.receivers.extend(accepted.map(|()| receiver));
            }
            _ => {}
        }
        true
    }

    /// Runs a command, any that the application could.
    pub fn command(&mut self, connection: &mut Connection, random: &mut Random) {
        let session = random.pick(&self.sessions);
        let senders: Vec<_> = self.queues.keys().copied().collect();
        let sender = random.pick(&senders);
        let receiver = random.pick(&self.receivers);
        let link = if random.one_in(2) { sender.map(LinkId::from) } else { receiver.map(LinkId::from) };
        match (random.up_to(27), session, sender, receiver, link) {
            (1, ..) if self.sessions.len() < 3 => {
                let begun = connection.begin(SessionConfig::new().incoming_window(self.window));
                self.sessions.extend(&begun);
                self.waits.extend(begun.map(Wait::Begin));
            }
            (2..=4, Some(id), ..) => {
                let Ok(mut session) = connection.session(id) else { return };
                if session.links().count() < self.scale.links {
                    self.attach(&mut session, random);
                }
            }
            (5..=9, _, Some(id), ..) => {
                let more = u64::from(random.up_to(4)) % self.scale.queue;
                *self.queues.entry(id).or_default() += more + 1;
                self.pump(connection, id);
            }
            (10, _, Some(id), ..) => {
                self.tag += 1;
                let Ok(mut link) = connection.sender(id) else { return };
                let Ok(delivery) = link.send_streaming(self.tag, &SendOptions::new()) else { return };
                self.streams.push((id, delivery));
                self.waits.insert(Wait::Settlement(id.into(), delivery));
            }
            (11 | 12 | 23 | 24, ..) => self.stream(connection, random),
            // What an application takes back of automatic credit, nobody gives again for it.
            (13, _, _, Some(id), _) if self.policy == CreditPolicy::Manual => {
                let _ = connection.receiver(id).and_then(|mut link| link.set_credit(random.up_to(4) - 1));
            }
            (14..=16, ..) => self.ask(connection, session, link),
            (17 | 18 | 25, ..) => self.settle(connection, random),
            (19, _, Some(id), ..) => {
                let _ = connection.sender(id).and_then(|mut link| link.set_available(random.up_to(3)));
            }
            (20, .., Some(id)) if random.one_in(2) => self.leave(connection, id, random.one_in(2)),
            (21, Some(id), ..) if random.one_in(4) => self.end(connection, id),
            (22, ..) if random.one_in(100) => {
                self.waits.extend(connection.close(None).map(|()| Wait::Close));
            }
            (26 | 27, _, Some(id), ..) => self.send_large(connection, id, random),
            _ => {}
        }
    }

    /// Asks for an echo of a link, or of a session, or drains a receiver: what the application does not wait for already,
    /// since the event of the last one may not have been polled.
    fn ask(&mut self, connection: &mut Connection, session: Option<SessionId>, link: Option<LinkId>) {
        self.tag += 1;
        let (asked, wait) = match (link, session) {
            (Some(LinkId::Receiver(id)), _) if self.tag.is_multiple_of(2) => {
                let wait = Wait::Drain(id);
                if self.waits.contains(&wait) {
                    return;
                }
                (connection.receiver(id).and_then(|mut link| link.drain()), wait)
            }
            (_, Some(id)) if self.tag.is_multiple_of(3) => {
                let wait = Wait::SessionEcho(id);
                if self.waits.contains(&wait) {
                    return;
                }
                (connection.session(id).and_then(|mut session| session.echo()), wait)
            }
            (Some(id), _) => {
                let wait = Wait::LinkEcho(id);
                if self.waits.contains(&wait) {
                    return;
                }
                let asked = match id {
                    LinkId::Sender(id) => connection.sender(id).and_then(|mut link| link.echo()),
                    LinkId::Receiver(id) => connection.receiver(id).and_then(|mut link| link.echo()),
                };
                (asked, wait)
            }
            _ => return,
        };
        self.waits.extend(asked.map(|()| wait));
    }

    /// Detaches a link, or closes it.
    fn leave(&mut self, connection: &mut Connection, id: LinkId, closed: bool) {
        let left = match id {
            LinkId::Sender(id) => connection
                .sender(id)
                .and_then(|mut link| if closed { link.close(None) } else { link.detach(None) }),
            LinkId::Receiver(id) => connection
                .receiver(id)
                .and_then(|mut link| if closed { link.close(None) } else { link.detach(None) }),
        };
        if left.is_ok() {
            self.waits.insert(Wait::Detach(id));
            self.streams.retain(|(of, _)| LinkId::from(*of) != id);
        }
    }

    fn end(&mut self, connection: &mut Connection, id: SessionId) {
        let ended = connection.session(id).and_then(|mut session| session.end(None));
        self.waits.extend(ended.map(|()| Wait::End(id)));
    }

    /// Sends a large message, and at times begins what has to wait for it.
    fn send_large(&mut self, connection: &mut Connection, id: SenderId, random: &mut Random) {
        let Ok(mut link) = connection.sender(id) else { return };
        let size = usize::try_from(self.scale.message).unwrap() * 4;
        self.tag += 1;
        if link.send_with(self.tag, vec![7; size], &SendOptions::new().settled(true)).is_err() {
            return;
        }
        let session = link.session();
        match random.up_to(6) {
            1 => self.leave(connection, id.into(), true),
            2 => self.end(connection, session),
            _ => {}
        }
    }

    fn attach(&mut self, session: &mut Session<'_>, random: &mut Random) {
        let mode = if random.one_in(4) { ReceiverSettleMode::Second } else { ReceiverSettleMode::First };
        if random.one_in(2) {
            let Ok(id) = session.attach_sender(SenderConfig::to("a").rcv_settle_mode(mode)) else { return };
            self.queues.insert(id, 0);
            self.waits.insert(Wait::Attach(id.into()));
        } else {
            let config = ReceiverConfig::from("b").credit(self.policy).streaming(self.streaming);
            let Ok(id) = session.attach_receiver(config.rcv_settle_mode(mode)) else { return };
            self.receivers.push(id);
            self.waits.insert(Wait::Attach(id.into()));
        }
    }

    /// Goes on with a streamed message, or finishes or aborts it.
    fn stream(&mut self, connection: &mut Connection, random: &mut Random) {
        let Some((id, delivery)) = random.pick(&self.streams) else { return };
        let Ok(mut link) = connection.sender(id) else {
            self.streams.retain(|(of, _)| *of != id);
            return;
        };
        let done = match random.up_to(4) {
            1 => link.finish(delivery).is_ok(),
            2 if random.one_in(2) => {
                let aborted = link.abort(delivery).is_ok();
                if aborted {
                    self.waits.remove(&Wait::Settlement(id.into(), delivery));
                }
                aborted
            }
            _ => {
                let size = usize::try_from(self.scale.message).unwrap() / 2;
                let _ = link.write(delivery, vec![7; size]);
                false
            }
        };
        if done {
            self.streams.retain(|(_, of)| *of != delivery);
        }
    }

    /// Gives one delivery an outcome; some are not read to their end by then.
    fn settle(&mut self, connection: &mut Connection, random: &mut Random) {
        let Some((id, delivery)) = random.pick(&self.received) else { return };
        if random.one_in(2) {
            self.read(connection, id, delivery);
        }
        let is_over = self.is_over(connection, id);
        let Ok(mut link) = connection.receiver(id) else { return };
        // Without a chunk it may have been read to its end.
        let is_unread = self.partial.contains(&delivery) && matches!(link.read_chunk(delivery), Ok(Some(_)));
        let given = match random.up_to(4) {
            1 => link.accept(delivery),
            2 => link.release(delivery),
            3 => link.reject(delivery, None),
            _ => link.modify(delivery, Modified::default()),
        };
        if is_unread && given.is_ok() {
            self.dropped.insert(delivery);
        }
        check_given(given, is_over);
        self.forget(delivery);
    }

    fn forget(&mut self, delivery: DeliveryId) {
        self.received.retain(|(_, of)| *of != delivery);
        self.partial.remove(&delivery);
    }

    /// Answers a drain if there is nothing to send.
    fn answer_drain(&mut self, connection: &mut Connection, sender: SenderId) {
        if self.queues.get(&sender) == Some(&0) && self.drains.remove(&sender) {
            let _ = connection.sender(sender).map(|mut link| link.drained());
        }
    }

    /// Begins a session with links of both kinds.
    pub fn begin(&mut self, connection: &mut Connection, random: &mut Random) {
        let Ok(id) = connection.begin(SessionConfig::new().incoming_window(self.window)) else { return };
        self.sessions.push(id);
        self.waits.insert(Wait::Begin(id));
        for _ in 0..3 {
            self.attach(&mut connection.session(id).unwrap(), random);
        }
    }

    /// Does all that the peer may wait for: answers, sends, reads, settles, and gives credit.
    pub fn settle_all(&mut self, connection: &mut Connection, random: &mut Random) {
        while self.answer(connection, random) {}
        for (id, delivery) in std::mem::take(&mut self.streams) {
            let finished = connection.sender(id).map(|mut link| link.finish(delivery));
            // A session that ends cuts a stream off.
            let fits = matches!(finished, Ok(Ok(()) | Err(CommandError::IllegalState(_))) | Err(_));
            assert!(fits, "{finished:?}");
        }
        let senders: Vec<_> = self.queues.keys().copied().collect();
        for sender in senders {
            // `SENDER_READY` comes for what is left of a queue.
            self.answer_drain(connection, sender);
        }
        for (id, delivery) in std::mem::take(&mut self.received) {
            if self.partial.contains(&delivery) {
                // Reading what arrived makes room for the rest.
                self.read(connection, id, delivery);
                self.received.push((id, delivery));
                continue;
            }
            self.read(connection, id, delivery);
            let is_over = self.is_over(connection, id);
            if let Ok(mut link) = connection.receiver(id) {
                check_given(link.accept(delivery), is_over);
            }
        }
        for id in &self.receivers {
            let Ok(mut link) = connection.receiver(*id) else { continue };
            let is_manual = self.policy == CreditPolicy::Manual;
            if is_manual && link.credit() == 0 && !self.waits.contains(&Wait::Drain(*id)) {
                let _ = link.set_credit(50);
            }
        }
    }

    /// Fails if the end of the connection was not one that the script brought about.
    pub fn check_end(&self, may_time_out: bool) {
        if let Some(Event::ConnectionError(failure)) = &self.ended {
            assert!(may_time_out && failure.cause != Cause::Violation, "{failure:?}");
        }
    }
}
