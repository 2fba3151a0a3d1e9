//! A sending link, to be spoken to.

use bytes::Bytes;

use super::{AmqpError, Attach, CommandError, Link, LinkEnd, Parts, SenderId, SessionId, Str, link_getters};
use crate::{
    frame::Payload,
    ids::DeliveryId,
    link::{LinkKind, SendOptions, SenderEndpoint},
    session::Message,
    spec::delivery_state::DeliveryState,
    types::DeliveryTag,
};

/// A sending link of a connection, borrowed to be spoken to.
pub struct Sender<'a> {
    pub(super) parts: Parts<'a>,
    pub(super) id: SenderId,
}

impl Sender<'_> {
    link_getters!(SenderId);

    fn inner(&self) -> Option<&SenderEndpoint> {
        match &self.link()?.kind {
            LinkKind::Sender(sender) => Some(sender),
            LinkKind::Receiver(_) => None,
        }
    }

    /// Messages that the receiver will take (2.6.7 `link-credit`).
    pub fn credit(&self) -> u32 {
        self.inner().map_or(0, |sender| sender.link_credit)
    }

    /// Whether [`send`](Self::send) would take a message now.
    pub fn is_sendable(&self) -> bool {
        self.is_open()
            && self.link().is_some_and(|link| link.common.pending_detach.is_none())
            && self.parts.session.check_accepts_new_work(self.parts.cx).is_ok()
            && self.parts.session.remote_incoming_window() > 0
            && !self.parts.cx.outbox_full()
            && self.inner().is_some_and(|sender| sender.check(0).is_ok())
    }

    /// Whether a message has not been put into frames to its end. A detach, end or close waits for one that was
    /// taken whole, unless it carries an error; one that comes in pieces is cut short.
    pub fn is_sending(&self) -> bool {
        self.inner().is_some_and(|sender| sender.unsent.is_some())
    }

    /// Sends a message, whole: what does not fit the peer's window yet follows as that opens.
    ///
    /// The tag names the delivery among the link's unsettled ones (2.6.12); that it is unique there is the
    /// caller's to see to.
    ///
    /// # Errors
    /// [`CommandError::NoCredit`], [`CommandError::WindowClosed`], [`CommandError::OutboxFull`] or
    /// [`CommandError::Busy`] if it cannot be sent now: `SENDER_READY` follows once when it may be.
    /// [`CommandError::TooLarge`] if it is larger than the peer's max-message-size, and
    /// [`CommandError::IllegalState`] if the link is not attached.
    pub fn send(
        &mut self,
        tag: impl Into<DeliveryTag>,
        payload: impl Into<Payload>,
    ) -> Result<DeliveryId, CommandError> {
        self.send_with(tag, payload, &SendOptions::default())
    }

    /// Sends a message with options of its own.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`CommandError::SettleMode`] if the link's mode does not allow the settlement
    /// asked for.
    pub fn send_with(
        &mut self,
        tag: impl Into<DeliveryTag>,
        payload: impl Into<Payload>,
        options: &SendOptions,
    ) -> Result<DeliveryId, CommandError> {
        self.dispatch(tag.into(), payload.into(), options, false)
    }

    /// Begins a delivery whose bytes come in pieces: [`write`](Self::write) them, then [`finish`](Self::finish)
    /// it or [`abort`](Self::abort) it.
    ///
    /// # Errors
    /// As [`send_with`](Self::send_with).
    pub fn send_streaming(
        &mut self,
        tag: impl Into<DeliveryTag>,
        options: &SendOptions,
    ) -> Result<DeliveryId, CommandError> {
        self.dispatch(tag.into(), Payload::new(), options, true)
    }

    fn dispatch(
        &mut self,
        tag: DeliveryTag,
        payload: Payload,
        options: &SendOptions,
        streaming: bool,
    ) -> Result<DeliveryId, CommandError> {
        let message = Message { link: self.id, tag, payload, options, streaming };
        self.parts.run(|session, cx| session.send(message, cx))
    }

    /// Adds bytes to a delivery that was begun with [`send_streaming`](Self::send_streaming).
    ///
    /// # Errors
    /// [`CommandError::WindowClosed`] if the bytes added last still wait for the peer's window,
    /// [`CommandError::UnknownId`] if the delivery is not in progress.
    pub fn write(&mut self, delivery: DeliveryId, chunk: impl Into<Bytes>) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, cx| session.write(id, delivery, chunk.into(), false, cx))
    }

    /// Ends a delivery that was begun with [`send_streaming`](Self::send_streaming).
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if the delivery is not in progress.
    pub fn finish(&mut self, delivery: DeliveryId) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, cx| session.write(id, delivery, Bytes::new(), true, cx))
    }

    /// Gives up a delivery that has not been sent to its end (2.6.14).
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if the delivery is not in progress, [`CommandError::WindowClosed`] if the
    /// peer's window is.
    pub fn abort(&mut self, delivery: DeliveryId) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, cx| session.abort(id, delivery, cx))
    }

    /// Settles a delivery.
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if it is settled, [`CommandError::IllegalState`] if it is still being sent.
    pub fn settle(&mut self, delivery: DeliveryId, state: Option<DeliveryState>) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, _| session.settle_sent(id, delivery, state))
    }

    /// Tells the receiver how many messages wait for credit (2.6.7 `available`).
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if the link is gone.
    pub fn set_available(&mut self, available: u32) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, _| session.set_available(id, available))
    }

    /// Answers `SENDER_DRAIN`: there are no more messages, and the credit left is given up (2.6.7).
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if no drain was asked for, [`CommandError::Busy`] if a message is still
    /// being sent.
    pub fn drained(&mut self) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, _| session.drained(id))
    }
}
