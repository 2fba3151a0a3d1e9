//! ANONYMOUS (RFC 4505): a client without an identity.

use alloc::boxed::Box;

use super::{
    Mechanism,
    one_shot::{OneShotClient, OpenServer},
};
use crate::types::{Str, Symbol};

const NAME: Symbol = Symbol::from_static("ANONYMOUS");

/// RFC 4505, 2: the longest trace, in characters.
const MAX_TRACE: usize = 255;

const UNUSABLE: &str = "the trace of ANONYMOUS is too long or contains a NUL";

impl Mechanism {
    /// Creates ANONYMOUS for a client that sends no trace.
    pub fn anonymous() -> Self {
        Self::anonymous_with_trace(Str::empty())
    }

    /// Creates ANONYMOUS for a client that sends a trace: an e-mail address, or a token without an `@`.
    ///
    /// A trace that is longer than 255 characters or contains a NUL is not sent: the exchange fails at its start.
    pub fn anonymous_with_trace(trace: impl Into<Str>) -> Self {
        let trace = trace.into();
        let valid = trace.chars().count() <= MAX_TRACE && !trace.contains('\0');
        // The message may be empty, but is never absent: the client speaks first.
        let message = valid.then(|| trace.into_bytes());
        Self::client(NAME, move || Box::new(OneShotClient::new(message.clone(), None, UNUSABLE)))
    }

    /// Creates ANONYMOUS for a server that accepts every client.
    ///
    /// The [`Success`](super::Success) has no identity. The client's trace is neither checked nor kept.
    ///
    /// Many clients begin with a SASL layer even without credentials, and a server without any mechanism refuses
    /// them. This mechanism lets them in, and [`SaslPolicy::Optional`](crate::SaslPolicy::Optional) those without a
    /// SASL layer too:
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, SaslPolicy, sasl::Mechanism};
    ///
    /// let config = ConnectionConfig::server("server")
    ///     .sasl(Mechanism::anonymous_server())
    ///     .sasl_policy(SaslPolicy::Optional);
    /// ```
    pub fn anonymous_server() -> Self {
        // The trace has no meaning (RFC 4505, 2).
        Self::server(NAME, || Box::new(OpenServer::new(true)))
    }
}
