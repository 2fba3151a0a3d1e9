//! A delivery inside the router.

use amqp_proto::{
    CommandError, Delivery, DeliveryId, SendOptions, Sender, spec::delivery_state::DeliveryState,
};
use bytes::Bytes;

/// A delivery that has arrived and is not sent to its end.
pub struct Held {
    pub delivery: Delivery,
    /// Set for a delivery that is passed on while it arrives.
    pub stream: Option<Stream>,
    /// True if its sender has settled it since it arrived. Then it is settled at the far end when it is sent.
    pub is_settled: bool,
}

#[derive(Default)]
pub struct Stream {
    /// The delivery at the far end, once it has begun.
    pub sent: Option<DeliveryId>,
    /// A chunk that was read, and that the far end does not take yet.
    pub chunk: Option<Bytes>,
    pub is_complete: bool,
    pub is_aborted: bool,
    /// The receiver's state, and whether it has settled. An outcome would end the reading, so it waits.
    pub outcome: Option<(bool, Option<DeliveryState>)>,
}

impl Held {
    /// True if it has used credit of the far end already.
    pub fn is_begun(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.sent.is_some())
    }

    /// Sends a whole delivery, or begins one that streams. Returns its id at the far end if it has begun now.
    pub fn begin(&mut self, link: &mut Sender<'_>) -> Result<Option<DeliveryId>, CommandError> {
        let delivery = &self.delivery;
        let mut options = SendOptions::new()
            .settled(delivery.settled)
            .message_format(delivery.message_format)
            .rcv_settle_mode(delivery.rcv_settle_mode);
        // The state of a transfer is an outcome, or names a transaction (4.4.4).
        if let Some(state) = &delivery.state
            && !matches!(state, DeliveryState::Received(_))
        {
            options = options.state(state.clone());
        }
        match &mut self.stream {
            // The payload is shared, not copied.
            None => link.send_with(delivery.tag, delivery.payload.clone(), &options).map(Some),
            Some(Stream { sent: None, is_aborted: true, .. } | Stream { sent: Some(_), .. }) => Ok(None),
            Some(stream) => {
                stream.sent = Some(link.send_streaming(delivery.tag, &options)?);
                Ok(stream.sent)
            }
        }
    }
}

impl Stream {
    /// Writes what can be read, and then the end if it has arrived. Returns true at the end.
    pub fn pass_on(
        &mut self,
        link: &mut Sender<'_>,
        mut read: impl FnMut() -> Option<Bytes>,
    ) -> Result<bool, CommandError> {
        let Some(sent) = self.sent else { return Ok(true) };
        if self.is_aborted {
            // It is aborted once, so another error than a closed window cannot be.
            return link.abort(sent).map(|()| true);
        }
        // Reading frees the near end's window (2.5.6). So it is done when the chunk before is on its way.
        loop {
            self.chunk = self.chunk.take().or_else(&mut read);
            let Some(chunk) = &self.chunk else { break };
            link.write(sent, chunk.clone())?;
            self.chunk = None;
        }
        if self.is_complete {
            link.finish(sent)?;
        }
        Ok(self.is_complete)
    }
}
