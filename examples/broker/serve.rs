//! The handing out of a queue's messages, one per link in turn.

use amqp_proto::{CommandError, Connection, SendOptions};

use crate::{
    consumer::{Acquired, Found, LOOK, Outlet},
    parked::lock_end,
    peers::Peers,
    queue::Queue,
    stored::now,
};

/// Bytes of messages that a queue sends in its turn, and the rest of the last one.
const SHARE: usize = 64 << 10;

/// The outcome of a link's turn.
enum Served {
    /// This many bytes. The link may be able to send another message.
    Sent(usize),
    NoMessage,
    /// There are messages that the link has not looked at.
    Looking,
    /// `SENDER_READY` follows when the link can send.
    CannotSend,
}

impl Queue {
    /// Sends messages, one per link in turn, until no link takes one. A link without a message for it, or one that
    /// cannot send, has one turn. Returns false if there is more to do when no looks are left, or when the queue has sent its
    /// share: links of other queues may be on the same connection.
    ///
    /// Links that have filters, or have to look further, share half of the looks, so that the others do not wait for
    /// them.
    pub fn serve(&mut self, peers: &mut Peers, looks: &mut usize) -> bool {
        let (of_searching, mut share) = (*looks / 2, SHARE);
        while share > 0
            && !self.available.is_empty()
            && (*looks > of_searching || !self.turns.is_searching())
            && *looks > 0
        {
            let Some(next) = self.turns.take_next() else { break };
            match self.consumers.get_mut(&next.1) {
                Some(consumer) if consumer.filters.comparisons() > 0 => {
                    *looks = looks.saturating_sub(1);
                    self.turns.search(next.1, consumer);
                }
                _ => share = share.saturating_sub(self.serve_next(next, peers, looks)),
            }
        }
        while share > 0 && *looks > 0 && !self.available.is_empty() {
            let Some(next) = self.turns.take_searching() else { break };
            share = share.saturating_sub(self.serve_next(next, peers, looks));
        }
        if !self.available.is_empty() {
            return self.turns.is_empty();
        }
        for outlet in std::mem::take(&mut self.turns.draining) {
            if let Some(peer) = peers.touch(outlet.0) {
                drained(outlet, &mut peer.connection);
            }
        }
        true
    }

    /// Gives a link its turn. Returns the number of bytes that it has sent.
    fn serve_next(&mut self, (turn, outlet): (u64, Outlet), peers: &mut Peers, looks: &mut usize) -> usize {
        let peer = peers.touch(outlet.0);
        let served =
            peer.map_or(Served::CannotSend, |peer| self.serve_one(outlet, &mut peer.connection, looks));
        let Some(consumer) = self.consumers.get_mut(&outlet) else { return 0 };
        consumer.turn = None;
        match served {
            Served::Sent(bytes) => {
                self.turns.ready(outlet, consumer);
                return bytes;
            }
            Served::Looking => self.turns.search(outlet, consumer),
            Served::NoMessage => {
                consumer.turn = Some(turn);
                self.turns.wait(turn, outlet);
            }
            Served::CannotSend => {}
        }
        0
    }

    fn serve_one(&mut self, outlet: Outlet, connection: &mut Connection, looks: &mut usize) -> Served {
        let Some(consumer) = self.consumers.get_mut(&outlet) else { return Served::CannotSend };
        let Ok(link) = connection.sender_ref(outlet.1) else { return Served::CannotSend };
        // The peer's window may have no room. Then it is enough to find that out.
        let window = connection.session_ref(link.session()).map_or(0, |it| it.remote_incoming_window());
        let can_send = link.credit() > 0 && !link.is_sending() && window > 0;
        let Ok(mut sender) = connection.sender(outlet.1) else { return Served::CannotSend };
        let place = match consumer.look(outlet, &self.available, looks) {
            Found::Message(place) => place,
            Found::NotYet => return Served::Looking,
            Found::Nothing => {
                if self.turns.draining.remove(&outlet) {
                    drained(outlet, connection);
                }
                return Served::NoMessage;
            }
        };
        let Some(message) = self.available.get(place) else { return Served::NoMessage };
        let options = SendOptions::new().settled(consumer.settled).message_format(message.format);
        let payload = if consumer.is_azure && can_send {
            // Large annotations are copied.
            *looks = looks.saturating_sub(message.len() / LOOK);
            message.numbered(place, (!consumer.settled).then(|| lock_end(now())))
        } else {
            // Shared, not copied.
            message.payload.clone()
        };
        let bytes = message.len();
        // The tag has the size of a lock token, which clients of Azure look for.
        match sender.send_with(self.tag.to_be_bytes(), payload, &options) {
            Ok(delivery) => {
                let token = self.tag;
                self.tag += 1;
                consumer.sent(place);
                let message = if consumer.browse { None } else { self.available.remove(place) };
                if let Some(message) = message.filter(|_| !consumer.settled) {
                    if consumer.is_azure {
                        self.tokens.insert(token);
                    }
                    self.acquired += 1;
                    consumer.unsettled.insert(delivery, Acquired { place, message, token });
                }
                Served::Sent(bytes)
            }
            Err(CommandError::TooLarge { .. }) => {
                consumer.too_large = consumer.too_large.min(bytes);
                Served::Sent(0)
            }
            // SENDER_READY follows when it can go on; a drain ends with the credit.
            Err(_) => {
                if sender.credit() == 0 {
                    self.turns.draining.remove(&outlet);
                }
                Served::CannotSend
            }
        }
    }
}

/// Ends a drain, with the credit that is left.
fn drained((_, id): Outlet, connection: &mut Connection) {
    // An error means that the link or the drain has ended.
    let _ = connection.sender(id).and_then(|mut sender| sender.drained());
}
