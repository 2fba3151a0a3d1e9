//! Deliveries that are sent (2.5.6, 2.6.12, 2.6.14, 2.7.5).

use alloc::boxed::Box;

use bytes::Bytes;

use super::{
    LinkEnd, SessionEndpoint, find, find_mut,
    settlement::check_senders,
    state_bytes::{Giver, StateBytes},
    stored_state::StoredState,
    turns::{Room, Turn},
    unsettled::UnsettledEntry,
    window::Window,
};
use crate::{
    context::Context,
    error::CommandError,
    frame::Payload,
    ids::{DeliveryId, LinkId, LinkKey, SenderId},
    link::{Link, LinkKind, SendOptions, UnsentMessage, len_u64},
    spec::{definitions::ReceiverSettleMode, delivery_state::DeliveryState, performatives::Transfer},
    state::LinkState,
    types::{DeliveryTag, Handle},
};

/// A message to send.
pub(crate) struct Message<'a> {
    pub(crate) link: SenderId,
    pub(crate) tag: DeliveryTag,
    pub(crate) payload: Payload,
    pub(crate) options: &'a SendOptions,
    /// The application adds the bytes piece by piece.
    pub(crate) streaming: bool,
}

impl SessionEndpoint {
    /// Writes the first frame of a message. The rest follows by [`continue_sending`](Self::continue_sending).
    #[inline]
    pub(crate) fn send(
        &mut self,
        message: Message<'_>,
        cx: &mut Context,
    ) -> Result<DeliveryId, CommandError> {
        let Message { link: sender_id, tag, mut payload, options, streaming } = message;
        let handle = LinkKey::from(LinkId::from(sender_id)).handle;
        let room = self.room_for(handle, cx);
        self.check_accepts_new_work(cx)?;
        let is_full = options.settled != Some(true)
            && self.outgoing.must_grow()
            && room.is_free()
            && self.may_send(sender_id, options, payload.len())
            && !self.grow_outgoing(cx);
        let delivery = self.outgoing.next_id();
        let link = find_mut(&mut self.links, sender_id.into())?;
        if link.common.state != LinkState::Attached || link.common.pending_detach.is_some() {
            return Err(CommandError::IllegalState("the link is not attached, or is being detached (2.6.4)"));
        }
        let LinkKind::Sender(sender) = &mut link.kind else { return Err(CommandError::UnknownLink) };
        let settled = sender.settles(options.settled)?;
        let size = payload.len();
        if !sender.is_ready(size) || room != Room::Free || is_full || self.outgoing.may_be_too_far() {
            // Of fields: the link is borrowed.
            let turn = Turn {
                senders: &mut self.waiting_senders,
                owed: &mut self.owed,
                any: &mut self.senders_wait,
                handle,
            };
            turn.check(sender, (size, settled), room, (is_full, self.outgoing.is_too_far()), cx)?;
        }
        // 2.7.5: many peers insist that the first transfer has all of id, tag and format.
        let mut transfer = Transfer {
            handle: Handle::new(handle.into()),
            delivery_id: Some(delivery.number().into()),
            delivery_tag: Some(tag),
            message_format: Some(options.message_format),
            settled: settled.then_some(true),
            more: streaming,
            batchable: options.batchable,
            ..Transfer::default()
        };
        if options.rcv_settle_mode.is_some() || options.delivery_state.is_some() {
            add_options(&mut transfer, options, link.common.rcv_mode)?;
        }
        let more_left = cx.transfer(&transfer, &mut payload)?;
        (self.window.new_begun, cx.new_begun) = (true, true);
        sender.on_first_frame();
        link.common.unsettled = link.common.unsettled.saturating_add((!settled).into());
        self.window.on_send();
        if settled {
            self.outgoing.push_settled(&mut cx.last_delivery_epoch);
        } else {
            let mut entry = UnsettledEntry { link: sender_id, tag, state: StoredState::Unknown };
            if transfer.state.is_some() || transfer.rcv_settle_mode.is_some() {
                note_options(&mut entry.state, &transfer, &mut self.state_bytes);
            }
            self.outgoing.push(entry, &mut cx.last_delivery_epoch);
        }
        if more_left || streaming {
            let payload = if more_left { payload } else { Payload::new() };
            // 4.4.1: all frames of a delivery name its transaction.
            let is_transactional = matches!(transfer.state, Some(DeliveryState::TransactionalState(_)));
            let state = if is_transactional { options.delivery_state.clone() } else { None };
            let message = UnsentMessage {
                id: delivery,
                settled,
                payload,
                streaming,
                size: 0,
                state,
                is_aborted: false,
                chunk_owed: false,
            };
            self.send_rest(handle, message, cx);
        }
        Ok(delivery)
    }

    /// True if no message may be sent before the oldest is settled.
    pub(crate) fn must_wait_for_oldest(&self) -> bool {
        self.outgoing.is_too_far() && self.orphaned == 0
    }

    /// Drops what links that are gone have left unsettled, and which nobody can settle. Returns true if messages need not
    /// wait any longer.
    #[cold]
    pub(super) fn drops_oldest(&mut self) -> bool {
        self.forget_orphaned(usize::MAX) && !self.outgoing.is_too_far()
    }

    /// Goes on as if this number of settled messages had been sent.
    #[cfg(test)]
    pub(crate) fn skip_outgoing(&mut self, count: u64) {
        self.outgoing.skip(count);
    }

    /// True if nothing but memory can be in the way of a message. Without this an error would drop what closed links left.
    #[cold]
    fn may_send(&self, id: SenderId, options: &SendOptions, size: usize) -> bool {
        let link = find(&self.links, id.into());
        link.filter(|link| link.common.state == LinkState::Attached && link.common.pending_detach.is_none())
            .is_some_and(|link| match &link.kind {
                LinkKind::Sender(sender) => {
                    sender.settles(options.settled).is_ok() && sender.check(size).is_ok()
                }
                LinkKind::Receiver(_) => false,
            })
    }

    /// Writes more of a message whose first frame has been written, and stores what is left.
    // Out of line: most messages are one frame.
    #[inline(never)]
    fn send_rest(&mut self, handle: u16, mut message: UnsentMessage, cx: &mut Context) {
        let mut more_left = !message.payload.is_empty();
        if !message.streaming && self.sending.is_empty() {
            // No other link waits for its turn, so a message that the window has room for is never stored.
            while more_left && self.may_write_transfer(cx) {
                more_left = write_continuation(handle, &mut message, &mut self.window, cx);
            }
        }
        if !more_left && !message.streaming {
            return;
        }
        if let Some(Link { kind: LinkKind::Sender(sender), .. }) = self.links.get_mut(handle) {
            sender.unsent = Some(Box::new(message));
            if more_left {
                self.sending.push(handle);
                // At once, so that another message can follow.
                self.continue_sending(cx);
            }
        }
    }

    fn may_write_transfer(&self, cx: &Context) -> bool {
        self.window.remote_incoming_window > 0 && !cx.outbox_full() && !cx.close_sent
    }

    /// Writes more frames of the messages in progress, one of each link in turn, as far as the peer's window and the
    /// outbox allow.
    #[inline]
    pub(crate) fn continue_sending(&mut self, cx: &mut Context) {
        if !self.sending.is_empty() {
            self.continue_all(cx);
        }
    }

    #[inline(never)]
    fn continue_all(&mut self, cx: &mut Context) {
        while self.may_write_transfer(cx) {
            let Some(handle) = self.sending.pop() else { return };
            if self.continue_link(handle, cx) {
                self.sending.push(handle);
            }
            self.window.new_begun = false;
        }
    }

    /// Writes one frame of the message that a link has in progress. Returns true if more of the message is here.
    fn continue_link(&mut self, handle: u16, cx: &mut Context) -> bool {
        let Some(Link { common, kind: LinkKind::Sender(sender) }) = self.links.get_mut(handle) else {
            return false;
        };
        let (Some(unsent), LinkId::Sender(id)) = (&mut sender.unsent, common.id) else {
            return false;
        };
        if common.state != LinkState::Attached {
            sender.cut_off_unsent();
            return false;
        }
        if unsent.is_aborted {
            self.write_abort(id, handle, cx);
            return false;
        }
        let more_left = write_continuation(handle, unsent, &mut self.window, cx);
        let streaming = unsent.streaming;
        let is_chunk_due = unsent.chunk_owed && !more_left;
        if !more_left && !streaming {
            sender.unsent = None;
            self.on_message_sent(handle, cx);
        } else if is_chunk_due {
            self.look_at_sender(handle);
        }
        more_left
    }

    /// Does what waited for a link's message in progress: the answer to a drain, its detach, or another message.
    fn on_message_sent(&mut self, handle: u16, cx: &mut Context) {
        self.answer_drain(handle);
        let pending_detach = self.links.get(handle).and_then(|link| link.common.pending_detach);
        if pending_detach.is_some() {
            let _ = self.end_link(handle, LinkEnd::WaitOver, cx);
            return;
        }
        self.look_at_sender(handle);
    }

    /// True if nothing but a full outbox holds back what messages in progress have left.
    #[inline(always)]
    pub(crate) fn waits_for_outbox(&self) -> bool {
        !self.sending.is_empty() && self.window.remote_incoming_window > 0
    }

    /// True if a complete message is still partly unsent.
    pub(crate) fn has_unsent_messages(&self) -> bool {
        self.sending.iter().filter_map(|handle| self.links.get(handle)).any(|link| match &link.kind {
            LinkKind::Sender(sender) => {
                sender.has_unsent_message() && link.common.state == LinkState::Attached
            }
            LinkKind::Receiver(_) => false,
        })
    }

    /// Adds bytes to a delivery that is sent as a stream, or ends it.
    pub(crate) fn write(
        &mut self,
        id: SenderId,
        delivery: DeliveryId,
        chunk: Bytes,
        last: bool,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        self.check_writable()?;
        cx.check_takes_output()?;
        let handle = LinkKey::from(LinkId::from(id)).handle;
        let room = self.room_for(handle, cx);
        let sender = self.link(id.into())?.sender()?;
        let unsent = sender.unsent.as_ref().filter(|unsent| unsent.id == delivery && unsent.streaming);
        let unsent = unsent.filter(|unsent| !unsent.is_aborted).ok_or(CommandError::UnknownId)?;
        let (waits, size) = (!unsent.payload.is_empty(), unsent.size.saturating_add(len_u64(&chunk)));
        sender.check_size(size)?;
        if !last && (waits || !room.is_free() || cx.close_sent) {
            // What the window and the outbox have no room for does not pile up here, one chunk for each link.
            sender.await_chunk();
            let refused = room.refusal().unwrap_or(CommandError::WindowClosed);
            self.turn(handle).refuse(&refused, cx);
            return Err(refused);
        }
        if room == Room::InTurn {
            self.turn(handle).pass(room, true, cx);
        }
        let sender = self.link(id.into())?.sender()?;
        if last {
            sender.await_message();
        }
        let unsent = sender.unsent.as_mut().ok_or(CommandError::UnknownId)?;
        unsent.payload.push(chunk);
        unsent.size = size;
        unsent.streaming = !last;
        if last || !unsent.payload.is_empty() {
            (self.window.new_begun, cx.new_begun) = (true, true);
            self.sending.push(handle);
            // At once, so that the next chunk finds room.
            self.continue_sending(cx);
        }
        Ok(())
    }

    /// Aborts a delivery whose last frame has not been written (2.6.14). The frame for it waits for the peer's window.
    pub(crate) fn abort(
        &mut self,
        id: SenderId,
        delivery: DeliveryId,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        self.check_writable()?;
        let handle = LinkKey::from(LinkId::from(id)).handle;
        let link = self.link(id.into())?;
        let must_detach = link.common.pending_detach.is_some();
        let sender = link.sender()?;
        if sender.in_progress() != Some(delivery) {
            return Err(CommandError::UnknownId);
        }
        sender.await_message();
        if let Some(unsent) = &mut sender.unsent {
            (unsent.is_aborted, unsent.payload) = (true, Payload::new());
        }
        // 2.7.5: an aborted delivery is settled.
        self.forget_outgoing(id, delivery);
        if self.window.remote_incoming_window > 0 {
            self.write_abort(id, handle, cx);
        } else if must_detach {
            // 2.6.6: a detach ends what is in progress.
            self.on_message_sent(handle, cx);
        } else {
            self.sending.push(handle);
        }
        Ok(())
    }

    /// Writes the frame that aborts a link's message in progress.
    #[cold]
    #[inline(never)]
    fn write_abort(&mut self, id: SenderId, handle: u16, cx: &mut Context) {
        let Ok(sender) = self.link(id.into()).and_then(Link::sender) else { return };
        let state = sender.unsent.take().and_then(|unsent| unsent.state);
        let transfer =
            Transfer { handle: Handle::new(handle.into()), state, aborted: true, ..Transfer::default() };
        // The first frame had room for more than this head.
        let _ = cx.transfer(&transfer, &mut Payload::new());
        self.sending.remove(handle);
        self.window.on_send();
        self.on_message_sent(handle, cx);
    }

    pub(super) fn forget_outgoing(&mut self, sender: SenderId, delivery: DeliveryId) {
        if let Some(entry) = self.outgoing.get_mut(delivery) {
            self.state_bytes.free_both(Giver::Peer, &entry.state);
        }
        if self.outgoing.remove(delivery)
            && let Ok(link) = self.link(sender.into())
        {
            link.common.unsettled = link.common.unsettled.saturating_sub(1);
        }
    }
}

/// Adds the state and mode of a message to its first transfer; the mode only if it differs from the link's (2.7.5).
#[cold]
#[inline(never)]
fn add_options(
    transfer: &mut Transfer,
    options: &SendOptions,
    links: ReceiverSettleMode,
) -> Result<(), CommandError> {
    check_senders(options.delivery_state.as_ref())?;
    if matches!(options.delivery_state, Some(DeliveryState::Declared(_))) {
        return Err(CommandError::IllegalState("declared is the outcome of a coordinator (4.5.5)"));
    }
    transfer.state = options.delivery_state.clone();
    // 2.7.5: a settled message has no use for it.
    let wanted = options.rcv_settle_mode.filter(|_| transfer.settled.is_none());
    if (wanted, links) == (Some(ReceiverSettleMode::Second), ReceiverSettleMode::First) {
        return Err(CommandError::SettleMode);
    }
    transfer.rcv_settle_mode = wanted.filter(|wanted| *wanted != links);
    Ok(())
}

/// Notes the state and mode of a message's first transfer with its delivery.
#[cold]
#[inline(never)]
fn note_options(noted: &mut StoredState, transfer: &Transfer, bytes: &mut StateBytes) {
    if transfer.state.as_ref().is_some_and(DeliveryState::is_terminal) {
        let stored = StoredState::new(transfer.state.as_ref(), Giver::Us, bytes);
        noted.set_senders(stored, Giver::Us, bytes);
    }
    // Where it is set, it is another than the link's.
    if transfer.rcv_settle_mode == Some(ReceiverSettleMode::First) {
        noted.set_settles_first(bytes);
    }
}

/// Writes one of the frames after a message's first. Returns true if more of the message is here.
fn write_continuation(
    handle: u16,
    message: &mut UnsentMessage,
    window: &mut Window,
    cx: &mut Context,
) -> bool {
    let transfer = Transfer {
        handle: Handle::new(handle.into()),
        settled: message.settled.then_some(true),
        more: message.streaming,
        ..Transfer::default()
    };
    // The first frame had room for more than this head.
    let more_left = match &message.state {
        None => cx.transfer(&transfer, &mut message.payload),
        state => cx.transfer(&Transfer { state: state.clone(), ..transfer }, &mut message.payload),
    }
    .unwrap_or(false);
    if !more_left {
        message.payload = Payload::new();
    }
    window.on_send();
    more_left
}
