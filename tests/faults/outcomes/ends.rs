//! Ends of connections, sessions and links: their errors go out or fail, and twice is no mistake.

use amqp_proto::{
    Cause, CommandError, ConnectionConfig, Event, LinkId, ReceiverConfig, ReceiverId, SenderConfig,
    SessionConfig, SessionId,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        performatives as p,
    },
    types::Symbol,
};

use crate::{
    peer::{AMQP, attach, begin, detach, frame, open, transfer},
    support::{ATTACH_SENDER, Fed},
};

/// A server whose client takes frames of 512 bytes, with a session that the client has begun.
fn small() -> (Fed, SessionId) {
    let mut fed = Fed::new(ConnectionConfig::server("s").auto_accept_sessions(true));
    let open = p::Open { max_frame_size: 512, ..open() };
    fed.feed_bytes(&[AMQP, &frame(0, &open), &frame(0, &begin())].concat());
    fed.events();
    fed.output.clear();
    let session = fed.connection.session_ids().next().unwrap();
    (fed, session)
}

fn requested(events: &[Event]) -> LinkId {
    let link = events.iter().find_map(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(LinkId::Receiver(*receiver)),
        Event::SenderRequested { sender, .. } => Some(LinkId::Sender(*sender)),
        _ => None,
    });
    link.expect("a link is requested")
}

fn receiver(events: &[Event]) -> ReceiverId {
    let LinkId::Receiver(receiver) = requested(events) else { panic!("a sender") };
    receiver
}

/// Too large for 512 bytes with its description.
fn wordy() -> AmqpError {
    AmqpError::described(ErrorCondition::InternalError, "w".repeat(600).as_str())
}

/// Too large for 512 bytes by its condition alone.
fn endless() -> AmqpError {
    AmqpError::new(ErrorCondition::from(Symbol::try_from("c".repeat(600).as_str()).unwrap()))
}

fn too_large<T>(result: Result<T, CommandError>) -> bool {
    matches!(result, Err(CommandError::FrameTooLarge { .. }))
}

/// The descriptor of the one frame written, which has the condition of [`wordy`] and not its description.
fn only_condition(fed: &mut Fed) -> u8 {
    fed.write();
    let output = std::mem::take(&mut fed.output);
    let at = output.windows(2).rposition(|bytes| bytes == [0x00, 0x53]).unwrap();
    assert_eq!(output[at + 2], 0x1d, "an error");
    let text = String::from_utf8_lossy(&output);
    assert!(text.contains("amqp:internal-error") && !text.contains("www"), "{text}");
    let mut bodies = (0x10..=0x18).filter(|code| output.windows(3).any(|bytes| bytes == [0x00, 0x53, *code]));
    bodies.next_back().unwrap()
}

#[test]
fn fc3_error_of_a_close_that_does_not_fit_goes_without_details_or_fails() {
    let (mut fed, _) = small();
    assert!(too_large(fed.connection.close(Some(endless()))));
    assert!(fed.connection.is_open() && fed.connection.outbox_len() == 0);
    assert_eq!(fed.names(), [""; 0]);
    fed.connection.close(Some(wordy())).unwrap();
    assert_eq!(only_condition(&mut fed), 0x18);

    // In answer to an open, too.
    let mut fed = Fed::new(ConnectionConfig::server("s"));
    fed.feed_bytes(&[AMQP, &frame(0, &p::Open { max_frame_size: 512, ..open() })].concat());
    fed.output.clear();
    assert!(too_large(fed.connection.close(Some(endless()))));
    assert_eq!(fed.connection.outbox_len(), 0);
    fed.connection.close(Some(wordy())).unwrap();
    assert_eq!(only_condition(&mut fed), 0x18);
}

#[test]
fn fc3b_error_of_an_end_or_detach_that_does_not_fit_goes_without_details_or_fails() {
    let (mut fed, session) = small();
    assert!(too_large(fed.connection.session(session).unwrap().end(Some(endless()))));
    assert!(fed.connection.session(session).unwrap().is_open() && fed.connection.outbox_len() == 0);
    fed.connection.session(session).unwrap().end(Some(wordy())).unwrap();
    assert_eq!(only_condition(&mut fed), 0x17);

    for closes in [true, false] {
        let (mut fed, session) = small();
        let config = SenderConfig::to("q").name("l");
        let sender = fed.connection.session(session).unwrap().attach_sender(config).unwrap();
        fed.write();
        fed.feed_bytes(&frame(0, &attach("l", 0, Role::Receiver)));
        fed.output.clear();
        let end = |fed: &mut Fed, error| {
            let mut sender = fed.connection.sender(sender).unwrap();
            if closes { sender.close(Some(error)) } else { sender.detach(Some(error)) }
        };
        assert!(too_large(end(&mut fed, endless())));
        assert!(fed.connection.sender(sender).unwrap().is_open() && fed.connection.outbox_len() == 0);
        end(&mut fed, wordy()).unwrap();
        assert_eq!(only_condition(&mut fed), 0x16);
    }
}

/// Right since the engine of the first commit: refusals have always fallen back on the condition.
#[test]
fn fc3c_error_of_a_refusal_that_does_not_fit_goes_without_details_or_fails() {
    let (mut fed, _) = small();
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Sender)));
    let link = receiver(&fed.events());
    assert!(too_large(fed.connection.refuse_receiver(link, endless())));
    assert_eq!(fed.connection.outbox_len(), 0);
    fed.connection.refuse_receiver(link, wordy()).unwrap();
    assert_eq!(only_condition(&mut fed), 0x16);
}

/// Attach and detach arrive in one read.
#[test]
fn fc9_request_that_the_peer_withdraws_can_be_answered() {
    let (mut fed, _) = small();
    fed.feed_bytes(&[frame(0, &attach("l", 0, Role::Sender)), frame(0, &detach(0, true))].concat());
    let link = receiver(&fed.events());
    fed.connection.accept_receiver(link, ReceiverConfig::new()).unwrap();
    fed.feed("");
    assert_eq!(fed.names(), ["RECEIVER_OPEN", "RECEIVER_CLOSED"]);

    // Nothing follows a refusal.
    let (mut fed, _) = small();
    fed.feed_bytes(&[frame(0, &attach("l", 0, Role::Receiver)), frame(0, &detach(0, true))].concat());
    let LinkId::Sender(link) = requested(&fed.events()) else { panic!("a receiver") };
    fed.connection.refuse_sender(link, wordy()).unwrap();
    fed.feed("");
    assert_eq!(fed.names(), [""; 0]);

    // The session, the connection or the transport ends in the same read.
    for end in [frame(0, &p::End { error: None }), frame(0, &p::Close { error: None })] {
        let (mut fed, _) = small();
        fed.feed_bytes(&[frame(0, &attach("l", 0, Role::Sender)), end].concat());
        let link = receiver(&fed.events());
        fed.connection.accept_receiver(link, ReceiverConfig::new()).unwrap();
        fed.feed("");
        assert_eq!(fed.names()[..2], ["RECEIVER_OPEN", "RECEIVER_CLOSED"]);
    }
}

/// The end of the transport takes links, session and connection along. Each is unknown once its own last event is polled.
#[test]
fn fc9e_a_lost_request_is_unknown_once_its_last_event_has_been_polled() {
    let (mut fed, _) = small();
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Sender)));
    let link = receiver(&fed.events());
    let now = fed.instant();
    fed.connection.handle_eof(now);
    assert_eq!(fed.connection.poll_event().map(|event| event.name()), Some("RECEIVER_ERROR"));
    let accepted = fed.connection.accept_receiver(link, ReceiverConfig::new());
    assert_eq!(accepted, Err(CommandError::UnknownLink));
    assert_eq!(fed.connection.refuse_receiver(link, wordy()), Err(CommandError::UnknownLink));
    assert_eq!(fed.names(), ["SESSION_ERROR", "CONNECTION_ERROR"]);

    // So it is once it has been refused.
    let (mut fed, _) = small();
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Sender)));
    let link = receiver(&fed.events());
    let now = fed.instant();
    fed.connection.handle_eof(now);
    fed.connection.refuse_receiver(link, wordy()).unwrap();
    assert_eq!(fed.connection.refuse_receiver(link, wordy()), Err(CommandError::UnknownLink));
    assert_eq!(fed.names(), ["SESSION_ERROR", "CONNECTION_ERROR"]);
}

/// A violation behind the request, of the link, its session or the connection, and the end of input.
#[test]
fn fc9b_request_that_is_lost_can_be_answered_until_that_has_been_polled() {
    let violations: [fn(&mut Fed); 4] = [
        // 2.6.7: a transfer without credit. 2.7.3: a handle in use. 2.3.1: no frame.
        |fed| fed.feed_bytes(&frame(0, &transfer(0, 0))),
        |fed| fed.feed_bytes(&frame(0, &attach("l", 0, Role::Receiver))),
        |fed| fed.feed("00000000"),
        |fed| {
            let now = fed.instant();
            fed.connection.handle_eof(now);
        },
    ];
    for violation in violations {
        for refuses in [true, false] {
            let (mut fed, _) = small();
            fed.feed(ATTACH_SENDER);
            violation(&mut fed);
            let Some(Event::ReceiverRequested { receiver, .. }) = fed.connection.poll_event() else {
                panic!()
            };
            if refuses {
                fed.connection.refuse_receiver(receiver, wordy()).unwrap();
            } else {
                fed.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
            }
            let names = fed.names();
            assert_eq!(names.contains(&"RECEIVER_ERROR"), !refuses, "{names:?}");
            let late = fed.connection.accept_receiver(receiver, ReceiverConfig::new());
            assert_eq!(late, Err(CommandError::UnknownLink));
        }
    }
}

#[test]
fn fc9c_session_that_is_lost_can_be_answered_until_that_has_been_polled() {
    for refuses in [true, false] {
        let mut fed = Fed::new(ConnectionConfig::server("s"));
        fed.feed_bytes(&[AMQP, &frame(0, &open())].concat());
        fed.connection.open().unwrap();
        fed.feed_bytes(&[frame(0, &begin()), frame(0, &p::Close { error: None })].concat());
        let asked = fed.events().into_iter().find_map(|event| match event {
            Event::SessionRequested { session } => Some(session),
            _ => None,
        });
        let session = asked.unwrap();
        if refuses {
            fed.connection.refuse_session(session, wordy()).unwrap();
            fed.feed("");
            assert_eq!(fed.names(), ["CONNECTION_CLOSED"]);
        } else {
            fed.connection.accept_session(session, SessionConfig::new()).unwrap();
            fed.feed("");
            assert_eq!(fed.names(), ["SESSION_OPEN", "SESSION_CLOSED", "CONNECTION_CLOSED"]);
        }

        let mut fed = Fed::new(ConnectionConfig::server("s"));
        fed.feed_bytes(&[AMQP, &frame(0, &open())].concat());
        fed.connection.open().unwrap();
        fed.feed_bytes(&frame(0, &begin()));
        fed.connection.handle_eof(fed.instant());
        let mut asked = Vec::new();
        while let Some(event) = fed.connection.poll_event() {
            if let Event::SessionRequested { session } = event {
                let answered = if refuses {
                    fed.connection.refuse_session(session, wordy())
                } else {
                    fed.connection.accept_session(session, SessionConfig::new())
                };
                asked.push(answered);
            }
        }
        assert_eq!(asked, [Ok(())]);
        fed.connection.accept_session(session, SessionConfig::new()).unwrap_err();
    }
    // The open of a peer that is gone.
    let mut fed = Fed::new(ConnectionConfig::server("s"));
    fed.feed_bytes(&[AMQP, &frame(0, &open())].concat());
    fed.connection.handle_eof(fed.instant());
    assert!(matches!(fed.connection.poll_event(), Some(Event::ConnectionRequested)));
    fed.connection.open().unwrap();
    assert_eq!(fed.names(), ["CONNECTION_ERROR"]);
    fed.connection.open().unwrap_err();
}

/// Deferred frames keep to the order and the room that others keep to: a detach waits for the request that it withdraws.
#[test]
fn fc9d_frames_behind_an_answer_wait_for_room_as_others_do() {
    let mut fed = Fed::new(ConnectionConfig::server("s").limits(amqp_proto::Limits::default().max_events(2)));
    fed.feed_bytes(&[AMQP, &frame(0, &open())].concat());
    fed.connection.open().unwrap();
    fed.events();
    let mut frames = frame(0, &begin());
    for handle in 0..6 {
        frames.extend(frame(0, &attach(&format!("l{handle}"), handle, Role::Sender)));
        frames.extend(frame(0, &detach(handle, true)));
    }
    fed.feed_bytes(&frames);
    assert_eq!(fed.unread(), 0, "all of it is kept");
    let mut names = Vec::new();
    let mut most = 0;
    for _ in 0..40 {
        let mut queued = 0;
        while let Some(event) = fed.connection.poll_event() {
            queued += 1;
            match event {
                Event::SessionRequested { session } => {
                    fed.connection.accept_session(session, SessionConfig::new()).unwrap();
                }
                Event::ReceiverRequested { receiver, .. } => {
                    fed.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
                }
                _ => {}
            }
            names.push(event.name());
        }
        most = most.max(queued);
        fed.write();
    }
    let count = |name: &str| names.iter().filter(|other| **other == name).count();
    assert_eq!((count("RECEIVER_REQUESTED"), count("RECEIVER_OPEN"), count("RECEIVER_CLOSED")), (6, 6, 6));
    assert!(most <= 6, "{most} events at once: {names:?}");
}

#[test]
fn fc13_closing_what_is_being_closed_is_no_error() {
    // The peer's close came first, and has not been polled.
    let (mut fed, _) = small();
    let error = Some(Box::new(AmqpError::new(ErrorCondition::ConnectionForced)));
    fed.feed_bytes(&frame(0, &p::Close { error }));
    fed.connection.close(None).unwrap();
    let Some(Event::ConnectionError(failure)) = fed.events().pop() else { panic!("no error") };
    assert_eq!(failure.cause, Cause::Peer);
    fed.connection.close(None).unwrap();
    assert_eq!(fed.names(), [""; 0]);

    // Ours is on its way.
    let (mut fed, _) = small();
    fed.connection.close(None).unwrap();
    let written = fed.connection.outbox_len();
    fed.connection.close(None).unwrap();
    fed.connection.close(Some(wordy())).unwrap();
    assert_eq!(fed.connection.outbox_len(), written);
    fed.feed_bytes(&frame(0, &p::Close { error: None }));
    assert_eq!(fed.names().last(), Some(&"CONNECTION_CLOSED"));

    // The transport is gone.
    let (mut fed, _) = small();
    fed.connection.handle_eof(fed.instant());
    fed.connection.close(None).unwrap();
    // There is nothing to close at a server that nobody has opened.
    let mut fed = Fed::new(ConnectionConfig::server("s"));
    assert!(matches!(fed.connection.close(None), Err(CommandError::IllegalState(_))));
}

#[test]
fn fc13b_ending_and_detaching_twice_is_no_error() {
    let (mut fed, session) = small();
    let config = SenderConfig::to("q").name("l");
    let sender = fed.connection.session(session).unwrap().attach_sender(config).unwrap();
    fed.write();
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Receiver)));
    fed.connection.sender(sender).unwrap().detach(None).unwrap();
    let written = fed.connection.outbox_len();
    fed.connection.sender(sender).unwrap().detach(None).unwrap();
    // A detach that has been sent does not close the link.
    assert!(matches!(fed.connection.sender(sender).unwrap().close(None), Err(CommandError::IllegalState(_))));
    assert_eq!(fed.connection.outbox_len(), written);
    fed.connection.session(session).unwrap().end(None).unwrap();
    let written = fed.connection.outbox_len();
    fed.connection.session(session).unwrap().end(None).unwrap();
    fed.connection.session(session).unwrap().end(Some(wordy())).unwrap();
    assert_eq!(fed.connection.outbox_len(), written);
    fed.feed_bytes(&[frame(0, &detach(0, false)), frame(0, &p::End { error: None })].concat());
    assert_eq!(fed.names(), ["SENDER_OPEN", "SENDER_CLOSED", "SESSION_CLOSED"]);
}

/// Such a link could be neither accepted nor refused.
#[test]
fn fa1h_a_link_whose_name_fits_no_answer_ends_its_session() {
    for (length, fits) in [(449, true), (460, true), (490, false), (600, false)] {
        let (mut fed, session) = small();
        let name = "n".repeat(length);
        fed.feed_bytes(&frame(0, &attach(&name, 0, Role::Sender)));
        let events = fed.events();
        if fits {
            let link = receiver(&events);
            fed.connection.refuse_receiver(link, AmqpError::new(ErrorCondition::NotFound)).unwrap();
            continue;
        }
        let [Event::SessionError { session: ended, failure }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((*ended, &failure.error.condition), (session, &ErrorCondition::FrameSizeTooSmall));
        fed.write();
        let written = String::from_utf8_lossy(&fed.output);
        assert!(written.contains("amqp:frame-size-too-small"), "{written}");
    }
}
