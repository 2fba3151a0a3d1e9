//! Links come: attached by us or by the peer, accepted or refused (2.6.1 to 2.6.3).

use alloc::{boxed::Box, format};

use super::SessionInner;
use crate::{
    config,
    error::{CommandError, Failure, Origin, ProtocolError},
    event::Event,
    ids::{LinkId, LinkKey},
    link::{Endpoint, Link, LinkKind, ReceiverInner, SenderInner},
    out::Out,
    spec::{
        definitions::{Error, ErrorCondition, Role},
        performatives::Attach,
    },
    state::{LinkCue, LinkState},
    types::{Handle, SequenceNo, Str},
};

impl SessionInner {
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
        if link.end.state == LinkState::Errant {
            return Err(ProtocolError::session(ErrorCondition::ErrantLink, "input for a link in error"));
        }
        Ok(())
    }

    /// Places a new link in the lowest free slot, which is its handle.
    fn place(
        &mut self,
        role: Role,
        name: Str,
        local: Box<config::Attach>,
        generation: u32,
        max: u32,
    ) -> Option<u16> {
        let slot = self.links.lowest_free().filter(|slot| u32::from(*slot) <= max)?;
        let key = LinkKey { generation, session: self.channel, slot };
        let (id, kind) = match role {
            Role::Sender => {
                (LinkId::from(key.sender()), LinkKind::Sender(SenderInner::new(local.snd_settle_mode)))
            }
            Role::Receiver => {
                let inner = ReceiverInner::new(&local, self.local.incoming_window);
                (LinkId::from(key.receiver()), LinkKind::Receiver(inner))
            }
        };
        self.names.insert((name.clone(), role == Role::Sender), slot);
        self.links.insert(Link { end: Endpoint::new(id, name, local), kind });
        Some(slot)
    }

    /// Attaches a link of our own making.
    pub(crate) fn attach(
        &mut self,
        role: Role,
        mut local: config::Attach,
        container: &Str,
        generations: &mut u32,
        out: &mut Out,
    ) -> Result<LinkId, CommandError> {
        out.check_lasting()?;
        let begun = (self.can_write() && !self.ending) || self.staged;
        if !begun {
            return Err(CommandError::IllegalState("the session has not begun, or is ending"));
        }
        let next = |generation: u32| {
            generation.checked_add(1).ok_or(CommandError::LimitReached("links of a connection"))
        };
        let mut generation = next(*generations)?;
        let given = local.name.take();
        let mut name = given.clone().unwrap_or_else(|| format!("{container}-{generation}").into());
        // The peer may have taken a name that we would have made up.
        while given.is_none() && self.names.contains_key(&(name.clone(), role == Role::Sender)) {
            generation = next(generation)?;
            name = format!("{container}-{generation}").into();
        }
        if self.names.contains_key(&(name.clone(), role == Role::Sender)) {
            return Err(CommandError::IllegalState("the session has a link of this name and direction"));
        }
        // 2.7.2: the peer's bound, where it is known; ours bounds the table.
        let theirs = self.remote.as_ref().map_or(u32::MAX, |begin| begin.handle_max.get());
        let max = theirs.min(u16::MAX.into());
        let slot = self.place(role, name.clone(), Box::new(local), generation, max);
        let slot = slot.ok_or(CommandError::LimitReached("handle-max"))?;
        *generations = generation;
        self.reclosing.retain(|known| *known != (name.clone(), role == Role::Sender));
        let Some(link) = self.link_at(slot) else { return Err(CommandError::UnknownId) };
        let id = link.end.id;
        link.end.staged = true;
        match self.write_attach(slot, out) {
            Err(CommandError::FrameTooLarge { size, max }) if self.remote.is_some() => {
                self.forget_link(slot);
                Err(CommandError::FrameTooLarge { size, max })
            }
            // What can't go out before the peer has said what it accepts waits until it has.
            _ => Ok(id),
        }
    }

    /// Writes the attach of a link that has not been, if the peer is known to accept it.
    pub(super) fn write_attach(&mut self, slot: u16, out: &mut Out) -> Result<(), CommandError> {
        // 2.4.2: a frame sent ahead must be known to suit the peer. Any accepts handle 0.
        if !self.can_write() || (slot > 0 && self.remote.is_none()) {
            return Ok(());
        }
        let Some(link) = self.link_at(slot) else { return Ok(()) };
        let attach = link.end.attach(Handle::new(slot.into()), link.initial_count());
        out.frame(&attach)?;
        if !link.end.apply(LinkCue::SendAttach) {
            return Err(CommandError::IllegalState("the link is attached"));
        }
        link.end.staged = false;
        Ok(())
    }

    /// Writes an attach that answers only to end the link at once: without its termini, where they do not fit.
    pub(super) fn write_attach_or_bare(&mut self, slot: u16, out: &mut Out) -> Result<(), CommandError> {
        let written = self.write_attach(slot, out);
        let Err(CommandError::FrameTooLarge { .. }) = written else { return written };
        if let Some(link) = self.link_at(slot) {
            *link.end.local = config::Attach::new();
        }
        self.write_attach(slot, out)
    }

    /// Writes the attaches that waited for the peer's begin.
    pub(super) fn write_staged(&mut self, out: &mut Out) {
        let max = self.remote.as_ref().map_or(u32::MAX, |begin| begin.handle_max.get());
        for slot in self.links.numbers() {
            let Some(link) = self.link_at(slot).filter(|link| link.end.staged) else { continue };
            let id = link.end.id;
            let why = if u32::from(slot) > max {
                "the peer's handle-max is reached"
            } else if self.write_attach(slot, out).is_err() {
                "the attach does not fit the peer's frames"
            } else {
                if matches!(id, LinkId::Receiver(_)) {
                    self.flow_later(slot);
                }
                continue;
            };
            let failure = Failure::new(Origin::Refused, ErrorCondition::NotAllowed, why);
            self.forget_link(slot);
            out.event(Event::link_closed(id, 0, Some(Box::new(failure))));
        }
    }

    pub(super) fn on_attach(
        &mut self,
        attach: Box<Attach>,
        out: &mut Out,
        generations: &mut u32,
    ) -> Result<(), ProtocolError> {
        let handle = attach.handle;
        // 2.7.2: a handle beyond ours closes the connection.
        if handle.get() > self.handle_max() {
            let why = "a handle beyond handle-max";
            return Err(ProtocolError::connection(ErrorCondition::FramingError, why));
        }
        // 2.7.3: as does one in use.
        if self.slot_of(handle).is_ok() {
            let why = "the handle is in use";
            return Err(ProtocolError::connection(ErrorCondition::HandleInUse, why));
        }
        let role = attach.role.opposite();
        let key = (attach.name.clone(), role == Role::Sender);
        let known = self.names.get(&key).copied();
        let state = known.and_then(|slot| self.link_at(slot)).map(|link| link.end.state);
        let errant = state == Some(LinkState::Errant) || self.errant.contains(&key);
        // 2.6.5: an attach that its sender wrote before it knew of our error. One that resumes says so.
        if errant && attach.unsettled.is_none() {
            return Err(ProtocolError::session(ErrorCondition::ErrantLink, "an attach for a link in error"));
        }
        self.errant.retain(|name| *name != key);
        if let (Some(slot), Some(LinkState::AttachSent | LinkState::DetachPipe)) = (known, state) {
            return self.on_attach_answer(slot, attach, out);
        }
        if let (Some(slot), Some(LinkState::Attached | LinkState::AttachRcvd)) = (known, state) {
            // 2.6.1: the second attach succeeds, and the first is closed.
            let why = "the link has been attached again";
            self.fail_link(slot, Error::described(ErrorCondition::Stolen, why), out);
        }
        self.on_attach_request(key, attach, out, generations)
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

    /// The peer asks for a link.
    fn on_attach_request(
        &mut self,
        key: (Str, bool),
        attach: Box<Attach>,
        out: &mut Out,
        generations: &mut u32,
    ) -> Result<(), ProtocolError> {
        let role = attach.role.opposite();
        let handle = attach.handle;
        let reclosing = self.reclosing.contains(&key);
        self.reclosing.retain(|name| *name != key);
        *generations = generations.saturating_add(1);
        let local = Box::new(config::Attach::new());
        let max = self.remote.as_ref().map_or(u32::MAX, |begin| begin.handle_max.get());
        let Some(slot) = self.place(role, attach.name.clone(), local, *generations, max) else {
            let why = "no handle is left for the link";
            return Err(ProtocolError::session(ErrorCondition::ResourceLimitExceeded, why));
        };
        self.map_handle(handle, slot);
        let session = self.id;
        let Some(link) = self.link_at(slot) else { return Ok(()) };
        let applied = link.end.apply(LinkCue::RecvAttach);
        debug_assert!(applied, "a new link is detached");
        link.end.input = Some(handle);
        // 2.7.3: only a sender's count means anything, and it has to be there.
        let lacks_count = attach.role == Role::Sender && attach.initial_delivery_count.is_none();
        take_settings(link, &attach);
        link.end.remote = Some(attach);
        if lacks_count || reclosing {
            link.end.silent = true;
            let why = "a sender's attach without initial-delivery-count";
            let error = (!reclosing).then(|| Error::described(ErrorCondition::InvalidField, why));
            let _ = self.refuse_link(slot, error, out);
            return Ok(());
        }
        out.event(match link.end.id {
            LinkId::Sender(sender) => Event::SenderRequested { session, sender },
            LinkId::Receiver(receiver) => Event::ReceiverRequested { session, receiver },
        });
        Ok(())
    }

    /// The peer answers our attach.
    fn on_attach_answer(
        &mut self,
        slot: u16,
        attach: Box<Attach>,
        out: &mut Out,
    ) -> Result<(), ProtocolError> {
        let handle = attach.handle;
        self.map_handle(handle, slot);
        let Some(link) = self.link_at(slot) else { return Ok(()) };
        let applied = link.end.apply(LinkCue::RecvAttach);
        debug_assert!(applied, "the state was looked at");
        link.end.input = Some(handle);
        let lacks_count = attach.role == Role::Sender && attach.initial_delivery_count.is_none();
        take_settings(link, &attach);
        link.end.remote = Some(attach);
        // 2.6.3: a refusal; why, the detach that follows will say.
        if link.end.state != LinkState::Attached || link.end.is_refused() {
            return Ok(());
        }
        if lacks_count {
            let why = "a sender's attach without initial-delivery-count";
            self.fail_link(slot, Error::described(ErrorCondition::InvalidField, why), out);
            return Ok(());
        }
        self.raise_open(slot, out);
        Ok(())
    }

    fn raise_open(&mut self, slot: u16, out: &mut Out) {
        let Some(link) = self.link_at(slot) else { return };
        link.end.opened = true;
        out.event(Event::link_open(link.end.id));
        if let LinkKind::Receiver(receiver) = &mut link.kind
            && receiver.top_up()
        {
            self.flow_later(slot);
        }
    }

    /// Answers the peer's attach.
    pub(crate) fn accept_link(
        &mut self,
        id: LinkId,
        local: config::Attach,
        out: &mut Out,
    ) -> Result<(), CommandError> {
        self.check_writable()?;
        let link = self.link(id)?;
        if link.end.state != LinkState::AttachRcvd {
            return Err(CommandError::IllegalState("the link's attach has been answered"));
        }
        let slot = LinkKey::from(id).slot;
        *link.end.local = local;
        link.end.mirror_remote();
        let remote = link.end.remote.take();
        if let Some(remote) = &remote {
            // 2.7.3: each end has the say of its own mode, and takes the other's as it is.
            match link.end.role() {
                Role::Sender => link.end.local.rcv_settle_mode = remote.rcv_settle_mode,
                Role::Receiver => link.end.local.snd_settle_mode = remote.snd_settle_mode,
            }
        }
        let local = &link.end.local;
        match &mut link.kind {
            // It may have been given credit already.
            LinkKind::Sender(sender) => sender.mode = local.snd_settle_mode,
            LinkKind::Receiver(receiver) => receiver.configure(local),
        }
        if let Some(remote) = remote {
            take_settings(link, &remote);
            link.end.remote = Some(remote);
        }
        self.write_attach(slot, out)?;
        if self.link(id)?.receiver().is_ok_and(|receiver| receiver.credit() > 0) {
            self.flow_later(slot);
        }
        self.raise_open(slot, out);
        if let LinkId::Sender(id) = id {
            let drain = self.link(id.into())?.sender().map(|sender| core::mem::take(&mut sender.drain_due));
            if drain == Ok(true) {
                out.event(Event::SenderDrain { sender: id });
            }
            self.wait(slot);
            self.wake_senders(out);
        }
        Ok(())
    }

    /// 2.6.3: answers the peer's attach with no terminus of ours, and detaches at once.
    pub(crate) fn refuse_link(
        &mut self,
        slot: u16,
        error: Option<Error>,
        out: &mut Out,
    ) -> Result<(), CommandError> {
        self.check_writable()?;
        let link = self.link_at(slot).ok_or(CommandError::UnknownId)?;
        if link.end.state != LinkState::AttachRcvd {
            return Err(CommandError::IllegalState("the link's attach has been answered"));
        }
        link.end.mirror_remote();
        match link.end.role() {
            Role::Sender => link.end.local.source = None,
            Role::Receiver => link.end.local.target = None,
        }
        self.write_attach_or_bare(slot, out)?;
        let bare = error.as_ref().map(|error| Error::new(error.condition.clone()));
        self.detach_now(slot, true, error, out).or_else(|_| self.detach_now(slot, true, bare, out))
    }

    /// The link that one of the peer's handles stands for.
    pub(crate) fn link_on(&self, handle: Handle) -> Option<LinkId> {
        let slot = self.slot_of(handle).ok()?;
        self.links.get(slot).map(|link| link.end.id)
    }
}

/// Takes over what the peer's attach has the say of (2.7.3).
fn take_settings(link: &mut Link, attach: &Attach) {
    match &mut link.kind {
        LinkKind::Sender(sender) => sender.max_message_size = attach.max_message_size.unwrap_or(0),
        LinkKind::Receiver(receiver) => {
            receiver.on_attach(attach.initial_delivery_count.unwrap_or(SequenceNo::new(0)));
            receiver.snd_mode = attach.snd_settle_mode;
            receiver.rcv_mode = link.end.local.rcv_settle_mode;
        }
    }
}
