//! Attaching links, by us or by the peer (2.6.1 to 2.6.3).

use alloc::{boxed::Box, format};

use super::{
    LinkEnd, SessionEndpoint,
    detach::forget_name,
    faults::{input_for_errant, name_link, unattached},
    held::{size_of_link, size_of_name},
};
use crate::{
    config,
    context::Context,
    error::{Cause, CommandError, Failure, ProtocolError},
    event::Event,
    ids::{LinkId, LinkKey},
    link::{
        AttachKind, AttachReply, EchoTermini, Link, LinkCommon, LinkIdentity, LinkKind, ReceiverEndpoint,
        SHORT_NAME, SenderEndpoint, Termini, check_answer_fits,
    },
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, Role, SenderSettleMode},
        performatives::{Attach, AttachRef},
        terminus::{Target, TargetArchetype},
    },
    state::{LinkState, LinkTrigger},
    timer::Timer,
    types::{Handle, Quoted, SequenceNo, Str},
};

impl SessionEndpoint {
    /// Returns our handle of the link that the peer's handle stands for (2.6.2).
    #[inline]
    pub(super) fn local_handle(&self, remote: Handle) -> Option<u16> {
        self.handles.get(u16::try_from(remote.get()).ok()?)
    }

    /// As [`local_handle`](Self::local_handle); a handle that stands for no link ends the session.
    #[inline]
    pub(super) fn attached_handle(&self, remote: Handle) -> Result<u16, ProtocolError> {
        match self.local_handle(remote) {
            Some(handle) => Ok(handle),
            None => unattached(remote),
        }
    }

    fn map_handle(&mut self, remote: Handle, handle: u16) {
        // At most the handle-max that we announced, which has been checked and is no more than that of `u16`.
        if let Ok(remote) = u16::try_from(remote.get()) {
            self.handles.insert(remote, handle);
        }
    }

    pub(super) fn unmap_handle(&mut self, remote: Handle) {
        if let Ok(remote) = u16::try_from(remote.get()) {
            self.handles.remove(remote);
        }
    }

    /// Checks input for a link that we are detaching. It was in flight and is dropped; but if we detached with an
    /// error, it ends the session (2.6.5), unless that is tolerated.
    pub(super) fn check_late_input(link: &Link, cx: &Context) -> Result<(), ProtocolError> {
        if link.common.state == LinkState::Errant && !cx.config.tolerance.frames_for_failed_links {
            return input_for_errant(link);
        }
        Ok(())
    }

    /// Stores a new link under the lowest free handle, which its id contains.
    fn insert_link(&mut self, link: Box<Link>) {
        let handle = LinkKey::from(link.common.id).handle;
        self.links.insert(link);
        self.link_names.insert(&self.links, handle);
    }

    /// Returns the handle for a new link, if the peer accepts it.
    fn next_handle(&self) -> Option<u16> {
        // 2.7.2: the peer's handle-max, if it is known.
        self.links.lowest_free().filter(|handle| u32::from(*handle) <= self.remote_handle_max)
    }

    pub(super) fn next_id(&self, role: Role, generation: u32, handle: u16) -> LinkId {
        let key = LinkKey { generation, session: self.channel, handle };
        match role {
            Role::Sender => key.sender().into(),
            Role::Receiver => key.receiver().into(),
        }
    }

    fn new_kind(&self, role: Role, local: &config::LinkConfig, cx: &Context) -> LinkKind {
        match role {
            Role::Sender => {
                LinkKind::Sender(SenderEndpoint::new(local.snd_settle_mode, local.initial_delivery_count))
            }
            Role::Receiver => {
                let mut receiver = ReceiverEndpoint::new(local, self.window.size, &cx.config.tolerance);
                (receiver.snd_mode, receiver.rcv_mode) = (local.snd_settle_mode, local.rcv_settle_mode);
                LinkKind::Receiver(receiver)
            }
        }
    }

    /// Returns the given name, or makes one up from the container-id and the generation, which it moves past names in
    /// use.
    fn choose_name(
        &self,
        role: Role,
        given: Option<Str>,
        generation: &mut u32,
        cx: &Context,
    ) -> Result<Str, CommandError> {
        let is_taken = |name: &Str| self.link_names.find(&self.links, name.as_bytes(), role).is_some();
        if let Some(given) = given {
            if is_taken(&given) {
                return Err(CommandError::IllegalState(
                    "the session has a link of this name and direction (2.6.1)",
                ));
            }
            if self.cold.as_ref().is_some_and(|cold| cold.is_unanswered(given.as_bytes(), role)) {
                // The next attach of the peer's with this name is the answer that is due.
                return Err(CommandError::IllegalState(
                    "the peer has not answered an earlier link of this name and direction (2.6.6)",
                ));
            }
            return Ok(given);
        }
        loop {
            let made_up = Str::from(format!("{}-{generation}", cx.config.container_id));
            if !is_taken(&made_up) {
                return Ok(made_up);
            }
            *generation = next_generation(*generation)?;
        }
    }

    /// Attaches a link at the application's request.
    pub(crate) fn attach(
        &mut self,
        role: Role,
        mut local: config::LinkConfig,
        cx: &mut Context,
    ) -> Result<LinkId, CommandError> {
        cx.check_accepts_new_work()?;
        let begun = (self.can_write() && !self.end_pending) || self.begin_pending;
        if !begun {
            return Err(CommandError::IllegalState("the session has not begun, or is ending (2.5.5)"));
        }
        let mut generation = next_generation(cx.last_link_generation)?;
        let name = self.choose_name(role, local.name.take(), &mut generation, cx)?;
        // 2.7.2: the peer answers with a handle of its own, up to our handle-max.
        let handle = self.next_handle().filter(|handle| *handle <= self.handle_max);
        let handle = handle.ok_or(CommandError::LimitReached("handle-max"))?;
        let id = self.next_id(role, generation, handle);
        let kind = self.new_kind(role, &local, cx);
        if !has_own_terminus(role, &local) {
            add_own_terminus(role, &mut local);
        }
        let mut common = LinkCommon::new(id, LinkIdentity::Name(Str::empty()));
        common.keeps_outcomes = local.keep_outcomes;
        common.rcv_mode = local.rcv_settle_mode;
        let attach = request(name, Handle::new(handle.into()), role, local);
        common.awaiting_terminus = match role {
            Role::Sender => attach.target.is_some(),
            Role::Receiver => attach.source.is_some(),
        };
        // 2.4.2: a frame sent ahead of the peer's begin must be one that any peer accepts. Any accepts handle 0.
        let has_remote_begin = self.remote_begin.is_some();
        let may_write = self.can_write() && (handle == 0 || has_remote_begin);
        let written = if may_write { cx.frame(&attach).map(|()| true) } else { Ok(false) };
        match written {
            Ok(true) => {
                let applied = common.apply(LinkTrigger::SendAttach);
                debug_assert!(applied, "a new link is detached");
                common.identity = LinkIdentity::Name(attach.name);
                if has_remote_begin {
                    cx.timers.set(Timer::Link(id), cx.config.timeouts.attach);
                }
            }
            Err(error @ CommandError::FrameTooLarge { .. }) if has_remote_begin => return Err(error),
            // What cannot be written before the peer's begin waits for it.
            _ => {
                common.identity = LinkIdentity::Name(attach.name.clone());
                common.pending_attach = Some(Box::new(attach));
            }
        }
        cx.last_link_generation = generation;
        let link = Box::new(Link { common, kind });
        // The application's own links are not held for the peer, but count.
        let _ = self.charge_link(0, size_of_link(&link), cx);
        self.insert_link(link);
        self.forget_reclosing(handle, cx);
        Ok(id)
    }

    /// Takes the link's name off the list of those to close by attaching again: it is in use.
    fn forget_reclosing(&mut self, handle: u16, cx: &mut Context) {
        let Some(cold) = &mut self.cold else { return };
        let Some(common) = self.links.get(handle).map(|link| &link.common) else { return };
        let (name, role) = (common.name_bytes(), common.role());
        let forgotten = forget_name(&mut cold.reclosing, name, role);
        let _ = self.charge_instead(forgotten, 0, cx);
    }

    /// Writes our attach in reply to the peer's: our settings, and those of the peer's termini that `echo` selects.
    fn write_attach_reply(
        &mut self,
        handle: u16,
        local: &config::LinkConfig,
        modes: (SenderSettleMode, ReceiverSettleMode),
        echo: EchoTermini,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        self.check_writable()?;
        let link = self.links.get_mut(handle).ok_or(CommandError::UnknownLink)?;
        let what = (Handle::new(handle.into()), link.common.role());
        AttachReply::new(&link.common.identity, local, what, modes, echo).write(cx)?;
        if !link.common.apply(LinkTrigger::SendAttach) {
            return Err(CommandError::IllegalState("the link is attached (2.6.3)"));
        }
        Ok(())
    }

    /// Writes an attach that a detach follows at once; without termini if they do not fit the peer's frames.
    pub(super) fn write_reply_or_bare(
        &mut self,
        handle: u16,
        echo: EchoTermini,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let local = config::LinkConfig::default();
        let modes = self.links.get(handle).ok_or(CommandError::UnknownLink)?.modes();
        let written = self.write_attach_reply(handle, &local, modes, echo, cx);
        let Err(CommandError::FrameTooLarge { .. }) = written else { return written };
        self.write_attach_reply(handle, &local, modes, EchoTermini::NONE, cx)
    }

    /// Writes the attaches that waited for the peer's begin. The peer can answer them, and those sent ahead, from now on.
    pub(super) fn write_pending_attaches(&mut self, cx: &mut Context) {
        for handle in self.links.numbers() {
            let Some(link) = self.links.get_mut(handle) else { continue };
            let id = link.common.id;
            let Some(attach) = link.common.pending_attach.take() else {
                if link.common.state == LinkState::AttachSent {
                    cx.timers.set(Timer::Link(id), cx.config.timeouts.attach);
                }
                continue;
            };
            let is_written = u32::from(handle) <= self.remote_handle_max
                && cx.frame(&attach).is_ok()
                && link.common.apply(LinkTrigger::SendAttach);
            if !is_written {
                self.end_unwritable(handle, cx);
                continue;
            }
            cx.timers.set(Timer::Link(id), cx.config.timeouts.attach);
            let flow_owed = core::mem::take(&mut link.common.flow_owed) || link.common.echo.is_due();
            if flow_owed || matches!(id, LinkId::Receiver(_)) {
                self.schedule_link_flow(handle);
            }
        }
    }

    /// Ends a link whose attach waited for the peer's begin, and cannot be written.
    #[cold]
    #[inline(never)]
    fn end_unwritable(&mut self, handle: u16, cx: &mut Context) {
        let max = self.remote_handle_max;
        let why = if u32::from(handle) > max {
            format!("handle {handle} is above the peer's handle-max of {max} (2.7.2)")
        } else {
            format!("the attach does not fit the peer's max-frame-size of {} (2.7.1)", cx.max_frame_size)
        };
        let failure = Failure::new(Cause::Refused, ErrorCondition::NotAllowed, why);
        let _ = self.end_link(handle, LinkEnd::Unwritable(failure.into()), cx);
    }

    /// Handles the peer's attach, of which `body` is the encoding.
    pub(super) fn on_attach(
        &mut self,
        attach: &AttachRef<'_>,
        body: &[u8],
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        // 2.7.2: a handle beyond ours closes the connection.
        if attach.handle.get() > self.handle_max.into() {
            let why =
                format!("handle {} is above our handle-max of {} (2.7.2)", attach.handle, self.handle_max);
            return Err(ProtocolError::connection(ErrorCondition::FramingError, &why));
        }
        // 2.7.3: so does one in use.
        if self.local_handle(attach.handle).is_some() {
            let why = format!("handle {} is in use by another link (2.7.3)", attach.handle);
            return Err(ProtocolError::connection(ErrorCondition::HandleInUse, &why));
        }
        let role = attach.role.opposite();
        let known = self.link_names.find(&self.links, attach.name.as_bytes(), role);
        let state = known.and_then(|handle| self.links.get(handle)).map(|link| link.common.state);
        let is_this =
            |(name, other): &(Str, Role)| name.as_bytes() == attach.name.as_bytes() && *other == role;
        let errant = !cx.config.tolerance.frames_for_failed_links
            && (state == Some(LinkState::Errant)
                || self.cold.as_ref().is_some_and(|cold| cold.errant.iter().any(is_this)));
        // 2.6.5: the peer wrote this attach before it knew of our error. One that resumes the link has `unsettled`.
        if errant && attach.unsettled.is_none() {
            let why = format!(
                "an attach of the link {}, which is in error (2.6.5)",
                Quoted(attach.name.as_bytes())
            );
            return Err(ProtocolError::session(ErrorCondition::ErrantLink, &why));
        }
        let (mut reclosing, mut is_late) = (false, false);
        if let Some(cold) = &mut self.cold {
            reclosing = cold.reclosing.iter().any(is_this);
            is_late = cold.is_unanswered(attach.name.as_bytes(), role);
            let forgotten = forget_name(&mut cold.errant, attach.name.as_bytes(), role);
            let _ = self.charge_instead(forgotten, 0, cx);
        }
        if let (Some(handle), Some(LinkState::AttachSent | LinkState::DetachPipe)) = (known, state) {
            return self.on_attach_reply(handle, attach, body, cx);
        }
        if let (Some(handle), Some(LinkState::Attached | LinkState::AttachRcvd)) = (known, state) {
            // 2.6.1: the second attach succeeds, and the first is closed.
            let error = AmqpError::described(ErrorCondition::Stolen, "it has been attached again (2.6.1)");
            let _ = self.end_link(handle, LinkEnd::Violation(error.into()), cx);
        }
        if is_late && let Some(handle) = self.restore_unanswered(attach, cx)? {
            return self.on_attach_reply(handle, attach, body, cx);
        }
        self.on_attach_request(attach, body, reclosing, cx)
    }

    /// Restores the link that was closed and forgotten before the peer answered its attach, if this is the answer. Taken for
    /// a request, it would be refused by an attach, which the peer would take for a request as well, and so on.
    #[cold]
    #[inline(never)]
    fn restore_unanswered(
        &mut self,
        attach: &AttachRef<'_>,
        cx: &mut Context,
    ) -> Result<Option<u16>, ProtocolError> {
        let Some(cold) = &mut self.cold else { return Ok(None) };
        let role = attach.role.opposite();
        let is_this =
            |(name, other): &(Str, Role)| name.as_bytes() == attach.name.as_bytes() && *other == role;
        let found = cold.unanswered.iter().position(is_this).and_then(|at| cold.unanswered.remove(at));
        let Some((name, _)) = found else { return Ok(None) };
        let _ = self.charge_instead(size_of_name(&name), 0, cx);
        let id = self.place_link(role, cx)?;
        let mut common = LinkCommon::new(id, LinkIdentity::Name(name));
        for trigger in [LinkTrigger::SendAttach, LinkTrigger::SendDetach] {
            let applied = common.apply(trigger);
            debug_assert!(applied, "both had been written");
        }
        (common.we_closed, common.end_raised) = (true, true);
        let kind = self.new_kind(role, &config::LinkConfig::default(), cx);
        let link = Box::new(Link { common, kind });
        self.charge_link(0, size_of_link(&link), cx)?;
        self.insert_link(link);
        Ok(Some(LinkKey::from(id).handle))
    }

    /// Returns the id of a link that the peer attaches, with the lowest free handle.
    #[inline(always)]
    fn place_link(&self, role: Role, cx: &mut Context) -> Result<LinkId, ProtocolError> {
        let generation = next_generation(cx.last_link_generation);
        let (Ok(generation), Some(handle)) = (generation, self.next_handle()) else {
            return no_handle(self.remote_handle_max);
        };
        cx.last_link_generation = generation;
        Ok(self.next_id(role, generation, handle))
    }

    /// Handles an attach that requests a link; `reclosing` if only to have it closed at both ends (2.6.6).
    fn on_attach_request(
        &mut self,
        attach: &AttachRef<'_>,
        body: &[u8],
        reclosing: bool,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let role = attach.role.opposite();
        if attach.name.as_bytes().len() > SHORT_NAME {
            check_answer_fits(attach, cx)?;
        }
        let id = self.place_link(role, cx)?;
        let handle = LinkKey::from(id).handle;
        let mut common = LinkCommon::new(id, LinkIdentity::theirs(body, attach.name.as_bytes()));
        let mut kind = self.new_kind(role, &config::LinkConfig::default(), cx);
        let applied = common.apply(LinkTrigger::RecvAttach);
        debug_assert!(applied, "a new link is detached");
        apply_remote_settings(&mut common, &mut kind, attach);
        let termini = common.identity.check_termini(attach.role, AttachKind::Request);
        common.asks_for_coordinator = role == Role::Receiver && termini == Termini::Coordinator;
        let fault = fault_of(attach, termini);
        let link = Box::new(Link { common, kind });
        // A link that does not fit is none: the application has not heard of it, and its end is no event.
        self.charge_link(0, size_of_link(&link), cx)?;
        self.insert_link(link);
        self.forget_reclosing(handle, cx);
        self.map_handle(attach.handle, handle);
        if fault.is_some() || reclosing {
            let mut error = fault.filter(|_| !reclosing);
            if let Some(error) = &mut error {
                name_link(error, attach.name.as_bytes());
            }
            let _ = self.end_link(handle, LinkEnd::Refusal(error.map(Box::new)), cx);
            return Ok(());
        }
        let session = self.id;
        let event = match id {
            LinkId::Sender(sender) => Event::SenderRequested { session, sender },
            LinkId::Receiver(receiver) => Event::ReceiverRequested { session, receiver },
        };
        cx.answerable_event(event, 0);
        Ok(())
    }

    /// Handles the peer's reply to our attach.
    fn on_attach_reply(
        &mut self,
        handle: u16,
        attach: &AttachRef<'_>,
        body: &[u8],
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        self.map_handle(attach.handle, handle);
        let before = self.links.get(handle).map_or(0, |link| link.common.identity_size());
        self.charge_link(before, body.len(), cx)?;
        let Some(Link { common, kind }) = self.links.get_mut(handle) else { return Ok(()) };
        let applied = common.apply(LinkTrigger::RecvAttach);
        debug_assert!(applied, "the state was checked");
        apply_remote_settings(common, kind, attach);
        common.identity = LinkIdentity::theirs(body, attach.name.as_bytes());
        // 2.6.3: a reply without the terminus that we asked for is a refusal; the detach that follows has the reason.
        common.awaiting_terminus &= match common.role() {
            Role::Sender => attach.target.is_none(),
            Role::Receiver => attach.source.is_none(),
        };
        if common.state != LinkState::Attached || common.awaiting_terminus {
            return Ok(());
        }
        let termini = if cx.config.tolerance.undescribed_filters {
            Termini::Plain
        } else {
            common.identity.check_termini(attach.role, AttachKind::Answer)
        };
        if let Some(error) = fault_of(attach, termini) {
            let _ = self.end_link(handle, LinkEnd::Violation(error.into()), cx);
            return Ok(());
        }
        self.raise_open(handle, cx);
        Ok(())
    }

    fn raise_open(&mut self, handle: u16, cx: &mut Context) {
        let Some(link) = self.links.get_mut(handle) else { return };
        link.common.open_raised = true;
        cx.timers.cancel(Timer::Link(link.common.id));
        cx.event(Event::link_open(link.common.id));
        let mut has_asked = link.common.echo.is_pending();
        if let LinkKind::Receiver(receiver) = &mut link.kind {
            has_asked |= receiver.drain;
            if receiver.top_up() {
                self.schedule_link_flow(handle);
            }
        }
        if has_asked {
            self.await_on_open_link(handle, cx);
        }
    }

    /// Accepts the link that the peer requested.
    pub(crate) fn accept_link(
        &mut self,
        id: LinkId,
        local: &config::LinkConfig,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        self.check_writable()?;
        let link = self.link(id)?;
        if link.common.state != LinkState::AttachRcvd {
            return Err(CommandError::IllegalState("the link's attach has been answered (2.6.3)"));
        }
        let handle = LinkKey::from(id).handle;
        if link.common.asks_for_coordinator
            && !matches!(local.target.as_deref(), Some(TargetArchetype::Coordinator(_)))
        {
            return self.refuse_coordinator(handle, cx);
        }
        // 2.7.3: each end decides its own settle mode.
        let modes = match (&link.kind, link.modes()) {
            (LinkKind::Sender(_), (_, theirs)) => (local.snd_settle_mode, theirs),
            (LinkKind::Receiver(_), (theirs, _)) => (theirs, local.rcv_settle_mode),
        };
        self.write_attach_reply(handle, local, modes, EchoTermini::BOTH, cx)?;
        let link = self.link(id)?;
        link.common.keeps_outcomes = local.keep_outcomes;
        match &mut link.kind {
            LinkKind::Sender(sender) => sender.configure(modes.0, local.initial_delivery_count),
            LinkKind::Receiver(receiver) => {
                receiver.configure(local);
                receiver.rcv_mode = modes.1;
            }
        }
        // What was asked for before has not been written yet.
        let flow_owed = core::mem::take(&mut link.common.flow_owed) || link.common.echo.is_due();
        if flow_owed || link.receiver().is_ok_and(|receiver| receiver.link_credit > 0 || receiver.drain) {
            self.schedule_link_flow(handle);
        }
        self.raise_open(handle, cx);
        if self.remote_flow_properties(id).is_some() {
            cx.event(Event::LinkProperties { link: id });
        }
        if let LinkId::Sender(id) = id {
            let sender = self.link(id.into())?.sender();
            if sender.is_ok_and(|sender| core::mem::take(&mut sender.drain_event_owed)) {
                cx.event(Event::SenderDrain { sender: id });
            }
            self.look_at_sender(handle);
        }
        Ok(())
    }
}

#[cold]
#[inline(never)]
fn no_handle(max: u32) -> Result<LinkId, ProtocolError> {
    let why = format!("no handle is left up to the peer's handle-max of {max}, or no id for a link (2.7.2)");
    Err(ProtocolError::session(ErrorCondition::ResourceLimitExceeded, &why))
}

pub(super) fn next_generation(generation: u32) -> Result<u32, CommandError> {
    generation.checked_add(1).ok_or(CommandError::LimitReached("links of a connection"))
}

/// Applies the settings that the peer decides (2.7.3).
fn apply_remote_settings(common: &mut LinkCommon, kind: &mut LinkKind, attach: &AttachRef<'_>) {
    match kind {
        LinkKind::Sender(sender) => {
            sender.max_message_size = attach.max_message_size.unwrap_or(0);
            common.rcv_mode = attach.rcv_settle_mode;
        }
        LinkKind::Receiver(receiver) => {
            receiver.begin_count(attach.initial_delivery_count.unwrap_or(SequenceNo::new(0)));
            receiver.snd_mode = attach.snd_settle_mode;
        }
    }
}

/// Returns the fault for which the link of an attach with these termini cannot be.
fn fault_of(attach: &AttachRef<'_>, termini: Termini) -> Option<AmqpError> {
    // 2.7.3: a sender must set it, a receiver's is ignored.
    let why = if attach.role == Role::Sender && attach.initial_delivery_count.is_none() {
        "a sender's attach has no initial-delivery-count (2.7.3)"
    } else if let Termini::Wrong(why) = termini {
        why
    } else {
        return None;
    };
    Some(AmqpError::described(ErrorCondition::InvalidField, why))
}

/// Returns the attach that requests a link.
fn has_own_terminus(role: Role, local: &config::LinkConfig) -> bool {
    match role {
        Role::Sender => local.source.is_some(),
        Role::Receiver => local.target.is_some(),
    }
}

/// 2.6.3: a link has both termini. Ours is one without an address, unless it is set.
#[cold]
#[inline(never)]
fn add_own_terminus(role: Role, local: &mut config::LinkConfig) {
    match role {
        Role::Sender => local.source = Some(Box::default()),
        Role::Receiver => local.target = Some(Target::default().into()),
    }
}

fn request(name: Str, handle: Handle, role: Role, local: config::LinkConfig) -> Attach {
    Attach {
        name,
        handle,
        role,
        snd_settle_mode: local.snd_settle_mode,
        rcv_settle_mode: local.rcv_settle_mode,
        source: local.source,
        target: local.target,
        // 2.7.3: a sender must set it, a receiver's is ignored.
        initial_delivery_count: (role == Role::Sender).then_some(local.initial_delivery_count),
        max_message_size: (local.max_message_size > 0).then_some(local.max_message_size),
        offered_capabilities: local.offered_capabilities.into(),
        desired_capabilities: local.desired_capabilities.into(),
        properties: local.properties,
        ..Attach::default()
    }
}
