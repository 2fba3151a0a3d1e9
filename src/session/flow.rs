//! Flow frames of a session and its links (2.5.6, 2.6.7, 2.7.4).

use super::SessionInner;
use crate::{
    error::{CommandError, ProtocolError},
    event::Event,
    ids::{LinkId, LinkKey, ReceiverId, SenderId},
    link::{Link, LinkKind, ReceiverInner},
    out::Out,
    spec::{definitions::ErrorCondition, performatives::Flow},
    state::LinkState,
    types::Handle,
};

impl SessionInner {
    pub(super) fn on_flow(&mut self, flow: &Flow, out: &mut Out) -> Result<(), ProtocolError> {
        self.window.on_flow(flow)?;
        match flow.handle {
            Some(handle) => self.on_link_flow(handle, flow, out)?,
            // Answered once per flush, however often it is asked.
            None => self.flow_due |= flow.echo,
        }
        self.write_held(out);
        self.wake_senders(out);
        Ok(())
    }

    fn on_link_flow(&mut self, handle: Handle, flow: &Flow, out: &mut Out) -> Result<(), ProtocolError> {
        let slot = self.slot_of(handle)?;
        let Some(link) = self.link_at(slot) else { return Ok(()) };
        if link.end.state == LinkState::AttachRcvd {
            // 2.6.7: a receiver may give credit right behind its attach; it counts once that is answered.
            return match &mut link.kind {
                LinkKind::Sender(sender) => match sender.on_flow(flow) {
                    Ok(told) => {
                        sender.drain_due |= told.drain;
                        Ok(())
                    }
                    Err(error) => self.judge_link(slot, error, out),
                },
                LinkKind::Receiver(_) => Ok(()),
            };
        }
        if !link.end.is_open() {
            return Self::late_input(link);
        }
        // 4.4.3: transactional acquisition is not implemented, and must not be taken for the plain kind.
        if flow.properties.as_ref().is_some_and(|properties| properties.get("txn-id").is_some()) {
            let error = ProtocolError::link(ErrorCondition::NotImplemented, "transactional acquisition");
            return self.judge_link(slot, error, out);
        }
        let id = link.end.id;
        let answer = match &mut link.kind {
            LinkKind::Sender(sender) => match sender.on_flow(flow) {
                Ok(told) => {
                    if told.drain
                        && let LinkId::Sender(sender) = id
                    {
                        out.event(Event::SenderDrain { sender });
                    }
                    // A drain that finds no credit is answered at once: there is nothing to give up.
                    flow.echo || (flow.drain && sender.is_drained())
                }
                Err(error) => return self.judge_link(slot, error, out),
            },
            LinkKind::Receiver(receiver) => {
                receiver.on_flow(flow);
                if receiver.end_drain()
                    && let LinkId::Receiver(receiver) = id
                {
                    out.event(Event::Drained { receiver, timed_out: false });
                }
                receiver.top_up() || flow.echo
            }
        };
        if answer {
            self.flow_later(slot);
        }
        if matches!(id, LinkId::Sender(_)) {
            self.wait(slot);
        }
        Ok(())
    }

    /// The link's flow state is to be told with the next flush.
    pub(super) fn flow_later(&mut self, slot: u16) {
        self.flows.push(slot);
    }

    /// So many transfers no longer take up room in the window.
    pub(super) fn release(&mut self, frames: u32) {
        self.flow_due |= self.window.release(frames);
    }

    pub(super) fn write_flows(&mut self, out: &mut Out) {
        // 2.7.4: what the peer has told us must be in a flow, so none goes out before its begin has come, but
        // those of links, which it can't have seen yet either.
        while let Some(slot) = self.flows.pop() {
            let Some(link) = self.links.get(slot) else { continue };
            if !matches!(link.end.state, LinkState::AttachSent | LinkState::Attached) {
                continue;
            }
            let mut flow = self.window.flow();
            flow.handle = Some(Handle::new(slot.into()));
            match &link.kind {
                LinkKind::Sender(sender) => sender.fill(&mut flow),
                LinkKind::Receiver(receiver) => {
                    receiver.fill(&mut flow, link.end.has_heard());
                }
            }
            self.flow_due &= out.frame(&flow).is_err();
        }
        if core::mem::take(&mut self.flow_due) {
            let flow = self.window.flow();
            self.flow_due = out.frame(&flow).is_err();
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
        if matches!(link.end.state, LinkState::DetachSent | LinkState::DetachPipe | LinkState::Errant) {
            return Err(CommandError::IllegalState("the link is being detached"));
        }
        let receiver = link.receiver()?;
        let credit = credit(receiver.credit());
        receiver.set_credit(credit);
        if drain {
            receiver.start_drain();
        }
        self.flow_later(LinkKey::from(LinkId::from(id)).slot);
        Ok(())
    }

    /// A drain was not answered in time: the credit is taken back, which needs no answer.
    pub(crate) fn give_up_drain(&mut self, id: ReceiverId, out: &mut Out) {
        let Ok(link) = self.link(id.into()) else { return };
        if link.end.silent {
            return;
        }
        if link.receiver().is_ok_and(ReceiverInner::give_up_drain) {
            out.event(Event::Drained { receiver: id, timed_out: true });
            self.flow_later(LinkKey::from(LinkId::from(id)).slot);
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
        self.flow_later(LinkKey::from(LinkId::from(id)).slot);
        Ok(())
    }

    pub(crate) fn set_available(&mut self, id: SenderId, available: u32) -> Result<(), CommandError> {
        self.link(id.into())?.sender()?.available = available;
        self.flow_later(LinkKey::from(LinkId::from(id)).slot);
        Ok(())
    }

    /// The link owes a `SENDER_READY`, if its application waits for one.
    pub(super) fn wait(&mut self, slot: u16) {
        self.waiting.push(slot);
    }

    /// Tells the senders that wait for it that a message can be sent.
    pub(crate) fn wake_senders(&mut self, out: &mut Out) {
        if self.waiting.is_empty()
            || self.ending
            || !self.can_write()
            || out.closing
            || self.window.remote_incoming() == 0
            || out.outbox_full()
        {
            return;
        }
        while let Some(slot) = self.waiting.pop() {
            let Some(Link { end, kind: LinkKind::Sender(sender) }) = self.link_at(slot) else { continue };
            let LinkId::Sender(id) = end.id else { continue };
            if sender.wants_ready && end.is_open() && end.leaving.is_none() && sender.check(0).is_ok() {
                sender.wants_ready = false;
                out.event(Event::SenderReady { sender: id });
            }
        }
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}
