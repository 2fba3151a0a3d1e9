//! What has been written to the peer, as performatives.

use amqp_proto::{spec::performatives::Performative, testing::Frame};

use crate::support::Fed;

/// Removes and returns the performatives that have been written; headers and empty frames are left out.
pub fn written(fed: &mut Fed) -> Vec<Performative> {
    let mut written = Vec::new();
    while let Some(frame) = Frame::take(&mut fed.output).unwrap() {
        if let Frame::Amqp { performative, .. } = frame {
            written.push(performative);
        }
    }
    written
}
