//! What a request to a service costs: looks, of which a turn has so many, and bytes of its answer.

/// Bytes of a request or an answer that cost as much as a look.
const LOOK: usize = 512;

/// Bytes of an answer beside its rows or messages and what it repeats of the request.
const HEAD: usize = 512;

/// The cost of a request, and the room that its answer has.
pub struct Work {
    /// Looks that it has taken so far.
    looks: usize,
    /// Bytes of the request, any of which the answer may repeat.
    request: usize,
    /// Bytes that rows or messages of the answer may still have.
    left: usize,
    /// True if the answer has a row or a message.
    is_begun: bool,
}

impl Work {
    /// Begins the work for a request with this many bytes.
    pub fn new(request: usize) -> Self {
        Self { looks: 1 + request / LOOK, request, left: 0, is_begun: false }
    }

    pub fn looks(&self) -> usize {
        self.looks
    }

    /// Counts what was looked at: queues, messages, links, numbers.
    pub fn look(&mut self, count: usize) {
        self.looks = self.looks.saturating_add(count);
    }

    /// Counts bytes that are made or moved.
    pub fn make(&mut self, bytes: usize) {
        self.look(bytes / LOOK);
    }

    /// Sets the bytes that the answer may have.
    pub fn set_room(&mut self, bytes: usize) {
        self.left = bytes.saturating_sub(self.request).saturating_sub(HEAD);
    }

    /// Takes room in the answer for a row or a message. Returns false if there is none; the first one has room always, and
    /// whether it can be sent turns out when it is.
    pub fn add(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.left || !self.is_begun;
        if fits {
            self.is_begun = true;
            self.left = self.left.saturating_sub(bytes);
        }
        fits
    }
}
