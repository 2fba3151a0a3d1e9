//! The one special path of the codec: transfers in the encodings that nearly all senders use, read and written in one
//! go.
//!
//! [`decode_whole`] and [`decode_part`] return `None` for any other transfer, and for whatever is wrong; the table of
//! [`Transfer`] then decides. [`write_head`] leaves others to the table. Both do what the table does, which property tests hold. Of about 1,270
//! instructions a small message takes, at both ends together, reading saves about 120 and writing about 180.

use alloc::vec::Vec;

use super::performatives::Transfer;
use crate::{
    codec::{Encode as _, Encoder, format_code},
    types::{DeliveryNumber, DeliveryTag, Handle, MessageFormat},
};

/// A delivery that is complete in this transfer, with neither state nor mode of its own, and not batchable (2.7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeDelivery {
    pub(crate) handle: Handle,
    pub(crate) id: DeliveryNumber,
    pub(crate) tag: DeliveryTag,
    pub(crate) format: MessageFormat,
    pub(crate) settled: bool,
}

impl WholeDelivery {
    /// Returns the transfer that carries the delivery.
    #[cold]
    pub(crate) fn transfer(&self) -> Transfer {
        Transfer {
            handle: self.handle,
            delivery_id: Some(self.id),
            delivery_tag: Some(self.tag),
            message_format: Some(self.format),
            settled: self.settled.then_some(true),
            ..Transfer::default()
        }
    }
}

const TRANSFER: u8 = Transfer::CODE.to_le_bytes()[0];

/// The bytes in front of the fields.
const HEAD: usize = 6;

/// Returns the number of fields, and their bytes.
#[inline(always)]
fn enter(body: &[u8]) -> Option<(u8, &[u8])> {
    use format_code::{DESCRIBED, LIST8, SMALLULONG};
    let [DESCRIBED, SMALLULONG, TRANSFER, LIST8, size, count, fields @ ..] = body else { return None };
    // The size counts the byte of the count.
    Some((*count, fields.get(..usize::from(*size).checked_sub(1)?)?))
}

/// Decodes a transfer that is a whole delivery from the front of a frame's body. Returns it, and the number of its
/// bytes.
///
/// The body may be cut short behind the transfer.
#[inline(always)]
pub(crate) fn decode_whole(body: &[u8]) -> Option<(WholeDelivery, usize)> {
    let (count, fields) = enter(body)?;
    let (handle, rest) = uint(fields)?;
    let (id, rest) = uint(rest)?;
    let (tag, rest) = delivery_tag(rest)?;
    let (format, rest) = uint(rest)?;
    let settled = match (count, rest) {
        (4, []) | (5, [format_code::FALSE]) => false,
        (5, [format_code::TRUE]) => true,
        _ => Flags::decode(count, rest)?.of_whole()?,
    };
    let whole = WholeDelivery {
        handle: Handle::new(handle),
        id: DeliveryNumber::new(id),
        tag,
        format: MessageFormat::new(format),
        settled,
    };
    Some((whole, fields.len().saturating_add(HEAD)))
}

/// As [`decode_whole`], for one of several transfers of a delivery, or the only one of a delivery that is resumed,
/// aborted or batchable.
// In line, because a transfer is large to move.
#[inline(always)]
pub(crate) fn decode_part(body: &[u8]) -> Option<(Transfer, usize)> {
    let (count, fields) = enter(body)?;
    let size = fields.len().saturating_add(HEAD);
    let (handle, rest) = uint(fields)?;
    let mut transfer = Transfer { handle: Handle::new(handle), ..Transfer::default() };
    if count == 1 && rest.is_empty() {
        return Some((transfer, size));
    }
    let rest = if let [format_code::NULL, format_code::NULL, format_code::NULL, rest @ ..] = rest {
        rest
    } else {
        let (id, rest) = uint(rest)?;
        let (tag, rest) = delivery_tag(rest)?;
        let (format, rest) = uint(rest)?;
        transfer.delivery_id = Some(DeliveryNumber::new(id));
        transfer.delivery_tag = Some(tag);
        transfer.message_format = Some(MessageFormat::new(format));
        rest
    };
    let flags = Flags::decode(count, rest)?;
    transfer.settled = flags.settled;
    transfer.more = flags.more;
    transfer.resume = flags.resume;
    transfer.aborted = flags.aborted;
    transfer.batchable = flags.batchable;
    Some((transfer, size))
}

/// The fields from the fifth on, but for the mode and the state.
#[derive(Clone, Copy, Default)]
struct Flags {
    settled: Option<bool>,
    more: bool,
    resume: bool,
    aborted: bool,
    batchable: bool,
}

impl Flags {
    /// Decodes the fields behind the fourth, of `count` fields in all, if each of them is one byte.
    #[inline(never)]
    fn decode(count: u8, fields: &[u8]) -> Option<Self> {
        if usize::from(count).checked_sub(4)? != fields.len() {
            return None;
        }
        // Mostly there are only these two.
        let (settled, more, rest) = match fields {
            [settled, more, rest @ ..] => (flag(*settled)?, flag(*more)?, rest),
            [settled] => (flag(*settled)?, None, fields.get(1..)?),
            [] => (None, None, fields),
        };
        let mut flags = Self { settled, more: more.unwrap_or(false), ..Self::default() };
        if !rest.is_empty() {
            flags.decode_rare(rest)?;
        }
        Some(flags)
    }

    /// Decodes the fields behind `more`.
    #[inline(never)]
    fn decode_rare(&mut self, fields: &[u8]) -> Option<()> {
        if fields.len() > 5 {
            return None;
        }
        let field = |index: usize| flag(fields.get(index).copied().unwrap_or(format_code::NULL));
        if field(0)?.is_some() || field(1)?.is_some() {
            return None;
        }
        self.resume = field(2)?.unwrap_or(false);
        self.aborted = field(3)?.unwrap_or(false);
        self.batchable = field(4)?.unwrap_or(false);
        Some(())
    }

    /// Returns true if the delivery is settled. `None` if it needs more than a [`WholeDelivery`].
    fn of_whole(self) -> Option<bool> {
        let needs_more = self.more || self.resume || self.aborted || self.batchable;
        if needs_more { None } else { Some(self.settled.unwrap_or(false)) }
    }
}

/// Decodes a boolean of one byte, or null.
#[inline(always)]
fn flag(code: u8) -> Option<Option<bool>> {
    match code {
        format_code::TRUE => Some(Some(true)),
        format_code::FALSE => Some(Some(false)),
        format_code::NULL => Some(None),
        _ => None,
    }
}

#[inline(always)]
fn uint(rest: &[u8]) -> Option<(u32, &[u8])> {
    match rest {
        [format_code::SMALLUINT, value, rest @ ..] => Some(((*value).into(), rest)),
        [format_code::UINT0, rest @ ..] => Some((0, rest)),
        [format_code::UINT, rest @ ..] => {
            let (bytes, rest) = rest.split_first_chunk()?;
            Some((u32::from_be_bytes(*bytes), rest))
        }
        _ => None,
    }
}

#[inline(always)]
fn delivery_tag(rest: &[u8]) -> Option<(DeliveryTag, &[u8])> {
    let [format_code::VBIN8, length, rest @ ..] = rest else { return None };
    let (bytes, rest) = rest.split_at_checked((*length).into())?;
    Some((DeliveryTag::try_copy(bytes)?, rest))
}

/// Appends a frame's header, without its size, and a transfer, with `more` instead of its field of this name. Returns the
/// size of the two.
#[inline(always)]
pub(crate) fn write_head(buffer: &mut Vec<u8>, header: [u8; 8], transfer: &Transfer, more: bool) -> usize {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; size_of::<Room>()]);
    let room = buffer.last_chunk_mut();
    if let Some(size) = room.and_then(|room| encode_head(room, header, transfer, more)) {
        buffer.truncate(start.saturating_add(size));
        return size;
    }
    buffer.truncate(start);
    write_any_head(buffer, header, transfer, more)
}

#[cold]
#[inline(never)]
fn write_any_head(buffer: &mut Vec<u8>, header: [u8; 8], transfer: &Transfer, more: bool) -> usize {
    let start = buffer.len();
    buffer.extend_from_slice(&header);
    Transfer { more, ..transfer.clone() }.encode(&mut Encoder::new(buffer));
    buffer.len().saturating_sub(start)
}

/// Room for the largest head that [`encode_head`] writes, of 65 bytes, and for the copy of a whole tag.
type Room = [u8; 72];

/// Writes the frame's header, without its size, and a transfer that has neither mode nor state and is not resumed,
/// aborted or batchable. Returns the size of the two. `more` stands for the field of this name.
#[inline(always)]
fn encode_head(room: &mut Room, header: [u8; 8], transfer: &Transfer, more: bool) -> Option<usize> {
    use format_code::{DESCRIBED, LIST8, NULL, SMALLULONG, TRUE, VBIN8};
    let Transfer {
        rcv_settle_mode: None, state: None, resume: false, aborted: false, batchable: false, ..
    } = transfer
    else {
        return None;
    };
    let start = match (transfer.delivery_id, &transfer.delivery_tag, transfer.message_format) {
        (Some(id), Some(tag), Some(format)) => Some((id, tag, format)),
        (None, None, None) => None,
        _ => return None,
    };
    // 1.4: what is null at the end is left out.
    let count = match (more, transfer.settled, &start) {
        (true, ..) => 6,
        (false, Some(_), _) => 5,
        (false, None, Some(_)) => 4,
        (false, None, None) => 1,
    };
    let mut head = Head { room, len: 0 };
    head.put(header, header.len());
    head.put([DESCRIBED, SMALLULONG, TRANSFER, LIST8, 0, count], 6);
    head.uint(transfer.handle.get());
    if let Some((id, tag, format)) = start {
        head.uint(id.get());
        let (bytes, length) = tag.padded();
        head.put([VBIN8, length], 2);
        head.put(*bytes, length.into());
        head.uint(format.get());
    } else {
        head.put([NULL; 3], if count > 1 { 3 } else { 0 });
    }
    let settled = match transfer.settled {
        Some(true) => TRUE,
        Some(false) => format_code::FALSE,
        None => NULL,
    };
    head.put([settled], (count > 4).into());
    head.put([TRUE], more.into());
    // The size counts from behind itself.
    let size = head.len.saturating_sub(SIZE_AT.saturating_add(1));
    if let Some(place) = head.room.get_mut(SIZE_AT) {
        *place = u8::try_from(size).unwrap_or(u8::MAX);
    }
    Some(head.len)
}

/// The offset of the list's size in a head.
const SIZE_AT: usize = 12;

/// A head being written. Its room is an array, so that each field is one store.
struct Head<'a> {
    room: &'a mut Room,
    len: usize,
}

impl Head<'_> {
    /// Writes the first `used` of the bytes; the next write replaces the others.
    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N], used: usize) {
        if let Some(place) = self.room.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut) {
            *place = bytes;
            self.len = self.len.saturating_add(used);
        }
    }

    #[inline(always)]
    fn uint(&mut self, value: u32) {
        let [a, b, c, d] = value.to_be_bytes();
        match (u8::try_from(value), value) {
            (_, 0) => self.put([format_code::UINT0], 1),
            (Ok(byte), _) => self.put([format_code::SMALLUINT, byte], 2),
            _ => self.put([format_code::UINT, a, b, c, d], 5),
        }
    }
}
