//! Deliveries that arrive (2.5.6, 2.6.12, 2.6.14, 2.7.5).

use alloc::vec::Vec;

use bytes::Bytes;

use super::{
    SessionEndpoint,
    faults::{interrupted, out_of_order, transfer_to_sender, without_number},
    flow::end_drain,
    state_bytes::Giver,
    stored_state::StoredState,
    unsettled::{UnsettledEntry, UnsettledMap},
};
use crate::{
    context::Context,
    error::{CommandError, ProtocolError},
    event::{Delivery, Event},
    ids::{DeliveryId, LinkId, LinkKey, ReceiverId},
    link::{Finished, Link, LinkKind, Part, ReceiverEndpoint, len_u64},
    spec::{
        definitions::{ErrorCondition, ReceiverSettleMode, Role},
        delivery_state::DeliveryState,
        performatives::Transfer,
        transfer_fast_path::WholeDelivery,
    },
    state::LinkState,
    types::{DeliveryNumber, HeapSize},
};

/// Creates the map of a session's incoming deliveries, of which the first has this number.
#[cold]
#[inline(never)]
fn first_map(number: DeliveryNumber, epoch: u32) -> UnsettledMap<UnsettledEntry<ReceiverId>> {
    UnsettledMap::new(number, epoch)
}

impl SessionEndpoint {
    /// Handles a transfer that is a whole delivery, with no field beyond the common ones. Any other link state than
    /// the common one is left to [`on_transfer`](Self::on_transfer).
    // A path of its own because most deliveries are one transfer: without it each costs about 440 instructions more.
    #[inline]
    pub(super) fn on_whole_delivery(
        &mut self,
        whole: &WholeDelivery,
        payload: Bytes,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        if !whole.settled && self.incoming.as_ref().is_some_and(UnsettledMap::must_grow) {
            self.grow_for_whole(whole.handle, cx)?;
        }
        let handle = self.local_handle(whole.handle);
        let link = handle.and_then(|handle| {
            self.links.get_mut(handle)?.idle_receiver().map(|receiver| (handle, receiver))
        });
        let Some((handle, (id, link_unsettled, receiver))) = link else {
            return self.on_transfer(&mut whole.transfer(), payload, cx);
        };
        self.window.on_transfer()?;
        let incoming = Self::check_number(&mut self.incoming, self.incoming_epoch, Some(whole.id))?;
        if let Err(error) = receiver.accept_whole(whole.settled, len_u64(&payload)) {
            incoming.push_settled(&mut cx.last_delivery_epoch);
            return self.refuse_transfer(handle, error, cx);
        }
        let delivery = incoming.next_id();
        let mut must_charge = false;
        if whole.settled {
            must_charge = incoming.push_settled(&mut cx.last_delivery_epoch);
        } else {
            *link_unsettled = link_unsettled.saturating_add(1);
            let entry = UnsettledEntry { link: id, tag: whole.tag, state: StoredState::Unknown };
            incoming.push(entry, &mut cx.last_delivery_epoch);
        }
        let bytes = payload.len();
        let delivery = Delivery {
            id: delivery,
            tag: whole.tag,
            message_format: whole.format,
            settled: whole.settled,
            state: None,
            rcv_settle_mode: receiver.rcv_mode,
            batchable: false,
            payload: payload.into(),
        };
        cx.answerable_event(Event::Delivery { receiver: id, delivery }, bytes);
        if after_credit_use(id, receiver, cx) {
            self.schedule_link_flow(handle);
        }
        if must_charge { self.charge(cx) } else { Ok(()) }
    }

    /// Handles any transfer.
    // Out of line: a whole delivery does not pay for what it needs.
    #[inline(never)]
    pub(super) fn on_transfer(
        &mut self,
        transfer: &mut Transfer,
        payload: Bytes,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        self.window.on_transfer()?;
        let handle = self.attached_handle(transfer.handle)?;
        let Some(link) = self.links.get_mut(handle) else { return Ok(()) };
        let (LinkId::Receiver(id), LinkKind::Receiver(receiver)) = (link.common.id, &mut link.kind) else {
            return transfer_to_sender(transfer.handle);
        };
        if !link.common.is_open() {
            return self.on_transfer_to_closed(handle, transfer, cx);
        }
        let current = receiver.current();
        let delivery = match current {
            // 2.7.5: a continuation may repeat the number, and must not change it.
            Some(delivery) if transfer.delivery_id.is_none_or(|number| number.get() == delivery.number()) => {
                if let Err(error) = receiver.check_continuation(transfer) {
                    return self.refuse_transfer(handle, error, cx);
                }
                delivery
            }
            Some(delivery) => {
                let error = interrupted(delivery, transfer.delivery_id);
                return self.refuse_transfer(handle, error, cx);
            }
            None => {
                // One that is settled from the start is never unsettled, however long it takes.
                let is_settled = transfer.settled == Some(true);
                if !is_settled && self.incoming.as_ref().is_some_and(UnsettledMap::must_grow) {
                    self.grow_incoming(cx)?;
                }
                let Some(link) = self.links.get_mut(handle) else { return Ok(()) };
                let number = transfer.delivery_id;
                let incoming = Self::check_number(&mut self.incoming, self.incoming_epoch, number)?;
                let delivery = incoming.next_id();
                let mut must_charge = false;
                if is_settled {
                    must_charge = incoming.push_settled(&mut cx.last_delivery_epoch);
                } else {
                    let tag = transfer.delivery_tag.unwrap_or_default();
                    let entry = UnsettledEntry { link: id, tag, state: StoredState::Unknown };
                    incoming.push(entry, &mut cx.last_delivery_epoch);
                    link.common.unsettled = link.common.unsettled.saturating_add(1);
                }
                let Ok(receiver) = link.receiver() else { return Ok(()) };
                if let Err(error) = receiver.begin(delivery, transfer, &cx.config.tolerance) {
                    self.forget_incoming(id, delivery);
                    return self.refuse_transfer(handle, error, cx);
                }
                if transfer.resume {
                    // 2.7.5: it is in no unsettled map of ours, so all of it is ignored; it counts all the same.
                    self.forget_incoming(id, delivery);
                }
                if must_charge {
                    self.charge(cx)?;
                }
                delivery
            }
        };
        if transfer.state.is_some() || transfer.rcv_settle_mode.is_some() {
            let is_known = current.is_some();
            self.note_state((handle, id), (delivery, is_known), transfer, cx)?;
        }
        // 2.7.5: aborted overrides more, and the payload is ignored.
        let handled = if transfer.aborted {
            self.on_aborted(handle, id, current.is_none(), cx)
        } else {
            self.on_part(handle, (id, delivery), current.is_none(), transfer, payload, cx)
        };
        if let Err(error @ ProtocolError::Link(_)) = handled {
            // The application does not know of a delivery whose first transfer is refused.
            if current.is_none() {
                self.forget_incoming(id, delivery);
            }
            return self.refuse_transfer(handle, error, cx);
        }
        handled
    }

    /// Notes the state and mode in a transfer, and takes a state off it that means nothing.
    #[cold]
    #[inline(never)]
    fn note_state(
        &mut self,
        (handle, id): (u16, ReceiverId),
        (delivery, is_known): (DeliveryId, bool),
        transfer: &mut Transfer,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        // 3.4.1: a sender has this state only where it resumes a delivery.
        if matches!(transfer.state, Some(DeliveryState::Received(_))) {
            transfer.state = None;
        }
        if let Some(entry) = self.incoming.as_mut().and_then(|incoming| incoming.get_mut(delivery)) {
            if transfer.rcv_settle_mode == Some(ReceiverSettleMode::First) {
                entry.state.set_settles_first(&mut self.state_bytes);
            }
            // 2.7.5: nothing that follows alters a terminal state.
            if entry.state.at(Role::Sender).is_terminal() {
                transfer.state = None;
            } else if transfer.state.as_ref().is_some_and(DeliveryState::is_terminal) {
                let bytes = &mut self.state_bytes;
                let stored = StoredState::new(transfer.state.as_ref(), Giver::Peer, bytes);
                entry.state.set_senders(stored, Giver::Peer, bytes);
                self.charge(cx)?;
                if is_known
                    && transfer.settled != Some(true)
                    && self.receiver_at(handle).is_some_and(|receiver| receiver.streaming)
                {
                    let (link, state) = (id.into(), transfer.state.clone());
                    let details = state.as_ref().map_or(0, HeapSize::heap_size);
                    let events = cx.events.len();
                    cx.event(Event::DeliveryUpdated { link, first: delivery, last: delivery, state });
                    cx.charge_event(events, details);
                }
            }
        }
        if let Some(receiver) = self.receiver_at(handle) {
            receiver.note(transfer);
        }
        Ok(())
    }

    /// Handles a transfer on a link that is not open, or no longer.
    fn on_transfer_to_closed(
        &mut self,
        handle: u16,
        transfer: &Transfer,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        // The number is used up all the same, or the next delivery would seem to leave a gap.
        let number = transfer.delivery_id;
        let is_next = |number| self.incoming.as_ref().is_none_or(|incoming| incoming.next_number() == number);
        if number.is_some_and(is_next) {
            let incoming = Self::check_number(&mut self.incoming, self.incoming_epoch, number)?;
            incoming.push_settled(&mut cx.last_delivery_epoch);
        }
        let Some(link) = self.links.get(handle) else { return Ok(()) };
        if link.common.state == LinkState::AttachRcvd {
            let why = "a transfer before our attach, which gives no credit yet (2.6.7)";
            let error = ProtocolError::link(ErrorCondition::TransferLimitExceeded, why);
            return self.refuse_transfer(handle, error, cx);
        }
        let late = Self::check_late_input(link, cx);
        self.release_window(1);
        late
    }

    /// Handles a frame of a delivery that takes several, or has fields that a whole delivery does not.
    fn on_part(
        &mut self,
        handle: u16,
        (id, delivery): (ReceiverId, DeliveryId),
        first: bool,
        transfer: &Transfer,
        payload: Bytes,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let Some(receiver) = self.receiver_at(handle) else { return Ok(()) };
        let streaming = receiver.streaming;
        let part = receiver.add(transfer, payload, cx.config.limits.max_buffered_bytes_per_delivery)?;
        if part.finished {
            return self.on_part_of_finished(handle, (id, delivery), &part, cx);
        }
        if part.settled && !streaming {
            // Its event will have it.
            self.forget_incoming(id, delivery);
        }
        if streaming {
            // A whole delivery is in its event.
            if !(first && part.complete) {
                self.charge_unread(part.earlier, part.held, cx);
            }
        } else if !part.complete {
            self.release_window(1);
            return self.charge_part(part.earlier, part.held, cx);
        } else if part.earlier > 0 {
            let _ = self.charge_part(part.earlier, 0, cx);
        }
        let Some(receiver) = self.receiver_at(handle) else { return Ok(()) };
        let events = cx.events.len();
        let details = if part.complete && (first || !streaming) {
            let Some(delivery) = receiver.take_complete(cx.config.limits.decode) else { return Ok(()) };
            let details = delivery.state.as_ref().map_or(0, HeapSize::heap_size);
            let bytes = delivery.payload.heap_size();
            cx.answerable_event(Event::Delivery { receiver: id, delivery }, bytes);
            details
        } else {
            announce_part(receiver, id, first, &part, cx)
        };
        if details > 0 {
            cx.charge_event(events, details);
        }
        if part.settled && streaming {
            self.settle_stream(id, delivery, cx);
        }
        if part.complete {
            self.after_credit_use(handle, id, cx);
        }
        Ok(())
    }

    /// Raises the event of a streamed delivery that a later transfer settles, unless we have settled it.
    fn settle_stream(&mut self, id: ReceiverId, delivery: DeliveryId, cx: &mut Context) {
        let entry = self.incoming.as_mut().and_then(|incoming| incoming.get_mut(delivery));
        let state = entry.and_then(|entry| entry.state.at(Role::Sender).get(cx.config.limits.decode));
        if self.forget_incoming(id, delivery) {
            let (events, details) = (cx.events.len(), state.as_ref().map_or(0, HeapSize::heap_size));
            cx.event(Event::DeliverySettled { link: id.into(), first: delivery, last: delivery, state });
            cx.charge_event(events, details);
        }
    }

    /// Drops a frame of a delivery whose outcome the application has given.
    #[cold]
    fn on_part_of_finished(
        &mut self,
        handle: u16,
        (id, delivery): (ReceiverId, DeliveryId),
        part: &Part,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        self.release_window(1);
        if part.settled {
            // The application waits for it in mode second (2.7.5).
            self.settle_stream(id, delivery, cx);
        }
        if part.complete
            && let Some(receiver) = self.receiver_at(handle)
        {
            receiver.drop_finished();
            self.after_credit_use(handle, id, cx);
        }
        Ok(())
    }

    /// Finishes the deliveries in `first..=last` that the application has not read to their end, now that it has given
    /// their outcome. Their window, memory and credit are free again. Returns true if the sender has settled the last.
    #[cold]
    pub(super) fn finish_unread(
        &mut self,
        id: ReceiverId,
        (first, last): (DeliveryId, DeliveryId),
        cx: &mut Context,
    ) -> bool {
        let Ok(receiver) = self.link(id.into()).and_then(Link::receiver) else { return false };
        let streaming = receiver.streaming;
        let Some(Finished { frames, bytes, settled }) = receiver.finish(first, last) else { return false };
        let topped_up = receiver.top_up();
        let unfinished: Vec<_> = receiver.unfinished(first, last).collect();
        cx.drop_events_of_parts(id, (first, last), &unfinished);
        self.release_window(frames);
        self.discharge_parts(streaming, bytes, cx);
        if topped_up {
            self.schedule_link_flow(LinkKey::from(LinkId::from(id)).handle);
        }
        settled
    }

    /// Handles the transfer that aborts the delivery in progress (2.6.14).
    fn on_aborted(
        &mut self,
        handle: u16,
        id: ReceiverId,
        first: bool,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let Some(receiver) = self.receiver_at(handle) else { return Ok(()) };
        let streaming = receiver.streaming;
        let Some(aborted) = receiver.abort() else { return Ok(()) };
        let delivery = aborted.delivery.id;
        self.discharge_parts(streaming, aborted.charged, cx);
        // 2.7.5: an aborted delivery is settled.
        let was_unsettled = self.forget_incoming(id, delivery);
        self.release_window(aborted.frames.saturating_add(1));
        // Of one that is finished, the application waits for the settlement, unless it has settled it.
        if !first && streaming && (was_unsettled || !aborted.finished) {
            cx.event(Event::DeliveryAborted { receiver: id, delivery });
        }
        self.after_credit_use(handle, id, cx);
        Ok(())
    }

    fn receiver_at(&mut self, handle: u16) -> Option<&mut ReceiverEndpoint> {
        self.links.get_mut(handle)?.receiver().ok()
    }

    /// Ends the link for a fault of a transfer, which then no longer occupies the window.
    fn refuse_transfer(
        &mut self,
        handle: u16,
        error: ProtocolError,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        self.release_window(1);
        self.contain_link(handle, error, cx)
    }

    /// Returns the map of incoming deliveries if a first transfer has the next number (2.8.8: there are no gaps).
    #[inline]
    fn check_number(
        incoming: &mut Option<UnsettledMap<UnsettledEntry<ReceiverId>>>,
        epoch: u32,
        number: Option<DeliveryNumber>,
    ) -> Result<&mut UnsettledMap<UnsettledEntry<ReceiverId>>, ProtocolError> {
        let Some(number) = number else { return Err(without_number()) };
        let incoming = incoming.get_or_insert_with(|| first_map(number, epoch));
        if incoming.next_number() != number {
            return Err(out_of_order(number, incoming.next_number()));
        }
        Ok(incoming)
    }

    fn after_credit_use(&mut self, handle: u16, id: ReceiverId, cx: &mut Context) {
        let Some(receiver) = self.receiver_at(handle) else { return };
        if after_credit_use(id, receiver, cx) {
            self.schedule_link_flow(handle);
        }
    }

    pub(super) fn forget_incoming(&mut self, receiver: ReceiverId, delivery: DeliveryId) -> bool {
        let Some(incoming) = &mut self.incoming else { return false };
        if let Some(entry) = incoming.get_mut(delivery) {
            self.state_bytes.free_both(Giver::Us, &entry.state);
        }
        let was_unsettled = incoming.remove(delivery);
        if was_unsettled && let Ok(link) = self.link(receiver.into()) {
            link.common.unsettled = link.common.unsettled.saturating_sub(1);
        }
        was_unsettled
    }

    /// Takes note that events of `count` whole deliveries have been polled: their frames leave the window, and their
    /// credit counts as used. Returns true if a flow is due.
    #[inline]
    pub(crate) fn on_polled(&mut self, id: ReceiverId, count: u32) -> bool {
        let handle = LinkKey::from(LinkId::from(id)).handle;
        let Some(Link { common, kind: LinkKind::Receiver(receiver) }) = self.links.get_mut(handle) else {
            return false;
        };
        if common.id != LinkId::Receiver(id) {
            return false;
        }
        let frames = receiver.on_polled(count);
        let topped_up = receiver.top_up();
        self.release_window(frames);
        if topped_up {
            self.schedule_link_flow(handle);
        }
        topped_up || self.flow_due
    }

    /// Removes and returns the next bytes of a streamed delivery.
    pub(crate) fn read_chunk(
        &mut self,
        id: ReceiverId,
        delivery: DeliveryId,
        cx: &mut Context,
    ) -> Result<Option<Bytes>, CommandError> {
        let receiver = self.link(id.into())?.receiver()?;
        let read = receiver.read_chunk(delivery)?;
        let topped_up = receiver.top_up();
        self.release_window(read.frames);
        self.charge_unread(read.earlier, read.held, cx);
        if topped_up {
            self.schedule_link_flow(LinkKey::from(LinkId::from(id)).handle);
        }
        Ok(read.bytes)
    }
}

/// Raises the event of a part of a streamed delivery. Returns the bytes of its details.
#[inline(never)]
fn announce_part(
    receiver: &mut ReceiverEndpoint,
    id: ReceiverId,
    first: bool,
    part: &Part,
    cx: &mut Context,
) -> usize {
    let Some((begun, state)) = receiver.announce(cx.config.limits.decode) else { return 0 };
    if !first {
        // A state is for the first event alone.
        let event = Event::DeliveryData { receiver: id, delivery: begun.id, complete: part.complete };
        cx.answerable_event(event, 0);
        return 0;
    }
    let details = state.as_ref().map_or(0, HeapSize::heap_size);
    let event = Event::DeliveryBegun {
        receiver: id,
        delivery: begun.id,
        tag: begun.tag,
        message_format: begun.message_format,
        settled: part.settled,
        state,
        rcv_settle_mode: begun.rcv_settle_mode,
        batchable: begun.batchable,
    };
    cx.answerable_event(event, 0);
    details
}

/// Ends a drain that used up its credit (2.6.7), and tops up automatic credit. Returns true if a flow is due.
#[inline]
fn after_credit_use(id: ReceiverId, receiver: &mut ReceiverEndpoint, cx: &mut Context) -> bool {
    if !receiver.is_credit_low() {
        return false;
    }
    end_drain(id, receiver, cx);
    receiver.top_up()
}
