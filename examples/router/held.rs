//! A delivery inside the router.

use std::{
    collections::VecDeque,
    iter,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use amqp_proto::{
    CommandError, DeliveryId, Event, SendOptions, Sender, frame::Payload,
    spec::delivery_state::DeliveryState, types::DeliveryTag,
};
use bytes::Bytes;

/// Payloads up to this size fit any frame, so that nothing of one that is sent waits.
const SMALL: usize = 256;

/// The number of bytes that are kept for one side, here or by the engine that sends them on.
#[derive(Clone, Default)]
pub struct Tally(Arc<AtomicUsize>);

/// Bytes that count until the last that shares them is dropped.
struct Counted {
    bytes: Bytes,
    tally: Tally,
}

impl Tally {
    pub fn bytes(&self) -> usize {
        self.0.load(Relaxed)
    }

    fn count(&self, bytes: Bytes) -> Bytes {
        self.0.fetch_add(bytes.len(), Relaxed);
        Bytes::from_owner(Counted { bytes, tally: self.clone() })
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.tally.0.fetch_sub(self.bytes.len(), Relaxed);
    }
}

/// A delivery that has arrived and is not sent to its end.
pub struct Held {
    /// Its id at the near end.
    pub id: DeliveryId,
    tag: DeliveryTag,
    payload: Payload,
    /// True once the payload shares no read buffer.
    is_detached: bool,
    options: SendOptions,
    /// True if its sender has settled it with its first transfer.
    pub arrived_settled: bool,
    /// Set for a delivery that is passed on while it arrives.
    pub stream: Option<Stream>,
    /// True if its sender has settled it since it arrived. Then it is settled at the far end when it is sent.
    pub is_settled: bool,
}

#[derive(Default)]
pub struct Stream {
    /// The delivery at the far end, once it has begun.
    pub sent: Option<DeliveryId>,
    /// Chunks that were read, and that the far end does not take yet. They share no read buffer.
    chunks: VecDeque<Bytes>,
    pub is_complete: bool,
    pub is_aborted: bool,
    /// The receiver's state, and whether it has settled. An outcome would end the reading, so it waits.
    pub outcome: Option<(bool, Option<DeliveryState>)>,
}

impl Held {
    /// Returns the delivery of an event: a whole one, or the beginning of one.
    pub fn new(event: Event, tally: &Tally) -> Option<Self> {
        let (id, tag, payload, stream, format, settled, mode, batchable, state) = match event {
            Event::Delivery { delivery: it, .. } => {
                let (format, mode) = (it.message_format, it.rcv_settle_mode);
                (it.id, it.tag, it.payload, None, format, it.settled, mode, it.batchable, it.state)
            }
            Event::DeliveryBegun {
                delivery: id,
                tag,
                message_format,
                settled,
                state,
                rcv_settle_mode,
                batchable,
                ..
            } => {
                let stream = Some(Stream::default());
                (id, tag, Payload::new(), stream, message_format, settled, rcv_settle_mode, batchable, state)
            }
            _ => return None,
        };
        let options = SendOptions::new().settled(settled).message_format(format).rcv_settle_mode(mode);
        let options = options.batchable(batchable);
        // The state of a transfer is an outcome, or names a transaction (4.4.4).
        let options = match state.filter(|state| !matches!(state, DeliveryState::Received(_))) {
            Some(state) => options.state(state),
            None => options,
        };
        let (is_detached, is_settled) = (false, false);
        let payload = if payload.len() > SMALL { counted(&payload, tally) } else { payload };
        Some(Self { id, tag, payload, is_detached, options, arrived_settled: settled, stream, is_settled })
    }

    /// True if it has used credit of the far end already.
    pub fn is_begun(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.sent.is_some())
    }

    /// Has the delivery wait: its payload, which may be small, must not keep the buffer that it was read into.
    pub fn wait(&mut self, tally: &Tally) {
        if !self.is_detached {
            self.payload = counted(&self.payload.detach(), tally);
            self.is_detached = true;
        }
    }

    /// Sends a whole delivery, or begins one that streams. Returns its id at the far end if it has begun now.
    pub fn begin(&mut self, link: &mut Sender<'_>) -> Result<Option<DeliveryId>, CommandError> {
        match &mut self.stream {
            // The payload is shared, not copied.
            None => link.send_with(self.tag, self.payload.clone(), &self.options).map(Some),
            Some(Stream { sent: None, is_aborted: true, .. } | Stream { sent: Some(_), .. }) => Ok(None),
            Some(stream) => {
                stream.sent = Some(link.send_streaming(self.tag, &self.options)?);
                Ok(stream.sent)
            }
        }
    }
}

impl Stream {
    /// Keeps chunks that the far end does not take yet.
    pub fn keep(&mut self, chunks: impl Iterator<Item = Bytes>, tally: &Tally) {
        self.chunks.extend(chunks.map(|chunk| tally.count(Bytes::copy_from_slice(&chunk))));
    }

    /// Writes what can be read, and then the end if it has arrived. Returns true at the end.
    pub fn pass_on(
        &mut self,
        link: &mut Sender<'_>,
        mut read: impl FnMut() -> Option<Bytes>,
        tally: &Tally,
    ) -> Result<bool, CommandError> {
        let Some(sent) = self.sent else { return Ok(true) };
        if self.is_aborted {
            return link.abort(sent).map(|()| true);
        }
        // Reading frees the near end's window (2.5.6). So it is done when the chunk before is on its way.
        loop {
            if let Some(chunk) = self.chunks.front() {
                link.write(sent, chunk.clone())?;
                self.chunks.pop_front();
            } else if let Some(chunk) = read() {
                let chunk = tally.count(chunk);
                if let Err(error) = link.write(sent, chunk.clone()) {
                    // If it waits, it must not keep the buffer that it was read into.
                    self.keep(iter::once(chunk), tally);
                    return Err(error);
                }
            } else {
                break;
            }
        }
        if self.is_complete {
            link.finish(sent)?;
        }
        Ok(self.is_complete)
    }
}

fn counted(payload: &Payload, tally: &Tally) -> Payload {
    payload.chunks().map(|chunk| tally.count(chunk.clone())).collect()
}
