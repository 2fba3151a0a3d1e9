//! One session endpoint (2.5): its window, its links, its deliveries.

mod attach;
mod begun;
mod detach;
mod disposition;
mod flow;
mod incoming;
mod link_names;
mod outgoing;
mod unsettled;
mod window;

pub use self::disposition::UnsettledDelivery;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

#[cfg(feature = "testing")]
use alloc::collections::BTreeSet;

use bytes::Bytes;

#[cfg(feature = "testing")]
use crate::state::LinkState;

pub(crate) use self::outgoing::Outgoing;
use self::unsettled::{UnsettledEntry, UnsettledMap};
use self::{
    begun::RemoteBegin,
    disposition::{Pending, Run},
    link_names::LinkNames,
    window::Window,
};
use crate::{
    codec::DecodeLimits,
    config,
    context::Context,
    error::{CommandError, Failure, Origin, ProtocolError},
    event::Event,
    ids::{LinkId, LinkKey, ReceiverId, SenderId, SessionId},
    link::Link,
    ready_queue::ReadyQueue,
    slab::Slab,
    spec::{
        definitions::{Error, Role},
        performatives::{Attach, Begin, Detach, Disposition, End, Performative, Transfer},
        transfer_fast_path::WholeDelivery,
    },
    state::{SessionState, SessionTrigger},
    types::{Channel, DeliveryNumber, Fields, Handle, Str},
};

/// A session endpoint, which knows no connection.
#[derive(Debug)]
pub(crate) struct SessionEndpoint {
    pub(crate) id: SessionId,
    pub(crate) state: SessionState,
    /// The channel that our frames carry: the place of the session in its connection.
    pub(crate) channel: u16,
    /// The channel that the peer's frames carry.
    pub(crate) remote_channel: Option<u16>,
    /// The highest handle that we announce.
    handle_max: u32,
    /// The peer's begin, once it has come.
    remote: Option<RemoteBegin>,
    /// The begin has to wait for the peer's open.
    pub(crate) begin_pending: bool,
    /// The last event of this id has been raised.
    pub(crate) end_raised: bool,
    /// The end waits for messages in progress.
    pub(crate) ending: bool,
    pub(crate) backlog_bytes: usize,
    /// What most sessions never have.
    cold: Option<Box<ColdState>>,

    window: Window,
    /// Links by our handles.
    links: Slab<Link>,
    /// Our handles by the peer's.
    handles: Vec<Option<u16>>,
    /// Our handles by name and direction.
    names: LinkNames,

    outgoing: UnsettledMap<UnsettledEntry<SenderId>>,
    /// Made with the peer's first delivery, which sets the number to begin with.
    incoming: Option<UnsettledMap<UnsettledEntry<ReceiverId>>>,
    incoming_epoch: u32,
    /// Unsettled deliveries of links that have closed.
    orphans: usize,
    /// Bytes of incomplete deliveries that nobody reads as they come.
    buffered: u64,

    pending: Vec<Pending>,
    /// Room for what a disposition comes to, kept from one to the next.
    runs: Vec<Run>,
    flow_due: bool,
    /// Links whose flow state the peer is to be told.
    flows: ReadyQueue,
    /// Links with a message in progress, in turn.
    held: ReadyQueue,
    /// Links that owe their application a `SENDER_READY`.
    waiting: ReadyQueue,
    /// States that it and its links have come to, for tests to look at.
    #[cfg(feature = "testing")]
    reached: (BTreeSet<SessionState>, BTreeSet<LinkState>),
}

/// What a session only has in part of its life, or where something out of the ordinary has happened.
#[derive(Debug, Default)]
struct ColdState {
    /// Properties of our begin, which has not been written.
    properties: Option<Fields>,
    /// Frames that came before the application answered the begin.
    backlog: VecDeque<(Performative, Bytes)>,
    /// Links that closed while the peer only detached: it will attach again to close (2.6.6).
    reclosing: VecDeque<(Str, Role)>,
    /// LinkNames of links detached with an error, whose peer had not seen it (2.6.5).
    errant: VecDeque<(Str, Role)>,
    /// Links that were detached but not closed, and how many deliveries they left unsettled.
    suspended: BTreeMap<LinkId, u32>,
}

/// The link of an id, in the place that the id names.
fn find(links: &Slab<Link>, id: LinkId) -> Option<&Link> {
    links.get(LinkKey::from(id).handle).filter(|link| link.common.id == id)
}

fn find_mut(links: &mut Slab<Link>, id: LinkId) -> Result<&mut Link, CommandError> {
    let link = links.get_mut(LinkKey::from(id).handle).filter(|link| link.common.id == id);
    link.ok_or(CommandError::UnknownId)
}

/// LinkNames remembered at a time, for peers that close by a second attach.
const REMEMBERED: usize = 64;

impl SessionEndpoint {
    pub(crate) fn new(id: SessionId, channel: u16, local: config::Begin, epochs: &mut u32) -> Self {
        let mut epoch = || {
            *epochs = epochs.saturating_add(1);
            *epochs
        };
        let mut this = Self {
            id,
            state: SessionState::Unmapped,
            channel,
            remote_channel: None,
            window: Window::new(&local),
            handle_max: 0,
            remote: None,
            begin_pending: false,
            end_raised: false,
            ending: false,
            backlog_bytes: 0,
            cold: None,
            links: Slab::default(),
            handles: Vec::new(),
            names: LinkNames::default(),
            outgoing: UnsettledMap::new(DeliveryNumber::new(0), epoch()),
            incoming: None,
            incoming_epoch: epoch(),
            orphans: 0,
            buffered: 0,
            pending: Vec::new(),
            runs: Vec::new(),
            flow_due: false,
            flows: ReadyQueue::default(),
            held: ReadyQueue::default(),
            waiting: ReadyQueue::default(),
            #[cfg(feature = "testing")]
            reached: Default::default(),
        };
        this.announce(local);
        this
    }

    fn cold(&mut self) -> &mut ColdState {
        self.cold.get_or_insert_default()
    }

    /// Keeps what the begin is to say, as far as the window does not know it.
    fn announce(&mut self, local: config::Begin) {
        // Handles are places in a table, so they are bounded.
        self.handle_max = local.handle_max.min(u16::MAX.into());
        // Also none: an earlier begin may have been too large to be written.
        if local.properties.is_some() || self.cold.is_some() {
            self.cold().properties = local.properties;
        }
    }

    /// Whether the trigger is legal now; if so, it has happened.
    #[must_use]
    pub(crate) fn apply(&mut self, trigger: SessionTrigger) -> bool {
        let Some(next) = self.state.next(trigger) else { return false };
        self.state = next;
        #[cfg(feature = "testing")]
        self.reached.0.insert(next);
        true
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == SessionState::Mapped
    }

    /// Whether frames can be written on our channel.
    pub(crate) fn can_write(&self) -> bool {
        matches!(self.state, SessionState::BeginSent | SessionState::Mapped)
    }

    /// 2.5.4: nothing is written behind end.
    fn check_writable(&self) -> Result<(), CommandError> {
        if self.can_write() {
            Ok(())
        } else {
            Err(CommandError::IllegalState("the session has not begun, or is ending"))
        }
    }

    /// Whether anything new may be begun.
    pub(crate) fn check_accepts_new_work(&self, cx: &Context) -> Result<(), CommandError> {
        cx.check_accepts_new_work()?;
        if self.ending {
            Err(CommandError::IllegalState("the session is ending"))
        } else {
            self.check_writable()
        }
    }

    /// Takes the settings with which the application answers the peer's begin.
    pub(crate) fn configure(&mut self, local: config::Begin) {
        self.window.configure(&local);
        self.announce(local);
    }

    /// Writes our begin (2.5.1).
    pub(crate) fn write_begin(&mut self, cx: &mut Context) -> Result<(), CommandError> {
        let begin = Begin {
            // 2.5.1: set by the end that answers, and only by it.
            remote_channel: (self.state == SessionState::BeginRcvd)
                .then_some(self.remote_channel)
                .flatten()
                .map(Channel::new),
            next_outgoing_id: self.window.next_outgoing_id(),
            incoming_window: self.window.incoming(),
            outgoing_window: self.window.outgoing(),
            handle_max: Handle::new(self.handle_max),
            properties: self.cold.as_mut().and_then(|cold| cold.properties.take()),
            ..Begin::default()
        };
        if let Err(refused) = cx.frame(&begin) {
            if begin.properties.is_some() {
                self.cold().properties = begin.properties;
            }
            return Err(refused);
        }
        if !self.apply(SessionTrigger::SendBegin) {
            return Err(CommandError::IllegalState("the session has begun"));
        }
        self.begin_pending = false;
        if self.is_open() {
            cx.event(Event::SessionOpen { session: self.id });
        }
        Ok(())
    }

    /// Takes the peer's begin: the answer to ours, or a request.
    pub(crate) fn on_begin(&mut self, begin: &Begin, body: &[u8], channel: u16, cx: &mut Context) {
        let answer = self.state == SessionState::BeginSent;
        if !self.apply(SessionTrigger::RecvBegin) {
            return;
        }
        self.remote_channel = Some(channel);
        self.window.on_begin(begin);
        self.remote = Some(RemoteBegin::new(begin, body));
        if answer {
            cx.event(Event::SessionOpen { session: self.id });
            self.write_staged(cx);
        }
    }

    /// The peer's begin, once it has come.
    pub(crate) fn remote(&self, limits: DecodeLimits) -> Option<Begin> {
        self.remote.as_ref()?.get(limits)
    }

    /// The highest handle that the peer accepts, as far as is known.
    fn remote_handle_max(&self) -> u32 {
        self.remote.as_ref().map_or(u32::MAX, RemoteBegin::handle_max)
    }

    /// Ends the session: what is pending goes first, and without an error what is in progress too.
    pub(crate) fn end_in_order(
        &mut self,
        error: Option<Error>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        if error.is_some() || !self.holds_messages() {
            return self.end(error, cx);
        }
        if core::mem::replace(&mut self.ending, true) {
            return Err(CommandError::IllegalState("the session is ending"));
        }
        Ok(())
    }

    /// Ends the session: what is pending goes first.
    pub(crate) fn end(&mut self, error: Option<Error>, cx: &mut Context) -> Result<(), CommandError> {
        if core::mem::take(&mut self.begin_pending) {
            // Nothing of it has been written, and now nothing will be.
            self.raise_end(None, cx);
            return Ok(());
        }
        let trigger = if error.is_some() { SessionTrigger::SendEndError } else { SessionTrigger::SendEnd };
        if self.state.next(trigger).is_none() {
            return Err(CommandError::IllegalState("the session is not there to be ended"));
        }
        let ending = core::mem::take(&mut self.ending);
        self.flush(cx);
        if let Err(refused) = cx.frame(&End { error: error.map(Box::new) }) {
            self.ending = ending;
            return Err(refused);
        }
        let applied = self.apply(trigger);
        debug_assert!(applied, "looked up above");
        Ok(())
    }

    /// 2.5.4: the peer broke the protocol; the session ends, and all that follows is discarded.
    pub(crate) fn fail(&mut self, failure: &Failure, cx: &mut Context) {
        let error = failure.error.clone();
        if self.end(Some(error), cx).is_err() {
            let _ = self.end(Some(Error::new(failure.error.condition.clone())), cx);
        }
        self.raise_end(Some(failure), cx);
    }

    /// Raises the last events of the session and its links, links first.
    pub(crate) fn raise_end(&mut self, failure: Option<&Failure>, cx: &mut Context) {
        if self.end_raised {
            return;
        }
        self.end_raised = true;
        for link in self.links.iter_mut() {
            if !link.common.end_raised {
                link.common.end_raised = true;
                let failure = failure.cloned().map(Box::new);
                cx.event(Event::link_closed(link.common.id, link.common.unsettled, failure));
            }
        }
        cx.event(Event::session_ended(self.id, failure.cloned().map(Box::new)));
    }

    /// Keeps a frame until the application has answered the begin.
    pub(crate) fn keep(&mut self, performative: Performative, payload: Bytes, bytes: usize) {
        self.backlog_bytes = self.backlog_bytes.saturating_add(bytes);
        self.cold().backlog.push_back((performative, payload));
    }

    /// The first of the frames that have been kept.
    pub(crate) fn next_kept(&mut self) -> Option<(Performative, Bytes)> {
        self.cold.as_mut()?.backlog.pop_front()
    }

    /// Lets go of all but what can be asked of an ended session: its unsettled deliveries, not their payload.
    pub(crate) fn release_all_but_unsettled(&mut self) {
        self.links = Slab::default();
        self.handles = Vec::new();
        self.names = LinkNames::default();
        self.cold = None;
        self.remote = None;
        self.pending = Vec::new();
        self.runs = Vec::new();
        (self.flows, self.held, self.waiting) = Default::default();
    }

    /// Routes a frame of an open session.
    pub(crate) fn receive(
        &mut self,
        performative: Performative,
        payload: Bytes,
        cx: &mut Context,
        generations: &mut u32,
        epochs: &mut u32,
    ) -> Result<(), ProtocolError> {
        let handled = match performative {
            Performative::Transfer(mut transfer) => {
                return self.receive_transfer(&mut transfer, payload, cx, epochs);
            }
            Performative::Disposition(disposition) => return self.receive_disposition(&disposition, cx),
            Performative::Flow(flow) => self.on_flow(&flow, cx),
            Performative::Attach(attach) => {
                return self.receive_attach(&attach, &payload, cx, generations);
            }
            Performative::Detach(detach) => return self.receive_detach(detach, cx),
            Performative::Open(_)
            | Performative::Begin(_)
            | Performative::End(_)
            | Performative::Close(_) => Ok(()),
        };
        self.contain(handled, cx)
    }

    /// An attach of an open session; `body` is what its frame had.
    pub(crate) fn receive_attach(
        &mut self,
        attach: &Attach,
        body: &[u8],
        cx: &mut Context,
        generations: &mut u32,
    ) -> Result<(), ProtocolError> {
        let handled = self.on_attach(attach, body, cx, generations);
        self.contain(handled, cx)
    }

    /// A detach of an open session.
    pub(crate) fn receive_detach(&mut self, detach: Detach, cx: &mut Context) -> Result<(), ProtocolError> {
        let handled = self.on_detach(detach, cx);
        self.contain(handled, cx)
    }

    /// A transfer of an open session.
    #[inline]
    pub(crate) fn receive_transfer(
        &mut self,
        transfer: &mut Transfer,
        payload: Bytes,
        cx: &mut Context,
        epochs: &mut u32,
    ) -> Result<(), ProtocolError> {
        match self.on_transfer(transfer, payload, cx, epochs) {
            Ok(()) => Ok(()),
            error => self.contain(error, cx),
        }
    }

    /// A transfer of an open session that is a whole delivery.
    #[inline]
    pub(crate) fn receive_whole(
        &mut self,
        whole: &WholeDelivery,
        payload: Bytes,
        cx: &mut Context,
        epochs: &mut u32,
    ) -> Result<(), ProtocolError> {
        match self.on_whole(whole, payload, cx, epochs) {
            Ok(()) => Ok(()),
            error => self.contain(error, cx),
        }
    }

    /// A disposition of an open session.
    pub(crate) fn receive_disposition(
        &mut self,
        disposition: &Disposition,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        match self.on_disposition(disposition, cx) {
            Ok(()) => Ok(()),
            error => self.contain(error, cx),
        }
    }

    /// Passes an error of the peer's on to whom it concerns; one of the session ends there.
    fn contain(&mut self, handled: Result<(), ProtocolError>, cx: &mut Context) -> Result<(), ProtocolError> {
        match handled {
            Err(ProtocolError::Session(error)) => {
                self.fail(&Failure { origin: Origin::Violation, error: *error }, cx);
                Ok(())
            }
            other => other,
        }
    }

    /// Writes what is pending: dispositions, then messages in progress, then flows.
    pub(crate) fn flush(&mut self, cx: &mut Context) {
        if !self.can_write() {
            return;
        }
        self.write_dispositions(cx);
        self.write_held(cx);
        self.write_flows(cx);
        if self.ending && !self.holds_messages() {
            let _ = self.end(None, cx);
        }
    }

    /// Whether anything waits for the next [`flush`](Self::flush).
    pub(crate) fn has_work(&self) -> bool {
        self.ending
            || self.flow_due
            || !self.flows.is_empty()
            || !self.pending.is_empty()
            || !self.held.is_empty()
    }

    pub(crate) fn link(&mut self, id: LinkId) -> Result<&mut Link, CommandError> {
        find_mut(&mut self.links, id)
    }

    pub(crate) fn link_ref(&self, id: LinkId) -> Option<&Link> {
        find(&self.links, id)
    }

    pub(crate) fn link_ids(&self) -> impl Iterator<Item = LinkId> {
        self.links.iter().map(|link| link.common.id)
    }

    /// The states that the session and its links have come to.
    #[cfg(feature = "testing")]
    pub(crate) fn reached(&self) -> (BTreeSet<SessionState>, BTreeSet<LinkState>) {
        let mut reached = self.reached.clone();
        reached.1.extend(self.links.iter().flat_map(|link| &link.common.reached));
        reached
    }

    pub(crate) fn incoming_window(&self) -> u32 {
        self.window.incoming()
    }

    pub(crate) fn remote_outgoing_window(&self) -> u32 {
        self.window.remote_outgoing()
    }

    pub(crate) fn remote_incoming_window(&self) -> u32 {
        self.window.remote_incoming()
    }
}
