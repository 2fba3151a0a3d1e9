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

pub mod message;
pub mod sasl;

#[cfg(feature = "testing")]
pub mod testing;

pub use ids::{DeliveryId, LinkId, ReceiverId, SenderId, SessionId};
pub use limits::{DecodeLimits, Limits};
pub use time::Instant;
