//! A delivery that is one transfer, as most are, in the shapes in which those usually come: read and written in one go.
//!
//! Reading gives way, by `None`, to the general path wherever the shape is another, or is wrong: what is an error is for
//! the general path to say. Where it does not give way the answer is the same, which the tests see to.

use super::{
    head::{HEADER, Head, Room, number},
    performatives::Transfer,
};
use crate::{
    codec::{
        format_code,
        usual::{Fields, delivery_tag, descriptor, uint},
    },
    types::{DeliveryNumber, DeliveryTag, Handle, MessageFormat},
};

/// What the transfer says; all else in it has its default (2.7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) handle: Handle,
    pub(crate) id: DeliveryNumber,
    pub(crate) tag: DeliveryTag,
    pub(crate) format: MessageFormat,
    pub(crate) settled: bool,
}

impl Whole {
    /// The same for the general path.
    #[cold]
    pub(crate) fn transfer(&self) -> Transfer {
        Transfer {
            handle: self.handle,
            delivery_id: Some(self.id),
            delivery_tag: Some(self.tag),
            message_format: Some(self.format),
            settled: Some(self.settled),
            ..Transfer::default()
        }
    }
}

const TRANSFER: u8 = number(Transfer::CODE);

/// Reads such a transfer off the front of a frame's body, and says how many bytes it takes up.
#[inline]
pub(crate) fn read(body: &[u8]) -> Option<(Whole, usize)> {
    let (found, list) = descriptor(body)?;
    if found != Transfer::CODE {
        return None;
    }
    let (fields, behind) = Fields::enter(list, 4, 11)?;
    let (count, rest) = fields.rest();
    let (handle, rest) = uint(rest)?;
    let (id, rest) = uint(rest)?;
    let (tag, rest) = delivery_tag(rest)?;
    let (format, rest) = uint(rest)?;
    let settled = match (count, rest) {
        (4, []) | (5, [format_code::FALSE]) => false,
        (5, [format_code::TRUE]) => true,
        _ => settled(count, rest)?,
    };
    let whole = Whole {
        handle: Handle::new(handle),
        id: DeliveryNumber::new(id),
        tag,
        format: MessageFormat::new(format),
        settled,
    };
    Some((whole, body.len().saturating_sub(behind.len())))
}

/// Reads `settled` off the fields from the fifth on, if the others have their defaults, written out or not; `batchable`,
/// the last, may be what it likes.
fn settled(count: u32, fields: &[u8]) -> Option<bool> {
    // In this shape each takes up one byte.
    if usize::try_from(count).ok()?.checked_sub(4)? != fields.len() {
        return None;
    }
    let (settled, rest) = fields.split_first()?;
    let plain = rest.iter().zip(1..).all(|(byte, place)| match *byte {
        format_code::NULL => place <= 6,
        format_code::FALSE => matches!(place, 1 | 4 | 5 | 6),
        format_code::TRUE => place == 6,
        _ => false,
    });
    match *settled {
        format_code::TRUE if plain => Some(true),
        format_code::FALSE | format_code::NULL if plain => Some(false),
        _ => None,
    }
}

/// Writes the transfer behind the header of its frame, and gives how many bytes the two take up; the payload follows.
#[inline]
pub(crate) fn write(room: &mut Room, header: [u8; HEADER], whole: &Whole) -> usize {
    let mut head = Head::new(room, header, TRANSFER, if whole.settled { 5 } else { 4 });
    head.uint(whole.handle.get());
    head.delivery(whole);
    head.put([format_code::TRUE], whole.settled.into());
    head.finish()
}
