//! Transfers that arrive (2.5.6, 2.6.12, 2.6.14, 2.7.5).

use bytes::Bytes;

use super::SessionEndpoint;
use super::unsettled::{StoredState, UnsettledEntry, UnsettledMap};
use crate::{
    context::Context,
    error::{CommandError, ProtocolError},
    event::Event,
    ids::{DeliveryId, LinkId, LinkKey, ReceiverId},
    link::{Delivery, LinkKind, TransferResult},
    spec::{definitions::ErrorCondition, performatives::Transfer, transfer_fast_path::WholeDelivery},
    state::LinkState,
    types::DeliveryNumber,
};

impl SessionEndpoint {
    #[inline]
    pub(super) fn on_transfer(
        &mut self,
        transfer: &mut Transfer,
        payload: Bytes,
        cx: &mut Context,
        epochs: &mut u32,
    ) -> Result<(), ProtocolError> {
        self.window.on_transfer()?;
        let slot = self.slot_of(transfer.handle)?;
        let Some(link) = self.links.get_mut(slot) else {
            return Ok(());
        };
        let (LinkId::Receiver(id), LinkKind::Receiver(receiver)) = (link.common.id, &mut link.kind) else {
            return Err(ProtocolError::session(ErrorCondition::NotAllowed, "a transfer to a sender"));
        };
        if !link.common.is_open() {
            let link_state = link.common.state;
            // Its number is used up all the same, or the next delivery would seem to leave a gap.
            if transfer.delivery_id.is_some_and(|number| {
                self.incoming.as_ref().is_none_or(|ledger| ledger.next_number() == number)
            }) {
                Self::numbered(&mut self.incoming, self.incoming_epoch, transfer.delivery_id)?.skip(epochs);
            }
            if link_state == LinkState::AttachRcvd {
                let why = "a message before the link is attached, which gives no credit";
                let error = ProtocolError::link(ErrorCondition::TransferLimitExceeded, why);
                return self.refuse_transfer(slot, error, cx);
            }
            self.release(1);
            return self.link_at(slot).map_or(Ok(()), |link| Self::late_input(link));
        }
        let current = receiver.current();
        let delivery = match current {
            Some(delivery) => {
                // 2.7.5: a continuation may repeat the number, and must not change it.
                if transfer.delivery_id.is_some_and(|number| number.get() != delivery.number()) {
                    let why = "another delivery before the last one was complete";
                    let error = ProtocolError::link(ErrorCondition::InvalidField, why);
                    return self.refuse_transfer(slot, error, cx);
                }
                delivery
            }
            None => {
                let kept = UnsettledEntry {
                    link: id,
                    tag: transfer.delivery_tag.unwrap_or_default(),
                    state: StoredState::Unknown,
                };
                let ledger = Self::numbered(&mut self.incoming, self.incoming_epoch, transfer.delivery_id)?;
                let delivery = ledger.push(kept, epochs);
                link.common.unsettled = link.common.unsettled.saturating_add(1);
                if let Err(error) = receiver.begin(delivery, transfer) {
                    self.forget_incoming(id, delivery);
                    return self.refuse_transfer(slot, error, cx);
                }
                delivery
            }
        };
        let bytes = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        let streaming = receiver.streaming;
        match receiver.admit(transfer, payload, current.is_none(), cx.limits.buffered_per_delivery) {
            Ok(admitted) => self.on_admitted(slot, delivery, bytes, streaming, admitted, cx),
            Err(error) => {
                // One that nobody has been told of is nobody's to settle.
                if current.is_none() {
                    self.forget_incoming(id, delivery);
                }
                self.refuse_transfer(slot, error, cx)
            }
        }
    }

    /// A delivery that comes whole in one transfer, as most do: what the general path comes to, in one step.
    #[inline]
    pub(super) fn on_whole(
        &mut self,
        whole: &WholeDelivery,
        payload: Bytes,
        cx: &mut Context,
        epochs: &mut u32,
    ) -> Result<(), ProtocolError> {
        let slot = self.handle_at(whole.handle);
        let link = slot.and_then(|slot| self.links.get_mut(slot)?.ready_receiver().map(|link| (slot, link)));
        let Some((slot, (id, unsettled, receiver))) = link else {
            return self.on_transfer(&mut whole.transfer(), payload, cx, epochs);
        };
        self.window.on_transfer()?;
        let ledger = Self::numbered(&mut self.incoming, self.incoming_epoch, Some(whole.id))?;
        let delivery = ledger.next_id();
        if let Err(error) = receiver.receive_whole(delivery, whole, payload) {
            ledger.skip(epochs);
            return self.refuse_transfer(slot, error, cx);
        }
        if whole.settled {
            ledger.skip(epochs);
        } else {
            *unsettled = unsettled.saturating_add(1);
            ledger.push(UnsettledEntry { link: id, tag: whole.tag, state: StoredState::Unknown }, epochs);
            if ledger.len() > cx.limits.unsettled {
                return too_many_unsettled();
            }
        }
        cx.event(Event::Delivery { receiver: id, delivery });
        if receiver.end_drain() {
            cx.event(Event::Drained { receiver: id, timed_out: false });
        }
        if receiver.top_up() {
            self.schedule_flow(slot);
        }
        Ok(())
    }

    /// The peer broke the protocol with a transfer, which then takes up no room in the window.
    fn refuse_transfer(
        &mut self,
        slot: u16,
        error: ProtocolError,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        self.release(1);
        self.contain_link(slot, error, cx)
    }

    /// The ledger, if a first transfer has the next place in the session's sequence (2.8.8: without gaps).
    #[inline]
    fn numbered(
        incoming: &mut Option<UnsettledMap<UnsettledEntry<ReceiverId>>>,
        epoch: u32,
        number: Option<DeliveryNumber>,
    ) -> Result<&mut UnsettledMap<UnsettledEntry<ReceiverId>>, ProtocolError> {
        let invalid = |why| Err(ProtocolError::session(ErrorCondition::InvalidField, why));
        let Some(number) = number else {
            return invalid("a first transfer without delivery-id");
        };
        let ledger = incoming.get_or_insert_with(|| UnsettledMap::new(number, epoch));
        if ledger.next_number() != number {
            return invalid("delivery-ids do not follow each other");
        }
        Ok(ledger)
    }

    fn on_admitted(
        &mut self,
        slot: u16,
        delivery: DeliveryId,
        bytes: u64,
        streaming: bool,
        admitted: TransferResult,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let Some(link) = self.link_at(slot) else { return Ok(()) };
        let LinkId::Receiver(receiver) = link.common.id else { return Ok(()) };
        let settled =
            link.receiver().is_ok_and(|inner| inner.queue.back().is_some_and(|last| last.delivery.settled));
        match admitted {
            TransferResult::Partial { first } if streaming => {
                cx.event(if first {
                    Event::Delivery { receiver, delivery }
                } else {
                    Event::DeliveryData { receiver, delivery, complete: false }
                });
            }
            TransferResult::Partial { .. } => {
                // Nobody can take a part of it, so it must not hold the window: a small one could not carry it.
                if let Ok(inner) = link.receiver()
                    && let Some(last) = inner.queue.back_mut()
                {
                    last.frames = 0;
                }
                self.release(1);
                self.buffered = self.buffered.saturating_add(bytes);
                if self.buffered > cx.limits.buffered_per_session {
                    let why = "incomplete deliveries take up too much memory";
                    return Err(ProtocolError::session(ErrorCondition::ResourceLimitExceeded, why));
                }
            }
            TransferResult::Complete { first, earlier } => {
                if !streaming {
                    self.buffered = self.buffered.saturating_sub(earlier);
                }
                if settled {
                    self.forget_incoming(receiver, delivery);
                } else if self.incoming.as_ref().is_some_and(|ledger| ledger.len() > cx.limits.unsettled) {
                    return too_many_unsettled();
                }
                cx.event(if streaming && !first {
                    Event::DeliveryData { receiver, delivery, complete: true }
                } else {
                    Event::Delivery { receiver, delivery }
                });
                self.after_credit_use(slot, cx);
            }
            TransferResult::Aborted { frames, bytes, first } => {
                if !streaming {
                    self.buffered = self.buffered.saturating_sub(bytes);
                }
                // 2.7.5: an aborted delivery is settled.
                self.forget_incoming(receiver, delivery);
                self.release(frames.saturating_add(1));
                if !first && streaming {
                    cx.event(Event::DeliveryAborted { receiver, delivery });
                }
                self.after_credit_use(slot, cx);
            }
        }
        Ok(())
    }

    /// A drain may have come to its end by the credit being used up (2.6.7); automatic credit may be due.
    fn after_credit_use(&mut self, slot: u16, cx: &mut Context) {
        let Some(link) = self.link_at(slot) else { return };
        let LinkId::Receiver(receiver) = link.common.id else { return };
        let Ok(inner) = link.receiver() else { return };
        if inner.end_drain() {
            cx.event(Event::Drained { receiver, timed_out: false });
        }
        if inner.top_up() {
            self.schedule_flow(slot);
        }
    }

    pub(super) fn forget_incoming(&mut self, receiver: ReceiverId, delivery: DeliveryId) {
        let gone = self.incoming.as_mut().is_some_and(|ledger| ledger.remove(delivery));
        if gone && let Ok(link) = self.link(receiver.into()) {
            link.common.unsettled = link.common.unsettled.saturating_sub(1);
        }
    }

    /// Hands a complete delivery over.
    pub(crate) fn take(&mut self, id: ReceiverId, delivery: DeliveryId) -> Result<Delivery, CommandError> {
        let receiver = self.link(id.into())?.receiver()?;
        let (taken, frames) = receiver.take(delivery)?;
        let credit = receiver.top_up();
        self.after_taking(id, frames, credit);
        Ok(taken)
    }

    /// Hands over what has come of a delivery.
    pub(crate) fn read(
        &mut self,
        id: ReceiverId,
        delivery: DeliveryId,
    ) -> Result<Option<Bytes>, CommandError> {
        let receiver = self.link(id.into())?.receiver()?;
        let (chunk, frames) = receiver.read(delivery)?;
        let credit = receiver.top_up();
        self.after_taking(id, frames, credit);
        Ok(chunk)
    }

    fn after_taking(&mut self, id: ReceiverId, frames: u32, credit: bool) {
        self.release(frames);
        if credit {
            self.schedule_flow(LinkKey::from(LinkId::from(id)).handle);
        }
    }
}

#[cold]
fn too_many_unsettled() -> Result<(), ProtocolError> {
    let why = "too many unsettled deliveries";
    Err(ProtocolError::session(ErrorCondition::ResourceLimitExceeded, why))
}
