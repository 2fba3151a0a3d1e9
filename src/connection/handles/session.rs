//! A borrowed session.

use alloc::boxed::Box;
use core::fmt;

use super::{Parts, View, getters};
use crate::{
    config::{LinkConfig, ReceiverConfig, SenderConfig},
    error::CommandError,
    ids::{LinkId, ReceiverId, SenderId, SessionId},
    session::SessionEnd,
    spec::{
        definitions::{AmqpError, Role},
        performatives::Begin,
    },
};

/// A session of a connection, borrowed by [`Connection::session`](crate::Connection::session) to query it and send
/// commands.
pub struct Session<'a> {
    pub(super) parts: Parts<'a>,
}

/// A session of a connection, borrowed by [`Connection::session_ref`](crate::Connection::session_ref) to query it.
#[derive(Clone, Copy)]
pub struct SessionRef<'a> {
    pub(super) view: View<'a>,
}

getters! { SessionRef<'a>, Session {
    /// Returns the session's id.
    fn id(this) -> SessionId {
        this.view.session.id
    }

    /// True if both ends have begun (2.5.1).
    fn is_open(this) -> bool {
        this.view.session.is_open()
    }

    /// Returns the peer's begin, once it has arrived (2.7.2). It is kept encoded, and decoded by each call.
    fn remote_begin(this) -> Option<Begin> {
        this.view.session.remote_begin.as_ref()?.get(this.view.cx.config.limits.decode)
    }

    /// Returns how many more transfer frames the peer may send (2.5.6 `incoming-window`).
    fn incoming_window(this) -> u32 {
        this.view.session.window.incoming_window
    }

    /// Returns how many more transfer frames the peer accepts (2.5.6 `remote-incoming-window`).
    fn remote_incoming_window(this) -> u32 {
        this.view.session.window.remote_incoming_window
    }

    /// Returns how many more transfer frames the peer announces that it may send (2.5.6 `remote-outgoing-window`).
    ///
    /// Nothing holds the peer to it. The bound on what it sends is [`incoming_window`](Self::incoming_window).
    fn remote_outgoing_window(this) -> u32 {
        this.view.session.window.remote_outgoing_window
    }

    /// Iterates over the ids of the session's links, in any state.
    fn links(this) -> impl Iterator<Item = LinkId> + use<'a> {
        this.view.session.link_ids()
    }
} }

impl SessionRef<'_> {
    fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("id", &self.id())
            .field("state", &self.view.session.state)
            .field("links", &self.links().count())
            .field("incoming_window", &self.incoming_window())
            .field("remote_incoming_window", &self.remote_incoming_window())
            .finish_non_exhaustive()
    }
}

impl Session<'_> {
    fn view(&self) -> SessionRef<'_> {
        SessionRef { view: self.parts.view() }
    }

    /// Attaches a link to send on (2.6.3). Commands may follow at once; `SENDER_OPEN` follows when the peer has
    /// attached it too, `SENDER_ERROR` if it refuses.
    ///
    /// ```
    /// use amqp_proto::{CommandError, SenderConfig, SenderId, Session};
    ///
    /// fn publish_to(session: &mut Session<'_>, address: &str) -> Result<SenderId, CommandError> {
    ///     session.attach_sender(SenderConfig::to(address))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if the session is ending or has a sender of this name: one that has ended too, until the
    /// peer has answered all frames of it, a round trip later if a detach of ours and the peer's close cross (2.6.6);
    /// [`CommandError::LimitReached`] if a handle-max is reached, the peer's or our own, [`CommandError::FrameTooLarge`] if the
    /// attach is larger than the peer accepts.
    pub fn attach_sender(&mut self, config: SenderConfig) -> Result<SenderId, CommandError> {
        match self.attach(Role::Sender, config.into())? {
            LinkId::Sender(id) => Ok(id),
            LinkId::Receiver(_) => Err(CommandError::UnknownLink),
        }
    }

    /// Attaches a link to receive on (2.6.3). Commands may follow at once; `RECEIVER_OPEN` follows when the peer has
    /// attached it too, `RECEIVER_ERROR` if it refuses.
    ///
    /// ```
    /// use amqp_proto::{CommandError, CreditPolicy, ReceiverConfig, ReceiverId, Session};
    ///
    /// fn consume(session: &mut Session<'_>, address: &str) -> Result<ReceiverId, CommandError> {
    ///     session.attach_receiver(ReceiverConfig::from(address).credit(CreditPolicy::Auto(100)))
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`attach_sender`](Self::attach_sender).
    pub fn attach_receiver(&mut self, config: ReceiverConfig) -> Result<ReceiverId, CommandError> {
        match self.attach(Role::Receiver, config.into())? {
            LinkId::Receiver(id) => Ok(id),
            LinkId::Sender(_) => Err(CommandError::UnknownLink),
        }
    }

    fn attach(&mut self, role: Role, config: LinkConfig) -> Result<LinkId, CommandError> {
        self.parts.run(|session, cx| session.attach(role, config, cx))
    }

    /// Asks the peer for the session's state, which its next flow on it answers (2.7.4 `echo`). `SESSION_ECHOED`
    /// follows, at the latest after [`Timeouts::echo`](crate::Timeouts::echo).
    ///
    /// The next `poll_transmit` writes a flow frame for it. A link's flow counts too, and one that crosses
    /// ours.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if the session is ending, or the last echo has not been answered.
    pub fn echo(&mut self) -> Result<(), CommandError> {
        self.parts.run(|session, cx| session.ask_session_echo(cx))
    }

    /// Ends the session, with or without an error (2.5.2).
    ///
    /// Pending dispositions and flows are written first. Without an error so are messages that were taken whole: the
    /// end waits for them, at most for [`Timeouts::end`](crate::Timeouts::end). When the peer has answered,
    /// `SESSION_CLOSED` follows the last events of the session's links.
    ///
    /// Of an error that does not fit the peer's frames the condition is sent alone. A session that is ending stays as it
    /// is: that is no error, and the error given is not sent if our end has been.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if it has not begun, [`CommandError::FrameTooLarge`] if the error's condition
    /// alone is larger than the peer accepts.
    pub fn end(&mut self, error: Option<AmqpError>) -> Result<(), CommandError> {
        self.parts.run(|session, cx| session.end(SessionEnd::Command(error.map(Box::new)), cx))
    }
}
