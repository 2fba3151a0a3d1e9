//! Delivery states as a session stores them.

use alloc::{collections::BTreeMap, sync::Arc};

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
    receivers: StoredState,
    senders: StoredState,
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

    /// Returns the bytes of its encoding, if it has one.
    pub(super) fn encoded_len(&self) -> usize {
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

    /// Replaces the receiver's state. [`may_become`](Self::may_become) has been asked.
    #[inline]
    pub(crate) fn set_receivers(&mut self, state: Self) {
        if self.both_ends().is_some() {
            self.set_of_both(|both| both.receivers = state);
        } else {
            *self = state;
        }
    }

    /// Returns the state of a delivery of which only the sender has given its own.
    pub(crate) fn of_sender(state: Self) -> Self {
        let mut this = Self::Unknown;
        this.set_senders(state);
        this
    }

    /// Replaces the sender's state, as [`set_receivers`](Self::set_receivers) does.
    pub(crate) fn set_senders(&mut self, state: Self) {
        self.set_of_both(|both| both.senders = state);
    }

    /// Notes that the receiver settles with its outcome.
    pub(crate) fn set_settles_first(&mut self) {
        self.set_of_both(|both| both.settles_first = true);
    }

    #[cold]
    #[inline(never)]
    fn set_of_both(&mut self, change: impl FnOnce(&mut BothEnds)) {
        let only_receivers = || BothEnds { receivers: self.clone(), ..BothEnds::default() };
        let mut both = self.both_ends().cloned().unwrap_or_else(only_receivers);
        change(&mut both);
        *self = Self::Other(Arc::new(OtherState::OfBoth(both)));
    }
}

/// The state of one end.
impl StoredState {
    pub(crate) fn new(state: Option<&DeliveryState>) -> Self {
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
        Self::new(Some(next)) != *self
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
    pub(super) fn heap_size(&self) -> usize {
        let encoded = match self {
            Self::Encoded { encoded, .. } => encoded.len(),
            Self::OfBoth(_) => 0,
        };
        STATE_SIZE.saturating_add(encoded)
    }
}
