//! One link endpoint (2.6), which knows no session.

mod attach;
mod endpoint;
mod receiver;
mod sender;

pub(crate) use attach::{AttachReply, EchoTermini, LinkIdentity};
pub(crate) use endpoint::{Echo, Link, LinkCommon, LinkKind};
pub(crate) use receiver::{Finished, MAX_CREDIT, Part, ReceiverEndpoint, len_u64};
pub(crate) use sender::{INITIAL_COUNT, SenderEndpoint, UnsentMessage};

pub use sender::SendOptions;
