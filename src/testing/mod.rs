//! Tools to test an AMQP program, or this crate, without a socket.
//!
//! - [`Pair`] joins two connections in memory, on a simulated clock.
//! - [`ScriptedPeer`] is the other end of one connection: it sends and expects frames by a script.
//! - [`frames`] makes the frames of such a peer, and [`Frame`] reads those that it is sent.
//! - [`Recorder`] is a connection that records its calls, and [`replay`] runs the recording: a bug report is a file.
//! - [`Grammar`] checks the order of a connection's events.
//! - [`strategies`] generates values, composites and messages for property tests.
//! - [`fuzz`] has the bodies of the fuzz targets as plain functions, and a peer for targets of your own.
//!
#![doc = include_str!("../../docs/testing.md")]

mod frame;
pub mod frames;
pub mod fuzz;
mod grammar;
mod pair;
mod peer;
pub mod recording;
pub mod strategies;

pub use frame::{Frame, ReadError};
pub use grammar::Grammar;
pub use pair::{End, Pair};
pub use peer::{Expect, Expected, Received, ScriptError, ScriptedPeer};
pub use recording::{Recorder, ReplayError, Replayed, replay, replay_with};
