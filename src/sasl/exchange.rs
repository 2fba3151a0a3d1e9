//! One run of a mechanism.

use core::fmt;

use bytes::Bytes;

#[cfg(feature = "scram")]
use super::ScramKeys;
use super::{Credentials, Step, StepInput, Tunnel, tunnel::NO_TUNNEL};
use crate::{spec::sasl::Redacted, types::Symbol};

/// Facts that an exchange can know before its first step.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ExchangeContext<'a> {
    /// The mechanisms that the server offers, in its order (5.3.3.1).
    pub offered: &'a [Symbol],
    /// The host that the client asks for in its `sasl-init` (5.3.3.2). A server can choose the users by it.
    pub hostname: Option<&'a str>,
    /// The transport under the SASL layer, as the caller has described it.
    pub tunnel: &'a Tunnel,
}

/// Nothing offered, no host, and a transport without protection.
impl Default for ExchangeContext<'_> {
    fn default() -> Self {
        Self { offered: &[], hostname: None, tunnel: &NO_TUNNEL }
    }
}

/// The value that an exchange waits for after [`Step::Pending`]; see
/// [`Connection::sasl_supply`](crate::Connection::sasl_supply).
///
/// `Debug` does not show it.
#[derive(Clone)]
#[non_exhaustive]
pub enum Supply {
    /// A client's secret: the salted password of SCRAM, the token of the others.
    Secret(Bytes),
    /// The keys of a SCRAM user at a server; `None` for a user that does not exist.
    #[cfg(feature = "scram")]
    Keys(Option<ScramKeys>),
}

impl fmt::Debug for Supply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(_) => f.debug_tuple("Secret").field(&Redacted).finish(),
            #[cfg(feature = "scram")]
            Self::Keys(keys) => f.debug_tuple("Keys").field(keys).finish(),
        }
    }
}

/// One end of one run of a SASL mechanism.
///
/// The engine calls [`prepare`](Self::prepare) once, then [`step`](Self::step) with [`StepInput::Start`] once, then
/// with [`StepInput::Data`] for each challenge or response. A client's exchange is called with [`StepInput::Outcome`] at the end.
///
/// The engine bounds the number of rounds, and drops the exchange after [`Step::Done`] or [`Step::Fail`]. An exchange
/// returns [`Step::refuse`] for input that is malformed or out of turn, or that it does not know. It never panics.
pub trait Exchange: Send + Sync {
    /// Takes the facts known before the first step. The default ignores them.
    fn prepare(&mut self, context: &ExchangeContext<'_>) {
        let _ = context;
    }

    /// Takes the peer's data and returns the next action.
    fn step(&mut self, input: StepInput<'_>) -> Step;

    /// Takes the value that the exchange waits for, after [`Step::Pending`], and returns the step that it waited with.
    /// The default refuses, for exchanges that wait for a step alone.
    fn supply(&mut self, supply: Supply) -> Step {
        let _ = supply;
        Step::refuse()
    }

    /// Returns why a client's exchange has failed, for the text of the error. The default is `None`.
    fn reason(&self) -> Option<&str> {
        None
    }

    /// Returns the credentials while the exchange waits for the application, after [`Step::Pending`].
    ///
    /// The default is `None`, for exchanges that never wait.
    fn credentials(&self) -> Option<Credentials<'_>> {
        None
    }
}

/// Shows nothing of the exchange, because it can hold secrets.
impl fmt::Debug for dyn Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}
