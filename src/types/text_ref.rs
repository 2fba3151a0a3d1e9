//! Borrowed text: a string or a symbol that is read in place.

use core::{fmt, str};

use super::string::{is_ascii, is_utf8};

/// A string or a symbol (1.6.20, 1.6.21) borrowed from the input. Its bytes have been checked to be UTF-8.
///
/// Comparisons look at the bytes alone. [`as_str`](Self::as_str) checks them once more, which many readers can avoid.
///
/// ```
/// use amqp_proto::types::TextRef;
/// let text = TextRef::from("blue");
/// assert!(text == "blue" && text.as_bytes() == b"blue");
/// assert_eq!(text.as_str(), "blue");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextRef<'a>(&'a [u8]);

impl<'a> TextRef<'a> {
    /// Returns the text of a string, or `None` if the bytes are not UTF-8.
    #[inline]
    pub(crate) fn string(bytes: &'a [u8]) -> Option<Self> {
        is_utf8(bytes).then_some(Self(bytes))
    }

    /// Returns the text of a symbol, or `None` if the bytes are not ASCII.
    #[inline]
    pub(crate) fn symbol(bytes: &'a [u8]) -> Option<Self> {
        is_ascii(bytes).then_some(Self(bytes))
    }

    /// Returns the text, in time linear in its length.
    pub fn as_str(self) -> &'a str {
        // Every constructor has checked the bytes, so the fallback is never taken.
        str::from_utf8(self.0).unwrap_or_default()
    }

    /// Returns the bytes of the text.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> From<&'a str> for TextRef<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl AsRef<str> for TextRef<'_> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for TextRef<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for TextRef<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Display for TextRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for TextRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
