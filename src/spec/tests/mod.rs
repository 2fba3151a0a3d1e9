//! The tables compared with the standard, and with octets written out by hand.

mod composites;
pub(crate) mod octets;
mod standard;
mod usual;
mod ways;
