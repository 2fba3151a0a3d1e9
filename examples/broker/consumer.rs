//! A link that takes messages from a queue, and where it is among them.

use std::collections::BTreeMap;

use amqp_proto::{DeliveryId, ReceiverId, SenderId, spec::delivery_state::Outcome};

use crate::{available::Available, barred::Barred, filters::Filters, stored::Stored};

/// A sending link of one of the connections.
pub type Outlet = (usize, SenderId);

/// A receiving link of one of the connections.
pub type Inlet = (usize, ReceiverId);

/// Messages that a link looks at in one turn. Then it is the turn of others.
const LOOKS: usize = 64;

/// Bytes of a message that may be gone through in one look, by a filter or to change annotations.
pub const LOOK: usize = 4096;

/// A link that messages go out on.
pub struct Consumer {
    /// True if messages stay in the queue (3.5.7 `copy`).
    pub browse: bool,
    /// True if deliveries are sent settled.
    pub settled: bool,
    /// The outcome of deliveries that get none (3.5.3 `default-outcome`).
    pub default_outcome: Option<Outcome>,
    pub filters: Filters,
    /// True if messages get the annotations of Azure, and those undeliverable here are deferred.
    pub is_azure: bool,
    /// The link's turn, if it may be able to send.
    pub turn: Option<u64>,
    view: View,
    pub unsettled: BTreeMap<DeliveryId, Acquired>,
    pub barred: Barred,
    /// True if it has annotated more messages at once than is allowed.
    pub is_overfull: bool,
    /// Bytes of the smallest message that the peer's max-message-size does not allow.
    pub too_large: usize,
}

/// A message that a link has acquired.
pub struct Acquired {
    /// Its place in the queue.
    pub place: u64,
    pub message: Box<Stored>,
    /// The tag of the delivery.
    pub token: u128,
}

/// The messages that a link has still to look at.
enum View {
    /// All, so the oldest is the next.
    All,
    /// Those that became available behind this one: the others are not for this link.
    Arrivals(Option<u64>),
    /// Those behind this place, for a browser.
    Places(Option<u64>),
}

/// The result of a look.
pub enum Found {
    /// The message at this place.
    Message(u64),
    Nothing,
    /// There is more to look at in another turn.
    NotYet,
}

impl Consumer {
    pub fn new(
        settled: bool,
        default_outcome: Option<Outcome>,
        filters: Filters,
        is_azure: bool,
        barred: Barred,
    ) -> Self {
        Self {
            browse: false,
            settled,
            default_outcome,
            filters,
            is_azure,
            turn: None,
            view: View::All,
            unsettled: BTreeMap::new(),
            barred,
            is_overfull: false,
            too_large: usize::MAX,
        }
    }

    pub fn browser(mut self) -> Self {
        self.browse = true;
        self.view = View::Places(None);
        self
    }

    /// Looks for a message that is for this link. The link goes on behind those that are not.
    ///
    /// Each look is taken from the number that is left of this step. A comparison counts as one, and one in a large
    /// message as many.
    pub fn look(&mut self, outlet: Outlet, available: &Available, looks: &mut usize) -> Found {
        *looks = looks.saturating_sub(1);
        let is_for_it = |place: u64, message: &Stored, looks: &mut usize| {
            let cost = self.filters.comparisons().saturating_mul(message.len() / LOOK + 1);
            *looks = looks.saturating_sub(cost + 1);
            message.len() < self.too_large
                && !self.barred.contains(place)
                && self.filters.pass(outlet.0, place, message)
        };
        if let View::All = self.view {
            match available.from(0).next() {
                None => return Found::Nothing,
                Some((place, message)) if is_for_it(place, message, looks) => return Found::Message(place),
                Some(_) => self.view = View::Arrivals(None),
            }
        }
        let (seen, by_arrival) = match &mut self.view {
            View::Places(seen) => (seen, false),
            View::All => return Found::Nothing,
            View::Arrivals(seen) => (seen, true),
        };
        for _ in 0..LOOKS {
            if *looks == 0 {
                break;
            }
            let next =
                if by_arrival { available.arrival_behind(*seen) } else { available.place_behind(*seen) };
            let Some((position, place)) = next else { return Found::Nothing };
            if available.get(place).is_some_and(|message| is_for_it(place, message, looks)) {
                return Found::Message(place);
            }
            *seen = Some(position);
        }
        Found::NotYet
    }

    /// Takes note that the message at this place was sent.
    pub fn sent(&mut self, place: u64) {
        if let View::Places(seen) = &mut self.view {
            *seen = Some(place);
        }
    }
}
