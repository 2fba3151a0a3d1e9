//! The standard's definitions as tables (2.7, 2.8, 3.2 to 3.5, 4.5, 5.3.3): types, descriptors, fields and
//! defaults, with no logic but that of the one special reader, of transfers, and the outcomes of a source.

mod composite;
mod defined;
pub mod definitions;
pub mod delivery_state;
pub(crate) mod kind;
pub mod messaging;
mod outcomes;
pub mod performatives;
pub mod sasl;
pub mod terminus;
pub mod transaction;
pub(crate) mod transfer_fast_path;

#[cfg(test)]
pub(crate) mod tests;

pub use composite::{Composite, Field, Presence};
pub(crate) use defined::DEFINED;
