//! Events that a connection raises for its application.

use alloc::{
    string::{String, ToString},
    sync::Arc,
};

use crate::{
    error::Failure,
    frame::Payload,
    ids::{DeliveryId, LinkId, ReceiverId, SenderId, SessionId},
    spec::{definitions::ReceiverSettleMode, delivery_state::DeliveryState},
    types::{DeliveryTag, MessageFormat},
};

/// A delivery, as the application gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Its delivery-tag, unique among the link's unsettled deliveries (2.6.12).
    pub tag: DeliveryTag,
    /// The message-format: 0 for the standard's own, which [`Message`](crate::message::Message) reads (2.8.11).
    pub message_format: MessageFormat,
    /// True if the sender has settled it, so that it needs no disposition.
    pub settled: bool,
    /// Its state at the sender.
    pub state: Option<DeliveryState>,
    /// When it is settled (2.7.5 `rcv-settle-mode`): in mode first with its outcome, in mode second after the sender
    /// has settled it. Mostly the mode of its link. Without meaning if it is settled.
    pub rcv_settle_mode: ReceiverSettleMode,
    /// True if its sender can wait for the outcome, so that outcomes can be batched (2.7.5 `batchable`): set in any of
    /// its transfers.
    pub batchable: bool,
    /// The message.
    pub payload: Payload,
}

macro_rules! events {
    ($($(#[$meta:meta])* $name:ident = $constant:literal $({ $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* })? $(($inner:ty))?;)*) => {
        /// Something that happened on a connection.
        ///
        /// An id has at most one `*_OPEN`, and exactly one of `*_CLOSED` and `*_ERROR` is its last event. An `*_ERROR`
        /// without an `*_OPEN` is a refusal. A suspended link ends with `*_DETACHED` instead, after which only
        /// [`DeliverySettled`](Self::DeliverySettled) and [`DeliveryUpdated`](Self::DeliveryUpdated) may follow.
        /// Children end before their parents: links, then sessions, then the connection.
        ///
        /// An end without an error yields `*_CLOSED`, whichever side began it. An error of the peer's, a violation of
        /// the protocol by the peer and a lost transport yield `*_ERROR`, with a [`Failure`].
        ///
        /// ```
        /// use amqp_proto::{Connection, Event};
        ///
        /// fn log_events(connection: &mut Connection) {
        ///     while let Some(event) = connection.poll_event() {
        ///         let detail = event.error_detail().unwrap_or_default();
        ///         println!("{} {detail}", event.name());
        ///     }
        /// }
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Event {
            $(
                $(#[$meta])*
                #[doc = concat!("\n\n`", $constant, "`")]
                $name $({ $($(#[$field_meta])* $field: $ty,)* })? $(($inner))?,
            )*
        }

        impl Event {
            /// The names of all events, in the order of the variants.
            pub const NAMES: &'static [&'static str] = &[$($constant,)*];

            /// Returns the event's name, such as `CONNECTION_OPEN`.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $constant,)*
                }
            }
        }
    };
}

events! {
    /// The peer's open arrived before ours (2.4.1). Answer with [`open`](crate::Connection::open) or
    /// [`close`](crate::Connection::close); frames behind it wait.
    ///
    /// Not raised with [`auto_accept_sessions`](crate::ConnectionConfig::auto_accept_sessions).
    ConnectionRequested = "CONNECTION_REQUESTED";
    /// Both ends are open (2.4.1).
    ConnectionOpen = "CONNECTION_OPEN";
    /// The connection was closed by us, or by the peer without an error (2.4.3). The last event.
    ConnectionClosed = "CONNECTION_CLOSED";
    /// The connection was closed by the peer with an error or for a violation of the protocol, timed out, or was lost
    /// (2.4.3). The last event.
    ConnectionError = "CONNECTION_ERROR" (Arc<Failure>);
    /// The peer began a session (2.5.1). Answer with [`accept_session`](crate::Connection::accept_session) or
    /// [`refuse_session`](crate::Connection::refuse_session); the session's frames behind it wait.
    ///
    /// Not raised with [`auto_accept_sessions`](crate::ConnectionConfig::auto_accept_sessions).
    SessionRequested = "SESSION_REQUESTED" {
        /// The session.
        session: SessionId,
    };
    /// Both ends of a session have begun (2.5.1).
    SessionOpen = "SESSION_OPEN" {
        /// The session.
        session: SessionId,
    };
    /// The session was ended by us, or by the peer without an error (2.5.2), or with its connection.
    SessionClosed = "SESSION_CLOSED" {
        /// The session.
        session: SessionId,
    };
    /// The session was ended by the peer with an error, for a violation of the protocol (2.5.4), or by the failure of
    /// its connection ([`Cause::Parent`](crate::Cause::Parent)).
    SessionError = "SESSION_ERROR" {
        /// The session.
        session: SessionId,
        /// The reason.
        failure: Arc<Failure>,
    };
    /// The peer attached as a receiver (2.6.3). Answer with [`accept_sender`](crate::Connection::accept_sender) or
    /// [`refuse_sender`](crate::Connection::refuse_sender).
    SenderRequested = "SENDER_REQUESTED" {
        /// The session.
        session: SessionId,
        /// Our end of the link.
        sender: SenderId,
    };
    /// Both ends of a sending link are attached (2.6.3).
    SenderOpen = "SENDER_OPEN" {
        /// The link.
        sender: SenderId,
    };
    /// The link was closed by us, by the peer without an error (2.6.6), or with its session or connection.
    SenderClosed = "SENDER_CLOSED" {
        /// The link.
        sender: SenderId,
        /// The number of deliveries not settled; [`Connection::unsettled`](crate::Connection::unsettled) returns them.
        unsettled: u32,
        /// The delivery, settled or not, of which the last frame had not been written when the link ended, unless it was aborted.
        cut_off: Option<DeliveryId>,
    };
    /// The link was detached by the peer with an error, refused (2.6.3), detached for a violation of the protocol
    /// (2.6.5), ended by the failure of its session or connection, or its detach was not answered in time.
    SenderError = "SENDER_ERROR" {
        /// The link.
        sender: SenderId,
        /// The number of deliveries not settled; [`Connection::unsettled`](crate::Connection::unsettled) returns them.
        unsettled: u32,
        /// The delivery, settled or not, of which the last frame had not been written when the link ended, unless it was aborted.
        cut_off: Option<DeliveryId>,
        /// The reason.
        failure: Arc<Failure>,
    };
    /// The link was detached but not closed (2.6.4). Settlement of its deliveries may still arrive.
    SenderDetached = "SENDER_DETACHED" {
        /// The link.
        sender: SenderId,
        /// The delivery, settled or not, of which the last frame had not been written when the link ended, unless it was aborted.
        cut_off: Option<DeliveryId>,
    };
    /// A message can be sent, or a chunk of one, after the link opened or after a
    /// [temporary](crate::CommandError::is_temporary) error.
    ///
    /// Edge-triggered: raised once, so keep sending until [`send`](crate::Sender::send) returns such an error. Links that share
    /// a window, the outbox or memory take turns: all other events have been polled before one is raised.
    SenderReady = "SENDER_READY" {
        /// The link.
        sender: SenderId,
    };
    /// The receiver has changed the credit (2.6.7), by a flow that `SENDER_READY` does not follow:
    /// [`credit`](crate::Sender::credit) returns it. Messages that we send use credit without an event.
    ///
    /// Edge-triggered: of many changes there is one event until it is polled.
    SenderCredit = "SENDER_CREDIT" {
        /// The link.
        sender: SenderId,
    };
    /// The receiver asks us to use or relinquish its credit (2.6.7). Send what there is, then call
    /// [`drained`](crate::Sender::drained).
    SenderDrain = "SENDER_DRAIN" {
        /// The link.
        sender: SenderId,
    };
    /// The peer attached as a sender (2.6.3). Answer with [`accept_receiver`](crate::Connection::accept_receiver) or
    /// [`refuse_receiver`](crate::Connection::refuse_receiver).
    ReceiverRequested = "RECEIVER_REQUESTED" {
        /// The session.
        session: SessionId,
        /// Our end of the link.
        receiver: ReceiverId,
    };
    /// Both ends of a receiving link are attached (2.6.3).
    ReceiverOpen = "RECEIVER_OPEN" {
        /// The link.
        receiver: ReceiverId,
    };
    /// The link was closed by us, by the peer without an error (2.6.6), or with its session or connection.
    ///
    /// Streamed deliveries that have arrived can be [read](crate::Connection::read_chunk) until more input is handled.
    ReceiverClosed = "RECEIVER_CLOSED" {
        /// The link.
        receiver: ReceiverId,
        /// The number of deliveries not settled; [`Connection::unsettled`](crate::Connection::unsettled) returns them.
        unsettled: u32,
    };
    /// The link was detached by the peer with an error, refused (2.6.3), detached for a violation of the protocol
    /// (2.6.5), ended by the failure of its session or connection, or its detach was not answered in time.
    ///
    /// Streamed deliveries can still be read as after `RECEIVER_CLOSED`.
    ReceiverError = "RECEIVER_ERROR" {
        /// The link.
        receiver: ReceiverId,
        /// The number of deliveries not settled; [`Connection::unsettled`](crate::Connection::unsettled) returns them.
        unsettled: u32,
        /// The reason.
        failure: Arc<Failure>,
    };
    /// The link was detached but not closed (2.6.4). Settlement of its deliveries may still arrive.
    ///
    /// Streamed deliveries can still be read as after `RECEIVER_CLOSED`.
    ReceiverDetached = "RECEIVER_DETACHED" {
        /// The link.
        receiver: ReceiverId,
    };
    /// The peer has answered [`Session::echo`](crate::Session::echo) by a flow on the session (2.7.4), so its windows
    /// are those that the peer knew then.
    SessionEchoed = "SESSION_ECHOED" {
        /// The session.
        session: SessionId,
        /// True if it has not answered for [`Timeouts::echo`](crate::Timeouts::echo).
        timed_out: bool,
    };
    /// The peer has answered [`Sender::echo`](crate::Sender::echo) or [`Receiver::echo`](crate::Receiver::echo) by a flow
    /// of the link (2.7.4), so its credit is what the peer knew then.
    LinkEchoed = "LINK_ECHOED" {
        /// The link.
        link: LinkId,
        /// True if it has not answered for [`Timeouts::echo`](crate::Timeouts::echo).
        timed_out: bool,
    };
    /// A complete delivery. When the event is polled, its frames leave the session's incoming window (2.5.6).
    ///
    /// On a streaming link, one that arrives in a single transfer.
    Delivery = "DELIVERY" {
        /// The link.
        receiver: ReceiverId,
        /// The delivery, with its message.
        delivery: Delivery,
    };
    /// The first bytes of a delivery on a streaming link, to be read by `read_chunk` at once: `DELIVERY_DATA` follows for
    /// later ones alone, and unread bytes take up the session's window.
    DeliveryBegun = "DELIVERY_BEGUN" {
        /// The link.
        receiver: ReceiverId,
        /// The delivery.
        delivery: DeliveryId,
        /// Its delivery-tag (2.6.12).
        tag: DeliveryTag,
        /// The message-format: 0 for the standard's own (2.8.11).
        message_format: MessageFormat,
        /// True if the sender has settled it so far. A later transfer can still settle it.
        settled: bool,
        /// Its state at the sender.
        state: Option<DeliveryState>,
        /// When it is settled, as its first transfer has it; see [`Delivery::rcv_settle_mode`].
        rcv_settle_mode: ReceiverSettleMode,
        /// True if its first transfer allows outcomes to be batched; see [`Delivery::batchable`].
        batchable: bool,
    };
    /// More bytes of a delivery on a streaming link.
    DeliveryData = "DELIVERY_DATA" {
        /// The link.
        receiver: ReceiverId,
        /// The delivery.
        delivery: DeliveryId,
        /// True if these are the last.
        complete: bool,
    };
    /// The sender aborted a delivery of a streaming link after its first bytes arrived (2.6.14). It is settled.
    ///
    /// On other links a delivery is raised once it is complete, so one that is aborted has no event. It has used credit on
    /// both kinds: with manual credit, ask [`Receiver::credit`](crate::Receiver::credit) when all events are polled.
    DeliveryAborted = "DELIVERY_ABORTED" {
        /// The link.
        receiver: ReceiverId,
        /// The delivery.
        delivery: DeliveryId,
    };
    /// The peer settled deliveries, or announced an outcome on which we settled them (2.6.12).
    ///
    /// One event covers a contiguous range; [`DeliveryId::through`] counts it.
    DeliverySettled = "DELIVERY_SETTLED" {
        /// The link.
        link: LinkId,
        /// The first delivery.
        first: DeliveryId,
        /// The last delivery. All between the two are the link's, and settled too.
        last: DeliveryId,
        /// Their state at the peer: its outcome, also if it gave that before; `None` if it never gave one.
        state: Option<DeliveryState>,
    };
    /// The peer updated the state of deliveries that remain unsettled (2.6.12).
    DeliveryUpdated = "DELIVERY_UPDATED" {
        /// The link.
        link: LinkId,
        /// The first delivery.
        first: DeliveryId,
        /// The last delivery. All between the two are the link's, and updated too.
        last: DeliveryId,
        /// Their state at the peer.
        state: Option<DeliveryState>,
    };
    /// The drain that [`Receiver::drain`](crate::Receiver::drain) asked for has ended (2.6.7): the credit is 0.
    ReceiverDrained = "RECEIVER_DRAINED" {
        /// The link.
        receiver: ReceiverId,
        /// Credit that the sender has given up, in messages: it has no more of them. With 0 it has used all, for messages
        /// that it may have aborted, and can have more. Credit that was taken back in the drain does not count.
        unused_credit: u32,
        /// True if the sender did not answer within [`Timeouts::drain`](crate::Timeouts::drain). The credit was
        /// revoked, and messages in flight may still use it. [`CreditPolicy::Auto`](crate::CreditPolicy::Auto) has
        /// granted credit again.
        timed_out: bool,
    };
    /// The sender has announced how many messages await credit (2.6.7 `available`), and it is another number than
    /// was known: [`available`](crate::Receiver::available) returns it.
    ReceiverAvailable = "RECEIVER_AVAILABLE" {
        /// The link.
        receiver: ReceiverId,
    };
    /// A flow has brought properties of the link's state (2.7.4) that differ from the last:
    /// [`remote_flow_properties`](crate::Sender::remote_flow_properties) returns them.
    LinkProperties = "LINK_PROPERTIES" {
        /// The link.
        link: LinkId,
    };
    /// A SASL mechanism waits for the application (5.3). Answer with
    /// [`sasl_answer`](crate::Connection::sasl_answer) or [`sasl_supply`](crate::Connection::sasl_supply).
    SaslPending = "SASL_PENDING";
    /// Both ends have sent the protocol header of TLS (5.2). Write what
    /// [`poll_transmit`](crate::Connection::poll_transmit) returns, do the TLS handshake, then call
    /// [`tls_done`](crate::Connection::tls_done).
    ///
    /// Only with [`ConnectionConfig::tls_header`](crate::ConnectionConfig::tls_header).
    TlsReady = "TLS_READY";
}

impl Event {
    /// Returns the failure of an `*_ERROR` event, and `None` for other events.
    ///
    /// If the cause is [`Parent`](crate::Cause::Parent), the reason is in the event of the session or connection, which
    /// follows.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::ConnectionError(failure)
            | Self::SessionError { failure, .. }
            | Self::SenderError { failure, .. }
            | Self::ReceiverError { failure, .. } => Some(failure),
            _ => None,
        }
    }

    /// Returns the wire error of an `*_ERROR` event as text, its condition first, and `None` for other events.
    pub fn error_detail(&self) -> Option<String> {
        self.failure().map(|failure| failure.error.to_string())
    }

    /// True if it refers to a delivery or a request, which the application can answer.
    pub(crate) fn is_answerable(&self) -> bool {
        matches!(
            self,
            Self::Delivery { .. }
                | Self::DeliveryBegun { .. }
                | Self::DeliveryData { .. }
                | Self::SessionRequested { .. }
                | Self::SenderRequested { .. }
                | Self::ReceiverRequested { .. }
        )
    }

    /// Returns the bytes that the payload of a whole delivery takes up.
    #[inline]
    pub(crate) fn payload_size(&self) -> usize {
        match self {
            Self::Delivery { delivery, .. } => delivery.payload.heap_size(),
            _ => 0,
        }
    }

    /// Returns the link whose last event this is, for one of `*_CLOSED`, `*_ERROR` and `*_DETACHED`.
    pub(crate) fn ended_link(&self) -> Option<LinkId> {
        match self {
            Self::SenderClosed { sender, .. }
            | Self::SenderError { sender, .. }
            | Self::SenderDetached { sender, .. } => Some((*sender).into()),
            Self::ReceiverClosed { receiver, .. }
            | Self::ReceiverError { receiver, .. }
            | Self::ReceiverDetached { receiver } => Some((*receiver).into()),
            _ => None,
        }
    }

    /// Returns the session whose last event this is.
    pub(crate) fn ended_session(&self) -> Option<SessionId> {
        match self {
            Self::SessionClosed { session } | Self::SessionError { session, .. } => Some(*session),
            _ => None,
        }
    }

    pub(crate) fn link_closed(
        link: LinkId,
        unsettled: u32,
        cut_off: Option<DeliveryId>,
        failure: Option<Arc<Failure>>,
    ) -> Self {
        match (link, failure) {
            (LinkId::Sender(sender), None) => Self::SenderClosed { sender, unsettled, cut_off },
            (LinkId::Sender(sender), Some(failure)) => {
                Self::SenderError { sender, unsettled, cut_off, failure }
            }
            (LinkId::Receiver(receiver), None) => Self::ReceiverClosed { receiver, unsettled },
            (LinkId::Receiver(receiver), Some(failure)) => {
                Self::ReceiverError { receiver, unsettled, failure }
            }
        }
    }

    pub(crate) fn link_detached(link: LinkId, cut_off: Option<DeliveryId>) -> Self {
        match link {
            LinkId::Sender(sender) => Self::SenderDetached { sender, cut_off },
            LinkId::Receiver(receiver) => Self::ReceiverDetached { receiver },
        }
    }

    pub(crate) fn link_open(link: LinkId) -> Self {
        match link {
            LinkId::Sender(sender) => Self::SenderOpen { sender },
            LinkId::Receiver(receiver) => Self::ReceiverOpen { receiver },
        }
    }

    pub(crate) fn session_ended(session: SessionId, failure: Option<Arc<Failure>>) -> Self {
        match failure {
            None => Self::SessionClosed { session },
            Some(failure) => Self::SessionError { session, failure },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_small_and_can_be_sent() {
        fn is_send<T: Send>() {}
        is_send::<Event>();
        assert!(size_of::<Event>() <= 128, "{}", size_of::<Event>());
    }
}
