//! Flow frames of a session and its links (2.5.6, 2.6.7, 2.7.4).

use core::time::Duration;

use super::{SessionEndpoint, link_facts::take_flow_properties, waiting_senders::Owed};
use crate::{
    context::Context,
    error::{CommandError, ProtocolError},
    event::Event,
    ids::{LinkId, LinkKey, ReceiverId, SenderId},
    link::{Link, LinkKind, MAX_CREDIT, ReceiverEndpoint},
    spec::{
        definitions::{ErrorCondition, SenderSettleMode},
        performatives::Flow,
    },
    state::LinkState,
    timer::Timer,
    types::{Fields, Handle, TransferNumber, Value},
    waiting_sessions::WaitsFor,
};

impl SessionEndpoint {
    pub(super) fn on_flow(&mut self, flow: &Flow, cx: &mut Context) -> Result<(), ProtocolError> {
        let known = match flow.next_incoming_id {
            Some(id) => {
                self.window.begin_seen = true;
                id
            }
            None => self.assumed_incoming_id(flow, cx),
        };
        self.window.on_flow(flow, known)?;
        // A link's flow has the session's state too.
        if self.echo.on_answer() {
            cx.timers.cancel(Timer::SessionEcho(self.id));
            cx.event(Event::SessionEchoed { session: self.id, timed_out: false });
        }
        match flow.handle {
            Some(remote) => self.on_link_flow(remote, flow, cx)?,
            // One flow answers all that ask for one before the next flush.
            None => self.flow_due |= flow.echo,
        }
        // Messages in progress and new ones take turns at the window.
        if self.waits_for_outbox() && self.window.new_begun {
            self.continue_sending(cx);
        }
        Ok(())
    }

    /// Returns the next-incoming-id that a flow without one stands for.
    #[cold]
    fn assumed_incoming_id(&self, flow: &Flow, cx: &Context) -> TransferNumber {
        let to_sender = || {
            let link = self.links.get(self.local_handle(flow.handle?)?)?;
            Some(matches!(link.kind, LinkKind::Sender(_)))
        };
        // 2.7.4: a receiver sets the count once our attach has arrived, which is behind our begin.
        let begin_seen =
            self.window.begin_seen || (flow.delivery_count.is_some() && to_sender() == Some(true));
        self.window.assumed_incoming_id(begin_seen && cx.config.tolerance.missing_next_incoming_id)
    }

    fn on_link_flow(&mut self, remote: Handle, flow: &Flow, cx: &mut Context) -> Result<(), ProtocolError> {
        let handle = self.attached_handle(remote)?;
        let Some(link) = self.links.get_mut(handle) else { return Ok(()) };
        // 4.4.3: transactional acquisition is not implemented, and must not be taken for the plain kind.
        let has_entry = |properties: &Fields| properties.get("txn-id").is_some_and(|id| *id != Value::Null);
        let is_live = link.common.is_open() || link.common.state == LinkState::AttachRcvd;
        if is_live && flow.properties.as_ref().is_some_and(has_entry) {
            let why = "transactional acquisition, by a flow with txn-id, is not implemented (4.4.3)";
            let error = ProtocolError::link(ErrorCondition::NotImplemented, why);
            return self.contain_link(handle, error, cx);
        }
        if is_live && let Some(properties) = &flow.properties {
            self.on_flow_properties(handle, properties, cx)?;
        }
        let Some(link) = self.links.get_mut(handle) else { return Ok(()) };
        if link.common.state == LinkState::AttachRcvd {
            // 2.6.7: a receiver may give credit right after its attach; it counts once we have replied.
            let sender = match &mut link.kind {
                LinkKind::Sender(sender) => sender,
                LinkKind::Receiver(receiver) => {
                    link.common.flow_owed |= receiver.on_flow(flow) | flow.echo;
                    return Ok(());
                }
            };
            return match sender.on_flow(flow, &cx.config.tolerance) {
                Ok(drain) => {
                    sender.drain_event_owed |= drain;
                    link.common.flow_owed |= sender.answers_now(flow);
                    Ok(())
                }
                Err(error) => self.contain_link(handle, error, cx),
            };
        }
        if !link.common.is_open() {
            return Self::check_late_input(link, cx);
        }
        let id = link.common.id;
        if link.common.echo.on_answer() {
            cx.timers.cancel(Timer::LinkEcho(id));
            cx.event(Event::LinkEchoed { link: id, timed_out: false });
        }
        let reply_due = match (&mut link.kind, id) {
            (LinkKind::Sender(sender), LinkId::Sender(id)) => {
                let before = sender.link_credit;
                match sender.on_flow(flow, &cx.config.tolerance) {
                    Ok(drain) => {
                        // While `SENDER_READY` is owed, it is the news of credit.
                        if sender.link_credit != before && !sender.ready_owed && !sender.credit_event_waits {
                            sender.credit_event_waits = true;
                            cx.event(Event::SenderCredit { sender: id });
                        }
                        if drain {
                            cx.event(Event::SenderDrain { sender: id });
                        }
                        let (is_owed, reply_due) = (sender.ready_owed, sender.answers_now(flow));
                        if is_owed {
                            self.look_at_sender(handle);
                        }
                        reply_due
                    }
                    Err(error) => return self.contain_link(handle, error, cx),
                }
            }
            (LinkKind::Receiver(receiver), LinkId::Receiver(id)) => {
                let before = receiver.available;
                let is_due = receiver.on_flow(flow);
                if receiver.available != before {
                    cx.event(Event::ReceiverAvailable { receiver: id });
                }
                end_drain(id, receiver, cx);
                receiver.top_up() | is_due | flow.echo
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
            let Some(link) = self.links.get_mut(handle) else { continue };
            if !matches!(link.common.state, LinkState::AttachSent | LinkState::Attached) {
                // If it is not attached yet, the flow follows.
                link.common.flow_owed = true;
                continue;
            }
            let mut flow = self.window.flow();
            flow.handle = Some(Handle::new(handle.into()));
            let is_first = match &mut link.kind {
                LinkKind::Sender(sender) => sender.fill_flow(&mut flow),
                LinkKind::Receiver(receiver) => {
                    receiver.fill_flow(&mut flow, link.common.has_remote_attach());
                    false
                }
            };
            flow.echo |= link.common.echo.is_due();
            let id = link.common.id;
            flow.properties = take_flow_properties(self.cold.as_deref_mut(), id);
            // A link's flow carries the session's fields too.
            if cx.frame(&flow).is_ok() {
                self.flow_due &= self.echo.is_due();
                link.common.echo.on_asked();
            } else if let Some(properties) = flow.properties {
                self.put_back_flow_properties(id, properties);
            }
            if is_first {
                self.link_flows_due.push(handle);
            }
        }
        if self.flow_due {
            let flow = Flow { echo: self.echo.is_due(), ..self.window.flow() };
            self.flow_due = cx.frame(&flow).is_err();
            if !self.flow_due {
                self.echo.on_asked();
            }
        }
    }

    /// Changes a receiver's credit.
    pub(crate) fn set_credit(
        &mut self,
        id: ReceiverId,
        credit: impl FnOnce(u32) -> u32,
    ) -> Result<(), CommandError> {
        let handle = LinkKey::from(LinkId::from(id)).handle;
        let receiver = self.creditable_receiver(id)?;
        let credit = credit(receiver.link_credit).min(MAX_CREDIT);
        // A flow has announced what is in force, or will.
        if credit != receiver.link_credit {
            receiver.set_credit(credit);
            self.schedule_link_flow(handle);
        }
        Ok(())
    }

    /// Asks a receiver's sender to use the credit or give it up (2.6.7).
    pub(crate) fn drain(&mut self, id: ReceiverId, cx: &mut Context) -> Result<(), CommandError> {
        let receiver = self.creditable_receiver(id)?;
        if receiver.drain {
            // The answer to the last one is the answer to this one.
            return Ok(());
        }
        receiver.start_drain();
        self.schedule_link_flow(LinkKey::from(LinkId::from(id)).handle);
        self.await_on_link(id.into(), Timer::Drain(id), cx.config.timeouts.drain, cx);
        Ok(())
    }

    /// Returns a receiver that can still ask for messages.
    fn creditable_receiver(&mut self, id: ReceiverId) -> Result<&mut ReceiverEndpoint, CommandError> {
        self.staying_link(id.into())?.receiver()
    }

    /// Asks the peer for a flow with the session's state (2.7.4 `echo`).
    pub(crate) fn ask_session_echo(&mut self, cx: &mut Context) -> Result<(), CommandError> {
        if self.end_pending || !(self.can_write() || self.begin_pending) {
            return Err(CommandError::IllegalState("the session has not begun, or is ending (2.5.5)"));
        }
        self.echo.ask()?;
        self.flow_due = true;
        if self.is_open() {
            cx.timers.set(Timer::SessionEcho(self.id), cx.config.timeouts.echo);
        }
        Ok(())
    }

    /// Asks the peer for a flow with the link's state (2.7.4 `echo`).
    pub(crate) fn ask_link_echo(&mut self, id: LinkId, cx: &mut Context) -> Result<(), CommandError> {
        self.staying_link(id)?.common.echo.ask()?;
        self.schedule_link_flow(LinkKey::from(id).handle);
        self.await_on_link(id, Timer::LinkEcho(id), cx.config.timeouts.echo, cx);
        Ok(())
    }

    /// Starts the timer of an answer once the peer has attached the link: it cannot answer before.
    fn await_on_link(&mut self, id: LinkId, timer: Timer, after: Option<Duration>, cx: &mut Context) {
        if self.link(id).is_ok_and(|link| link.common.open_raised) {
            cx.timers.set(timer, after);
        }
    }

    /// Starts the timers of what was asked before the peer's attach, if anything was.
    #[cold]
    pub(super) fn await_on_open_link(&mut self, handle: u16, cx: &mut Context) {
        let Some(link) = self.links.get_mut(handle) else { return };
        if link.common.echo.is_pending() {
            cx.timers.set(Timer::LinkEcho(link.common.id), cx.config.timeouts.echo);
        }
        if let (LinkId::Receiver(id), true) =
            (link.common.id, link.receiver().is_ok_and(|receiver| receiver.drain))
        {
            cx.timers.set(Timer::Drain(id), cx.config.timeouts.drain);
        }
    }

    /// Ends the wait for an echo of the session that was not answered in time.
    pub(crate) fn give_up_session_echo(&mut self, cx: &mut Context) {
        if self.echo.give_up() && !self.end_raised {
            cx.event(Event::SessionEchoed { session: self.id, timed_out: true });
        }
    }

    /// Ends the wait for an echo of a link that was not answered in time.
    pub(crate) fn give_up_link_echo(&mut self, id: LinkId, cx: &mut Context) {
        let Ok(link) = self.link(id) else { return };
        if link.common.echo.give_up() && !link.common.end_raised {
            cx.event(Event::LinkEchoed { link: id, timed_out: true });
        }
    }

    /// Ends a drain that was not answered in time, and revokes the credit, which needs no answer.
    pub(crate) fn give_up_drain(&mut self, id: ReceiverId, cx: &mut Context) {
        let Ok(link) = self.link(id.into()) else { return };
        if !link.common.end_raised && link.receiver().is_ok_and(ReceiverEndpoint::give_up_drain) {
            cx.event(Event::ReceiverDrained { receiver: id, unused_credit: 0, timed_out: true });
            self.schedule_link_flow(LinkKey::from(LinkId::from(id)).handle);
        }
    }

    /// Relinquishes the credit of a sender whose receiver drains it.
    pub(crate) fn drained(&mut self, id: SenderId) -> Result<(), CommandError> {
        let sender = self.staying_link(id.into())?.sender()?;
        if !sender.is_draining() {
            return Err(CommandError::IllegalState("the receiver has not asked for a drain (2.6.7)"));
        }
        if sender.unsent.is_some() {
            // 2.6.7: the messages come first.
            sender.drain_answer_owed = true;
            return Ok(());
        }
        sender.give_up_credit();
        self.schedule_link_flow(LinkKey::from(LinkId::from(id)).handle);
        Ok(())
    }

    /// Answers the drain that waited for a message in progress.
    pub(super) fn answer_drain(&mut self, handle: u16) {
        let sender = self.links.get_mut(handle).and_then(|link| link.sender().ok());
        if let Some(sender) = sender.filter(|sender| sender.drain_answer_owed) {
            sender.drain_answer_owed = false;
            sender.give_up_credit();
            self.schedule_link_flow(handle);
        }
    }

    pub(crate) fn set_available(&mut self, id: SenderId, available: u32) -> Result<(), CommandError> {
        let sender = self.staying_link(id.into())?.sender()?;
        if core::mem::replace(&mut sender.available, available) == available {
            return Ok(());
        }
        self.schedule_link_flow(LinkKey::from(LinkId::from(id)).handle);
        Ok(())
    }

    /// Raises one `SENDER_READY` that is owed and due. Returns true if there may be more.
    pub(crate) fn wake_one_sender(&mut self, cx: &mut Context) -> bool {
        if !self.senders_wait || self.end_pending || !self.can_write() || cx.close_pending {
            return false;
        }
        if self.window.remote_incoming_window == 0 {
            self.owed.set(Owed::WINDOW);
            return false;
        }
        // As `send` finds out.
        let is_too_far = self.outgoing.is_too_far() && !self.drops_oldest();
        let full = is_too_far || self.outgoing.must_grow() && !self.grow_outgoing(cx);
        // Other sessions may give some back, or the application.
        if full && !is_too_far && self.outgoing.needed() > cx.account.left_for_own() {
            cx.account.await_room(self.outgoing.needed());
            cx.waiting_sessions.push(WaitsFor::Memory, self.channel);
        }
        // One is woken here, or there is none to wake. The next time others are, if there is room.
        let lack_memory = full && self.waiting_senders.lack_memory();
        self.owed = if lack_memory { Owed::MEMORY } else { Owed::NOTHING };
        let before = cx.events.len();
        while cx.events.len() == before {
            let Some(handle) = self.waiting_senders.pop(!full) else {
                self.senders_wait = !self.waiting_senders.is_empty();
                return false;
            };
            let Some(Link { common, kind: LinkKind::Sender(sender) }) = self.links.get_mut(handle) else {
                continue;
            };
            let LinkId::Sender(id) = common.id else { continue };
            let may_send = common.is_open() && common.pending_detach.is_none() && sender.check(0).is_ok();
            // On a link that is mixed the next message may be settled.
            let may_be_full = match sender.mode {
                SenderSettleMode::Unsettled => true,
                SenderSettleMode::Mixed => is_too_far || sender.lacks_memory,
                SenderSettleMode::Settled => is_too_far,
            };
            if sender.takes_awaited_chunk() {
                cx.event(Event::SenderReady { sender: id });
            } else if sender.ready_owed && may_send && full && may_be_full {
                self.waiting_senders.push_without_memory(handle);
                self.owed = Owed::MEMORY;
            } else if sender.ready_owed && may_send {
                sender.ready_owed = false;
                cx.event(Event::SenderReady { sender: id });
            }
        }
        true
    }
}

/// Raises the end of a drain, if one has ended.
#[inline]
pub(super) fn end_drain(id: ReceiverId, receiver: &mut ReceiverEndpoint, cx: &mut Context) {
    if receiver.end_drain() {
        let unused_credit = receiver.unused_credit;
        cx.timers.cancel(Timer::Drain(id));
        cx.event(Event::ReceiverDrained { receiver: id, unused_credit, timed_out: false });
    }
}
