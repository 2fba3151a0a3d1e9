//! A connection, as seen from between its ends (2.4, 5.3).

use alloc::{collections::BTreeMap, format};

use super::{
    finding::Rule,
    link::Broken,
    machine::Machine,
    seen::{Both, FrameSeen, SaslSeen, other},
    session::{Found, Session},
    settings::ObserverLimits,
};
use crate::{
    Instant, Side,
    frame::{ProtocolHeader, ProtocolId},
    spec::{
        definitions::MIN_MAX_FRAME_SIZE,
        performatives::{Begin, Open, Performative},
        sasl::SaslCode,
    },
    state::{
        ConnectionState, ConnectionTrigger, SaslClientState, SaslClientTrigger as Client, SaslServerState,
        SaslServerTrigger as Server,
    },
    types::Escaped,
};

/// The settings in an end's open.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenEnd {
    pub(super) max_frame_size: u32,
    pub(super) channel_max: u16,
    pub(super) idle_time_out: Option<u32>,
    pub(super) at: Instant,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) machines: Both<Machine<ConnectionState, ConnectionTrigger>>,
    sasl_client: Machine<SaslClientState, Client>,
    sasl_server: Machine<SaslServerState, Server>,
    pub(super) headers: Both<Option<ProtocolHeader>>,
    pub(super) opens: Both<Option<OpenEnd>>,
    pub(super) closed: Both<Option<Instant>>,
    /// The sessions by the channels of each end.
    channels: Both<BTreeMap<u16, u32>>,
    pub(super) sessions: BTreeMap<u32, Session>,
    last_session: u32,
    last_link: u32,
    pub(super) links: usize,
    /// A session was not kept, or its begin was not observed, so an unknown channel means nothing.
    pub(super) lacks_sessions: bool,
    /// The beginning was not observed.
    pub(super) joined: bool,
}

impl Connection {
    pub(super) fn new() -> Self {
        let machine = || Machine::new(ConnectionState::Start, ConnectionState::next);
        Self {
            machines: Both { client: machine(), server: machine() },
            sasl_client: Machine::new(SaslClientState::Start, SaslClientState::next),
            sasl_server: Machine::new(SaslServerState::Start, SaslServerState::next),
            headers: Both::default(),
            opens: Both::default(),
            closed: Both::default(),
            channels: Both::default(),
            sessions: BTreeMap::new(),
            last_session: 0,
            last_link: 0,
            links: 0,
            lacks_sessions: false,
            joined: false,
        }
    }

    fn step(
        &mut self,
        from: Side,
        sent: ConnectionTrigger,
        received: ConnectionTrigger,
        broken: &mut Broken,
    ) {
        if self.machines.get_mut(from).send(sent) {
            self.machines.get_mut(other(from)).receive(received);
        } else if !self.joined {
            broken.push((Rule::ConnectionSequence, sent.name().into()));
        }
    }

    /// Walks the tables of SASL for a step of the client. Returns false if no state allows it.
    fn sasl_client(&mut self, sent: Client, received: Server) -> bool {
        let is_legal = self.sasl_client.send(sent);
        if is_legal {
            self.sasl_server.receive(received);
        }
        is_legal
    }

    /// Walks the tables of SASL for a step of the server. Returns false if no state allows it.
    fn sasl_server(&mut self, sent: Server, received: Client) -> bool {
        let is_legal = self.sasl_server.send(sent);
        if is_legal {
            self.sasl_client.receive(received);
        }
        is_legal
    }

    pub(super) fn on_header(&mut self, from: Side, header: ProtocolHeader, broken: &mut Broken) {
        let before = self.headers.get_mut(from).replace(header);
        if !super::stream::is_known(header) {
            broken.push((Rule::ProtocolHeader, format!("{header}")));
        } else if header.id == ProtocolId::Amqp.code() {
            if before == Some(header) {
                broken.push((Rule::ConnectionSequence, "a second protocol header".into()));
                return;
            }
            self.step(from, ConnectionTrigger::SendHeader, ConnectionTrigger::RecvHeader, broken);
        } else if header.id == ProtocolId::Sasl.code() {
            let is_legal = match from {
                Side::Client => self.sasl_client(Client::SendHeader, Server::RecvHeader),
                Side::Server => self.sasl_server(Server::SendHeader, Client::RecvHeader),
            };
            if !is_legal {
                broken.push((Rule::SaslSequence, format!("{header}")));
            }
        }
    }

    /// Handles a SASL frame. Returns true after the outcome, behind which both ends start over with a header.
    pub(super) fn on_sasl(&mut self, from: Side, size: u32, frame: &SaslSeen, broken: &mut Broken) -> bool {
        let in_layer = self.headers.get(from).is_some_and(|header| header.id == ProtocolId::Sasl.code());
        // 5.3.1: such a frame is never larger, whatever has been agreed.
        if size > MIN_MAX_FRAME_SIZE || !(in_layer || self.joined) {
            broken.push((Rule::SaslFrame, format!("{size} bytes")));
        }
        let is_legal = match (from, frame) {
            (_, SaslSeen::Unknown) => return false,
            (Side::Server, SaslSeen::Mechanisms(_)) => {
                self.sasl_server(Server::SendMechanisms, Client::RecvMechanisms)
            }
            (Side::Client, SaslSeen::Init(_)) => self.sasl_client(Client::SendInit, Server::RecvInit),
            (Side::Server, SaslSeen::Challenge) => {
                self.sasl_server(Server::SendChallenge, Client::RecvChallenge)
            }
            (Side::Client, SaslSeen::Response) => {
                self.sasl_client(Client::SendResponse, Server::RecvResponse)
            }
            (Side::Server, SaslSeen::Outcome(SaslCode::Ok)) => {
                self.sasl_server(Server::SendOk, Client::RecvOk)
            }
            (Side::Server, SaslSeen::Outcome(_)) => {
                self.sasl_server(Server::SendFailure, Client::RecvFailure)
            }
            _ => false,
        };
        if !is_legal && !self.joined {
            broken.push((Rule::SaslSequence, format!("{frame:?}")));
        }
        matches!(frame, SaslSeen::Outcome(_))
    }

    /// Checks the size and the channel of a frame, before it is looked into.
    pub(super) fn check_frame(&self, from: Side, size: u32, channel: u16, broken: &mut Broken) {
        if self.joined {
            return;
        }
        let peer = self.opens.get(other(from));
        // 2.4.1: until the peer's open has been read, 512 bytes are the maximum.
        let max = peer.map_or(MIN_MAX_FRAME_SIZE, |open| open.max_frame_size.max(MIN_MAX_FRAME_SIZE));
        if size > max {
            broken.push((Rule::FrameTooLarge, format!("{size} bytes, and {max} at most")));
        }
        if let Some(max) = peer.map(|open| open.channel_max).filter(|max| channel > *max) {
            broken.push((Rule::ChannelTooHigh, format!("channel {channel}, and {max} at most")));
        }
        if self.closed.get(from).is_some() {
            broken.push((Rule::AfterClose, format!("channel {channel}")));
        }
    }

    fn on_open(&mut self, from: Side, open: &Open, now: Instant, broken: &mut Broken) {
        if self.opens.get(from).is_some() {
            broken
                .push((Rule::SecondOpen, format!("container \"{}\"", Escaped::start_of(&open.container_id))));
            return;
        }
        self.step(from, ConnectionTrigger::SendOpen, ConnectionTrigger::RecvOpen, broken);
        *self.opens.get_mut(from) = Some(OpenEnd {
            max_frame_size: open.max_frame_size,
            channel_max: open.channel_max.get(),
            idle_time_out: open.idle_time_out.map(|time| time.get()).filter(|millis| *millis > 0),
            at: now,
        });
    }

    /// Handles a performative. Returns the session and the link that it is about.
    pub(super) fn on_performative(
        &mut self,
        from: Side,
        frame: &FrameSeen,
        performative: &Performative,
        now: Instant,
        limits: &ObserverLimits,
        broken: &mut Broken,
    ) -> (Option<u32>, Found) {
        let channel = frame.channel;
        match performative {
            Performative::Open(open) => {
                self.on_open(from, open, now, broken);
                return (None, Found::Nothing);
            }
            Performative::Close(close) => {
                if self.closed.get(from).is_none() {
                    let sent = match close.error {
                        Some(_) => ConnectionTrigger::SendCloseError,
                        None => ConnectionTrigger::SendClose,
                    };
                    self.step(from, sent, ConnectionTrigger::RecvClose, broken);
                    *self.closed.get_mut(from) = Some(now);
                }
                return (None, Found::Nothing);
            }
            _ if self.opens.get(from).is_none() && !self.joined => {
                broken.push((Rule::FrameBeforeOpen, performative.type_name().into()));
            }
            _ => {}
        }
        if let Performative::Begin(begin) = performative {
            return (self.on_begin(from, channel, begin, now, limits, broken), Found::Nothing);
        }
        let id = self.channels.get(from).get(&channel).copied();
        let Some(session) = id.and_then(|id| self.sessions.get_mut(&id)) else {
            if !self.lacks_sessions {
                broken.push((Rule::NotBegun, format!("{} on channel {channel}", performative.type_name())));
            }
            return (None, Found::Nothing);
        };
        if session.has_ended(from) {
            broken.push((Rule::AfterEnd, format!("{} on channel {channel}", performative.type_name())));
            return (id, Found::Nothing);
        }
        let found = match performative {
            Performative::Attach(attach) => {
                let has_room = self.links < limits.max_links && attach.name.len() <= limits.max_name_bytes;
                let next = self.last_link.checked_add(1).filter(|_| has_room);
                let before = session.links.len();
                let found = session.on_attach(from, attach, next, now, limits, broken);
                if session.links.len() > before {
                    self.links = self.links.saturating_add(1);
                    self.last_link = self.last_link.saturating_add(1);
                }
                found
            }
            Performative::Detach(detach) => session.on_detach(from, detach, now, broken),
            Performative::Flow(flow) => session.on_flow(from, flow, now, broken),
            Performative::Transfer(transfer) => {
                session.on_transfer(from, transfer, frame.payload.len(), now, limits, broken)
            }
            Performative::Disposition(disposition) => {
                session.on_disposition(from, disposition, broken);
                Found::Nothing
            }
            Performative::End(end) => {
                session.on_end(from, end.error.is_some(), now, broken);
                Found::Nothing
            }
            Performative::Open(_) | Performative::Begin(_) | Performative::Close(_) => Found::Nothing,
        };
        session.note_windows(now);
        (id, found)
    }

    fn on_begin(
        &mut self,
        from: Side,
        channel: u16,
        begin: &Begin,
        now: Instant,
        limits: &ObserverLimits,
        broken: &mut Broken,
    ) -> Option<u32> {
        if self.channels.get(from).contains_key(&channel) {
            broken.push((Rule::ChannelInUse, format!("channel {channel}")));
            return None;
        }
        let id = match begin.remote_channel {
            Some(remote) => {
                let asked = self.channels.get(other(from)).get(&remote.get()).copied();
                let waits =
                    |id: &u32| self.sessions.get(id).is_some_and(|session| session.ends.get(from).is_none());
                let Some(id) = asked.filter(waits) else {
                    if !self.lacks_sessions {
                        broken.push((Rule::UnmatchedBegin, format!("remote-channel {remote}")));
                    }
                    self.lacks_sessions = true;
                    return None;
                };
                id
            }
            None => {
                let id =
                    self.last_session.checked_add(1).filter(|_| self.sessions.len() < limits.max_sessions);
                let Some(id) = id else {
                    self.lacks_sessions = true;
                    return None;
                };
                self.last_session = id;
                self.sessions.insert(id, Session::new(id));
                id
            }
        };
        self.channels.get_mut(from).insert(channel, id);
        self.sessions.get_mut(&id)?.on_begin(from, begin, channel, now, broken);
        Some(id)
    }

    /// Removes a session that both ends have ended.
    pub(super) fn remove_session(&mut self, id: u32) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.links = self.links.saturating_sub(session.links.len());
        for side in [Side::Client, Side::Server] {
            if let Some(end) = session.ends.get(side) {
                self.channels.get_mut(side).remove(&end.channel);
            }
        }
    }
}
