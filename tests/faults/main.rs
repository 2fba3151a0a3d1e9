//! Faults that were found from outside, a test each and one more of its kind, named by the id of the fault.

#[path = "../common/mod.rs"]
mod common;

mod letter;
mod liveness;
mod memory;
mod mutants;
mod names;
mod outcomes;
mod support;
mod tolerance;
