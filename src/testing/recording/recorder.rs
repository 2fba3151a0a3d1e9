//! A connection that records the calls to it.

use alloc::{format, string::String, sync::Arc, vec, vec::Vec};
use core::{fmt, ops::Deref};
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};

use super::{arguments::Argument as _, settings::Settings as _, stream::Stream, text::text};
use crate::{
    CommandError, Connection, ConnectionConfig, Event, Instant, Progress,
    frame::{Input, Transmit},
    sasl::{Step, Supply, Tunnel},
};

/// A [`Connection`] that records each call to it, so that a bug report is a file.
///
/// It has the methods of a connection that change anything, and lends the others by dereferencing. So most programs record
/// by one line, `use amqp_proto::testing::Recorder as Connection`. [`Self::recording`] is the text so far, which
/// [`replay`](super::replay()) runs against a new connection.
///
/// Passwords and tokens are not recorded: the whole SASL layer is left out, in both directions and with the calls that
/// belong to it. [`Self::with_secrets`] records it. Messages are recorded as they are. The [guide](crate::testing) has the
/// format.
///
/// Its handles are [`RecordedSession`](super::RecordedSession), [`RecordedSender`](super::RecordedSender) and
/// [`RecordedReceiver`](super::RecordedReceiver). Extensions and callbacks take a `Connection` itself, so their calls
/// cannot be recorded.
///
/// ```
/// use amqp_proto::{ConnectionConfig, Instant, SessionConfig, testing::{Recorder, replay}};
///
/// let mut client = Recorder::new(ConnectionConfig::client("client"));
/// client.open()?;
/// client.begin(SessionConfig::new().incoming_window(10))?;
/// while client.poll_transmit(Instant::from_millis(5)).next_chunk().is_some() {}
/// assert!(client.recording().contains("\nconnection begin incoming_window=10 -> Ok("));
/// assert!(client.recording().contains("\n# > BEGIN@0\n"));
///
/// let replayed = replay(client.recording()).unwrap();
/// assert_eq!(replayed.connection.state(), client.state());
/// # Ok::<(), amqp_proto::CommandError>(())
/// ```
pub struct Recorder {
    pub(super) connection: Connection,
    text: String,
    received: Stream,
    sent: Stream,
    /// The input that the last call left with its caller.
    left: Vec<u8>,
    /// The output that was polled last, and the time. The bytes that are gone at the next call have been taken.
    polled: Option<(Instant, Vec<u8>)>,
    has_left_out_sasl: bool,
}

impl Recorder {
    /// Creates a connection, and a recording without secrets.
    pub fn new(config: impl Into<Arc<ConnectionConfig>>) -> Self {
        Self::start(config.into(), false)
    }

    /// Creates a connection, and a recording with the bytes of the SASL layer: passwords and tokens can be read in it.
    ///
    /// [`replay_with`](super::replay_with) takes the mechanisms, which are not in the recording, and neither are the
    /// answers of the application, `sasl_answer` and `sasl_supply`.
    pub fn with_secrets(config: impl Into<Arc<ConnectionConfig>>) -> Self {
        Self::start(config.into(), true)
    }

    fn start(config: Arc<ConnectionConfig>, keeps_secrets: bool) -> Self {
        let mut text = format!("{}\nconfig", super::FIRST_LINE);
        config.write_changed(&ConnectionConfig::client(""), "", &mut text);
        text.push('\n');
        Self {
            connection: Connection::new(config),
            text,
            received: Stream::new('<', keeps_secrets),
            sent: Stream::new('>', keeps_secrets),
            left: Vec::new(),
            polled: None,
            has_left_out_sasl: false,
        }
    }

    /// Returns the recording so far, or since it was last taken.
    pub fn recording(&mut self) -> &str {
        self.note_taken();
        &self.text
    }

    /// Removes and returns the recording so far. All pieces, one behind the other, are the recording.
    pub fn take_recording(&mut self) -> String {
        self.note_taken();
        core::mem::take(&mut self.text)
    }

    /// Returns the connection. Calls to it are no longer recorded.
    pub fn into_connection(self) -> Connection {
        self.connection
    }

    /// Calls [`Connection::handle_input`], and records the call with the bytes that are new.
    pub fn handle_input(&mut self, now: Instant, input: &mut impl Input) -> Progress {
        self.note_taken();
        input.gather(input.remaining());
        let new = match input.chunk().strip_prefix(self.left.as_slice()) {
            Some(new) => new,
            None => {
                self.received.drop_incomplete();
                self.text.push_str("dropped\n");
                input.chunk()
            }
        };
        let mut line = format!("input {}", now.as_millis());
        let (is_empty, mut comments) = (new.is_empty(), String::new());
        let recorded = Bytes::from(self.received.pass(new, &mut comments));
        self.note_sasl();
        self.text.push_str(&comments);
        // A call with bytes of the SASL layer alone is left out, as they are.
        if is_empty || !recorded.is_empty() {
            if !recorded.is_empty() {
                recorded.append(&mut line);
            }
            self.record(&line);
        }
        let progress = self.connection.handle_input(now, input);
        input.gather(input.remaining());
        self.left = input.chunk().to_vec();
        progress
    }

    /// Calls [`Connection::poll_event`], and records the event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.note_taken();
        let event = self.connection.poll_event();
        if event != Some(Event::SaslPending) || !self.has_left_out_sasl {
            let line = super::event_line(event.as_ref());
            self.record(&line);
        }
        event
    }

    /// Calls [`Connection::poll_transmit`]. The next call records it, with the bytes that were taken.
    pub fn poll_transmit(&mut self, now: Instant) -> Transmit<'_> {
        self.note_taken();
        let Self { connection, polled, .. } = self;
        let transmit = connection.poll_transmit(now);
        *polled = Some((now, copy(&transmit)));
        transmit
    }

    /// Calls [`Connection::handle_timeout`], and records the call.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.note_taken();
        self.record(&format!("timeout {}", now.as_millis()));
        self.connection.handle_timeout(now);
    }

    /// Calls [`Connection::handle_eof`], and records the call.
    pub fn handle_eof(&mut self, now: Instant) {
        self.note_taken();
        self.record(&format!("eof {}", now.as_millis()));
        self.connection.handle_eof(now);
    }

    /// Calls [`Connection::output_lost`], and records the call.
    pub fn output_lost(&mut self, now: Instant) {
        self.note_taken();
        self.record(&format!("output_lost {}", now.as_millis()));
        self.connection.output_lost(now);
    }

    /// Calls [`Connection::sasl_answer`]. Not recorded.
    ///
    /// # Errors
    /// As that.
    pub fn sasl_answer(&mut self, step: Step) -> Result<(), CommandError> {
        self.note_taken();
        self.connection.sasl_answer(step)
    }

    /// Calls [`Connection::sasl_supply`]. Not recorded.
    ///
    /// # Errors
    /// As that.
    pub fn sasl_supply(&mut self, supply: Supply) -> Result<(), CommandError> {
        self.note_taken();
        self.connection.sasl_supply(supply)
    }

    /// Calls [`Connection::set_tunnel`]. Not recorded, as a tunnel matters to SASL alone.
    ///
    /// # Errors
    /// As that.
    pub fn set_tunnel(&mut self, tunnel: Tunnel) -> Result<(), CommandError> {
        self.note_taken();
        self.connection.set_tunnel(tunnel)
    }

    fn record(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub(super) fn record_command(&mut self, line: String, result: &str) {
        if line == "connection tls_done" && result == "Ok(())" {
            self.received.expect_header();
            self.sent.expect_header();
        }
        self.record(&format!("{line} -> {result}"));
    }

    /// Records the last `poll_transmit`. Called before anything that can make output.
    pub(super) fn note_taken(&mut self) {
        let Some((now, mut bytes)) = self.polled.take() else { return };
        let left = self.connection.outbox_len().min(bytes.len());
        bytes.truncate(bytes.len().saturating_sub(left));
        let mut comments = String::new();
        let recorded = Bytes::from(self.sent.pass(&bytes, &mut comments));
        self.note_sasl();
        self.text.push_str(&comments);
        if bytes.is_empty() || !recorded.is_empty() {
            let mut line = format!("output {}", text(&now));
            if !recorded.is_empty() {
                recorded.append(&mut line);
            }
            if left > 0 {
                line.push_str(&format!(" left {left}"));
            }
            self.record(&line);
        }
    }

    /// Adds a line if the SASL layer begins, which is left out.
    fn note_sasl(&mut self) {
        if !self.has_left_out_sasl && (self.received.leaves_out_sasl() || self.sent.leaves_out_sasl()) {
            self.has_left_out_sasl = true;
            self.text.push_str("sasl\n");
        }
    }
}

/// Returns all bytes of the output, which stay in it.
fn copy(transmit: &Transmit<'_>) -> Vec<u8> {
    let mut count = 16_usize;
    loop {
        let mut slices = vec![IoSlice::new(&[]); count];
        let filled = transmit.chunks_vectored(&mut slices);
        if filled < count {
            return slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        }
        count = count.saturating_mul(2);
    }
}

impl Deref for Recorder {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// Shows the connection, and the length of the recording.
impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("connection", &self.connection)
            .field("recorded", &self.text.len())
            .finish_non_exhaustive()
    }
}
