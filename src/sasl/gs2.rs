//! The header in front of a client's first message, of GS2 (RFC 5801, 4), SCRAM (RFC 5802, 7) and OAUTHBEARER
//! (RFC 7628, 3.1).

use alloc::string::String;

/// The client's statement about channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "scram"), allow(dead_code, reason = "SCRAM alone reads the type"))]
pub(super) enum BindingFlag<'a> {
    /// `n`: the client has none.
    Unsupported,
    /// `y`: the client has one, and believes that the server has not.
    Unused,
    /// `p`: the client uses one of this type.
    Used(&'a str),
}

/// A header, with what follows it.
#[cfg_attr(not(feature = "scram"), allow(dead_code, reason = "SCRAM alone reads the header"))]
pub(super) struct Gs2Message<'a> {
    pub(super) flag: BindingFlag<'a>,
    pub(super) authzid: Option<String>,
    /// The header as it was sent.
    pub(super) header: &'a str,
    pub(super) rest: &'a str,
}

impl<'a> Gs2Message<'a> {
    /// Returns the parts of a message; `None` if its header is malformed.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let message = core::str::from_utf8(message).ok()?;
        let (flag, rest) = message.split_once(',')?;
        let (authzid, rest) = rest.split_once(',')?;
        let flag = match flag {
            "n" => BindingFlag::Unsupported,
            "y" => BindingFlag::Unused,
            _ => BindingFlag::Used(flag.strip_prefix("p=").filter(|kind| is_binding_name(kind))?),
        };
        let authzid = match authzid {
            "" => None,
            _ => Some(decode_name(authzid.strip_prefix("a=")?)?),
        };
        Some(Self { flag, authzid, header: message.strip_suffix(rest)?, rest })
    }
}

/// True for the name of a type of channel binding (RFC 5801, 4 `cb-name`).
pub(super) fn is_binding_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

/// Returns a name without the two characters that the grammar reserves (RFC 5801, 4 `saslname`); `None` for a name that
/// the grammar cannot express.
pub(super) fn encode_name(name: &str) -> Option<String> {
    let is_expressible = !name.is_empty() && !name.contains('\0');
    is_expressible.then(|| name.replace('=', "=3D").replace(',', "=2C"))
}

/// The inverse of [`encode_name`]; `None` if the name is malformed.
pub(super) fn decode_name(name: &str) -> Option<String> {
    if name.is_empty() || name.contains(['\0', ',']) {
        return None;
    }
    let mut parts = name.split('=');
    let mut decoded = String::from(parts.next()?);
    for part in parts {
        let (character, rest) = match part.strip_prefix("2C") {
            Some(rest) => (',', rest),
            None => ('=', part.strip_prefix("3D")?),
        };
        decoded.push(character);
        decoded.push_str(rest);
    }
    Some(decoded)
}
