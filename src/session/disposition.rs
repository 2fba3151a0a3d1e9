//! State and settlement of deliveries, both ways (2.6.12, 2.7.6, 3.4).

use alloc::vec::Vec;

use super::{
    ColdState, SessionEndpoint, find, find_mut,
    unsettled::{StoredState, UnsettledEntry, UnsettledMap},
};
use crate::{
    codec::DecodeLimits,
    context::Context,
    error::{CommandError, ProtocolError},
    event::Event,
    ids::{DeliveryId, LinkId, ReceiverId, SenderId},
    link::{Link, LinkKind},
    slab::Slab,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, Role},
        delivery_state::{DeliveryState, Modified, Rejected},
        performatives::Disposition,
    },
    state::LinkState,
    types::DeliveryNumber,
};

/// A disposition to write with the next flush. Neighbours with the same content become one.
#[derive(Debug)]
pub(super) struct PendingDisposition {
    role: Role,
    first: DeliveryId,
    last: DeliveryId,
    settled: bool,
    state: Option<DeliveryState>,
}

/// Consecutive deliveries of one link with the same settlement, which share an event.
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

/// Fails if a disposition names deliveries of a link that we detached with an error (2.6.5). They stay unsettled, and
/// those of other links are handled first.
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

/// The receivers of an outcome's event.
#[derive(Clone, Copy)]
enum EventAudience {
    /// Nobody: we detached the link with an error.
    Errant,
    /// Nobody: the last event of the link has been raised.
    Ended,
    /// The application is notified; deliveries with a terminal outcome are settled for it unless `keeps_outcomes`.
    Application { keeps_outcomes: bool },
}

impl EventAudience {
    fn of(id: LinkId, links: &Slab<Link>, cold: Option<&ColdState>) -> Self {
        match find(links, id) {
            Some(link) if link.common.state == LinkState::Errant => Self::Errant,
            Some(link) if !link.common.end_raised => {
                Self::Application { keeps_outcomes: link.common.keeps_outcomes }
            }
            link if cold.is_some_and(|cold| cold.suspended.contains_key(&id)) => {
                Self::Application { keeps_outcomes: link.is_some_and(|link| link.common.keeps_outcomes) }
            }
            _ => Self::Ended,
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
        // 2.8.10: numbers 2³¹ or more apart have no order.
        if last.offset_from(first) < 0 {
            let why = "a disposition's last is before its first";
            return Err(ProtocolError::session(ErrorCondition::NotAllowed, why));
        }
        if disposition.state.is_none() && !disposition.settled {
            return Ok(());
        }
        match disposition.role {
            Role::Receiver => self.on_outcomes(first, last, disposition, cx),
            Role::Sender => self.on_sender_settlement(first, last, disposition, cx),
        }
    }

    /// Handles the receiver's state and settlement of deliveries that we sent.
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
        // Encoded once for all of them.
        let mut encoded = None;
        let mut stored = || encoded.get_or_insert_with(|| StoredState::new(state)).clone();
        // The deliveries of a range are mostly of one link.
        let mut last_audience = None;
        self.outgoing.retain_range(first, last, |id, entry| {
            let audience = match last_audience {
                Some((link, audience)) if link == entry.link => audience,
                _ => EventAudience::of(entry.link.into(), links, cold.as_deref()),
            };
            last_audience = Some((entry.link, audience));
            let keeps_outcomes = match audience {
                EventAudience::Errant => {
                    errant = true;
                    return true;
                }
                EventAudience::Ended => {
                    // `unsettled` still returns it.
                    if state.is_some() && !entry.state.is_terminal() {
                        entry.state = stored();
                    }
                    return true;
                }
                EventAudience::Application { keeps_outcomes } => keeps_outcomes,
            };
            let settles = disposition.settled || (terminal && !keeps_outcomes);
            // 3.4: a terminal state is final.
            if !settles && (entry.state.is_terminal() || state.is_none()) {
                return true;
            }
            if !settles {
                entry.state = stored();
            }
            extend(&mut runs, entry.link.into(), id, settles);
            !settles
        });
        // The receiver knows its own details: they are not sent back for each run.
        let answer = if disposition.settled { None } else { state.map(without_details) };
        for run in runs.drain(..) {
            if run.settled && !disposition.settled {
                self.add_disposition(Role::Sender, (run.first, run.last), true, answer.clone());
            }
            self.on_run(&run, disposition.state.as_ref(), cx);
        }
        self.runs = runs;
        check_errant(errant)
    }

    /// Handles the sender's state and settlement of deliveries that we received.
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
        incoming.retain_range(first, last, |id, entry| {
            let link = find(links, entry.link.into());
            if link.is_some_and(|link| link.common.state == LinkState::Errant) {
                errant = true;
                return true;
            }
            if disposition.settled || disposition.state.is_some() {
                extend(&mut runs, entry.link.into(), id, disposition.settled);
            }
            !disposition.settled
        });
        for run in runs.drain(..) {
            self.on_run(&run, disposition.state.as_ref(), cx);
        }
        self.runs = runs;
        check_errant(errant)
    }

    /// Raises the event of a run, and counts it if it is settled.
    #[inline]
    fn on_run(&mut self, run: &Run, state: Option<&DeliveryState>, cx: &mut Context) {
        let Run { link, first, last, settled } = *run;
        let state = state.cloned();
        if settled {
            self.count_settled(link, first, last);
            self.raise_link_event(Event::DeliverySettled { link, first, last, state }, link, cx);
        } else {
            self.raise_link_event(Event::DeliveryUpdated { link, first, last, state }, link, cx);
        }
    }

    /// Raises an event of a link that has not ended, or is suspended.
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
                self.orphaned = self.orphaned.saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
                if let Some(left) = self.cold.as_mut().and_then(|cold| cold.suspended.get_mut(&link)) {
                    *left = left.saturating_sub(count);
                }
            }
        }
    }

    /// Sets the state of a delivery that we received. Without `settle`, the link's rcv-settle-mode decides whether it is
    /// settled.
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
        let changed = incoming.update(delivery, |entry| {
            if entry.link != id {
                return (true, None);
            }
            let allowed = entry.state.check_change(state.as_ref());
            if allowed.is_ok() && !settled && state.is_some() {
                entry.state = StoredState::new(state.as_ref());
            }
            (allowed.is_err() || !settled, Some(allowed))
        });
        let Some(allowed) = changed.flatten() else {
            // Its sender has settled it already, so no disposition is due.
            let known = delivery < incoming.next_id();
            return if known { Ok(()) } else { Err(CommandError::UnknownId) };
        };
        allowed?;
        if settled {
            link.common.unsettled = link.common.unsettled.saturating_sub(1);
        }
        self.add_disposition(Role::Receiver, (delivery, delivery), settled, state);
        Ok(())
    }

    /// Sets the state of every unsettled delivery of the link in `first..=last`.
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
        incoming.retain_range(first.number().into(), last.number().into(), |_, entry| {
            if entry.link == id && allowed.is_ok() {
                allowed = entry.state.check_change(state);
            }
            true
        });
        allowed?;
        let mut runs = core::mem::take(&mut self.runs);
        let stored = StoredState::new(state);
        incoming.retain_range(first.number().into(), last.number().into(), |delivery, entry| {
            if entry.link != id {
                return true;
            }
            if state.is_some() {
                entry.state = stored.clone();
            }
            extend(&mut runs, id.into(), delivery, settled);
            !settled
        });
        for run in runs.drain(..) {
            if settled {
                self.count_settled(id.into(), run.first, run.last);
            }
            self.add_disposition(Role::Receiver, (run.first, run.last), settled, state.cloned());
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
        if sender.unsent.as_ref().is_some_and(|unsent| unsent.id == delivery) {
            return Err(CommandError::IllegalState("the delivery is still being sent"));
        }
        if self.outgoing.get_mut(delivery).is_none_or(|entry| entry.link != id) {
            return Err(CommandError::UnknownId);
        }
        self.forget_outgoing(id, delivery);
        self.add_disposition(Role::Sender, (delivery, delivery), true, state);
        Ok(())
    }

    #[inline]
    fn add_disposition(
        &mut self,
        role: Role,
        (first, last): (DeliveryId, DeliveryId),
        settled: bool,
        state: Option<DeliveryState>,
    ) {
        if let Some(previous) = self.pending_dispositions.last_mut()
            && (previous.role, previous.settled) == (role, settled)
            && follows(previous.last, first)
            && are_same(previous.state.as_ref(), state.as_ref())
        {
            previous.last = last;
        } else {
            self.pending_dispositions.push(PendingDisposition { role, first, last, settled, state });
        }
    }

    #[inline]
    pub(super) fn write_dispositions(&mut self, cx: &mut Context) {
        for pending in &mut self.pending_dispositions {
            let mut disposition = Disposition {
                role: pending.role,
                first: pending.first.number().into(),
                last: (pending.first != pending.last).then(|| pending.last.number().into()),
                settled: pending.settled,
                state: pending.state.take(),
                batchable: false,
            };
            if cx.frame(&disposition).is_err() {
                // Details that do not fit the peer's frames are left out: the outcome matters more.
                disposition.state = disposition.state.as_ref().map(without_details);
                let _ = cx.frame(&disposition);
            }
        }
        self.pending_dispositions.clear();
    }
}

#[inline]
fn are_same(one: Option<&DeliveryState>, other: Option<&DeliveryState>) -> bool {
    // The common case.
    matches!((one, other), (Some(DeliveryState::Accepted(_)), Some(DeliveryState::Accepted(_))))
        || one == other
}

/// Returns the state without the parts that may be long.
fn without_details(state: &DeliveryState) -> DeliveryState {
    match state {
        DeliveryState::Rejected(rejected) => {
            let error = rejected.error.as_ref().map(|error| AmqpError::new(error.condition.clone()));
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

/// An unsettled delivery of a link, which may be gone (2.6.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsettledDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// Its delivery-tag.
    pub tag: crate::types::DeliveryTag,
    /// Its last known state.
    pub state: Option<DeliveryState>,
}

impl SessionEndpoint {
    /// Returns the unsettled deliveries of a link, in order. `limits` are those that states were decoded with.
    pub(crate) fn unsettled(&self, link: LinkId, limits: DecodeLimits) -> Vec<UnsettledDelivery> {
        match link {
            LinkId::Sender(sender) => unsettled_of(Some(&self.outgoing), sender, limits),
            LinkId::Receiver(receiver) => unsettled_of(self.incoming.as_ref(), receiver, limits),
        }
    }

    /// Returns the number of unsettled deliveries in both directions.
    pub(crate) fn unsettled_len(&self) -> usize {
        self.outgoing.len().saturating_add(self.incoming.as_ref().map_or(0, |incoming| incoming.len()))
    }
}

fn unsettled_of<L: PartialEq>(
    deliveries: Option<&UnsettledMap<UnsettledEntry<L>>>,
    link: L,
    limits: DecodeLimits,
) -> Vec<UnsettledDelivery> {
    let entries = deliveries.into_iter().flat_map(UnsettledMap::iter);
    let of_link = entries.filter(|(_, entry)| entry.link == link);
    of_link
        .map(|(id, entry)| UnsettledDelivery { id, tag: entry.tag, state: entry.state.get(limits) })
        .collect()
}
