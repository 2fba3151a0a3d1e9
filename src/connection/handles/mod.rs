//! What a caller borrows to speak to a session or a link: references to just the parts needed, so that it can't be
//! kept and can't go stale.

mod receiver;
mod sender;
mod session;

use super::{Connection, Shared, deadlines::Due, unknown_id};
use crate::{
    config::{LinkConfig, ReceiverConfig, SenderConfig},
    context::Context,
    error::CommandError,
    ids::{LinkId, LinkKey, ReceiverId, SenderId, SessionId},
    link::Link,
    session::SessionEndpoint,
    spec::{definitions::AmqpError, performatives::Attach},
    types::Str,
};

pub use receiver::Receiver;
pub use sender::Sender;
pub use session::Session;

/// A session, its way out, and what it needs of its connection.
struct Parts<'a> {
    session: &'a mut SessionEndpoint,
    cx: &'a mut Context,
    shared: &'a mut Shared,
}

impl Parts<'_> {
    /// Runs a command, and sees to it that what it left pending is written.
    #[inline]
    fn run<T>(
        &mut self,
        command: impl FnOnce(&mut SessionEndpoint, &mut Context, &mut Shared) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        // 2.4.3: nothing follows close.
        self.cx.check_open()?;
        let done = command(self.session, self.cx, self.shared);
        self.shared.queue(self.session);
        done
    }

    fn detach(&mut self, id: LinkId, closed: bool, error: Option<AmqpError>) -> Result<(), CommandError> {
        self.run(|session, cx, shared| {
            session.detach(LinkKey::from(id).handle, closed, error, cx)?;
            // One that had not been attached is gone already.
            if session.link_ref(id).is_some() {
                shared.timers.arm(Due::Detach(id), shared.config.timeouts.detach);
            }
            Ok(())
        })
    }
}

impl Connection {
    fn parts(&mut self, channel: u16) -> Result<Parts<'_>, CommandError> {
        let (session, cx, shared) = self.on_channel(channel).ok_or(CommandError::UnknownId)?;
        Ok(Parts { session, cx, shared })
    }

    fn link_parts(&mut self, id: LinkId) -> Result<Parts<'_>, CommandError> {
        let parts = self.parts(LinkKey::from(id).session)?;
        if parts.session.link(id)?.common.end_raised { unknown_id() } else { Ok(parts) }
    }

    /// The session, to be spoken to.
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if it has ended.
    pub fn session(&mut self, id: SessionId) -> Result<Session<'_>, CommandError> {
        let parts = self.parts(id.slot())?;
        if parts.session.id != id || parts.session.end_raised {
            return unknown_id();
        }
        Ok(Session { parts })
    }

    /// The sending link, to be spoken to.
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if it is gone.
    pub fn sender(&mut self, id: SenderId) -> Result<Sender<'_>, CommandError> {
        Ok(Sender { parts: self.link_parts(id.into())?, id })
    }

    /// The receiving link, to be spoken to.
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if it is gone.
    pub fn receiver(&mut self, id: ReceiverId) -> Result<Receiver<'_>, CommandError> {
        Ok(Receiver { parts: self.link_parts(id.into())?, id })
    }

    /// Whether the session is open at both ends.
    pub fn session_is_open(&self, id: SessionId) -> bool {
        let session = self.sessions.get(id.slot());
        session.is_some_and(|session| session.id == id && session.is_open() && !session.end_raised)
    }

    /// Whether the link is attached at both ends.
    pub fn sender_is_open(&self, id: SenderId) -> bool {
        self.link_is_open(id.into())
    }

    /// Whether the link is attached at both ends.
    pub fn receiver_is_open(&self, id: ReceiverId) -> bool {
        self.link_is_open(id.into())
    }

    fn link_is_open(&self, id: LinkId) -> bool {
        let session = self.sessions.get(LinkKey::from(id).session);
        session
            .and_then(|session| session.link_ref(id))
            .is_some_and(|link| link.common.is_open() && !link.common.end_raised)
    }

    /// Answers the peer's request for a link that we send on (`SENDER_REQUESTED`). A source or target left unset
    /// is the one that the peer asked for.
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if the link is gone, [`CommandError::IllegalState`] if it has been answered or
    /// its session has not, [`CommandError::FrameTooLarge`] if the attach is larger than the peer accepts.
    pub fn accept_sender(&mut self, id: SenderId, config: SenderConfig) -> Result<(), CommandError> {
        self.accept(id.into(), &config.into())
    }

    /// Answers the peer's request for a link that we receive on (`RECEIVER_REQUESTED`).
    ///
    /// # Errors
    /// As [`accept_sender`](Self::accept_sender).
    pub fn accept_receiver(&mut self, id: ReceiverId, config: ReceiverConfig) -> Result<(), CommandError> {
        self.accept(id.into(), &config.into())
    }

    fn accept(&mut self, id: LinkId, config: &LinkConfig) -> Result<(), CommandError> {
        self.link_parts(id)?.run(|session, cx, _| session.accept_link(id, config, cx))
    }

    /// Refuses the peer's request for a link (`SENDER_REQUESTED`): attaches it without a source, and detaches it
    /// with the error (2.6.3). The id is gone with it.
    ///
    /// # Errors
    /// As [`accept_sender`](Self::accept_sender).
    pub fn refuse_sender(&mut self, id: SenderId, error: AmqpError) -> Result<(), CommandError> {
        self.refuse(id.into(), error)
    }

    /// Refuses the peer's request for a link (`RECEIVER_REQUESTED`).
    ///
    /// # Errors
    /// As [`accept_sender`](Self::accept_sender).
    pub fn refuse_receiver(&mut self, id: ReceiverId, error: AmqpError) -> Result<(), CommandError> {
        self.refuse(id.into(), error)
    }

    fn refuse(&mut self, id: LinkId, error: AmqpError) -> Result<(), CommandError> {
        self.link_parts(id)?.run(|session, cx, _| {
            session.refuse_link(LinkKey::from(id).handle, Some(error), cx)?;
            session.link(id)?.common.end_raised = true;
            Ok(())
        })
    }
}

/// What both kinds of link can be asked.
macro_rules! link_getters {
    ($id:ty) => {
        /// The link's id.
        pub fn id(&self) -> $id {
            self.id
        }

        fn link(&self) -> Option<&Link> {
            self.parts.session.link_ref(self.id.into())
        }

        /// The link's name (2.6.1).
        pub fn name(&self) -> Str {
            self.link().map(|link| link.common.name()).unwrap_or_default()
        }

        /// The session that the link is attached to.
        pub fn session(&self) -> SessionId {
            self.parts.session.id
        }

        /// Whether the link is attached at both ends.
        pub fn is_open(&self) -> bool {
            self.link().is_some_and(|link| link.common.is_open())
        }

        /// The peer's attach, once it has come (2.7.3): its source and target, its settle modes and limits. It is
        /// kept as it came, and decoded each time.
        pub fn remote_attach(&self) -> Option<Attach> {
            self.link()?.common.remote(self.parts.cx.limits.decode)
        }

        /// Deliveries that are not settled.
        pub fn unsettled_len(&self) -> u32 {
            self.link().map_or(0, |link| link.common.unsettled)
        }

        /// Detaches the link but does not close it (2.6.4); with an error, closes it. What is pending is written
        /// first, and without an error a message that has been taken whole too, for which the detach waits as
        /// long as [`Timeouts::detach`](crate::Timeouts::detach) allows.
        ///
        /// # Errors
        /// [`CommandError::IllegalState`] if it is not attached, or is being detached.
        pub fn detach(&mut self, error: Option<AmqpError>) -> Result<(), CommandError> {
            self.parts.detach(self.id.into(), false, error)
        }

        /// Closes the link (2.6.6). What is pending is written first, as [`detach`](Self::detach) does.
        ///
        /// # Errors
        /// [`CommandError::IllegalState`] if it is not attached, or is being detached.
        pub fn close(&mut self, error: Option<AmqpError>) -> Result<(), CommandError> {
            self.parts.detach(self.id.into(), true, error)
        }
    };
}
use link_getters;
