//! The head of a frame with a performative of few fields, written where it is to lie.

use super::whole::Whole;
use crate::codec::format_code;

/// Bytes of a frame's header, which is not for this module to fill in.
pub(crate) const HEADER: usize = 8;

/// Room for the largest head, which is a transfer's, and for the copy of a whole tag at its end.
pub(crate) type Room = [u8; 72];

/// Where the size of the performative's fields lies.
const SIZE_AT: usize = HEADER + 4;

/// A descriptor's number, which for the performatives and the outcomes is one byte.
pub(super) const fn number(code: u64) -> u8 {
    let [.., low] = code.to_be_bytes();
    low
}

/// A head being written.
pub(super) struct Head<'a> {
    room: &'a mut Room,
    len: usize,
}

impl<'a> Head<'a> {
    /// Begins with the frame's header and the performative's descriptor; so many fields follow.
    #[inline]
    pub(super) fn new(room: &'a mut Room, header: [u8; HEADER], descriptor: u8, count: u8) -> Self {
        let mut head = Self { room, len: 0 };
        head.put(header, HEADER);
        // 1.4: descriptor, list, its size and count.
        head.put(
            [format_code::DESCRIBED, format_code::SMALLULONG, descriptor, format_code::LIST8, 0, count],
            6,
        );
        head
    }

    /// Puts down so many of the bytes; the next ones overwrite the others.
    #[inline]
    pub(super) fn put<const N: usize>(&mut self, bytes: [u8; N], used: usize) {
        if let Some(place) = self.room.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut) {
            *place = bytes;
            self.len = self.len.saturating_add(used);
        }
    }

    #[inline]
    pub(super) fn uint(&mut self, value: u32) {
        let [a, b, c, d] = value.to_be_bytes();
        match (u8::try_from(value), value) {
            (_, 0) => self.put([format_code::UINT0], 1),
            (Ok(byte), _) => self.put([format_code::SMALLUINT, byte], 2),
            _ => self.put([format_code::UINT, a, b, c, d], 5),
        }
    }

    /// What names a delivery.
    #[inline]
    pub(super) fn delivery(&mut self, whole: &Whole) {
        self.uint(whole.id.get());
        let (bytes, length) = whole.tag.padded();
        self.put([format_code::VBIN8, length], 2);
        self.put(*bytes, length.into());
        self.uint(whole.format.get());
    }

    /// Fills in the size of the fields, and gives that of the head.
    #[inline]
    pub(super) fn finish(self) -> usize {
        // The size counts from behind itself.
        let size = self.len.saturating_sub(SIZE_AT.saturating_add(1));
        if let Some(place) = self.room.get_mut(SIZE_AT) {
            *place = u8::try_from(size).unwrap_or(u8::MAX);
        }
        self.len
    }
}
