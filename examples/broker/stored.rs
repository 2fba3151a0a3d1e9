//! A message in a queue, in its encoding, and what failed deliveries change in it.

use std::{collections::BTreeSet, rc::Rc};

use amqp_proto::{
    frame::Payload,
    message::{Message, MessageError, ParseOptions},
    spec::{delivery_state::Modified, messaging::MESSAGE_FORMAT},
    types::{AnnotationKey, MessageFormat, Str},
};

use crate::{
    peer::READ,
    queue::Outlet,
    room::{Charge, Room},
};

/// Bytes that a queue needs for a message beside its payload.
pub const OVERHEAD: usize = 256;

/// The number of links that a message is barred from before those that are gone are forgotten.
const BARRED: usize = 16;

/// A message in its encoding.
pub struct Stored {
    pub format: MessageFormat,
    pub payload: Payload,
    /// Links that it cannot be delivered on (3.4.5 `undeliverable-here`).
    barred: BTreeSet<Outlet>,
    /// The number of barred links at which those that are gone are forgotten.
    forget_at: usize,
    charge: Charge,
}

impl Stored {
    /// Returns the message if there is room for it.
    pub fn new(format: MessageFormat, payload: Payload, room: &Rc<Room>) -> Option<Self> {
        let charge = room.take(payload.len().saturating_add(OVERHEAD))?;
        // A small payload is copied, or it would keep the whole block that it was read into.
        let large = payload.chunks().count().saturating_mul(READ / 2) <= payload.len();
        let payload = if large { payload } else { payload.detach() };
        Some(Self { format, payload, barred: BTreeSet::new(), forget_at: BARRED, charge })
    }

    /// True if the message cannot be delivered on a link.
    pub fn is_barred(&self, outlet: Outlet) -> bool {
        self.barred.contains(&outlet)
    }

    /// Bars the message from a link.
    pub fn bar(&mut self, outlet: Outlet, is_there: impl Fn(&Outlet) -> bool) {
        if self.barred.len() >= self.forget_at {
            self.barred.retain(is_there);
            // Doubled, so that many links that stay are not gone through for each of them.
            self.forget_at = BARRED.max(self.barred.len() * 2);
        }
        self.barred.insert(outlet);
    }

    /// Takes note that the message was acquired and is available again (3.4.4, 3.4.5).
    pub fn give_back(&mut self, change: &Modified) {
        // A message that cannot be read stays as it is.
        let Ok(Some(payload)) = self.changed(change) else { return };
        if self.charge.resize(payload.len().saturating_add(OVERHEAD)) {
            self.payload = payload;
        } else if let Ok(Some(payload)) =
            self.changed(&Modified { message_annotations: None, ..change.clone() })
        {
            // There is no room for the annotations. The header grows by a few bytes at most.
            self.payload = payload;
        }
    }

    /// Returns the payload with the changes, if there are any.
    fn changed(&self, change: &Modified) -> Result<Option<Payload>, MessageError> {
        let failed = change.delivery_failed == Some(true);
        let annotations = change.message_annotations.as_ref().filter(|map| !map.is_empty());
        let Some(message) = read(self.format, &self.payload) else { return Ok(None) };
        let mut header = message.header()?.unwrap_or_default();
        if !failed && annotations.is_none() && !header.is_first_acquirer() {
            return Ok(None);
        }
        // 3.2.1: a link has acquired it.
        header.first_acquirer = header.first_acquirer.map(|_| false);
        if failed {
            header.delivery_count = Some(header.delivery_count_or_default().saturating_add(1));
        }
        let mut forward = message.forward().keep_delivery_annotations().header(header);
        // 3.4.5: entries replace those with the same key.
        for (key, value) in annotations.into_iter().flat_map(|map| map.iter()) {
            forward = forward.message_annotation(AnnotationKey::from(key.clone()), value);
        }
        // A copy: the new parts are not kept in the block of the peer's frame.
        forward.build().map(|payload| Some(payload.detach()))
    }
}

fn read(format: MessageFormat, payload: &Payload) -> Option<Message> {
    let settings = ParseOptions { body_required: false, ..ParseOptions::default() };
    let readable = format == MESSAGE_FORMAT;
    readable.then(|| Message::parse(payload.clone(), &settings).ok())?
}

/// Returns the address in a message to the anonymous terminus.
pub fn destination(format: MessageFormat, payload: &Payload) -> Option<Str> {
    read(format, payload)?.to().ok()?
}
