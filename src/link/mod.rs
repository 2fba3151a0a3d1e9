//! One link endpoint (2.6), which knows no session.

mod announced;
mod attach;
mod endpoint;
mod partial;
mod receiver;
mod sender;

pub(crate) use attach::{
    AttachKind, AttachReply, EchoTermini, LinkIdentity, SHORT_NAME, Termini, check_answer_fits,
};
pub(crate) use endpoint::{Echo, Link, LinkCommon, LinkKind};
pub(crate) use partial::{Finished, Part};
pub(crate) use receiver::{MAX_CREDIT, ReceiverEndpoint, len_u64};
pub(crate) use sender::{SenderEndpoint, UnsentMessage};

pub use sender::SendOptions;
