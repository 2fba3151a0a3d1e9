//! ramqp: its types and codec, and its driver of a client against a server made of its engine.

pub mod codec;
pub mod message;
pub mod transfers;
