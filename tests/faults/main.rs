//! Faults that were found from outside, a test each and one more of its kind, named by the id of the fault.

#[path = "../common/mod.rs"]
mod common;

mod attacks;
mod coverage;
mod idle;
mod letter;
mod liveness;
mod memory;
mod mutants;
mod names;
mod network;
mod outcomes;
mod streams;
mod support;
mod tolerance;
mod written;

use amqp_proto::testing::frames as peer;
