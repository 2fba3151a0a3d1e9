//! The same work on this engine and on its peers, both ends of each connection in one process and a memcpy for a
//! network, in turns, so that whatever slows the machine down meets everybody.

mod fe2o3;
pub mod heap;
pub mod instructions;
mod measure;
mod ntex;
#[path = "../../ours/mod.rs"]
mod ours;
pub mod plan;
mod proton;
mod ramqp;
pub mod report;
mod row;
pub mod run;
mod target;
mod versions;
