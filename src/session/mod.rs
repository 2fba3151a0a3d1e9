//! One session endpoint (2.5): its window, its links, its deliveries.

mod begun;
mod flow;
mod incoming;
mod leave;
mod links;
mod names;
mod outgoing;
mod settle;
mod window;

pub use self::settle::UnsettledDelivery;

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
use self::{
    begun::Begun,
    names::Names,
    settle::{Pending, Run},
    window::Window,
};
use crate::{
    codec::DecodeLimits,
    config,
    error::{CommandError, Failure, Origin, ProtocolError},
    event::Event,
    ids::{LinkId, LinkKey, ReceiverId, SenderId, SessionId},
    link::{Ledger, Link, Slot},
    out::Out,
    places::{Places, Turns},
    spec::{
        definitions::{Error, Role},
        performatives::{Attach, Begin, Detach, Disposition, End, Performative, Transfer},
        whole::Whole,
    },
    state::{SessionCue, SessionState},
    types::{Channel, DeliveryNumber, Fields, Handle, Str},
};

/// A session endpoint, which knows no connection.
#[derive(Debug)]
pub(crate) struct SessionInner {
    pub(crate) id: SessionId,
    pub(crate) state: SessionState,
    /// The channel that our frames carry: the place of the session in its connection.
    pub(crate) channel: u16,
    /// The channel that the peer's frames carry.
    pub(crate) remote_channel: Option<u16>,
    /// The highest handle that we announce.
    handle_max: u32,
    /// The peer's begin, once it has come.
    remote: Option<Begun>,
    /// The begin has to wait for the peer's open.
    pub(crate) staged: bool,
    /// The last event of this id has been raised.
    pub(crate) silent: bool,
    /// The end waits for messages in progress.
    pub(crate) ending: bool,
    pub(crate) backlog_octets: usize,
    /// What most sessions never have.
    rare: Option<Box<Rare>>,

    window: Window,
    /// Links by our handles.
    links: Places<Link>,
    /// Our handles by the peer's.
    handles: Vec<Option<u16>>,
    /// Our handles by name and direction.
    names: Names,

    outgoing: Ledger<Slot<SenderId>>,
    /// Made with the peer's first delivery, which sets the number to begin with.
    incoming: Option<Ledger<Slot<ReceiverId>>>,
    incoming_epoch: u32,
    /// Unsettled deliveries of links that have closed.
    orphans: usize,
    /// Octets of incomplete deliveries that nobody reads as they come.
    buffered: u64,

    pending: Vec<Pending>,
    /// Room for what a disposition comes to, kept from one to the next.
    runs: Vec<Run>,
    flow_due: bool,
    /// Links whose flow state the peer is to be told.
    flows: Turns,
    /// Links with a message in progress, in turn.
    held: Turns,
    /// Links that owe their application a `SENDER_READY`.
    waiting: Turns,
    /// States that it and its links have come to, for tests to look at.
    #[cfg(feature = "testing")]
    reached: (BTreeSet<SessionState>, BTreeSet<LinkState>),
}

/// What a session only has in part of its life, or where something out of the ordinary has happened.
#[derive(Debug, Default)]
struct Rare {
    /// Properties of our begin, which has not been written.
    properties: Option<Fields>,
    /// Frames that came before the application answered the begin.
    backlog: VecDeque<(Performative, Bytes)>,
    /// Links that closed while the peer only detached: it will attach again to close (2.6.6).
    reclosing: VecDeque<(Str, Role)>,
    /// Names of links detached with an error, whose peer had not seen it (2.6.5).
    errant: VecDeque<(Str, Role)>,
    /// Links that were detached but not closed, and how many deliveries they left unsettled.
    suspended: BTreeMap<LinkId, u32>,
}

/// The link of an id, in the place that the id names.
fn find(links: &Places<Link>, id: LinkId) -> Option<&Link> {
    links.get(LinkKey::from(id).slot).filter(|link| link.end.id == id)
}

fn find_mut(links: &mut Places<Link>, id: LinkId) -> Result<&mut Link, CommandError> {
    let link = links.get_mut(LinkKey::from(id).slot).filter(|link| link.end.id == id);
    link.ok_or(CommandError::UnknownId)
}

/// Names remembered at a time, for peers that close by a second attach.
const REMEMBERED: usize = 64;

impl SessionInner {
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
            staged: false,
            silent: false,
            ending: false,
            backlog_octets: 0,
            rare: None,
            links: Places::default(),
            handles: Vec::new(),
            names: Names::default(),
            outgoing: Ledger::new(DeliveryNumber::new(0), epoch()),
            incoming: None,
            incoming_epoch: epoch(),
            orphans: 0,
            buffered: 0,
            pending: Vec::new(),
            runs: Vec::new(),
            flow_due: false,
            flows: Turns::default(),
            held: Turns::default(),
            waiting: Turns::default(),
            #[cfg(feature = "testing")]
            reached: Default::default(),
        };
        this.announce(local);
        this
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Keeps what the begin is to say, as far as the window does not know it.
    fn announce(&mut self, local: config::Begin) {
        // Handles are places in a table, so they are bounded.
        self.handle_max = local.handle_max.min(u16::MAX.into());
        // Also none: an earlier begin may have been too large to be written.
        if local.properties.is_some() || self.rare.is_some() {
            self.rare().properties = local.properties;
        }
    }

    /// Whether the cue is legal now; if so, it has happened.
    #[must_use]
    pub(crate) fn apply(&mut self, cue: SessionCue) -> bool {
        let Some(next) = self.state.next(cue) else { return false };
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
    pub(crate) fn check_lasting(&self, out: &Out) -> Result<(), CommandError> {
        out.check_lasting()?;
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
    pub(crate) fn write_begin(&mut self, out: &mut Out) -> Result<(), CommandError> {
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
            properties: self.rare.as_mut().and_then(|rare| rare.properties.take()),
            ..Begin::default()
        };
        if let Err(refused) = out.frame(&begin) {
            if begin.properties.is_some() {
                self.rare().properties = begin.properties;
            }
            return Err(refused);
        }
        if !self.apply(SessionCue::SendBegin) {
            return Err(CommandError::IllegalState("the session has begun"));
        }
        self.staged = false;
        if self.is_open() {
            out.event(Event::SessionOpen { session: self.id });
        }
        Ok(())
    }

    /// Takes the peer's begin: the answer to ours, or a request.
    pub(crate) fn on_begin(&mut self, begin: &Begin, body: &[u8], channel: u16, out: &mut Out) {
        let answer = self.state == SessionState::BeginSent;
        if !self.apply(SessionCue::RecvBegin) {
            return;
        }
        self.remote_channel = Some(channel);
        self.window.on_begin(begin);
        self.remote = Some(Begun::new(begin, body));
        if answer {
            out.event(Event::SessionOpen { session: self.id });
            self.write_staged(out);
        }
    }

    /// The peer's begin, once it has come.
    pub(crate) fn remote(&self, limits: DecodeLimits) -> Option<Begin> {
        self.remote.as_ref()?.get(limits)
    }

    /// The highest handle that the peer accepts, as far as is known.
    fn remote_handle_max(&self) -> u32 {
        self.remote.as_ref().map_or(u32::MAX, Begun::handle_max)
    }

    /// Ends the session: what is pending goes first, and without an error what is in progress too.
    pub(crate) fn end_in_order(&mut self, error: Option<Error>, out: &mut Out) -> Result<(), CommandError> {
        if error.is_some() || !self.holds_messages() {
            return self.end(error, out);
        }
        if core::mem::replace(&mut self.ending, true) {
            return Err(CommandError::IllegalState("the session is ending"));
        }
        Ok(())
    }

    /// Ends the session: what is pending goes first.
    pub(crate) fn end(&mut self, error: Option<Error>, out: &mut Out) -> Result<(), CommandError> {
        if core::mem::take(&mut self.staged) {
            // Nothing of it has been written, and now nothing will be.
            self.raise_end(None, out);
            return Ok(());
        }
        let cue = if error.is_some() { SessionCue::SendEndError } else { SessionCue::SendEnd };
        if self.state.next(cue).is_none() {
            return Err(CommandError::IllegalState("the session is not there to be ended"));
        }
        let ending = core::mem::take(&mut self.ending);
        self.flush(out);
        if let Err(refused) = out.frame(&End { error: error.map(Box::new) }) {
            self.ending = ending;
            return Err(refused);
        }
        let applied = self.apply(cue);
        debug_assert!(applied, "looked up above");
        Ok(())
    }

    /// 2.5.4: the peer broke the protocol; the session ends, and all that follows is discarded.
    pub(crate) fn fail(&mut self, failure: &Failure, out: &mut Out) {
        let error = failure.error.clone();
        if self.end(Some(error), out).is_err() {
            let _ = self.end(Some(Error::new(failure.error.condition.clone())), out);
        }
        self.raise_end(Some(failure), out);
    }

    /// Raises the last events of the session and its links, links first.
    pub(crate) fn raise_end(&mut self, failure: Option<&Failure>, out: &mut Out) {
        if self.silent {
            return;
        }
        self.silent = true;
        for link in self.links.iter_mut() {
            if !link.end.silent {
                link.end.silent = true;
                let failure = failure.cloned().map(Box::new);
                out.event(Event::link_closed(link.end.id, link.end.unsettled, failure));
            }
        }
        out.event(Event::session_ended(self.id, failure.cloned().map(Box::new)));
    }

    /// Keeps a frame until the application has answered the begin.
    pub(crate) fn keep(&mut self, performative: Performative, payload: Bytes, octets: usize) {
        self.backlog_octets = self.backlog_octets.saturating_add(octets);
        self.rare().backlog.push_back((performative, payload));
    }

    /// The first of the frames that have been kept.
    pub(crate) fn next_kept(&mut self) -> Option<(Performative, Bytes)> {
        self.rare.as_mut()?.backlog.pop_front()
    }

    /// Lets go of all but what can be asked of an ended session: its unsettled deliveries, not their payload.
    pub(crate) fn shed(&mut self) {
        self.links = Places::default();
        self.handles = Vec::new();
        self.names = Names::default();
        self.rare = None;
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
        out: &mut Out,
        generations: &mut u32,
        epochs: &mut u32,
    ) -> Result<(), ProtocolError> {
        let handled = match performative {
            Performative::Transfer(mut transfer) => {
                return self.receive_transfer(&mut transfer, payload, out, epochs);
            }
            Performative::Disposition(disposition) => return self.receive_disposition(&disposition, out),
            Performative::Flow(flow) => self.on_flow(&flow, out),
            Performative::Attach(attach) => {
                return self.receive_attach(&attach, &payload, out, generations);
            }
            Performative::Detach(detach) => return self.receive_detach(detach, out),
            Performative::Open(_)
            | Performative::Begin(_)
            | Performative::End(_)
            | Performative::Close(_) => Ok(()),
        };
        self.judge(handled, out)
    }

    /// An attach of an open session; `body` is what its frame had.
    pub(crate) fn receive_attach(
        &mut self,
        attach: &Attach,
        body: &[u8],
        out: &mut Out,
        generations: &mut u32,
    ) -> Result<(), ProtocolError> {
        let handled = self.on_attach(attach, body, out, generations);
        self.judge(handled, out)
    }

    /// A detach of an open session.
    pub(crate) fn receive_detach(&mut self, detach: Detach, out: &mut Out) -> Result<(), ProtocolError> {
        let handled = self.on_detach(detach, out);
        self.judge(handled, out)
    }

    /// A transfer of an open session.
    #[inline]
    pub(crate) fn receive_transfer(
        &mut self,
        transfer: &mut Transfer,
        payload: Bytes,
        out: &mut Out,
        epochs: &mut u32,
    ) -> Result<(), ProtocolError> {
        match self.on_transfer(transfer, payload, out, epochs) {
            Ok(()) => Ok(()),
            error => self.judge(error, out),
        }
    }

    /// A transfer of an open session that is a whole delivery.
    #[inline]
    pub(crate) fn receive_whole(
        &mut self,
        whole: &Whole,
        payload: Bytes,
        out: &mut Out,
        epochs: &mut u32,
    ) -> Result<(), ProtocolError> {
        match self.on_whole(whole, payload, out, epochs) {
            Ok(()) => Ok(()),
            error => self.judge(error, out),
        }
    }

    /// A disposition of an open session.
    pub(crate) fn receive_disposition(
        &mut self,
        disposition: &Disposition,
        out: &mut Out,
    ) -> Result<(), ProtocolError> {
        match self.on_disposition(disposition, out) {
            Ok(()) => Ok(()),
            error => self.judge(error, out),
        }
    }

    /// Passes an error of the peer's on to whom it concerns; one of the session ends there.
    fn judge(&mut self, handled: Result<(), ProtocolError>, out: &mut Out) -> Result<(), ProtocolError> {
        match handled {
            Err(ProtocolError::Session(error)) => {
                self.fail(&Failure { origin: Origin::Violation, error: *error }, out);
                Ok(())
            }
            other => other,
        }
    }

    /// Writes what is pending: dispositions, then messages in progress, then flows.
    pub(crate) fn flush(&mut self, out: &mut Out) {
        if !self.can_write() {
            return;
        }
        self.write_dispositions(out);
        self.write_held(out);
        self.write_flows(out);
        if self.ending && !self.holds_messages() {
            let _ = self.end(None, out);
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
        self.links.iter().map(|link| link.end.id)
    }

    /// The states that the session and its links have come to.
    #[cfg(feature = "testing")]
    pub(crate) fn reached(&self) -> (BTreeSet<SessionState>, BTreeSet<LinkState>) {
        let mut reached = self.reached.clone();
        reached.1.extend(self.links.iter().flat_map(|link| &link.end.reached));
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
