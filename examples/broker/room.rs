//! Room for what the broker keeps: bytes that are charged while something is kept.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;

/// Room for a number of bytes, maybe within a larger room.
#[derive(Default)]
pub struct Room {
    most: usize,
    used: AtomicUsize,
    within: Option<Arc<Room>>,
}

/// Bytes that are taken until this is dropped.
pub struct Charge {
    bytes: usize,
    room: Arc<Room>,
}

impl Room {
    pub fn new(most: usize, within: Option<Arc<Room>>) -> Arc<Self> {
        Arc::new(Self { most, used: AtomicUsize::new(0), within })
    }

    /// Takes bytes from this room and those that it is within, or returns `None` if one of them has too few left.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Option<Charge> {
        self.use_up(bytes).then(|| Charge { bytes, room: Arc::clone(self) })
    }

    /// Returns a charge without bytes, which [`resize`](Charge::resize) adds.
    pub fn empty_charge(self: &Arc<Self>) -> Charge {
        Charge { bytes: 0, room: Arc::clone(self) }
    }

    /// Returns the bytes that are taken.
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// True if this many bytes can be taken.
    pub fn has(&self, bytes: usize) -> bool {
        bytes <= self.left()
    }

    /// Returns the bytes that can be taken.
    pub fn left(&self) -> usize {
        self.each().map(|room| room.most.saturating_sub(room.used.load(Relaxed))).min().unwrap_or(0)
    }

    fn use_up(&self, bytes: usize) -> bool {
        let fits = self.has(bytes);
        if fits {
            for room in self.each() {
                room.used.fetch_add(bytes, Relaxed);
            }
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        for room in self.each() {
            room.used.fetch_sub(bytes, Relaxed);
        }
    }

    fn each(&self) -> impl Iterator<Item = &Room> {
        std::iter::successors(Some(self), |room| room.within.as_deref())
    }
}

impl Charge {
    /// Takes bytes beside these from the same room, or returns `None` if it has too few left.
    pub fn take(&self, bytes: usize) -> Option<Charge> {
        self.room.take(bytes)
    }

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

/// Bytes that are charged until the last that shares them is dropped: the queue, a delivery, or what the engine sends.
struct Charged {
    bytes: Bytes,
    _charge: Arc<Charge>,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Returns bytes that hold a charge.
pub fn charged(bytes: Bytes, charge: &Arc<Charge>) -> Bytes {
    Bytes::from_owner(Charged { bytes, _charge: Arc::clone(charge) })
}
