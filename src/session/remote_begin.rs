//! The peer's begin, kept for the application.

use crate::{
    codec::{DecodeLimits, Encoded},
    spec::performatives::Begin,
    types::{Channel, Handle, TransferNumber},
};

/// The peer's begin (2.7.2). Most have numbers alone, and take up no memory beside these.
#[derive(Debug)]
pub(crate) struct RemoteBegin {
    remote_channel: Option<Channel>,
    next_outgoing_id: TransferNumber,
    incoming_window: u32,
    outgoing_window: u32,
    handle_max: Handle,
    /// All of it, if it has more than these.
    encoded: Option<Encoded<Begin>>,
}

impl RemoteBegin {
    /// Keeps a begin, the body of whose frame this is.
    pub(super) fn new(begin: &Begin, body: &[u8]) -> Self {
        let has_more = !begin.offered_capabilities.is_empty()
            || !begin.desired_capabilities.is_empty()
            || begin.properties.is_some();
        Self {
            remote_channel: begin.remote_channel,
            next_outgoing_id: begin.next_outgoing_id,
            incoming_window: begin.incoming_window,
            outgoing_window: begin.outgoing_window,
            handle_max: begin.handle_max,
            encoded: has_more.then(|| Encoded::new(body)),
        }
    }

    /// Returns the begin. `limits` are those that it was decoded with.
    pub(crate) fn get(&self, limits: DecodeLimits) -> Option<Begin> {
        if let Some(encoded) = &self.encoded {
            return encoded.decode(limits);
        }
        Some(Begin {
            remote_channel: self.remote_channel,
            next_outgoing_id: self.next_outgoing_id,
            incoming_window: self.incoming_window,
            outgoing_window: self.outgoing_window,
            handle_max: self.handle_max,
            ..Begin::default()
        })
    }

    /// Returns the bytes of the heap that it takes up.
    pub(super) fn heap_size(&self) -> usize {
        self.encoded.as_ref().map_or(0, Encoded::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{codec::to_vec, types::Symbol};

    #[test]
    fn a_begin_is_returned_as_it_was_decoded() {
        let numbers = Begin {
            remote_channel: Some(Channel::new(3)),
            next_outgoing_id: TransferNumber::new(7),
            incoming_window: 1,
            outgoing_window: 2,
            handle_max: Handle::new(9),
            ..Begin::default()
        };
        let offers = Begin { offered_capabilities: Symbol::from_static("offered").into(), ..numbers.clone() };
        let desires =
            Begin { desired_capabilities: Symbol::from_static("desired").into(), ..numbers.clone() };
        let facts = Begin { properties: Some(crate::types::Fields::default()), ..numbers.clone() };
        for (begin, has_more) in [(numbers, false), (offers, true), (desires, true), (facts, true)] {
            let kept = RemoteBegin::new(&begin, &to_vec(&begin));
            assert_eq!(kept.get(DecodeLimits::DEFAULT).as_ref(), Some(&begin));
            assert_eq!(kept.heap_size() > 0, has_more);
        }
    }
}
