//! The same for the frames by which sessions and links come and go.

use super::*;

/// How sessions and links come and go.
#[derive(Clone, Debug)]
pub enum Turn {
    /// The peer begins a session, or ends it.
    Begin {
        channel: u16,
        answers: Option<u16>,
        properties: bool,
    },
    End {
        channel: u16,
        error: bool,
    },
    /// The peer attaches a link, or detaches it.
    Attach {
        channel: u16,
        attach: Box<p::Attach>,
    },
    Detach {
        channel: u16,
        handle: u32,
        closed: bool,
        error: bool,
    },
    /// What has been asked for is accepted, or refused.
    Answer {
        accept: bool,
        ours: bool,
        text: Option<String>,
    },
    /// We begin a session, and attach a link.
    Ours {
        session: usize,
        name: usize,
        sends: bool,
    },
    /// We detach a link, or end a session.
    Leave {
        link: usize,
        closed: bool,
    },
    Finish {
        session: usize,
    },
}

const NAMES: [&str; 3] = ["a", "a link", "a link with a name that is long"];

fn an_error() -> AmqpError {
    AmqpError::described(ErrorCondition::InternalError, "for a reason")
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => any::<u32>().prop_map(Value::from),
        2 => "[a-z]{0,300}".prop_map(|text| Value::from(text.as_str())),
        // As deep as it may be, or a little deeper: source, filter and value are levels too.
        2 => (20_usize..34).prop_map(|depth| (0..depth).fold(Value::Null, |within, _| Value::from(vec![within]))),
    ]
}

fn attaches() -> impl Strategy<Value = Box<p::Attach>> {
    let source = (any::<bool>(), weighted(0.5, values())).prop_map(|(dynamic, filter)| {
        let filter = filter.map(|value| Fields::new().with(Symbol::try_from("filter").unwrap(), value));
        Source { dynamic, filter, ..Source::at("source") }
    });
    let target =
        prop_oneof![Just(Target::at("target")), "[a-z]{0,300}".prop_map(|at| Target::at(at.as_str()))];
    let modes = prop_oneof![
        Just(SenderSettleMode::Mixed),
        Just(SenderSettleMode::Settled),
        Just(SenderSettleMode::Unsettled)
    ];
    let rest = (modes, any::<bool>(), any::<bool>(), weighted(0.3, values()), mostly(true, Just(false)));
    let termini = (weighted(0.9, source), weighted(0.9, target));
    (0_u32..4, 0..NAMES.len(), any::<bool>(), termini, rest).prop_map(
        |(handle, name, sends, (source, target), (snd, second, size, value, counts))| {
            Box::new(p::Attach {
                source: source.map(Box::new),
                target: target.map(|target| Box::new(target.into())),
                snd_settle_mode: snd,
                rcv_settle_mode: if second { ReceiverSettleMode::Second } else { ReceiverSettleMode::First },
                max_message_size: size.then_some(1000),
                properties: value.map(|value| Fields::new().with(Symbol::try_from("key").unwrap(), value)),
                initial_delivery_count: (sends && counts).then(|| 7.into()),
                ..attach(NAMES[name], handle, if sends { Role::Sender } else { Role::Receiver })
            })
        },
    )
}

pub fn turn() -> impl Strategy<Value = Turn> {
    let answer = (any::<bool>(), any::<bool>(), weighted(0.3, "[a-z]{0,300}"))
        .prop_map(|(accept, ours, text)| Turn::Answer { accept: accept || ours, ours, text });
    let channel = || prop_oneof![8 => Just(0_u16), 2 => 1_u16..3];
    prop_oneof![
        2 => (channel(), mostly(None, (0_u16..3).prop_map(Some)), any::<bool>())
            .prop_map(|(channel, answers, properties)| Turn::Begin { channel, answers, properties }),
        1 => (1_u16..3, 0_u16..3)
            .prop_map(|(channel, ours)| Turn::Begin { channel, answers: Some(ours), properties: true }),
        1 => (channel(), any::<bool>()).prop_map(|(channel, error)| Turn::End { channel, error }),
        9 => (channel(), attaches()).prop_map(|(channel, attach)| Turn::Attach { channel, attach }),
        6 => (channel(), 0_u32..4, any::<bool>(), any::<bool>())
            .prop_map(|(channel, handle, closed, error)| Turn::Detach { channel, handle, closed, error }),
        8 => answer,
        3 => (0_usize..3, 0..NAMES.len(), any::<bool>())
            .prop_map(|(session, name, sends)| Turn::Ours { session, name, sends }),
        2 => (0_usize..8, any::<bool>()).prop_map(|(link, closed)| Turn::Leave { link, closed }),
        1 => (0_usize..3).prop_map(|session| Turn::Finish { session }),
    ]
}

/// A server that answers when it is told to.
struct Host {
    conn: Connection,
    rewrite: bool,
    wire: BytesMut,
    sessions: Vec<SessionId>,
    links: Vec<LinkId>,
    asked: Vec<LinkId>,
    begun: Vec<SessionId>,
    log: Vec<String>,
}

impl Host {
    fn new(rewrite: bool) -> Self {
        let mut host = Self {
            conn: Connection::new(ConnectionConfig::server("server").channel_max(5)),
            rewrite,
            wire: BytesMut::new(),
            sessions: Vec::new(),
            links: Vec::new(),
            asked: Vec::new(),
            begun: Vec::new(),
            log: Vec::new(),
        };
        host.wire.extend_from_slice(AMQP);
        host.wire.extend_from_slice(&frame(0, &p::Open { max_frame_size: 600, ..open() }));
        host.wire.extend_from_slice(&frame(0, &begin()));
        let _ = host.conn.handle_input(NOW, &mut host.wire);
        host.conn.open().unwrap();
        host.note();
        host.play(&Turn::Answer { accept: true, ours: false, text: None });
        host
    }

    fn say(&mut self, frame: &[u8]) {
        self.wire.extend_from_slice(&if self.rewrite { long(frame) } else { frame.to_vec() });
        let progress = self.conn.handle_input(NOW, &mut self.wire);
        self.log.push(format!("{progress:?}"));
    }

    fn play(&mut self, turn: &Turn) {
        let error = |error: bool| error.then(|| Box::new(an_error()));
        match turn.clone() {
            Turn::Begin { channel, answers, properties } => {
                let properties =
                    properties.then(|| Fields::new().with(Symbol::try_from("key").unwrap(), Value::Null));
                let remote_channel = answers.map(Into::into);
                self.say(&frame(
                    channel,
                    &p::Begin { remote_channel, properties, handle_max: Handle::new(2), ..begin() },
                ));
            }
            Turn::End { channel, error: told } => self.say(&frame(channel, &p::End { error: error(told) })),
            Turn::Attach { channel, attach } => self.say(&frame(channel, &*attach)),
            Turn::Detach { channel, handle, closed, error: told } => {
                self.say(&frame(channel, &p::Detach { error: error(told), ..detach(handle, closed) }));
            }
            Turn::Answer { accept, ours, text } => self.answer(accept, ours, text.as_deref()),
            Turn::Ours { session, name, sends } => {
                if session == 2 {
                    self.sessions.extend(self.conn.begin(SessionConfig::new()).ok());
                }
                let Some(id) = self.sessions.get(session) else { return };
                let made = self.conn.session(*id).and_then(|mut session| {
                    if sends {
                        let config = SenderConfig::to("there").source(Source::at("here"));
                        session.attach_sender(config.name(NAMES[name])).map(LinkId::from)
                    } else {
                        let config = ReceiverConfig::from("here").target(Target::at("there"));
                        session.attach_receiver(config.name(NAMES[name])).map(LinkId::from)
                    }
                });
                self.log.push(format!("{made:?}"));
                self.links.extend(made.ok());
            }
            Turn::Leave { link, closed } => {
                let done = match self.links.get(link) {
                    Some(LinkId::Sender(id)) => self.conn.sender(*id).and_then(|mut link| {
                        if closed { link.close(Some(an_error())) } else { link.detach(None) }
                    }),
                    Some(LinkId::Receiver(id)) => self
                        .conn
                        .receiver(*id)
                        .and_then(|mut link| if closed { link.close(None) } else { link.detach(None) }),
                    None => return,
                };
                self.log.push(format!("{done:?}"));
            }
            Turn::Finish { session } => {
                let Some(id) = self.sessions.get(session) else { return };
                let done = self.conn.session(*id).and_then(|mut session| session.end(None));
                self.log.push(format!("{done:?}"));
            }
        }
        self.note();
    }

    fn answer(&mut self, accept: bool, ours: bool, text: Option<&str>) {
        let mut sender = if ours { SenderConfig::to("of ours") } else { SenderConfig::new() };
        let mut receiver = if ours {
            ReceiverConfig::new().target(Target::at("of ours")).max_message_size(9)
        } else {
            ReceiverConfig::new()
        };
        if let Some(text) = text {
            let properties = Fields::new().with(Symbol::try_from("key").unwrap(), Value::from(text));
            sender = sender.properties(properties.clone());
            receiver = receiver.properties(properties);
        }
        for session in core::mem::take(&mut self.begun) {
            let done = if accept {
                self.conn.accept_session(session, SessionConfig::new())
            } else {
                self.conn.refuse_session(session, an_error())
            };
            self.log.push(format!("{done:?}"));
        }
        for link in core::mem::take(&mut self.asked) {
            let done = match (link, accept) {
                (LinkId::Sender(id), true) => self.conn.accept_sender(id, sender.clone()),
                (LinkId::Sender(id), false) => self.conn.refuse_sender(id, an_error()),
                (LinkId::Receiver(id), true) => self.conn.accept_receiver(id, receiver.clone()),
                (LinkId::Receiver(id), false) => self.conn.refuse_receiver(id, an_error()),
            };
            self.log.push(format!("{done:?}"));
        }
    }

    /// Puts down all that can be seen of the connection.
    fn note(&mut self) {
        while let Some(event) = self.conn.poll_event() {
            match event {
                Event::ReceiverRequested { receiver, .. } => self.asked.push(receiver.into()),
                Event::SenderRequested { sender, .. } => self.asked.push(sender.into()),
                Event::SessionRequested { session } => self.begun.push(session),
                Event::SessionOpen { session } if !self.sessions.contains(&session) => {
                    self.sessions.push(session)
                }
                _ => {}
            }
            // Where in its frame an error lies is another place with another descriptor.
            let event = format!("{event:?}");
            self.log.push(event.split(" at byte ").next().unwrap_or_default().into());
        }
        self.links
            .extend(self.asked.iter().filter(|link| !self.links.contains(link)).copied().collect::<Vec<_>>());
        let mut transmit = self.conn.poll_transmit(NOW);
        let bytes = format!("{:?}", transmit.copy_to_bytes(transmit.remaining()));
        self.log.push(if bytes.contains(" at byte ") { "an error".into() } else { bytes });
        for link in &self.links {
            let told = match link {
                LinkId::Sender(id) => {
                    self.conn.sender(*id).map(|link| (link.name().to_owned(), link.remote_attach()))
                }
                LinkId::Receiver(id) => {
                    self.conn.receiver(*id).map(|link| (link.name().to_owned(), link.remote_attach()))
                }
            };
            self.log.push(format!("{told:?}"));
        }
        for session in &self.sessions {
            let told = self.conn.session(*session).map(|session| session.remote_begin());
            self.log.push(format!("{told:?}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    /// These frames are acted upon where they are decoded, and elsewhere in another shape.
    #[test]
    fn links_come_and_go_by_both_ways_alike(turns in vec(turn(), 1..40)) {
        let (mut direct, mut general) = (Host::new(false), Host::new(true));
        for turn in &turns {
            direct.play(turn);
            general.play(turn);
            let differs = direct.log.iter().zip(&general.log).find(|(direct, general)| direct != general);
            prop_assert_eq!(differs, None);
            prop_assert_eq!(direct.log.len(), general.log.len());
            direct.log.clear();
            general.log.clear();
        }
    }
}
