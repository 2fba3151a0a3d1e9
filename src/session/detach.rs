//! Links go (2.6.4 to 2.6.6): detached or closed, in order or cut off, by either end.

use alloc::{boxed::Box, collections::VecDeque};

use super::{ColdState, REMEMBERED, SessionEndpoint, find};
use crate::{
    config,
    context::Context,
    error::{Cause, CommandError, Failure, ProtocolError},
    event::Event,
    ids::{LinkId, LinkKey},
    link::{EchoTermini, LinkKind},
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        performatives::Detach,
    },
    state::{LinkState, LinkTrigger},
    types::{Handle, Str},
};

impl SessionEndpoint {
    /// Detaches or closes a link: what is pending goes first, and without an error a message in progress too.
    pub(crate) fn detach(
        &mut self,
        slot: u16,
        closed: bool,
        error: Option<AmqpError>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let can_write = self.can_write();
        let link = self.link_at(slot).ok_or(CommandError::UnknownId)?;
        if link.common.unsent.is_some() {
            let id = link.common.id;
            self.forget_link(slot);
            cx.event(Event::link_closed(id, 0, None));
            return Ok(());
        }
        // 2.5.5: nothing follows end on its channel.
        if !can_write {
            return Err(CommandError::IllegalState("the session is ending"));
        }
        if link.common.state == LinkState::AttachRcvd {
            return self.refuse_link(slot, error, cx);
        }
        let waits = error.is_none()
            && link.common.state == LinkState::Attached
            && link.sender().is_ok_and(|sender| sender.holds_message());
        if !waits {
            return self.detach_now(slot, closed, error, cx);
        }
        if link.common.leaving.is_some() {
            return Err(CommandError::IllegalState("the link is being detached"));
        }
        link.common.leaving = Some(closed);
        Ok(())
    }

    /// Detaches or closes a link, and cuts off what is in progress on it.
    pub(crate) fn detach_now(
        &mut self,
        slot: u16,
        closed: bool,
        error: Option<AmqpError>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let trigger = if error.is_some() { LinkTrigger::SendDetachError } else { LinkTrigger::SendDetach };
        self.check_writable()?;
        let link = self.link_at(slot).ok_or(CommandError::UnknownId)?;
        if link.common.state.next(trigger).is_none() {
            return Err(CommandError::IllegalState("the link is not attached, or is being detached"));
        }
        self.write_dispositions(cx);
        self.write_flows(cx);
        // 2.6.5: a link in error is destroyed, so its detach closes it.
        let closed = closed || error.is_some();
        let handle = Handle::new(slot.into());
        cx.frame(&Detach { handle, closed, error: error.map(Box::new) })?;
        if let Some(link) = self.link_at(slot) {
            let applied = link.common.apply(trigger);
            debug_assert!(applied, "looked up above");
            link.common.closed = closed;
            link.common.leaving = None;
            if let LinkKind::Sender(sender) = &mut link.kind {
                sender.held = None;
            }
        }
        self.held.remove(slot);
        self.waiting.remove(slot);
        Ok(())
    }

    /// Whether a detach waits for a message in progress.
    pub(crate) fn detach_waits(&self, id: LinkId) -> bool {
        self.link_ref(id).is_some_and(|link| link.common.leaving.is_some())
    }

    /// Writes a detach that waited for a message in progress, which is cut off.
    pub(crate) fn detach_in_time(&mut self, id: LinkId, cx: &mut Context) {
        let leaving = self.link(id).ok().and_then(|link| link.common.leaving.take());
        if let Some(closed) = leaving {
            let _ = self.detach_now(LinkKey::from(id).handle, closed, None, cx);
        }
    }

    /// The peer is no longer waited for: the link's last event comes without its detach.
    pub(crate) fn raise_link_lost(&mut self, id: LinkId, failure: Failure, cx: &mut Context) {
        let Ok(link) = self.link(id) else { return };
        if core::mem::replace(&mut link.common.end_raised, true) {
            return;
        }
        cx.event(Event::link_closed(id, link.common.unsettled, Some(Box::new(failure))));
        if let LinkKind::Receiver(receiver) = &mut link.kind {
            let abandoned = receiver.abandon();
            self.abandon(abandoned);
        }
    }

    /// Passes an error of the peer's on to whom it concerns; one of a link ends there.
    pub(super) fn contain_link(
        &mut self,
        slot: u16,
        error: ProtocolError,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        match error {
            ProtocolError::Link(error) => {
                self.fail_link(slot, *error, cx);
                Ok(())
            }
            other => Err(other),
        }
    }

    /// 2.6.5: the peer broke the protocol on a link, which is detached with the error and destroyed.
    pub(super) fn fail_link(&mut self, slot: u16, error: AmqpError, cx: &mut Context) {
        let Some(link) = self.link_at(slot) else { return };
        let (id, unsettled, end_raised) = (link.common.id, link.common.unsettled, link.common.end_raised);
        let link_state = link.common.state;
        link.common.end_raised = true;
        if let LinkKind::Receiver(receiver) = &mut link.kind {
            let abandoned = receiver.abandon();
            self.abandon(abandoned);
        }
        let _ = if link_state == LinkState::AttachRcvd {
            self.refuse_link(slot, Some(error.clone()), cx)
        } else {
            self.detach_now(slot, true, Some(error.clone()), cx)
        };
        if !end_raised {
            let failure = Failure { cause: Cause::Violation, error };
            cx.event(Event::link_closed(id, unsettled, Some(Box::new(failure))));
        }
    }

    pub(super) fn on_detach(&mut self, detach: Detach, cx: &mut Context) -> Result<(), ProtocolError> {
        let slot = self.slot_of(detach.handle)?;
        if let Some(place) = self.handles.get_mut(usize::try_from(detach.handle.get()).unwrap_or(usize::MAX))
        {
            *place = None;
        }
        let Some(link) = self.link_at(slot) else { return Ok(()) };
        if link.common.state == LinkState::AttachRcvd {
            // The peer took its request back before it was answered; each attach is answered by one, and so is
            // each detach.
            if self.write_answer_or_bare(slot, EchoTermini::BOTH, cx).is_err() {
                // Not even its name fits: all that is left is to forget it.
                self.raise_link_end(slot, detach, cx);
                self.forget_link(slot);
                return Ok(());
            }
        }
        let Some(link) = self.link_at(slot) else { return Ok(()) };
        let was_errant = link.common.state == LinkState::Errant;
        let answer_due = link.common.state == LinkState::Attached;
        if !link.common.apply(LinkTrigger::RecvDetach) {
            return Ok(());
        }
        if answer_due {
            // Before our answer, which would make a refusal look like a close that we asked for.
            let closed = detach.closed;
            let closing = link.common.leaving == Some(true);
            link.common.closed = closing;
            self.raise_link_end(slot, detach, cx);
            let _ = self.detach_now(slot, closed || closing, None, cx);
            if closing && !closed {
                self.remember(slot, |cold| &mut cold.reclosing);
            }
            self.forget_link(slot);
            return Ok(());
        }
        let we_closed = link.common.closed;
        let closed = detach.closed;
        self.raise_link_end(slot, detach, cx);
        if was_errant && !closed {
            self.remember(slot, |cold| &mut cold.errant);
        } else if we_closed && !closed {
            self.remember(slot, |cold| &mut cold.reclosing);
        } else if !we_closed && closed && self.attach_again(slot, cx).is_ok() {
            // 2.6.6: the peer closed while we only detached. That the link is closed for us too is said by
            // attaching again and closing.
            let _ = self.detach_now(slot, true, None, cx);
            return Ok(());
        }
        self.forget_link(slot);
        Ok(())
    }

    fn raise_link_end(&mut self, slot: u16, detach: Detach, cx: &mut Context) {
        let Some(link) = self.link_at(slot) else { return };
        if core::mem::replace(&mut link.common.end_raised, true) {
            return;
        }
        let refused = !link.common.opened && !link.common.closed;
        let failure = match detach.error {
            Some(error) => {
                Some(Failure { cause: if refused { Cause::Refused } else { Cause::Peer }, error: *error })
            }
            None if refused && link.common.awaiting_terminus => {
                Some(Failure::new(Cause::Refused, ErrorCondition::NotAllowed, "the peer refused the link"))
            }
            None => None,
        };
        let suspended = failure.is_none() && !detach.closed && !link.common.closed;
        if suspended && link.common.unsettled > 0 {
            let (id, unsettled) = (link.common.id, link.common.unsettled);
            self.cold().suspended.insert(id, unsettled);
        }
        let Some(link) = self.link_at(slot) else { return };
        let event = match failure {
            None if suspended => Event::link_detached(link.common.id),
            failure => Event::link_closed(link.common.id, link.common.unsettled, failure.map(Box::new)),
        };
        cx.event(event);
    }

    /// Frees a link's handle. Its unsettled deliveries stay, to be settled or asked for.
    pub(super) fn forget_link(&mut self, slot: u16) {
        self.names.remove(&self.links, slot);
        let Some(mut link) = self.links.remove(slot) else { return };
        #[cfg(feature = "testing")]
        self.reached.1.append(&mut link.common.reached);
        self.flows.remove(slot);
        self.held.remove(slot);
        self.waiting.remove(slot);
        if let LinkKind::Receiver(receiver) = &mut link.kind {
            let abandoned = receiver.abandon();
            self.abandon(abandoned);
        }
        self.orphans =
            self.orphans.saturating_add(usize::try_from(link.common.unsettled).unwrap_or(usize::MAX));
    }

    /// What a link had not handed over no longer takes up room.
    fn abandon(&mut self, (frames, bytes): (u32, u64)) {
        self.release(frames);
        self.buffered = self.buffered.saturating_sub(bytes);
    }

    /// Forgets the unsettled deliveries of closed links once there are more of them than are to be kept.
    #[inline]
    pub(crate) fn purge_orphans(&mut self, keep: usize) {
        if self.orphans > keep {
            self.forget_orphans();
        }
    }

    #[cold]
    fn forget_orphans(&mut self) {
        let links = &self.links;
        let is_alive = |id: LinkId| find(links, id).is_some();
        self.outgoing.purge(|slot| is_alive(slot.link.into()));
        if let Some(incoming) = &mut self.incoming {
            incoming.purge(|slot| is_alive(slot.link.into()));
        }
        self.orphans = 0;
        if let Some(cold) = &mut self.cold {
            cold.suspended.clear();
        }
    }

    /// Remembers the name of a link, and forgets the oldest for it.
    fn remember(&mut self, slot: u16, names: impl FnOnce(&mut ColdState) -> &mut VecDeque<(Str, Role)>) {
        let Some(link) = self.links.get(slot) else { return };
        let name = (link.common.name(), link.common.role());
        let names = names(self.cold());
        if names.len() >= REMEMBERED {
            names.pop_front();
        }
        names.push_back(name);
    }

    /// Attaches a link again that both ends have detached, with the termini that the peer last told.
    fn attach_again(&mut self, slot: u16, cx: &mut Context) -> Result<(), CommandError> {
        self.write_answer(slot, &config::LinkConfig::default(), EchoTermini::BOTH, cx)
    }
}
