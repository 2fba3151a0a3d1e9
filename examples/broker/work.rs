//! The cost of a request to a service: looks, which a turn has a number of, and bytes of its answer.

use amqp_proto::spec::definitions::AmqpError;

use crate::services::{Bound, full, too_large};

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
    bound: Bound,
    /// The reason why not even the first of them can be sent.
    refusal: Option<AmqpError>,
    /// True if the answer has a row or a message.
    is_begun: bool,
}

impl Work {
    /// Begins the work for a request with this many bytes.
    pub fn new(request: usize) -> Self {
        Self {
            looks: 1 + request / LOOK,
            request,
            left: 0,
            bound: Bound::default(),
            refusal: None,
            is_begun: false,
        }
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
    pub fn set_bound(&mut self, bound: Bound) {
        self.left = bound.share.min(bound.max).saturating_sub(self.request).saturating_sub(HEAD);
        self.bound = bound;
    }

    /// Takes room in the answer for a row or a message, and what it may have beside its own bytes. Returns false if there is
    /// none. The first may have more, and if it certainly has too much there is a [refusal](Self::refusal).
    pub fn add(&mut self, own: usize, beside: usize) -> bool {
        if !self.is_begun && own > self.bound.max {
            self.refusal = Some(too_large());
        } else if !self.is_begun && own > self.bound.most {
            self.refusal = Some(full());
        }
        let bytes = own.saturating_add(beside);
        let fits = self.refusal.is_none() && (bytes <= self.left || !self.is_begun);
        if fits {
            self.is_begun = true;
            self.left = self.left.saturating_sub(bytes);
        }
        fits
    }

    /// Fails if there is no answer, because what it is to have cannot be sent.
    pub fn refusal(&mut self) -> Result<(), AmqpError> {
        self.refusal.take().map_or(Ok(()), Err)
    }
}
