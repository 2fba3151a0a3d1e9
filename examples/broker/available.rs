//! The messages of a queue that are available, and the links that wait for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Unbounded},
};

use crate::{
    consumer::{Consumer, Outlet},
    stored::Stored,
};

/// The messages that are available, in two orders.
#[derive(Default)]
pub struct Available {
    /// By place: a message that is released returns to its place.
    by_place: BTreeMap<u64, Box<Stored>>,
    /// The places of all, in the order in which they became available.
    arrivals: BTreeMap<u64, u64>,
    next_arrival: u64,
}

/// The links that may be able to send, in turn.
#[derive(Default)]
pub struct Turns {
    turns: BTreeMap<u64, Outlet>,
    /// Those that have to look further for a message, in turn.
    searching: BTreeMap<u64, Outlet>,
    /// Those that have found nothing, until there is another message.
    waiting: BTreeMap<u64, Outlet>,
    next: u64,
    /// Links whose peers drain their credit (2.6.7).
    pub draining: BTreeSet<Outlet>,
}

impl Available {
    pub fn is_empty(&self) -> bool {
        self.by_place.is_empty()
    }

    pub fn len(&self) -> usize {
        self.by_place.len()
    }

    pub fn get(&self, place: u64) -> Option<&Stored> {
        self.by_place.get(&place).map(|message| &**message)
    }

    pub fn insert(&mut self, place: u64, mut message: Box<Stored>) {
        message.arrival = self.next_arrival;
        self.arrivals.insert(self.next_arrival, place);
        self.next_arrival += 1;
        self.by_place.insert(place, message);
    }

    pub fn remove(&mut self, place: u64) -> Option<Box<Stored>> {
        let message = self.by_place.remove(&place)?;
        self.arrivals.remove(&message.arrival);
        Some(message)
    }

    /// Returns the messages from this place on.
    pub fn from(&self, place: u64) -> impl Iterator<Item = (u64, &Stored)> {
        self.by_place.range(place..).map(|(place, message)| (*place, &**message))
    }

    /// Returns the next message by the time at which it became available, and its place.
    pub fn arrival_behind(&self, arrival: Option<u64>) -> Option<(u64, u64)> {
        let next = self.arrivals.range((arrival.map_or(Unbounded, Excluded), Unbounded)).next();
        next.map(|(arrival, place)| (*arrival, *place))
    }

    /// Returns the next place twice, as [`arrival_behind`](Self::arrival_behind) returns two numbers.
    pub fn place_behind(&self, place: Option<u64>) -> Option<(u64, u64)> {
        let next = self.by_place.range((place.map_or(Unbounded, Excluded), Unbounded)).next();
        next.map(|(place, _)| (*place, *place))
    }
}

impl Turns {
    /// Takes note that a link may be able to send.
    pub fn ready(&mut self, outlet: Outlet, consumer: &mut Consumer) {
        match consumer.turn {
            None => {
                consumer.turn = Some(self.next);
                self.turns.insert(self.next, outlet);
                self.next += 1;
            }
            Some(turn) => self.turns.extend(self.waiting.remove(&turn).map(|outlet| (turn, outlet))),
        }
    }

    /// Takes note that there is another message.
    pub fn wake(&mut self) {
        self.turns.extend(std::mem::take(&mut self.waiting));
    }

    pub fn is_empty(&self) -> bool {
        self.turns.is_empty() && self.searching.is_empty()
    }

    /// True if a link has to look further for a message.
    pub fn is_searching(&self) -> bool {
        !self.searching.is_empty()
    }

    pub fn take_next(&mut self) -> Option<(u64, Outlet)> {
        self.turns.pop_first()
    }

    pub fn take_searching(&mut self) -> Option<(u64, Outlet)> {
        self.searching.pop_first()
    }

    /// Lets a link look further when those that need not have had their turns.
    pub fn search(&mut self, outlet: Outlet, consumer: &mut Consumer) {
        consumer.turn = Some(self.next);
        self.searching.insert(self.next, outlet);
        self.next += 1;
    }

    /// Lets a link wait for another message.
    pub fn wait(&mut self, turn: u64, outlet: Outlet) {
        self.waiting.insert(turn, outlet);
    }

    pub fn remove(&mut self, outlet: Outlet, turn: Option<u64>) {
        self.draining.remove(&outlet);
        if let Some(turn) = turn {
            self.turns.remove(&turn);
            self.searching.remove(&turn);
            self.waiting.remove(&turn);
        }
    }
}
