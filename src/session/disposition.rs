//! State and settlement of deliveries, both ways (2.6.12, 2.7.6, 3.4).

use alloc::{boxed::Box, vec::Vec};

use super::unsettled::StoredState;
use super::{ColdState, SessionEndpoint, find, find_mut};
use crate::{
    context::Context,
    error::{CommandError, ProtocolError},
    event::Event,
    ids::{DeliveryId, LinkId, ReceiverId, SenderId},
    link::{Link, LinkKind},
    slab::Slab,
    spec::{
        definitions::{Error, ErrorCondition, ReceiverSettleMode, Role},
        delivery_state::{DeliveryState, Modified, Rejected},
        performatives::Disposition,
    },
    state::LinkState,
    types::DeliveryNumber,
};

/// A disposition to be written with the next flush; neighbours become one.
#[derive(Debug)]
pub(super) struct Pending {
    role: Role,
    first: DeliveryId,
    last: DeliveryId,
    settled: bool,
    state: Option<DeliveryState>,
}

/// Deliveries of one link that follow each other and share a fate.
#[derive(Debug)]
pub(super) struct Run {
    link: LinkId,
    first: DeliveryId,
    last: DeliveryId,
    settled: bool,
}

/// Adds a delivery to the last run, or begins another.
fn extend(runs: &mut Vec<Run>, link: LinkId, id: DeliveryId, settled: bool) {
    match runs.last_mut() {
        Some(run) if run.link == link && run.settled == settled && follows(run.last, id) => run.last = id,
        _ => runs.push(Run { link, first: id, last: id, settled }),
    }
}

/// 2.6.5: the deliveries of a link that was detached with an error are not to be spoken of any more. They stay
/// unsettled, and those of other links are heard of first.
fn check_errant(errant: bool) -> Result<(), ProtocolError> {
    if errant {
        let why = "a disposition for a link in error";
        return Err(ProtocolError::session(ErrorCondition::ErrantLink, why));
    }
    Ok(())
}

fn follows(last: DeliveryId, next: DeliveryId) -> bool {
    last.epoch() == next.epoch() && last.number().checked_add(1) == Some(next.number())
}

/// Whether a link's application hears what becomes of its deliveries.
#[derive(Clone, Copy)]
enum EventAudience {
    /// The link is in error.
    Errant,
    /// It has come to its end, and its id is end_raised.
    Silent,
    /// It hears of them, and settles what has come to its outcome, or leaves that to the application.
    Heard { keeps_outcomes: bool },
}

impl EventAudience {
    fn of(id: LinkId, links: &Slab<Link>, cold: Option<&ColdState>) -> Self {
        match find(links, id) {
            Some(link) if link.common.state == LinkState::Errant => Self::Errant,
            Some(link) if !link.common.end_raised => {
                Self::Heard { keeps_outcomes: link.common.keep_outcomes }
            }
            link if cold.is_some_and(|cold| cold.suspended.contains_key(&id)) => {
                Self::Heard { keeps_outcomes: link.is_some_and(|link| link.common.keep_outcomes) }
            }
            _ => Self::Silent,
        }
    }
}

impl SessionEndpoint {
    pub(super) fn on_disposition(
        &mut self,
        disposition: &Disposition,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let first = disposition.first;
        let last = disposition.last.unwrap_or(first);
        // 2.8.10: beyond 2³¹ the two have no order, and before it the last must not come first.
        if last.offset_from(first) < 0 {
            return Err(ProtocolError::session(
                ErrorCondition::NotAllowed,
                "a disposition's last is before its first",
            ));
        }
        if disposition.state.is_none() && !disposition.settled {
            return Ok(());
        }
        match disposition.role {
            Role::Receiver => self.on_outcomes(first, last, disposition, cx),
            Role::Sender => self.on_sender_settlement(first, last, disposition, cx),
        }
    }

    /// What the receiver says of deliveries that we sent.
    fn on_outcomes(
        &mut self,
        first: DeliveryNumber,
        last: DeliveryNumber,
        disposition: &Disposition,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let mut runs = core::mem::take(&mut self.runs);
        let mut errant = false;
        let (links, cold) = (&self.links, &self.cold);
        let state = disposition.state.as_ref();
        let terminal = state.is_some_and(DeliveryState::is_terminal);
        // One copy for all of them.
        let mut copy = None;
        let mut kept = || copy.get_or_insert_with(|| StoredState::copied(state, cx.limits.decode)).clone();
        // The deliveries of a range are mostly of one link.
        let mut last_hearing = None;
        self.outgoing.retain(first, last, |id, slot| {
            let hearing = match last_hearing {
                Some((link, hearing)) if link == slot.link => hearing,
                _ => EventAudience::of(slot.link.into(), links, cold.as_deref()),
            };
            last_hearing = Some((slot.link, hearing));
            let keeps_outcomes = match hearing {
                EventAudience::Errant => {
                    errant = true;
                    return true;
                }
                EventAudience::Silent => {
                    // What became of it is there to be asked for.
                    if state.is_some() && !slot.state.is_terminal() {
                        slot.state = kept();
                    }
                    return true;
                }
                EventAudience::Heard { keeps_outcomes } => keeps_outcomes,
            };
            let settles = disposition.settled || (terminal && !keeps_outcomes);
            // 3.4: a terminal state is the last.
            if !settles && (slot.state.is_terminal() || state.is_none()) {
                return true;
            }
            if !settles {
                slot.state = kept();
            }
            extend(&mut runs, slot.link.into(), id, settles);
            !settles
        });
        // The receiver knows what it said; its own details are not sent back to it, once for each run.
        let answer = if disposition.settled { None } else { state.map(without_details) };
        for run in runs.drain(..) {
            let (link, state) = (run.link, disposition.state.clone());
            if run.settled {
                self.count_settled(link, run.first, run.last);
                if !disposition.settled {
                    let state = answer.clone();
                    self.dispose(Pending {
                        role: Role::Sender,
                        first: run.first,
                        last: run.last,
                        settled: true,
                        state,
                    });
                }
                self.raise_link_event(
                    Event::Settled { link, first: run.first, last: run.last, state },
                    link,
                    cx,
                );
            } else {
                self.raise_link_event(
                    Event::Updated { link, first: run.first, last: run.last, state },
                    link,
                    cx,
                );
            }
        }
        self.runs = runs;
        check_errant(errant)
    }

    /// What the sender says of deliveries that we received.
    fn on_sender_settlement(
        &mut self,
        first: DeliveryNumber,
        last: DeliveryNumber,
        disposition: &Disposition,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let Some(incoming) = &mut self.incoming else { return Ok(()) };
        let mut runs = core::mem::take(&mut self.runs);
        let mut errant = false;
        let links = &self.links;
        incoming.retain(first, last, |id, slot| {
            let link = find(links, slot.link.into());
            if link.is_some_and(|link| link.common.state == LinkState::Errant) {
                errant = true;
                return true;
            }
            if disposition.settled || disposition.state.is_some() {
                extend(&mut runs, slot.link.into(), id, disposition.settled);
            }
            !disposition.settled
        });
        for run in runs.drain(..) {
            let (link, state) = (run.link, disposition.state.clone());
            if run.settled {
                self.count_settled(link, run.first, run.last);
                self.raise_link_event(
                    Event::Settled { link, first: run.first, last: run.last, state },
                    link,
                    cx,
                );
            } else {
                self.raise_link_event(
                    Event::Updated { link, first: run.first, last: run.last, state },
                    link,
                    cx,
                );
            }
        }
        self.runs = runs;
        check_errant(errant)
    }

    /// Raises an event of a link that has not come to its end, or is suspended.
    fn raise_link_event(&mut self, event: Event, link: LinkId, cx: &mut Context) {
        let alive = self.link_ref(link).is_some_and(|link| !link.common.end_raised);
        if alive {
            return cx.event(event);
        }
        let Some(cold) = &mut self.cold else { return };
        if let Some(left) = cold.suspended.get(&link).copied() {
            cx.event(event);
            if left == 0 {
                cold.suspended.remove(&link);
            }
        }
    }

    fn count_settled(&mut self, link: LinkId, first: DeliveryId, last: DeliveryId) {
        let count = last.number().wrapping_sub(first.number()).saturating_add(1);
        match self.link(link) {
            Ok(link) => link.common.unsettled = link.common.unsettled.saturating_sub(count),
            Err(_) => {
                self.orphans = self.orphans.saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
                if let Some(left) = self.cold.as_mut().and_then(|cold| cold.suspended.get_mut(&link)) {
                    *left = left.saturating_sub(count);
                }
            }
        }
    }

    /// A delivery that we received: its state from now on, settled where the link's mode has us settle.
    pub(crate) fn resolve(
        &mut self,
        id: ReceiverId,
        delivery: DeliveryId,
        state: Option<DeliveryState>,
        settle: Option<bool>,
    ) -> Result<(), CommandError> {
        let link = find_mut(&mut self.links, id.into())?;
        let LinkKind::Receiver(receiver) = &link.kind else { return Err(CommandError::UnknownId) };
        // 2.7.5: in mode second the sender settles first.
        let settled = settle.unwrap_or(receiver.rcv_mode == ReceiverSettleMode::First);
        let incoming = self.incoming.as_mut().ok_or(CommandError::UnknownId)?;
        let changed = incoming.visit(delivery, |slot| {
            if slot.link != id {
                return (true, None);
            }
            let allowed = slot.state.check_change(state.as_ref());
            if allowed.is_ok() && !settled && state.is_some() {
                slot.state = StoredState::new(state.as_ref());
            }
            (allowed.is_err() || !settled, Some(allowed))
        });
        let Some(allowed) = changed.flatten() else {
            // Settled by its sender already, so that there is nobody to be told.
            let known = delivery < incoming.next_id();
            return if known { Ok(()) } else { Err(CommandError::UnknownId) };
        };
        allowed?;
        if settled {
            link.common.unsettled = link.common.unsettled.saturating_sub(1);
        }
        self.dispose(Pending { role: Role::Receiver, first: delivery, last: delivery, settled, state });
        Ok(())
    }

    /// The same for all unsettled deliveries of the link from one to another.
    pub(crate) fn resolve_range(
        &mut self,
        id: ReceiverId,
        (first, last): (DeliveryId, DeliveryId),
        state: Option<&DeliveryState>,
        settled: bool,
    ) -> Result<(), CommandError> {
        self.link(id.into())?;
        let incoming = self.incoming.as_mut().ok_or(CommandError::UnknownId)?;
        if last < first || last >= incoming.next_id() {
            return Err(CommandError::UnknownId);
        }
        let mut allowed = Ok(());
        incoming.retain(first.number().into(), last.number().into(), |_, slot| {
            if slot.link == id && allowed.is_ok() {
                allowed = slot.state.check_change(state);
            }
            true
        });
        allowed?;
        let mut runs = core::mem::take(&mut self.runs);
        let kept = StoredState::new(state);
        incoming.retain(first.number().into(), last.number().into(), |delivery, slot| {
            if slot.link != id {
                return true;
            }
            if state.is_some() {
                slot.state = kept.clone();
            }
            extend(&mut runs, id.into(), delivery, settled);
            !settled
        });
        for run in runs.drain(..) {
            if settled {
                self.count_settled(id.into(), run.first, run.last);
            }
            let state = state.cloned();
            self.dispose(Pending { role: Role::Receiver, first: run.first, last: run.last, settled, state });
        }
        self.runs = runs;
        Ok(())
    }

    /// Settles a delivery that we sent.
    pub(crate) fn settle_sent(
        &mut self,
        id: SenderId,
        delivery: DeliveryId,
        state: Option<DeliveryState>,
    ) -> Result<(), CommandError> {
        let sender = self.link(id.into())?.sender()?;
        if sender.held.as_ref().is_some_and(|held| held.id == delivery) {
            return Err(CommandError::IllegalState("the delivery is still being sent"));
        }
        if self.outgoing.get_mut(delivery).is_none_or(|slot| slot.link != id) {
            return Err(CommandError::UnknownId);
        }
        self.forget_outgoing(id, delivery);
        self.dispose(Pending { role: Role::Sender, first: delivery, last: delivery, settled: true, state });
        Ok(())
    }

    fn dispose(&mut self, next: Pending) {
        if let Some(last) = self.pending.last_mut()
            && last.role == next.role
            && last.settled == next.settled
            && follows(last.last, next.first)
            && are_same(last.state.as_ref(), next.state.as_ref())
        {
            last.last = next.last;
        } else {
            self.pending.push(next);
        }
    }

    pub(super) fn write_dispositions(&mut self, cx: &mut Context) {
        if self.pending.is_empty() {
            return;
        }
        let mut pending = core::mem::take(&mut self.pending);
        for Pending { role, first, last, settled, state } in pending.drain(..) {
            let mut disposition = Disposition {
                role,
                first: first.number().into(),
                last: (first != last).then(|| last.number().into()),
                settled,
                state,
                batchable: false,
            };
            if cx.frame(&disposition).is_err() {
                // Details that do not fit the peer's frames are left out; the outcome is what counts.
                disposition.state = disposition.state.as_ref().map(without_details);
                let _ = cx.frame(&disposition);
            }
        }
        self.pending = pending;
    }
}

#[inline]
fn are_same(one: Option<&DeliveryState>, other: Option<&DeliveryState>) -> bool {
    // Nearly all are these.
    matches!((one, other), (Some(DeliveryState::Accepted(_)), Some(DeliveryState::Accepted(_))))
        || one == other
}

/// The state without what may be long in it.
fn without_details(state: &DeliveryState) -> DeliveryState {
    match state {
        DeliveryState::Rejected(rejected) => {
            let error = rejected.error.as_ref().map(|error| Error::new(error.condition.clone()));
            Rejected { error }.into()
        }
        DeliveryState::Modified(modified) => Modified {
            delivery_failed: modified.delivery_failed,
            undeliverable_here: modified.undeliverable_here,
            message_annotations: None,
        }
        .into(),
        other => other.clone(),
    }
}

/// An unsettled delivery, as far as it can be told after its link is gone (2.6.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsettledDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// Its name on the link.
    pub tag: crate::types::DeliveryTag,
    /// Its state, as last told or heard.
    pub state: Option<DeliveryState>,
}

impl SessionEndpoint {
    /// The unsettled deliveries of a link, in order.
    pub(crate) fn unsettled(&self, link: LinkId) -> Box<dyn Iterator<Item = UnsettledDelivery> + '_> {
        match link {
            LinkId::Sender(sender) => Box::new(
                self.outgoing
                    .iter()
                    .filter(move |(_, slot)| slot.link == sender)
                    .map(|(id, slot)| UnsettledDelivery { id, tag: slot.tag, state: slot.state.get() }),
            ),
            LinkId::Receiver(receiver) => Box::new(
                self.incoming
                    .iter()
                    .flat_map(|ledger| ledger.iter())
                    .filter(move |(_, slot)| slot.link == receiver)
                    .map(|(id, slot)| UnsettledDelivery { id, tag: slot.tag, state: slot.state.get() }),
            ),
        }
    }

    /// Deliveries unsettled in both directions.
    pub(crate) fn unsettled_len(&self) -> usize {
        self.outgoing.len().saturating_add(self.incoming.as_ref().map_or(0, |ledger| ledger.len()))
    }
}
