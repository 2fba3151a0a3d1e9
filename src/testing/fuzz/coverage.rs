//! How far the runs of a fuzz target come.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use core::fmt;

use crate::{
    Connection, Event,
    spec::performatives::Performative,
    state::{ConnectionState, LinkState, SessionState},
};

/// What has been reached: by one connection, or by all those whose coverages have been [added up](Self::add).
///
/// A state counts when a transition of its table has led there, be it for an instant: `END_RCVD` and `DETACH_RCVD` are
/// left again before the call that came to them returns.
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
    /// Nothing yet.
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

    /// Takes over how far the connection has come, and what it has written.
    pub(super) fn note(&mut self, connection: &Connection, written: &BTreeSet<&'static str>) {
        let reached = connection.reached();
        self.received.extend(reached.received);
        self.written.extend(written);
        self.connections.insert(ConnectionState::Start);
        self.connections.extend(reached.connection);
        self.sessions.extend(reached.sessions);
        self.links.extend(reached.links);
    }

    pub(super) fn note_event(&mut self, event: &Event) {
        self.events.insert(event.name());
    }

    /// Adds what another has reached; says whether any of it is new.
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

    /// The performatives and states that have not been reached, by name.
    pub fn missing(&self) -> Vec<String> {
        let [received, written, connections, sessions, links, _] = self.kinds();
        [received, written, connections, sessions, links].iter().flat_map(Kind::missing).collect()
    }

    /// The events that have not been raised, by name.
    pub fn missing_events(&self) -> Vec<String> {
        let [.., events] = self.kinds();
        events.missing()
    }

    fn kinds(&self) -> [Kind; 6] {
        let performatives = || Performative::TYPES.iter().map(|(name, ..)| *name).collect();
        [
            Kind {
                title: "received",
                all: performatives(),
                reached: self.received.iter().copied().collect(),
            },
            Kind { title: "written", all: performatives(), reached: self.written.iter().copied().collect() },
            Kind::of("connection state", ConnectionState::ALL, &self.connections, ConnectionState::name),
            Kind::of("session state", SessionState::ALL, &self.sessions, SessionState::name),
            Kind::of("link state", LinkState::ALL, &self.links, LinkState::name),
            Kind {
                title: "event",
                all: Event::NAMES.to_vec(),
                reached: self.events.iter().copied().collect(),
            },
        ]
    }
}

/// One line: the names of the performatives, and how many there are of everything.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, kind) in self.kinds().iter().enumerate() {
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}{} {}/{}", kind.title, kind.reached.len(), kind.all.len())?;
            if at < 2 {
                write!(f, " ({})", kind.reached.join(" "))?;
            }
        }
        Ok(())
    }
}

/// Things of one kind, by name.
struct Kind {
    title: &'static str,
    all: Vec<&'static str>,
    reached: Vec<&'static str>,
}

impl Kind {
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

/// The coverage of all runs of a fuzz target. After so many of them, every performative and every state is due to have
/// been reached; events are only told of.
#[derive(Debug)]
pub struct Gathered {
    coverage: Coverage,
    runs: u64,
    due: u64,
    whole: bool,
}

impl Gathered {
    /// Before the first run.
    pub const fn due_after(runs: u64) -> Self {
        Self { coverage: Coverage::new(), runs: 0, due: runs, whole: false }
    }

    /// What all runs together have reached.
    pub const fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Takes one run's coverage; gives a line to print where it has reached anything new.
    ///
    /// # Panics
    /// Where something has still not been reached when it is due.
    pub fn add(&mut self, run: &Coverage) -> Option<String> {
        self.runs = self.runs.saturating_add(1);
        let runs = self.runs;
        let grown = self.coverage.add(run);
        if !self.whole && (grown || runs >= self.due) {
            let missing = self.coverage.missing();
            self.whole = missing.is_empty();
            assert!(self.whole || runs < self.due, "not reached in {runs} runs: {}", missing.join(", "));
        }
        grown.then(|| {
            let left = [self.coverage.missing(), self.coverage.missing_events()].concat();
            match left.len() {
                0 => format!("run {runs}, all is reached: {}", self.coverage),
                1..8 => format!("run {runs}: {}; still to come: {}", self.coverage, left.join(", ")),
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
    fn what_is_new_is_told_once() {
        let mut gathered = Gathered::due_after(2);
        let line = gathered.add(&all()).unwrap();
        assert!(line.starts_with("run 1, all is reached: received 9/9 (Attach Begin "), "{line}");
        assert!(line.contains("; session state 8/8; link state 8/8; event 28/28"), "{line}");
        assert_eq!([gathered.add(&all()), gathered.add(&Coverage::new())], [None, None]);
    }

    #[test]
    fn events_are_never_due() {
        let mut gathered = Gathered::due_after(1);
        let mut coverage = all();
        coverage.events.remove("RECEIVER_DRAINED");
        let line = gathered.add(&coverage).unwrap();
        assert!(line.ends_with("event 27/28; still to come: event RECEIVER_DRAINED"), "{line}");
    }

    #[test]
    #[should_panic(expected = "not reached in 2 runs: written Flow, link state ERRANT")]
    fn what_is_missing_when_it_is_due_is_named() {
        let mut gathered = Gathered::due_after(2);
        let mut coverage = all();
        coverage.written.remove("Flow");
        coverage.links.remove(&LinkState::Errant);
        assert!(gathered.add(&coverage).is_some());
        gathered.add(&coverage);
    }
}
