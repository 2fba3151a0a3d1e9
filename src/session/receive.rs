//! The router of a session: the only place where one of its frames meets its handler.

use super::{SessionEnd, SessionEndpoint};
use crate::{
    codec::{Decode, Decoder, from_slice},
    context::Context,
    error::ProtocolError,
    frame::{FrameHeader, Input},
    spec::{
        delivery_state::DeliveryState,
        kind::{Kind, check_body},
        performatives::{AttachRef, Detach, Disposition, Transfer},
        transfer_fast_path::{decode_part, decode_whole},
    },
    types::HeapSize,
};

impl SessionEndpoint {
    /// Removes a frame from the input and handles it. The session is open.
    ///
    /// # Errors
    /// A fault that ends the connection. One that ends a link or the session is dealt with here.
    #[inline(always)]
    pub(crate) fn receive(
        &mut self,
        kind: Kind,
        header: FrameHeader,
        input: &mut impl Input,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let handled = match kind {
            Kind::Transfer => self.receive_transfer(header, input, cx),
            _ => self.receive_other(kind, header, input, cx),
        };
        match handled {
            Ok(()) => Ok(()),
            Err(error) => self.contain(error, cx),
        }
    }

    #[inline(always)]
    fn receive_transfer(
        &mut self,
        header: FrameHeader,
        input: &mut impl Input,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let chunk = input.chunk();
        // Of a frame in several chunks, as far as the first goes.
        let body = chunk.get(header.body..header.size.min(chunk.len())).unwrap_or_default();
        if let Some((whole, size)) = decode_whole(body) {
            let payload = input.take_behind(header.body.saturating_add(size), header.size);
            return self.on_whole_delivery(&whole, payload, cx);
        }
        self.receive_part(header, input, cx)
    }

    /// Handles a transfer that is not a whole delivery.
    #[inline(never)]
    fn receive_part(
        &mut self,
        header: FrameHeader,
        input: &mut impl Input,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let chunk = input.chunk();
        let body = chunk.get(header.body..header.size.min(chunk.len())).unwrap_or_default();
        if let Some((mut transfer, size)) = decode_part(body) {
            let payload = input.take_behind(header.body.saturating_add(size), header.size);
            return self.on_transfer(&mut transfer, payload, cx);
        }
        let body = input.take_behind(header.body, header.size);
        let mut decoder = Decoder::new(&body, cx.config.limits.decode.for_held(body.len()));
        let mut transfer = Transfer::decode(&mut decoder)?;
        let payload = decoder.take_rest();
        self.on_transfer(&mut transfer, payload, cx)
    }

    fn receive_other(
        &mut self,
        kind: Kind,
        header: FrameHeader,
        input: &mut impl Input,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        // Decoded in place; what is kept of it is copied.
        input.gather(header.size);
        let body = input.chunk().get(header.body..header.size).unwrap_or_default();
        let handled = self.receive_body(kind, body, cx);
        input.skip(header.size);
        handled
    }

    fn receive_body(&mut self, kind: Kind, body: &[u8], cx: &mut Context) -> Result<(), ProtocolError> {
        let limits = cx.config.limits.decode;
        match kind {
            Kind::Disposition => self.receive_disposition(body, cx),
            Kind::Flow => self.on_flow(&from_slice(body, limits)?, cx),
            Kind::Attach => {
                let attach = AttachRef::check(body, limits)?;
                cx.answering(|cx| self.on_attach(&attach, body, cx))
            }
            Kind::Detach => {
                let detach: Detach = from_slice(body, limits.for_held(body.len()))?;
                cx.answering(|cx| match detach.error {
                    Some(_) => self.on_detach_with_error(detach, cx),
                    None => self.on_detach(detach, cx),
                })
            }
            _ => Ok(check_body(body, limits)?),
        }
    }

    #[inline(never)]
    fn receive_disposition(&mut self, body: &[u8], cx: &mut Context) -> Result<(), ProtocolError> {
        let disposition: Disposition = from_slice(body, cx.config.limits.decode.for_held(body.len()))?;
        let events = cx.events.len();
        let handled = self.on_disposition(&disposition, cx);
        match disposition.state {
            None | Some(DeliveryState::Accepted(_) | DeliveryState::Released(_)) => handled,
            Some(state) => handled.and(self.charge_details(&state, events, cx)),
        }
    }

    #[cold]
    fn on_detach_with_error(&mut self, detach: Detach, cx: &mut Context) -> Result<(), ProtocolError> {
        let (events, details) = (cx.events.len(), detach.error.heap_size());
        let handled = self.on_detach(detach, cx);
        cx.charge_event(events, details);
        handled
    }

    /// Charges a state that takes up memory: in the events since there were `events`, and with its deliveries.
    #[cold]
    fn charge_details(
        &mut self,
        state: &DeliveryState,
        events: usize,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        cx.charge_event(events, state.heap_size());
        self.charge(cx)
    }

    /// Handles the rest of a disposition.
    #[cold]
    pub(crate) fn receive_rest(
        &mut self,
        disposition: &Disposition,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let events = cx.events.len();
        let handled = self.on_disposition(disposition, cx);
        cx.charge_event(events, disposition.state.as_ref().map_or(0, HeapSize::heap_size));
        // Answers are not gathered for all of it.
        self.write_dispositions(cx);
        self.schedule(cx);
        match handled {
            Ok(()) => Ok(()),
            Err(error) => self.contain(error, cx),
        }
    }

    /// Ends the session for an error of its own, and returns one that ends the connection.
    #[cold]
    fn contain(&mut self, error: ProtocolError, cx: &mut Context) -> Result<(), ProtocolError> {
        match error {
            ProtocolError::Session(error) => {
                let _ = cx.answering(|cx| self.end(SessionEnd::Violation(error), cx));
                Ok(())
            }
            other => Err(other),
        }
    }
}
