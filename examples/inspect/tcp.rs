//! TCP segments to streams, in both directions of each connection.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::SocketAddr,
};

use amqp_proto::{Side, frame::ProtocolHeader};

use crate::report::Report;

/// Bytes behind a gap that are kept for each direction, until what is missing arrives.
const MOST_PENDING: usize = 8 << 20;

pub struct Segment<'a> {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub sequence: u32,
    pub is_syn: bool,
    pub is_ack: bool,
    pub payload: &'a [u8],
}

/// One direction.
#[derive(Default)]
struct Flow {
    /// The sequence number of the next byte.
    next: Option<u32>,
    /// What has arrived behind a gap, by its distance from `next` at the time: keys are sequence numbers.
    pending: BTreeMap<u32, Vec<u8>>,
    size: usize,
}

struct Connection {
    client: SocketAddr,
    server: SocketAddr,
    flows: [Flow; 2],
    is_amqp: Option<bool>,
    /// What arrived before it was known that this is AMQP.
    early: Vec<(Side, u64, Vec<u8>)>,
    number: usize,
}

pub struct Connections {
    port: Option<u16>,
    /// By the lower address and the higher one.
    open: HashMap<(SocketAddr, SocketAddr), Connection>,
}

impl Flow {
    /// Adds a segment. Returns the bytes that are next, which may be none.
    fn take(&mut self, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next).cast_signed();
        if ahead > 0 {
            let size = payload.len();
            if self.size + size <= MOST_PENDING
                && self.pending.get(&sequence).is_none_or(|held| held.len() < size)
            {
                self.size += size;
                let before = self.pending.insert(sequence, payload.to_vec());
                self.size -= before.map_or(0, |held| held.len());
            }
            return Vec::new();
        }
        // A retransmission can begin before what is next, and end behind it.
        let seen = usize::try_from(ahead.unsigned_abs()).unwrap_or(usize::MAX);
        let mut bytes = payload.get(seen..).unwrap_or_default().to_vec();
        let mut next = next.wrapping_add(bytes.len() as u32);
        while let Some((&sequence, _)) =
            self.pending.iter().find(|(sequence, _)| next.wrapping_sub(**sequence).cast_signed() >= 0)
        {
            let held = self.pending.remove(&sequence).unwrap_or_default();
            self.size -= held.len();
            let seen = next.wrapping_sub(sequence) as usize;
            let rest = held.get(seen..).unwrap_or_default();
            next = next.wrapping_add(rest.len() as u32);
            bytes.extend_from_slice(rest);
        }
        self.next = Some(next);
        bytes
    }
}

impl Connection {
    fn new(segment: &Segment<'_>, port: Option<u16>) -> Self {
        // Without the first segment of a connection: servers have the port that is asked for, or the lower one.
        let to_server = match (segment.is_syn, port) {
            (true, _) => !segment.is_ack,
            (false, Some(port)) if segment.from.port() != segment.to.port() => segment.to.port() == port,
            _ => segment.to.port() <= segment.from.port(),
        };
        let (client, server) =
            if to_server { (segment.from, segment.to) } else { (segment.to, segment.from) };
        Self { client, server, flows: Default::default(), is_amqp: None, early: Vec::new(), number: 0 }
    }

    fn is_for(&self, port: u16) -> bool {
        self.client.port() == port || self.server.port() == port
    }
}

impl Connections {
    pub fn new(port: Option<u16>) -> Self {
        Self { port, open: HashMap::new() }
    }

    pub fn take(&mut self, micros: u64, segment: &Segment<'_>, report: &mut Report<'_>) -> io::Result<()> {
        let key = (segment.from.min(segment.to), segment.from.max(segment.to));
        let is_new = segment.is_syn && !segment.is_ack;
        let known = self.open.get(&key).is_some_and(|connection| {
            // The same addresses can be used again.
            let flow = &connection.flows[usize::from(segment.from != connection.client)];
            !is_new || flow.next.is_none_or(|next| next == segment.sequence.wrapping_add(1))
        });
        if !known {
            self.open.insert(key, Connection::new(segment, self.port));
        }
        let Some(connection) = self.open.get_mut(&key) else { return Ok(()) };
        let from = if segment.from == connection.client { Side::Client } else { Side::Server };
        let flow = &mut connection.flows[usize::from(from == Side::Server)];
        if segment.is_syn {
            flow.next = Some(segment.sequence.wrapping_add(1));
        }
        if segment.payload.is_empty() || connection.is_amqp == Some(false) {
            return Ok(());
        }
        let sequence = segment.sequence.wrapping_add(u32::from(segment.is_syn));
        let bytes = flow.take(sequence, segment.payload);
        if bytes.is_empty() {
            return Ok(());
        }
        if connection.is_amqp == Some(true) {
            return report.bytes(connection.number, from, micros, &bytes);
        }
        connection.early.push((from, micros, bytes));
        let first: Vec<u8> = connection
            .early
            .iter()
            .filter(|(side, ..)| *side == from)
            .flat_map(|(.., bytes)| bytes.iter().copied())
            .take(ProtocolHeader::SIZE)
            .collect();
        connection.is_amqp = match self.port {
            Some(port) => Some(connection.is_for(port)),
            None if first.len() < 4 && ProtocolHeader::may_begin(&first) => None,
            None => Some(ProtocolHeader::may_begin(&first)),
        };
        if connection.is_amqp == Some(true) {
            connection.number = report.connection(micros, connection.client, connection.server)?;
            for (from, micros, bytes) in std::mem::take(&mut connection.early) {
                report.bytes(connection.number, from, micros, &bytes)?;
            }
        }
        if connection.is_amqp == Some(false) {
            connection.early = Vec::new();
        }
        Ok(())
    }

    /// Notes the directions that ended with a gap: the capture lacks a segment.
    pub fn report_gaps(&self, report: &mut Report<'_>) -> io::Result<()> {
        let amqp = self.open.values().filter(|connection| connection.is_amqp == Some(true));
        for connection in amqp {
            for (flow, side) in connection.flows.iter().zip(["client", "server"]) {
                if !flow.pending.is_empty() {
                    let text = format!("connection {}: bytes of the {side} are missing", connection.number);
                    report.note(&text)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_out_of_order_and_twice_make_one_stream() {
        let mut flow = Flow { next: Some(u32::MAX - 1), ..Flow::default() };
        assert_eq!(flow.take(1, b"cd"), b"");
        assert_eq!(flow.take(5, b"g"), b"");
        assert_eq!(flow.take(u32::MAX - 1, b"xab"), b"xabcd");
        assert_eq!(flow.take(u32::MAX, b"abc"), b"");
        assert_eq!(flow.take(2, b"def"), b"efg");
        assert!(flow.pending.is_empty() && flow.size == 0);
    }
}
