//! Messages that a consumer has rejected for the dead-letter queue, as at Service Bus.

use amqp_proto::{
    extensions::azure::{names, service_bus},
    frame::Payload,
    message::MessageError,
    spec::definitions::{AmqpError, ErrorCondition},
    types::{Str, Symbol},
};

use crate::{node::Node, settle::Rejections, stored::Stored};

/// The application-properties of a dead letter, and the keys of an error's `info` that they are taken from.
const REASON: &str = "DeadLetterReason";
const DESCRIPTION: &str = "DeadLetterErrorDescription";

/// True if a message that is rejected with this error is a dead letter.
pub fn is_asked_for(error: Option<&AmqpError>) -> bool {
    error.is_some_and(|error| error.condition.as_str() == names::DEAD_LETTER.as_str())
}

/// Returns the error of a message that is dead-lettered for these reasons.
pub fn error(reason: Option<Str>, description: Option<Str>) -> AmqpError {
    let mut error = AmqpError::new(ErrorCondition::Other(names::DEAD_LETTER));
    let info = error.info.get_or_insert_default();
    for (name, text) in [(REASON, reason), (DESCRIPTION, description)] {
        if let Some(text) = text {
            info.insert(Symbol::from_static(name), text);
        }
    }
    error
}

impl Node {
    /// Moves rejected messages to the dead-letter queue of their queue. One that has no room there stays.
    pub(crate) fn bury(&mut self, name: &Str, Rejections { error, messages }: Rejections) {
        for (place, message) in messages {
            let is_buried =
                !name.ends_with("/$DeadLetterQueue") && self.copy_to_dead_letters(name, &message, &error);
            if !is_buried && let Some(queue) = self.get_mut(name) {
                queue.put_back(place, message);
            }
        }
    }

    /// Returns false if there is no room.
    fn copy_to_dead_letters(&mut self, name: &Str, message: &Stored, error: &AmqpError) -> bool {
        let target = Str::from(service_bus::dead_letter_queue(name));
        let room = self.get(&target).map_or(&self.room, |queue| queue.room());
        // Large reasons of many messages are not copied to find that there is no room for them.
        if !room
            .has(texts(error).into_iter().flatten().fold(message.len(), |sum, (_, text)| sum + text.len()))
        {
            return false;
        }
        // A message that cannot be read is moved as it is.
        let payload = letter(message, error).unwrap_or_else(|_| message.payload.detach());
        self.put(&target, message.from, message.format, payload).is_ok()
    }
}

/// Returns the reasons in an error, by their names.
fn texts(error: &AmqpError) -> [Option<(&'static str, &str)>; 2] {
    [REASON, DESCRIPTION].map(|name| Some((name, error.info.as_ref()?.get(name)?.as_str()?)))
}

/// Returns the dead letter of a message. It is a message of the broker's own, with reasons among its
/// application-properties: 3.2 keeps an intermediary from adding them to the message that it has received.
fn letter(message: &Stored, error: &AmqpError) -> Result<Payload, MessageError> {
    let Some(original) = message.message() else { return Ok(message.payload.detach()) };
    let mut letter = original.to_builder()?;
    for (name, text) in texts(error).into_iter().flatten() {
        letter = letter.application_property(name, text);
    }
    // It is kept for long, so no block of a peer's frame is.
    letter.try_build().map(|payload| payload.detach())
}
