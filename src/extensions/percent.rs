//! Percent-encoding (RFC 3986, 2.1).

use alloc::string::String;

const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];

/// Encodes all bytes of the text's UTF-8 but those of RFC 3986's unreserved characters.
///
/// ```
/// assert_eq!(amqp_proto::extensions::percent_encode("a/b c~\u{e9}"), "a%2Fb%20c~%C3%A9");
/// ```
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(byte.into());
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                encoded.extend(DIGITS.get(usize::from(digit)));
            }
        }
    }
    encoded
}
