//! Faults that were found from outside, a test each and one more of its kind, named by the id of the fault.

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "the other peers need more")]
#[path = "../hostile/peer.rs"]
mod peer;

mod attacks;
mod coverage;
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
