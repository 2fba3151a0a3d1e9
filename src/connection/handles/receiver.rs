//! A borrowed receiving link.

use bytes::Bytes;

use super::{
    AmqpError, Attach, CommandError, Fields, Parts, ReceiverId, SessionId, View, getters, link_methods,
};
use crate::{
    ids::DeliveryId,
    link::LinkKind,
    spec::delivery_state::{DeliveryState, Modified, Rejected},
};

/// A receiving link of a connection, borrowed by [`Connection::receiver`](crate::Connection::receiver) to query it and
/// send commands.
pub struct Receiver<'a> {
    pub(super) parts: Parts<'a>,
    pub(super) id: ReceiverId,
}

/// A receiving link of a connection, borrowed by [`Connection::receiver_ref`](crate::Connection::receiver_ref) to query
/// it.
#[derive(Clone, Copy)]
pub struct ReceiverRef<'a> {
    pub(super) view: View<'a>,
    pub(super) id: ReceiverId,
}

link_methods! { ReceiverRef<'a>, Receiver, ReceiverId {
    /// Returns how many more messages the sender may send (2.6.7 `link-credit`). It falls when a delivery begins to arrive,
    /// which is before its event is polled.
    fn credit(this) -> u32 {
        match this.view.link(this.id).map(|link| &link.kind) {
            Some(LinkKind::Receiver(receiver)) => receiver.link_credit,
            _ => 0,
        }
    }

    /// Returns how many messages await credit at the sender (2.6.7 `available`), by its last word less those that have
    /// come since.
    fn available(this) -> u32 {
        match this.view.link(this.id).map(|link| &link.kind) {
            Some(LinkKind::Receiver(receiver)) => receiver.available,
            _ => 0,
        }
    }
} }

impl Receiver<'_> {
    /// Sets the link credit: how many more messages the sender may send (2.6.7). It can be set before the link is open.
    ///
    /// More than 2³¹-1 counts as 2³¹-1: the standard's numbers cannot count further ahead (2.8.10).
    ///
    /// The next `poll_transmit` writes a flow frame for it, unless it is the credit in force. Messages in flight may
    /// still use credit that was reduced; see [`Tolerance::replaced_credit`](crate::Tolerance::replaced_credit).
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if the link is being detached, or its session is ending.
    pub fn set_credit(&mut self, credit: u32) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, _| session.set_credit(id, |_| credit))
    }

    /// Adds to the link credit (2.6.7), up to 2³¹-1.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if the link is being detached, or its session is ending.
    pub fn add_credit(&mut self, credit: u32) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, _| session.set_credit(id, |now| now.saturating_add(credit)))
    }

    /// Writes what is due on the session, such as credit, ahead of what is sent next.
    pub(crate) fn write_updates(&mut self) -> Result<(), CommandError> {
        self.parts.run(|session, cx| {
            if session.can_write() {
                session.write_updates(cx);
            }
            Ok(())
        })
    }

    /// Asks the sender to use or relinquish the remaining credit (2.6.7). `RECEIVER_DRAINED` follows when it has, or
    /// after [`Timeouts::drain`](crate::Timeouts::drain). Asked again before it has ended, it does nothing.
    ///
    /// Without credit it is a barrier: `RECEIVER_DRAINED` follows the deliveries sent before the sender's answer.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if the link is being detached, or its session is ending.
    pub fn drain(&mut self) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, cx| session.drain(id, cx))
    }

    /// Returns the next bytes of a delivery on a streaming link (`DELIVERY_BEGUN`, `DELIVERY_DATA`), or `None` if there are
    /// none now. [`Connection::read_chunk`](crate::Connection::read_chunk) returns them after the end of the link too.
    ///
    /// An outcome or settlement finishes a delivery that has not been read to its end: what is left is dropped, and
    /// `DELIVERY_DATA` does not follow.
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if all of it has been read, or it is finished.
    pub fn read_chunk(&mut self, delivery: DeliveryId) -> Result<Option<Bytes>, CommandError> {
        let id = self.id;
        // Not a command to the peer: what an event has announced can be read after our close too.
        if self.parts.cx.check_open().is_err() {
            return self.parts.session.read_chunk(id, delivery, self.parts.cx);
        }
        self.parts.run(|session, cx| session.read_chunk(id, delivery, cx))
    }

    /// Accepts a delivery (3.4.2). In rcv-settle-mode first, the default, an outcome also settles it.
    ///
    /// The next `poll_transmit` writes a disposition for it, one for neighbours together. For a delivery of the session
    /// that the sender has settled, this succeeds without sending anything.
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if it is no delivery of this link, [`CommandError::IllegalState`] if it has another
    /// outcome, or has been settled here: an outcome once given is final (3.4). The same if our detach of the link or the
    /// end of its session has been written: the peer heeds nothing behind it, and the delivery stays unsettled. With
    /// [`Tolerance::unlisted_outcomes`](crate::Tolerance::unlisted_outcomes) off, also if the link's source does not list
    /// the outcome (3.5.3).
    pub fn accept(&mut self, delivery: DeliveryId) -> Result<(), CommandError> {
        self.resolve(delivery, Some(DeliveryState::ACCEPTED), None)
    }

    /// Releases a delivery, which was not and will not be processed here (3.4.4). Settles as [`accept`](Self::accept)
    /// does.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn release(&mut self, delivery: DeliveryId) -> Result<(), CommandError> {
        self.resolve(delivery, Some(DeliveryState::RELEASED), None)
    }

    /// Rejects a delivery as invalid (3.4.3). Settles as [`accept`](Self::accept) does.
    ///
    /// Of an error that does not fit the peer's frames the condition is sent alone.
    ///
    /// # Errors
    /// As [`accept`](Self::accept), and [`CommandError::FrameTooLarge`] if the condition alone does not fit.
    /// [`CommandError::LimitReached`] if errors and annotations that wait to be written, and those of deliveries that stay
    /// unsettled until their sender has settled them (2.7.5 mode second), take up all that they may (`docs/limits.md`): the
    /// delivery can still be accepted or released, and in mode first rejected or modified without these.
    pub fn reject(&mut self, delivery: DeliveryId, error: Option<AmqpError>) -> Result<(), CommandError> {
        self.resolve(delivery, Some(DeliveryState::from(Rejected { error })), None)
    }

    /// Returns a delivery to the sender with changes to its header or annotations (3.4.5). Settles as
    /// [`accept`](Self::accept) does.
    ///
    /// Annotations that do not fit the peer's frames are left out.
    ///
    /// # Errors
    /// As [`reject`](Self::reject).
    pub fn modify(&mut self, delivery: DeliveryId, modified: Modified) -> Result<(), CommandError> {
        self.resolve(delivery, Some(DeliveryState::from(modified)), None)
    }

    /// Settles a delivery, in either rcv-settle-mode, and sets its state if there is one (2.6.12). Without one, the
    /// outcome that it has is sent again, or else the one that its sender has announced.
    ///
    /// # Errors
    /// As [`accept`](Self::accept), and [`CommandError::FrameTooLarge`] if the state does not fit the peer's frames,
    /// even without its details. [`CommandError::IllegalState`] if it is `declared`, and the link's target is no coordinator
    /// (4.5.5). [`CommandError::LimitReached`] as for [`reject`](Self::reject).
    pub fn settle(&mut self, delivery: DeliveryId, state: Option<DeliveryState>) -> Result<(), CommandError> {
        self.resolve(delivery, state, Some(true))
    }

    fn resolve(
        &mut self,
        delivery: DeliveryId,
        state: Option<DeliveryState>,
        settle: Option<bool>,
    ) -> Result<(), CommandError> {
        let id = self.id;
        self.parts.run(|session, cx| session.resolve(id, delivery, state, settle, cx))
    }

    /// Sets the state of every unsettled delivery of this link in `first..=last`, and settles them if `settled`
    /// (2.7.6). Settled without a state, each has the outcome that it would have by [`settle`](Self::settle). Nothing
    /// changes, and nothing is sent, without either. A delivery that is still arriving, and has no event yet, is left out,
    /// and so is a streamed one that its sender had settled when it began: among others it can still be read.
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if the range is not one of deliveries that have arrived in this session, or none of
    /// its unsettled ones is the link's. [`CommandError::IllegalState`] if one of them has another outcome, or all have
    /// been settled here, or if the outcome is refused as by [`settle`](Self::settle). [`CommandError::FrameTooLarge`] as
    /// for that, and [`CommandError::LimitReached`] as for [`reject`](Self::reject).
    pub fn disposition(
        &mut self,
        first: DeliveryId,
        last: DeliveryId,
        settled: bool,
        state: Option<DeliveryState>,
    ) -> Result<(), CommandError> {
        self.disposition_with(first, last, settled, state, false)
    }

    /// As [`disposition`](Self::disposition). If `batchable`, the sender may delay what it answers, to batch it
    /// (2.7.6).
    ///
    /// Dispositions wait for the next `poll_transmit` in any case, and neighbours become one. That one is batchable if
    /// all of them are.
    ///
    /// # Errors
    /// As [`disposition`](Self::disposition).
    pub fn disposition_with(
        &mut self,
        first: DeliveryId,
        last: DeliveryId,
        settled: bool,
        state: Option<DeliveryState>,
        batchable: bool,
    ) -> Result<(), CommandError> {
        let id = self.id;
        let flags = (settled, batchable);
        self.parts.run(|session, cx| session.resolve_range(id, (first, last), state, flags, cx))
    }
}
