//! A state table, walked for an end of which only the frames on the wire are seen.

use alloc::{vec, vec::Vec};

/// The states that an end may be in.
///
/// The observer sees when a frame passes, not when the peer reads it. So an end has read some of the frames that are on
/// the way to it, and a frame of its own is legal if one of the states in between allows it.
#[derive(Clone, Debug)]
pub(super) struct Machine<S, T> {
    next: fn(S, T) -> Option<S>,
    /// Each state with the number of frames in `arriving` that the end has read in it.
    possible: Vec<(S, usize)>,
    /// The peer's frames, from the first that the end may not have read.
    arriving: Vec<T>,
    first: S,
}

impl<S: Copy + PartialEq, T: Copy> Machine<S, T> {
    pub(super) fn new(first: S, next: fn(S, T) -> Option<S>) -> Self {
        Self { next, possible: vec![(first, 0)], arriving: Vec::new(), first }
    }

    /// Notes a frame of the peer, which the end reads at an unknown time from now on.
    pub(super) fn receive(&mut self, trigger: T) {
        self.arriving.push(trigger);
    }

    /// Notes a frame of the end. Returns false, without a change, if no state that it may be in allows the frame.
    #[must_use]
    pub(super) fn send(&mut self, trigger: T) -> bool {
        self.send_after(trigger, 0)
    }

    /// Notes a frame of the end that shows that it has read this many of those that it may not have read.
    #[must_use]
    pub(super) fn send_after(&mut self, trigger: T, read_by_now: usize) -> bool {
        let mut reached: Vec<(S, usize)> = Vec::new();
        for (state, read) in &self.possible {
            for (state, read) in self.walk(*state, *read).into_iter().filter(|(_, read)| *read >= read_by_now)
            {
                if let Some(next) = (self.next)(state, trigger)
                    && !reached.contains(&(next, read))
                {
                    reached.push((next, read));
                }
            }
        }
        let Some(read_surely) = reached.iter().map(|(_, read)| *read).min() else { return false };
        self.arriving.drain(..read_surely.min(self.arriving.len()));
        for (_, read) in &mut reached {
            *read = read.saturating_sub(read_surely);
        }
        self.possible = reached;
        true
    }

    /// Returns a state and those that follow from it by reading on.
    fn walk(&self, state: S, read: usize) -> Vec<(S, usize)> {
        let mut found = vec![(state, read)];
        let (mut state, mut read) = (state, read);
        while let Some(next) = self.arriving.get(read).and_then(|trigger| (self.next)(state, *trigger)) {
            (state, read) = (next, read.saturating_add(1));
            found.push((state, read));
        }
        found
    }

    /// Returns the state once the end has read all that is on the way to it.
    pub(super) fn latest(&self) -> S {
        let walked = self.possible.iter().filter_map(|(state, read)| self.walk(*state, *read).pop());
        let mut latest = (self.first, 0);
        for (index, (state, read)) in walked.enumerate() {
            if index == 0 || read > latest.1 {
                latest = (state, read);
            }
        }
        latest.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{ConnectionState as State, ConnectionTrigger as Trigger};

    fn machine(sent: &[Trigger], arrived: &[Trigger]) -> Machine<State, Trigger> {
        let mut machine = Machine::new(State::Start, State::next);
        arrived.iter().for_each(|trigger| machine.receive(*trigger));
        for trigger in sent {
            assert!(machine.send(*trigger), "{trigger:?}");
        }
        machine
    }

    #[test]
    fn frame_is_legal_if_a_state_on_the_way_allows_it() {
        use Trigger::{RecvClose, RecvHeader, RecvOpen, SendClose, SendHeader, SendOpen};
        // The peer's close has passed, and the end that opens has not read it yet.
        let arrived = [RecvHeader, RecvOpen, RecvClose];
        let mut pipelined = machine(&[SendHeader, SendOpen], &arrived);
        assert_eq!(pipelined.latest(), State::CloseRcvd);
        assert!(pipelined.send(SendClose));
        assert_eq!(pipelined.latest(), State::End);
        assert!(!pipelined.send(SendClose) && !pipelined.send(SendOpen));
    }

    #[test]
    fn an_answer_shows_that_the_question_has_been_read() {
        use crate::state::{SessionState, SessionTrigger};
        let mut machine = Machine::new(SessionState::Unmapped, SessionState::next);
        machine.receive(SessionTrigger::RecvBegin);
        assert!(machine.send_after(SessionTrigger::SendBegin, 1));
        assert_eq!(machine.possible, [(SessionState::Mapped, 0)]);
        assert!(machine.arriving.is_empty());
    }
}
