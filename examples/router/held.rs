//! A delivery inside the router.

use std::{collections::VecDeque, iter};

use amqp_proto::{
    CommandError, Connection, DeliveryId, Event, SendOptions, Sender, SenderId, frame::Payload,
    spec::delivery_state::DeliveryState, types::DeliveryTag,
};
use bytes::Bytes;

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
    /// Their bytes.
    kept: usize,
    /// The bytes of the chunk that was written last, if it may not be in frames yet. One for each link can wait so.
    unframed: usize,
    pub is_complete: bool,
    pub is_aborted: bool,
    /// The receiver's state, and whether it has settled. An outcome would end the reading, so it waits.
    pub outcome: Option<(bool, Option<DeliveryState>)>,
}

impl Held {
    /// Returns the delivery of an event: a whole one, or the beginning of one.
    pub fn new(event: Event) -> Option<Self> {
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
        Some(Self { id, tag, payload, is_detached, options, arrived_settled: settled, stream, is_settled })
    }

    /// True if it has used credit of the far end already.
    pub fn is_begun(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.sent.is_some())
    }

    /// Returns the number of bytes that are held.
    pub fn kept(&self) -> usize {
        self.payload.len() + self.stream.as_ref().map_or(0, |stream| stream.kept + stream.unframed)
    }

    /// Has the delivery wait: its payload, which may be small, must not keep the buffer that it was read into.
    pub fn wait(&mut self) {
        if !self.is_detached {
            self.payload = self.payload.detach();
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
    pub fn keep(&mut self, chunks: impl Iterator<Item = Bytes>) {
        for chunk in chunks {
            self.kept += chunk.len();
            self.chunks.push_back(Bytes::copy_from_slice(&chunk));
        }
    }

    /// Writes what can be read, and then the end if it has arrived. Returns true at the end.
    pub fn pass_on(
        &mut self,
        far: &mut Connection,
        sender: SenderId,
        mut read: impl FnMut() -> Option<Bytes>,
    ) -> Result<bool, CommandError> {
        let Some(sent) = self.sent else { return Ok(true) };
        if self.is_aborted {
            return far.sender(sender)?.abort(sent).map(|()| true);
        }
        // Reading frees the near end's window (2.5.6). So it is done when the chunk before is on its way.
        loop {
            if let Some(chunk) = self.chunks.front().cloned() {
                self.write(far, sender, sent, chunk)?;
                self.kept -= self.chunks.pop_front().map_or(0, |chunk| chunk.len());
            } else if let Some(chunk) = read() {
                // If it waits, it must not keep the buffer that it was read into.
                let waits = !takes_more(far, sender);
                let chunk = if waits { Bytes::copy_from_slice(&chunk) } else { chunk };
                if let Err(error) = self.write(far, sender, sent, chunk.clone()) {
                    self.keep(iter::once(chunk));
                    return Err(error);
                }
            } else {
                break;
            }
        }
        if self.is_complete {
            // Fails while the chunk before waits, and `SENDER_READY` follows.
            self.write(far, sender, sent, Bytes::new())?;
            far.sender(sender)?.finish(sent)?;
        }
        Ok(self.is_complete)
    }

    fn write(
        &mut self,
        far: &mut Connection,
        sender: SenderId,
        sent: DeliveryId,
        chunk: Bytes,
    ) -> Result<(), CommandError> {
        let size = chunk.len();
        far.sender(sender)?.write(sent, chunk)?;
        self.unframed = if takes_more(far, sender) { 0 } else { size };
        Ok(())
    }
}

/// The output that may wait before chunks do: as much as the engine puts in frames ahead.
const MOST_OUTPUT: usize = 1 << 20;

/// True if a connection puts a chunk of this link into frames at once.
fn takes_more(connection: &Connection, sender: SenderId) -> bool {
    let session = connection.sender_ref(sender).and_then(|link| connection.session_ref(link.session()));
    session.is_ok_and(|session| session.remote_incoming_window() > 0) && connection.outbox_len() < MOST_OUTPUT
}
