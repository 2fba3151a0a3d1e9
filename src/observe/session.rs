//! A session, as seen from between its ends (2.5).

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    sync::Arc,
};

use super::{
    finding::Rule,
    link::{Begun, Broken, Link, LinkEnd, Progress},
    machine::Machine,
    seen::{Both, SessionView, WindowView, other},
    settings::ObserverLimits,
};
use crate::{
    Instant, Side,
    spec::{
        definitions::Role,
        performatives::{Attach, Begin, Detach, Disposition, Flow, Transfer},
    },
    state::{LinkTrigger, SessionState, SessionTrigger},
    types::{DeliveryNumber, DeliveryTag, TransferNumber},
};

/// The farthest that a number can be ahead of another (2.8.10).
pub(super) const FARTHEST: u32 = i32::MAX.cast_unsigned();

/// The settings in an end's begin, and the count of its transfers since.
#[derive(Debug)]
pub(super) struct SessionEnd {
    pub(super) channel: u16,
    pub(super) begun: Instant,
    pub(super) ended: Option<Instant>,
    handle_max: u32,
    /// The links by this end's handles.
    pub(super) handles: BTreeMap<u32, u32>,
    first_outgoing_id: TransferNumber,
    next_outgoing_id: TransferNumber,
    outgoing_window: u32,
    /// The transfer-id at which the peer's window ends by its last flow or begin.
    announced: Option<TransferNumber>,
    /// The highest of those.
    limit: Option<TransferNumber>,
    /// The peer's next-incoming-id in its last flow.
    seen_by_peer: Option<TransferNumber>,
    /// The window that this end's begin announced.
    first_incoming_window: u32,
    /// The window that the peer announced last.
    peer_window: u32,
    next_delivery: Option<DeliveryNumber>,
    unsettled: BTreeMap<u32, Unsettled>,
    pub(super) blocked_since: Option<Instant>,
}

#[derive(Debug)]
struct Unsettled {
    link: u32,
    tag: Option<DeliveryTag>,
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: u32,
    machines: Both<Machine<SessionState, SessionTrigger>>,
    pub(super) ends: Both<Option<SessionEnd>>,
    pub(super) links: BTreeMap<u32, Link>,
    /// The links that one end alone has attached, by that end: their names, whether it is the sender, and their numbers.
    unanswered: Both<BTreeSet<(Arc<str>, bool, u32)>>,
    /// A link was not kept, so an unknown handle means nothing.
    pub(super) lacks_links: bool,
}

/// A frame of a link, and the link behind it.
pub(super) enum Found {
    Link(u32),
    Nothing,
}

impl SessionEnd {
    fn new(begin: &Begin, channel: u16, now: Instant) -> Self {
        Self {
            channel,
            begun: now,
            ended: None,
            handle_max: begin.handle_max.get(),
            handles: BTreeMap::new(),
            first_outgoing_id: begin.next_outgoing_id,
            next_outgoing_id: begin.next_outgoing_id,
            outgoing_window: begin.outgoing_window,
            announced: None,
            limit: None,
            seen_by_peer: None,
            first_incoming_window: begin.incoming_window,
            peer_window: 0,
            next_delivery: None,
            unsettled: BTreeMap::new(),
            blocked_since: None,
        }
    }

    /// Notes that the peer can take this many transfers from this one on.
    fn permit(&mut self, first: TransferNumber, window: u32) {
        self.peer_window = window;
        let limit = first.plus(window.min(FARTHEST));
        self.announced = Some(limit);
        if self.limit.is_none_or(|held| limit.offset_from(held) > 0) {
            self.limit = Some(limit);
        }
    }

    fn left(&self) -> u32 {
        let left = self.announced.map(|limit| limit.offset_from(self.next_outgoing_id));
        left.and_then(|left| u32::try_from(left).ok()).unwrap_or(0)
    }

    fn window(&self) -> WindowView {
        WindowView {
            next_outgoing_id: self.next_outgoing_id.get(),
            outgoing_window: self.outgoing_window,
            next_incoming_id: self.seen_by_peer.map(TransferNumber::get),
            incoming_window: self.peer_window,
            left: self.left(),
        }
    }

    /// Returns the time since which the oldest unsettled delivery waits, and the number of them.
    pub(super) fn unsettled(&self) -> (Option<Instant>, usize) {
        (self.unsettled.first_key_value().map(|(_, oldest)| oldest.since), self.unsettled.len())
    }
}

impl Session {
    pub(super) fn new(id: u32) -> Self {
        let machine = || Machine::new(SessionState::Unmapped, SessionState::next);
        Self {
            id,
            machines: Both { client: machine(), server: machine() },
            ends: Both { client: None, server: None },
            links: BTreeMap::new(),
            unanswered: Both::default(),
            lacks_links: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.ends.all(|end| end.as_ref().is_some_and(|end| end.ended.is_some()))
    }

    pub(super) fn has_ended(&self, side: Side) -> bool {
        self.ends.get(side).as_ref().is_some_and(|end| end.ended.is_some())
    }

    pub(super) fn on_begin(
        &mut self,
        from: Side,
        begin: &Begin,
        channel: u16,
        now: Instant,
        broken: &mut Broken,
    ) {
        let machine = self.machines.get_mut(from);
        // 2.7.2: the remote-channel shows that the peer's begin has been read.
        let is_legal = match begin.remote_channel {
            Some(_) => machine.send_after(SessionTrigger::SendBegin, 1),
            None => machine.send(SessionTrigger::SendBegin),
        };
        if !is_legal {
            broken.push((Rule::SessionSequence, format!("begin on channel {channel}")));
        }
        self.machines.get_mut(other(from)).receive(SessionTrigger::RecvBegin);
        let mut end = SessionEnd::new(begin, channel, now);
        if let Some(peer) = self.ends.get_mut(other(from)) {
            peer.permit(peer.first_outgoing_id, end.first_incoming_window);
            end.permit(end.first_outgoing_id, peer.first_incoming_window);
        }
        *self.ends.get_mut(from) = Some(end);
    }

    pub(super) fn on_end(&mut self, from: Side, is_error: bool, now: Instant, broken: &mut Broken) {
        let trigger = if is_error { SessionTrigger::SendEndError } else { SessionTrigger::SendEnd };
        if !self.machines.get_mut(from).send(trigger) {
            broken.push((Rule::SessionSequence, "end".into()));
        }
        self.machines.get_mut(other(from)).receive(SessionTrigger::RecvEnd);
        if let Some(end) = self.ends.get_mut(from) {
            end.ended = Some(now);
        }
    }

    /// Returns the link of an end's handle.
    fn find(&self, from: Side, handle: u32, broken: &mut Broken) -> Option<u32> {
        let id = self.ends.get(from).as_ref().and_then(|end| end.handles.get(&handle)).copied();
        match id.and_then(|id| self.links.get(&id)) {
            Some(link) if !link.is_attached(from) => {
                broken.push((Rule::AfterDetach, format!("handle {handle}")))
            }
            Some(link) => return Some(link.id),
            None if !self.lacks_links => broken.push((Rule::UnattachedHandle, format!("handle {handle}"))),
            None => {}
        }
        None
    }

    /// Handles an attach. `next_id` is the number of a link that is new; `None` if there is no room for one.
    pub(super) fn on_attach(
        &mut self,
        from: Side,
        attach: &Attach,
        next_id: Option<u32>,
        now: Instant,
        limits: &ObserverLimits,
        broken: &mut Broken,
    ) -> Found {
        let handle = attach.handle.get();
        if let Some(max) =
            self.ends.get(other(from)).as_ref().map(|peer| peer.handle_max).filter(|max| handle > *max)
        {
            broken.push((Rule::HandleTooHigh, format!("handle {handle}, and {max} at most")));
        }
        let held = self.ends.get(from).as_ref().and_then(|end| end.handles.get(&handle));
        if held.and_then(|id| self.links.get(id)).is_some_and(|link| link.is_attached(from)) {
            broken.push((Rule::HandleInUse, format!("handle {handle}")));
            return Found::Nothing;
        }
        let sends = attach.role == Role::Sender;
        let sender = if sends { from } else { other(from) };
        let request = (Arc::from(&*attach.name), !sends, 0);
        let answered = self.unanswered.get(other(from)).range(request.clone()..).next();
        let answered =
            answered.filter(|(name, by_sender, _)| *name == request.0 && *by_sender == request.1).cloned();
        let Some(id) = answered.as_ref().map(|(.., id)| *id).or(next_id) else {
            self.lacks_links = true;
            return Found::Nothing;
        };
        let link = self.links.entry(id).or_insert_with(|| Link::new(id, request.0.clone(), sender));
        link.on_attach(from, attach, now, limits.max_name_bytes, broken);
        if link.ends.get(from).is_some() {
            match answered {
                Some(answered) => self.unanswered.get_mut(other(from)).remove(&answered),
                None => self.unanswered.get_mut(from).insert((request.0, sends, id)),
            };
        }
        if let Some(end) = self.ends.get_mut(from) {
            end.handles.insert(handle, id);
        }
        Found::Link(id)
    }

    pub(super) fn on_detach(
        &mut self,
        from: Side,
        detach: &Detach,
        now: Instant,
        broken: &mut Broken,
    ) -> Found {
        let Some(id) = self.find(from, detach.handle.get(), broken) else { return Found::Nothing };
        let Some(link) = self.links.get_mut(&id) else { return Found::Nothing };
        let trigger =
            if detach.error.is_some() { LinkTrigger::SendDetachError } else { LinkTrigger::SendDetach };
        if !link.machines.get_mut(from).send(trigger) {
            broken.push((Rule::LinkSequence, format!("detach of link {:?}", link.name)));
        }
        link.machines.get_mut(other(from)).receive(LinkTrigger::RecvDetach);
        if let Some(end) = link.ends.get_mut(from) {
            end.detached = Some(now);
        }
        Found::Link(id)
    }

    /// Removes a link that is over, with its handles and its deliveries.
    pub(super) fn remove_link(&mut self, id: u32) {
        let Some(link) = self.links.remove(&id) else { return };
        for side in [Side::Client, Side::Server] {
            let Some(end) = self.ends.get_mut(side) else { continue };
            // A handle may be another link's by now, and so may a number that was used twice.
            if let Some(LinkEnd { handle, .. }) = link.ends.get(side)
                && end.handles.get(handle) == Some(&id)
            {
                end.handles.remove(handle);
            }
            if side == link.sender {
                for number in &link.unsettled {
                    if end.unsettled.get(number).is_some_and(|delivery| delivery.link == id) {
                        end.unsettled.remove(number);
                    }
                }
            }
        }
    }

    pub(super) fn on_flow(&mut self, from: Side, flow: &Flow, now: Instant, broken: &mut Broken) -> Found {
        if let Some(end) = self.ends.get_mut(from) {
            end.outgoing_window = flow.outgoing_window;
            if flow.next_outgoing_id != end.next_outgoing_id {
                let (stated, counted) = (flow.next_outgoing_id, end.next_outgoing_id);
                broken.push((Rule::NextOutgoingId, format!("{stated}, and {counted} by the transfers")));
            }
        }
        if let Some(peer) = self.ends.get_mut(other(from)) {
            let seen = flow.next_incoming_id;
            if let Some(seen) = seen.filter(|seen| seen.offset_from(peer.next_outgoing_id) > 0) {
                let sent = peer.next_outgoing_id;
                broken.push((Rule::NextIncomingId, format!("{seen}, and {sent} by the transfers")));
            } else {
                // 2.5.6: without next-incoming-id the window starts at the initial one.
                peer.permit(seen.unwrap_or(peer.first_outgoing_id), flow.incoming_window);
                peer.seen_by_peer = seen.or(peer.seen_by_peer);
            }
        } else if let Some(seen) = flow.next_incoming_id {
            // 2.7.4: it must not be set before the peer's begin has been read.
            broken.push((Rule::NextIncomingId, format!("{seen}, before the peer's begin")));
        }
        let Some(handle) = flow.handle else {
            if flow.delivery_count.is_some()
                || flow.link_credit.is_some()
                || flow.available.is_some()
                || flow.drain
            {
                broken.push((Rule::LinkFieldsWithoutHandle, alloc::string::String::new()));
            }
            return Found::Nothing;
        };
        let Some(id) = self.find(from, handle.get(), broken) else { return Found::Nothing };
        if let Some(link) = self.links.get_mut(&id) {
            link.on_flow(from, flow, now, broken);
        }
        Found::Link(id)
    }

    pub(super) fn on_transfer(
        &mut self,
        from: Side,
        transfer: &Transfer,
        payload: usize,
        now: Instant,
        limits: &ObserverLimits,
        broken: &mut Broken,
    ) -> Found {
        if let Some(end) = self.ends.get_mut(from) {
            if end.limit.is_none_or(|limit| end.next_outgoing_id.offset_from(limit) >= 0) {
                let limit = end.limit.unwrap_or(end.next_outgoing_id);
                broken.push((
                    Rule::WindowExceeded,
                    format!("transfer {} at the limit {limit}", end.next_outgoing_id),
                ));
            }
            end.next_outgoing_id = end.next_outgoing_id.next();
            end.outgoing_window = end.outgoing_window.saturating_sub(1);
        }
        let Some(id) = self.find(from, transfer.handle.get(), broken) else { return Found::Nothing };
        let Some(link) = self.links.get_mut(&id) else { return Found::Nothing };
        if link.is_idle()
            && link.sender == from
            && let (Some(end), Some(number)) = (self.ends.get_mut(from), transfer.delivery_id)
        {
            // 2.8.8: the numbers of a session's deliveries follow each other.
            if let Some(due) = end.next_delivery.filter(|due| *due != number) {
                broken.push((Rule::DeliverySequence, format!("delivery-id {number} in place of {due}")));
            }
            end.next_delivery = Some(number.next());
        }
        let progress = link.on_transfer(from, transfer, payload, now, broken);
        match progress {
            Progress::Begun(Begun { id: number, tag }) => {
                // A number that is used twice is that of the new delivery alone.
                self.settle(from, number.get(), number.get());
                if let Some(end) = self.ends.get_mut(from)
                    && let Some(link) = self.links.get_mut(&id)
                    && end.unsettled.len() < limits.max_unsettled
                {
                    end.unsettled.insert(number.get(), Unsettled { link: id, tag, since: now });
                    link.unsettled.insert(number.get());
                    if let Some(tag) = tag {
                        link.tags.insert(tag, number.get());
                    }
                }
            }
            Progress::Settled(number) => self.settle(from, number.get(), number.get()),
            Progress::Nothing => {}
        }
        Found::Link(id)
    }

    pub(super) fn on_disposition(&mut self, from: Side, disposition: &Disposition, broken: &mut Broken) {
        let first = disposition.first;
        let last = disposition.last.unwrap_or(first);
        if last.offset_from(first) < 0 {
            broken.push((Rule::DispositionRange, format!("first {first}, last {last}")));
            return;
        }
        // 2.7.6: the role is that of the end that sends this.
        let sender = if disposition.role == Role::Sender { from } else { other(from) };
        let next = self.ends.get(sender).as_ref().and_then(|end| end.next_delivery);
        if !self.lacks_links && next.is_none_or(|next| last.offset_from(next) >= 0) {
            let next = next.map_or_else(|| "none".into(), |next| format!("{}", next.minus(1)));
            broken.push((Rule::UnknownDelivery, format!("first {first}, last {last}, and last sent {next}")));
        }
        if disposition.settled {
            self.settle(sender, first.get(), last.get());
        }
    }

    /// Removes the deliveries from one number to another, which may have wrapped.
    fn settle(&mut self, sender: Side, first: u32, last: u32) {
        let Some(end) = self.ends.get_mut(sender) else { return };
        let halves = if first <= last {
            [Some((first, last)), None]
        } else {
            [Some((first, u32::MAX)), Some((0, last))]
        };
        for (first, last) in halves.into_iter().flatten() {
            while let Some(number) = end.unsettled.range(first..=last).next().map(|(number, _)| *number) {
                let Some(delivery) = end.unsettled.remove(&number) else { continue };
                let Some(link) = self.links.get_mut(&delivery.link) else { continue };
                link.unsettled.remove(&number);
                if let Some(tag) = delivery.tag
                    && link.tags.get(&tag) == Some(&number)
                {
                    link.tags.remove(&tag);
                }
            }
        }
    }

    /// Notes since when each end's window has been closed while it has a link that sends.
    pub(super) fn note_windows(&mut self, now: Instant) {
        for side in [Side::Client, Side::Server] {
            let Some(end) = self.ends.get_mut(side) else { continue };
            let is_blocked = end.announced.is_some()
                && end.left() == 0
                && self.links.values().any(|link| {
                    link.sender == side && link.is_attached(side) && link.is_attached(other(side))
                });
            end.blocked_since = is_blocked.then(|| end.blocked_since.unwrap_or(now));
        }
    }

    pub(super) fn view(&self) -> SessionView {
        let end = |side| self.ends.get(side).as_ref();
        SessionView {
            id: self.id,
            channels: Both::from_fn(|side| end(side).map(|end| end.channel)),
            states: Both::from_fn(|side| self.machines.get(side).latest()),
            windows: Both::from_fn(|side| end(side).map(SessionEnd::window).unwrap_or_default()),
            unsettled: Both::from_fn(|side| end(side).map_or(0, |end| end.unsettled.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::types::Handle;

    /// A peer could make each number one of two links in turn, and both kept it.
    #[test]
    fn number_that_is_used_twice_is_kept_for_the_last_delivery_alone() {
        let (limits, now, mut broken) = (ObserverLimits::default(), Instant::from_millis(0), Vec::new());
        let mut session = Session::new(1);
        session.on_begin(Side::Client, &Begin::default(), 0, now, &mut broken);
        for handle in [0, 1] {
            let attach = Attach { handle: Handle::new(handle), role: Role::Sender, ..Attach::default() };
            session.on_attach(Side::Client, &attach, Some(handle), now, &limits, &mut broken);
        }
        let mut tag = 0_u32;
        for number in 0..100 {
            for handle in [0, 1] {
                tag += 1;
                let transfer = Transfer {
                    handle: Handle::new(handle),
                    delivery_id: Some(number.into()),
                    delivery_tag: Some(tag.into()),
                    ..Transfer::default()
                };
                session.on_transfer(Side::Client, &transfer, 0, now, &limits, &mut broken);
            }
            let kept: Vec<_> =
                session.links.values().map(|link| (link.unsettled.len(), link.tags.len())).collect();
            assert_eq!(kept, [(0, 0), (1, 1)]);
            session.settle(Side::Client, number, number);
        }
    }
}
