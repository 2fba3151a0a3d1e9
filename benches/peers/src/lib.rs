mod measure;
mod ours;
pub mod plan;
mod proton;
pub mod report;
mod row;
pub mod run;
mod versions;
