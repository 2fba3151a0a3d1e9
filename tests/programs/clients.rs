//! `send` and `receive` against peers that end, fail or say nothing.

use std::{
    io::{ErrorKind, Write},
    net::{Shutdown, TcpListener},
    thread,
    time::Duration,
};

use amqp_proto::{
    CreditPolicy, Event, ReceiverConfig, SendOptions, SenderConfig, SessionConfig,
    codec::{DecodeLimits, from_bytes, to_vec},
    message::Message,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::{DeliveryState, Received},
        performatives::Flow,
    },
};
use bytes::Bytes;

use crate::support::*;

fn listen(address: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("amqp://127.0.0.1:{}/{address}", listener.local_addr().unwrap().port());
    (listener, url)
}

fn error(text: &'static str) -> AmqpError {
    AmqpError::described(ErrorCondition::InternalError, text)
}

/// Accepts a client's sender, with credit for all that it has.
fn accept_sender(server: &mut End) -> amqp_proto::ReceiverId {
    let receiver = server.until(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(*receiver),
        _ => None,
    });
    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(100_000));
    server.connection.accept_receiver(receiver, config).unwrap();
    receiver
}

/// Accepts a client's receiver.
fn accept_receiver(server: &mut End) {
    let sender = server.until(|event| match event {
        Event::SenderRequested { sender, .. } => Some(*sender),
        _ => None,
    });
    server.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    server.flush();
}

/// Waits until the client has read all that has been sent to it.
fn echo(server: &mut End) {
    let session = server.connection.session_ids().next().unwrap();
    server.connection.session(session).unwrap().echo().unwrap();
    server.until(|event| matches!(event, Event::SessionEchoed { .. }).then_some(()));
}

/// Waits for the client's close, which comes before the end of the transport.
fn wait_for_close(mut server: End) {
    let mut last = None;
    while let Some(event) = server.event() {
        last = Some(event);
    }
    assert_eq!(last.map(|event| event.name()), Some("CONNECTION_CLOSED"));
}

#[test]
fn fa2_a_close_with_an_error_and_a_reset_is_reported_by_send() {
    for _ in 0..20 {
        let (listener, url) = listen("q");
        let sending = start("send", &[&url, "--count", "100000", "--size", "100000"]);
        let mut server = End::server(&listener);
        accept_sender(&mut server);
        server.flush();
        // What the client sends fills the transport from here on.
        let mut peeked = [0; 1];
        server.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(server.socket.peek(&mut peeked).unwrap(), 1);
        server.connection.close(Some(error("out of order"))).unwrap();
        server.flush();
        // Unread bytes make it a reset.
        drop(server);
        let ended = sending.end();
        assert_eq!(ended.code, Some(1));
        assert!(ended.err.contains("out of order"), "{ended:?}");
    }
}

#[test]
fn fa2b_an_end_of_input_that_comes_with_the_last_bytes_is_not_lost() {
    for _ in 0..20 {
        let (listener, url) = listen("q");
        let sending = start("send", &[&url, "--idle-timeout", "0"]);
        let mut server = End::server(&listener);
        server.until(|event| matches!(event, Event::ReceiverRequested { .. }).then_some(()));
        // The begin's answer is out, the attach's never comes.
        server.socket.shutdown(Shutdown::Write).unwrap();
        let ended = sending.end();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains("lost"), "{ended:?}");
    }
}

#[test]
fn fc13_send_succeeds_though_the_peer_closes_as_soon_as_it_has_accepted() {
    for _ in 0..5 {
        let (listener, url) = listen("q");
        let sending = start("send", &[&url]);
        let mut server = End::server(&listener);
        let receiver = accept_sender(&mut server);
        let delivery = server.until(|event| match event {
            Event::Delivery { delivery, .. } => Some(delivery.id),
            _ => None,
        });
        server.connection.receiver(receiver).unwrap().accept(delivery).unwrap();
        server.connection.close(None).unwrap();
        while server.event().is_some() {}
        let ended = sending.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

#[test]
fn fg4_a_drain_that_is_not_answered_ends_at_its_deadline_with_a_close() {
    let (listener, url) = listen("q");
    let receiving = start("receive", &[&url, "--drain", "--drain-timeout", "100"]);
    let mut server = End::server(&listener);
    accept_receiver(&mut server);
    let closing = thread::spawn(move || wait_for_close(server));
    let ended = receiving.end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("drain"), "{ended:?}");
    closing.join().unwrap();
}

/// Both flows arrive at once, so that the drain is gone when its event is polled.
#[test]
fn fg4g_send_goes_on_after_a_drain_that_was_taken_back() {
    let (listener, url) = listen("q");
    let sending = start("send", &[&url, "--count", "3"]);
    let mut server = End::server(&listener);
    let receiver = server.until(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(*receiver),
        _ => None,
    });
    let config = ReceiverConfig::new().credit(CreditPolicy::Manual);
    server.connection.accept_receiver(receiver, config).unwrap();
    echo(&mut server);
    let mut flows = Vec::new();
    let mut link = server.connection.receiver(receiver).unwrap();
    link.set_credit(1).unwrap();
    link.drain().unwrap();
    server.write_to(&mut flows);
    let limits = DecodeLimits::DEFAULT;
    let drain: Flow = from_bytes(&Bytes::copy_from_slice(&flows[8..]), limits).unwrap();
    assert_eq!((drain.link_credit, drain.drain), (Some(1), true));
    let taken_back = to_vec(&Flow { link_credit: Some(10), drain: false, ..drain });
    flows.extend(u32::try_from(taken_back.len() + 8).unwrap().to_be_bytes());
    flows.extend([2, 0, 0, 0]);
    flows.extend(taken_back);
    server.socket.write_all(&flows).unwrap();
    server.connection.receiver(receiver).unwrap().set_credit(10).unwrap();
    for _ in 0..3 {
        let delivery = server.until(|event| match event {
            Event::Delivery { delivery, .. } => Some(delivery.id),
            _ => None,
        });
        server.connection.receiver(receiver).unwrap().accept(delivery).unwrap();
    }
    while server.event().is_some() {}
    let ended = sending.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// Its own pause counted as the peer's silence.
#[test]
fn fg4h_send_waits_for_its_rate_however_short_its_patience_with_the_peer() {
    let broker = Broker::start(&[]);
    let ended = broker.send("q", &["--count", "3", "--rate", "2", "--timeout", "250"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// States that are no outcomes counted as answers.
#[test]
fn fg4i_send_gives_up_a_peer_that_repeats_states_and_settles_nothing() {
    let (listener, url) = listen("q");
    let sending = start("send", &[&url, "--timeout", "300"]);
    let mut server = End::server(&listener);
    let receiver = accept_sender(&mut server);
    let delivery = server.until(|event| match event {
        Event::Delivery { delivery, .. } => Some(delivery.id),
        _ => None,
    });
    let mut number = 0;
    while let Ok(mut link) = server.connection.receiver(receiver)
        && number < 2000
    {
        number += 1;
        let state = DeliveryState::from(Received { section_offset: number, ..Received::default() });
        if link.disposition(delivery, delivery, false, Some(state)).is_err() {
            break;
        }
        server.flush();
        thread::sleep(Duration::from_millis(5));
        server.read();
    }
    let ended = sending.end();
    assert!(number < 2000 && ended.err.contains("neither credit nor an outcome in 300 ms"), "{ended:?}");
}

/// It was released, so that it stopped every later `receive` too.
#[test]
fn receive_rejects_a_message_that_it_cannot_read_and_goes_on() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let sender = end.sender(session, SenderConfig::to("q"));
    let malformed = end.connection.sender(sender).unwrap().send(1_u32, b"\0".as_slice()).unwrap();
    end.until(|event| {
        matches!(event, Event::DeliverySettled { first, .. } if *first == malformed).then_some(())
    });
    assert_eq!(broker.send("q", &["--count", "2", "--body", "good"]).code, Some(0));
    let ended = broker.receive("q", &["--drain"]);
    assert_eq!((ended.code, ended.out.matches("good").count()), (Some(1), 2), "{ended:?}");
    assert!(ended.err.contains("malformed was rejected"), "{ended:?}");
    assert_eq!(broker.left("q"), 0);
}

/// The link's event came first, and named the condition alone.
#[test]
fn ff4d_send_and_receive_name_the_reason_of_their_session() {
    for program in ["send", "receive"] {
        let (listener, url) = listen("q");
        let running = start(program, &[&url]);
        let mut server = End::server(&listener);
        server.until(|event| {
            let requested = matches!(event, Event::ReceiverRequested { .. } | Event::SenderRequested { .. });
            requested.then_some(())
        });
        let session = server.connection.session_ids().next().unwrap();
        server.connection.session(session).unwrap().end(Some(error("out of sessions"))).unwrap();
        while server.event().is_some() {}
        let ended = running.end();
        assert_eq!(ended.code, Some(1));
        assert!(ended.err.contains("SESSION_ERROR") && ended.err.contains("out of sessions"), "{ended:?}");
    }
}

#[test]
fn fg4b_a_refused_link_ends_send_and_receive_with_a_close() {
    for program in ["send", "receive"] {
        let (listener, url) = listen("q");
        let running = start(program, &[&url]);
        let mut server = End::server(&listener);
        let requested = server.until(|event| match event {
            Event::SenderRequested { .. } | Event::ReceiverRequested { .. } => Some(event.clone()),
            _ => None,
        });
        match requested {
            Event::SenderRequested { sender, .. } => {
                server.connection.refuse_sender(sender, error("not for you")).unwrap();
            }
            Event::ReceiverRequested { receiver, .. } => {
                server.connection.refuse_receiver(receiver, error("not for you")).unwrap();
            }
            _ => unreachable!(),
        }
        let closing = thread::spawn(move || wait_for_close(server));
        let ended = running.end();
        assert_eq!(ended.code, Some(1));
        assert!(ended.err.contains("not for you"), "{ended:?}");
        closing.join().unwrap();
    }
}

#[test]
fn fg4c_receive_has_the_options_of_send() {
    let broker = Broker::start(&[]);
    assert_eq!(broker.send("q", &["--count", "3", "--size", "2000", "--sasl", "none"]).code, Some(0));
    let taken = broker.receive("q", &["--count", "3", "--sasl", "none", "--max-frame-size", "512"]);
    assert_eq!((taken.code, number(&taken.out, "received")), (Some(0), 3), "{taken:?}");
    assert!(taken.out.lines().next().is_some_and(|line| line.len() == 2000));
}

#[test]
fn fg4d_a_peer_that_falls_silent_ends_send_and_receive() {
    for program in ["send", "receive"] {
        let (listener, url) = listen("q");
        let running = start(program, &[&url, "--idle-timeout", "300"]);
        let mut server = End::server(&listener);
        server.until(|event| matches!(event, Event::SessionOpen { .. }).then_some(()));
        server.flush();
        let ended = running.end();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        drop(server);
    }
}

#[test]
fn a_peer_that_never_opens_is_not_waited_for_when_it_leaves() {
    let (listener, url) = listen("q");
    let running = start("send", &[&url]);
    let (socket, _) = listener.accept().unwrap();
    thread::sleep(Duration::from_millis(20));
    drop(socket);
    let ended = running.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

/// Without an answer, the client would wait for one of its own, and so would the server.
#[test]
fn fa8d_a_client_refuses_the_sessions_and_links_that_a_server_asks_for() {
    let (listener, url) = listen("q");
    let sending = start("send", &[&url, "--count", "3"]);
    let mut server = End::server(&listener);
    let sender = server.until(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(*receiver),
        _ => None,
    });
    let session = server.connection.begin(SessionConfig::new()).unwrap();
    let ended = |event: &Event| {
        matches!(event, Event::SessionError { session: id, .. } if *id == session).then_some(())
    };
    server.until(ended);
    let first = server.connection.session_ids().next().unwrap();
    let config = SenderConfig::to("client");
    let link = server.connection.session(first).unwrap().attach_sender(config).unwrap();
    server.until(|event| matches!(event, Event::SenderError { sender: id, .. } if *id == link).then_some(()));
    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
    server.connection.accept_receiver(sender, config).unwrap();
    for _ in 0..3 {
        let (receiver, delivery) = server.until(|event| match event {
            Event::Delivery { receiver, delivery } => Some((*receiver, delivery.id)),
            _ => None,
        });
        server.connection.receiver(receiver).unwrap().accept(delivery).unwrap();
    }
    wait_for_close(server);
    assert_eq!(sending.end().code, Some(0));
}

#[test]
fn fg4e_send_gives_up_without_credit_and_says_why_a_message_was_rejected() {
    let (listener, url) = listen("q");
    let sending = start("send", &[&url, "--timeout", "300"]);
    let mut server = End::server(&listener);
    let receiver = server.until(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(*receiver),
        _ => None,
    });
    server.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
    wait_for_close(server);
    let ended = sending.end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("neither credit nor an outcome"), "{ended:?}");

    let sending = start("send", &[&url, "--timeout", "60000"]);
    let mut server = End::server(&listener);
    accept_sender(&mut server);
    let (receiver, delivery) = server.until(|event| match event {
        Event::Delivery { receiver, delivery } => Some((*receiver, delivery.id)),
        _ => None,
    });
    server.connection.receiver(receiver).unwrap().reject(delivery, Some(error("out of paper"))).unwrap();
    wait_for_close(server);
    let ended = sending.end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("out of paper"), "{ended:?}");
}

#[test]
fn fg4f_numbers_that_cannot_be_are_refused() {
    let broker = Broker::start(&[]);
    let ended = broker.send("q", &["--size", &usize::MAX.to_string()]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("--size"), "{ended:?}");
    for arguments in [["--max-frame-size", "511"], ["--credit", "2147483648"]] {
        assert_eq!(broker.receive("q", &arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn receive_has_printed_a_message_when_it_is_settled() {
    let (listener, url) = listen("q");
    let mut receiving = start("receive", &[&url]);
    let mut server = End::server(&listener);
    accept_receiver(&mut server);
    let sender = server.until(|event| match event {
        Event::SenderReady { sender } => Some(*sender),
        _ => None,
    });
    let body = amqp_proto::message::Message::builder().data("a body").build();
    server.connection.sender(sender).unwrap().send(1_u32, body).unwrap();
    server.until(|event| matches!(event, Event::DeliverySettled { .. }).then_some(()));
    receiving.kill();
    assert_eq!(receiving.end().out, "a body\n");
}

#[test]
fn receive_gives_more_credit_for_messages_that_were_aborted() {
    let (listener, url) = listen("q");
    let receiving = start("receive", &[&url, "--count", "2"]);
    let mut server = End::server(&listener);
    accept_receiver(&mut server);
    let ready = |event: &Event| match event {
        Event::SenderReady { sender } | Event::SenderCredit { sender } => Some(*sender),
        _ => None,
    };
    let sender = server.until(ready);
    for tag in 0..2_u32 {
        let mut link = server.connection.sender(sender).unwrap();
        let delivery = link.send_streaming(tag, &amqp_proto::SendOptions::new()).unwrap();
        link.write(delivery, vec![7; 200_000]).unwrap();
        echo(&mut server);
        server.connection.sender(sender).unwrap().abort(delivery).unwrap();
        echo(&mut server);
    }
    for tag in 2..4_u32 {
        while server.connection.sender(sender).unwrap().credit() == 0 {
            server.until(ready);
        }
        let body = amqp_proto::message::Message::builder().data("a body").build();
        server.connection.sender(sender).unwrap().send(tag, body).unwrap();
    }
    wait_for_close(server);
    let ended = receiving.end();
    assert_eq!((ended.code, ended.out.matches("a body").count()), (Some(0), 2), "{ended:?}");
}

/// It took the credit that an aborted message had used for the end of the queue.
#[test]
fn receive_drains_behind_messages_that_were_aborted() {
    let (listener, url) = listen("q");
    let receiving = start("receive", &[&url, "--drain", "--credit", "1"]);
    let mut server = End::server(&listener);
    accept_receiver(&mut server);
    let drain = |event: &Event| match event {
        Event::SenderDrain { sender } => Some(*sender),
        _ => None,
    };
    let sender = server.until(drain);
    let mut link = server.connection.sender(sender).unwrap();
    let aborted = link.send_streaming(0_u32, &amqp_proto::SendOptions::new()).unwrap();
    link.write(aborted, vec![7; 200_000]).unwrap();
    echo(&mut server);
    server.connection.sender(sender).unwrap().abort(aborted).unwrap();
    server.until(drain);
    let body = amqp_proto::message::Message::builder().data("a body").build();
    server.connection.sender(sender).unwrap().send(1_u32, body).unwrap();
    server.until(drain);
    server.connection.sender(sender).unwrap().drained().unwrap();
    wait_for_close(server);
    let ended = receiving.end();
    assert_eq!((ended.code, ended.out.matches("a body").count()), (Some(0), 1), "{ended:?}");
}

/// Credit was given anew for messages that had arrived and were not handled yet. Settled ones beyond the count were lost.
#[test]
fn receive_settled_takes_no_more_messages_than_it_prints() {
    let broker = Broker::start(&[]);
    for (count, credit) in [("500", "500"), ("10", "3"), ("100", "99"), ("501", "1000"), ("7", "1")] {
        assert_eq!(broker.send("q", &["--count", "1000"]).code, Some(0));
        let ended = run("receive", &[&broker.url("q"), "--settled", "--count", count, "--credit", credit]);
        assert_eq!(
            (ended.code, ended.out.lines().count() - 1),
            (Some(0), count.parse().unwrap()),
            "{}",
            ended.err
        );
        assert_eq!(broker.left("q"), 1000 - count.parse::<u64>().unwrap(), "{count} {credit}");
    }
}

#[test]
fn receive_releases_what_a_closed_pipe_does_not_take() {
    let broker = Broker::start(&[]);
    let receiving = start("receive", &[&broker.url("q")]).without_output();
    assert_eq!(broker.send("q", &["--count", "1", "--settled"]).code, Some(0));
    let ended = receiving.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("standard output"), "{ended:?}");
    assert_eq!(broker.left("q"), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn receive_releases_what_a_full_disk_does_not_take() {
    let broker = Broker::start(&[]);
    assert_eq!(broker.send("q", &["--count", "500", "--size", "10"]).code, Some(0));
    let ended = run_into("/dev/full", "receive", &[&broker.url("q")]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("standard output"), "{ended:?}");
    assert_eq!(broker.left("q"), 500);
}

#[test]
fn receive_with_a_timeout_reports_a_server_that_never_answers() {
    let (listener, url) = listen("q");
    let running = start("receive", &[&url, "--timeout", "100"]);
    let socket = listener.accept().unwrap();
    let ended = running.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("100 ms"), "{ended:?}");
    drop(socket);
}

/// It counted the time in which nobody read its output as time without a message, and lost what had been sent to it.
#[test]
fn receive_that_is_read_slowly_loses_no_settled_message() {
    const SENT: u64 = 3000;
    for drain in [&[][..], &["--drain"]] {
        let broker = Broker::start(&[]);
        assert_eq!(broker.send("q", &["--count", "3000", "--size", "1000"]).code, Some(0));
        let url = broker.url("q");
        let receiving = start("receive", &[&[&*url, "--settled", "--timeout", "300"], drain].concat());
        let ended = receiving.end_of_slow_reader(Duration::from_secs(1));
        let left = broker.left("q");
        assert_eq!(number(&ended.out, "received") + left, SENT, "{}", ended.err);
        assert!(drain.is_empty() || ended.code == Some(1) || left == 0, "{}", ended.err);
    }
}

/// The server sends a message when the client's patience has ended, and has not read that.
#[test]
fn receive_takes_settled_messages_that_are_on_their_way_when_it_gives_up() {
    let (listener, url) = listen("q");
    // A sender may send settled messages though nobody asked for them.
    for (options, code) in [(&["--settled"][..], 0), (&["--settled", "--drain"], 1), (&[], 0)] {
        let receiving = start("receive", &[&[&*url, "--timeout", "100"], options].concat());
        let mut server = End::server(&listener);
        accept_receiver(&mut server);
        let sender = server.until(|event| match event {
            Event::SenderReady { sender } => Some(*sender),
            _ => None,
        });
        thread::sleep(Duration::from_millis(500));
        let late = Message::builder().data("late").build();
        let settled = SendOptions::new().settled(true);
        server.connection.sender(sender).unwrap().send_with(1_u32, late, &settled).unwrap();
        wait_for_close(server);
        let ended = receiving.end();
        assert!(ended.out.starts_with("late\n"), "{ended:?}");
        assert_eq!(ended.code, Some(code), "{ended:?}");
    }
}

/// More than the transport takes: the client cannot have written all.
const MUCH: [&str; 5] = ["--settled", "--count", "1000", "--size", "100000"];

/// The same in one message, which the engine has as a whole when the client closes.
const LARGE: [&str; 5] = ["--settled", "--count", "1", "--size", "100000000"];

/// Waits until the client has written bytes that nobody reads.
fn await_bytes(server: &mut End) {
    server.flush();
    let timeout = server.socket.read_timeout().unwrap();
    server.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let peeked = loop {
        match server.socket.peek(&mut [0; 1]) {
            // A machine that was halted meanwhile.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            peeked => break peeked.unwrap(),
        }
    };
    assert_eq!(peeked, 1);
    server.socket.set_read_timeout(timeout).unwrap();
}

#[test]
fn send_settled_reports_a_connection_that_is_lost_before_all_was_sent() {
    for much in [MUCH, LARGE] {
        let (listener, url) = listen("q");
        let sending = start("send", &[&[&*url], &much[..]].concat());
        let mut server = End::server(&listener);
        accept_sender(&mut server);
        await_bytes(&mut server);
        drop(server);
        let ended = sending.end();
        assert_eq!(ended.code, Some(1), "{ended:?}");
    }
}

/// The few messages fit the transport, so the client has written all, and its close, when the transport ends.
#[test]
fn send_settled_reports_a_transport_that_ends_without_a_close() {
    let (listener, url) = listen("q");
    let sending = start("send", &[&url, "--settled", "--count", "10"]);
    let mut server = End::server(&listener);
    accept_sender(&mut server);
    await_bytes(&mut server);
    server.socket.shutdown(Shutdown::Write).unwrap();
    let ended = sending.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

/// A connection waits as long for its close, whatever the client's time-out is.
#[test]
fn send_settled_waits_for_the_end_of_its_link() {
    let (listener, url) = listen("q");
    let start = || {
        let sending = start("send", &[&url, "--settled", "--count", "10", "--timeout", "300"]);
        let mut server = End::server(&listener);
        accept_sender(&mut server);
        await_bytes(&mut server);
        (sending, server)
    };
    let (sending, server) = start();
    thread::sleep(Duration::from_secs(2));
    wait_for_close(server);
    let ended = sending.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let (sending, _server) = start();
    let ended = sending.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("did not answer the end of the link"), "{ended:?}");
}

#[test]
fn send_settled_reports_a_close_before_all_was_sent() {
    for much in [MUCH, LARGE] {
        let (listener, url) = listen("q");
        let sending = start("send", &[&[&*url], &much[..]].concat());
        let mut server = End::server(&listener);
        accept_sender(&mut server);
        await_bytes(&mut server);
        server.connection.close(None).unwrap();
        server.flush();
        let ended = sending.end();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        drop(server);
    }
}

/// It was added to the time of the start, which panicked.
#[test]
fn send_with_a_rate_too_small_for_the_clock_ends_with_an_error() {
    let broker = Broker::start(&["--grace", "18446744073709551615"]);
    let ended = broker.send("q", &["--count", "2", "--rate", "1e-19"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("--rate") && !ended.err.contains("panicked"), "{ended:?}");
}
