//! The bytes of the heap that a session holds for its peer, charged to the connection's account.

use alloc::vec::Vec;

use super::{
    ColdState, RemoteBegin, SessionEndpoint,
    disposition::PendingDisposition,
    faults::{too_many_states, too_many_unsettled, too_much},
    settlement::{has_details, is_bare},
    state_bytes::Giver,
    stored_state::STATE_SIZE,
    unsettled::UnsettledMap,
};
use crate::{
    account::{EVENT_SIZE, without_peers_part},
    codec::to_vec,
    context::Context,
    error::{CommandError, ProtocolError},
    ids::{LinkId, LinkKey, ReceiverId},
    link::{Link, LinkKind, ReceiverEndpoint},
    spec::{definitions::Role, delivery_state::DeliveryState},
    types::{Handle, HeapSize, Str},
};

/// The bytes that an entry of an ordered map takes up beside its own.
pub(super) const MAP_ENTRY: usize = 16;

/// One part in this many of a session's share may be states of the peer's, and as much states of ours.
const MOST_STATES: usize = 4;

impl SessionEndpoint {
    /// Makes room for a delivery that is to arrive unsettled by the fast path, and for more, and charges it. Fails beyond the
    /// limit.
    #[cold]
    pub(super) fn grow_for_whole(&mut self, handle: Handle, cx: &mut Context) -> Result<(), ProtocolError> {
        // What arrives on a link that we have closed is dropped.
        let handle = self.local_handle(handle);
        let is_kept = handle.is_some_and(|handle| {
            self.links.get_mut(handle).is_some_and(|link| link.idle_receiver().is_some())
        });
        let grown = if is_kept { self.grow_incoming(cx) } else { Ok(()) };
        if grown.is_err() {
            // As `on_transfer` does, which handles it if its bytes are cut elsewhere.
            self.window.on_transfer()?;
        }
        grown
    }

    /// Makes room for more unsettled deliveries of the peer's, and charges it. Fails beyond the limit.
    #[cold]
    pub(super) fn grow_incoming(&mut self, cx: &mut Context) -> Result<(), ProtocolError> {
        let grow = |this: &mut Self, cx: &mut Context| {
            // What waits for the application is the peer's too, and stops its input: the next frames may go beyond it.
            let max = cx.config.limits.max_held_bytes_per_session;
            let left = this.left_to_hold(max, cx.account.left_to_keep());
            let at_once = this.left_to_hold(max, cx.account.left_to_hold());
            let map = this.incoming.as_mut();
            map.is_none_or(|map| !map.must_grow() || map.grow(cx.config.limits.max_unsettled, left, at_once))
        };
        if self.fits(cx, grow) {
            return self.charge(cx);
        }
        too_many_unsettled(cx.config.limits.max_unsettled)
    }

    /// Makes room for more unsettled deliveries of ours, and charges it. Returns false, and does nothing, beyond the limit.
    #[cold]
    pub(super) fn grow_outgoing(&mut self, cx: &mut Context) -> bool {
        // Where the number is the limit, to make room and to take it again would move all of them.
        if self.outgoing.len() >= cx.config.limits.max_unsettled && !self.has_many_orphaned() {
            return false;
        }
        // First, so that the growth is charged with nothing else, and fits.
        if !self.fits(cx, Self::charge_all) {
            return false;
        }
        let grow = |this: &mut Self, cx: &mut Context| {
            let left = this.left_for_own(cx);
            // What was forgotten may have left a place.
            !this.outgoing.must_grow()
                || left.is_some_and(|left| this.outgoing.grow(cx.config.limits.max_unsettled, left, left))
        };
        let grows = self.fits(cx, grow);
        // What was freed in vain is there for other sessions.
        self.fits(cx, Self::charge_all) && grows
    }

    /// Returns the bytes that are left for messages of ours. `None` if there may be places, and yet no room: deliveries that
    /// stay behind take up more than they did.
    fn left_for_own(&self, cx: &Context) -> Option<usize> {
        let max = without_peers_part(cx.config.limits.max_held_bytes_per_session);
        // Less may be held than was charged: room has been made.
        let held = self.heap_size();
        let is_within = held <= max && !cx.account.owns_too_much(self.charged.saturating_sub(held));
        is_within.then(|| self.left_to_hold(max, cx.account.left_for_own()))
    }

    /// True if there is room for an unsettled message of ours, or if room can be made.
    pub(crate) fn has_room_for_own(&self, cx: &Context) -> bool {
        let can_grow = |left| self.outgoing.can_grow(cx.config.limits.max_unsettled, left);
        let has_spare = self.outgoing.len() < cx.config.limits.max_unsettled
            && (self.outgoing.has_spare() || self.incoming.as_ref().is_some_and(UnsettledMap::has_spare));
        let is_within = || self.left_for_own(cx).is_some_and(can_grow);
        !self.outgoing.must_grow() || self.has_many_orphaned() || has_spare || is_within()
    }

    /// Returns what `attempt` returns. If it fails, it is made again without the deliveries of links that are gone, which are
    /// kept as long as nothing needs their room, and again without spare room.
    fn fits(&mut self, cx: &mut Context, attempt: impl Fn(&mut Self, &mut Context) -> bool) -> bool {
        attempt(self, cx)
            || (self.forget_many_orphaned() && attempt(self, cx))
            || (self.free_spare() && attempt(self, cx))
    }

    /// Frees spare room. Returns false if there is none.
    fn free_spare(&mut self) -> bool {
        let of_incoming = self.incoming.as_mut().is_some_and(UnsettledMap::free_spare);
        self.outgoing.free_spare() || of_incoming
    }

    /// Frees what the session does not need, for another one.
    #[cold]
    pub(crate) fn make_room_for_others(&mut self, cx: &mut Context) {
        let is_less = self.forget_many_orphaned();
        if self.free_spare() || is_less {
            let _ = self.charge(cx);
        }
    }

    /// Returns the bytes that the session may hold beside those that it does, if it may hold `max`, and its connection
    /// `left` more.
    fn left_to_hold(&self, max: usize, left: usize) -> usize {
        let held = self.heap_size();
        max.saturating_sub(held).min(left.saturating_add(self.charged).saturating_sub(held))
    }

    /// Charges unsettled deliveries that take up more than has been charged. To settle never ends the session, although
    /// what stays may take up more each.
    #[inline]
    pub(crate) fn charge_if_due(&mut self, cx: &mut Context) {
        let of_incoming = self.incoming.as_ref().is_some_and(UnsettledMap::is_charge_due);
        if self.outgoing.is_charge_due() || of_incoming || self.state_bytes.is_charge_due() {
            let _ = self.charge(cx);
        }
    }

    /// Charges what the session holds, and has its senders that wait look at the room that is left. Fails if that is too much,
    /// even without the deliveries of links that are gone.
    #[cold]
    #[inline(never)]
    pub(crate) fn charge(&mut self, cx: &mut Context) -> Result<(), ProtocolError> {
        let max = cx.config.limits.max_held_bytes_per_session;
        if self.fits(cx, Self::charge_all) {
            if self.senders_wait {
                cx.blocked_senders.push(self.channel);
            }
            Ok(())
        } else if self.has_too_many_states(max) {
            too_many_states(max)
        } else {
            too_much(max)
        }
    }

    /// True if the states of the peer's take up more than their part of the session's share.
    fn has_too_many_states(&self, max: usize) -> bool {
        self.state_bytes.of(Giver::Peer) > max / MOST_STATES
    }

    /// Charges what the session holds. Returns true if that is not too much.
    fn charge_all(&mut self, cx: &mut Context) -> bool {
        let max = cx.config.limits.max_held_bytes_per_session;
        self.state_bytes.on_charge();
        self.outgoing.on_charge();
        if let Some(incoming) = &mut self.incoming {
            incoming.on_charge();
        }
        let now = self.heap_size();
        let is_within = cx.account.keep(core::mem::replace(&mut self.charged, now), now);
        let is_short = cx.account.is_half_full();
        self.outgoing.limit_spare(is_short);
        if let Some(incoming) = &mut self.incoming {
            incoming.limit_spare(is_short);
        }
        is_within && now <= max && !self.has_too_many_states(max)
    }

    /// Returns the bytes of the states that there are.
    #[cfg(feature = "testing")]
    fn all_state_bytes(&self) -> usize {
        let mut seen = alloc::collections::BTreeSet::new();
        let incoming =
            self.incoming.iter().flat_map(|incoming| incoming.iter().map(|(_, entry)| &entry.state));
        let states = self.outgoing.iter().map(|(_, entry)| &entry.state).chain(incoming);
        states.fold(0, |sum, state| sum.saturating_add(state.distinct_size(&mut seen)))
    }

    /// Returns what has been charged for the session, and what it holds. The same if it will be charged again before it is
    /// asked for more.
    #[cfg(feature = "testing")]
    pub(crate) fn charged_and_held(&self) -> (usize, usize) {
        assert_eq!(
            self.state_bytes.total(),
            self.all_state_bytes().saturating_add(self.waiting_state_bytes())
        );
        let is_due = self.outgoing.is_charge_due()
            || self.incoming.as_ref().is_some_and(UnsettledMap::is_charge_due)
            || self.state_bytes.is_charge_due()
            || !self.is_open();
        (self.charged, if is_due { self.charged } else { self.heap_size() })
    }

    /// Returns the bytes that every session takes up, with the peer's begin and its last event.
    fn own_size(&self) -> usize {
        let own = size_of::<Self>().saturating_add(TABLES).saturating_add(EVENT_SIZE);
        own.saturating_add(self.remote_begin.as_ref().map_or(0, RemoteBegin::heap_size))
    }

    /// Charges the session and the links that it has, once the peer's begin has arrived. Returns false if that is too much.
    pub(super) fn charge_session(&mut self, cx: &mut Context) -> bool {
        if self.charged == 0 {
            self.charged = self.own_size().wrapping_add(self.link_bytes);
            if cx.account.keep(0, self.charged) && self.charged <= cx.config.limits.max_held_bytes_per_session
            {
                return true;
            }
        }
        // A message that could not be sent yet has had it charged, or it is too much.
        self.charge(cx).is_ok()
    }

    fn heap_size(&self) -> usize {
        [
            self.own_size(),
            self.cold.as_ref().map_or(0, |cold| cold.heap_size()),
            self.link_bytes,
            self.outgoing.heap_size(),
            self.incoming.as_ref().map_or(0, |incoming| incoming.heap_size()),
            self.state_bytes.total(),
            self.buffered,
            self.pending_dispositions.capacity().saturating_mul(size_of::<PendingDisposition>()),
        ]
        .iter()
        .fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// Charges a link instead of what it was before. Until the peer's begin has arrived, links are the application's
    /// alone.
    pub(super) fn charge_link(
        &mut self,
        before: usize,
        now: usize,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        self.link_bytes = self.link_bytes.wrapping_sub(before).wrapping_add(now);
        if self.remote_begin.is_none() {
            return Ok(());
        }
        self.charge_instead(before, now, cx)
    }

    /// Charges an incomplete delivery instead of what it was before.
    #[inline(always)]
    pub(super) fn charge_part(
        &mut self,
        before: usize,
        now: usize,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        self.buffered = self.buffered.wrapping_sub(before).wrapping_add(now);
        if before == 0 || now == 0 {
            self.count_parts((before == 0).into(), (now == 0).into(), cx);
        }
        self.charge_instead(before, now, cx)
    }

    /// Charges the unread bytes of a streamed delivery instead of those before.
    pub(super) fn charge_unread(&mut self, before: usize, now: usize, cx: &mut Context) {
        if (before == 0) != (now == 0) {
            self.count_parts((before == 0).into(), (now == 0).into(), cx);
        }
        cx.account.replace_unread(before, now);
    }

    /// Takes deliveries that arrived in parts off the account.
    #[cold]
    pub(super) fn discharge_parts(&mut self, streaming: bool, bytes: usize, cx: &mut Context) {
        if streaming {
            self.charge_unread(bytes, 0, cx);
        } else {
            let _ = self.charge_part(bytes, 0, cx);
        }
    }

    /// Returns the first link with streamed bytes to read. If the session or its connection is ending, there is none; what
    /// has not been read is dropped, as it is on links that are ending.
    #[cold]
    pub(crate) fn first_to_read(
        &mut self,
        its_connection_is_open: bool,
        cx: &mut Context,
    ) -> Option<ReceiverId> {
        let is_open = its_connection_is_open && self.is_open();
        let (mut first, mut ending) = (None, Vec::new());
        for link in self.links.iter_mut().filter(|link| link.streams_parts()) {
            match (link.common.is_open() && is_open, link.common.id, &link.kind) {
                (true, LinkId::Receiver(id), LinkKind::Receiver(receiver)) => {
                    first = first.or(Some(id).filter(|_| receiver.has_unread()));
                }
                (_, id, _) => ending.push(LinkKey::from(id).handle),
            }
        }
        for handle in ending {
            self.abandon_deliveries(handle, cx);
        }
        first
    }

    #[inline(never)]
    fn count_parts(&mut self, more: u32, fewer: u32, cx: &mut Context) {
        self.parts = self.parts.wrapping_add(more).saturating_sub(fewer);
        cx.account.count_parts(more, fewer);
    }

    #[inline]
    pub(super) fn charge_instead(
        &mut self,
        before: usize,
        now: usize,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        self.charged = self.charged.wrapping_sub(before).wrapping_add(now);
        if cx.account.keep(before, now) && self.charged <= cx.config.limits.max_held_bytes_per_session {
            return Ok(());
        }
        // Less may be unsettled than there was when it was charged.
        self.charge(cx)
    }

    /// Charges states of the peer's, if there are more than before.
    #[inline]
    pub(super) fn charge_states(&mut self, cx: &mut Context) -> Result<(), ProtocolError> {
        if self.state_bytes.is_charge_due() { self.charge(cx) } else { Ok(()) }
    }

    /// Fails if there is no room for a state of ours, which takes up memory until its disposition is written: a bare one
    /// has room, since no more wait than the peer's window had frames. If it stays until its deliveries are settled, `kept` is the number of those with states of both ends.
    /// [`charge_states`](Self::charge_states) has to follow once it is stored. What waits is charged here the next time, or
    /// with the next flush.
    #[cold]
    #[inline(never)]
    pub(super) fn check_own_state(
        &mut self,
        state: Option<&DeliveryState>,
        kept: Option<usize>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let _ = self.charge_states(cx);
        let encoded = state.filter(|state| has_details(Some(state))).map(|state| to_vec(state).len());
        let of_kept = kept.map_or(0, |deliveries| {
            let facts = deliveries.saturating_mul(STATE_SIZE);
            facts.saturating_add(encoded.map_or(0, |size| size.saturating_add(STATE_SIZE)))
        });
        let size =
            of_kept.saturating_add(state.filter(|state| !is_bare(state)).map_or(0, HeapSize::heap_size));
        let has_room = |this: &mut Self, cx: &mut Context| {
            let max = cx.config.limits.max_held_bytes_per_session;
            let ours = this.state_bytes.of(Giver::Us).saturating_add(this.state_bytes.waiting());
            ours.saturating_add(size) <= max / MOST_STATES
                && cx.account.has_room_for(size)
                && this.heap_size().saturating_add(size) <= max
        };
        if size == 0 || self.fits(cx, has_room) {
            return Ok(());
        }
        Err(CommandError::LimitReached("max_held_bytes_per_session"))
    }

    /// Returns the bytes of incomplete deliveries that may share read buffers.
    #[cold]
    pub(crate) fn shared_bytes(&mut self) -> usize {
        let receivers = self.links.iter_mut().filter_map(|link| link.receiver().ok());
        receivers.fold(0, |sum, receiver| sum.saturating_add(receiver.shared_bytes()))
    }

    /// Copies the payloads of deliveries that arrive in parts, unless they are copies.
    #[cold]
    pub(crate) fn copy_parts(&mut self) {
        for receiver in self.links.iter_mut().filter_map(|link| link.receiver().ok()) {
            receiver.copy_parts();
        }
    }

    /// Takes what is left of the session off the account, while its links are there.
    pub(crate) fn discharge(&mut self, cx: &mut Context) {
        let charged = core::mem::take(&mut self.charged);
        cx.account.keep(charged, 0);
        if self.parts > 0 {
            self.discharge_all_parts(cx);
        }
    }

    #[cold]
    fn discharge_all_parts(&mut self, cx: &mut Context) {
        let receivers = self.links.iter_mut().filter_map(|link| link.receiver().ok());
        let unread = receivers.map(ReceiverEndpoint::take_charge_of_unread);
        cx.account.replace_unread(unread.fold(0, usize::saturating_add), 0);
        cx.account.count_parts(0, core::mem::take(&mut self.parts));
    }
}

impl ColdState {
    /// True if the second attach of a link with this name has no answer yet (2.6.6).
    #[cold]
    #[inline(never)]
    pub(super) fn is_unanswered(&self, name: &[u8], role: Role) -> bool {
        self.unanswered.iter().any(|(other, its_role)| other.as_bytes() == name && *its_role == role)
    }

    fn heap_size(&self) -> usize {
        let names = self.reclosing.iter().chain(&self.unanswered).chain(&self.errant);
        let names = names.fold(0_usize, |sum, (name, _)| sum.saturating_add(size_of_name(name)));
        size_of::<Self>()
            .saturating_add(self.deferred.capacity())
            .saturating_add(names)
            .saturating_add(self.suspended.len().saturating_mul(MAP_ENTRY.saturating_mul(2)))
    }
}

/// The bytes that a link takes up in the tables of its session.
const TABLE_ENTRIES: usize = 32;

/// The bytes that a session takes up in the tables of its connection, and that its own tables take up with their first
/// entry beside what each link does.
const TABLES: usize = 240;

/// Returns the bytes of the heap that a link takes up, with its last event and without deliveries.
pub(super) fn size_of_link(link: &Link) -> usize {
    let own = size_of::<Link>().saturating_add(TABLE_ENTRIES).saturating_add(EVENT_SIZE);
    own.saturating_add(link.common.identity_size())
}

/// Returns the bytes of the heap that a name takes up that is remembered.
pub(super) fn size_of_name(name: &Str) -> usize {
    // With its entry, and the spare room of the queue.
    name.heap_size().saturating_add(size_of::<(Str, Role)>().saturating_mul(2))
}
