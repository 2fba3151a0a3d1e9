//! A sans-IO AMQP 1.0 engine.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]
#![deny(missing_docs, unreachable_pub, clippy::std_instead_of_core, clippy::std_instead_of_alloc)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[macro_use]
mod macros;
pub mod state;
mod time;

mod ids;
mod limits;

pub mod types;

pub mod codec;

pub mod frame;
pub mod spec;

mod error;
pub mod message;
pub mod sasl;

mod config;
mod event;

mod out;

mod link;

mod session;

mod connection;

#[cfg(feature = "testing")]
pub mod testing;

pub use config::{Attach, Begin, Config, CreditPolicy, SaslPolicy, Side, Timeouts};
pub use connection::{Connection, Progress, Receiver, Sender, Session};
pub use error::{CommandError, Failure, Origin};
pub use event::Event;
pub use ids::{DeliveryId, LinkId, ReceiverId, SenderId, SessionId};
pub use limits::{DecodeLimits, Limits};
pub use link::{Delivery, SendOptions};
pub use session::UnsettledDelivery;
pub use time::Instant;
