//! Room for what the broker keeps: bytes that are charged while something is kept.

use std::{cell::Cell, rc::Rc};

/// Room for a number of bytes, maybe within a larger room.
#[derive(Default)]
pub struct Room {
    most: usize,
    used: Cell<usize>,
    within: Option<Rc<Room>>,
}

/// Bytes that are taken until this is dropped.
pub struct Charge {
    bytes: usize,
    room: Rc<Room>,
}

impl Room {
    pub fn new(most: usize, within: Option<Rc<Room>>) -> Rc<Self> {
        Rc::new(Self { most, used: Cell::new(0), within })
    }

    /// Takes bytes from this room and those that it is within, or returns `None` if one of them has too few left.
    pub fn take(self: &Rc<Self>, bytes: usize) -> Option<Charge> {
        self.use_up(bytes).then(|| Charge { bytes, room: Rc::clone(self) })
    }

    /// Returns a charge without bytes, which [`resize`](Charge::resize) adds.
    pub fn empty_charge(self: &Rc<Self>) -> Charge {
        Charge { bytes: 0, room: Rc::clone(self) }
    }

    /// Returns the bytes that are taken.
    pub fn used(&self) -> usize {
        self.used.get()
    }

    /// True if this many bytes can be taken.
    pub fn has(&self, bytes: usize) -> bool {
        self.each().all(|room| bytes <= room.most.saturating_sub(room.used.get()))
    }

    fn use_up(&self, bytes: usize) -> bool {
        let fits = self.has(bytes);
        if fits {
            self.each().for_each(|room| room.used.set(room.used.get() + bytes));
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        self.each().for_each(|room| room.used.set(room.used.get() - bytes));
    }

    fn each(&self) -> impl Iterator<Item = &Room> {
        std::iter::successors(Some(self), |room| room.within.as_deref())
    }
}

impl Charge {
    /// True if this many bytes more can be taken.
    pub fn has(&self, bytes: usize) -> bool {
        self.room.has(bytes)
    }

    /// Changes the number of bytes. Returns false if there is no room for more.
    pub fn resize(&mut self, bytes: usize) -> bool {
        if !self.room.use_up(bytes.saturating_sub(self.bytes)) {
            return false;
        }
        self.room.give_back(self.bytes.saturating_sub(bytes));
        self.bytes = bytes;
        true
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.room.give_back(self.bytes);
    }
}
