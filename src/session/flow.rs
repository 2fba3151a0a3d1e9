//! Flow frames of a session and its links (2.5.6, 2.6.7, 2.7.4).

use super::SessionEndpoint;
use crate::{
    context::Context,
    error::{CommandError, ProtocolError},
    event::Event,
    ids::{LinkId, LinkKey, ReceiverId, SenderId},
    link::{Link, LinkKind, ReceiverEndpoint},
    spec::{
        definitions::{ErrorCondition, SenderSettleMode},
        performatives::Flow,
    },
    state::LinkState,
    timer::Timer,
    types::{Fields, Handle, Value},
};

impl SessionEndpoint {
    pub(super) fn on_flow(&mut self, flow: &Flow, cx: &mut Context) -> Result<(), ProtocolError> {
        self.window.on_flow(flow)?;
        match flow.handle {
            Some(remote) => self.on_link_flow(remote, flow, cx)?,
            // One flow answers all that ask for one before the next flush.
            None => self.flow_due |= flow.echo,
        }
        self.wake_senders(cx);
        Ok(())
    }

    fn on_link_flow(&mut self, remote: Handle, flow: &Flow, cx: &mut Context) -> Result<(), ProtocolError> {
        let handle = self.attached_handle(remote)?;
        let Some(link) = self.links.get_mut(handle) else { return Ok(()) };
        // 4.4.3: transactional acquisition is not implemented, and must not be taken for the plain kind.
        let has_entry = |properties: &Fields| properties.get("txn-id").is_some_and(|id| *id != Value::Null);
        let is_live = link.common.is_open() || link.common.state == LinkState::AttachRcvd;
        if is_live && flow.properties.as_ref().is_some_and(has_entry) {
            let error = ProtocolError::link(ErrorCondition::NotImplemented, "transactional acquisition");
            return self.contain_link(handle, error, cx);
        }
        if link.common.state == LinkState::AttachRcvd {
            // 2.6.7: a receiver may give credit right after its attach; it counts once we have replied.
            let LinkKind::Sender(sender) = &mut link.kind else { return Ok(()) };
            return match sender.on_flow(flow) {
                Ok(drain) => {
                    sender.drain_event_owed |= drain;
                    Ok(())
                }
                Err(error) => self.contain_link(handle, error, cx),
            };
        }
        if !link.common.is_open() {
            return Self::check_late_input(link);
        }
        let id = link.common.id;
        let reply_due = match (&mut link.kind, id) {
            (LinkKind::Sender(sender), LinkId::Sender(id)) => match sender.on_flow(flow) {
                Ok(drain) => {
                    if drain {
                        cx.event(Event::SenderDrain { sender: id });
                    }
                    self.ready_checks.push(handle);
                    // A drain that finds no credit is answered at once: there is nothing to give up.
                    flow.echo || (flow.drain && sender.is_drained())
                }
                Err(error) => return self.contain_link(handle, error, cx),
            },
            (LinkKind::Receiver(receiver), LinkId::Receiver(id)) => {
                receiver.on_flow(flow);
                end_drain(id, receiver, cx);
                receiver.top_up() || flow.echo
            }
            _ => false,
        };
        if reply_due {
            self.schedule_link_flow(handle);
        }
        Ok(())
    }

    /// Has the link's flow written with the next flush.
    pub(super) fn schedule_link_flow(&mut self, handle: u16) {
        self.link_flows_due.push(handle);
    }

    /// Frees `frames` places in the window, and schedules a flow if that is worth announcing.
    pub(super) fn release_window(&mut self, frames: u32) {
        self.flow_due |= self.window.release(frames);
    }

    pub(super) fn write_flows(&mut self, cx: &mut Context) {
        // 2.7.4: next-incoming-id must be set once the peer's begin has arrived. Before that only flows of links are
        // written, which the peer cannot have seen either.
        while let Some(handle) = self.link_flows_due.pop() {
            let Some(link) = self.links.get(handle) else { continue };
            if !matches!(link.common.state, LinkState::AttachSent | LinkState::Attached) {
                continue;
            }
            let mut flow = self.window.flow();
            flow.handle = Some(Handle::new(handle.into()));
            match &link.kind {
                LinkKind::Sender(sender) => sender.fill_flow(&mut flow),
                LinkKind::Receiver(receiver) => {
                    receiver.fill_flow(&mut flow, link.common.has_remote_attach());
                }
            }
            // A link's flow carries the session's fields too.
            self.flow_due &= cx.frame(&flow).is_err();
        }
        if core::mem::take(&mut self.flow_due) {
            let flow = self.window.flow();
            self.flow_due = cx.frame(&flow).is_err();
        }
    }

    /// Changes a receiver's credit.
    pub(crate) fn set_credit(
        &mut self,
        id: ReceiverId,
        credit: impl FnOnce(u32) -> u32,
    ) -> Result<(), CommandError> {
        self.creditable_receiver(id, |receiver| {
            let credit = credit(receiver.link_credit);
            receiver.set_credit(credit);
        })
    }

    /// Asks a receiver's sender to use the credit or give it up (2.6.7).
    pub(crate) fn drain(&mut self, id: ReceiverId, cx: &mut Context) -> Result<(), CommandError> {
        if self.link(id.into())?.receiver()?.link_credit == 0 {
            return Err(CommandError::IllegalState("there is no credit to drain"));
        }
        self.creditable_receiver(id, |receiver| receiver.drain = true)?;
        cx.timers.set(Timer::Drain(id), cx.config.timeouts.drain);
        Ok(())
    }

    /// Changes the flow state of a receiver that is not being detached, and schedules its flow.
    fn creditable_receiver(
        &mut self,
        id: ReceiverId,
        change: impl FnOnce(&mut ReceiverEndpoint),
    ) -> Result<(), CommandError> {
        let link = self.link(id.into())?;
        if matches!(link.common.state, LinkState::DetachSent | LinkState::DetachPipe | LinkState::Errant) {
            return Err(CommandError::IllegalState("the link is being detached"));
        }
        change(link.receiver()?);
        self.schedule_link_flow(LinkKey::from(LinkId::from(id)).handle);
        Ok(())
    }

    /// Ends a drain that was not answered in time, and revokes the credit, which needs no answer.
    pub(crate) fn give_up_drain(&mut self, id: ReceiverId, cx: &mut Context) {
        let Ok(link) = self.link(id.into()) else { return };
        if !link.common.end_raised && link.receiver().is_ok_and(ReceiverEndpoint::give_up_drain) {
            cx.event(Event::ReceiverDrained { receiver: id, timed_out: true });
            self.schedule_link_flow(LinkKey::from(LinkId::from(id)).handle);
        }
    }

    /// Relinquishes the credit of a sender whose receiver drains it.
    pub(crate) fn drained(&mut self, id: SenderId) -> Result<(), CommandError> {
        let sender = self.link(id.into())?.sender()?;
        if !sender.is_draining() {
            return Err(CommandError::IllegalState("no drain was asked for"));
        }
        if sender.unsent.is_some() {
            return Err(CommandError::Busy);
        }
        sender.give_up_credit();
        self.schedule_link_flow(LinkKey::from(LinkId::from(id)).handle);
        Ok(())
    }

    pub(crate) fn set_available(&mut self, id: SenderId, available: u32) -> Result<(), CommandError> {
        self.link(id.into())?.sender()?.available = available;
        self.schedule_link_flow(LinkKey::from(LinkId::from(id)).handle);
        Ok(())
    }

    /// Raises the `SENDER_READY` events that are owed and due.
    pub(crate) fn wake_senders(&mut self, cx: &mut Context) {
        if self.ready_checks.is_empty()
            || self.end_pending
            || !self.can_write()
            || cx.close_pending
            || self.window.remote_incoming_window == 0
            || cx.outbox_full()
        {
            return;
        }
        let full = self.outgoing.len() >= cx.limits.max_unsettled;
        for _ in 0..self.ready_checks.len() {
            let Some(handle) = self.ready_checks.pop() else { return };
            let Some(Link { common, kind: LinkKind::Sender(sender) }) = self.links.get_mut(handle) else {
                continue;
            };
            let LinkId::Sender(id) = common.id else { continue };
            let may_send = common.is_open() && common.pending_detach.is_none() && sender.check(0).is_ok();
            if sender.ready_owed && may_send && full && sender.mode != SenderSettleMode::Settled {
                // Once deliveries have been settled.
                self.ready_checks.push(handle);
            } else if sender.ready_owed && may_send {
                sender.ready_owed = false;
                cx.event(Event::SenderReady { sender: id });
            }
        }
    }
}

/// Raises the end of a drain, if one has ended.
#[inline]
pub(super) fn end_drain(id: ReceiverId, receiver: &mut ReceiverEndpoint, cx: &mut Context) {
    if receiver.end_drain() {
        cx.timers.cancel(Timer::Drain(id));
        cx.event(Event::ReceiverDrained { receiver: id, timed_out: false });
    }
}
