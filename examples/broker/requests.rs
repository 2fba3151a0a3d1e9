//! Requests to the services, and the way of their answers.

use amqp_proto::{
    CommandError, Connection, Delivery, ReceiverId,
    extensions::StatusSpelling,
    frame::Payload,
    message::{Message, MessageError, ParseOptions},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        messaging::MESSAGE_FORMAT,
    },
    types::{Str, Value},
};

use crate::{
    address::node_name,
    management::{Answer, answered},
    node::Node,
    services::Service,
    store::reject,
    work::Work,
};

impl Node {
    /// Answers a request for a service, and settles it.
    pub(crate) fn answer(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: ReceiverId,
        delivery: &Delivery,
    ) -> Result<(), CommandError> {
        let mut work = Work::new(delivery.payload.len());
        let done = self.answer_request(peer, connection, id, delivery, &mut work);
        self.request_looks = self.request_looks.saturating_sub(work.looks());
        let mut receiver = connection.receiver(id)?;
        match done {
            Ok(()) => receiver.accept(delivery.id),
            Err(error) => reject(&mut receiver, delivery, error),
        }
    }

    fn answer_request(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: ReceiverId,
        delivery: &Delivery,
        work: &mut Work,
    ) -> Result<(), AmqpError> {
        let service = self.services.service_of(peer, id).ok_or_else(|| not_found("the link is gone"))?;
        if delivery.message_format != MESSAGE_FORMAT {
            return Err(malformed("a request has message-format 0"));
        }
        let read = |error: MessageError| malformed(&error.to_string());
        let request = Message::parse(delivery.payload.clone(), &ParseOptions::default()).map_err(read)?;
        let reply_to = request.reply_to().map_err(read)?;
        work.look(self.services.outlets_len(peer));
        let outlet = self.services.outlet(peer, &service, reply_to.as_ref())?;
        work.set_bound(self.services.bound(peer, connection, outlet, &self.room));
        let mut granted = false;
        let (Answer { status, body, count }, change) = match &service {
            Service::Management(queue) => self.operate(peer, queue.as_ref(), &request, work).map_err(read)?,
            Service::Cbs => match self.services.take_token(peer, connection, &request)? {
                (Some(status), is_right) => {
                    granted = is_right;
                    (answered(status, Value::Null), None)
                }
                // The outcome of the request is its answer.
                (None, _) => {
                    self.services.grant(peer);
                    return Ok(());
                }
            },
        };
        work.refusal()?;
        let spelling = service.spelling();
        let mut answer = status.reply(&request, spelling).map_err(read)?;
        if spelling == StatusSpelling::CamelCase {
            // Event Hubs reads this spelling.
            answer = answer.application_property("status-code", status.code);
        }
        if let Some(count) = count {
            answer = answer.application_property("count", count);
        }
        let answer = answer.value(body).build();
        work.make(answer.len());
        // Nothing changes that the client would not hear of.
        match outlet {
            Some(outlet) => self.services.post(peer, connection, outlet, &answer, &self.room)?,
            None => self.put_answer(peer, reply_to, answer)?,
        }
        if granted {
            self.services.grant(peer);
        }
        if let Some(change) = change {
            change(self);
        }
        Ok(())
    }

    /// Puts an answer into the client's own queue, if it has no link from the service.
    fn put_answer(&mut self, peer: usize, reply_to: Option<Str>, answer: Payload) -> Result<(), AmqpError> {
        let address = reply_to.ok_or_else(|| not_found("there is no link for the answer"))?;
        let name = node_name(&address).filter(|name| self.get(name).is_some());
        let name = name.ok_or_else(|| not_found("`reply-to` names no link and no queue"))?;
        self.services.check(peer, None)?;
        self.put(&name, peer, MESSAGE_FORMAT, answer)
    }
}

pub fn malformed(what: &str) -> AmqpError {
    AmqpError::described(ErrorCondition::DecodeError, what)
}

fn not_found(what: &'static str) -> AmqpError {
    AmqpError::described(ErrorCondition::NotFound, what)
}
