//! Tools to test an AMQP program, or this crate, without a socket.
//!
//! - [`Pair`] joins two connections in memory, on a simulated clock.
//! - [`Grammar`] checks the order of a connection's events.
//! - [`strategies`] generates values, composites and messages for property tests.
//! - [`fuzz`] has the bodies of the fuzz targets as plain functions.

pub mod fuzz;
mod grammar;
mod pair;
pub mod strategies;

pub use grammar::Grammar;
pub use pair::{End, Pair};
