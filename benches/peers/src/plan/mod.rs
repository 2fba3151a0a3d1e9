//! What is compared: all the rows, by subject.

mod churn;
mod codecs;
mod scaling;
mod transfers;

use crate::row::Row;

pub use crate::ours::load::{CREDIT, FRAME, Load, Shape, Standing};

/// All rows, in the order of the table.
pub fn rows() -> Vec<Row> {
    let subjects = [transfers::rows, codecs::rows, churn::rows, scaling::rows];
    subjects.into_iter().flat_map(|rows| rows()).collect()
}
