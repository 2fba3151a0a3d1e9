//! Random programs: what callbacks and the program open, send, close and drop in any order, against servers that accept,
//! refuse, answer, end and vanish at random.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, CreditPolicy, Event, Instant, LinkId, ReceiverConfig,
    SenderConfig,
    callback::{
        Agent, AgentConfig, Callback, ConnectionHandle, ConnectionId, ReceivedDelivery, ReceiverHandle,
        SenderHandle, SessionHandle,
    },
    sasl::Mechanism,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::Modified,
    },
};
use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

use crate::{
    harness::{NO_ENDPOINTS, URL},
    numbers::Random,
};

/// What an endpoint has reported.
#[derive(Debug)]
struct Endpoint {
    kind: &'static str,
    parent: Option<usize>,
    events: Vec<String>,
}

enum Handle {
    Connection(ConnectionHandle, usize),
    Session(SessionHandle, usize),
    Sender(SenderHandle),
    Receiver(ReceiverHandle),
}

/// What callbacks and the program share.
struct Shared {
    random: RefCell<Random>,
    handles: RefCell<Vec<Handle>>,
    endpoints: RefCell<Vec<Endpoint>>,
    /// How often the callback of each outcome was called.
    outcomes: RefCell<Vec<u32>>,
    is_ending: RefCell<bool>,
}

impl Shared {
    fn one_in(&self, count: u32) -> bool {
        self.random.borrow_mut().one_in(count)
    }

    /// Returns a callback that records events, and does something at a third of them.
    fn callback(self: &Rc<Self>, kind: &'static str, parent: Option<usize>) -> (Callback, usize) {
        let index = self.endpoints.borrow().len();
        self.endpoints.borrow_mut().push(Endpoint { kind, parent, events: Vec::new() });
        let shared = Rc::clone(self);
        let callback = move |event: &str, detail: Option<&str>| {
            assert_eq!(event.ends_with("_ERROR"), detail.is_some(), "{event}");
            assert!(event.starts_with(kind), "{event} of a {kind}");
            shared.check_end(index, event);
            shared.endpoints.borrow_mut()[index].events.push(event.to_owned());
            if shared.one_in(3) {
                shared.act();
            }
        };
        (Box::new(callback), index)
    }

    /// Checks that an endpoint has not ended, and that it ends before what it is in.
    fn check_end(&self, index: usize, event: &str) {
        let endpoints = self.endpoints.borrow();
        let mut next = Some(index);
        while let Some(at) = next {
            let ended = endpoints[at].events.iter().find(|event| is_end(event));
            assert!(ended.is_none(), "{event} of {index} behind {ended:?} of {at}");
            next = endpoints[at].parent;
        }
        let is_open = endpoints[index].events.iter().any(|event| event.ends_with("_OPEN"));
        assert!(!(is_open && event.ends_with("_OPEN")), "{event} twice");
    }

    /// Does something with a handle, which is out of the list meanwhile.
    fn act(self: &Rc<Self>) {
        if *self.is_ending.borrow() {
            return;
        }
        let count = self.handles.borrow().len();
        let index = self.random.borrow_mut().pick(&(0..count).collect::<Vec<_>>());
        let Some(index) = index else { return };
        let handle = self.handles.borrow_mut().swap_remove(index);
        match handle {
            _ if self.one_in(12) => drop(handle),
            Handle::Connection(connection, index) => {
                let _ = connection.is_open();
                if self.one_in(10) {
                    connection.close();
                } else {
                    let (callback, session) = self.callback("SESSION", Some(index));
                    match connection.open_session(Some(callback)) {
                        Ok(handle) => self.handles.borrow_mut().push(Handle::Session(handle, session)),
                        Err(_) => self.forget(session),
                    }
                }
                self.handles.borrow_mut().push(Handle::Connection(connection, index));
            }
            Handle::Session(session, index) => {
                let step = self.random.borrow_mut().up_to(10);
                match step {
                    1 => session.close(),
                    2..6 => {
                        let (callback, sender) = self.callback("SENDER", Some(index));
                        match session.open_sender("queue", Some(callback)) {
                            Ok(handle) => self.handles.borrow_mut().push(Handle::Sender(handle)),
                            Err(_) => self.forget(sender),
                        }
                    }
                    _ => {
                        let (callback, receiver) = self.callback("RECEIVER", Some(index));
                        let shared = Rc::clone(self);
                        let on_message = move |delivery: &ReceivedDelivery| shared.on_message(delivery);
                        match session.open_receiver("queue", Some(callback), on_message) {
                            Ok(handle) => self.handles.borrow_mut().push(Handle::Receiver(handle)),
                            Err(_) => self.forget(receiver),
                        }
                    }
                }
                self.handles.borrow_mut().push(Handle::Session(session, index));
            }
            Handle::Sender(sender) => {
                if self.one_in(10) {
                    sender.close();
                } else {
                    self.send(&sender);
                }
                self.handles.borrow_mut().push(Handle::Sender(sender));
            }
            Handle::Receiver(receiver) => {
                if self.one_in(4) {
                    receiver.close();
                }
                self.handles.borrow_mut().push(Handle::Receiver(receiver));
            }
        }
    }

    /// Takes back an endpoint that was refused, and whose callback was never called.
    fn forget(&self, index: usize) {
        let mut endpoints = self.endpoints.borrow_mut();
        assert!(endpoints[index].events.is_empty());
        endpoints[index].kind = "";
    }

    fn send(self: &Rc<Self>, sender: &SenderHandle) {
        let index = self.outcomes.borrow().len();
        self.outcomes.borrow_mut().push(0);
        let shared = Rc::clone(self);
        let on_outcome = move |_: Option<&_>| {
            shared.outcomes.borrow_mut()[index] += 1;
            if shared.one_in(3) {
                shared.act();
            }
        };
        let size = self.random.borrow_mut().up_to(100) as usize;
        if sender.send_with_outcome(vec![0x55; size], on_outcome).is_err() {
            // It is not called then.
            self.outcomes.borrow_mut()[index] += 1;
        }
    }

    fn on_message(self: &Rc<Self>, delivery: &ReceivedDelivery) {
        if self.one_in(3) {
            self.act();
        }
        match self.random.borrow_mut().up_to(5) {
            1 => delivery.reject(None),
            2 => delivery.release(),
            3 => delivery.modify(Modified::default()),
            4 => delivery.accept(),
            _ => {}
        }
    }
}

fn is_end(event: &str) -> bool {
    event.ends_with("_CLOSED") || event.ends_with("_ERROR")
}

/// A server that does as it likes.
struct Server {
    engine: Connection,
    input: BytesMut,
    output: BytesMut,
    links: Vec<LinkId>,
    sent: u32,
}

impl Server {
    fn new() -> Self {
        let config = ConnectionConfig::server("server").sasl(Mechanism::anonymous_server());
        Self {
            engine: Connection::new(config.auto_accept_sessions(true)),
            input: BytesMut::new(),
            output: BytesMut::new(),
            links: Vec::new(),
            sent: 0,
        }
    }

    fn on_event(&mut self, event: Event, random: &mut Random) {
        let error = || AmqpError::new(ErrorCondition::NotFound);
        // Some answers come too late.
        let _: Result<(), CommandError> = match event {
            Event::SenderRequested { sender, .. } if random.one_in(4) => {
                self.engine.refuse_sender(sender, error())
            }
            Event::SenderRequested { sender, .. } => {
                self.links.push(sender.into());
                self.engine.accept_sender(sender, SenderConfig::new())
            }
            Event::ReceiverRequested { receiver, .. } if random.one_in(4) => {
                self.engine.refuse_receiver(receiver, error())
            }
            Event::ReceiverRequested { receiver, .. } => {
                self.links.push(receiver.into());
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(random.up_to(20)));
                let size = random.pick(&[0, 64]).unwrap();
                self.engine.accept_receiver(receiver, config.max_message_size(size))
            }
            Event::Delivery { receiver, delivery } => {
                self.engine.receiver(receiver).and_then(|mut link| match random.up_to(6) {
                    1 => link.reject(delivery.id, Some(error())),
                    2 => link.release(delivery.id),
                    3 => link.settle(delivery.id, None),
                    // It stays unsettled.
                    4 => Ok(()),
                    _ => link.accept(delivery.id),
                })
            }
            _ => Ok(()),
        };
    }

    fn act(&mut self, random: &mut Random) {
        let error = random.one_in(2).then(|| AmqpError::new(ErrorCondition::DetachForced));
        let session = self.engine.session_ids().next();
        // It may be gone.
        let _: Result<(), CommandError> = match (random.up_to(20), random.pick(&self.links), session) {
            (1, ..) => self.engine.close(error),
            (2, _, Some(session)) => self.engine.session(session).and_then(|mut it| it.end(error)),
            (3..6, Some(LinkId::Sender(sender)), _) => {
                self.engine.sender(sender).and_then(|mut link| link.close(error))
            }
            (3..6, Some(LinkId::Receiver(receiver)), _) => {
                self.engine.receiver(receiver).and_then(|mut link| link.detach(error))
            }
            (_, Some(LinkId::Receiver(receiver)), _) => {
                self.engine.receiver(receiver).and_then(|mut link| link.drain())
            }
            (_, Some(LinkId::Sender(sender)), _) => {
                self.sent += 1;
                let tag = self.sent;
                self.engine.sender(sender).and_then(|mut link| link.send(tag, vec![0; 10])).map(drop)
            }
            _ => Ok(()),
        };
    }

    fn exchange(&mut self, agent: &mut Agent, id: ConnectionId, now: Instant, random: &mut Random) {
        if let Some(output) = agent.poll_transmit(id, now) {
            self.input.put(output);
        }
        let _ = self.engine.handle_input(now, &mut self.input);
        self.engine.handle_timeout(now);
        while let Some(event) = self.engine.poll_event() {
            self.on_event(event, random);
        }
        if random.one_in(4) {
            self.act(random);
        }
        self.output.put(self.engine.poll_transmit(now));
        let _ = agent.handle_input(id, now, &mut self.output);
    }
}

fn check(seed: u64) {
    let mut random = Random::new(seed);
    let shared = Rc::new(Shared {
        random: RefCell::new(Random::new(seed ^ (1 << 40))),
        handles: RefCell::default(),
        endpoints: RefCell::default(),
        outcomes: RefCell::default(),
        is_ending: RefCell::new(false),
    });
    let config = AgentConfig::new("agent").max_sessions(6).max_links(12).max_queued_messages(8);
    let mut agent = Agent::new(config);
    let mut servers: BTreeMap<ConnectionId, Server> = BTreeMap::new();
    let mut now = Instant::default();
    for _ in 0..200 {
        now = now.saturating_add(Duration::from_millis(random.up_to(3).into()));
        if agent.counts().connections < 2 && random.one_in(4) {
            let (mut callback, index) = shared.callback("CONNECTION", None);
            let callback = move |event: &str, detail: Option<&str>| callback(event, detail);
            let connection = agent.open_connection(URL, callback).unwrap();
            servers.insert(connection.id(), Server::new());
            shared.handles.borrow_mut().push(Handle::Connection(connection, index));
        }
        shared.act();
        agent.run_callbacks(now);
        for id in agent.connections().collect::<Vec<_>>() {
            match random.up_to(60) {
                1 => agent.handle_eof(id, now),
                2 => agent.output_lost(id, now),
                _ => servers.get_mut(&id).unwrap().exchange(&mut agent, id, now, &mut random),
            }
        }
    }
    *shared.is_ending.borrow_mut() = true;
    let handles = shared.handles.take();
    drop(handles);
    for _ in 0..100 {
        agent.run_callbacks(now);
        for id in agent.connections().collect::<Vec<_>>() {
            servers.get_mut(&id).unwrap().exchange(&mut agent, id, now, &mut random);
        }
        now = agent.poll_timeout().unwrap_or(now).max(now).saturating_add(Duration::from_millis(1));
    }
    agent.run_callbacks(now);
    assert_eq!(agent.counts(), NO_ENDPOINTS);
    assert_eq!(agent.connections().count(), 0);
    for (index, endpoint) in shared.endpoints.borrow().iter().enumerate() {
        let ends = endpoint.events.iter().filter(|event| is_end(event)).count();
        assert_eq!(ends, usize::from(!endpoint.kind.is_empty()), "{index}: {endpoint:?}");
    }
    let outcomes = shared.outcomes.borrow();
    assert!(outcomes.iter().all(|calls| *calls == 1), "{outcomes:?}");
    // Callbacks are dropped with their endpoints.
    drop(outcomes);
    assert_eq!(Rc::strong_count(&shared), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_endpoint_ends_once_and_each_outcome_comes_once(seed in 0..u64::MAX / 2) {
        check(seed);
    }
}
