//! Input: frames, and the router of a connection, the only place where one of its frames meets its handler
//! (2.2, 2.3, 2.4.6).

use alloc::format;
use core::ops::Range;

use super::{Connection, NOT_STOPPED, Owed, Progress, end::ConnectionEnd};
use crate::{
    codec::from_slice,
    config::Side,
    context::Context,
    error::ProtocolError,
    event::Event,
    frame::{FrameHeader, FrameKind, HEADER_SIZE, Input, ProtocolHeader, peek_header},
    session::SessionEndpoint,
    spec::{
        definitions::ErrorCondition,
        kind::{Kind, check_body},
        performatives::End,
    },
    state::{ConnectionState, ConnectionTrigger, SessionState},
    time::Instant,
    timer::Timer,
    trace::Direction,
    types::HeapSize,
};

/// The next thing that the peer sends.
pub(super) enum Expected {
    Header,
    Frames(FrameKind),
    /// Nothing, until the caller is done with TLS, or the application has answered a step of the SASL exchange.
    Answer,
    Nothing,
}

/// Why a frame was not handled.
pub(super) enum Stop {
    /// All of it has not arrived.
    Incomplete,
    /// Deliveries must be polled first.
    Unpolled,
    /// There is no room to defer it until the application has answered.
    Unanswered,
    /// The bytes are no frame.
    Malformed(ProtocolError),
}

impl Connection {
    /// Handles the whole frames at the front of what has been read, until none is left or the caller has to drain
    /// something first. It removes what it handles. The rest stays in the buffer for the next call, with more behind it.
    pub fn handle_input(&mut self, now: Instant, input: &mut impl Input) -> Progress {
        let before = if self.cx.account.holds_payloads() {
            Some((input.remaining(), read_block(input)))
        } else {
            self.cx.account.on_copied();
            None
        };
        let progress = self.receive_all(now, input);
        if let Some((before, block)) = before {
            self.check_read_buffers(before.saturating_sub(input.remaining()), block);
        }
        progress
    }

    /// Copies the payloads that are held if they keep too large read buffers alive.
    #[cold]
    fn check_read_buffers(&mut self, bytes: usize, block: Option<Range<usize>>) {
        if bytes == 0 || !self.cx.account.on_input(bytes, block) {
            return;
        }
        let events = self.cx.events.iter().map(|event| match event {
            Event::Delivery { delivery, .. } => delivery.payload.shared_len(),
            _ => 0,
        });
        let shared = events.chain(self.sessions.iter_mut().map(SessionEndpoint::shared_bytes));
        if !self.cx.account.must_copy(shared.fold(0, usize::saturating_add)) {
            return;
        }
        for event in &mut self.cx.events {
            if let Event::Delivery { delivery, .. } = event {
                delivery.payload.detach_shared();
            }
        }
        self.sessions.iter_mut().for_each(SessionEndpoint::copy_parts);
        self.cx.account.on_copied();
    }

    #[inline(always)]
    fn receive_all(&mut self, now: Instant, input: &mut impl Input) -> Progress {
        if self.polled.count > 0 {
            self.report_polled();
        }
        self.cx.timers.advance(now);
        if !self.resumed.is_empty()
            && let Some(progress) = self.resume_deferred()
        {
            return self.pause(progress, input);
        }
        loop {
            let layer = match self.expected() {
                Expected::Nothing => {
                    input.skip(usize::MAX);
                    return Progress::Closed;
                }
                _ if !self.cx.has_room() => match self.make_room() {
                    None => continue,
                    Some(progress) => return self.pause(progress, input),
                },
                _ if self.cx.outbox.has_many_answers() && self.stops_for_answers() => {
                    return Progress::DrainOutput;
                }
                Expected::Frames(layer) => layer,
                Expected::Answer => return self.wait_before_amqp(input.remaining() > 0),
                Expected::Header => {
                    if self.receive_header(input) {
                        continue;
                    }
                    return Progress::NeedInput;
                }
            };
            match self.receive_next(layer, input) {
                Ok(()) => {}
                Err(Stop::Incomplete) => return Progress::NeedInput,
                Err(Stop::Unpolled) => return self.pause(Progress::DrainEvents, input),
                Err(Stop::Unanswered) => return self.pause_for_answer(input),
                Err(Stop::Malformed(error)) => {
                    // The start of the next frame cannot be found.
                    self.input_closed = true;
                    match layer {
                        FrameKind::Amqp => self.violation(error),
                        FrameKind::Sasl => self.on_sasl_violation(error),
                    }
                }
            }
        }
    }

    /// Handles more of a disposition that has raised as many events as one may, or drops bytes that can no longer be read.
    /// If there is neither, or no room for its events yet, returns what input waits for.
    #[cold]
    pub(super) fn make_room(&mut self) -> Option<Progress> {
        if self.cx.drop_unread() {
            return None;
        }
        let Some(postponed) = self.cx.take_postponed() else { return self.wait_for_room() };
        let (channel, rest) = *postponed;
        if let Some((session, cx)) = self.session_on(channel).filter(|(session, _)| session.is_open())
            && let Err(error) = session.receive_rest(&rest, cx)
        {
            self.violation(error);
        }
        None
    }

    /// Returns what makes room for more input. `None` if unread bytes have made some that can no longer be read.
    fn wait_for_room(&mut self) -> Option<Progress> {
        if !self.cx.events.is_empty() || !self.cx.account.waits_for_reading() {
            return Some(Progress::DrainEvents);
        }
        let (is_open, cx) = (self.is_open(), &mut self.cx);
        let unread = self.sessions.iter_mut().find_map(|session| session.first_to_read(is_open, cx));
        match unread {
            Some(receiver) => Some(Progress::Answer(Owed::Read(receiver))),
            None if self.cx.account.waits_for_reading() => Some(Progress::DrainEvents),
            None => None,
        }
    }

    /// Stops handling input. A peer whose frames wait for the application is not silent (2.4.5).
    #[cold]
    fn pause(&mut self, progress: Progress, input: &impl Input) -> Progress {
        if input.remaining() > 0 {
            self.keepalive.on_input(self.cx.timers.now());
        }
        progress
    }

    /// As [`pause`](Self::pause), for an answer. Its request may be among the events that wait.
    #[cold]
    fn pause_for_answer(&mut self, input: &mut impl Input) -> Progress {
        let header = next_frame(self.cx.config.max_frame_size, input).ok();
        let owed = header.and_then(|header| self.owed(header.channel, kind_of(header, input)));
        let progress = match owed {
            Some(owed) if self.cx.events.is_empty() => Progress::Answer(owed),
            _ => Progress::DrainEvents,
        };
        self.pause(progress, input)
    }

    /// Returns true if input stops until the peer has read some answers. Unlike [`pause`](Self::pause), this is the peer's
    /// doing: only what it reads is a sign of life.
    #[cold]
    pub(super) fn stops_for_answers(&mut self) -> bool {
        if self.discards_output() {
            return false;
        }
        let max = u64::try_from(self.cx.config.limits.max_reply_bytes).unwrap_or(u64::MAX);
        let unread = self.cx.outbox.unread_answers();
        let stops = unread.is_some_and(|unread| unread > max) && !self.cx.close_sent;
        let has_read = self.has_read_since_stop();
        if has_read || self.stopped_at == NOT_STOPPED {
            self.cx.timers.cancel(Timer::UnreadReplies);
            if stops {
                self.cx.timers.set(Timer::UnreadReplies, self.cx.config.timeouts.unread_replies);
            }
            let now = self.cx.timers.now();
            self.cx.timers.advance(now);
            if has_read {
                self.keepalive.on_input(now);
            }
        }
        self.stopped_at = if stops { self.cx.outbox.removed() } else { NOT_STOPPED };
        stops
    }

    /// True if the peer has read something since input stopped for answers that it had not read.
    pub(super) fn has_read_since_stop(&self) -> bool {
        self.stopped_at < self.cx.outbox.removed()
    }

    #[inline]
    pub(super) fn expected(&self) -> Expected {
        use ConnectionState::{End, HeaderRcvd, HeaderSent, OcPipe, OpenPipe, Start};
        if self.input_closed {
            return Expected::Nothing;
        }
        match self.state {
            End => Expected::Nothing,
            Start | HeaderRcvd | HeaderSent | OpenPipe | OcPipe => self.expected_before_amqp(),
            _ => Expected::Frames(FrameKind::Amqp),
        }
    }

    /// Returns the next thing that the peer sends before its AMQP header has arrived.
    #[cold]
    fn expected_before_amqp(&self) -> Expected {
        if self.is_in_tls_handshake() || self.sasl.is_pending() || self.owes_its_open() {
            Expected::Answer
        } else if self.state == ConnectionState::HeaderRcvd {
            Expected::Frames(FrameKind::Amqp)
        } else if self.sasl.expects_frame() {
            Expected::Frames(FrameKind::Sasl)
        } else {
            Expected::Header
        }
    }

    /// True if a client has to be opened before more is read. A server may send ahead all that it can.
    fn owes_its_open(&self) -> bool {
        let takes_header = self.state == ConnectionState::Start && !self.has_sasl();
        self.cx.config.side == Side::Client && self.is_unopened() && !takes_header
    }

    /// Handles the peer's protocol header. Returns false if it has not arrived in full.
    #[cold]
    fn receive_header(&mut self, input: &mut impl Input) -> bool {
        let header = next_header(input);
        self.header_begun = header.is_none() && input.remaining() > 0;
        match header {
            Some(header) => {
                if let Some(header) = header {
                    self.cx.trace.header(Direction::Received, header);
                }
                self.on_header(header);
            }
            None => return false,
        }
        true
    }

    /// Stops before AMQP has begun, for the caller's TLS or the application's answer.
    #[cold]
    fn wait_before_amqp(&self, has_input: bool) -> Progress {
        if self.is_in_tls_handshake() {
            // 5.2: what follows the header belongs to TLS, whether it has arrived or not.
            Progress::StartTls
        } else if !has_input {
            Progress::NeedInput
        } else if self.owes_its_open() {
            Progress::Answer(Owed::Open)
        } else if self.cx.events.is_empty() {
            // 5.3.2: it is our turn. What the client sends ahead is judged when we have had it.
            Progress::Answer(Owed::Sasl)
        } else {
            Progress::DrainEvents
        }
    }

    /// Handles the next frame, and the frames of the same open session that follow it.
    #[inline(always)]
    fn receive_next(&mut self, layer: FrameKind, input: &mut impl Input) -> Result<(), Stop> {
        if layer == FrameKind::Sasl {
            let header = next_frame(self.cx.config.limits.max_sasl_frame_size, input)?;
            self.cx.trace.received(header, input);
            let body = input.take_behind(header.body, header.size);
            self.on_sasl_frame(header, &body);
            return Ok(());
        }
        let header = next_frame(self.cx.config.max_frame_size, input)?;
        let kind = kind_of(header, input);
        // An end takes away deliveries and requests that the application could still answer, so they are polled first.
        if kind.is_ending() && self.cx.has_unpolled_answerable() && self.owed(header.channel, kind).is_none()
        {
            return Err(Stop::Unpolled);
        }
        self.keepalive.on_input(self.cx.timers.now());
        let received = match self.receive_in_session(header, kind, input) {
            Some(received) => received,
            None => {
                let owed = self.owed(header.channel, kind).is_some();
                if owed && !self.can_defer(header) {
                    return Err(Stop::Unanswered);
                }
                // Decoded in place; what is kept of it is copied.
                input.gather(header.size);
                let frame = input.chunk().get(..header.size).unwrap_or_default();
                let received = self.receive_answering(header, (kind, owed), frame);
                input.skip(header.size);
                received
            }
        };
        if let Err(error) = received {
            self.on_faulty_frame(error, header, kind);
        }
        Ok(())
    }

    /// Ends the connection for a frame. If that is a close, no other is waited for.
    #[cold]
    pub(super) fn on_faulty_frame(&mut self, error: ProtocolError, header: FrameHeader, kind: Kind) {
        self.violation(error);
        if kind == Kind::Close && header.kind == FrameKind::Amqp && self.apply(ConnectionTrigger::RecvClose) {
            self.end(ConnectionEnd::PeerClose(None));
        }
    }

    /// Hands a frame to its session if that is open, with the frames of the session that follow it. Returns `None` and
    /// leaves the input alone otherwise.
    #[inline(always)]
    pub(super) fn receive_in_session(
        &mut self,
        header: FrameHeader,
        kind: Kind,
        input: &mut impl Input,
    ) -> Option<Result<(), ProtocolError>> {
        let is_routable = self.is_open() && kind.is_for_session() && header.kind == FrameKind::Amqp;
        let channel = self.local_channel(header.channel).filter(|_| is_routable)?;
        let (session, cx) = self.session_on(channel).filter(|(session, _)| session.is_open())?;
        let received = receive_run(session, (header, kind), input, cx);
        session.schedule(cx);
        Some(received)
    }

    /// Handles a frame as [`receive_own`](Self::receive_own) does, and counts what answers it.
    pub(super) fn receive_answering(
        &mut self,
        header: FrameHeader,
        kind: (Kind, bool),
        frame: &[u8],
    ) -> Result<(), ProtocolError> {
        self.cx.trace.received_frame(header, frame);
        let before = (self.cx.outbox.len(), self.cx.outbox.counted_updates());
        let received = self.receive_own(header, kind, frame);
        self.cx.count_answers(before);
        received
    }

    /// Handles a frame of the connection's own, or of a session that is not open; `owed` if it waits for an answer.
    fn receive_own(
        &mut self,
        header: FrameHeader,
        (kind, owed): (Kind, bool),
        frame: &[u8],
    ) -> Result<(), ProtocolError> {
        let body = frame.get(header.body..).unwrap_or_default();
        if self.state == ConnectionState::Discarding {
            // 2.4.6: after an error of ours everything but the peer's close is discarded, undecoded.
            if kind == Kind::Close && self.apply(ConnectionTrigger::RecvClose) {
                self.end(ConnectionEnd::PeerClose(None));
            }
            return Ok(());
        }
        if header.kind == FrameKind::Sasl {
            return not_allowed("a SASL frame outside the SASL layer (5.3.1)");
        }
        // 2.7.1: an empty frame has to keep to the channels too.
        if header.channel > self.cx.config.channel_max {
            return self.refuse_channel(&header, kind);
        }
        if body.is_empty() {
            return Ok(());
        }
        let limits = self.cx.config.limits.decode;
        if owed {
            check_body(body, limits)?;
            self.defer(header.channel, frame, kind == Kind::End);
            return Ok(());
        }
        #[cfg(feature = "testing")]
        self.cx.reached.received.insert(kind.name());
        match kind {
            Kind::Open => {
                let open = from_slice(body, limits.for_held(body.len()))?;
                if header.channel != 0 {
                    return open_on(header.channel);
                }
                self.on_open(open)
            }
            Kind::Close => match from_slice(body, limits.for_held(body.len())) {
                Ok(close) => self.on_close(close),
                Err(error) => self.on_faulty_close(error.into()),
            },
            Kind::Begin if self.is_open() => self.on_begin(header.channel, &from_slice(body, limits)?, body),
            Kind::End if self.is_open() => {
                let end: End = from_slice(body, limits.for_held(body.len()))?;
                let (events, details) = (self.cx.events.len(), end.error.heap_size());
                let handled = self.on_end(header.channel, end);
                if details > 0 {
                    self.cx.charge_event(events, details);
                }
                handled
            }
            _ => {
                check_body(body, limits)?;
                match self.state {
                    ConnectionState::Opened if self.is_behind_end(header.channel, kind) => Ok(()),
                    // 2.5.4, 2.5.5: a session that is not open any more answers nothing.
                    ConnectionState::Opened => self.mapped_channel(header.channel).map(drop),
                    // Nothing can be answered after close.
                    ConnectionState::CloseSent => Ok(()),
                    // 2.4.7: the first frame is open.
                    _ => self.refuse_before_open(kind),
                }
            }
        }
    }

    /// True if the frame is a detach that may come without a session.
    fn is_behind_end(&self, channel: u16, kind: Kind) -> bool {
        kind == Kind::Detach
            && self.cx.config.tolerance.detaches_behind_end
            && self.local_channel(channel).is_none()
    }

    #[cold]
    #[inline(never)]
    fn refuse_before_open(&self, kind: Kind) -> Result<(), ProtocolError> {
        let (name, state) = (kind.name(), self.state.name());
        not_allowed(&format!("open is due, not {name}: the connection is {state} (2.4.7)"))
    }

    #[cold]
    #[inline(never)]
    fn refuse_channel(&mut self, header: &FrameHeader, kind: Kind) -> Result<(), ProtocolError> {
        let (channel, max) = (header.channel, self.cx.config.channel_max);
        let why = format!("channel {channel} is above our channel-max of {max} (2.7.1)");
        let error = ProtocolError::connection(ErrorCondition::FramingError, &why);
        if kind == Kind::Close { self.on_faulty_close(error) } else { Err(error) }
    }

    /// Returns the answer that a frame has to wait for: to the peer's open, or to the begin on its channel.
    #[inline]
    pub(super) fn owed(&self, remote: u16, kind: Kind) -> Option<Owed> {
        match self.state {
            ConnectionState::OpenRcvd if kind != Kind::Open => Some(Owed::Open),
            ConnectionState::Opened if kind.is_for_session() || kind == Kind::End || kind == Kind::Begin => {
                self.local_channel(remote)
                    .and_then(|channel| self.sessions.get(channel))
                    .filter(|session| session.state == SessionState::BeginRcvd)
                    .filter(|session| kind != Kind::Begin || session.has_deferred_end())
                    .map(|session| Owed::Begin(session.id))
            }
            _ => None,
        }
    }

    /// Returns what a frame has to wait for that was deferred before.
    pub(super) fn must_wait(&mut self, header: FrameHeader, kind: Kind) -> Option<Progress> {
        let owed = self.owed(header.channel, kind);
        // 2.5.2: behind an end, the channel is free for another begin. All that followed would be deferred once more each time.
        let is_behind_end = kind == Kind::Begin && self.state == ConnectionState::Opened;
        if owed.is_some() && (is_behind_end || !self.can_defer(header)) {
            return owed
                .map(Progress::Answer)
                .filter(|_| self.cx.events.is_empty())
                .or(Some(Progress::DrainEvents));
        }
        while !self.cx.has_room() {
            if let Some(progress) = self.make_room() {
                return Some(progress);
            }
        }
        if kind.is_ending() && self.cx.has_unpolled_answerable() && owed.is_none() {
            return Some(Progress::DrainEvents);
        }
        (self.cx.outbox.has_many_answers() && self.stops_for_answers()).then_some(Progress::DrainOutput)
    }
}

/// Handles frames of an open session, as long as the next is one of its own and there is room for what it causes.
#[inline(never)]
fn receive_run(
    session: &mut SessionEndpoint,
    (mut header, mut kind): (FrameHeader, Kind),
    input: &mut impl Input,
    cx: &mut Context,
) -> Result<(), ProtocolError> {
    let (max, channel) = (cx.config.max_frame_size, header.channel);
    loop {
        #[cfg(feature = "testing")]
        cx.reached.received.insert(kind.name());
        cx.trace.received(header, input);
        session.receive(kind, header, input, cx)?;
        if !session.is_open() || !cx.has_room() {
            return Ok(());
        }
        let Ok(next) = next_frame(max, input) else { return Ok(()) };
        if next.channel != channel || next.kind != FrameKind::Amqp {
            return Ok(());
        }
        (header, kind) = (next, kind_of(next, input));
        // A detach may have to wait for deliveries to be polled.
        if !kind.is_for_session() || kind == Kind::Detach {
            return Ok(());
        }
    }
}

/// Returns the addresses of the block that is read into, from the front of the input on, if they are known.
#[inline]
fn read_block(input: &impl Input) -> Option<Range<usize>> {
    let start = input.chunk().as_ptr().addr();
    input.block_size().map(|size| start..start.saturating_add(size))
}

/// Returns the header of the next frame if all of it has arrived.
#[inline(always)]
pub(super) fn next_frame(max: u32, input: &mut impl Input) -> Result<FrameHeader, Stop> {
    match peek_header(input.chunk(), max) {
        Ok(Some(header)) if header.size <= input.remaining() => Ok(header),
        Ok(None) if input.remaining() > input.chunk().len() => next_frame_across_chunks(max, input),
        Ok(_) => Err(Stop::Incomplete),
        Err(error) => Err(Stop::Malformed(error.into())),
    }
}

#[cold]
fn next_frame_across_chunks(max: u32, input: &mut impl Input) -> Result<FrameHeader, Stop> {
    input.gather(HEADER_SIZE);
    match peek_header(input.chunk(), max) {
        Ok(Some(header)) if header.size <= input.remaining() => Ok(header),
        Ok(_) => Err(Stop::Incomplete),
        Err(error) => Err(Stop::Malformed(error.into())),
    }
}

/// Returns the kind of a frame, all of which has arrived.
#[inline(always)]
pub(super) fn kind_of(header: FrameHeader, input: &mut impl Input) -> Kind {
    let chunk = input.chunk();
    // Of a frame in several chunks, as far as the first goes.
    let body = chunk.get(header.body..header.size.min(chunk.len()));
    match body.and_then(Kind::peek) {
        Some(kind) => kind,
        None => kind_uncommon(header, input),
    }
}

#[cold]
fn kind_uncommon(header: FrameHeader, input: &mut impl Input) -> Kind {
    input.gather(header.size);
    Kind::of(input.chunk().get(header.body..header.size).unwrap_or_default())
}

#[cold]
#[inline(never)]
fn open_on(channel: u16) -> Result<(), ProtocolError> {
    not_allowed(&format!("open on channel {channel}, not on 0 (2.4.1)"))
}

pub(super) fn not_allowed<T>(why: &str) -> Result<T, ProtocolError> {
    Err(ProtocolError::connection(ErrorCondition::NotAllowed, why))
}

/// Removes a protocol header from the input: `None` if all of it has not arrived, `Some(None)` if the bytes are none.
fn next_header(input: &mut impl Input) -> Option<Option<ProtocolHeader>> {
    input.gather(ProtocolHeader::SIZE);
    if !ProtocolHeader::may_begin(input.chunk()) {
        return Some(None);
    }
    let bytes = *input.chunk().first_chunk()?;
    input.skip(bytes.len());
    Some(ProtocolHeader::from_bytes(bytes))
}
