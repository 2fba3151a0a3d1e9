//! One link endpoint (2.6), which knows no session.

mod answer;
mod endpoint;
mod receiver;
mod sender;
mod told;
mod unsettled;

pub(crate) use answer::{Answer, Mirror, Said};
pub(crate) use endpoint::{Endpoint, Link, LinkKind};
pub(crate) use receiver::{Admitted, ReceiverInner};
pub(crate) use sender::{Held, SenderInner, first_transfer};
pub(crate) use told::Told;
pub(crate) use unsettled::{Kept, Ledger, Slot};

pub use receiver::Delivery;
pub use sender::SendOptions;
