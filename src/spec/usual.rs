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
    codec::{
        format_code,
        usual::{Fields, Taken, boolean, delivery_tag, descriptor, uint},
    },
    types::Handle,
};

/// Enters the list behind a descriptor of one byte.
#[inline]
fn fields(number: u64, body: &[u8], min: u32, max: u32) -> Taken<'_, Fields<'_>> {
    let (found, list) = descriptor(body)?;
    if found == number { Fields::enter(list, min, max) } else { None }
}

/// A field that is usually left out.
#[inline]
fn null(fields: &mut Fields<'_>) -> Option<()> {
    fields.optional(|_| None::<((), &[u8])>).map(|_| ())
}

/// An outcome without details.
#[inline]
fn outcome(rest: &[u8]) -> Taken<'_, DeliveryState> {
    let (number, rest) = match rest {
        [format_code::DESCRIBED, format_code::SMALLULONG, number, format_code::LIST0, rest @ ..]
        | [format_code::DESCRIBED, format_code::SMALLULONG, number, format_code::LIST8, 1, 0, rest @ ..] => {
            (*number, rest)
        }
        _ => return None,
    };
    match number {
        ACCEPTED => Some((DeliveryState::ACCEPTED, rest)),
        RELEASED => Some((DeliveryState::RELEASED, rest)),
        _ => None,
    }
}

const DISPOSITION: u8 = number(Disposition::CODE);
const ACCEPTED: u8 = number(super::delivery_state::Accepted::CODE);
const RELEASED: u8 = number(super::delivery_state::Released::CODE);

/// Reads a transfer off the front of a frame's body, and says how many bytes it takes up.
#[inline]
pub(crate) fn read_transfer(body: &[u8]) -> Option<(Transfer, usize)> {
    // Whole deliveries have the first four fields, and later frames of a delivery usually the sixth.
    let (mut fields, behind) = fields(Transfer::CODE, body, 4, 11)?;
    let mut transfer = Transfer {
        handle: Handle::new(fields.next_by(uint)??),
        delivery_id: fields.next_by(uint)?.map(Into::into),
        delivery_tag: fields.next_by(delivery_tag)?,
        message_format: fields.next_by(uint)?.map(Into::into),
        settled: fields.optional(boolean)?,
        ..Transfer::default()
    };
    if !fields.is_done() {
        transfer.more = fields.optional(boolean)?.unwrap_or_default();
        null(&mut fields)?;
        null(&mut fields)?;
        transfer.resume = fields.optional(boolean)?.unwrap_or_default();
        transfer.aborted = fields.optional(boolean)?.unwrap_or_default();
        transfer.batchable = fields.optional(boolean)?.unwrap_or_default();
    }
    fields.is_over().then(|| (transfer, body.len().saturating_sub(behind.len())))
}

/// Reads a disposition that is all of a frame's body.
#[inline]
pub(crate) fn read_disposition(body: &[u8]) -> Option<Disposition> {
    let (mut fields, behind) = fields(Disposition::CODE, body, 2, 6)?;
    let role = if fields.next_by(boolean)?? { Role::Receiver } else { Role::Sender };
    let disposition = Disposition {
        role,
        first: fields.next_by(uint)??.into(),
        last: fields.optional(uint)?.map(Into::into),
        settled: fields.optional(boolean)?.unwrap_or_default(),
        state: fields.optional(outcome)?,
        batchable: fields.optional(boolean)?.unwrap_or_default(),
    };
    (fields.is_over() && behind.is_empty()).then_some(disposition)
}

/// Writes a disposition behind the header of its frame, and gives how many bytes the two take up.
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
    head.put([if disposition.role == Role::Receiver { format_code::TRUE } else { format_code::FALSE }], 1);
    head.uint(disposition.first.get());
    match disposition.last {
        Some(last) => head.uint(last.get()),
        None => head.put([format_code::NULL], (count > 3).into()),
    }
    let settled = if disposition.settled { format_code::TRUE } else { format_code::NULL };
    head.put([settled], (count > 3).into());
    if let Some(outcome) = outcome {
        head.put([format_code::DESCRIBED, format_code::SMALLULONG, outcome, format_code::LIST0], 4);
    }
    Some(head.finish())
}
