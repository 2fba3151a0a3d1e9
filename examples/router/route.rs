//! One link through the router: its deliveries, and their settlement.

use std::{
    collections::{BTreeMap, VecDeque},
    iter,
};

use amqp_proto::{
    CommandError, Connection, DeliveryId, Event, ReceiverId, SenderId, SessionId,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::{DeliveryState, Modified, Rejected},
    },
};

use crate::{
    credit::{Credit, Flow},
    held::{Held, Tally},
};

/// Bytes of a condition that the smallest frame has room for (2.7.1).
const LONGEST_CONDITION: usize = 255;

/// The end of a link.
pub enum End {
    Closed(Option<AmqpError>),
    Detached,
}

/// A link: what the receiver at the near end gets, the sender at the far end sends.
pub struct Route {
    pub receiver: ReceiverId,
    pub sender: SenderId,
    /// The session at the near end.
    pub session: SessionId,
    /// The end of the link at the near end.
    pub end: Option<End>,
    held: VecDeque<Held>,
    tally: Tally,
    /// Unsettled deliveries, by their ids at the near end and at the far end.
    sent: BTreeMap<DeliveryId, DeliveryId>,
    arrived: BTreeMap<DeliveryId, DeliveryId>,
    /// Deliveries to settle at the far end, by their ids at the near end and at the far end, once they are sent.
    late: Vec<(DeliveryId, DeliveryId, Option<DeliveryState>)>,
    credit: Credit,
}

impl Route {
    /// Makes a link whose deliveries count in `tally` as long as they are kept.
    pub fn new(session: SessionId, receiver: ReceiverId, sender: SenderId, tally: Tally) -> Self {
        let (end, held, sent, arrived, late, credit) = Default::default();
        Self { receiver, sender, session, end, held, tally, sent, arrived, late, credit }
    }

    /// True if the link has ended, and nothing is left to send on it. One that ends with an error sends nothing more.
    pub fn is_over(&self) -> bool {
        match &self.end {
            None => false,
            Some(End::Closed(Some(_))) => true,
            Some(End::Closed(None) | End::Detached) => self.held.is_empty(),
        }
    }

    /// Returns the number of deliveries that wait, and of those that have used no credit of the far end.
    pub fn waiting(&self) -> [u32; 2] {
        let begun = self.held.iter().filter(|held| held.is_begun()).count();
        [self.held.len(), self.held.len() - begun].map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Takes a delivery, whole or the beginning of one.
    pub fn take(&mut self, event: Event) {
        let Some(mut held) = Held::new(event, &self.tally) else { return };
        self.credit.on_delivery();
        if !self.held.is_empty() {
            held.wait(&self.tally);
        }
        self.held.push_back(held);
    }

    /// Notes that a delivery has all arrived, or that it never will.
    pub fn complete(&mut self, id: DeliveryId, is_aborted: bool) {
        let held = self.held.iter_mut().find(|held| held.id == id);
        if let Some(stream) = held.and_then(|held| held.stream.as_mut()) {
            (stream.is_complete, stream.is_aborted) = (true, is_aborted);
        }
    }

    /// Notes that nothing more arrives: the near end is gone. What has arrived is read, as it can be until the connection
    /// handles more input.
    pub fn cut_off(&mut self, near: &mut Connection) {
        for held in &mut self.held {
            let Some(stream) = &mut held.stream else { continue };
            stream.is_aborted |= !stream.is_complete;
            if !stream.is_aborted {
                stream.keep(iter::from_fn(|| near.read_chunk(self.receiver, held.id).ok()?), &self.tally);
            }
        }
    }

    /// Sends what is held, as far as the far end takes it. `SENDER_READY` follows when it takes more. The near end may send
    /// as many as `most` ahead.
    pub fn forward(&mut self, near: &mut Connection, far: &mut Connection, most: u32) {
        while let Some(id) = self.held.front().map(|held| held.id) {
            match self.send_first(near, far) {
                Ok(true) => {}
                // The far end cannot take this delivery. What has begun there is aborted.
                Err(
                    error @ (CommandError::TooLarge { .. }
                    | CommandError::FrameTooLarge { .. }
                    | CommandError::SettleMode),
                ) => {
                    let error = AmqpError::described(ErrorCondition::NotAllowed, error.to_string());
                    // The outcome matters more than its reason, for which there may be no room.
                    let _ = near
                        .receiver(self.receiver)
                        .and_then(|mut link| link.reject(id, Some(error)).or_else(|_| link.reject(id, None)));
                    self.complete(id, true);
                    if self.held.front().is_some_and(Held::is_begun) {
                        continue;
                    }
                }
                // It goes on with an event: more data, `SENDER_READY`, or the end of the link.
                Ok(false) | Err(_) => {
                    self.held.iter_mut().take(1).for_each(|held| held.wait(&self.tally));
                    break;
                }
            }
            let Some(held) = self.held.pop_front() else { break };
            if let Some(sent) = self.sent.get(&id).copied().filter(|_| held.is_settled) {
                self.settle(far, id, sent, None);
            }
            let stream = held.stream.unwrap_or_default();
            if let (true, Some(sent)) = (stream.is_aborted, stream.sent) {
                self.sent.remove(&id);
                self.arrived.remove(&sent);
            } else if let (Some((is_settled, state)), Some(sent)) = (stream.outcome, stream.sent) {
                self.on_outcome(near, (sent, sent), is_settled, state.as_ref());
            }
        }
        self.follow(near, far, Flow::Later, most);
    }

    /// Has the credit of the near end follow that of the far end, up to `most`.
    pub fn follow(&mut self, near: &mut Connection, far: &mut Connection, flow: Flow, most: u32) {
        let waiting = self.waiting();
        if let (Ok(receiver), Ok(sender)) = (near.receiver(self.receiver), far.sender(self.sender)) {
            self.credit.follow(receiver, sender, waiting, (flow, most));
        }
    }

    /// Sends the first delivery, or what has arrived of it. Returns true if that is all of it.
    fn send_first(&mut self, near: &mut Connection, far: &mut Connection) -> Result<bool, CommandError> {
        let Some(held) = self.held.front_mut() else { return Ok(false) };
        let (id, mut link) = (held.id, far.sender(self.sender)?);
        if let Some(sent) = held.begin(&mut link)?
            && !held.arrived_settled
        {
            self.sent.insert(id, sent);
            self.arrived.insert(sent, id);
        }
        if let Some(stream) = &mut held.stream
            && !stream.pass_on(&mut link, || near.read_chunk(self.receiver, id).ok()?, &self.tally)?
        {
            return Ok(false);
        }
        Ok(true)
    }

    /// Passes on the receiver's state of deliveries, and its settlement.
    pub fn on_outcome(
        &mut self,
        near: &mut Connection,
        (first, last): (DeliveryId, DeliveryId),
        is_settled: bool,
        state: Option<&DeliveryState>,
    ) {
        let ids: Vec<_> = self.arrived.range(first..=last).map(|(sent, id)| (*sent, *id)).collect();
        for (sent, id) in ids {
            let first = self.held.front_mut().filter(|held| held.id == id);
            if let Some(stream) = first.and_then(|held| held.stream.as_mut()) {
                stream.outcome = Some((is_settled, state.cloned()));
                continue;
            }
            let passed =
                pass_on(state, |state| near.receiver(self.receiver)?.disposition(id, id, is_settled, state));
            // The near end settles nothing, and would wait for an outcome that is lost.
            if let Err(CommandError::LimitReached(_)) = passed {
                let what = "the outcomes that are not settled take up too much";
                let error = AmqpError::described(ErrorCondition::ResourceLimitExceeded, what);
                let _ = near.receiver(self.receiver).and_then(|mut link| link.close(Some(error)));
            }
            if is_settled {
                self.arrived.remove(&sent);
                self.sent.remove(&id);
            }
        }
    }

    /// Passes on the sender's state of deliveries that it has not settled (2.6.12).
    pub fn on_updated(
        &mut self,
        far: &mut Connection,
        first: DeliveryId,
        last: DeliveryId,
        state: Option<&DeliveryState>,
    ) {
        for (_, sent) in self.sent.range(first..=last) {
            // An error means that it has an outcome.
            let _ = pass_on(state, |state| far.sender(self.sender)?.disposition(*sent, *sent, false, state));
        }
    }

    /// Passes on that the sender has settled deliveries, such as the third step of rcv-settle-mode second (2.6.12).
    pub fn on_settled(
        &mut self,
        far: &mut Connection,
        first: DeliveryId,
        last: DeliveryId,
        state: Option<&DeliveryState>,
    ) {
        for held in self.held.iter_mut().filter(|held| (first..=last).contains(&held.id)) {
            held.is_settled = true;
        }
        let ids: Vec<_> = self.sent.range(first..=last).map(|(id, sent)| (*id, *sent)).collect();
        let state = state.filter(|state| state.is_terminal());
        for (id, sent) in ids {
            self.settle(far, id, sent, state);
        }
    }

    /// Settles a delivery at the far end. One that is still being sent is settled later: see [`settle_late`](Self::settle_late).
    fn settle(
        &mut self,
        far: &mut Connection,
        id: DeliveryId,
        sent: DeliveryId,
        state: Option<&DeliveryState>,
    ) {
        let settled = pass_on(state, |state| far.sender(self.sender)?.settle(sent, state));
        let is_sending = || far.sender_ref(self.sender).is_ok_and(|link| link.is_sending());
        if settled.is_err() && is_sending() {
            if self.held.iter().all(|held| held.id != id) {
                self.late.push((id, sent, state.cloned()));
            }
        } else {
            // Another error means that the receiver has settled it too.
            self.sent.remove(&id);
            self.arrived.remove(&sent);
        }
    }

    /// Settles what could not be settled while it was being sent.
    pub fn settle_late(&mut self, far: &mut Connection) {
        for (id, sent, state) in std::mem::take(&mut self.late) {
            self.settle(far, id, sent, state.as_ref());
        }
    }
}

/// Passes on a state, without its details if a frame has no room for them.
fn pass_on(
    state: Option<&DeliveryState>,
    mut pass: impl FnMut(Option<DeliveryState>) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    match pass(state.cloned()) {
        Err(CommandError::FrameTooLarge { .. }) => pass(state.map(bare)),
        done => done,
    }
}

/// Returns an outcome without what its receiver has added to it, but for the condition.
fn bare(state: &DeliveryState) -> DeliveryState {
    match state {
        DeliveryState::Rejected(rejected) => {
            let condition = rejected.error.as_ref().map(|error| &error.condition);
            let condition = condition.filter(|condition| condition.as_str().len() <= LONGEST_CONDITION);
            Rejected { error: condition.cloned().map(AmqpError::new) }.into()
        }
        DeliveryState::Modified(modified) => {
            Modified { message_annotations: None, ..(**modified).clone() }.into()
        }
        other => other.clone(),
    }
}
