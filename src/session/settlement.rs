//! Commands that set the states of deliveries and settle them (2.6.12, 2.7.6, 3.4).

use alloc::{boxed::Box, vec::Vec};

use super::{
    ColdState, SessionEndpoint, check_staying,
    disposition::{extend, follows},
    find_mut,
    state_bytes::Giver,
    stored_state::StoredState,
};
use crate::{
    codec::{DecodeLimits, to_vec},
    context::Context,
    error::CommandError,
    frame::HEADER_SIZE,
    ids::{DeliveryId, ReceiverId, SenderId},
    link::{LinkCommon, LinkKind},
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, Role},
        delivery_state::{DeliveryState, Modified, Rejected},
        terminus::TargetArchetype,
    },
};

/// The effect of a command on an unsettled delivery.
#[derive(Clone, Copy)]
enum Change {
    /// Nothing: it is of another link.
    Strange,
    /// Nothing yet: it has a state.
    Known,
    /// Its state, or it is gone.
    Done,
}

impl SessionEndpoint {
    /// Sets the state of a delivery that we received. Without `settle`, the rcv-settle-mode of the delivery decides
    /// whether it is settled.
    pub(crate) fn resolve(
        &mut self,
        id: ReceiverId,
        delivery: DeliveryId,
        state: Option<DeliveryState>,
        settle: Option<bool>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let state = fitting(state, cx)?;
        let has_details = has_details(state.as_ref());
        if has_details {
            let is_kept = settle != Some(true) && !self.settles_at_once(id, settle);
            // With a state of the sender's.
            self.check_own_state(state.as_ref(), is_kept.then_some(1), cx)?;
        }
        let link = find_mut(&mut self.links, id.into())?;
        check_staying(link, self.state)?;
        let LinkKind::Receiver(receiver) = &link.kind else { return Err(CommandError::UnknownLink) };
        if receiver.checks_outcomes {
            check_listed(&link.common, state.as_ref(), cx)?;
        }
        check_declared(&link.common, state.as_ref(), cx)?;
        // 2.7.5: in mode second the sender settles first.
        let settled = settle.unwrap_or(receiver.rcv_mode == ReceiverSettleMode::First);
        let has_parts = receiver.has_parts();
        let incoming = self.incoming.as_mut().ok_or(CommandError::UnknownId)?;
        let state_bytes = &mut self.state_bytes;
        let changed = incoming.update(delivery, |entry| {
            if entry.link != id {
                return (true, Change::Strange);
            }
            if !entry.state.is_unknown() {
                return (true, Change::Known);
            }
            if !settled {
                entry.state = StoredState::new(state.as_ref(), Giver::Us, state_bytes);
            }
            (!settled, Change::Done)
        });
        match changed {
            Some(Change::Done) => {}
            Some(Change::Known) => return self.resolve_known(id, delivery, state, settle, cx),
            Some(Change::Strange) => return Err(CommandError::UnknownId),
            None => {
                // One that its sender has settled is read until it is finished, whatever has been settled here since.
                if !receiver.is_unfinished(delivery) {
                    self.check_gone((delivery, delivery))?;
                }
                if is_final(settled, state.as_ref()) {
                    self.finish_unread(id, (delivery, delivery), cx);
                    // It may be complete or aborted, with events of its parts in the queue.
                    cx.drop_events_of_parts(id, (delivery, delivery), &[]);
                }
                return Ok(());
            }
        }
        if settled {
            link.common.unsettled = link.common.unsettled.saturating_sub(1);
        }
        if has_details {
            // There is room, as has been seen.
            let _ = self.charge_states(cx);
        }
        if has_parts && is_final(settled, state.as_ref()) && self.finish_unread(id, (delivery, delivery), cx)
        {
            // Its sender has settled it, so no disposition is due.
            return Ok(());
        }
        self.add_disposition(Role::Receiver, (delivery, delivery), settled, state);
        Ok(())
    }

    /// True if an outcome settles deliveries of this link.
    #[cold]
    #[inline(never)]
    fn settles_at_once(&mut self, id: ReceiverId, settle: Option<bool>) -> bool {
        let mode = self.link(id.into()).and_then(|link| link.receiver()).map(|receiver| receiver.rcv_mode);
        settle.unwrap_or(mode != Ok(ReceiverSettleMode::Second))
    }

    /// As [`resolve`](Self::resolve), for a delivery of the link that has a state.
    #[cold]
    #[inline(never)]
    fn resolve_known(
        &mut self,
        id: ReceiverId,
        delivery: DeliveryId,
        state: Option<DeliveryState>,
        settle: Option<bool>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let first = self.link(id.into())?.receiver()?.rcv_mode == ReceiverSettleMode::First;
        let entry = self.incoming.as_mut().and_then(|incoming| incoming.get_mut(delivery));
        let entry = entry.ok_or(CommandError::UnknownId)?;
        let [known, theirs] = [Role::Receiver, Role::Sender].map(|role| entry.state.at(role));
        known.check_change(state.as_ref())?;
        let answer = state.clone().or_else(|| outcome_to_confirm(known, theirs, cx));
        let settled = settle.unwrap_or(first || entry.state.settles_first());
        if !settled && state.is_some() {
            let bytes = &mut self.state_bytes;
            let next = StoredState::new(state.as_ref(), Giver::Us, bytes);
            entry.state.set_receivers(next, Giver::Us, bytes);
            // There is room, as has been seen.
            let _ = self.charge_states(cx);
        }
        if settled {
            self.forget_incoming(id, delivery);
        }
        if is_final(settled, state.as_ref()) && self.finish_unread(id, (delivery, delivery), cx) {
            return Ok(());
        }
        self.add_disposition(Role::Receiver, (delivery, delivery), settled, answer);
        Ok(())
    }

    /// Fails unless the deliveries of a range have all been settled by their sender, so that nothing is left to do.
    #[cold]
    #[inline(never)]
    fn check_gone(&self, (first, last): (DeliveryId, DeliveryId)) -> Result<(), CommandError> {
        let incoming = self.incoming.as_ref().ok_or(CommandError::UnknownId)?;
        if last < first || !incoming.contains(first) || !incoming.contains(last) {
            return Err(CommandError::UnknownId);
        }
        let is_ours = |(from, to): &(DeliveryId, DeliveryId)| *from <= last && first <= *to;
        let settled = self.cold.as_ref().is_some_and(|cold| cold.settled_here.iter().any(is_ours));
        let mut pending = self.pending_dispositions.iter();
        if settled
            || pending.any(|one| one.role == Role::Receiver && one.settled && is_ours(&(one.first, one.last)))
        {
            return Err(CommandError::IllegalState("the delivery has its outcome, and is settled (2.6.12)"));
        }
        Ok(())
    }

    /// Sets the state of every unsettled delivery of the link in `first..=last`.
    pub(crate) fn resolve_range(
        &mut self,
        id: ReceiverId,
        (first, last): (DeliveryId, DeliveryId),
        state: Option<DeliveryState>,
        (settled, batchable): (bool, bool),
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let state = fitting(state, cx)?;
        let link = self.staying_link(id.into())?;
        let receiver = link.receiver()?;
        let finishes = receiver.has_parts() && is_final(settled, state.as_ref());
        // The application does not know of one that is still arriving, and would never get it.
        let arriving = receiver.arriving();
        if receiver.checks_outcomes {
            check_listed(&link.common, state.as_ref(), cx)?;
        }
        check_declared(&link.common, state.as_ref(), cx)?;
        let incoming = self.incoming.as_mut().ok_or(CommandError::UnknownId)?;
        if last < first || !incoming.contains(first) || !incoming.contains(last) {
            return Err(CommandError::UnknownId);
        }
        let mut allowed = Ok(());
        let (mut of_link, mut of_others, mut of_both) = (false, false, 0_usize);
        incoming.retain_range(first.number().into(), last.number().into(), |delivery, entry| {
            if entry.link != id || Some(delivery) == arriving {
                of_others = true;
            } else if allowed.is_ok() {
                of_link = true;
                of_both = of_both.saturating_add(entry.state.both_ends().is_some().into());
                allowed = entry.state.at(Role::Receiver).check_change(state.as_ref());
            }
            true
        });
        allowed?;
        if !of_link {
            if of_others {
                return Err(CommandError::UnknownId);
            }
            self.check_gone((first, last))?;
        }
        // Nothing to say about them. The sender's outcome is not ours while they stay unsettled.
        if !settled && state.is_none() {
            return Ok(());
        }
        if !settled || has_details(state.as_ref()) {
            self.check_own_state(state.as_ref(), (!settled).then_some(of_both), cx)?;
        }
        if finishes && arriving.is_none() {
            self.finish_unread(id, (first, last), cx);
        }
        let state_bytes = &mut self.state_bytes;
        let Some(incoming) = self.incoming.as_mut().filter(|_| of_link) else { return Ok(()) };
        let mut runs = core::mem::take(&mut self.runs);
        let stored = StoredState::new(state.as_ref(), Giver::Us, state_bytes);
        let mut decided = Vec::new();
        incoming.retain_range(first.number().into(), last.number().into(), |delivery, entry| {
            if entry.link != id || Some(delivery) == arriving {
                return true;
            }
            if state.is_some() {
                entry.state.set_receivers(stored.clone(), Giver::Us, state_bytes);
            } else if let [known, theirs] = [Role::Receiver, Role::Sender].map(|role| entry.state.at(role))
                && (known.is_terminal() || theirs.is_terminal())
            {
                decided.push((delivery, known.clone(), theirs.clone()));
                state_bytes.free_both(Giver::Us, &entry.state);
                return false;
            }
            extend(&mut runs, id.into(), delivery, settled);
            state_bytes.kept(!settled, Giver::Us, &entry.state)
        });
        state_bytes.free(Giver::Us, &stored);
        for run in runs.drain(..) {
            if settled {
                self.count_settled(id.into(), run.first, run.last);
            }
            let range = (run.first, run.last);
            self.add_disposition_with(Role::Receiver, range, settled, state.clone(), batchable);
        }
        self.runs = runs;
        for (delivery, known, theirs) in decided {
            self.count_settled(id.into(), delivery, delivery);
            let state = outcome_to_confirm(&known, &theirs, cx);
            self.add_disposition_with(Role::Receiver, (delivery, delivery), true, state, batchable);
            self.state_bytes.free(Giver::Us, &known);
            self.state_bytes.free(Giver::Peer, &theirs);
        }
        // There is room, as has been seen.
        let _ = self.charge_states(cx);
        Ok(())
    }

    /// Settles a delivery that we sent.
    pub(crate) fn settle_sent(
        &mut self,
        id: SenderId,
        delivery: DeliveryId,
        state: Option<DeliveryState>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        check_senders(state.as_ref())?;
        let state = fitting(state, cx)?;
        if has_details(state.as_ref()) {
            self.check_own_state(state.as_ref(), None, cx)?;
        }
        let link = self.staying_link(id.into())?;
        check_declared(&link.common, state.as_ref(), cx)?;
        let sender = link.sender()?;
        if sender.in_progress() == Some(delivery) {
            return Err(CommandError::IllegalState("the delivery is still being sent (2.6.14)"));
        }
        let entry = self.outgoing.get_mut(delivery).filter(|entry| entry.link == id);
        let state_now = &entry.ok_or(CommandError::UnknownId)?.state;
        let (senders, receivers) = (state_now.at(Role::Sender), state_now.at(Role::Receiver));
        senders.check_change(state.as_ref())?;
        let state = state.or_else(|| outcome_to_confirm(senders, receivers, cx));
        self.forget_outgoing(id, delivery);
        self.add_disposition(Role::Sender, (delivery, delivery), true, state);
        let _ = self.charge_states(cx);
        Ok(())
    }

    /// Sets the state of every unsettled delivery that we sent on the link in `first..=last`.
    pub(crate) fn resolve_sent_range(
        &mut self,
        id: SenderId,
        (first, last): (DeliveryId, DeliveryId),
        state: Option<DeliveryState>,
        settled: bool,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        check_senders(state.as_ref())?;
        let state = fitting(state, cx)?;
        let terminal = state.as_ref().is_some_and(DeliveryState::is_terminal);
        let link = self.staying_link(id.into())?;
        check_declared(&link.common, state.as_ref(), cx)?;
        let sender = link.sender()?;
        let is_unsent = sender.in_progress().is_some_and(|id| (first..=last).contains(&id));
        if settled && is_unsent {
            return Err(CommandError::IllegalState("a delivery of the range is still being sent (2.6.14)"));
        }
        if last < first || !self.outgoing.contains(first) || !self.outgoing.contains(last) {
            return Err(CommandError::UnknownId);
        }
        let (first, last) = (first.number().into(), last.number().into());
        let (mut allowed, mut found, mut of_both) = (Ok(()), false, 0_usize);
        self.outgoing.retain_range(first, last, |_, entry| {
            if entry.link == id && allowed.is_ok() {
                found = true;
                of_both = of_both.saturating_add((!entry.state.is_unknown()).into());
                allowed = entry.state.at(Role::Sender).check_change(state.as_ref());
            }
            true
        });
        allowed?;
        if !found {
            return Err(CommandError::UnknownId);
        }
        if has_details(state.as_ref()) || !settled && terminal {
            // One more is shared by all whose receiver has given no state.
            let kept = (!settled && terminal).then_some(of_both.saturating_add(1));
            self.check_own_state(state.as_ref(), kept, cx)?;
        }
        let mut runs = core::mem::take(&mut self.runs);
        let state_bytes = &mut self.state_bytes;
        let stored = StoredState::new(state.as_ref(), Giver::Us, state_bytes);
        let senders_alone = StoredState::of_sender(stored.clone(), Giver::Us, state_bytes);
        let mut decided = Vec::new();
        self.outgoing.retain_range(first, last, |delivery, entry| {
            if entry.link != id {
                return true;
            }
            if settled && state.is_none() && !entry.state.is_unknown() {
                decided.push((delivery, entry.state.clone()));
                return false;
            }
            // 2.7.5: the outcome has been announced, and is the last.
            if !settled && (state.is_none() || entry.state.at(Role::Sender).is_terminal()) {
                return true;
            }
            if terminal && entry.state.is_unknown() {
                entry.state = senders_alone.clone();
            } else if terminal {
                entry.state.set_senders(stored.clone(), Giver::Us, state_bytes);
            }
            extend(&mut runs, id.into(), delivery, settled);
            state_bytes.kept(!settled, Giver::Peer, &entry.state)
        });
        state_bytes.free_both(Giver::Peer, &senders_alone);
        drop(senders_alone);
        state_bytes.free(Giver::Us, &stored);
        for run in runs.drain(..) {
            if settled {
                self.count_settled(id.into(), run.first, run.last);
            }
            self.add_disposition(Role::Sender, (run.first, run.last), settled, state.clone());
        }
        self.runs = runs;
        for (delivery, known) in decided {
            self.count_settled(id.into(), delivery, delivery);
            let state = outcome_to_confirm(known.at(Role::Sender), known.at(Role::Receiver), cx);
            self.add_disposition(Role::Sender, (delivery, delivery), true, state);
            self.state_bytes.free_both(Giver::Peer, &known);
        }
        // There is room, as has been seen.
        let _ = self.charge_states(cx);
        Ok(())
    }
}

/// Returns the outcome that a settlement without a state means (2.6.12): ours, or else the peer's.
#[cold]
#[inline(never)]
fn outcome_to_confirm(ours: &StoredState, theirs: &StoredState, cx: &Context) -> Option<DeliveryState> {
    let limits = cx.config.limits.decode;
    if ours.is_terminal() {
        return ours.get(limits);
    }
    let theirs = if theirs.is_terminal() { theirs.get(limits) } else { None };
    answer_to(theirs.as_ref(), cx)
}

/// True if the application has no more to do with a delivery of this state.
fn is_final(settled: bool, state: Option<&DeliveryState>) -> bool {
    settled || state.is_some_and(DeliveryState::is_terminal)
}

/// Ranges of settled deliveries that are remembered.
const MAX_SETTLED_RANGES: usize = 64;

/// Remembers deliveries that we have settled.
#[inline]
pub(super) fn remember_settled(cold: &mut Option<Box<ColdState>>, (first, last): (DeliveryId, DeliveryId)) {
    if let Some(cold) = cold
        && let Some((_, end)) = cold.settled_here.last_mut()
        && follows(*end, first)
    {
        *end = last;
        return;
    }
    remember_range(&mut cold.get_or_insert_default().settled_here, (first, last));
}

#[cold]
#[inline(never)]
fn remember_range(ranges: &mut Vec<(DeliveryId, DeliveryId)>, range: (DeliveryId, DeliveryId)) {
    // The oldest two become one range, so a delivery between them counts as settled here too.
    if ranges.len() >= MAX_SETTLED_RANGES {
        let (begin, end) = ranges.remove(0);
        if let Some(next) = ranges.first_mut() {
            *next = (begin.min(next.0), end.max(next.1));
        }
    }
    ranges.push(range);
}

/// True if the state is one that is stored in an allocation of its own.
#[inline]
pub(super) fn has_details(state: Option<&DeliveryState>) -> bool {
    !matches!(state, None | Some(DeliveryState::Accepted(_) | DeliveryState::Released(_)))
}

/// True if nothing is in the state that the application chooses the size of.
pub(super) fn is_bare(state: &DeliveryState) -> bool {
    match state {
        DeliveryState::Rejected(rejected) => rejected.error.is_none(),
        DeliveryState::Modified(modified) => modified.message_annotations.is_none(),
        _ => !has_details(Some(state)),
    }
}

/// Returns the state, without its details if only then a disposition with it fits the peer's frames, whatever its range.
#[inline]
fn fitting(state: Option<DeliveryState>, cx: &Context) -> Result<Option<DeliveryState>, CommandError> {
    match state {
        None | Some(DeliveryState::Accepted(_) | DeliveryState::Released(_)) => Ok(state),
        Some(other) => fitting_details(other, cx).map(Some),
    }
}

#[cold]
#[inline(never)]
fn fitting_details(state: DeliveryState, cx: &Context) -> Result<DeliveryState, CommandError> {
    let check = |state: &DeliveryState| {
        let size = to_vec(state).len().saturating_add(LARGEST_DISPOSITION_BESIDE_STATE);
        let max = cx.max_frame_size;
        let fits = u32::try_from(size).is_ok_and(|size| size <= max);
        if fits { Ok(()) } else { Err(CommandError::FrameTooLarge { size, max }) }
    };
    if check(&state).is_ok() {
        return Ok(state);
    }
    // Details that do not fit are left out: the outcome matters more.
    let bare = without_details(&state);
    check(&bare)?;
    Ok(bare)
}

/// Bytes of a frame with a disposition of any range, beside its state: the frame header, the descriptor, the sizes of a
/// long list, role, both ids and `settled`.
const LARGEST_DISPOSITION_BESIDE_STATE: usize = HEADER_SIZE + 3 + 9 + 1 + 5 + 5 + 1;

/// Returns the state of a disposition that settles deliveries for their receiver's, as far as the peer's frames have
/// room for it: the settlement matters more, and the receiver knows the rest.
#[inline]
pub(super) fn answer_to(state: Option<&DeliveryState>, cx: &Context) -> Option<DeliveryState> {
    match state {
        None => None,
        Some(DeliveryState::Accepted(_)) => Some(DeliveryState::ACCEPTED),
        Some(other) => fitting_answer(other, cx),
    }
}

/// The longest condition in such an answer, in bytes. Answers that wait count at a fixed size.
const LONGEST_CONDITION: usize = 64;

#[cold]
#[inline(never)]
fn fitting_answer(state: &DeliveryState, cx: &Context) -> Option<DeliveryState> {
    if let DeliveryState::Rejected(rejected) = state
        && let Some(ErrorCondition::Other(condition)) = rejected.error.as_ref().map(|error| &error.condition)
    {
        // A copy does not keep the buffer that it was read into.
        let condition = (condition.len() <= LONGEST_CONDITION).then(|| condition.detach());
        let error = condition.map(|condition| AmqpError::new(ErrorCondition::Other(condition)));
        return Some(Rejected { error }.into());
    }
    fitting(Some(without_details(state)), cx).ok()?
}

/// Fails if the source in the peer's attach does not list the outcome of a delivery that we received (3.5.3).
#[cold]
#[inline(never)]
fn check_listed(link: &LinkCommon, state: Option<&DeliveryState>, cx: &Context) -> Result<(), CommandError> {
    let source = link.remote(cx.config.limits.decode).and_then(|attach| attach.source);
    match (source, state) {
        (Some(source), Some(state)) if source.restricts_outcomes() && !source.supports(state) => {
            Err(CommandError::IllegalState("the link's source does not list the outcome (3.5.3)"))
        }
        _ => Ok(()),
    }
}

/// Fails for `declared` on a link whose target is not a coordinator (4.5.5).
#[inline]
fn check_declared(
    link: &LinkCommon,
    state: Option<&DeliveryState>,
    cx: &Context,
) -> Result<(), CommandError> {
    if !matches!(state, Some(DeliveryState::Declared(_))) || has_coordinator(link, cx.config.limits.decode) {
        return Ok(());
    }
    Err(CommandError::IllegalState("declared is for links to a coordinator (4.5.5)"))
}

/// True if the target in the peer's attach is a coordinator.
#[cold]
#[inline(never)]
pub(super) fn has_coordinator(link: &LinkCommon, limits: DecodeLimits) -> bool {
    let target = link.remote(limits).and_then(|attach| attach.target);
    matches!(target.as_deref(), Some(TargetArchetype::Coordinator(_)))
}

/// Fails if a sender must not have this state (3.4.1).
pub(super) fn check_senders(state: Option<&DeliveryState>) -> Result<(), CommandError> {
    match state {
        Some(DeliveryState::Received(_)) => Err(CommandError::IllegalState(
            "a sender has the state received only if it resumes a delivery (3.4.1)",
        )),
        _ => Ok(()),
    }
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
