//! The peer of the fuzz targets, for programs of other people.

use core::fmt;

use alloc::vec::Vec;

use super::{
    output_checker::OutputChecker,
    script::{Peer as Frames, Script},
};

/// A peer whose frames are made of a fuzzer's input: mostly legal, in an order that often makes sense.
///
/// It is the peer of [`connection_ops`](super::connection_ops()), for a program of your own. It begins as a client without
/// SASL that may open a connection, a session and a link at once, and reads the output of the program to answer begins,
/// attaches and drains.
///
/// ```
/// use amqp_proto::{Connection, ConnectionConfig, Instant, Progress, testing::fuzz::Peer};
/// use bytes::Buf;
///
/// /// The body of a fuzz target. The program, a server here, must not panic.
/// fn body(data: &[u8]) {
///     let mut server = Connection::new(ConnectionConfig::server("server").auto_accept_sessions(true));
///     let (mut peer, mut output) = (Peer::new(data), Vec::new());
///     while let Some(frame) = peer.next(&output) {
///         let _: Progress = server.handle_input(Instant::default(), &mut frame.as_slice());
///         while let Some(_event) = server.poll_event() {}
///         let mut transmit = server.poll_transmit(Instant::default());
///         output = transmit.copy_to_bytes(transmit.remaining()).into();
///     }
/// }
///
/// body(b"\x80anything");
/// ```
pub struct Peer<'a> {
    script: Script<'a>,
    frames: Frames,
    output: OutputChecker,
    has_begun: bool,
}

impl<'a> Peer<'a> {
    /// Creates the peer of an input. Any input makes one; pseudo-random choices follow it if its first byte is at least
    /// 0x80.
    pub fn new(data: &'a [u8]) -> Self {
        Self {
            script: Script::extended(data),
            frames: Frames::default(),
            output: OutputChecker::default(),
            has_begun: false,
        }
    }

    /// Reads what the program has written since the last call, cut anywhere, and returns the peer's next bytes, or `None` at
    /// the end of the input.
    ///
    /// # Panics
    /// If a peer would refuse what the program has written: it is no frame, or out of turn.
    pub fn next(&mut self, output: &[u8]) -> Option<Vec<u8>> {
        self.output.read(output, Some(u32::MAX));
        if !core::mem::replace(&mut self.has_begun, true) {
            let steps = self.script.below(6);
            let [_, bytes] = self.frames.prelude(steps, None);
            return Some(bytes);
        }
        (!self.script.is_over()).then(|| self.frames.next(&mut self.output, &mut self.script))
    }
}

/// Shows nothing of the input.
impl fmt::Debug for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Connection, ConnectionConfig, CreditPolicy, Event, Instant, Progress, ReceiverConfig, SenderConfig,
        testing::Grammar,
    };
    use alloc::collections::BTreeSet;
    use bytes::Buf as _;

    /// A server that accepts everything. Returns the names of its events.
    ///
    /// Hands its output over up to `most` bytes at a time.
    fn serve(data: &[u8], most: usize, events: &mut BTreeSet<&'static str>) {
        let mut server = Connection::new(ConnectionConfig::server("server").auto_accept_sessions(true));
        let (mut peer, mut output) = (Peer::new(data), Vec::new());
        let mut grammar = Grammar::new();
        while let Some(frame) = peer.next(&output) {
            let _: Progress = server.handle_input(Instant::default(), &mut frame.as_slice());
            while let Some(event) = server.poll_event() {
                grammar.note(&event);
                events.insert(event.name());
                let answer = match event {
                    Event::SenderRequested { sender, .. } => {
                        server.accept_sender(sender, SenderConfig::new())
                    }
                    Event::ReceiverRequested { receiver, .. } => {
                        let config = ReceiverConfig::new().credit(CreditPolicy::Auto(4));
                        server.accept_receiver(receiver, config)
                    }
                    Event::SenderReady { sender } => {
                        let sent =
                            server.sender(sender).and_then(|mut link| link.send(1_u32, b"x".as_slice()));
                        sent.map(drop)
                    }
                    _ => Ok(()),
                };
                assert!(answer.is_ok() || server.is_write_closed(), "{answer:?}");
            }
            let mut transmit = server.poll_transmit(Instant::default());
            output = transmit.copy_to_bytes(transmit.remaining().min(most)).into();
        }
    }

    #[test]
    fn pseudo_random_inputs_reach_deliveries_and_ends_of_a_server() {
        let mut events = BTreeSet::new();
        for input in super::super::inputs(3000) {
            serve(&input, usize::MAX, &mut events);
        }
        for name in [
            "DELIVERY",
            "DELIVERY_SETTLED",
            "SENDER_CLOSED",
            "RECEIVER_CLOSED",
            "SESSION_CLOSED",
            "CONNECTION_CLOSED",
        ] {
            assert!(events.contains(name), "{name} is not in {events:?}");
        }
    }

    #[test]
    fn output_cut_inside_frames_is_put_together() {
        let mut events = BTreeSet::new();
        for (input, most) in super::super::inputs(300).zip((1..50).cycle()) {
            serve(&input, most, &mut events);
        }
        assert!(events.contains("SESSION_OPEN"), "{events:?}");
    }
}
