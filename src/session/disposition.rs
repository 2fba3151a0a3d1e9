//! State and settlement of deliveries, both ways (2.6.12, 2.7.6, 3.4).

use alloc::{format, vec::Vec};
use core::ops::ControlFlow;

use super::{
    ColdState, SessionEndpoint,
    decided::{DecidedRun, DecidedRuns, keep_decided},
    faults::{disposition_for_errant, reversed},
    find, find_mut,
    link_facts::count_early,
    settlement::{answer_to, has_coordinator, has_details, remember_settled},
    state_bytes::{Giver, StateBytes},
    stored_state::{StoredState, is_known},
};
use crate::{
    account::MAX_DETAILS,
    context::Context,
    error::ProtocolError,
    event::Event,
    ids::{DeliveryId, LinkId, LinkKey},
    link::{Link, LinkCommon, LinkKind},
    slab::Slab,
    spec::{
        definitions::{ErrorCondition, ReceiverSettleMode, Role},
        delivery_state::DeliveryState,
        performatives::Disposition,
    },
    state::LinkState,
    types::{DeliveryNumber, HeapSize as _},
};

/// A disposition to write with the next flush. Neighbours with the same content become one.
#[derive(Debug)]
pub(super) struct PendingDisposition {
    pub(super) role: Role,
    pub(super) first: DeliveryId,
    pub(super) last: DeliveryId,
    pub(super) settled: bool,
    batchable: bool,
    state: Option<DeliveryState>,
}

/// Consecutive deliveries of one link with the same settlement, which share an event.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) link: LinkId,
    pub(super) first: DeliveryId,
    pub(super) last: DeliveryId,
    pub(super) settled: bool,
}

/// One disposition raises this many events, or as many as there may be if these are fewer. The rest of it is handled once
/// they have been polled.
const MAX_RUNS: usize = 256;

/// A session keeps room for this many dispositions that wait to be written.
const MAX_PENDING_KEPT: usize = 64;

/// One disposition may leave this many deliveries unsettled however often that has happened.
const FREE_UPDATES: usize = 8;

/// True if another run would be one too many for now.
fn must_stop(
    runs: &[Run],
    decided: &DecidedRuns,
    max: usize,
    next: (LinkId, DeliveryId),
    settled: bool,
) -> bool {
    let (decided, bytes) = decided.as_ref().map_or((0, 0), |decided| (decided.runs.len(), decided.bytes));
    let (link, id) = next;
    (runs.len().saturating_add(decided) >= max || bytes >= MAX_DETAILS)
        && !runs.last().is_some_and(|run| run.link == link && run.settled == settled && follows(run.last, id))
}

/// Adds a delivery to the last run, or begins another.
pub(super) fn extend(runs: &mut Vec<Run>, link: LinkId, id: DeliveryId, settled: bool) {
    match runs.last_mut() {
        Some(run) if run.link == link && run.settled == settled && follows(run.last, id) => run.last = id,
        _ => runs.push(Run { link, first: id, last: id, settled }),
    }
}

/// Fails if a disposition names deliveries of a link that we detached with an error (2.6.5), unless that is tolerated.
/// They stay unsettled, and those of other links are handled first.
fn check_errant(
    errant: bool,
    (first, last): (DeliveryNumber, DeliveryNumber),
    cx: &Context,
) -> Result<(), ProtocolError> {
    if errant && !cx.config.tolerance.frames_for_failed_links {
        return disposition_for_errant(first, last);
    }
    Ok(())
}

pub(super) fn follows(last: DeliveryId, next: DeliveryId) -> bool {
    last.epoch() == next.epoch() && last.number().checked_add(1) == Some(next.number())
}

/// The receivers of an outcome's event.
#[derive(Clone, Copy)]
enum EventAudience {
    /// Nobody: we detached the link with an error.
    Errant,
    /// Nobody: the last event of the link has been raised.
    Ended,
    /// The application is notified; deliveries with a terminal outcome are settled for it unless `keeps_outcomes`. A
    /// receiver that settles them `is_early` if the sender settles first (2.7.5).
    Application { keeps_outcomes: bool, is_early: bool },
}

impl EventAudience {
    /// The audience of a disposition for a link's deliveries, which it settles if `settled`.
    fn of(id: LinkId, settled: bool, links: &Slab<Link>, cold: Option<&ColdState>) -> Self {
        match find(links, id) {
            Some(link) if link.common.state == LinkState::Errant => Self::Errant,
            Some(link) if !link.common.end_raised => {
                let LinkCommon { keeps_outcomes, rcv_mode, .. } = link.common;
                let is_early = settled && rcv_mode == ReceiverSettleMode::Second;
                Self::Application { keeps_outcomes, is_early }
            }
            link if cold.is_some_and(|cold| cold.suspended.contains_key(&id)) => {
                let keeps_outcomes = link.is_some_and(|link| link.common.keeps_outcomes);
                Self::Application { keeps_outcomes, is_early: false }
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
            return reversed(first, last);
        }
        if disposition.state.is_none() && !disposition.settled {
            return Ok(());
        }
        if matches!(disposition.state, Some(DeliveryState::Declared(_)))
            && disposition.role == Role::Receiver
            && self.refuse_declared(first, last, cx)?
        {
            return Ok(());
        }
        match disposition.role {
            Role::Receiver if disposition.last.is_none() && self.settle_one(disposition, cx) => {}
            Role::Receiver => self.on_outcomes(first, last, disposition, cx)?,
            Role::Sender => self.on_sender_settlement(first, last, disposition, cx)?,
        }
        self.charge_if_due(cx);
        Ok(())
    }

    /// Settles one delivery that we sent, if neither end has given its state, its link is open and it is the receiver's
    /// turn. Returns false and changes nothing otherwise; [`on_outcomes`](Self::on_outcomes) does the same for any deliveries.
    // A path of its own because many peers settle deliveries one by one: without it each costs about 300 instructions
    // more, of 4,200 that it takes at both ends.
    #[inline]
    fn settle_one(&mut self, disposition: &Disposition, cx: &mut Context) -> bool {
        let state = disposition.state.as_ref();
        let terminal = state.is_some_and(DeliveryState::is_terminal);
        let links = &mut self.links;
        let settled = self.outgoing.update_number(disposition.first, |id, entry| {
            let link = find_mut(links, entry.link.into()).map(|link| &mut link.common);
            let link = link.ok().filter(|link| {
                let is_early = disposition.settled && link.rcv_mode == ReceiverSettleMode::Second;
                link.state != LinkState::Errant && !link.end_raised && !is_early
            });
            match link {
                Some(link)
                    if entry.state.is_unknown()
                        && (disposition.settled || (terminal && !link.keeps_outcomes)) =>
                {
                    link.unsettled = link.unsettled.saturating_sub(1);
                    (false, Some((id, entry.link)))
                }
                _ => (true, None),
            }
        });
        let Some((id, link)) = settled.flatten() else { return false };
        if !disposition.settled {
            self.add_disposition(Role::Sender, (id, id), true, answer_to(state, cx));
        }
        let state = state.cloned();
        cx.event(Event::DeliverySettled { link: link.into(), first: id, last: id, state });
        true
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
        let max_runs = usize::from(cx.max_events).clamp(1, MAX_RUNS);
        let mut errant = false;
        let (links, cold, state_bytes) = (&self.links, &self.cold, &mut self.state_bytes);
        let state = disposition.state.as_ref();
        let terminal = state.is_some_and(DeliveryState::is_terminal);
        // Encoded once for all of them.
        let (mut encoded, mut last_known) = (None, None);
        let stored = |bytes: &mut StateBytes| StoredState::new(state, Giver::Peer, bytes);
        // The deliveries of a range are mostly of one link.
        let mut last_audience = None;
        let mut decided: DecidedRuns = None;
        let mut early = Vec::new();
        let before = self.outgoing.len();
        let walk = self.outgoing.retain_until(first, last, |id, entry| {
            let audience = match last_audience {
                Some((link, audience)) if link == entry.link => audience,
                _ => EventAudience::of(entry.link.into(), disposition.settled, links, cold.as_deref()),
            };
            last_audience = Some((entry.link, audience));
            let (keeps_outcomes, is_early) = match audience {
                EventAudience::Errant | EventAudience::Ended => {
                    errant |= matches!(audience, EventAudience::Errant);
                    // `unsettled` still returns it.
                    if state.is_some() && !entry.state.at(Role::Receiver).is_terminal() {
                        let next = encoded.get_or_insert_with(|| stored(state_bytes)).clone();
                        entry.state.set_receivers(next, Giver::Peer, state_bytes);
                    }
                    return ControlFlow::Continue(true);
                }
                EventAudience::Application { keeps_outcomes, is_early } => (keeps_outcomes, is_early),
            };
            let settles = disposition.settled || (terminal && !keeps_outcomes);
            if (runs.len() >= max_runs || decided.is_some())
                && must_stop(&runs, &decided, max_runs, (entry.link.into(), id), settles)
            {
                return ControlFlow::Break(());
            }
            if is_early {
                count_early(&mut early, entry);
            }
            if entry.state.is_unknown() {
                if settles {
                    extend(&mut runs, entry.link.into(), id, settles);
                    return ControlFlow::Continue(false);
                }
            } else if let Some(keep) = keep_decided(entry, settles, id, &mut decided) {
                return ControlFlow::Continue(state_bytes.kept(keep, Giver::Peer, &entry.state));
            }
            if !settles {
                let next = encoded.get_or_insert_with(|| stored(state_bytes));
                if state.is_none() || is_known(&entry.state, next, &mut last_known, state_bytes) {
                    return ControlFlow::Continue(true);
                }
                entry.state.set_receivers(next.clone(), Giver::Peer, state_bytes);
            }
            extend(&mut runs, entry.link.into(), id, settles);
            ControlFlow::Continue(state_bytes.kept(!settles, Giver::Peer, &entry.state))
        });
        for state in last_known.map(|(state, _)| state).into_iter().chain(encoded) {
            self.state_bytes.free_both(Giver::Peer, &state);
        }
        // The receiver knows its own details: they are not sent back for each run.
        let answer = if disposition.settled { None } else { answer_to(state, cx) };
        for run in runs.drain(..) {
            if run.settled && !disposition.settled {
                self.add_disposition(Role::Sender, (run.first, run.last), true, answer.clone());
            }
            self.on_run(&run, disposition.state.as_ref(), cx);
        }
        self.keep_runs(runs);
        if let Some(decided) = decided {
            self.on_decided(*decided, disposition, cx);
        }
        self.charge_states(cx)?;
        let settled = before.saturating_sub(self.outgoing.len());
        if walk.places > settled.saturating_add(FREE_UPDATES) {
            self.check_updates(walk.places.saturating_sub(settled), self.outgoing.count(), cx)?;
        }
        self.stop_at(walk.stopped, last, disposition, cx);
        if !early.is_empty() {
            self.count_early_settlements(early, cx)?;
        }
        check_errant(errant, (first, last), cx)
    }

    /// Detaches the links of deliveries whose outcome is to be `declared`, unless their target is a
    /// coordinator (4.5.5, 3.5.3). Returns true if there are any: the disposition is then void.
    #[cold]
    #[inline(never)]
    fn refuse_declared(
        &mut self,
        first: DeliveryNumber,
        last: DeliveryNumber,
        cx: &mut Context,
    ) -> Result<bool, ProtocolError> {
        let mut named: Vec<LinkId> = Vec::new();
        self.outgoing.retain_range(first, last, |_, entry| {
            let link = entry.link.into();
            if named.last() != Some(&link) {
                named.push(link);
            }
            true
        });
        named.sort_unstable();
        named.dedup();
        let limits = cx.config.limits.decode;
        named.retain(|link| {
            let link = find(&self.links, *link).filter(|link| link.common.is_open());
            link.is_some_and(|link| !has_coordinator(&link.common, limits))
        });
        for link in &named {
            let why =
                format!("declared, in a disposition of delivery-id {first}, is for coordinators (4.5.5)");
            let error = ProtocolError::link(ErrorCondition::InvalidField, &why);
            self.contain_link(LinkKey::from(*link).handle, error, cx)?;
        }
        Ok(!named.is_empty())
    }

    /// Keeps the scratch space for the next disposition, unless it has become large.
    fn keep_runs(&mut self, runs: Vec<Run>) {
        if runs.capacity() <= MAX_RUNS / 4 {
            self.runs = runs;
        }
    }

    /// Has the rest of a disposition handled later, if its events were too many.
    #[inline]
    fn stop_at(
        &mut self,
        stopped: Option<DeliveryNumber>,
        last: DeliveryNumber,
        disposition: &Disposition,
        cx: &mut Context,
    ) {
        if let Some(first) = stopped {
            let rest = Disposition { first, last: Some(last), ..disposition.clone() };
            cx.postpone(self.channel, rest);
        }
    }

    /// Fails if dispositions leave deliveries unsettled again and again, or name settled ones, of as many as there have been. A
    /// few bytes of the peer's make us look at the places of all that is unsettled.
    #[cold]
    fn check_updates(&mut self, left: usize, deliveries: u64, cx: &Context) -> Result<(), ProtocolError> {
        let allowed = deliveries.saturating_mul(cx.config.limits.max_updates_per_delivery.into());
        let counted = u64::try_from(left.saturating_sub(FREE_UPDATES)).unwrap_or(u64::MAX);
        let updates = &mut self.cold.get_or_insert_default().updates;
        *updates = updates.saturating_add(counted);
        if *updates > allowed {
            let why = format!("updates of unsettled deliveries exceed max_updates_per_delivery: {updates}");
            return Err(ProtocolError::session(ErrorCondition::ResourceLimitExceeded, &why));
        }
        Ok(())
    }

    /// Handles the sender's state and settlement of deliveries that we received.
    // Out of line: mostly a receiver settles first, and then there is none.
    #[inline(never)]
    fn on_sender_settlement(
        &mut self,
        first: DeliveryNumber,
        last: DeliveryNumber,
        disposition: &Disposition,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let Some(incoming) = &mut self.incoming else { return Ok(()) };
        let mut runs = core::mem::take(&mut self.runs);
        let max_runs = usize::from(cx.max_events).clamp(1, MAX_RUNS);
        let mut errant = false;
        let mut decided: DecidedRuns = None;
        let (links, state_bytes) = (&self.links, &mut self.state_bytes);
        // 3.4.1: a sender has this state only where it resumes a delivery.
        let state = disposition.state.as_ref().filter(|state| !matches!(state, DeliveryState::Received(_)));
        let terminal = state.is_some_and(DeliveryState::is_terminal);
        // Encoded once for all of them.
        let mut encoded = None;
        let mut stored = |bytes: &mut StateBytes| {
            encoded.get_or_insert_with(|| StoredState::new(state, Giver::Peer, bytes)).clone()
        };
        // Shared by all whose receiver has given no state.
        let mut senders_alone = None;
        let (mut unannounced, keep) = (Vec::new(), !disposition.settled);
        let (deliveries, before) = (incoming.count(), incoming.len());
        let walk = incoming.retain_until(first, last, |id, entry| {
            let link = find(links, entry.link.into());
            if link.is_some_and(|link| link.common.state == LinkState::Errant) {
                errant = true;
                return ControlFlow::Continue(true);
            }
            if must_stop(&runs, &decided, max_runs, (entry.link.into(), id), disposition.settled) {
                return ControlFlow::Break(());
            }
            let is_arriving = link.is_some_and(|link| match &link.kind {
                LinkKind::Receiver(receiver) => receiver.arriving() == Some(id),
                LinkKind::Sender(_) => false,
            });
            if entry.state.at(Role::Sender).is_terminal() {
                if is_arriving {
                    unannounced.push((entry.link, id));
                } else if disposition.settled {
                    DecidedRun::extend(&mut decided, entry.link.into(), id, &entry.state);
                }
                return ControlFlow::Continue(state_bytes.kept(keep, Giver::Us, &entry.state));
            }
            if terminal && !disposition.settled {
                if entry.state.is_unknown() {
                    let shared = senders_alone.get_or_insert_with(|| {
                        StoredState::of_sender(stored(state_bytes), Giver::Peer, state_bytes)
                    });
                    entry.state = shared.clone();
                } else {
                    entry.state.set_senders(stored(state_bytes), Giver::Peer, state_bytes);
                }
            }
            if is_arriving {
                // Its event will have it.
                unannounced.push((entry.link, id));
            } else if disposition.settled || state.is_some() {
                extend(&mut runs, entry.link.into(), id, disposition.settled);
            }
            ControlFlow::Continue(state_bytes.kept(keep, Giver::Us, &entry.state))
        });
        senders_alone.into_iter().for_each(|state| self.state_bytes.free_both(Giver::Us, &state));
        encoded.into_iter().for_each(|state| self.state_bytes.free(Giver::Peer, &state));
        let settled = before.saturating_sub(incoming.len());
        for run in runs.drain(..) {
            self.on_run(&run, state, cx);
        }
        self.keep_runs(runs);
        if let Some(decided) = decided {
            self.on_decided(*decided, disposition, cx);
        }
        for (link, id) in unannounced {
            if disposition.settled {
                self.count_settled(link.into(), id, id);
            }
            let receiver = self.link(link.into()).and_then(Link::receiver);
            let noted = receiver.map(|receiver| receiver.note_disposition(disposition.settled, state));
            if let Ok(Some((before, now))) = noted {
                self.charge_part(before, now, cx)?;
            }
        }
        self.charge_states(cx)?;
        if walk.places > settled.saturating_add(FREE_UPDATES) {
            self.check_updates(walk.places.saturating_sub(settled), deliveries, cx)?;
        }
        self.stop_at(walk.stopped, last, disposition, cx);
        check_errant(errant, (first, last), cx)
    }

    /// Raises the event of a run, and counts it if it is settled.
    #[inline]
    pub(super) fn on_run(&mut self, run: &Run, state: Option<&DeliveryState>, cx: &mut Context) {
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
                self.outgoing.request_charge();
            }
        }
    }

    pub(super) fn count_settled(&mut self, link: LinkId, first: DeliveryId, last: DeliveryId) {
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

    #[inline]
    pub(super) fn add_disposition(
        &mut self,
        role: Role,
        range: (DeliveryId, DeliveryId),
        settled: bool,
        state: Option<DeliveryState>,
    ) {
        self.add_disposition_with(role, range, settled, state, false);
    }

    /// As [`add_disposition`](Self::add_disposition). Of neighbours that become one, all have to be batchable.
    #[inline(always)]
    pub(super) fn add_disposition_with(
        &mut self,
        role: Role,
        (first, last): (DeliveryId, DeliveryId),
        settled: bool,
        state: Option<DeliveryState>,
        batchable: bool,
    ) {
        if let Some(previous) = self.pending_dispositions.last_mut()
            && (previous.role, previous.settled) == (role, settled)
            && follows(previous.last, first)
            && are_same(previous.state.as_ref(), state.as_ref())
        {
            previous.last = last;
            previous.batchable &= batchable;
        } else {
            let pending = PendingDisposition { role, first, last, settled, batchable, state };
            if has_details(pending.state.as_ref()) {
                self.state_bytes.add_waiting(pending.state.heap_size());
            }
            if self.pending_dispositions.len() < self.pending_dispositions.capacity() {
                self.pending_dispositions.push(pending);
            } else {
                self.push_pending(pending);
            }
        }
    }

    #[inline]
    pub(super) fn write_dispositions(&mut self, cx: &mut Context) {
        for pending in &mut self.pending_dispositions {
            let (first, last) = (pending.first, pending.last);
            let disposition = Disposition {
                role: pending.role,
                first: first.number().into(),
                last: (first != last).then(|| last.number().into()),
                settled: pending.settled,
                state: pending.state.take(),
                batchable: pending.batchable,
            };
            // Whoever added it has checked that it fits.
            let _ = cx.frame(&disposition);
            if (pending.role, pending.settled) == (Role::Receiver, true) {
                remember_settled(&mut self.cold, (first, last));
            }
        }
        self.pending_dispositions.clear();
        self.state_bytes.free_waiting();
        if self.pending_dispositions.capacity() > MAX_PENDING_KEPT {
            self.free_pending();
        }
    }

    /// Returns the bytes that the states of dispositions that wait take up.
    #[cfg(feature = "testing")]
    pub(super) fn waiting_state_bytes(&self) -> usize {
        let pending = self.pending_dispositions.iter();
        pending.fold(0, |sum, pending| sum.saturating_add(pending.state.heap_size()))
    }

    /// Frees what a burst of dispositions took.
    #[cold]
    #[inline(never)]
    fn free_pending(&mut self) {
        self.pending_dispositions.shrink_to(MAX_PENDING_KEPT);
        self.outgoing.request_charge();
    }

    /// Adds a disposition that there is no room for yet. The session is charged for more.
    #[cold]
    #[inline(never)]
    fn push_pending(&mut self, pending: PendingDisposition) {
        self.pending_dispositions.push(pending);
        self.outgoing.request_charge();
    }
}

#[inline]
fn are_same(one: Option<&DeliveryState>, other: Option<&DeliveryState>) -> bool {
    // The common case.
    matches!((one, other), (Some(DeliveryState::Accepted(_)), Some(DeliveryState::Accepted(_))))
        || one == other
}
