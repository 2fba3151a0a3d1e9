//! A link endpoint, and the part of it that senders and receivers have in common.

use alloc::boxed::Box;

use bytes::Bytes;

use super::{ReceiverEndpoint, SenderEndpoint, attach::LinkIdentity};
use crate::{
    codec::DecodeLimits,
    error::CommandError,
    frame::Payload,
    ids::{DeliveryId, LinkId, ReceiverId},
    spec::{
        definitions::{ReceiverSettleMode, Role, SenderSettleMode},
        performatives::Attach,
    },
    state::{LinkState, LinkTrigger},
    types::Str,
};

/// A request for the peer's state, which a flow makes by its field `echo` (2.7.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Echo {
    #[default]
    None,
    /// The next flow asks.
    Due,
    /// A flow has asked.
    Awaited,
}

impl Echo {
    /// Returns the field `echo` of the flow to write.
    pub(crate) fn is_due(self) -> bool {
        self == Self::Due
    }

    /// True if an answer is waited for, or will be.
    pub(crate) fn is_pending(self) -> bool {
        self != Self::None
    }

    /// Takes note that a flow with that field has been written.
    pub(crate) fn on_asked(&mut self) {
        if self.is_due() {
            *self = Self::Awaited;
        }
    }

    /// Takes note of a flow of the peer's; returns true if it is the answer.
    #[inline]
    pub(crate) fn on_answer(&mut self) -> bool {
        let is_answer = *self == Self::Awaited;
        if is_answer {
            *self = Self::None;
        }
        is_answer
    }

    /// Asks, unless an earlier question has no answer.
    pub(crate) fn ask(&mut self) -> Result<(), CommandError> {
        if self.is_pending() {
            return Err(CommandError::IllegalState("the last echo has not been answered (2.7.4)"));
        }
        *self = Self::Due;
        Ok(())
    }

    /// Stops waiting; returns true if there was an answer to wait for.
    pub(crate) fn give_up(&mut self) -> bool {
        core::mem::take(self) != Self::None
    }
}

/// The part that senders and receivers have in common. Fields not used per message come first, so that the hot ones
/// share cache lines with what follows in [`Link`].
#[derive(Debug)]
#[repr(C)]
pub(crate) struct LinkCommon {
    /// States reached so far, for tests.
    #[cfg(feature = "testing")]
    pub(crate) reached: alloc::collections::BTreeSet<LinkState>,
    pub(crate) identity: LinkIdentity,
    /// Our attach, which waits until the peer's limits are known (2.4.2).
    pub(crate) pending_attach: Option<Box<Attach>>,
    /// The rcv-settle-mode in force; on a sender, taken from the peer's attach.
    pub(crate) rcv_mode: ReceiverSettleMode,
    /// We asked for a terminus that no attach of the peer's has had yet. An attach without it refuses the link (2.6.3).
    pub(crate) awaiting_terminus: bool,
    /// The peer asks for a link to a coordinator of transactions (4.5.1).
    pub(crate) asks_for_coordinator: bool,
    /// Our detach closes the link.
    pub(crate) we_closed: bool,
    pub(crate) echo: Echo,
    /// A flow is owed once the peer's attach is answered.
    pub(crate) flow_owed: bool,
    /// A sender's application settles deliveries itself when the peer's outcome arrives.
    pub(crate) keeps_outcomes: bool,
    /// Deliveries unsettled at our end.
    pub(crate) unsettled: u32,
    pub(crate) id: LinkId,
    pub(crate) state: LinkState,
    /// `*_OPEN` has been raised.
    pub(crate) open_raised: bool,
    /// The last event of this id has been raised.
    pub(crate) end_raised: bool,
    /// Our detach waits for the message in progress; true if it closes the link.
    pub(crate) pending_detach: Option<bool>,
}

/// The part of a link endpoint that depends on its direction.
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
            pending_attach: None,
            rcv_mode: ReceiverSettleMode::First,
            awaiting_terminus: false,
            asks_for_coordinator: false,
            we_closed: false,
            echo: Echo::None,
            flow_owed: false,
            keeps_outcomes: false,
            unsettled: 0,
            id,
            state: LinkState::Detached,
            open_raised: false,
            end_raised: false,
            pending_detach: None,
        }
    }

    /// Applies a transition; returns false if it is illegal in this state.
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

    /// True from `*_OPEN` until either side detaches.
    pub(crate) fn is_open(&self) -> bool {
        self.open_raised && self.state == LinkState::Attached
    }

    /// Returns the link's name (2.6.1) in UTF-8.
    pub(crate) fn name_bytes(&self) -> &[u8] {
        self.identity.name()
    }

    /// Returns the link's name (2.6.1).
    pub(crate) fn name(&self) -> Str {
        Str::try_from(Bytes::copy_from_slice(self.identity.name())).unwrap_or_default()
    }

    /// Returns the bytes of the name, or of the peer's attach, which has the name.
    pub(crate) fn identity_size(&self) -> usize {
        match &self.identity {
            LinkIdentity::Theirs { attach, .. } => attach.len(),
            LinkIdentity::Name(name) => name.len(),
        }
    }

    /// True if the peer's attach has arrived.
    pub(crate) fn has_remote_attach(&self) -> bool {
        matches!(self.identity, LinkIdentity::Theirs { .. })
    }

    /// Returns the peer's attach if it has arrived.
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
            LinkKind::Receiver(_) => Err(CommandError::UnknownLink),
        }
    }

    pub(crate) fn receiver(&mut self) -> Result<&mut ReceiverEndpoint, CommandError> {
        match &mut self.kind {
            LinkKind::Receiver(receiver) => Ok(receiver),
            LinkKind::Sender(_) => Err(CommandError::UnknownLink),
        }
    }

    /// Returns the receiver with its id and its count of unsettled deliveries, if it is open and has no delivery in
    /// progress.
    #[inline]
    pub(crate) fn idle_receiver(&mut self) -> Option<(ReceiverId, &mut u32, &mut ReceiverEndpoint)> {
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

    /// True if deliveries that arrive in parts are here, and the application reads the parts.
    #[inline]
    pub(crate) fn streams_parts(&self) -> bool {
        matches!(&self.kind, LinkKind::Receiver(receiver) if receiver.streaming && receiver.has_parts())
    }

    /// Takes what has arrived of streamed deliveries and has not been read.
    pub(crate) fn take_unread(
        &mut self,
    ) -> Option<(ReceiverId, impl Iterator<Item = (DeliveryId, Payload)>)> {
        match (self.common.id, &mut self.kind) {
            (LinkId::Receiver(id), LinkKind::Receiver(receiver)) => Some((id, receiver.take_unread())),
            _ => None,
        }
    }

    /// Returns the delivery that the end of the link cuts off.
    pub(crate) fn cut_off(&self) -> Option<DeliveryId> {
        match &self.kind {
            LinkKind::Sender(sender) => sender.cut_off(),
            LinkKind::Receiver(_) => None,
        }
    }

    /// Returns the settle modes in force, of sender and receiver.
    pub(crate) fn modes(&self) -> (SenderSettleMode, ReceiverSettleMode) {
        match &self.kind {
            LinkKind::Sender(sender) => (sender.mode, self.common.rcv_mode),
            LinkKind::Receiver(receiver) => (receiver.snd_mode, receiver.rcv_mode),
        }
    }
}
