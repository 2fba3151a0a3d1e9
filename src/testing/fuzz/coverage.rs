//! The coverage of a fuzz target: the performatives, states and events that its runs reach.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use core::fmt;

use crate::{
    Connection, Event,
    spec::performatives::Performative,
    state::{ConnectionState, LinkState, SessionState},
};

/// The coverage of one connection, or of all those [added](Self::add) to it.
///
/// A state counts once a transition has entered it, however briefly: `END_RCVD` and `DETACH_RCVD` are left again within
/// the same call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    received: BTreeSet<&'static str>,
    written: BTreeSet<&'static str>,
    connections: BTreeSet<ConnectionState>,
    sessions: BTreeSet<SessionState>,
    links: BTreeSet<LinkState>,
    events: BTreeSet<&'static str>,
}

impl Coverage {
    /// Returns an empty coverage.
    pub const fn new() -> Self {
        Self {
            received: BTreeSet::new(),
            written: BTreeSet::new(),
            connections: BTreeSet::new(),
            sessions: BTreeSet::new(),
            links: BTreeSet::new(),
            events: BTreeSet::new(),
        }
    }

    /// Adds the coverage of a connection, and the names of the performatives that it wrote.
    pub(super) fn record(&mut self, connection: &Connection, written: &BTreeSet<&'static str>) {
        let reached = connection.reached();
        self.received.extend(reached.received);
        self.written.extend(written);
        self.connections.insert(ConnectionState::Start);
        self.connections.extend(reached.connections);
        self.sessions.extend(reached.sessions);
        self.links.extend(reached.links);
    }

    pub(super) fn record_event(&mut self, event: &Event) {
        self.events.insert(event.name());
    }

    /// Adds another coverage. Returns true if any of it is new.
    pub fn add(&mut self, other: &Self) -> bool {
        let before = self.len();
        self.received.extend(&other.received);
        self.written.extend(&other.written);
        self.connections.extend(&other.connections);
        self.sessions.extend(&other.sessions);
        self.links.extend(&other.links);
        self.events.extend(&other.events);
        self.len() > before
    }

    fn len(&self) -> usize {
        let names = [&self.received, &self.written, &self.events].map(BTreeSet::len);
        let states = [self.connections.len(), self.sessions.len(), self.links.len()];
        names.iter().chain(&states).sum()
    }

    /// Returns the names of the performatives and states that have not been reached.
    pub fn missing(&self) -> Vec<String> {
        let [received, written, connections, sessions, links, _] = self.categories();
        [received, written, connections, sessions, links].iter().flat_map(Category::missing).collect()
    }

    /// Returns the names of the events that have not been raised.
    pub fn missing_events(&self) -> Vec<String> {
        let [.., events] = self.categories();
        events.missing()
    }

    fn categories(&self) -> [Category; 6] {
        let performatives = || Performative::TYPES.iter().map(|(name, ..)| *name).collect();
        [
            Category {
                title: "received",
                all: performatives(),
                reached: self.received.iter().copied().collect(),
            },
            Category {
                title: "written",
                all: performatives(),
                reached: self.written.iter().copied().collect(),
            },
            Category::of("connection state", ConnectionState::ALL, &self.connections, ConnectionState::name),
            Category::of("session state", SessionState::ALL, &self.sessions, SessionState::name),
            Category::of("link state", LinkState::ALL, &self.links, LinkState::name),
            Category {
                title: "event",
                all: Event::NAMES.to_vec(),
                reached: self.events.iter().copied().collect(),
            },
        ]
    }
}

/// Prints one line: the names of the performatives, and the counts of every category.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, category) in self.categories().iter().enumerate() {
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}{} {}/{}", category.title, category.reached.len(), category.all.len())?;
            if at < 2 {
                write!(f, " ({})", category.reached.join(" "))?;
            }
        }
        Ok(())
    }
}

/// One category of coverage: all names, and those reached.
struct Category {
    title: &'static str,
    all: Vec<&'static str>,
    reached: Vec<&'static str>,
}

impl Category {
    fn missing(&self) -> Vec<String> {
        let names = self.all.iter().filter(|name| !self.reached.contains(name));
        names.map(|name| format!("{} {name}", self.title)).collect()
    }

    fn of<S: Copy>(
        title: &'static str,
        all: &[S],
        reached: &BTreeSet<S>,
        name: impl Fn(S) -> &'static str,
    ) -> Self {
        let names = |states: &mut dyn Iterator<Item = &S>| states.map(|state| name(*state)).collect();
        Self { title, all: names(&mut all.iter()), reached: names(&mut reached.iter()) }
    }
}

/// The coverage of all runs of a fuzz target, which must reach every performative and state within a number of runs.
/// Events that were not raised are printed, and do not fail the target.
#[derive(Debug)]
pub struct CoverageGoal {
    coverage: Coverage,
    runs: u64,
    max_runs: u64,
    is_met: bool,
}

impl CoverageGoal {
    /// Creates a goal that must be met within this many runs.
    pub const fn within(max_runs: u64) -> Self {
        Self { coverage: Coverage::new(), runs: 0, max_runs, is_met: false }
    }

    /// Returns the coverage of all runs together.
    pub const fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Adds the coverage of one run. Returns a line to print if any of it is new.
    ///
    /// # Panics
    /// If a performative or state has not been reached within the runs allowed.
    pub fn add(&mut self, run: &Coverage) -> Option<String> {
        self.runs = self.runs.saturating_add(1);
        let runs = self.runs;
        let has_grown = self.coverage.add(run);
        if !self.is_met && (has_grown || runs >= self.max_runs) {
            let missing = self.coverage.missing();
            self.is_met = missing.is_empty();
            assert!(
                self.is_met || runs < self.max_runs,
                "not reached in {runs} runs: {}",
                missing.join(", ")
            );
        }
        has_grown.then(|| {
            let left = [self.coverage.missing(), self.coverage.missing_events()].concat();
            match left.len() {
                0 => format!("run {runs}, everything reached: {}", self.coverage),
                1..8 => format!("run {runs}: {}; not reached yet: {}", self.coverage, left.join(", ")),
                _ => format!("run {runs}: {}", self.coverage),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Coverage {
        let names = Performative::TYPES.iter().map(|(name, ..)| *name);
        Coverage {
            received: names.clone().collect(),
            written: names.collect(),
            connections: ConnectionState::ALL.iter().copied().collect(),
            sessions: SessionState::ALL.iter().copied().collect(),
            links: LinkState::ALL.iter().copied().collect(),
            events: Event::NAMES.iter().copied().collect(),
        }
    }

    #[test]
    fn a_run_without_new_coverage_returns_no_line() {
        let mut goal = CoverageGoal::within(2);
        let line = goal.add(&all()).unwrap();
        assert!(line.starts_with("run 1, everything reached: received 9/9 (Attach Begin "), "{line}");
        assert!(line.contains("; session state 8/8; link state 8/8; event 31/31"), "{line}");
        assert_eq!([goal.add(&all()), goal.add(&Coverage::new())], [None, None]);
    }

    #[test]
    fn a_missing_event_does_not_fail_the_goal() {
        let mut goal = CoverageGoal::within(1);
        let mut coverage = all();
        coverage.events.remove("RECEIVER_DRAINED");
        let line = goal.add(&coverage).unwrap();
        assert!(line.ends_with("event 30/31; not reached yet: event RECEIVER_DRAINED"), "{line}");
    }

    #[test]
    #[should_panic(expected = "not reached in 2 runs: written Flow, link state ERRANT")]
    fn a_goal_missed_after_its_last_run_panics_with_the_missing_names() {
        let mut goal = CoverageGoal::within(2);
        let mut coverage = all();
        coverage.written.remove("Flow");
        coverage.links.remove(&LinkState::Errant);
        assert!(goal.add(&coverage).is_some());
        goal.add(&coverage);
    }
}
