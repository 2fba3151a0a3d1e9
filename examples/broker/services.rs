//! The links of the services, `$cbs` and `$management`, and the answers that wait on them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use amqp_proto::{
    CommandError, Connection, CreditPolicy, LinkId, ReceiverConfig, ReceiverId, SendOptions, SenderConfig,
    SenderId,
    extensions::{StatusSpelling, cbs::CbsForm, management},
    frame::Payload,
    spec::definitions::{AmqpError, ErrorCondition, SenderSettleMode},
    types::{Str, Timestamp},
};

use crate::{
    address::node_name,
    attach::address_of,
    room::{Charge, Room, charged},
    stored::now,
};

/// The largest request, in bytes: an answer repeats its message-id.
const REQUEST: u64 = 256 << 10;

/// Requests that a client may send ahead.
const CREDIT: u32 = 50;

/// Answers that wait for the credit of their link. A further request is rejected.
const WAITING: usize = 100;

/// Bytes of the answers of a connection that wait. They are no part of the room of the queues: a full broker has to grant
/// tokens, or nobody could take its messages. One with a larger message is taken if no other waits, and the rest of it is
/// within that room.
pub const WAITING_BYTES: usize = 1 << 20;

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
                Some(Self::Management(Some(node_name(&queue.into())?)))
            }
        }
    }

    pub fn spelling(&self) -> StatusSpelling {
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
    waiting: VecDeque<Payload>,
    /// What the link takes up of its connection's room.
    _charge: Charge,
}

/// Bytes that an answer may have.
#[derive(Default)]
pub struct Bound {
    /// What is left of the client's share.
    pub share: usize,
    /// With one large message.
    pub most: usize,
    /// What its link takes.
    pub max: usize,
}

/// A connection's share of the services.
pub struct Client {
    /// True if it has put a token.
    pub is_granted: bool,
    /// Tokens that were not the right one.
    pub wrong_tokens: usize,
    inlets: BTreeMap<ReceiverId, (Service, Charge)>,
    outlets: BTreeMap<SenderId, Outlet>,
    room: Arc<Room>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            is_granted: false,
            wrong_tokens: 0,
            inlets: BTreeMap::new(),
            outlets: BTreeMap::new(),
            room: Room::new(WAITING_BYTES, None),
        }
    }
}

/// The services, for all connections that use them.
pub struct Services {
    /// The only token that is taken; `None` if any is.
    pub token: Option<String>,
    pub clients: BTreeMap<usize, Client>,
    /// The time at which the broker was started.
    pub started: Timestamp,
}

impl Services {
    pub fn new(token: Option<String>) -> Self {
        Self { token, clients: BTreeMap::new(), started: now() }
    }

    /// Accepts a link that answers go out on.
    pub fn attach_answers(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: SenderId,
        service: Service,
        charge: Charge,
    ) -> Result<(), CommandError> {
        let attach = connection.sender_ref(id)?.remote_attach();
        let mode = attach.as_ref().map(|attach| attach.snd_settle_mode).unwrap_or_default();
        let target = attach.and_then(|attach| attach.target);
        let address = target.as_deref().and_then(address_of).map(Str::detach);
        let settled = mode != SenderSettleMode::Unsettled;
        connection.accept_sender(id, SenderConfig::new().snd_settle_mode(mode))?;
        let outlet = Outlet { service, address, settled, tag: 0, waiting: VecDeque::new(), _charge: charge };
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
        charge: Charge,
    ) -> Result<(), CommandError> {
        let config = ReceiverConfig::new().max_message_size(REQUEST).credit(CreditPolicy::Auto(CREDIT));
        connection.accept_receiver(id, config)?;
        self.clients.entry(peer).or_default().inlets.insert(id, (service, charge));
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

    /// Returns the service that a link's requests are for.
    pub fn service_of(&self, peer: usize, id: ReceiverId) -> Option<Service> {
        self.clients.get(&peer)?.inlets.get(&id).map(|(service, _)| service.clone())
    }

    /// Returns the service's link that `reply-to` names, or else the last of its links, if there is one.
    pub fn outlet(
        &self,
        peer: usize,
        service: &Service,
        reply_to: Option<&Str>,
    ) -> Result<Option<SenderId>, AmqpError> {
        let outlets = self.clients.get(&peer).into_iter().flat_map(|client| &client.outlets);
        let of_service = outlets.filter(|(_, outlet)| outlet.service == *service);
        let is_named = |outlet: &Outlet| reply_to.is_some() && outlet.address.as_ref() == reply_to;
        match of_service.max_by_key(|(_, outlet)| is_named(outlet)) {
            Some((_, outlet)) if outlet.waiting.len() >= WAITING => Err(full()),
            best => Ok(best.map(|(id, _)| *id)),
        }
    }

    /// Returns the number of links that a client's answers may go out on.
    pub fn outlets_len(&self, peer: usize) -> usize {
        self.clients.get(&peer).map_or(0, |client| client.outlets.len())
    }

    /// Returns the bytes that an answer may have to go out on a link, or to a queue if there is none. A large one takes some
    /// from the `rest`.
    pub fn bound(&self, peer: usize, connection: &Connection, id: Option<SenderId>, rest: &Room) -> Bound {
        let used = self.clients.get(&peer).map_or(0, |client| client.room.used());
        let share = WAITING_BYTES.saturating_sub(used);
        let beyond = if used == 0 || id.is_none() { rest.left() } else { 0 };
        let max = id.and_then(|id| max_message_size(connection, id)).unwrap_or(u64::MAX);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        Bound { share, most: share.saturating_add(beyond), max }
    }

    /// Sends an answer. The bytes of a large one beyond those of its client are taken from the `rest`.
    pub fn post(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: SenderId,
        answer: &Payload,
        rest: &Arc<Room>,
    ) -> Result<(), AmqpError> {
        let Some(Client { outlets, room, .. }) = self.clients.get_mut(&peer) else { return Ok(()) };
        if let Some(outlet) = outlets.get_mut(&id) {
            let max = max_message_size(connection, id);
            if max.is_some_and(|max| answer.len() as u64 > max) {
                return Err(too_large());
            }
            let size = if room.used() == 0 { answer.len().min(WAITING_BYTES) } else { answer.len() };
            let charge = Arc::new(room.take(size).ok_or_else(full)?);
            let beyond = Arc::new(rest.take(answer.len() - size).ok_or_else(full)?);
            // A copy, so that the answer keeps no block of the request.
            let bytes = charged(answer.detach().into_bytes(), &charge);
            outlet.waiting.push_back(Payload::from(charged(bytes, &beyond)));
            self.send_waiting(peer, connection, id);
        }
        Ok(())
    }

    /// Sends what waits for a link's credit. `SENDER_READY` follows when it can go on.
    pub fn send_waiting(&mut self, peer: usize, connection: &mut Connection, id: SenderId) {
        let client = self.clients.get_mut(&peer);
        let Some(outlet) = client.and_then(|client| client.outlets.get_mut(&id)) else { return };
        let Ok(mut sender) = connection.sender(id) else { return };
        while let Some(answer) = outlet.waiting.front() {
            let options = SendOptions::new().settled(outlet.settled);
            match sender.send_with(outlet.tag, answer.clone(), &options) {
                Ok(_) => drop(outlet.waiting.pop_front()),
                Err(_) => return,
            }
            outlet.tag = outlet.tag.wrapping_add(1);
        }
        // An error means that no drain was asked for.
        let _ = sender.drained();
    }
}

/// Returns the bound that the peer has set for the messages of a link.
fn max_message_size(connection: &Connection, id: SenderId) -> Option<u64> {
    let attach = connection.sender_ref(id).ok()?.remote_attach()?;
    attach.max_message_size.filter(|max| *max > 0)
}

pub fn full() -> AmqpError {
    AmqpError::described(ErrorCondition::ResourceLimitExceeded, "too many answers wait for credit")
}

pub fn too_large() -> AmqpError {
    AmqpError::described(ErrorCondition::MessageSizeExceeded, "the answer is too large")
}
