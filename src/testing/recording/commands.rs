//! The commands of a connection, a row each: the method that records it, and its replay.

use alloc::string::String;
use core::fmt;

use bytes::Bytes;

use super::{
    arguments::{Argument, Words},
    recorder::Recorder,
    text::text,
};
use crate::{
    CommandError, Connection, DeliveryId, ReceiverConfig, ReceiverId, SendOptions, SenderConfig, SenderId,
    SessionConfig, SessionId,
    frame::Payload,
    spec::{
        definitions::AmqpError,
        delivery_state::{DeliveryState, Modified},
        performatives::{Attach, Begin},
    },
    types::{DeliveryTag, Fields, Str},
};

/// The text of a result, by which a replay is compared.
fn result_text<T: fmt::Debug>(result: &Result<T, CommandError>) -> String {
    alloc::format!("{result:?}")
}

/// Makes the methods and the replay of the commands of a handle, behind its getters. `Type as Other` is a parameter that converts into
/// `Other`; a name behind a semicolon stands for options by reference.
macro_rules! handle_commands {
    ($(
        $(#[$meta:meta])*
        $recorded:ident($handle:ident: $id:ty) as $view:ident by $by:ident, $replay:ident {
            get { $($getter:ident() -> $got:ty;)* }
            $($name:ident($($arg:ident: $param:ty $(as $ty:ty)?),* $(; $options:ident)?) -> $ret:ty;)*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $recorded<'a> {
            recorder: &'a mut Recorder,
            id: $id,
        }

        impl Recorder {
            #[doc = concat!("Returns the handle of one, as [`Connection::", stringify!($handle), "`] does.")]
            ///
            /// # Errors
            #[doc = concat!("As [`Connection::", stringify!($handle), "`].")]
            pub fn $handle(&mut self, id: $id) -> Result<$recorded<'_>, CommandError> {
                self.connection.$handle(id)?;
                Ok($recorded { recorder: self, id })
            }
        }

        impl $recorded<'_> {
            /// Returns the id.
            pub const fn id(&self) -> $id {
                self.id
            }

            $(
                #[doc = concat!("As [`", stringify!($view), "::", stringify!($getter), "`](crate::", stringify!($view), "::", stringify!($getter), ").")]
                pub fn $getter(&self) -> $got {
                    self.recorder.connection.$by(self.id).map(|view| view.$getter()).unwrap_or_default()
                }
            )*

            $(
                #[doc = concat!("Calls [`", stringify!($view), "::", stringify!($name), "`](crate::", stringify!($view), "::", stringify!($name), "), and records the call.")]
                ///
                /// # Errors
                /// As that.
                pub fn $name(&mut self, $($arg: $param,)* $($options: &SendOptions)?) -> Result<$ret, CommandError> {
                    self.recorder.note_taken();
                    #[allow(unused_mut, reason = "some have no arguments")]
                    let mut line = alloc::format!(concat!(stringify!($handle), " {} ", stringify!($name)), text(&self.id));
                    $($(let $arg: $ty = $arg.into();)?)*
                    $($arg.append(&mut line);)*
                    $($options.append(&mut line);)?
                    let handle = self.recorder.connection.$handle(self.id);
                    let result = handle.and_then(|mut handle| handle.$name($($arg,)* $($options)?));
                    self.recorder.record_command(line, &result_text(&result));
                    result
                }
            )*
        }

        pub(super) fn $replay(connection: &mut Connection, words: &mut Words<'_>) -> Option<String> {
            let id = words.take::<$id>()?;
            Some(match words.next()? {
                $(stringify!($name) => {
                    $(let $arg $(: $ty)? = words.take()?;)*
                    $(let $options = words.take::<SendOptions>()?;)?
                    result_text(&connection.$handle(id).and_then(|mut handle| handle.$name($($arg,)* $(&$options)?)))
                })*
                _ => return None,
            })
        }
    )*};
}

/// Makes the methods and the replay of the commands of a connection.
macro_rules! connection_commands {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $ret:ty;)*) => {
        impl Recorder {
            $(
                #[doc = concat!("Calls [`Connection::", stringify!($name), "`], and records the call.")]
                ///
                /// # Errors
                /// As that.
                pub fn $name(&mut self, $($arg: $ty),*) -> Result<$ret, CommandError> {
                    self.note_taken();
                    #[allow(unused_mut, reason = "some have no arguments")]
                    let mut line = String::from(concat!("connection ", stringify!($name)));
                    $($arg.append(&mut line);)*
                    let result = self.connection.$name($($arg),*);
                    self.record_command(line, &result_text(&result));
                    result
                }
            )*
        }

        pub(super) fn replay_connection(connection: &mut Connection, words: &mut Words<'_>) -> Option<String> {
            Some(match words.next()? {
                $(stringify!($name) => {
                    $(let $arg: $ty = words.take()?;)*
                    result_text(&connection.$name($($arg),*))
                })*
                _ => return None,
            })
        }
    };
}

connection_commands! {
    open() -> ();
    close(error: Option<AmqpError>) -> ();
    begin(config: SessionConfig) -> SessionId;
    accept_session(session: SessionId, config: SessionConfig) -> ();
    refuse_session(session: SessionId, error: AmqpError) -> ();
    accept_sender(sender: SenderId, config: SenderConfig) -> ();
    accept_receiver(receiver: ReceiverId, config: ReceiverConfig) -> ();
    refuse_sender(sender: SenderId, error: AmqpError) -> ();
    refuse_receiver(receiver: ReceiverId, error: AmqpError) -> ();
    read_chunk(receiver: ReceiverId, delivery: DeliveryId) -> Option<Bytes>;
    tls_done() -> ();
}

handle_commands! {
    /// A session of a [`Recorder`]. Its links are those of [`Connection::session_ref`].
    RecordedSession(session: SessionId) as Session by session_ref, replay_session {
        get {
            is_open() -> bool;
            remote_begin() -> Option<Begin>;
            incoming_window() -> u32;
            remote_incoming_window() -> u32;
            remote_outgoing_window() -> u32;
        }
        attach_sender(config: SenderConfig) -> SenderId;
        attach_receiver(config: ReceiverConfig) -> ReceiverId;
        echo() -> ();
        end(error: Option<AmqpError>) -> ();
    }
    /// A sending link of a [`Recorder`]. Its session is that of [`Connection::sender_ref`].
    RecordedSender(sender: SenderId) as Sender by sender_ref, replay_sender {
        get {
            name() -> &str;
            is_open() -> bool;
            remote_attach() -> Option<Attach>;
            requested_address() -> Option<Str>;
            remote_flow_properties() -> Option<Fields>;
            unsettled_len() -> u32;
            credit() -> u32;
            is_sendable() -> bool;
            is_sending() -> bool;
            early_settlements() -> u64;
        }
        send(tag: impl Into<DeliveryTag> as DeliveryTag, payload: impl Into<Payload> as Payload) -> DeliveryId;
        send_with(tag: impl Into<DeliveryTag> as DeliveryTag, payload: impl Into<Payload> as Payload; options) -> DeliveryId;
        send_streaming(tag: impl Into<DeliveryTag> as DeliveryTag; options) -> DeliveryId;
        write(delivery: DeliveryId, chunk: impl Into<Bytes> as Bytes) -> ();
        finish(delivery: DeliveryId) -> ();
        abort(delivery: DeliveryId) -> ();
        settle(delivery: DeliveryId, state: Option<DeliveryState>) -> ();
        disposition(first: DeliveryId, last: DeliveryId, settled: bool, state: Option<DeliveryState>) -> ();
        set_available(available: u32) -> ();
        drained() -> ();
        echo() -> ();
        set_flow_properties(properties: Option<Fields>) -> ();
        detach(error: Option<AmqpError>) -> ();
        close(error: Option<AmqpError>) -> ();
    }
    /// A receiving link of a [`Recorder`]. Its session is that of [`Connection::receiver_ref`].
    RecordedReceiver(receiver: ReceiverId) as Receiver by receiver_ref, replay_receiver {
        get {
            name() -> &str;
            is_open() -> bool;
            remote_attach() -> Option<Attach>;
            requested_address() -> Option<Str>;
            remote_flow_properties() -> Option<Fields>;
            unsettled_len() -> u32;
            credit() -> u32;
            available() -> u32;
        }
        set_credit(credit: u32) -> ();
        add_credit(credit: u32) -> ();
        drain() -> ();
        read_chunk(delivery: DeliveryId) -> Option<Bytes>;
        accept(delivery: DeliveryId) -> ();
        release(delivery: DeliveryId) -> ();
        reject(delivery: DeliveryId, error: Option<AmqpError>) -> ();
        modify(delivery: DeliveryId, modified: Modified) -> ();
        settle(delivery: DeliveryId, state: Option<DeliveryState>) -> ();
        disposition(first: DeliveryId, last: DeliveryId, settled: bool, state: Option<DeliveryState>) -> ();
        disposition_with(
            first: DeliveryId,
            last: DeliveryId,
            settled: bool,
            state: Option<DeliveryState>,
            batchable: bool
        ) -> ();
        echo() -> ();
        set_flow_properties(properties: Option<Fields>) -> ();
        detach(error: Option<AmqpError>) -> ();
        close(error: Option<AmqpError>) -> ();
    }
}
