//! One session endpoint (2.5): its window, its links and their deliveries.

mod attach;
mod decided;
mod detach;
mod disposition;
mod end;
mod faults;
mod flow;
mod held;
mod incoming;
mod link_facts;
mod link_names;
mod outgoing;
mod receive;
mod remote_begin;
mod settlement;
mod state_bytes;
mod stored_state;
mod turns;
mod unsettled;
mod unsettled_delivery;
mod waiting_senders;
mod window;

pub use self::unsettled_delivery::UnsettledDelivery;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

pub(crate) use self::{detach::LinkEnd, end::SessionEnd, outgoing::Message};
use self::{
    disposition::{PendingDisposition, Run},
    link_facts::LinkFacts,
    link_names::LinkNames,
    remote_begin::RemoteBegin,
    state_bytes::StateBytes,
    unsettled::{UnsettledEntry, UnsettledMap},
    waiting_senders::{Owed, WaitingSenders},
    window::Window,
};
use crate::{
    config,
    context::Context,
    error::CommandError,
    event::Event,
    ids::{DeliveryId, LinkId, LinkKey, ReceiverId, SenderId, SessionId},
    link::{Echo, Link},
    ready_queue::ReadyQueue,
    slab::{NumberMap, Slab},
    spec::{definitions::Role, performatives::Begin},
    state::{LinkState, SessionState, SessionTrigger},
    timer::Timer,
    types::{Channel, DeliveryNumber, Handle, Str},
    waiting_sessions::WaitsFor,
};

/// A session endpoint. It knows its links, and no connection.
#[derive(Debug)]
pub(crate) struct SessionEndpoint {
    pub(crate) id: SessionId,
    pub(crate) state: SessionState,
    /// The channel of our frames: the session's index in its connection.
    pub(crate) channel: u16,
    /// The channel of the peer's frames.
    pub(crate) remote_channel: Option<u16>,
    /// The highest handle that we announce.
    handle_max: u16,
    /// The highest handle that the peer announces; [`u32::MAX`] until its begin arrives.
    remote_handle_max: u32,
    /// The peer's begin.
    pub(crate) remote_begin: Option<RemoteBegin>,
    /// Our begin waits for the peer's open.
    pub(crate) begin_pending: bool,
    /// Our end waits for messages in progress.
    pub(crate) end_pending: bool,
    /// The last event of this id has been raised.
    pub(crate) end_raised: bool,
    cold: Option<Box<ColdState>>,

    pub(crate) window: Window,
    /// Links by our handles.
    links: Slab<Link>,
    /// Our handles by the peer's.
    handles: NumberMap,
    /// Our handles by name and direction.
    link_names: LinkNames,

    outgoing: UnsettledMap<UnsettledEntry<SenderId>>,
    /// Made with the peer's first delivery, which sets the first number.
    incoming: Option<UnsettledMap<UnsettledEntry<ReceiverId>>>,
    incoming_epoch: u32,
    /// Unsettled deliveries of links that are gone.
    orphaned: usize,
    /// The bytes that incomplete deliveries take up, on links that do not stream.
    buffered: usize,
    /// The number of incomplete deliveries, and of streamed ones that have not been read.
    parts: u32,
    /// The bytes that links take up by themselves.
    link_bytes: usize,
    /// The bytes that the states of unsettled deliveries take up.
    state_bytes: StateBytes,
    /// The bytes that the connection's account has been charged.
    charged: usize,

    pending_dispositions: Vec<PendingDisposition>,
    /// Scratch space for handling a disposition, kept for the next.
    runs: Vec<Run>,
    /// A flow of the session is due.
    flow_due: bool,
    echo: Echo,
    /// Links whose flow is due.
    link_flows_due: ReadyQueue,
    /// Links with a message in progress.
    sending: ReadyQueue,
    waiting_senders: WaitingSenders,
    /// False if `waiting_senders` is empty.
    senders_wait: bool,
    owed: Owed,
    /// States that it and its links have reached, for tests.
    #[cfg(feature = "testing")]
    reached: crate::state::Reached,
}

/// State that few sessions have, or only for a part of their life.
#[derive(Debug, Default)]
struct ColdState {
    /// Fields of our begin, which has not been written.
    begin_facts: Option<Box<config::BeginFacts>>,
    /// Frames that arrived before the application answered the peer's begin.
    deferred: Vec<u8>,
    /// The peer's end is among them.
    end_deferred: bool,
    /// Links that we closed while the peer only detached: it attaches again to close (2.6.6).
    reclosing: VecDeque<(Str, Role)>,
    /// Links that are forgotten, and whose second attach (2.6.6) the peer may still answer.
    unanswered: VecDeque<(Str, Role)>,
    /// Links that we detached with an error, which their peer had not seen (2.6.5).
    errant: VecDeque<(Str, Role)>,
    /// Deliveries that we received and have settled, in the order of their settlement.
    settled_here: Vec<(DeliveryId, DeliveryId)>,
    /// Deliveries that dispositions have left unsettled, but for a few each.
    updates: u64,
    /// Links that are detached but not closed, and how many unsettled deliveries they have.
    suspended: BTreeMap<LinkId, u32>,
    /// Facts about links, of those that have any.
    link_facts: BTreeMap<LinkId, LinkFacts>,
}

/// Returns the link of an id, at the handle that the id contains.
fn find(links: &Slab<Link>, id: LinkId) -> Option<&Link> {
    links.get(LinkKey::from(id).handle).filter(|link| link.common.id == id)
}

fn find_mut(links: &mut Slab<Link>, id: LinkId) -> Result<&mut Link, CommandError> {
    let link = links.get_mut(LinkKey::from(id).handle).filter(|link| link.common.id == id);
    link.ok_or(CommandError::UnknownLink)
}

/// Fails if our end or the link's detach has been written.
#[inline(always)]
fn check_staying(link: &Link, session: SessionState) -> Result<(), CommandError> {
    if link.common.state == LinkState::Attached && session == SessionState::Mapped {
        return Ok(());
    }
    check_staying_in(link.common.state, session)
}

#[cold]
#[inline(never)]
fn check_staying_in(link: LinkState, session: SessionState) -> Result<(), CommandError> {
    if matches!(session, SessionState::EndSent | SessionState::EndPipe | SessionState::Discarding) {
        return Err(CommandError::IllegalState("the session is ending (2.5.5)"));
    }
    if matches!(link, LinkState::DetachSent | LinkState::DetachPipe | LinkState::Errant) {
        return Err(CommandError::IllegalState("the link is being detached (2.6.4)"));
    }
    Ok(())
}

impl SessionEndpoint {
    /// Creates a session, whose deliveries have these epochs: those that we send, and those that we receive.
    pub(crate) fn new(
        id: SessionId,
        channel: u16,
        local: config::SessionConfig,
        epochs: (u32, u32),
    ) -> Box<Self> {
        let mut this = Box::new(Self {
            id,
            state: SessionState::Unmapped,
            channel,
            remote_channel: None,
            window: Window::new(&local),
            handle_max: 0,
            remote_handle_max: u32::MAX,
            remote_begin: None,
            begin_pending: false,
            end_pending: false,
            end_raised: false,
            cold: None,
            links: Slab::default(),
            handles: NumberMap::default(),
            link_names: LinkNames::default(),
            outgoing: UnsettledMap::new(DeliveryNumber::new(0), epochs.0),
            incoming: None,
            incoming_epoch: epochs.1,
            orphaned: 0,
            buffered: 0,
            parts: 0,
            link_bytes: 0,
            state_bytes: StateBytes::default(),
            charged: 0,
            pending_dispositions: Vec::new(),
            runs: Vec::new(),
            flow_due: false,
            echo: Echo::None,
            link_flows_due: ReadyQueue::default(),
            sending: ReadyQueue::default(),
            waiting_senders: WaitingSenders::default(),
            senders_wait: false,
            owed: Owed::default(),
            #[cfg(feature = "testing")]
            reached: Default::default(),
        });
        this.store_begin_fields(local);
        this
    }

    fn cold(&mut self) -> &mut ColdState {
        self.cold.get_or_insert_default()
    }

    /// Stores the fields of our begin that [`Window`] does not hold.
    fn store_begin_fields(&mut self, local: config::SessionConfig) {
        // Handles index a table, so they are bounded.
        self.handle_max = u16::try_from(local.handle_max).unwrap_or(u16::MAX);
        // `None` is stored too: an earlier begin may have been too large to be written.
        if local.facts.is_some() || self.cold.is_some() {
            self.cold().begin_facts = local.facts;
        }
    }

    /// Applies a transition; returns false if it is illegal in this state.
    #[must_use]
    pub(crate) fn apply(&mut self, trigger: SessionTrigger) -> bool {
        let Some(next) = self.state.next(trigger) else { return false };
        self.state = next;
        #[cfg(feature = "testing")]
        self.reached.sessions.insert(next);
        true
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == SessionState::Mapped
    }

    /// True if frames can be written on our channel.
    pub(crate) fn can_write(&self) -> bool {
        matches!(self.state, SessionState::BeginSent | SessionState::Mapped)
    }

    /// Fails before begin and after end (2.5.4).
    fn check_writable(&self) -> Result<(), CommandError> {
        if self.can_write() {
            Ok(())
        } else {
            Err(CommandError::IllegalState("the session has not begun, or is ending (2.5.5)"))
        }
    }

    /// Fails if the session or its connection is on its way to its end.
    pub(crate) fn check_accepts_new_work(&self, cx: &Context) -> Result<(), CommandError> {
        cx.check_accepts_new_work()?;
        if self.end_pending {
            Err(CommandError::IllegalState("the session is ending (2.5.5)"))
        } else {
            self.check_writable()
        }
    }

    /// Applies the settings with which the application answers the peer's begin.
    pub(crate) fn configure(&mut self, local: config::SessionConfig) {
        self.window.configure(&local);
        self.store_begin_fields(local);
    }

    /// Returns our begin as far as it is of numbers.
    #[inline(always)]
    fn our_begin(&self) -> Begin {
        Begin {
            // 2.5.1: set by the end that answers, and only by it.
            remote_channel: (self.state == SessionState::BeginRcvd)
                .then_some(self.remote_channel)
                .flatten()
                .map(Channel::new),
            next_outgoing_id: self.window.next_outgoing_id,
            incoming_window: self.window.incoming_window,
            outgoing_window: self.window.outgoing_window,
            handle_max: Handle::new(self.handle_max.into()),
            ..Begin::default()
        }
    }

    /// Writes the frame of our begin with the fields that are not numbers.
    #[cold]
    #[inline(never)]
    fn frame_begin_with_facts(&mut self, cx: &mut Context) -> Result<(), CommandError> {
        let facts = self.cold.as_mut().and_then(|cold| cold.begin_facts.take());
        let Some(facts) = facts else { return cx.frame(&self.our_begin()) };
        let begin = facts.add_to(self.our_begin());
        let written = cx.frame(&begin);
        if written.is_err() {
            self.cold().begin_facts = Some(facts);
        }
        written
    }

    /// Writes our begin (2.5.1).
    pub(crate) fn write_begin(&mut self, cx: &mut Context) -> Result<(), CommandError> {
        if self.cold.is_some() {
            self.frame_begin_with_facts(cx)?;
        } else {
            cx.frame(&self.our_begin())?;
        }
        if !self.apply(SessionTrigger::SendBegin) {
            return Err(CommandError::IllegalState("the session has begun (2.5.5)"));
        }
        self.begin_pending = false;
        if self.is_open() {
            cx.event(Event::SessionOpen { session: self.id });
        }
        Ok(())
    }

    /// Handles the peer's begin, the answer to ours or a request. `body` is its encoding. Returns false if an
    /// answer is too large to keep.
    pub(crate) fn on_begin(
        &mut self,
        begin: &Begin,
        body: &[u8],
        remote_channel: u16,
        cx: &mut Context,
    ) -> bool {
        let is_answer = self.state == SessionState::BeginSent;
        if !self.apply(SessionTrigger::RecvBegin) {
            return true;
        }
        self.remote_channel = Some(remote_channel);
        self.remote_handle_max = begin.handle_max.get();
        self.window.on_begin(begin);
        let remote_begin = self.remote_begin.insert(RemoteBegin::new(begin, body));
        // The session itself, and links of ours, are not the peer's doing.
        let is_small = remote_begin.heap_size() == 0;
        let fits = self.charge_session(cx) || is_small;
        if is_answer {
            if !self.end_pending {
                cx.timers.cancel(Timer::Session(self.id));
            }
            self.window.begin_seen = true;
            cx.event(Event::SessionOpen { session: self.id });
            if self.echo.is_pending() {
                // Asked for before the peer could answer.
                cx.timers.set(Timer::SessionEcho(self.id), cx.config.timeouts.echo);
            }
            self.write_pending_attaches(cx);
        }
        fits
    }

    /// Keeps a frame, the peer's end or another, until the application has answered the peer's begin.
    pub(crate) fn defer(&mut self, frame: &[u8], is_end: bool) {
        let cold = self.cold();
        cold.deferred.extend_from_slice(frame);
        cold.end_deferred |= is_end;
    }

    /// True if the peer's end waits until the application has answered its begin.
    pub(crate) fn has_deferred_end(&self) -> bool {
        self.cold.as_ref().is_some_and(|cold| cold.end_deferred)
    }

    /// Returns the bytes of the frames that have been deferred.
    pub(crate) fn deferred_bytes(&self) -> usize {
        self.cold.as_ref().map_or(0, |cold| cold.deferred.len())
    }

    /// Removes and returns the frames that have been deferred.
    pub(crate) fn take_deferred(&mut self) -> Vec<u8> {
        self.cold.as_mut().map(|cold| core::mem::take(&mut cold.deferred)).unwrap_or_default()
    }

    /// Writes what is pending: messages in progress, dispositions, flows, and an end that waited for those. The caller
    /// has checked that frames can be written.
    pub(crate) fn flush(&mut self, cx: &mut Context) {
        // First, since dispositions could fill the outbox each time.
        self.continue_sending(cx);
        self.write_dispositions(cx);
        if self.has_due_flows() {
            self.write_flows(cx);
        }
        if self.is_end_due() {
            let _ = self.end(SessionEnd::WaitOver, cx);
        }
    }

    /// Does what [`flush`](Self::flush) does while output waits, and counts the dispositions and flows. Without `updates`
    /// they are left pending.
    pub(crate) fn flush_behind_output(&mut self, updates: bool, cx: &mut Context) {
        self.continue_sending(cx);
        if !updates {
            return;
        }
        self.write_updates(cx);
        if self.is_end_due() {
            let _ = self.end(SessionEnd::WaitOver, cx);
        }
    }

    /// Writes the dispositions and flows that are pending, and counts them.
    pub(crate) fn write_updates(&mut self, cx: &mut Context) {
        if self.has_due_flows() || !self.pending_dispositions.is_empty() {
            let len = cx.outbox.len();
            self.write_dispositions(cx);
            self.write_flows(cx);
            cx.count_updates(len);
        }
    }

    fn has_due_flows(&self) -> bool {
        self.flow_due || !self.link_flows_due.is_empty()
    }

    /// Has the senders that wait looked at, this one as the last.
    pub(super) fn look_at_sender(&mut self, handle: u16) {
        self.senders_wait = true;
        self.waiting_senders.push(handle);
    }

    /// Queues the session for what it has to write, and for what its senders wait for.
    #[inline(always)]
    pub(crate) fn schedule(&self, cx: &mut Context) {
        if self.senders_wait {
            cx.blocked_senders.push(self.channel);
        }
        if self.has_work() {
            cx.schedule_flush(self.channel);
        }
    }

    /// Queues the session, which has been flushed, for what it could not write. Without `updates`, dispositions and flows
    /// are held back.
    #[inline]
    pub(crate) fn schedule_rest(&self, updates: bool, cx: &mut Context) {
        if self.senders_wait {
            cx.blocked_senders.push(self.channel);
        }
        if self.has_work() {
            self.put_aside(updates, cx);
        }
    }

    #[cold]
    #[inline(never)]
    fn put_aside(&self, updates: bool, cx: &mut Context) {
        if self.waits_for_outbox() {
            if cx.outbox_full() {
                cx.waiting_sessions.push(WaitsFor::Outbox, self.channel);
            } else {
                cx.to_flush.push(self.channel);
            }
        }
        if self.has_updates() {
            if updates {
                cx.to_flush.push(self.channel);
            } else {
                cx.waiting_sessions.push(WaitsFor::Updates, self.channel);
            }
        }
        cx.flush_due = true;
    }

    /// True if something has to be written.
    #[inline(always)]
    fn has_work(&self) -> bool {
        self.has_updates() || self.waits_for_outbox()
    }

    /// True if dispositions, flows or the end have to be written.
    #[inline(always)]
    fn has_updates(&self) -> bool {
        self.has_due_flows() || !self.pending_dispositions.is_empty() || self.is_end_due()
    }

    /// True if the end has waited for messages in progress, and they have been sent.
    #[inline(always)]
    fn is_end_due(&self) -> bool {
        self.end_pending && !self.has_unsent_messages()
    }

    pub(crate) fn link(&mut self, id: LinkId) -> Result<&mut Link, CommandError> {
        find_mut(&mut self.links, id)
    }

    /// Returns a link for a command whose effect the peer is to see: our end or detach, behind which nothing counts, has not
    /// been written.
    #[inline]
    pub(super) fn staying_link(&mut self, id: LinkId) -> Result<&mut Link, CommandError> {
        let link = find_mut(&mut self.links, id)?;
        check_staying(link, self.state)?;
        Ok(link)
    }

    pub(crate) fn link_ref(&self, id: LinkId) -> Option<&Link> {
        find(&self.links, id)
    }

    pub(crate) fn link_ids(&self) -> impl Iterator<Item = LinkId> {
        // Others are only there until the peer has answered.
        let known = self.links.iter().filter(|link| !link.common.end_raised);
        known.map(|link| link.common.id)
    }

    /// Returns the states that the session and its links have reached.
    #[cfg(feature = "testing")]
    pub(crate) fn reached(&self) -> crate::state::Reached {
        let mut reached = self.reached.clone();
        reached.links.extend(self.links.iter().flat_map(|link| &link.common.reached));
        reached
    }
}
