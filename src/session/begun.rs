//! The peer's begin, as far as it is kept (2.7.2).

use alloc::boxed::Box;

use crate::{
    codec::{DecodeLimits, Encoded},
    spec::performatives::Begin,
    types::{Channel, Handle, TransferNumber},
};

/// What the peer's begin said. One without capabilities and properties, as nearly all are, is a few numbers; another
/// is kept as it came besides.
#[derive(Debug)]
pub(super) struct RemoteBegin {
    next_outgoing_id: TransferNumber,
    incoming_window: u32,
    outgoing_window: u32,
    handle_max: Handle,
    remote_channel: Option<Channel>,
    whole: Option<Box<Encoded<Begin>>>,
}

impl RemoteBegin {
    /// `body` is what the frame had.
    pub(super) fn new(begin: &Begin, body: &[u8]) -> Self {
        let plain = begin.offered_capabilities.is_empty()
            && begin.desired_capabilities.is_empty()
            && begin.properties.is_none();
        Self {
            next_outgoing_id: begin.next_outgoing_id,
            incoming_window: begin.incoming_window,
            outgoing_window: begin.outgoing_window,
            handle_max: begin.handle_max,
            remote_channel: begin.remote_channel,
            whole: (!plain).then(|| Box::new(Encoded::new(body))),
        }
    }

    /// The highest handle that the peer accepts.
    pub(super) fn handle_max(&self) -> u32 {
        self.handle_max.get()
    }

    /// The begin, by the limits that it has been decoded with before.
    pub(super) fn get(&self, limits: DecodeLimits) -> Option<Begin> {
        match &self.whole {
            Some(whole) => whole.decode(limits),
            None => Some(Begin {
                remote_channel: self.remote_channel,
                next_outgoing_id: self.next_outgoing_id,
                incoming_window: self.incoming_window,
                outgoing_window: self.outgoing_window,
                handle_max: self.handle_max,
                ..Begin::default()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::to_vec,
        types::{Fields, Symbol, Value},
    };

    #[test]
    fn a_begin_is_given_back_whole() {
        let plain = Begin {
            remote_channel: Some(Channel::new(7)),
            next_outgoing_id: TransferNumber::new(1),
            incoming_window: 2,
            outgoing_window: 3,
            handle_max: Handle::new(4),
            ..Begin::default()
        };
        let symbol = || Symbol::literal("symbol");
        let properties = Some(Fields::new().with(symbol(), Value::Null));
        let others = [
            Begin { offered_capabilities: symbol().into(), ..plain.clone() },
            Begin { desired_capabilities: symbol().into(), ..plain.clone() },
            Begin { properties, remote_channel: None, ..plain.clone() },
        ];
        for begin in others.into_iter().chain([plain]) {
            let begun = RemoteBegin::new(&begin, &to_vec(&begin));
            assert_eq!(begun.get(DecodeLimits::DEFAULT), Some(begin));
        }
    }
}
