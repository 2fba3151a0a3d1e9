//! With `--strict`: what 3.2 demands of a node of a message, and what nearly no peer expects.

use amqp_proto::{
    message::Message,
    spec::definitions::{AmqpError, ErrorCondition},
    types::Annotations,
};

/// The consequence of a message that the letter of the standard does not let pass.
pub enum Breach {
    Detach(AmqpError),
    Reject(AmqpError),
}

/// Returns the breach of a message, if there is one.
pub fn breach(message: &Message) -> Option<Breach> {
    // 3.2.10: an annotation that is not known is no reason to detach only if its key begins with "x-opt-".
    let sections = [message.delivery_annotations(), message.message_annotations()];
    let unknown =
        |annotations: Annotations| annotations.unknown_keys(|_| false).next().map(ToString::to_string);
    if let Some(key) = sections.into_iter().flatten().flatten().find_map(unknown) {
        let what = format!("the annotation {key} is not known");
        return Some(Breach::Detach(AmqpError::described(ErrorCondition::NotImplemented, what)));
    }
    // 3.2.1: a durable message is not held by a node that forgets it with the process.
    let is_durable = message.durable().unwrap_or_default();
    is_durable.then(|| {
        let what = "messages here are not durable";
        Breach::Reject(AmqpError::described(ErrorCondition::PreconditionFailed, what))
    })
}
