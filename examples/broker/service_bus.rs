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
    management::{Answer, Change, answered, failed, ok},
    node::Node,
    parked::lock_end,
    queue::Queue,
    service_bus_body::{
        entry, expirations, field, messages, number, numbers, sequence_numbers, tag_of, text, tokens,
    },
    settle::Rejections,
    stored::{Stored, now, scheduled_time},
    work::Work,
};

/// The most messages in an answer, which has fewer if they are large.
const MESSAGES: usize = 256;

/// Bytes of an answer for a message beside its own: annotations, and its lock.
const ENTRY: usize = 256;

/// Bytes of reasons that one disposition may add to its messages, in all.
const REASONS: usize = 1 << 20;

/// The tokens of deferred messages have this bit, those of deliveries have not: they count from 1.
const DEFERRED: u128 = 1 << 127;

/// The answer to an operation with what it changes, or to one that changes nothing.
type Done = Result<(Answer, Change), Answer>;

impl Node {
    /// Returns the answer to an operation on a queue.
    pub(crate) fn service_bus(
        &mut self,
        peer: usize,
        name: &Str,
        operation: &Operation,
        work: &mut Work,
    ) -> Done {
        let body = operation.body_value();
        if operation.name() == "com.microsoft:schedule-message" {
            return self.schedule(peer, name, body, work);
        }
        let is_known = matches!(
            operation.name(),
            "com.microsoft:update-disposition"
                | "com.microsoft:cancel-scheduled-message"
                | "com.microsoft:peek-message"
                | "com.microsoft:receive-by-sequence-number"
                | "com.microsoft:renew-lock"
        );
        if !is_known {
            return Err(failed(501, "the operation is not one of this node"));
        }
        let queue = self.get_mut(name).ok_or_else(|| failed(404, "there is no such queue"))?;
        let name = name.clone();
        match operation.name() {
            "com.microsoft:update-disposition" => update_disposition(name, queue, body, work),
            "com.microsoft:cancel-scheduled-message" => cancel_scheduled(name, queue, body, work),
            "com.microsoft:receive-by-sequence-number" => receive_deferred(name, queue, body, work),
            "com.microsoft:renew-lock" => renew(name, queue, body, work),
            _ => Err(peek(queue, body, work)),
        }
    }

    /// Schedules all the messages of a request, or none.
    fn schedule(&mut self, peer: usize, name: &Str, body: &Value, work: &mut Work) -> Done {
        let payloads: Vec<_> = messages(body).into_iter().map(Payload::from).collect();
        work.look(payloads.len());
        if payloads.is_empty() {
            return Err(failed(400, "there are no messages"));
        }
        if payloads.iter().any(|payload| Message::try_from(payload.clone()).is_err()) {
            return Err(failed(400, "one of the messages is malformed"));
        }
        let mut due = Vec::new();
        for payload in payloads {
            // One without a time, or with a past one, is due now.
            let time = scheduled_time(MESSAGE_FORMAT, &payload).unwrap_or_else(now);
            let payload = self.identified(payload);
            let stored = self.queue(name).ok().and_then(|queue| {
                let message = Stored::new(peer, MESSAGE_FORMAT, payload, queue.room())?;
                Some((queue.take_number(), time, message))
            });
            self.note(name);
            due.push(stored.ok_or_else(|| failed(403, "the queue or the broker is full"))?);
        }
        let numbers: Vec<_> = due.iter().map(|(number, ..)| *number).collect();
        let name = name.clone();
        let change = move |node: &mut Self| {
            if let Some(queue) = node.get_mut(&name) {
                due.into_iter()
                    .for_each(|(number, time, message)| queue.parked.schedule(number, time, message));
            }
            node.set_alarm(&name);
            node.note(&name);
        };
        Ok((ok(sequence_numbers(&numbers)), Box::new(change)))
    }
}

fn cancel_scheduled(name: Str, queue: &Queue, body: &Value, work: &mut Work) -> Done {
    let numbers = numbers(body, "sequence-numbers");
    work.look(numbers.len());
    if numbers.is_empty() || !numbers.iter().all(|number| queue.parked.is_scheduled(*number)) {
        return Err(not_found());
    }
    let change = move |node: &mut Node| {
        if let Some(queue) = node.get_mut(&name) {
            numbers.into_iter().for_each(|number| drop(queue.parked.cancel(number)));
        }
        node.set_alarm(&name);
        node.note(&name);
    };
    Ok((ok(Map::<Str>::new()), Box::new(change)))
}

/// Hands out deferred messages, each with a lock, or for good.
fn receive_deferred(name: Str, queue: &mut Queue, body: &Value, work: &mut Work) -> Done {
    let (now, mut entries) = (now(), Vec::new());
    let delete = number(body, "receiver-settle-mode") == Some(0);
    let numbers = numbers(body, "sequence-numbers");
    work.look(numbers.len());
    if numbers.len() > MESSAGES {
        return Err(failed(400, "these are too many messages"));
    }
    if numbers.is_empty() || !numbers.iter().all(|number| queue.parked.deferred(*number, now).is_some()) {
        return Err(not_found());
    }
    let mut taken: Vec<(u64, Option<(Uuid, Timestamp)>)> = Vec::new();
    for number in numbers {
        // One that is there twice is handed out once.
        let is_taken = taken.iter().any(|(earlier, _)| *earlier == number);
        let Some(message) = queue.parked.deferred(number, now).filter(|_| !is_taken) else { continue };
        if !work.add(message.len(), ENTRY) {
            break;
        }
        let lock = (!delete).then(|| {
            queue.tag += 1;
            (Uuid::from_u128(DEFERRED | (queue.tag - 1)), lock_end(now))
        });
        entries.push(entry(message.numbered(number, lock.map(|(_, end)| end)), lock.map(|(token, _)| token)));
        taken.push((number, lock));
    }
    let change = move |node: &mut Node| {
        let Some(queue) = node.get_mut(&name) else { return };
        for (number, lock) in taken {
            match lock {
                Some((token, end)) => queue.parked.lock(number, token, end),
                None => drop(queue.parked.take(number)),
            }
        }
        node.note(&name);
    };
    Ok((with_messages(entries), Box::new(change)))
}

/// Gives deferred messages an outcome. Those that were delivered on a link get it there.
fn update_disposition(name: Str, queue: &Queue, body: &Value, work: &mut Work) -> Done {
    let (now, tokens) = (now(), tokens(body));
    work.look(tokens.len());
    let found: Vec<u64> = tokens.iter().filter_map(|token| queue.parked.locked(*token, now)).collect();
    if found.is_empty() || found.len() != tokens.len() {
        return Err(lock_lost());
    }
    let status = text(body, "disposition-status");
    if !matches!(status.as_deref(), Some("completed" | "abandoned" | "defered" | "suspended")) {
        return Err(failed(400, "the disposition is not known"));
    }
    let reasons = ["deadletter-reason", "deadletter-description"].map(|name| text(body, name));
    if status.as_deref() == Some("suspended") {
        let added: usize = reasons.iter().flatten().map(|text| text.len()).sum::<usize>() * found.len();
        if added > REASONS {
            return Err(failed(413, "the reasons are too large for as many messages"));
        }
        // They are copied.
        work.make(added + found.iter().map(|number| queue.parked.size_of(*number)).sum::<usize>());
    }
    let [reason, description] = reasons;
    let error = dead_letter::error(reason, description);
    let change = move |node: &mut Node| {
        let Some(queue) = node.get_mut(&name) else { return };
        let mut rejections = Rejections { error, ..Rejections::default() };
        match status.as_deref() {
            Some("completed") => found.into_iter().for_each(|number| drop(queue.parked.take(number))),
            Some("suspended") => {
                let taken = found.into_iter().filter_map(|number| Some((number, queue.parked.take(number)?)));
                rejections.messages.extend(taken);
            }
            // It stays deferred, as at Service Bus.
            _ => found.into_iter().for_each(|number| queue.parked.unlock(number)),
        }
        node.bury(&name, rejections);
        node.note(&name);
    };
    Ok((ok(Map::<Str>::new()), Box::new(change)))
}

/// Returns messages without acquiring them: those available, deferred and scheduled, by their numbers.
fn peek(queue: &Queue, body: &Value, work: &mut Work) -> Answer {
    let from = number(body, "from-sequence-number").unwrap_or(0);
    let count = number(body, "message-count").unwrap_or(1);
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(MESSAGES);
    let (deferred, scheduled) = queue.parked.from(from);
    // As many of each kind are enough, whichever come first.
    let mut found: Vec<_> = queue.available.from(from).take(count).collect();
    found.extend(deferred.take(count).chain(scheduled.take(count)));
    found.sort_unstable_by_key(|(number, _)| *number);
    work.look(found.len());
    let mut entries = Vec::new();
    for (number, message) in found.into_iter().take(count) {
        if !work.add(message.len(), ENTRY) {
            break;
        }
        entries.push(entry(message.numbered(number, None), None));
    }
    with_messages(entries)
}

/// Renews locks: those of deferred messages, and those of deliveries, which last as long as their links.
fn renew(name: Str, queue: &Queue, body: &Value, work: &mut Work) -> Done {
    let (tokens, now) = (tokens(body), now());
    work.look(tokens.len());
    let end: Timestamp = lock_end(now);
    let mut found = Vec::new();
    for token in &tokens {
        match queue.parked.locked(*token, now) {
            Some(number) => found.push(number),
            None if queue.tokens.contains(&tag_of(*token)) => {}
            None => return Err(lock_lost()),
        }
    }
    if field(body, "lock-tokens").is_none() {
        return Err(failed(400, "there are no lock tokens"));
    }
    let change = move |node: &mut Node| {
        if let Some(queue) = node.get_mut(&name) {
            found.into_iter().for_each(|number| queue.parked.renew(number, end));
        }
    };
    Ok((ok(expirations(tokens.len(), end)), Box::new(change)))
}

fn with_messages(entries: Vec<Value>) -> Answer {
    if entries.is_empty() { nothing() } else { ok(Map::<Str>::new().with("messages", entries)) }
}

fn nothing() -> Answer {
    answered(Status::new(204).description("No Content"), Value::Null)
}

fn not_found() -> Answer {
    let status = Status::new(404).description("there is no such message");
    answered(status.condition("com.microsoft:message-not-found"), Value::Null)
}

fn lock_lost() -> Answer {
    let status = Status::new(410).description("the lock is not there, or not for this operation");
    answered(status.condition(names::MESSAGE_LOCK_LOST.as_str()), Value::Null)
}
