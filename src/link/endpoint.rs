//! What senders and receivers have in common: name, handles, state, and how they come to their end.

use alloc::boxed::Box;

use bytes::Bytes;

use super::{ReceiverEndpoint, SenderEndpoint, attach::LinkIdentity};
use crate::{
    codec::DecodeLimits,
    error::CommandError,
    ids::{LinkId, ReceiverId},
    spec::{
        definitions::{ReceiverSettleMode, Role, SenderSettleMode},
        performatives::Attach,
    },
    state::{LinkState, LinkTrigger},
    types::{SequenceNo, Str},
};

/// The common part of a link endpoint. What no message needs comes first, so that all that one does lies together,
/// with what follows in the [`Link`]: beside many links it is the number of cache lines that counts.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct LinkCommon {
    /// States that it has come to, for tests to look at.
    #[cfg(feature = "testing")]
    pub(crate) reached: alloc::collections::BTreeSet<LinkState>,
    identity: LinkIdentity,
    /// Our attach, which has to wait for what the peer allows.
    pub(crate) unsent: Option<Box<Attach>>,
    /// When the link's receiver settles: of a sender the peer's mode, once it has come.
    pub(crate) rcv_mode: ReceiverSettleMode,
    /// We asked for the terminus that is the peer's to make, and it has not made it (2.6.3).
    pub(crate) awaiting_terminus: bool,
    /// Our detach closed the link.
    pub(crate) closed: bool,
    /// A sender leaves it to the application to settle on the peer's outcome.
    pub(crate) keep_outcomes: bool,
    /// Deliveries unsettled at our end.
    pub(crate) unsettled: u32,
    pub(crate) id: LinkId,
    pub(crate) state: LinkState,
    /// `*_OPEN` has been raised.
    pub(crate) opened: bool,
    /// The last event of this id has been raised.
    pub(crate) end_raised: bool,
    /// The detach waits for the message in progress; whether it closes the link.
    pub(crate) leaving: Option<bool>,
}

/// What a link does, by its direction.
#[derive(Debug)]
pub(crate) enum LinkKind {
    Sender(SenderEndpoint),
    Receiver(ReceiverEndpoint),
}

/// A link endpoint.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Link {
    pub(crate) common: LinkCommon,
    pub(crate) kind: LinkKind,
}

impl LinkCommon {
    pub(crate) fn new(id: LinkId, identity: LinkIdentity) -> Self {
        Self {
            #[cfg(feature = "testing")]
            reached: alloc::collections::BTreeSet::new(),
            identity,
            unsent: None,
            rcv_mode: ReceiverSettleMode::First,
            awaiting_terminus: false,
            closed: false,
            keep_outcomes: false,
            unsettled: 0,
            id,
            state: LinkState::Detached,
            opened: false,
            end_raised: false,
            leaving: None,
        }
    }

    /// Whether the trigger is legal now; if so, it has happened.
    #[must_use]
    pub(crate) fn apply(&mut self, trigger: LinkTrigger) -> bool {
        let Some(next) = self.state.next(trigger) else { return false };
        self.state = next;
        #[cfg(feature = "testing")]
        self.reached.insert(next);
        true
    }

    pub(crate) fn role(&self) -> Role {
        match self.id {
            LinkId::Sender(_) => Role::Sender,
            LinkId::Receiver(_) => Role::Receiver,
        }
    }

    /// A delivery has been begun, settled by that or not.
    #[inline]
    pub(crate) fn count_sent(&mut self, settled: bool) {
        self.unsettled = self.unsettled.saturating_add((!settled).into());
    }

    pub(crate) fn is_open(&self) -> bool {
        self.opened && self.state == LinkState::Attached
    }

    /// The link's name (2.6.1), as bytes.
    pub(crate) fn name_bytes(&self) -> &[u8] {
        self.identity.name()
    }

    /// The link's name (2.6.1).
    pub(crate) fn name(&self) -> Str {
        Str::try_from(Bytes::copy_from_slice(self.identity.name())).unwrap_or_default()
    }

    /// The peer's attach has come.
    pub(crate) fn set_identity(&mut self, identity: LinkIdentity) {
        self.identity = identity;
    }

    /// Whether the peer's attach has come.
    pub(crate) fn has_remote_attach(&self) -> bool {
        matches!(self.identity, LinkIdentity::Theirs { .. })
    }

    pub(crate) fn identity(&self) -> &LinkIdentity {
        &self.identity
    }

    /// The peer's attach, once it has come.
    pub(crate) fn remote(&self, limits: DecodeLimits) -> Option<Attach> {
        match &self.identity {
            LinkIdentity::Theirs { attach, .. } => attach.decode(limits),
            LinkIdentity::Name(_) => None,
        }
    }
}

impl Link {
    pub(crate) fn sender(&mut self) -> Result<&mut SenderEndpoint, CommandError> {
        match &mut self.kind {
            LinkKind::Sender(sender) => Ok(sender),
            LinkKind::Receiver(_) => Err(CommandError::UnknownId),
        }
    }

    pub(crate) fn receiver(&mut self) -> Result<&mut ReceiverEndpoint, CommandError> {
        match &mut self.kind {
            LinkKind::Receiver(receiver) => Ok(receiver),
            LinkKind::Sender(_) => Err(CommandError::UnknownId),
        }
    }

    /// A receiver that is open and has no delivery in progress, and how many of its deliveries are unsettled.
    #[inline]
    pub(crate) fn ready_receiver(&mut self) -> Option<(ReceiverId, &mut u32, &mut ReceiverEndpoint)> {
        let is_open = self.common.is_open();
        match (self.common.id, &mut self.kind) {
            (LinkId::Receiver(id), LinkKind::Receiver(receiver))
                if is_open && receiver.current().is_none() =>
            {
                Some((id, &mut self.common.unsettled, receiver))
            }
            _ => None,
        }
    }

    /// The delivery-count to put into our attach.
    pub(crate) fn initial_count(&self) -> SequenceNo {
        match &self.kind {
            LinkKind::Sender(sender) => sender.initial_count(),
            LinkKind::Receiver(_) => SequenceNo::new(0),
        }
    }

    /// The settle modes that are in force, of sender and receiver.
    pub(crate) fn modes(&self) -> (SenderSettleMode, ReceiverSettleMode) {
        match &self.kind {
            LinkKind::Sender(sender) => (sender.mode, self.common.rcv_mode),
            LinkKind::Receiver(receiver) => (receiver.snd_mode, receiver.rcv_mode),
        }
    }
}
