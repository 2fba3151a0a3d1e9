//! Recordings of a connection's calls, and their replay.
//!
//! [`Recorder`] makes a recording, and [`replay()`] runs it. The module [`testing`](super) has an example, the format of the
//! text, and what is done about secrets.

mod arguments;
mod commands;
mod recorder;
mod replay;
mod settings;
mod stream;
mod text;

#[cfg(test)]
mod tests;

use alloc::{format, string::String};

pub use commands::{RecordedReceiver, RecordedSender, RecordedSession};
pub use recorder::Recorder;
pub use replay::{ReplayError, Replayed, replay, replay_with};

use crate::Event;

/// The first line of a recording, with the version of its format.
const FIRST_LINE: &str = "amqp-proto recording 1";

/// Returns the line of an event, with its payload in one piece: how it was cut depends on the caller's buffers.
fn event_line(event: Option<&Event>) -> String {
    match event {
        None => "event none".into(),
        Some(Event::Delivery { receiver, delivery }) => {
            let mut delivery = delivery.clone();
            delivery.payload = delivery.payload.detach();
            format!("event DELIVERY {receiver:?} {delivery:?}")
        }
        Some(event) => format!("event {} {event:?}", event.name()),
    }
}
