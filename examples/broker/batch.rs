//! Batches of messages in the format of Azure: each data section is an encoded message.

use amqp_proto::{
    frame::Payload,
    message::{Message, MessageError, ParseOptions},
};

/// Returns the messages of a batch, or an error in place of the first that is none.
pub fn messages(batch: &Message) -> impl Iterator<Item = Result<Payload, MessageError>> + '_ {
    batch.data_sections().map(|section| {
        let options = ParseOptions { body_required: false, ..ParseOptions::default() };
        Message::parse(section, &options).map(|message| message.payload())
    })
}
