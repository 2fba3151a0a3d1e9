//! Flow frames of a session and its links (2.5.6, 2.6.7, 2.7.4).

use super::SessionEndpoint;
use crate::{
    context::Context,
    error::{CommandError, ProtocolError},
    event::Event,
    ids::{LinkId, LinkKey, ReceiverId, SenderId},
    link::{Link, LinkKind, ReceiverEndpoint},
    spec::{definitions::ErrorCondition, performatives::Flow},
    state::LinkState,
    types::Handle,
};

impl SessionEndpoint {
    pub(super) fn on_flow(&mut self, flow: &Flow, cx: &mut Context) -> Result<(), ProtocolError> {
        self.window.on_flow(flow)?;
        match flow.handle {
            Some(handle) => self.on_link_flow(handle, flow, cx)?,
            // Answered once per flush, however often it is asked.
            None => self.flow_due |= flow.echo,
        }
        self.write_held(cx);
        self.wake_senders(cx);
        Ok(())
    }

    fn on_link_flow(&mut self, handle: Handle, flow: &Flow, cx: &mut Context) -> Result<(), ProtocolError> {
        let slot = self.slot_of(handle)?;
        let Some(link) = self.link_at(slot) else { return Ok(()) };
        if link.common.state == LinkState::AttachRcvd {
            // 2.6.7: a receiver may give credit right behind its attach; it counts once that is answered.
            return match &mut link.kind {
                LinkKind::Sender(sender) => match sender.on_flow(flow) {
                    Ok(told) => {
                        sender.drain_event_owed |= told.drain;
                        Ok(())
                    }
                    Err(error) => self.contain_link(slot, error, cx),
                },
                LinkKind::Receiver(_) => Ok(()),
            };
        }
        if !link.common.is_open() {
            return Self::late_input(link);
        }
        // 4.4.3: transactional acquisition is not implemented, and must not be taken for the plain kind.
        if flow.properties.as_ref().is_some_and(|properties| properties.get("txn-id").is_some()) {
            let error = ProtocolError::link(ErrorCondition::NotImplemented, "transactional acquisition");
            return self.contain_link(slot, error, cx);
        }
        let id = link.common.id;
        let answer = match &mut link.kind {
            LinkKind::Sender(sender) => match sender.on_flow(flow) {
                Ok(told) => {
                    if told.drain
                        && let LinkId::Sender(sender) = id
                    {
                        cx.event(Event::SenderDrain { sender });
                    }
                    // A drain that finds no credit is answered at once: there is nothing to give up.
                    flow.echo || (flow.drain && sender.is_drained())
                }
                Err(error) => return self.contain_link(slot, error, cx),
            },
            LinkKind::Receiver(receiver) => {
                receiver.on_flow(flow);
                if receiver.end_drain()
                    && let LinkId::Receiver(receiver) = id
                {
                    cx.event(Event::ReceiverDrained { receiver, timed_out: false });
                }
                receiver.top_up() || flow.echo
            }
        };
        if answer {
            self.schedule_flow(slot);
        }
        if matches!(id, LinkId::Sender(_)) {
            self.wait(slot);
        }
        Ok(())
    }

    /// The link's flow state is to be told with the next flush.
    pub(super) fn schedule_flow(&mut self, slot: u16) {
        self.flows.push(slot);
    }

    /// So many transfers no longer take up room in the window.
    pub(super) fn release(&mut self, frames: u32) {
        self.flow_due |= self.window.release(frames);
    }

    pub(super) fn write_flows(&mut self, cx: &mut Context) {
        // 2.7.4: what the peer has told us must be in a flow, so none goes out before its begin has come, but
        // those of links, which it can't have seen yet either.
        while let Some(slot) = self.flows.pop() {
            let Some(link) = self.links.get(slot) else { continue };
            if !matches!(link.common.state, LinkState::AttachSent | LinkState::Attached) {
                continue;
            }
            let mut flow = self.window.flow();
            flow.handle = Some(Handle::new(slot.into()));
            match &link.kind {
                LinkKind::Sender(sender) => sender.fill(&mut flow),
                LinkKind::Receiver(receiver) => {
                    receiver.fill(&mut flow, link.common.has_remote_attach());
                }
            }
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
        drain: bool,
    ) -> Result<(), CommandError> {
        let link = self.link(id.into())?;
        if matches!(link.common.state, LinkState::DetachSent | LinkState::DetachPipe | LinkState::Errant) {
            return Err(CommandError::IllegalState("the link is being detached"));
        }
        let receiver = link.receiver()?;
        let credit = credit(receiver.credit());
        receiver.set_credit(credit);
        if drain {
            receiver.start_drain();
        }
        self.schedule_flow(LinkKey::from(LinkId::from(id)).handle);
        Ok(())
    }

    /// A drain was not answered in time: the credit is taken back, which needs no answer.
    pub(crate) fn give_up_drain(&mut self, id: ReceiverId, cx: &mut Context) {
        let Ok(link) = self.link(id.into()) else { return };
        if link.common.end_raised {
            return;
        }
        if link.receiver().is_ok_and(ReceiverEndpoint::give_up_drain) {
            cx.event(Event::ReceiverDrained { receiver: id, timed_out: true });
            self.schedule_flow(LinkKey::from(LinkId::from(id)).handle);
        }
    }

    /// Gives up the credit of a sender that is asked to drain.
    pub(crate) fn drained(&mut self, id: SenderId) -> Result<(), CommandError> {
        let sender = self.link(id.into())?.sender()?;
        if !sender.is_draining() {
            return Err(CommandError::IllegalState("no drain was asked for"));
        }
        if sender.held.is_some() {
            return Err(CommandError::Busy);
        }
        sender.give_up_credit();
        self.schedule_flow(LinkKey::from(LinkId::from(id)).handle);
        Ok(())
    }

    pub(crate) fn set_available(&mut self, id: SenderId, available: u32) -> Result<(), CommandError> {
        self.link(id.into())?.sender()?.available = available;
        self.schedule_flow(LinkKey::from(LinkId::from(id)).handle);
        Ok(())
    }

    /// The link owes a `SENDER_READY`, if its application waits for one.
    pub(super) fn wait(&mut self, slot: u16) {
        self.waiting.push(slot);
    }

    /// Tells the senders that wait for it that a message can be sent.
    pub(crate) fn wake_senders(&mut self, cx: &mut Context) {
        if self.waiting.is_empty()
            || self.ending
            || !self.can_write()
            || cx.closing
            || self.window.remote_incoming() == 0
            || cx.outbox_full()
        {
            return;
        }
        while let Some(slot) = self.waiting.pop() {
            let Some(Link { common: end, kind: LinkKind::Sender(sender) }) = self.link_at(slot) else {
                continue;
            };
            let LinkId::Sender(id) = end.id else { continue };
            if sender.wants_ready && end.is_open() && end.leaving.is_none() && sender.check(0).is_ok() {
                sender.wants_ready = false;
                cx.event(Event::SenderReady { sender: id });
            }
        }
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}
