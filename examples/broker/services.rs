//! The nodes that answer requests, `$cbs` and `$management`: their links, their answers, and what a token opens.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::SystemTime,
};

use amqp_proto::{
    CommandError, Connection, CreditPolicy, Delivery, LinkId, ReceiverConfig, ReceiverId, SendOptions,
    SenderConfig, SenderId,
    extensions::{
        Status, StatusSpelling,
        cbs::{CbsForm, Token},
        management,
    },
    frame::Payload,
    message::{Message, MessageError, ParseOptions},
    sasl::secrets_equal,
    spec::{
        definitions::{AmqpError, ErrorCondition, SenderSettleMode},
        messaging::MESSAGE_FORMAT,
    },
    types::{Str, Timestamp, Value},
};

use crate::{
    attach::address_of,
    reads::{Depth, read},
    room::{Charge, Room},
};

/// The largest request, in bytes: an answer repeats its message-id.
const REQUEST: u64 = 64 << 10;

/// Requests that a client may send ahead.
const CREDIT: u32 = 50;

/// Answers that wait for the credit of their link. A further request is rejected.
const WAITING: usize = 100;

/// A node that answers requests.
#[derive(Clone, PartialEq, Eq)]
pub enum Service {
    Cbs,
    /// The broker's, or that of one queue.
    Management(Option<Str>),
}

impl Service {
    /// Returns the service of this name. Other names are those of queues.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            CbsForm::NODE => Some(Self::Cbs),
            management::NODE => Some(Self::Management(None)),
            _ => {
                let queue = name.strip_suffix(management::NODE)?.strip_suffix('/')?;
                Some(Self::Management(Some(queue.into())))
            }
        }
    }

    fn spelling(&self) -> StatusSpelling {
        match self {
            Self::Cbs => StatusSpelling::Hyphenated,
            Self::Management(_) => StatusSpelling::CamelCase,
        }
    }
}

/// A link that answers go out on.
struct Outlet {
    service: Service,
    /// The address of its target, which a request names as `reply-to`.
    address: Option<Str>,
    settled: bool,
    tag: u32,
    waiting: VecDeque<(Payload, Charge)>,
}

/// A connection that puts as many wrong tokens is closed.
const MAX_WRONG_TOKENS: usize = 10;

/// A connection's share of the services.
#[derive(Default)]
struct Client {
    /// True if it has put a token.
    is_granted: bool,
    /// Tokens that were not the right one.
    wrong_tokens: usize,
    inlets: BTreeMap<ReceiverId, Service>,
    outlets: BTreeMap<SenderId, Outlet>,
}

/// The services, for all connections that use them.
pub struct Services {
    /// The only token that is taken; `None` if any is.
    token: Option<String>,
    clients: BTreeMap<usize, Client>,
    started: Timestamp,
}

/// An answer that has no link of its service, and the address that it is for.
pub type ForQueue = (Str, Payload);

impl Services {
    pub fn new(token: Option<String>) -> Self {
        let started = Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::from_millis(0));
        Self { token, clients: BTreeMap::new(), started }
    }

    /// Refuses a link that needs a token which the connection has not put.
    pub fn check(&self, peer: usize, service: Option<&Service>) -> Result<(), AmqpError> {
        let is_granted = || self.clients.get(&peer).is_some_and(|client| client.is_granted);
        if self.token.is_none() || service == Some(&Service::Cbs) || is_granted() {
            return Ok(());
        }
        Err(unauthorized("put a token at $cbs first"))
    }

    /// Accepts a link that answers go out on.
    pub fn attach_answers(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: SenderId,
        service: Service,
    ) -> Result<(), CommandError> {
        let attach = connection.sender_ref(id)?.remote_attach();
        let mode = attach.as_ref().map(|attach| attach.snd_settle_mode).unwrap_or_default();
        let target = attach.and_then(|attach| attach.target);
        let address = target.as_deref().and_then(address_of).map(Str::detach);
        let settled = mode != SenderSettleMode::Unsettled;
        connection.accept_sender(id, SenderConfig::new().snd_settle_mode(mode))?;
        let outlet = Outlet { service, address, settled, tag: 0, waiting: VecDeque::new() };
        self.clients.entry(peer).or_default().outlets.insert(id, outlet);
        Ok(())
    }

    /// Accepts a link that requests arrive on.
    pub fn attach_requests(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: ReceiverId,
        service: Service,
    ) -> Result<(), CommandError> {
        let config = ReceiverConfig::new().max_message_size(REQUEST).credit(CreditPolicy::Auto(CREDIT));
        connection.accept_receiver(id, config)?;
        self.clients.entry(peer).or_default().inlets.insert(id, service);
        Ok(())
    }

    /// True if requests arrive on a link.
    pub fn has_inlet(&self, peer: usize, id: ReceiverId) -> bool {
        self.clients.get(&peer).is_some_and(|client| client.inlets.contains_key(&id))
    }

    pub fn forget_link(&mut self, peer: usize, link: LinkId) {
        let Some(client) = self.clients.get_mut(&peer) else { return };
        match link {
            LinkId::Sender(id) => drop(client.outlets.remove(&id)),
            LinkId::Receiver(id) => drop(client.inlets.remove(&id)),
        }
    }

    /// Forgets a connection.
    pub fn forget(&mut self, peer: usize) {
        self.clients.remove(&peer);
    }

    /// Answers a request. Returns the answer if there is no link of the service for it.
    pub fn answer(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: ReceiverId,
        delivery: &Delivery,
        (depth, room): (impl Fn(&Str) -> Option<Depth>, &Rc<Room>),
    ) -> Result<Option<ForQueue>, AmqpError> {
        let client = self.clients.get_mut(&peer).and_then(|client| client.inlets.get(&id));
        let service = client.cloned().ok_or_else(|| no_way("the link is gone"))?;
        if delivery.message_format != MESSAGE_FORMAT {
            return Err(malformed("a request has message-format 0"));
        }
        let request = Message::parse(delivery.payload.clone(), &ParseOptions::default());
        let request = request.map_err(|error| malformed(&error.to_string()))?;
        let read_it = |error: MessageError| malformed(&error.to_string());
        let (status, body) = match &service {
            Service::Management(queue) => {
                read(&request, queue.as_ref(), self.started, depth).map_err(read_it)?
            }
            Service::Cbs => {
                let status = match Token::parse(&request).map_err(read_it)? {
                    Some((form, token)) => match (form, self.grant(peer, &token)) {
                        // The outcome of the request is its answer.
                        (CbsForm::SetToken, true) => return Ok(None),
                        (CbsForm::SetToken, false) => {
                            self.check_guesses(peer, connection)?;
                            return Err(unauthorized("not the token"));
                        }
                        (CbsForm::PutToken, true) => Status::new(202).description("Accepted"),
                        (CbsForm::PutToken, false) => {
                            self.check_guesses(peer, connection)?;
                            let status = Status::new(401).description("not the token");
                            status.condition(ErrorCondition::UnauthorizedAccess.as_str())
                        }
                    },
                    None => Status::new(400).description("neither put-token nor set-token"),
                };
                (status, Value::Null)
            }
        };
        let spelling = service.spelling();
        let mut answer = status.reply(&request, spelling).map_err(read_it)?;
        if spelling == StatusSpelling::CamelCase {
            // Event Hubs reads this spelling.
            answer = answer.application_property("status-code", status.code);
        }
        let answer = answer.value(body).build();
        let reply_to = request.reply_to().map_err(read_it)?;
        self.post(peer, connection, &service, (reply_to, answer), room)
    }

    /// True if the token is the right one, which the connection has put now.
    fn grant(&mut self, peer: usize, token: &Token) -> bool {
        let expected = self.token.as_ref();
        let is_right =
            expected.is_none_or(|expected| secrets_equal(token.text().as_bytes(), expected.as_bytes()));
        let client = self.clients.entry(peer).or_default();
        client.is_granted |= is_right;
        client.wrong_tokens += usize::from(!is_right);
        is_right
    }

    /// Closes a connection that has put too many wrong tokens: it is guessing.
    fn check_guesses(&self, peer: usize, connection: &mut Connection) -> Result<(), AmqpError> {
        if self.clients.get(&peer).is_none_or(|client| client.wrong_tokens < MAX_WRONG_TOKENS) {
            return Ok(());
        }
        let error = unauthorized("too many wrong tokens");
        let _ = connection.close(Some(error.clone()));
        Err(error)
    }

    /// Sends an answer on the service's link that `reply-to` names, or else on the last of its links.
    fn post(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        service: &Service,
        (reply_to, answer): (Option<Str>, Payload),
        room: &Rc<Room>,
    ) -> Result<Option<ForQueue>, AmqpError> {
        let outlets = self.clients.entry(peer).or_default().outlets.iter_mut();
        let of_service = outlets.filter(|(_, outlet)| outlet.service == *service);
        let best = of_service.max_by_key(|(_, outlet)| reply_to.is_some() && outlet.address == reply_to);
        let Some((id, outlet)) = best else {
            let address = reply_to.ok_or_else(|| no_way("there is no link for the answer"))?;
            return Ok(Some((address, answer)));
        };
        if outlet.waiting.len() >= WAITING {
            return Err(full());
        }
        // A copy, so that the answer keeps no block of the request.
        let charge = room.take(answer.len()).ok_or_else(full)?;
        outlet.waiting.push_back((answer.detach(), charge));
        let id = *id;
        self.send_waiting(peer, connection, id);
        Ok(None)
    }

    /// Sends what waits for a link's credit. `SENDER_READY` follows when it can go on.
    pub fn send_waiting(&mut self, peer: usize, connection: &mut Connection, id: SenderId) {
        let client = self.clients.get_mut(&peer);
        let Some(outlet) = client.and_then(|client| client.outlets.get_mut(&id)) else { return };
        let Ok(mut sender) = connection.sender(id) else { return };
        while let Some((answer, _)) = outlet.waiting.front() {
            let options = SendOptions::new().settled(outlet.settled);
            match sender.send_with(outlet.tag, answer.clone(), &options) {
                // An answer that the client does not take can only be dropped.
                Ok(_) | Err(CommandError::TooLarge { .. }) => drop(outlet.waiting.pop_front()),
                Err(_) => return,
            }
            outlet.tag = outlet.tag.wrapping_add(1);
        }
        // An error means that no drain was asked for.
        let _ = sender.drained();
    }
}

fn unauthorized(what: &'static str) -> AmqpError {
    AmqpError::described(ErrorCondition::UnauthorizedAccess, what)
}

fn malformed(what: &str) -> AmqpError {
    AmqpError::described(ErrorCondition::DecodeError, what)
}

fn full() -> AmqpError {
    AmqpError::described(ErrorCondition::ResourceLimitExceeded, "too many answers wait for credit")
}

fn no_way(what: &'static str) -> AmqpError {
    AmqpError::described(ErrorCondition::NotFound, what)
}
