//! Transfers that are sent (2.5.6, 2.6.12, 2.6.14, 2.7.5).

use alloc::boxed::Box;

use bytes::Bytes;

use super::unsettled::{StoredState, UnsettledEntry};
use super::{SessionEndpoint, find_mut};
use crate::{
    context::Context,
    error::CommandError,
    event::Event,
    frame::Payload,
    ids::{DeliveryId, LinkId, LinkKey, SenderId},
    link::{Link, LinkKind, SendOptions, UnsentMessage},
    spec::performatives::Transfer,
    state::LinkState,
    types::{DeliveryTag, Handle},
};

/// A message to be sent.
pub(crate) struct Outgoing<'a> {
    pub(crate) link: SenderId,
    pub(crate) tag: DeliveryTag,
    pub(crate) payload: Payload,
    pub(crate) options: &'a SendOptions,
    /// Whether its bytes come in pieces.
    pub(crate) streaming: bool,
}

impl SessionEndpoint {
    /// Sends a message: all of it, or as much as the window and the outbox have room for, the rest to follow.
    pub(crate) fn send(
        &mut self,
        message: Outgoing<'_>,
        cx: &mut Context,
        epochs: &mut u32,
    ) -> Result<DeliveryId, CommandError> {
        let Outgoing { link: sender_id, tag, mut payload, options, streaming } = message;
        let slot = LinkKey::from(LinkId::from(sender_id)).handle;
        let (window, full) = (self.window.remote_incoming(), cx.outbox_full());
        self.check_accepts_new_work(cx)?;
        let delivery = self.outgoing.next_id();
        let link = find_mut(&mut self.links, sender_id.into())?;
        if link.common.state != LinkState::Attached || link.common.leaving.is_some() {
            return Err(CommandError::IllegalState("the link is not attached, or is being detached"));
        }
        let LinkKind::Sender(sender) = &mut link.kind else { return Err(CommandError::UnknownId) };
        let settled = sender.settles(options.settled)?;
        let ready = match sender.check(payload.len()) {
            Ok(()) if window == 0 => Err(CommandError::WindowClosed),
            Ok(()) if full => Err(CommandError::OutboxFull),
            checked => checked,
        };
        if let Err(error) = ready {
            if !matches!(error, CommandError::TooLarge { .. }) {
                sender.wants_ready = true;
                self.wait(slot);
            }
            return Err(error);
        }
        let (handle, id) = (Handle::new(slot.into()), delivery.number().into());
        // 2.7.5: many peers insist that the first transfer names the delivery in full.
        let transfer = Transfer {
            handle,
            delivery_id: Some(id),
            delivery_tag: Some(tag),
            message_format: Some(options.message_format),
            settled: settled.then_some(true),
            more: streaming,
            state: options.delivery_state.clone(),
            batchable: options.batchable,
            ..Transfer::default()
        };
        let left = cx.transfer(&transfer, &mut payload)?;
        sender.on_first_frame();
        link.common.count_sent(settled);
        self.window.on_send();
        if left || streaming {
            let payload = if left { payload } else { Payload::new() };
            let message = UnsentMessage { id: delivery, settled, payload, streaming };
            self.send_rest(slot, message, left, cx);
        }
        if settled {
            self.outgoing.skip(epochs);
        } else {
            self.outgoing.push(UnsettledEntry { link: sender_id, tag, state: StoredState::Unknown }, epochs);
        }
        Ok(delivery)
    }

    /// Writes the frames behind the first of a message that is too large for one, or comes in pieces.
    #[inline(never)]
    fn send_rest(&mut self, slot: u16, mut message: UnsentMessage, mut left: bool, cx: &mut Context) {
        if !message.streaming && self.held.is_empty() {
            // Nobody else's turn comes between.
            while left && self.window.remote_incoming() > 0 && !cx.outbox_full() {
                left = write_continuation(slot, &mut message, cx);
                self.window.on_send();
            }
        }
        if left || message.streaming {
            let link = self.links.get_mut(slot);
            let Some(Link { kind: LinkKind::Sender(sender), .. }) = link else { return };
            sender.held = Some(Box::new(message));
            self.held.push(slot);
        }
        if left {
            self.write_held(cx);
        }
    }

    /// Writes on with the messages in progress, in turn, as far as the window and the outbox allow.
    pub(super) fn write_held(&mut self, cx: &mut Context) {
        let mut turns = self.held.len();
        while turns > 0 && self.window.remote_incoming() > 0 && !cx.outbox_full() && !cx.closed {
            let Some(slot) = self.held.pop() else { return };
            match self.write_part(slot, cx) {
                Written::Done => turns = turns.saturating_sub(1),
                Written::Waits => {
                    self.held.push(slot);
                    turns = turns.saturating_sub(1);
                }
                Written::More => self.held.push(slot),
            }
        }
    }

    /// Writes one frame of the message that a link has in progress.
    fn write_part(&mut self, slot: u16, cx: &mut Context) -> Written {
        let Some(link) = self.links.get_mut(slot) else {
            return Written::Done;
        };
        let Link { common: end, kind: LinkKind::Sender(sender) } = link else { return Written::Done };
        let (Some(held), LinkId::Sender(id)) = (&mut sender.held, end.id) else { return Written::Done };
        if end.state != LinkState::Attached {
            sender.held = None;
            return Written::Done;
        }
        if held.payload.is_empty() && held.streaming {
            return Written::Waits;
        }
        let left = write_continuation(slot, held, cx);
        self.window.on_send();
        if held.streaming && held.payload.is_empty() && core::mem::take(&mut sender.wants_ready) {
            cx.event(Event::SenderReady { sender: id });
        }
        if left || sender.held.as_ref().is_some_and(|held| held.streaming) {
            return Written::More;
        }
        sender.held = None;
        self.after_held(slot, cx);
        Written::Done
    }

    /// A link has no message in progress any more: another can be sent, or the detach that waited is due.
    fn after_held(&mut self, slot: u16, cx: &mut Context) {
        if let Some(closed) = self.link_at(slot).and_then(|link| link.common.leaving.take()) {
            let _ = self.detach_now(slot, closed, None, cx);
            return;
        }
        self.wait(slot);
        self.wake_senders(cx);
    }

    /// Whether a message that has been taken whole is not in frames to its end.
    pub(crate) fn holds_messages(&self) -> bool {
        self.held.iter().filter_map(|slot| self.links.get(slot)).any(|link| match &link.kind {
            LinkKind::Sender(sender) => sender.holds_message() && link.common.state == LinkState::Attached,
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
        let slot = LinkKey::from(LinkId::from(id)).handle;
        let sender = self.link(id.into())?.sender()?;
        let held = sender.held.as_mut().filter(|held| held.id == delivery && held.streaming);
        let held = held.ok_or(CommandError::UnknownId)?;
        if !held.payload.is_empty() && !last {
            // One chunk waits at a time: what the window does not take must not pile up here.
            sender.wants_ready = true;
            return Err(CommandError::WindowClosed);
        }
        held.payload.push(chunk);
        held.streaming = !last;
        self.held.push(slot);
        self.write_held(cx);
        Ok(())
    }

    /// Gives up a delivery whose last frame has not been sent (2.6.14).
    pub(crate) fn abort(
        &mut self,
        id: SenderId,
        delivery: DeliveryId,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        self.check_writable()?;
        let slot = LinkKey::from(LinkId::from(id)).handle;
        if self.window.remote_incoming() == 0 {
            return Err(CommandError::WindowClosed);
        }
        let sender = self.link(id.into())?.sender()?;
        if sender.held.as_ref().is_none_or(|held| held.id != delivery) {
            return Err(CommandError::UnknownId);
        }
        let transfer = Transfer { handle: Handle::new(slot.into()), aborted: true, ..Transfer::default() };
        cx.transfer(&transfer, &mut Payload::new())?;
        self.link(id.into())?.sender()?.held = None;
        self.held.remove(slot);
        self.window.on_send();
        // 2.7.5: an aborted delivery is settled.
        self.forget_outgoing(id, delivery);
        self.after_held(slot, cx);
        Ok(())
    }

    pub(super) fn forget_outgoing(&mut self, sender: SenderId, delivery: DeliveryId) -> bool {
        let gone = self.outgoing.remove(delivery);
        if gone && let Ok(link) = self.link(sender.into()) {
            link.common.unsettled = link.common.unsettled.saturating_sub(1);
        }
        gone
    }
}

/// Writes one of the frames behind a message's first. Returns true if there is more of the message.
#[inline(never)]
fn write_continuation(slot: u16, message: &mut UnsentMessage, cx: &mut Context) -> bool {
    let transfer = Transfer {
        handle: Handle::new(slot.into()),
        settled: message.settled.then_some(true),
        more: message.streaming,
        ..Transfer::default()
    };
    // Without a state it fits any frame.
    let left = cx.transfer(&transfer, &mut message.payload).unwrap_or(false);
    if !left {
        message.payload = Payload::new();
    }
    left
}

/// How far a message in progress has come.
enum Written {
    /// A frame, and more is there.
    More,
    /// More is to come from the application.
    Waits,
    /// There is nothing more.
    Done,
}
