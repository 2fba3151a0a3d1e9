//! The subject of a certificate as text (RFC 5280, 4.1.2.6; RFC 4514).

use std::fmt::Write as _;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
/// The version stands in front of the serial number if it is not 1.
const VERSION: u8 = 0xa0;

/// Attributes by the last byte of their object identifier, 2.5.4.N (RFC 4514, 3).
const NAMES: [(u8, &str); 6] = [(3, "CN"), (6, "C"), (7, "L"), (8, "ST"), (10, "O"), (11, "OU")];

/// Returns the subject of a certificate in DER, such as `CN=someone,O=Example`: the last name stands first. `None` if
/// there is none.
pub fn of(certificate: &[u8]) -> Option<String> {
    let (content, _) = expect(SEQUENCE, certificate)?;
    let (mut fields, _) = expect(SEQUENCE, content)?;
    if fields.first() == Some(&VERSION) {
        (_, _, fields) = element(fields)?;
    }
    // Serial number, signature algorithm, issuer, validity.
    for _ in 0..4 {
        (_, _, fields) = element(fields)?;
    }
    let (mut names, _) = expect(SEQUENCE, fields)?;
    let mut parts = Vec::new();
    while !names.is_empty() {
        let (mut set, rest) = expect(SET, names)?;
        let mut several = Vec::new();
        while !set.is_empty() {
            let (name, rest) = expect(SEQUENCE, set)?;
            several.push(attribute(name)?);
            set = rest;
        }
        parts.push(several.join("+"));
        names = rest;
    }
    parts.reverse();
    Some(parts.join(",")).filter(|subject| !subject.is_empty())
}

fn attribute(name: &[u8]) -> Option<String> {
    let (id, value) = expect(OBJECT_ID, name)?;
    let known = match id {
        [0x55, 0x04, last] => NAMES.iter().find(|(number, _)| number == last),
        _ => None,
    };
    let (tag, content, _) = element(value)?;
    let text = std::str::from_utf8(content).ok();
    let text = text.filter(|_| matches!(tag, UTF8_STRING | PRINTABLE_STRING | IA5_STRING));
    Some(match (known, text) {
        (Some((_, name)), Some(text)) => format!("{name}={}", escaped(text)),
        // RFC 4514, 2.4: in any other case the encoding of the value.
        (Some((_, name)), None) => format!("{name}=#{}", hexadecimal(value)),
        (None, _) => format!("{}=#{}", dotted(id), hexadecimal(value)),
    })
}

/// True for marks of direction, and for characters of no width.
fn is_unseen(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Escapes what would end or change the value, so that no name can look like another.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for (index, character) in text.char_indices() {
        let at_end = index == 0 || index + character.len_utf8() == text.len();
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => out.extend(['\\', character]),
            '#' | ' ' if at_end => out.extend(['\\', character]),
            _ if character.is_control() || is_unseen(character) => {
                let mut bytes = [0; 4];
                character.encode_utf8(&mut bytes).bytes().for_each(|byte| _ = write!(out, "\\{byte:02x}"));
            }
            _ => out.push(character),
        }
    }
    out
}

fn dotted(id: &[u8]) -> String {
    let (mut arcs, mut arc) = (Vec::new(), 0_u64);
    for byte in id {
        arc = arc.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(first.to_string());
                arc -= first * 40;
            }
            arcs.push(arc.to_string());
            arc = 0;
        }
    }
    arcs.join(".")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Returns the content of an element with this tag, and what is behind it.
fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Returns the first element's tag and content, and what is behind it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}
