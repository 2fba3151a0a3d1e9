//! What senders and receivers have in common: name, handles, state, and how they come to their end.

use alloc::boxed::Box;

use super::{ReceiverInner, SenderInner};
use crate::{
    config,
    error::CommandError,
    ids::{LinkId, ReceiverId},
    spec::{definitions::Role, performatives::Attach},
    state::{LinkCue, LinkState},
    types::{Handle, SequenceNo, Str},
};

/// The common part of a link endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: LinkId,
    pub(crate) state: LinkState,
    pub(crate) name: Str,
    /// Our settings; on the peer's request, once it is answered.
    pub(crate) local: Box<config::Attach>,
    /// The peer's attach, once it has come.
    pub(crate) remote: Option<Box<Attach>>,
    /// The handle that the peer gave the link, while it is attached for input.
    pub(crate) input: Option<Handle>,
    /// The attach has to wait for what the peer allows.
    pub(crate) staged: bool,
    /// The last event of this id has been raised.
    pub(crate) silent: bool,
    /// `*_OPEN` has been raised.
    pub(crate) opened: bool,
    /// Our detach closed the link.
    pub(crate) closed: bool,
    /// The detach waits for the message in progress; whether it closes the link.
    pub(crate) leaving: Option<bool>,
    /// Deliveries unsettled at our end.
    pub(crate) unsettled: u32,
    /// States that it has come to, for tests to look at.
    #[cfg(feature = "testing")]
    pub(crate) reached: alloc::collections::BTreeSet<LinkState>,
}

/// What a link does, by its direction.
#[derive(Debug)]
pub(crate) enum LinkKind {
    Sender(SenderInner),
    Receiver(ReceiverInner),
}

/// A link endpoint.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) end: Endpoint,
    pub(crate) kind: LinkKind,
}

impl Endpoint {
    pub(crate) fn new(id: LinkId, name: Str, local: Box<config::Attach>) -> Self {
        Self {
            id,
            state: LinkState::Detached,
            name,
            local,
            remote: None,
            input: None,
            staged: false,
            silent: false,
            opened: false,
            closed: false,
            leaving: None,
            unsettled: 0,
            #[cfg(feature = "testing")]
            reached: alloc::collections::BTreeSet::new(),
        }
    }

    /// Whether the cue is legal now; if so, it has happened.
    #[must_use]
    pub(crate) fn apply(&mut self, cue: LinkCue) -> bool {
        let Some(next) = self.state.next(cue) else { return false };
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

    pub(crate) fn is_open(&self) -> bool {
        self.opened && self.state == LinkState::Attached
    }

    /// The attach that says what we are and want.
    pub(crate) fn attach(&self, handle: Handle, initial: SequenceNo) -> Attach {
        let local = &*self.local;
        Attach {
            name: self.name.clone(),
            handle,
            role: self.role(),
            snd_settle_mode: local.snd_settle_mode,
            rcv_settle_mode: local.rcv_settle_mode,
            source: local.source.clone(),
            target: local.target.clone(),
            // 2.7.3: a sender must set it, a receiver's is ignored.
            initial_delivery_count: (self.role() == Role::Sender).then_some(initial),
            max_message_size: (local.max_message_size > 0).then_some(local.max_message_size),
            offered_capabilities: local.offered_capabilities.clone().into(),
            desired_capabilities: local.desired_capabilities.clone().into(),
            properties: local.properties.clone(),
            ..Attach::default()
        }
    }

    /// Fills in what the answer to a request left unset with what the peer asked for (2.6.3).
    pub(crate) fn mirror_remote(&mut self) {
        let Some(remote) = &self.remote else { return };
        self.local.source = self.local.source.take().or_else(|| remote.source.clone());
        self.local.target = self.local.target.take().or_else(|| remote.target.clone());
    }

    /// 2.6.3: an answer without the terminus that is the peer's to make is a refusal, and a detach follows.
    pub(crate) fn is_refused(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| match self.role() {
            Role::Sender => remote.target.is_none() && self.local.target.is_some(),
            Role::Receiver => remote.source.is_none() && self.local.source.is_some(),
        })
    }
}

impl Link {
    pub(crate) fn sender(&mut self) -> Result<&mut SenderInner, CommandError> {
        match &mut self.kind {
            LinkKind::Sender(sender) => Ok(sender),
            LinkKind::Receiver(_) => Err(CommandError::UnknownId),
        }
    }

    pub(crate) fn receiver(&mut self) -> Result<&mut ReceiverInner, CommandError> {
        match &mut self.kind {
            LinkKind::Receiver(receiver) => Ok(receiver),
            LinkKind::Sender(_) => Err(CommandError::UnknownId),
        }
    }

    /// A receiver that is open and has no delivery in progress, and how many of its deliveries are unsettled.
    #[inline]
    pub(crate) fn ready_receiver(&mut self) -> Option<(ReceiverId, &mut u32, &mut ReceiverInner)> {
        let is_open = self.end.is_open();
        match (self.end.id, &mut self.kind) {
            (LinkId::Receiver(id), LinkKind::Receiver(receiver))
                if is_open && receiver.current().is_none() =>
            {
                Some((id, &mut self.end.unsettled, receiver))
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
}
