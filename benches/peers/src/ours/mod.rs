//! This engine, through its public interface alone.

pub mod churn;
pub mod message;
mod pair;
pub mod performatives;
mod pipe;
mod transfers;
mod wire;

pub use pair::Pair;
pub use transfers::Transfers;
pub use wire::Wire;
