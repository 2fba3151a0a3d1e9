//! Deliveries that arrive in parts (2.6.14).

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;

use crate::{
    codec::{DecodeLimits, Encoded, to_vec},
    event::Delivery,
    frame::{CHUNK_SIZE, Payload},
    ids::DeliveryId,
    spec::delivery_state::DeliveryState,
    types::TransactionId,
};

/// A delivery that arrives in parts.
#[derive(Debug)]
pub(crate) struct PartialDelivery {
    pub(crate) delivery: Delivery,
    pub(crate) complete: bool,
    /// The application has given its outcome, or it is resumed and unknown: the rest is dropped as it arrives.
    pub(crate) finished: bool,
    /// The sender has settled it by a disposition, before its end.
    pub(super) settled_apart: bool,
    /// The sender had settled it when it began.
    begun_settled: bool,
    /// Transfer frames that occupy the session's window until their bytes are read.
    pub(crate) frames: u32,
    /// Bytes so far, read or not.
    pub(super) size: u64,
    /// Bytes of small chunks, behind the payload's.
    gathered: Vec<u8>,
    /// The bytes that the payload and the state take up.
    payload_size: usize,
    /// The sender's state of it, if there is one. `delivery` has it once that is handed over.
    noted: Option<Box<NotedState>>,
    /// The bytes that the session has been charged for the delivery.
    pub(crate) charged: usize,
}

/// A state that came with a delivery's transfers.
#[derive(Debug)]
struct NotedState {
    /// The transaction that the delivery is part of (4.5.6).
    transaction: Option<TransactionId>,
    is_terminal: bool,
    /// All of it, until it is handed over. Decoded it would take up many times as much.
    encoded: Option<Encoded<DeliveryState>>,
}

/// Chunks of an incomplete delivery below this many bytes are copied: each would take up an entry, and would keep the
/// whole read buffer alive.
const BY_REFERENCE: usize = 4096;
/// The most bytes that are gathered in one chunk.
const MAX_GATHERED: usize = 64 << 10;

impl PartialDelivery {
    pub(super) fn new(delivery: Delivery, finished: bool) -> Self {
        Self {
            begun_settled: delivery.settled,
            delivery,
            complete: false,
            finished,
            settled_apart: false,
            frames: 0,
            size: 0,
            gathered: Vec::new(),
            payload_size: 0,
            noted: None,
            charged: 0,
        }
    }

    /// Adds a chunk, the `last` or not. Small ones are gathered.
    #[inline(always)]
    pub(super) fn push(&mut self, chunk: Bytes, last: bool) {
        if self.gathered.is_empty() && (last || chunk.len() >= BY_REFERENCE) {
            self.push_chunk(chunk);
        } else {
            self.gather(chunk, last);
        }
    }

    #[cold]
    fn gather(&mut self, chunk: Bytes, last: bool) {
        let is_small = chunk.len() < BY_REFERENCE;
        if is_small {
            self.gathered.extend_from_slice(&chunk);
        }
        if last || !is_small || self.gathered.len() >= MAX_GATHERED {
            let mut gathered = core::mem::take(&mut self.gathered);
            gathered.shrink_to_fit();
            self.payload_size = self.payload_size.wrapping_add(gathered.len()).wrapping_add(CHUNK_SIZE);
            self.delivery.payload.push_copy(gathered.into());
        }
        if !is_small {
            self.push_chunk(chunk);
        }
    }

    fn push_chunk(&mut self, chunk: Bytes) {
        self.payload_size = self.payload_size.wrapping_add(chunk.len()).wrapping_add(CHUNK_SIZE);
        self.delivery.payload.push(chunk);
    }

    /// True if a settlement of the deliveries in `first..=last` finishes it. Of several it is none if it has been settled
    /// from its begin: its sender does not send it again.
    pub(super) fn is_finished_by(&self, first: DeliveryId, last: DeliveryId) -> bool {
        let id = self.delivery.id;
        !self.finished && (first..=last).contains(&id) && (first == last || !self.begun_settled)
    }

    /// Frees payload and state: the application has given the delivery its outcome.
    pub(super) fn finish(&mut self) {
        self.finished = true;
        self.delivery.payload = Payload::new();
        (self.gathered, self.payload_size) = (Vec::new(), 0);
        self.drop_state();
    }

    /// Notes a state in a transfer. A terminal one is the sender's last (2.7.5).
    #[cold]
    pub(super) fn note(&mut self, state: &DeliveryState) {
        if self.noted.as_ref().is_some_and(|noted| noted.is_terminal) {
            return;
        }
        self.drop_state();
        let (transaction, is_terminal) = (transaction(state).copied(), state.is_terminal());
        let encoded = Encoded::new(&to_vec(state));
        self.payload_size = self.payload_size.saturating_add(encoded.len());
        self.noted = Some(Box::new(NotedState { transaction, is_terminal, encoded: Some(encoded) }));
    }

    /// True if the sender has noted a state.
    #[inline]
    pub(super) fn has_state(&self) -> bool {
        self.noted.is_some()
    }

    /// Returns the sender's state, unless it has been dropped. `limits` are those that it was decoded with.
    #[cold]
    pub(super) fn state(&self, limits: DecodeLimits) -> Option<DeliveryState> {
        self.noted.as_ref()?.encoded.as_ref()?.decode(limits)
    }

    /// Frees the state, which has been handed over. What later transfers are held to stays.
    pub(super) fn drop_state(&mut self) {
        let encoded = self.noted.as_mut().and_then(|noted| noted.encoded.take());
        self.payload_size = self.payload_size.saturating_sub(encoded.map_or(0, |encoded| encoded.len()));
    }

    /// Returns the transaction that the delivery is part of.
    pub(super) fn transaction(&self) -> Option<&TransactionId> {
        self.noted.as_ref()?.transaction.as_ref()
    }

    /// Returns the bytes of the heap that the delivery takes up.
    #[inline]
    pub(super) fn heap_size(&self) -> usize {
        size_of::<Self>().wrapping_add(self.payload_size).wrapping_add(self.gathered.capacity())
    }
}

/// Returns the transaction that a delivery with this state is part of (4.5.6).
pub(super) fn transaction(state: &DeliveryState) -> Option<&TransactionId> {
    match state {
        DeliveryState::TransactionalState(state) => Some(&state.txn_id),
        _ => None,
    }
}

/// How a delivery stands after another of its frames.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) complete: bool,
    /// The application has finished the delivery.
    pub(crate) finished: bool,
    /// The sender has settled the delivery.
    pub(crate) settled: bool,
    /// The bytes that the delivery took up before the frame, and those that it does now.
    pub(crate) earlier: usize,
    pub(crate) held: usize,
}

/// Bytes of a streamed delivery that the application reads.
#[derive(Debug)]
pub(crate) struct ReadChunk {
    pub(crate) bytes: Option<Bytes>,
    /// Frames that leave the session's window.
    pub(crate) frames: u32,
    /// The bytes that the delivery took up before, and those that it does now.
    pub(crate) earlier: usize,
    pub(crate) held: usize,
}

/// The resources of deliveries that the application has finished before their end.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    /// Frames of the session's window.
    pub(crate) frames: u32,
    /// The bytes that the session has been charged.
    pub(crate) bytes: usize,
    /// The sender has settled the last of them.
    pub(crate) settled: bool,
}
