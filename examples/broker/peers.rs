//! All connections of a program, and the busy ones among them. The cost of a turn depends on these alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use amqp_proto::spec::definitions::AmqpError;

use crate::peer::{LINGER, Peer};

struct Entry {
    peer: Peer,
    /// The time at which it is due even if nothing happens.
    due: Option<Instant>,
    /// True if the connection is there to be refused.
    refused: bool,
    /// True if it was closed by [`Peers::close`].
    closing: bool,
}

/// Connections by a key that is never reused.
#[derive(Default)]
pub struct Peers {
    all: BTreeMap<usize, Entry>,
    next: usize,
    busy: BTreeSet<usize>,
    due: BTreeSet<(Instant, usize)>,
    refused: usize,
}

impl Peers {
    /// Returns the key of the next connection.
    pub fn next_key(&self) -> usize {
        self.next
    }

    /// Adds a connection: one to serve, or one to refuse.
    pub fn add(&mut self, peer: Peer, refused: bool) {
        self.all.insert(self.next, Entry { peer, due: None, refused, closing: false });
        self.refused += usize::from(refused);
        self.busy.insert(self.next);
        self.next += 1;
    }

    /// Returns the number of connections that are served, and of those that are refused.
    pub fn counts(&self) -> (usize, usize) {
        (self.all.len() - self.refused, self.refused)
    }

    /// Closes all connections but some.
    pub fn close(&mut self, except: &BTreeSet<usize>, error: &AmqpError) {
        for (key, entry) in &mut self.all {
            if !entry.closing && !except.contains(key) {
                // An error means that the connection is ending.
                let _ = entry.peer.connection.close(Some(error.clone()));
                entry.closing = true;
                self.busy.insert(*key);
            }
        }
    }

    pub fn get_mut(&mut self, key: usize) -> Option<&mut Peer> {
        self.all.get_mut(&key).map(|entry| &mut entry.peer)
    }

    /// Marks a connection as busy.
    pub fn touch(&mut self, key: usize) -> Option<&mut Peer> {
        let entry = self.all.get_mut(&key)?;
        self.busy.insert(key);
        Some(&mut entry.peer)
    }

    /// Takes the set of busy connections.
    pub fn take_busy(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.busy)
    }

    /// Returns the longest time to wait for a socket.
    pub fn timeout(&self) -> Option<Duration> {
        if !self.busy.is_empty() {
            return Some(Duration::ZERO);
        }
        let (due, _) = self.due.first()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Reads for the busy connections, which those that are due join.
    pub fn receive(&mut self, block: &mut [u8]) {
        let now = Instant::now();
        self.busy.extend(self.due.iter().take_while(|(due, _)| *due <= now).map(|(_, key)| *key));
        for key in &self.busy {
            if let Some(entry) = self.all.get_mut(key) {
                entry.peer.receive(block);
            }
        }
    }

    /// Ends the turn for these connections: sets when each is due, and removes those that are over.
    pub fn rest(&mut self, keys: BTreeSet<usize>) {
        self.busy.clear();
        for key in keys {
            let Some(entry) = self.all.get_mut(&key) else { continue };
            if let Some(due) = entry.due.take() {
                self.due.remove(&(due, key));
            }
            let read_and_written = entry.peer.read_over && entry.peer.shut;
            if entry.peer.closed_at.is_some_and(|at| read_and_written || at.elapsed() >= LINGER) {
                self.refused -= usize::from(entry.refused);
                // Dropping a socket takes it out of the poll.
                self.all.remove(&key);
                continue;
            }
            match entry.peer.timeout() {
                Some(Duration::ZERO) => {
                    self.busy.insert(key);
                }
                Some(timeout) => {
                    let due = Instant::now() + timeout;
                    entry.due = Some(due);
                    self.due.insert((due, key));
                }
                None => {}
            }
        }
    }
}
