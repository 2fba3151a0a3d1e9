//! The operations of `QUEUE/$management` at Service Bus, as far as the broker has them.

use amqp_proto::{
    extensions::{Status, azure::names, management::Operation},
    frame::Payload,
    message::Message,
    spec::messaging::MESSAGE_FORMAT,
    types::{Map, Str, Timestamp, Uuid, Value},
};

use crate::{
    dead_letter,
    management::{Answer, failed, ok},
    node::Node,
    parked::lock_end,
    queue::Queue,
    service_bus_body::{
        entry, expirations, field, messages, number, numbers, sequence_numbers, tag_of, text, tokens,
    },
    settle::Rejection,
    stored::{Stored, now, scheduled_time},
};

/// The most messages in an answer, and the bytes at which it gets no further one.
const MESSAGES: usize = 256;
const BYTES: usize = 1 << 20;

/// The tokens of deferred messages have this bit, those of deliveries have not: they count from 1.
const DEFERRED: u128 = 1 << 127;

impl Node {
    /// Returns the answer to an operation on a queue.
    pub(crate) fn service_bus(&mut self, peer: usize, name: &Str, operation: &Operation) -> Answer {
        let body = operation.body_value();
        let is_there = self.get(name).is_some();
        match operation.name() {
            "com.microsoft:schedule-message" => self.schedule(peer, name, body),
            "com.microsoft:update-disposition" if is_there => self.update_disposition(name, body),
            "com.microsoft:cancel-scheduled-message" if is_there => self.cancel_scheduled(name, body),
            "com.microsoft:peek-message" if is_there => {
                self.get(name).map_or_else(nothing, |it| peek(it, body))
            }
            "com.microsoft:receive-by-sequence-number" if is_there => self.receive_deferred(name, body),
            "com.microsoft:renew-lock" if is_there => {
                self.get_mut(name).map_or_else(nothing, |it| renew(it, body))
            }
            "com.microsoft:update-disposition"
            | "com.microsoft:cancel-scheduled-message"
            | "com.microsoft:peek-message"
            | "com.microsoft:receive-by-sequence-number"
            | "com.microsoft:renew-lock" => failed(404, "there is no such queue"),
            _ => failed(501, "the operation is not one of this node"),
        }
    }

    fn schedule(&mut self, peer: usize, name: &Str, body: &Value) -> Answer {
        let mut numbers = Vec::new();
        for message in messages(body) {
            let payload = Payload::from(message);
            if Message::try_from(payload.clone()).is_err() {
                return failed(400, "one of the messages is malformed");
            }
            // One without a time, or with a past one, is due now.
            let time = scheduled_time(MESSAGE_FORMAT, &payload).unwrap_or_else(now);
            let payload = self.identified(payload);
            let stored = self.queue(name).ok().and_then(|queue| {
                let message = Stored::new(peer, MESSAGE_FORMAT, payload, queue.room())?;
                let number = queue.take_number();
                queue.parked.schedule(number, time, message);
                Some(number)
            });
            self.note(name);
            self.set_alarm(name);
            match stored {
                Some(number) => numbers.push(number),
                None => return failed(403, "the queue or the broker is full"),
            }
        }
        if numbers.is_empty() { failed(400, "there are no messages") } else { ok(sequence_numbers(&numbers)) }
    }

    fn cancel_scheduled(&mut self, name: &Str, body: &Value) -> Answer {
        let Some(queue) = self.get_mut(name) else { return nothing() };
        let numbers = numbers(body, "sequence-numbers");
        if numbers.is_empty() || !numbers.iter().all(|number| queue.parked.is_scheduled(*number)) {
            return not_found();
        }
        numbers.into_iter().for_each(|number| drop(queue.parked.cancel(number)));
        self.set_alarm(name);
        self.note(name);
        ok(Map::<Str>::new())
    }

    /// Hands out deferred messages, each with a lock, or for good.
    fn receive_deferred(&mut self, name: &Str, body: &Value) -> Answer {
        let Some(queue) = self.get_mut(name) else { return nothing() };
        let (now, mut bytes, mut entries) = (now(), 0_usize, Vec::new());
        let delete = number(body, "receiver-settle-mode") == Some(0);
        let numbers = numbers(body, "sequence-numbers");
        if numbers.len() > MESSAGES {
            return failed(400, "these are too many messages");
        }
        if numbers.is_empty() || !numbers.iter().all(|number| queue.parked.deferred(*number, now).is_some()) {
            return not_found();
        }
        for number in numbers {
            // A number that is there twice is locked by now.
            let Some(message) = queue.parked.deferred(number, now) else { continue };
            bytes = bytes.saturating_add(message.len());
            if bytes > BYTES && !entries.is_empty() {
                break;
            }
            let end = (!delete).then(|| lock_end(now));
            let payload = message.numbered(number, end);
            let token = end.map(|end| {
                let token = Uuid::from_u128(DEFERRED | queue.tag);
                queue.tag += 1;
                queue.parked.lock(number, token, end);
                token
            });
            if delete {
                queue.parked.take(number);
            }
            entries.push(entry(payload, token));
        }
        self.note(name);
        with_messages(entries)
    }

    /// Gives deferred messages an outcome. Those that were delivered on a link get it there.
    fn update_disposition(&mut self, name: &Str, body: &Value) -> Answer {
        let Some(queue) = self.get_mut(name) else { return nothing() };
        let now = now();
        let found: Vec<u64> =
            tokens(body).into_iter().filter_map(|token| queue.parked.locked(token, now)).collect();
        if found.is_empty() || found.len() != tokens(body).len() {
            return lock_lost();
        }
        let mut rejections = Vec::new();
        match text(body, "disposition-status").as_deref() {
            Some("completed") => found.into_iter().for_each(|number| drop(queue.parked.take(number))),
            // It stays deferred, as at Service Bus.
            Some("abandoned" | "defered") => {
                found.into_iter().for_each(|number| queue.parked.unlock(number));
            }
            Some("suspended") => {
                let error =
                    dead_letter::error(text(body, "deadletter-reason"), text(body, "deadletter-description"));
                rejections.extend(found.into_iter().filter_map(|number| {
                    let message = queue.parked.take(number)?;
                    Some(Rejection { place: number, message, error: error.clone() })
                }));
            }
            _ => return failed(400, "the disposition is not known"),
        }
        self.bury(name, rejections);
        self.note(name);
        ok(Map::<Str>::new())
    }
}

/// Returns messages without acquiring them: those available, deferred and scheduled, by their numbers.
fn peek(queue: &Queue, body: &Value) -> Answer {
    let from = number(body, "from-sequence-number").unwrap_or(0);
    let count = number(body, "message-count").unwrap_or(1);
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(MESSAGES);
    let (deferred, scheduled) = queue.parked.from(from);
    // As many of each kind are enough, whichever come first.
    let mut found: Vec<_> = queue.available.from(from).take(count).collect();
    found.extend(deferred.take(count).chain(scheduled.take(count)));
    found.sort_unstable_by_key(|(number, _)| *number);
    let (mut bytes, mut entries) = (0_usize, Vec::new());
    for (number, message) in found.into_iter().take(count) {
        bytes = bytes.saturating_add(message.len());
        if bytes > BYTES && !entries.is_empty() {
            break;
        }
        entries.push(entry(message.numbered(number, None), None));
    }
    with_messages(entries)
}

/// Renews locks: those of deferred messages, and those of deliveries, which last as long as their links.
fn renew(queue: &mut Queue, body: &Value) -> Answer {
    let (tokens, now) = (tokens(body), now());
    let end: Timestamp = lock_end(now);
    for token in &tokens {
        match queue.parked.locked(*token, now) {
            Some(number) => queue.parked.renew(number, end),
            None if queue.tokens.contains(&tag_of(*token)) => {}
            None => return lock_lost(),
        }
    }
    if field(body, "lock-tokens").is_none() {
        return failed(400, "there are no lock tokens");
    }
    ok(expirations(tokens.len(), end))
}

fn with_messages(entries: Vec<Value>) -> Answer {
    if entries.is_empty() { nothing() } else { ok(Map::<Str>::new().with("messages", entries)) }
}

fn nothing() -> Answer {
    (Status::new(204).description("No Content"), Value::Null)
}

fn not_found() -> Answer {
    let status = Status::new(404).description("there is no such message");
    (status.condition("com.microsoft:message-not-found"), Value::Null)
}

fn lock_lost() -> Answer {
    let status = Status::new(410).description("the lock is not there, or not for this operation");
    (status.condition(names::MESSAGE_LOCK_LOST.as_str()), Value::Null)
}
