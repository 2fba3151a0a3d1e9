//! What a connection tells its application.

use alloc::{
    boxed::Box,
    string::{String, ToString},
};

use crate::{
    error::Failure,
    ids::{DeliveryId, LinkId, ReceiverId, SenderId, SessionId},
    spec::delivery_state::DeliveryState,
};

macro_rules! events {
    ($($(#[$meta:meta])* $name:ident = $constant:literal $({ $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* })? $(($inner:ty))?;)*) => {
        /// Something that happened on a connection.
        ///
        /// For each id, an `*_OPEN` happens at most once and exactly one of `*_CLOSED` and `*_ERROR` is the end of it
        /// (for a link that is suspended, `*_DETACHED`, after which only [`Settled`](Self::Settled) and
        /// [`Updated`](Self::Updated) can follow). An ERROR may come without an OPEN: a refusal. When a parent goes,
        /// its children go first: links, then sessions, then the connection.
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
            /// The names of all events.
            pub const NAMES: &'static [&'static str] = &[$($constant,)*];

            /// The event's name, as people who know other AMQP APIs know it.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $constant,)*
                }
            }
        }
    };
}

events! {
    /// The peer's open came before ours: answer with `open`, or `close`.
    ConnectionRequested = "CONNECTION_REQUESTED";
    /// Both ends are open (2.4.1).
    ConnectionOpen = "CONNECTION_OPEN";
    /// Closed by us, or by the peer without an error (2.4.3).
    ConnectionClosed = "CONNECTION_CLOSED";
    /// Closed by the peer with an error, for a violation of the peer's, or lost.
    ConnectionError = "CONNECTION_ERROR" (Box<Failure>);
    /// The peer began a session: answer with `accept_session` or `refuse_session`.
    SessionRequested = "SESSION_REQUESTED" {
        /// The session.
        session: SessionId,
    };
    /// Both ends of a session have begun (2.5.1).
    SessionOpen = "SESSION_OPEN" {
        /// The session.
        session: SessionId,
    };
    /// Ended by us, or by the peer without an error (2.5.2).
    SessionClosed = "SESSION_CLOSED" {
        /// The session.
        session: SessionId,
    };
    /// Ended by the peer with an error, for a violation of the peer's, or with the connection.
    SessionError = "SESSION_ERROR" {
        /// The session.
        session: SessionId,
        /// Why.
        failure: Box<Failure>,
    };
    /// The peer attached as a receiver: answer with `accept_sender` or `refuse_sender`.
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
    /// Closed by us, or by the peer without an error (2.6.6).
    SenderClosed = "SENDER_CLOSED" {
        /// The link.
        sender: SenderId,
        /// Deliveries that were not settled; `unsettled` names them.
        unsettled: u32,
    };
    /// Detached by the peer with an error, refused, for a violation of the peer's, or gone with its session.
    SenderError = "SENDER_ERROR" {
        /// The link.
        sender: SenderId,
        /// Deliveries that were not settled; `unsettled` names them.
        unsettled: u32,
        /// Why.
        failure: Box<Failure>,
    };
    /// Detached but not closed (2.6.4): settlement of its deliveries can still arrive.
    SenderDetached = "SENDER_DETACHED" {
        /// The link.
        sender: SenderId,
    };
    /// A message can be sent, or a stream go on, after the link opened or after `send` had been refused for want of
    /// credit or room. It comes once for each: send until `send` is refused again.
    SenderReady = "SENDER_READY" {
        /// The link.
        sender: SenderId,
    };
    /// The receiver asks for its credit to be used or given up (2.6.7): send what there is, then call `drained`.
    SenderDrain = "SENDER_DRAIN" {
        /// The link.
        sender: SenderId,
    };
    /// The peer attached as a sender: answer with `accept_receiver` or `refuse_receiver`.
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
    /// Closed by us, or by the peer without an error (2.6.6).
    ReceiverClosed = "RECEIVER_CLOSED" {
        /// The link.
        receiver: ReceiverId,
        /// Deliveries that were not settled; `unsettled` names them.
        unsettled: u32,
    };
    /// Detached by the peer with an error, refused, for a violation of the peer's, or gone with its session.
    ReceiverError = "RECEIVER_ERROR" {
        /// The link.
        receiver: ReceiverId,
        /// Deliveries that were not settled; `unsettled` names them.
        unsettled: u32,
        /// Why.
        failure: Box<Failure>,
    };
    /// Detached but not closed (2.6.4): settlement of its deliveries can still arrive.
    ReceiverDetached = "RECEIVER_DETACHED" {
        /// The link.
        receiver: ReceiverId,
    };
    /// A delivery is there to be taken; on a streaming link, its first bytes are.
    Delivery = "DELIVERY" {
        /// The link.
        receiver: ReceiverId,
        /// The delivery.
        delivery: DeliveryId,
    };
    /// More bytes of a delivery on a streaming link.
    DeliveryData = "DELIVERY_DATA" {
        /// The link.
        receiver: ReceiverId,
        /// The delivery.
        delivery: DeliveryId,
        /// Whether these are the last.
        complete: bool,
    };
    /// The sender gave a delivery up whose first bytes had come (2.6.14); it is settled.
    DeliveryAborted = "DELIVERY_ABORTED" {
        /// The link.
        receiver: ReceiverId,
        /// The delivery.
        delivery: DeliveryId,
    };
    /// The peer settled deliveries, or we did on its outcome.
    DeliverySettled = "DELIVERY_SETTLED" {
        /// The link.
        link: LinkId,
        /// The first delivery.
        first: DeliveryId,
        /// The last delivery; all between the two are the link's, and settled too.
        last: DeliveryId,
        /// Their state at the peer.
        state: Option<DeliveryState>,
    };
    /// The peer told a state of deliveries that stay unsettled.
    DeliveryUpdated = "DELIVERY_UPDATED" {
        /// The link.
        link: LinkId,
        /// The first delivery.
        first: DeliveryId,
        /// The last delivery; all between the two are the link's, and updated too.
        last: DeliveryId,
        /// Their state at the peer.
        state: Option<DeliveryState>,
    };
    /// The credit that was to be drained is used up or given up (2.6.7).
    ReceiverDrained = "RECEIVER_DRAINED" {
        /// The link.
        receiver: ReceiverId,
        /// The sender did not say so in time, so that the credit has been taken back: messages may be on their way
        /// that still use it.
        timed_out: bool,
    };
    /// A SASL mechanism waits for an answer from outside: `sasl_answer`.
    SaslPending = "SASL_PENDING";
}

impl Event {
    /// Why, in words, for the `*_ERROR` events; `None` for all others.
    pub fn error_detail(&self) -> Option<String> {
        match self {
            Self::ConnectionError(failure)
            | Self::SessionError { failure, .. }
            | Self::SenderError { failure, .. }
            | Self::ReceiverError { failure, .. } => Some(failure.error.to_string()),
            _ => None,
        }
    }

    pub(crate) fn link_closed(link: LinkId, unsettled: u32, failure: Option<Box<Failure>>) -> Self {
        match (link, failure) {
            (LinkId::Sender(sender), None) => Self::SenderClosed { sender, unsettled },
            (LinkId::Sender(sender), Some(failure)) => Self::SenderError { sender, unsettled, failure },
            (LinkId::Receiver(receiver), None) => Self::ReceiverClosed { receiver, unsettled },
            (LinkId::Receiver(receiver), Some(failure)) => {
                Self::ReceiverError { receiver, unsettled, failure }
            }
        }
    }

    pub(crate) fn link_detached(link: LinkId) -> Self {
        match link {
            LinkId::Sender(sender) => Self::SenderDetached { sender },
            LinkId::Receiver(receiver) => Self::ReceiverDetached { receiver },
        }
    }

    pub(crate) fn link_open(link: LinkId) -> Self {
        match link {
            LinkId::Sender(sender) => Self::SenderOpen { sender },
            LinkId::Receiver(receiver) => Self::ReceiverOpen { receiver },
        }
    }

    pub(crate) fn session_ended(session: SessionId, failure: Option<Box<Failure>>) -> Self {
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
