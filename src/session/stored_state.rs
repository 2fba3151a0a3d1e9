//! Delivery states as a session stores them.

use alloc::{collections::BTreeMap, sync::Arc};

use super::state_bytes::{Giver, StateBytes};
use crate::{
    codec::{DecodeLimits, Encoded, to_vec},
    error::CommandError,
    spec::{
        definitions::Role,
        delivery_state::{Accepted, DeliveryState, Released},
    },
    types::HeapSize,
};

/// A delivery state in memory: the common ones without a heap allocation, all others encoded.
///
/// An encoded state takes up a fraction of its decoded form, and holds no read buffer alive.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum StoredState {
    #[default]
    Unknown,
    Accepted,
    Released,
    Other(Arc<OtherState>),
}

#[derive(Debug, PartialEq)]
pub(crate) enum OtherState {
    Encoded {
        is_terminal: bool,
        encoded: Encoded<DeliveryState>,
    },
    /// Facts about both ends, in an [`UnsettledEntry`](super::unsettled::UnsettledEntry) alone.
    OfBoth(BothEnds),
}

/// Facts about a delivery at both ends, where they are more than the receiver's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BothEnds {
    pub(super) receivers: StoredState,
    pub(super) senders: StoredState,
    /// The receiver settles with its outcome, though the link's mode is second (2.7.5 `rcv-settle-mode`).
    settles_first: bool,
}

/// The states of the two ends, in an entry.
impl StoredState {
    /// True if nothing is known of either end.
    #[inline]
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Returns the state at the end that has this role.
    #[cold]
    #[inline(never)]
    pub(crate) fn at(&self, role: Role) -> &Self {
        match (self.both_ends(), role) {
            (Some(both), Role::Receiver) => &both.receivers,
            (Some(both), Role::Sender) => &both.senders,
            (None, Role::Receiver) => self,
            (None, Role::Sender) => &Self::Unknown,
        }
    }

    /// True if this is the very same stored state.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Other(one), Self::Other(other)) if Arc::ptr_eq(one, other))
    }

    /// Returns the bytes of the heap that it takes up.
    pub(super) fn heap_size(&self) -> usize {
        match self {
            Self::Other(other) => other.heap_size(),
            _ => 0,
        }
    }

    pub(super) fn both_ends(&self) -> Option<&BothEnds> {
        match self {
            Self::Other(other) => match &**other {
                OtherState::OfBoth(both) => Some(both),
                OtherState::Encoded { .. } => None,
            },
            _ => None,
        }
    }

    /// True if the receiver settles with its outcome, whatever the mode of the link.
    pub(crate) fn settles_first(&self) -> bool {
        self.both_ends().is_some_and(|both| both.settles_first)
    }

    /// True if nobody shares it, and it takes up memory.
    pub(super) fn is_last(&self) -> bool {
        matches!(self, Self::Other(other) if Arc::strong_count(other) == 1)
    }

    /// Returns the bytes of the heap that it takes up beside those `seen`, by their addresses.
    #[cfg(feature = "testing")]
    pub(super) fn distinct_size(&self, seen: &mut alloc::collections::BTreeSet<usize>) -> usize {
        let Self::Other(other) = self else { return 0 };
        if !seen.insert(Arc::as_ptr(other).addr()) {
            return 0;
        }
        let parts = self.both_ends().map(|both| [&both.receivers, &both.senders]);
        let parts = parts.into_iter().flatten();
        parts.fold(other.heap_size(), |sum, part| sum.saturating_add(part.distinct_size(seen)))
    }

    /// Replaces the state of the receiver, which is the `receiver`'s. [`may_become`](Self::may_become) has been asked.
    #[inline(never)]
    pub(crate) fn set_receivers(&mut self, state: Self, receiver: Giver, bytes: &mut StateBytes) {
        if self.both_ends().is_some() {
            self.set_of_both(bytes, |both, bytes| {
                bytes.free(receiver, &both.receivers);
                both.receivers = state;
            });
        } else {
            bytes.free(receiver, self);
            *self = state;
        }
    }

    /// Returns the state of a delivery of which only the sender has given its own.
    pub(crate) fn of_sender(state: Self, sender: Giver, bytes: &mut StateBytes) -> Self {
        let mut this = Self::Unknown;
        this.set_senders(state, sender, bytes);
        this
    }

    /// Replaces the state of the sender, which is the `sender`'s, as [`set_receivers`](Self::set_receivers) does.
    pub(crate) fn set_senders(&mut self, state: Self, sender: Giver, bytes: &mut StateBytes) {
        self.set_of_both(bytes, |both, bytes| {
            bytes.free(sender, &both.senders);
            both.senders = state;
        });
    }

    /// Notes that the receiver settles with its outcome.
    pub(crate) fn set_settles_first(&mut self, bytes: &mut StateBytes) {
        self.set_of_both(bytes, |both, _| both.settles_first = true);
    }

    #[cold]
    #[inline(never)]
    fn set_of_both(&mut self, bytes: &mut StateBytes, change: impl FnOnce(&mut BothEnds, &mut StateBytes)) {
        if let Self::Other(other) = self
            && let Some(OtherState::OfBoth(both)) = Arc::get_mut(other)
        {
            return change(both, bytes);
        }
        // A copy of what others share.
        let only_receivers = || BothEnds { receivers: self.clone(), ..BothEnds::default() };
        let mut both = self.both_ends().cloned().unwrap_or_else(only_receivers);
        change(&mut both, bytes);
        bytes.add_facts();
        *self = Self::Other(Arc::new(OtherState::OfBoth(both)));
    }
}

/// The state of one end.
impl StoredState {
    /// Stores a state, and counts it.
    #[inline(never)]
    pub(crate) fn new(state: Option<&DeliveryState>, giver: Giver, bytes: &mut StateBytes) -> Self {
        let stored = Self::uncounted(state);
        if stored.is_last() {
            bytes.add(giver, stored.heap_size());
        }
        stored
    }

    fn uncounted(state: Option<&DeliveryState>) -> Self {
        match state {
            None => Self::Unknown,
            Some(DeliveryState::Accepted(_)) => Self::Accepted,
            Some(DeliveryState::Released(_)) => Self::Released,
            Some(other) => {
                let encoded = Encoded::new(&to_vec(other));
                Self::Other(Arc::new(OtherState::Encoded { is_terminal: other.is_terminal(), encoded }))
            }
        }
    }

    /// Returns the state; `limits` are those that a state of the peer's was decoded with.
    pub(crate) fn get(&self, limits: DecodeLimits) -> Option<DeliveryState> {
        match self {
            Self::Unknown => None,
            Self::Accepted => Some(DeliveryState::Accepted(Accepted {})),
            Self::Released => Some(DeliveryState::Released(Released {})),
            Self::Other(other) => match &**other {
                OtherState::Encoded { encoded, .. } => encoded.decode(limits),
                OtherState::OfBoth(both) => both.receivers.get(limits),
            },
        }
    }

    // Cold: a terminal state is mostly the first and the last.
    #[cold]
    fn differs(&self, next: &DeliveryState) -> bool {
        Self::uncounted(Some(next)) != *self
    }

    /// True if the end that has this state may have the next, or be silent about its state: a terminal state is the
    /// last (3.4, 2.7.5). It is the one rule for both ends and both roles.
    #[inline]
    pub(crate) fn may_become(&self, next: Option<&DeliveryState>) -> bool {
        !self.is_terminal() || next.is_none_or(|next| !self.differs(next))
    }

    /// As [`may_become`](Self::may_become), for a state of ours.
    #[inline]
    pub(crate) fn check_change(&self, next: Option<&DeliveryState>) -> Result<(), CommandError> {
        if self.may_become(next) {
            return Ok(());
        }
        Err(CommandError::IllegalState("the delivery has another outcome already (3.4)"))
    }

    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Accepted | Self::Released => true,
            Self::Other(other) => match &**other {
                OtherState::Encoded { is_terminal, .. } => *is_terminal,
                OtherState::OfBoth(both) => both.receivers.is_terminal(),
            },
        }
    }
}

/// True if the receiver's state is known to be this one. `last` is the answer for the state looked at before, which is
/// mostly shared.
pub(super) fn is_known(
    known: &StoredState,
    next: &StoredState,
    last: &mut Option<(StoredState, bool)>,
    bytes: &mut StateBytes,
) -> bool {
    match known {
        StoredState::Unknown => false,
        StoredState::Accepted | StoredState::Released => known == next,
        StoredState::Other(_) => match last {
            Some((state, answer)) if state.is_same(known) => *answer,
            _ => {
                let answer = known.at(Role::Receiver) == next;
                if let Some((state, _)) = last.replace((known.clone(), answer)) {
                    bytes.free_both(Giver::Peer, &state);
                }
                answer
            }
        },
    }
}

/// Decodes states of deliveries. Those whose state was stored once share what is decoded of it too.
#[derive(Default)]
pub(super) struct StateDecoder {
    /// By address, which is of no other state as long as it is in here.
    known: BTreeMap<usize, (Arc<OtherState>, Option<DeliveryState>)>,
    decoded: usize,
}

impl StateDecoder {
    /// Returns the state of one end; `limits` are those that a state of the peer's was decoded with.
    pub(super) fn get(&mut self, stored: &StoredState, limits: DecodeLimits) -> Option<DeliveryState> {
        let StoredState::Other(other) = stored else { return stored.get(limits) };
        let address = Arc::as_ptr(other).addr();
        if let Some((_, state)) = self.known.get(&address) {
            return state.clone();
        }
        let state = stored.get(limits);
        self.decoded = self.decoded.saturating_add(state.as_ref().map_or(0, HeapSize::heap_size));
        self.known.insert(address, (Arc::clone(other), state.clone()));
        state
    }

    /// Returns the receiver's state, or else the sender's.
    pub(super) fn last_known(&mut self, stored: &StoredState, limits: DecodeLimits) -> Option<DeliveryState> {
        self.get(stored.at(Role::Receiver), limits).or_else(|| self.get(stored.at(Role::Sender), limits))
    }

    /// Returns the bytes of the heap that have been decoded since it was asked last.
    pub(super) fn take_decoded(&mut self) -> usize {
        core::mem::take(&mut self.decoded)
    }
}

/// The bytes that a state takes up beside its encoding: two allocations, and its counters.
pub(super) const STATE_SIZE: usize = size_of::<OtherState>() + 64;

impl OtherState {
    fn heap_size(&self) -> usize {
        let encoded = match self {
            Self::Encoded { encoded, .. } => encoded.len(),
            Self::OfBoth(_) => 0,
        };
        STATE_SIZE.saturating_add(encoded)
    }
}
