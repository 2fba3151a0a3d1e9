//! Settings of a connection.

use alloc::vec::Vec;
use core::time::Duration;

use crate::{
    limits::Limits,
    sasl::Offer,
    spec::definitions::MIN_MAX_FRAME_SIZE,
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

/// Whether a server insists on a SASL layer (5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaslPolicy {
    /// A bare AMQP header is answered with the SASL header, and the connection ends.
    #[default]
    Required,
    /// A bare AMQP header is accepted too.
    Optional,
}

/// How long the peer may take; `None` for as long as it likes. All default to `None`, but for `close`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To the peer's open: for a client from its own `open`, for a server from the first moment that it is told of.
    pub open: Option<Duration>,
    /// For the SASL exchange.
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
/// use amqp_proto::{ConnectionConfig, sasl::Offer};
/// let config = ConnectionConfig::client("container-1").hostname("broker.example").sasl(Offer::anonymous());
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
    pub(crate) sasl: Vec<Offer>,
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

    /// Offers a SASL mechanism, after those offered already (5.3). A client without any speaks no SASL layer, a
    /// server without any accepts none.
    #[must_use]
    pub fn sasl(mut self, offer: Offer) -> Self {
        self.sasl.push(offer);
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
        /// Whether a server with SASL mechanisms insists on them. Default [`SaslPolicy::Required`].
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
