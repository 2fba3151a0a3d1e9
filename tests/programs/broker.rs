//! The broker as a server that is left running: too many clients, silent ones, full queues.

use std::{io::Write as _, net::TcpStream, thread, time::Duration};

use amqp_proto::{
    Connection, ConnectionConfig, Event, ReceiverConfig, SenderConfig, SessionConfig,
    spec::{
        definitions::{ErrorCondition, SenderSettleMode},
        delivery_state::DeliveryState,
        terminus::{DistributionMode, Source},
    },
};

use crate::support::*;

#[test]
fn fg3_a_broker_without_file_descriptors_turns_clients_away_and_goes_on() {
    let mut broker = Broker::limited("ulimit -n 64", &[]);
    let (mut early, session) = End::client(&broker);
    let sender = early.sender(session, SenderConfig::to("q"));
    for _ in 0..5 {
        let flood: Vec<TcpStream> = (0..200).map(|_| broker.connect()).collect();
        // A connection from before goes on.
        early.round_trip();
        drop(flood);
    }
    early.connection.sender(sender).unwrap().send(1_u32, b"still here".as_slice()).unwrap();
    early.until(|event| matches!(event, Event::DeliverySettled { .. }).then_some(()));
    // And when the others have gone there is room again.
    eventually("served", || broker.send("q", &["--count", "3"]).code == Some(0));
    assert!(broker.is_running());
}

#[test]
fn fg3b_a_broker_that_cannot_accept_does_not_spin() {
    let mut broker = Broker::limited("ulimit -n 24", &[]);
    let flood: Vec<TcpStream> = (0..100).map(|_| broker.connect()).collect();
    let Some(before) = broker.ticks() else { return };
    thread::sleep(Duration::from_secs(1));
    let used = broker.ticks().unwrap() - before;
    assert!(used < 50, "{used} ticks in a second");
    assert!(broker.is_running());
    drop(flood);
}

#[test]
fn fg3c_a_client_beyond_the_maximum_is_refused_with_an_error() {
    let broker = Broker::start(&["--max-connections", "2"]);
    let (mut first, _) = End::client(&broker);
    let (mut second, _) = End::client(&broker);
    first.round_trip();
    second.round_trip();
    let refused = broker.send("q", &[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("amqp:resource-limit-exceeded"), "{refused:?}");
    drop(first);
    eventually("served", || broker.send("q", &[]).code == Some(0));
}

#[test]
fn fg3p_a_link_whose_answer_does_not_fit_ends_its_session() {
    let broker = Broker::start(&[]);
    let config = ConnectionConfig::client("test").max_frame_size(512);
    let mut client = End::new(broker.connect(), config);
    client.connection.open().unwrap();
    for name in ["q".repeat(500), "q".repeat(5000)] {
        let session = client.connection.begin(SessionConfig::new()).unwrap();
        let config = SenderConfig::to("q").name(&*name);
        client.connection.session(session).unwrap().attach_sender(config).unwrap();
        let ended = client.until(|event| match event {
            Event::SessionError { failure, .. } => Some(failure.error.condition.clone()),
            _ => None,
        });
        assert_eq!(ended, ErrorCondition::FrameSizeTooSmall);
    }
    client.round_trip();
}

/// Such a message was in no queue any more, and counted nowhere: 8 MB for each session, of 255.
#[test]
fn fg3r_a_settled_message_takes_up_its_room_while_the_rest_of_it_waits() {
    let broker = Broker::start(&["--max-bytes", "1000000"]);
    let mut client = End::new(broker.connect(), ConnectionConfig::client("test"));
    client.connection.open().unwrap();
    for _ in 0..8 {
        let session = client.connection.begin(SessionConfig::new().incoming_window(1)).unwrap();
        let config = ReceiverConfig::from("q").snd_settle_mode(SenderSettleMode::Settled).streaming(true);
        let receiver = client.receiver(session, config);
        client.connection.receiver(receiver).unwrap().set_credit(1).unwrap();
    }
    client.round_trip();
    let sent = broker.send("q", &["--count", "8", "--size", "200000"]);
    let (accepted, rejected) = (number(&sent.out, "accepted"), number(&sent.out, "rejected"));
    assert!(accepted > 0 && rejected > 0 && accepted + rejected == 8, "{sent:?}");
    // All of them are read, and there is room again.
    let (mut complete, mut seen) = (0, Vec::new());
    while complete < accepted {
        match client.event().expect("more to read") {
            Event::DeliveryBegun { receiver, delivery, .. } => seen.push((receiver, delivery)),
            Event::DeliveryData { complete: true, .. } => complete += 1,
            _ => {}
        }
        for (receiver, delivery) in &seen {
            while let Ok(Some(_)) = client.connection.read_chunk(*receiver, *delivery) {}
        }
    }
    // Those links stay, without credit.
    client.round_trip();
    assert_eq!(broker.send("other", &["--count", "4", "--size", "200000"]).code, Some(0));
    assert_eq!(broker.left("other"), 4);
}

/// A browser's copy was counted as long as the message was in the queue, and not as long as it was being sent.
#[test]
fn fg3s_a_browsed_message_takes_up_its_room_while_the_rest_of_it_waits() {
    let broker = Broker::start(&["--max-bytes", "1000000"]);
    let sent = broker.send("q", &["--count", "4", "--size", "200000"]);
    assert_eq!(number(&sent.out, "accepted"), 4, "{sent:?}");
    let mut client = End::new(broker.connect(), ConnectionConfig::client("test"));
    client.connection.open().unwrap();
    let session = client.connection.begin(SessionConfig::new().incoming_window(1)).unwrap();
    let mut source = Source::at("q");
    source.distribution_mode = Some(DistributionMode::Copy);
    let receiver = client.receiver(session, ReceiverConfig::new().source(source).streaming(true));
    client.connection.receiver(receiver).unwrap().set_credit(1).unwrap();
    client.until(|event| matches!(event, Event::DeliveryBegun { .. }).then_some(()));
    assert_eq!(broker.left("q"), 4);
    let sent = broker.send("q", &["--count", "4", "--size", "200000"]);
    assert_eq!((number(&sent.out, "accepted"), number(&sent.out, "rejected")), (3, 1), "{sent:?}");
    drop(client);
    eventually("free again", || broker.send("q", &["--size", "200000"]).code == Some(0));
}

#[test]
fn fg3d_a_client_that_does_not_open_its_connection_is_dropped() {
    let broker = Broker::start(&["--open-timeout", "200"]);
    let sasl = b"AMQP\x03\x01\x00\x00";
    for sent in [&b""[..], b"AM", b"AMQP\x00\x01\x00\x00", sasl] {
        let mut socket = broker.connect();
        socket.write_all(sent).unwrap();
        read_to_end(&mut socket);
    }
    assert_eq!(broker.send("q", &[]).code, Some(0));
}

#[test]
fn fg3e_a_client_that_falls_silent_is_closed() {
    let broker = Broker::start(&["--idle-timeout", "300"]);
    let (mut client, _) = End::client(&broker);
    client.round_trip();
    let end = read_to_end(&mut client.socket);
    let close = b"amqp:resource-limit-exceeded";
    assert!(end.windows(close.len()).any(|window| window == close), "{}", String::from_utf8_lossy(&end));
}

#[test]
fn fg3f_a_full_queue_refuses_messages_and_keeps_the_others() {
    let broker = Broker::start(&["--max-queue-bytes", "20000"]);
    let full = broker.send("q", &["--count", "100", "--size", "1000"]);
    assert_eq!(full.code, Some(1));
    let (accepted, rejected) = (number(&full.out, "accepted"), number(&full.out, "rejected"));
    assert!(accepted > 0 && rejected > 0 && accepted + rejected == 100, "{full:?}");
    // Another queue has its own room, and this one has room again when it is empty.
    assert_eq!(broker.send("other", &[]).code, Some(0));
    assert_eq!(broker.left("q"), accepted);
    assert_eq!(broker.send("q", &["--count", "5", "--size", "1000"]).code, Some(0));
    assert_eq!(broker.left("q"), 5);
}

#[test]
fn fg3g_a_settled_message_that_has_no_room_ends_its_link() {
    let broker = Broker::start(&["--max-queue-bytes", "5000"]);
    let (mut client, session) = End::client(&broker);
    let sender = client.sender(session, SenderConfig::to("q"));
    for number in 0..10_u32 {
        let options = amqp_proto::SendOptions::new().settled(true);
        client.connection.sender(sender).unwrap().send_with(number, vec![0; 1000], &options).unwrap();
    }
    let failure = client.until(|event| match event {
        Event::SenderError { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure.error.condition.as_str(), "amqp:resource-limit-exceeded");
    assert!(
        failure.error.info.as_ref().is_some_and(|info| info.get("delivery-tag").is_some()),
        "{failure:?}"
    );
}

/// All are sent before the peer can answer, and its reason came behind our close.
#[test]
fn send_settled_fails_if_its_messages_have_no_room() {
    let broker = Broker::start(&["--max-queue-bytes", "10000"]);
    for _ in 0..5 {
        let ended = broker.send("full", &["--settled", "--count", "500", "--size", "100"]);
        assert_eq!(ended.code, Some(1), "{}", ended.out);
        assert!(ended.err.contains("the queue or the broker is full"), "{}", ended.err);
    }
    assert_eq!(broker.send("other", &["--settled", "--count", "5"]).code, Some(0));
}

#[test]
fn fg3h_queues_without_messages_and_links_take_no_room() {
    let broker = Broker::start(&["--max-bytes", "5000"]);
    // More queues than there is room for at a time.
    for number in 0..10 {
        let address = format!("q-{number}");
        assert_eq!(broker.send(&address, &[]).code, Some(0));
        assert_eq!(broker.left(&address), 1);
    }
    let held: Vec<_> = (0..10).map(|number| broker.send(&format!("held-{number}"), &[])).collect();
    let refused = held.last().unwrap();
    assert_eq!((held[0].code, refused.code), (Some(0), Some(1)));
    assert!(refused.err.contains("amqp:resource-limit-exceeded"), "{refused:?}");
}

#[test]
fn fg3i_one_queue_whatever_form_its_address_has() {
    let broker = Broker::start(&[]);
    let forms = [
        "q",
        "/q",
        "amqp%3A%2F%2Flocalhost%2Fq",
        "amqps%3A%2F%2Fhost%3A5671%2Fq",
        "AMQP%3A%2F%2Fuser%40h%2Fq",
    ];
    for form in forms {
        let sent = broker.send(form, &[]);
        assert_eq!(sent.code, Some(0), "{form}: {sent:?}");
    }
    assert_eq!(broker.left("amqp%3A%2F%2Fhost%2F%2571"), forms.len() as u64);
    let nothing = broker.send("amqp%3A%2F%2Fhost", &[]);
    assert!(nothing.code == Some(1) && nothing.err.contains("amqp:not-found"), "{nothing:?}");
}

#[test]
fn a_dynamic_queue_that_is_deleted_ends_the_links_of_others() {
    let broker = Broker::start(&[]);
    let (mut owner, session) = End::client(&broker);
    let source = amqp_proto::spec::terminus::Source { dynamic: true, ..Default::default() };
    let receiver = owner.receiver(session, ReceiverConfig::new().source(source));
    let attach = owner.connection.receiver_ref(receiver).unwrap().remote_attach().unwrap();
    let address = attach.source.unwrap().address.unwrap();
    let (mut other, session) = End::client(&broker);
    let sender = other.sender(session, SenderConfig::to(&*address));
    owner.connection.receiver(receiver).unwrap().close(None).unwrap();
    owner.until(|event| matches!(event, Event::ReceiverClosed { .. }).then_some(()));
    let condition = other.until(|event| match event {
        Event::SenderError { sender: id, failure, .. } if *id == sender => {
            Some(failure.error.condition.as_str().to_owned())
        }
        _ => None,
    });
    assert_eq!(condition, "amqp:resource-deleted");
}

#[test]
fn a_client_with_a_password_reaches_a_broker_with_a_user() {
    let broker = Broker::start(&["--user", "me:secret"]);
    let url = |login: &str| format!("amqp://{login}127.0.0.1:{}/q", broker.port);
    assert_eq!(run("send", &[&url("me:secret@")]).code, Some(0));
    assert_eq!(run("receive", &[&url("me:secret@"), "--drain", "--sasl", "plain"]).code, Some(0));
    assert_eq!(run("receive", &[&url("me:wrong@"), "--drain"]).code, Some(1));
    assert_eq!(run("receive", &[&url("")]).code, Some(1));
    // A login takes time of its own, so a session alone is no sign of it.
    let mut end = End::new(broker.connect(), ConnectionConfig::client("bare"));
    end.connection.open().unwrap();
    let _: &Connection = &end.connection;
    end.connection.begin(SessionConfig::new()).unwrap();
    assert!(std::iter::from_fn(|| end.event()).any(|event| matches!(event, Event::ConnectionError(_))));
}

/// Each of these clients makes the broker report something, which soon fills a pipe that nobody reads.
#[test]
fn fg3p_a_log_that_nobody_reads_holds_nobody_up() {
    let mut broker = Broker::unread("true", &[]);
    for _ in 0..1500 {
        let mut socket = broker.connect();
        // The broker may have left already.
        let _ = socket.write_all(b"GARBAGE!GARBAGE!GARBAGE!");
    }
    assert_eq!(broker.send("q", &["--count", "3"]).code, Some(0));
    broker.terminate();
    assert_eq!(broker.wait(), Some(0));
}

/// All the room of the connection went to the queue that was the first to be ready, each time.
#[test]
fn fg3u_a_backlog_leaves_room_to_links_of_other_queues() {
    const LARGE: usize = 150;
    let broker = Broker::start(&[]);
    let (count, size) = (LARGE.to_string(), "100000");
    assert_eq!(broker.send("large", &["--count", &count, "--size", size]).code, Some(0));
    assert_eq!(broker.send("small", &[]).code, Some(0));
    let (mut client, session) = End::client(&broker);
    let mut attach = |node| client.receiver(session, ReceiverConfig::from(node));
    let (large, small) = (attach("large"), attach("small"));
    client.connection.receiver(large).unwrap().set_credit(u32::try_from(LARGE).unwrap()).unwrap();
    client.connection.receiver(small).unwrap().set_credit(1).unwrap();
    let mut larger = 0;
    client.until(|event| {
        larger += usize::from(matches!(event, Event::Delivery { receiver, .. } if *receiver == large));
        matches!(event, Event::Delivery { receiver, .. } if *receiver == small).then_some(())
    });
    // As many as fit the outbox of the broker and the buffers of the sockets.
    assert!(larger < LARGE, "{larger}");
}

#[test]
fn the_largest_message_that_a_broker_announces_is_one_that_it_holds() {
    for arguments in [&[][..], &["--max-connection-bytes", "1000000"], &["--max-queue-bytes", "5000"]] {
        let broker = Broker::start(arguments);
        let (mut client, session) = End::client(&broker);
        let sender = client.sender(session, SenderConfig::to("q"));
        let attach = client.connection.sender_ref(sender).unwrap().remote_attach().unwrap();
        let size = usize::try_from(attach.max_message_size.unwrap()).unwrap();
        let mut link = client.connection.sender(sender).unwrap();
        let larger = link.send(1_u32, vec![0; size + 1]);
        assert!(matches!(larger, Err(amqp_proto::CommandError::TooLarge { .. })), "{larger:?}");
        link.send(2_u32, vec![0; size]).unwrap();
        let state = client.until(|event| match event {
            Event::DeliverySettled { state, .. } => Some(state.clone()),
            _ => None,
        });
        assert!(matches!(state, Some(DeliveryState::Accepted(_))), "{size}: {state:?}");
    }
}
