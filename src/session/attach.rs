//! Links come: attached by us or by the peer, accepted or refused (2.6.1 to 2.6.3).

use alloc::{boxed::Box, format};

use super::SessionEndpoint;
use crate::{
    config,
    context::Context,
    error::{Cause, CommandError, Failure, ProtocolError},
    event::Event,
    ids::{LinkId, LinkKey},
    link::{
        AttachReply, EchoTermini, Link, LinkCommon, LinkIdentity, LinkKind, ReceiverEndpoint, SenderEndpoint,
    },
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        performatives::Attach,
    },
    state::{LinkState, LinkTrigger},
    types::{Handle, SequenceNo, Str},
};

impl SessionEndpoint {
    pub(super) fn link_at(&mut self, slot: u16) -> Option<&mut Link> {
        self.links.get_mut(slot)
    }

    #[inline]
    pub(super) fn handle_at(&self, handle: Handle) -> Option<u16> {
        let at = usize::try_from(handle.get()).unwrap_or(usize::MAX);
        self.handles.get(at).copied().flatten()
    }

    /// The link that the peer's handle stands for (2.6.2).
    pub(super) fn slot_of(&self, handle: Handle) -> Result<u16, ProtocolError> {
        self.handle_at(handle).ok_or_else(|| {
            ProtocolError::session(
                ErrorCondition::UnattachedHandle,
                &format!("handle {handle} is not attached"),
            )
        })
    }

    /// What becomes of input for a link that is on its way out: dropped where it was in flight, and the end of
    /// the session where the link was detached with an error (2.6.5).
    pub(super) fn late_input(link: &Link) -> Result<(), ProtocolError> {
        if link.common.state == LinkState::Errant {
            return Err(ProtocolError::session(ErrorCondition::ErrantLink, "input for a link in error"));
        }
        Ok(())
    }

    /// Slab a new link in the lowest free slot, which is its handle.
    fn place(&mut self, end: LinkCommon, kind: LinkKind) -> u16 {
        let slot = LinkKey::from(end.id).handle;
        self.links.insert(Link { common: end, kind });
        self.names.insert(&self.links, slot);
        slot
    }

    /// The slot that a new link comes to lie in, as far as the peer has handles for it.
    fn next_slot(&self) -> Option<u16> {
        // 2.7.2: the peer's bound, where it is known; ours bounds the table.
        self.links.lowest_free().filter(|slot| u32::from(*slot) <= self.remote_handle_max())
    }

    fn next_id(&self, role: Role, generation: u32, slot: u16) -> LinkId {
        let key = LinkKey { generation, session: self.channel, handle: slot };
        match role {
            Role::Sender => key.sender().into(),
            Role::Receiver => key.receiver().into(),
        }
    }

    fn new_kind(&self, role: Role, local: &config::LinkConfig) -> LinkKind {
        match role {
            Role::Sender => LinkKind::Sender(SenderEndpoint::new(local.snd_settle_mode)),
            Role::Receiver => {
                let mut receiver = ReceiverEndpoint::new(local, self.window.size());
                (receiver.snd_mode, receiver.rcv_mode) = (local.snd_settle_mode, local.rcv_settle_mode);
                LinkKind::Receiver(receiver)
            }
        }
    }

    /// Attaches a link of our own making.
    pub(crate) fn attach(
        &mut self,
        role: Role,
        mut local: config::LinkConfig,
        container: &Str,
        generations: &mut u32,
        cx: &mut Context,
    ) -> Result<LinkId, CommandError> {
        cx.check_accepts_new_work()?;
        let begun = (self.can_write() && !self.ending) || self.begin_pending;
        if !begun {
            return Err(CommandError::IllegalState("the session has not begun, or is ending"));
        }
        let next = |generation: u32| {
            generation.checked_add(1).ok_or(CommandError::LimitReached("links of a connection"))
        };
        let mut generation = next(*generations)?;
        let is_taken = |name: &Str| self.names.find(&self.links, name.as_bytes(), role).is_some();
        let name = match local.name.take() {
            Some(given) if is_taken(&given) => {
                return Err(CommandError::IllegalState("the session has a link of this name and direction"));
            }
            Some(given) => given,
            None => loop {
                let made_up = Str::from(format!("{container}-{generation}"));
                // The peer may have taken a name that we would have made up.
                if !is_taken(&made_up) {
                    break made_up;
                }
                generation = next(generation)?;
            },
        };
        let slot = self.next_slot().ok_or(CommandError::LimitReached("handle-max"))?;
        let id = self.next_id(role, generation, slot);
        let kind = self.new_kind(role, &local);
        let mut end = LinkCommon::new(id, LinkIdentity::Name(Str::empty()));
        end.keep_outcomes = local.keep_outcomes;
        end.rcv_mode = local.rcv_settle_mode;
        let attach = request(name, Handle::new(slot.into()), &kind, local);
        end.awaiting_terminus = match role {
            Role::Sender => attach.target.is_some(),
            Role::Receiver => attach.source.is_some(),
        };
        // 2.4.2: a frame sent ahead must be known to suit the peer. Any accepts handle 0.
        let may_write = self.can_write() && (slot == 0 || self.remote.is_some());
        let written = if may_write { cx.frame(&attach).map(|()| true) } else { Ok(false) };
        match written {
            Ok(true) => {
                let applied = end.apply(LinkTrigger::SendAttach);
                debug_assert!(applied, "a new link is detached");
                end.set_identity(LinkIdentity::Name(attach.name));
            }
            Err(error @ CommandError::FrameTooLarge { .. }) if self.remote.is_some() => return Err(error),
            // What can't go out before the peer has said what it accepts waits until it has.
            _ => {
                end.set_identity(LinkIdentity::Name(attach.name.clone()));
                end.unsent = Some(Box::new(attach));
            }
        }
        *generations = generation;
        self.place(end, kind);
        self.forget_reclosing(slot);
        Ok(id)
    }

    /// The link's name is in use again, so that it is not to be closed by attaching again.
    fn forget_reclosing(&mut self, slot: u16) {
        let Some(cold) = &mut self.cold else { return };
        let Some(end) = self.links.get(slot).map(|link| &link.common) else { return };
        cold.reclosing.retain(|(name, role)| (name.as_bytes(), *role) != (end.name_bytes(), end.role()));
    }

    /// Writes the attach of a link that the peer has attached: our settings, and of what it has said the termini
    /// that are to be given back.
    pub(super) fn write_answer(
        &mut self,
        slot: u16,
        local: &config::LinkConfig,
        mirror: EchoTermini,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let can_write = self.can_write();
        let Some(link) = self.link_at(slot).filter(|_| can_write) else { return Ok(()) };
        let what = (Handle::new(slot.into()), link.common.role());
        let answer =
            AttachReply::new(link.common.identity(), local, what, link.modes(), link.initial_count(), mirror);
        answer.write(cx)?;
        if !link.common.apply(LinkTrigger::SendAttach) {
            return Err(CommandError::IllegalState("the link is attached"));
        }
        Ok(())
    }

    /// Writes an attach that answers only to end the link at once: without its termini, where they do not fit.
    pub(super) fn write_answer_or_bare(
        &mut self,
        slot: u16,
        mirror: EchoTermini,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let local = config::LinkConfig::default();
        let written = self.write_answer(slot, &local, mirror, cx);
        let Err(CommandError::FrameTooLarge { .. }) = written else { return written };
        self.write_answer(slot, &local, EchoTermini::NONE, cx)
    }

    /// Writes the attaches that waited for the peer's begin.
    pub(super) fn write_staged(&mut self, cx: &mut Context) {
        let max = self.remote_handle_max();
        for slot in self.links.numbers() {
            let Some(link) = self.links.get_mut(slot) else { continue };
            let Some(attach) = link.common.unsent.take() else { continue };
            let id = link.common.id;
            let why = if u32::from(slot) > max {
                "the peer's handle-max is reached"
            } else if cx.frame(&attach).is_err() || !link.common.apply(LinkTrigger::SendAttach) {
                "the attach does not fit the peer's frames"
            } else {
                if matches!(id, LinkId::Receiver(_)) {
                    self.schedule_flow(slot);
                }
                continue;
            };
            let failure = Failure::new(Cause::Refused, ErrorCondition::NotAllowed, why);
            self.forget_link(slot);
            cx.event(Event::link_closed(id, 0, Some(Box::new(failure))));
        }
    }

    /// `body` is what the frame had.
    pub(super) fn on_attach(
        &mut self,
        attach: &Attach,
        body: &[u8],
        cx: &mut Context,
        generations: &mut u32,
    ) -> Result<(), ProtocolError> {
        let handle = attach.handle;
        // 2.7.2: a handle beyond ours closes the connection.
        if handle.get() > self.handle_max {
            let why = "a handle beyond handle-max";
            return Err(ProtocolError::connection(ErrorCondition::FramingError, why));
        }
        // 2.7.3: as does one in use.
        if self.handle_at(handle).is_some() {
            let why = "the handle is in use";
            return Err(ProtocolError::connection(ErrorCondition::HandleInUse, why));
        }
        let role = attach.role.opposite();
        let known = self.names.find(&self.links, attach.name.as_bytes(), role);
        let state = known.and_then(|slot| self.link_at(slot)).map(|link| link.common.state);
        let is_this = |(name, known): &(Str, Role)| *name == attach.name && *known == role;
        let errant = state == Some(LinkState::Errant)
            || self.cold.as_ref().is_some_and(|cold| cold.errant.iter().any(is_this));
        // 2.6.5: an attach that its sender wrote before it knew of our error. One that resumes says so.
        if errant && attach.unsettled.is_none() {
            return Err(ProtocolError::session(ErrorCondition::ErrantLink, "an attach for a link in error"));
        }
        let mut reclosing = false;
        if let Some(cold) = &mut self.cold {
            cold.errant.retain(|name| !is_this(name));
            reclosing = cold.reclosing.iter().any(is_this);
        }
        if let (Some(slot), Some(LinkState::AttachSent | LinkState::DetachPipe)) = (known, state) {
            self.on_attach_answer(slot, attach, body, cx);
            return Ok(());
        }
        if let (Some(slot), Some(LinkState::Attached | LinkState::AttachRcvd)) = (known, state) {
            // 2.6.1: the second attach succeeds, and the first is closed.
            let why = "the link has been attached again";
            self.fail_link(slot, AmqpError::described(ErrorCondition::Stolen, why), cx);
        }
        *generations = generations.saturating_add(1);
        self.on_attach_request(attach, body, *generations, reclosing, cx)
    }

    fn map_handle(&mut self, handle: Handle, slot: u16) {
        let at = usize::try_from(handle.get()).unwrap_or(usize::MAX);
        if self.handles.len() <= at {
            // Bounded by the handle-max that we announced, which has been checked.
            self.handles.resize(at.saturating_add(1), None);
        }
        if let Some(place) = self.handles.get_mut(at) {
            *place = Some(slot);
        }
    }

    /// The peer asks for a link; `reclosing` if only to have it closed at both ends (2.6.6).
    fn on_attach_request(
        &mut self,
        attach: &Attach,
        body: &[u8],
        generation: u32,
        reclosing: bool,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let role = attach.role.opposite();
        let Some(slot) = self.next_slot() else {
            let why = "no handle is left for the link";
            return Err(ProtocolError::session(ErrorCondition::ResourceLimitExceeded, why));
        };
        let id = self.next_id(role, generation, slot);
        let mut end = LinkCommon::new(id, LinkIdentity::theirs(body));
        let mut kind = self.new_kind(role, &config::LinkConfig::default());
        let applied = end.apply(LinkTrigger::RecvAttach);
        debug_assert!(applied, "a new link is detached");
        take_settings(&mut end, &mut kind, attach);
        let lacks_count = lacks_count(attach);
        end.end_raised = lacks_count || reclosing;
        self.place(end, kind);
        self.forget_reclosing(slot);
        self.map_handle(attach.handle, slot);
        if lacks_count || reclosing {
            let why = "a sender's attach without initial-delivery-count";
            let error = (!reclosing).then(|| AmqpError::described(ErrorCondition::InvalidField, why));
            let _ = self.refuse_link(slot, error, cx);
            return Ok(());
        }
        let session = self.id;
        cx.event(match id {
            LinkId::Sender(sender) => Event::SenderRequested { session, sender },
            LinkId::Receiver(receiver) => Event::ReceiverRequested { session, receiver },
        });
        Ok(())
    }

    /// The peer answers our attach.
    fn on_attach_answer(&mut self, slot: u16, attach: &Attach, body: &[u8], cx: &mut Context) {
        self.map_handle(attach.handle, slot);
        let Some(Link { common: end, kind }) = self.link_at(slot) else { return };
        let applied = end.apply(LinkTrigger::RecvAttach);
        debug_assert!(applied, "the state was looked at");
        take_settings(end, kind, attach);
        end.set_identity(LinkIdentity::theirs(body));
        // 2.6.3: a refusal; why, the detach that follows will say.
        end.awaiting_terminus &= match end.role() {
            Role::Sender => attach.target.is_none(),
            Role::Receiver => attach.source.is_none(),
        };
        if end.state != LinkState::Attached || end.awaiting_terminus {
            return;
        }
        if lacks_count(attach) {
            let why = "a sender's attach without initial-delivery-count";
            self.fail_link(slot, AmqpError::described(ErrorCondition::InvalidField, why), cx);
            return;
        }
        self.raise_open(slot, cx);
    }

    fn raise_open(&mut self, slot: u16, cx: &mut Context) {
        let Some(link) = self.link_at(slot) else { return };
        link.common.opened = true;
        cx.event(Event::link_open(link.common.id));
        if let LinkKind::Receiver(receiver) = &mut link.kind
            && receiver.top_up()
        {
            self.schedule_flow(slot);
        }
    }

    /// Answers the peer's attach.
    pub(crate) fn accept_link(
        &mut self,
        id: LinkId,
        local: &config::LinkConfig,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        self.check_writable()?;
        let link = self.link(id)?;
        if link.common.state != LinkState::AttachRcvd {
            return Err(CommandError::IllegalState("the link's attach has been answered"));
        }
        let slot = LinkKey::from(id).handle;
        // 2.7.3: each end has the say of its own mode, and takes the other's as it is.
        match &mut link.kind {
            // It may have been given credit already.
            LinkKind::Sender(sender) => sender.mode = local.snd_settle_mode,
            LinkKind::Receiver(receiver) => {
                receiver.configure(local);
                receiver.rcv_mode = local.rcv_settle_mode;
            }
        }
        link.common.keep_outcomes = local.keep_outcomes;
        self.write_answer(slot, local, EchoTermini::BOTH, cx)?;
        if self.link(id)?.receiver().is_ok_and(|receiver| receiver.credit() > 0) {
            self.schedule_flow(slot);
        }
        self.raise_open(slot, cx);
        if let LinkId::Sender(id) = id {
            let drain =
                self.link(id.into())?.sender().map(|sender| core::mem::take(&mut sender.drain_event_owed));
            if drain == Ok(true) {
                cx.event(Event::SenderDrain { sender: id });
            }
            self.wait(slot);
            self.wake_senders(cx);
        }
        Ok(())
    }

    /// 2.6.3: answers the peer's attach with no terminus of ours, and detaches at once.
    pub(crate) fn refuse_link(
        &mut self,
        slot: u16,
        error: Option<AmqpError>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        self.check_writable()?;
        let link = self.link_at(slot).ok_or(CommandError::UnknownId)?;
        if link.common.state != LinkState::AttachRcvd {
            return Err(CommandError::IllegalState("the link's attach has been answered"));
        }
        let role = link.common.role();
        let mirror = EchoTermini { source: role == Role::Receiver, target: role == Role::Sender };
        self.write_answer_or_bare(slot, mirror, cx)?;
        let bare = error.as_ref().map(|error| AmqpError::new(error.condition.clone()));
        self.detach_now(slot, true, error, cx).or_else(|_| self.detach_now(slot, true, bare, cx))
    }

    /// The link that one of the peer's handles stands for.
    pub(crate) fn link_on(&self, handle: Handle) -> Option<LinkId> {
        let slot = self.handle_at(handle)?;
        self.links.get(slot).map(|link| link.common.id)
    }
}

/// Takes over what the peer's attach has the say of (2.7.3).
fn take_settings(end: &mut LinkCommon, kind: &mut LinkKind, attach: &Attach) {
    match kind {
        LinkKind::Sender(sender) => {
            sender.max_message_size = attach.max_message_size.unwrap_or(0);
            end.rcv_mode = attach.rcv_settle_mode;
        }
        LinkKind::Receiver(receiver) => {
            receiver.on_attach(attach.initial_delivery_count.unwrap_or(SequenceNo::new(0)));
            receiver.snd_mode = attach.snd_settle_mode;
        }
    }
}

/// 2.7.3: only a sender's count means anything, and it has to be there.
fn lacks_count(attach: &Attach) -> bool {
    attach.role == Role::Sender && attach.initial_delivery_count.is_none()
}

/// The attach that asks for a link.
fn request(name: Str, handle: Handle, kind: &LinkKind, local: config::LinkConfig) -> Attach {
    // 2.7.3: a sender must set its count, a receiver's is ignored.
    let (role, initial_delivery_count) = match kind {
        LinkKind::Sender(sender) => (Role::Sender, Some(sender.initial_count())),
        LinkKind::Receiver(_) => (Role::Receiver, None),
    };
    Attach {
        name,
        handle,
        role,
        snd_settle_mode: local.snd_settle_mode,
        rcv_settle_mode: local.rcv_settle_mode,
        source: local.source,
        target: local.target,
        initial_delivery_count,
        max_message_size: (local.max_message_size > 0).then_some(local.max_message_size),
        offered_capabilities: local.offered_capabilities.into(),
        desired_capabilities: local.desired_capabilities.into(),
        properties: local.properties,
        ..Attach::default()
    }
}
