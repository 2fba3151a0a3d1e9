//! A protocol header or frame that was received, as a typed value that displays as a line.

use alloc::string::ToString as _;
use core::fmt;

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

use crate::{
    codec::{Decode, DecodeError, DecodeLimits, Decoder},
    frame::{FrameError, FrameKind, ProtocolHeader, parse_header},
    spec::{
        definitions::{AmqpError, Role},
        delivery_state::DeliveryState,
        performatives::{Attach, Flow, Performative, Transfer},
        sasl::SaslFrame,
    },
    types::{Escaped, Str},
};

/// A protocol header or a frame.
///
/// Its text is one line without secrets: the name of the performative, `@` and the channel, then the fields that most
/// often matter.
///
/// ```
/// use amqp_proto::testing::{Frame, frames};
///
/// let mut wire = [frames::AMQP, &frames::with_payload(3, &frames::settled(1, 7), b"hello")].concat().as_slice().into();
/// let mut lines = Vec::new();
/// while let Some(frame) = Frame::take(&mut wire)? {
///     lines.push(frame.to_string());
/// }
/// assert_eq!(lines, ["AMQP 1.0.0", "TRANSFER@3 1 5 bytes settled"]);
/// # Ok::<(), amqp_proto::testing::ReadError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Frame {
    /// A protocol header (2.2).
    Header(ProtocolHeader),
    /// An empty frame, which only shows that its sender is alive (2.4.5).
    Empty {
        /// The channel.
        channel: u16,
    },
    /// An AMQP frame (2.3).
    Amqp {
        /// The channel.
        channel: u16,
        /// The performative.
        performative: Performative,
        /// The bytes behind the performative.
        payload: Bytes,
    },
    /// A SASL frame (5.3.1).
    Sasl(SaslFrame),
}

/// The reason why bytes are neither a protocol header nor a frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The frame header is illegal (2.3.1).
    #[error(transparent)]
    Header(#[from] FrameError),
    /// The body is not the encoding of a performative or of a SASL frame.
    #[error(transparent)]
    Body(#[from] DecodeError),
}

impl Frame {
    /// Removes and returns the header or frame at the front, or returns `None` until it is whole.
    ///
    /// # Errors
    /// If the bytes are neither. A frame with an illegal body is removed.
    pub fn take(input: &mut BytesMut) -> Result<Option<Self>, ReadError> {
        let Some(first) = input.first_chunk() else { return Ok(None) };
        if let Some(header) = ProtocolHeader::from_bytes(*first) {
            input.advance(ProtocolHeader::SIZE);
            return Ok(Some(Self::Header(header)));
        }
        let Some(header) = parse_header(input, u32::MAX)? else { return Ok(None) };
        let mut body = input.split_to(header.size).freeze();
        body.advance(header.body);
        let mut decoder = Decoder::new(&body, DecodeLimits::DEFAULT);
        Ok(Some(match header.kind {
            FrameKind::Sasl => Self::Sasl(SaslFrame::decode(&mut decoder)?),
            FrameKind::Amqp if body.is_empty() => Self::Empty { channel: header.channel },
            FrameKind::Amqp => Self::Amqp {
                channel: header.channel,
                performative: Performative::decode(&mut decoder)?,
                payload: decoder.take_rest(),
            },
        }))
    }

    /// Returns the channel of an AMQP frame.
    pub const fn channel(&self) -> Option<u16> {
        match self {
            Self::Empty { channel } | Self::Amqp { channel, .. } => Some(*channel),
            Self::Header(_) | Self::Sasl(_) => None,
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The peer chooses names and conditions: none of them begins another line.
        Escaped(&Unescaped(self).to_string()).fmt(f)
    }
}

/// A frame whose texts are shown as they are.
struct Unescaped<'a>(&'a Frame);

impl fmt::Display for Unescaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Frame::Header(header) => header.fmt(f),
            Frame::Empty { channel } => write!(f, "EMPTY@{channel}"),
            Frame::Amqp { channel, performative, payload } => {
                write_performative(f, *channel, performative, payload.len())
            }
            Frame::Sasl(frame) => write_sasl(f, frame),
        }
    }
}

fn write_sasl(f: &mut fmt::Formatter<'_>, frame: &SaslFrame) -> fmt::Result {
    match frame {
        SaslFrame::SaslMechanisms(mechanisms) => {
            f.write_str("SASL-MECHANISMS")?;
            mechanisms.sasl_server_mechanisms.iter().try_for_each(|mechanism| write!(f, " {mechanism}"))
        }
        SaslFrame::SaslInit(init) => {
            write!(f, "SASL-INIT {}", init.mechanism)?;
            write_host(f, init.hostname.as_ref())
        }
        SaslFrame::SaslChallenge(_) => f.write_str("SASL-CHALLENGE"),
        SaslFrame::SaslResponse(_) => f.write_str("SASL-RESPONSE"),
        SaslFrame::SaslOutcome(outcome) => write!(f, "SASL-OUTCOME {:?}", outcome.code),
    }
}

fn write_performative(
    f: &mut fmt::Formatter<'_>,
    channel: u16,
    performative: &Performative,
    payload: usize,
) -> fmt::Result {
    match performative {
        Performative::Open(open) => {
            f.write_str("OPEN")?;
            write_host(f, open.hostname.as_ref())
        }
        Performative::Begin(begin) => {
            write!(f, "BEGIN@{channel}")?;
            begin.remote_channel.map_or(Ok(()), |to| write!(f, " to {to}"))
        }
        Performative::Attach(attach) => write_attach(f, channel, attach),
        Performative::Flow(flow) => write_flow(f, channel, flow),
        Performative::Transfer(transfer) => write_transfer(f, channel, transfer, payload),
        Performative::Disposition(disposition) => {
            let role = if disposition.role == Role::Receiver { "receiver" } else { "sender" };
            write!(f, "DISPOSITION@{channel} {role} {}", disposition.first)?;
            if let Some(last) = disposition.last {
                write!(f, "..{last}")?;
            }
            write_flags(f, &[("settled", disposition.settled)])?;
            f.write_str(match &disposition.state {
                Some(DeliveryState::Accepted(_)) => " accepted",
                Some(DeliveryState::Rejected(_)) => " rejected",
                Some(_) => " other",
                None => "",
            })
        }
        Performative::Detach(detach) => {
            write!(f, "DETACH@{channel} {}", detach.handle)?;
            write_flags(f, &[("closed", detach.closed)])?;
            write_condition(f, detach.error.as_deref())
        }
        Performative::End(end) => {
            write!(f, "END@{channel}")?;
            write_condition(f, end.error.as_deref())
        }
        Performative::Close(close) => {
            f.write_str("CLOSE")?;
            write_condition(f, close.error.as_deref())
        }
    }
}

fn write_attach(f: &mut fmt::Formatter<'_>, channel: u16, attach: &Attach) -> fmt::Result {
    write!(f, "ATTACH@{channel} {} {}", attach.handle, attach.name)?;
    // 2.6.3: an end that lacks its own terminus refuses the link.
    f.write_str(match attach.role {
        Role::Sender if attach.source.is_none() => " without source",
        Role::Receiver if attach.target.is_none() => " without target",
        _ => "",
    })
}

fn write_flow(f: &mut fmt::Formatter<'_>, channel: u16, flow: &Flow) -> fmt::Result {
    write!(f, "FLOW@{channel}")?;
    let Some(handle) = flow.handle else {
        f.write_str(" next=")?;
        write_or_dash(f, flow.next_incoming_id)?;
        return write!(f, " window={}", flow.incoming_window);
    };
    write!(f, " {handle} count=")?;
    write_or_dash(f, flow.delivery_count)?;
    write!(f, " credit={}", flow.link_credit.unwrap_or(0))?;
    if let Some(available @ 1..) = flow.available {
        write!(f, " available={available}")?;
    }
    write_flags(f, &[("drain", flow.drain), ("unbegun", flow.next_incoming_id.is_none())])
}

fn write_transfer(
    f: &mut fmt::Formatter<'_>,
    channel: u16,
    transfer: &Transfer,
    payload: usize,
) -> fmt::Result {
    write!(f, "TRANSFER@{channel} {} {payload} bytes", transfer.handle)?;
    let settled = transfer.settled == Some(true);
    write_flags(f, &[("settled", settled), ("more", transfer.more), ("aborted", transfer.aborted)])
}

fn write_flags(f: &mut fmt::Formatter<'_>, flags: &[(&str, bool)]) -> fmt::Result {
    flags.iter().filter(|(_, is_set)| *is_set).try_for_each(|(flag, _)| write!(f, " {flag}"))
}

fn write_or_dash(f: &mut fmt::Formatter<'_>, value: Option<impl fmt::Display>) -> fmt::Result {
    match value {
        Some(value) => value.fmt(f),
        None => f.write_str("-"),
    }
}

fn write_host(f: &mut fmt::Formatter<'_>, name: Option<&Str>) -> fmt::Result {
    name.map_or(Ok(()), |name| write!(f, " to {name}"))
}

fn write_condition(f: &mut fmt::Formatter<'_>, error: Option<&AmqpError>) -> fmt::Result {
    error.map_or(Ok(()), |error| write!(f, " {}", error.condition))
}
