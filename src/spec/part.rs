//! One frame of a delivery that takes several, in its usual shapes: written in one go.

use super::{
    head::{HEADER, Head, Room, number},
    performatives::Transfer,
    whole::Whole,
};
use crate::{codec::format_code, types::Handle};

/// What the transfer says; all else in it has its default (2.7.5).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) handle: Handle,
    /// What names the delivery, in its first transfer.
    pub(crate) first: Option<&'a Whole>,
    pub(crate) settled: bool,
    pub(crate) more: bool,
}

/// Writes the transfer behind the header of its frame, and gives how many bytes the two take up; the payload follows.
#[inline]
pub(crate) fn write(room: &mut Room, header: [u8; HEADER], part: &Part<'_>) -> usize {
    // What has its default at the end is left out.
    let count = match part {
        Part { more: true, .. } => 6,
        Part { settled: true, .. } => 5,
        Part { first: Some(_), .. } => 4,
        _ => 1,
    };
    let mut head = Head::new(room, header, number(Transfer::CODE), count);
    head.uint(part.handle.get());
    match part.first {
        Some(whole) => head.delivery(whole),
        None => head.put([format_code::NULL; 3], if count > 1 { 3 } else { 0 }),
    }
    let settled = if part.settled { format_code::TRUE } else { format_code::NULL };
    head.put([settled], (count > 4).into());
    head.put([format_code::TRUE], part.more.into());
    head.finish()
}
