//! What a connection writes, held against what any peer may demand of it.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use bytes::{Bytes, BytesMut};

use crate::{
    codec::{Decode, DecodeLimits, Decoder},
    frame::{FrameKind, ProtocolHeader, parse_header},
    spec::{
        definitions::{MIN_MAX_FRAME_SIZE, Role},
        performatives::Performative,
        sasl::SaslFrame,
    },
    types::{Handle, SequenceNo, Str},
};

/// Bytes of a SASL frame of ours, at most.
const SASL_FRAME: u32 = 4096;

/// A reader of a connection's output, which panics at what a peer would not take.
#[derive(Debug, Default)]
pub(super) struct Wire {
    buffer: BytesMut,
    opened: bool,
    closed: bool,
    /// Handles attached, by channel.
    channels: BTreeMap<u16, BTreeSet<Handle>>,
    /// The performatives that were written, by name.
    pub(super) written: BTreeSet<&'static str>,
    /// Channels of begins that ask for an answer.
    pub(super) begins: Vec<u16>,
    /// Attaches: the channel, the link's name and the role of its end here.
    pub(super) attaches: Vec<(u16, Str, Role)>,
    /// Drains asked for: the channel, and the delivery-count that answers.
    pub(super) drains: Vec<(u16, SequenceNo)>,
}

impl Wire {
    /// Takes bytes written; `max` is the largest frame that the peer accepts, once it has told.
    pub(super) fn read(&mut self, bytes: &[u8], max: Option<u32>) {
        self.buffer.extend_from_slice(bytes);
        let max = max.unwrap_or(0).max(MIN_MAX_FRAME_SIZE);
        while !self.buffer.is_empty() {
            if self.buffer.starts_with(b"AMQP") {
                let header = self.buffer.split_to(8);
                let header = header.first_chunk().copied().and_then(ProtocolHeader::from_bytes);
                let known = [Some(ProtocolHeader::AMQP), Some(ProtocolHeader::SASL)].contains(&header);
                assert!(known && !self.opened, "{header:?}");
                continue;
            }
            let found = parse_header(&self.buffer, max.max(SASL_FRAME));
            assert!(matches!(found, Ok(Some(_))), "{found:?}");
            let Ok(Some(head)) = found else { return };
            let frame = self.buffer.split_to(head.size).freeze();
            let body = frame.slice(head.body..);
            let mut reader = Decoder::new(&body, DecodeLimits::DEFAULT);
            match head.kind {
                FrameKind::Sasl => {
                    let decoded = SaslFrame::decode(&mut reader);
                    assert!(decoded.is_ok() && !self.opened, "{decoded:?}");
                }
                FrameKind::Amqp => {
                    assert!(u32::try_from(head.size).is_ok_and(|size| size <= max), "{} > {max}", head.size);
                    if !body.is_empty() {
                        self.performative(head.channel, &body);
                    }
                }
            }
        }
    }

    fn performative(&mut self, channel: u16, body: &Bytes) {
        let mut reader = Decoder::new(body, DecodeLimits::DEFAULT);
        let decoded = Performative::decode(&mut reader);
        assert!(decoded.is_ok(), "{decoded:?}");
        let Ok(performative) = decoded else { return };
        self.written.insert(performative.type_name());
        assert!(!self.closed, "{performative:?} behind close");
        assert_eq!(self.opened, !matches!(performative, Performative::Open(_)), "{performative:?}");
        let begun = self.channels.get_mut(&channel);
        match (&performative, begun) {
            (Performative::Open(_), _) => self.opened = true,
            (Performative::Close(_), _) => self.closed = true,
            (Performative::Begin(begin), begun) => {
                assert!(begun.is_none(), "{performative:?} on a channel in use");
                self.begins.extend(begin.remote_channel.is_none().then_some(channel));
                self.channels.insert(channel, BTreeSet::new());
            }
            (Performative::End(_), Some(_)) => drop(self.channels.remove(&channel)),
            (Performative::Attach(attach), Some(handles)) => {
                assert!(handles.insert(attach.handle), "{performative:?} on a handle in use");
                self.attaches.push((channel, attach.name.clone(), attach.role));
            }
            (Performative::Detach(detach), Some(handles)) => {
                assert!(handles.remove(&detach.handle), "{performative:?} on a free handle");
            }
            (Performative::Transfer(transfer), Some(handles)) => {
                assert!(handles.contains(&transfer.handle), "{performative:?} on a free handle");
            }
            (Performative::Flow(flow), Some(handles)) => {
                let free = flow.handle.is_some_and(|handle| !handles.contains(&handle));
                assert!(!free, "{performative:?} on a free handle");
                if let (true, Some(count), Some(credit)) = (flow.drain, flow.delivery_count, flow.link_credit)
                {
                    self.drains.push((channel, count.plus(credit)));
                }
            }
            (Performative::Disposition(_), Some(_)) => {}
            (_, begun) => assert!(begun.is_some(), "{performative:?} on a free channel"),
        }
    }
}
