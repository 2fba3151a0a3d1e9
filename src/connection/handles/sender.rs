//! A borrowed sending link.

use bytes::Bytes;

use super::{
    AmqpError, Attach, CommandError, Fields, Parts, SenderId, SessionId, View, getters, link_methods,
};
use crate::{
    frame::Payload,
    ids::{DeliveryId, LinkId, LinkKey},
    link::{LinkKind, SendOptions, SenderEndpoint},
    session::Message,
    spec::{definitions::SenderSettleMode, delivery_state::DeliveryState},
    types::DeliveryTag,
};

/// A sending link of a connection, borrowed by [`Connection::sender`](crate::Connection::sender) to query it and send
/// commands.
pub struct Sender<'a> {
    pub(super) parts: Parts<'a>,
    pub(super) id: SenderId,
}

/// A sending link of a connection, borrowed by [`Connection::sender_ref`](crate::Connection::sender_ref) to query it.
#[derive(Clone, Copy)]
pub struct SenderRef<'a> {
    pub(super) view: View<'a>,
    pub(super) id: SenderId,
}

impl<'a> SenderRef<'a> {
    fn endpoint(self) -> Option<&'a SenderEndpoint> {
        match &self.view.link(self.id)?.kind {
            LinkKind::Sender(sender) => Some(sender),
            LinkKind::Receiver(_) => None,
        }
    }
}

link_methods! { SenderRef<'a>, Sender, SenderId {
    /// Returns how many more messages the receiver accepts (2.6.7 `link-credit`).
    fn credit(this) -> u32 {
        this.endpoint().map_or(0, |sender| sender.link_credit)
    }

    /// True if [`Sender::send`] would take a message of moderate size now. With little memory left it may still be
    /// [`CommandError::TooManyUnsettled`] once.
    fn is_sendable(this) -> bool {
        let View { session, cx } = this.view;
        let handle = LinkKey::from(LinkId::from(this.id)).handle;
        this.is_open()
            && this.view.link(this.id).is_some_and(|link| link.common.pending_detach.is_none())
            && session.check_accepts_new_work(cx).is_ok()
            && session.has_room_for(handle, cx)
            && !session.must_wait_for_oldest()
            && this.endpoint().is_some_and(|sender| {
                let is_settled = sender.mode == SenderSettleMode::Settled;
                let has_memory = || session.has_room_for_own(cx) && session.leaves_memory_to(handle);
                sender.check(0).is_ok() && (is_settled || has_memory())
            })
    }

    /// Returns how many deliveries the receiver has settled before us although rcv-settle-mode second was in force for
    /// them (2.7.5). They count as settled.
    fn early_settlements(this) -> u64 {
        this.view.session.early_settlements(this.id.into())
    }

    /// True if part of the last message is still unsent.
    ///
    /// A detach, end or close without an error waits for a message that was taken whole, and cuts off one that is sent
    /// in chunks.
    fn is_sending(this) -> bool {
        this.endpoint().is_some_and(|sender| sender.unsent.is_some())
    }
} }

impl Sender<'_> {
    /// Sends a complete message. Frames that exceed the peer's window are held, and sent as it opens.
    ///
    /// The tag identifies the delivery among the link's unsettled ones (2.6.12); uniqueness among them is up to the
    /// caller. Unless the delivery is sent settled, `DELIVERY_SETTLED` follows when the peer has settled it, or has
    /// announced its outcome and [`settle_on_outcome`](crate::SenderConfig::settle_on_outcome) is set.
    ///
    /// ```
    /// use amqp_proto::{CommandError, Sender};
    ///
    /// /// Sends messages until one has to wait: call it again at `SENDER_READY`.
    /// fn send_all(sender: &mut Sender<'_>, queue: &mut Vec<(u64, Vec<u8>)>) -> Result<(), CommandError> {
    ///     while let Some((tag, payload)) = queue.last() {
    ///         match sender.send(*tag, payload.clone()) {
    ///             Ok(_) => drop(queue.pop()),
    ///             Err(error) if error.is_temporary() => break,
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`CommandError::NoCredit`], [`CommandError::WindowClosed`], [`CommandError::OutboxFull`] or
    /// [`CommandError::Busy`] if it cannot be sent now: `SENDER_READY` follows once when it may be.
    /// [`CommandError::TooLarge`] if it is larger than the peer's max-message-size,
    /// [`CommandError::IllegalState`] if the link is not attached.
    pub fn send(
        &mut self,
        tag: impl Into<DeliveryTag>,
        payload: impl Into<Payload>,
    ) -> Result<DeliveryId, CommandError> {
        self.send_with(tag, payload, &SendOptions::default())
    }

    /// Sends a complete message with options, as [`send`](Self::send) does.
    ///
    /// # Errors
    /// As [`send`](Self::send), [`CommandError::SettleMode`] if the link's modes do not allow the settlement asked
    /// for, [`CommandError::FrameTooLarge`] if the options' state does not fit the peer's frames, and
    /// [`CommandError::IllegalState`] if it is `received` (3.4.1).
    pub fn send_with(
        &mut self,
        tag: impl Into<DeliveryTag>,
        payload: impl Into<Payload>,
        options: &SendOptions,
    ) -> Result<DeliveryId, CommandError> {
        self.dispatch(tag.into(), payload.into(), options, false)
    }

    /// Begins a delivery that is sent in chunks: [`write`](Self::write) them, then [`finish`](Self::finish) or
    /// [`abort`](Self::abort) it.
    ///
    /// ```
    /// use amqp_proto::{CommandError, SendOptions, Sender};
    ///
    /// fn send_in_chunks(sender: &mut Sender<'_>) -> Result<(), CommandError> {
    ///     let delivery = sender.send_streaming(7_u32, &SendOptions::new())?;
    ///     sender.write(delivery, b"first ".as_slice())?;
    ///     sender.write(delivery, b"second".as_slice())?;
    ///     sender.finish(delivery)
    /// }
    /// ```
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

    /// Adds bytes to a delivery begun by [`send_streaming`](Self::send_streaming).
    ///
    /// # Errors
    /// [`CommandError::WindowClosed`] if the peer's window is closed, or the bytes added last still wait;
    /// [`CommandError::OutboxFull`] if as many bytes wait to be written as
    /// [`Limits::max_outbox_bytes`](crate::Limits::max_outbox_bytes) allows. `SENDER_READY` follows once when more may be
    /// added.
    /// [`CommandError::TooLarge`] if the message would become larger than the peer's max-message-size.
    /// [`CommandError::UnknownId`] if the delivery is not in progress.
    /// [`CommandError::IllegalState`] behind [`Connection::output_lost`](crate::Connection::output_lost).
    pub fn write(&mut self, delivery: DeliveryId, chunk: impl Into<Bytes>) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, cx| session.write(id, delivery, chunk.into(), false, cx))
    }

    /// Completes a delivery begun by [`send_streaming`](Self::send_streaming).
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if the delivery is not in progress.
    /// [`CommandError::IllegalState`] behind [`Connection::output_lost`](crate::Connection::output_lost).
    pub fn finish(&mut self, delivery: DeliveryId) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, cx| session.write(id, delivery, Bytes::new(), true, cx))
    }

    /// Aborts a delivery that is still partly unsent (2.6.14). It is settled by that, without an event.
    ///
    /// The rest of it is dropped at once. If the peer's window is closed, the frame that aborts it waits, and other messages
    /// are [`Busy`](CommandError::Busy) until then.
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if the delivery is not in progress.
    pub fn abort(&mut self, delivery: DeliveryId) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, cx| session.abort(id, delivery, cx))
    }

    /// Settles a delivery (2.6.12), and sets its state at the sender if there is one.
    ///
    /// The next `poll_transmit` writes a disposition for it. Without a state it has the outcome that the delivery was
    /// sent with, or else the receiver's.
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if it is settled or not of this link. [`CommandError::IllegalState`] if it is still
    /// being sent, was sent with another outcome (2.7.5), if the link is being detached, or if the state is `received`
    /// (3.4.1), or `declared` on a link whose target is no coordinator (4.5.5).
    /// [`CommandError::FrameTooLarge`] if the state does not fit the peer's frames, even without its details.
    /// [`CommandError::LimitReached`] if the details of states that wait to be written take up all that they may
    /// (`docs/limits.md`).
    pub fn settle(&mut self, delivery: DeliveryId, state: Option<DeliveryState>) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, cx| session.settle_sent(id, delivery, state, cx))
    }

    /// Sets our state of every unsettled delivery of this link in `first..=last`, and settles them if `settled` (2.7.6).
    ///
    /// An outcome that a delivery reaches by itself, such as `released` when a lock expires, is announced in this way
    /// without settling (2.6.12). The receiver sees `DELIVERY_UPDATED`; `DELIVERY_SETTLED` follows here once it has settled. An
    /// outcome is final, whatever the receiver answers.
    ///
    /// Settled without a state, each delivery has the outcome that it would have by [`settle`](Self::settle). Nothing
    /// changes, and nothing is sent, without either.
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if the range is not one of deliveries that were sent in this session, or none of its
    /// unsettled ones is the link's. [`CommandError::IllegalState`] if one of them has another outcome of ours (2.7.5), if
    /// one that is to be settled is still being sent, or if the state is refused as by [`settle`](Self::settle).
    /// [`CommandError::FrameTooLarge`] as for [`settle`](Self::settle). [`CommandError::LimitReached`] if states that
    /// wait to be written, and those of deliveries that stay unsettled, take up all that they may (`docs/limits.md`).
    pub fn disposition(
        &mut self,
        first: DeliveryId,
        last: DeliveryId,
        settled: bool,
        state: Option<DeliveryState>,
    ) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, cx| session.resolve_sent_range(id, (first, last), state, settled, cx))
    }

    /// Sets the number of messages that wait for credit, and announces it by a flow frame (2.6.7
    /// `available`). Default 0.
    ///
    /// # Errors
    /// [`CommandError::UnknownLink`] if the link is gone.
    pub fn set_available(&mut self, available: u32) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, _| session.set_available(id, available))
    }

    /// Answers `SENDER_DRAIN`: no more messages are available, and the remaining credit is relinquished (2.6.7).
    ///
    /// While a message is still being sent, the answer follows its last frame. A drain that the receiver takes back by
    /// then is not answered.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if no drain was asked for, or the receiver has taken it back meanwhile.
    pub fn drained(&mut self) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, _| session.drained(id))
    }
}
