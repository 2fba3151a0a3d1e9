//! What it takes to test an AMQP program, or this crate, without a socket.
//!
//! [`strategies`] makes every value, composite and message there is for property tests; [`fuzz`] holds the bodies
//! of the fuzz targets as plain functions.

pub mod fuzz;
pub mod strategies;
