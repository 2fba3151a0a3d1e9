//! Link pairs, as a client and as a server.

use crate::support::*;
use amqp_proto::{
    CommandError, Connection, ConnectionConfig, Event, Instant, ReceiverConfig, SendOptions, SenderConfig,
    SessionConfig, SessionId,
    extensions::{LinkPair, PairConfig, PairEvent, RequestConfig, RequestEvent, RequestFailure, Requests},
    message::Message,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role, SenderSettleMode},
        terminus::{Source, Target},
    },
    testing::Pair,
    types::{Fields, Symbol, Value},
};

const PAIRED: Symbol = Symbol::from_static("paired");

#[test]
fn client_attaches_two_links_of_one_name_and_both_ends_at_the_node() {
    let mut world = World::new();
    let session = world.session;
    let config = RequestConfig::new("m");
    let mut requests =
        LinkPair::attach(world.client(), session, "management-link-pair", "/management", config).unwrap();
    world.turn(&mut requests);
    let (sender, receiver) = world.attaches();
    let (sender, receiver) = (sender.unwrap(), receiver.unwrap());
    assert_eq!((sender.role, receiver.role), (Role::Sender, Role::Receiver));
    for attach in [sender, receiver] {
        assert_eq!(attach.name, "management-link-pair");
        assert_eq!(source_address(&attach).as_deref(), Some("/management"));
        assert_eq!(target_address(&attach).as_deref(), Some("/management"));
        assert_eq!(attach.properties, Some(Fields::new().with(PAIRED, true)));
        assert_eq!(attach.snd_settle_mode, SenderSettleMode::Settled);
    }
    assert_eq!(requests.poll_event(), Some(RequestEvent::Ready));
}

/// As RabbitMQ's client does: settled, `reply-to` is `$me`.
#[test]
fn request_over_a_pair_is_settled_and_asks_for_its_answer_on_the_pair() {
    let mut world = World::new();
    let session = world.session;
    let config = RequestConfig::new("m");
    let mut requests = LinkPair::attach(world.client(), session, "p", "/management", config).unwrap();
    world.turn(&mut requests);
    let get = Message::builder().subject("GET").to("/queues/q").value(Value::Null);
    let now = world.now();
    requests.send(now, world.client(), get, None).unwrap();
    world.turn(&mut requests);
    let fields = [string("m-1"), NULL.into(), string("/queues/q"), string("GET"), string("$me")];
    assert_eq!(
        bytes(&world.requests[0]),
        [section(0x73, list(&fields)), section(0x77, NULL.into())].concat()
    );
    assert!(world.requests[0].settled);
}

#[test]
fn pairs_are_offered_by_a_capability_of_the_open() {
    for offers in [false, true] {
        let server = ConnectionConfig::server("s");
        let server = if offers { server.offered_capabilities([LinkPair::CAPABILITY]) } else { server };
        let mut world = World::with(server);
        assert_eq!(LinkPair::is_offered(world.client().remote_open().unwrap()), offers);
    }
}

/// A server that serves one pair: it answers each request with its body, but one.
struct Server {
    pair: Pair,
    session: SessionId,
    link_pair: Option<LinkPair>,
    left: Vec<Event>,
}

impl Server {
    fn new() -> Self {
        Self::with(ConnectionConfig::client("client"))
    }

    fn with(client: ConnectionConfig) -> Self {
        let server = ConnectionConfig::server("server").auto_accept_sessions(true);
        let mut pair = Pair::new(client, server);
        pair.client.connection.open().unwrap();
        let session = pair.client.connection.begin(SessionConfig::new()).unwrap();
        pair.run();
        pair.client.events();
        pair.server.events();
        Self { pair, session, link_pair: None, left: Vec::new() }
    }

    fn client(&mut self) -> &mut Connection {
        &mut self.pair.client.connection
    }

    fn attach_sender(&mut self, name: &str, paired: bool) -> amqp_proto::SenderId {
        self.attach_sender_from("node", name, paired)
    }

    fn attach_sender_from(&mut self, source: &str, name: &str, paired: bool) -> amqp_proto::SenderId {
        let session = self.session;
        let properties = Fields::new().with(PAIRED, paired);
        let config = SenderConfig::to("node").source(Source::at(source)).name(name).properties(properties);
        self.client().session(session).unwrap().attach_sender(config).unwrap()
    }

    fn attach_receiver(&mut self, name: &str, paired: bool) -> amqp_proto::ReceiverId {
        let session = self.session;
        let properties = Fields::new().with(PAIRED, paired);
        let config =
            ReceiverConfig::from("node").target(Target::at("node")).name(name).properties(properties);
        self.client().session(session).unwrap().attach_receiver(config).unwrap()
    }

    fn turn(&mut self) {
        loop {
            self.pair.run();
            let now = self.pair.now();
            let events = self.pair.server.events();
            if events.is_empty() {
                return;
            }
            for event in events {
                let server = &mut self.pair.server.connection;
                let event = match &mut self.link_pair {
                    Some(pair) => match pair.handle(now, server, event) {
                        Some(event) => event,
                        None => continue,
                    },
                    None if LinkPair::is_requested(server, &event) => {
                        let config = PairConfig::new().credit(5).timeout(millis(500));
                        self.link_pair = Some(LinkPair::accept(now, server, &event, config).unwrap());
                        continue;
                    }
                    None => event,
                };
                match event {
                    Event::Delivery { receiver, delivery } => {
                        let pair = self.link_pair.as_ref().unwrap();
                        assert_eq!(Some(receiver), pair.receiver());
                        let request = Message::try_from(delivery.payload).unwrap();
                        let body = request.body_as::<Value>().unwrap();
                        if body == "never answered" {
                            continue;
                        }
                        let answer = request.reply().unwrap().value(body);
                        let options = SendOptions::new();
                        let mut sender = server.sender(pair.sender().unwrap()).unwrap();
                        sender.send_with(1_u32, answer.build(), &options).unwrap();
                    }
                    event => self.left.push(event),
                }
            }
        }
    }

    fn pair_events(&mut self) -> Vec<PairEvent> {
        let pair = self.link_pair.as_mut().unwrap();
        core::iter::from_fn(|| pair.poll_event()).collect()
    }
}

fn drive(server: &mut Server, requests: &mut Requests) -> Vec<RequestEvent> {
    for _ in 0..4 {
        server.turn();
        let now = server.pair.now();
        for event in server.pair.client.events() {
            assert_eq!(requests.handle(now, &mut server.pair.client.connection, event), None);
        }
    }
    core::iter::from_fn(|| requests.poll_event()).collect()
}

#[test]
fn client_and_server_of_a_pair_talk_to_each_other() {
    let mut server = Server::new();
    let session = server.session;
    let mut requests =
        LinkPair::attach(server.client(), session, "p", "node", RequestConfig::new("m")).unwrap();
    assert_eq!(drive(&mut server, &mut requests), [RequestEvent::Ready]);
    assert_eq!(server.pair_events(), [PairEvent::Open]);
    assert!(server.link_pair.as_ref().unwrap().is_open());
    assert_eq!(server.link_pair.as_ref().unwrap().name(), "p");
    for text in ["one", "two"] {
        let now = server.pair.now();
        let id = requests.send(now, server.client(), Message::builder().value(text), None).unwrap();
        let events = drive(&mut server, &mut requests);
        let [RequestEvent::Answered { id: of, delivery }] = &events[..] else { panic!("{events:?}") };
        let answer = Message::try_from(delivery.payload.clone()).unwrap();
        assert_eq!((*of, delivery.settled, answer.body_as::<String>().as_deref()), (id, true, Ok(text)));
    }
    assert_eq!(server.link_pair.as_ref().unwrap().poll_timeout(), None);
}

#[test]
fn server_accepts_the_links_in_either_order_with_the_property_of_a_pair() {
    for receiver_first in [false, true] {
        let mut server = Server::new();
        if receiver_first {
            server.attach_receiver("p", true);
        } else {
            server.attach_sender("p", true);
        }
        server.turn();
        assert_eq!(server.pair_events(), []);
        let pair = server.link_pair.as_ref().unwrap();
        assert_eq!(pair.poll_timeout(), Some(Instant::from_millis(500)));
        assert_eq!((pair.sender().is_some(), pair.receiver().is_some()), (receiver_first, !receiver_first));
        if receiver_first {
            server.attach_sender("p", true);
        } else {
            server.attach_receiver("p", true);
        }
        server.turn();
        assert_eq!(server.pair_events(), [PairEvent::Open]);
        let client = &server.pair.client.connection;
        let ids = client.session_ref(server.session).unwrap().links();
        let attaches: Vec<_> = ids
            .map(|link| match link {
                amqp_proto::LinkId::Sender(id) => client.sender_ref(id).unwrap().remote_attach().unwrap(),
                amqp_proto::LinkId::Receiver(id) => client.receiver_ref(id).unwrap().remote_attach().unwrap(),
            })
            .collect();
        assert_eq!(attaches.len(), 2);
        for attach in attaches {
            assert_eq!(attach.properties, Some(Fields::new().with(PAIRED, true)));
            assert_eq!(source_address(&attach).as_deref(), Some("node"));
            assert_eq!(target_address(&attach).as_deref(), Some("node"));
        }
    }
}

#[test]
fn second_link_that_is_late_closes_the_first_to_the_millisecond() {
    let mut server = Server::new();
    server.attach_receiver("p", true);
    server.turn();
    server.pair.advance(millis(499));
    let now = server.pair.now();
    let connection = &mut server.pair.server.connection;
    server.link_pair.as_mut().unwrap().handle_timeout(now, connection);
    assert_eq!(server.pair_events(), []);
    server.pair.advance(millis(1));
    // The second link arrives at the deadline, and before anybody has looked at the clock.
    server.attach_sender("p", true);
    server.turn();
    assert_eq!(server.pair_events(), [PairEvent::Closed { failure: None }]);
    assert_eq!(server.left.iter().map(Event::name).collect::<Vec<_>>(), ["RECEIVER_REQUESTED"]);
    let details: Vec<_> = server.pair.client.events().iter().filter_map(Event::error_detail).collect();
    let text = "amqp:precondition-failed: the other link of the pair was not attached in time";
    assert_eq!(details, [text]);
    assert_eq!(server.link_pair.as_ref().unwrap().poll_timeout(), None);
}

#[test]
fn link_of_another_name_or_without_the_property_is_not_taken() {
    let mut server = Server::new();
    server.attach_receiver("p", true);
    server.turn();
    server.attach_sender("q", true);
    server.attach_sender("p", false);
    server.turn();
    assert_eq!(
        server.left.iter().map(Event::name).collect::<Vec<_>>(),
        ["RECEIVER_REQUESTED", "RECEIVER_REQUESTED"]
    );
    assert!(!server.link_pair.as_ref().unwrap().is_open());
}

/// The application has let the first link in for its node, and no other.
#[test]
fn link_of_the_name_to_another_node_is_not_taken() {
    let mut server = Server::new();
    server.attach_receiver("p", true);
    server.turn();
    let session = server.session;
    let properties = Fields::new().with(PAIRED, true);
    let other =
        SenderConfig::to("elsewhere").source(Source::at("elsewhere")).name("p").properties(properties);
    server.client().session(session).unwrap().attach_sender(other).unwrap();
    server.turn();
    assert_eq!(server.left.iter().map(Event::name).collect::<Vec<_>>(), ["RECEIVER_REQUESTED"]);
    assert!(!server.link_pair.as_ref().unwrap().is_open());
}

#[test]
fn link_of_the_name_in_another_session_is_not_taken() {
    let mut server = Server::new();
    server.attach_receiver("p", true);
    server.turn();
    server.session = server.client().begin(SessionConfig::new()).unwrap();
    server.attach_sender("p", true);
    server.turn();
    let names: Vec<_> = server.left.iter().map(Event::name).collect();
    assert_eq!(names, ["SESSION_OPEN", "RECEIVER_REQUESTED"]);
}

#[test]
fn second_link_after_the_end_of_the_first_is_not_taken() {
    let mut server = Server::new();
    let first = server.attach_receiver("p", true);
    server.turn();
    server.client().receiver(first).unwrap().close(None).unwrap();
    server.turn();
    assert_eq!(server.pair_events(), [PairEvent::Closed { failure: None }]);
    server.attach_sender("p", true);
    server.turn();
    assert_eq!(server.left.iter().map(Event::name).collect::<Vec<_>>(), ["RECEIVER_REQUESTED"]);
}

/// The answer would not fit the peer's frames. The request was taken, and not answered.
#[test]
fn second_link_that_cannot_be_accepted_is_left_to_be_refused() {
    let mut server = Server::with(ConnectionConfig::client("client").max_frame_size(512));
    server.attach_receiver("p", true);
    server.turn();
    server.attach_sender_from(&"x".repeat(600), "p", true);
    server.turn();
    assert_eq!(server.left.iter().map(Event::name).collect::<Vec<_>>(), ["RECEIVER_REQUESTED"]);
}

#[test]
fn links_that_are_attached_again_are_left_to_another_pair() {
    let mut server = Server::new();
    let first = server.attach_receiver("p", true);
    server.attach_sender("p", true);
    server.turn();
    server.client().receiver(first).unwrap().close(None).unwrap();
    server.turn();
    server.pair.client.events();
    server.turn();
    assert_eq!(server.pair_events(), [PairEvent::Open, PairEvent::Closed { failure: None }]);
    server.attach_receiver("p", true);
    server.turn();
    let [event] = &server.left[..] else { panic!("{:?}", server.left) };
    let connection = &mut server.pair.server.connection;
    let mut again = LinkPair::accept(Instant::default(), connection, event, PairConfig::new()).unwrap();
    server.left.clear();
    server.attach_sender("p", true);
    server.turn();
    let event = server.left.pop().unwrap();
    let connection = &mut server.pair.server.connection;
    assert_eq!(again.handle(Instant::default(), connection, event), None);
    assert!(again.sender().is_some() && again.receiver().is_some());
}

#[test]
fn first_link_without_the_property_is_refused_as_a_pair() {
    let mut server = Server::new();
    server.attach_sender("p", false);
    server.turn();
    let [event] = &server.left[..] else { panic!("{:?}", server.left) };
    let connection = &mut server.pair.server.connection;
    let refused = LinkPair::accept(Instant::default(), connection, event, PairConfig::new());
    assert!(matches!(refused, Err(CommandError::IllegalState(_))));
}

#[test]
fn loss_of_one_half_closes_the_other_at_both_ends() {
    for sender_ends in [false, true] {
        for at_the_client in [false, true] {
            let mut server = Server::new();
            let session = server.session;
            let mut requests =
                LinkPair::attach(server.client(), session, "p", "node", RequestConfig::new("m")).unwrap();
            drive(&mut server, &mut requests);
            let now = server.pair.now();
            let pending = Message::builder().value("never answered");
            let id = requests.send(now, server.client(), pending, None).unwrap();
            let error = Some(AmqpError::new(ErrorCondition::ResourceDeleted));
            let (sender, receiver) = if at_the_client {
                (requests.sender(), requests.receiver().unwrap())
            } else {
                let pair = server.link_pair.as_ref().unwrap();
                (pair.sender().unwrap(), pair.receiver().unwrap())
            };
            let end = if at_the_client { &mut server.pair.client } else { &mut server.pair.server };
            if sender_ends {
                end.connection.sender(sender).unwrap().close(error).unwrap();
            } else {
                end.connection.receiver(receiver).unwrap().close(error).unwrap();
            }
            let events = drive(&mut server, &mut requests);
            assert_eq!(events[0], RequestEvent::Failed { id, why: RequestFailure::LinkLost });
            let RequestEvent::Closed { failure } = &events[1] else { panic!("{events:?}") };
            assert_eq!((events.len(), failure.is_some()), (2, !at_the_client));
            let events = server.pair_events();
            let [PairEvent::Open, PairEvent::Closed { failure }] = &events[..] else { panic!("{events:?}") };
            assert_eq!(failure.is_some(), at_the_client);
            for connection in [&server.pair.client.connection, &server.pair.server.connection] {
                let session = connection.session_ids().next().unwrap();
                assert_eq!(connection.session_ref(session).unwrap().links().count(), 0);
            }
        }
    }
}
