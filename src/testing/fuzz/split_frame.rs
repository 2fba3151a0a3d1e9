//! The fuzz target that splits bytes into frames.

use bytes::Bytes;

use crate::{
    codec::{Decode, DecodeLimits, Decoder},
    frame::{FrameKind, HEADER_SIZE, parse_header},
    spec::{performatives::Performative, sasl::SaslFrame},
};

/// Splits the bytes into frames and decodes their bodies. The first two bytes set the largest frame size.
///
/// # Panics
/// If a frame is found before all of it has arrived, or is missed then, or if a bad header is refused only once more
/// bytes follow it.
pub fn split_frame(data: &[u8]) {
    let Some((max, stream)) = data.split_first_chunk() else { return };
    let max = u32::from(u16::from_be_bytes(*max)).max(512);
    let stream = Bytes::copy_from_slice(stream);
    let mut rest = stream.clone();
    loop {
        let found = parse_header(&rest, max);
        for end in 0..rest.len().min(HEADER_SIZE.saturating_mul(2)) {
            let part = parse_header(&rest.slice(..end), max);
            let whole = found.is_ok_and(|head| head.is_some_and(|head| head.size <= end));
            match part {
                Ok(None) => assert!(!whole, "a whole frame was not found"),
                // An answer about the first bytes holds for all of them.
                other => assert_eq!(other, found),
            }
        }
        let Ok(Some(head)) = found else { return };
        assert!(HEADER_SIZE <= head.body && head.body <= head.size && head.size <= rest.len());
        assert!(u32::try_from(head.size).is_ok_and(|size| size <= max));
        let frame = rest.split_to(head.size);
        let body = frame.slice(head.body..);
        let mut decoder = Decoder::new(&body, DecodeLimits::DEFAULT);
        let refused = match head.kind {
            FrameKind::Amqp => Performative::decode(&mut decoder).err(),
            FrameKind::Sasl => SaslFrame::decode(&mut decoder).err(),
        };
        assert!(refused.is_none_or(|error| error.offset <= body.len()));
    }
}
