//! Bytes in: headers, frames, and where each frame goes (2.2, 2.3, 2.4.6).

use bytes::{Buf as _, Bytes};

use super::{Connection, Progress};
use crate::{
    codec::{Decode, Decoder, format_code},
    config::{SaslPolicy, Side},
    error::{Failure, Origin, ProtocolError},
    event::Event,
    frame::{FrameHeader, FrameKind, HEADER_SIZE, Input, ProtocolHeader, ProtocolId, peek_header},
    spec::{
        definitions::ErrorCondition,
        performatives::{self, Close, Detach, End, Open, Performative},
    },
    state::{ConnectionState, ConnectionTrigger, SessionState},
    time::Instant,
};

/// What the next bytes are.
enum Expected {
    Header,
    Frames(FrameKind),
    Nothing,
}

impl Connection {
    /// Takes whole frames off the front of what has been read, until there is none or the caller has to drain
    /// something first. What is left stays in the buffer, to be given again with more behind it.
    pub fn handle_input(&mut self, now: Instant, input: &mut impl Input) -> Progress {
        self.tick(now);
        loop {
            if self.take_usual(input) {
                // The most common end of it, said at once.
                if input.remaining() == 0 && self.is_open() && self.cx.has_room() {
                    return Progress::NeedInput;
                }
                continue;
            }
            match self.expected() {
                Expected::Nothing => {
                    input.skip(usize::MAX);
                    return Progress::Closed;
                }
                _ if self.cx.events.len() >= self.cx.limits.events => {
                    return self.stall(Progress::DrainEvents, input);
                }
                _ if self.cx.outbox.len() >= self.cx.limits.outbox => {
                    return self.stall(Progress::DrainOutput, input);
                }
                Expected::Header => {
                    let Some(header) = next_header(input) else { return Progress::NeedInput };
                    self.on_header(header);
                }
                Expected::Frames(kind) => match self.next_frame(kind, input) {
                    Ok(Some((head, frame))) => self.on_frame(kind, head, frame),
                    Ok(None) => return Progress::NeedInput,
                    Err(Stop::Stalled) => return self.stall(Progress::DrainEvents, input),
                    Err(Stop::Broken(error)) => {
                        // No frame can be found behind this: there is nothing more to understand.
                        self.input_closed = true;
                        match kind {
                            FrameKind::Amqp => self.violate(error),
                            FrameKind::Sasl => self.break_sasl(error),
                        }
                    }
                },
            }
        }
    }

    /// 2.4.5: a peer whose frames have to wait for the application is not end_raised.
    fn stall(&mut self, progress: Progress, input: &impl Input) -> Progress {
        if input.remaining() > 0 {
            self.shared.timers.note_frame();
        }
        progress
    }

    fn expected(&self) -> Expected {
        use ConnectionState::{End, HeaderSent, OcPipe, OpenPipe, Start};
        if self.input_closed {
            return Expected::Nothing;
        }
        match self.state {
            End => Expected::Nothing,
            Start | HeaderSent | OpenPipe | OcPipe if self.security.is_speaking() => {
                Expected::Frames(FrameKind::Sasl)
            }
            Start | HeaderSent | OpenPipe | OcPipe => Expected::Header,
            _ => Expected::Frames(FrameKind::Amqp),
        }
    }

    /// Takes the next frame, if all of it is there and there is room to keep it.
    fn next_frame(
        &self,
        kind: FrameKind,
        input: &mut impl Input,
    ) -> Result<Option<(FrameHeader, Bytes)>, Stop> {
        let max = match kind {
            FrameKind::Amqp => self.shared.config.max_frame_size,
            FrameKind::Sasl => self.shared.config.limits.sasl_frame,
        };
        input.gather(HEADER_SIZE);
        let head = peek_header(input.chunk(), max).map_err(|error| Stop::Broken(error.into()))?;
        let Some(head) = head.filter(|head| head.size <= input.remaining()) else {
            return Ok(None);
        };
        input.gather(head.size);
        let body = input.chunk().get(head.body..head.size).unwrap_or_default();
        if !self.has_room(head)
            || (kind == FrameKind::Amqp && is_one_of(body, &LAST) && self.has_deliveries())
        {
            return Err(Stop::Stalled);
        }
        Ok(Some((head, input.take(head.size))))
    }

    /// Whether deliveries have not been told of yet. They are to be had for as long as their link lives, so
    /// the peer's end of it waits until the application has seen them.
    fn has_deliveries(&self) -> bool {
        self.cx
            .events
            .iter()
            .any(|event| matches!(event, Event::Delivery { .. } | Event::DeliveryData { .. }))
    }

    /// Whether a frame can be kept, where it has to wait for an answer of the application's.
    fn has_room(&self, head: FrameHeader) -> bool {
        let limit = self.shared.config.limits.unanswered;
        let fits = |kept: usize| kept == 0 || kept.saturating_add(head.size) <= limit;
        if self.state == ConnectionState::OpenRcvd {
            return fits(self.backlog_bytes);
        }
        self.session_on(head.channel).is_none_or(|session| fits(session.backlog_bytes))
    }

    fn on_header(&mut self, header: Option<ProtocolHeader>) {
        let due = if self.security.wants_header() { ProtocolHeader::SASL } else { ProtocolHeader::AMQP };
        match self.shared.config.side {
            Side::Client if header == Some(due) => {
                if due == ProtocolHeader::AMQP {
                    let _ = self.apply(ConnectionTrigger::RecvHeader);
                } else {
                    self.security.on_header();
                }
            }
            Side::Client => {
                let why = match header {
                    Some(ProtocolHeader::SASL) => "the server asks for a SASL layer".into(),
                    Some(other) => alloc::format!("the server speaks {other}"),
                    None => "the server does not speak AMQP".into(),
                };
                self.mismatch(&why);
            }
            Side::Server => self.on_client_header(header),
        }
    }

    /// 2.2: a server answers with the header asked for, or with one that it accepts and then closes.
    fn on_client_header(&mut self, header: Option<ProtocolHeader>) {
        let offers = self.security.is_wanted();
        let insists = offers && self.shared.config.sasl_policy == SaslPolicy::Required;
        match header {
            Some(ProtocolHeader::SASL) if offers && !self.security.is_done() => self.start_sasl(),
            Some(ProtocolHeader::AMQP) if !insists || self.security.is_done() => {
                let _ = self.apply(ConnectionTrigger::RecvHeader);
                self.cx.outbox.header(ProtocolHeader::AMQP);
                let _ = self.apply(ConnectionTrigger::SendHeader);
                self.security.skip();
            }
            other => {
                let (answer, id) = if insists && !self.security.is_done() {
                    (ProtocolHeader::SASL, ProtocolId::Sasl)
                } else {
                    (ProtocolHeader::AMQP, ProtocolId::Amqp)
                };
                self.cx.outbox.header(answer);
                let why = match other {
                    Some(header) => alloc::format!("the client speaks {header}, not protocol {id:?} 1.0.0"),
                    None => "the client does not speak AMQP".into(),
                };
                self.mismatch(&why);
            }
        }
    }

    fn mismatch(&mut self, why: &str) {
        self.lose(&Failure::new(Origin::Header, ErrorCondition::FramingError, why));
    }

    fn on_frame(&mut self, expected: FrameKind, head: FrameHeader, frame: Bytes) {
        let mut body = frame;
        body.advance(head.body.min(body.len()));
        match expected {
            FrameKind::Sasl => self.on_sasl_frame(head, &body),
            FrameKind::Amqp => {
                self.shared.timers.note_frame();
                if let Err(error) = self.on_amqp_frame(head, &body) {
                    self.violate(error);
                }
            }
        }
    }

    fn on_amqp_frame(&mut self, head: FrameHeader, body: &Bytes) -> Result<(), ProtocolError> {
        if self.state == ConnectionState::Discarding {
            return self.discard(body);
        }
        if head.kind == FrameKind::Sasl {
            return Err(ProtocolError::connection(
                ErrorCondition::NotAllowed,
                "a SASL frame outside the SASL layer",
            ));
        }
        // 2.7.1: an empty frame has to keep to the channels too.
        if head.channel > self.shared.config.channel_max {
            return Err(ProtocolError::connection(
                ErrorCondition::FramingError,
                "a channel beyond channel-max",
            ));
        }
        if body.is_empty() {
            return Ok(());
        }
        self.frame_bytes = head.size;
        // What open says, and what waits for an answer, is kept for long and must not keep a whole read buffer alive.
        let stays = self.has_to_wait(head.channel) || is_one_of(body, &[OPEN]);
        let copied = stays.then(|| Bytes::copy_from_slice(body));
        let body = copied.as_ref().unwrap_or(body);
        if let Some(done) = self.on_direct(head.channel, body) {
            return done;
        }
        let mut reader = Decoder::new(body, self.shared.config.limits.decode);
        let performative = Performative::decode(&mut reader)?;
        let payload = match performative {
            Performative::Transfer(_) => reader.take_rest(),
            // 2.3.2: what else a body has is for the performative to say, and only transfer does.
            Performative::Begin(_) | Performative::Attach(_) => {
                reader.finish()?;
                body.clone()
            }
            _ => {
                reader.finish()?;
                Bytes::new()
            }
        };
        if self.state == ConnectionState::OpenRcvd && !matches!(performative, Performative::Open(_)) {
            self.backlog_bytes = self.backlog_bytes.saturating_add(head.size);
            self.backlog.push_back((head.channel, performative, payload, head.size));
            return Ok(());
        }
        self.route(head.channel, performative, payload)
    }

    /// Whether a frame on this channel of the peer's waits until the application has answered its open or its begin.
    fn has_to_wait(&self, remote: u16) -> bool {
        self.state == ConnectionState::OpenRcvd
            || self.session_on(remote).is_some_and(|session| session.state == SessionState::BeginRcvd)
    }

    /// 2.4.6: after an error of ours everything is discarded, undecoded, but the peer's close.
    fn discard(&mut self, body: &Bytes) -> Result<(), ProtocolError> {
        if performatives::number(body) == Some(Close::CODE) {
            let _ = self.apply(ConnectionTrigger::RecvClose);
            self.shared.timers.stop();
            // Where it was the application that closed with an error, this is what it waits for.
            self.raise_end(None);
        }
        Ok(())
    }

    /// Hands a frame to whom it concerns. `payload` is a transfer's, and of begin and attach the whole body.
    pub(super) fn route(
        &mut self,
        channel: u16,
        performative: Performative,
        payload: Bytes,
    ) -> Result<(), ProtocolError> {
        let illegal = |why| Err(ProtocolError::connection(ErrorCondition::NotAllowed, why));
        let opened = matches!(self.state, ConnectionState::Opened | ConnectionState::CloseSent);
        #[cfg(feature = "testing")]
        self.reached.received.insert(performative.type_name());
        match performative {
            Performative::Open(_) if channel != 0 => illegal("an open on another channel than 0"),
            Performative::Open(open) => self.on_open(open),
            Performative::Close(close) => self.on_close(close),
            // 2.4.7: the first frame is open.
            _ if !opened => illegal("a frame before open"),
            // Nothing can be answered any more, so there is no use in taking it up.
            _ if self.state == ConnectionState::CloseSent => Ok(()),
            Performative::Begin(begin) => self.on_begin(channel, &begin, &payload),
            Performative::End(end) => self.on_end(channel, end),
            other => self.on_session_frame(channel, other, payload),
        }
    }
}

/// Why no frame was taken.
enum Stop {
    /// There is no room to keep it.
    Stalled,
    /// The bytes are no frame.
    Broken(ProtocolError),
}

/// Takes a protocol header: `None` where there is not all of it yet, `Some(None)` where the bytes are none.
fn next_header(input: &mut impl Input) -> Option<Option<ProtocolHeader>> {
    input.gather(ProtocolHeader::SIZE);
    if !ProtocolHeader::may_begin(input.chunk()) {
        return Some(None);
    }
    let bytes = *input.chunk().first_chunk()?;
    input.skip(bytes.len());
    Some(ProtocolHeader::from_bytes(bytes))
}

/// A performative by its descriptors.
type Known = (u64, &'static str);

/// Performatives that end something.
const LAST: [Known; 3] =
    [(Detach::CODE, Detach::SYMBOL), (End::CODE, End::SYMBOL), (Close::CODE, Close::SYMBOL)];

const OPEN: Known = (Open::CODE, Open::SYMBOL);

/// Whether the body of a frame is one of these, in any encoding of its descriptor that is in use.
#[inline]
fn is_one_of(body: &[u8], these: &[Known]) -> bool {
    match body {
        [format_code::DESCRIBED, format_code::SMALLULONG, number, ..]
        | [format_code::DESCRIBED, format_code::ULONG, 0, 0, 0, 0, 0, 0, 0, number, ..] => {
            these.iter().any(|(known, _)| *known == u64::from(*number))
        }
        [format_code::DESCRIBED, format_code::SYM8, _, symbol @ ..]
        | [format_code::DESCRIBED, format_code::SYM32, _, _, _, _, symbol @ ..] => {
            these.iter().any(|(_, known)| symbol.starts_with(known.as_bytes()))
        }
        _ => false,
    }
}
