//! The tables compared with the standard, and with bytes written out by hand.

mod composites;
mod decoding;
mod encoded;
pub(crate) mod encodings;
mod standard;
mod transfers;
