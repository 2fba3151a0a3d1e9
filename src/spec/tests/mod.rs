//! The tables compared with the standard, and with bytes written out by hand.

mod composites;
pub(crate) mod encodings;
mod standard;
