//! The work of the benches on this engine, through its public interface alone. Three programs take it in: the benches
//! of the crate, the comparison with peers, and the count of instructions.

pub mod churn;
pub mod load;
pub mod message;
mod pair;
pub mod performatives;
mod pipe;
mod transfers;
mod wire;

pub use pair::Pair;
pub use transfers::Transfers;
pub use wire::Wire;
