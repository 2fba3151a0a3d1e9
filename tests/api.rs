//! The public types as a Rust user expects them: sendable, shareable, errors that are errors, short `Debug`, getters
//! that need no `&mut`.

mod common;

use std::{error::Error, sync::Arc, thread};

use amqp_proto::{
    Cause, CommandError, Connection, ConnectionConfig, CreditPolicy, DecodeLimits, Delivery, DeliveryId,
    Event, Failure, Instant, Limits, LinkId, Owed, Progress, Receiver, ReceiverConfig, ReceiverId,
    ReceiverRef, SaslPolicy, SendOptions, Sender, SenderConfig, SenderId, SenderRef, Session, SessionConfig,
    SessionId, SessionRef, Side, Timeouts, UnsettledDelivery, callback, codec, frame, message, sasl, spec,
    types,
};
use common::Linked;

/// Compiles only if each type can be sent to another thread and shared between threads.
macro_rules! assert_send_and_sync {
    ($($ty:ty),* $(,)?) => {
        const _: () = {
            const fn check<T: Send + Sync>() {}
            $(check::<$ty>();)*
        };
    };
}

assert_send_and_sync![
    // The root.
    Cause,
    CommandError,
    Connection,
    ConnectionConfig,
    CreditPolicy,
    DecodeLimits,
    Delivery,
    DeliveryId,
    Event,
    Failure,
    Instant,
    Limits,
    LinkId,
    Owed,
    Progress,
    Receiver<'_>,
    ReceiverConfig,
    ReceiverId,
    ReceiverRef<'_>,
    SaslPolicy,
    SendOptions,
    Sender<'_>,
    SenderConfig,
    SenderId,
    SenderRef<'_>,
    Session<'_>,
    SessionConfig,
    SessionId,
    SessionRef<'_>,
    Side,
    Timeouts,
    UnsettledDelivery,
    // Values, their encoding, frames and messages.
    types::Value,
    types::Str,
    types::Symbol,
    types::Map,
    types::Fields,
    types::Annotations,
    codec::Decoder<'_>,
    codec::DecodeError,
    frame::Chunks,
    frame::FrameError,
    frame::FrameHeader,
    frame::Outbox,
    frame::Payload,
    frame::ProtocolHeader,
    frame::Transmit<'_>,
    message::Body,
    message::Message,
    message::MessageError,
    spec::definitions::AmqpError,
    spec::delivery_state::DeliveryState,
    spec::performatives::Performative,
    spec::terminus::Source,
    spec::terminus::TargetArchetype,
    // Security.
    sasl::Credentials<'_>,
    sasl::Mechanism,
    sasl::Step,
    sasl::StepInput<'_>,
    sasl::Success,
    Box<dyn sasl::Exchange>,
    // The callback API shares its handles by `Rc`, but not its errors and settings.
    callback::AgentError,
    callback::Counts,
    callback::AgentConfig,
    callback::Url,
    callback::UrlError,
];

/// Compiles only if each type is an error that can be boxed, sent and shared.
macro_rules! assert_errors {
    ($($ty:ty),* $(,)?) => {
        const _: () = {
            const fn check<T: Error + Send + Sync + 'static>() {}
            $(check::<$ty>();)*
        };
    };
}

assert_errors![
    CommandError,
    Failure,
    callback::AgentError,
    callback::UrlError,
    codec::DecodeError,
    codec::DecodeErrorKind,
    frame::FrameError,
    message::MessageErrorKind,
    message::MessageError,
    message::SimpleValueError,
    spec::definitions::AmqpError,
    types::ArrayError,
    types::SymbolError,
    types::Utf8Error,
    types::BinaryLengthError,
];

#[test]
fn command_errors_display_in_lower_case_without_a_period_and_with_the_section_at_the_end() {
    let errors = [
        CommandError::UnknownSession,
        CommandError::UnknownLink,
        CommandError::UnknownId,
        CommandError::IllegalState("the session is ending (2.5.5)"),
        CommandError::NoCredit,
        CommandError::WindowClosed,
        CommandError::OutboxFull,
        CommandError::TooManyUnsettled,
        CommandError::Busy,
        CommandError::TooLarge { max: 1 },
        CommandError::FrameTooLarge { size: 513, max: 512 },
        CommandError::LimitReached("handle-max"),
        CommandError::SettleMode,
    ];
    for error in errors {
        let text = error.to_string();
        let first = text.chars().next().unwrap();
        assert!(first.is_lowercase() && !text.ends_with('.'), "{text}");
        // Parentheses hold the section, and nothing else.
        let (said, section) = text.split_once(" (").unwrap_or((&text, "0)"));
        let section = section.strip_suffix(')').unwrap();
        let is_section = section.split('.').all(|part| part.parse::<u8>().is_ok());
        assert!(is_section && !said.contains(['(', ')']), "{text}");
    }
    assert_eq!(CommandError::UnknownLink.to_string(), "the link has ended or is unknown");
}

#[test]
fn temporary_errors_are_those_that_sender_ready_follows() {
    let temporary =
        [CommandError::NoCredit, CommandError::WindowClosed, CommandError::OutboxFull, CommandError::Busy];
    assert!(temporary.into_iter().all(CommandError::is_temporary));
    assert!(!CommandError::UnknownId.is_temporary());
    assert!(!CommandError::TooLarge { max: 1 }.is_temporary());
}

/// An open link with one message on the way to the server, sent and not settled.
fn linked() -> Linked {
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
    let mut linked = Linked::new(SenderConfig::to("q").name("a link"), theirs);
    let mut sender = linked.pair.client.sender(linked.sender).unwrap();
    sender.send(1_u32, b"a secret payload".as_slice()).unwrap();
    linked
}

#[test]
fn views_return_what_the_borrowed_handles_do() {
    let Linked { mut pair, session, sender, receiver } = linked();
    let client: &Connection = &pair.client;
    let view = client.sender_ref(sender).unwrap();
    // A view outlives the call that made it, and its name outlives the view.
    let name = client.sender_ref(sender).unwrap().name();
    assert_eq!((view.id(), name, view.session()), (sender, "a link", session));
    assert_eq!((view.is_open(), view.credit(), view.unsettled_len()), (true, 9, 1));
    assert!(view.is_sendable() && !view.is_sending());
    let of_view = format!("{:?}", (view.credit(), view.unsettled_len(), view.remote_attach()));
    let view = client.session_ref(session).unwrap();
    assert!(view.is_open() && view.links().eq([LinkId::from(sender)]));
    let windows = (view.incoming_window(), view.remote_incoming_window(), view.remote_outgoing_window());
    let begin = view.remote_begin();

    let handle = pair.client.session(session).unwrap();
    assert!(handle.is_open() && handle.links().eq([LinkId::from(sender)]) && handle.id() == session);
    let of_handle =
        (handle.incoming_window(), handle.remote_incoming_window(), handle.remote_outgoing_window());
    assert_eq!((of_handle, handle.remote_begin()), (windows, begin));
    let handle = pair.client.sender(sender).unwrap();
    assert_eq!(of_view, format!("{:?}", (handle.credit(), handle.unsettled_len(), handle.remote_attach())));

    let view = pair.server.receiver_ref(receiver).unwrap();
    assert_eq!((view.id(), view.name(), view.credit(), view.is_open()), (receiver, "a link", 10, true));
}

#[test]
fn a_view_of_an_id_that_has_ended_is_an_error() {
    let Linked { mut pair, session, sender, receiver } = linked();
    pair.client.session(session).unwrap().end(None).unwrap();
    pair.run();
    // The end waits until the delivery in front of it has been seen.
    pair.server_events();
    pair.run();
    assert_eq!(pair.client.session_ref(session).err(), Some(CommandError::UnknownSession));
    assert_eq!(pair.client.sender_ref(sender).err(), Some(CommandError::UnknownLink));
    assert_eq!(pair.server.receiver_ref(receiver).err(), Some(CommandError::UnknownLink));
    // Ids of one connection mean nothing to another.
    assert_eq!(
        Connection::new(ConnectionConfig::client("c")).session_ref(session).err(),
        Some(CommandError::UnknownSession)
    );
}

#[test]
fn debug_of_a_connection_and_its_handles_is_short_and_shows_no_payload() {
    let Linked { mut pair, session, sender, receiver } = linked();
    let shown = format!("{:?}", pair.client);
    assert!(shown.starts_with("Connection { side: Client, state: Opened, sessions: 1, events: "), "{shown}");
    let all = [
        shown,
        format!("{:?}", pair.client.session_ref(session).unwrap()),
        format!("{:?}", pair.client.session(session).unwrap()),
        format!("{:?}", pair.client.sender_ref(sender).unwrap()),
        format!("{:?}", pair.client.sender(sender).unwrap()),
        format!("{:?}", pair.server.receiver_ref(receiver).unwrap()),
        format!("{:?}", pair.server.receiver(receiver).unwrap()),
    ];
    let names = ["Connection", "SessionRef", "Session", "SenderRef", "Sender", "ReceiverRef", "Receiver"];
    for (shown, name) in all.iter().zip(names) {
        assert!(shown.starts_with(&format!("{name} {{ ")), "{shown}");
        assert!(shown.len() < 160 && !shown.contains("secret"), "{} bytes: {shown}", shown.len());
        // The payload as `Bytes`, or as a list of numbers.
        assert!(!shown.contains("b\"") && !shown.contains("115, 101, 99"), "{shown}");
    }
}

#[test]
fn debug_of_a_client_with_a_password_does_not_show_it() {
    let config = ConnectionConfig::client("c").sasl(sasl::Mechanism::plain("user", "hunter2"));
    let mut client = Connection::new(config);
    client.open().unwrap();
    let shown = format!("{client:?} {:?}", client.config());
    assert!(!shown.contains("hunter2") && !shown.contains("user"), "{shown}");
}

#[test]
fn config_shared_by_threads_makes_a_connection_in_each() {
    let config = Arc::new(ConnectionConfig::client("client").sasl(sasl::Mechanism::plain("user", "secret")));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let config = Arc::clone(&config);
            thread::spawn(move || Connection::new(config))
        })
        .collect();
    for thread in threads {
        let mut connection = thread.join().unwrap();
        connection.open().unwrap();
        assert_eq!(connection.outbox_len(), 8, "the SASL header");
    }
}
