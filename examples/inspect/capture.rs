//! Packets of a pcap or pcapng capture.

use std::{
    io::{self, Read},
    net::IpAddr,
};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

use crate::{
    advice::{AnyError, about},
    report::Report,
    tcp::{Connections, Segment},
};

/// Bytes of the largest block that is read.
const LARGEST_BLOCK: usize = 1 << 20;

fn unreadable(error: &PcapError<&[u8]>) -> AnyError {
    about(format!("the capture can't be read: {error:?}"), "record it again, as pcap or pcapng")
}

/// An interface of a capture: the type of its packets, and their clock.
#[derive(Clone, Copy)]
struct Interface {
    linktype: Linktype,
    /// Units in a second.
    resolution: u64,
    /// Seconds to be added.
    offset: i64,
}

/// True if these bytes begin a capture, in any of the two formats and either order of bytes.
pub fn begins(first: &[u8]) -> bool {
    let Some(first) = first.first_chunk::<4>() else { return false };
    let is_pcap = |magic| matches!(magic, 0xa1b2_c3d4_u32 | 0xa1b2_3c4d);
    is_pcap(u32::from_be_bytes(*first))
        || is_pcap(u32::from_le_bytes(*first))
        || *first == [0x0a, 0x0d, 0x0d, 0x0a]
}

/// Reads the rest of a capture's first block, of which the first four bytes have been read. No more: what follows may
/// take its time.
pub fn read_head(input: &mut impl Read, first: &mut Vec<u8>) -> io::Result<()> {
    let mut read_up_to = |first: &mut Vec<u8>, size: usize| {
        input.take(size.saturating_sub(first.len()) as u64).read_to_end(first).map(|_| ())
    };
    read_up_to(first, 24)?;
    if let [0x0a, 0x0d, 0x0d, 0x0a, a, b, c, d, magic, ..] = first[..] {
        let size =
            if magic == 0x1a { u32::from_be_bytes([a, b, c, d]) } else { u32::from_le_bytes([a, b, c, d]) };
        read_up_to(first, (size as usize).min(LARGEST_BLOCK))?;
    }
    Ok(())
}

/// Reads a capture to its end, and passes its connections on as their bytes arrive.
pub fn read(input: impl Read + Send, port: Option<u16>, report: &mut Report<'_>) -> Result<(), AnyError> {
    let mut reader = create_reader(LARGEST_BLOCK, input).map_err(|error| unreadable(&error))?;
    let mut connections = Connections::new(port);
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut last_time = 0;
    let mut is_cut = false;
    loop {
        let size = match reader.next() {
            Ok((size, block)) => {
                if let Some((interface, micros, data)) = packet(&block, &mut interfaces, last_time) {
                    last_time = micros;
                    if let Some(segment) = segment(interface.linktype, data) {
                        connections.take(micros, &segment, report)?;
                    }
                }
                size
            }
            Err(PcapError::Eof) => break,
            // The program that wrote the capture has been stopped in the middle of a block.
            Err(PcapError::UnexpectedEof) => {
                is_cut = true;
                break;
            }
            Err(PcapError::Incomplete(_)) => {
                if reader.reader_exhausted() {
                    is_cut = true;
                    break;
                }
                reader.refill().map_err(|error| unreadable(&error))?;
                continue;
            }
            Err(error) => return Err(unreadable(&error)),
        };
        reader.consume(size);
    }
    connections.report_gaps(report)?;
    if is_cut {
        report.note("the capture is cut short")?;
    }
    Ok(())
}

/// Returns a block's packet, with the interface and the time in microseconds.
fn packet<'a>(
    block: &'a PcapBlockOwned<'_>,
    interfaces: &mut Vec<Interface>,
    last_time: u64,
) -> Option<(Interface, u64, &'a [u8])> {
    match block {
        PcapBlockOwned::LegacyHeader(header) => {
            let resolution = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
            *interfaces = vec![Interface { linktype: header.network, resolution, offset: 0 }];
            None
        }
        PcapBlockOwned::Legacy(packet) => {
            let interface = *interfaces.first()?;
            let part = u64::from(packet.ts_usec).saturating_mul(1_000_000) / interface.resolution;
            Some((
                interface,
                u64::from(packet.ts_sec).saturating_mul(1_000_000).saturating_add(part),
                packet.data,
            ))
        }
        PcapBlockOwned::NG(Block::SectionHeader(_)) => {
            interfaces.clear();
            None
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(description)) => {
            interfaces.push(Interface {
                linktype: description.linktype,
                resolution: description.ts_resolution().unwrap_or(1_000_000).max(1),
                offset: description.ts_offset(),
            });
            None
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let interface = *interfaces.get(packet.if_id as usize)?;
            let units = u128::from(packet.ts_high) << 32 | u128::from(packet.ts_low);
            let micros =
                u64::try_from(units * 1_000_000 / u128::from(interface.resolution)).unwrap_or(u64::MAX);
            let micros = micros.saturating_add_signed(interface.offset.saturating_mul(1_000_000));
            let data = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data);
            Some((interface, micros, data))
        }
        // It has no time.
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            Some((*interfaces.first()?, last_time, packet.data))
        }
        PcapBlockOwned::NG(_) => None,
    }
}

/// Returns the TCP segment of a packet.
fn segment(linktype: Linktype, data: &[u8]) -> Option<Segment<'_>> {
    let behind = |size: usize| LaxSlicedPacket::from_ip(data.get(size..)?).ok();
    let packet = match linktype {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(data).ok(),
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 => behind(0),
        // Four bytes with the family of the address, as on the loopback of BSD.
        Linktype::NULL | Linktype::LOOP => behind(4),
        // The pseudo-device `any` of Linux, in both versions.
        Linktype::LINUX_SLL => behind(16),
        Linktype(276) => behind(20),
        _ => None,
    }?;
    let (source, destination): (IpAddr, IpAddr) = match packet.net? {
        LaxNetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        LaxNetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        LaxNetSlice::Arp(_) => return None,
    };
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else { return None };
    Some(Segment {
        from: (source, tcp.source_port()).into(),
        to: (destination, tcp.destination_port()).into(),
        sequence: tcp.sequence_number(),
        is_syn: tcp.syn(),
        is_ack: tcp.ack(),
        payload: tcp.payload(),
    })
}
