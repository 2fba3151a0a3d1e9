//! A row of the comparison: one kind of work, and everybody who does it.

use crate::target::Target;

/// Does the work the given number of times, on a state that was set up beforehand.
pub type Bench = Box<dyn FnMut(u64)>;

/// Sets up the state and returns the work on it.
pub type Setup = Box<dyn Fn() -> Bench>;

/// Somebody who does the work.
pub struct Side {
    /// Its name and version, as the table has them.
    pub name: String,
    pub setup: Setup,
}

/// A point of a curve: what is counted along its axis, and how much of it there is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub curve: Curve,
    pub at: u64,
}

/// The quantity that the cost is plotted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    Links,
    OpenLinks,
    OpenSessions,
    Sessions,
    UnsettledInOrder,
    UnsettledAtRandom,
    Payload,
}

/// One kind of work.
pub struct Row {
    /// The work that is done once, in words.
    pub work: String,
    pub ours: Setup,
    pub peers: Vec<Side>,
    /// Among those of a short run.
    pub main: bool,
    /// True if instructions are counted too.
    pub counted: bool,
    /// The work is done in multiples of this.
    pub step: u64,
    pub point: Option<Point>,
    /// The bounds that this engine's figures are held to.
    pub targets: Vec<Target>,
}

impl Row {
    /// A row with nobody in it but this engine.
    pub fn new(work: impl Into<String>, ours: impl Fn() -> Bench + 'static) -> Self {
        Self {
            work: work.into(),
            ours: Box::new(ours),
            peers: Vec::new(),
            main: false,
            counted: false,
            step: 1,
            point: None,
            targets: Vec::new(),
        }
    }

    /// Adds a peer.
    #[must_use]
    pub fn against(mut self, name: impl Into<String>, setup: impl Fn() -> Bench + 'static) -> Self {
        self.peers.push(Side { name: name.into(), setup: Box::new(setup) });
        self
    }

    /// Makes it one of the main rows.
    #[must_use]
    pub fn main(mut self) -> Self {
        self.main = true;
        self
    }

    /// Has instructions counted too.
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    /// Does the work in multiples of `step`.
    #[must_use]
    pub fn step(mut self, step: u64) -> Self {
        self.step = step;
        self
    }

    /// Adds a bound for this engine's figures.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// Makes it a point of a curve.
    #[must_use]
    pub fn point(mut self, curve: Curve, at: u64) -> Self {
        self.point = Some(Point { curve, at });
        self
    }
}
