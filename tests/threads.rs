//! Every public type that owns state can move between threads and be shared by them.

use std::{error::Error, sync::Arc, thread};

use amqp_proto::{
    Attach, CommandError, Connection, ConnectionConfig, Delivery, Event, Failure, Limits, SendOptions,
    SessionConfig, Timeouts, UnsettledDelivery,
    callback::{AgentError, UrlError},
    codec::{DecodeError, DecodeErrorKind},
    frame::{FrameError, Payload},
    message::{MessageError, MessageErrorKind, NotSimple},
    sasl::{Credentials, Exchange, Mechanism, Step, StepInput, Success},
    types::{ArrayError, BinaryLengthError, SymbolError, Utf8Error, Value},
};

fn send_and_sync<T: Send + Sync + 'static>() {}

fn error<T: Error + Send + Sync + 'static>() {}

#[test]
fn connection_settings_and_events_are_send_and_sync() {
    send_and_sync::<Connection>();
    send_and_sync::<ConnectionConfig>();
    send_and_sync::<SessionConfig>();
    send_and_sync::<Attach>();
    send_and_sync::<SendOptions>();
    send_and_sync::<Limits>();
    send_and_sync::<Timeouts>();
    send_and_sync::<Event>();
    send_and_sync::<Failure>();
    send_and_sync::<Delivery>();
    send_and_sync::<UnsettledDelivery>();
    send_and_sync::<Payload>();
    send_and_sync::<Value>();
}

#[test]
fn sasl_types_are_send_and_sync() {
    send_and_sync::<Mechanism>();
    send_and_sync::<Box<dyn Exchange>>();
    send_and_sync::<Credentials<'static>>();
    send_and_sync::<StepInput<'static>>();
    send_and_sync::<Step>();
    send_and_sync::<Success>();
}

#[test]
fn error_types_are_errors_that_are_send_and_sync() {
    error::<CommandError>();
    error::<AgentError>();
    error::<UrlError>();
    error::<DecodeError>();
    error::<DecodeErrorKind>();
    error::<FrameError>();
    error::<MessageError>();
    error::<MessageErrorKind>();
    error::<NotSimple>();
    error::<ArrayError>();
    error::<SymbolError>();
    error::<Utf8Error>();
    error::<BinaryLengthError>();
}

#[test]
fn config_shared_by_threads_makes_a_connection_in_each() {
    let config = Arc::new(ConnectionConfig::client("client").sasl(Mechanism::plain("user", "secret")));
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
