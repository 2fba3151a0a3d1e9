//! The router between two connections.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Instant,
};

use amqp_proto::{
    Cause, CommandError, ConnectionConfig, CreditPolicy, DeliveryId, Event, LinkId, ReceiverConfig,
    SendOptions, SenderConfig, SenderId, SessionConfig, SessionId,
    message::Message,
    sasl::Mechanism,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode},
        delivery_state::DeliveryState,
        terminus::Target,
    },
    types::{Fields, Symbol},
};

use crate::support::{Broker, End, Ended, PATIENCE, finish, number, program, run};

/// A router on a port of its own.
struct Router {
    child: Child,
    address: SocketAddr,
}

impl Router {
    fn to(server: SocketAddr) -> Self {
        Self::with(server, &[])
    }

    fn with(server: SocketAddr, arguments: &[&str]) -> Self {
        let mut router = Self::unread(server, arguments);
        let mut err = router.child.stderr.take().unwrap();
        thread::spawn(move || err.read_to_end(&mut Vec::new()));
        router
    }

    /// Starts one whose log nobody reads.
    fn unread(server: SocketAddr, arguments: &[&str]) -> Self {
        let mut command = Command::new(program("router"));
        command
            .args(["--listen", "127.0.0.1:0", "--to", &server.to_string()])
            .args(arguments)
            .stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
        Self { child, address }
    }

    fn broker(broker: &Broker) -> Self {
        Self::to(([127, 0, 0, 1], broker.port).into())
    }

    fn client(&self) -> End {
        self.client_with(ConnectionConfig::client("test"))
    }

    fn client_with(&self, config: ConnectionConfig) -> End {
        let config = config.sasl(Mechanism::anonymous());
        let mut end = End::new(TcpStream::connect(self.address).unwrap(), config);
        end.connection.open().unwrap();
        end
    }

    fn run(&self, name: &str, address: &str, arguments: &[&str]) -> Ended {
        let url = format!("amqp://{}/{address}", self.address);
        run(name, &[&[&*url], arguments].concat())
    }

    fn send(&self, address: &str, arguments: &[&str]) {
        let ended = self.run("send", address, arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    fn receive(&self, address: &str, arguments: &[&str]) -> u64 {
        let ended = self.run("receive", address, &[arguments, &["--quiet"]].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        number(&ended.out, "received")
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a router to a server of one connection, which runs in a thread.
fn router_to<T: Send + 'static>(
    serve: impl FnOnce(End) -> T + Send + 'static,
) -> (Router, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let router = Router::to(listener.local_addr().unwrap());
    (router, thread::spawn(move || serve(End::server(&listener))))
}

/// As [`router_to`], for a server that answers sessions itself.
fn router_to_server<T: Send + 'static>(
    serve: impl FnOnce(End) -> T + Send + 'static,
) -> (Router, thread::JoinHandle<T>) {
    router_with(&[], serve)
}

fn router_with<T: Send + 'static>(
    arguments: &[&str],
    serve: impl FnOnce(End) -> T + Send + 'static,
) -> (Router, thread::JoinHandle<T>) {
    router_for(ConnectionConfig::server("test"), arguments, serve)
}

fn router_for<T: Send + 'static>(
    config: ConnectionConfig,
    arguments: &[&str],
    serve: impl FnOnce(End) -> T + Send + 'static,
) -> (Router, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let router = Router::with(listener.local_addr().unwrap(), arguments);
    let server = thread::spawn(move || {
        let config = config.sasl(Mechanism::anonymous_server());
        let mut server = End::new(listener.accept().unwrap().0, config);
        server.until(|event| matches!(event, Event::ConnectionRequested).then_some(()));
        server.connection.open().unwrap();
        serve(server)
    });
    (router, server)
}

/// Attaches a sender in a session of its own, and waits until it may send.
fn attach_sender(client: &mut End, config: SenderConfig) -> SenderId {
    let session = client.connection.begin(SessionConfig::new()).unwrap();
    client.sender(session, config)
}

/// Each of these clients makes the router report something, which soon fills a pipe that nobody reads.
#[test]
fn router_whose_log_nobody_reads_holds_nobody_up() {
    let broker = Broker::start(&[]);
    let router = Router::unread(([127, 0, 0, 1], broker.port).into(), &[]);
    for _ in 0..1500 {
        // The router may have left already.
        let _ = TcpStream::connect(router.address).unwrap().write_all(b"GARBAGE!GARBAGE!GARBAGE!");
    }
    router.send("q", &["--count", "3"]);
    assert_eq!(broker.left("q"), 3);
}

#[test]
fn router_passes_on_small_and_large_messages_settled_or_not() {
    let broker = Broker::start(&[]);
    let router = Router::broker(&broker);
    for (count, size) in [("300", "100"), ("4", "3000000")] {
        for settled in [&[][..], &["--settled"]] {
            router.send("queue", &[&["--count", count, "--size", size], settled].concat());
            // The router answers the client's close before it has passed on the last settled messages.
            let (deadline, mut arrived) = (Instant::now() + PATIENCE, broker.left("queue"));
            while arrived.to_string() != count && Instant::now() < deadline {
                arrived += broker.left("queue");
            }
            assert_eq!(arrived.to_string(), count);
            assert_eq!(broker.send("queue", &["--count", count, "--size", size]).code, Some(0));
            let received = router.receive("queue", &[&["--count", count], settled].concat());
            assert_eq!(received.to_string(), count);
            assert_eq!(broker.left("queue"), 0);
        }
    }
}

#[test]
fn router_passes_on_a_drain_of_any_credit() {
    let broker = Broker::start(&[]);
    let router = Router::broker(&broker);
    for credit in ["1", "7", "500", "100000"] {
        assert_eq!(broker.send("queue", &["--count", "150"]).code, Some(0));
        assert_eq!(router.receive("queue", &["--drain", "--credit", credit]), 150, "credit {credit}");
        assert_eq!(router.receive("queue", &["--drain", "--credit", credit]), 0, "credit {credit}");
    }
}

/// The first router answered a new drain with what had been dry before, while there was more.
#[test]
fn routers_in_a_row_pass_on_a_drain_of_any_credit() {
    let broker = Broker::start(&[]);
    let near = Router::broker(&broker);
    let far = Router::to(near.address);
    for credit in ["7", "50", "7", "50", "3"] {
        assert_eq!(broker.send("queue", &["--count", "4000"]).code, Some(0));
        assert_eq!(far.receive("queue", &["--drain", "--credit", credit]), 4000, "credit {credit}");
    }
}

/// A message that is settled and held by the router when its client leaves is lost.
#[test]
fn router_takes_no_more_settled_messages_than_its_client_wants() {
    let broker = Broker::start(&[]);
    let router = Router::broker(&broker);
    for (count, credit) in [("100", "99"), ("10", "3"), ("501", "1000")] {
        assert_eq!(broker.send("queue", &["--count", "1000"]).code, Some(0));
        router.receive("queue", &["--settled", "--count", count, "--credit", credit]);
        assert_eq!(broker.left("queue"), 1000 - count.parse::<u64>().unwrap(), "{count} {credit}");
    }
}

#[test]
fn router_passes_on_the_refusal_of_a_link() {
    let broker = Broker::start(&[]);
    let router = Router::broker(&broker);
    let ended = router.run("receive", "", &["--drain"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("the link was refused: amqp:not-found"), "{ended:?}");
}

/// Waits for the failure of a session or link.
fn failure(end: &mut End) -> ErrorCondition {
    end.until(|event| event.failure().map(|failure| failure.error.condition.clone()))
}

/// They got no answer, or no outcome, and the server's end of them stayed.
#[test]
fn router_refuses_what_has_no_room_in_a_client_s_frames() {
    let large = || Fields::new().with(Symbol::from_static("x"), "x".repeat(2000));
    let (router, server) = router_to_server(move |mut server| {
        // A session with large properties, then a link with a large address, then a large reason.
        let requested = |event: &Event| match event {
            Event::SessionRequested { session } => Some(*session),
            _ => None,
        };
        let session = server.until(requested);
        server.connection.accept_session(session, SessionConfig::new().properties(large())).unwrap();
        let first = failure(&mut server);
        let session = server.until(requested);
        server.connection.accept_session(session, SessionConfig::new()).unwrap();
        let link = |event: &Event| match event {
            Event::ReceiverRequested { receiver, .. } => Some(*receiver),
            _ => None,
        };
        let receiver = server.until(link);
        let config = ReceiverConfig::new().target(Target::at(&*"q".repeat(2000)));
        server.connection.accept_receiver(receiver, config).unwrap();
        let second = failure(&mut server);
        let receiver = server.until(link);
        let config = ReceiverConfig::new().credit(CreditPolicy::Auto(1));
        server.connection.accept_receiver(receiver, config).unwrap();
        let delivery = server.until(|event| match event {
            Event::Delivery { delivery, .. } => Some(delivery.id),
            _ => None,
        });
        let error = AmqpError { info: Some(large()), ..AmqpError::new(ErrorCondition::NotAllowed) };
        server.connection.receiver(receiver).unwrap().reject(delivery, Some(error)).unwrap();
        finish(server);
        [first, second]
    });
    let mut client = router.client_with(ConnectionConfig::client("test").max_frame_size(512));
    client.connection.begin(SessionConfig::new()).unwrap();
    assert_eq!(failure(&mut client), ErrorCondition::FrameSizeTooSmall);
    let session = client.connection.begin(SessionConfig::new()).unwrap();
    let config = || SenderConfig::to("q");
    client.connection.session(session).unwrap().attach_sender(config()).unwrap();
    assert_eq!(failure(&mut client), ErrorCondition::FrameSizeTooSmall);
    let sender = client.sender(session, config());
    client.connection.sender(sender).unwrap().send(1_u32, Message::builder().data("x").build()).unwrap();
    let state = client.until(|event| match event {
        Event::DeliverySettled { state, .. } => state.clone(),
        _ => None,
    });
    let DeliveryState::Rejected(rejected) = state else { panic!("{state:?}") };
    assert_eq!(rejected.error.as_ref().unwrap().condition, ErrorCondition::NotAllowed);
    client.connection.close(None).unwrap();
    finish(client);
    assert_eq!(
        server.join().unwrap(),
        [ErrorCondition::FrameSizeTooSmall, ErrorCondition::FrameSizeTooSmall]
    );
}

/// The link of the name was still being detached on the server's side, so that many were refused.
#[test]
fn router_attaches_a_link_again_as_soon_as_its_name_is_free() {
    let broker = Broker::start(&[]);
    let router = Router::broker(&broker);
    let mut client = router.client();
    let session = client.connection.begin(SessionConfig::new()).unwrap();
    for _ in 0..20 {
        let sender = client.sender(session, SenderConfig::to("queue").name("s"));
        let receiver = client.receiver(session, ReceiverConfig::from("queue").name("r"));
        client.connection.sender(sender).unwrap().close(None).unwrap();
        client.connection.receiver(receiver).unwrap().close(None).unwrap();
        let mut left = 2;
        client.until(|event| {
            left -= u32::from(matches!(event, Event::SenderClosed { .. } | Event::ReceiverClosed { .. }));
            (left == 0).then_some(())
        });
    }
    client.connection.close(None).unwrap();
    finish(client);
}

#[test]
fn router_refuses_clients_of_a_server_that_is_not_there() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let router = Router::to(nobody);
    let ended = router.run("send", "queue", &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("amqp:connection:forced"), "{ended:?}");
}

#[test]
fn router_ends_the_client_s_links_when_the_client_is_lost() {
    let broker = Broker::start(&[]);
    let router = Router::broker(&broker);
    assert_eq!(broker.send("queue", &[]).code, Some(0));
    let mut client = router.client();
    let session = client.connection.begin(SessionConfig::new()).unwrap();
    let receiver = client.receiver(session, ReceiverConfig::from("queue"));
    client.connection.receiver(receiver).unwrap().set_credit(5).unwrap();
    client.until(|event| matches!(event, Event::Delivery { .. }).then_some(()));
    drop(client);
    // It had no outcome, so the broker has it again once the link has ended.
    assert_eq!(router.receive("queue", &["--count", "1"]), 1);
}

#[test]
fn router_ends_the_client_s_connection_when_the_server_is_lost() {
    let (router, server) = router_to(|mut server| {
        server.until(|event| matches!(event, Event::SessionOpen { .. }).then_some(()));
    });
    let mut client = router.client();
    client.connection.begin(SessionConfig::new()).unwrap();
    let failure = client.until(|event| match event {
        Event::ConnectionError(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure.cause, Cause::Peer);
    server.join().unwrap();
}

#[test]
fn router_passes_on_errors_of_links_and_sessions() {
    let (router, server) = router_to(|mut server| {
        let receiver = accept(&mut server, ReceiverConfig::new(), 1);
        let error = AmqpError::described(ErrorCondition::ResourceDeleted, "the queue is gone");
        server.connection.receiver(receiver).unwrap().close(Some(error)).unwrap();
        let error = server.until(|event| match event {
            Event::SessionError { failure, .. } => Some(failure.error.clone()),
            _ => None,
        });
        finish(server);
        error
    });
    let mut client = router.client();
    let session = client.connection.begin(SessionConfig::new()).unwrap();
    client.connection.session(session).unwrap().attach_sender(SenderConfig::to("queue")).unwrap();
    let error = client.until(|event| match event {
        Event::SenderError { failure, .. } => Some(failure.error.clone()),
        _ => None,
    });
    assert_eq!(error, AmqpError::described(ErrorCondition::ResourceDeleted, "the queue is gone"));
    let error = AmqpError::described(ErrorCondition::NotAllowed, "enough");
    client.connection.session(session).unwrap().end(Some(error.clone())).unwrap();
    client.until(|event| matches!(event, Event::SessionClosed { .. }).then_some(()));
    client.connection.close(None).unwrap();
    finish(client);
    assert_eq!(server.join().unwrap(), error);
}

/// Sends a message in three frames.
fn send_in_three(client: &mut End, sender: SenderId, number: u32, is_settled: bool) {
    let options = SendOptions::new().settled(is_settled);
    let sent = client.connection.sender(sender).unwrap().send_streaming(number, &options).unwrap();
    for part in 0..3 {
        let mut link = client.connection.sender(sender).unwrap();
        link.write(sent, vec![b'x'; 1000]).unwrap();
        if part == 2 {
            link.finish(sent).unwrap();
        }
        client.flush();
    }
}

type Leave = fn(&mut End, SenderId, SessionId) -> Result<(), CommandError>;

/// They were complete, and empty: the client's connection has no more to read of a link that is over.
#[test]
fn router_sends_all_of_long_messages_whose_sender_has_left() {
    const ALL: u32 = 10;
    let ends: [Leave; 4] = [
        |client, sender, _| client.connection.sender(sender)?.detach(None),
        |client, sender, _| client.connection.sender(sender)?.close(None),
        |client, _, session| client.connection.session(session)?.end(None),
        |client, _, _| client.connection.close(None),
    ];
    for (end, is_settled) in ends.into_iter().flat_map(|end| [(end, true), (end, false)]) {
        let (go_on, may_go_on) = mpsc::channel();
        let (router, server) = router_to_server(move |mut server| {
            accept_session(&mut server, 2);
            accept(&mut server, ReceiverConfig::new(), 100);
            may_go_on.recv().unwrap();
            let mut lengths = Vec::new();
            while let Some(event) = server.event() {
                if let Event::Delivery { delivery, .. } = event {
                    lengths.push(delivery.payload.len());
                }
            }
            lengths
        });
        let mut client = router.client();
        let session = client.connection.begin(SessionConfig::new()).unwrap();
        let sender = client.sender(session, SenderConfig::to("queue"));
        for number in 0..ALL {
            send_in_three(&mut client, sender, number, is_settled);
        }
        end(&mut client, sender, session).unwrap();
        client.flush();
        go_on.send(()).unwrap();
        // An error means that this was the end.
        let _ = client.connection.close(None);
        finish(client);
        assert_eq!(server.join().unwrap(), [3000; ALL as usize]);
    }
}

/// Serves a client, and reads nothing of its messages. Returns the error that it is given up with.
fn stall(mut server: End) -> ErrorCondition {
    loop {
        match server.event().expect("an error first") {
            Event::SessionRequested { session } => {
                let config = SessionConfig::new().incoming_window(2);
                server.connection.accept_session(session, config).unwrap();
            }
            Event::ReceiverRequested { receiver, .. } => {
                let config = ReceiverConfig::new().streaming(true).credit(CreditPolicy::Auto(100));
                server.connection.accept_receiver(receiver, config).unwrap();
            }
            Event::ConnectionError(failure) => return failure.error.condition.clone(),
            _ => {}
        }
        server.flush();
    }
}

/// It waited without end, with both connections.
#[test]
fn router_gives_a_stalled_server_up_behind_a_client_that_has_closed() {
    let (router, server) = router_with(&["--timeout", "300"], stall);
    let mut client = router.client();
    let sender = attach_sender(&mut client, SenderConfig::to("queue"));
    for number in 0..10 {
        send_in_three(&mut client, sender, number, number % 2 == 0);
    }
    client.connection.close(None).unwrap();
    finish(client);
    assert_eq!(server.join().unwrap(), ErrorCondition::ConnectionForced);
}

/// Each link may send a message ahead. There was no limit but 64 for each.
#[test]
fn router_closes_a_client_whose_messages_take_up_too_much() {
    let (router, server) = router_with(&["--timeout", "300"], stall);
    let mut client = router.client();
    for _ in 0..6 {
        let session = client.connection.begin(SessionConfig::new()).unwrap();
        for _ in 0..200 {
            let config = SenderConfig::to("queue");
            client.connection.session(session).unwrap().attach_sender(config).unwrap();
        }
    }
    client.flush();
    let (payload, mut sent) = (vec![b'x'; 60_000], 0_u32);
    let condition = loop {
        match client.event().expect("an error first") {
            Event::SenderReady { sender } => {
                let options = SendOptions::new().settled(true);
                let link = client.connection.sender(sender);
                let done = link.and_then(|mut link| link.send_with(sent, payload.clone(), &options));
                // An error means that the window is closed, or that the router has closed the connection.
                sent += u32::from(done.is_ok());
            }
            Event::ConnectionError(failure) => break failure.error.condition.clone(),
            _ => {}
        }
    };
    assert!(sent > 1000, "{sent}");
    assert_eq!(condition, ErrorCondition::ResourceLimitExceeded);
    assert_eq!(server.join().unwrap(), condition);
}

/// Accepts a session of the client, with a window of as many frames.
fn accept_session(server: &mut End, window: u32) {
    let session = server.until(|event| match event {
        Event::SessionRequested { session } => Some(*session),
        _ => None,
    });
    let config = SessionConfig::new().incoming_window(window);
    server.connection.accept_session(session, config).unwrap();
}

/// Accepts a link of the client, and grants it credit.
fn accept(server: &mut End, config: ReceiverConfig, credit: u32) -> amqp_proto::ReceiverId {
    let receiver = server.until(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(*receiver),
        _ => None,
    });
    server.connection.accept_receiver(receiver, config).unwrap();
    server.connection.receiver(receiver).unwrap().set_credit(credit).unwrap();
    server.flush();
    receiver
}

#[test]
fn router_passes_on_the_three_steps_of_rcv_settle_mode_second() {
    let second = ReceiverSettleMode::Second;
    let (router, server) = router_to(move |mut server| {
        let receiver = accept(&mut server, ReceiverConfig::new().rcv_settle_mode(second), 3);
        let attach = server.connection.receiver_ref(receiver).unwrap().remote_attach().unwrap();
        let id = server.until(|event| match event {
            Event::Delivery { delivery, .. } => Some(delivery.id),
            _ => None,
        });
        server.connection.receiver(receiver).unwrap().accept(id).unwrap();
        let settled = server.until(|event| match event {
            Event::DeliverySettled { link: LinkId::Receiver(_), first, .. } => Some(*first),
            _ => None,
        });
        assert_eq!(settled, id);
        finish(server);
        attach
    });
    let mut client = router.client();
    let config = SenderConfig::to("queue").name("one").rcv_settle_mode(second).settle_on_outcome(false);
    let sender = attach_sender(&mut client, config);
    assert_eq!(client.connection.sender_ref(sender).unwrap().credit(), 3);
    let sent = client.connection.sender(sender).unwrap().send(1_u32, b"hello".as_slice()).unwrap();
    let updated = client.until(|event| match event {
        Event::DeliveryUpdated { first, state: Some(DeliveryState::Accepted(_)), .. } => Some(*first),
        Event::DeliverySettled { .. } => panic!("the receiver has settled first"),
        _ => None,
    });
    assert_eq!(updated, sent);
    client.connection.sender(sender).unwrap().settle(sent, None).unwrap();
    client.round_trip();
    client.connection.close(None).unwrap();
    finish(client);
    let attach = server.join().unwrap();
    assert_eq!((attach.name.as_str(), attach.rcv_settle_mode), ("one", second));
}

/// A message cannot be settled while it is being sent. This was lost.
#[test]
fn router_settles_a_message_whose_rest_waited_when_its_sender_settled_it() {
    let second = ReceiverSettleMode::Second;
    let (begun, has_begun) = mpsc::channel();
    let config = ConnectionConfig::server("test").max_frame_size(512);
    let (router, server) = router_for(config, &[], move |mut server| {
        accept_session(&mut server, 1);
        let config = ReceiverConfig::new().rcv_settle_mode(second).streaming(true);
        let receiver = accept(&mut server, config, 1);
        let id = server.until(|event| match event {
            Event::DeliveryBegun { delivery, .. } => Some(*delivery),
            _ => None,
        });
        begun.send(()).unwrap();
        accept_session(&mut server, 1);
        loop {
            while let Ok(Some(_)) = server.connection.read_chunk(receiver, id) {}
            if let Event::DeliveryData { complete: true, .. } = server.event().unwrap() {
                break;
            }
        }
        while let Ok(Some(_)) = server.connection.read_chunk(receiver, id) {}
        server.connection.receiver(receiver).unwrap().accept(id).unwrap();
        let is_settled = |event: &Event| match event {
            Event::DeliverySettled { link: LinkId::Receiver(_), first, .. } => Some(*first),
            _ => None,
        };
        assert_eq!(server.until(is_settled), id);
    });
    let mut client = router.client();
    let config = SenderConfig::to("queue").rcv_settle_mode(second).settle_on_outcome(false);
    let sender = attach_sender(&mut client, config);
    let sent = client.connection.sender(sender).unwrap().send(1_u32, vec![b'x'; 5000]).unwrap();
    client.flush();
    has_begun.recv().unwrap();
    client.connection.sender(sender).unwrap().settle(sent, None).unwrap();
    // The server hears of this session behind the settlement.
    client.round_trip();
    server.join().unwrap();
}

#[test]
fn router_passes_on_a_long_delivery_while_it_arrives_and_its_abort() {
    let (begun, has_begun) = mpsc::channel();
    let (router, server) = router_to(move |mut server| {
        accept(&mut server, ReceiverConfig::new().streaming(true), 1);
        server.until(|event| matches!(event, Event::DeliveryData { complete: false, .. }).then_some(()));
        begun.send(()).unwrap();
        server.until(|event| matches!(event, Event::DeliveryAborted { .. }).then_some(()));
        finish(server);
    });
    let mut client = router.client();
    let sender = attach_sender(&mut client, SenderConfig::to("queue"));
    let mut link = client.connection.sender(sender).unwrap();
    let sent = link.send_streaming(1_u32, &SendOptions::new()).unwrap();
    link.write(sent, vec![b'x'; 10_000]).unwrap();
    client.flush();
    // The rest is not sent: what the server has is what was there.
    has_begun.recv().unwrap();
    client.connection.sender(sender).unwrap().abort(sent).unwrap();
    client.round_trip();
    client.connection.close(None).unwrap();
    finish(client);
    server.join().unwrap();
}

/// Sends settled messages as far as the credit reaches.
fn send_all(client: &mut End, sender: SenderId, sent: &mut u32, most: u32) {
    while *sent < most {
        let options = SendOptions::new().settled(true);
        let mut link = client.connection.sender(sender).unwrap();
        match link.send_with(*sent, b"hello".as_slice(), &options) {
            Ok(_) => *sent += 1,
            Err(error) => return assert_eq!(error, CommandError::NoCredit),
        }
    }
}

#[test]
fn router_reads_no_more_than_it_may_hold_while_the_server_s_window_is_closed() {
    // What the router's `AHEAD` allows, and what the server's window takes.
    const BOUND: u32 = 64 + 5;
    const ALL: u32 = 300;
    let (go_on, may_go_on) = mpsc::channel();
    let (router, server) = router_to_server(move |mut server| {
        accept_session(&mut server, 5);
        accept(&mut server, ReceiverConfig::new(), 1000);
        // Until then nothing is read.
        may_go_on.recv().unwrap();
        let mut ids: Vec<DeliveryId> = Vec::new();
        while let Some(event) = server.event() {
            if let Event::Delivery { delivery, .. } = event {
                ids.push(delivery.id);
            }
        }
        ids.len()
    });
    let mut client = router.client();
    let sender = attach_sender(&mut client, SenderConfig::to("queue"));
    let mut sent = 0;
    send_all(&mut client, sender, &mut sent, ALL);
    while sent < BOUND {
        client.until(|event| matches!(event, Event::SenderReady { .. }).then_some(()));
        send_all(&mut client, sender, &mut sent, ALL);
    }
    for _ in 0..10 {
        client.connection.sender(sender).unwrap().echo().unwrap();
        client.until(|event| matches!(event, Event::LinkEchoed { .. }).then_some(()));
        send_all(&mut client, sender, &mut sent, ALL);
    }
    assert_eq!(sent, BOUND);
    go_on.send(()).unwrap();
    while sent < ALL {
        client.until(|event| matches!(event, Event::SenderReady { .. }).then_some(()));
        send_all(&mut client, sender, &mut sent, ALL);
    }
    // The end waits for what the router still holds.
    client.connection.close(None).unwrap();
    finish(client);
    assert_eq!(server.join().unwrap(), ALL as usize);
}
