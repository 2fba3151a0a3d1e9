//! Settings of a connection, a session and a link.

use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

use crate::{
    limits::Limits,
    sasl::Mechanism,
    spec::{
        definitions::{MIN_MAX_FRAME_SIZE, ReceiverSettleMode, SenderSettleMode},
        terminus::{Source, Target, TargetArchetype},
        transaction::Coordinator,
    },
    types::{Fields, Str, Symbol},
};

/// Which end of the connection this is: who sends its header first (2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Speaks first.
    Client,
    /// Answers.
    Server,
}

/// The policy of a server towards clients that use no SASL layer (5.1).
///
/// It matters only if the server has a SASL mechanism. A server without one always accepts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaslPolicy {
    /// The server refuses them: it answers their AMQP header with the SASL header and ends the connection (2.2).
    #[default]
    Required,
    /// The server accepts them, and [`Connection::sasl_identity`](crate::Connection::sasl_identity) returns `None`.
    Optional,
}

/// How long the peer may take; `None` for as long as it likes. All default to `None`, but for `close`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To the peer's open: for a client from its own `open`, for a server from the first moment that it is told of.
    pub open: Option<Duration>,
    /// For the whole SASL exchange, from our SASL header to the outcome (5.3.2). The time that a
    /// [`Step::Pending`](crate::sasl::Step::Pending) waits for the application counts too.
    pub sasl: Option<Duration>,
    /// For the answer to our close (2.4.3). Default 10 s. Messages in progress are cut off when it has passed,
    /// and the close sent.
    pub close: Option<Duration>,
    /// For the answer to our end; a message in progress is cut off when it has passed, and the end sent.
    pub end: Option<Duration>,
    /// For the answer to our detach; a message in progress is cut off when it has passed, and the detach sent.
    pub detach: Option<Duration>,
    /// For the answer to a drain (2.6.7): after it the credit is taken back, which needs no answer.
    pub drain: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            open: None,
            sasl: None,
            close: Some(Duration::from_secs(10)),
            end: None,
            detach: None,
            drain: None,
        }
    }
}

/// Settings of a connection.
///
/// ```
/// use amqp_proto::{ConnectionConfig, sasl::Mechanism};
/// let config = ConnectionConfig::client("container-1").hostname("broker.example").sasl(Mechanism::anonymous());
/// ```
#[derive(Clone)]
pub struct ConnectionConfig {
    pub(crate) side: Side,
    pub(crate) container_id: Str,
    pub(crate) hostname: Option<Str>,
    pub(crate) max_frame_size: u32,
    pub(crate) channel_max: u16,
    pub(crate) idle_timeout: u32,
    pub(crate) offered_capabilities: Vec<Symbol>,
    pub(crate) desired_capabilities: Vec<Symbol>,
    pub(crate) required_capabilities: Vec<Symbol>,
    pub(crate) properties: Option<Fields>,
    pub(crate) sasl: Vec<Mechanism>,
    pub(crate) sasl_policy: SaslPolicy,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) auto_accept: bool,
}

impl ConnectionConfig {
    fn new(side: Side, container_id: Str) -> Self {
        Self {
            side,
            container_id,
            hostname: None,
            max_frame_size: 64 << 10,
            channel_max: 255,
            idle_timeout: 0,
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            required_capabilities: Vec::new(),
            properties: None,
            sasl: Vec::new(),
            sasl_policy: SaslPolicy::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            auto_accept: false,
        }
    }

    /// The end that speaks first, with the id of its container (2.7.1).
    pub fn client(container_id: impl Into<Str>) -> Self {
        Self::new(Side::Client, container_id.into())
    }

    /// The end that answers, with the id of its container (2.7.1).
    pub fn server(container_id: impl Into<Str>) -> Self {
        Self::new(Side::Server, container_id.into())
    }

    /// The host that the peer is taken to be (2.7.1 `hostname`). Default none.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<Str>) -> Self {
        self.hostname = Some(hostname.into());
        self
    }

    /// The largest frame that is accepted, in bytes (2.7.1 `max-frame-size`). Default 65 536, at least 512.
    #[must_use]
    pub fn max_frame_size(mut self, bytes: u32) -> Self {
        self.max_frame_size = bytes.max(MIN_MAX_FRAME_SIZE);
        self
    }

    /// The time without a frame after which the peer counts as gone, in milliseconds; 0 for never, the default.
    /// Half of it is announced to the peer (2.4.5).
    #[must_use]
    pub fn idle_timeout(mut self, millis: u32) -> Self {
        self.idle_timeout = millis;
        self
    }

    /// Properties of the connection (2.7.1).
    #[must_use]
    pub fn properties(mut self, properties: Fields) -> Self {
        self.properties = Some(properties);
        self
    }

    /// Adds a SASL mechanism (5.3). By default there is none.
    ///
    /// A client chooses the first of its mechanisms that the server offers. A server offers its mechanisms in this
    /// order. A [`Mechanism`] for the other end is ignored: a client with nothing else fails, and a server with nothing
    /// else refuses every SASL exchange.
    ///
    /// A client without a mechanism uses no SASL layer, and a server without a mechanism refuses one. Many clients
    /// begin with a SASL layer even if they have no credentials: for them, add
    /// [`Mechanism::anonymous_server`](crate::sasl::Mechanism::anonymous_server).
    #[must_use]
    pub fn sasl(mut self, mechanism: Mechanism) -> Self {
        self.sasl.push(mechanism);
        self
    }

    setters! {
        /// The highest channel number that is accepted (2.7.1 `channel-max`), one less than the number of sessions.
        /// Default 255.
        channel_max: u16;
        /// Extensions that are supported (2.7.1).
        offered_capabilities: Vec<Symbol>;
        /// Extensions that will be used if the peer supports them (2.7.1).
        desired_capabilities: Vec<Symbol>;
        /// Extensions without which the connection is closed (2.7.1).
        required_capabilities: Vec<Symbol>;
        /// Sets the policy of a server towards clients without a SASL layer. Default [`SaslPolicy::Required`].
        sasl_policy: SaslPolicy;
        /// Bounds on what the peer can make the connection hold.
        limits: Limits;
        /// How long the peer may take.
        timeouts: Timeouts;
        /// Whether the peer's open and begins are answered at once, without asking. Default false.
        auto_accept: bool;
    }
}

impl core::fmt::Debug for ConnectionConfig {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ConnectionConfig")
            .field("side", &self.side)
            .field("container_id", &self.container_id)
            .field("hostname", &self.hostname)
            .field("max_frame_size", &self.max_frame_size)
            .field("channel_max", &self.channel_max)
            .field("idle_timeout", &self.idle_timeout)
            .finish_non_exhaustive()
    }
}

/// Settings of a session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    pub(crate) incoming_window: u32,
    pub(crate) outgoing_window: u32,
    pub(crate) handle_max: u32,
    pub(crate) next_outgoing_id: u32,
    pub(crate) properties: Option<Fields>,
}

impl SessionConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            incoming_window: 2048,
            outgoing_window: i32::MAX.cast_unsigned(),
            handle_max: 255,
            next_outgoing_id: 0,
            properties: None,
        }
    }

    setters! {
        /// Transfer frames that are held at a time (2.5.6 `incoming-window`). Default 2 048.
        incoming_window: u32;
        /// The outgoing-window announced to the peer, in transfer frames (2.5.6). Default 2³¹-1: what is sent is
        /// bounded by the peer's window and by [`Limits::max_outbox_bytes`], not by this.
        outgoing_window: u32;
        /// The highest handle accepted (2.7.2 `handle-max`), one less than the number of links; at most 65 535.
        /// Default 255.
        handle_max: u32;
        /// The transfer-id of the first transfer sent (2.5.6). Default 0.
        next_outgoing_id: u32;
    }

    /// Properties of the session (2.7.2).
    #[must_use]
    pub fn properties(mut self, properties: Fields) -> Self {
        self.properties = Some(properties);
        self
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a receiver's credit comes from (2.6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CreditPolicy {
    /// From the application.
    #[default]
    Manual,
    /// Topped up to this many messages, when half of them have come and been taken.
    Auto(u32),
}

/// Settings of a link, in either direction.
#[derive(Clone, Debug, Default)]
pub struct Attach {
    pub(crate) name: Option<Str>,
    pub(crate) source: Option<Box<Source>>,
    pub(crate) target: Option<Box<TargetArchetype>>,
    pub(crate) snd_settle_mode: SenderSettleMode,
    pub(crate) rcv_settle_mode: ReceiverSettleMode,
    pub(crate) max_message_size: u64,
    pub(crate) properties: Option<Fields>,
    pub(crate) offered_capabilities: Vec<Symbol>,
    pub(crate) desired_capabilities: Vec<Symbol>,
    pub(crate) credit: CreditPolicy,
    pub(crate) streaming: bool,
    pub(crate) strict_credit: bool,
    pub(crate) keep_outcomes: bool,
}

impl Attach {
    /// The defaults: no terminus, a name made up, settle modes `mixed` and `first`.
    pub fn new() -> Self {
        Self::default()
    }

    /// A link to the node at this address, for [`Session::attach_sender`](crate::Session::attach_sender).
    pub fn to(address: impl Into<Str>) -> Self {
        Self { target: Some(Target::at(address).into()), source: Some(Box::default()), ..Self::default() }
    }

    /// A link from the node at this address, for [`Session::attach_receiver`](crate::Session::attach_receiver).
    pub fn from(address: impl Into<Str>) -> Self {
        Self {
            source: Some(Box::new(Source::at(address))),
            target: Some(Target::default().into()),
            ..Self::default()
        }
    }

    /// The link's name (2.6.1). One that is made up is unique in its connection, from the container's id and a
    /// number: name the link where several connections of one container run at a time.
    #[must_use]
    pub fn name(mut self, name: impl Into<Str>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Where the messages come from.
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Where the messages go to.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target.into());
        self
    }

    /// The messages go to a transaction coordinator (4.1).
    #[must_use]
    pub fn coordinator(mut self, coordinator: Coordinator) -> Self {
        self.target = Some(Box::new(TargetArchetype::Coordinator(coordinator)));
        self
    }

    /// Properties of the link (2.7.3).
    #[must_use]
    pub fn properties(mut self, properties: Fields) -> Self {
        self.properties = Some(properties);
        self
    }

    /// Whether a sender settles by itself when the peer's outcome arrives unsettled. Default true.
    #[must_use]
    pub fn settle_on_outcome(mut self, settle: bool) -> Self {
        self.keep_outcomes = !settle;
        self
    }

    setters! {
        /// How the sender settles (2.8.2). Default mixed.
        snd_settle_mode: SenderSettleMode;
        /// When the receiver settles (2.8.3). Default first.
        rcv_settle_mode: ReceiverSettleMode;
        /// The largest message accepted, in bytes; 0 for any, the default (2.7.3).
        max_message_size: u64;
        /// Extensions that are supported (2.7.3).
        offered_capabilities: Vec<Symbol>;
        /// Extensions that will be used if the peer supports them (2.7.3).
        desired_capabilities: Vec<Symbol>;
        /// Where a receiver's credit comes from. Default the application.
        credit: CreditPolicy;
        /// Whether a receiver's deliveries are read as they arrive, each frame by itself. Default false.
        streaming: bool;
        /// Whether a receiver's credit is void at once where newer credit takes its place, as 2.6.7 has it. Default
        /// false: some senders, RabbitMQ among them, use what was left of it beside the new, and so much is taken, up
        /// to a window of the session.
        strict_credit: bool;
    }
}
