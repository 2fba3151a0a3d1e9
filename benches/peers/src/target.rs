//! The bounds that this engine's rows are held to.

/// A bound, in absolute figures or beside something else of the same run.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Nanoseconds(f64),
    Instructions(u64),
    /// Each time the work is done.
    Allocations(u64),
    /// This multiple of the time of the peer whose name begins like this.
    TimesPeer(f64, &'static str),
    /// This multiple of the time of the row of this name.
    TimesRow(f64, String),
    /// This multiple of the instructions of the row of this name.
    TimesInstructions(f64, String),
}

impl Target {
    /// In words, as short as the table needs them.
    pub fn words(&self) -> String {
        match self {
            Self::Nanoseconds(most) => format!("{most} ns"),
            Self::Instructions(most) => format!("{most} instructions"),
            Self::Allocations(most) => format!("{most} allocations"),
            Self::TimesPeer(most, peer) => format!("{most} times {peer}"),
            Self::TimesRow(most, row) => format!("{most} times \"{row}\""),
            Self::TimesInstructions(most, row) => format!("{most} times the instructions of \"{row}\""),
        }
    }
}
