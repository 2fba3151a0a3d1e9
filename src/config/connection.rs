//! Settings of a connection.

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, time::Duration};

use crate::{
    config::Tolerance,
    limits::Limits,
    sasl::Mechanism,
    spec::definitions::MIN_MAX_FRAME_SIZE,
    types::{Fields, Milliseconds, Str, Symbol},
};

/// The end of the connection: which of the two sends its protocol header first (2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end that connects, and sends its header first.
    Client,
    /// The end that is connected to, and answers the client's header.
    Server,
}

/// A server's answer to a client that skips SASL (5.1).
///
/// Only a server with at least one SASL mechanism asks for a SASL layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslPolicy {
    /// A bare AMQP header is answered with the SASL header, and the connection ends with `CONNECTION_ERROR`.
    #[default]
    Required,
    /// A bare AMQP header is accepted: the client has no identity then.
    Optional,
}

/// The use of the protocol header of TLS (5.2), with which TLS begins inside the stream.
///
/// A transport that is TLS from its first byte, as on port 5671, has no such header (5.2.1). For an example see
/// [`Connection::tls_done`](crate::Connection::tls_done).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsHeader {
    /// A client does not send it, and a server refuses it.
    #[default]
    Never,
    /// A server accepts it, and clients without it. A client does not send it.
    Optional,
    /// A client sends it, and goes on with a server that does the same. A server refuses clients without it.
    Required,
}

/// The time that the peer has for each of its answers; `None` means any.
///
/// A timer starts at the first time passed to the connection after its cause, and ends at a whole millisecond, rounded
/// up. By default nothing of these waits for ever: each has a default of its own.
///
/// Credit and settlement have none: how long a message may wait is for the application to decide.
///
/// ```
/// use amqp_proto::Timeouts;
/// use core::time::Duration;
///
/// let timeouts = Timeouts::default().open(Duration::from_secs(5)).close(None);
/// assert_eq!(timeouts.open, Some(Duration::from_secs(5)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Time until the peer's open (2.4.1), 30 s by default. A client's starts with its own
    /// [`open`](crate::Connection::open), a server's with the first time passed to it; both include the SASL exchange, and
    /// the TLS handshake if that begins by a protocol header (5.2).
    /// Then `CONNECTION_ERROR`, [`Cause::TimedOut`](crate::Cause::TimedOut).
    pub open: Option<Duration>,
    /// Time for the SASL exchange (5.3), 30 s by default. Then `CONNECTION_ERROR`,
    /// [`Cause::TimedOut`](crate::Cause::TimedOut).
    pub sasl: Option<Duration>,
    /// Time until the peer answers our close (2.4.3), 10 s by default. Then `CONNECTION_CLOSED`, unless
    /// `CONNECTION_ERROR` has been raised, and output that the peer has not read is dropped. A close that waits for
    /// messages in progress cuts them off after this time, and the peer then has the same time to answer.
    ///
    /// The peer has the same time to read the last output of a connection that has ended, and after
    /// [`output_lost`](crate::Connection::output_lost) to close it.
    pub close: Option<Duration>,
    /// Time until the peer answers our begin (2.5.1), 60 s by default; it starts when both ends are open. Then
    /// `SESSION_ERROR`, [`Cause::TimedOut`](crate::Cause::TimedOut), and our end is sent. The session keeps its channel,
    /// since the peer may still answer.
    pub begin: Option<Duration>,
    /// Time until the peer answers our end (2.5.2), 60 s by default. Then `SESSION_ERROR`. An end that waits for
    /// messages in progress cuts them off after this time, and the peer then has the same time to answer.
    pub end: Option<Duration>,
    /// Time until the peer answers our attach, with the terminus asked for or a detach (2.6.3), 60 s by default; it
    /// starts when the session is open. Then `SENDER_ERROR` or `RECEIVER_ERROR`,
    /// [`Cause::TimedOut`](crate::Cause::TimedOut), and our detach is sent, which closes the link. The link keeps its
    /// handle, since the peer may still answer.
    pub attach: Option<Duration>,
    /// Time until the peer answers our detach (2.6.4), 60 s by default. Then `SENDER_ERROR` or `RECEIVER_ERROR`. A
    /// detach that waits for a message in progress cuts it off after this time, and the peer then has the same time to
    /// answer.
    pub detach: Option<Duration>,
    /// Time until the sender ends a drain (2.6.7), 60 s by default. Then the credit is revoked, which needs no answer,
    /// and `RECEIVER_DRAINED` follows with its time-out noted.
    pub drain: Option<Duration>,
    /// Time until the peer answers an [`echo`](crate::Session::echo) (2.7.4), which it need not, 60 s by default. Then
    /// `SESSION_ECHOED` or `LINK_ECHOED` follows with its time-out noted.
    pub echo: Option<Duration>,
    /// Time in which the peer reads some of our output while more answers wait than
    /// [`Limits::max_reply_bytes`](crate::Limits::max_reply_bytes), 60 s by default. No input is taken meanwhile. Then
    /// `CONNECTION_ERROR`, [`Cause::TimedOut`](crate::Cause::TimedOut).
    pub unread_replies: Option<Duration>,
}

const HALF_A_MINUTE: Option<Duration> = Some(Duration::from_secs(30));
const A_MINUTE: Option<Duration> = Some(Duration::from_secs(60));

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            open: HALF_A_MINUTE,
            sasl: HALF_A_MINUTE,
            close: Some(Duration::from_secs(10)),
            begin: A_MINUTE,
            end: A_MINUTE,
            attach: A_MINUTE,
            detach: A_MINUTE,
            drain: A_MINUTE,
            echo: A_MINUTE,
            unread_replies: A_MINUTE,
        }
    }
}

impl Timeouts {
    field_setters! {
        open: impl Into<Option<Duration>>;
        sasl: impl Into<Option<Duration>>;
        close: impl Into<Option<Duration>>;
        begin: impl Into<Option<Duration>>;
        end: impl Into<Option<Duration>>;
        attach: impl Into<Option<Duration>>;
        detach: impl Into<Option<Duration>>;
        drain: impl Into<Option<Duration>>;
        echo: impl Into<Option<Duration>>;
        unread_replies: impl Into<Option<Duration>>;
    }
}

/// Settings of a connection.
///
/// Several connections can share one, as an `Arc<ConnectionConfig>`.
///
/// ```
/// use amqp_proto::{ConnectionConfig, sasl::Mechanism};
/// use core::time::Duration;
///
/// let config = ConnectionConfig::client("container-1")
///     .hostname("broker.example")
///     .idle_timeout(Duration::from_secs(60))
///     .sasl(Mechanism::anonymous());
/// # let _ = config;
/// ```
#[derive(Clone)]
pub struct ConnectionConfig {
    pub(crate) side: Side,
    pub(crate) container_id: Str,
    pub(crate) hostname: Option<Str>,
    pub(crate) max_frame_size: u32,
    pub(crate) channel_max: u16,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) offered_capabilities: Vec<Symbol>,
    pub(crate) desired_capabilities: Vec<Symbol>,
    pub(crate) required_capabilities: Vec<Symbol>,
    pub(crate) facts: Option<Box<OpenFacts>>,
    pub(crate) sasl: Vec<Mechanism>,
    pub(crate) sasl_policy: SaslPolicy,
    pub(crate) tls_header: TlsHeader,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) tolerance: Tolerance,
    pub(crate) auto_accept_sessions: bool,
}

/// Fields of an open that few connections set.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenFacts {
    pub(crate) properties: Option<Fields>,
    pub(crate) outgoing_locales: Vec<Symbol>,
    pub(crate) incoming_locales: Vec<Symbol>,
}

impl ConnectionConfig {
    fn new(side: Side, container_id: Str) -> Self {
        Self {
            side,
            container_id,
            hostname: None,
            max_frame_size: 64 << 10,
            channel_max: 255,
            idle_timeout: None,
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            required_capabilities: Vec::new(),
            facts: None,
            sasl: Vec::new(),
            sasl_policy: SaslPolicy::default(),
            tls_header: TlsHeader::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            tolerance: Tolerance::default(),
            auto_accept_sessions: false,
        }
        .with_deviations()
    }

    /// Returns a client's settings with this container-id (2.7.1).
    pub fn client(container_id: impl Into<Str>) -> Self {
        Self::new(Side::Client, container_id.into())
    }

    /// Returns a server's settings with this container-id (2.7.1).
    pub fn server(container_id: impl Into<Str>) -> Self {
        Self::new(Side::Server, container_id.into())
    }

    /// Sets the name of the host to connect to (2.7.1 `hostname`), also in sasl-init (5.3.3.2). Default none.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<Str>) -> Self {
        self.hostname = Some(hostname.into());
        self
    }

    /// Sets the largest frame accepted, in bytes (2.7.1 `max-frame-size`). Default 65 536. The minimum is 512, and
    /// less counts as 512 (2.4.1).
    ///
    /// A larger frame closes the connection with `amqp:connection:framing-error`.
    #[must_use]
    pub fn max_frame_size(mut self, bytes: u32) -> Self {
        self.max_frame_size = bytes.max(MIN_MAX_FRAME_SIZE);
        self
    }

    /// Sets the time without a frame after which the peer counts as lost (2.4.5). Default `None`, which is never, and
    /// so is zero.
    ///
    /// Then the connection is closed with `amqp:resource-limit-exceeded` and ends with `CONNECTION_ERROR`,
    /// [`Cause::TimedOut`](crate::Cause::TimedOut). The announcement to the peer is half of this time, in
    /// milliseconds, rounded up and at most `u32::MAX` (2.7.1 `idle-time-out`). The time-out itself ends at a whole
    /// millisecond, rounded up.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into().filter(|timeout| !timeout.is_zero());
        self
    }

    /// The idle-time-out for our open.
    pub(crate) fn announced_idle_timeout(&self) -> Option<Milliseconds> {
        // 2.4.5: half of the threshold, so that a frame sent in time is not found late.
        let half = self.idle_timeout?.as_nanos().div_ceil(2_000_000);
        Some(Milliseconds::new(u32::try_from(half).unwrap_or(u32::MAX)))
    }

    /// Sets properties of the connection (2.7.1). Default none.
    #[must_use]
    pub fn properties(mut self, properties: Fields) -> Self {
        self.facts.get_or_insert_default().properties = Some(properties);
        self
    }

    /// Adds a SASL mechanism, after those added before (5.3). A client uses the first that the server offers too.
    ///
    /// Without any, a client sends no SASL header, and a server refuses a SASL layer.
    #[must_use]
    pub fn sasl(mut self, mechanism: Mechanism) -> Self {
        self.sasl.push(mechanism);
        self
    }

    /// Sets the extensions that this end supports (2.7.1). Default none.
    #[must_use]
    pub fn offered_capabilities(mut self, capabilities: impl IntoIterator<Item = Symbol>) -> Self {
        self.offered_capabilities = capabilities.into_iter().collect();
        self
    }

    /// Sets the extensions that this end will use if the peer offers them (2.7.1). Default none.
    #[must_use]
    pub fn desired_capabilities(mut self, capabilities: impl IntoIterator<Item = Symbol>) -> Self {
        self.desired_capabilities = capabilities.into_iter().collect();
        self
    }

    /// Sets the extensions that the peer must offer (2.7.1). Default none.
    ///
    /// If one is missing in its open, the connection is closed with `amqp:not-implemented`.
    #[must_use]
    pub fn required_capabilities(mut self, capabilities: impl IntoIterator<Item = Symbol>) -> Self {
        self.required_capabilities = capabilities.into_iter().collect();
        self
    }

    /// Sets the languages of the texts in errors that this end writes, the most preferred first (2.7.1). Each is a tag of
    /// RFC 3066. Default none, which means `en-US` alone; the engine's own texts are in English.
    #[must_use]
    pub fn outgoing_locales(mut self, locales: impl IntoIterator<Item = Symbol>) -> Self {
        self.facts.get_or_insert_default().outgoing_locales = locales.into_iter().collect();
        self
    }

    /// Sets the languages of the texts that this end would like in the peer's errors, the most preferred first (2.7.1).
    /// Default none, which means `en-US` alone. The peer's choice of them is in
    /// [`Connection::remote_open`](crate::Connection::remote_open).
    #[must_use]
    pub fn incoming_locales(mut self, locales: impl IntoIterator<Item = Symbol>) -> Self {
        self.facts.get_or_insert_default().incoming_locales = locales.into_iter().collect();
        self
    }

    /// Sets the bounds on what the peer can make the connection hold. Which departures from the standard the decoder
    /// takes is up to [`tolerance`](Self::tolerance).
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self.with_deviations()
    }

    /// Sets which departures from the standard are taken from the peer. By default all that are harmless.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self.with_deviations()
    }

    /// Hands the decoder its part of the tolerance.
    fn with_deviations(mut self) -> Self {
        self.limits.decode.deviations = self.tolerance.deviations();
        self
    }

    setters! {
        /// Sets the highest channel number accepted (2.7.1 `channel-max`), one less than the number of sessions.
        /// Default 255.
        ///
        /// A frame on a higher channel closes the connection with `amqp:connection:framing-error`. If begins of both ends
        /// cross and no channel is left to answer on, it closes with `amqp:resource-limit-exceeded`.
        channel_max: u16;
        /// Sets a server's answer to a client that skips SASL (5.1). Default [`SaslPolicy::Required`].
        sasl_policy: SaslPolicy;
        /// Sets the use of the protocol header of TLS (5.2). Default [`TlsHeader::Never`].
        tls_header: TlsHeader;
        /// Sets the time that the peer has for each of its answers.
        timeouts: Timeouts;
        /// If true, the peer's open and begins are answered at once, without `CONNECTION_REQUESTED` and
        /// `SESSION_REQUESTED`; sessions have the defaults of [`SessionConfig`](crate::SessionConfig). Default false.
        ///
        /// Links are always asked for, by `SENDER_REQUESTED` and `RECEIVER_REQUESTED`.
        auto_accept_sessions: bool;
    }
}

/// Without SASL mechanisms, which may hold secrets.
impl fmt::Debug for ConnectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_idle_timeout_is_announced_in_milliseconds_rounded_up() {
        let announced = |timeout: Option<Duration>| {
            let config = ConnectionConfig::client("c").idle_timeout(timeout);
            config.announced_idle_timeout().map(Milliseconds::get)
        };
        assert_eq!(announced(None), None);
        assert_eq!(announced(Some(Duration::ZERO)), None);
        assert_eq!(announced(Some(Duration::from_nanos(1))), Some(1));
        assert_eq!(announced(Some(Duration::from_millis(1000))), Some(500));
        assert_eq!(announced(Some(Duration::from_micros(1_000_001))), Some(501));
        assert_eq!(announced(Some(Duration::MAX)), Some(u32::MAX));
    }

    #[test]
    fn debug_of_the_settings_shows_no_secret() {
        let config = ConnectionConfig::client("c").sasl(Mechanism::plain("user", "hunter2"));
        let shown = alloc::format!("{config:?}");
        assert!(shown.contains("Client") && !shown.contains("hunter2"), "{shown}");
    }
}
