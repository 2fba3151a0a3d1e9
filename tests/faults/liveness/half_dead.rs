//! A transport of which one half has failed: the other is used, and the end is reported.

use core::time::Duration;

use amqp_proto::{
    Cause, CommandError, ConnectionConfig, CreditPolicy, Event, Limits, Progress, ReceiverConfig, ReceiverId,
    SendOptions, SenderConfig, SessionConfig, Timeouts,
    codec::to_vec,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        performatives as p,
    },
    types::{DeliveryNumber, DeliveryTag, Handle},
};

use crate::support::{ATTACH_RECEIVER, ATTACH_SENDER, Fed, HEAD, frame};

fn close(error: Option<ErrorCondition>) -> Vec<u8> {
    let error = error.map(|condition| Box::new(AmqpError::new(condition)));
    frame(0, &to_vec(&p::Close { error }))
}

fn settled_transfer() -> Vec<u8> {
    let transfer = p::Transfer {
        handle: Handle::new(0),
        delivery_id: Some(DeliveryNumber::new(0)),
        delivery_tag: Some(DeliveryTag::from(0_u32)),
        settled: Some(true),
        ..p::Transfer::default()
    };
    frame(0, &to_vec(&transfer))
}

/// The last event: its name, with the cause and the condition.
fn outcome(fed: &mut Fed) -> (&'static str, Option<(Cause, ErrorCondition)>) {
    let event = fed.events().pop().expect("an event");
    match &event {
        Event::ConnectionError(failure) => {
            (event.name(), Some((failure.cause, failure.error.condition.clone())))
        }
        _ => (event.name(), None),
    }
}

fn lost() -> (&'static str, Option<(Cause, ErrorCondition)>) {
    ("CONNECTION_ERROR", Some((Cause::Lost, ErrorCondition::ConnectionForced)))
}

/// A server with a receiving link, and more output waiting than it may hold.
fn stuffed() -> (Fed, ReceiverId) {
    let limits = Limits::default().max_outbox_bytes(64);
    let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
    fed.feed(ATTACH_SENDER);
    let asked = fed.events().into_iter().find_map(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(receiver),
        _ => None,
    });
    let receiver = asked.unwrap();
    fed.write();
    fed.output.clear();
    for _ in 0..2 {
        let config = ReceiverConfig::new().credit(CreditPolicy::Auto(9));
        let _ = fed.connection.accept_receiver(receiver, config);
        let session = fed.connection.session_ids().next().unwrap();
        let mut session = fed.connection.session(session).unwrap();
        let _ = session.attach_sender(SenderConfig::to("somewhere"));
    }
    assert!(fed.connection.outbox_len() >= 64, "{}", fed.connection.outbox_len());
    (fed, receiver)
}

/// The peer sends a delivery and its close with an error, and resets the transport.
#[test]
fn fa2_close_of_a_peer_that_reads_no_more_is_reported() {
    let (mut fed, receiver) = stuffed();
    fed.connection.output_lost(fed.instant());
    fed.feed_bytes(&[settled_transfer(), close(Some(ErrorCondition::InternalError))].concat());
    assert_eq!(fed.progress, Progress::DrainEvents, "the delivery comes first");
    assert_eq!(fed.names(), ["RECEIVER_OPEN", "DELIVERY"]);
    // What goes on having no effect does not fail; what cannot begin does.
    fed.connection.receiver(receiver).unwrap().set_credit(20).unwrap();
    let refused = |result: Result<_, CommandError>| matches!(result, Err(CommandError::IllegalState(_)));
    assert!(refused(fed.connection.begin(SessionConfig::new()).map(drop)));
    let session = fed.connection.session_ids().next().unwrap();
    let mut session = fed.connection.session(session).unwrap();
    assert!(refused(session.attach_sender(SenderConfig::to("somewhere")).map(drop)));
    fed.feed("");
    let peer = (Cause::Peer, ErrorCondition::InternalError);
    assert_eq!(outcome(&mut fed), ("CONNECTION_ERROR", Some(peer)));
    assert!(fed.connection.is_closed() && fed.output.is_empty());
}

/// Silence after it, and the end of input, end the connection too.
#[test]
fn fa2b_loss_of_output_has_a_deadline_and_ends_with_the_input() {
    let (mut fed, _) = stuffed();
    fed.connection.output_lost(fed.instant());
    assert!(fed.connection.is_write_closed() && !fed.connection.is_closed());
    let due = fed.connection.poll_timeout().expect("a deadline");
    assert_eq!(due.saturating_since(fed.instant()), Duration::from_secs(10));
    fed.pass(10_000);
    assert_eq!(outcome(&mut fed), lost());
    assert!(fed.connection.is_closed());
    assert_eq!(fed.connection.poll_timeout(), None);

    let (mut fed, _) = stuffed();
    fed.connection.output_lost(fed.instant());
    fed.connection.handle_eof(fed.instant());
    assert_eq!(outcome(&mut fed), lost());
    assert!(fed.connection.is_closed() && fed.output.is_empty());

    // The peer closes without an error, but has not seen all of ours.
    let (mut fed, _) = stuffed();
    fed.connection.output_lost(fed.instant());
    fed.feed_bytes(&close(None));
    assert_eq!(outcome(&mut fed), lost());
}

/// The peer closed first, in order, and does not read the answer.
#[test]
fn fa2c_loss_of_nothing_but_our_close_is_no_error() {
    for answered in [true, false] {
        let mut fed = Fed::server();
        fed.events();
        fed.connection.close(None).unwrap();
        fed.connection.output_lost(fed.instant());
        if answered {
            fed.feed_bytes(&close(None));
        } else {
            fed.pass(10_000);
        }
        assert_eq!(outcome(&mut fed), ("CONNECTION_CLOSED", None));
        assert!(fed.connection.is_closed());
    }
}

/// A violation behind the loss, and timers that the caller took away, stop nothing.
#[test]
fn fa2d_input_after_the_loss_of_output_is_judged_as_before() {
    let config = ConnectionConfig::server("s").timeouts(Timeouts::default().close(None));
    let mut fed = Fed::server_with(config);
    fed.events();
    fed.connection.output_lost(fed.instant());
    assert_eq!(fed.connection.poll_timeout(), None);
    fed.feed(HEAD);
    let Event::ConnectionError(failure) = fed.events().pop().unwrap() else { panic!() };
    assert_eq!(failure.cause, Cause::Violation);
    assert!(fed.output.ends_with(&[]) && fed.connection.outbox_len() == 0);
}

/// What is written behind the loss is dropped, even if no output has been asked for when the peer's close comes.
#[test]
fn fa2e_output_of_commands_behind_the_loss_is_lost_too() {
    let mut fed = Fed::server_with(ConnectionConfig::server("s"));
    fed.feed(ATTACH_SENDER);
    let receiver = fed.receiver_asked_for();
    fed.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
    fed.write();
    fed.connection.output_lost(fed.instant());
    fed.connection.receiver(receiver).unwrap().set_credit(5).unwrap();
    fed.connection.close(None).unwrap();
    fed.feed_bytes(&close(None));
    assert_eq!(outcome(&mut fed), lost());
}

/// A stream went on behind the loss, and its end was reported nowhere.
#[test]
fn fa2f_stream_that_the_loss_cuts_off_is_named() {
    let mut fed = Fed::server_with(ConnectionConfig::server("s"));
    fed.feed(ATTACH_RECEIVER);
    let sender = fed.sender_asked_for();
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    // Credit for 10 messages.
    fed.feed("0000001902000000005313c00c07435264435264520243520a");
    fed.write();
    let mut link = fed.connection.sender(sender).unwrap();
    let delivery = link.send_streaming(1_u32, &SendOptions::new().settled(true)).unwrap();
    link.write(delivery, b"part".as_slice()).unwrap();
    fed.write();
    fed.connection.output_lost(fed.instant());
    let mut link = fed.connection.sender(sender).unwrap();
    assert!(matches!(link.write(delivery, b"more".as_slice()), Err(CommandError::IllegalState(_))));
    assert!(matches!(link.finish(delivery), Err(CommandError::IllegalState(_))));
    fed.connection.close(None).unwrap();
    fed.feed_bytes(&close(None));
    let cut_off = fed.events().into_iter().find_map(|event| match event {
        Event::SenderClosed { cut_off, .. } | Event::SenderError { cut_off, .. } => Some(cut_off),
        _ => None,
    });
    assert_eq!(cut_off, Some(Some(delivery)));
}
