//! The end of a link (2.6.3 to 2.6.6).

use alloc::{boxed::Box, collections::VecDeque, sync::Arc};

use super::{
    ColdState, SessionEndpoint,
    attach::next_generation,
    faults::name_link,
    find,
    held::{size_of_link, size_of_name},
    state_bytes::Giver,
};
use crate::{
    context::Context,
    error::{Cause, CommandError, Failure, ProtocolError},
    event::Event,
    ids::LinkId,
    link::{EchoTermini, Link, LinkKind},
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        performatives::Detach,
    },
    state::{LinkState, LinkTrigger},
    timer::Timer,
    types::{Handle, Str},
};

/// Link names remembered at a time, of each kind: links that are attached again to be closed.
const MAX_REMEMBERED: usize = 1024;

/// The deliveries of links that are gone are looked for once they are one in this many: that takes a look at each delivery.
const FEW_ORPHANED: usize = 64;

/// As many looks are worth each byte of the states that have been added since.
const LOOKS_PER_BYTE: usize = 4;

/// Why a link ends.
pub(crate) enum LinkEnd {
    /// The application detaches or closes it. Without an error, a message in progress goes out first.
    Command { closed: bool, error: Option<Box<AmqpError>> },
    /// The application refuses the peer's attach, or an attach came only to close the link (2.6.6).
    Refusal(Option<Box<AmqpError>>),
    /// A detach that waited for a message in progress waits no longer.
    WaitOver,
    /// The peer broke the protocol on the link, which is destroyed (2.6.5).
    Violation(Box<AmqpError>),
    /// The peer's detach.
    PeerDetach(Detach),
    /// Our attach could not be written.
    Unwritable(Arc<Failure>),
    /// The peer did not answer our attach or our detach.
    Unanswered(Arc<Failure>),
}

/// Keeps the bytes that a link has announced and that have not been read, for the application to read them all the
/// same.
#[inline]
pub(super) fn keep_unread(link: &mut Link, cx: &mut Context) {
    if link.streams_parts() {
        keep_unread_parts(link, cx);
    }
}

#[cold]
fn keep_unread_parts(link: &mut Link, cx: &mut Context) {
    if let Some((receiver, unread)) = link.take_unread() {
        cx.keep_unread(receiver, unread);
    }
}

impl SessionEndpoint {
    /// Ends a link. An error changes nothing.
    pub(crate) fn end_link(
        &mut self,
        handle: u16,
        why: LinkEnd,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let link = self.links.get_mut(handle).ok_or(CommandError::UnknownLink)?;
        match why {
            LinkEnd::Command { closed, error } => self.end_link_by_command(handle, closed, error, cx),
            LinkEnd::Refusal(error) => {
                self.refuse_attach(handle, error, cx)?;
                let link = self.links.get_mut(handle).ok_or(CommandError::UnknownLink)?;
                link.common.end_raised = true;
                Ok(())
            }
            LinkEnd::WaitOver => {
                let (id, closed) = (link.common.id, link.common.pending_detach.unwrap_or_default());
                self.write_detach(handle, closed, None, cx)?;
                cx.timers.set(Timer::Link(id), cx.config.timeouts.detach);
                Ok(())
            }
            LinkEnd::Violation(error) => {
                self.end_link_for_violation(handle, error, cx);
                Ok(())
            }
            LinkEnd::PeerDetach(detach) => {
                cx.timers.cancel_link(link.common.id);
                self.on_peer_detach(handle, detach, cx);
                Ok(())
            }
            LinkEnd::Unwritable(failure) => {
                self.raise_link_end(handle, Some(failure), cx);
                self.remove_link(handle, cx);
                Ok(())
            }
            LinkEnd::Unanswered(failure) => {
                let (state, was_ended) = (link.common.state, link.common.end_raised);
                if matches!(state, LinkState::AttachSent | LinkState::Attached) {
                    let _ = self.write_detach(handle, true, None, cx);
                }
                self.raise_link_end(handle, Some(failure), cx);
                if was_ended && state == LinkState::DetachPipe {
                    // 2.6.6: the link was only attached again to be closed at both ends.
                    self.remember(handle, |cold| &mut cold.unanswered, cx);
                    self.remove_link(handle, cx);
                } else {
                    // The link keeps its handle, because the peer may still answer.
                    self.abandon_deliveries(handle, cx);
                }
                Ok(())
            }
        }
    }

    /// Ends a link for a fault of the peer's, whose description gets the link's name.
    #[cold]
    fn end_link_for_violation(&mut self, handle: u16, mut error: Box<AmqpError>, cx: &mut Context) {
        let Some(link) = self.links.get_mut(handle) else { return };
        name_link(&mut error, link.common.identity.name());
        let was_requested = link.common.state == LinkState::AttachRcvd;
        if was_requested {
            cx.withdraw(link.common.id);
        }
        keep_unread(link, cx);
        self.abandon_deliveries(handle, cx);
        let _ = if was_requested {
            self.refuse_attach(handle, Some(error.clone()), cx)
        } else {
            self.write_detach_or_bare(handle, true, Some(error.clone()), cx)
        };
        self.raise_link_end(handle, Some(Arc::new(Failure { cause: Cause::Violation, error: *error })), cx);
    }

    fn end_link_by_command(
        &mut self,
        handle: u16,
        closed: bool,
        error: Option<Box<AmqpError>>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let can_write = self.can_write();
        let link = self.links.get_mut(handle).ok_or(CommandError::UnknownLink)?;
        let id = link.common.id;
        if link.common.pending_attach.is_some() {
            // Nothing of the link has been written, so nothing has to be detached.
            self.raise_link_end(handle, None, cx);
            self.remove_link(handle, cx);
            return Ok(());
        }
        let is_written =
            matches!(link.common.state, LinkState::DetachSent | LinkState::DetachPipe | LinkState::Errant);
        if is_written && (link.common.we_closed || !closed) {
            return Ok(());
        }
        // 2.5.5: nothing follows end on its channel.
        if !can_write {
            return Err(CommandError::IllegalState("the session is ending (2.5.5)"));
        }
        let is_attached = link.common.state == LinkState::Attached;
        let must_wait =
            error.is_none() && is_attached && link.sender().is_ok_and(|sender| sender.has_unsent_message());
        if link.common.state == LinkState::AttachRcvd {
            self.refuse_attach(handle, error, cx)?;
        } else if !must_wait {
            self.write_detach_or_bare(handle, closed, error, cx)?;
        } else if let Some(closes) = &mut link.common.pending_detach {
            *closes |= closed;
            return Ok(());
        } else {
            link.common.pending_detach = Some(closed);
        }
        cx.timers.set(Timer::Link(id), cx.config.timeouts.detach);
        Ok(())
    }

    /// Refuses a link to a coordinator of transactions that the application has accepted without one (4.5.1).
    #[cold]
    pub(super) fn refuse_coordinator(&mut self, handle: u16, cx: &mut Context) -> Result<(), CommandError> {
        let why = "there is no coordinator of transactions (4.5.1)";
        let failure = Failure::new(Cause::Refused, ErrorCondition::NotImplemented, why);
        self.refuse_attach(handle, Some(Box::new(failure.error.clone())), cx)?;
        self.raise_link_end(handle, Some(Arc::new(failure)), cx);
        Ok(())
    }

    /// Answers the peer's attach without a terminus of ours, and detaches at once (2.6.3).
    fn refuse_attach(
        &mut self,
        handle: u16,
        error: Option<Box<AmqpError>>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        self.check_writable()?;
        let link = self.links.get(handle).ok_or(CommandError::UnknownLink)?;
        if link.common.state != LinkState::AttachRcvd {
            return Err(CommandError::IllegalState("the link's attach has been answered (2.6.3)"));
        }
        let role = link.common.role();
        let echo = EchoTermini { source: role == Role::Receiver, target: role == Role::Sender };
        let bare = error.as_ref().map(|error| Box::new(AmqpError::new(error.condition.clone())));
        let wire_handle = Handle::new(handle.into());
        let detach = Detach { handle: wire_handle, closed: true, error: bare };
        Context::check_fits(&detach, cx.max_frame_size)?;
        self.write_reply_or_bare(handle, echo, cx)?;
        self.write_detach_or_bare(handle, true, error, cx)
    }

    /// Writes a detach; with the condition of its error alone if the rest does not fit the peer's frames.
    fn write_detach_or_bare(
        &mut self,
        handle: u16,
        closed: bool,
        error: Option<Box<AmqpError>>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let Some(error) = error else { return self.write_detach(handle, closed, None, cx) };
        let bare = Box::new(AmqpError::new(error.condition.clone()));
        self.write_detach(handle, closed, Some(error), cx)
            .or_else(|_| self.write_detach(handle, closed, Some(bare), cx))
    }

    /// Writes a detach, behind what is pending. A message in progress is cut off.
    fn write_detach(
        &mut self,
        handle: u16,
        closed: bool,
        error: Option<Box<AmqpError>>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let trigger = if error.is_some() { LinkTrigger::SendDetachError } else { LinkTrigger::SendDetach };
        self.check_writable()?;
        let link = self.links.get(handle).ok_or(CommandError::UnknownLink)?;
        if link.common.state.next(trigger).is_none() {
            return Err(CommandError::IllegalState("the link is not attached, or is being detached (2.6.4)"));
        }
        self.write_updates(cx);
        // 2.6.5: a link in error is destroyed, so its detach closes it.
        let closed = closed || error.is_some();
        let wire_handle = Handle::new(handle.into());
        cx.frame(&Detach { handle: wire_handle, closed, error })?;
        if let Some(link) = self.links.get_mut(handle) {
            let applied = link.common.apply(trigger);
            debug_assert!(applied, "checked above");
            link.common.we_closed = closed;
            link.common.pending_detach = None;
            if let LinkKind::Sender(sender) = &mut link.kind {
                sender.cut_off_unsent();
            }
        }
        self.sending.remove(handle);
        if self.senders_wait {
            self.waiting_senders.remove(handle);
        }
        Ok(())
    }

    /// Ends a link for an error of its own, and returns one that ends its session or the connection.
    #[cold]
    pub(super) fn contain_link(
        &mut self,
        handle: u16,
        error: ProtocolError,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        match error {
            ProtocolError::Link(error) => {
                let _ = cx.answering(|cx| self.end_link(handle, LinkEnd::Violation(error), cx));
                Ok(())
            }
            other => Err(other),
        }
    }

    pub(super) fn on_detach(&mut self, detach: Detach, cx: &mut Context) -> Result<(), ProtocolError> {
        let handle = self.attached_handle(detach.handle)?;
        self.unmap_handle(detach.handle);
        let _ = self.end_link(handle, LinkEnd::PeerDetach(detach), cx);
        Ok(())
    }

    fn on_peer_detach(&mut self, handle: u16, detach: Detach, cx: &mut Context) {
        let is_requested = |link: &Link| link.common.state == LinkState::AttachRcvd;
        if self.links.get(handle).is_some_and(is_requested)
            // The peer withdrew its request. Each attach is answered by one, and so is each detach.
            && self.write_reply_or_bare(handle, EchoTermini::BOTH, cx).is_err()
        {
            // Not even the link's name fits the peer's frames.
            self.raise_peer_detach(handle, detach, cx);
            self.remove_link(handle, cx);
            return;
        }
        let Some(link) = self.links.get_mut(handle) else { return };
        let (was_errant, closed) = (link.common.state == LinkState::Errant, detach.closed);
        let is_answer = link.common.state != LinkState::Attached;
        if !link.common.apply(LinkTrigger::RecvDetach) {
            return;
        }
        if !is_answer {
            // The event before our answer, which would make a refusal look like a close of ours.
            let closing = link.common.pending_detach == Some(true);
            link.common.we_closed = closing;
            self.raise_peer_detach(handle, detach, cx);
            let _ = self.write_detach(handle, closed || closing, None, cx);
            if closing && !closed {
                self.remember(handle, |cold| &mut cold.reclosing, cx);
            }
            self.remove_link(handle, cx);
            return;
        }
        let we_closed = link.common.we_closed;
        self.raise_peer_detach(handle, detach, cx);
        if was_errant && !closed {
            // Only the letter needs to know; otherwise an attach of this name asks for a new link.
            if !cx.config.tolerance.frames_for_failed_links {
                self.remember(handle, |cold| &mut cold.errant, cx);
            }
        } else if we_closed && !closed {
            self.remember(handle, |cold| &mut cold.reclosing, cx);
        } else if !we_closed && closed {
            // 2.6.6: the peer closed while we only detached. We attach again and close, so that both ends are closed.
            if self.write_reply_or_bare(handle, EchoTermini::BOTH, cx).is_ok() {
                let _ = self.write_detach(handle, true, None, cx);
                self.become_new(handle, cx);
                return;
            }
        }
        self.remove_link(handle, cx);
    }

    /// Makes what is attached again to be closed another link, whose answers are waited for. The deliveries of the one that
    /// the application knew are left, like those of any link that is gone.
    fn become_new(&mut self, handle: u16, cx: &mut Context) {
        self.abandon_deliveries(handle, cx);
        let Some(common) = self.links.get(handle).map(|link| &link.common) else { return };
        let (known, mut id) = (common.id, common.id);
        if let Ok(generation) = next_generation(cx.last_link_generation) {
            cx.last_link_generation = generation;
            id = self.next_id(common.role(), generation, handle);
        }
        cx.timers.cancel(Timer::Link(known));
        cx.timers.set(Timer::Link(id), cx.config.timeouts.detach);
        let Some(link) = self.links.get_mut(handle).filter(|_| id != known) else { return };
        link.common.id = id;
        let unsettled = core::mem::take(&mut link.common.unsettled);
        let facts = self.forget_facts(known);
        let _ = self.charge_link(facts, 0, cx);
        if unsettled > 0 {
            self.leave_unsettled(unsettled, cx);
        }
    }

    /// Raises the last event of a link that its peer detaches.
    fn raise_peer_detach(&mut self, handle: u16, detach: Detach, cx: &mut Context) {
        let link = self.links.get_mut(handle).filter(|link| !link.common.end_raised);
        let Some(link) = link else { return };
        let cut_off = link.cut_off();
        let common = &mut link.common;
        let refused = !common.open_raised && !common.we_closed;
        let failure = match detach.error {
            Some(error) => {
                Some(Failure { cause: if refused { Cause::Refused } else { Cause::Peer }, error: *error })
            }
            None if refused && common.awaiting_terminus => Some(Failure::new(
                Cause::Refused,
                ErrorCondition::NotAllowed,
                "the peer refused the link and did not report why (2.6.3)",
            )),
            None => None,
        };
        if failure.is_some() || detach.closed || common.we_closed {
            return self.raise_link_end(handle, failure.map(Arc::new), cx);
        }
        common.end_raised = true;
        let (id, unsettled) = (common.id, common.unsettled);
        keep_unread(link, cx);
        if unsettled > 0 {
            self.cold().suspended.insert(id, unsettled);
        }
        cx.event(Event::link_detached(id, cut_off));
    }

    /// Raises the last event of a link, unless it has been raised.
    fn raise_link_end(&mut self, handle: u16, failure: Option<Arc<Failure>>, cx: &mut Context) {
        let Some(link) = self.links.get_mut(handle) else { return };
        if !core::mem::replace(&mut link.common.end_raised, true) {
            keep_unread(link, cx);
            let (id, unsettled) = (link.common.id, link.common.unsettled);
            cx.event(Event::link_closed(id, unsettled, link.cut_off(), failure));
        }
    }

    /// Removes a link and frees its handle. Its unsettled deliveries stay, to be settled or asked for.
    fn remove_link(&mut self, handle: u16, cx: &mut Context) {
        self.abandon_deliveries(handle, cx);
        self.link_names.remove(&self.links, handle);
        let Some(link) = self.links.remove(handle) else { return };
        let facts = self.forget_facts(link.common.id);
        let _ = self.charge_link(size_of_link(&link).saturating_add(facts), 0, cx);
        #[cfg(feature = "testing")]
        self.reached.links.extend(&link.common.reached);
        self.link_flows_due.remove(handle);
        self.sending.remove(handle);
        if self.senders_wait {
            self.waiting_senders.remove(handle);
        }
        if link.common.unsettled > 0 {
            self.leave_unsettled(link.common.unsettled, cx);
        }
    }

    /// Keeps the unsettled deliveries of a link that is gone, as far as the limit and the memory allow.
    #[cold]
    #[inline(never)]
    fn leave_unsettled(&mut self, unsettled: u32, cx: &mut Context) {
        let unsettled = usize::try_from(unsettled).unwrap_or(usize::MAX);
        self.orphaned = self.orphaned.saturating_add(unsettled);
        if !self.has_many_orphaned() {
            return;
        }
        let max = cx.config.limits.max_retained_unsettled;
        if cx.account.is_half_full() {
            self.make_room_for_others(cx);
        } else if self.orphaned > max {
            // An eighth of them at a time: finding them costs a look at all deliveries.
            self.forget_orphaned(self.orphaned.saturating_sub(max.saturating_sub(max / 8)));
        }
    }

    /// True if the unsettled deliveries of links that are gone are worth a look at all: they are one in
    /// [`FEW_ORPHANED`], or their states may take up much.
    pub(super) fn has_many_orphaned(&self) -> bool {
        let states = self.state_bytes.added().saturating_mul(LOOKS_PER_BYTE);
        self.orphaned > 0 && self.orphaned.saturating_mul(FEW_ORPHANED).max(states) >= self.unsettled_len()
    }

    /// Forgets the unsettled deliveries of links that are gone if there are [many](Self::has_many_orphaned). Returns false if
    /// not.
    pub(super) fn forget_many_orphaned(&mut self) -> bool {
        self.has_many_orphaned() && self.forget_orphaned(usize::MAX)
    }

    /// Frees the memory and the window of deliveries that a link has not handed over.
    pub(super) fn abandon_deliveries(&mut self, handle: u16, cx: &mut Context) {
        let Some(LinkKind::Receiver(receiver)) = self.links.get_mut(handle).map(|link| &mut link.kind) else {
            return;
        };
        let streaming = receiver.streaming;
        let (frames, bytes) = receiver.abandon();
        self.release_window(frames);
        if bytes > 0 {
            self.discharge_parts(streaming, bytes, cx);
        }
    }

    /// Forgets the oldest unsettled deliveries of links that are gone, at most `excess` of them. Returns false if there
    /// are none.
    #[cold]
    #[inline(never)]
    pub(super) fn forget_orphaned(&mut self, excess: usize) -> bool {
        let excess = excess.min(self.orphaned);
        if excess == 0 {
            return false;
        }
        let (links, mut suspended) = (&self.links, self.cold.as_mut().map(|cold| &mut cold.suspended));
        let mut left = excess;
        let mut keep = |id: LinkId| {
            if left == 0 || find(links, id).is_some() {
                return true;
            }
            left = left.saturating_sub(1);
            if let Some(suspended) = &mut suspended
                && let Some(unsettled) = suspended.get_mut(&id)
            {
                *unsettled = unsettled.saturating_sub(1);
                if *unsettled == 0 {
                    suspended.remove(&id);
                }
            }
            false
        };
        let bytes = &mut self.state_bytes;
        self.outgoing.retain(|entry| bytes.kept(keep(entry.link.into()), Giver::Peer, &entry.state));
        if let Some(incoming) = &mut self.incoming {
            incoming.retain(|entry| bytes.kept(keep(entry.link.into()), Giver::Us, &entry.state));
        }
        self.orphaned = self.orphaned.saturating_sub(excess.saturating_sub(left));
        self.state_bytes.on_look();
        self.outgoing.request_charge();
        true
    }

    /// Forgets the oldest unsettled deliveries, of a session that has ended: most of the direction that has more.
    /// Returns how many there were to forget, at most `excess`.
    pub(crate) fn forget_oldest(&mut self, excess: usize) -> usize {
        let incoming_len = self.incoming.as_ref().map_or(0, |incoming| incoming.len());
        let left = self.unsettled_len().saturating_sub(excess);
        // What is left is shared evenly, as far as both directions have that many.
        let outgoing_left = self.outgoing.len().min((left / 2).max(left.saturating_sub(incoming_len)));
        let mut outgoing_excess = self.outgoing.len().saturating_sub(outgoing_left);
        let mut incoming_excess = incoming_len.saturating_sub(left.saturating_sub(outgoing_left));
        let forgotten = outgoing_excess.saturating_add(incoming_excess);
        let keep = |excess: &mut usize| {
            let keeps = *excess == 0;
            *excess = excess.saturating_sub(1);
            keeps
        };
        let bytes = &mut self.state_bytes;
        self.outgoing.retain(|entry| bytes.kept(keep(&mut outgoing_excess), Giver::Peer, &entry.state));
        if let Some(incoming) = &mut self.incoming {
            incoming.retain(|entry| bytes.kept(keep(&mut incoming_excess), Giver::Us, &entry.state));
        }
        forgotten
    }

    /// Remembers a link's name and role, and forgets the oldest if there are too many.
    fn remember(
        &mut self,
        handle: u16,
        names: impl FnOnce(&mut ColdState) -> &mut VecDeque<(Str, Role)>,
        cx: &mut Context,
    ) {
        let Some(link) = self.links.get(handle) else { return };
        let name = (link.common.name(), link.common.role());
        let size = size_of_name(&name.0);
        let names = names(self.cold());
        let forgotten = if names.len() >= MAX_REMEMBERED { names.pop_front() } else { None };
        names.push_back(name);
        let forgotten = forgotten.map_or(0, |(name, _)| size_of_name(&name));
        // The next attach fails if that is too much, and without one there is no name.
        let _ = self.charge_instead(forgotten, size, cx);
    }
}

/// Removes a remembered link. Returns the bytes that are free then.
pub(super) fn forget_name(names: &mut VecDeque<(Str, Role)>, name: &[u8], role: Role) -> usize {
    let mut forgotten = 0_usize;
    names.retain(|(other, its_role)| {
        let keeps = (other.as_bytes(), *its_role) != (name, role);
        if !keeps {
            forgotten = forgotten.saturating_add(size_of_name(other));
        }
        keeps
    });
    forgotten
}
