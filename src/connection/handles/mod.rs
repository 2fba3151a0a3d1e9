//! Sessions and links, borrowed from their connection: to query them, or to query them and send commands.
//!
//! An id cannot go stale in a borrowed handle, since nothing else can happen to the connection meanwhile.

mod receiver;
mod sender;
mod session;

use alloc::boxed::Box;

use super::Connection;
use crate::{
    config::{LinkConfig, ReceiverConfig, SenderConfig},
    context::Context,
    error::CommandError,
    ids::{LinkId, LinkKey, ReceiverId, SenderId, SessionId},
    link::Link,
    session::{LinkEnd, SessionEndpoint},
    spec::{
        definitions::{AmqpError, Role},
        performatives::Attach,
        terminus::TargetArchetype,
    },
    types::{Fields, Str},
};

pub use receiver::{Receiver, ReceiverRef};
pub use sender::{Sender, SenderRef};
pub use session::{Session, SessionRef};

/// The parts of a connection that a view borrows.
#[derive(Clone, Copy)]
struct View<'a> {
    session: &'a SessionEndpoint,
    cx: &'a Context,
}

impl<'a> View<'a> {
    /// A link of the session, until it is gone.
    fn link(self, id: impl Into<LinkId>) -> Option<&'a Link> {
        self.session.link_ref(id.into())
    }
}

/// Returns the address of the terminus at our end, as the peer asks for it.
fn requested_address(attach: Attach) -> Option<Str> {
    match (attach.role, attach.target.map(|target| *target)) {
        (Role::Receiver, _) => attach.source?.address,
        (Role::Sender, Some(TargetArchetype::Target(target))) => target.address,
        (Role::Sender, _) => None,
    }
}

/// The parts of a connection that a command borrows.
struct Parts<'a> {
    session: &'a mut SessionEndpoint,
    cx: &'a mut Context,
}

impl Parts<'_> {
    fn view(&self) -> View<'_> {
        View { session: self.session, cx: self.cx }
    }

    /// Runs a command, and schedules the session for what the command left to write.
    #[inline]
    fn run<T>(
        &mut self,
        command: impl FnOnce(&mut SessionEndpoint, &mut Context) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        // 2.4.3: nothing follows close.
        self.cx.check_open()?;
        let done = command(self.session, self.cx);
        self.session.schedule(self.cx);
        done
    }

    fn detach(&mut self, id: LinkId, closed: bool, error: Option<AmqpError>) -> Result<(), CommandError> {
        let why = LinkEnd::Command { closed, error: error.map(Box::new) };
        self.run(|session, cx| session.end_link(LinkKey::from(id).handle, why, cx))
    }
}

/// True if commands for this session are still possible.
fn is_live(session: &SessionEndpoint, id: SessionId) -> bool {
    session.id == id && !session.end_raised
}

fn has_live_link(session: &SessionEndpoint, id: LinkId) -> bool {
    session.link_ref(id).is_some_and(|link| !link.common.end_raised)
}

/// Borrows sessions and links.
impl Connection {
    fn view(
        &self,
        channel: u16,
        check: impl FnOnce(&SessionEndpoint) -> bool,
        unknown: CommandError,
    ) -> Result<View<'_>, CommandError> {
        let session = self.sessions.get(channel).filter(|session| check(session));
        session.map(|session| View { session, cx: &self.cx }).ok_or(unknown)
    }

    fn parts(
        &mut self,
        channel: u16,
        check: impl FnOnce(&SessionEndpoint) -> bool,
        unknown: CommandError,
    ) -> Result<Parts<'_>, CommandError> {
        match self.session_on(channel) {
            Some((session, cx)) if check(session) => Ok(Parts { session, cx }),
            _ => Err(unknown),
        }
    }

    fn link_view(&self, id: LinkId) -> Result<View<'_>, CommandError> {
        self.view(LinkKey::from(id).session, |session| has_live_link(session, id), CommandError::UnknownLink)
    }

    fn link_parts(&mut self, id: LinkId) -> Result<Parts<'_>, CommandError> {
        self.parts(LinkKey::from(id).session, |session| has_live_link(session, id), CommandError::UnknownLink)
    }

    /// Borrows a session, to query it and send commands.
    ///
    /// # Errors
    /// [`CommandError::UnknownSession`] if it has ended.
    pub fn session(&mut self, id: SessionId) -> Result<Session<'_>, CommandError> {
        Ok(Session {
            parts: self.parts(id.slot(), |session| is_live(session, id), CommandError::UnknownSession)?,
        })
    }

    /// Borrows a session, to query it.
    ///
    /// ```
    /// # use amqp_proto::{Connection, SessionId};
    /// fn is_open(connection: &Connection, id: SessionId) -> bool {
    ///     connection.session_ref(id).is_ok_and(|session| session.is_open())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`CommandError::UnknownSession`] if it has ended.
    pub fn session_ref(&self, id: SessionId) -> Result<SessionRef<'_>, CommandError> {
        Ok(SessionRef {
            view: self.view(id.slot(), |session| is_live(session, id), CommandError::UnknownSession)?,
        })
    }

    /// Borrows a sending link, to query it and send commands.
    ///
    /// # Errors
    /// [`CommandError::UnknownLink`] if it has been closed or detached.
    pub fn sender(&mut self, id: SenderId) -> Result<Sender<'_>, CommandError> {
        Ok(Sender { parts: self.link_parts(id.into())?, id })
    }

    /// Borrows a sending link, to query it.
    ///
    /// # Errors
    /// [`CommandError::UnknownLink`] if it has been closed or detached.
    pub fn sender_ref(&self, id: SenderId) -> Result<SenderRef<'_>, CommandError> {
        Ok(SenderRef { view: self.link_view(id.into())?, id })
    }

    /// Borrows a receiving link, to query it and send commands.
    ///
    /// # Errors
    /// [`CommandError::UnknownLink`] if it has been closed or detached.
    pub fn receiver(&mut self, id: ReceiverId) -> Result<Receiver<'_>, CommandError> {
        Ok(Receiver { parts: self.link_parts(id.into())?, id })
    }

    /// Borrows a receiving link, to query it.
    ///
    /// # Errors
    /// [`CommandError::UnknownLink`] if it has been closed or detached.
    pub fn receiver_ref(&self, id: ReceiverId) -> Result<ReceiverRef<'_>, CommandError> {
        Ok(ReceiverRef { view: self.link_view(id.into())?, id })
    }
}

/// The answers to a peer that does not read them leave no room for one more.
const NO_ROOM_FOR_ANSWER: CommandError = CommandError::LimitReached("max_held_bytes");

/// Answers the peer's requests for links (2.6.3).
impl Connection {
    /// Accepts the peer's request for a link that we send on (`SENDER_REQUESTED`). `SENDER_OPEN` follows.
    ///
    /// A source or target left unset is the one that the peer asked for. The link's name is the peer's. If the link was
    /// gone before it was answered, and its last event has not been polled, that event follows.
    ///
    /// # Errors
    /// [`CommandError::UnknownLink`] if the link's last event has been polled, [`CommandError::IllegalState`] if it has been answered or
    /// its session is ending, [`CommandError::FrameTooLarge`] if the attach is larger than the peer accepts: such a link can
    /// be refused. [`CommandError::LimitReached`] if the peer does not read, and the answers that wait leave no room for one
    /// more within [`max_held_bytes`](crate::Limits::max_held_bytes): the link can be answered once output has been written.
    pub fn accept_sender(&mut self, id: SenderId, config: SenderConfig) -> Result<(), CommandError> {
        self.accept(id.into(), &config.into())
    }

    /// Accepts the peer's request for a link that we receive on (`RECEIVER_REQUESTED`). `RECEIVER_OPEN` follows.
    ///
    /// A source or target left unset is the one that the peer asked for. The link's name is the peer's.
    ///
    /// A link to a coordinator of transactions is only accepted by
    /// [`ReceiverConfig::coordinator`](crate::ReceiverConfig::coordinator). With another target it is refused with
    /// `amqp:not-implemented` (4.5.1), and `RECEIVER_ERROR` follows.
    ///
    /// # Errors
    /// As [`accept_sender`](Self::accept_sender).
    pub fn accept_receiver(&mut self, id: ReceiverId, config: ReceiverConfig) -> Result<(), CommandError> {
        self.accept(id.into(), &config.into())
    }

    fn accept(&mut self, id: LinkId, config: &LinkConfig) -> Result<(), CommandError> {
        if self.cx.is_withdrawn(id) {
            return Ok(());
        }
        if self.cx.lacks_room_for_answer() {
            return Err(NO_ROOM_FOR_ANSWER);
        }
        self.link_parts(id)?.run(|session, cx| cx.answering(|cx| session.accept_link(id, config, cx)))
    }

    /// Refuses the peer's request for a link (`SENDER_REQUESTED`): attaches it without a source, then detaches it
    /// with the error (2.6.3). No event follows for this id.
    ///
    /// # Errors
    /// As [`accept_sender`](Self::accept_sender).
    pub fn refuse_sender(&mut self, id: SenderId, error: AmqpError) -> Result<(), CommandError> {
        self.refuse(id.into(), error)
    }

    /// Refuses the peer's request for a link (`RECEIVER_REQUESTED`): attaches it without a target, then detaches it
    /// with the error (2.6.3). No event follows for this id.
    ///
    /// # Errors
    /// As [`accept_sender`](Self::accept_sender).
    pub fn refuse_receiver(&mut self, id: ReceiverId, error: AmqpError) -> Result<(), CommandError> {
        self.refuse(id.into(), error)
    }

    fn refuse(&mut self, id: LinkId, error: AmqpError) -> Result<(), CommandError> {
        if self.cx.is_withdrawn(id) {
            self.cx.remove_events(|event| event.ended_link() == Some(id));
            self.cx.forget_withdrawn(id);
            return Ok(());
        }
        if self.cx.lacks_room_for_answer() {
            return Err(NO_ROOM_FOR_ANSWER);
        }
        let handle = LinkKey::from(id).handle;
        let why = LinkEnd::Refusal(Some(error.into()));
        self.link_parts(id)?.run(|session, cx| cx.answering(|cx| session.end_link(handle, why, cx)))
    }
}

/// Getters, each written once, of a view and of the handle that has it.
macro_rules! getters {
    ($view:ident<$a:lifetime>, $handle:ident {
        $($(#[$meta:meta])* fn $name:ident($this:ident) -> $ret:ty $body:block)*
    }) => {
        impl<$a> $view<$a> {
            $($(#[$meta])* pub fn $name(&self) -> $ret {
                let $this = *self;
                $body
            })*
        }

        impl $handle<'_> {
            $($(#[$meta])* pub fn $name<$a>(&$a self) -> $ret {
                self.view().$name()
            })*
        }

        impl core::fmt::Debug for $handle<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.view().fmt_as(stringify!($handle), f)
            }
        }

        impl core::fmt::Debug for $view<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.fmt_as(stringify!($view), f)
            }
        }
    };
}
use getters;

/// The getters and commands that senders and receivers share, and the getters of one of them.
macro_rules! link_methods {
    ($view:ident<$a:lifetime>, $handle:ident, $id:ty { $($own:tt)* }) => {
        getters! { $view<$a>, $handle {
            /// Returns the link's id.
            fn id(this) -> $id {
                this.id
            }

            /// Returns the link's name (2.6.1).
            fn name(this) -> &$a str {
                // The name is checked UTF-8 from where it entered, ours or the peer's.
                let name = this.view.link(this.id).map(|link| link.common.name_bytes());
                name.and_then(|name| core::str::from_utf8(name).ok()).unwrap_or_default()
            }

            /// Returns the id of the session that the link is attached to.
            fn session(this) -> SessionId {
                this.view.session.id
            }

            /// True if the link is attached at both ends (2.6.3).
            fn is_open(this) -> bool {
                this.view.link(this.id).is_some_and(|link| link.common.is_open())
            }

            /// Returns the peer's attach, once it has arrived (2.7.3): its source and target, settle modes and limits.
            ///
            /// It is kept encoded, and decoded by each call.
            fn remote_attach(this) -> Option<Attach> {
                this.view.link(this.id)?.common.remote(this.view.cx.config.limits.decode)
            }

            /// Returns the address that the peer asks for at this end: that of its target if it sends, of its source if it
            /// receives (3.5.3, 3.5.4).
            ///
            /// `None` if its attach has not arrived, or names no address: for a dynamic node, the anonymous terminus, or a
            /// coordinator of transactions. The whole is in [`remote_attach`](Self::remote_attach).
            fn requested_address(this) -> Option<crate::types::Str> {
                super::requested_address(this.view.link(this.id)?.common.remote(this.view.cx.config.limits.decode)?)
            }

            /// Returns the properties of the link's state that the peer's flows have brought, the last of them (2.7.4).
            ///
            /// They are kept encoded, and decoded by each call.
            fn remote_flow_properties(this) -> Option<Fields> {
                let properties = this.view.session.remote_flow_properties(this.id.into())?;
                properties.decode(this.view.cx.config.limits.decode)
            }

            /// Returns the number of deliveries that are not settled at this end. Those that are incomplete, or whose event
            /// has not been polled, are among them.
            fn unsettled_len(this) -> u32 {
                this.view.link(this.id).map_or(0, |link| link.common.unsettled)
            }

            $($own)*
        } }

        impl $view<'_> {
            fn fmt_as(&self, name: &str, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(name)
                    .field("id", &self.id)
                    .field("name", &self.name())
                    .field("is_open", &self.is_open())
                    .field("credit", &self.credit())
                    .field("unsettled", &self.unsettled_len())
                    .finish_non_exhaustive()
            }
        }

        impl $handle<'_> {
            fn view(&self) -> $view<'_> {
                $view { view: self.parts.view(), id: self.id }
            }

            /// Asks the peer for the link's state, which its next flow of the link answers (2.7.4 `echo`). `LINK_ECHOED`
            /// follows, at the latest after [`Timeouts::echo`](crate::Timeouts::echo).
            ///
            /// The next `poll_transmit` writes a flow frame for it. A flow of the peer's that crosses it counts as the
            /// answer.
            ///
            /// # Errors
            /// [`CommandError::IllegalState`] if the link is being detached, or the last echo has not been answered.
            pub fn echo(&mut self) -> Result<(), CommandError> {
                let id = self.id.into();
                self.parts.run(|session, cx| session.ask_link_echo(id, cx))
            }

            /// Sends properties of the link's state with the next flow of the link (2.7.4 `properties`), and only with that
            /// one. `None` takes back those that have not been written.
            ///
            /// The next `poll_transmit` writes a flow frame for them, once the link's attach has been written.
            ///
            /// # Errors
            /// [`CommandError::IllegalState`] if the link is being detached, [`CommandError::FrameTooLarge`] if they do
            /// not fit the peer's frames.
            pub fn set_flow_properties(&mut self, properties: Option<Fields>) -> Result<(), CommandError> {
                let id = self.id.into();
                self.parts.run(|session, cx| session.set_flow_properties(id, properties, cx))
            }

            /// Detaches the link without closing it (2.6.4), or closes it if there is an error.
            ///
            /// Pending dispositions and flows are written first. Without an error so is a message that was taken
            /// whole: the detach waits for it, at most for [`Timeouts::detach`](crate::Timeouts::detach). When the
            /// peer has answered, the link's last event follows; if it does not answer for that long, `*_ERROR`.
            /// Without that time-out both wait as long as the session lasts.
            ///
            /// Of an error that does not fit the peer's frames the condition is sent alone. A link that is being detached
            /// stays as it is: that is no error, and the error given is not sent if our detach has been.
            ///
            /// # Errors
            /// [`CommandError::IllegalState`] if its session is ending, [`CommandError::FrameTooLarge`] if the error's
            /// condition alone is larger than the peer accepts.
            pub fn detach(&mut self, error: Option<AmqpError>) -> Result<(), CommandError> {
                self.parts.detach(self.id.into(), false, error)
            }

            /// Closes the link (2.6.6), in the order that [`detach`](Self::detach) does.
            ///
            /// # Errors
            /// As [`detach`](Self::detach); [`CommandError::IllegalState`] if a detach that does not close the link has
            /// been sent, too.
            pub fn close(&mut self, error: Option<AmqpError>) -> Result<(), CommandError> {
                self.parts.detach(self.id.into(), true, error)
            }
        }
    };
}
use link_methods;
