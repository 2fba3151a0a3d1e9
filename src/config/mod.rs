//! Settings of connections, sessions and links.

mod connection;
mod link;
mod session;
mod tolerance;

#[cfg(feature = "testing")]
pub(crate) use connection::OpenFacts;
pub(crate) use link::LinkConfig;

pub use connection::{ConnectionConfig, SaslPolicy, Side, Timeouts, TlsHeader};
pub use link::{CreditPolicy, ReceiverConfig, SenderConfig};
pub(crate) use session::BeginFacts;
pub use session::SessionConfig;
pub use tolerance::Tolerance;
