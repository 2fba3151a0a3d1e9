//! Strings and symbols (1.6.20, 1.6.21): text that is checked once, then shared without copying.

use alloc::{borrow::Cow, string::String};
use core::{
    borrow::Borrow,
    convert::Infallible,
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
    str::{self, FromStr},
};

use bytes::Bytes;
use thiserror::Error;

/// The error of a [`Str`] made from bytes that are not UTF-8 (1.6.20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("invalid UTF-8 after {valid_up_to} bytes of a string")]
pub struct Utf8Error {
    valid_up_to: usize,
}

impl Utf8Error {
    #[cold]
    fn find(bytes: &[u8]) -> Self {
        let valid_up_to = str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        Self { valid_up_to }
    }

    /// Returns the number of bytes before the first invalid one.
    pub const fn valid_up_to(self) -> usize {
        self.valid_up_to
    }
}

/// The error of a [`Symbol`] made from text that is not ASCII (1.6.21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not ASCII after {valid_up_to} bytes of a symbol")]
pub struct SymbolError {
    valid_up_to: usize,
}

impl SymbolError {
    #[cold]
    fn find(bytes: &[u8]) -> Self {
        let valid_up_to = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(bytes.len());
        Self { valid_up_to }
    }

    /// Returns the number of bytes before the first one outside ASCII.
    pub const fn valid_up_to(self) -> usize {
        self.valid_up_to
    }
}

macro_rules! shared_text {
    ($($(#[$meta:meta])* $name:ident, $is_valid:ident, $error:ident;)*) => {$(
        $(#[$meta])*
        ///
        /// A clone shares the bytes. A decoded value is a slice of the input that it was read from and keeps all of
        /// that input allocated; [`detach`](Self::detach) copies it out.
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(Bytes);

        impl $name {
            /// Returns the empty text.
            pub const fn empty() -> Self {
                Self(Bytes::new())
            }

            /// Returns the text.
            ///
            /// Checks the bytes once more, in time linear in their number; comparisons with `str` do not.
            pub fn as_str(&self) -> &str {
                // Every constructor has checked the bytes, so the fallback is never taken.
                str::from_utf8(&self.0).unwrap_or_default()
            }

            /// Returns the bytes of the text.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// Returns the bytes of the text, still shared.
            pub fn into_bytes(self) -> Bytes {
                self.0
            }

            /// Returns a copy in an allocation of its own size.
            #[must_use]
            pub fn detach(&self) -> Self {
                Self(Bytes::copy_from_slice(&self.0))
            }
        }

        impl TryFrom<Bytes> for $name {
            type Error = $error;

            /// Shares the bytes.
            #[inline]
            fn try_from(bytes: Bytes) -> Result<Self, $error> {
                if $is_valid(&bytes) { Ok(Self(bytes)) } else { Err($error::find(&bytes)) }
            }
        }

        impl From<$name> for Bytes {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl From<$name> for String {
            /// Copies the text.
            fn from(text: $name) -> Self {
                text.as_str().into()
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

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        // `Borrow` demands the hash of `str`, which the derived one, that of a byte slice, is not.
        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
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

        impl PartialEq<String> for $name {
            fn eq(&self, other: &String) -> bool {
                self.0 == other.as_bytes()
            }
        }

        impl PartialEq<$name> for str {
            fn eq(&self, other: &$name) -> bool {
                other == self
            }
        }

        impl PartialEq<$name> for &str {
            fn eq(&self, other: &$name) -> bool {
                other == self
            }
        }

        impl PartialEq<$name> for String {
            fn eq(&self, other: &$name) -> bool {
                other == self
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

shared_text! {
    /// A string (1.6.20): UTF-8 text of at most 2³²-1 bytes.
    ///
    /// ```
    /// use amqp_proto::types::Str;
    ///
    /// const GREETING: Str = Str::from_static("hello"); // not copied
    /// let copied = Str::from("hello");
    /// let moved = Str::from(String::from("hello"));
    /// assert!(GREETING == copied && copied == moved && moved == "hello");
    /// ```
    Str, is_utf8, Utf8Error;
    /// A symbol (1.6.21): ASCII text of at most 2³²-1 bytes, from a constrained domain such as capabilities or keys.
    ///
    /// ```
    /// use amqp_proto::types::{Symbol, SymbolError};
    ///
    /// const CAPABILITY: Symbol = Symbol::from_static("queue"); // checked at compile time, not copied
    /// let read: Symbol = "queue".parse()?; // checked at run time, copied
    /// assert_eq!(CAPABILITY, read);
    /// assert!(Symbol::try_from("naïve").is_err());
    /// # Ok::<(), SymbolError>(())
    /// ```
    Symbol, is_ascii, SymbolError;
}

impl Str {
    /// Wraps constant text without copying it.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl Symbol {
    /// Wraps constant ASCII text without copying it.
    ///
    /// In a `const` item or a `const` block, text outside ASCII is a compile-time error:
    ///
    /// ```
    /// use amqp_proto::types::Symbol;
    ///
    /// const PRIORITY: Symbol = Symbol::from_static("x-opt-priority");
    /// let capabilities = [const { Symbol::from_static("queue") }, const { Symbol::from_static("topic") }];
    /// # assert_eq!((PRIORITY.len(), capabilities.len()), (14, 2));
    /// ```
    ///
    /// ```compile_fail,E0080
    /// const NAIVE: amqp_proto::types::Symbol = amqp_proto::types::Symbol::from_static("naïve");
    /// ```
    ///
    /// Text that is not part of the program goes through `TryFrom` or [`FromStr`], which return an error.
    ///
    /// # Panics
    /// If the text is not ASCII and the call is evaluated at run time, outside any `const`.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        // A const fn can reject its argument at compile time only by a panic, and cannot know when it is evaluated.
        // The alternatives are worse: `Option` moves the same panic into an `unwrap` of every caller, and an
        // unchecked symbol breaks 1.6.21 on the wire. The text is the program's own, so no input reaches the panic.
        #[allow(clippy::panic, reason = "compile-time rejection of a constant")]
        if !text.is_ascii() {
            panic!("a symbol must be ASCII");
        }
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl From<&str> for Str {
    /// Copies the text.
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Str {
    /// Takes the text over without copying it.
    fn from(text: String) -> Self {
        Self(Bytes::from(text.into_bytes()))
    }
}

impl From<&String> for Str {
    /// Copies the text.
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Cow<'_, str>> for Str {
    /// Copies borrowed text and takes owned text over.
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<Symbol> for Str {
    /// Shares the bytes: ASCII is UTF-8.
    fn from(symbol: Symbol) -> Self {
        Self(symbol.0)
    }
}

impl FromStr for Str {
    type Err = Infallible;

    /// Copies the text.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

impl TryFrom<&str> for Symbol {
    type Error = SymbolError;

    /// Copies the text.
    fn try_from(text: &str) -> Result<Self, SymbolError> {
        if !text.is_ascii() {
            return Err(SymbolError::find(text.as_bytes()));
        }
        Ok(Self(Bytes::copy_from_slice(text.as_bytes())))
    }
}

impl TryFrom<String> for Symbol {
    type Error = SymbolError;

    /// Takes the text over without copying it.
    fn try_from(text: String) -> Result<Self, SymbolError> {
        Bytes::from(text.into_bytes()).try_into()
    }
}

impl TryFrom<Str> for Symbol {
    type Error = SymbolError;

    /// Shares the bytes.
    fn try_from(text: Str) -> Result<Self, SymbolError> {
        text.0.try_into()
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;

    /// Copies the text.
    fn from_str(text: &str) -> Result<Self, SymbolError> {
        text.try_into()
    }
}

#[inline]
pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    is_ascii(bytes) || str::from_utf8(bytes).is_ok()
}

/// True if no byte has its upper bit set. Most texts are short, so this compares unaligned words.
#[inline]
pub(super) fn is_ascii(bytes: &[u8]) -> bool {
    const UPPER: u64 = 0x8080_8080_8080_8080;
    let upper = |word: &[u8; 8]| u64::from_ne_bytes(*word) & UPPER;
    // The last word overlaps the one before it.
    if let Some(last) = bytes.last_chunk() {
        // Ending early keeps the compiler from unrolling this for long texts, which would slow down short ones.
        let (words, _) = bytes.as_chunks();
        return words.iter().all(|word| upper(word) == 0) && upper(last) == 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return u64::from(u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last)) & UPPER == 0;
    }
    bytes.iter().all(|byte| *byte < 0x80)
}
