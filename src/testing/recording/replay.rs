//! A recording, run against a new connection.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use bytes::{Buf as _, BytesMut};
use thiserror::Error;

use super::{
    arguments::Words,
    commands::{replay_connection, replay_receiver, replay_sender, replay_session},
    text::{parse_hex, write_hex},
};
use crate::{Connection, ConnectionConfig, Instant, Progress, testing::Frame};

/// A connection to which a recording has been replayed, without a difference.
#[derive(Debug)]
#[non_exhaustive]
pub struct Replayed {
    /// The connection, as the last call left it.
    pub connection: Connection,
    /// The number of calls.
    pub calls: usize,
}

/// The reason why a recording was not replayed to its end.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A line is not one of a recording.
    #[error("line {line} is no call: {text}")]
    Malformed {
        /// The number of the line, from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// The connection did something else than the one that was recorded.
    #[error("line {line}, {call}: recorded {expected}, replayed {found}")]
    Difference {
        /// The number of the line, from 1.
        line: usize,
        /// The call.
        call: String,
        /// Its recorded result, event or output.
        expected: String,
        /// The one of the replay.
        found: String,
    },
}

/// Runs a recording against a new connection, and compares results, events and output.
///
/// ```
/// use amqp_proto::{ConnectionConfig, testing::{Recorder, ReplayError, replay}};
///
/// let mut server = Recorder::new(ConnectionConfig::server("server"));
/// let _ = server.handle_input(Default::default(), &mut b"HTTP/1.1".as_slice());
/// assert_eq!(server.poll_event().map(|event| event.name()), Some("CONNECTION_ERROR"));
/// assert_eq!(replay(server.recording()).map(|replayed| replayed.calls), Ok(2));
///
/// // Another file than was recorded is an error with its first difference.
/// let other = server.recording().replace("CONNECTION_ERROR", "CONNECTION_OPEN");
/// let error = replay(&other).unwrap_err();
/// assert!(matches!(error, ReplayError::Difference { line: 4, .. }), "{error}");
/// ```
///
/// # Errors
/// [`ReplayError::Difference`] with the first difference, [`ReplayError::Malformed`] if the text is no recording.
pub fn replay(recording: &str) -> Result<Replayed, ReplayError> {
    replay_with(recording, |config| config)
}

/// As [`replay`], with other settings than the recorded ones: the mechanisms of SASL, for a recording with secrets.
///
/// # Errors
/// As [`replay`].
pub fn replay_with(
    recording: &str,
    configure: impl FnOnce(ConnectionConfig) -> ConnectionConfig,
) -> Result<Replayed, ReplayError> {
    let mut configure = Some(configure);
    let mut replay: Option<Replay> = None;
    let mut number = 0_usize;
    for text in recording.lines() {
        number = number.saturating_add(1);
        let malformed = || ReplayError::Malformed { line: number, text: text.into() };
        if number == 1 {
            if text != super::FIRST_LINE {
                return Err(malformed());
            }
            continue;
        }
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match (&mut replay, text.strip_prefix("config"), configure.take()) {
            (None, Some(settings), Some(configure)) => {
                let config = read_config(settings).ok_or_else(malformed)?;
                replay = Some(Replay::new(Connection::new(configure(config))));
            }
            (Some(replay), None, _) => match replay.call(text) {
                Some(Ok(())) => {}
                Some(Err(difference)) => return Err(difference.at(number)),
                None => return Err(malformed()),
            },
            _ => return Err(malformed()),
        }
    }
    let mut replay =
        replay.ok_or_else(|| ReplayError::Malformed { line: number, text: "the recording ends".into() })?;
    replay.finish().map_err(|difference| difference.at(number))?;
    Ok(Replayed { connection: replay.connection, calls: replay.calls })
}

fn read_config(settings: &str) -> Option<ConnectionConfig> {
    let mut config = ConnectionConfig::client("");
    Words(settings.trim_start()).set_all(&mut config)?;
    let tolerance = config.tolerance;
    // Hands the decoder its part.
    Some(config.tolerance(tolerance))
}

/// The bytes of a difference in the output that an error shows.
const MAX_SHOWN: usize = 32;

/// A difference whose line is not known yet.
struct Difference {
    call: String,
    expected: String,
    found: String,
}

impl Difference {
    fn at(self, line: usize) -> ReplayError {
        let Self { call, expected, found } = self;
        ReplayError::Difference { line, call, expected, found }
    }
}

fn compare(call: &str, expected: &str, found: &str) -> Result<(), Difference> {
    if expected == found {
        return Ok(());
    }
    Err(Difference { call: call.into(), expected: expected.into(), found: found.into() })
}

struct Replay {
    connection: Connection,
    calls: usize,
    input: BytesMut,
    /// Output that was recorded, and that the replay has not written yet.
    due: BytesMut,
    /// A SASL layer was left out, so output can come at another call.
    without_sasl: bool,
}

impl Replay {
    fn new(connection: Connection) -> Self {
        Self { connection, calls: 0, input: BytesMut::new(), due: BytesMut::new(), without_sasl: false }
    }

    /// Makes the call of a line. Returns `None` if the line is no call.
    fn call(&mut self, text: &str) -> Option<Result<(), Difference>> {
        self.calls = self.calls.saturating_add(1);
        let (call, result) = text.split_once(" -> ").unwrap_or((text, ""));
        let mut words = Words(call);
        let kind = words.next()?;
        let found = match kind {
            "connection" => replay_connection(&mut self.connection, &mut words)?,
            "session" => replay_session(&mut self.connection, &mut words)?,
            "sender" => replay_sender(&mut self.connection, &mut words)?,
            "receiver" => replay_receiver(&mut self.connection, &mut words)?,
            "event" => {
                let event = self.connection.poll_event();
                return Some(compare("event", text, &super::event_line(event.as_ref())));
            }
            "sasl" | "dropped" => {
                self.calls = self.calls.saturating_sub(1);
                self.without_sasl |= kind == "sasl";
                if kind == "dropped" {
                    self.input.clear();
                }
                return Some(Ok(()));
            }
            _ => {
                let now = words.take()?;
                return self.timed_call(kind, now, &mut words);
            }
        };
        words.next().is_none().then(|| compare(call, result, &found))
    }

    fn timed_call(
        &mut self,
        kind: &str,
        now: Instant,
        words: &mut Words<'_>,
    ) -> Option<Result<(), Difference>> {
        match kind {
            "input" => {
                if let Some(bytes) = words.next() {
                    self.input.extend_from_slice(&parse_hex(bytes)?);
                }
                let _: Progress = self.connection.handle_input(now, &mut self.input);
            }
            "output" => {
                let mut word = words.next();
                if let Some(bytes) = word.filter(|word| *word != "left") {
                    self.due.extend_from_slice(&parse_hex(bytes)?);
                    word = words.next();
                }
                let left = match word {
                    Some("left") => words.take()?,
                    Some(_) => return None,
                    None => 0,
                };
                return Some(self.output(now, left));
            }
            "timeout" => self.connection.handle_timeout(now),
            "eof" => self.connection.handle_eof(now),
            "output_lost" => self.connection.output_lost(now),
            _ => return None,
        }
        words.next().is_none().then_some(Ok(()))
    }

    /// Takes as much output as was taken, and compares it.
    fn output(&mut self, now: Instant, left: usize) -> Result<(), Difference> {
        let mut transmit = self.connection.poll_transmit(now);
        let count = transmit.remaining().min(self.due.len());
        let found = transmit.copy_to_bytes(count);
        let found_left = transmit.remaining();
        let expected = self.due.split_to(count);
        compare_output(&expected, &found)?;
        if self.without_sasl {
            return Ok(());
        }
        let counts = |due: usize, left: usize| format!("{due} bytes more, and {left} left");
        compare("output", &counts(self.due.len(), left), &counts(0, found_left))
    }

    fn finish(&mut self) -> Result<(), Difference> {
        let missing = format!("{} bytes of output more", self.due.len());
        if self.due.is_empty() { Ok(()) } else { compare("the end", &missing, "no more output") }
    }
}

/// Compares output of one length.
fn compare_output(expected: &[u8], found: &[u8]) -> Result<(), Difference> {
    match expected.iter().zip(found).position(|(expected, found)| expected != found) {
        Some(at) => compare("output", &show(expected, at), &show(found, at)),
        None => Ok(()),
    }
}

/// Returns the frames of output, and the bytes from the first difference on.
fn show(bytes: &[u8], at: usize) -> String {
    let mut wire = BytesMut::from(bytes);
    let frames = core::iter::from_fn(|| Frame::take(&mut wire).ok().flatten());
    let frames: Vec<String> = frames.map(|frame| frame.to_string()).collect();
    let mut text = format!("{}; from byte {at} ", frames.join(", "));
    let rest = bytes.get(at..).unwrap_or_default();
    write_hex(rest.get(..MAX_SHOWN).unwrap_or(rest), &mut text);
    text
}
