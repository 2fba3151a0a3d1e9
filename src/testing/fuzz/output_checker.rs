//! A checker of a connection's output, against the rules that hold towards any peer.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use bytes::{Bytes, BytesMut};

use crate::{
    codec::{Decode, DecodeLimits, Decoder},
    frame::{FrameKind, HEADER_SIZE, ProtocolHeader, parse_header},
    spec::{
        definitions::{MIN_MAX_FRAME_SIZE, Role},
        performatives::Performative,
        sasl::SaslFrame,
    },
    types::{Handle, SequenceNo, Str},
};

/// The largest SASL frame that the engine writes, in bytes.
const MAX_SASL_FRAME: u32 = 4096;

/// Reads a connection's output, and panics if a peer would refuse it.
#[derive(Debug, Default)]
pub(super) struct OutputChecker {
    buffer: BytesMut,
    opened: bool,
    closed: bool,
    /// Attached handles by channel.
    channels: BTreeMap<u16, BTreeSet<Handle>>,
    /// The names of the performatives written.
    pub(super) written: BTreeSet<&'static str>,
    /// Channels of begins that await an answer.
    pub(super) begins: Vec<u16>,
    /// Attaches written: the channel, the link's name and the role of its end here.
    pub(super) attaches: Vec<(u16, Str, Role)>,
    /// Drains requested: the channel, and the delivery-count of the answer.
    pub(super) drains: Vec<(u16, SequenceNo)>,
}

impl OutputChecker {
    /// Checks bytes that the connection wrote; a frame that is cut off waits for the next. `max` is the largest frame that
    /// the peer accepts, once its open has arrived.
    pub(super) fn read(&mut self, bytes: &[u8], max: Option<u32>) {
        self.buffer.extend_from_slice(bytes);
        let max = max.unwrap_or(0).max(MIN_MAX_FRAME_SIZE);
        while !self.buffer.is_empty() {
            if self.buffer.len() < HEADER_SIZE {
                return;
            }
            if self.buffer.starts_with(b"AMQP") {
                let header = self.buffer.split_to(HEADER_SIZE);
                let header = header.first_chunk().copied().and_then(ProtocolHeader::from_bytes);
                let known = [ProtocolHeader::AMQP, ProtocolHeader::TLS, ProtocolHeader::SASL].map(Some);
                let known = known.contains(&header);
                assert!(known && !self.opened, "{header:?}");
                continue;
            }
            let found = parse_header(&self.buffer, max.max(MAX_SASL_FRAME));
            assert!(found.is_ok(), "{found:?}");
            let Ok(Some(header)) = found else { return };
            let frame = self.buffer.split_to(header.size).freeze();
            let body = frame.slice(header.body..);
            let mut decoder = Decoder::new(&body, DecodeLimits::DEFAULT);
            match header.kind {
                FrameKind::Sasl => {
                    let decoded = SaslFrame::decode(&mut decoder);
                    assert!(decoded.is_ok() && !self.opened, "{decoded:?}");
                }
                FrameKind::Amqp => {
                    assert!(
                        u32::try_from(header.size).is_ok_and(|size| size <= max),
                        "{} > {max}",
                        header.size
                    );
                    if !body.is_empty() {
                        self.performative(header.channel, &body);
                    }
                }
            }
        }
    }

    /// True if no frame is cut off.
    pub(super) fn is_whole(&self) -> bool {
        self.buffer.is_empty()
    }

    fn performative(&mut self, channel: u16, body: &Bytes) {
        let mut decoder = Decoder::new(body, DecodeLimits::DEFAULT);
        let decoded = Performative::decode(&mut decoder);
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
