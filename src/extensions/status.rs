//! The status of an answer, in both spellings.
//!
//! Source: AMQP Management, working draft 16, 3.2, which writes `statusCode`; Azure's `$cbs` writes `status-code`.

use alloc::vec::Vec;
use core::fmt;

use crate::{
    frame::Payload,
    message::{Message, MessageBuilder, MessageError, NoBody, ParseOptions, SimpleValue},
    types::{Str, Value},
};

/// The spelling of the application-properties that a status is written in. Both are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusSpelling {
    /// `statusCode`, `statusDescription`, `errorCondition`: that of the working draft.
    CamelCase,
    /// `status-code`, `status-description`, `error-condition`: that of `$cbs` at Azure.
    Hyphenated,
}

impl StatusSpelling {
    const fn names(self) -> [&'static str; 3] {
        match self {
            Self::CamelCase => ["statusCode", "statusDescription", "errorCondition"],
            Self::Hyphenated => ["status-code", "status-description", "error-condition"],
        }
    }
}

/// The status of an answer: an HTTP code, a text and a condition.
///
/// ```
/// use amqp_proto::{
///     extensions::{Status, StatusSpelling},
///     message::{Message, ParseOptions},
///     types::Value,
/// };
///
/// let request = Message::builder().message_id(7_u64).reply_to("client-7").value("a token").build();
/// let request = Message::parse(request, &ParseOptions::default())?;
/// let answer = Status::new(202).description("Accepted").reply(&request, StatusSpelling::Hyphenated)?;
///
/// let answer = Message::parse(answer.value(Value::Null).build(), &ParseOptions::default())?;
/// assert_eq!(answer.correlation_id()?, Some(7.into()));
/// assert!(Status::read(&answer).is_ok_and(|status| status.code == 202 && status.is_success()));
/// # Ok::<(), amqp_proto::message::MessageError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The code, with the meaning that it has in HTTP.
    pub code: i32,
    /// A text for people.
    pub description: Option<Str>,
    /// The condition of an error, such as `amqp:not-found`.
    pub condition: Option<Str>,
}

/// An answer without a readable status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusError {
    /// The message is malformed.
    Message(MessageError),
    /// There is no status code, or it is no integer of 32 bits.
    NoCode,
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(error) => error.fmt(f),
            Self::NoCode => f.write_str("the answer has no status code"),
        }
    }
}

impl core::error::Error for StatusError {}

impl From<MessageError> for StatusError {
    fn from(error: MessageError) -> Self {
        Self::Message(error)
    }
}

impl Status {
    /// Returns a status with this code and no text.
    pub const fn new(code: i32) -> Self {
        Self { code, description: None, condition: None }
    }

    /// Sets the text.
    #[must_use]
    pub fn description(mut self, description: impl Into<Str>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets the condition of the error.
    #[must_use]
    pub fn condition(mut self, condition: impl Into<Str>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// True if the code is one of success: 200 to 299.
    pub const fn is_success(&self) -> bool {
        matches!(self.code, 200..=299)
    }

    /// Reads the status of an answer, in either spelling and with an integer of any width.
    ///
    /// # Errors
    /// [`StatusError`] if the message is malformed or has no code.
    pub fn read(answer: &Message) -> Result<Self, StatusError> {
        let code = property(answer, 0)?.and_then(|code| code.as_i128()).and_then(|code| code.try_into().ok());
        Ok(Self {
            code: code.ok_or(StatusError::NoCode)?,
            description: property(answer, 1)?.and_then(text),
            condition: property(answer, 2)?.and_then(text),
        })
    }

    /// Starts the answer to a request, with this status: the server's half.
    ///
    /// The answer still needs a body; [`value`](MessageBuilder::value) of null is the empty one.
    ///
    /// # Errors
    /// [`MessageError`] if the request is malformed.
    pub fn reply(
        &self,
        request: &Message,
        spelling: StatusSpelling,
    ) -> Result<MessageBuilder<NoBody>, MessageError> {
        let [code, description, condition] = spelling.names();
        let mut reply = request.reply()?.application_property(code, self.code);
        if let Some(text) = &self.description {
            reply = reply.application_property(description, text);
        }
        if let Some(text) = &self.condition {
            reply = reply.application_property(condition, text);
        }
        Ok(reply)
    }
}

/// Returns one of the three properties in the spelling that the answer has it in.
fn property(answer: &Message, index: usize) -> Result<Option<SimpleValue>, MessageError> {
    for spelling in [StatusSpelling::CamelCase, StatusSpelling::Hyphenated] {
        if let Some(name) = spelling.names().get(index) {
            let found = answer.application_property(name)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

/// Returns the text of a string or a symbol, as memory of its own: a status can outlive the buffer it was read into.
fn text(value: SimpleValue) -> Option<Str> {
    value.as_str().map(Str::from)
}

/// Reads the message that an answer is in. Its status is what counts, so the body may be left out, as some senders do
/// with an empty one.
pub(super) fn parse_answer(payload: Payload) -> Result<Message, MessageError> {
    Message::parse(payload, &ParseOptions { body_required: false, ..ParseOptions::default() })
}

/// Returns the texts of a list or an array, an empty one for each value that is no text.
pub(super) fn texts(value: &Value) -> Vec<Str> {
    items(value)
        .unwrap_or_default()
        .iter()
        .map(|item| item.as_str().map(Str::from).unwrap_or_default())
        .collect()
}

/// Returns the items of a list or an array, or `None` for another value.
pub(super) fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::List(items) => Some(items),
        Value::Array(array) => Some(array.items()),
        _ => None,
    }
}
