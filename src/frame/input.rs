//! The forms in which a caller can hold what it has read.

use bytes::{Buf, Bytes, BytesMut};

/// Octets read from a transport, from which whole frames are taken off the front.
///
/// Implemented for [`BytesMut`] and [`Bytes`], whose octets are shared and not copied, and for `&[u8]`, from which
/// each frame is copied once. What is not a whole frame yet stays where it is.
pub trait Input: sealed::Sealed {
    /// All octets not taken yet.
    fn octets(&self) -> &[u8];

    /// Takes as many octets off the front; all of them where there are fewer.
    fn take(&mut self, count: usize) -> Bytes;

    /// Drops as many octets off the front; all of them where there are fewer.
    fn skip(&mut self, count: usize);
}

mod sealed {
    use bytes::{Bytes, BytesMut};

    pub trait Sealed {}
    impl Sealed for BytesMut {}
    impl Sealed for Bytes {}
    impl Sealed for &[u8] {}
}

impl Input for BytesMut {
    fn octets(&self) -> &[u8] {
        self
    }

    fn take(&mut self, count: usize) -> Bytes {
        self.split_to(count.min(self.len())).freeze()
    }

    fn skip(&mut self, count: usize) {
        self.advance(count.min(self.len()));
    }
}

impl Input for Bytes {
    fn octets(&self) -> &[u8] {
        self
    }

    fn take(&mut self, count: usize) -> Bytes {
        self.split_to(count.min(self.len()))
    }

    fn skip(&mut self, count: usize) {
        self.advance(count.min(self.len()));
    }
}

impl Input for &[u8] {
    fn octets(&self) -> &[u8] {
        self
    }

    fn take(&mut self, count: usize) -> Bytes {
        let (taken, rest) = self.split_at_checked(count).unwrap_or((*self, &[]));
        *self = rest;
        Bytes::copy_from_slice(taken)
    }

    fn skip(&mut self, count: usize) {
        *self = self.get(count..).unwrap_or_default();
    }
}
