//! The trace with the feature `tracing`.

use alloc::{boxed::Box, collections::BTreeMap};
use core::{fmt, panic::AssertUnwindSafe};

use tracing::{Level, Span, debug, debug_span, enabled, field, trace};

use super::Direction::{self, Received, Sent};
use crate::{
    codec::{Decode as _, DecodeLimits, Decoder, Encode, to_vec},
    error::Failure,
    frame::{FrameHeader, FrameKind, Input, ProtocolHeader},
    spec::{
        definitions::Role,
        performatives::{Attach, Begin, Performative, Transfer},
        sasl::SaslFrame,
    },
    state::ConnectionState,
    types::{Escaped, Str},
};

/// The target of frames and headers, to be filtered by. Everything else has that of its module.
const FRAMES: &str = "amqp_proto::frames";

/// An end of a session: the way of its frames, and their channel.
type Channel = (Direction, u16);

#[derive(Debug)]
pub(crate) struct Trace {
    connection: AssertUnwindSafe<Span>,
    /// Spans of sessions and links. `None` until one has begun while somebody listened.
    open: Option<Box<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    sessions: AssertUnwindSafe<BTreeMap<Channel, Session>>,
    /// By handle.
    links: AssertUnwindSafe<BTreeMap<(Channel, u32), Span>>,
    /// Links with one end attached, by session, name, and if we send on them.
    half_attached: AssertUnwindSafe<BTreeMap<(u64, Str, bool), Span>>,
    last_session: u64,
}

#[derive(Clone, Debug)]
struct Session {
    /// Never used again, unlike its channels.
    number: u64,
    span: Span,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Sent { "sent" } else { "received" })
    }
}

/// True if a body is that of a flow, a transfer or a disposition in the usual encoding. These change no span.
fn is_of_an_open_link(body: &[u8]) -> bool {
    matches!(body, [0x00, 0x53, 0x13..=0x15, ..])
}

impl Trace {
    pub(crate) fn new(side: &impl fmt::Debug, container_id: &Str) -> Self {
        let span = debug_span!(
            "connection",
            ?side,
            %container_id,
            remote_container_id = field::Empty,
        );
        Self { connection: AssertUnwindSafe(span), open: None }
    }

    pub(crate) fn header(&self, direction: Direction, header: ProtocolHeader) {
        trace!(target: FRAMES, parent: &*self.connection, "{direction} header {header}");
    }

    pub(crate) fn sent_empty(&self) {
        trace!(target: FRAMES, parent: &*self.connection, "sent empty frame");
    }

    /// A frame but a transfer, which has been written.
    #[inline]
    pub(crate) fn sent(&mut self, kind: FrameKind, channel: u16, body: &impl Encode) {
        if enabled!(target: FRAMES, Level::DEBUG) {
            self.frame(Sent, kind, channel, &to_vec(body));
        }
    }

    /// A transfer that has been written, with the number of bytes of its payload.
    #[inline]
    pub(crate) fn sent_transfer(&self, channel: u16, transfer: &Transfer, more: bool, payload: usize) {
        if enabled!(target: FRAMES, Level::TRACE) {
            let transfer = Transfer { more, ..transfer.clone() };
            let frame = Performative::from(transfer);
            self.event(Sent, channel, &frame, payload);
        }
    }

    /// The frame at the front of the input, all of which has arrived.
    #[inline]
    pub(crate) fn received(&mut self, header: FrameHeader, input: &mut impl Input) {
        if enabled!(target: FRAMES, Level::DEBUG) {
            input.gather(header.size);
            self.received_frame(header, input.chunk().get(..header.size).unwrap_or_default());
        }
    }

    /// A frame that has arrived.
    #[inline]
    pub(crate) fn received_frame(&mut self, header: FrameHeader, frame: &[u8]) {
        if enabled!(target: FRAMES, Level::DEBUG) {
            let body = frame.get(header.body..header.size).unwrap_or_default();
            self.frame(Received, header.kind, header.channel, body);
        }
    }

    pub(crate) fn state(&self, from: ConnectionState, to: ConnectionState) {
        debug!(parent: &*self.connection, from = from.name(), to = to.name(), "connection state");
    }

    /// The end of the connection, as its last event reports it.
    pub(crate) fn ended(&self, failure: Option<&Failure>) {
        match failure {
            None => debug!(parent: &*self.connection, "connection closed"),
            Some(Failure { cause, error }) => {
                debug!(parent: &*self.connection, ?cause, %error, "connection failed");
            }
        }
    }

    #[cold]
    fn frame(&mut self, direction: Direction, kind: FrameKind, channel: u16, body: &[u8]) {
        let is_traced = enabled!(target: FRAMES, Level::TRACE);
        if !is_traced && (kind == FrameKind::Sasl || is_of_an_open_link(body)) {
            return;
        }
        let mut decoder = Decoder::from_slice(body, DecodeLimits::DEFAULT);
        if kind == FrameKind::Sasl {
            // The fields can be secrets.
            let name = SaslFrame::decode(&mut decoder).map_or("undecodable", |frame| frame.type_name());
            trace!(target: FRAMES, parent: &*self.connection, "{direction} SASL frame {name}");
        } else if body.is_empty() {
            trace!(target: FRAMES, parent: &*self.connection, channel, "{direction} empty frame");
        } else {
            match Performative::decode(&mut decoder) {
                Ok(frame) => {
                    self.open(direction, channel, &frame);
                    self.event(direction, channel, &frame, body.len().saturating_sub(decoder.offset()));
                    self.close(direction, channel, &frame);
                }
                Err(error) => {
                    let span = self.span((direction, channel), None);
                    trace!(target: FRAMES, parent: span, channel, %error, "{direction} undecodable frame");
                }
            }
        }
    }

    fn event(&self, direction: Direction, channel: u16, frame: &Performative, payload: usize) {
        let span = self.span((direction, channel), handle(frame));
        let name = frame.type_name();
        trace!(target: FRAMES, parent: span, channel, payload, ?frame, "{direction} {name}");
    }

    /// The innermost span that is known: that of the link, the session, or the connection.
    fn span(&self, channel: Channel, handle: Option<u32>) -> &Span {
        let Some(open) = &self.open else { return &self.connection };
        let link = handle.and_then(|handle| open.links.get(&(channel, handle)));
        let session = || open.sessions.get(&channel).map(|session| &session.span);
        link.or_else(session).unwrap_or(&self.connection)
    }

    /// Begins the spans that a frame begins.
    fn open(&mut self, direction: Direction, channel: u16, frame: &Performative) {
        match frame {
            Performative::Open(open) if direction == Received => {
                self.connection
                    .record("remote_container_id", field::display(Escaped::start_of(&open.container_id)));
            }
            Performative::Begin(begin) => self.begin(direction, channel, begin),
            Performative::Attach(attach) => self.attach(direction, channel, attach),
            _ => {}
        }
    }

    fn begin(&mut self, direction: Direction, channel: u16, begin: &Begin) {
        let open = self.open.get_or_insert_default();
        // 2.7.2: the answer names the channel of what it answers.
        let asked = begin
            .remote_channel
            .and_then(|asked| open.sessions.get(&(direction.opposite(), asked.get())).cloned());
        let session = asked.unwrap_or_else(|| {
            open.last_session = open.last_session.wrapping_add(1);
            let span = debug_span!(parent: &*self.connection, "session", channel = field::Empty, remote_channel = field::Empty);
            Session { number: open.last_session, span }
        });
        let name = if direction == Sent { "channel" } else { "remote_channel" };
        session.span.record(name, channel);
        open.sessions.insert((direction, channel), session);
    }

    fn attach(&mut self, direction: Direction, channel: u16, attach: &Attach) {
        let Some(open) = &mut self.open else { return };
        let Some(session) = open.sessions.get(&(direction, channel)) else { return };
        let we_send = (direction == Sent) == (attach.role == Role::Sender);
        let key = (session.number, attach.name.clone(), we_send);
        let span = open.half_attached.remove(&key).unwrap_or_else(|| {
            let role = if we_send { "sender" } else { "receiver" };
            let span = debug_span!(parent: &session.span, "link", name = %Escaped::start_of(&attach.name), role, handle = field::Empty, remote_handle = field::Empty);
            open.half_attached.insert(key, span.clone());
            span
        });
        let name = if direction == Sent { "handle" } else { "remote_handle" };
        span.record(name, attach.handle.get());
        open.links.insert(((direction, channel), attach.handle.get()), span);
    }

    /// Ends the spans that a frame ends. A span ends with its second end.
    fn close(&mut self, direction: Direction, channel: u16, frame: &Performative) {
        let Some(open) = &mut self.open else { return };
        match frame {
            Performative::Detach(detach) => {
                let span = open.links.remove(&((direction, channel), detach.handle.get()));
                // A link that was never attached at its other end.
                open.half_attached.retain(|_, half| span.as_ref() != Some(half));
            }
            Performative::End(_) => {
                let channel = (direction, channel);
                open.links.retain(|(of, _), _| *of != channel);
                if let Some(session) = open.sessions.remove(&channel) {
                    open.half_attached.retain(|(number, ..), _| *number != session.number);
                }
            }
            Performative::Close(_) => {
                let is_of_other_end = |(of, _): &Channel| *of != direction;
                open.links.retain(|(channel, _), _| is_of_other_end(channel));
                open.sessions.retain(|channel, _| is_of_other_end(channel));
            }
            _ => {}
        }
    }
}

impl Direction {
    const fn opposite(self) -> Self {
        match self {
            Sent => Received,
            Received => Sent,
        }
    }
}

/// The handle that a frame names. That of a disposition's links is not on the wire.
fn handle(frame: &Performative) -> Option<u32> {
    match frame {
        Performative::Attach(attach) => Some(attach.handle.get()),
        Performative::Flow(flow) => flow.handle.map(|handle| handle.get()),
        Performative::Transfer(transfer) => Some(transfer.handle.get()),
        Performative::Detach(detach) => Some(detach.handle.get()),
        _ => None,
    }
}
