//! The four messages of SCRAM (RFC 5802, 7).

use alloc::{format, string::String, vec::Vec};
use core::str;

use base64ct::{Base64, Encoding};

use crate::sasl::gs2::decode_name;

/// The client's first message, without its header.
pub(super) struct ClientFirst<'a> {
    pub(super) user: String,
    pub(super) nonce: &'a str,
}

/// The server's first message: its challenge.
pub(super) struct ServerFirst<'a> {
    /// The client's nonce, and the server's behind it.
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
}

/// The client's final message: its proof.
pub(super) struct ClientFinal<'a> {
    /// The header and the channel binding.
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a str,
    pub(super) proof: Vec<u8>,
    pub(super) without_proof: &'a str,
}

/// The server's final message.
pub(super) enum ServerFinal<'a> {
    Signature(Vec<u8>),
    Error(&'a str),
}

impl<'a> ClientFirst<'a> {
    pub(super) fn parse(bare: &'a str) -> Option<Self> {
        // RFC 5802, 5.1: a mandatory extension, `m=`, stands first, and must fail the authentication.
        let mut attributes = bare.split(',');
        let user = decode_name(attributes.next()?.strip_prefix("n=")?)?;
        let nonce = attributes.next()?.strip_prefix("r=").filter(|nonce| is_nonce(nonce))?;
        attributes.all(is_extension).then_some(Self { user, nonce })
    }
}

impl<'a> ServerFirst<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let mut attributes = str::from_utf8(message).ok()?.split(',');
        let nonce = attributes.next()?.strip_prefix("r=").filter(|nonce| is_nonce(nonce))?;
        let salt = decode(attributes.next()?.strip_prefix("s=")?)?;
        let iterations = attributes.next()?.strip_prefix("i=")?;
        let is_number = iterations.bytes().all(|byte| byte.is_ascii_digit()) && !iterations.starts_with('0');
        let iterations = iterations.parse().ok().filter(|_| is_number)?;
        attributes.all(is_extension).then_some(Self { nonce, salt, iterations })
    }

    pub(super) fn compose(nonce: &str, salt: &[u8], iterations: u32) -> String {
        format!("r={nonce},s={},i={iterations}", encode(salt))
    }
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let (without_proof, proof) = str::from_utf8(message).ok()?.rsplit_once(",p=")?;
        let mut attributes = without_proof.split(',');
        let binding = decode(attributes.next()?.strip_prefix("c=")?)?;
        let nonce = attributes.next()?.strip_prefix("r=")?;
        let proof = decode(proof)?;
        attributes.all(is_extension).then_some(Self { binding, nonce, proof, without_proof })
    }

    pub(super) fn compose_without_proof(binding: &[u8], nonce: &str) -> String {
        format!("c={},r={nonce}", encode(binding))
    }
}

impl<'a> ServerFinal<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let mut attributes = str::from_utf8(message).ok()?.split(',');
        let first = attributes.next()?;
        let parsed = match first.strip_prefix("e=") {
            Some(error) => Self::Error(error),
            None => Self::Signature(decode(first.strip_prefix("v=")?)?),
        };
        attributes.all(is_extension).then_some(parsed)
    }
}

pub(super) fn encode(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Returns the bytes of a base64 value; `None` if it is empty or malformed.
fn decode(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok().filter(|bytes| !bytes.is_empty())
}

/// RFC 5802, 7: a nonce is printable ASCII without a comma.
fn is_nonce(nonce: &str) -> bool {
    !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// RFC 5802, 7: an extension is a letter with a value. Those that stand behind the known attributes are optional, and are
/// ignored.
fn is_extension(attribute: &str) -> bool {
    matches!(attribute.as_bytes(), [name, b'=', _, ..] if name.is_ascii_alphabetic())
}
