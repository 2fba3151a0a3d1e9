//! The observer: both directions of a connection in, observations out.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::time::Duration;

use bytes::Bytes;

use super::{
    connection::Connection,
    finding::{Finding, Rule, Stall, StallKind, Violation},
    link::Broken,
    seen::{Both, Counts, FrameSeen, LinkView, Observation, SaslSeen, Seen, SessionView, other},
    session::Found,
    settings::{ObserverLimits, Thresholds},
    stream::{Content, Part, Stream},
    waits::{Wait, WaitKey, Waits},
};
use crate::{
    Instant, Side,
    codec::{Decode as _, DecodeError, Decoder},
    frame::{FrameHeader, FrameKind, ProtocolHeader},
    spec::{performatives::Performative, sasl::SaslFrame},
    state::ConnectionState,
};

/// Watches one connection from between its ends. See the [module](super).
///
/// It keeps, within [`ObserverLimits`], the part of a frame that has arrived in each direction, and the state of
/// sessions, links and unsettled deliveries. It keeps no message and no secret. No bytes make it panic.
#[derive(Debug)]
pub struct Observer {
    limits: ObserverLimits,
    thresholds: Thresholds,
    now: Instant,
    streams: Both<Stream>,
    counts: Both<Counts>,
    connection: Connection,
    waits: Waits,
}

/// The moment of an observation, and its place in a stream.
#[derive(Clone, Copy)]
struct Place {
    at: Instant,
    from: Side,
    offset: u64,
    size: u32,
}

impl Default for Observer {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer {
    /// Creates an observer with the default limits and thresholds.
    pub fn new() -> Self {
        Self::with(ObserverLimits::default(), Thresholds::default())
    }

    /// Creates an observer with these limits and thresholds.
    pub fn with(limits: ObserverLimits, thresholds: Thresholds) -> Self {
        Self {
            limits,
            thresholds,
            now: Instant::default(),
            streams: Both { client: Stream::new(), server: Stream::new() },
            counts: Both::default(),
            connection: Connection::new(),
            waits: Waits::default(),
        }
    }

    /// Takes bytes that an end has sent, and passes on what is in them.
    ///
    /// A frame is seen once its last byte has arrived, with the time of that. Stalls up to `now` come first. A time
    /// earlier than the last one counts as the last.
    pub fn observe(&mut self, from: Side, now: Instant, bytes: &[u8], mut sink: impl FnMut(Observation)) {
        let sink: &mut dyn FnMut(Observation) = &mut sink;
        self.find_stalls(now, sink);
        self.streams.get_mut(from).push(bytes);
        let counts = self.counts.get_mut(from);
        counts.bytes = counts.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        while let Some(part) = self.streams.get_mut(from).next(self.limits.max_frame_bytes) {
            self.on_part(from, part, sink);
        }
    }

    /// Passes on the stalls up to `now`. Call it at [`poll_timeout`](Self::poll_timeout), or with each read.
    pub fn advance(&mut self, now: Instant, mut sink: impl FnMut(Observation)) {
        self.find_stalls(now, &mut sink);
    }

    /// Returns the time at which the next wait becomes a stall.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.waits.next_due()
    }

    /// Ends the observation: passes on the length of every stall that is not over.
    pub fn finish(&mut self, now: Instant, mut sink: impl FnMut(Observation)) {
        self.find_stalls(now, &mut sink);
        self.waits.end_every();
        self.report_over(&mut sink);
    }

    /// Returns the numbers of bytes and frames that an end has sent.
    pub fn counts(&self, side: Side) -> Counts {
        *self.counts.get(side)
    }

    /// Returns the state of an end's connection once all frames have arrived.
    pub fn connection_state(&self, side: Side) -> ConnectionState {
        self.connection.machines.get(side).latest()
    }

    /// Returns the sessions that are not over.
    pub fn sessions(&self) -> impl Iterator<Item = SessionView> {
        self.connection.sessions.values().map(|session| session.view())
    }

    /// Returns the links of a session that are not over.
    pub fn links(&self, session: u32) -> impl Iterator<Item = LinkView> {
        let links = self.connection.sessions.get(&session).map(|session| session.links.values());
        links.into_iter().flatten().map(move |link| link.view(session))
    }

    fn on_part(&mut self, from: Side, part: Part, sink: &mut dyn FnMut(Observation)) {
        let Part { offset, size, content } = part;
        let place = Place { at: self.now, from, offset, size };
        let mut broken = Broken::new();
        if matches!(content, Content::Frame(..)) {
            let counts = self.counts.get_mut(from);
            counts.frames = counts.frames.saturating_add(1);
        }
        match content {
            Content::Header(header) => self.on_header(from, header, &mut broken, place, sink),
            Content::Frame(header, body) => match header.kind {
                FrameKind::Amqp => self.on_frame(place, header, body, sink),
                FrameKind::Sasl => self.on_sasl(place, body, sink),
            },
            Content::Joined => {
                self.connection.joined = true;
                self.connection.lacks_sessions = true;
            }
            Content::NoHeader => broken.push((Rule::ProtocolHeader, String::new())),
            Content::BadFrame(error) => broken.push((Rule::FrameHeader, alloc::format!("{error}"))),
        }
        report(place, broken, sink);
        self.note_connection_waits(from);
        self.report_over(sink);
    }

    fn on_header(
        &mut self,
        from: Side,
        header: ProtocolHeader,
        broken: &mut Broken,
        place: Place,
        sink: &mut dyn FnMut(Observation),
    ) {
        self.connection.on_header(from, header, broken);
        emit(place, Seen::Header(header), sink);
    }

    fn on_sasl(&mut self, place: Place, body: Option<Bytes>, sink: &mut dyn FnMut(Observation)) {
        let mut broken = Broken::new();
        let mut frame = SaslSeen::Unknown;
        if let Some(body) = body {
            let mut decoder = Decoder::new(&body, self.limits.decode);
            match SaslFrame::decode(&mut decoder).and_then(|decoded| decoder.finish().map(|()| decoded)) {
                Ok(decoded) => frame = without_secrets(decoded),
                // An error of decoding can quote a name of the peer, and no value.
                Err(error) => broken.push((Rule::Malformed, alloc::format!("{error}"))),
            }
        }
        if self.connection.on_sasl(place.from, place.size, &frame, &mut broken) {
            self.streams.get_mut(Side::Client).expect_header();
            self.streams.get_mut(Side::Server).expect_header();
        }
        emit(place, Seen::Sasl(frame), sink);
        report(place, broken, sink);
    }

    fn on_frame(
        &mut self,
        place: Place,
        header: FrameHeader,
        body: Option<Bytes>,
        sink: &mut dyn FnMut(Observation),
    ) {
        let (from, channel, now) = (place.from, header.channel, self.now);
        let mut broken = Broken::new();
        self.connection.check_frame(from, place.size, channel, &mut broken);
        let mut seen = FrameSeen {
            channel,
            performative: None,
            body: Bytes::new(),
            payload: Bytes::new(),
            session: None,
            link: None,
        };
        match body {
            // 2.4.5: an empty frame keeps the connection alive.
            Some(body) if !body.is_empty() => match self.decode(&body) {
                Ok((performative, payload)) => {
                    seen.body = body.slice(..body.len().saturating_sub(payload.len()));
                    seen.payload = payload;
                    seen.performative = Some(performative);
                }
                Err(error) => {
                    broken.push((Rule::Malformed, alloc::format!("{error}")));
                    seen.body = body;
                }
            },
            _ => {}
        }
        if let Some(performative) = &seen.performative {
            let (session, found) =
                self.connection.on_performative(from, &seen, performative, now, &self.limits, &mut broken);
            let link = if let Found::Link(link) = found { Some(link) } else { None };
            if let Some(session) = session.and_then(|session| self.connection.sessions.get(&session)) {
                seen.session = Some(session.view());
                let link = link.and_then(|link| session.links.get(&link));
                seen.link = link.map(|link| link.view(session.id));
            }
            self.note_waits(from, performative, session, link);
        }
        self.note_silence(from);
        emit(place, Seen::Frame(Box::new(seen)), sink);
        report(place, broken, sink);
    }

    fn decode(&self, body: &Bytes) -> Result<(Performative, Bytes), DecodeError> {
        let mut decoder = Decoder::new(body, self.limits.decode);
        let performative = Performative::decode(&mut decoder)?;
        // 2.6.14: only a transfer has a payload.
        if !matches!(performative, Performative::Transfer(_)) {
            decoder.finish()?;
        }
        Ok((performative, decoder.take_rest()))
    }
}

/// Waits.
impl Observer {
    fn set(&mut self, key: WaitKey, since: Option<Instant>, count: Option<u32>) {
        self.waits.set(key, since, count, self.thresholds.of(key.kind));
    }

    fn note_connection_waits(&mut self, from: Side) {
        let connection = &self.connection;
        let asked =
            |side: Side, at: &Both<Option<Instant>>| at.get(other(side)).filter(|_| at.get(side).is_none());
        let closed = connection.closed;
        let opened = Both::from_fn(|side| connection.opens.get(side).as_ref().map(|open| open.at));
        let is_over = closed.all(Option::is_some);
        for side in [from, other(from)] {
            let open = asked(side, &opened).filter(|_| closed.all(Option::is_none));
            self.set(WaitKey::new(0, 0, StallKind::Open, side), open, None);
            self.set(WaitKey::new(0, 0, StallKind::Close, side), asked(side, &closed), None);
            if is_over {
                self.waits.end_every();
            }
        }
    }

    /// Starts the wait for the next frame of this end, by the peer's idle-time-out.
    fn note_silence(&mut self, from: Side) {
        let key = WaitKey::new(0, 0, StallKind::Idle, from);
        self.waits.end(key);
        let peer = self.connection.opens.get(other(from));
        let Some(millis) = peer.and_then(|open| open.idle_time_out) else { return };
        if self.connection.closed.get(from).is_none() {
            self.waits.set(key, Some(self.now), None, Duration::from_millis(millis.into()));
        }
    }

    fn note_waits(
        &mut self,
        from: Side,
        performative: &Performative,
        session: Option<u32>,
        link: Option<u32>,
    ) {
        let Some(session) = session else { return };
        self.note_session_waits(session);
        if let Some(link) = link {
            self.note_link_waits(session, link);
        }
        if let Performative::Flow(flow) = performative {
            // A flow answers all that the peer has asked for, of the session and of its link.
            for link in [0, link.unwrap_or(0)] {
                self.waits.end(WaitKey::new(session, link, StallKind::Echo, from));
            }
            let link = if flow.handle.is_some() { link } else { Some(0) };
            if let Some(link) = link.filter(|_| flow.echo) {
                self.set(WaitKey::new(session, link, StallKind::Echo, other(from)), Some(self.now), None);
            }
        }
    }

    fn note_session_waits(&mut self, id: u32) {
        let Some(session) = self.connection.sessions.get(&id) else { return };
        if session.is_over() {
            self.waits.end_all(id, None);
            self.connection.remove_session(id);
            return;
        }
        let ends = Both::from_fn(|side| {
            session
                .ends
                .get(side)
                .as_ref()
                .map(|end| (end.begun, end.ended, end.blocked_since, end.unsettled()))
        });
        let has_ended = [Side::Client, Side::Server].iter().any(|side| session.has_ended(*side));
        for side in [Side::Client, Side::Server] {
            let (end, peer) = (ends.get(side), ends.get(other(side)));
            let begin = peer.filter(|_| end.is_none()).map(|(begun, ..)| begun);
            self.set(WaitKey::new(id, 0, StallKind::Begin, side), begin, None);
            let ended = peer
                .and_then(|(_, ended, ..)| ended)
                .filter(|_| end.is_none_or(|(_, ended, ..)| ended.is_none()));
            self.set(WaitKey::new(id, 0, StallKind::End, side), ended, None);
            // The peer sends, and this end opens the window and settles.
            let blocked = peer.and_then(|(_, _, blocked, _)| blocked).filter(|_| !has_ended);
            self.set(WaitKey::new(id, 0, StallKind::Window, side), blocked, None);
            let (oldest, count) = peer.map_or((None, 0), |(.., unsettled)| unsettled);
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.set(
                WaitKey::new(id, 0, StallKind::Unsettled, side),
                oldest.filter(|_| !has_ended),
                Some(count),
            );
        }
    }

    fn note_link_waits(&mut self, session_id: u32, id: u32) {
        let Some(session) = self.connection.sessions.get_mut(&session_id) else { return };
        let Some(link) = session.links.get(&id) else { return };
        if link.is_over() {
            session.remove_link(id);
            self.connection.links = self.connection.links.saturating_sub(1);
            self.waits.end_all(session_id, Some(id));
            self.note_session_waits(session_id);
            return;
        }
        let (sender, starved, draining, available) =
            (link.sender, link.starved_since, link.draining_since, link.available());
        let ends = Both::from_fn(|side| link.ends.get(side).as_ref().map(|end| (end.attached, end.detached)));
        let is_attached = link.is_attached(Side::Client) && link.is_attached(Side::Server);
        for side in [Side::Client, Side::Server] {
            let (end, peer) = (ends.get(side), ends.get(other(side)));
            let attached = peer.filter(|_| end.is_none()).map(|(attached, _)| attached);
            self.set(WaitKey::new(session_id, id, StallKind::Attach, side), attached, None);
            let detached = peer.and_then(|(_, detached)| detached);
            self.set(WaitKey::new(session_id, id, StallKind::Detach, side), detached, None);
        }
        let starved = starved.filter(|_| is_attached);
        self.set(WaitKey::new(session_id, id, StallKind::Credit, other(sender)), starved, available);
        self.set(
            WaitKey::new(session_id, id, StallKind::Drain, sender),
            draining.filter(|_| is_attached),
            None,
        );
    }

    /// Passes on the waits that have become stalls by now.
    fn find_stalls(&mut self, now: Instant, sink: &mut dyn FnMut(Observation)) {
        self.now = self.now.max(now);
        while let Some((due, key, wait)) = self.waits.expire(self.now) {
            self.stall(due, key, wait, false, sink);
        }
    }

    /// Passes on the stalls that are over.
    fn report_over(&mut self, sink: &mut dyn FnMut(Observation)) {
        let over: Vec<_> = core::mem::take(&mut self.waits.over);
        for (key, wait) in over {
            self.stall(self.now, key, wait, true, sink);
        }
    }

    fn stall(&self, at: Instant, key: WaitKey, wait: Wait, over: bool, sink: &mut dyn FnMut(Observation)) {
        let from = key.waits_for();
        let stall = Stall {
            kind: key.kind,
            waits_for: from,
            session: Some(key.session).filter(|id| *id > 0),
            link: Some(key.link).filter(|id| *id > 0),
            since: wait.since,
            lasted: at.saturating_since(wait.since),
            over,
            count: wait.count,
        };
        let place = Place { at, from, offset: self.streams.get(from).offset(), size: 0 };
        emit(place, Seen::Finding(Finding::Stall(stall)), sink);
    }
}

fn emit(place: Place, seen: Seen, sink: &mut dyn FnMut(Observation)) {
    let Place { at, from, offset, size } = place;
    sink(Observation { at, from, offset, size, seen });
}

fn report(place: Place, broken: Broken, sink: &mut dyn FnMut(Observation)) {
    for (rule, detail) in broken {
        emit(place, Seen::Finding(Finding::Violation(Violation { rule, detail })), sink);
    }
}

fn without_secrets(frame: SaslFrame) -> SaslSeen {
    match frame {
        SaslFrame::SaslMechanisms(mechanisms) => {
            SaslSeen::Mechanisms(mechanisms.sasl_server_mechanisms.iter().cloned().collect())
        }
        SaslFrame::SaslInit(init) => SaslSeen::Init(init.mechanism),
        SaslFrame::SaslChallenge(_) => SaslSeen::Challenge,
        SaslFrame::SaslResponse(_) => SaslSeen::Response,
        SaslFrame::SaslOutcome(outcome) => SaslSeen::Outcome(outcome.code),
    }
}
