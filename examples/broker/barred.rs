//! Messages that a link has said are undeliverable on it (3.4.5 `undeliverable-here`).

use std::{collections::BTreeSet, sync::Arc};

use crate::room::{Charge, Room};

/// Bytes for the links of one connection.
pub const BYTES: usize = 1 << 20;

/// Bytes for a message, in a set that may be half full.
const MESSAGE: usize = 32;

/// Bytes for the first one, which takes a block.
const FIRST: usize = 128;

/// The number of messages before those that have left the queue are forgotten.
const FORGET_AT: usize = 16;

/// The messages of a queue that are not for a link.
pub struct Barred {
    places: BTreeSet<u64>,
    forget_at: usize,
    charge: Charge,
    is_full: bool,
}

impl Barred {
    /// Returns an empty set, within the room of the link's connection.
    pub fn new(room: &Arc<Room>) -> Self {
        let (places, charge) = (BTreeSet::new(), room.empty_charge());
        Self { places, forget_at: FORGET_AT, charge, is_full: false }
    }

    pub fn contains(&self, place: u64) -> bool {
        self.places.contains(&place)
    }

    /// True if a message had no room.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// True if it is time to forget those that have left the queue.
    pub fn is_due(&self) -> bool {
        self.places.len() >= self.forget_at
    }

    /// Keeps those that are in the queue, or `acquired`.
    pub fn retain(&mut self, acquired: &BTreeSet<u64>, is_available: impl Fn(u64) -> bool) {
        self.places.retain(|place| is_available(*place) || acquired.contains(place));
        // Doubled, so that many that stay are not gone through for each of them, nor many that are acquired.
        self.forget_at = FORGET_AT.max(self.places.len() * 2).max(acquired.len());
        self.charge.resize(size(self.places.len()));
    }

    /// Adds a message, if there is room.
    pub fn insert(&mut self, place: u64) {
        if self.charge.resize(size(self.places.len() + 1)) {
            self.places.insert(place);
        } else {
            self.is_full = true;
        }
    }
}

fn size(places: usize) -> usize {
    if places == 0 { 0 } else { FIRST + places * MESSAGE }
}
