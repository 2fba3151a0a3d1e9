//! Shared access signatures: the text that is signed, and the token that is made of it.
//!
//! Source: the documentation of shared access signatures of Event Hubs and IoT Hub.

use alloc::{format, string::String};

use crate::{extensions::percent_encode, types::Str};

/// A shared access signature that is still to be signed.
///
/// The crate has no cryptography: sign [`text_to_sign`](Self::text_to_sign) with HMAC-SHA-256, and pass the 32 bytes to
/// [`signed`](Self::signed). The key of Service Bus and Event Hubs is the text of `SharedAccessKey` as it stands; that
/// of IoT Hub has to be decoded from base64 first.
///
/// ```
/// use amqp_proto::extensions::azure::SasToken;
///
/// let unsigned = SasToken::new("hub.azure-devices.net/devices/d1", 1_700_000_000).key_name("policy");
/// assert_eq!(unsigned.text_to_sign(), "hub.azure-devices.net%2Fdevices%2Fd1\n1700000000");
/// let token = unsigned.signed(&[0xfb; 4]);
/// assert_eq!(
///     token,
///     "SharedAccessSignature sr=hub.azure-devices.net%2Fdevices%2Fd1&sig=%2B%2Fv7%2Bw%3D%3D&se=1700000000&skn=policy"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SasToken {
    /// The resource, percent-encoded.
    resource: String,
    expires: u64,
    key_name: Option<Str>,
}

impl SasToken {
    /// Returns an unsigned token for a resource, such as `sb://HOST/QUEUE` or `HOST/devices/ID`, which expires this many
    /// seconds after the start of 1970.
    pub fn new(resource: &str, expires: u64) -> Self {
        Self { resource: percent_encode(resource), expires, key_name: None }
    }

    /// Sets the name of the policy that the key belongs to. A device's own key has none.
    #[must_use]
    pub fn key_name(mut self, name: impl Into<Str>) -> Self {
        self.key_name = Some(name.into());
        self
    }

    /// Returns the text to sign.
    pub fn text_to_sign(&self) -> String {
        format!("{}\n{}", self.resource, self.expires)
    }

    /// Returns the token with its signature, a secret.
    pub fn signed(&self, signature: &[u8]) -> String {
        let signature = percent_encode(&base64(signature));
        let Self { resource, expires, key_name } = self;
        let mut token = format!("SharedAccessSignature sr={resource}&sig={signature}&se={expires}");
        if let Some(name) = key_name {
            token.push_str("&skn=");
            token.push_str(&percent_encode(name));
        }
        token
    }
}

/// Encodes bytes in base64 with padding (RFC 4648, 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for (index, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            // A group of n bytes has n + 1 digits.
            let digit = usize::try_from((bits >> shift) & 63).ok().filter(|_| index <= group.len());
            text.push(digit.and_then(|digit| ALPHABET.get(digit)).map_or('=', |digit| char::from(*digit)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    /// The vectors of RFC 4648, 10.
    #[test]
    fn base64_encodes_the_vectors_of_the_rfc() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (text, encoded) in vectors {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xff, 0xef, 0xbe]), "/+++");
    }
}
