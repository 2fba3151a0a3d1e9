//! A peer's text, made fit to be shown.

use core::fmt::{self, Write as _};

/// A text that displays with the characters escaped that change how others are shown, or are not shown themselves.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

/// The characters of a peer's name that are shown where it is repeated.
const SHOWN: usize = 64;

impl<'a> Escaped<'a> {
    /// Returns the beginning of a name, for a place where it is repeated.
    pub(crate) fn start_of(name: &'a str) -> Self {
        let end = name.char_indices().nth(SHOWN).map_or(name.len(), |(end, _)| end);
        Self(name.get(..end).unwrap_or(name))
    }
}

/// True for controls, marks of direction, and characters that take up no room.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A peer's name as it is quoted in a message: in quotation marks, escaped, and cut off behind [`MAX_QUOTED`] bytes.
pub(crate) struct Quoted<'a>(pub(crate) &'a [u8]);

/// The bytes of a peer's name that a message repeats, escapes among them.
const MAX_QUOTED: usize = 32;

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut left = MAX_QUOTED;
        for c in self.0.utf8_chunks().flat_map(|chunk| chunk.valid().chars()) {
            let size = if is_invisible(c) { c.escape_default().len() } else { c.len_utf8() };
            let Some(rest) = left.checked_sub(size) else {
                f.write_char('…')?;
                break;
            };
            left = rest;
            match is_invisible(c) {
                true => write!(f, "{}", c.escape_default())?,
                false => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.chars().any(is_invisible) {
            return f.pad(self.0);
        }
        self.0.chars().try_for_each(|c| match is_invisible(c) {
            true => write!(f, "{}", c.escape_default()),
            false => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::Quoted;

    #[test]
    fn quoted_name_is_escaped_and_cut_off_at_its_bound() {
        for (name, shown) in [
            (&b"events"[..], "\"events\""),
            (b"", "\"\""),
            ("left\u{202e}right".as_bytes(), "\"left\\u{202e}right\""),
            (&[b'x'; 32], "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""),
            (&[b'x'; 33], "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…\""),
            // Not cut within an escape or a character.
            ("\u{202e}".repeat(5).as_bytes(), "\"\\u{202e}\\u{202e}\\u{202e}\\u{202e}…\""),
            ("é".repeat(17).as_bytes(), "\"éééééééééééééééé…\""),
            (b"a\xffb", "\"ab\""),
        ] {
            assert_eq!(Quoted(name).to_string(), shown);
        }
    }
}
