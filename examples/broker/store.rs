//! Messages that arrive: singly or in batches, for the queue of their link or the one that they name.

use std::sync::Arc;

use amqp_proto::{
    CommandError, Connection, Delivery, Receiver, ReceiverId,
    extensions::azure::{
        batch::{self, BatchError},
        names::BATCH_FORMAT,
    },
    frame::Payload,
    message::{Message, ParseOptions},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::DeliveryState,
        messaging::MESSAGE_FORMAT,
    },
    types::{Fields, MessageFormat, Str, Symbol, Value},
};

use crate::{
    address::node_name,
    letter::{Breach, breach},
    node::{Node, no_room},
    services::Service,
    stored::{Stored, destination, scheduled_time},
};

/// There is no coordinator here, and so no transaction that a message could be a part of (4.4.1).
fn no_transaction() -> AmqpError {
    AmqpError::described(ErrorCondition::UnknownTransaction, "there is no such transaction")
}

/// Rejects a message. The outcome matters more than its reason, for which there may be no room.
pub(crate) fn reject(
    receiver: &mut Receiver<'_>,
    delivery: &Delivery,
    error: AmqpError,
) -> Result<(), CommandError> {
    let rejected = receiver.reject(delivery.id, Some(about(delivery, error)));
    rejected.or_else(|_| receiver.reject(delivery.id, None))
}

/// Names the delivery in the error's info. A link that closes for it has to; a rejection has an info too, since Azure's
/// SDK for Python waits for good behind one without.
pub(crate) fn about(delivery: &Delivery, error: AmqpError) -> AmqpError {
    let tag = Value::from(delivery.tag.as_bytes().to_vec());
    AmqpError { info: Some(Fields::new().with(Symbol::from_static("delivery-tag"), tag)), ..error }
}

impl Node {
    /// Stores a message that has arrived, and settles it.
    pub(crate) fn store(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: ReceiverId,
        delivery: Delivery,
    ) -> Result<(), CommandError> {
        let mut receiver = connection.receiver(id)?;
        let Some(link) = self.links.get(&(peer, id.into())) else { return receiver.release(delivery.id) };
        let can_reject = link.takes_rejected && !delivery.settled;
        let name = link.name.clone();
        let stored = match self.breach(&delivery) {
            Some(Breach::Detach(error)) => return receiver.close(Some(error)),
            Some(Breach::Reject(error)) => Err(error),
            None if matches!(delivery.state, Some(DeliveryState::TransactionalState(_))) => {
                Err(no_transaction())
            }
            None => self.push(name, peer, delivery.message_format, delivery.payload.clone()),
        };
        match stored {
            Ok(()) => receiver.accept(delivery.id),
            Err(error) if can_reject => reject(&mut receiver, &delivery, error),
            // There is no other way to report what became of the message.
            Err(error) => receiver.close(Some(about(&delivery, error))),
        }
    }

    /// Returns what the letter of the standard has against a message, if it is to be kept.
    fn breach(&self, delivery: &Delivery) -> Option<Breach> {
        if !self.strict || delivery.message_format != MESSAGE_FORMAT {
            return None;
        }
        let options = ParseOptions { body_required: false, ..ParseOptions::default() };
        breach(&Message::parse(delivery.payload.clone(), &options).ok()?)
    }

    /// Puts a message into the queue with this name, or into the one that the message names.
    pub(crate) fn push(
        &mut self,
        name: Option<Str>,
        from: usize,
        format: MessageFormat,
        payload: Payload,
    ) -> Result<(), AmqpError> {
        let named =
            || node_name(&destination(format, &payload)?).filter(|name| Service::named(name).is_none());
        let name = name.or_else(named);
        let name = name.ok_or_else(|| {
            AmqpError::described(ErrorCondition::NotFound, "the message's field `to` names no queue")
        })?;
        if format == BATCH_FORMAT {
            self.put_batch(&name, from, payload)
        } else {
            self.put(&name, from, format, payload)
        }
    }

    /// Puts a message into a queue.
    pub(crate) fn put(
        &mut self,
        name: &Str,
        from: usize,
        format: MessageFormat,
        payload: Payload,
    ) -> Result<(), AmqpError> {
        let is_azure = self.services.is_azure(from);
        let time = scheduled_time(format, &payload);
        let payload = if is_azure && format == MESSAGE_FORMAT { self.identified(payload) } else { payload };
        let queue = self.queue(name)?;
        let message = Stored::new(from, format, payload, queue.room());
        let stored = message.is_some();
        if let Some(message) = message {
            queue.push_at(time, message);
        }
        self.set_alarm(name);
        self.note(name);
        if stored { Ok(()) } else { Err(no_room()) }
    }

    /// Puts the messages of a batch into a queue: all of them, or none. Consumers get them singly.
    fn put_batch(&mut self, name: &Str, from: usize, payload: Payload) -> Result<(), AmqpError> {
        let malformed =
            |error: BatchError| AmqpError::described(ErrorCondition::DecodeError, error.to_string());
        let options = ParseOptions { body_required: false, ..ParseOptions::default() };
        let batch = batch::read(payload, &options).map_err(malformed)?;
        let room = Arc::clone(self.queue(name)?.room());
        let stored = batch.messages().map(|message| {
            let message = message.map_err(|error| malformed(error.into()))?.payload();
            let time = scheduled_time(MESSAGE_FORMAT, &message);
            let message = self.identified(message);
            Stored::new(from, MESSAGE_FORMAT, message, &room)
                .map(|message| (time, message))
                .ok_or_else(no_room)
        });
        let stored: Result<Vec<_>, AmqpError> = stored.collect();
        let queue = self.queue(name)?;
        let done = stored
            .map(|messages| messages.into_iter().for_each(|(time, message)| queue.push_at(time, message)));
        self.set_alarm(name);
        // The queue may be new, and without a message it goes again.
        self.note(name);
        done
    }

    /// Returns a message of a client of Azure with a message-id. Service Bus adds it, and its client for JavaScript
    /// cannot complete a message without one. Messages of other clients stay as they are (3.2).
    pub(crate) fn identified(&mut self, payload: Payload) -> Payload {
        let options = ParseOptions { body_required: false, ..ParseOptions::default() };
        let message = match Message::parse(payload.clone(), &options) {
            Ok(message) if message.message_id() == Ok(None) => message,
            _ => return payload,
        };
        self.last_id += 1;
        let id = format!("{}-{}", self.services.started.as_millis(), self.last_id);
        let builder = message.to_builder().map(|builder| builder.message_id(&*id));
        builder.and_then(|builder| builder.try_build()).unwrap_or(payload)
    }
}
