//! What it takes to test an AMQP program, or this crate, without a socket.
//!
//! [`Grammar`] holds a connection's events against their grammar; [`strategies`] makes every value, composite and
//! message there is for property tests; [`fuzz`] holds the bodies of the fuzz targets as plain functions.

pub mod fuzz;
mod grammar;
pub mod strategies;

pub use grammar::Grammar;
