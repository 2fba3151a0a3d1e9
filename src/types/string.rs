//! Strings and symbols: validated once, then shared without copying.

use alloc::string::String;
use core::{borrow::Borrow, fmt, ops::Deref, str};

use bytes::Bytes;
use thiserror::Error;

/// The bytes are not UTF-8 (1.6.20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not UTF-8")]
pub struct Utf8Error;

/// The text has a character outside ASCII (1.6.21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not ASCII")]
pub struct SymbolError;

macro_rules! text {
    ($($(#[$meta:meta])* $name:ident, $valid:ident, $error:ident;)*) => {$(
        $(#[$meta])*
        ///
        /// A clone shares the bytes. A decoded one is a slice of the input it came from and keeps all of that
        /// alive; [`detach`](Self::detach) copies it out.
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Bytes);

        impl $name {
            /// The empty one.
            pub const fn empty() -> Self {
                Self(Bytes::new())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                // Every constructor has checked the bytes, so the fallback is never taken.
                str::from_utf8(&self.0).unwrap_or_default()
            }

            /// The text's octets.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// The octets, shared.
            pub fn into_bytes(self) -> Bytes {
                self.0
            }

            /// A copy that holds nothing else alive.
            #[must_use]
            pub fn detach(&self) -> Self {
                Self(Bytes::copy_from_slice(&self.0))
            }
        }

        impl TryFrom<Bytes> for $name {
            type Error = $error;

            #[inline]
            fn try_from(bytes: Bytes) -> Result<Self, $error> {
                if $valid(&bytes) { Ok(Self(bytes)) } else { Err($error) }
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                self.as_str()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl Borrow<[u8]> for $name {
            fn borrow(&self) -> &[u8] {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other.as_bytes()
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == other.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
    )*};
}

#[inline]
fn is_utf8(bytes: &[u8]) -> bool {
    is_ascii(bytes) || str::from_utf8(bytes).is_ok()
}

/// Whether no octet has its upper bit set. Most texts are short, and so this goes by words without aligning them.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    const UPPER: u64 = 0x8080_8080_8080_8080;
    let upper = |word: &[u8; 8]| u64::from_ne_bytes(*word) & UPPER;
    // The last word overlaps the one before it.
    if let Some(last) = bytes.last_chunk() {
        // Ending early keeps the compiler from unrolling this for long texts, which does short ones no good.
        let (words, _) = bytes.as_chunks();
        return words.iter().all(|word| upper(word) == 0) && upper(last) == 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return u64::from(u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last)) & UPPER == 0;
    }
    bytes.iter().all(|octet| *octet < 0x80)
}

text! {
    /// A string (1.6.20): UTF-8 text.
    Str, is_utf8, Utf8Error;
    /// A symbol (1.6.21): ASCII text from a constrained domain.
    Symbol, is_ascii, SymbolError;
}

impl Symbol {
    /// Wraps constant text without copying it.
    ///
    /// Call it in a `const` item or a `const` block, so that text outside ASCII is an error at compile time. For text
    /// that the program does not contain itself, use [`TryFrom<&str>`](#impl-TryFrom<%26str>-for-Symbol).
    ///
    /// # Panics
    /// If the text is not ASCII and the call is evaluated at run time.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        #[allow(
            clippy::panic,
            reason = "the only way for a const fn to reject text at compile time; no input reaches it"
        )]
        if !text.is_ascii() {
            panic!("a symbol must be ASCII");
        }
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self(Bytes::from(text.into_bytes()))
    }
}

impl From<Symbol> for Str {
    fn from(symbol: Symbol) -> Self {
        Self(symbol.0)
    }
}

impl TryFrom<&str> for Symbol {
    type Error = SymbolError;

    fn try_from(text: &str) -> Result<Self, SymbolError> {
        if text.is_ascii() { Ok(Self(Bytes::copy_from_slice(text.as_bytes()))) } else { Err(SymbolError) }
    }
}

/// A string or a symbol borrowed from where it lies, in a hurry: its octets have been checked to be UTF-8.
///
/// It compares with text as it is. [`as_str`](Self::as_str) goes over the octets once more, which many a reader can do
/// without.
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
    /// A string's octets, if they are UTF-8.
    #[inline]
    pub(crate) fn string(octets: &'a [u8]) -> Option<Self> {
        is_utf8(octets).then_some(Self(octets))
    }

    /// A symbol's octets, if they are ASCII.
    #[inline]
    pub(crate) fn symbol(octets: &'a [u8]) -> Option<Self> {
        is_ascii(octets).then_some(Self(octets))
    }

    /// The text.
    pub fn as_str(self) -> &'a str {
        // Every constructor has checked the octets, so the fallback is never taken.
        str::from_utf8(self.0).unwrap_or_default()
    }

    /// The text's octets.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> From<&'a str> for TextRef<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
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
