//! The usual shapes of the two performatives that come by the million, read and written field by field.
//!
//! Each gives way, by `None`, to the general path wherever the shape is another, or is wrong: what is an error is for
//! the general path to say. Where it does not give way its answer is the same, which the tests see to.

use super::{
    definitions::Role,
    delivery_state::DeliveryState,
    head::{HEADER, Head, Room, number},
    performatives::{Disposition, Transfer},
};
use crate::{
    codec::code,
    types::{DeliveryTag, Handle},
};

/// The fields of a list, as far as they are there.
struct Fields<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Fields<'a> {
    /// Enters the list behind a descriptor of one octet, and gives the octets up to its end.
    #[inline]
    fn of(descriptor: u8, body: &'a [u8]) -> Option<(Self, usize)> {
        let [code::DESCRIBED, code::SMALLULONG, found, list @ ..] = body else { return None };
        if *found != descriptor {
            return None;
        }
        let (size, left, rest) = match list {
            [code::LIST8, size, count, rest @ ..] => {
                (usize::from(*size).checked_sub(1)?, u32::from(*count), rest)
            }
            [code::LIST32, a, b, c, d, e, f, g, h, rest @ ..] => {
                let size = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?;
                (size.checked_sub(4)?, u32::from_be_bytes([*e, *f, *g, *h]), rest)
            }
            _ => return None,
        };
        let head = body.len().checked_sub(rest.len())?.checked_add(size)?;
        Some((Self { rest: rest.get(..size)?, left }, head))
    }

    /// Takes one field off the count; `false` where there is none left.
    #[inline]
    fn next(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// A field that is known to be there.
    #[inline]
    fn uint(&mut self) -> Option<Option<u32>> {
        let (format, rest) = self.rest.split_first()?;
        let (value, rest) = match *format {
            code::UINT0 => (Some(0), rest),
            code::SMALLUINT => {
                let (octet, rest) = rest.split_first()?;
                (Some(u32::from(*octet)), rest)
            }
            code::UINT => {
                let (octets, rest) = rest.split_first_chunk()?;
                (Some(u32::from_be_bytes(*octets)), rest)
            }
            code::NULL => (None, rest),
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    /// A field that is known to be there.
    #[inline]
    fn tag(&mut self) -> Option<Option<DeliveryTag>> {
        let (value, rest) = match self.rest {
            [code::VBIN8, length, rest @ ..] => {
                let (octets, rest) = rest.split_at_checked((*length).into())?;
                (Some(DeliveryTag::fitting(octets)?), rest)
            }
            [code::NULL, rest @ ..] => (None, rest),
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    #[inline]
    fn boolean(&mut self) -> Option<Option<bool>> {
        if !self.next() {
            return Some(None);
        }
        let (format, rest) = self.rest.split_first()?;
        let (value, rest) = match *format {
            code::TRUE => (Some(true), rest),
            code::FALSE => (Some(false), rest),
            code::NULL => (None, rest),
            code::BOOLEAN => {
                let (octet, rest) = rest.split_first()?;
                let value = match *octet {
                    0 => false,
                    1 => true,
                    _ => return None,
                };
                (Some(value), rest)
            }
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    /// A field that is usually left out.
    #[inline]
    fn null(&mut self) -> Option<()> {
        if self.next() {
            let [code::NULL, rest @ ..] = self.rest else { return None };
            self.rest = rest;
        }
        Some(())
    }

    #[inline]
    fn outcome(&mut self) -> Option<Option<DeliveryState>> {
        if !self.next() {
            return Some(None);
        }
        let (number, rest) = match self.rest {
            [code::DESCRIBED, code::SMALLULONG, number, code::LIST0, rest @ ..]
            | [code::DESCRIBED, code::SMALLULONG, number, code::LIST8, 1, 0, rest @ ..] => (*number, rest),
            [code::NULL, rest @ ..] => {
                self.rest = rest;
                return Some(None);
            }
            _ => return None,
        };
        self.rest = rest;
        match number {
            ACCEPTED => Some(Some(DeliveryState::ACCEPTED)),
            RELEASED => Some(Some(DeliveryState::RELEASED)),
            _ => None,
        }
    }

    #[inline]
    fn is_over(&self) -> bool {
        self.left == 0 && self.rest.is_empty()
    }
}

const TRANSFER: u8 = number(Transfer::CODE);
const DISPOSITION: u8 = number(Disposition::CODE);
const ACCEPTED: u8 = number(super::delivery_state::Accepted::CODE);
const RELEASED: u8 = number(super::delivery_state::Released::CODE);

/// Whether a frame's body begins as a transfer usually does.
#[inline]
pub(crate) fn is_transfer(body: &[u8]) -> bool {
    matches!(body, [code::DESCRIBED, code::SMALLULONG, TRANSFER, ..])
}

/// Reads a transfer off the front of a frame's body, and says how many octets it takes up.
#[inline]
pub(crate) fn read_transfer(body: &[u8]) -> Option<(Transfer, usize)> {
    let (mut fields, head) = Fields::of(TRANSFER, body)?;
    // Whole deliveries have the first four fields, and later frames of a delivery usually the sixth.
    fields.left = fields.left.checked_sub(4)?;
    let mut transfer = Transfer {
        handle: Handle::new(fields.uint()??),
        delivery_id: fields.uint()?.map(Into::into),
        delivery_tag: fields.tag()?,
        message_format: fields.uint()?.map(Into::into),
        settled: fields.boolean()?,
        ..Transfer::default()
    };
    if fields.left > 0 {
        transfer.more = fields.boolean()?.unwrap_or_default();
        fields.null()?;
        fields.null()?;
        transfer.resume = fields.boolean()?.unwrap_or_default();
        transfer.aborted = fields.boolean()?.unwrap_or_default();
        transfer.batchable = fields.boolean()?.unwrap_or_default();
    }
    fields.is_over().then_some((transfer, head))
}

/// Reads a disposition that is all of a frame's body.
#[inline]
pub(crate) fn read_disposition(body: &[u8]) -> Option<Disposition> {
    let (mut fields, head) = Fields::of(DISPOSITION, body)?;
    let role = if fields.boolean()?? { Role::Receiver } else { Role::Sender };
    let mut disposition = Disposition { role, ..Disposition::default() };
    disposition.first = if fields.next() { fields.uint()??.into() } else { return None };
    disposition.last = if fields.next() { fields.uint()?.map(Into::into) } else { None };
    disposition.settled = fields.boolean()?.unwrap_or_default();
    disposition.state = fields.outcome()?;
    disposition.batchable = fields.boolean()?.unwrap_or_default();
    (fields.is_over() && head == body.len()).then_some(disposition)
}

/// Writes a disposition behind the header of its frame, and gives how many octets the two take up.
#[inline]
pub(crate) fn write_disposition(
    room: &mut Room,
    header: [u8; HEADER],
    disposition: &Disposition,
) -> Option<usize> {
    let outcome = match disposition.state {
        Some(DeliveryState::Accepted(_)) => Some(ACCEPTED),
        Some(DeliveryState::Released(_)) => Some(RELEASED),
        None => None,
        _ => return None,
    };
    if disposition.batchable {
        return None;
    }
    // What has its default at the end is left out.
    let count = match (disposition.last, disposition.settled, outcome) {
        (_, _, Some(_)) => 5,
        (_, true, None) => 4,
        (Some(_), false, None) => 3,
        (None, false, None) => 2,
    };
    let mut head = Head::new(room, header, DISPOSITION, count);
    head.put([if disposition.role == Role::Receiver { code::TRUE } else { code::FALSE }], 1);
    head.uint(disposition.first.get());
    match disposition.last {
        Some(last) => head.uint(last.get()),
        None => head.put([code::NULL], (count > 3).into()),
    }
    let settled = if disposition.settled { code::TRUE } else { code::NULL };
    head.put([settled], (count > 3).into());
    if let Some(outcome) = outcome {
        head.put([code::DESCRIBED, code::SMALLULONG, outcome, code::LIST0], 4);
    }
    Some(head.finish())
}
