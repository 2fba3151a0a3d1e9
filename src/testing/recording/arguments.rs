//! The arguments of calls, as words.

use alloc::string::String;

use super::{settings::Settings, text::Text};
use crate::{ReceiverConfig, SendOptions, SenderConfig, SessionConfig};

/// The words of a line that have not been read.
pub(super) struct Words<'a>(pub(super) &'a str);

impl<'a> Words<'a> {
    /// Removes and returns the next word, or returns `None` at the end.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        let (word, rest) = self.0.split_once(' ').unwrap_or((self.0, ""));
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }

    /// Removes and returns an argument.
    pub(super) fn take<T: Argument>(&mut self) -> Option<T> {
        T::read(self)
    }

    /// Sets what the words that are left name.
    pub(super) fn set_all(&mut self, settings: &mut impl Settings) -> Option<()> {
        while let Some(word) = self.next() {
            let (name, word) = word.split_once('=')?;
            settings.set(name, word)?;
        }
        Some(())
    }
}

/// An argument of a call: a value in one word, or settings in any number of them.
pub(super) trait Argument: Sized {
    /// Appends its words, with a blank before each.
    fn append(&self, line: &mut String);

    /// Removes its words and returns it, or returns `None` if they are not of this type.
    fn read(words: &mut Words<'_>) -> Option<Self>;
}

impl<T: Text> Argument for T {
    fn append(&self, line: &mut String) {
        line.push(' ');
        self.write(line);
    }

    fn read(words: &mut Words<'_>) -> Option<Self> {
        T::parse(words.next()?)
    }
}

macro_rules! settings_as_arguments {
    ($($ty:ident)*) => {$(
        impl Argument for $ty {
            fn append(&self, line: &mut String) {
                self.write_changed(&Self::default(), "", line);
            }

            fn read(words: &mut Words<'_>) -> Option<Self> {
                let mut settings = Self::default();
                words.set_all(&mut settings)?;
                Some(settings)
            }
        }
    )*};
}

settings_as_arguments! { SessionConfig SenderConfig ReceiverConfig SendOptions }
