//! A session, to be spoken to.

use super::{super::deadlines::Due, Parts};
use crate::{
    config::{LinkConfig, ReceiverConfig, SenderConfig},
    error::CommandError,
    ids::{LinkId, ReceiverId, SenderId, SessionId},
    spec::{
        definitions::{AmqpError, Role},
        performatives::Begin,
    },
};

/// A session of a connection, borrowed to be spoken to.
pub struct Session<'a> {
    pub(super) parts: Parts<'a>,
}

impl Session<'_> {
    /// The session's id.
    pub fn id(&self) -> SessionId {
        self.parts.session.id
    }

    /// Whether both ends have begun.
    pub fn is_open(&self) -> bool {
        self.parts.session.is_open()
    }

    /// The peer's begin, once it has come (2.7.2). It is kept as it came, and decoded each time.
    pub fn remote_begin(&self) -> Option<Begin> {
        self.parts.session.remote(self.parts.cx.limits.decode)
    }

    /// Transfer frames that the peer may still send (2.5.6 `incoming-window`).
    pub fn incoming_window(&self) -> u32 {
        self.parts.session.incoming_window()
    }

    /// Transfer frames that the peer still takes (2.5.6 `remote-incoming-window`).
    pub fn remote_incoming_window(&self) -> u32 {
        self.parts.session.remote_incoming_window()
    }

    /// Transfer frames that the peer says it may still send (2.5.6 `remote-outgoing-window`). That it keeps to this
    /// is its own affair: what may come is bounded by [`incoming_window`](Self::incoming_window).
    pub fn remote_outgoing_window(&self) -> u32 {
        self.parts.session.remote_outgoing_window()
    }

    /// The session's links, whatever their state.
    pub fn links(&self) -> impl Iterator<Item = LinkId> {
        self.parts.session.link_ids()
    }

    /// Attaches a link to send on (2.6.3). It can be spoken to at once; `SENDER_OPEN` says when the peer has
    /// attached it too.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if the session is ending or has a sender of this name,
    /// [`CommandError::LimitReached`] if the peer's handle-max is, [`CommandError::FrameTooLarge`] if the attach
    /// is larger than the peer accepts.
    pub fn attach_sender(&mut self, config: SenderConfig) -> Result<SenderId, CommandError> {
        match self.attach(Role::Sender, config.into())? {
            LinkId::Sender(id) => Ok(id),
            LinkId::Receiver(_) => Err(CommandError::UnknownId),
        }
    }

    /// Attaches a link to receive on (2.6.3).
    ///
    /// # Errors
    /// As [`attach_sender`](Self::attach_sender).
    pub fn attach_receiver(&mut self, config: ReceiverConfig) -> Result<ReceiverId, CommandError> {
        match self.attach(Role::Receiver, config.into())? {
            LinkId::Receiver(id) => Ok(id),
            LinkId::Sender(_) => Err(CommandError::UnknownId),
        }
    }

    fn attach(&mut self, role: Role, config: LinkConfig) -> Result<LinkId, CommandError> {
        self.parts.run(|session, cx, shared| {
            session.attach(role, config, &shared.config.container_id, &mut shared.links, cx)
        })
    }

    /// Ends the session (2.5.2), with an error or without. What is pending is written first, and without an error
    /// messages that have been taken whole too, for which the end waits as long as
    /// [`Timeouts::end`](crate::Timeouts::end) allows. `SESSION_CLOSED` follows when the peer has answered, after
    /// the last events of its links.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if it has not begun, or is ending.
    pub fn end(&mut self, error: Option<AmqpError>) -> Result<(), CommandError> {
        self.parts.run(|session, cx, shared| {
            session.end_in_order(error, cx)?;
            // One that had not begun is gone already.
            if !session.end_raised {
                shared.timers.arm(Due::End(session.id), shared.config.timeouts.end);
            }
            Ok(())
        })
    }
}
